# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The multicast groups of bridges, read and written."""

from __future__ import annotations

import errno
import socket
import struct

from .._core.words import family_of, is_mac
from .._resources.mdb import MdbEntry
from .netlink import ACK, CREATE, DELMDB, EXCL, GETMDB, NESTED, NEWMDB, attribute, ip, nested

BRIDGE, MDB, ENTRY = 7, 1, struct.Struct("=IBBH16sHxx")
PERMANENT, SOURCE, SET_ATTRS = 1, 4, NESTED | 2


def read(kernel, name, links):
    names = {link.index: link.name for link in links}
    try:
        answers = list(kernel.netlink(name).dump("mdb", GETMDB, family=BRIDGE))
    except OSError:
        return  # a kernel without bridges
    for head, parts in answers:
        entries = [data for dummy, data in nested(parts.get(MDB, b""))]
        for dummy, data in [pair for entry in entries for pair in nested(entry)]:
            entry = entry_of(name, names[head["index"]], data, names)
            if entry is not None:
                yield entry


def entry_of(netns, dev, data, names):
    """A group that somebody has set for a port."""
    index, state, dummy, vid, address, proto = ENTRY.unpack_from(data)
    if not state & PERMANENT or names.get(index, dev) == dev:
        return None  # learned, or of the bridge itself
    source = dict(nested(data[ENTRY.size :])).get(SOURCE)
    proto = socket.ntohs(proto)
    if proto in (0x0800, 0x86DD):
        family, length = (socket.AF_INET, 4) if proto == 0x0800 else (socket.AF_INET6, 16)
        group = socket.inet_ntop(family, address[:length])
    else:
        group = address[:6].hex(":")
    return MdbEntry(netns, dev, names[index], group, vid, ip(source) if source else "")


def write(kernel, change):
    target, here = change.target, kernel.netlink(change.target.netns)
    if is_mac(target.grp):
        proto, address = 0, bytes.fromhex(target.grp.replace(":", ""))
    else:
        family = family_of(target.grp)
        proto = 0x86DD if family == socket.AF_INET6 else 0x0800
        address = socket.inet_pton(family, target.grp)
    data = ENTRY.pack(here.index(target.port), PERMANENT, 0, target.vid or 0, address, socket.htons(proto))
    source = target.src and attribute(1, socket.inet_pton(family_of(target.src), target.src))
    more = [(SET_ATTRS, source)] if source else []
    verb, flags = (DELMDB, 0) if change.verb == "delete" else (NEWMDB, CREATE | EXCL)
    try:
        here.ask("mdb", verb, ACK | flags, [(1, data), *more], family=BRIDGE, index=here.index(target.dev))
    except OSError as e:
        # While the bridge did not look for groups it did not tell of those that it has.
        if e.errno != errno.EEXIST:
            raise
