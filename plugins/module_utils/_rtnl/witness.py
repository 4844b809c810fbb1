# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel said before a task against what it says after the way back, in its own answers.

A thing is known by what the kernel tells such things apart by; left out is what moves by itself.
"""

from __future__ import annotations

import socket
import struct
import time

from .._resources.link import Link
from .._resources.route_rows import OWN_TYPES
from .netlink import (
    GETADDR,
    GETLINK,
    GETNEIGH,
    GETNETCONF,
    GETNEXTHOP,
    GETQDISC,
    GETROUTE,
    GETRULE,
    ip,
    known,
    messages,
    nested,
    next_hops,
)
from .netlink import text as name_of

FORMS = {GETLINK: "link", GETADDR: "address", GETROUTE: "route", GETRULE: "rule", GETNEIGH: "neighbour"}
FORMS.update({GETNEXTHOP: "nexthop", GETQDISC: "qdisc", GETNETCONF: "netconf"})
FOREVER = 0xFFFFFFFF
U32 = struct.Struct("=I")
WORDS = {
    "link": {5: "link", **{known(row.nla)[0]: row.name for row in (*Link.ROWS, *Link.REST) if row.nla}},
    "route": {4: "dev", 5: "via", 7: "src", 8: "metrics", 9: "nexthop", 12: "expires"},
    "address": {3: "label", 4: "broadcast", 9: "metric"},
}
# The name of the queue, counters, a card's memory and interrupts, the carrier, numbers of namespaces, the limits of a
# driver, the address that a card came with, and room for the outer headers of the route that a tunnel takes.
LINK_MOVES = {3, 6, 7, 14, 16, 23, 30, 33, 35, 37, 42, 44, 47, 48, 50, 51, 54, 59, 60, 61, 68, 69}
# The spanning tree and its timers, counters; what a bond finds out; a sequence number; how full a queue is.
KIND_MOVES = {"bridge": {*range(10, 20), 40, 47, 48}, "bond": {2, 23}, "hsr": {5}, "macvlan": {8}, "macvtap": {8}}
PORT_MOVES = {"bridge": {1, *range(13, 25), 26, 35, 36, 38, 41}, "bond": {1, 2, 3, 6, 7, 8}}
AGEING, TOPOLOGY_CHANGE = 4, 14
# The attributes that are the index of a link.
TUNNELS = (
    "gre",
    "gretap",
    "ip6gre",
    "ip6gretap",
    "erspan",
    "ip6erspan",
    "vti",
    "vti6",
    "ipip",
    "sit",
    "ip6tnl",
    "xfrm",
)
ON = dict({kind: {1} for kind in TUNNELS}, vxlan={3}, bond={11}, hsr={1, 2, 8})
RUNNING = 0x40 | 0x10000 | 0x20000 | 0x40000  # IFF_RUNNING, IFF_LOWER_UP, IFF_DORMANT, IFF_ECHO
LOWER_UP = 0x10000
DEAD = 0x31 | 0x4000 | 0x8000 | 0x10000 | 0x20000000  # RTNH_F_DEAD and what else follows the link, or the card
TENTATIVE = 0x40 | 0x04 | 0x08  # with IFA_F_OPTIMISTIC, IFA_F_DADFAILED
IN_ORDER = ("route", "rule", "IPv6 rule")  # of those with one key the first is taken
BRIDGE_LINK = 7
BY_ITSELF = (b"\1", b"\3")  # IFAPROT_KERNEL_LO, IFAPROT_KERNEL_LL


class Witness:
    """What the answers of one namespace say: things by key, each a list of {part: value}."""

    def __init__(self, heard):
        self.things, self.names = {}, {0: ""}
        self.silent = set()  # the links on which the kernel makes no address
        self.carriers = {}  # of bridges: without a port it follows nothing, and no message sets it
        # That of links comes first: it has their names.
        for verb, body in sorted(heard):
            for head, parts in messages(FORMS[verb], heard[verb, body]) if verb in FORMS else ():
                getattr(self, FORMS[verb])(head, parts)

    def add(self, sort, key, found):
        self.things.setdefault((sort, *key), []).append(found)

    def dev(self, raw):
        index = raw if isinstance(raw, int) else U32.unpack(raw)[0]
        return self.names.get(index, index)

    def link(self, head, parts):
        if head["family"] == BRIDGE_LINK:
            self.add("VLANs of", (self.dev(head["index"]),), {"vlans": parts.get(26)})
            return
        name = self.names[head["index"]] = name_of(parts[3])
        found = {"flags": head["flags"] & ~RUNNING}
        for number, raw in parts.items():
            word = WORDS["link"].get(number, "IFLA_%d" % number)
            if number == 18:
                self.of_kind(found, dict(nested(raw)))
            elif number == 26:
                found.update(confs(raw))
            elif number == 52:
                found["altname"] = sorted(nested(raw))
            elif number in (5, 10):
                # The lower link may be in another namespace, and be known there.
                found[word] = None if number == 5 and 37 in parts else raw
            elif number not in LINK_MOVES:
                found[word] = raw
        if found.get("addrgenmode") == b"\1":
            self.silent.add(head["index"])
        if found.get("kind") == "bridge":
            self.carriers[name] = bool(head["flags"] & LOWER_UP)
        self.add("link", (name,), found)

    def of_kind(self, found, info):
        bridge = dict(nested(info.get(2, b""))) if name_of(info.get(1, b"")) == "bridge" else {}
        changes = any(bridge.get(TOPOLOGY_CHANGE, b""))  # meanwhile it tells another ageing time
        for place, part, moves in ((1, 2, KIND_MOVES), (4, 5, PORT_MOVES)):
            kind = name_of(info.get(place, b""))
            found["kind" if place == 1 else "port of a"] = kind
            for number, raw in nested(info.get(part, b"")):
                if number not in moves.get(kind, ()):
                    index = place == 1 and number in ON.get(kind, ())
                    found["%s.%d" % (kind, number)] = ("dev", U32.unpack(raw)[0]) if index else raw
        found.update({"bridge.%d" % AGEING: Unknown()} if changes else {})

    def address(self, head, parts):
        local = parts.get(2, parts.get(1, b""))
        flags = U32.unpack(parts[8])[0] if 8 in parts else head["flags"]
        own = parts.get(11) in BY_ITSELF and head["index"] not in self.silent
        if (head["family"] == socket.AF_INET6 and flags & 1) or own:
            return  # temporary ones, and its own, the kernel makes and ends
        found = {"flags": flags & ~TENTATIVE, "scope": head["scope"]}
        for number, raw in parts.items():
            if number == 6:
                found["valid_lft"], found["preferred_lft"] = map(Until, struct.unpack_from("=II", raw)[1::-1])
            elif number not in (1, 2, 8):
                found[WORDS["address"].get(number, "IFA_%d" % number)] = raw
        key = "%s/%d" % (ip(local), head["prefixlen"])
        peer = parts.get(1, local)
        self.add(
            "address", (key, *(("peer", ip(peer)) if peer != local else ()), "dev", self.dev(head["index"])), found
        )

    def route(self, head, parts):
        table = U32.unpack(parts[15])[0] if 15 in parts else head["table"]
        own = table == 255 and head["proto"] == 2 and head["type"] in OWN_TYPES[head["family"]]
        if head["flags"] & 0x200 or own:
            return  # a cached one, or the kernel's for its own addresses
        found = {"proto": head["proto"], "scope": head["scope"], "type": head["type"], "flags": head["flags"] & ~DEAD}
        for number, raw in parts.items():
            word = WORDS["route"].get(number, "RTA_%d" % number)
            if number == 4:
                found[word] = ("dev", U32.unpack(raw)[0])
            elif number == 9:
                hops = next_hops(raw)
                found[word] = [(("dev", dev), flags & ~0x31, weight, more) for dev, flags, weight, more in hops]
            elif number == 12:
                expires = struct.unpack_from("=i", raw, 8)[0]
                found[word] = Until(expires // 100 if expires else FOREVER)
            elif number == 8:
                found[word] = sorted(nested(raw))
            elif number not in (1, 2, 6, 15):
                found[word] = raw
        where = "%s/%d" % (ip(parts[1]), head["dst_len"]) if head["dst_len"] else "default"
        key = [where, "table", table, "metric", U32.unpack(parts[6])[0] if 6 in parts else 0]
        key += ["tos", head["tos"]] if head["tos"] else []
        key += ["from", "%s/%d" % (ip(parts[2]), head["src_len"])] if 2 in parts else []
        self.add("route" if head["family"] == socket.AF_INET else "IPv6 route", key, found)

    def rule(self, head, parts):
        # 8, 16: whether the links that it names are there
        found = dict({"%s" % number: raw for number, raw in parts.items() if number != 6}, **head)
        found["flags"] &= ~0x18
        family = {socket.AF_INET: "rule", socket.AF_INET6: "IPv6 rule"}.get(head["family"], "rule %d" % head["family"])
        self.add(family, (U32.unpack(parts[6])[0] if 6 in parts else 0,), found)

    def neighbour(self, head, parts):
        more = U32.unpack(parts[15])[0] if 15 in parts else 0
        if head["family"] == BRIDGE_LINK:
            self.station(head, parts, more)
        elif head["state"] & 0x80 or head["flags"] & 0x18 or more & 1:
            # What a control plane tells, the kernel probes.
            state = head["state"] & 0xC0 if head["flags"] & 0x10 or more & 1 else head["state"]
            found = {"NDA_%d" % number: raw for number, raw in parts.items() if number not in (1, 3, 4, 15)}
            found.update(state=state, flags=head["flags"], more=more)
            proxy = ("proxy",) if head["flags"] & 8 else ()
            self.add("neighbour", (ip(parts.get(1, b"")), "dev", self.dev(head["index"]), *proxy), found)

    def station(self, head, parts, more):
        state, flags, lladdr = head["state"], head["flags"], parts.get(2, b"")
        # Groups follow the addresses of a link; stations that were learned age.
        group = flags & 2 and 1 not in parts and lladdr[:1] and lladdr[0] & 1
        if group or not (state & 0xC0 or flags & 0x30):
            return
        found = {"NDA_%d" % number: raw for number, raw in parts.items() if number not in (1, 2, 3, 4, 5, 8, 9, 15)}
        key = [lladdr.hex(":"), "dev", self.dev(head["index"])]
        key += ["dst", ip(parts[1])] if 1 in parts else []
        key += ["vlan", struct.unpack("=H", parts[5])[0]] if 5 in parts else []
        self.add("fdb entry", key, dict(found, state=state, flags=flags, more=more))

    def nexthop(self, head, parts):
        found = {"NHA_%d" % number: raw for number, raw in parts.items() if number not in (1, 5, 12, 13, 14, 15)}
        found.update(head, flags=head["flags"] & ~0x31)
        found["dev"] = ("dev", U32.unpack(parts[5])[0] if 5 in parts else 0)
        self.add("nexthop", ("id", U32.unpack(parts[1])[0]), found)

    def qdisc(self, head, parts):
        kind, handle = name_of(parts[1]), head["handle"]
        if not handle:
            return  # the kernel's choice
        own = handle >> 16 if handle >> 16 < 0x8000 or kind in ("ingress", "clsact") else "its own"
        # The options of these two hold counters.
        options = None if kind in ("htb", "ingress") else parts.get(2)
        if kind == "netem" and options:
            # Beside its values, a seed of chance.
            options = (options[:24], *(pair for pair in nested(options[24:]) if pair[0] != 14))
        key = (kind, "dev", self.dev(head["index"]), "parent", "%x" % head["parent"])
        self.add("qdisc", key, {"handle": own, "options": options})

    def netconf(self, head, parts):
        index = struct.unpack("=i", parts[1])[0]
        if index < 0:
            key = ("ipv4" if head["family"] == socket.AF_INET else "ipv6", {-1: "all", -2: "default"}.get(index))
            self.add("sysctls", key, {"NETCONFA_%d" % number: raw for number, raw in parts.items()})

    def resolved(self):
        """The things, with the names of links for their numbers."""
        for found in self.things.values():
            for one in found:
                one.update({word: self.named(word, value) for word, value in one.items()})
        masters = {found[0].get("master") for key, found in self.things.items() if key[0] == "link"}
        for name in self.carriers.keys() - masters:
            self.things["link", name][0]["carrier"] = self.carriers[name]
        return self.things

    def named(self, word, value):
        if isinstance(value, tuple) and value[:1] == ("dev",):
            return self.dev(value[1])
        if word in ("link", "master") and value:
            return self.dev(value)
        if word == "nexthop":
            return [(self.dev(hop[0][1]), *hop[1:]) for hop in value]
        return value


class Unknown:
    """What the kernel does not tell now: equal to whatever it is."""

    def __eq__(self, other):
        return True

    __hash__ = None


class Until:
    """Seconds that pass: equal to what they become after a while."""

    def __init__(self, seconds):
        self.seconds, self.end = seconds, time.monotonic() + seconds

    def __eq__(self, other):
        if FOREVER in (self.seconds, other.seconds) or not (self.seconds and other.seconds):
            return self.seconds == other.seconds
        return abs(self.end - other.end) <= 4

    __hash__ = None

    def __repr__(self):
        return "forever" if self.seconds == FOREVER else "%d s" % self.seconds


def confs(raw):
    """What a link has of the sysctls of both families, its token, and how its addresses are made."""
    for family, inner in nested(raw):
        parts = dict(nested(inner))
        if family == socket.AF_INET:
            yield "sysctls of IPv4", parts.get(1)
        elif family == socket.AF_INET6:
            yield "sysctls of IPv6", parts.get(2)
            yield "token", parts.get(7)
            yield "addrgenmode", parts.get(8)


def differences(before, after):
    """One line for each thing of each namespace that is not as it was, from what was heard then and now."""
    return [line for name in sorted(before) for line in differences_in(name, before[name], after.get(name))]


def differences_in(name, before, after):
    if after is None:
        return ["netns %s (gone)" % name]
    # What was not asked for both times cannot be compared.
    both = before.keys() & after.keys()
    old, new = (Witness({key: heard[key] for key in both}).resolved() for heard in (before, after))
    where = " in %s" % name if name else ""
    pairs = [(" ".join(str(part) for part in key), difference(key, old, new)) for key in sorted({*old, *new}, key=str)]
    out = ["%s%s (%s)" % (thing, where, words) for thing, words in pairs if words]
    one, other = in_order(old, new), in_order(new, old)
    return out + ["addresses of %s%s (order)" % (dev, where) for dev in sorted(one) if one[dev] != other[dev]]


def difference(key, old, new):
    """The words for what became of the things of one key; nothing where they are as they were."""
    mine, theirs = list(old.get(key, ())), list(new.get(key, ()))
    moved = key[0] in IN_ORDER and mine != theirs
    left = [one for one in mine if not take(one, theirs)]
    if len(left) == len(theirs) == 1:
        words = sorted(word for word in {*left[0], *theirs[0]} if left[0].get(word) != theirs[0].get(word))
        return ", ".join(words)
    if (left or theirs) and not of_the_kernel(key, new):
        return "gone" if left else "new"
    return "order" if moved and not (left or theirs) else ""


def in_order(things, others):
    """By link, those of its addresses that others have as well: the first one speaks for it."""
    found = {}
    for key in things:
        if key[0] == "address" and not str(key[1]).startswith("fe80:") and key in others:
            found.setdefault(key[-1], []).append(key)
    return found


def queues(heard):
    """The (link, kind) of the queueing disciplines that somebody chose."""
    of_queues = {question: answers for question, answers in heard.items() if question[0] in (GETLINK, GETQDISC)}
    return {(key[3], key[1]) for key in Witness(of_queues).things if key[0] == "qdisc"}


def take(one, several):
    """Take its equal out of several; whether there was one."""
    if one in several:
        several.remove(one)
        return True
    return False


def of_the_kernel(key, now):
    """What the kernel makes by itself, in its own time: a link-local address, what follows from it, own stations."""
    sort, first, dev = key[0], str(key[1]), key[-1]
    if first in ("127.0.0.1/8", "::1/128") and dev == "lo":
        return True
    if sort == "address" and first.startswith("fe80:"):
        return key in now or any(k[0] == sort and k[-1] == dev and str(k[1]).startswith("fe80:") for k in now)
    if sort == "fdb entry":
        return "dst" not in key and any(
            k[0] == "link" and (v[0].get("address") or b"").hex(":") == first for k, v in now.items()
        )
    return sort == "IPv6 route" and first.startswith(("fe80::", "ff00::/8"))
