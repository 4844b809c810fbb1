# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Route netlink: a socket in a namespace, and what messages are packed into."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys
import types
from functools import lru_cache
from importlib.machinery import PathFinder

from .._core.values import sentence
from .._core.words import family_of

NEWLINK, DELLINK, GETLINK, SETLINK, NEWADDR, DELADDR, GETADDR = 16, 17, 18, 19, 20, 21, 22
NEWROUTE, DELROUTE, GETROUTE, NEWNEIGH, DELNEIGH, GETNEIGH, NEWRULE, DELRULE, GETRULE = (
    24,
    25,
    26,
    28,
    29,
    30,
    32,
    33,
    34,
)
NEWQDISC, DELQDISC, GETQDISC, GETNETCONF, NEWMDB, DELMDB, GETMDB, NEWNSID, GETNSID = 36, 37, 38, 82, 84, 85, 86, 88, 90
NEWNEXTHOP, DELNEXTHOP, GETNEXTHOP, NEWLINKPROP, DELLINKPROP, GETVLAN = 104, 105, 106, 108, 109, 114
NESTED = 0x8000
AF_SPEC = 26  # IFLA_AF_SPEC
GENERIC, CONTROL = 16, 16  # the protocol, and the family that tells the numbers of the others
ACK, DUMP, REPLACE, EXCL, CREATE, APPEND = 4, 0x300, 0x100, 0x200, 0x400, 0x800
SIOCGIFINDEX, IFREQ = 0x8933, struct.Struct("=16si20x")
HEADER, ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=HH")
# The heads of messages: their fields, and how they are packed.
HEADS = {
    "link": ("family type index flags change", "=BxHiII"),
    "address": ("family prefixlen flags scope index", "=BBBBI"),
    "route": ("family dst_len src_len tos table proto scope type flags", "=BBBBBBBBI"),
    "rule": ("family dst_len src_len tos table action flags", "=BBBBBxxBI"),
    "nexthop": ("family scope protocol flags", "=BBBxI"),
    "neighbour": ("family index state flags type", "=BxxxiHBB"),
    "mdb": ("family index", "=BxxxI"),
    "vlan": ("family index", "=BxxxI"),
    "qdisc": ("family index handle parent info", "=BxxxiIII"),
    "label": ("family prefixlen flags index", "=BxBBI4x"),
    "nsid": ("family", "=B3x"),
    "netconf": ("family", "=B"),
    "generic": ("cmd version", "=BBxx"),
}
HEADS = {name: (tuple(words.split()), struct.Struct(form)) for name, (words, form) in HEADS.items()}


def attribute(number, value):
    return ATTRIBUTE.pack(4 + len(value), number) + value + b"\0" * (-len(value) % 4)


def nested(data, offset=0):
    """The (number, value) of the attributes in some bytes."""
    last = len(data) - ATTRIBUTE.size
    while offset <= last:
        length, number = ATTRIBUTE.unpack_from(data, offset)
        yield number & 0x3FFF, data[offset + 4 : offset + length]
        offset += (length + 3) & ~3 or 4


def messages(form, answers):
    """Messages of one form: each its head's fields by name, and its attributes by number."""
    words, head = HEADS[form]
    start = (head.size + 3) & ~3
    for answer in answers:
        yield dict(zip(words, head.unpack_from(answer))), dict(nested(answer, start))


def next_hops(raw):
    """The (index of the link, flags, weight, attributes) of each hop of a route that has several."""
    at = 0
    while at + 8 <= len(raw):
        length, flags, weight, index = struct.unpack_from("=HBBi", raw, at)
        yield index, flags, weight, dict(nested(raw[at + 8 : at + length]))
        at += max(8, (length + 3) & ~3)


def af_specs(parts):
    """What a link has of each family, by its number: attributes by theirs."""
    return {family: dict(nested(raw)) for family, raw in nested(parts.get(AF_SPEC, b""))}


def text(raw):
    """A name as the kernel has it; bytes that are no UTF-8 stay as they are."""
    return raw.rstrip(b"\0").decode(errors="surrogateescape")


def packer(form):
    return struct.Struct(form).pack


def unpacker(form):
    unpack = struct.Struct(form).unpack_from
    return lambda raw: unpack(raw)[0]


def ip(raw):
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


NUMBERS = dict(uint8="=B", uint16="=H", uint32="=I", int32="=i", uint64="=Q", be16="!H", be32="!I", index="=I")
PACK = {
    **{name: packer(form) for name, form in NUMBERS.items()},
    "ip": lambda value: socket.inet_pton(family_of(value), value),
    "text": lambda value: value.encode(errors="surrogateescape") + b"\0",
    "string": lambda value: value.encode(errors="surrogateescape"),
    "l2addr": lambda value: bytes.fromhex(value.replace(":", "")),
    "mask": lambda value: struct.pack("=II", value["flags"], value["mask"]),
}
UNPACK = {
    **{name: unpacker(form) for name, form in NUMBERS.items()},
    "ip": ip,
    "ip4addr": lambda raw: ip(raw[:4]),
    "ip6addr": lambda raw: ip(raw[:16]),
    "text": text,
    "string": text,
    "l2addr": lambda raw: raw.hex(":"),
    "mask": lambda raw: dict(zip(("flags", "mask"), struct.unpack("=II", raw))),
}
PACK.update(ip4addr=PACK["ip"], ip6addr=PACK["ip"], asciiz=PACK["text"])
UNPACK.update(asciiz=UNPACK["text"])


class NoPyroute2(Exception):
    """pyroute2, which knows the numbers of some attributes, cannot be imported; the text says why."""


