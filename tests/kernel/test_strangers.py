# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts on which others work too: what they have made is read, stays, and is put back as it was."""

import json
import os
import re
import subprocess
import sys
import time

import pytest
from conftest import environment, run

MASQUERADE = dict(netns="box", source="192.168.1.0/24", out_interface="eth0", name="lan")
FORWARD = dict(netns="box", dport="80", to="192.168.1.10", name="web")
NAT = [("nat_masquerade", MASQUERADE), ("nat_port_forward", FORWARD)]


@pytest.fixture
def box(host):
    host.shell("ip netns add box; ip -n box link add eth0 up type bridge")
    yield host
    host.shell("ip netns delete box")


def saved(host):
    """What iptables-save(8) prints, without the packets that it has counted."""
    told = host.output("ip netns exec box iptables-save -t nat").splitlines()
    return [line.partition(" [")[0] for line in told if line[0] in "-:"]


def ruleset(host):
    """What nft(8) has, without the numbers that it gives."""
    told = json.loads(host.output("ip netns exec box nft -j list ruleset"))["nftables"]
    return [{k: v for k, v in one.items() if k != "handle"} for item in told[1:] for one in item.values()]


@pytest.mark.parametrize(
    "nets, told",
    [
        (["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"], ["10.0.0.0/23", "10.0.2.0/24"]),
        (["10.0.0.0/8", "10.1.0.0/16"], ["10.0.0.0/8"]),
        (["10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32"], ["10.0.0.1/32", "10.0.0.2/31"]),
        (["2001:db8::/33", "2001:db8:8000::/33", "2001:db9::1/128"], ["2001:db8::/32", "2001:db9::1/128"]),
    ],
)
@pytest.mark.parametrize("backend", ["nft", "iptables"])
def test_networks_beside_and_in_each_other_are_one_range(box, backend, nets, told):
    rule = dict(netns="box", name="out", out_interface="eth0", exclude_destinations=nets, backend=backend)
    assert run("nat_masquerade", **rule)["masquerade"]["exclude_destinations"] == told
    assert not run("nat_masquerade", **rule)["changed"]
    family = "ipv6" if ":" in nets[0] else "ipv4"
    assert run("nat_masquerade", netns="box", name="out", family=family, state="absent")["changed"]


def test_all_destinations_cannot_be_excluded(box):
    said = run("nat_masquerade", **MASQUERADE, exclude_destinations=["0.0.0.0/1", "128.0.0.0/1"])
    assert said["msg"] == "exclude_destinations: 0.0.0.0/1, 128.0.0.0/1 leaves no destination"


@pytest.mark.parametrize("backend", ["nft", "iptables"])
def test_a_source_of_all_is_no_source(box, backend):
    rule = dict(netns="box", name="out", out_interface="eth0", source="0.0.0.0/0", backend=backend)
    assert run("nat_masquerade", **rule)["changed"]
    assert not run("nat_masquerade", **rule)["changed"]


FLUSHES = {
    "the table": "-F",
    "the hooks": "-F POSTROUTING; ip netns exec box iptables -t nat -F PREROUTING",
    "the own chains": "-F VIRTNET-6860fdef; ip netns exec box iptables -t nat -F VIRTNET-D-15c93851",
}


@pytest.mark.parametrize("which", FLUSHES)
def test_what_others_have_flushed_is_repaired(box, which):
    rules = [(module, dict(options, backend="iptables")) for module, options in NAT]
    for module, options in rules:
        run(module, **options)
    whole = saved(box)
    box.shell("ip netns exec box iptables -t nat " + FLUSHES[which])
    broken = saved(box)
    for module, options in rules:
        assert run(module, check=True, **options)["changed"]
    assert saved(box) == broken
    for module, options in rules:
        assert run(module, **options)["changed"]
        assert not run(module, **options)["changed"]
    assert saved(box) == whole
    box.shell("ip netns exec box iptables -t nat " + FLUSHES[which])
    for module, options in rules:
        gone = dict(netns="box", name=options["name"], state="absent")
        assert run(module, **gone)["changed"]
        assert not run(module, **gone)["changed"]
    assert not [line for line in saved(box) if "VIRTNET" in line]


