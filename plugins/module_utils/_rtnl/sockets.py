# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What listens: single look-ups of sockets, and why one does not take a packet."""

from __future__ import annotations

import errno
import socket
import struct
from functools import lru_cache

from .._core.words import family_of
from .netlink import DUMP, Netlink, ip, nested

INET_DIAG, DIAG_BY_FAMILY, V6ONLY = 4, 20, 11
STATES = {"tcp": 1 << 10, "udp": 1 << 7 | 1 << 1}  # listening; UDP has open and connected ones
ANY = "0.0.0.0", "::"  # noqa: S104


class Sockets:
    """What listens in network namespaces."""

    def __init__(self, kernel, state):
        self.kernel, self.state, self.diag = kernel, state, {}

    def takes(self, netns, packet, dev, vrf, accepts):
        """Whether a socket takes a packet; else at what one listens on that port, or nothing.

        What comes by a VRF is for sockets bound to it or to the link; for others where the kernel `accepts` that.
        """
        for name in dict.fromkeys((dev, vrf) if vrf else (dev,)):
            bound = self.found(netns, packet, name)
            if bound is not None and (bound or not vrf or accepts):
                return True
        near = sorted(self.others(netns, packet), key=lambda one: one[0] != family_of(packet.dst))
        return near[0][1] if near else self.listed(netns, packet)

    def ask(self, netns, flags, body):
        if netns not in self.diag:
            with self.kernel.inside(netns):
                self.diag[netns] = Netlink(INET_DIAG)
        return self.diag[netns].exchange(DIAG_BY_FAMILY, flags, body)

    def found(self, netns, packet, dev):
        """The number of the link to which the socket that takes a packet is bound, or 0; None if none takes it."""
        family = family_of(packet.dst)
        ends = [(packet.dport, packet.dst), (packet.sport or 1, packet.src)]
        # For UDP the kernel takes both ends the other way round.
        ends = ends[::-1] if packet.protocol == "udp" else ends
        ports = struct.pack("!HH", *(port for port, dummy in ends))
        addresses = b"".join(socket.inet_pton(family, address).ljust(16, b"\0") for dummy, address in ends)
        index = self.state.link((netns, dev)).index if dev else 0
        body = struct.pack("=BBBxI", family, packet.number, 0, 0xFFFFFFFF)
        body += ports + addresses + struct.pack("=III", index, 0xFFFFFFFF, 0xFFFFFFFF)
        try:
            return struct.unpack_from("=I", self.ask(netns, 0, body)[0], 40)[0]
        except OSError as e:
            if e.errno != errno.ENOENT:
                raise
            return None

    def others(self, netns, packet):
        """The (family, words) of the sockets on the port of a packet that do not take it."""
        names = self.kernel.netlink(netns).names
        for family in (socket.AF_INET, socket.AF_INET6):
            head = struct.pack("=BBBxI", family, packet.number, 0, STATES[packet.protocol])
            for raw in self.ask(netns, DUMP, head + bytes(48)):
                if struct.unpack_from("!H", raw, 4)[0] == packet.dport:
                    yield family, words(raw, family, names)

    def listed(self, netns, packet):
        """What the files of the kernel say, where it does not answer for sockets."""
        at, any_listed = [], False
        with self.kernel.inside(netns):
            for six in (False, True):
                try:
                    with open("/proc/thread-self/net/%s%s" % (packet.protocol, "6" if six else "")) as f:
                        lines = f.read().splitlines()[1:]
                except OSError:
                    continue
                at += [
                    where for where, port in map(bound, lines, [packet.protocol] * len(lines)) if port == packet.dport
                ]
                any_listed = True
        for address in at:
            if address == packet.dst or address == "::" or (address == "0.0.0.0" and not packet.six):  # noqa: S104
                return True
        return at[0] if at else False if any_listed else None

    def close(self):
        for netlink in self.diag.values():
            netlink.socket.close()


def words(raw, family, names):
    """At what a socket listens, as ss(8) spells it."""
    size = 4 if family == socket.AF_INET else 16
    port, dst = struct.unpack_from("!H", raw, 6)[0], ip(raw[24 : 24 + size])
    index = struct.unpack_from("=I", raw, 40)[0]
    dev = "%%%s" % names.get(index, index) if index else ""
    only = " for IPv6 alone" if dict(nested(raw, 72)).get(V6ONLY, b"\0") != b"\0" else ""
    return ip(raw[8 : 8 + size]) + dev + (" from %s port %d alone" % (dst, port) if dst not in ANY else only)


@lru_cache(maxsize=1)
def little():
    return struct.pack("=H", 1) == b"\1\0"


def bound(line, protocol):
    """The (address, port) of a socket that takes packets from all; nothing of others."""
    parts = line.split()
    address, dummy, port = parts[1].partition(":")
    state = parts[3]
    if (protocol == "tcp" and state != "0A") or (protocol == "udp" and state != "07"):
        return "", 0
    raw = bytes.fromhex(address)
    raw = b"".join(raw[n : n + 4][::-1] if little() else raw[n : n + 4] for n in range(0, len(raw), 4))
    return ip(raw), int(port, 16)
