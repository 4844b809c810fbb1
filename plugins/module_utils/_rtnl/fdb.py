# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The static entries of bridges and vxlans, read and written."""

from __future__ import annotations

from .._core.values import replace
from .._resources.fdb import NOBODY, FdbEntry
from .neighbour import DST, LEARNED, LLADDR, PERMANENT, send
from .netlink import APPEND, CREATE, GETNEIGH, REPLACE, getter

BRIDGE, STATIC, SELF, MASTER_FLAG = 7, 0xC0, 2, 4
VLAN, VNI, MASTER = "NDA_VLAN=5:uint16", "NDA_VNI=7:uint32", "NDA_MASTER=9:uint32"
STRANGE = {6, 8, 13}  # a port, a link, a nexthop


def read(kernel, name, links):
    names = {link.index: link for link in links}
    answers = kernel.netlink(name).dump("neighbour", GETNEIGH, family=BRIDGE)
    found = [entry_of(head, parts, names) for head, parts in answers if head["index"] in names]
    everywhere = {(entry.dev, entry.lladdr, entry.local) for entry in found if entry and not entry.vlan}
    for entry in filter(None, found):
        # One without a VLAN the kernel also puts into all those of the port.
        twin = entry.vlan and (entry.dev, entry.lladdr, entry.local) in everywhere
        yield replace(entry, proto="kernel") if twin else entry


def entry_of(head, parts, links):
    """A static entry of a bridge's port, or of a vxlan; None for all else."""
    get = getter(parts)
    link, master = links[head["index"]], links.get(get(MASTER))
    own = master is None and link.kind == "vxlan"
    if not head["state"] & STATIC or head["flags"] & LEARNED or STRANGE & set(parts):
        return None
    if not (own or (master and master is not link)):
        return None
    lladdr, local, dst = get(LLADDR), not own and bool(head["state"] & PERMANENT), get(DST)
    by_itself = local and lladdr in (link.address, master.address)
    # A vxlan is made with one destination for what it does not know.
    far = [value for name, value in link.attrs if name == "remote"]
    by_itself = by_itself or (own and lladdr == NOBODY and dst in far)
    proto = "kernel" if by_itself else None
    return FdbEntry(link.netns, link.name, lladdr, get(VLAN) or 0, own, local, dst or "", get(VNI) or 0, proto=proto)


def write(kernel, change):
    target = change.target
    attrs = [(LLADDR, target.lladdr)]
    for nla, value in ((DST, target.dst), (VNI, target.vni), (VLAN, target.vlan)):
        attrs += [(nla, value)] if value else []
    how = CREATE | (APPEND if target.several else REPLACE)
    # As bridge(8) says it: reachable, without ARP.
    state = PERMANENT if target.local else 0x42
    send(kernel, change, attrs, how, family=BRIDGE, state=state, flags=SELF if target.self_ else MASTER_FLAG)
