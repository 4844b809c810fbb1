# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routing rules: ip-rule(8)."""

from __future__ import annotations

import re
import struct
from typing import Any, Optional, Tuple

from .._core.desired import Change, Desired
from .._core.options import NETNS, STATE, specs
from .._core.resource import Resource, stated
from .._core.rows import Row, parsed
from .._core.values import Aside, Refused, replace
from .._core.words import IP_PROTOCOLS, ip, link_name, netns_name, network, port_range
from .route import table

ACTIONS = {"lookup": 1, "goto": 2, "nop": 3, "blackhole": 6, "unreachable": 7, "prohibit": 8}
REALMS, DSCP, FLOWLABEL, FLOWLABEL_MASK = 11, 25, 26, 27


def mark_of(option, text):
    """A mark and its mask, as ip(8) shows them."""
    word = "(0x[0-9a-f]{1,8}|[0-9]{1,10})"
    match = re.fullmatch("%s(?:/%s)?" % (word, word), text.lower())
    mark, mask = [int(part or "0xffffffff", 0) for part in match.groups()] if match else (2**32, 0)
    if max(mark, mask) >= 2**32 or not mask:
        raise Refused(option, "%r is no mark like 0x10 or 0x10/0xff" % text)
    return "0x%x" % mark if mark and mask == 2**32 - 1 else "0x%x/0x%x" % (mark, mask)


def protocol_of(option, text):
    names = {str(number): name for name, number in IP_PROTOCOLS.items()}
    if text not in IP_PROTOCOLS and not (re.fullmatch("[0-9]{1,3}", text) and 0 < int(text) < 256):
        raise Refused(option, "%r is no protocol: one of %s, or a number" % (text, ", ".join(IP_PROTOCOLS)))
    return text if text in IP_PROTOCOLS else names.get(str(int(text)), str(int(text)))


def prefix(option, text):
    found = network(option, text) if text != "all" else "/0"
    return "" if found.endswith("/0") else found


def ports(option, text):
    return port_range(option, text, 65534)


def users(option, text):
    """A range of users; the last number stands for nobody at all."""
    match = re.fullmatch("([0-9]{1,10})(?:-([0-9]{1,10}))?", text)
    low, high = (int(match.group(1)), int(match.group(2) or match.group(1))) if match else (1, 0)
    if not low <= high < 2**32 - 1:
        raise Refused(option, "%r is no range of user numbers like 1000-1999" % text)
    return "%d-%d" % (low, high)


def tos_of(option, text):
    number = int(text, 0) if re.fullmatch("0[xX][0-9a-fA-F]{1,2}|0|[1-9][0-9]{0,2}", text) else 256
    if number > 255 or number % 4:
        raise Refused(option, "%r is no type of service like 0x10, from 0 to 0xfc in steps of 4" % text)
    return "0x%02x" % number if number else ""


class Selector(Row):
    """A condition of a rule; empty where it matches all."""

    reader: Any = None

    def parse(self, value):
        try:
            return value and self.reader(self.name, value)
        except Refused as e:
            raise ValueError(e.text)

    def encode(self, value, old):
        return {self.nla: value}

    def decode(self, raw):
        return raw or ""


class OfHead(Selector):
    """One of which the head of the message says a part, or all."""


class Range(Selector):
    """Two numbers; of ports one that stands alone is both."""

    form: str = "=HH"

    def encode(self, value, old):
        low, dummy, high = value.partition("-")
        return {self.nla: struct.pack(self.form, int(low), int(high or low))}

    def decode(self, raw):
        return self.reader(self.name, "%d-%d" % struct.unpack(self.form, raw)) if raw else ""


class Mark(Selector):
    """A mark and its mask."""

    MASK = "FRA_FWMASK=16:uint32"

    def encode(self, value, old):
        mark, dummy, mask = value.partition("/")
        return {self.nla: int(mark, 0), self.MASK: int(mask or "0xffffffff", 0)}

    def read(self, get):
        mark, mask = get(self.nla) or 0, get(self.MASK) or 0
        return mark_of(self.name, "%d/%d" % (mark, mask)) if mask else ""

    def attributes(self):
        return self.nla, self.MASK


