# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there and no resource stands for, in a few words each."""

from __future__ import annotations

import socket
import struct
import sys

from .._resources.nat_words import NFT_FAMILY, TABLE
from .impairment import ROOT
from .nat import NFT_NAMES, legacy_tables, nft_tables
from .netlink import DUMP, GETQDISC, GETROUTE, Netlink, ip, messages, text
from .route import CLONED, WORDS

MPLS, MULTICAST, MULTICAST6 = 28, 128, 129  # AF_MPLS, RTNL_FAMILY_IPMR, RTNL_FAMILY_IP6MR
GETCLASS, GETFILTER, GETADDRLABEL = 42, 46, 74
INGRESS, CLSACT = 0xFFFF0000, (0xFFFFFFF2, 0xFFFFFFF3)
HOOKS = {0xFFFFFFF2: "ingress", 0xFFFFFFF3: "egress"}
CLASSFUL = ("htb", "hfsc", "drr", "ets", "cbq", "qfq")  # of others the kernel shows each queue as a class
XFRM, GETPOLICY, GETSA = 6, 0x15, 0x12
DIRECTIONS = {0: "in", 1: "out", 2: "fwd"}


def usual_labels(kernel):
    """The labels of addresses of a new namespace."""
    scratch = kernel.scratch_netns()
    with scratch.socket:
        return set(labels(scratch))


def not_described(kernel, name, heard, usual):
    """Of a namespace: queues and routes, from what was heard when it was read, and what is asked here.

    `usual` are the labels of addresses that every namespace has.
    """
    here = kernel.netlink(name)
    names = here.names
    readers = {GETQDISC: ("qdisc", qdisc), GETROUTE: ("route", route)}
    found = []
    for (verb, dummy), answers in heard.items():
        form, reader = readers.get(verb, ("", None))
        found += [reader(head, parts, names) for head, parts in messages(form, answers)] if form else []
    found += [it for verb, place in traffic_control(heard, names) for it in verb(here, *place)]
    found += set(labels(here)) - usual
    with kernel.inside(name):
        found += [*tables(), *xfrm()]
    return sorted({it for it in found if it})


def qdisc(head, parts, names):
    """One that is not at the root, or has classes or filters of its own."""
    if head["handle"] and head["parent"] != ROOT:
        return "qdisc %s %x: dev %s" % (text(parts[1]), head["handle"] >> 16, names.get(head["index"]))
    return None


def route(head, parts, names):
    if head["family"] in (MPLS, MULTICAST, MULTICAST6):
        return {MPLS: "MPLS routes"}.get(head["family"], "multicast routes")
    if head["flags"] & CLONED or head["type"] in WORDS["type"] or head["proto"] == 2:
        return None
    return "route of type %d to %s/%d" % (head["type"], ip(parts[1]) if 1 in parts else "default", head["dst_len"])


def traffic_control(heard, names):
    """Where there can be classes and filters: at the queues that have a number."""
    for (verb, dummy), answers in heard.items():
        for head, dummy in messages("qdisc", answers) if verb == GETQDISC else ():
            if head["handle"] and head["index"] in names:
                yield classes, (head,)
                hooks = CLSACT if head["handle"] == INGRESS else [head["handle"]]
                yield from ((filters, (head, parent)) for parent in hooks)


def classes(here, qdisc):
    for head, parts in here.dump("qdisc", GETCLASS, index=qdisc["index"]):
        if head["handle"] >> 16 == qdisc["handle"] >> 16 and text(parts[1]) in CLASSFUL:
            words = text(parts[1]), here.names[head["index"]], head["handle"] >> 16, head["handle"] & 0xFFFF
            yield "class %s dev %s %x:%x" % words


def filters(here, qdisc, parent):
    for head, parts in here.dump("qdisc", GETFILTER, index=qdisc["index"], parent=parent):
        where = HOOKS.get(parent, "parent %x:" % (parent >> 16))
        yield "filter dev %s %s pref %d %s" % (here.names[head["index"]], where, head["info"] >> 16, text(parts[1]))


def labels(here):
    for head, parts in here.dump("label", GETADDRLABEL, family=socket.AF_INET6):
        dev = " dev %s" % here.names.get(head["index"], head["index"]) if head["index"] else ""
        label = int.from_bytes(parts[2], sys.byteorder)
        yield "addrlabel prefix %s/%d%s label %d" % (ip(parts[1]), head["prefixlen"], dev, label)


def xfrm():
    """The policies and states of IPsec in the namespace of the thread; a kernel without has none."""
    try:
        asking = Netlink(XFRM)
    except OSError:
        return
    with asking.socket:
        for raw in asking.exchange(GETPOLICY, DUMP, bytes(64)):
            family, to, of = struct.unpack_from("=HBB", raw, 40)
            words = of_xfrm(family, raw, 16, of), of_xfrm(family, raw, 0, to), DIRECTIONS.get(raw[160], raw[160])
            yield "xfrm policy src %s dst %s dir %s" % words
        for raw in asking.exchange(GETSA, DUMP, b""):
            family = struct.unpack_from("=H", raw, 212)[0]
            words = of_xfrm(family, raw, 80), of_xfrm(family, raw, 56), int.from_bytes(raw[72:76], "big")
            yield "xfrm state src %s dst %s spi 0x%08x" % words


def of_xfrm(family, raw, at, length=None):
    address = ip(raw[at : at + (4 if family == socket.AF_INET else 16)])
    return address if length is None else "%s/%d" % (address, length)


def tables():
    """The tables of nftables that are not the collection's own; those of iptables are among them."""
    for family, name in nft_tables():
        if name != TABLE:
            yield "nft table %s %s" % (NFT_NAMES.get(family, family), name)
    for family, word in NFT_FAMILY.items():
        for name in legacy_tables(family):
            yield "%stables-legacy table %s" % (word, name)
