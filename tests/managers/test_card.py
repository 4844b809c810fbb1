# SPDX-License-Identifier: GPL-3.0-or-later
"""A host is reached by a card that somebody else configures, and a task changes what the card is."""

import time

import pytest
from judge import MANAGERS, bridge, edge, node, refused, succeeded, warned
from lan import BEYOND, BEYOND6, GATEWAY, GATEWAY6

CARD = "vec0"


def answers(pings):
    assert pings.good, "the host did not answer all the time: %s" % pings


def renewed(lan, host):
    """A lease is renewed within twice the time after which it should be."""
    before, end = lan.leases(host.mac), time.monotonic() + 32
    while time.monotonic() < end:
        if lan.leases(host.mac) > before:
            return True
        time.sleep(0.5)
    return False


def hand_over(host, lan, seen, addresses, good, *words, address=None, **more):
    """The bridge takes the card, or the task refuses; in both cases the host is reached, and stays so."""
    lan.forget()
    with lan.pings(*addresses) as pings:
        result = host.task("linux_bridge", address=address, **bridge(**more))
        if refused(result, CARD, MANAGERS, *words):
            assert host.sh("ip link show br0 2>&1 || true").endswith("does not exist."), (
                "refused, but there is a bridge"
            )
            seen("refused: %s", result.msg)
        else:
            seen("handed over")
        lan.forget()
        assert good(), "what gives the card its address does not reach it any more: %s" % pings
    answers(pings)
    assert not host.task("link_info", address=address).unreachable


@pytest.mark.row("1.1", "a bridge takes the card, persistent; the host boots")
@pytest.mark.boots
def test_a_persistent_bridge(host, lan, seen):
    host.by("networkd")
    result = host.task("topology", **edge(persistent=True))
    if refused(result, CARD, "persistent"):
        seen("refused: %s", result.msg)
        return
    succeeded(result)
    host.reboot()
    with lan.pings(host.address, host.address6) as pings:
        time.sleep(3)
    answers(pings)
    again = succeeded(host.task("topology", **edge(persistent=True)))
    assert not again.changed, "after the boot the next run changes: %s" % again["commands"]
    seen("comes back with the address on br0")


@pytest.mark.row("1.2", "a bridge takes a card with an address by DHCP, no gateway")
def test_dhcp(host, lan, seen):
    lan.serve(gateway=False)
    host.by("networkd", "dhcp", gateway=False)
    hand_over(host, lan, seen, [host.address, host.address6], lambda: renewed(lan, host))


@pytest.mark.row("1.3", "a bridge takes a card with an address by DHCP that has the default route")
@pytest.mark.parametrize("manager", ["networkd", "NetworkManager"])
def test_dhcp_with_the_default_route(host, lan, seen, manager):
    lan.serve()
    host.by(manager, "dhcp")
    hand_over(host, lan, seen, [host.address, host.address6], lambda: renewed(lan, host))
    assert host.json("ip -j route show default"), "the default route is gone"


def lifetime(host, address):
    links = host.json("ip -j address show")
    return max(a["valid_life_time"] for link in links for a in link["addr_info"] if a.get("local") == address)


@pytest.mark.row("1.4", "a bridge takes a card with an address by router advertisements, SSH comes by it")
@pytest.mark.parametrize("manager", ["networkd", "NetworkManager"])
def test_slaac(host, lan, seen, manager):
    lan.serve(advertise=True)
    host.by(manager, "slaac", gateway=False)
    assert host.until("ip -6 address show dev vec0 dynamic -tentative | grep -q fd00:77:", 20)
    address = next(a for a in host.dynamic() if a.startswith("fd00:77:"))

    def refreshed():
        # In its first minute dnsmasq advertises every 5 to 20 s, and gives 300 s each time.
        left, end = lifetime(host, address), time.monotonic() + 25
        while time.monotonic() < end:
            time.sleep(1)
            before, left = left, lifetime(host, address)
            if left > before:
                return True
        return False

    hand_over(host, lan, seen, [host.address, address], refreshed, address=address)


@pytest.mark.row("1.5", "the bridge that took the card's addresses goes")
@pytest.mark.parametrize("module", ["linux_bridge", "topology"])
def test_absent(host, lan, seen, module):
    host.sh("ip route add default via %s; ip -6 route add default via %s" % (GATEWAY, GATEWAY6))
    what = bridge() if module == "linux_bridge" else edge()
    made = host.task(module, **what)
    assert not made.failed, made.msg
    gone = {"name": what["name"], "state": "absent"}
    with lan.pings(host.address, host.address6) as pings, host.playing({"virtnet.linux." + module: gone}) as play:
        end = time.monotonic() + 20
        while play.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        lan.forget()
        time.sleep(1.5)
    there = "br0" in host.sh("ip -br link show type bridge")
    routes = host.sh("ip route show default; ip -6 route show default")
    answers(pings)
    for gateway in (GATEWAY, GATEWAY6):
        assert "default via %s dev " % gateway in routes, "a default route is gone: %s" % routes
    assert lan.reaches(host), "from beyond the gateway the host is not reached"
    seen("refused" if there else "the card has its addresses and routes again")


