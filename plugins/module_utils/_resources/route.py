# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes: ip-route(8)."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from operator import attrgetter
from typing import Any, Optional, Tuple

from .._core.desired import Change, Observation
from .._core.resource import Resource, of_netns
from .._core.rows import Row, Word
from .._core.values import Aside, Refused, replace
from .._core.words import family_of, ip
from .._kinds.base import called
from .._kinds.effects import takes_ipv6
from .route_rows import LOCAL, MAIN, PREFS, PROTOS, SCOPES, TABLES, TYPES, Choice, Hop, Lock, Mtu, Source, Tos

BEFORE, ALONE, AFTER = -1, 0, 1  # where a new route comes among those of its identity
DEFAULT = ("0.0.0.0/0", "::/0")


class Route(Resource):
    """A route: ip-route(8)."""

    netns: str
    dest: str  # always with its prefix length: 0.0.0.0/0 and ::/0 are the default routes
    table: Optional[int] = MAIN
    metric: Optional[int] = None
    type: Optional[str] = None
    hops: Optional[Tuple[Hop, ...]] = None
    src: Optional[str] = None
    scope: Optional[str] = None
    mtu: Optional[int] = None
    proto: Optional[str] = None
    by_itself: bool = Aside(False)  # the kernel made it, or a router advertisement
    position: int = Aside(0)  # among those of one identity: the first is the one that packets take
    expires: Optional[int] = Aside()  # seconds that are left
    vrf: Optional[str] = Aside()  # desired: the VRF whose table it is in
    waits: bool = Aside(False)  # desired: its source is an address that is looked for on other hosts (DAD) until then
    rest: Optional[Tuple[Any, ...]] = None  # attributes and metrics that are not described

    sort = "route"
    identity = ("netns", "dest", "table", "metric", "tos", "from_", "type", "hops")
    # By which the kernel tells those apart that are not beside each other.
    SAME = ("netns", "dest", "table", "metric", "tos", "from_")
    values_of_same = attrgetter(*SAME)
    METRIC = Row("metric", "RTA_PRIORITY=6:uint32", "int", range(2**32))
    TYPE = Word("type", "type", "str", TYPES, "unicast")
    # In the order of ip(8)'s words; those of the head have no number, those of the metrics are called RTAX.
    rows = (
        METRIC,
        Tos("tos", "tos", "str", default=0),
        Row("from", "RTA_SRC=2:ip", "str", default=""),
        Choice("proto", "proto", "str", PROTOS, choices=("static", "boot")),
        Choice("scope", "scope", "str", SCOPES, "global", choices=("global", "site", "link", "host")),
        Source("src", "RTA_PREFSRC=7:ip", "str", default=""),
        Row("pref", "RTA_PREF=20:uint8", "str", PREFS, "medium"),
        Row("nhid", "RTA_NH_ID=30:uint32", "int", range(1, 2**32), 0),
        Mtu("mtu", "RTAX_MTU=2:uint32", "int", range(65521), 0),
        Lock("mtu_lock", "RTAX_LOCK=1:uint32", default=False),
        Row("advmss", "RTAX_ADVMSS=8:uint32", "int", range(65496), 0),
        Row("hoplimit", "RTAX_HOPLIMIT=10:uint32", "int", range(256), 0),
        Row("initcwnd", "RTAX_INITCWND=11:uint32", "int", range(2**32), 0),
        Row("initrwnd", "RTAX_INITRWND=14:uint32", "int", range(2**32), 0),
        Row("quickack", "RTAX_QUICKACK=15:uint32", default=False),
    )

    @property
    def key(self):
        hops = tuple((hop.via or "", hop.dev or "") for hop in self.hops or ())
        who = "by itself" if self.by_itself else ""
        return ("route", *Route.values_of_same(self), self.type if not hops else "", hops, who)

    @property
    def family(self):
        return family_of(self.dest)

    @property
    def default_metric(self):
        return 1024 if ":" in self.dest else 0

    @property
    def made_by_kernel(self):
        return self.by_itself

    @property
    def is_movable(self):
        """Whether it goes with its host to another link: there the kernel makes those of the link itself anew."""
        return not self.by_itself or self.proto == "ra"

    def requires(self):
        devs = {hop.dev for hop in self.hops or () if hop.dev} | ({self.vrf} if self.vrf else set())
        nexthop = [("nexthop", self.netns, self.nhid)] if self.nhid else []
        return nexthop + [("link", self.netns, dev) for dev in sorted(devs)] or of_netns(self.netns)

    def prerequisites(self, observed, desired):
        named = {("link", self.netns, self.vrf): "vrf", ("nexthop", self.netns, self.nhid): "nhid"}
        return [(named.get(key, option), key) for option, key in super().prerequisites(observed, desired)]

    def order(self):
        # An on-link route makes the gateway of the next one reachable; those of one identity come as they are told.
        same = str([getattr(self, name) for name in self.SAME])
        return (*super().order()[:2], any(hop.via for hop in self.hops or ()), same)

    def reads(self):
        return super().reads().joined(Observation(sorts=frozenset(("address", "nexthop"))))

    def overlay(self, want):
        after = super().overlay(want)
        if want.hops is not None and self.hops and len(self.hops) == len(want.hops):
            pairs = zip(want.hops, self.hops)
            hops = [replace(w, dev=w.dev or h.dev, rest=w.rest or h.rest) if w.via == h.via else w for w, h in pairs]
            after = replace(after, hops=tuple(hops))
        if want.hops and want.scope is None and self.hops != after.hops:
            # Of a direct route it is another one than of a route by a gateway.
            after = replace(after, scope=None)
        return after

    def same(self, state):
        """Those that the kernel keeps beside this one, or in its place, in their order."""
        return sorted(filter(self.is_like, state.having(self.sort, self.netns, self.dest)), key=lambda r: r.position)

    def in_common(self):
        return [(self.sort, self.netns, word) for word in (self.dest, self.src) if word]

    def is_like(self, other):
        """Whether the kernel tells this one and the other apart by no more than their hops."""
        pairs = zip(Route.values_of_same(self), Route.values_of_same(other))
        return all(mine is None or mine == its for mine, its in pairs)

    def resolved(self, state):
        """It in the table of its VRF."""
        link = self.vrf and state.link((self.netns, self.vrf))
        if not link:
            return self
        if link.kind not in (None, "vrf"):
            raise Refused("vrf", "%s is %s, not a vrf" % (self.vrf, called(link)))
        return replace(self, table=dict(link.attrs).get("table", MAIN), vrf=None)

    def plan(self, planner, have):
        want = self.resolved(planner.state)
        same = want.same(planner.state)
        if want.is_connected(same):
            return
        meant = want.meant(planner, same)
        if meant is None or (planner.rolls_back and want.is_misplaced(planner, meant, same)):
            want.put_in_place(planner, meant, same)
            return
        after = meant.overlay(want).waiting(planner)
        if meant.by_itself:
            after = replace(after, by_itself=False, proto=want.proto or "static", expires=None)
        behind = want.is_behind(planner, meant, same)
        if after == meant and after.key == meant.key and not behind:
            return
        if behind or (":" not in self.dest and meant is not same[0]):
            # The kernel has no word for another place, and replaces the first one alone.
            planner.step(Change(meant, None))
            planner.step(Change(None, replace(after, position=BEFORE if behind else AFTER)))
        else:
            planner.step(Change(meant, after))

    def completed(self, state):
        """It with all by which the kernel will tell it from others."""
        hops = tuple(hop if hop.dev else replace(hop, dev=self.way_to(state, hop.via)) for hop in self.hops or ())
        metric = self.default_metric if self.metric is None else self.metric
        more = dict(tos=self.tos or 0, from_=self.from_ or "", type=self.type or "unicast")
        return replace(self, metric=metric, hops=hops, waits=False, **more)

    def way_to(self, state, via):
        """The link by which a gateway is reached, as far as one can tell."""
        ways = [(a.network, a.dev) for a in state.within(self.netns, "address") if a.family == family_of(via)]
        routes = [r for r in state.within(self.netns, self.sort) if r.hops and r.family == family_of(via)]
        ways += [(ip_network(r.dest), r.hops[0].dev) for r in routes if r.table in (MAIN, self.table)]
        found = [(net.prefixlen, dev) for net, dev in ways if dev and ip_address(via) in net]
        return max(found, key=lambda way: way[0])[1] if found else None

    def pass_to(self, planner, after):
        """The steps by which it becomes one on another link, its place among those of its identity the same."""
        same = self.same(planner.state)
        if len(same) == 1:
            planner.step(Change(self, after))
            return
        first = same[0] == self and ":" not in self.dest
        planner.step(Change(None, replace(after, position=BEFORE if first else AFTER)))
        planner.step(Change(self, None))
        # The kernel has no word for a place between two.
        for r in [r for r in same if r.position > self.position and not (first or ":" in self.dest)]:
            planner.step(Change(planner.state.get(r.key), None))
            planner.step(Change(None, replace(r, position=AFTER)))

    def put_in_place(self, planner, meant, same):
        """The steps to it before those of its identity, as it is to be in use; on the way back, to where it was."""
        homes = self.homes(planner, meant, same) if planner.rolls_back else []
        late = any(position < self.position for dummy, position in homes)
        behind = [r for r, position in homes if position > self.position] if late else []
        position = AFTER if late else BEFORE if same else ALONE
        fresh = replace(self, proto=self.proto or "static", position=position).waiting(planner)
        # The kernel has no word for a place between two.
        for r in [meant] * (meant is not None) + behind:
            planner.step(Change(r, None))
        planner.step(Change(None, fresh))
        for r in behind:
            planner.step(Change(None, replace(r, position=AFTER)))

    def homes(self, planner, meant, same):
        """The others of its identity that were there, with their places."""
        known = [(r, planner.present.get(r.key)) for r in same if r is not meant]
        return [(r, home.position) for r, home in known if home is not None]

    def is_misplaced(self, planner, meant, same):
        """Whether it is not where it was among those of its identity."""
        homes = self.homes(planner, meant, same) if meant.key == self.key and ":" not in self.dest else []
        return any((r.position < meant.position) != (position < self.position) for r, position in homes)

    def meant(self, planner, same):
        """Which of some routes is the one that is desired, or is to become it: in the last resort the first."""
        own = [r for r in same if not r.by_itself]
        for fitting in (lambda r: r.fits(self), lambda r: r.goes_by(self)):
            found = [r for r in own if fitting(r)] or [r for r in same if r.proto == "ra" and fitting(r)]
            if found:
                return found[0]
        return next((r for r in own if not self.has_rival(planner, r)), None)

    def is_behind(self, planner, meant, same):
        """Whether packets take a route that nobody desires, as that comes before this one."""
        if ":" in self.dest or planner.rolls_back or meant.by_itself:
            return False
        ahead = [r for r in same if r.position < meant.position and not r.by_itself]
        return any(not self.has_rival(planner, r) for r in ahead)

    def goes_by(self, want):
        """Whether its hops are those that are desired, so far as they are said, or its type where it has none."""
        if not want.hops and not self.hops:
            return want.type == self.type
        return want.hops is not None and self.overlay(replace(want, **dict.fromkeys(self.VALUES))).hops == self.hops

    def has_rival(self, planner, r):
        """Whether another of the resources that are desired is this one."""
        wants = self.wanted_there(planner)
        return any(w.key != self.key and w.is_like(r) and r.goes_by(w) for w in wants)

    def wanted_there(self, planner):
        """The routes to its destination that are desired, it among them."""
        return [w.resolved(planner.state) for w in planner.present.having(self.sort, self.netns, self.dest)]

    def waiting(self, planner):
        """It with the word whether its source has to be waited for: IPv6 looks first whether another host has it."""
        if ":" not in (self.src or ""):
            return self
        found = [a for a in planner.state.within(self.netns, "address") if a.ip == self.src and not a.unique]
        return replace(self, waits=any(a.key not in planner.observed and not a.nodad for a in found))

    def is_connected(self, same):
        """Whether the kernel's own route to a connected network is what is desired."""
        if not self.hops or len(self.hops) > 1 or self.hops[0].via:
            return False
        want = replace(self, proto=None, metric=None)
        return any(r.by_itself and r.proto == "kernel" and r.fits(want) for r in same)

    def find(self, state):
        want, near = self.resolved(state), state.within(self.netns, self.sort)
        return [r for r in near if not r.by_itself and r.fits(want)]

    def goes_over(self, planner):
        """One that is desired with other hops takes its place; what is left then goes after that."""
        return bool(self.coming(planner))

    def coming(self, planner):
        """The routes like it that are desired and not there yet."""
        state, likes = planner.state, self.likes(planner)
        return [w for w in likes if not any(r.goes_by(w) for r in w.same(state))] if self.find(state) else []

    def likes(self, planner):
        found = self.find(planner.state)
        return [w for w in self.wanted_there(planner) if any(w.is_like(have) for have in found)]

    def prune(self, planner):
        for have in self.find(planner.state):
            likes = [w for w in self.likes(planner) if w.is_like(have)]
            if not self.coming(planner) and not any(have.goes_by(w) for w in likes):
                planner.remove(have)

    def to_record(self, observed, made):
        near = [r for r in self.resolved(observed).same(observed) if not r.by_itself]
        same = [r for r in near if r.goes_by(self)] or near
        ours = made.within(self.netns, self.sort)
        return self if all(any(m.is_like(r) and r.goes_by(m) for m in ours) for r in same) else None

    @classmethod
    def recalled(cls, fields):
        hops = tuple(Hop(**hop) for hop in fields.pop("hops", None) or ())
        return cls(**fields, hops=hops or None)

    def reassert(self, planner):
        goes = self if self.key in planner.present else self.of_ports(planner)
        if not planner.can_be(goes):
            return
        same = [r for r in goes.same(planner.state) if not r.by_itself]
        if same:
            ahead = any(r.position < self.position for r in same)
            goes = replace(goes, position=AFTER if ahead or ":" in self.dest else BEFORE)
        planner.step(Change(goes if goes is self else None, goes))

    def of_ports(self, planner):
        """It in the table of the VRF that its links have joined, as the kernel's own are, or have left.

        A source is to be an address of the table; other routes stay, for whoever looks into theirs.
        """
        if not self.src and self.proto != "kernel":
            return self
        tables = [self.tables_of(state, hop.dev) for state in (planner.observed, planner.state) for hop in self.hops]
        was, now = {*tables[: len(self.hops)]}, {*tables[len(self.hops) :]}
        return replace(self, table=min(now)) if was == {self.table} != now and len(now) == 1 else self

    def tables_of(self, state, dev):
        """The table of the kernel's own routes of a link."""
        link = state.link((self.netns, dev))
        master = state.master_of(link)
        return dict(master.attrs).get("table", MAIN) if master is not None and master.kind == "vrf" else MAIN

    def accepted(self, state):
        """The kernel wants links that are up, with addresses, and a source of its own."""
        hops = self.hops or ()
        if any(hop.dev and not state.link((self.netns, hop.dev)).up for hop in hops):
            return False
        if not all(self.is_near(state, hop) for hop in hops):
            return False
        if ":" in self.dest:
            return all(takes_ipv6(state, self.netns, hop.dev) for hop in hops)
        addresses = [a for a in state.within(self.netns, "address") if ":" not in a.address]
        devs, own = {a.dev for a in addresses}, {a.ip for a in addresses}
        near = all(hop.dev in devs or "." not in (hop.via or "") for hop in hops) or self.type != "unicast"
        return near and (not self.src or self.src in own)

    def is_near(self, state, hop):
        """Whether a gateway is on a link, as far as one can tell."""
        if not hop.via or not hop.dev or hop.onlink or hop.via.startswith("fe80:"):
            return True
        on = state.on(("link", self.netns, hop.dev))
        nets = [r.network for r in on if r.sort == "address" and not r.noprefixroute]
        nets += [ip_network(r.dest) for r in on if r.sort == self.sort and not any(h.via for h in r.hops)]
        return any(ip_address(hop.via) in net for net in nets)

    def survives(self, event):
        return not (event.down or (":" in self.dest and event.drops_ipv6))

    def renamed(self, old, new):
        hops = tuple(replace(hop, dev=new[1] if hop.dev == old[1] else hop.dev) for hop in self.hops or ())
        return replace(self, netns=new[0], hops=hops)

    def predict(self, state, before):
        if before is not None:
            state.pop(before.key)
        same = self.same(state)
        for r in same if self.position == BEFORE else ():
            state.add(replace(r, position=r.position + 1))
        position = same[-1].position + 1 if same and self.position == AFTER else 0
        state.add(replace(self.completed(state), position=before.position if before is not None else position))

    def near(self, state):
        return self.same(state) if self.vrf is None and not self.by_itself else []

    def goes_back(self, back):
        # What was there in its place replaces it.
        lost = [r for r in self.same(back.before) if not r.by_itself and r.key not in back.now]
        news = [r.key for r in self.same(back.now) if not r.by_itself and r.key not in back.before]
        return self.key not in news[: len(lost)]

    def commands(self, change):
        if change.verb == "delete" and self.by_itself and self.proto == "kernel":
            # Newer kernels have taken it away with its address: to flush nothing is no error.
            return [ip(self.netns, "-6", "route", "flush", self.dest, "dev", self.hops[0].dev, "proto", "kernel")]
        verb = "replace" if change.verb == "set" else change.verb
        if verb == "add" and self.position != ALONE:
            verb = "append" if ":" in self.dest or self.position == AFTER else "prepend"
        head = ip(self.netns, *["-6"] * (":" in self.dest), "route", verb)
        # Without its scope one that has no gateway would stand for the first by its link.
        exact = verb == "delete" and self.position > 0 and self.is_direct
        line = [head + self.words(verb == "delete") + ["scope", self.scope or "link"] * exact]
        if self.waits and verb != "delete":
            look = ip(self.netns, "-6", "address", "show", "tentative", "to", self.src)
            return ["while %s | grep -q .; do sleep 0.1; done" % " ".join(look), *line]
        return line

    def words(self, gone):
        six, hops = ":" in self.dest, self.hops or ()
        words = [self.type] if self.type not in (None, "unicast") else []
        words.append("default" if self.dest in DEFAULT else self.dest)
        words += hops[0].ip_args(six) if len(hops) == 1 else []
        for row in self.rows:
            if self.is_said(row) and (not gone or row.name in ("metric", "tos", "from")):
                words += row.ip_args(getattr(self, row.field), self)
            words += ["table", str(self.table)] if row is self.METRIC and self.table != MAIN else []
        if self.expires and not gone:
            words += ["expires", str(self.expires)]
        if len(hops) > 1 and not gone:
            words += [word for hop in hops for word in ["nexthop", *hop.ip_args(six), "weight", str(hop.weight)]]
        return words

    def is_said(self, row):
        """Whether ip(8) would not take the value of a row by itself."""
        value = getattr(self, row.field)
        dull = {"metric": self.default_metric, "scope": "link" if self.is_direct else "global"}
        return value not in (None, "", False) and value != dull.get(row.name, row.default)

    @property
    def is_direct(self):
        """Whether its scope is that of a link, if nothing else is said."""
        hops, plain = self.hops or (), self.type in (None, "unicast") and ":" not in self.dest
        return bool(hops) and plain and not any(hop.via for hop in hops)

    def plain(self):
        always = ("metric", "proto", "scope", "src", "mtu")
        dull = {row.name: row.default for row in self.rows if row.name not in always}
        found = {name: value for name, value in super().plain().items() if name not in dull or value != dull[name]}
        return dict(found, hops=[hop.plain() for hop in self.hops or ()])

    def is_told(self, state):
        return self.table != LOCAL

    def not_described(self):
        return super().not_described() + ([] if self.is_told(None) else ["table local"])

    def as_entry(self):
        """It in the options of its module."""
        found = dict(dest=[self.dest], table=str(self.table) if self.table != MAIN else None, type=self.type)
        found["metric"] = self.metric
        for row in self.rows[1:]:
            value = getattr(self, row.field)
            if value not in (None, "", row.default) and row.name != "proto":
                found[row.name] = row.shown(value)
        hops = [hop.plain() for hop in self.hops or ()]
        if len(hops) > 1:
            found["multipath"] = hops
        else:
            found.update(*({option: value for option, value in hop.items() if option != "weight"} for hop in hops))
        return {option: value for option, value in found.items() if value or (option == "metric" and value is not None)}


Route.VALUES = tuple(row.field for row in Route.rows) + ("type", "rest")


def table(option, text):
    number = TABLES.get(text, text)
    if not re.fullmatch("[0-9]+", str(number)) or not 0 < int(number) < 2**32 or int(number) == LOCAL:
        raise Refused(option, "%r is no routing table: main, default, or a number but 255" % text)
    return int(number)
