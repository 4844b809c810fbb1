# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The static entries of bridges and vxlans, read and written."""

from __future__ import annotations

from .._core.values import replace
from .._core.words import NOBODY
from .._resources.fdb import FdbEntry
from .neighbour import DST, LEARNED, LLADDR, PERMANENT, ROUTER, send
from .netlink import APPEND, CREATE, GETNEIGH, REPLACE, getter

BRIDGE, STATIC, SELF, MASTER_FLAG, STICKY = 7, 0xC0, 2, 4, 0x40
VLAN, PORT, VNI, VIA = "NDA_VLAN=5:uint16", "NDA_PORT=6:be16", "NDA_VNI=7:uint32", "NDA_IFINDEX=8:uint32"
MASTER, SRC_VNI = "NDA_MASTER=9:uint32", "NDA_SRC_VNI=11:uint32"
# What is described, and what only a dump has: times, the namespace of the outer packets, flags.
OUTER_NETNSID = 10
FLAG_ROUTER = "router"  # a flag of the head, kept with the attributes that are not described
KNOWN = {1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 15}


def read(kernel, name, links):
    names = {link.index: link for link in links}
    answers = kernel.netlink(name).dump("neighbour", GETNEIGH, family=BRIDGE)
    found = [entry_of(kernel, head, parts, names) for head, parts in answers if head["index"] in names]
    everywhere = {(entry.dev, entry.lladdr, entry.local) for entry in found if entry and not entry.vlan}
    for entry in filter(None, found):
        # One without a VLAN the kernel also puts into all those of the port.
        twin = entry.vlan and (entry.dev, entry.lladdr, entry.local) in everywhere
        yield replace(entry, proto="kernel") if twin else entry


def entry_of(kernel, head, parts, links):
    """An entry of a bridge's port, of a bridge, or of a vxlan, that somebody made; None for all else."""
    get = getter(parts)
    link, master = links[head["index"]], links.get(get(MASTER))
    learned = bool(head["flags"] & LEARNED)
    of_vxlan, of_bridge = master is None and link.kind == "vxlan", master is link
    if not (head["state"] & STATIC or learned) or not (of_vxlan or master):
        return None
    lladdr, local = get(LLADDR) or NOBODY, not of_vxlan and bool(head["state"] & PERMANENT)
    by_itself = local and lladdr in (link.address, master.address if master else "")
    if of_vxlan:
        by_itself = lladdr == NOBODY and is_default(link, get, lower_index(kernel, link))
    # Where outer packets are elsewhere, it is the number of a link there.
    via = "" if OUTER_NETNSID in parts else name_of(links, get(VIA))
    return FdbEntry(
        link.netns,
        link.name,
        lladdr,
        get(VLAN) or 0,
        of_vxlan or of_bridge,
        local,
        get(DST) or "",
        *(get(nla) or 0 for nla in (VNI, PORT)),
        via,
        get(SRC_VNI) or 0,
        bool(head["flags"] & STICKY),
        learned,
        rest_of(parts, via, head["flags"] & ROUTER),
        "kernel" if by_itself else None,
        head["state"],
    )


def name_of(links, index):
    return links[index].name if index in links else ""


def rest_of(parts, via, router):
    """What is not described, and a link that is not there any more."""
    found = tuple(sorted((n, raw) for n, raw in parts.items() if n not in KNOWN or (n == 8 and not via)))
    return (*found, (FLAG_ROUTER, router)) if router else found


def is_default(link, get, lower):
    """Whether it is the one destination with which a vxlan is made, for what it does not know."""
    far = [value for name, value in link.attrs if name == "remote"]
    return get(DST) in far and get(PORT) is get(VNI) is None and (get(VIA) or 0) == lower


def lower_index(kernel, link):
    """The number of the link by which the outer packets of a vxlan leave."""
    home, name = link.link or (link.netns, "")
    indexes = kernel.sockets[home].indexes if home in kernel.sockets else {}
    return indexes.get(name) or (int(name) if name.isdigit() else 0)


def write(kernel, change):
    target = change.target
    via = target.via and kernel.netlink(target.netns).index(target.via)
    attrs = [(LLADDR, target.lladdr)]
    pairs = ((DST, target.dst), (VNI, target.vni), (PORT, target.port), (VIA, via), (SRC_VNI, target.src_vni))
    attrs += [(nla, value) for nla, value in (*pairs, (VLAN, target.vlan)) if value]
    how = CREATE | (APPEND if target.several else REPLACE)
    # As bridge(8) says it: reachable, without ARP.
    state = PERMANENT if target.local else (target.self_ and target.state) or 0x42
    flags = STICKY * bool(target.sticky) | LEARNED * bool(target.extern_learn)
    flags |= SELF if target.self_ else MASTER_FLAG
    flags |= dict(target.rest or ()).get(FLAG_ROUTER, 0)
    attrs += [one for one in target.rest or () if one[0] != FLAG_ROUTER]
    send(kernel, change, attrs, how, family=BRIDGE, state=state, flags=flags)
