# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a namespace has counted: drops of queueing disciplines, of links, of xfrm, of the rules of legacy iptables."""

from __future__ import annotations

import struct

from .files import output
from .nat import legacy_tables
from .netlink import DUMP, GETLINK, GETQDISC, nested, text

STATS2, QUEUE = 7, 3
LEGACY = (("ipv4", "iptables-legacy-save"), ("ipv6", "ip6tables-legacy-save"))
STATS64 = 23
# In struct rtnl_link_stats64.
DROPPED = dict(rx_dropped=6, tx_dropped=7)


def snapshot(kernel, netns):
    """Numbers by what they count: (sort, place, name)."""
    here, out = kernel.netlink(netns), {}
    for head, parts in here.dump("qdisc", GETQDISC):
        queue = dict(nested(parts.get(STATS2, b""))).get(QUEUE, b"")
        drops = struct.unpack_from("=I", queue, 8)[0] if len(queue) >= 12 else 0
        out["qdisc", here.names.get(head["index"], ""), text(parts[1])] = drops
        held = struct.unpack_from("=I", queue)[0] if len(queue) >= 12 else 0
        out["held", here.names.get(head["index"], ""), text(parts[1])] = held
    for answer in here.ask("link", GETLINK, DUMP):
        parts = dict(nested(answer, 16))
        for name, place in DROPPED.items() if len(parts.get(STATS64, b"")) >= 64 else ():
            out["link", text(parts[3]), name] = struct.unpack_from("=Q", parts[STATS64], 8 * place)[0]
    with kernel.inside(netns):
        out.update(xfrm())
        out.update(legacy())
    return out


def xfrm():
    try:
        with open("/proc/thread-self/net/xfrm_stat") as f:
            return {("xfrm", "", line.split()[0]): int(line.split()[1]) for line in f}
    except (OSError, IndexError, ValueError):
        return {}


def legacy():
    """The packets that rules and policies have counted, where this kernel has such tables: to ask makes none."""
    out = {}
    for family, program in LEGACY:
        table, places = "", {}
        for line in (output([program, "-c"]) or "").splitlines() if legacy_tables(family) else ():
            if line.startswith("*"):
                table = line[1:]
            elif line.startswith(":"):
                chain, policy, counted = line[1:].split()
                out["legacy", "%s %s" % (table, chain), "policy " + policy] = int(counted[1:].split(":")[0])
            elif line.startswith("["):
                counted, rule = line.split(" ", 1)
                chain = rule.split()[1]
                places[table, chain] = places.get((table, chain), 0) + 1
                key = "legacy", "%s %s" % (table, chain), "rule %d: %s" % (places[table, chain], rule)
                out[key] = int(counted[1:].split(":")[0])
    return out


def risen(before, after):
    """What has risen, by how much."""
    return {key: value - before.get(key, 0) for key, value in after.items() if value > before.get(key, 0)}
