# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kind of link: its rows, and what is special about it as hooks that a kind overrides in its own room."""

from __future__ import annotations

from typing import Optional, Tuple

from .._core.rows import Row, changed, met
from .._core.values import Refused, Value, merged, replace
from .._core.words import link_name
from .._rooms import KIND_ROOMS, load


class LinkName(Row):
    """The name of another link; nothing where it can be left out."""

    def parse(self, value):
        try:
            return link_name(self.name, value) if value or self.required else ""
        except Refused as e:
            raise ValueError(e.text)

    def decode(self, raw):
        return raw or ""


class Port(Row):
    """The name of a port, or nothing."""

    def decode(self, raw):
        return raw or ""

    def ip_args(self, value, old):
        # ip(8) has none for nothing.
        return [self.name, value] if value else []


class Kind(Value):
    """A kind of link, as the kernel calls it."""

    name: str
    attrs: Tuple[Row, ...] = ()
    port: Tuple[Row, ...] = ()  # what each port of such a master has
    module: Optional[str] = None  # that makes it, where its name is not the kind's
    kernel_module: Optional[str] = None  # where it differs from the kind's name
    stacked: bool = False  # on another link, its lower link
    inherits: frozenset = frozenset()  # what changes with the lower link: up, mtu, address, or unset address
    underlay: str = ""  # it has outer packets, and this attribute for the link they leave by
    unique: Tuple[str, ...] = ()  # no two over one network have the same values of these
    l3: bool = False  # it carries IP packets, no frames: it has no MAC address and is no port of a bridge
    no_uppers: bool = False  # no other link stands on it
    full_update: bool = False  # what a change does not say is reset

    @property
    def maker(self):
        """The module that makes it."""
        return self.module or self.name

    # What is true of few

    def is_pair(self):
        """Whether it comes into being with a peer."""
        return False

    def far_attrs(self, attrs):
        """What the other end of a pair with these attributes has of them."""
        return ()

    def is_tap(self):
        """Whether a program reads its frames from a character device, and nothing else gets them."""
        return False

    def netns_local(self):
        """Whether it stays in the network namespace in which it was made."""
        return False

    def mac_by_chance(self):
        """Whether the kernel makes up a MAC address for a new one, and takes one in its place."""
        theirs = self.accepts_ports() or {"address", "unset address"} & self.inherits
        return not (theirs or self.l3 or self.is_tap())

    def mac_fixed(self):
        """Whether it keeps the MAC address with which it was made."""
        return False

    def never_a_port(self):
        return False

    def lower_in_same_netns(self):
        """Whether the kernel does not tell in which namespace its lower link is."""
        return False

    def outlives_lower(self):
        return False

    def falls_when_lower_moves(self):
        """Whether its end is that its lower link goes to another network namespace."""
        return bool(self.underlay)

    def lost_anew(self, link, new=None):
        """What the link has and no new one gets unless it was `new` with it, for a warning."""
        return ""

    def only_told(self, of_port):
        """The numbers of the attributes of a link, or of a port, that the kernel tells and nobody sets."""
        return ()

    def underlay_fixed(self):
        """Whether only a new one leaves by another link."""
        return False

    def shares_attrs(self):
        """Whether all on a lower link have the same attributes."""
        return False

    def family(self):
        """Links of one family do not stand on each other, nor on one link with those of another family."""
        return ""

    def alone(self, attrs):
        """The option with which a link with these attributes is the only one of its family on its lower link."""
        return

    def overhead(self, link):
        """The bytes of each packet that its outer headers take of the MTU of the link it leaves by; None: not known."""
        return

    def given_mtu(self, link, mtus):
        """The MTU of a new one over links that have these."""
        return min(mtus) - (self.overhead(link) or 0)

    def arp_by_itself(self, link):
        """Whether a new one asks for MAC addresses; None: not known."""
        return None if self.stacked else not self.l3

    def multicast_by_itself(self):
        """Whether a new one sends to groups; None where that differs."""
        return None if self.l3 else True

    def arp_after(self, before, now):
        """The same after a change."""
        return now.arp

    def addrgenmode_when_up(self, mode):
        """How IPv6 makes addresses once it has gone up with a mode; without a MAC address some make others."""
        return mode

    def inherited(self, link):
        """What of a link changes with its lower link."""
        return self.inherits

    def kept_anew(self, have, given):
        """The options, by name, that a new one has of the one before, where others are given."""
        attrs, found = dict(have.attrs), {}
        for row in self.attrs:
            value = attrs.get(row.name)
            # What is nothing where no default is known is that of a new one.
            usual = value in (None, row.default) or (row.default is None and not value)
            if not usual and row.name not in given:
                found[row.name] = value
        return found

    # Links that it stands on, where they are several

    def slaves(self, link):
        """The (option, name) of each."""
        return []

    def renamed_slave(self, link, old, new):
        """It on a link that has another name now."""
        return link

    def without_slave(self, link, gone):
        """What is left of it when one has gone, if anything."""

    def follow_slave(self, event, link):
        """Predict it after a change of one."""

    # A link of this kind

    def prepare(self, planner, want, have):
        """The link that there is, after the steps without which the one that is wanted cannot be made of it."""
        return have

    def check(self, planner, after, want, attrs):
        """Refuse what such a link cannot have."""

    def reachable(self, planner, after, base):
        """The link as far as it can be so at once."""
        return after

    def newborn(self, want):
        """A link as the kernel can be asked to make it."""
        return want

    def intermediate(self, have, after):
        """What a link must be before it can be as it is to be."""
        return have

    def normalized(self, link):
        """A link without what the kernel forgets or chooses itself."""
        return link

    def born(self, state, link):
        """Predict what becomes of others when it is new."""

    def gone(self, state, link):
        """Predict what becomes of others when it has gone."""

    def went_down(self, state, link):
        """Predict who loses the carrier with it."""

    def changed(self, state, before, now):
        """Predict what a change of its options does to others."""

    def claims(self, link, attrs):
        """What no two links of the kind have at once."""
        home, lower = link.link or (link.netns, "")
        values = tuple(attrs.get(name) for name in self.unique)
        if not values or None in values or (self.stacked and not link.link):
            return set()
        return {(home, (self.stacked or "local" in self.unique) and (lower or ""), *values)}

    def asides(self, link):
        """The link with something else for a moment in the place of what no two have."""
        attrs, rows = dict(link.attrs), {row.name: row for row in self.attrs}
        for row in [rows[name] for name in reversed(self.unique) if rows[name].immutable is not True]:
            for value in row.spares(attrs[row.name]) if attrs.get(row.name) not in (None, "", "none") else ():
                yield with_attrs(link, **{row.name: value})

    # What is told neither with the link's message nor to ip-link(8)

    def out_of_band(self):
        """The room in _rtnl that reads and writes it."""
        return ""

    def more_commands(self, link, step):
        """Its command lines."""
        return []

    # Its ports

    def accepts_ports(self):
        """Which: frames, those that have a MAC address and nobody else to give their frames to; any; or none."""
        return ""

    def check_port(self, planner, port, want):
        """Refuse a port that it does not take."""

    def sets_port_up(self):
        return False

    def reachable_port(self, planner, port, base):
        """A port as far as it can be so at once."""
        return port

    def new_port(self, port):
        """A new link that is to be its port, as the kernel can be asked for it."""
        return port

    def plan_move(self, planner, have, after):
        """The steps by which a link becomes its port, or leaves it."""
        planner.set(have, after)

    def joined_port(self, state, port):
        """Predict a link that has become its port."""
        return port

    def left_port(self, port, in_place):
        """Predict a link that was its port, and is still where it was or not."""
        return port

    def first_port(self, state, master):
        """Predict it when it gets its first port."""

    def renamed_port(self, state, before, now):
        """Predict its other ports when one has another name."""

    def lost_port(self, state, master, port):
        """Predict it without a port that has left."""

    def freed_port(self, state, port):
        """Predict a port when its master is deleted."""
        state.add(replace(port, master="", port=()))

    def port_collateral(self, state, link):
        """What may fall when a link becomes its port or leaves it."""
        return []

    def bounce_port(self, state, link):
        """Predict that a link goes down and up again when it becomes its port or leaves it."""

    def collateral(self, state, link):
        """What may fall, and which links to put back, when it is deleted."""
        return []

    def has_own_address(self, link, ports):
        """Whether its MAC address is not just that of one of its ports."""
        return all(port.address != link.address for port in ports)

    def keeps_ports(self, ports, kept):
        """What is to be put back when it is made anew, its ports apart."""
        return kept

    def tell_ports(self, state, before, now):
        """Predict what a change of it does to its ports."""

    def follow_port(self, state, master):
        """Predict what it takes over from its ports."""


