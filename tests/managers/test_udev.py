# SPDX-License-Identifier: GPL-3.0-or-later
"""udev and the sysctls of the distribution do something to each new link; a plan counts on it."""

from pathlib import Path

import pytest
import yaml
from judge import node, succeeded, warned

MANY = 12
TOP = Path(__file__).resolve().parents[2]


def pairs(number, **more):
    """Veth pairs of the host's own network namespace with one of their own, without MAC addresses."""
    return [{"endpoints": [{"node": "host", "name": "p%d" % n, **more}, "lab:q%d" % n]} for n in range(number)]


def neighbours(number):
    return [
        {"dev": "p%d" % n, "address": "192.0.2.%d" % (n + 1), "lladdr": "02:00:00:77:09:%02x" % n}
        for n in range(number)
    ]


def again(host, seen, name, **arguments):
    """The second run, when udev has done what it does, has nothing to do."""
    succeeded(host.task("topology", name=name, **arguments))
    host.settle()
    result = succeeded(host.task("topology", name=name, **arguments))
    assert not result.changed, "the second run does %d commands: %s" % (
        len(result["commands"]),
        "; ".join(result["commands"][:3]),
    )
    seen("second run: nothing to do")


@pytest.mark.row("3.1", "permanent neighbours on 12 new links without a MAC address")
def test_neighbours(host, seen):
    nodes = [node(neighbours=neighbours(MANY)), {"name": "lab"}]
    again(host, seen, "lab", nodes=nodes, links=pairs(MANY, up=True))
    assert host.sh("ip neighbour show nud permanent").count("02:00:00:77:09") == MANY


@pytest.mark.row("3.2", "rp_filter of 12 new links, and systemd's 50-default.conf")
def test_sysctls(host, seen):
    assert host.sh("cat /proc/sys/net/ipv4/conf/default/rp_filter; cat /usr/lib/sysctl.d/50-default.conf")
    forwarding = [{"dev": "p%d" % n, "rp_filter": n % 2, "proxy_arp": True} for n in range(MANY)]
    again(host, seen, "lab", nodes=[node(forwarding=forwarding), {"name": "lab"}], links=pairs(MANY, up=True))
    for n in range(2):
        assert host.sh("cat /proc/sys/net/ipv4/conf/p%d/rp_filter" % n) == str(n)


@pytest.mark.row("3.3", "the same two, persistent")
def test_persistent(host, seen):
    nodes = [node(neighbours=neighbours(2), forwarding=[{"dev": "p0", "rp_filter": 0}]), {"name": "lab"}]
    again(host, seen, "lab", nodes=nodes, links=pairs(2, up=True), persistent=True)


@pytest.mark.row("3.4", "promote_secondaries: the primary address is ours, the secondary another's, a route by both")
@pytest.mark.parametrize("promote", [0, 1])
def test_promote(host, seen, promote):
    host.sh(
        "ip link add d1 type dummy; ip link set d1 up; sysctl -qw net.ipv4.conf.d1.promote_secondaries=%d" % promote
    )
    ours = node(
        addresses=[{"dev": "d1", "address": "10.61.0.1/24"}],
        routes=[{"dest": ["10.62.0.0/24"], "via": "10.61.0.9", "dev": "d1"}],
    )
    succeeded(host.task("topology", name="ours", nodes=[ours]))
    host.sh("ip address add 10.61.0.2/24 dev d1")
    dry = host.task("topology", name="ours", state="absent", check_mode=True)
    result = succeeded(host.task("topology", name="ours", state="absent"))
    assert dry["commands"] == result["commands"]
    addresses = host.sh("ip -4 -br address show d1")
    assert "10.61.0.1" not in addresses and "10.62" not in host.sh("ip route"), addresses
    # What the kernel takes with a primary address, it takes whoever removes that.
    assert "10.61.0.2" in addresses, "another's address went: %s" % addresses
    assert not succeeded(host.task("topology", name="ours", state="absent")).changed
    seen("ours goes, another's stays")


@pytest.mark.row("3.5", "MAC addresses of 30 new links, as told and a second later")
def test_told(host, seen):
    kinds = ["dummy", "bridge", "veth"]
    links = [{"kind": kinds[n % 2], "name": "n%d" % n} for n in range(16)]
    links += [{"kind": "macvlan", "name": "m%d" % n, "link": "n0"} for n in range(2)]
    described = dict(name="lab", nodes=[node(links=links), {"name": "lab"}], links=pairs(6))
    results = host.play({"virtnet.linux.topology": described}, {"virtnet.linux.link_info": {}})
    host.settle()
    later = succeeded(host.task("link_info"))

    def addresses(result):
        return {(link["netns"], link["name"]): link.get("address") for link in result["links"]}

    told, now = addresses(succeeded(results[1])), addresses(later)
    differ = ["%s %s" % (*key[1:], told[key]) for key in told if told[key] != now.get(key)]
    assert not differ, "%d of %d are others now: %s" % (len(differ), len(told), ", ".join(differ[:4]))
    seen("%d of %d the same", len(told), len(told))