REPLACED = 'replace rule ip virtnet masquerade-lan handle %%s ip saddr %s comment "virtnet:lan"'
EDITS = [
    REPLACED % '!= 192.168.1.0/24 oifname "eth0" masquerade',
    REPLACED % '192.168.1.0/24 oifname "eth0" snat to 192.0.2.9',
    REPLACED % '192.168.1.0/24 ip daddr 192.0.2.0/24 oifname "eth0" masquerade',
    "insert rule ip virtnet masquerade-lan ip daddr 198.51.100.0/24 accept",
    "delete rule ip virtnet masquerade-lan handle %s",
]


@pytest.mark.parametrize("edit", EDITS)
def test_an_own_rule_that_others_have_edited_is_read_as_it_is(box, edit):
    rule = dict(MASQUERADE, backend="nft")
    run("nat_masquerade", **rule)
    whole = ruleset(box)
    chain = box.output("ip netns exec box nft -a list chain ip virtnet masquerade-lan")
    handle = next(line.split()[-1] for line in chain.splitlines() if "virtnet:lan" in line)
    box.shell("ip netns exec box nft '%s'" % (edit % handle if "%s" in edit else edit))
    edited = ruleset(box)
    wet = run("nat_masquerade", **rule)
    assert wet["changed"] and not run("nat_masquerade", **rule)["changed"]
    assert ruleset(box) == whole
    box.shell(*wet["rollback_commands"])
    assert ruleset(box) == edited
    assert run("nat_masquerade", netns="box", name="lan", state="absent")["changed"]
    assert ruleset(box) == []


def test_a_failure_puts_a_jump_back_where_it_was(box):
    run("nat_masquerade", **MASQUERADE, backend="iptables")
    box.shell("ip netns exec box iptables -t nat -A POSTROUTING -o joe\\'s -m comment --comment \"it's\" -j MASQUERADE")
    before = saved(box)
    wet = run("nat_masquerade", **dict(MASQUERADE, random=True), backend="iptables")
    assert wet["changed"] and [line.split()[1] for line in saved(box)] == [line.split()[1] for line in before]
    box.shell(*wet["rollback_commands"])
    assert saved(box) == before


@pytest.mark.parametrize("family", ["ip", "ip6"])
def test_a_table_nat_of_somebody_stays(box, family):
    box.shell(
        "ip netns exec box nft 'add table {0} nat;"
        " add chain {0} nat mine {{ type nat hook postrouting priority 100; }};"
        ' add rule {0} nat mine oifname "joe" masquerade comment "it is mine"\''.format(family)
    )
    before = ruleset(box)
    for module, options in NAT:
        assert run(module, **options, backend="nft")["changed"]
        assert not run(module, **options, backend="nft")["changed"]
    assert run("topology_info", netns=["box"])["nodes"]
    for module, options in NAT:
        assert run(module, netns="box", name=options["name"], state="absent")["changed"]
    assert ruleset(box) == before


def test_names_that_are_no_utf_8(box):
    box.shell(
        r"""ip -n box link add "$(printf 'd\351')" type bridge""",
        r"""ip -n box link add d1 type bridge; ip -n box link set d1 alias "$(printf '\374ber')" """,
        r"""ip -n box link property add dev d1 altname "$(printf '\377long')" """,
    )
    links = {link["name"]: link for link in run("link_info", netns=["box"])["links"]}
    assert links["d\\xe9"]["kind"] == "bridge"
    assert links["d1"]["alias"] == "\\xfcber" and links["d1"]["altnames"] == ["\\xfflong"]
    assert run("link", netns="box", name="d1", mtu=1400)["changed"]
    before = box.output(TOLD)
    gone = run("link", netns="box", name="d1", state="absent")
    assert gone["changed"]
    box.shell(*gone["rollback_commands"])
    assert box.output(TOLD) == before


TOLD = "ip -n box link | grep -aE 'alias|altname' | LC_ALL=C sort | od -c"


