# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the change of a link does to what is on it, to its upper links, to its ports, and to its master."""

from __future__ import annotations

from .._core.resource import fall
from .._core.values import Refused, replace
from .base import inherits, kind_of

IPV6_LEAST = 1280  # the MTU that RFC 8200 asks of any link


def drops_ipv6(before, after):
    """Whether the MTU ends what a link has of IPv6."""
    return after.mtu is not None and after.mtu < IPV6_LEAST <= (before.mtu or 0)


def with_or_without_ipv6(before, now):
    """A link on which IPv6 has ended, or begins anew, and then with what it is told."""
    if now.up and before.after_move(now).up is False:
        now = replace(now, addrgenmode=kind_of(now).addrgenmode_when_up(now.addrgenmode))
    told = drops_ipv6(now, before) and now.addrgenmode != before.addrgenmode
    other = drops_ipv6(before, now) or drops_ipv6(now, before)
    return replace(now, addrgenmode=None) if other and not told else now


def takes_ipv6(state, netns, dev):
    """Whether the MTU of a link is large enough for IPv6, as far as one can tell."""
    link = state.link((netns, dev))
    return link is None or not link.mtu or link.mtu >= IPV6_LEAST


def check_mtu(planner, r):
    """Refuse what is of IPv6 on a link that takes none."""
    if not takes_ipv6(planner.state, r.netns, r.dev):
        link = planner.state.link((r.netns, r.dev))
        text = "%s has an MTU of %d, and IPv6 takes no less than %d"
        raise Refused("mtu" if link.key in planner.present else "dev", text % (link.name, link.mtu, IPV6_LEAST))


class Event:
    """A change of a link, as what is on it sees it."""

    def __init__(self, state, before, now, carrier=True):
        self.state, self.before, self.now, self.carrier = state, before, now, carrier
        self.down = before.up is not False and now.up is False
        self.drops_ipv6 = drops_ipv6(before, now)
        # With the one as with the other the kernel forgets who is where.
        self.other_mac = before.address != now.address or before.arp != now.arp

    def follow(self, link):
        """An upper link stays; it may change as well."""
        if kind_of(link).slaves(link):
            kind_of(link).follow_slave(self, link)
        elif self.carrier:
            change(self.state, link, upper_after(link, self.before, self.now))
        elif kind_of(link).stacked:
            lose_carrier(self.state, link)
        return True


def change(state, before, now):
    """A link becomes another one in its place."""
    now = with_or_without_ipv6(before, now)
    state.add(now)
    if before != now:
        propagate(state, before, now)


def propagate(state, before, now):
    """What a change of a link, which is in the state already, does to others."""
    kind_of(now).tell_ports(state, before, now)
    fall_with(state, Event(state, before, now))
    if (before.mtu, before.address, before.master) != (now.mtu, now.address, now.master):
        tell_master(state, before)
        tell_master(state, now)


def lose_carrier(state, link):
    """A link, which is up or not, has no carrier any more, and those that have theirs from it neither."""
    fall_with(state, Event(state, link, link, carrier=False))


def has_carrier(state, link):
    """As far as one can tell."""
    far = state.link(link.peer) if link.peer else None
    if link.up is False or (far is not None and far.up is False):
        return False
    lower = state.link(link.link) if link.link and kind_of(link).stacked else None
    if lower is not None and not has_carrier(state, lower):
        return False
    return kind_of(link).accepts_ports() != "frames" or any(has_carrier(state, port) for port in state.ports_of(link))


def fall_with(state, event):
    """What is on a link and does not survive a change of it falls."""
    for r in state.on(event.now.key):
        if not r.survives(event):
            fall(state, r)
    if event.down or not event.carrier:
        tell_carrier(state, event.now)


def tell_carrier(state, port):
    """A master has no carrier when the last of its ports has lost it."""
    master = state.master_of(port)
    if master is not None and kind_of(master).accepts_ports() == "frames":
        others = [other for other in state.ports_of(master) if other.key != port.key]
        if not any(has_carrier(state, other) for other in others):
            lose_carrier(state, master)


def tell_master(state, port):
    """A bridge takes its MAC address and MTU from its ports."""
    master = state.master_of(port)
    if master is not None:
        kind_of(master).follow_port(state, master)


def upper_after(link, before, now):
    """An upper link after its lower link has changed; a value that cannot be predicted is None."""
    kind = kind_of(link)
    if kind.underlay:
        return link
    names, news = inherits(link), {}
    if before.mtu != now.mtu:
        known = kind.stacked and None not in (link.mtu, now.mtu)
        most = now.mtu - (kind.overhead(link) or 0) if known else None
        news["mtu"] = now.mtu if "mtu" in names else min(link.mtu, most) if known else None
    if before.address != now.address:
        if "address" in names:
            news["address"] = now.address
        elif link.address in (before.address, None) and not (kind.stacked and "address" in link.pinned):
            news["address"] = None if "unset address" in names or not kind.stacked else link.address
    if "up" in names and before.up is not now.up:
        news["up"] = False if now.up is False else True if before.up is False else link.up or None
    return replace(link, **news)


def bounce(state, link):
    """A link goes down and up again; its IPv6 addresses fall even if it was down."""
    up, down = replace(link, up=True), replace(link, up=False)
    state.add(down)
    propagate(state, up, down)
    state.add(link)
    if link.up:
        propagate(state, down, link)
