# SPDX-License-Identifier: GPL-3.0-or-later
"""Other managers run, restart and reload while networks of ours are there."""

import re

import pytest
from judge import node, succeeded, warned
from page import TEXT, commands, install

FOREIGN = "/etc/systemd/networkd.conf.d/virtnet.conf"
UNMANAGED = "/etc/systemd/network/05-virtnet.network"
# Of everything something, but nothing on the card that others manage.
MIXED = {
    "name": "mixed",
    "nodes": [
        node(
            links=[
                {"kind": "bridge", "name": "br1", "addresses": ["192.168.61.1/24"]},
                {"kind": "dummy", "name": "d1", "up": True, "mtu": 1400, "addresses": ["192.168.62.1/24"]},
                {"kind": "macvlan", "name": "m1", "link": "d1", "addresses": ["192.168.63.1/24"]},
                {"kind": "vlan", "name": "v1", "link": "d1", "id": 7},
            ],
            routes=[
                {"dest": ["198.18.0.0/15"], "type": "blackhole"},
                {"dest": ["192.0.2.0/24"], "via": "192.168.62.9"},
            ],
            rules=[
                {"priority": 700, "from": "203.0.113.0/24", "table": 77},
                {"priority": 701, "from": "2001:db8:7::/48", "table": 77},
            ],
            forwarding=[{"ipv4": True}],
            masquerade=[{"name": "out", "source": "192.168.61.0/24", "out_interface": "vec0"}],
        ),
        {"name": "guest", "routes": [{"dest": ["default"], "via": "192.168.61.1"}]},
    ],
    "links": [
        {
            "endpoints": [
                {"node": "guest", "name": "eth0", "addresses": ["192.168.61.2/24"]},
                {"node": "host", "name": "ve-guest", "master": "br1"},
            ]
        }
    ],
}
# A second pair whose end on the host has an address, and a name for which systemd brings a file.
MIXED["links"].append({"endpoints": ["guest:e2", {"node": "host", "name": "ve-red", "addresses": ["192.168.64.1/24"]}]})
ETHER = "[Match]\nType=ether\n[Network]\nDHCP=yes\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"


def whole(host, since=""):
    """Nothing of the topology is lost."""
    again = succeeded(host.task("topology", check_mode=True, **MIXED))
    assert not again.changed, "lost%s: %s" % (since, "; ".join(again["commands"]))


@pytest.mark.row("4.1", "networkd has a file for the card alone, `networkctl reload`")
def test_networkd_reload(host, lan, seen):
    host.by("networkd")
    install(host, UNMANAGED)
    host.sh("networkctl reload")
    succeeded(host.task("topology", **MIXED))
    host.sh("networkctl reload; sleep 2")
    whole(host, " by networkctl reload")
    seen("nothing is lost")


@pytest.mark.row("4.2", "networkd has a file for the card alone, it restarts")
def test_networkd_restart(host, lan, seen):
    host.by("networkd")
    install(host, UNMANAGED)
    host.sh("networkctl reload")
    told = succeeded(host.task("topology", **MIXED))
    assert warned(told, "networkd", "ManageForeign"), (
        "no word that networkd removes rules and routes: %s" % told.warnings
    )
    install(host, FOREIGN)
    host.sh("systemctl restart systemd-networkd")
    again = succeeded(host.task("topology", **MIXED))
    assert not warned(again, "networkd"), again.warnings
    host.sh("systemctl restart systemd-networkd; sleep 2")
    whole(host, " by a restart of networkd")
    seen("warns; with the lines of the page nothing is lost")


@pytest.mark.row("4.3", "networkd has a file for all links")
def test_networkd_has_all(host, lan, seen):
    host.by("networkd")
    host.put("/etc/systemd/network/89-all.network", ETHER)
    install(host, FOREIGN)
    host.sh("systemctl restart systemd-networkd")
    told = host.task("topology", **MIXED)
    # It can be so quick that the task fails.
    again = told if told.failed else host.task("topology", **MIXED)
    words = ("networkd.* manages", r"br1|d1|m1|ve-red|ve-guest")
    said = [*told.warnings, *again.warnings, told.msg, again.msg]
    assert any(all(re.search(word, text) for word in words) for text in said), (
        "no word that networkd has them: %s" % said
    )
    install(host, UNMANAGED)
    host.sh("networkctl reload")
    succeeded(host.task("topology", **MIXED))
    host.sh("systemctl restart systemd-networkd; sleep 2")
    whole(host, " by a restart of networkd")
    seen("warns; with the lines of the page nothing is lost")


