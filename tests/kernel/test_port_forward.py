# SPDX-License-Identifier: GPL-3.0-or-later
"""What a forwarded port does to connections."""

import subprocess

import pytest
from conftest import run

THERE = """
ip netns add guest; ip netns add outside
ip link add lan0 up type veth peer name eth0 netns guest; ip address add 192.168.1.1/24 dev lan0
ip link add up0 up type veth peer name eth0 netns outside; ip address add 203.0.113.1/24 dev up0
ip address add 2001:db8::1/64 dev up0 nodad; ip address add 2001:db8:1::1/64 dev lan0 nodad
for n in guest outside; do ip -n $n link set eth0 up; done
ip -n guest address add 192.168.1.10/24 dev eth0; ip -n outside address add 203.0.113.2/24 dev eth0
ip -n guest address add 2001:db8:1::10/64 dev eth0 nodad; ip -n outside address add 2001:db8::2/64 dev eth0 nodad
ip -n guest route add default via 192.168.1.1; ip -n guest route add default via 2001:db8:1::1
sysctl -qw net.ipv4.ip_forward=1; sysctl -qw net.ipv6.conf.all.forwarding=1
"""
SERVER = """import socket
it = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
while True: it.accept()"""


@pytest.fixture
def listening(host):
    """The router with a guest that listens at port 80."""
    host.shell(THERE)
    with subprocess.Popen(["ip", "netns", "exec", "guest", "python3", "-c", SERVER]) as server:
        host.shell("until ip netns exec guest ss -Hltn 'sport = 80' | grep -q LISTEN; do sleep 0.01; done")
        yield host
        server.kill()


def reason(netns, to, port=8080, **more):
    """Why a connection is not made; None if it is."""
    said = run("reachability", netns=[netns], to=[to], protocol="tcp", port=port, **more)
    return said["matrix"][netns][to]["reason"]


@pytest.mark.parametrize(
    ("backend", "router", "guest"),
    [
        pytest.param("nft", "203.0.113.1", "192.168.1.10", marks=pytest.mark.needs("nft")),
        ("iptables", "203.0.113.1", "192.168.1.10"),
        pytest.param("nft", "2001:db8::1", "2001:db8:1::10", marks=pytest.mark.needs("nft")),
        ("iptables", "2001:db8::1", "2001:db8:1::10"),
    ],
)
def test_a_forwarded_port(listening, backend, router, guest):
    rule = dict(name="web", in_interface="up0", dport="8080", to=guest, to_port=80, backend=backend)
    assert reason("outside", router) == "refused"
    assert run("nat_port_forward", **rule)["changed"]
    assert reason("outside", router, expect="all", wait=5) is None
    assert reason("outside", router, 8081) == "refused" and reason("", router) == "refused"
    elsewhere = "198.51.100.0/24" if guest[0] == "1" else "2001:db8:2::/48"
    assert run("nat_port_forward", **dict(rule, source=elsewhere))["changed"]
    assert reason("outside", router) == "refused"
    family = "ipv4" if guest[0] == "1" else "ipv6"
    assert run("nat_port_forward", name="web", family=family, state="absent")["changed"]
    assert reason("outside", router) == "refused"
