# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes, read and written."""

from __future__ import annotations

import socket
import struct

from .._core.words import family_of
from .._resources.route import PROTOS, TYPES, Hop, Route
from .netlink import (
    ACK,
    CREATE,
    DELROUTE,
    DUMP,
    EXCL,
    GETROUTE,
    HEADS,
    NEWROUTE,
    REPLACE,
    getter,
    nested,
    packed,
)

SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
NUMBERS = {word: number for number, word in SCOPES.items()}
PROTO_WORDS, TYPE_WORDS = ({number: word for word, number in table.items()} for table in (PROTOS, TYPES))
LOCAL, CLONED, ONLINK = 255, 0x200, 4
FAMILIES = (socket.AF_INET, socket.AF_INET6)


def read(kernel, name, links):
    netlink = kernel.netlink(name)
    for answer in netlink.ask("route", GETROUTE, DUMP):
        route = route_of(name, answer, netlink.names)
        if route is not None:
            yield route


def route_of(netns, answer, names):
    """A route; None for what is in the table local, cloned, or of a sort that is not managed here."""
    family, length, dummy, tos, table, proto, scope, kind, flags = HEADS["route"][1].unpack_from(answer)
    kind = TYPE_WORDS.get(kind)
    # Most are in the table local.
    if table == LOCAL or family not in FAMILIES or tos or flags & CLONED or kind is None:
        return None
    parts = dict(nested(answer, 12))
    get = getter(parts)
    table = get("RTA_TABLE=15:uint32") or table
    if table == LOCAL:
        return None
    if kind != "unicast":
        hops = ()
    elif 9 in parts:
        hops = tuple(hops_of(family, parts[9], names))
    else:
        hops = (hop_of(family, parts, names.get(get("RTA_OIF=4:index")), 1, flags),)
    metrics = getter(dict(nested(parts.get(8, b""))))
    dest = get("RTA_DST=1:ip") or ("::" if family == socket.AF_INET6 else "0.0.0.0")  # noqa: S104
    return Route(
        netns,
        "%s/%d" % (dest, length),
        table,
        get(Route.METRIC.nla) or 0,
        kind,
        hops,
        get("RTA_PREFSRC=7:ip") or "",
        SCOPES.get(scope, str(scope)),
        proto=PROTO_WORDS.get(proto, str(proto)),
        **{row.name: row.read(metrics) for row in Route.METRICS},
    )


def hops_of(family, raw, names):
    """The next hops of a route that has several: each has a head and attributes of its own."""
    offset = 0
    while offset + 8 <= len(raw):
        length, flags, weight, index = struct.unpack_from("=HBBi", raw, offset)
        parts = dict(nested(raw[offset + 8 : offset + length]))
        yield hop_of(family, parts, names.get(index), weight + 1, flags)
        offset += (length + 3) & ~3


def hop_of(family, parts, dev, weight, flags):
    via = None
    if 18 in parts:  # of the other family, with its number before it
        via = socket.inet_ntop(struct.unpack_from("=H", parts[18])[0], parts[18][2:])
    elif 5 in parts:
        via = socket.inet_ntop(family, parts[5])
    return Hop(via, dev, weight, bool(flags & ONLINK))


def write(kernel, change):
    target, here = change.target, kernel.netlink(change.target.netns)
    dest, length = target.dest.split("/")
    hops, flags = target.hops or (), 0
    attrs = [("RTA_DST=1:ip", dest)] if int(length) else []
    attrs += [("RTA_TABLE=15:uint32", target.table)]
    attrs += [(Route.METRIC.nla, target.metric)] if target.metric else []
    attrs += [("RTA_PREFSRC=7:ip", target.src)] if target.src else []
    metrics = [packed(row.nla, getattr(target, row.name)) for row in Route.METRICS if getattr(target, row.name)]
    attrs += [(8, b"".join(metrics))] if metrics else []
    if len(hops) > 1:
        attrs.append((9, b"".join(several(here, hop, target.family) for hop in hops)))
    elif hops:
        attrs += gateway(hops[0], target.family)
        attrs += [("RTA_OIF=4:index", here.index(hops[0].dev))] if hops[0].dev else []
        flags = ONLINK * hops[0].onlink
    header = dict(
        family=target.family,
        dst_len=int(length),
        table=target.table if target.table < 256 else 0,
        flags=flags,
        type=TYPES[target.type or "unicast"],
    )
    if change.verb == "delete":
        scope = 255 if target.family == socket.AF_INET else 0
        here.ask("route", DELROUTE, ACK, attrs, scope=scope, **header)
    else:
        how = CREATE | (REPLACE if change.verb == "set" else EXCL)
        proto = number(PROTOS, target.proto or "static")
        here.ask("route", NEWROUTE, ACK | how, attrs, proto=proto, scope=scope_of(target), **header)


def scope_of(route):
    direct = route.type in (None, "unicast") and not any(hop.via for hop in route.hops or ())
    direct = direct and route.family == socket.AF_INET
    return number(NUMBERS, route.scope or ("link" if direct else "global"))


def number(table, word):
    """The kernel's number of a word; one that has no word is a number already."""
    return table[word] if word in table else int(word)


def several(here, hop, family):
    """One of the next hops of a route that has several."""
    attrs = b"".join(packed(*pair) for pair in gateway(hop, family))
    index = here.index(hop.dev) if hop.dev else 0
    return struct.pack("=HBBi", 8 + len(attrs), ONLINK * hop.onlink, hop.weight - 1, index) + attrs


def gateway(hop, family):
    if not hop.via:
        return []
    own = family_of(hop.via)
    raw = socket.inet_pton(own, hop.via)
    return [(5, raw)] if own == family else [(18, struct.pack("=H", own) + raw)]