@pytest.mark.row("4.4", "networkd, and a veth on the host that is called `ve-*`")
def test_networkd_names(host, lan, seen):
    assert "`ve-*`" in TEXT
    host.by("networkd")
    install(host, UNMANAGED, FOREIGN)
    host.sh("systemctl restart systemd-networkd")
    succeeded(host.task("topology", **MIXED))
    host.sh("sleep 2")
    addresses = host.json("ip -j -4 address show dev ve-red")[0]["addr_info"]
    assert [a["local"] for a in addresses] == ["192.168.64.1"], "ve-red has %s" % addresses
    seen("with the lines of the page it keeps its address")


@pytest.mark.row("4.5", "NetworkManager reloads and restarts")
def test_networkmanager(host, lan, seen):
    host.by("NetworkManager")
    succeeded(host.task("topology", **MIXED))
    host.sh("nmcli general reload; sleep 1")
    whole(host, " by nmcli general reload")
    host.sh("systemctl restart NetworkManager; sleep 2")
    whole(host, " by a restart of NetworkManager")
    seen("nothing is lost")


@pytest.mark.row("4.6", "NetworkManager, and a veth on the host that is called `eth5`")
def test_networkmanager_names(host, lan, seen):
    install(host, "/etc/NetworkManager/conf.d/virtnet.conf")
    host.sh("systemctl start NetworkManager")
    host.sh("ip netns add guest")
    succeeded(host.task("veth", name="eth5", up=True, peer={"name": "eth0", "netns": "guest", "up": True}))
    state = host.sh("sleep 1; nmcli -g GENERAL.STATE device show eth5")
    assert "unmanaged" in state, "with the lines of the page eth5 is %s" % state
    seen("with the lines of the page it is left alone")


def role(host, name, **more):
    """The last result of a role, which is its verification."""
    results = host.play({"ansible.builtin.include_role": {"name": "virtnet.linux." + name}, "vars": more})
    assert not any(result.failed for result in results[:-1])
    return results[-1]


@pytest.mark.row("4.7", "Docker runs: a LAN on a bridge, and one behind a router")
def test_docker(host, seen):
    host.sh("systemctl start docker")
    for name, links in [("bridge_lan", ["br1"]), ("routed_lan", ["tap5_peer", "tap6_peer"])]:
        drops = role(host, name)
        assert drops.failed and re.search(r"chain (FORWARD|DOCKER\S*) in the host drops it", drops.msg), (
            "nobody says who drops the packets: %s" % drops.msg
        )
        for link in links:
            commands("docker", host, br1=link)
        assert not role(host, name).failed
    host.sh("systemctl restart docker")
    assert not role(host, "routed_lan").failed
    seen("the failure names what drops; with the lines of the page all pass")


@pytest.mark.row("4.8", "a topology with forwarding, Docker starts later, the topology goes")
def test_docker_keeps_forwarding(host, seen):
    succeeded(host.task("topology", name="router", nodes=[node(forwarding=[{"ipv4": True}])]))
    host.sh("systemctl start docker")
    result = succeeded(host.task("topology", name="router", state="absent"))
    assert host.sh("cat /proc/sys/net/ipv4/ip_forward") == "1" or warned(result, "ip_forward"), (
        "forwarding is off under Docker, without a word"
    )
    seen("forwarding stays on, or a warning says that it goes")


@pytest.mark.row("4.9", "firewalld runs: a LAN behind a router with NAT")
def test_firewalld(host, seen):
    host.sh("systemctl start firewalld")
    rejects = role(host, "nat_gateway")
    assert rejects.failed and re.search("prohibited|firewall", rejects.msg), rejects.msg
    commands("firewalld", host)
    assert not role(host, "nat_gateway").failed
    host.sh("systemctl restart firewalld")
    verified = role(host, "nat_gateway")
    assert not verified.failed and not verified.changed
    assert "table ip virtnet" in host.sh("nft list tables")
    seen("the failure says prohibited; with the lines of the page all pass")


@pytest.mark.row("4.10", "`nft flush ruleset`")
def test_flush(host, seen):
    succeeded(host.task("topology", **MIXED))
    host.sh("nft flush ruleset")
    dry = host.task("topology", check_mode=True, **MIXED)
    assert dry.changed
    wet = succeeded(host.task("topology", **MIXED))
    assert wet["commands"] == dry["commands"] and all("nft" in line for line in wet["commands"])
    whole(host)
    seen("a dry run tells it, the next run puts back just that")


@pytest.mark.row("4.10", "`systemctl restart nftables` and `reload`, the topology is persistent")
def test_flush_persistent(host, seen):
    host.sh("systemctl start nftables")
    succeeded(host.task("topology", **MIXED, persistent=True))
    for how in ("restart", "reload"):
        host.sh("systemctl %s nftables; sleep 1" % how)
        assert "masquerade" in host.sh("nft list ruleset"), "NAT is gone after a %s" % how
    seen("NAT comes back by itself")
