# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets as data: what of each header is told, from the outermost to the innermost."""

import json
import struct
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from conftest import environment

DECODE = Path(__file__).parents[2] / "plugins/plugin_utils/decode.py"
ETHER = bytes.fromhex("020000000002 020000000001")
ECHO = bytes.fromhex("0800 f7ff 0000 0000")


def ipv4(number, rest, ends="0a000001 0a000002"):
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(rest), 1, 0, 64, number, 0) + bytes.fromhex(ends) + rest


def ipv6(number, rest):
    ends = bytes.fromhex("20010db8" + 23 * "0" + "1" + "20010db8" + 23 * "0" + "2")
    return struct.pack("!IHBB", 6 << 28, len(rest), number, 63) + ends + rest


def udp(port, rest):
    return struct.pack("!HHHH", 5555, port, 8 + len(rest), 0) + rest


INNER = ipv4(1, ECHO, "c0000201 c0000202")
FRAME = ETHER + b"\x08\x00" + INNER
OUTER, ECHOED = "10.0.0.1 > 10.0.0.2, ", "192.0.2.1 > 192.0.2.2, icmp echo-request"
SIX = "2001:db8::1 > 2001:db8::2"


def decoded(frame, link=1):
    """What is said of one packet; link: 1 is Ethernet, 101 is none."""
    pcap = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)
    pcap += struct.pack("=IIII", 7, 500000, len(frame), len(frame)) + frame
    done = subprocess.run(
        [sys.executable, str(DECODE)],
        input=json.dumps([b64encode(pcap).decode()]),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    ((packet,),) = json.loads(done.stdout)
    assert (packet["time"], packet["length"]) == (7.5, len(frame))
    return packet


@pytest.mark.parametrize(
    "frame, text",
    [
        (FRAME, ECHOED),
        (ETHER + b"\x81\0\0\x64\x08\0" + INNER, "vlan 100, " + ECHOED),
        (ETHER + b"\x88\xa8\0\x0a\x81\0\0\x64\x08\0" + INNER, "vlan 10, vlan 100, " + ECHOED),
        (ETHER + b"\x08\0" + ipv4(4, INNER), OUTER + "ipip, " + ECHOED),
        (
            ETHER + b"\x08\0" + ipv4(41, ipv6(58, b"\x80\0\0\0\0\x01\0\x02")),
            OUTER + "ip6, " + SIX + ", icmpv6 echo-request",
        ),
        (ETHER + b"\x08\0" + ipv4(47, b"\0\0\x08\0" + INNER), OUTER + "gre, " + ECHOED),
        (ETHER + b"\x08\0" + ipv4(47, b"\0\0\x65\x58" + FRAME), OUTER + "gre, " + ECHOED),
        (
            ETHER + b"\x08\0" + ipv4(17, udp(4789, b"\x08\0\0\0\0\0\x2a\0" + FRAME)),
            OUTER + "udp 5555 > 4789, vxlan 42, " + ECHOED,
        ),
        (
            ETHER + b"\x08\0" + ipv4(17, udp(6081, b"\0\0\x65\x58\0\0\x2a\0" + FRAME)),
            OUTER + "udp 5555 > 6081, geneve 42, " + ECHOED,
        ),
        (ETHER + b"\x86\xdd" + ipv6(4, INNER), SIX + ", ipip, " + ECHOED),
        (ETHER + b"\x86\xdd" + ipv6(17, udp(53, b"")), SIX + ", udp 5555 > 53"),
        (
            ETHER + b"\x08\0" + ipv4(1, b"\x0b\0\0\0\0\0\0\0" + INNER),
            OUTER + "icmp time-exceeded, about " + ECHOED,
        ),
        (
            ETHER + b"\x08\x06\0\x01\x08\0\x06\x04\0\x01" + ETHER[6:] + b"\x0a\0\0\x01" + 6 * b"\0" + b"\x0a\0\0\x02",
            "arp request 10.0.0.1 > 10.0.0.2",
        ),
        (ETHER + b"\x12\x34junk", "raw"),
    ],
)
def test_text(frame, text):
    assert decoded(frame)["text"] == text


def test_without_a_link_layer():
    packet = decoded(INNER, link=101)
    assert packet["text"] == ECHOED and packet["headers"][0]["protocol"] == "ipv4"


def test_headers():
    headers = decoded(ETHER + b"\x88\xa8\0\x0a\x81\0\xa0\x64\x08\0" + ipv4(47, b"\x20\0\x08\0\0\0\0\x07" + INNER))[
        "headers"
    ]
    assert [one["protocol"] for one in headers] == ["ethernet", "vlan", "vlan", "ipv4", "gre", "ipv4", "icmp"]
    assert headers[0] == dict(protocol="ethernet", src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    assert headers[1] == dict(protocol="vlan", id=10, priority=0, tag="802.1ad")
    assert headers[2] == dict(protocol="vlan", id=100, priority=5, tag="802.1Q")
    assert headers[4] == dict(protocol="gre", key=7)
    assert headers[5]["src"] == "192.0.2.1" and headers[5]["ttl"] == 64
    assert headers[6] == dict(protocol="icmp", type="echo-request", code=0, id=0, seq=0)


def capture(**more):
    return dict(dict(netns="n1", dev="eth0", pcap="MQ=="), **more)


HARM = [
    capture(netns="../../etc/cron.d/x"),
    capture(netns="/etc/cron.d/x"),
    capture(dev="../x"),
    capture(netns=".."),
    capture(netns=7),
    capture(pcap=None),
    dict(netns="n1"),
    "n1",
]


ASK = """
import json, sys
from ansible_collections.virtnet.linux.plugins.action.packet_capture import is_capture
print(json.dumps([is_capture(one) for one in json.load(sys.stdin)]))
"""


def test_a_host_chooses_no_file():
    """In a process of its own, as what it needs of Ansible changes how collections are found."""
    told = json.dumps([capture(), capture(netns=""), *HARM])
    python = [sys.executable, "-c", ASK]
    done = subprocess.run(python, env=environment(), input=told, stdout=subprocess.PIPE, check=True, text=True)
    assert json.loads(done.stdout) == [True, True] + [False] * len(HARM)
