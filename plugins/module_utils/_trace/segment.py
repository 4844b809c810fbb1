# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame that nobody takes, and nothing in its way: a link that should be a port of a bridge, or nobody is there."""

from __future__ import annotations

from .packet import BROADCAST, Frame
from .path import Lost, at, ip_line

FRAMED = ("vxlan", "geneve", "gretap", "ip6gretap", "bond")  # what can be a port, beside those with a peer
DULL = ("foreign", "nowhere", "alone")
SIDES = ("vlan", "isolated", "flood")


def loose_end(wire, lost, frame, blind):
    """The loss where no place is in the way."""
    own = owner_of(wire, frame)
    out = unbridged(wire, lost, frame, own, blind) if own is not None else learned_elsewhere(wire, lost, frame)
    others = [one for one in lost if (one.code not in DULL and (own is not None or not beside(one))) or one.outer]
    if out is not None or others:
        return out or others[0]
    if frame.asks or not lost:
        what = frame.asks or frame.dmac
        trail = max((one.trail for one in lost), key=len, default=())
        return Lost("", "", "nobody", "nobody answers for %s" % what, trail=trail)
    return sorted(lost, key=lambda one: one.code == "foreign")[0]


def beside(lost):
    """Whether this is of a frame that leaves a bridge elsewhere, where nobody is for whom it could be."""
    return (
        lost.code in SIDES and lost.beyond is not None and (lost.beyond[2] == "out" or lost.trail[-1].dev != lost.dev)
    )


def unbridged(wire, lost, frame, own, blind):
    """The loss at a link beside a bridge, on one side or the other."""
    list(blind.transmit(own, Frame(None, BROADCAST, asks="0.0.0.0"), ()))  # noqa: S104
    theirs = {ref for ref, dummy, dummy in blind.passed}
    for ref, way in sorted((ref, way) for ref, way, dummy in wire.passed):
        link = wire.state.link(ref)
        bridge = bridge_beside(wire, link, own, theirs) if way == "in" else None
        if bridge is not None:
            text = "%s, the link by which the frames come, is no port of the bridge %s"
            trail = next((one.trail for one in lost if one.trail and one.trail[-1].dev == link.name), ())
            return no_port(link, bridge.name, text % (at(*link.ref), bridge.name), trail)
        port = port_beside(wire, link, theirs)
        if port is not None:
            text = "%s, behind which %s is, is no port of the bridge %s"
            what, bridge = frame.asks or frame.dmac, bridge_of(wire, link).name
            return no_port(port, bridge, text % (at(*port.ref), what, bridge), ())
    return None


def learned_elsewhere(wire, lost, frame):
    """The loss at a link beside a bridge that knows the MAC address, which no link here has."""
    for one in lost:
        link = wire.state.link((one.netns, one.dev)) if one.code == "foreign" else None
        for bridge in wire.state.within(link.netns, "link") if link is not None and loose(wire, link) else ():
            entry = wire.host.fdb(link.netns, bridge.name, frame.dmac, 0) if bridge.kind == "bridge" else None
            if entry is not None:
                text = "%s, the link by which the frames come, is no port of the bridge %s, which has %s at %s"
                words = at(*link.ref), bridge.name, frame.dmac, entry.dev
                return no_port(link, bridge.name, text % words, one.trail)
    return None


def no_port(link, bridge, reason, trail):
    cure = ip_line(link.netns, "link", "set", "dev", link.name, "master", bridge)
    show = ip_line(link.netns, "link", "show", "dev", link.name)
    return Lost(link.netns, link.name, "unbridged", reason, [show], [cure], None, trail)


def owner_of(wire, frame):
    """The link that a frame is for."""
    if frame.asks:
        found = wire.walk.addresses(None, frame.asks)
        return wire.state.link((found[0].netns, found[0].dev)) if found else None
    return next((r for r in wire.state if r.sort == "link" and r.address == frame.dmac and not r.slave_kind), None)


def loose(wire, link):
    """Whether a link has no master, no addresses but its own, and nothing on it."""
    if link.master or link.name == "lo" or (link.peer is None and link.kind not in FRAMED):
        return False
    return not [
        r for r in wire.state.on(link.key) if r.sort == "link" or (r.sort == "address" and not r.ip.startswith("fe80"))
    ]


def bridge_beside(wire, link, own, theirs):
    """The bridge beside a loose link, by which the owner of an address would be reached."""
    if not loose(wire, link):
        return None
    bridges = [r for r in wire.state if r.sort == "link" and r.netns == link.netns and r.kind == "bridge"]
    return next((r for r in bridges if theirs & {key[1:] for key in wire.state.ports[r.key]} or r.ref == own.ref), None)


def bridge_of(wire, link):
    """The bridge that a link is, or is a port of."""
    one = wire.state.master_of(link) if link.master else link
    return one if one is not None and one.kind == "bridge" else None


def port_beside(wire, link, theirs):
    """The loose link beside a bridge, behind which the owner of an address is."""
    if bridge_of(wire, link) is None:
        return None
    near = [r for r in wire.state if r.sort == "link" and r.netns == link.netns and loose(wire, r)]
    return next((r for r in near if r.ref in theirs), None)
