# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes, read and written."""

from __future__ import annotations

import errno
import socket
import struct
import time

from .._core.values import replace
from .._core.words import family_of
from .._resources.route import AFTER, ALONE, Route
from .._resources.route_rows import LOCAL, NOWHERE, OWN_TYPES, PROTOS, SCOPES, TYPES, Hop
from .netlink import (
    ACK,
    APPEND,
    CREATE,
    DELROUTE,
    DUMP,
    EXCL,
    GETADDR,
    GETNEXTHOP,
    GETROUTE,
    HEADS,
    NEWROUTE,
    REPLACE,
    getter,
    known,
    nested,
    next_hops,
    packed,
)

WORDS = {
    name: {number: word for word, number in table.items()}
    for name, table in dict(proto=PROTOS, scope=SCOPES, type=TYPES).items()
}
FAMILIES = (socket.AF_INET, socket.AF_INET6)
CLONED, ONLINK = 0x200, 4
DST, OIF, GATEWAY, METRICS, MULTIPATH, CACHEINFO, TABLE, VIA, EXPIRES, NH_ID = 1, 4, 5, 8, 9, 12, 15, 18, 23, 30
ENCAP = {21, 22}  # that of a nexthop object is no attribute of the route
HEAD = [row for row in Route.rows if "=" not in row.nla]
ATTRS = [row for row in Route.rows if row.nla.startswith("RTA_") and row.name not in ("from", "metric")]
METRIC_ROWS = [row for row in Route.rows if row.nla.startswith("RTAX_")]
DESCRIBED = {DST, 2, OIF, GATEWAY, 6, METRICS, MULTIPATH, CACHEINFO, TABLE, VIA, EXPIRES}
DESCRIBED |= {known(row.nla)[0] for row in ATTRS}
NO_METRICS = {row.name: row.read(getter({})) for row in METRIC_ROWS}
METRICS_DESCRIBED = {known(row.nla)[0] for row in METRIC_ROWS}


def read(kernel, name, links):
    netlink = kernel.netlink(name)
    for position, answer in enumerate(netlink.ask("route", GETROUTE, DUMP)):
        route = route_of(name, answer, netlink, position)
        if route is not None:
            yield route


def route_of(netns, answer, netlink, position):
    """A route; None for the kernel's own in the table local, and for those that are cloned."""
    words, head = HEADS["route"]
    head = dict(zip(words, head.unpack_from(answer)))
    family, kind, flags = head["family"], WORDS["type"].get(head["type"]), head["flags"]
    # Most are in the table local.
    if family not in FAMILIES or flags & CLONED or kind is None or is_own(head):
        return None
    parts = dict(nested(answer, 12))
    get = getter(parts)
    if kind == "blackhole" and NH_ID in parts and is_blackhole(netlink, parts[NH_ID]):
        kind = "unicast"
    metrics = dict(nested(parts.get(METRICS, b"")))
    route = Route(
        netns,
        "%s/%d" % (get("RTA_DST=1:ip") or zero(family), head["dst_len"]),
        get("RTA_TABLE=15:uint32") or head["table"],
        get(Route.METRIC.nla) or 0,
        kind,
        tuple(all_hops(family, parts, netlink.names, kind, flags)),
        proto=WORDS["proto"].get(head["proto"], str(head["proto"])),
        scope=WORDS["scope"].get(head["scope"], str(head["scope"])),
        tos=head["tos"],
        from_="%s/%d" % (get("RTA_SRC=2:ip"), head["src_len"]) if head["src_len"] else "",
        position=position,
        expires=seconds_left(parts),
        rest=rest_of(parts, metrics),
        **{row.name: row.read(get) for row in ATTRS},
        **({row.name: row.read(getter(metrics)) for row in METRIC_ROWS} if metrics else NO_METRICS),
    )
    return replace(route, by_itself=is_by_itself(route, netlink))


def is_own(head):
    """Whether it is one of the kernel's in the table local: others use its word."""
    return head["table"] == LOCAL and head["proto"] == 2 and head["type"] in OWN_TYPES[head["family"]]


