# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others gave to links, and what stands beside what a task changes, is there afterwards, in its order."""

import json

import pytest
from conftest import run

PAIR = """
ip netns add w1; ip -n w1 link add e0 address 02:00:00:00:00:05 up type veth peer name e0p; ip -n w1 link set e0p up
ip -n w1 address add 10.0.0.1/24 dev e0
"""
NEIGHBOURS = """
ip -n w1 neighbour add 10.0.0.3 lladdr 02:00:00:ff:00:03 dev e0 nud noarp
ip -n w1 neighbour add 10.0.0.4 lladdr 02:00:00:ff:00:04 dev e0 nud permanent extern_learn
ip -n w1 neighbour add 10.0.0.5 lladdr 02:00:00:ff:00:05 dev e0 nud stale extern_learn
ip -n w1 neighbour add 10.0.0.6 dev e0 managed
ip -n w1 neighbour add 10.0.0.7 lladdr 02:00:00:ff:00:07 dev e0 nud permanent
"""
# Three ways to one network, of which the first is taken.
BESIDE = ("blackhole 172.16.0.0/12 proto 42", "172.16.0.0/12 via 10.0.0.2", "172.16.0.0/12 dev e0p scope link")
TWINS = "ip -n w1 address add 10.0.1.1/24 dev e0p\n" + "\n".join("ip -n w1 route append " + one for one in BESIDE)


def neighbours(host):
    found = json.loads(host.output("ip -n w1 -j neighbour show nud all"))
    words = ("extern_learn", "managed", "lladdr")
    # What a control plane tells, the kernel asks for.
    return {
        one["dst"]: [one.get(word) for word in words if "managed" not in one]
        for one in found
        if one["dst"].startswith("10.")
    }


def routes(host):
    host.rest()
    return [line.split() for line in host.output("ip -n w1 route show 172.16.0.0/12").splitlines()]


@pytest.mark.parametrize("name, peer", [("e0", "other"), ("other", "e0p")])
def test_neighbours_of_others_outlive_a_rename(host, name, peer):
    host.shell(PAIR, NEIGHBOURS)
    before = neighbours(host)
    assert len(before) == 5
    task = dict(netns="w1", name=name, up=True, peer=dict(netns="w1", name=peer, up=True))
    assert run("veth", **task)["changed"]
    assert neighbours(host) == before
    assert not run("veth", **task)["changed"]


def test_neighbours_of_others_come_back(host):
    host.shell(PAIR, NEIGHBOURS)
    before = neighbours(host)
    said = run("linux_bridge", netns="w1", name="e0", recreate=True, ports=[{"name": "lo"}])
    assert said["failed"] and "everything was put back" in said["msg"], said
    assert neighbours(host) == before


def test_a_neighbour_of_others_becomes_one_for_good(host):
    host.shell(PAIR, NEIGHBOURS)
    missing = {one["thing"]: one["missing"] for one in run("topology_info", netns=["w1"])["not_described"]}
    assert missing["neighbour e0 10.0.0.6"] == "managed" and "neighbour e0 10.0.0.7" not in missing
    for address in ("10.0.0.3", "10.0.0.4", "10.0.0.6"):
        task = dict(netns="w1", dev="e0", address=address, lladdr="02:00:00:ff:00:09")
        assert run("neighbour", **task)["changed"]
        assert not run("neighbour", **task)["changed"]
    found = {one["dst"]: one for one in json.loads(host.output("ip -n w1 -j neighbour show nud permanent"))}
    assert found["10.0.0.6"]["lladdr"] == "02:00:00:ff:00:09" and "managed" not in found["10.0.0.6"]


# A bridge has the least of the MAC addresses of its ports, and forgets its neighbours with it.
FOLLOWS = """
ip netns add w1; ip netns add w2; ip -n w1 link add br0 up type bridge
ip -n w1 link add i1 address 00:00:00:00:00:01 type ifb
ip -n w1 link add i0 address 02:00:00:00:00:02 up type ifb; ip -n w1 link set i0 master br0
ip -n w1 tuntap add mode tap name t0; ip -n w1 link set t0 up master br0 address 02:00:00:00:00:05
ip -n w1 neighbour add 10.0.9.7 lladdr 02:00:00:ff:00:07 dev br0 nud permanent
"""
LEAST = dict(netns="w1", address="00:00:00:00:00:01", master="br0")
PORTS = {
    "goes": ("link", dict(netns="w1", name="i0", state="absent")),
    "moves": ("link", dict(netns="w2", from_netns="w1", name="i0")),
    "is made": ("tuntap", dict(LEAST, name="t1", mode="tap")),
    "is made with its peer": ("veth", dict(LEAST, name="v0", peer=dict(name="v1"))),
    "is the peer": ("veth", dict(netns="w2", name="v1", peer=dict(LEAST, name="v0"))),
    "is made anew": ("linux_bridge", dict(netns="w1", name="i0", recreate=True)),
    "is taken by it": ("linux_bridge", dict(netns="w1", name="br0", ports=["i1"])),
    "joins it": ("link", dict(netns="w1", name="i1", master="br0")),
    "has another address": ("link", dict(netns="w1", name="t0", address="00:00:00:00:00:01")),
    "is of a topology": (
        "topology",
        dict(
            name="t",
            nodes=[dict(name="w1", loopback=False, links=[dict(LEAST, netns=None, name="t1", kind="tap")])],
        ),
    ),
}