TOGETHER = {
    "network namespaces": (
        "netns",
        [{"name": ["mgmt"]}] * 4,
        "grep ' /run/netns/mgmt ' /proc/self/mountinfo | cut -d' ' -f4 | sort -u | wc -l",
    ),
    "a bridge": (
        "linux_bridge",
        [{"netns": "box", "name": "br0", "addresses": ["192.0.2.1/24"]}] * 4,
        "ip -n box -br address show dev br0 | grep -c 192.0.2.1/24",
    ),
    "rules of NAT": (
        "nat_masquerade",
        [dict(MASQUERADE, name="r%d" % number) for number in range(4)],
        "ip netns exec box nft list ruleset | grep -c 'virtnet:r[0-3]' | sed s/4/1/",
    ),
}


@pytest.mark.parametrize("what", TOGETHER)
def test_tasks_at_once_lose_nothing(box, what):
    module, tasks, counts = TOGETHER[what]
    command = [sys.executable, "-m", "ansible_collections.virtnet.linux.plugins.modules." + module]
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    running = [subprocess.Popen(command, env=environment(), **pipes) for dummy in tasks]
    for one, options in zip(running, tasks):
        one.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": options}))
        one.stdin.close()
    said = [json.loads(one.stdout.read()) for one in running]
    assert [one.wait() for one in running] == [0] * 4, said
    assert sum(one["changed"] for one in said) == len({str(task) for task in tasks}), said
    assert box.output(counts).strip() == "1"
    box.shell("test ! -e /run/netns/mgmt || ip netns delete mgmt")


@pytest.mark.parametrize("twins", [("", ""), ("", "tos 0x10"), ("tos 0x08", "tos 0x10")])
def test_a_master_takes_over_routes_that_stand_beside_each_other(box, twins):
    box.shell("ip -n box link add card up type veth peer name far; ip -n box link set far up")
    box.shell("ip -n box link add br0 up type bridge; ip -n box address add 192.0.2.10/24 dev card")
    for number, twin in enumerate(twins):
        box.shell("ip -n box route append default via 192.0.2.%d dev card metric 100 %s" % (number + 1, twin))
    box.rest()
    before = box.output("ip -n box route show default")
    wet = run("linux_bridge", netns="box", name="br0", ports=[{"name": "card"}], take_over_addresses=True)
    box.rest()
    assert box.output("ip -n box route show default") == before.replace("dev card", "dev br0")
    box.shell(*wet["rollback_commands"])
    box.rest()
    assert box.output("ip -n box route show default") == before


# By a card, past it, and to nowhere: e0 has no IPv4 address.
WAYS = {
    "A": "via inet6 2001:db8:4::57 dev e0",
    "B": "dev e0 scope link",
    "C": "via 10.0.1.9 dev e1",
    "D": "",
    "E": "via inet6 2001:db8:4::58 dev e0",
}


@pytest.mark.parametrize("order", ["AC", "CA", "ABC", "CABD", "DAEC", "CAEBD"])
def test_routes_keep_their_places_when_a_master_takes_them_over(host, order):
    host.shell("ip netns add w1; ip -n w1 link add e0 up type veth peer name p0; ip -n w1 link set p0 up")
    host.shell("ip -n w1 link add e1 up type veth peer name p1; ip -n w1 address add 10.0.1.1/24 dev e1")
    host.shell("ip -n w1 link set p1 up; ip -n w1 address add 2001:db8:4::d/64 nodad dev e0")
    for way in order:
        kind = "" if WAYS[way] else "blackhole"
        host.shell("ip -n w1 route append %s 198.51.100.0/24 metric 1 %s" % (kind, WAYS[way]))
    look, task = "ip -n w1 route show 198.51.100.0/24", dict(netns="w1", name="br7", ports=["e0"])
    host.rest()
    before = host.output(look)
    foretold, done = [run("linux_bridge", check=check, take_over_addresses=True, **task) for check in (True, False)]
    assert foretold["commands"] == done["commands"]
    host.rest()
    assert host.output(look) == before.replace("e0", "br7")
    host.shell(*done["rollback_commands"])
    host.rest()
    assert host.output(look) == before


