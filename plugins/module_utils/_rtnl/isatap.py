# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The potential routers of a tunnel of ISATAP, by ioctl(2)."""

from __future__ import annotations

import fcntl
import socket
import struct
from ctypes import addressof, create_string_buffer

from .._core.values import merged, replace
from .._kinds.tunnel import changed_routers

SIOCGETPRL, SIOCADDPRL, SIOCDELPRL, SIOCCHGPRL = 0x89F4, 0x89F5, 0x89F6, 0x89F7
PRL, PRL_MOST = struct.Struct("=4sHHII"), 1024  # a router, or what asks for so many of them


def read_link(kernel, link):
    if not dict(link.attrs).get("isatap"):
        return link, []
    empty = PRL.pack(bytes(4), 0, 0, PRL.size * PRL_MOST, 0) + bytes(PRL.size * PRL_MOST)
    head, *entries = PRL.iter_unpack(ioctl(kernel, link.ref, SIOCGETPRL, empty))
    found = entries[: head[3] // PRL.size]
    routers = sorted((socket.inet_ntop(socket.AF_INET, entry[0]), bool(entry[1] & 1)) for entry in found)
    return replace(link, attrs=merged(link.attrs, dict(prl=tuple(routers)))), []


def write_link(kernel, change):
    for address, was, default in changed_routers(change):
        request = SIOCADDPRL if was is None else SIOCDELPRL if default is None else SIOCCHGPRL
        ioctl(kernel, change.target.ref, request, PRL.pack(socket.inet_aton(address), bool(default), 0, 0, 0))


def ioctl(kernel, ref, request, data):
    """Change or ask for the potential routers of a tunnel; what the kernel leaves in the place of `data`."""
    buffer = create_string_buffer(data, len(data))
    with kernel.inside(ref[0]):
        asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with asking:
        fcntl.ioctl(asking, request, struct.pack("16sP16x", ref[1].encode(), addressof(buffer)))
    return buffer.raw
