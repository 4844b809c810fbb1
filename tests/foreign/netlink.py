# SPDX-License-Identifier: GPL-3.0-or-later
"""Netlink with the standard library alone, so that the witness shares no line with what it watches."""

import ctypes
import os
import socket
import struct
from contextlib import contextmanager

ROUTE, NETFILTER, GENERIC = 0, 12, 16
REQUEST, ACK, DUMP = 1, 4, 0x300
NEWNET, NEWNS = 0x40000000, 0x00020000
LIBC = ctypes.CDLL(None, use_errno=True)
# Where the bytes of a message's attributes begin, after the header of its family.
LINK, ADDRESS, ROUTES, NEIGHBOUR, RULE, TC, NEXTHOP = 16, 8, 12, 12, 12, 20, 8


def call(name, *args):
    if getattr(LIBC, name)(*args) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), name)


@contextmanager
def inside(name):
    """In a named network namespace; the empty name is the one where the process is."""
    if not name:
        yield
        return
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open("/run/netns/" + name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        call("setns", there, NEWNET)
        yield
    finally:
        call("setns", home, NEWNET)
        os.close(home)
        os.close(there)


def padded(data):
    return data + bytes(-len(data) % 4)


def attribute(number, data):
    return padded(struct.pack("=HH", len(data) + 4, number) + data)


def attributes(data):
    """The attributes of a message, in their order: numbers without flags, and bytes."""
    at, end = 0, len(data)
    while at + 4 <= end:
        length, number = struct.unpack_from("=HH", data, at)
        if length < 4:
            return
        yield number & 0x3FFF, data[at + 4 : at + length]
        at += (length + 3) & ~3


class Socket:
    """A socket of one of the netlink protocols, in the namespace where it was opened."""

    def __init__(self, protocol=ROUTE):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.setsockopt(270, 12, 1)  # NETLINK_GET_STRICT_CHK: a dump heeds its header
        self.socket.settimeout(20)
        self.number = 0

    def close(self):
        self.socket.close()

    def ask(self, kind, body, flags=DUMP):
        """The bodies of the answers, each with its type; an error of the kernel is one of ours."""
        for dummy in range(8):
            out, whole = self.once(kind, body, flags)
            if whole:
                return out
        return out

    def once(self, kind, body, flags):
        self.number += 1
        head = struct.pack("=IHHII", len(body) + 16, kind, REQUEST | flags, self.number, 0)
        self.socket.send(head + body)
        out, whole = [], True
        while True:
            data = self.socket.recv(1 << 18)
            at = 0
            while at + 16 <= len(data):
                length, found, flag, number, dummy = struct.unpack_from("=IHHII", data, at)
                part = data[at + 16 : at + length]
                at += (length + 3) & ~3
                if number != self.number:
                    continue
                if flag & 0x10:  # the dump was interrupted: what it says may be torn
                    whole = False
                if found in (2, 3):  # NLMSG_ERROR, NLMSG_DONE
                    code = -struct.unpack_from("=i", part)[0] if len(part) >= 4 else 0
                    if found == 2 and code:
                        raise OSError(code, os.strerror(code))
                    return out, whole
                out.append((found, part))
                if flags & DUMP != DUMP and not flags & ACK:
                    return out, whole

    def dump(self, kind, body):
        """A dump; a kernel that does not know it has none of it."""
        try:
            return [part for dummy, part in self.ask(kind, body)]
        except OSError:
            return []
