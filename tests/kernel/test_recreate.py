# SPDX-License-Identifier: GPL-3.0-or-later
"""A link that is made anew, by recreate or on the way back, has what others gave to the one before it."""

import json

import pytest
from conftest import run

SET = """
ip netns add w1; ip -n w1 link add name e0 address 02:00:00:00:00:05 type veth peer name e0p
ip -n w1 link set e0 addrgenmode none; ip -n w1 link set e0 up; ip -n w1 link set e0p up
ip -n w1 link set e0 group 5 promisc on; ip -n w1 link set e0p allmulticast on; ip -n w1 link set e0p arp off
ip -n w1 link set e0 gso_max_size 20000; ip -n w1 link set e0 gso_max_segs 99; ip -n w1 link set e0p gro_max_size 30000
ip -n w1 link set e0 dynamic on; ip -n w1 link set e0p multicast off
ip -n w1 link set dev e0 brd ff:ff:ff:ff:ff:00; ip -n w1 link set e0 txqueuelen 77 alias mine
ip netns exec w1 sysctl -qw net.ipv4.conf.e0.rp_filter=2 net.ipv4.conf.e0.arp_announce=1 net.ipv6.conf.e0.hop_limit=33
ip netns exec w1 sysctl -qw net.ipv6.conf.e0.router_solicitation_interval=7 net.ipv4.conf.e0p.arp_notify=1
"""
# Numbers that a new link has anew.
FRESH = {"ifindex", "link_index", "link", "stats", "stats64"}


def raw(host, *devs):
    """What ip(8) and sysctl(8) tell of these links."""
    host.rest()
    links = json.loads(host.output("ip -n w1 -d -j link show"))
    found = {link["ifname"]: {k: v for k, v in link.items() if k not in FRESH} for link in links}
    values = host.output("ip netns exec w1 sysctl -a --pattern 'net.ipv[46].conf.(%s)[.]'" % "|".join(devs))
    return {dev: found.get(dev) for dev in devs}, set(line for line in values.splitlines() if "stable_s" not in line)


@pytest.mark.parametrize("name", ["e0", "e0p"])
def test_the_way_back_of_a_link_that_became_another_kind(host, name):
    host.shell(SET)
    before = raw(host, "e0", "e0p")
    said = run("linux_bridge", netns="w1", name=name, recreate=True, ports=[{"name": "lo"}])
    assert said["failed"] and "everything was put back" in said["msg"], said
    links, sysctls = raw(host, "e0", "e0p")
    assert links == before[0]
    assert sorted(sysctls ^ before[1]) == []


def test_the_way_back_of_a_deletion(host):
    host.shell(SET)
    before = raw(host, "e0", "e0p")
    said = run("link", netns="w1", name="e0", state="absent")
    assert said["changed"]
    host.shell(*said["rollback_commands"])
    links, sysctls = raw(host, "e0", "e0p")
    assert links == before[0]
    assert sorted(sysctls ^ before[1]) == []


def test_a_link_made_anew_keeps_what_others_gave_it(host):
    host.shell(
        SET,
        "ip -n w1 link add m0 link e0 up type macvlan mode bridge; ip -n w1 link set m0 group 6",
        "ip -n w1 link set m0 promisc on alias mine gso_max_size 10000 txqueuelen 77",
        "ip netns exec w1 sysctl -qw net.ipv4.conf.m0.arp_ignore=1 net.ipv6.conf.m0.accept_ra=0",
    )
    links, sysctls = raw(host, "m0")
    assert run("macvlan", netns="w1", name="m0", link="e0p", mode="private", recreate=True)["changed"]
    now, then = raw(host, "m0")
    for name in ("group", "promiscuity", "ifalias", "gso_max_size", "flags", "txqlen", "address"):
        assert now["m0"].get(name) == links["m0"].get(name), name
    assert sorted(then ^ sysctls) == []


