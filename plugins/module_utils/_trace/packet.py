# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets and frames: as they are to be sent, and as they were seen."""

from __future__ import annotations

import socket
import struct
from typing import Any, Optional, Tuple

from .._core.values import Value, replace
from .._core.words import IP_PROTOCOLS

TTL = 64  # where nothing says another
BROADCAST = "ff:ff:ff:ff:ff:ff"
ETHERNET, ARP, IPV4, IPV6, TEB = (1, 772), 0x0806, 0x0800, 0x86DD, 0x6558
TAGS = (0x8100, 0x88A8)
HSR_TAGS = (0x892F, 0x88FB)  # of its version 1, and of 0; six bytes, of which the last two say what follows
NUMBERS = dict(IP_PROTOCOLS, icmp6=58, ipip=4, ipv6=41)
NAMES = {number: name for name, number in NUMBERS.items()}
NAMES[58] = "icmp6"
# What ICMP errors mean, by (IP version, type).
ERRORS = {
    (4, 3): "unreachable",
    (4, 11): "ttl exceeded",
    (6, 1): "unreachable",
    (6, 2): "too big",
    (6, 3): "ttl exceeded",
    (4, 5): "redirect",
    (6, 137): "redirect",
}
GRE_FLAGS = {"csum": 0x8000, "seq": 0x1000}
TUNNEL_PORTS = (4789, 8472, 6081)


class Packet(Value):
    """An IP packet."""

    src: str
    dst: str
    protocol: str = "icmp"  # icmp, icmp6, tcp, udp, or what carries another packet
    sport: Optional[int] = None
    dport: Optional[int] = None
    size: int = 84
    ttl: int = TTL
    mark: int = 0
    dont_fragment: bool = False
    reply: bool = False
    error: str = ""  # of an ICMP error: what it says
    mtu: Optional[int] = None  # of one that says too big
    inner: Any = None  # the packet or frame that it carries
    vni: Optional[int] = None
    key: Optional[int] = None
    gre: Tuple[str, ...] = ()  # what the head of GRE has beside a key: csum, seq

    @property
    def six(self):
        return ":" in self.dst

    @property
    def number(self):
        return NUMBERS.get(self.protocol, 0)

    def answer(self):
        """The reply to it."""
        ends = dict(src=self.dst, dst=self.src, sport=self.dport, dport=self.sport)
        # Whoever replies to a ping of IPv4 lets others fragment it.
        dont = self.dont_fragment and self.protocol != "icmp"
        return replace(self, reply=not self.reply, ttl=TTL, mark=0, dont_fragment=dont, **ends)

    def words(self):
        ports = [":%s" % port if port else "" for port in (self.sport, self.dport)]
        return "%s%s > %s%s" % (self.src, ports[0], self.dst, ports[1])


class Frame(Value):
    """A packet on a link; without one it asks who has an address."""

    packet: Optional[Packet] = None
    dmac: str = ""  # empty where links carry packets alone
    tags: Tuple[int, ...] = ()
    asks: str = ""  # the address that is asked for
    smac: str = ""
    hsr: int = 0  # the type of its tag of HSR

    @property
    def size(self):
        return self.packet.size if self.packet else 28

    def tagged(self, vid):
        return replace(self, tags=(vid, *self.tags))

    def untagged(self):
        return replace(self, tags=self.tags[1:])


class Marks(Value):
    """By what probes are known among all packets: what their payloads begin with, or their TCP ports."""

    token: bytes  # the number of the probe follows
    count: int = 1
    sport: int = 0  # that of the first probe by TCP; each has the next

    def numbered(self, data):
        """The number and the token of the probe that these bytes are of, or quote."""
        at = data.find(self.token)
        token = data[at : at + len(self.token) + 4] if at >= 0 else b""
        number = int.from_bytes(token[len(self.token) :], "big")
        return (number, token) if len(token) == len(self.token) + 4 and number < self.count else (None, b"")

    def of_ports(self, *ports):
        """The number of the TCP probe with one of these ports."""
        near = [port - self.sport for port in ports if port and self.sport]
        return next((number for number in near if 0 <= number < self.count), None)


class Sighting(Value):
    """A frame that was seen on a link."""

    when: int
    netns: str
    dev: str
    way: str  # in or out
    frame: Frame
    foreign: bool = False  # for another MAC address
    number: Optional[int] = None  # of the probe; a question for a neighbour is nobody's

    @property
    def packet(self):
        return self.frame.packet