class Protocol(Selector):
    """An IP protocol."""

    def encode(self, value, old):
        return {self.nla: IP_PROTOCOLS.get(value) or int(value)}

    def decode(self, raw):
        return protocol_of(self.name, str(raw)) if raw else ""

    def ip_args(self, value, old):
        # Not every host has a list of the names.
        return [self.name, str(IP_PROTOCOLS.get(value, value))]


class Alone(Row):
    """A condition that is met or not; ip(8) spells it by its name alone."""

    def encode(self, value, old):
        return {self.nla: 1} if self.nla else {}

    def read(self, get):
        return bool(get(self.nla)) if self.nla else False

    def ip_args(self, value, old):
        return [self.name]


class Suppress(Row):
    """A number, or -1 for none."""

    def encode(self, value, old):
        return {self.nla: value & 0xFFFFFFFF}

    def decode(self, raw):
        return -1 if raw in (None, 0xFFFFFFFF) else raw

    def ip_args(self, value, old):
        return [self.name, str(value)] if value >= 0 else []


class Rule(Resource):
    """A routing rule: ip-rule(8). What it matches is empty where it matches all."""

    netns: str
    family: str  # inet or inet6
    priority: Optional[int] = None
    not_: Optional[bool] = None
    from_: Optional[str] = None
    to: Optional[str] = None
    tos: Optional[str] = None
    fwmark: Optional[str] = None
    iif: Optional[str] = None
    oif: Optional[str] = None
    l3mdev: Optional[bool] = None
    uidrange: Optional[str] = None
    ipproto: Optional[str] = None
    sport: Optional[str] = None
    dport: Optional[str] = None
    type: Optional[str] = None
    table: Optional[int] = None  # the kernel has one even where the rule looks into none
    goto: Optional[int] = None
    suppress_prefixlength: Optional[int] = None
    suppress_ifgroup: Optional[int] = None
    proto: Optional[str] = Aside()  # "kernel" where the kernel made it by itself
    rest: Optional[Tuple[Any, ...]] = None  # attributes that are not described

    sort = "rule"
    PRIORITY = Row("priority", "FRA_PRIORITY=6:uint32", "int", range(2**32))
    # What a rule matches, in the order of ip(8)'s words.
    SELECTORS = (
        Alone("not", default=False),
        OfHead("from", "FRA_SRC=2:ip", "str", default="", reader=prefix),
        OfHead("to", "FRA_DST=1:ip", "str", default="", reader=prefix),
        OfHead("tos", "", "str", default="", reader=tos_of),
        Mark("fwmark", "FRA_FWMARK=10:uint32", "str", default="", reader=mark_of),
        Selector("iif", "FRA_IIFNAME=3:text", "str", default="", reader=link_name),
        Selector("oif", "FRA_OIFNAME=17:text", "str", default="", reader=link_name),
        Alone("l3mdev", "FRA_L3MDEV=19:uint8", default=False),
        Range("uidrange", "FRA_UID_RANGE=20:users", "str", default="", reader=users, form="=II"),
        Protocol("ipproto", "FRA_IP_PROTO=22:uint8", "str", default="", reader=protocol_of),
        Range("sport", "FRA_SPORT_RANGE=23:ports", "str", default="", reader=ports),
        Range("dport", "FRA_DPORT_RANGE=24:ports", "str", default="", reader=ports),
    )
    GOTO = Row("goto", "FRA_GOTO=4:uint32", "int", range(1, 2**32), 0)
    SUPPRESS = (
        Suppress("suppress_prefixlength", "FRA_SUPPRESS_PREFIXLEN=14:uint32", "int", range(-1, 129), -1),
        Suppress("suppress_ifgroup", "FRA_SUPPRESS_IFGROUP=13:uint32", "int", range(-1, 2**31), -1),
    )

    @property
    def key(self):
        # The kernel keeps several that differ in anything at all.
        return ("rule", *(getattr(self, name) for name in self.COMPARED), self.proto)

    @property
    def matches(self):
        fields = ("netns", "family", "priority", *(row.field for row in self.SELECTORS))
        return (*(getattr(self, name) for name in fields), self.strange)

    @property
    def strange(self):
        """The conditions that are not described."""
        return tuple(pair for pair in self.rest or () if pair[0] != REALMS)

    @property
    def made_by_kernel(self):
        return self.proto == "kernel"

    def bare(self):
        return replace(self, proto=None)

    def fits(self, pattern):
        if not super().fits(pattern) or pattern.proto not in (None, self.proto):
            return False
        return pattern.rest is not None or not self.strange

    def find(self, state):
        return [r for r in self.find_any(state) if not r.made_by_kernel]

    def to_record(self, observed, made):
        was = next(iter(self.find_any(observed)), None)
        owned = was is not None and any(was.fits(r) for r in made.within(self.netns, self.sort))
        return self if was is None or owned else None

    def find_any(self, state):
        return [r for r in state.within(self.netns, self.sort) if r.fits(self)]

    def prune(self, planner):
        # It may have been described without its number, and be described with it.
        for have in self.find(planner.state):
            if not any(map(have.fits, planner.present.within(self.netns, self.sort))):
                planner.remove(have)

    def plan(self, planner, have):
        """Rules have no names: one with this priority that matches the same is the one that is meant."""
        near = [r for r in planner.state.within(self.netns, self.sort) if r.family == self.family]
        if any(r.fits(self) for r in near):
            return
        others = [want for want in planner.present.within(self.netns, self.sort) if want is not self]
        free = [r for r in near if not r.made_by_kernel and not any(r.fits(want) for want in others)]
        meant = [r for r in free if r.matches == self.matches and self.proto in (None, r.proto)]
        if meant:
            after = replace(meant[0], suppress_prefixlength=-1, suppress_ifgroup=-1, goto=0)
            planner.step(Change(meant[0], after.overlay(self).settled(self)))
            return
        # As the kernel does: before all but the first.
        number = self.priority if self.priority is not None else next_priority(near)
        fresh = Rule(self.netns, self.family, goto=0, suppress_prefixlength=-1, suppress_ifgroup=-1, rest=())
        fresh = replace(fresh, proto=self.proto or "static", table=0).overlay(self)
        planner.step(Change(None, replace(fresh, priority=number).settled(self)))

    def settled(self, want):
        """It without the table into which it looked before; refuses what goes back."""
        if self.type == "goto" and self.goto <= self.priority:
            raise Refused("goto", "%s is not behind %s, the priority of the rule" % (self.goto, self.priority))
        return replace(self, table=0) if self.type != "lookup" and want.table is None else self

    def goes_back(self, back):
        return True

    def commands(self, change):
        before, after = change.before, change.after
        both = [(after, "add"), (before, "delete")]
        # What a rule goes to, and "not", are nothing by which the kernel tells it from another one.
        twins = before and after and replace(after, not_=before.not_, goto=before.goto) == before
        return [rule.command(verb) for rule, verb in both[:: -1 if twins else 1] if rule]

    def command(self, verb):
        words = ["priority", str(self.priority)]
        for row in self.SELECTORS:
            value = getattr(self, row.field)
            words += row.ip_args(value, None) if value else []
        words += rest_words(dict(self.rest or ()))
        words += ["table", str(self.table)] if self.table else []
        if self.type != "lookup":
            words += ["goto", str(self.goto)] if self.type == "goto" else [self.type]
        words += [word for row in self.SUPPRESS for word in row.ip_args(getattr(self, row.name), None)]
        words += ["protocol", self.proto] if self.proto not in (None, "unspec") else []
        return ip(self.netns, *["-6"] * (self.family == "inet6"), "rule", verb, *words)

    def is_told(self, state):
        return not self.strange

    def plain(self):
        found = super().plain()
        return dict(found, table=0) if found.get("type", "lookup") != "lookup" and "table" in found else found

    def as_entry(self):
        found = super().as_entry()
        found.update(stated(dict(table=str(self.table), type=self.type)))
        found.pop("type" if self.type in ("lookup", "goto") else "table")
        for name, nothing in dict(suppress_prefixlength=-1, suppress_ifgroup=-1, goto=0).items():
            if getattr(self, name) == nothing:
                found.pop(name, None)
        if self.l3mdev or self.type != "lookup":
            found.pop("table", None)
        return found


