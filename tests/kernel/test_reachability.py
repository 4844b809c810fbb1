# SPDX-License-Identifier: GPL-3.0-or-later
"""Reachability by packets: replies, and every reason why there is none, each from the router that says so."""

import subprocess
import sys

import pytest
from conftest import run, snapshot
from test_conditions import NOBODY

# a --- r --- b; the link to b takes smaller packets.
# No ICMP is held back; by net.ipv4.icmp_ratelimit=0, Linux 6.12 would hold back what its routes say.
ROUTER = """
for n in a r b; do ip netns add $n; ip -n $n link set lo up; done
ip link add name ar netns a type veth peer name ra netns r; ip link add name vb netns b type veth peer name rb netns r
ip -n a link set ar up; ip -n r link set ra up; ip -n b link set vb up mtu 1400; ip -n r link set rb up mtu 1400
for l in "a 1.1 1::1 ar" "r 1.254 1::fe ra" "b 2.1 2::1 vb" "r 2.254 2::fe rb"; do
    set -- $l
    ip -n $1 address add 10.0.$2/24 dev $4; ip -n $1 address add fd00:0:0:$3/64 dev $4 nodad
done
ip -n a route add default via 10.0.1.254; ip -n a route add default via fd00:0:0:1::fe
ip -n b route add default via 10.0.2.254; ip -n b route add default via fd00:0:0:2::fe
ip -n a route add unreachable 10.0.4.0/24; ip -n a route add prohibit 10.0.5.0/24
ip -n a route add blackhole 10.0.6.0/24; ip -n r route add prohibit 10.0.7.0/24
ip netns exec r sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
for n in a r b; do ip netns exec $n sysctl -qw net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratelimit=0; done
"""
NEAR, FAR, FAR6 = "10.0.1.254", "10.0.2.1", "fd00:0:0:2::1"


@pytest.fixture
def router(host):
    host.shell(ROUTER)
    # The first packets of a link that is just up wait for its own addresses.
    assert not run("reachability", netns=["a"], to=[FAR, FAR6], expect="all", wait=20).get("failed")
    return host


def said(**options):
    """What came of every pair from a, in words, without the pair."""
    result = run("reachability", netns=["a"], **options)
    assert not result.get("failed") and not result["changed"], result
    return [sentence.partition(": ")[2] for sentence in result["seen"]]


def test_replies_and_the_reasons_for_none(router):
    before = snapshot(router.observe())
    there = {
        "10.0.1.1": "a reply with ttl 64",
        FAR: "a reply with ttl 63",
        FAR6: "a reply with ttl 63",
        "10.0.9.1": "network unreachable at 10.0.1.254",
        "fd00:0:0:9::1": "network unreachable at fd00:0:0:1::fe",
        "10.0.1.77": "host unreachable at 10.0.1.1",
        "fd00:0:0:1::77": "host unreachable at fd00:0:0:1::1",
        "10.0.4.1": "host unreachable",
        "10.0.5.1": "prohibited",
        "10.0.6.1": "blackhole",
        "10.0.7.1": "prohibited at 10.0.1.254",
    }
    # Long enough for the kernel to give up looking for a neighbour.
    assert said(to=list(there), timeout=30) == list(there.values())
    assert snapshot(router.observe()) == before


def test_no_route_and_no_reply(router):
    router.shell("ip -n a route delete default", "ip netns exec b sysctl -qw net.ipv4.icmp_echo_ignore_all=1")
    router.shell("ip -n a route add 10.0.2.0/24 via 10.0.1.254")
    assert said(to=["198.51.100.1", FAR]) == ["network unreachable", "no reply"]


@pytest.mark.parametrize("protocol, port", [("icmp", None), ("udp", 7), ("tcp", 7)])
def test_a_ttl_that_is_too_small(router, protocol, port):
    near = ["ttl exceeded at 10.0.1.254", "ttl exceeded at fd00:0:0:1::fe"]
    assert said(to=[FAR, FAR6], protocol=protocol, port=port, send_ttl=1) == near


@pytest.mark.parametrize("protocol, port, arrived", [("icmp", None, "a reply"), ("udp", 7, "refused")])
def test_sizes(router, protocol, port, arrived):
    def sized(**options):
        return said(to=[NEAR, FAR, FAR6], protocol=protocol, port=port, **options)

    small = ["too big for mtu 1400 at 10.0.1.254", "too big for mtu 1400 at fd00:0:0:1::fe"]
    assert all(text.startswith(arrived) for text in sized(size=1400, dont_fragment=True))
    at_1401 = sized(size=1401, dont_fragment=True)
    assert at_1401[0].startswith(arrived) and at_1401[1:] == small
    assert sized(size=1401, dont_fragment=True)[1:] == small, "what the kernel has learned does not count"
    assert sized(size=1501, dont_fragment=True) == ["too big for mtu 1500"] * 3
    assert all(text.startswith(arrived) for text in sized(size=9000))


SERVER = """
import socket
tcp, udp = (socket.socket(socket.AF_INET6, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM))
for it in (tcp, udp):
    it.bind(("::", 7))
tcp.listen()
print("ready", flush=True)
while True:
    udp.sendto(*udp.recvfrom(9999))
"""


