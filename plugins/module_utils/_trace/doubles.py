# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two that have one address, of IP or of Ethernet, so that packets come to the wrong one."""

from __future__ import annotations

from .path import Lost, at, ip_line

ASTRAY = ("forwarding", "route", "socket", "return", "stray", "address")


def note_twin(walk, nexthop, got):
    """Remember who has taken a packet in the place of the one that has its next hop: it has the same MAC address."""
    link = walk.state.link(got.ref)
    if got.away or link is None or link.link or walk.addresses(got.netns, nexthop):
        return
    owners = [walk.state.link((r.netns, r.dev)) for r in walk.addresses(None, nexthop)]
    owners = [one for one in owners if one is not None and one.address == link.address and not one.link]
    if owners and link.address:
        walk.twins[got.ref] = nexthop, owners[0].ref


def told(walk, lost):
    """The loss, told by the address that two have, if the packet came to the wrong one by it."""
    if lost.code not in ASTRAY:
        return lost
    here = lost.netns, lost.dev
    if here in walk.twins:
        address, other = walk.twins[here]
        text = "%s has the MAC address %s, as %s has, and takes what is for %s"
        reason = text % (at(*here), walk.state.link(here).address, at(*other), address)
        checks = [ip_line(netns, "link", "show", "dev", dev) for netns, dev in (other, here)]
        return Lost(*here, "double", reason, checks, (), None, lost.trail).instead_of(lost)
    for (netns, dev), (address, others) in walk.doubles.items():
        if lost.netns == netns:
            text = "%s is an address of both %s and %s, and the packets for it go to %s"
            reason = text % (address, at(*others[0]), at(netns, dev), at(netns, dev))
            checks = [ip_line(where[0], "address", "show", "dev", where[1]) for where in (*others, (netns, dev))]
            return Lost(netns, dev, "double", reason, checks, lost.remedies, None, lost.trail)
    return lost