@pytest.mark.parametrize("what", PORTS)
def test_a_bridge_keeps_its_neighbours_when_a_port(host, what):
    host.shell(FOLLOWS)
    look = "ip -n w1 neighbour show nud permanent"
    before, mac = host.output(look), host.output("ip -n w1 link show br0").split()[-3]
    module, options = PORTS[what]
    foretold = run(module, check=True, **options)
    done = run(module, **options)
    assert done["changed"] and done["commands"] == foretold["commands"], (done, foretold)
    assert host.output("ip -n w1 link show br0").split()[-3] != mac
    assert host.output(look) == before
    host.shell(*done["rollback_commands"])
    assert host.output(look) == before


ANOTHER = """
ip netns add w1; ip -n w1 link add e0 address 02:00:00:00:00:01 up type veth peer name e1; ip -n w1 link set e1 up
ip -n w1 neighbour add 10.0.9.7 lladdr 02:00:00:ff:00:07 dev e0 nud permanent
ip -n w1 neighbour add 2001:db8::7 lladdr 02:00:00:ff:00:07 dev e0 nud permanent router protocol 9
ip -n w1 neighbour add proxy 10.0.9.8 dev e0
"""


UPPERS = [pytest.param(kind, marks=pytest.mark.needs(kind.split()[0])) for kind in ("vlan id 7", "ipvlan")]


@pytest.mark.parametrize("upper", ["", *UPPERS])
def test_a_link_keeps_its_neighbours_with_another_mac_address(host, upper):
    host.shell(ANOTHER)
    if upper:
        host.shell("ip -n w1 link add link e0 name u0 up type %s" % upper)
        host.shell("ip -n w1 neighbour add 10.7.9.7 lladdr 02:00:00:ff:00:08 dev u0 nud permanent")
    look = "ip -n w1 neighbour show nud permanent; ip -n w1 neighbour show proxy"
    before = host.output(look)
    foretold = run("link", check=True, netns="w1", name="e0", address="02:00:00:00:00:02")
    done = run("link", netns="w1", name="e0", address="02:00:00:00:00:02")
    assert done["changed"] and done["commands"] == foretold["commands"], (done, foretold)
    assert host.output(look) == before
    host.shell(*done["rollback_commands"])
    assert host.output(look) == before


@pytest.mark.needs("vlan")
def test_what_is_on_a_bridge_keeps_its_neighbours(host):
    host.shell(FOLLOWS, "ip -n w1 link add link br0 name v7 up type vlan id 7")
    host.shell("ip -n w1 neighbour add 10.7.9.7 lladdr 02:00:00:ff:00:08 dev v7 nud permanent")
    assert run("link", netns="w1", name="i0", state="absent")["changed"]
    assert host.output("ip -n w1 neighbour show nud permanent").count("PERMANENT") == 2


CARRIER = """
ip netns add w1; ip netns add w2; ip -n w1 link add br0 address 02:00:00:00:00:01 up type bridge
ip -n w1 link add i0 up type ifb; ip -n w1 link set i0 master br0
ip -n w1 link add i1 type ifb; ip -n w1 link set i1 master br0; ip -n w1 address add 10.0.0.1/24 dev br0
"""
HELD = "ip -n w1 nexthop add id 1 via 10.0.0.2 dev br0; ip -n w1 route add 10.9.0.0/16 nhid 1"
FAR_END = """
ip netns add w1; ip netns add w2; ip -n w1 link add eth0 up type veth peer name p0; ip -n w1 link set p0 up
ip -n w1 address add 10.0.0.1/24 dev p0; ip -n w1 link add mv0 link p0 up type macvlan
ip -n w1 address add 10.1.0.1/24 dev mv0
ip -n w1 nexthop add id 1 via 10.0.0.2 dev p0; ip -n w1 nexthop add id 2 via 10.1.0.2 dev mv0
"""
LAST_PORT = {
    "goes": dict(netns="w1", name="i0", state="absent"),
    "leaves": dict(netns="w1", name="i0", master=""),
    "goes down": dict(netns="w1", name="i0", up=False),
    "moves": dict(netns="w2", from_netns="w1", name="i0"),
}


