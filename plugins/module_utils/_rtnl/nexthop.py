# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nexthop objects, read and written."""

from __future__ import annotations

import errno
import struct
import time

from .._resources.nexthop import RESILIENT, Nexthop
from .netlink import (
    ACK,
    CREATE,
    DELNEXTHOP,
    EXCL,
    GETLINK,
    GETNEXTHOP,
    HEADS,
    NESTED,
    NEWNEXTHOP,
    REPLACE,
    getter,
    known,
    nested,
    packed,
)

ONLINK, LOWER_UP = 4, 0x10000
GROUP, OIF, ENCAP, RES_GROUP = 2, 5, 8, 12
ENTRY = struct.Struct("=IBBxx")  # the number of one in a group, and one less than its weight in two parts
WORDS = {
    row.name: {number: word for word, number in row.values.items()}
    for row in Nexthop.rows
    if row.name in ("family", "proto")
}
ATTRS = [row for row in Nexthop.rows if row.nla.startswith("NHA_")]
RES_ROWS = [row for row in Nexthop.rows if row.nla.startswith("RES_GROUP_")]
# And what only answers have: statistics, and the flags of an answer.
DESCRIBED = {1, GROUP, OIF, RES_GROUP, 14, 15, 17, *(known(row.nla)[0] for row in ATTRS)}


def read(kernel, name, links):
    netlink, end = kernel.netlink(name), time.monotonic() + 2
    while True:
        try:
            found = [nexthop_of(name, head, parts, netlink) for head, parts in netlink.dump("nexthop", GETNEXTHOP)]
        except OSError as e:
            if e.errno != errno.EOPNOTSUPP:
                raise
            return []  # before Linux 5.3
        # The kernel deletes those on a link without a carrier, a moment after that is lost.
        if all(has_carrier(netlink, dev) for dev in {r.dev for r in found if r.dev}) or time.monotonic() > end:
            netlink.nexthops = {r.id for r in found}
            return found
        time.sleep(0.01)


def has_carrier(netlink, dev):
    try:
        answer = netlink.ask("link", GETLINK, 0, [("IFLA_IFNAME=3:text", dev)])[0]
    except OSError:
        return False  # it has just gone
    words, head = HEADS["link"]
    return bool(dict(zip(words, head.unpack_from(answer)))["flags"] & LOWER_UP)


def nexthop_of(netns, head, parts, netlink):
    get = getter(parts)
    res = getter(dict(nested(parts.get(RES_GROUP, b""))))
    return Nexthop(
        netns,
        get("NHA_ID=1:uint32"),
        netlink.names.get(get("NHA_OIF=5:index"), "") if OIF in parts else "",
        tuple((i, low + (high << 8) + 1) for i, low, high in ENTRY.iter_unpack(parts.get(GROUP, b""))),
        tuple((number, raw) for number, raw in parts.items() if number not in DESCRIBED),
        family=WORDS["family"].get(head["family"], ""),
        proto=WORDS["proto"].get(head["protocol"], str(head["protocol"])),
        onlink=bool(head["flags"] & ONLINK),
        **{row.field: row.read(get) for row in ATTRS},
        **{row.field: row.read(res) for row in RES_ROWS},
    )


def write(kernel, change):
    before, after, here = change.before, change.after, kernel.netlink(change.target.netns)
    fresh = before is None or after is None or not before.stays(after)
    if before is not None and fresh:
        delete(here, before)
    end = time.monotonic() + 5
    while after is not None:
        try:
            send(here, after, EXCL if fresh else REPLACE)
            return
        except OSError as e:
            # A link has its carrier a little after it came up.
            waits, there = e.strerror.startswith("Carrier"), e.errno == errno.EEXIST and after.id in here.nexthops
            if not (waits or there) or time.monotonic() > end:
                raise
            if there:
                # It fell with the carrier of its link, which was there again before the kernel had looked.
                delete(here, after)
                continue
        time.sleep(0.05)


def delete(here, nexthop):
    here.ask("nexthop", DELNEXTHOP, ACK, [("NHA_ID=1:uint32", nexthop.id)])


def send(here, nexthop, how):
    attrs = [("NHA_ID=1:uint32", nexthop.id), *(pair for row in ATTRS for pair in told(row, nexthop))]
    attrs += [("NHA_OIF=5:index", here.index(nexthop.dev))] if nexthop.dev else []
    if nexthop.group:
        packs = [ENTRY.pack(number, weight - 1 & 255, weight - 1 >> 8) for number, weight in nexthop.group]
        attrs.append((GROUP, b"".join(packs)))
    if nexthop.type == RESILIENT:
        packs = [packed(*pair) for row in RES_ROWS for pair in row.encode(getattr(nexthop, row.field), None).items()]
        attrs.append((NESTED | RES_GROUP, b"".join(packs)))
    attrs += [(NESTED * (number == ENCAP) | number, raw) for number, raw in nexthop.rest or ()]
    header = dict(
        family=dict(inet=2, inet6=10).get(nexthop.family, 0),
        protocol=number_of(nexthop.proto),
        flags=ONLINK * bool(nexthop.onlink),
    )
    here.ask("nexthop", NEWNEXTHOP, ACK | CREATE | how, attrs, **header)


def told(row, nexthop):
    value = getattr(nexthop, row.field)
    return row.encode(value, None).items() if value not in (None, row.default) else ()


def number_of(proto):
    """The kernel's number of a word; one that has no word is a number already."""
    numbers = {word: number for number, word in WORDS["proto"].items()}
    return numbers[proto] if proto in numbers else int(proto or 0)
