# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Neighbours, read and written."""

from __future__ import annotations

import socket

from .._core.words import family_of
from .._resources.neighbour import Neighbour
from .netlink import ACK, CREATE, DELNEIGH, GETNEIGH, NEWNEIGH, REPLACE, getter

DST, LLADDR = "NDA_DST=1:ip", "NDA_LLADDR=2:l2addr"
PERMANENT, PROXY, LEARNED, ROUTER = 0x80, 8, 16, 128

KNOWN = {1, 2, 3, 4}  # what is described, and times and counts


def read(kernel, name, links):
    names = {link.index: link for link in links}
    for flags in (0, PROXY):
        for head, parts in kernel.netlink(name).dump("neighbour", GETNEIGH, flags=flags):
            if head["family"] in (socket.AF_INET, socket.AF_INET6) and head["index"] in names:
                neighbour = neighbour_of(head, parts, names[head["index"]])
                if neighbour is not None:
                    yield neighbour


def is_described(head):
    """Whether somebody has set it, by the options of its module."""
    return bool(head["flags"] & PROXY) or (head["state"] == PERMANENT and not head["flags"] & LEARNED)


def neighbour_of(head, parts, link):
    """A neighbour that somebody has set; None for one that the kernel has learned, or forgets by itself."""
    if not is_described(head):
        return None
    proxy, get, router = bool(head["flags"] & PROXY), getter(parts), bool(head["flags"] & ROUTER)
    rest = tuple((number, raw) for number, raw in parts.items() if number not in KNOWN and any(raw))
    return Neighbour(link.netns, link.name, get(DST), get(LLADDR) or "", router, proxy, rest)


def write(kernel, change):
    target = change.target
    attrs = [(DST, target.address)] + ([(LLADDR, target.lladdr)] if target.lladdr else [])
    flags = PROXY * target.proxy | ROUTER * bool(target.router)
    family = family_of(target.address)
    attrs += target.rest or ()
    send(kernel, change, attrs, CREATE | REPLACE, family=family, state=PERMANENT, flags=flags)


def send(kernel, change, attrs, how, **header):
    """Tell the kernel of a neighbour, or of an entry of a bridge, which it takes for one."""
    here, gone = kernel.netlink(change.target.netns), change.verb == "delete"
    index = here.index(change.target.dev)
    here.ask("neighbour", DELNEIGH if gone else NEWNEIGH, ACK | (0 if gone else how), attrs, index=index, **header)