@lru_cache(maxsize=None)
def known(nla):
    """The number and the type of an attribute: they stand with its name, or pyroute2 knows them."""
    name, dummy, more = nla.partition("=")
    number, dummy, kind = more.partition(":") if more else pyroute2_attributes()[name]
    return int(number), kind


@lru_cache(maxsize=None)
def pyroute2_attributes():
    """What pyroute2 knows of the attributes of links and ports, by name."""
    try:
        if "pyroute2" not in sys.modules:
            # Its __init__ loads all of it, 0.11 s; an empty package in its place lets a part load alone, 0.03 s.
            spec = PathFinder.find_spec("pyroute2")
            if spec is None:
                raise ImportError("No module named 'pyroute2'")
            package = types.ModuleType("pyroute2")
            package.__path__ = list(spec.submodule_search_locations)
            sys.modules["pyroute2"] = package
        from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
    except Exception as e:  # pyroute2 0.9.2 raises TypeError on Python 3.8
        raise NoPyroute2(sentence(e))
    info, out = ifinfmsg.ifinfo, {}
    classes = [*info.data_map.values(), *(getattr(info, name) for name in dir(info) if name.endswith("_slave_data"))]
    for cls in classes:
        for place, entry in enumerate(getattr(cls, "nla_map", ())):
            number, name, kind = (entry if isinstance(entry[0], int) else (place, *entry))[:3]
            out[name] = str(number), ":", kind
    return out


def packed(nla, value):
    """An attribute of a message."""
    if isinstance(nla, int):
        return attribute(nla, value)
    number, kind = known(nla)
    if value is None or isinstance(value, bytes):
        return attribute(number, value or b"")
    return attribute(number, PACK[kind](value))


def getter(parts):
    """A function that gives the attributes of a message by their names."""

    def get(nla):
        number, kind = known(nla)
        if number not in parts:
            return None
        return UNPACK[kind](parts[number]) if kind in UNPACK else parts[number]

    return get


class Netlink:
    """A netlink socket in the namespace in which it was opened."""

    def __init__(self, protocol=socket.NETLINK_ROUTE):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self.socket.setsockopt(270, 11, 1)  # SOL_NETLINK, NETLINK_EXT_ACK: errors come with the kernel's own sentence
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.indexes, self.names, self.macs, self.sequence = {}, {}, {}, 0
        self.l3, self.silent = set(), set()  # the links without a MAC address, and those to which it gives no address
        self.heard = {}  # the answers of dumps, by verb and question

    def ask(self, form, verb, how, attrs=(), **header):
        """Send a request and return the answers, bytes from their heads on; OSError has the kernel's own reason."""
        words, head = HEADS[form]
        body = head.pack(*[header.get(word, 0) for word in words])
        body += b"\0" * (-len(body) % 4) + b"".join([packed(*pair) for pair in attrs])
        return self.exchange(verb, how, body)

    def dump(self, form, verb, attrs=(), **header):
        """The answers to a question for all there are, as messages."""
        yield from messages(form, self.ask(form, verb, DUMP, attrs, **header))

    def exchange(self, verb, flags, body):
        self.sequence += 1
        self.socket.send(HEADER.pack(16 + len(body), verb, flags | 1, self.sequence, 0) + body)
        answers = []
        while True:
            data, offset = self.socket.recv(1 << 18), 0
            while offset < len(data):
                length, kind, answer_flags, sequence, dummy = HEADER.unpack_from(data, offset)
                if sequence != self.sequence:
                    pass
                elif kind == 2:
                    raise_error(data[offset : offset + length], answer_flags)
                    return answers
                elif kind == 3:
                    self.heard[verb, body] = answers
                    return answers
                else:
                    answers.append(data[offset + 16 : offset + length])
                    if not answer_flags & 2:
                        return answers
                offset += (length + 3) & ~3

    def nsid(self, fd):
        """The number of a namespace here, or None."""
        answer = self.ask("nsid", GETNSID, 0, [("NETNSA_FD=3:uint32", fd)])[0]
        nsid = struct.unpack_from("=i", dict(nested(answer, 4))[1])[0]
        return None if nsid < 0 else nsid

    def index(self, name):
        if name not in self.indexes:
            try:
                found = fcntl.ioctl(self.socket, SIOCGIFINDEX, IFREQ.pack(name.encode(errors="surrogateescape"), 0))
            except OSError as e:
                raise OSError(e.errno, "there is no link %s" % name)
            self.indexes[name] = IFREQ.unpack(found)[1]
        return self.indexes[name]


def raise_error(data, flags):
    """Raise what an NLMSG_ERROR says, with the sentence of its extended part if it has one."""
    code, offset = -struct.unpack_from("=i", data, 16)[0], 20
    if not code:
        return
    told = os.strerror(code)
    offset += 16 if flags & 0x100 else (struct.unpack_from("=I", data, 20)[0] + 3) & ~3
    if flags & 0x200:
        told = text(dict(nested(data, offset)).get(1, told.encode()))
    raise OSError(code, told)


FAMILIES = {}  # of generic netlink, the number of each


def generic(kernel, netns, family, verb, flags, attrs):
    """Tell a family of generic netlink in a namespace, or ask it; the attributes of each answer."""
    if netns not in kernel.generic:
        with kernel.inside(netns):
            kernel.generic[netns] = Netlink(GENERIC)
    here = kernel.generic[netns]
    if family not in FAMILIES:
        answer = here.ask("generic", CONTROL, 0, [("NAME=2:text", family)], cmd=3, version=1)[0]
        FAMILIES[family] = struct.unpack("=H", dict(nested(answer, 4))[1])[0]
    answers = here.ask("generic", FAMILIES[family], flags, attrs, cmd=verb, version=1)
    return [dict(nested(answer, 4)) for answer in answers]
