# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which end has the wrong VLAN, where a frame of one may not pass a port: the port of its sender, or that one."""

from __future__ import annotations

from collections import Counter

from .._kinds.base import kind_of
from .bridge import filtering
from .path import Lost, at, ip_line


def by_sender(wire, lost, frame):
    """The loss of a frame of a VLAN, told by the port that has put it there, if all its neighbours are in another."""
    steps = [*wire.walk.past, *lost.trail]
    port = next(filter(None, (port_of_sender(wire, step, frame.smac) for step in reversed(steps))), None)
    if lost.code != "vlan" or port is None or port.ref == (lost.netns, lost.dev):
        return lost
    mine, members = pvid(wire, port), members_of(wire, port)
    counted = Counter(vid for dummy, vid in members.values())
    theirs, most = max(counted.items(), key=lambda pair: (pair[1], pair[0] != mine), default=(mine, 0))
    if theirs == mine:
        return lost
    for_them = any(vid == theirs and is_for(wire, frame, ref) for ref, (dummy, vid) in members.items())
    alone = counted[mine] == most == 1 and for_them and is_used(wire, theirs, port) and not is_used(wire, mine, port)
    if counted[mine] >= most and not alone:
        lost.reason += "; the frame came untagged by %s, whose PVID is %d" % (at(*port.ref), mine)
        return lost
    text = "the PVID of %s is %d, so that what comes there untagged is in VLAN %d, and %s in VLAN %d: %s"
    names = sorted(at(*ref) for ref, (dummy, vid) in members.items() if vid == theirs)
    names = ", ".join(names[:3]) + (" are" if len(names) > 1 else " is")
    reason = text % (at(*port.ref), mine, mine, names, theirs, lost.reason)
    words = ["vlan", "add", "dev", port.name, "vid", str(theirs), "pvid", "untagged"]
    words += ["self"] * (port.kind == "bridge")
    cures = [ip_line(port.netns, *words, program="bridge")]
    checks = [ip_line(port.netns, "vlan", "show", "dev", port.name, program="bridge"), *lost.checks]
    return Lost(port.netns, port.name, "vlan", reason, checks, cures, None, lost.trail).instead_of(lost)


def is_for(wire, frame, ref):
    """Whether a link is the one that a frame is for, or that has the address that it asks for."""
    if not frame.asks:
        return wire.state.link(ref).address == frame.dmac
    return any(r.ip == frame.asks for r in wire.state.on(("link", *ref)) if r.sort == "address")


def pvid(wire, port):
    return wire.host.vlans(port)[1] or 0


def filtered(wire, link):
    """Whether a link is a port of a bridge that knows VLANs."""
    bridge = wire.state.master_of(link)
    return bridge is not None and bridge.kind == "bridge" and filtering(bridge)


def port_of_sender(wire, step, smac):
    """The port by which a step says that a frame came untagged from its sender itself; the bridge, of its host."""
    link = wire.state.link((step.netns, step.dev)) if step.frame else None
    if link is not None and step.way == "out" and link.kind == "bridge" and link.address == smac:
        return link
    if link is None or step.way != "in" or step.frame.tags or not link.peer or not filtered(wire, link):
        return None
    peer = wire.state.link(link.peer)
    return link if peer is not None and peer.address == smac else None


def place_of(wire, link):
    """The (port, VLAN) in which what a link sends is; None where that is not at such a bridge."""
    vid = 0
    while link is not None and link.link and (link.kind == "vlan" or kind_of(link).family()):
        vid = vid or (dict(link.attrs).get("id") if link.kind == "vlan" else 0)
        link = wire.state.link(link.link)
    if link is not None and link.kind == "bridge" and filtering(link):
        return link, vid or pvid(wire, link)
    port = wire.state.link(link.peer) if link is not None and link.peer else None
    return (port, vid or pvid(wire, port)) if filtered(wire, port) else None


def members_of(wire, port):
    """The (port, VLAN) of all links that have addresses in the networks of what is at a port, by their names."""
    places = {}
    for r in wire.state:
        link = wire.state.link((r.netns, r.dev)) if r.sort == "address" else None
        place = place_of(wire, link) if link is not None else None
        if place is not None and not r.ip.startswith("fe80"):
            places.setdefault(r.network, {})[link.ref] = place
    out = {}
    for found in places.values():
        if any(place[0] is port for place in found.values()):
            out.update(found)
    first = wire.state.link(port.peer) if port.peer else port
    near = {port.ref, first.ref, *wire.walk.segment(first)} if out else set()
    return {ref: place for ref, place in out.items() if near & {place[0].peer, place[0].ref}}


def is_used(wire, vid, beside):
    """Whether other ports have a VLAN."""
    ports = [r for r in wire.state if r.sort == "link" and r is not beside and filtered(wire, r)]
    return any(vid in wire.host.vlans(port)[0] for port in ports)