BLACKHOLE = {"dest": ["10.77.0.1/32"], "type": "blackhole"}


@pytest.mark.row("1.6", "`confirm`, the power fails within the time")
@pytest.mark.parametrize("was", ["not persistent", "new and persistent", "persistent before"])
@pytest.mark.boots
def test_power_cut(host, was, seen):
    """It comes back as it was before the task, since nobody waits any more."""
    dummy = {"kind": "dummy", "name": "d0"}
    persistent = {} if was == "not persistent" else {"persistent": True}
    if was == "persistent before":
        succeeded(host.task("topology", name="cut", nodes=[node(links=[dummy])], **persistent))
    cut = {"name": "cut", "confirm": 60, "nodes": [node(links=[dummy], routes=[BLACKHOLE])], **persistent}
    with host.playing({"virtnet.linux.topology": cut}):
        assert host.until("ip route show type blackhole | grep -q 10.77.0.1 && sleep 2")
        host.reboot(cut=True)
    assert not host.sh("ip route show type blackhole"), "what was not confirmed is there again after the boot"
    assert not host.task("link_info").unreachable
    assert ("d0" in host.sh("ip -br link show type dummy")) == (was == "persistent before")
    assert host.sh("systemctl is-system-running") == "running"
    seen("comes back as it was")


@pytest.mark.row("1.7", "a bridge and a bond take the host's cards; udev gives new links MAC addresses")
def test_mac(host, lan, seen):
    """What the task says is what stays, and the LAN knows the host by the card's address as before."""
    with lan.pings(host.address, host.address6) as pings:
        result = succeeded(host.task("linux_bridge", **bridge()))
        host.settle()
        time.sleep(1)
    told, now = result["link"]["address"], host.json("ip -j link show br0")[0]["address"]
    assert now == told == host.mac, "the bridge was told to have %s and has %s, the card %s" % (told, now, host.mac)
    answers(pings)
    spare = host.json("ip -j link show vec1")[0]["address"]
    result = succeeded(host.task("bond", name="bond0", ports=[{"name": "vec1"}]))
    host.settle()
    told, now = result["link"]["address"], host.json("ip -j link show bond0")[0]["address"]
    card = host.json("ip -j link show vec1")[0]["address"]
    assert told == now == card == spare, "told %s, bond0 has %s, vec1 %s, before %s" % (told, now, card, spare)
    assert not host.task("linux_bridge", **bridge()).changed
    assert not host.task("bond", name="bond0", ports=[{"name": "vec1"}]).changed
    seen("both have the card's")


@pytest.mark.row("1.8", "a bridge took the card, nobody confirms it")
def test_undo(host, lan, seen):
    """The LAN finds the card again at once."""
    with lan.pings(host.address, host.address6) as pings:
        succeeded(host.task("topology", **edge(confirm=5)))
        assert host.until("! ip link show br0", 20), "it was not put back"
        time.sleep(5)
    answers(pings)
    assert not host.task("link_info").unreachable
    seen("answers all the time")


def managed(host, seen, manager):
    host.by(manager)
    result = host.task("linux_bridge", **bridge())
    if refused(result, CARD, manager):
        seen("refused: %s", result.msg)
        return
    succeeded(result)
    assert warned(result, CARD, manager), "no word that %s has the card: %s" % (manager, result.warnings)
    seen("warns: %s", "; ".join(result.warnings))


@pytest.mark.row("1.9", "a bridge takes a card that networkd configures")
def test_networkd_has_the_card(host, lan, seen):
    managed(host, seen, "networkd")


@pytest.mark.row("1.10", "a bridge takes a card that NetworkManager configures")
def test_networkmanager_has_the_card(host, lan, seen):
    managed(host, seen, "NetworkManager")


@pytest.mark.row("1.11", "`confirm`, a task sets the card down")
def test_cut_off(host, lan, seen):
    host.by("networkd")
    host.sh("ip -6 route add default via %s" % GATEWAY6)
    cut = {"name": "cut", "confirm": 5, "nodes": [node(links=[{"name": "vec0", "up": False}])]}
    with host.playing({"virtnet.linux.topology": cut}):
        assert host.until("ip link show vec0 | grep -q 'state DOWN'"), "the card was not set down"
        scope = host.sh("systemctl list-units --plain --no-legend 'virtnet-cut-*.scope'")
        assert "running" in scope, "what waits is part of the session: %s" % scope
        assert host.until("ip -br link show vec0 | grep -q UP,LOWER_UP", 20), "nobody set it up again"
    assert host.until("ping -c 1 -W 1 %s && ping -6 -c 1 -W 1 %s" % (BEYOND, BEYOND6)), "default routes are gone"
    assert lan.reaches(host)
    seen("back with addresses and routes")
