# SPDX-License-Identifier: GPL-3.0-or-later
"""Reachability without packets: what is expected, what differs, how an error of the kernel reads."""

import socket
import struct

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.virtnet.linux.plugins.module_utils._core.values import Refused
from ansible_collections.virtnet.linux.plugins.module_utils._probe import Answer, checksum, echo_request, error_of
from ansible_collections.virtnet.linux.plugins.module_utils._reach import REACH, RULES, report, wanted


def wish_of(**params):
    checked = ArgumentSpecValidator(REACH, **RULES).validate(params)
    assert not checked.error_messages, checked.error_messages
    return wanted(checked.validated_parameters)[0]


def test_what_is_said_of_a_pair_goes_before_what_is_said_of_all():
    wish = wish_of(
        netns=["a", ""],
        to=["192.0.2.1", "2001:db8:0::1"],
        expect="all",
        pairs=[
            dict(netns="a", to="192.0.2.1", reachable=False),
            dict(to="192.0.2.1", ttl=63),
            dict(netns="a", to="fe80::1%eth0"),
        ],
    )
    assert {pair: str(expected) for pair, expected in wish.items()} == {
        ("a", "192.0.2.1"): "no reply",
        ("a", "2001:db8::1"): "a reply",
        ("", "192.0.2.1"): "a reply with ttl 63",
        ("", "2001:db8::1"): "a reply",
        ("a", "fe80::1%eth0"): "a reply",
    }


def test_the_table_of_what_differs():
    wish = wish_of(
        expect="all",
        to=["192.0.2.1", "192.0.2.2"],
        pairs=[
            dict(netns="blue", to="192.0.2.1", ttl=64),
            dict(netns="blue", to="192.0.2.200", reason="network unreachable"),
            dict(netns="blue", to="192.0.2.3", reachable=False),
        ],
    )
    answers = {
        ("", "192.0.2.1"): Answer(1, 1, 64),
        ("", "192.0.2.2"): Answer(1, reason="ttl exceeded", hop="10.0.0.1"),
        ("blue", "192.0.2.1"): Answer(1, 1, 63),
        ("blue", "192.0.2.200"): Answer(1, reason="too big", mtu=1400, hop="10.0.0.1"),
        ("blue", "192.0.2.3"): Answer(1, reason="network unreachable"),
    }
    result, failure = report(wish, answers)
    assert failure.splitlines() == [
        "3 of 5 pairs are not as expected:",
        "from      to           expected             seen",
        "the host  192.0.2.2    a reply              ttl exceeded at 10.0.0.1",
        "blue      192.0.2.1    a reply with ttl 64  a reply with ttl 63",
        "blue      192.0.2.200  network unreachable  too big for mtu 1400 at 10.0.0.1",
    ]
    assert result["differs"][0] == "from the host to 192.0.2.2: expected a reply, seen ttl exceeded at 10.0.0.1"
    assert len(result["seen"]) == 5 and result["matrix"]["blue"]["192.0.2.200"]["mtu"] == 1400


def test_nothing_expected_nothing_differs():
    assert report(wish_of(to=["192.0.2.1"]), {("", "192.0.2.1"): Answer(1, reason="no reply")})[1] is None


@pytest.mark.parametrize(
    "params, sentence",
    [
        (dict(to=["192.0.2.1/24"]), "to: '192.0.2.1/24' is no IP address (without a prefix length)"),
        (dict(to=["192.0.2.1%eth0"]), "to: 192.0.2.1%eth0: only an IPv6 address takes a link"),
        (dict(to=["fe80::1%a/b"]), "to: 'a/b' is no name for a link"),
        (dict(to=["192.0.2.1", "192.0.2.1"]), "to: 192.0.2.1 is given twice"),
        (dict(to=["192.0.2.1"], netns=["a; b"]), "netns: 'a; b' is no name"),
        (dict(to=["192.0.2.1"], port=80), "port: icmp has none"),
        (dict(to=["192.0.2.1"], protocol="tcp"), "port: tcp needs one"),
        (dict(to=["192.0.2.1"], protocol="udp", port=65536), "port: 65536 is not between 1 and 65535"),
        (dict(to=["192.0.2.1"], protocol="tcp", port=80, size=1500), "size: TCP decides"),
        (dict(to=["192.0.2.1"], count=0), "count: 0 is not between"),
        (dict(to=["192.0.2.1"], timeout=0), "timeout: 0.0 is not between"),
        (dict(to=["192.0.2.1"], wait=-1), "wait: -1.0 is not between"),
        (dict(to=["192.0.2.1"], size=35), "size: 35 is not between 36 and 65535"),
        (dict(to=["192.0.2.1", "::1"], size=40), "size: 40 is too small for a probe of ::1, which has 56 bytes"),
        (dict(to=["192.0.2.1"], send_ttl=256), "send_ttl: 256 is not between 1 and 255"),
        (dict(pairs=[dict(to="192.0.2.1", reachable=False, ttl=64)]), "pairs.ttl: "),
        (dict(pairs=[dict(to="192.0.2.1", reason="refused", ttl=64)]), "pairs.reason: "),
        (dict(pairs=[dict(to="192.0.2.1", ttl=0)]), "pairs.ttl: 0 is not between 1 and 255"),
        (
            dict(pairs=[dict(to="192.0.2.1"), dict(to="192.0.2.1")]),
            "pairs: the pair from the host to 192.0.2.1 is given twice",
        ),
        (dict(protocol="tcp", port=80, pairs=[dict(to="192.0.2.1", ttl=64)]), "pairs.ttl: a TCP connection"),
    ],
)
def test_refuses(params, sentence):
    with pytest.raises(Refused) as refused:
        wish_of(**params)
    assert str(refused.value).startswith(sentence)


def test_checksum_of_an_echo_request_adds_up():
    assert checksum(echo_request(socket.AF_INET, 7, 3, b"odd")) == 0


def test_an_error_with_its_router():
    error = struct.pack("=IBBBxII", 90, 2, 3, 4, 1400, 0) + struct.pack("=HH4s8x", socket.AF_INET, 0, b"\x0a\0\0\1")
    assert error_of([(socket.IPPROTO_IP, 11, error)]) == ("too big", "10.0.0.1", 1400)
    error = struct.pack("=IBBBxII", 113, 3, 3, 0, 0, 0) + struct.pack(
        "=HHI16sI", socket.AF_INET6, 0, 0, b"\xfd" + 15 * b"\0", 0
    )
    assert error_of([(socket.IPPROTO_IPV6, 25, error)]) == ("ttl exceeded", "fd00::", None)