def test_tcp_and_udp(router):
    assert said(to=[FAR, FAR6], protocol="tcp", port=7) == ["refused", "refused"]
    assert said(to=[FAR, FAR6], protocol="udp", port=7) == ["refused at " + FAR, "refused at " + FAR6]
    command = ["ip", "netns", "exec", "b", sys.executable, "-c", SERVER]
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert server.stdout.readline() == b"ready\n"
        assert said(to=[FAR, FAR6], protocol="tcp", port=7) == ["a reply", "a reply"]
        assert said(to=[FAR, FAR6], protocol="udp", port=7, count=3) == ["a reply with ttl 63"] * 2
    finally:
        server.kill()
        server.communicate()


def test_a_link_local_address(router):
    found = router.output("ip -n r -6 -o address show dev ra scope link").split()[3].split("/")[0]
    # Until the kernel knows that nobody else has it, it does not answer for it.
    assert not run("reachability", netns=["a"], to=[found + "%ar"], expect="all", wait=20).get("failed")
    assert said(to=[found + "%ar", found + "%eth9"]) == ["a reply with ttl 64", "no such device"]


def test_counts_and_times(router):
    one = run("reachability", netns=["a"], to=[FAR], count=5)["matrix"]["a"][FAR]
    assert (one["sent"], one["received"]) == (5, 5) and 0 < one["rtt_min"] <= one["rtt_avg"]


