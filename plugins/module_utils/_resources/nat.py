# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of NAT, in a table or chain of this collection's own: nft(8), iptables(8)."""

from __future__ import annotations

import re
from typing import Optional, Tuple

from .._core.commands import spelled
from .._core.desired import Change, Desired
from .._core.options import NETNS, STATE
from .._core.resource import Resource, of_netns
from .._core.values import Aside, Refused, replace
from .._core.words import host, inside, link_name, netns_name, network, port_range, unique, within
from .nat_words import (
    CHAIN,
    NFT_FAMILY,
    PROTOCOLS,
    TABLE,
    collapsed,
    iptables_argv,
    iptables_chain,
    nft_argv,
    nft_texts,
)


class NatTable(Resource):
    """The nft table of this collection; it goes with the last of its rules."""

    netns: str
    family: str  # ipv4 or ipv6
    shared: bool = Aside(False)  # somebody put something else into it

    sort = "nat_table"
    identity = ("netns", "family")
    is_tidied = True

    @property
    def key(self):
        return ("nat_table", self.netns, self.family)

    def prune(self, planner):
        """It goes by itself: see tidy()."""

    def tidy(self, planner):
        used = self.key in {r.key for r in planner.desired.prune}
        used = used or any(r.sort in RULES for r in planner.observed.on(self.key))
        if used and not self.shared and not planner.state.on(self.key):
            planner.remove(self)

    def goes_back(self, back):
        return True

    def commands(self, change):
        verb = "add" if change.verb != "delete" else change.verb
        return [inside(self.netns) + ["nft", verb, "table", NFT_FAMILY[self.family], TABLE]]


class NatRule(Resource):
    """A rule of NAT: with nftables in a chain of its own, with iptables in a chain to which a rule jumps.

    `rest` is what stands there where that is no such rule, as nft(8) or iptables-save(8) tell it; `position` is the
    number of the jump in its chain.
    """

    identity = ("netns", "name", "family")

    @property
    def key(self):
        return (self.sort, self.netns, self.family, self.name)

    def not_described(self):
        return ["rules that others have written there"] if self.rest else []

    def requires(self):
        return of_netns(self.netns) if self.backend == "iptables" else [("nat_table", self.netns, self.family)]

    def order(self):
        # Those that others have between them come back to their places in the order of these.
        return (*super().order()[:2], self.position, str(self.key))

    def have(self, state):
        """What stands where it is to be: it, or a chain that is left of it after others have flushed the table."""
        left = dict(self.__dict__, name=CHAIN + iptables_chain(self))
        return state.get(self.key) or state.get(type(self)(**left).key)

    def plan(self, planner, have):
        have = self.have(planner.state)
        if have is None:
            planner.step(Change(None, self))
            return
        after = replace(have.overlay(self), name=self.name)
        if have != after:
            planner.set(have, after)

    def find(self, state):
        found = self.have(state)
        return [found] if found else []

    def prune(self, planner):
        for have in self.find(planner.state):
            planner.remove(have)

    def goes_back(self, back):
        return True

    def commands(self, change):
        out = []
        for rule, adding in ((change.before, False), (change.after, True)):
            if rule is not None and rule.backend == "iptables":
                out += [inside(rule.netns) + argv for argv in iptables_argv(rule, adding)]
            elif rule is not None:
                out.append([*inside(rule.netns), *nft_argv(rule, adding)])
        return out

    def boot_commands(self, change):
        if self.rest:
            return self.commands(change)
        if self.backend == "nft":
            add, rule = nft_texts(self, True)
            return [[*inside(self.netns), "nft", "; ".join((add, "flush chain " + add.split(" {")[0][10:], rule))]]
        new, *ends, jump = spelled([inside(self.netns) + argv for argv in iptables_argv(self, True)])
        there = re.sub(" -(A|I) ([A-Z]+)( [0-9]+)? ", r" -C \2 ", jump, count=1)
        empty = new.replace(" -N ", " -F ")
        return ["%s 2>/dev/null || %s" % (new, empty), *ends, "%s 2>/dev/null || %s" % (there, jump)]


class Masquerade(NatRule):
    """A rule that puts the router's address in the place of the source."""

    netns: str
    name: str
    family: str
    backend: Optional[str] = None
    source: Optional[str] = None
    exclude_destinations: Optional[Tuple[str, ...]] = None
    out_interface: Optional[str] = None
    protocol: Optional[str] = None
    to_ports: Optional[str] = None
    random: Optional[bool] = None
    fully_random: Optional[bool] = None
    rest: Optional[Tuple[str, ...]] = None
    position: int = Aside(0)

    sort = "masquerade"

    def plain(self):
        found, excluded = super().plain(), self.exclude_destinations
        return found if excluded is None else dict(found, exclude_destinations=list(excluded))


class PortForward(NatRule):
    """A rule that sends what comes to a port of the router to a host behind it."""

    netns: str
    name: str
    family: str
    backend: Optional[str] = None
    protocol: Optional[str] = None
    dport: Optional[str] = None
    to: Optional[str] = None
    to_port: Optional[int] = None  # 0 leaves it as it is
    in_interface: Optional[str] = None
    destination: Optional[str] = None
    source: Optional[str] = None
    rest: Optional[Tuple[str, ...]] = None
    position: int = Aside(0)

    sort = "port_forward"


