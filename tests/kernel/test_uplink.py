# SPDX-License-Identifier: GPL-3.0-or-later
"""The link by which a host is reached becomes a port of a bridge or a bond, and the host stays reachable."""

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from conftest import OPTIONS, run, snapshot

from ansible_collections.virtnet.linux.plugins.module_utils._core.planner import plan
from ansible_collections.virtnet.linux.plugins.module_utils._rtnl.observe import Kernel

# A card with two addresses, one with a label, routes by gateways and from one of them, and behind it a router.
BEFORE = """
ip netns add out
ip link add card type veth peer name far netns out
sysctl -qw net.ipv4.conf.card.promote_secondaries=1
ip link set card up; ip -n out link set far up; ip -n out link set lo up
ip -n out address add 192.0.2.254/24 dev far; ip -n out address add 2001:db8::fe/64 dev far nodad
ip -n out address add 203.0.113.1/32 dev lo; ip -n out address add 2001:db8:3::1/128 dev lo nodad
ip address add 192.0.2.1/24 dev card; ip address add 192.0.2.2/24 dev card label card:1
ip address add 2001:db8::1/64 dev card nodad
ip route add default via 192.0.2.254; ip -6 route add default via 2001:db8::fe dev card metric 5
ip route add 198.51.100.0/24 via 192.0.2.254 dev card src 192.0.2.2 metric 7
ip link add br0 address 02:00:00:00:00:09 up type bridge; ip link add br1 type bridge
ip address add 10.0.0.1/24 dev br0
"""
PORT = dict(name="br0", ports=[dict(name="card")])
PINGS = [
    "ping -n -c 1 -W 2 203.0.113.1",
    "ping -n -c 1 -W 2 -I 192.0.2.2 192.0.2.254",
    "ip netns exec out ping -n -c 1 -W 2 192.0.2.1",
]
PINGS_6 = ["ping -n -c 1 -W 2 2001:db8:3::1", "ip netns exec out ping -n -c 1 -W 2 2001:db8::1"]


@pytest.fixture
def uplink(host):
    host.shell(BEFORE, *PINGS, *PINGS_6)
    return host


@pytest.mark.parametrize(
    "module, options, option",
    [
        ("linux_bridge", PORT, "ports"),
        ("link", dict(name="card", master="br0"), "master"),
    ],
)
def test_the_default_route_is_not_cut_off(uplink, module, options, option):
    before = snapshot(uplink.observe())
    said = run(module, **options)
    assert said["msg"] == option + (
        ": card carries the default route; take_over_addresses: true gives its addresses and routes to br0"
    )
    assert snapshot(uplink.observe()) == before


def test_nor_is_the_connection_by_which_the_task_came(uplink):
    uplink.shell("ip route delete default; ip -6 route delete default")

    def came_by(address):
        """A shell of sshd's, and sudo(8), which forgets the environment."""
        sudo = 'env -i "PATH=$PATH" "PYTHONPATH=$PYTHONPATH" "$@"; :'
        prefix = ["env", "SSH_CONNECTION=192.0.2.254 50000 %s 22" % address, "sh", "-c", sudo, "sh"]
        return run("linux_bridge", prefix=prefix, check=True, **PORT)

    for address in ("192.0.2.2", "2001:db8::1"):
        said = came_by(address)["msg"]
        assert said.startswith("ports: card carries the connection by which this task came; take_over_addresses: true")
    assert came_by("192.0.2.9")["changed"]


def test_what_the_master_cannot_have(uplink):
    said = run("link", name="card", master="br1", take_over_addresses=True)
    assert said["msg"] == "master: br1 is down; up, it can take over the addresses and routes of card"
    said = run("link", name="card", master="br0", take_over_addresses=True, addresses=["192.0.2.1/24"])
    assert said["msg"].startswith("take_over_addresses: 192.0.2.1/24 is described on card, which gives what it has to")


