# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of links: ip-address(8)."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Optional, Tuple

from .._core.desired import Change, Desired
from .._core.options import DEV, EXCLUSIVE, NETNS, STATE, specs, strangers
from .._core.resource import OnLink
from .._core.rows import Flag, Row, parsed
from .._core.values import Aside, Refused, replace
from .._core.words import family_of, host, interface, ip, link_name, netns_name, parsed_interface, unique
from .._kinds.effects import check_mtu, takes_ipv6
from .._rooms import load

SCOPES = {"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}
FLAGS = "IFA_FLAGS=8:uint32"
FOREVER = "forever"


class Lifetime(Row):
    """Seconds, or forever. What is left of a lifetime is no other value than the one that was given."""

    def parse(self, value):
        if value != FOREVER and not (value.isdigit() and 0 <= int(value) < 2**32 - 1):
            raise ValueError("%r is no number of seconds, nor %s" % (value, FOREVER))
        return value if value == FOREVER else int(value)

    def shown(self, value):
        return str(value)

    def same(self, one, other):
        return one == other or (None not in (one, other) and FOREVER not in (one, other) and 0 < one <= other)


class AddressFlag(Flag):
    """A bit of an address."""

    bit: int = 0

    def encode(self, value, old):
        return {self.nla: self.bit if value else 0}

    def decode(self, raw):
        return bool((raw or 0) & self.bit)


SAID = ("global", "site", "link", "host")  # what the option takes


class Scope(Row):
    """A word, or the number of a scope that has none."""

    def spec(self):
        return dict(type="str", choices=list(SAID))


class Address(OnLink):
    """An address on a link: ip-address(8)."""

    netns: str
    dev: str
    address: str  # with its prefix length
    peer: Optional[str] = None
    broadcast: Optional[str] = None
    label: Optional[str] = None
    scope: Optional[str] = None
    # "kernel" where the kernel makes it by itself, "kernel_ll" where it would not again, "ra" by a router advertisement
    proto: Optional[str] = Aside()
    secondary: bool = Aside(False)
    position: int = Aside(0)  # in which order those of a link were made
    unique: bool = Aside(False)  # desired: it was this host's a moment ago, so nobody else has it
    rest: Optional[Tuple[Tuple[int, Any], ...]] = None  # attributes that are not described, and other flags

    sort = "address"
    identity = ("netns", "dev", "address", "peer")
    # Beside the address itself, in the order of ip(8)'s words.
    rows = (
        Row("broadcast", "IFA_BROADCAST=4:ip", "str", default=""),
        Row("label", "IFA_LABEL=3:text", "str", default=""),
        Scope("scope", "scope", "str", SCOPES, "global"),
        Row("metric", "IFA_RT_PRIORITY=9:uint32", "int", range(2**32), 0),
        Lifetime("valid_lft", "IFA_CACHEINFO=6:bytes", "str", default=FOREVER),
        Lifetime("preferred_lft", "IFA_CACHEINFO=6:bytes", "str", default=FOREVER),
        AddressFlag("nodad", FLAGS, default=False, bit=0x02),
        AddressFlag("home", FLAGS, default=False, bit=0x10),
        AddressFlag("mngtmpaddr", FLAGS, default=False, bit=0x100),
        AddressFlag("noprefixroute", FLAGS, default=False, bit=0x200),
        AddressFlag("autojoin", FLAGS, default=False, bit=0x400),
    )

    @staticmethod
    def compared_values(it):
        # What is left of a lifetime is less each time that it is read.
        given = [getattr(it, name) for name in it.COMPARED if name not in LIFETIMES]
        return (*given, *(value if value in (None, FOREVER, 0) else "limited" for value in it.lifetimes))

    @property
    def key(self):
        # IPv6 has one entry an address; IPv4 one for each prefix length and peer.
        if ":" in self.address:
            return ("address", self.netns, self.dev, self.ip, "")
        return ("address", self.netns, self.dev, self.address, self.peer or "")

    @property
    def ip(self):
        return self.address.split("/")[0]

    @property
    def family(self):
        return family_of(self.address)

    @property
    def network(self):
        """That of its peer; of IPv6 its own, as long as that of its peer."""
        if ":" in (self.peer or ""):
            return parsed_interface("%s/%s" % (self.ip, self.peer.partition("/")[2])).network
        return parsed_interface(self.peer or self.address).network

    @property
    def lifetimes(self):
        return self.valid_lft, self.preferred_lft

    @property
    def made_by_kernel(self):
        return self.proto in ("kernel", "ra")

    @property
    def is_movable(self):
        """Whether it goes with its host to another link: there the kernel makes those of the link itself anew."""
        return self.proto not in ("kernel", "kernel_ll")

    def order(self):
        # Those of a link as they are described, or were made: the first is the primary one.
        return (*super().order()[:2], self.position, "")

    def overlay(self, want):
        after = super().overlay(want)
        if self.peer and want.peer is None and want.address not in (None, self.address):
            # One with a prefix of its own has no peer.
            after = replace(after, peer="")
        for row in self.rows:
            if row.name in LIFETIMES and row.same(getattr(self, row.name), getattr(after, row.name)):
                after = replace(after, **{row.name: getattr(self, row.name)})
        if after.valid_lft == FOREVER != self.valid_lft and want.preferred_lft is None and self.preferred_lft != 0:
            return replace(after, preferred_lft=FOREVER)
        return after.shortened() if want.preferred_lft is None else after

    def shortened(self):
        """It preferred no longer than it is valid."""
        valid, preferred = (float("inf") if value in (None, FOREVER) else value for value in self.lifetimes)
        return replace(self, preferred_lft=valid) if preferred > valid else self

    def differs(self, after):
        return self != after or self.lifetimes != after.lifetimes

    def plan(self, planner, have):
        if have is None and ":" in self.address:
            check_mtu(planner, self)
        if planner.rolls_back:
            have = self.in_its_place(planner, have)
        super(Address, self if have else self.shortened()).plan(planner, have)

    def in_its_place(self, planner, have):
        """What is there of it, unless it goes for now, and what is to come after it: the kernel adds at the end."""
        wanted = {r.key: r for r in self.others(planner.present) if r.family == self.family}
        there = self.others(planner.state)
        theirs = [r for r in there if r.key not in wanted and not r.secondary] if ":" not in self.address else []
        if any(r.network == self.network for r in theirs):
            return have  # to what others made since then it has to be a secondary
        pairs = [(r, wanted[r.key]) for r in there if r.key in wanted]
        misplaced = any(have.is_before(r) and meant.is_before(self) for r, meant in pairs) if have else True
        if not misplaced and have.like == self.like:
            return have
        for r in [*filter(None, [have]), *(r for r, meant in pairs if self.is_before(meant))]:
            planner.remove(r, later=planner.present)
        return None

    def is_before(self, other):
        """Whether the other one is to be there only after it: behind it in its order, or its secondary."""
        secondary = other.network == self.network and other.secondary and not self.secondary
        return secondary or (other.like == self.like and other.position > self.position)

    @property
    def like(self):
        """What those have in common among which it has its place."""
        return self.secondary, self.scope or "global"

    def find(self, state):
        near = state.within(self.netns, self.sort)
        return [r for r in near if r.proto != "kernel" and r.fits(replace(self, valid_lft=None))]

    def goes_over(self, planner):
        port = planner.present.get(("link", self.netns, self.dev))
        given = port is not None and port.master and planner.allows("take_over_addresses", port)
        return bool(given) and replace(self, dev=port.master).key in planner.present

    def after_removal(self, planner):
        """The way to the network of one that was not for ever: packets would still go by that."""
        near = planner.state.on(("link", self.netns, self.dev)) if ":" in self.address else []
        for r in near if all(a.network != self.network for a in self.others(planner.state)) else ():
            if r.sort == "route" and r.made_by_kernel and r.expires and r.dest == str(self.network):
                planner.step(Change(r, None))

    def as_snapshot(self, back):
        elsewhere = [r for r in back.now.within(self.netns, self.sort) if r.ip == self.ip and r.dev != self.dev]
        return self.known(back.there) if elsewhere else self

    def stays(self, after):
        """Whether the kernel changes it in place to this; else it goes and comes again."""
        names = [name for name in self.COMPARED if getattr(self, name) != getattr(after, name)]
        six = ":" in self.address
        # One of IPv6 keeps a metric as long as it is told no other one.
        return set(names) <= IN_PLACE[six] and not (six and "metric" in names and after.metric == 0)

    def predict(self, state, before):
        if before is not None and before.stays(self):
            state.add(self)
            return
        if before is not None:
            before.predict_removal(state)
        others = self.others(state)
        last = max((r.position for r in others), default=-1)
        state.add(replace(self, secondary=self.is_secondary(others), position=last + 1))
        if ":" in self.address and self.valid_lft not in (None, FOREVER) and not self.noprefixroute:
            state.add(self.connected(state))

    def connected(self, state):
        """The route to its network, which the kernel makes, and keeps when one that is not for ever goes."""
        room, dest = load("_resources", "route"), str(self.network)
        hops, more = (room.Hop(dev=self.dev),), dict(proto="kernel", by_itself=True, expires=self.valid_lft)
        route = room.Route(self.netns, dest, metric=self.metric or 256, type="unicast", hops=hops, **more)
        return replace(route, table=route.tables_of(state, self.dev))

    def is_secondary(self, others):
        near = [a for a in others if a.family == self.family and not a.secondary]
        return ":" not in self.address and any(a.network == self.network for a in near)

    def others(self, state):
        """The other addresses of the link."""
        near = state.on(("link", self.netns, self.dev))
        return [r for r in near if r.sort == self.sort and r.key != self.key]

    def collateral(self, state, after):
        """The others on its link, neighbours, and routes."""
        return [] if after is not None and self.stays(after) else self.near(state)

    def near(self, state):
        link = ("link", self.netns, self.dev)
        found = [r for r in state.on(link) if r.sort in ("address", "neighbour", "route")] + self.sends(state)
        return list({r.key: r for r in found if r.key != self.key}.values())

    def sends(self, state):
        """The routes that have it for their source."""
        return state.having("route", self.netns, self.ip)

    def reassert(self, planner):
        if planner.can_be(self):
            planner.step(Change(self, self.known(planner.state)))

    def known(self, state):
        """It as it was this host's a moment ago; on a link that is down the kernel looks for nobody who has it."""
        link = state.link((self.netns, self.dev))
        return replace(self, unique=link is None or link.up is not False)

    def accepted(self, state):
        return ":" not in self.address or takes_ipv6(state, self.netns, self.dev)

    def survives(self, event):
        return not (":" in self.address and (event.down or event.drops_ipv6))

    def takes_along(self, state, held):
        """Its secondaries, routes from it, and with the last one all routes and neighbours."""
        if ":" in self.address:
            return []
        near = [r for r in state.on(("link", self.netns, self.dev)) if getattr(r, "family", None) == self.family]
        same = [r for r in near if r.sort == self.sort]
        after = [r for r in same if not self.secondary and r.secondary and r.network == self.network]
        link = state.link((self.netns, self.dev))
        if after and link is not None and link.promotes:
            state.add(replace(min(after, key=lambda r: r.position), secondary=False))
            after = []
        fallen = [r.key for r in after]
        if len(fallen) == len(same):
            fallen += [r.key for r in near if r.sort in ("route", "neighbour")]
        return fallen + self.routes_from(state)

    def routes_from(self, state):
        """The keys of the routes that lose their source, as no other link has this address."""
        routes = self.sends(state)
        still = routes and any(r.ip == self.ip for r in state.within(self.netns, self.sort) if r.key != self.key)
        return [] if still else [r.key for r in routes]

    def disturbs(self, after):
        return self != after, False

    def commands(self, change):
        before, after = change.before, change.after
        if before is not None and (after is None or not before.stays(after)):
            return [before.command("delete")] + (after.commands(Change(None, after)) if after else [])
        verb = "add" if before is None else "replace"
        if after.is_twofold:
            return [after.command(verb, "nodad"), after.command("replace")]
        return [after.command(verb)]

    @property
    def is_twofold(self):
        """Whether it is made without the search for others that have it (DAD), and then set as it is to be."""
        return self.unique and ":" in self.address and not self.nodad

    def command(self, verb, *more):
        words = [self.ip, "peer", self.peer] if self.peer else [self.address]
        for row in self.rows if verb != "delete" else ():
            value = getattr(self, row.name)
            words += row.ip_args(value, None) if value not in (None, "", row.default) else []
        return ip(self.netns, "address", verb, *words, *more, "dev", self.dev)

    def needs_more(self):
        """Whether it is more than one that its link can be given."""
        return bool(self.peer or self.as_options())

    def as_options(self):
        """What it is beside the address itself, in the options of its module."""
        given = [(row, getattr(self, row.name)) for row in self.rows]
        return {row.name: row.shown(value) for row, value in given if value not in (None, "", row.default)}

    def is_told(self, state):
        return self.scope in (None, *SAID) and (self.autojoin or not ip_address(self.ip).is_multicast)

    def not_described(self):
        strange = "scope %s" % self.scope if self.scope not in (None, *SAID) else "a group without autojoin"
        return super().not_described() + ([] if self.is_told(None) else [strange])

    def as_entry(self):
        peer = dict(peer=self.peer) if self.peer else {}
        return dict(self.as_options(), dev=self.dev, address=[self.address], **peer)

    def plain(self):
        found = super().plain()
        dull = [row.name for row in self.rows[3:] if found.get(row.name) == row.default]
        return {name: value for name, value in found.items() if name not in dull}


LIFETIMES = ("valid_lft", "preferred_lft")
# What changes without the address: with IPv4, with IPv6.
IN_PLACE = (
    {"metric", "rest", *LIFETIMES},
    {"metric", "rest", "peer", "nodad", "home", "mngtmpaddr", "noprefixroute", *LIFETIMES},
)
MORE = dict(peer=dict(type="str"), **specs(Address.rows))
SPEC = dict(
    STATE,
    **NETNS,
    **MORE,
    **DEV,
    address=dict(type="list", elements="str"),
    addresses=dict(type="list", elements="dict", options=dict(MORE, address=dict(type="str", required=True))),
    **EXCLUSIVE,
)
RULES = dict(
    required_one_of=[("address", "addresses")],
    mutually_exclusive=[("addresses", option) for option in ("address", *MORE)],
)


def desired(p, host_):
    netns, dev = netns_name("netns", p["netns"]), link_name("dev", p["dev"])
    single = [option for option in MORE if p[option] is not None]
    if single and len(p["address"] or ()) > 1:
        raise Refused(single[0], "it is for one address, and %d are given" % len(p["address"]))
    option = "address" if p["addresses"] is None else "addresses"
    if p["addresses"] is None:
        addresses = [address_of(netns, dev, dict(p, address=text), "") for text in p["address"]]
    else:
        addresses = [address_of(netns, dev, one, "addresses.") for one in p["addresses"]]
    unique(option, [a.address + (" with the peer " + a.peer if a.peer else "") for a in addresses])
    returns = (("addresses", [a.key for a in addresses]),)
    if p["state"] == "absent":
        return Desired(absent=tuple(addresses), returns=returns)
    return Desired(tuple(map(lasting, addresses)), (), strangers(p, Address, netns, dev, option), returns=returns)


def lasting(address):
    """An address as it is to be present: for good, if nothing else is said."""
    return replace(address, valid_lft=FOREVER) if address.valid_lft is None else address


def address_of(netns, dev, p, prefix):
    text, peer = p["address"], p["peer"]
    if peer is not None and p["autojoin"]:
        raise Refused(prefix + "peer", "a multicast group has none")
    if peer is not None:
        peer = interface(prefix + "peer", peer if "/" in peer else peer + ("/128" if ":" in peer else "/32"))
        own = host(prefix + "address", text.split("/")[0])
        if (":" in own) != (":" in peer):
            raise Refused(prefix + "peer", "%s and %s are of different families" % (own, peer))
        address = Address(netns, dev, own + ("/128" if ":" in own else "/32"), peer)
    else:
        address = Address(netns, dev, interface(prefix + "address", text, bool(p["autojoin"])))
    given = dict(parsed(Address.rows, p, prefix))
    check(address, given, dev, prefix)
    if "broadcast" in given:
        given["broadcast"] = host(prefix + "broadcast", given["broadcast"])
    if given.get("label") == dev:
        given["label"] = ""
    return replace(address, **given)


def check(address, given, dev, prefix):
    """Refuse what an address of its family cannot be."""
    label, six = given.get("label"), ":" in address.address
    if label and (not label.startswith(dev) or len(label.encode()) > 15):
        text = "%r must begin with the name of its link, %s, and have at most 15 bytes"
        raise Refused(prefix + "label", text % (label, dev))
    check_family(address, given, six, prefix)
    valid, preferred = (given.get(name) for name in LIFETIMES)
    if valid == 0:
        raise Refused(prefix + "valid_lft", "0 seconds are none; state: absent takes an address away")
    if preferred is not None and (valid or FOREVER) != FOREVER and (preferred == FOREVER or preferred > valid):
        raise Refused(prefix + "preferred_lft", "%s is more than valid_lft, %s" % (preferred, valid))
    if preferred not in (None, FOREVER, 0) and not six and valid in (None, FOREVER):
        raise Refused(prefix + "preferred_lft", "an IPv4 address that is valid forever has 0 or forever")


def check_family(address, given, six, prefix):
    """Refuse what is for addresses of the other family, or another form."""
    for option in ("label", "broadcast") if six else ("nodad", "home", "mngtmpaddr"):
        if given.get(option):
            raise Refused(prefix + option, "IPv%d addresses have none" % (6 if six else 4))
    if six and given.get("scope", scope_of(address)) != scope_of(address):
        text = "%s has the scope %s: that of an IPv6 address follows from the address"
        raise Refused(prefix + "scope", text % (address.ip, scope_of(address)))
    if given.get("mngtmpaddr") and not (address.peer or address.address).endswith("/64"):
        raise Refused(prefix + "mngtmpaddr", "%s has no prefix length of 64" % address.address)
    if ":" in given.get("broadcast", ""):
        raise Refused(prefix + "broadcast", "%s is no IPv4 address" % given["broadcast"])


def scope_of(address):
    """The scope that the kernel gives to an IPv6 address."""
    ip = ip_address(address.ip)
    return "host" if ip.is_loopback else "link" if ip.is_link_local else "site" if ip.is_site_local else "global"


def module(name):
    return SPEC, RULES, desired