@pytest.mark.parametrize("task", [dict(netns="w1", up=False), dict(netns="w2", from_netns="w1")], ids=["down", "moves"])
def test_nexthops_fall_with_the_carrier_of_the_far_end(host, task):
    host.shell(FAR_END)
    foretold, done = run("link", name="eth0", check=True, **task), run("link", name="eth0", **task)
    host.rest()
    assert host.output("ip -n w1 nexthop") == ""
    lost = {"nexthop %d in network namespace w1 goes with the carrier of %s" % pair for pair in ((1, "p0"), (2, "mv0"))}
    for said in (foretold, done):
        assert [text for text in lost if text not in str(said.get("warnings"))] == []
        assert said["commands"] == done["commands"]


@pytest.mark.parametrize("up", [False, True])
@pytest.mark.parametrize("what", LAST_PORT)
def test_nexthops_of_a_bridge_fall_with_its_carrier(host, what, up):
    """The kernel takes none back without one: that is told."""
    host.shell(CARRIER, "ip -n w1 link set i1 up" if up else "true", HELD)
    foretold = run("link", check=True, **LAST_PORT[what])
    done = run("link", **LAST_PORT[what])
    host.rest()
    assert host.output("ip -n w1 nexthop").count("via") == up
    lost = "nexthop 1 in network namespace w1 goes with the carrier of br0"
    for said in (foretold, done):
        assert (lost in str(said.get("warnings"))) is not up, said
    assert not run("link", **LAST_PORT[what])["changed"]
    host.shell(*done["rollback_commands"])
    assert "10.9.0.0/16 nhid 1" in host.output("ip -n w1 route")


def test_routes_beside_each_other_come_back_in_their_order(host):
    host.shell(PAIR, TWINS)
    before = routes(host)
    moved, wrong = dict(dest=["172.16.0.0/12"], via="10.0.0.2"), dict(dest=["198.51.100.0/24"], via="10.77.0.1")
    node = dict(name="w1", netns="w1", loopback=False, routes=[moved, wrong])
    said = run("topology", name="beside", nodes=[node])
    assert "everything was put back" in said["msg"], said
    assert routes(host) == before
    assert run("route", netns="w1", **moved)["changed"]
    assert routes(host) == [before[1], before[0], before[2]]


def test_routes_beside_each_other_are_there_when_their_link_is_made_anew(host):
    host.shell(PAIR)
    host.shell("ip -n w1 link add m0 link e0 up type macvlan mode bridge; ip -n w1 address add 10.0.2.1/24 dev m0")
    host.shell("ip -n w1 route append 172.16.0.0/12 dev m0 metric 50 proto 17 scope link")
    host.shell("ip -n w1 route append 172.16.0.0/12 via 10.0.2.9 metric 50")
    before = routes(host)
    assert run("macvlan", netns="w1", name="m0", link="e0", mode="passthru", recreate=True)["changed"]
    assert routes(host) == before


def test_queueing_disciplines_of_others_on_a_link_made_anew(host):
    host.shell(PAIR, "ip -n w1 link add m0 link e0 up type macvlan mode bridge")
    host.shell("tc -n w1 qdisc add dev m0 root handle abc: bfifo limit 33333", "tc -n w1 qdisc add dev m0 ingress")
    said = run("macvlan", netns="w1", name="m0", link="e0", mode="passthru", recreate=True)
    assert said["changed"]
    assert "m0 in network namespace w1 is made anew and has lost its queueing discipline ingress" in str(
        said["warnings"]
    )
    assert "bfifo abc: root refcnt 2 limit 33333b" in host.output("tc -n w1 qdisc show dev m0")


def test_entries_of_a_vxlan_made_anew_are_of_routers_still(host):
    host.shell("ip netns add w1; ip -n w1 link add x0 type vxlan id 7 dstport 4789")
    host.shell("bridge -n w1 fdb add 02:00:00:fb:00:01 dev x0 dst 192.0.2.5 self permanent router")
    assert run("vxlan", netns="w1", name="x0", id=8, recreate=True)["changed"]
    assert "router" in host.output("bridge -n w1 fdb show dev x0")


def test_names_that_are_no_text_are_not_described(host):
    host.shell(PAIR, "ip netns add 'odd space'")
    host.shell("ip -n w1 link add $'caf\\xe9' type veth peer name v1; ip -n w1 link set e0 alias $'caf\\xe9'")
    shown = "ip -n w1 -o link show | tr -cd '[:print:]\\n'"
    before = len(host.output(shown).splitlines())
    info = run("topology_info")
    missing = {(one["netns"], one["thing"]): one["missing"] for one in info["not_described"]}
    assert missing["odd space", "netns"] == missing["w1", "link caf\\xe9"] == "all, for its name"
    assert missing["w1", "link e0"] == "alias"
    nodes = [node for node in info["nodes"] if node["netns"] == "w1"]
    run("topology", name="fed", nodes=nodes, links=info["links"], allow_overlap=True)
    assert run("topology", name="fed", state="absent")["changed"]
    assert len(host.output(shown).splitlines()) == before