def rest_words(rest):
    """The words of ip(8) for what has no option."""
    words = []
    if REALMS in rest:
        number = struct.unpack("=I", rest[REALMS])[0]
        words += ["realms", "%d/%d" % (number >> 16, number & 0xFFFF)]
    if DSCP in rest:
        words += ["dscp", str(rest[DSCP][0])]
    if FLOWLABEL in rest:
        label, mask = (struct.unpack("!I", rest.get(n, b"\0\x0f\xff\xff"))[0] for n in (FLOWLABEL, FLOWLABEL_MASK))
        words += ["flowlabel", "0x%x/0x%x" % (label, mask)]
    return words


def next_priority(rules):
    """The number that the kernel would give to a new rule."""
    second = sorted({0, 32766} | {r.priority for r in rules})[1]
    if second == 1:
        raise Refused("priority", "no number is left before the rule of priority 1; say one")
    return second - 1


OPTIONS = (Rule.PRIORITY, *Rule.SELECTORS, Rule.GOTO, *Rule.SUPPRESS)
SPEC = dict(
    STATE,
    **NETNS,
    family=dict(type="str", choices=["inet", "inet6"]),
    **specs((Rule.PRIORITY, *Rule.SELECTORS)),
    type=dict(type="str", choices=list(ACTIONS)),
    table=dict(type="str"),
    **specs((Rule.GOTO, *Rule.SUPPRESS)),
)