@pytest.mark.row("3.6", "links with `address`, and the names that udev gives")
def test_names(host, seen):
    links = [
        {"kind": "dummy", "name": "n%d" % n, "address": "02:00:00:77:08:%02x" % n, "altnames": ["also%d" % n]}
        for n in range(4)
    ]
    again(host, seen, "lab", nodes=[node(links=links)])
    for n in range(4):
        assert host.json("ip -j link show also%d" % n)[0]["address"] == "02:00:00:77:08:%02x" % n


# What a role has beside its playbook; those of virtual machines and Open vSwitch need more than this host has.
ROLES = sorted({path.stem for path in (TOP / "playbooks").glob("*.yml")} - {"picture", "ovs_lan", "vm_lan", "vm_nat"})


@pytest.mark.row("3.7", "every role: built, built again, verified by packets, removed")
@pytest.mark.long
@pytest.mark.parametrize("role", ROLES)
def test_role(host, seen, role):
    task = {"ansible.builtin.include_role": {"name": "virtnet.linux." + role}}
    present, absent = {**task}, {**task, "vars": {role + "_state": "absent"}}
    host.play(present)
    host.settle()
    verified = host.play(present)
    assert not any(result.failed for result in verified), verified[-1].msg
    changed = [result for result in verified if result.changed]
    assert not changed, "the second run changes: %s" % changed[0].get("commands", changed[0].msg)
    assert not any(result.failed for result in host.play(absent))
    assert not any(result.changed for result in host.play(absent))
    seen("%s: second run changes nothing", role)


KINDS = """
- {kind: dummy, name: low, up: true}
- {kind: bridge, name: k-bridge}
- {kind: vlan, name: k-vlan, link: low, id: 5}
- {kind: macvlan, name: k-macvlan, link: low}
- {kind: ipvlan, name: k-ipvlan, link: low2}
- {kind: dummy, name: low2, up: true}
- {kind: vxlan, name: k-vxlan, id: 5, local: 192.0.2.1, remote: 192.0.2.2, dstport: 4789}
- {kind: geneve, name: k-geneve, id: 5, remote: 192.0.2.2}
- {kind: gre, name: k-gre, local: 192.0.2.1, remote: 192.0.2.2}
- {kind: gretap, name: k-gretap, local: 192.0.2.1, remote: 192.0.2.3}
- {kind: wireguard, name: k-wg}
- {kind: bond, name: k-bond, ports: [{name: low3}]}
- {kind: dummy, name: low3}
- {kind: vrf, name: k-vrf, table: 55}
- {kind: tap, name: k-tap}
- {kind: tun, name: k-tun}
- {kind: ifb, name: k-ifb}
- {kind: nlmon, name: k-nlmon}
- {kind: xfrm, name: k-xfrm, if_id: 5}
"""


@pytest.mark.row("3.7", "a link of every kind, without a MAC address")
def test_kinds(host, seen):
    again(host, seen, "kinds", nodes=[node(links=yaml.safe_load(KINDS)), {"name": "lab"}], links=pairs(1))
    succeeded(host.task("topology", name="kinds", state="absent"))
    assert "k-" not in host.sh("ip -br link")


@pytest.mark.row("3.8", "`sysctl_forward` with `persistent` for a link that comes after the boot")
@pytest.mark.boots
def test_sysctl_of_a_late_link(host, seen):
    arguments = {"dev": "late7", "rp_filter": 0, "persistent": True}
    host.sh("ip link add late7 type dummy")
    succeeded(host.task("sysctl_forward", **arguments))
    host.reboot()
    assert host.sh("systemctl is-system-running") == "running"
    host.sh("ip link add late7 type dummy; udevadm settle")
    assert not succeeded(host.task("sysctl_forward", **arguments)).changed
    seen("set when the link comes")


@pytest.mark.row("3.9", "a later file in sysctl.d says otherwise")
def test_later_file(host, seen):
    host.put("/etc/sysctl.d/99-site.conf", "net.ipv4.ip_forward = 0")
    result = succeeded(host.task("sysctl_forward", ipv4=True, persistent=True))
    assert warned(result, "99-site.conf", "ip_forward"), "no word of it: %s" % result.warnings
    seen("warns: %s", result.warnings[0])


@pytest.mark.row("3.10", "`systemctl restart systemd-sysctl`")
def test_systemd_sysctl(host, seen):
    """What is persistent stays; what is not, the next run sets again."""
    host.sh("ip link add d3 type dummy; udevadm settle")
    arguments = {"dev": "d3", "rp_filter": 0}
    succeeded(host.task("sysctl_forward", **arguments))
    host.sh("systemctl restart systemd-sysctl")
    assert succeeded(host.task("sysctl_forward", **arguments, persistent=True)).changed
    host.sh("systemctl restart systemd-sysctl")
    assert host.sh("cat /proc/sys/net/ipv4/conf/d3/rp_filter") == "0"
    assert not succeeded(host.task("sysctl_forward", **arguments, persistent=True)).changed
    seen("with `persistent` it stays")
