# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every link of a namespace at once: one packet socket, with a filter for the probe."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from contextlib import suppress

from .._namespaces import libc
from .._trace.packet import HSR_TAGS, Sighting, frame_of, innermost

SOL_PACKET, AUXDATA, ATTACH_FILTER, TIMESTAMPNS, RCVBUFFORCE = 263, 8, 26, 35, 33
OUTGOING, OTHERHOST, VLAN_VALID = 4, 3, 0x10
NET = 0xFFF00000  # SKF_NET_OFF: offsets from the network header, so that it is one filter for links of every type
PROTOCOL = 0xFFFFF000  # SKF_AD_OFF
LENGTH, LOAD_WORD, LOAD_HALF, LOAD_BYTE, AND, EQUAL, AT_LEAST, RETURN = 0x80, 0x20, 0x28, 0x30, 0x54, 0x15, 0x35, 6
JUMP = 5
# Where the payload of a probe can begin after the network header: IPv4 and IPv6 with ICMP or UDP, quoted in an ICMP
# error, and in tunnels. These are of IP, of UDP with vxlan, and of GRE with up to three of a checksum, a key and a
# number, alone or before a frame.
GRE = [ip + 4 * words + frame for ip in (20, 40) for words in (1, 2, 3, 4) for frame in (0, 14)]
PLAIN, QUOTED, TUNNEL = [28, 48], [56, 96], sorted({20, 40, 50, 70, *GRE})
HSR = 6  # bytes: its tag
TAGGED = [p + more for p in PLAIN for more in (4, HSR)]
OFFSETS = sorted({*PLAIN, *QUOTED, *TAGGED, *(t + p for t in TUNNEL for p in PLAIN)})


class Program:
    """A classic BPF program with labels."""

    def __init__(self):
        self.code, self.labels = [], {}

    def add(self, code, value, yes=0, no=0):
        self.code.append((code, yes, no, value & 0xFFFFFFFF))

    def label(self, name):
        self.labels[name] = len(self.code)

    def longer(self, count, label):
        """Go to the label unless there are so many bytes: a load past the end would end the program."""
        self.add(LENGTH, 0)
        self.add(AT_LEAST, count + 14, 0, label)

    def bytes(self):
        out = b""
        for number, (code, yes, no, value) in enumerate(self.code):
            yes, no = (self.labels[to] - number - 1 if to in self.labels else to for to in (yes, no))
            out += struct.pack("=HBBI", code, yes, no, value)
        return out


def program(marks):
    """What lets pass ARP, neighbour discovery, what has the token at one of the offsets, and TCP of the ports."""
    it = Program()
    it.add(LOAD_HALF, PROTOCOL)
    it.add(EQUAL, 0x0806, "yes")
    for tag in HSR_TAGS:
        it.add(EQUAL, tag, "hsr")
    it.add(EQUAL, 0x86DD, 0, "token")
    it.longer(41, "token")
    it.add(LOAD_BYTE, NET + 6)
    it.add(EQUAL, 58, 0, "token")
    it.add(LOAD_BYTE, NET + 40)
    it.add(EQUAL, 135, "yes")
    it.add(EQUAL, 136, "yes")
    it.add(JUMP, 2)
    it.label("hsr")
    it.add(LOAD_HALF, NET + 4)
    it.add(EQUAL, 0x0806, "yes")
    it.label("token")
    for offset in OFFSETS:
        it.longer(offset + 4, "tcp")
        it.add(LOAD_WORD, NET + offset)
        it.add(EQUAL, struct.unpack("!I", marks.token)[0], "yes")
    it.add(JUMP, 1)
    it.label("yes")
    it.add(RETURN, 0x40000)
    it.label("tcp")
    for at in [0, HSR, *TUNNEL] if marks.sport else ():
        for version, protocol, ports in ((0x40, 9, 20), (0x60, 6, 40)):
            tcp_at(it, marks, at, version, protocol, ports)
    it.add(RETURN, 0)
    return it.bytes()


def tcp_at(it, marks, at, version, protocol, ports):
    """Let pass TCP of the ports whose network header is there."""
    end = "not %x at %d" % (version, at)
    it.longer(at + ports + 4, end)
    it.add(LOAD_BYTE, NET + at)
    it.add(AND, 0xF0)
    it.add(EQUAL, version, 0, end)
    it.add(LOAD_BYTE, NET + at + protocol)
    it.add(EQUAL, socket.IPPROTO_TCP, 0, end)
    for port in (ports, ports + 2):
        it.add(LOAD_HALF, NET + at + port)
        it.add(AT_LEAST, marks.sport, 0, 2)
        it.add(AT_LEAST, marks.sport + marks.count, 1, 0)
        it.add(RETURN, 0x40000)
    it.label(end)


class Tap:
    """The packet socket of a namespace. It gives frames as they are on the links."""

    def __init__(self, kernel, netns, marks):
        self.netns, self.marks = netns, marks
        with kernel.inside(netns):
            # Protocol 0: nothing comes before the filter is there.
            self.socket = socket.socket(
                socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0
            )
            self.names = dict(socket.if_nameindex())
        code = program(marks)
        buffer = ctypes.create_string_buffer(code, len(code))
        where = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
        self.socket.setsockopt(socket.SOL_SOCKET, ATTACH_FILTER, where)
        self.socket.setsockopt(SOL_PACKET, AUXDATA, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, TIMESTAMPNS, 1)
        with suppress(PermissionError):
            self.socket.setsockopt(socket.SOL_SOCKET, RCVBUFFORCE, 1 << 20)
        # All links, also those that come later: for that Python's own bind has no name.
        address = struct.pack("=HHiHBB8s", socket.AF_PACKET, socket.htons(3), 0, 0, 0, 0, b"")
        if libc.bind(self.socket.fileno(), address, len(address)):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))

    def read(self):
        """What was seen: frames of the probe, and questions for neighbours."""
        while True:
            try:
                data, ancillary, dummy, where = self.socket.recvmsg(2048, 256)
            except BlockingIOError:
                return
            except OSError as e:
                if e.errno == errno.ENETDOWN:
                    continue
                raise
            dummy, protocol, kind, hardware, dummy = where
            vid, when = vlan_and_time(ancillary)
            number, token = self.marks.numbered(data)
            frame = frame_of(data, hardware, protocol, vid, token)
            if frame is not None and frame.packet is not None and number is None:
                inner = innermost(frame.packet)
                quoted = inner.inner if inner.error else None
                ports = (inner.sport, inner.dport, quoted and quoted.sport)
                number = self.marks.of_ports(*ports)
            if frame is not None and (frame.packet is None or number is not None):
                way = "out" if kind == OUTGOING else "in"
                yield Sighting(when, self.netns, where[0], way, frame, kind == OTHERHOST, number)


def vlan_and_time(ancillary):
    vid, when = None, 0
    for level, kind, value in ancillary:
        if (level, kind) == (SOL_PACKET, AUXDATA):
            status, tci = struct.unpack_from("=I12xH", value)[0], struct.unpack_from("=H", value, 16)[0]
            vid = tci & 0xFFF if status & VLAN_VALID else None
        elif (level, kind) == (socket.SOL_SOCKET, TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("@ll", value)
            when = seconds * 10**9 + nanoseconds
    return vid, when