def test_others_who_ping_are_others(router):
    ping = subprocess.Popen(
        ["ip", "netns", "exec", "a", "ping", "-q", "-i", "0.002", FAR],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        router.shell("ip netns exec b sysctl -qw net.ipv4.icmp_echo_ignore_all=1")
        assert said(to=[FAR]) == ["no reply"]
        router.shell("ip netns exec b sysctl -qw net.ipv4.icmp_echo_ignore_all=0")
        assert said(to=[FAR, "10.0.9.1"], count=9) == ["a reply with ttl 63", "network unreachable at 10.0.1.254"]
    finally:
        ping.kill()
        ping.wait()


def test_waits_for_what_is_expected(router):
    router.shell("ip -n r link set rb down", "(sleep 2; ip -n r link set rb up) >/dev/null 2>&1 &")
    late = run("reachability", pairs=[dict(netns="a", to=FAR, ttl=63)], wait=60)
    assert not late.get("failed"), late


def test_fails_with_a_table(router):
    wrong = run("reachability", netns=["a"], to=[FAR], pairs=[dict(netns="b", to="10.0.1.1", ttl=64)], expect="none")
    assert wrong["failed"] and not wrong["changed"]
    assert [line.split("  ")[0] for line in wrong["msg"].splitlines()][1:] == ["from", "a", "b"]
    assert wrong["differs"][1] == "from b to 10.0.1.1: expected a reply with ttl 64, seen a reply with ttl 63"
    dry = run("reachability", check=True, netns=["a", "later"], to=[FAR], expect="all")
    assert not dry.get("failed") and dry["matrix"]["a"][FAR]["ttl"] == 63
    assert "later" in str(dry["warnings"]) and "no such network namespace" in str(dry["seen"])


def test_a_thousand_pairs(host):
    names = ["n%d" % number for number in range(32)]
    lines = ["ip link add br0 up type bridge"]
    for number, name in enumerate(names):
        lines.append(
            "ip netns add %s; ip link add name p%d up master br0 type veth peer name e netns %s" % (name, number, name)
        )
        lines.append(
            "ip -n %s link set lo up; ip -n %s link set e up; ip -n %s address add 10.9.0.%d/24 dev e"
            % (*[name] * 3, number + 1)
        )
    host.shell(*lines)
    every = run(
        "reachability", netns=names, to=["10.9.0.%d" % (number + 1) for number in range(32)], expect="all", wait=60
    )
    assert not every.get("failed"), every["msg"]
    assert len(every["seen"]) == 1024 and {one["ttl"] for row in every["matrix"].values() for one in row.values()} == {
        64
    }


def test_without_root_one_sentence(router):
    refused = run("reachability", prefix=NOBODY, netns=["a"], to=[FAR])
    assert refused["failed"] and "needs root" in refused["msg"] and "\n" not in refused["msg"]


ROUTED = """
for n in 1 2; do
    ip netns add n$n; ip link add r$n up type veth peer name eth0 netns n$n; ip -n n$n link set eth0 up
    ip -n n$n address add 192.0.$n.2/24 dev eth0; ip address add 192.0.$n.1/24 dev r$n
    ip -n n$n route add default via 192.0.$n.1
done
sysctl -qw net.ipv4.ip_forward=1
nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; policy %s; }'
"""


@pytest.mark.needs("nft")
@pytest.mark.parametrize("policy", ["drop", "accept"])
def test_who_drops_what_is_forwarded_is_named(host, policy):
    host.shell(ROUTED % policy)
    try:
        said = run("reachability", pairs=[dict(netns="n1", to="192.0.2.2", reachable=True)], timeout=0.3)
        text = "The host drops what it forwards and no rule accepts"
        assert (text in str(said.get("msg"))) == (policy == "drop") == said.get("failed", False), said
        assert policy == "accept" or "the policy of the chain FORWARD of ip filter is DROP" in said["msg"]
    finally:
        host.shell("nft 'delete table ip filter'")


def test_explains_what_is_not_as_expected(router):
    router.shell("ip -n b route delete default")
    options = dict(netns=["a"], to=[NEAR, FAR], timeout=0.3, explain=True)
    said = run("reachability", expect="all", **options)
    why = "from a to 10.0.2.1: the packet arrives in b, which has no route back to 10.0.1.1"
    assert said["failed"] and said["reasons"] == [why] and said["msg"].splitlines()[-1] == why
    said = run("reachability", pairs=[dict(netns="a", to=NEAR, reachable=False)], explain=True)
    assert said["reasons"] == ["from a to 10.0.1.254: it goes by a > r"]
    assert run("reachability", netns=["a"], to=[NEAR], expect="all", explain=True)["reasons"] == []


LAN = """
ip netns add r; ip netns exec r sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_msgs_per_sec=10000
for n in 1 2 3 4 5 6; do
    ip netns add s$n; ip link add eth0 netns s$n type veth peer name r$n netns r
    ip -n s$n link set eth0 up; ip -n r link set r$n up
    ip -n s$n address add 10.0.$n.1/24 dev eth0; ip -n r address add 10.0.$n.254/24 dev r$n
    ip -n s$n route add default via 10.0.$n.254
done
ip -n s2 route delete default
ip netns exec s3 nft 'add table ip f; add chain ip f i { type filter hook input priority 0; }'
ip netns exec s3 nft 'add rule ip f i meta l4proto { icmp, udp } ct state new drop; add rule ip f i tcp dport 80 drop'
ip -n r address delete 10.0.4.254/24 dev r4
ip netns exec r nft 'add table ip f; add chain ip f p { type filter hook prerouting priority -150; }'
ip netns exec r nft 'add rule ip f p iifname r6 ip daddr 10.0.5.1 meta mark set 7'; ip -n r rule add fwmark 7 prohibit
"""
MARKED = "(rules of nftables in r give it the mark 7)"
RULE = "a rule of nftables in s3 drops it: table ip f, chain i, handle "


@pytest.mark.parametrize("more", [{}, dict(protocol="udp", port=7), dict(protocol="tcp", port=80)], ids=str)
def test_each_pair_of_a_matrix_has_its_own_reason(host, more):
    host.shell(LAN)
    everyone = [(n, to) for n in range(1, 7) for to in range(1, 7)]
    pairs = [dict(netns="s%d" % n, to="10.0.%d.1" % to, reachable=True) for n, to in everyone if n != to]
    assert not run("reachability", pairs=[dict(netns="s5", to="10.0.1.1")], expect="all", wait=20).get("failed")
    before = host.output("ip netns exec s3 nft list ruleset")
    reasons = dict(
        line.split(": ", 1) for line in run("reachability", pairs=pairs, timeout=0.5, explain=True, **more)["reasons"]
    )
    listens = "nothing in s%%d listens at %s port %s" % (more.get("protocol"), more.get("port"))
    # The way from s6 to s5 is also that of replies; what only says that nothing listens has no number.
    marked = {(6, 5)} if more.get("protocol") == "udp" else {(6, 5), (5, 6)}
    for n, to in everyone:
        reason = reasons.pop("from s%d to 10.0.%d.1" % (n, to), "")
        assert reason.endswith(MARKED) is ((n, to) in marked), reason
        if (n, to) in marked:
            continue
        if n == 2 != to:
            assert reason == "s2 has no route to 10.0.%d.1" % to
        elif 4 in (n, to) and n != to:
            assert "10.0.4." in reason
        elif to == 3 != n:
            assert reason.startswith(RULE)
        elif more and n != to:
            assert reason == listens % to
        elif to == 2 != n:
            assert reason == "the packet arrives in s2, which has no route back to 10.0.%d.1" % n
        else:
            assert not reason
    assert reasons == {}
    assert host.output("ip netns exec s3 nft list ruleset") == before


SWITCHED = """
ip link add br0 up type bridge
for n in 1 2 3 4; do
    ip netns add s$n; ip link add p$n up master br0 type veth peer name eth0 netns s$n
    ip -n s$n link set eth0 up; ip -n s$n address add 10.0.0.$n/24 dev eth0
done
"""


def test_the_way_of_a_packet_has_no_copies_that_nobody_takes(host):
    host.shell(SWITCHED)
    assert not run("reachability", netns=["s2"], to=["10.0.0.1"], expect="all", wait=20).get("failed")
    host.shell("ip -n s1 link set eth0 down")
    said = run("reachability", netns=["s2"], to=["10.0.0.1"], expect="all", explain=True, timeout=0.3)["explained"][0]
    assert said["where"] == dict(netns="s1", dev="eth0")
    assert [hop["netns"] for hop in said["hops"]] == ["s2", ""] and said["hops"][1]["links"] == ["p2", "p1"]
