# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Neighbours, read and written."""

from __future__ import annotations

import socket

from .._core.words import family_of
from .._resources.neighbour import FLAGS_EXT, HELD, PERMANENT, Neighbour
from .netlink import ACK, CREATE, DELNEIGH, GETNEIGH, NEWNEIGH, REPLACE, getter

DST, LLADDR = "NDA_DST=1:ip", "NDA_LLADDR=2:l2addr"
NOARP, STALE = 0x40, 4
PROXY, LEARNED, ROUTER, MANAGED = 8, 16, 128, 1

KNOWN = {1, 2, 3, 4}  # what is described, and times and counts


def read(kernel, name, links):
    names = {link.index: link for link in links}
    for flags in (0, PROXY):
        for head, parts in kernel.netlink(name).dump("neighbour", GETNEIGH, flags=flags):
            if head["family"] in (socket.AF_INET, socket.AF_INET6) and head["index"] in names:
                neighbour = neighbour_of(head, parts, names[head["index"]])
                if neighbour is not None:
                    yield neighbour


def neighbour_of(head, parts, link):
    """A neighbour that somebody has set; None for one that the kernel has learned, or forgets by itself."""
    proxy, get, router = bool(head["flags"] & PROXY), getter(parts), bool(head["flags"] & ROUTER)
    held = () if proxy else held_as(head, parts, link)
    if held is None:
        return None
    lladdr = "" if held and not held[0] else get(LLADDR) or ""
    rest = tuple((number, raw) for number, raw in parts.items() if number not in KNOWN and any(raw))
    rest += ((HELD, held),) if held else ()
    return Neighbour(link.netns, link.name, get(DST), lladdr, router, proxy, rest)


def held_as(head, parts, link):
    """The state and flags of one that no option makes, nothing for one that has options, None for the kernel's own."""
    state, learned, managed = head["state"], head["flags"] & LEARNED, parts.get(FLAGS_EXT, b"\0")[0] & MANAGED
    address, lladdr = parts.get(1, b""), parts.get(2, b"")
    if state & PERMANENT and not learned and any(address):
        return ()
    if not (state & PERMANENT or learned or managed or (state & NOARP and not by_itself(address, lladdr, link))):
        return None
    # What a control plane tells, and what the kernel keeps fresh, it probes.
    return state & (PERMANENT | NOARP) or (STALE if any(lladdr) and not managed else 0), learned


def by_itself(address, lladdr, link):
    """Whether the kernel may have made one that needs no asking: of a group, of everybody, on a link without ARP."""
    own = lladdr.hex(":") in (link.address, "ff:ff:ff:ff:ff:ff") or link.l3 or not any(lladdr)
    return own or not any(address) or address[0] >= 224 or address[0] == 127


def write(kernel, change):
    target = change.target
    state, flags = target.held or (PERMANENT, 0)
    attrs = [(DST, target.address)] + ([(LLADDR, target.lladdr)] if target.lladdr else [])
    flags |= PROXY * target.proxy | ROUTER * bool(target.router)
    attrs += [one for one in target.rest or () if one[0] != HELD]
    send(kernel, change, attrs, CREATE | REPLACE, family=family_of(target.address), state=state, flags=flags)


def send(kernel, change, attrs, how, **header):
    """Tell the kernel of a neighbour, or of an entry of a bridge, which it takes for one."""
    here, gone = kernel.netlink(change.target.netns), change.verb == "delete"
    index = here.index(change.target.dev)
    here.ask("neighbour", DELNEIGH if gone else NEWNEIGH, ACK | (0 if gone else how), attrs, index=index, **header)
