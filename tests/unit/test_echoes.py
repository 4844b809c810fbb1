# SPDX-License-Identifier: GPL-3.0-or-later
"""The pings among captured packets as lines."""

import pytest

from ansible_collections.virtnet.linux.plugins.filter.echoes import FilterModule

echoes = FilterModule().filters()["echoes"]
ETHERNET = dict(protocol="ethernet", src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
REQUEST, REPLY = dict(protocol="icmp", type="echo-request"), dict(protocol="icmp", type="echo-reply")


def ip(src, dst, protocol="ipv4"):
    return dict(protocol=protocol, src=src, dst=dst, ttl=64)


def vlan(number, tag="802.1Q"):
    return dict(protocol="vlan", id=number, tag=tag)


def packet(*headers, dev="eth0", netns="red"):
    return dict(dev=dev, netns=netns, headers=[ETHERNET, *headers])


THERE = ip("192.0.2.1", "192.0.2.2")
SIX = ip("2001:db8::1", "2001:db8::2", "ipv6")
OUTER = ip("10.0.0.1", "10.0.0.2")
VXLAN = dict(protocol="udp", sport=5555, dport=4789), dict(protocol="vxlan", id=42), ETHERNET


@pytest.mark.parametrize(
    "headers, line",
    [
        ([THERE, REQUEST], "192.0.2.1 > 192.0.2.2 request"),
        ([ip("192.0.2.2", "192.0.2.1"), REPLY], "192.0.2.2 > 192.0.2.1 reply"),
        ([SIX, dict(protocol="icmpv6", type="echo-reply")], "2001:db8::1 > 2001:db8::2 reply"),
        ([vlan(100), THERE, REQUEST], "802.1Q 100 192.0.2.1 > 192.0.2.2 request"),
        ([vlan(5, "802.1ad"), vlan(7), THERE, REQUEST], "802.1ad 5 802.1Q 7 192.0.2.1 > 192.0.2.2 request"),
        ([OUTER, THERE, REQUEST], "10.0.0.1 > 10.0.0.2: 192.0.2.1 > 192.0.2.2 request"),
        ([SIX, dict(protocol="gre"), THERE, REPLY], "2001:db8::1 > 2001:db8::2: 192.0.2.1 > 192.0.2.2 reply"),
        ([OUTER, *VXLAN, vlan(7), THERE, REQUEST], "10.0.0.1 > 10.0.0.2: 802.1Q 7 192.0.2.1 > 192.0.2.2 request"),
    ],
)
def test_a_line_says_tags_and_addresses_from_the_outermost_to_the_innermost(headers, line):
    assert echoes([packet(*headers)]) == ["eth0 in red: " + line]


def test_other_packets_have_no_line():
    late = dict(protocol="icmp", type="time-exceeded")
    others = [
        [dict(protocol="arp", operation="request", src="192.0.2.1", dst="192.0.2.2")],
        [THERE, dict(protocol="udp", sport=7, dport=7)],
        [OUTER, late, dict(THERE, quoted=True), dict(REQUEST, quoted=True)],
    ]
    assert echoes([packet(*headers) for headers in others]) == []


def test_what_passes_more_than_once_is_one_line_that_says_so():
    here, there = packet(THERE, REQUEST, netns=""), packet(THERE, REQUEST)
    assert echoes([here, there, here]) == [
        "eth0 in the host: 192.0.2.1 > 192.0.2.2 request, 2 times",
        "eth0 in red: 192.0.2.1 > 192.0.2.2 request",
    ]