def test_the_master_takes_over_a_route_that_is_wished_for(uplink):
    link = dict(kind="bridge", addresses=["192.0.2.1/24"], take_over_addresses=True, **PORT)
    route = dict(dest=["default"], via="192.0.2.254", dev="br0")
    node = dict(name="here", netns="", links=[link], routes=[route])
    wrong = run("topology", name="t", nodes=[dict(node, routes=[dict(route, dev="card")])])["msg"]
    assert "take_over_addresses: 0.0.0.0/0 is described on card, which gives what it has to br0" in wrong
    assert run("topology", name="t", nodes=[node])["changed"]
    uplink.shell(*PINGS)
    assert not run("topology", name="t", nodes=[node])["changed"]


def test_the_master_takes_over(uplink):
    before = snapshot(uplink.observe())
    dry = run("linux_bridge", check=True, take_over_addresses=True, **PORT)
    assert snapshot(uplink.observe()) == before
    wet = run("linux_bridge", take_over_addresses=True, **PORT)
    assert wet["commands"] == dry["commands"]
    assert {key for key in wet["diff"]["after"] if "link" not in key} == {
        key for key in dry["diff"]["after"] if "link" not in key
    }
    own = ["10.0.0.1/24", "192.0.2.1/24", "192.0.2.2/24", "2001:db8::1/64"]
    assert [a for a in wet["link"]["addresses"] if not a.startswith("fe80:")] == own
    after = snapshot(uplink.observe())
    assert not [key for key in after if key[0] == "address" and key[2] == "card"]
    routes = {r["dest"]: r for key, r in after.items() if key[0] == "route" and key[1] == ""}
    assert {d: [hop.dev for hop in r["hops"]] for d, r in routes.items()} == {
        d: ["br0"] for d in ("0.0.0.0/0", "::/0", "198.51.100.0/24")
    }
    assert routes["198.51.100.0/24"]["src"] == "192.0.2.2"
    uplink.shell(*PINGS, "sleep 2", *PINGS_6)
    assert not run("linux_bridge", take_over_addresses=True, **PORT)["changed"]
    assert not run("linux_bridge", **PORT)["changed"]
    uplink.shell(*wet["rollback_commands"])
    # Who made a route is not told to ip(8).
    assert {k: dict(r, label=None) for k, r in snapshot(uplink.observe()).items()} == {
        k: dict(r, label=None) for k, r in before.items()
    }


def test_it_is_reachable_after_each_step_and_the_next_run_goes_on(uplink):
    spec, rules, wish_of = OPTIONS["linux_bridge"]
    given = ArgumentSpecValidator(spec, **rules).validate(dict(PORT, take_over_addresses=True)).validated_parameters
    steps = plan(wish_of(given, Kernel()), uplink.observe())
    assert len(steps) > 7
    for step in steps[:-2]:
        uplink.execute([step])
        uplink.shell(*PINGS)
    assert run("linux_bridge", take_over_addresses=True, **PORT)["changed"]
    uplink.shell(*PINGS)
    assert not [r for r in snapshot(uplink.observe()) if r[0] == "address" and r[2] == "card"]


@pytest.mark.needs("bond")
def test_a_bond_takes_over(uplink):
    uplink.shell("ip link add bo1 up type bond")
    options = dict(name="bo1", take_over_addresses=True, ports=[dict(name="card")])
    assert run("bond", check=True, **options)["commands"] == run("bond", **options)["commands"]
    uplink.shell(*PINGS, "sleep 2", *PINGS_6)
    assert not run("bond", **options)["changed"]


