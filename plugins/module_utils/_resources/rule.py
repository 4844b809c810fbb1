# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routing rules: ip-rule(8)."""

from __future__ import annotations

import re
from typing import Any, Optional

from .._core.desired import Change, Desired
from .._core.options import NETNS, STATE, specs
from .._core.resource import Resource, stated
from .._core.rows import Row, parsed
from .._core.values import Aside, Refused, replace
from .._core.words import IP_PROTOCOLS, ip, link_name, netns_name, network, port_range
from .route import table

ACTIONS = {"lookup": 1, "blackhole": 6, "unreachable": 7, "prohibit": 8}


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
    return network(option, text) if text != "all" else ""


def ports(option, text):
    return port_range(option, text, 65534)


class Selector(Row):
    """A condition of a rule; empty where it matches all."""

    reader: Any = None

    def parse(self, value):
        try:
            return value and self.reader(self.name, value)
        except Refused as e:
            raise ValueError(e.text)


class Protocol(Selector):
    """An IP protocol."""

    def ip_args(self, value, old):
        # Not every host has a list of the names.
        return [self.name, str(IP_PROTOCOLS.get(value, value))]


class Suppress(Row):
    """A prefix length, or -1 for none."""

    def ip_args(self, value, old):
        return [self.name, str(value)] if value >= 0 else []


class Rule(Resource):
    """A routing rule: ip-rule(8). What it matches is empty where it matches all."""

    netns: str
    family: str  # inet or inet6
    priority: Optional[int] = None
    from_: Optional[str] = None
    to: Optional[str] = None
    iif: Optional[str] = None
    oif: Optional[str] = None
    fwmark: Optional[str] = None
    ipproto: Optional[str] = None
    sport: Optional[str] = None
    dport: Optional[str] = None
    type: Optional[str] = None
    table: Optional[int] = None
    suppress_prefixlength: Optional[int] = None
    proto: Optional[str] = Aside()  # "kernel" where the kernel made it by itself

    sort = "rule"
    PRIORITY = Row("priority", "FRA_PRIORITY=6:uint32", "int", range(2**32))
    # What a rule matches, in the order of ip(8)'s words.
    SELECTORS = (
        Selector("from", "FRA_SRC=2:ip", "str", reader=prefix),
        Selector("to", "FRA_DST=1:ip", "str", reader=prefix),
        Selector("iif", "FRA_IIFNAME=3:text", "str", reader=link_name),
        Selector("oif", "FRA_OIFNAME=17:text", "str", reader=link_name),
        Selector("fwmark", "FRA_FWMARK=10:uint32", "str", reader=mark_of),
        Selector("sport", "FRA_SPORT_RANGE=23:ports", "str", reader=ports),
        Selector("dport", "FRA_DPORT_RANGE=24:ports", "str", reader=ports),
        Protocol("ipproto", "FRA_IP_PROTO=22:uint8", "str", reader=protocol_of),
    )
    SUPPRESS = Suppress("suppress_prefixlength", "FRA_SUPPRESS_PREFIXLEN=14:uint32", "int", range(-1, 129))

    @property
    def key(self):
        # The kernel keeps several that differ in anything at all.
        return ("rule",) + tuple(getattr(self, name) for name in self.COMPARED)

    @property
    def matches(self):
        return self.key[1:-3]

    @property
    def made_by_kernel(self):
        return self.proto == "kernel"

    def bare(self):
        return replace(self, proto=None)

    def find(self, state):
        return [r for r in self.find_any(state) if not r.made_by_kernel]

    def to_record(self, observed, made):
        was = next(iter(self.find_any(observed)), None)
        owned = was is not None and any(r.sort == self.sort and was.fits(r) for r in made)
        return self if was is None or owned else None

    def find_any(self, state):
        return [r for r in state.within(self.netns, self.sort) if r.fits(self)]

    def prune(self, planner):
        # It may have been described without its number, and be described with it.
        for have in self.find(planner.state):
            if not any(have.fits(want) for want in planner.desired.present):
                planner.remove(have)

    def plan(self, planner, have):
        """Rules have no names: one with this priority that matches the same is the one that is meant."""
        near = [r for r in planner.state.within(self.netns, self.sort) if r.family == self.family]
        if any(r.fits(self) for r in near):
            return
        meant = [r for r in near if r.matches == self.matches and not r.made_by_kernel and r.key not in planner.present]
        if meant:
            planner.step(Change(meant[0], replace(meant[0], suppress_prefixlength=-1).overlay(self)))
            return
        # As the kernel does: before all but the first.
        number = self.priority if self.priority is not None else next_priority(near)
        fresh = Rule(self.netns, self.family, suppress_prefixlength=-1, proto="static")
        planner.step(Change(None, replace(fresh.overlay(self), priority=number)))

    def goes_back(self, back):
        return True

    def commands(self, change):
        both = ((change.after, "add"), (change.before, "delete"))
        return [rule.command(verb) for rule, verb in both if rule]

    def command(self, verb):
        words = ["priority", str(self.priority)]
        for row in self.SELECTORS:
            value = getattr(self, field(row))
            words += row.ip_args(value, None) if value else []
        words += ["table", str(self.table)] if self.type == "lookup" else [self.type]
        words += self.SUPPRESS.ip_args(self.suppress_prefixlength, None)
        words += ["protocol", self.proto] if self.proto not in (None, "unspec") else []
        return ip(self.netns, *["-6"] * (self.family == "inet6"), "rule", verb, *words)

    def as_entry(self):
        found = super().as_entry()
        found.update(stated(dict(table=str(self.table), type=self.type)))
        found.pop("type" if self.type == "lookup" else "table")
        if self.suppress_prefixlength == -1:
            found.pop("suppress_prefixlength")
        return found


