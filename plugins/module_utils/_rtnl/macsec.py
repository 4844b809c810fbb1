# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a macsec has keys, by generic netlink. The kernel tells of them, and not what they are."""

from __future__ import annotations

import struct

from .._core.values import replace
from .netlink import DUMP, generic

GET_TXSC, IFINDEX, KEYS = 0, 1, {5: "secure associations", 6: "receive channels"}


def read_link(kernel, link):
    found = [dict(parts) for parts in generic(kernel, link.netns, "macsec", GET_TXSC, DUMP, [])]
    mine = [parts for parts in found if struct.unpack("=I", parts[IFINDEX])[0] == link.index]
    return replace(link, withheld=tuple(KEYS[number] for parts in mine for number in KEYS if parts.get(number))), []


def write_link(kernel, change):
    """They are ip-macsec(8)'s."""