@pytest.mark.parametrize("start", ["card", "br0"])
def test_what_a_topology_describes_goes_over_to_the_master_and_back(uplink, start):
    """The far side gets an answer after each step; what the topology itself made on the card is no exception."""
    uplink.shell("ip address flush dev card scope global; ip link set card nomaster")

    def lab(dev):
        addresses = ["192.0.2.2/24", "2001:db8::1/64"]
        ports = dict(ports=[dict(name="card")], take_over_addresses=True) if dev == "br0" else {}
        links = [dict(kind="bridge", name="br0", **ports)]
        routes = [dict(dest=["default"], via="192.0.2.254", dev=dev)]
        there = [dict(dev=dev, address=addresses)]
        return dict(name="t", nodes=[dict(name="here", netns="", links=links, addresses=there, routes=routes)])

    order = ["card", "br0"] if start == "card" else ["br0", "card"]
    for dev in order + order[:1]:
        told = run("topology", **lab(dev))
        assert told.get("changed"), told
        assert not run("topology", **lab(dev))["changed"]
        uplink.shell("ip netns exec out ping -n -c 1 -W 2 192.0.2.2" if dev == "br0" else "true")


def mac_of(host, name):
    return host.observe().link(("", name)).address


def test_a_new_master_is_made_with_the_address_of_the_card(uplink):
    """udev(7) leaves alone what has its MAC address from the request that made it."""
    card = mac_of(uplink, "card")
    made = run("linux_bridge", name="br2", ports=[dict(name="card")], take_over_addresses=True)
    assert "ip link add name br2 address %s up type bridge" % card in made["commands"]
    assert made["link"]["address"] == mac_of(uplink, "br2") == mac_of(uplink, "card") == card
    other = dict(name="br3", address="02:00:00:00:00:33", ports=[dict(name="far2")], take_over_addresses=True)
    uplink.shell("ip link add far2 type ifb; ip address add 192.0.3.1/24 dev far2; ip link set far2 up")
    assert run("linux_bridge", **other)["link"]["address"] == "02:00:00:00:00:33"


def test_one_that_is_there_gets_it(uplink):
    card = mac_of(uplink, "card")
    assert run("linux_bridge", take_over_addresses=True, **PORT)["changed"]
    assert mac_of(uplink, "br0") == mac_of(uplink, "card") == card
    assert not run("linux_bridge", take_over_addresses=True, **PORT)["changed"]


def test_what_ends_some_time_goes_over_with_what_is_left(uplink):
    """Addresses by DHCP, with a default route from there, and by a router advertisement."""
    own = "2001:db8::%s" % eui64(mac_of(uplink, "card"))
    uplink.shell(
        "ip address flush dev card scope global",
        "ip address add 192.0.2.1/24 dev card valid_lft 300 preferred_lft 200",
        "ip -6 address add %s/64 dev card nodad mngtmpaddr valid_lft 600 preferred_lft 500" % own,
        "ip route add default via 192.0.2.254 dev card proto dhcp src 192.0.2.1",
        "ip -6 route add default via 2001:db8::fe dev card proto ra expires 900",
    )
    made = run("linux_bridge", take_over_addresses=True, **PORT)
    assert made.get("changed"), made
    uplink.shell(PINGS[0], PINGS[2], "sleep 2", *PINGS_6[:1])
    left = uplink.observe()
    found = {r.ip: r for r in left if r.sort == "address" and r.dev == "br0"}
    assert 290 < found["192.0.2.1"].valid_lft <= 300 and 590 < found[own].valid_lft <= 600
    assert not run("linux_bridge", take_over_addresses=True, **PORT)["changed"]


def eui64(mac):
    first, *rest = (int(part, 16) for part in mac.split(":"))
    parts = [first ^ 2, *rest[:2], 0xFF, 0xFE, *rest[2:]]
    return ":".join("%x" % (parts[n] << 8 | parts[n + 1]) for n in range(0, 8, 2))