def desired(p, host_):
    gone, given = p["state"] == "absent", dict(parsed(OPTIONS, p))
    kind = p["type"] or ("goto" if p["goto"] is not None else None if gone else "lookup")
    number = 255 if p["table"] in ("local", "255") else p["table"] and table("table", p["table"])
    family = family_of(p)
    (check_pattern if gone else check)(p, given, kind, number)
    check_both(p, given, kind, family)
    # Which packets a rule matches is what it is: what is not given is none of its conditions.
    found = {}
    for row in Rule.SELECTORS:
        found[row.field] = given.get(row.name) or (None if gone and p[row.name] is None else row.default)
    if not gone and kind == "lookup" and given.get("l3mdev"):
        number = 0
    rule = Rule(
        netns_name("netns", p["netns"]),
        family,
        given.get("priority"),
        type=kind,
        table=number,
        goto=given.get("goto"),
        **{row.name: given.get(row.name) for row in Rule.SUPPRESS},
        **found,
    )
    return Desired(*(((), (rule,)) if gone else ((rule,), ())), returns=(("rule", rule),))


def family_of(p):
    """The family; all of IPv6 is still IPv6."""
    told = [p[name] for name in ("from", "to") if p[name] not in (None, "", "all")]
    families = {"inet6" if ":" in text else "inet" for text in told} | ({p["family"]} if p["family"] else set())
    if len(families) > 1:
        raise Refused("family" if p["family"] else "to", "IPv4 and IPv6 do not mix in one rule")
    return families.pop() if families else "inet"


def check(p, given, kind, number):
    """Refuse what no rule can be."""
    if given.get("l3mdev") and (kind, number) != ("lookup", None):
        raise Refused("l3mdev", "the rule looks into the table of the VRF: it has no other type and no table")
    if not given.get("l3mdev") and (kind == "lookup") == (number is None):
        raise Refused("table", "say it" if kind == "lookup" else "a rule of type %s looks into none" % kind)
    if kind == "goto" and "goto" not in given:
        raise Refused("goto", "say the priority of the rule with which it goes on")
    if kind == "goto" and given.get("priority", -1) >= given["goto"]:
        raise Refused("goto", "%d is not behind %d, the priority of the rule" % (given["goto"], given["priority"]))


def check_pattern(p, given, kind, number):
    """Refuse to take away every rule."""
    names = ("priority", "type", "table", "goto", *(row.name for row in Rule.SELECTORS))
    if all(p[name] is None for name in names):
        raise Refused("priority", "say which rules: at least one of priority, table, type and what they match")


def check_both(p, given, kind, family):
    """Refuse what is for rules of another type or family."""
    if kind not in (None, "goto") and "goto" in given:
        raise Refused("goto", "it is for type: goto")
    for row in Rule.SUPPRESS:
        if given.get(row.name) not in (None, -1) and kind not in (None, "lookup"):
            raise Refused(row.name, "it is for type: lookup")
    if family == "inet" and int(given.get("tos") or "0", 0) > 0x1C:
        raise Refused("tos", "%s is not between 0 and 0x1c: of IPv4 the kernel takes no more" % given["tos"])


def module(name):
    return SPEC, {}, desired
