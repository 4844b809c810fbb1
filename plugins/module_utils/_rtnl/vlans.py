# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VLANs of bridges and their ports, read and written."""

from __future__ import annotations

import struct

from .._resources.vlans import PortVlans
from .link import EXT_MASK
from .netlink import ACK, AF_SPEC, DELLINK, DUMP, GETLINK, GETVLAN, SETLINK, attribute, nested

BRIDGE, SELF, VLAN_INFO = 7, 2, 2  # AF_BRIDGE, BRIDGE_FLAGS_SELF, IFLA_BRIDGE_VLAN_INFO
PVID, UNTAGGED, BEGIN, END = 2, 4, 8, 16
COMPRESSED = 4  # RTEXT_FILTER_BRVLAN_COMPRESSED


def read(kernel, name, links):
    """The VLANs of every bridge and port; a kernel that does not know of any refuses to tell."""
    here = kernel.netlink(name)
    try:
        # Only about lo, to see that: what it tells of a port lacks the VLANs that follow a tagged PVID.
        here.ask("vlan", GETVLAN, DUMP, family=BRIDGE, index=1)
    except OSError:
        return
    found = {}
    for head, parts in here.dump("link", GETLINK, [(EXT_MASK, COMPRESSED)], family=BRIDGE):
        spec = nested(parts.get(AF_SPEC, b""))
        entries = [struct.unpack("=HH", info) for number, info in spec if number == VLAN_INFO]
        found.setdefault(head["index"], []).extend(entries)
    for link in links:
        if link.kind == "bridge" or link.slave_kind == "bridge":
            yield vlans_of(link, found.get(link.index, ()))


def vlans_of(link, entries):
    vlans, pvid, first = {}, 0, 0
    for flags, vid in entries:
        if flags & BEGIN:
            first = vid
            continue
        vlans.update(dict.fromkeys(range(first if flags & END else vid, vid + 1), bool(flags & UNTAGGED)))
        pvid = vid if flags & PVID else pvid
    return PortVlans(link.netns, link.name, tuple(sorted(vlans.items())), pvid, own=link.kind == "bridge")


def write(kernel, change):
    target, here = change.target, kernel.netlink(change.target.netns)
    for verb, first, last, untagged, pvid in target.steps(change.before, change.after):
        flags = PVID * pvid + UNTAGGED * untagged
        ends = [(first, flags)] if first == last else [(first, flags | BEGIN), (last, flags | END)]
        info = attribute(0, struct.pack("=H", SELF)) if target.own else b""
        info += b"".join(attribute(VLAN_INFO, struct.pack("=HH", bits, vid)) for vid, bits in ends)
        number = SETLINK if verb == "add" else DELLINK
        here.ask("link", number, ACK, [(AF_SPEC, info)], family=BRIDGE, index=here.index(target.dev))