@pytest.mark.needs("vlan")
def test_upper_links_take_the_address_of_a_link_made_anew(host):
    """Theirs is that of their lower link, and no more of their own than before."""
    host.shell(
        "ip netns add w1; ip -n w1 link add e0 address 02:00:00:00:00:05 up type veth peer name e0p",
        "ip -n w1 link add v5 link e0 up type vlan id 5; ip -n w1 address add 192.0.2.1/24 dev v5",
        "ip -n w1 link add v6 link e0 address 02:00:00:00:00:06 up type vlan id 6",
    )
    said = run("linux_bridge", netns="w1", name="e0", address="02:00:00:00:00:07", recreate=True)
    assert "192.0.2.1/24" in host.output("ip -n w1 address show dev v5"), said

    def addresses():
        return [link["address"] for link in raw(host, "e0", "v5", "v6")[0].values()]

    assert addresses() == ["02:00:00:00:00:07", "02:00:00:00:00:07", "02:00:00:00:00:06"]
    host.shell("ip -n w1 link set e0 address 02:00:00:00:00:08")
    assert addresses() == ["02:00:00:00:00:08", "02:00:00:00:00:08", "02:00:00:00:00:06"]


def test_sysctls_of_ipv6_fall_with_an_mtu_that_ends_it(host):
    host.shell(
        "ip netns add w1; ip -n w1 link add e0 up type veth peer name e0p; ip -n w1 link set e0p up",
        "ip netns exec w1 sysctl -qw net.ipv6.conf.e0.forwarding=1 net.ipv6.conf.e0.proxy_ndp=1",
        "ip netns exec w1 sysctl -qw net.ipv4.conf.e0.forwarding=1",
    )
    host.rest()
    foretold = run("link", netns="w1", name="e0", mtu=1000, check=True)
    done = run("link", netns="w1", name="e0", mtu=1000)
    lost = {"ip netns exec w1 sysctl -w net.ipv6.conf.e0.%s=1" % name for name in ("forwarding", "proxy_ndp")}
    for said in (foretold, done):
        assert lost <= set(said["rollback_commands"])
        assert not [line for line in said["rollback_commands"] if "ipv4" in line]
    host.shell(*done["rollback_commands"])
    values = host.output("ip netns exec w1 sysctl -n net.ipv6.conf.e0.forwarding net.ipv6.conf.e0.proxy_ndp")
    assert values.split() == ["1", "1"], done["rollback_commands"]


def test_what_only_a_link_that_is_there_takes(host):
    host.shell(
        "ip netns add w1; ip -n w1 link add low type veth peer name e0; ip -n w1 link add m0 link low type macvlan",
        "ip -n w1 link set m0 protodown on; ip -n w1 link set m0 protodown_reason 3 on",
        "ip -n w1 link set m0 protodown_reason 5 on; ip -n w1 link set m0 up mode dormant",
    )
    before = raw(host, "m0")
    assert before[0]["m0"]["proto_down_reason"] == ["3", "5"]
    missing = {one["missing"] for one in run("link_info", netns="w1", name="m0")["not_described"]}
    assert missing == {"linkmode, protodown, protodown_reason"}
    said = run("link", netns="w1", name="m0", state="absent")
    host.shell(*said["rollback_commands"])
    assert raw(host, "m0") == before
    assert run("macvlan", netns="w1", name="m0", link="low", mode="private", recreate=True)["changed"]
    for now, then in zip(raw(host, "m0")[0]["m0"].items(), before[0]["m0"].items()):
        assert now == then or now[0] == "linkinfo"
    said = run("linux_bridge", netns="w1", name="m0", recreate=True, ports=[{"name": "lo"}])
    assert said["failed"] and "everything was put back" in said["msg"], said
    assert raw(host, "m0")[0]["m0"]["proto_down_reason"] == ["3", "5"]
    assert run("macvlan", netns="w1", name="m0", link="low", mode="private", up=False)["changed"]
    assert not run("macvlan", netns="w1", name="m0", link="low", mode="private", up=False)["changed"]


def test_a_port_made_anew_is_the_port_that_it_was(host):
    host.shell(
        "ip netns add w1; ip -n w1 link add low type veth peer name other; ip -n w1 link add br0 type bridge",
        "ip -n w1 link add x link low type macvlan mode bridge; ip -n w1 link set x master br0 up",
        "bridge -n w1 link set dev x isolated on guard on priority 5 flood off mcast_flood off neigh_suppress on",
    )
    before = as_port(host)
    for link in ("other", "low"):
        assert run("macvlan", netns="w1", name="x", link=link, recreate=True)["changed"]
        assert as_port(host) == before


def as_port(host):
    """What bridge(8) tells of a port."""
    told = json.loads(host.output("bridge -n w1 -d -j link show dev x"))[0]
    return {k: v for k, v in told.items() if k not in {*FRESH, "state"}}


