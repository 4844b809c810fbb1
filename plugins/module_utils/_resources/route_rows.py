# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a route is made of: next hops, and rows with words of their own."""

from __future__ import annotations

import re
from typing import Optional, Tuple

from .._core.rows import Row
from .._core.values import Value
from .._core.words import host

MAIN, LOCAL = 254, 255
TABLES = {"main": MAIN, "default": 253, "local": LOCAL}
SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}
OWN_TYPES = {2: (2, 3), 10: (1, 2, 4, 5)}  # by family, of those that the kernel makes in the table local
TYPES = {
    "unicast": 1,
    "local": 2,
    "broadcast": 3,
    "anycast": 4,
    "multicast": 5,
    "blackhole": 6,
    "unreachable": 7,
    "prohibit": 8,
    "throw": 9,
}
NOWHERE = ("blackhole", "unreachable", "prohibit", "throw")
PROTOS = {
    "unspec": 0,
    "redirect": 1,
    "kernel": 2,
    "boot": 3,
    "static": 4,
    "ra": 9,
    "dhcp": 16,
    "bgp": 186,
    "ospf": 188,
}
PREFS = {"medium": 0, "high": 1, "low": 3}


class Hop(Value):
    """A way that a route takes."""

    via: Optional[str] = None
    dev: Optional[str] = None
    weight: int = 1
    onlink: bool = False
    rest: Tuple[Tuple[int, bytes], ...] = ()

    def ip_args(self, six):
        other = self.via and (":" in self.via) != six
        out = ["via", *["inet6" if ":" in self.via else "inet"] * bool(other), self.via] if self.via else []
        out += ["dev", self.dev] if self.dev else []
        return out + ["onlink"] * self.onlink

    def plain(self):
        return {name: value for name, value in self.__dict__.items() if value and name != "rest"}


class Choice(Row):
    """Some words of several, or the number of one that has none."""

    choices: Tuple[str, ...] = ()

    def spec(self):
        return dict(type="str", choices=list(self.choices))


class Source(Row):
    """The address that packets get that have none yet."""

    def parse(self, value):
        return host(self.name, value) if value else ""


class Lock(Row):
    """Whether the MTU stays when the path tells a smaller one; ip(8) says it with the MTU."""

    def encode(self, value, old):
        return {self.nla: 1 << 2} if value else {}

    def decode(self, raw):
        return bool((raw or 0) & 1 << 2)

    def ip_args(self, value, old):
        return []


class Mtu(Row):
    """An MTU, with the word for one that stays as it is."""

    def ip_args(self, value, old):
        return ["mtu", *["lock"] * bool(old and old.mtu_lock), str(value)]


class Tos(Row):
    """A type of service, as ip(8) shows it."""

    def parse(self, value):
        number = int(value, 0) if re.fullmatch("0x[0-9a-fA-F]{1,2}|[0-9]{1,3}", value) else 256
        if number > 255:
            raise ValueError("%r is no type of service from 0 to 255, or 0x00 to 0xff" % value)
        return number

    def shown(self, value):
        return "0x%02x" % value

    def ip_args(self, value, old):
        return [self.name, "0x%02x" % value]
