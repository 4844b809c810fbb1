# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""tun and tap: links for a program, made by ioctl(2); ip-tuntap(8)."""

from __future__ import annotations

import grp
import pwd

from .._core.rows import Flag, Row
from .base import Kind

TUN_TYPES = {"tun": 1, "tap": 2}


class Account(Row):
    """A user or a group of the managed host, by name or number; -1 is none."""

    word: str = ""

    def parse(self, value):
        if value == "" and self.default == -1:
            return -1
        try:
            find = pwd.getpwnam if self.word == "user" else grp.getgrnam
            return super().parse(int(value) if value.isdigit() else find(value)[2])
        except KeyError:
            raise ValueError("there is no %s %s" % (self.word, value))

    def shown(self, value):
        return "" if value == -1 else value if value is None else str(value)

    def ip_args(self, value, old):
        return [self.word, str(value)]


ROWS = (
    Account("owner", "IFLA_TUN_OWNER", "str", range(2**32 - 1), -1, immutable=True, word="user"),
    Account("group", "IFLA_TUN_GROUP", "str", range(2**32 - 1), -1, immutable=True, word="group"),
    Flag("pi", "IFLA_TUN_PI", default=False, immutable=True),
    Flag("vnet_hdr", "IFLA_TUN_VNET_HDR", default=False, immutable=True),
    Flag("multi_queue", "IFLA_TUN_MULTI_QUEUE", default=False, immutable=True),
)
TUNTAP = dict(attrs=ROWS, module="tuntap", kernel_module="tun")


class Tun(Kind):
    def addrgenmode_when_up(self, mode):
        # With its first carrier, that is with a program, it is `random`.
        return None if mode == "eui64" else mode


KINDS = (Tun("tun", l3=True, no_uppers=True, **TUNTAP), Kind("tap", **TUNTAP))
