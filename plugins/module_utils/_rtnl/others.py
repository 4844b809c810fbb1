# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there and no resource stands for, in a few words each."""

from __future__ import annotations

import socket

from .._resources.nat_words import NFT_FAMILY, TABLE
from .impairment import ROOT
from .nat import legacy_tables, nft_tables
from .neighbour import is_described
from .netlink import GETNEIGH, GETQDISC, GETROUTE, ip, messages, text
from .route import CLONED, WORDS

MPLS, MULTICAST, MULTICAST6 = 28, 128, 129  # AF_MPLS, RTNL_FAMILY_IPMR, RTNL_FAMILY_IP6MR
NFT_FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
PERMANENT, NOARP, LEARNED = 0x80, 0x40, 0x10


def not_described(kernel, name, heard):
    """Of a namespace, from what was heard when it was read: queues, neighbours, routes, and rules of netfilter."""
    names = kernel.netlink(name).names
    readers = {GETQDISC: ("qdisc", qdisc), GETNEIGH: ("neighbour", neighbour), GETROUTE: ("route", route)}
    found = []
    for (verb, dummy), answers in heard.items():
        form, reader = readers.get(verb, ("", None))
        found += [reader(head, parts, names) for head, parts in messages(form, answers)] if form else []
    with kernel.inside(name):
        found += tables()
    return sorted({it for it in found if it})


def qdisc(head, parts, names):
    """One that is not at the root, or has classes or filters of its own."""
    if head["handle"] and head["parent"] != ROOT:
        return "qdisc %s %x: dev %s" % (text(parts[1]), head["handle"] >> 16, names.get(head["index"]))
    return None


def neighbour(head, parts, names):
    state, address = head["state"], parts.get(1, b"")
    kept = state & PERMANENT or head["flags"] & LEARNED or (state & NOARP and not of_the_kernel(address))
    if head["family"] in (socket.AF_INET, socket.AF_INET6) and kept and not is_described(head):
        return "neigh %s dev %s" % (ip(address), names.get(head["index"]))
    return None


def of_the_kernel(address):
    """Whether the kernel itself may have made a neighbour that needs no asking: a group, or everybody."""
    return not address or address[0] >= 224 or not any(address) or address[0] == 127


def route(head, parts, names):
    if head["family"] in (MPLS, MULTICAST, MULTICAST6):
        return {MPLS: "MPLS routes"}.get(head["family"], "multicast routes")
    if head["flags"] & CLONED or head["type"] in WORDS["type"] or head["proto"] == 2:
        return None
    return "route of type %d to %s/%d" % (head["type"], ip(parts[1]) if 1 in parts else "default", head["dst_len"])


def tables():
    """The tables of nftables that are not the collection's own; those of iptables are among them."""
    for family, name in nft_tables():
        if name != TABLE:
            yield "nft table %s %s" % (NFT_FAMILIES.get(family, family), name)
    for family, word in NFT_FAMILY.items():
        for name in legacy_tables(family):
            yield "%stables-legacy table %s" % (word, name)