SIX = (
    PAIR
    + """
ip -n w1 address add 2001:db8::1/64 dev e0 nodad; ip -n w1 neighbour add 10.0.0.3 lladdr 02:00:00:ff:00:03 dev e0
ip -n w1 neighbour add 2001:db8::3 lladdr 02:00:00:ff:00:03 dev e0; ip -n w1 neighbour add proxy 2001:db8::4 dev e0
ip -n w1 route add 2001:db8:1::/48 via 2001:db8::3; ip -n w1 route add 10.1.0.0/16 via 10.0.0.3
ip -n w1 nexthop add id 5 via 2001:db8::3 dev e0
"""
)


@pytest.mark.parametrize("module, more", [("link", {}), ("linux_bridge", dict(recreate=True))])
def test_what_is_of_ipv6_goes_where_the_mtu_is_too_small_for_it(host, module, more):
    host.shell(SIX)
    task = dict(netns="w1", name="e0", mtu=576, **more)
    foretold = run(module, check=True, **task)
    done = run(module, **task)
    assert done["changed"] and done["commands"] == foretold["commands"], (done, foretold)
    # A nexthop stays on a link that is not made anew, and leads nowhere.
    nexthop = ["nexthop"] * bool(more)
    for what in ("-6 address show dev e0", "-6 neighbour show proxy", "-6 route show dev e0", *nexthop):
        assert not host.output("ip -n w1 " + what).strip(), what
    assert "10.1.0.0/16 via 10.0.0.3" in host.output("ip -n w1 route show dev e0")
    assert "10.0.0.3" in host.output("ip -n w1 neighbour show dev e0 nud permanent")
    assert not run(module, **task)["changed"]


def test_no_address_of_ipv6_is_handed_to_a_bridge_whose_mtu_is_too_small_for_it(host):
    host.shell(SIX)
    host.rest()
    before = host.output("ip -n w1 address; ip -n w1 -6 route")
    for check in (True, False):
        said = run("linux_bridge", check, netns="w1", name="br0", mtu=576, ports=["e0"], take_over_addresses=True)
        assert said["failed"] and "IPv6 takes no less than 1280" in said["msg"], said
    host.rest()
    assert host.output("ip -n w1 address; ip -n w1 -6 route") == before


def test_the_several_destinations_of_an_address_are_from_a_control_plane_together(host):
    host.shell("ip netns add w1; ip -n w1 link add x0 type vxlan id 107 dstport 8472 local 192.0.2.1")
    entry = dict(netns="w1", dev="x0", lladdr="00:00:00:00:00:00", self=True)
    for more in (
        dict(dst="192.0.2.5", extern_learn=True),
        dict(dst="192.0.2.6", extern_learn=True),
        dict(dst="192.0.2.7"),
    ):
        foretold = run("bridge_fdb", check=True, **entry, **more)
        done = run("bridge_fdb", **entry, **more)
        assert done["changed"] and done["commands"] == foretold["commands"], done
        assert not run("bridge_fdb", **entry, **more)["changed"]
    said = run("bridge_fdb", **entry, dst="192.0.2.7", extern_learn=False)
    assert said["failed"] and "00:00:00:00:00:00 on x0 has other destinations" in said["msg"]
    before = sorted(host.output("bridge -n w1 fdb show dev x0").splitlines())
    assert sum("extern_learn" in line for line in before) == 3
    told = run("topology_info", netns=["w1"])
    fed = run("topology", check=True, name="fed", nodes=told["nodes"], links=told["links"])
    assert [line for line in fed["commands"] if "/run/virtnet" not in line] == [], fed
    gone = run("bridge_fdb", **entry, dst="192.0.2.6", state="absent")
    host.shell(*gone["rollback_commands"])
    assert sorted(host.output("bridge -n w1 fdb show dev x0").splitlines()) == before


def test_a_carrier_that_no_message_gives_back_is_told(host):
    """A bridge without a port has one as long as nobody gives it an address, and with it a link-local one."""
    host.shell("ip netns add w1; ip -n w1 link add br0 up type bridge")
    host.rest()
    said = run("linux_bridge", netns="w1", name="br0", recreate=True, address="02:00:00:00:00:01", ports=["lo"])
    assert said["failed"] and "could not put back: link br0 in w1 (carrier)" in said["msg"], said