def is_blackhole(netlink, number):
    """Whether a route is one only by the nexthop object that it uses."""
    try:
        return 4 in dict(nested(netlink.ask("nexthop", GETNEXTHOP, 0, [(1, number)])[0], 8))
    except OSError:
        return False  # both have just gone


def rest_of(parts, metrics):
    """What is not described: attributes, and among them metrics."""
    described = DESCRIBED | ENCAP if NH_ID in parts else DESCRIBED
    rest = tuple((number, raw) for number, raw in parts.items() if number not in described)
    more = {n: raw for n, raw in metrics.items() if n not in METRICS_DESCRIBED}
    # Of the metrics that are locked only the MTU is described.
    more.update({1: metrics[1]} if metrics.get(1, b"\0\0\0\0") not in (b"\0\0\0\0", b"\4\0\0\0") else {})
    return rest + ((METRICS, tuple(more.items())),) * bool(more)


def zero(family):
    return "::" if family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104


def seconds_left(parts):
    """The lifetime of a route, of which the kernel speaks in hundredths of a second."""
    ticks = struct.unpack_from("=Iii", parts[CACHEINFO])[2] if CACHEINFO in parts else 0
    return ticks // 100 if ticks > 0 else None


def is_by_itself(route, netlink):
    """Whether the kernel made it: the words `kernel` and `ra` others use as well."""
    if route.proto == "redirect" or (route.proto == "ra" and route.expires):
        return True
    own = TYPES[route.type] in (1, *OWN_TYPES[socket.AF_INET6 if ":" in route.dest else socket.AF_INET])
    nowhere = route.type == "unreachable" and route.metric == 2**32 - 1
    if route.proto != "kernel" or not (own or nowhere):
        return False
    if route.type != "unicast":
        return True
    if len(route.hops) != 1 or route.hops[0].via:
        return bool(route.expires)
    dev = route.hops[0].dev
    if dev is None or route.dest.startswith(("fe80:", "ff00:")):
        return True
    # That of an address's network, or what a router advertisement says of it.
    prefixes = getattr(netlink, "prefixes", None)
    return prefixes is None or (dev, route.dest) in prefixes or bool(route.expires)


def all_hops(family, parts, names, kind, flags):
    """The next hops of a route; of an object that is called by its number it has none itself."""
    if kind in NOWHERE or NH_ID in parts:
        return ()
    if MULTIPATH in parts:
        return hops_of(family, parts[MULTIPATH], names)
    return [hop_of(family, parts, names.get(getter(parts)("RTA_OIF=4:index")), 1, flags)]


def hops_of(family, raw, names):
    """The next hops of a route that has several: each has a head and attributes of its own."""
    for index, flags, weight, parts in next_hops(raw):
        rest = tuple((n, data) for n, data in parts.items() if n not in (GATEWAY, VIA))
        yield hop_of(family, parts, names.get(index), weight + 1, flags, rest)


def hop_of(family, parts, dev, weight, flags, rest=()):
    via = None
    if VIA in parts:  # of the other family, with its number before it
        via = socket.inet_ntop(struct.unpack_from("=H", parts[VIA])[0], parts[VIA][2:])
    elif GATEWAY in parts:
        via = socket.inet_ntop(family, parts[GATEWAY])
    return Hop(via, dev, weight, bool(flags & ONLINK), rest)


def write(kernel, change):
    if change.verb == "delete":
        try:
            send(kernel, change.before, DELROUTE, 0)
        except OSError as e:
            # Newer kernels take their own away with its address.
            if not (change.before.made_by_kernel and e.errno == errno.ESRCH):
                raise
        return
    route = change.after
    how = CREATE | (REPLACE if change.verb == "set" else EXCL)
    if change.verb == "add" and route.position != ALONE:
        how = CREATE | (APPEND if ":" in route.dest or route.position == AFTER else 0)
    end = time.monotonic() + 15
    while True:
        try:
            send(kernel, route, NEWROUTE, how)
            return
        except OSError as e:
            # Nobody may speak with an address while the kernel looks whether another host has it (DAD).
            waits = e.errno == errno.EINVAL and ":" in (route.src or "") and is_tentative(kernel, route)
            if not waits or time.monotonic() > end:
                raise
        time.sleep(0.05)


