# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masters that no room knows, such as that of Open vSwitch: what becomes of frames only their programs can tell."""

from __future__ import annotations

from .._kinds.base import PLAIN, kind_of
from .path import Got, Lost, at, inside_line, ip_line, set_up


def is_one(master):
    return master is not None and bool(master.kind) and kind_of(master) is PLAIN


def receive(wire, link, master, frame, trail):
    """The ends of a frame that came to a port."""
    if is_for(wire, master, frame):
        yield from wire.receive(master, frame, trail)
        return
    ports = [port for port in wire.state.ports_of(master) if port.peer]
    far = next((port for port in ports if is_for(wire, wire.state.link(port.peer), frame)), None)
    if far is not None and far.up is False:
        reason = "%s, another port of %s, is down" % (at(*far.ref), master.name)
        yield wire.lost(far, "down", reason, trail, remedies=[set_up(far)])
    elif not wire.blind:
        yield Got(link.netns, link.name, frame, trail, away=True)


def is_for(wire, link, frame):
    """Whether a frame is for a link."""
    if link is None or not frame.asks:
        return link is not None and link.address == frame.dmac
    return wire.walk.owns(link, frame.asks, frame.smac)


def kept(walk, last):
    """The loss of a frame that came to a port and was seen nowhere else."""
    link = walk.state.link((last.netns, last.dev))
    master = walk.state.master_of(link)
    if last.way != "in" or not is_one(master):
        return None
    reason = "it comes to %s, a port of %s (%s), which does not pass it on" % (at(*link.ref), master.name, master.kind)
    checks = [ip_line(link.netns, "-d", "link", "show", "dev", link.name)]
    if master.kind == "openvswitch":
        reason += "; ovs-appctl(8) can say why"
        where = inside_line(link.netns, "ovs-vsctl", "port-to-br", link.name)
        flow = "in_port=%s,dl_src=%s,dl_dst=%s" % (link.name, last.frame.smac, last.frame.dmac)
        checks += [inside_line(link.netns, "ovs-appctl", "ofproto/trace") + ' "$(%s)" %s' % (where, flow)]
    return Lost(link.netns, link.name, "switch", reason, checks)