def test_what_carries_the_way_to_the_host_is_not_deleted(uplink):
    before = snapshot(uplink.observe())
    said = run("link", name="card", state="absent")["msg"]
    assert said == "state: card carries the default route, which would go with it"
    assert snapshot(uplink.observe()) == before
    uplink.shell("ip route add default via 192.0.2.254 metric 9; ip link add vpn up type ifb")
    uplink.shell("ip route add default dev vpn metric 3; ip -6 route add default dev vpn metric 3")
    assert run("ifb", name="vpn", state="absent")["changed"]
    uplink.shell("ip route delete default metric 9")
    run("linux_bridge", take_over_addresses=True, **PORT)
    before = snapshot(uplink.observe())
    said = run("linux_bridge", name="br0", state="absent")["msg"]
    assert said == (
        "state: br0 carries the default route; take_over_addresses: true gives its addresses and routes to card"
    )
    for option, how in [
        ("master", dict(name="card", master="")),
        ("master", dict(name="card", master="br1", take_over=True)),
    ]:
        said = run("link", **how)["msg"]
        assert said.startswith("%s: br0 carries the default route; take_over_addresses: true" % option), said
    said = run("linux_bridge", name="br0", ports=[], exclusive_ports=True)["msg"]
    assert "br0 carries the default route" in said
    assert snapshot(uplink.observe()) == before


@pytest.mark.parametrize(
    "module, options",
    [
        ("linux_bridge", dict(name="br0", state="absent")),
        ("link", dict(name="card", master="")),
        ("linux_bridge", dict(name="br0", ports=[], exclusive_ports=True)),
    ],
)
def test_the_card_gets_it_back(uplink, module, options):
    before = snapshot(uplink.observe())
    run("linux_bridge", take_over_addresses=True, **PORT)
    uplink.shell("ip address delete 10.0.0.1/24 dev br0")
    dry = run(module, check=True, take_over_addresses=True, **options)
    wet = run(module, take_over_addresses=True, **options)
    assert wet["changed"] and dry["commands"] == wet["commands"]
    uplink.shell(*PINGS, "sleep 2", *PINGS_6)
    after = snapshot(uplink.observe())
    assert [key for key in before if key not in after and key[0] != "link" and key[2] == "card"] == []
    assert not run(module, take_over_addresses=True, **options)["changed"]


def test_a_topology_gives_back_what_it_took(uplink):
    uplink.shell("ip link delete br0")
    before = snapshot(uplink.observe())
    link = dict(kind="bridge", take_over_addresses=True, **PORT)
    node = dict(name="here", netns="", links=[link], addresses=[dict(dev="br0", address=["10.0.0.1/24"])])
    assert run("topology", name="t", nodes=[node])["changed"]
    uplink.shell(*PINGS)
    assert not run("topology", name="t", nodes=[node])["changed"]
    without = dict(node, links=[dict(kind="bridge", name="br0")])
    for what in (dict(nodes=[without]), dict(nodes=[node]), dict(state="absent")):
        assert run("topology", name="t", **what).get("changed")
        uplink.shell(*PINGS)
        assert not run("topology", name="t", **what)["changed"]
    uplink.shell("sleep 2", *PINGS_6)
    assert [key for key in before if key not in snapshot(uplink.observe())] == []


@pytest.mark.needs("bond")
def test_a_bond_gives_it_back(uplink):
    card = mac_of(uplink, "card")
    assert run("bond", name="bo1", take_over_addresses=True, ports=[dict(name="card")])["link"]["address"] == card
    assert run("bond", name="bo1", state="absent", take_over_addresses=True)["changed"]
    uplink.shell(*PINGS, "sleep 2", *PINGS_6)


def test_nexthops_come_back_too(uplink):
    uplink.shell(
        "ip route delete default", "ip nexthop add id 1 via 192.0.2.254 dev card", "ip route add default nhid 1"
    )
    assert run("linux_bridge", take_over_addresses=True, **PORT)["changed"]
    uplink.shell(*PINGS, "ip nexthop show id 1 | grep 'dev br0'")
    told = run("linux_bridge", name="br0", state="absent", take_over_addresses=True)
    assert told.get("changed"), told
    uplink.shell(*PINGS, "ip nexthop show id 1 | grep 'dev card'", "ip route show default | grep 'nhid 1'")