def test_a_task_that_is_stopped_while_it_waits_says_so(box):
    import fcntl
    import signal

    lock = os.open("/run", os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    command = [sys.executable, "-m", "ansible_collections.virtnet.linux.plugins.modules.netns"]
    task = subprocess.Popen(command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    task.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": {"name": ["late"]}}))
    task.stdin.close()
    while not any(line.endswith("/run") for line in box.output("ls -l /proc/%d/fd" % task.pid).splitlines()):
        pass
    task.send_signal(signal.SIGTERM)
    assert json.loads(task.stdout.read())["msg"] == "stopped by signal 15 before anything was changed"
    os.close(lock)
    task.wait()


ODD = r"""
ip netns add w1; d="$(printf 'd\351')"; b="$(printf 'b\351')"; e="$(printf 'e\351')"
ip -n w1 link add "$d" type veth peer name p0; ip -n w1 link add link "$d" name m0 type macvlan
ip -n w1 link add "$b" type bridge; ip -n w1 link set p0 master "$b"; ip -n w1 link add b1 type bridge
ip -n w1 link add "$e" type veth peer name p1; ip -n w1 link set "$e" master b1; ip -n w1 link set p1 master b1
ip -n w1 link property add dev b1 altname "$(printf '\377long')"; ip netns add "$(printf 'n\351')"
ip -n w1 link add p2 type veth peer name p3 netns "$(printf 'n\351')"
"""


def test_links_beside_those_with_names_that_are_no_text_are_fed_back(host):
    host.shell(ODD)
    said = run("topology_info", netns=["w1"])
    assert len([one for one in said["not_described"] if one["missing"] == "all, for its name"]) == 4
    fed = run("topology", name="fed", nodes=said["nodes"], links=said["links"])
    assert [line for line in fed["commands"] if "/run/virtnet" not in line] == [], fed
    assert run("netns", name=["w2"])["changed"]


def test_routes_beside_each_other_are_fed_back(host):
    host.shell("ip netns add n1; ip -n n1 link set lo up; ip -n n1 route append blackhole 172.16.0.0/12 metric 100")
    host.shell(
        "ip -n n1 route append prohibit 172.16.0.0/12 metric 100", "ip -n n1 route add blackhole 10.0.0.1 table 255"
    )
    host.shell(
        "ip -n n1 address add 192.0.2.1/24 dev lo scope site; ip -n n1 address add 198.51.100.2/24 dev lo scope 77"
    )
    said = run("topology_info", netns=["n1"])
    assert {(one["thing"], one["missing"]) for one in said["not_described"]} == {
        ("address lo 198.51.100.2/24", "scope 77"),
        ("route blackhole 10.0.0.1/32 table 255 proto boot", "table local"),
    }
    before = host.output("ip -n n1 route show table all; ip -n n1 address")
    fed = run("topology", name="fed", nodes=said["nodes"], links=said["links"])
    assert [line for line in fed["commands"] if "/run/virtnet" not in line] == [], fed
    assert host.output("ip -n n1 route show table all; ip -n n1 address") == before


UNDESCRIBED = """
ip netns add n1
ip -n n1 link add d0 up type veth peer name d1
ip -n n1 link set d0 gso_max_size 20000
ip -n n1 address add 192.0.2.1/24 dev d0
ip -n n1 neighbour add 192.0.2.7 lladdr 02:00:00:00:00:07 dev d0 nud permanent extern_learn
ip -n n1 route add 198.51.100.0/24 via 192.0.2.9 congctl reno
ip -n n1 tuntap add t0 mode tun; ip -n n1 neighbour add 2001:db8::8 dev t0 nud permanent
ip netns exec n1 nft add table inet filter
ip -n n1 link add br0 type bridge mcast_query_interval 5000; ip -n n1 link add p0 master br0 type veth peer name p1
ip -n n1 addrlabel add prefix 2001:db8::/32 label 99
ip -n n1 xfrm policy add src 10.1.0.0/24 dst 10.2.0.0/24 dir out tmpl src 192.0.2.1 dst 192.0.2.2 proto esp mode tunnel
tc -n n1 qdisc add dev d1 root handle 1: htb; tc -n n1 class add dev d1 parent 1: classid 1:a htb rate 1mbit
tc -n n1 filter add dev d1 parent 1: pref 7 protocol ip u32 match ip protocol 1 0xff flowid 1:a
"""


@pytest.mark.needs("nft")
def test_what_has_no_option_is_named(host):
    host.shell(UNDESCRIBED)
    said = run("topology_info", netns=["n1"])["not_described"]
    assert {one["netns"] for one in said} == {"n1"}
    assert {(one["thing"], one["missing"]) for one in said} >= {
        ("link d0", "gso_max_size"),
        ("neighbour d0 192.0.2.7", "nud permanent extern_learn"),
        ("neighbour t0 2001:db8::8", "nud permanent"),
        ("nft table inet filter", ""),
        ("addrlabel prefix 2001:db8::/32 label 99", ""),
        ("xfrm policy src 10.1.0.0/24 dst 10.2.0.0/24 dir out", ""),
        ("class htb dev d1 1:a", ""),
        ("filter dev d1 parent 1: pref 7 u32", ""),
    }
    of_bridge = [one["missing"] for one in said if one["thing"] in ("link br0", "link p0")]
    assert len(of_bridge) == 1 and re.match(r"data attribute \d+$", of_bridge[0]), said
    route = [one["missing"] for one in said if one["thing"].startswith("route 198.51.100.0/24 via ")]
    assert len(route) == 1 and route[0].startswith("attribute "), said
    assert run("link_info", name=["d0"])["not_described"] == [dict(netns="n1", thing="link d0", missing="gso_max_size")]
    host.shell("ip netns delete n1; ip netns add n1")
    assert run("topology_info", netns=["n1"])["not_described"] == []


def test_a_link_whose_name_no_option_takes(host):
    host.shell(
        "ip netns add n1", "ip -n n1 link add name ./x type bridge 2>/dev/null || ip -n n1 link add name -x type bridge"
    )
    said = run("topology_info", netns=["n1"])
    odd = [one for one in said["not_described"] if one["missing"] == "all, for its name"]
    assert len(odd) == 1 and odd[0]["thing"].startswith("link "), said
    assert not run("topology", name="fed", check=True, nodes=said["nodes"], links=said["links"]).get("failed")


ORDERED = """
ip netns add n1; ip -n n1 link add b0 up type bridge; ip -n n1 link add p0 up type veth peer name p1
ip -n n1 address add 10.1.0.2/16 dev p0; ip -n n1 address add 10.1.0.15/24 metric 4242 dev p0
"""


def test_addresses_are_handed_over_in_their_order(host):
    host.shell(ORDERED)
    shown = "ip -n n1 -o -4 address show dev %s | awk '{print $4}'"
    before = host.output(shown % "p0")
    assert run("linux_bridge", netns="n1", name="b0", ports=[dict(name="p0")], take_over_addresses=True)["changed"]
    assert host.output(shown % "b0") == before


def test_an_ageing_time_that_stp_hides_is_not_known(host):
    host.shell("ip link add br0 up type bridge forward_delay 200 ageing_time 12300 stp_state 1")
    host.shell("ip link add p0 up master br0 type veth peer name p1; ip link set p1 up")
    end = time.monotonic() + 30
    while "topology_change 1" not in host.output("ip -d link show br0"):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert "ageing_time 400 " in host.output("ip -d link show br0")
    assert run("linux_bridge", name="br0")["link"]["ageing_time"] is None
    found = run("link_info", name=["br0"])
    assert "ageing_time" not in found["links"][0]["options"]
    assert [one["missing"] for one in found["not_described"]] == ["ageing_time"]
    assert run("linux_bridge", name="br0", priority=4096)["rollback_commands"] == [
        "ip link set dev br0 type bridge priority 32768"
    ]
    assert run("linux_bridge", name="br0", ageing_time=12300)["changed"]
    assert not run("linux_bridge", name="br0", ageing_time=12300)["changed"]


@pytest.mark.needs("sit")
def test_a_neighbour_that_is_known_by_the_end_of_a_tunnel_is_named(host):
    host.shell(
        "ip netns add w1; ip -n w1 link add s0 up type sit local 192.0.2.1 remote 192.0.2.2",
        "ip -n w1 neighbour add 2001:db8::4 lladdr 02:00:00:ff dev s0 nud permanent",
    )
    told = run("topology_info", netns=["w1"])
    missing = {one["thing"]: one["missing"] for one in told["not_described"]}
    assert missing == {"neighbour s0 2001:db8::4": "nud permanent lladdr 02:00:00:ff"}
    said = run("topology", name="t1", nodes=told["nodes"], links=told["links"])
    assert [line for line in said["commands"] if "/run/virtnet" not in line] == [], said