def field(row):
    """The field of a row: `from` is a word of Python."""
    return row.name + "_" * (row.name == "from")


def next_priority(rules):
    """The number that the kernel would give to a new rule."""
    second = sorted({0, 32766} | {r.priority for r in rules})[1]
    if second == 1:
        raise Refused("priority", "no number is left before the rule of priority 1; say one")
    return second - 1


SPEC = dict(
    STATE,
    **NETNS,
    family=dict(type="str", choices=["inet", "inet6"]),
    **specs((Rule.PRIORITY, *Rule.SELECTORS)),
    type=dict(type="str", choices=list(ACTIONS)),
    table=dict(type="str"),
    **specs((Rule.SUPPRESS,)),
)


def desired(p, host_):
    gone, given = p["state"] == "absent", dict(parsed((Rule.PRIORITY, *Rule.SELECTORS, Rule.SUPPRESS), p))
    kind = p["type"] or (None if gone else "lookup")
    number = 255 if p["table"] in ("local", "255") else p["table"] and table("table", p["table"])
    (check_pattern if gone else check)(p, given, kind, number)
    # Which packets a rule matches is what it is: what is not given is none of its conditions.
    found = {}
    for row in Rule.SELECTORS:
        found[field(row)] = given.get(row.name) or (None if gone and p[row.name] is None else "")
    rule = Rule(
        netns_name("netns", p["netns"]),
        family_of(p, given),
        given.get("priority"),
        type=kind,
        table=0 if number is None and not gone else number,
        suppress_prefixlength=given.get("suppress_prefixlength"),
        **found,
    )
    return Desired(*(((), (rule,)) if gone else ((rule,), ())), returns=(("rule", rule),))


def family_of(p, given):
    families = {"inet6" if ":" in given[name] else "inet" for name in ("from", "to") if given.get(name)}
    families |= {p["family"]} if p["family"] else set()
    if len(families) > 1:
        raise Refused("family" if p["family"] else "to", "IPv4 and IPv6 do not mix in one rule")
    return families.pop() if families else "inet"


def check(p, given, kind, number):
    """Refuse what no rule can be."""
    if (kind == "lookup") == (number is None):
        raise Refused("table", "say it" if kind == "lookup" else "a rule of type %s looks into none" % kind)
    if given.get("suppress_prefixlength") not in (None, -1) and kind != "lookup":
        raise Refused("suppress_prefixlength", "it is for type: lookup")
    if (given.get("sport") or given.get("dport")) and given.get("ipproto") not in ("tcp", "udp", "sctp"):
        raise Refused("ipproto", "ports need tcp, udp or sctp")


def check_pattern(p, given, kind, number):
    """Refuse to take away every rule."""
    names = ("priority", "type", "table", *(row.name for row in Rule.SELECTORS))
    if all(p[name] is None for name in names):
        raise Refused("priority", "say which rules: at least one of priority, table, type and what they match")
    if given.get("suppress_prefixlength") not in (None, -1) and kind not in (None, "lookup"):
        raise Refused("suppress_prefixlength", "it is for type: lookup")


def module(name):
    return SPEC, {}, desired
