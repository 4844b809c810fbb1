# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a link cannot be or have where it is: each refusal is one sentence that names the option."""

from __future__ import annotations

from .._core.values import Refused
from .._kinds.base import a_kind, called, check_rows, inherits, kind_of, port_kind
from .._kinds.effects import IPV6_LEAST
from .link import lowers_of
from .link_claims import check_unique

MAIN, DEFAULT = 254, {"0.0.0.0/0", "::/0"}


def master_option(want):
    return "ports" if want.option == "ports" else "master"


def check_master(planner, have, want):
    taken = want.master and have.master and have.master != want.master and have.netns == want.netns
    if taken and not planner.allows("take_over", want):
        text = "%s is a port of %s; take_over: true gives it to %s"
        raise Refused(master_option(want), text % (have.name, have.master, want.master))


def carried(planner, link, alone=False):
    """What of the host's way to others a link carries, if anything; perhaps only where there is no other such way.

    What is to go anyway does not count.
    """
    near = planner.state.on(link.key)
    own = [r.address.split("/")[0] for r in near if r.sort == "address"]
    if not link.netns and planner.desired.controller in own:
        return "the connection by which this task came"
    near = near + [r for way in near if way.sort == "nexthop" for r in planner.state.dependents(way.key)]
    defaults = [r for r in near if r.sort == "route" and r.table == MAIN and r.dest in DEFAULT]
    others = {r.dest for r in planner.state.within(link.netns, "route") if r.table == MAIN and r not in defaults}
    defaults = [r for r in defaults if not (alone and r.dest in others)]
    return "the default route" if any(not is_leaving(planner, r) for r in defaults) else ""


def is_leaving(planner, route):
    """Whether a route is to be taken away by this task."""
    return any(r.sort == "route" and route in r.find(planner.state) for r in planner.desired.prune)


def check_uplink(planner, have, want):
    """Nothing takes the way to the host from under it."""
    what = carried(planner, have)
    if what:
        text = "%s carries %s; take_over_addresses: true gives its addresses and routes to %s"
        raise Refused(master_option(want), text % (have.name, what, want.master))


def check_upper(planner, after, want):
    """A link whose frames go to macvlans or the like, or to a program, is no port of a bridge."""
    master = planner.state.link((after.netns, want.master)) if want.master else None
    kind = kind_of(after)
    if master is not None and kind.never_a_port():
        raise Refused(master_option(want), "%s, %s, cannot be a port of anything" % (after.name, called(after)))
    if master is None or kind_of(master).accepts_ports() != "frames":
        return
    why = ""
    if kind.is_tap():
        why = "its frames go to a program"
    elif kind.l3:
        why = "its packets have no Ethernet header"
    elif kind.stacked and "address" in kind.inherits:
        why = "it has the MAC address of its lower link"
    elif kind.mac_fixed() and kind_of(master).sets_port_up():
        why = "its MAC address stays"
    if why:
        text = "%s, %s, cannot be a port of %s: %s"
        raise Refused(master_option(want), text % (after.name, called(after), called(master), why))
    near = [r for r in planner.state.uppers(after) if kind_of(r).family()]
    if near and not planner.rolls_back:
        text = "%s cannot be a port of %s: %s, %s, stands on it"
        raise Refused(master_option(want), text % (after.name, called(master), near[0].name, called(near[0])))


def check_port(planner, after, want):
    master = port_kind(planner.state, after)
    if want.port and master.port and not planner.rolls_back:
        master.check_port(planner, after, want)
    if not want.port or master.port:
        return
    if not after.master or planner.state.link((after.netns, after.master)).kind is not None:
        raise Refused("ports", "%s is no port of a bridge" % after.name)


def check_attrs(planner, after, want):
    """What a link cannot have as it is."""
    kind = kind_of(after)
    attrs = {**{row.name: row.default for row in kind.attrs}, **dict(after.attrs)}
    check_rows(planner, after, want, attrs)
    mtu = after.mtu or IPV6_LEAST
    if want.addrgenmode and mtu < IPV6_LEAST and not planner.rolls_back:
        raise Refused("addrgenmode", "%s has no IPv6 with an MTU of %d" % (after.name, mtu))
    if kind.l3 and want.address:
        raise Refused("address", "%s, %s, has no MAC address" % (after.name, called(after)))
    kind.check(planner, after, want, attrs)
    check_unique(planner, after)


def check_lower(planner, after, want):
    """What a link cannot have where it stands."""
    for option, lower in () if planner.rolls_back else lowers_of(planner.state, after):
        check_on(planner, after, want, lower, option)


def check_on(planner, after, want, lower, option):
    kind = kind_of(after)
    if want.up and lower.up is False and "up" in inherits(after):
        raise Refused("up", "%s stands on %s, which is down" % (after.name, lower.name))
    taken = kind.overhead(after) or 0
    if want.mtu and lower.mtu and want.mtu > lower.mtu - taken and "mtu" not in inherits(after):
        text = "%d is more than the %d of %s, on which %s stands" + ", without %d for headers" % taken * bool(taken)
        raise Refused("mtu", text % (want.mtu, lower.mtu, lower.name, after.name))
    if kind_of(lower).no_uppers:
        raise Refused(option, "%s, %s, can carry no %s" % (lower.name, called(lower), after.kind))
    if after.link and kind.lower_in_same_netns() and after.link[0] != after.netns:
        text = "the kernel does not tell of it for %s: it is to be the network namespace of %s"
        raise Refused("link_netns", text % (a_kind(after.kind), after.name))
    gives = "address" in kind.inherits and option in ("link", "slave1")
    if gives and None not in (want.address, lower.address) and want.address != lower.address:
        raise Refused("address", "%s has that of %s, %s" % (after.name, lower.name, lower.address))
    if kind.family():
        check_family(planner, after, lower, kind, option)


def check_family(planner, after, lower, kind, option):
    """What a link cannot share its lower link with."""
    if kind_of(lower).family() == kind.family():
        text = "%s is %s itself; say what it stands on: %s"
        raise Refused(option, text % (lower.name, called(lower), lower.link[1] if lower.link else "its lower link"))
    if kind_of(lower).is_tap():
        raise Refused(option, "%s, %s, can carry no %s" % (lower.name, called(lower), after.kind))
    if port_kind(planner.state, lower).accepts_ports() == "frames":
        text = "%s is a port of %s, and %s cannot stand on that"
        raise Refused(option, text % (lower.name, lower.master, a_kind(after.kind)))
    for other in planner.state.uppers(lower):
        if other.key == after.key or not kind_of(other).family():
            continue
        if kind_of(other).family() != kind.family():
            text = "%s carries %s, %s, and so it can carry no %s"
            raise Refused(option, text % (lower.name, other.name, called(other), after.kind))
        alone = kind.alone(dict(after.attrs)) or kind.alone(dict(other.attrs))
        if alone:
            text = "with %s nothing else of its kind stands on %s, and %s would"
            raise Refused(alone[0], text % (alone[1], lower.name, other.name))