def frame_of(data, hardware, protocol, vid=None, token=b""):
    """The frame of the bytes that a packet socket gives; None where it is neither IP nor ARP."""
    dmac = smac = ""
    tags = (vid,) if vid is not None else ()
    if hardware in ETHERNET:
        dmac, smac = data[:6].hex(":"), data[6:12].hex(":")
        protocol = struct.unpack_from("!H", data, 12)[0]
        data = data[14:]
    while protocol in TAGS and len(data) >= 4:
        tci, protocol = struct.unpack_from("!HH", data)
        tags += (tci & 0xFFF,)
        data = data[4:]
    hsr = protocol if protocol in HSR_TAGS and len(data) >= 6 else 0
    if hsr:
        protocol, data = struct.unpack_from("!H", data, 4)[0], data[6:]
    if protocol == ARP and len(data) >= 28:
        asks = socket.inet_ntoa(data[24:28]) if data[7] == 1 else ""
        return Frame(None, dmac, tags, asks or "-", smac, hsr)
    packet = packet_of(data, protocol, token)
    if packet is not None and packet.protocol == "icmp6" and isinstance(packet.inner, str):
        return Frame(None, dmac, tags, packet.inner, smac, hsr)
    return packet and Frame(packet, dmac, tags, "", smac, hsr)


def packet_of(data, protocol, token=b""):
    """The IP packet of some bytes."""
    try:
        if protocol == IPV4:
            head, number, ttl = (data[0] & 15) * 4, data[9], data[8]
            src, dst = (socket.inet_ntop(socket.AF_INET, data[at : at + 4]) for at in (12, 16))
            size, df = struct.unpack_from("!H", data, 2)[0], bool(data[6] & 0x40)
        elif protocol == IPV6:
            head, number, ttl, df = 40, data[6], data[7], True
            src, dst = (socket.inet_ntop(socket.AF_INET6, data[at : at + 16]) for at in (8, 24))
            size = 40 + struct.unpack_from("!H", data, 4)[0]
        else:
            return None
        packet = Packet(src, dst, NAMES.get(number, str(number)), size=size, ttl=ttl, dont_fragment=df)
        return with_payload(packet, data[head:], number, token)
    except (IndexError, struct.error, ValueError):
        return None


def with_payload(packet, data, number, token):
    """A packet with what its payload says of it."""
    if number in (6, 17):
        sport, dport = struct.unpack_from("!HH", data)
        packet = replace(packet, sport=sport, dport=dport)
        if number == 17 and dport in TUNNEL_PORTS and not (token and data[8:].startswith(token)):
            return over_udp(packet, data[8:], token)
        return packet
    if number in (4, 41):
        return replace(packet, inner=packet_of(data, IPV4 if number == 4 else IPV6, token))
    if number == 47:
        return in_gre(packet, data, token)
    if number in (1, 58):
        return of_icmp(packet, data, 6 if number == 58 else 4, token)
    return packet


def over_udp(packet, data, token):
    """vxlan has 8 bytes before the frame, geneve as many and its options."""
    geneve = packet.dport == 6081
    head = 8 + (data[0] & 63) * 4 * geneve
    return replace(packet, inner=frame_of(data[head:], 1, 0, None, token), vni=int.from_bytes(data[4:7], "big"))


def in_gre(packet, data, token):
    flags, protocol = struct.unpack_from("!HH", data)
    at = 4 + (4 if flags & 0x8000 else 0)
    key = struct.unpack_from("!I", data, at)[0] if flags & 0x2000 else None
    at += 4 * bool(flags & 0x2000) + 4 * bool(flags & 0x1000)
    inner = frame_of(data[at:], 1, 0, None, token) if protocol == TEB else packet_of(data[at:], protocol, token)
    more = tuple(name for name, bit in GRE_FLAGS.items() if flags & bit)
    return replace(packet, inner=inner, key=key, gre=more)


def of_icmp(packet, data, version, token):
    kind, code = data[0], data[1]
    if (version, kind) in ERRORS:
        said = ERRORS[version, kind]
        too_big = said == "too big" or (version, kind, code) == (4, 3, 4)
        mtu = struct.unpack_from("!I", data, 4)[0] & 0xFFFF if too_big else None
        quoted = packet_of(data[8:], IPV6 if version == 6 else IPV4, token)
        said = "too big" if too_big else "%s (%d/%d)" % (said, kind, code)
        return replace(packet, error=said, mtu=mtu, inner=quoted)
    if version == 6 and kind in (135, 136):
        # Neighbour discovery: whom it asks for; an answer asks for nobody.
        return replace(packet, inner=socket.inet_ntop(socket.AF_INET6, data[8:24]) if kind == 135 else "-")
    ident = struct.unpack_from("!H", data, 4)[0]
    return replace(packet, reply=kind in (0, 129), sport=None, dport=None, key=ident)


def innermost(packet):
    """The packet that some outer ones carry."""
    while packet is not None and packet.inner is not None and not packet.error:
        inner = packet.inner.packet if isinstance(packet.inner, Frame) else packet.inner
        if not isinstance(inner, Packet):
            return packet
        packet = inner
    return packet