def test_a_port_that_lets_in_by_the_mac_address_alone(host):
    """Apart from the lives: ip(8) has no word for it before 6.2."""
    host.shell("ip link add va type veth peer name vb")
    for mab in (True, False):
        port = dict(name="va", locked=True, mab=mab)
        said = run("linux_bridge", name="br0", ports=[port])
        assert said["changed"] and said["link"]["ports"][0]["mab"] is mab
        assert not run("linux_bridge", name="br0", ports=[port])["changed"]


STRANGE = """
ip netns add w1; ip -n w1 link add br0 type bridge mcast_hash_max 64 nf_call_iptables 1 mcast_query_interval 3000
ip -n w1 link add va type veth peer name vb; ip -n w1 link set va up master br0; ip -n w1 link set br0 up
ip -n w1 link set va type bridge_slave group_fwd_mask 8 neigh_suppress on; ip -n w1 link add other type bridge
"""
# They change by themselves, or differ with each link.
LOOSE = {"bridge_id", "root_id", "timer", "state", "designated", "port_id", "port_no", "address", "uid", "hello_timer"}


def strange(host, dev):
    """What ip(8) tells of the kind of a link and of it as a port."""
    told = json.loads(host.output("ip -n w1 -d -j link show dev %s" % dev))[0]["linkinfo"]
    parts = {**told.get("info_data", {}), **{"port." + k: v for k, v in told.get("info_slave_data", {}).items()}}
    return {k: v for k, v in parts.items() if not any(word in k for word in LOOSE)}


@pytest.mark.parametrize("dev", ["br0", "va"])
def test_the_way_back_of_what_is_not_described(host, dev):
    host.shell(STRANGE)
    before = {name: strange(host, name) for name in ("br0", "va")}
    links = [dict(kind="ifb", name=dev, recreate=True)]
    routes = [dict(dest=["203.0.113.0/24"], via="198.51.100.77")]
    said = run("topology", name="t1", nodes=[dict(name="w1", links=links, routes=routes)])
    assert said["failed"] and "everything was put back" in said["msg"], said
    assert {name: strange(host, name) for name in before} == before


@pytest.mark.needs("bond")
def test_what_is_not_described_is_there_in_the_link_made_anew(host):
    host.shell("ip netns add w1; ip -n w1 link add bo0 type bond lp_interval 7 num_grat_arp 3 miimon 0")
    before = strange(host, "bo0")
    assert run("bond", netns="w1", name="bo0", mode="active-backup", recreate=True)["changed"]
    now = strange(host, "bo0")
    assert now == dict(before, mode="active-backup")


def test_a_vxlan_made_anew_has_what_the_kernel_takes_of_all_it_tells(host):
    host.shell("ip netns add w1; ip -n w1 link add vx0 type vxlan id 528 dstport 8472 local 192.0.2.1 gbp remcsumtx")
    assert run("vxlan", netns="w1", name="vx0", id=7777, dstport=8472, recreate=True)["changed"]
    assert {"remcsumtx", "gbp"} <= {*host.output("ip -n w1 -d link show vx0").replace("_", "").split()}