RULES = ("masquerade", "port_forward")
COMMON = dict(STATE, **NETNS, name=dict(type="str"), family=dict(type="str", choices=["ipv4", "ipv6"]))
BACKEND = dict(backend=dict(type="str", choices=["auto", "nft", "iptables"], default="auto"))
MASQUERADE = dict(
    COMMON,
    source=dict(type="str"),
    exclude_destinations=dict(type="list", elements="str"),
    out_interface=dict(type="str"),
    protocol=dict(type="str", choices=list(PROTOCOLS)),
    to_ports=dict(type="str"),
    random=dict(type="bool"),
    fully_random=dict(type="bool"),
    **BACKEND,
)
PORT_FORWARD = dict(
    COMMON,
    protocol=dict(type="str", choices=list(PROTOCOLS), default="tcp"),
    dport=dict(type="str"),
    to=dict(type="str"),
    to_port=dict(type="int"),
    in_interface=dict(type="str"),
    destination=dict(type="str"),
    source=dict(type="str"),
    **BACKEND,
)


def masquerade_desired(p, host_):
    netns = netns_name("netns", p["netns"])
    source = p["source"] and network("source", p["source"])
    excluded = p["exclude_destinations"]
    if excluded is not None:
        nets = [network("exclude_destinations", net) for net in excluded]
        family_of(p, "exclude_destinations", *unique("exclude_destinations", nets))
        excluded = collapsed(nets)
        if any(net.endswith("/0") for net in excluded):
            raise Refused("exclude_destinations", "%s leaves no destination" % ", ".join(nets))
    family = family_of(p, "exclude_destinations", source, *(excluded or ()))
    device = p["out_interface"] and link_name("out_interface", p["out_interface"])
    name = name_of(p["name"], source, device)
    to_ports = p["to_ports"] and port_range("to_ports", p["to_ports"])
    if to_ports and not p["protocol"]:
        raise Refused("protocol", "to_ports needs it")
    rule = Masquerade(
        netns,
        name,
        family,
        source=narrowed(source),
        exclude_destinations=excluded,
        out_interface=device,
        to_ports=to_ports,
        **{option: p[option] for option in ("protocol", "random", "fully_random")},
    )
    return one_rule(p, rule, host_)


def port_forward_desired(p, host_):
    netns, dport = netns_name("netns", p["netns"]), p["dport"] and port_range("dport", p["dport"])
    to, destination = host("to", p["to"]), p["destination"] and host("destination", p["destination"])
    source = p["source"] and network("source", p["source"])
    family = family_of(p, "to", to, destination, source)
    device = p["in_interface"] and link_name("in_interface", p["in_interface"])
    name = name_of(p["name"], device, destination, p["protocol"], dport)
    rule = PortForward(
        netns,
        name,
        family,
        protocol=p["protocol"],
        dport=dport,
        to=to,
        to_port=within("to_port", p["to_port"], 0, 65535),
        in_interface=device,
        destination=destination,
        source=narrowed(source),
    )
    return one_rule(p, rule, host_)


def narrowed(source):
    """A network, or nothing for that of all addresses, which no rule tells."""
    return "" if source and source.endswith("/0") else source


def one_rule(p, rule, host_):
    """A rule that is present or absent, and with nftables the table for it."""
    returns = ((rule.sort, rule.key),)
    if p["state"] == "absent":
        return Desired(absent=(type(rule)(rule.netns, rule.name, rule.family),), returns=returns)
    backend = host_.nat_backend(rule.netns, rule.family) if p["backend"] == "auto" else p["backend"]
    rule = replace(rule, backend=backend, rest=())
    tables = (NatTable(rule.netns, rule.family),) if backend == "nft" else ()
    return Desired((*tables, rule), returns=returns)


def family_of(p, option, *texts):
    """The family of a rule, that of its addresses and networks."""
    families = {"ipv6" if ":" in text else "ipv4" for text in texts if text}
    families |= {p["family"]} if p["family"] else set()
    if len(families) > 1:
        raise Refused("family" if p["family"] else option, "IPv4 and IPv6 do not mix in one rule")
    return families.pop() if families else "ipv4"


def name_of(name, *parts):
    """The name of a rule, made of these if it has none of its own."""
    name = name or re.sub(r"[^A-Za-z0-9_./-]+", "_", "-".join(filter(None, parts)))
    if not re.fullmatch(r"[A-Za-z0-9_./-]{1,64}", name):
        raise Refused("name", "%r must be 1 to 64 letters, digits and _ . / -" % name)
    return name


def module(name):
    if name == "nat_masquerade":
        return MASQUERADE, dict(required_one_of=[("name", "source", "out_interface")]), masquerade_desired
    rules = dict(required_one_of=[("name", "dport")], required_if=[("state", "present", ("dport", "to"))])
    return PORT_FORWARD, rules, port_forward_desired