def is_tentative(kernel, route):
    own = socket.inet_pton(socket.AF_INET6, route.src)
    answers = kernel.netlink(route.netns).dump("address", GETADDR, family=socket.AF_INET6)
    return any(parts.get(2, parts.get(1)) == own and struct.unpack("=I", parts[8])[0] & 0x40 for head, parts in answers)


def send(kernel, route, verb, how):
    here, hops = kernel.netlink(route.netns), route.hops or ()
    dest, length = route.dest.split("/")
    source, dummy, source_length = (route.from_ or "").partition("/")
    attrs = [("RTA_DST=1:ip", dest)] if int(length) else []
    attrs += [("RTA_SRC=2:ip", source)] if source else []
    attrs += [("RTA_TABLE=15:uint32", route.table)]
    attrs += [(Route.METRIC.nla, route.metric)] if route.metric else []
    attrs += [pair for row in ATTRS for pair in told(row, route)]
    attrs += hop_attributes(here, hops, route.family)
    header = dict(
        family=route.family,
        dst_len=int(length),
        src_len=int(source_length or 0),
        table=route.table if route.table < 256 else 0,
        tos=route.tos or 0,
        type=TYPES[route.type or "unicast"],
        proto=number(PROTOS, route.proto or "static"),
        scope=scope_of(route, verb),
    )
    if verb == NEWROUTE:
        header["flags"] = ONLINK * (len(hops) == 1 and hops[0].onlink)
        attrs += [("RTA_EXPIRES=23:uint32", route.expires)] if route.expires and ":" in route.dest else []
        attrs += more_attributes(route)
    here.ask("route", verb, ACK | how, attrs, **header)


def hop_attributes(here, hops, family):
    if len(hops) > 1:
        return [(MULTIPATH, b"".join(one_of_several(here, hop, family) for hop in hops))]
    index = [("RTA_OIF=4:index", here.index(hops[0].dev))] if hops and hops[0].dev else []
    return gateway(hops[0], family) + index if hops else []


def told(row, route):
    value = getattr(route, row.field)
    return row.encode(value, None).items() if value not in (None, "", row.default) else ()


def more_attributes(route):
    """The metrics, and what is not described."""
    rest = dict(route.rest or ())
    metrics = dict(rest.pop(METRICS, ()))
    packs = [packed(*pair) for row in METRIC_ROWS if known(row.nla)[0] not in metrics for pair in told(row, route)]
    packs += [packed(*pair) for pair in metrics.items()]
    return ([(METRICS, b"".join(packs))] if packs else []) + list(rest.items())


def scope_of(route, verb):
    """The kernel's number of a scope; what goes can have any."""
    if verb == DELROUTE:
        return 0 if ":" in route.dest else number(SCOPES, route.scope or "nowhere")
    return number(SCOPES, route.scope or ("link" if route.is_direct else "global"))


def number(table, word):
    """The kernel's number of a word; one that has no word is a number already."""
    return table[word] if word in table else int(word)


def one_of_several(here, hop, family):
    """One of the next hops of a route that has several."""
    attrs = b"".join(packed(*pair) for pair in [*gateway(hop, family), *hop.rest])
    index = here.index(hop.dev) if hop.dev else 0
    return struct.pack("=HBBi", 8 + len(attrs), ONLINK * hop.onlink, hop.weight - 1, index) + attrs


def gateway(hop, family):
    if not hop.via:
        return []
    own = family_of(hop.via)
    raw = socket.inet_pton(own, hop.via)
    return [(GATEWAY, raw)] if own == family else [(VIA, struct.pack("=H", own) + raw)]
