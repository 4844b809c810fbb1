# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nexthop objects and groups of them: ip-nexthop(8)."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any, Optional, Tuple

from .._core.desired import Change, Desired, Observation
from .._core.options import NETNS, STATE, specs
from .._core.resource import Resource, of_netns
from .._core.rows import Flag, Present, Row, parsed
from .._core.values import Refused, place, replace
from .._core.words import host, ip, link_name, netns_name, unique, within
from .._kinds.effects import has_carrier, takes_ipv6
from .route_rows import PROTOS, Choice

LAST = 2**32 - 1
MPATH, RESILIENT = "mpath", "resilient"


class Seconds(Row):
    """Seconds, of which the kernel speaks in hundredths."""

    def encode(self, value, old):
        return {self.nla: round(value * 100)}

    def decode(self, raw):
        return self.default if raw is None else raw / 100 if raw % 100 else raw // 100


class Gateway(Row):
    """The address of a gateway."""

    def parse(self, value):
        return host(self.name, value)


class Nexthop(Resource):
    """A way that routes can take, or a group of such ways, known by its number."""

    netns: str
    id: int
    dev: Optional[str] = None  # the link; empty is none
    group: Optional[Tuple[Tuple[int, int], ...]] = None  # numbers and weights; empty is no group
    rest: Optional[Tuple[Any, ...]] = None  # attributes that are not described

    sort = "nexthop"
    identity = ("netns", "id")
    is_movable = True  # with its host to another link
    # In the order of ip(8)'s words; those of the head have no number, those of a resilient group are called RES_GROUP.
    rows = (
        Choice("family", "family", "str", dict(inet=2, inet6=10), "inet", choices=("inet", "inet6")),
        Gateway("via", "NHA_GATEWAY=6:ip", "str", default=""),
        Flag("onlink", "onlink", default=False),
        Present("blackhole", "NHA_BLACKHOLE=4:flag", default=False),
        Present("fdb", "NHA_FDB=11:flag", default=False),
        Choice("proto", "proto", "str", PROTOS, "unspec", choices=("static", "boot")),
        Row("type", "NHA_GROUP_TYPE=3:uint16", "str", {MPATH: 0, RESILIENT: 1}, MPATH),
        Row("buckets", "RES_GROUP_BUCKETS=1:uint16", "int", range(1, 2**16), 0),
        Seconds("idle_timer", "RES_GROUP_IDLE_TIMER=2:uint32", "int", range(LAST // 100), 120),
        Seconds("unbalanced_timer", "RES_GROUP_UNBALANCED_TIMER=3:uint32", "int", range(LAST // 100), 0),
    )

    @property
    def key(self):
        return ("nexthop", self.netns, self.id)

    @property
    def members(self):
        """The keys of those in the group."""
        return [("nexthop", self.netns, number) for number, dummy in self.group or ()]

    def requires(self):
        link = [("link", self.netns, self.dev)] if self.dev else []
        return self.members or link or of_netns(self.netns)

    def prerequisites(self, observed, desired):
        return [
            ("group" if key in self.members else option, key)
            for option, key in super().prerequisites(observed, desired)
        ]

    def order(self):
        return (*super().order()[:2], bool(self.group), self.id)

    def reads(self):
        return super().reads().joined(Observation(sorts=frozenset(("route",))))

    @classmethod
    def blank(cls, netns, number, proto):
        """One that leads nowhere yet."""
        defaults = {row.field: row.default for row in cls.rows}
        return cls(netns, number, "", (), (), **dict(defaults, proto=proto))

    def is_like(self, other):
        """Whether both are groups, or neither."""
        return None in (self.group, other.group) or bool(self.group) == bool(other.group)

    def overlay(self, want):
        base = self if self.is_like(want) else self.blank(self.netns, self.id, self.proto)
        after = super(Nexthop, base).overlay(want)
        if after.group:
            after = replace(after, family="", via="", dev="", onlink=False, blackhole=False)
        elif after.blackhole or after.fdb:
            after = replace(after, rest=())
        if after.type != RESILIENT:
            after = replace(after, **{row.field: row.default for row in TIMED})
        return after

    def stays(self, after):
        """Whether the kernel makes it that in its place; else it goes and comes again."""
        return self.is_like(after) and (self.type, self.buckets) == (after.type, after.buckets)

    def plan(self, planner, have):
        after = (have or self.blank(self.netns, self.id, "static")).overlay(self)
        if not planner.rolls_back:
            self.check(planner.state, after)
        if have is None:
            planner.step(Change(None, after))
        elif have != after:
            planner.set(have, after)

    def check(self, state, after):
        """Refuse what the kernel has no sentence for."""
        if after.blackhole and lo_is_down(self.netns, state):
            raise Refused("blackhole", "lo is down in %s, and then the kernel takes none" % place(self.netns))
        inner = [r for r in map(state.get, after.members) if r and r.group]
        outer = [r for r in state.on(self.key) if r.sort == self.sort] if after.group else []
        if inner or outer:
            what = "is in the group %d" % outer[0].id if outer else "is a group"
            number = self.id if outer else inner[0].id
            raise Refused("group", "%d %s, and a group cannot be in another one" % (number, what))
        if after.type != RESILIENT:
            for row in TIMED:
                if getattr(self, row.field) is not None:
                    raise Refused(row.name, "it is for type: resilient")
        elif not after.buckets:
            raise Refused("buckets", "say how many a resilient group has")

    def collateral(self, state, after):
        """When it is made anew, the routes that use it."""
        return state.dependents(self.key) if after is not None and not self.stays(after) else []

    def reassert(self, planner):
        """Make sure of it; of a group, with those that are there."""
        left = tuple(pair for pair, key in zip(self.group or (), self.members) if key in planner.state)
        again, have = replace(self, group=left), planner.state.get(self.key)
        if have is None and (left or not self.group):
            super(Nexthop, again).reassert(planner)
        elif have is not None and have.group and have.group != left and not planner.is_unwanted(self):
            planner.step(Change(have, replace(have, group=left)))

    def accepted(self, state):
        """The kernel wants a link that is up, and a gateway on it."""
        if self.blackhole:
            return not lo_is_down(self.netns, state)
        link = state.link((self.netns, self.dev)) if self.dev else None
        if link is None or not link.up or not has_carrier(state, link):
            return not self.dev
        if self.family == "inet6" and not takes_ipv6(state, *link.ref):
            return False
        if not self.via or self.onlink or self.via.startswith("fe80:"):
            return True
        on = state.on(link.key)
        nets = [r.network for r in on if r.sort == "address"]
        nets += [ip_network(r.dest) for r in on if r.sort == "route" and not any(hop.via for hop in r.hops)]
        return any(ip_address(self.via) in net for net in nets)

    def pass_to(self, planner, there):
        """Its host's other link has it from now on."""
        planner.step(Change(self, there))

    def survives(self, event):
        return not event.down and event.carrier

    def survivor(self, gone):
        """A group is without the one that has gone; nothing is left of an empty one."""
        left = tuple(pair for pair in self.group or () if pair[0] != gone.id) if gone.sort == self.sort else ()
        return replace(self, group=left) if left else None

    def link_without_carrier(self, state):
        link = state.link((self.netns, self.dev)) if self.dev else None
        return None if link is None or has_carrier(state, link) else link

    def goes_later(self, state):
        """With the carrier of its link; the kernel sees that of a bridge only when it looks for one."""
        return self.link_without_carrier(state) is not None

    def warnings(self, after, targets):
        link = self.link_without_carrier(after)
        if self.key not in targets and link is not None and (self.key in after or link.up):
            text = "nexthop %d in %s goes with the carrier of %s, as do its routes and the groups of it alone; %s"
            why = "the kernel takes none until that has one again"
            yield text % (self.id, place(self.netns), self.dev, why)

    def predict(self, state, before):
        if before is not None and not before.stays(self):
            before.predict_removal(state)
        state.add(self)

    def commands(self, change):
        before, after = change.before, change.after
        line = ip(self.netns, "nexthop", "delete", "id", str(self.id))
        if after is None:
            return [line]
        anew = before is not None and not before.stays(after)
        verb = "add" if before is None or anew else "replace"
        six = after.family == "inet6" and not after.via
        return [line] * anew + [ip(self.netns, *["-6"] * six, "nexthop", verb, "id", str(self.id), *after.words())]

    def words(self):
        words, group = [], "/".join("%d,%d" % pair if pair[1] > 1 else "%d" % pair[0] for pair in self.group or ())
        for row in self.rows[1:]:
            value = getattr(self, row.field)
            words += ["group", group] if group and row.name == "type" else []
            # A timer that is not told stays as it is.
            if value not in (None, row.default) or (row in TIMED and self.type == RESILIENT):
                words += row.ip_args(value, None)
            words += ["dev", self.dev] if self.dev and row.name == "via" else []
        return words

    def plain(self):
        dull = {row.name: row.default for row in self.rows if row.name not in ("family", "proto")}
        found = {name: value for name, value in super().plain().items() if name not in dull or value != dull[name]}
        found = {name: value for name, value in found.items() if value != "" or name == "netns"}
        return dict(found, group=[dict(id=i, weight=weight) for i, weight in self.group]) if self.group else found

    def as_entry(self):
        found = dict(self.plain(), proto=None, netns=None)
        if self.group or self.via:
            found["family"] = None
        return {
            name: int(value) if isinstance(value, float) else value
            for name, value in found.items()
            if value is not None
        }


def lo_is_down(netns, state):
    lo = state.link((netns, "lo"))
    return lo is not None and lo.up is False


TIMED = Nexthop.rows[-3:]
ID = Row("id", "NHA_ID=1:uint32", "int", range(1, LAST + 1))
MEMBER = dict(id=dict(type="int", required=True), weight=dict(type="int", default=1))
SPEC = dict(
    STATE,
    **NETNS,
    id=dict(type="int", required=True),
    dev=dict(type="str"),
    group=dict(type="list", elements="dict", options=MEMBER),
    **specs(Nexthop.rows),
)


def desired(p, host_):
    netns = netns_name("netns", p["netns"])
    number = dict(parsed((ID,), p))["id"]
    if p["state"] == "absent":
        gone = Nexthop(netns, number)
        return Desired(absent=(gone,), returns=(("nexthop", gone.key),))
    given = dict(parsed(Nexthop.rows, p))
    if p["group"] is None:
        check(given, p["dev"])
        dev = p["dev"] and link_name("dev", p["dev"])
        want = Nexthop(netns, number, dev or "", (), **dict(single(given), **given))
    else:
        want = Nexthop(netns, number, "", group_of(p, number), **dict(given, family=""))
    return Desired((want,), returns=(("nexthop", want.key),))


def single(given):
    """What one that is no group is if nothing else is said."""
    via = given.get("via", "")
    family = dict(family="inet6" if ":" in via else "inet") if via else {}
    return dict(family, via="", blackhole=False, fdb=False, **({} if via else dict(onlink=False)))


def check(given, dev):
    """Refuse what does not go together."""
    via, family = given.get("via"), given.get("family")
    for row in Nexthop.rows[-4:]:
        if row.name in given:
            raise Refused(row.name, "it is for a group")
    if via and family and (":" in via) != (family == "inet6"):
        raise Refused("family", "%s is not of the family %s" % (via, family))
    kind = next((name for name in ("blackhole", "fdb") if given.get(name)), None)
    for option in dict(blackhole=("via", "dev", "onlink", "fdb"), fdb=("dev", "onlink"))[kind] if kind else ():
        if dict(given, dev=dev).get(option):
            raise Refused(option, "it does not go with %s" % kind)
    if kind == "fdb" and not via:
        raise Refused("via", "say where the other end of the tunnel is")
    if kind is None and not dev:
        raise Refused("dev", "say the link by which packets leave, or blackhole, fdb or group")
    if given.get("onlink") and not via:
        raise Refused("onlink", "it is for via")


def group_of(p, number):
    """The numbers and weights of those in a group."""
    for option in ("via", "dev", "onlink", "blackhole", "family"):
        if p[option]:
            raise Refused(option, "it is for one nexthop, not for a group")
    if not p["group"]:
        raise Refused("group", "say at least one nexthop")
    for member in p["group"]:
        within("group.id", member["id"], 1, LAST)
        within("group.weight", member["weight"], 1, 255)
    unique("group.id", [member["id"] for member in p["group"]])
    if number in [member["id"] for member in p["group"]]:
        raise Refused("group.id", "%d is the group itself" % number)
    return tuple((member["id"], member["weight"]) for member in p["group"])


def module(name):
    return SPEC, {}, desired


def assume(state, key):
    """One of which nothing is known but that it is there."""
    state.add(Nexthop(key[1], key[2]))
