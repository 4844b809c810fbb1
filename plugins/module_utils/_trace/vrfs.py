# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets that do not get to the table of their VRF: the rule that leads them there is missing."""

from __future__ import annotations

from .._core.values import replace
from . import blame
from .path import Lost, at, ip_line
from .selectors import fits


class Unled:
    """A packet whose route is in the table of its VRF, to which no rule leads it."""

    def __init__(self, netns, iif, vrf, packet, answer, hop):
        self.netns, self.iif, self.packet, self.answer = netns, iif, packet, answer
        self.vrf, self.hop = vrf, hop  # where it would be sent; None: it is for the namespace itself

    def would_help(self, walk):
        """Whether the packet would go on with the rule."""
        if self.answer.error or self.hop is None:
            return True
        other = replace(self.answer, dev=self.hop.dev, via=self.hop.via or "", several=0)
        try:
            walk.onward(self.netns, self.packet, other, self.iif, ())
        except Lost:
            return False
        return True

    def told(self, lost):
        """The loss for want of the rule, with the one that there is instead."""
        six = ["-6"] * self.packet.six
        text = "%s has no rule l3mdev for IPv%d, which leads packets to the table of their VRF %s: %s"
        reason = text % (at(self.netns), 6 if six else 4, self.vrf, lost.reason)
        checks = [
            ip_line(self.netns, *six, "rule", "show"),
            ip_line(self.netns, *six, "route", "show", "vrf", self.vrf),
        ]
        cures = [ip_line(self.netns, *six, "rule", "add", "priority", "1000", "l3mdev")]
        return Lost(self.netns, self.iif or self.vrf, "rule", reason, checks, cures, None, lost.trail).instead_of(lost)


def unled(walk, netns, iif, vrf, table, packet, answer):
    """What a rule is missing for; None where one leads the packet to the table, or nothing there is for it."""
    if any(leads(rule, table, packet, iif, vrf) for rule in walk.host.rules(netns, packet.six)):
        return None
    route = blame.best_route(walk, netns, packet, (table,))
    hop = route.hops[0] if route is not None and route.hops else None
    own = [r for r in walk.addresses(netns, packet.dst) if walk.vrf_of(netns, r.dev) == vrf]
    if not own and (hop is None or (hop.dev, answer.error) == (answer.dev, "")):
        return None
    return Unled(netns, iif, vrf, packet, answer, None if own else hop)


def leads(rule, table, packet, iif, vrf):
    """Whether a rule leads a packet of a VRF to its table."""
    if rule.l3mdev:
        return any(fits(rule, packet, dev) for dev in (iif, vrf))
    if rule.type not in (None, "lookup") or rule.table != table:
        return False
    return rule.oif == vrf or any(fits(rule, packet, dev) for dev in (iif, vrf))
