# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""vti and vti6: tunnels for IPsec."""

from __future__ import annotations

from .._core.rows import Number
from .tunnel import ENDS, attributes, tunnel

VTI = {
    "LINK": "1:uint32",
    "IKEY": "2:be32",
    "OKEY": "3:be32",
    "LOCAL": "4:{ip}",
    "REMOTE": "5:{ip}",
    "FWMARK": "6:uint32",
}
FOUR, SIX = (attributes("IFLA_VTI_", VTI, version) for version in (4, 6))


class Key(Number):
    """A key; ip(8) takes 0 for none, and not the word."""

    def ip_args(self, value, old):
        return [self.name, "0" if value == self.word else str(value)]


def rows(nla):
    keys = ((way + "key", nla(way.upper() + "KEY")) for way in "io")
    return tuple(Key(name, key, "str", range(2**32), "none", word="none") for name, key in keys)


KINDS = (
    tunnel("vti", rows(FOUR), FOUR, 4, ENDS, kernel_module="ip_vti"),
    tunnel("vti6", rows(SIX), SIX, 6, ENDS, kernel_module="ip6_vti"),
)