LOWERS = """
ip link add va address 02:00:00:00:00:08 up type veth peer name vb; ip link set vb up
ip link add vc address 02:00:00:00:00:09 up mtu 1300 type veth peer name vd
"""
# The kind, the line that makes it, the module and what a new one is to have, and what changes with that.
ANEW = [
    (
        "vlan",
        "ip link add x link va mtu 1400 txqueuelen 77 up type vlan id 5 reorder_hdr off gvrp on egress 1:2 ingress 3:4",
        ("vlan", dict(link="va", id=6)),
        {"id"},
    ),
    (
        "vlan",
        "ip link add x link va mtu 1200 address 02:00:00:00:00:77 type vlan id 5 mvrp on",
        ("vlan", dict(link="vc", id=5, up=False)),
        {"link"},
    ),
    (
        "macvlan",
        "ip link add x link va address 02:00:00:00:00:77 type macvlan mode source macaddr add 02:00:00:00:00:31",
        ("macvlan", dict(link="vb", up=False)),
        {"link"},
    ),
    (
        "vxlan",
        "ip link add x mtu 1300 up type vxlan id 5 dev va local 192.0.2.1 remote 192.0.2.2 ttl 9 tos 4 dstport 4789"
        " srcport 40000 50000 nolearning proxy l2miss ageing 77 noudpcsum",
        ("vxlan", dict(id=6)),
        {"id"},
    ),
    (
        "gre",
        "ip link add x up mtu 1300 type gre remote 192.0.2.2 local 192.0.2.1 ttl 9 ikey 5 okey 6 icsum dev va",
        ("ip_tunnel", dict(mode="gre", remote="any")),
        {"remote", "broadcast", "flags", "link_pointtopoint"},
    ),
    (
        "bond",
        "ip link add x mtu 1400 address 02:00:00:00:00:77 up type bond mode active-backup miimon 50 updelay 100"
        " primary_reselect better resend_igmp 7 xmit_hash_policy layer2+3",
        ("bond", dict(mode="balance-xor")),
        {"mode"},
    ),
    (
        "macsec",
        "ip link add x link va up type macsec port 3 cipher gcm-aes-256 encrypt on replay on window 9 validate check;"
        " ip link set x mtu 1200",
        ("macsec", dict(link="va", icvlen=8)),
        {"icv_len"},
    ),
    (
        "macsec",
        "ip link add x link va up type macsec sci 0200000000770009 encrypt on; ip link set x mtu 1200",
        ("macsec", dict(link="va", cipher="gcm-aes-256")),
        {"cipher_suite"},
    ),
    (
        "netkit",
        "ip link add x mtu 1400 up type netkit mode l3 blackhole peer blackhole name xp;"
        " ip link set xp up mtu 1300 txqueuelen 77 alias far; ip address add 192.0.2.9/24 dev xp",
        ("netkit", dict(mode="l2", peer=dict(name="xp"))),
        {"mode", "flags", "address", "broadcast", "link_type"},
    ),
    (
        "hsr",
        "ip link add x up type hsr slave1 va slave2 vc supervision 45; ip link set x mtu 1200",
        ("hsr", dict(slave1="vc", slave2="va")),
        {"slave1", "slave2", "address", "seq_nr"},
    ),
    (
        "tun",
        "ip tuntap add x mode tun pi user 1000; ip link set x up mtu 1300",
        ("tuntap", dict(mode="tun", group="7")),
        {"group"},
    ),
]
LOSES = {"ifindex", "link_index", "stats", "stats64", "promiscuity", "operstate", "min_mtu", "max_mtu", "tso_max_size"}


def told_of(host, dev):
    """What ip(8) tells of a link and of its kind."""
    link = json.loads(host.output("ip -d -j link show dev " + dev))[0]
    link["flags"] = sorted({*link["flags"]} - {"LOWER_UP", "NO-CARRIER"})
    kind = {"kind " + name: value for name, value in link.pop("linkinfo", {}).get("info_data", {}).items()}
    return {name: value for name, value in {**link, **kind}.items() if name not in LOSES}


@pytest.mark.parametrize(
    ("line", "task", "news"),
    [pytest.param(*one[1:], id="%s %d" % (one[0], n), marks=pytest.mark.needs(one[0])) for n, one in enumerate(ANEW)],
)
def test_what_a_task_does_not_say_stays(host, line, task, news):
    module, options = task
    host.shell(LOWERS, line, "ip link set x alias mine; ip link set x group 5")
    devs = ["x"] + ["xp"] * ("peer" in options)
    before = {dev: told_of(host, dev) for dev in devs}
    dry = run(module, check=True, name="x", recreate=True, **options)
    wet = run(module, name="x", recreate=True, **options)
    assert wet.get("changed") and wet["commands"] == dry["commands"], wet
    after = {dev: told_of(host, dev) for dev in devs}
    for dev in devs:
        assert differing(before[dev], after[dev]) <= news | {"kind " + name for name in news}
    assert after != before
    assert run(module, name="x", recreate=True, **options)["changed"] is False
    # The command lines lead back, and there.
    host.shell(*wet["rollback_commands"])
    for dev in devs:
        assert differing(told_of(host, dev), before[dev]) <= {"kind seq_nr"}
    host.shell(*wet["commands"])
    for dev in devs:
        assert differing(told_of(host, dev), after[dev]) <= {"address", "kind seq_nr"}


def differing(one, other):
    return {name for name in {**one, **other} if one.get(name) != other.get(name)}


@pytest.mark.needs("vlan")
def test_what_does_not_go_with_what_is_new_is_the_kernels(host):
    host.shell(LOWERS, "ip link add x link va mtu 1400 up type vlan id 5 gvrp on")
    said = run("vlan", name="x", link="vc", id=5, recreate=True)
    assert said["changed"] and said["link"]["mtu"] == 1300 and said["link"]["gvrp"] is True, said