PLAIN = Kind("")  # seen and set, never made: a network card, lo, a kind that no room is for
TABLE = {}


def kind_named(name):
    """The kind of this name; one that no room of this module is for is like any link."""
    if name not in TABLE:
        room = load("_kinds", KIND_ROOMS[name]) if name in KIND_ROOMS else None
        if room is None:
            return PLAIN
        TABLE.update((kind.name, kind) for kind in room.KINDS)
    return TABLE[name]


def kind_of(link):
    return kind_named(link.kind)


def port_kind(state, link):
    """The kind of what the link is a port of."""
    master = state.master_of(link)
    return kind_of(master) if master else PLAIN


def inherits(link):
    return kind_of(link).inherited(link)


def told_apart(step, sort, fresh=False):
    """The changed values of the rows of a sort that is out of band, by name."""
    before, after = step.before, step.after
    rows = [row for row in kind_of(after).attrs if isinstance(row, sort)]
    fresh = fresh or before is None
    return {row.name: value for row, value, dummy in changed(rows, () if fresh else before.attrs, after.attrs, fresh)}


def a_kind(name):
    return "%s %s" % ("an" if name[0] in "aehiox" else "a", name)


def called(link):
    return a_kind(link.kind) if link.kind else "a network card" if link.name != "lo" else "the loopback link"


def is_wanted_value(row, link, want):
    """Whether an option that is given differs from its default."""
    return dict(want.attrs).get(row.name) not in (None, row.default)


def check_rows(planner, after, want, attrs, lasting=False):
    """Refuse options of a link that do not go with its other ones."""
    for row in kind_of(after).attrs:
        if is_wanted_value(row, after, want) and not met(row, attrs):
            option, value = row.only
            raise Refused(row.name, "it is for %s: %s" % (option, str(value).lower()))
        keeps = row.immutable is not False or lasting
        if keeps and attrs[row.name] != row.default and not met(row, attrs):
            raise Refused(row.only[0], "%s has %s: %s" % (after.name, row.name, str(attrs[row.name]).lower()))


def with_attrs(link, **news):
    return replace(link, attrs=merged(link.attrs, news))


NOT_EXTERNAL = ("external", False)
UDP = dict(only=NOT_EXTERNAL)
