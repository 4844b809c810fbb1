# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies of IPsec of a network namespace."""

from __future__ import annotations

import socket
import struct

from .._core.values import Value
from .netlink import DUMP, Netlink, ip, nested

XFRM, GETPOLICY, TEMPLATES = 6, 0x15, 5
SIZE, DIRECTIONS = 168, ("in", "out", "fwd")


class Policy(Value):
    """One policy: which packets it is for, and what becomes of them."""

    way: str  # in, out or fwd
    src: str
    dst: str
    number: int = 0  # of the protocol; 0 is any
    block: bool = False
    wraps: bool = False  # it asks for IPsec


def read(kernel, netns):
    """The policies of a namespace, the first of several for a packet first; none where the kernel has no IPsec."""
    with kernel.inside(netns):
        try:
            netlink = Netlink(XFRM)
        except OSError:
            return []
    try:
        found = [of_message(raw) for raw in netlink.exchange(GETPOLICY, DUMP, b"")]
    except OSError:
        return []
    finally:
        netlink.socket.close()
    return [policy for dummy, policy in sorted(found, key=lambda pair: pair[0]) if policy is not None]


def of_message(raw):
    family, bits_d, bits_s, number = struct.unpack_from("=HBBB", raw, 40)
    size = 4 if family == socket.AF_INET else 16
    priority, dummy, way, action = struct.unpack_from("=IIBB", raw, 152)
    if way >= len(DIRECTIONS):
        return priority, None  # of a single socket
    ends = ["%s/%d" % (ip(raw[at : at + size]), bits) for at, bits in ((16, bits_s), (0, bits_d))]
    wraps = TEMPLATES in dict(nested(raw, SIZE))
    return priority, Policy(DIRECTIONS[way], *ends, number, bool(action), wraps)
