# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames from link to link, until one takes them for its namespace: what each link does to them."""

from __future__ import annotations

from .._kinds.base import kind_of
from . import bonds, hsr, kinds, segment, strangers, vlans
from .bridge import bridge_in
from .packet import BROADCAST
from .path import Got, Lost, Step, at, ip_line, set_up

DEPTH = 60


class Wire:
    """Where a frame goes. A blind one takes no notice of what is in its way."""

    def __init__(self, walk, blind=False):
        self.walk, self.host, self.state, self.blind, self.passed = walk, walk.host, walk.host.state, blind, set()

    def first(self, link, frame):
        """The first link that takes a frame that this one sends; Lost if none does."""
        return self.best(self.transmit(link, frame, ()), frame)

    def best(self, outcomes, frame):
        """The end of these that counts: a link that takes the frame, or the loss without which one would."""
        lost, away = [], []
        for outcome in filter(None, outcomes):
            if isinstance(outcome, Lost):
                lost.append(outcome)
            elif outcome.away:
                away.append(outcome)
            else:
                return outcome
        if away:
            self.walk.spared += [one for one in lost if one.code not in segment.DULL and not one.weak]
            return away[0]
        leading = [one for one in lost if one.beyond and self.leads(one.beyond, one.frame or frame)]
        if leading:
            raise vlans.by_sender(self, leading[0], frame)
        raise segment.loose_end(self, lost, frame, Wire(self.walk, blind=True))

    def leads(self, beyond, frame):
        """Whether the frame would be taken if it got to a link."""
        blind = Wire(self.walk, blind=True)
        link, way = self.state.link(beyond[:2]), beyond[2]
        if way == "back" or link is None:
            return False
        frame = frame.untagged() if way == "untagged" else frame
        ends = (blind.transmit if way == "out" else blind.receive)(link, frame, ())
        return any(isinstance(end, Got) for end in ends)

    def lost(self, link, code, reason, trail, beyond=None, checks=(), remedies=()):
        """The loss, unless this one is blind: then None."""
        checks = list(checks) or [ip_line(link.netns, "-d", "link", "show", "dev", link.name)]
        return None if self.blind else Lost(link.netns, link.name, code, reason, checks, remedies, beyond, trail)

    def been(self, link, way, frame):
        key = (link.ref, way, frame.tags)
        return key in self.passed or self.passed.add(key)

    # Out

    def transmit(self, link, frame, trail, text=""):
        """The ends of a frame that a link sends."""
        if self.been(link, "out", frame) or len(trail) > DEPTH:
            return
        trail += (Step(link.netns, link.name, "out", frame=frame, text=text),)
        reason = self.down(link)
        if reason and not self.blind:
            remedies = [] if link.up is not False else [set_up(link)]
            yield self.lost(link, "down", reason, trail, (*link.ref, "out"), remedies=remedies)
            return
        yield from kinds.to_own_uppers(self, link, frame, trail)
        if link.peer is not None:
            yield from self.to_peer(link, frame, trail)
            return
        from_room = kinds.SEND.get(link.kind)
        if from_room:
            yield from from_room(self, link, frame, trail)
        elif link.name == "lo":
            yield from self.receive(link, frame, trail)
        else:
            yield Got(link.netns, link.name, frame, trail, away=True)

    def down(self, link):
        """Why a link sends nothing; empty if it does."""
        if link.up is False:
            return "%s is down" % at(*link.ref)
        peer = self.state.link(link.peer) if link.peer else None
        if peer is not None and peer.up is False:
            return ""  # told at the peer
        # What others carry, or has ports, is told by these.
        own = link.link is None and not kind_of(link).accepts_ports() and not kind_of(link).slaves(link)
        if own and not self.host.facts(link.netns, link.name).carrier:
            return "%s has no carrier" % at(*link.ref)
        return ""

    def to_peer(self, link, frame, trail):
        peer = self.state.link(link.peer)
        if peer is None:
            home = "a network namespace without a name"
            yield Got(link.netns, link.name, frame, trail, away=True) if not self.blind else Lost("", "", "away", home)
            return
        if not self.blind and peer.mtu and frame.size > peer.mtu:
            text = "%d bytes do not fit the MTU %d of %s, the peer of %s (MTU %d)"
            reason = text % (frame.size, peer.mtu, at(*peer.ref), at(*link.ref), link.mtu)
            remedies = [ip_line(peer.netns, "link", "set", "dev", peer.name, "mtu", str(link.mtu))]
            yield self.lost(peer, "mtu", reason, trail, (*peer.ref, "in"), remedies=remedies)
            return
        yield from self.receive(peer, frame, trail)

    # In

    def receive(self, link, frame, trail, text=""):
        """The ends of a frame that comes to a link."""
        if self.been(link, "in", frame) or len(trail) > DEPTH:
            return
        if link.up is False and not self.blind:
            yield self.lost_at_end(link, trail)
            return
        trail += (Step(link.netns, link.name, "in", frame=frame, text=text),)
        master = self.state.master_of(link)
        if strangers.is_one(master):
            yield from strangers.receive(self, link, master, frame, trail)
            return
        if master is None or kind_of(master).accepts_ports() != "frames":
            master = None
        uppers = self.state.uppers(link)
        ring = next((upper for upper in uppers if upper.kind == "hsr"), None)
        if master is not None and master.kind == "bond":
            yield from bonds.receive(self, link, master, frame, trail)
        elif ring is not None:
            yield from hsr.receive(self, link, ring, frame, trail)
        elif frame.tags:
            yield from kinds.tagged(self, link, master, uppers, frame, trail)
        elif master is not None:
            yield from bridge_in(self, link, master, frame, trail)
        else:
            yield from self.to_uppers(link, uppers, frame, trail)

    def lost_at_end(self, link, trail):
        by = trail[-1] if trail else None
        more = ", the peer of %s," % at(by.netns, by.dev) if by and link.peer == (by.netns, by.dev) else ""
        remedies = [set_up(link)]
        return self.lost(
            link, "down", "%s%s is down" % (at(*link.ref), more), trail, (*link.ref, "in"), remedies=remedies
        )

    def to_uppers(self, link, uppers, frame, trail):
        """The ends at what stands on a link, and at the link itself."""
        for end in kinds.to_uppers(self, link, uppers, frame, trail):
            yield end
            if frame.dmac != BROADCAST and (isinstance(end, Got) or getattr(end, "code", "") == "down"):
                return
        yield from self.take(link, frame, trail)

    def take(self, link, frame, trail):
        """Whether a link takes a frame for its namespace."""
        if frame.asks:
            if self.walk.owns(link, frame.asks, frame.smac):
                yield self.got(link, frame, trail)
            elif not self.blind and kind_of(link).is_tap():
                yield Got(link.netns, link.name, frame, trail, away=True)
            return
        if link.l3 or not frame.dmac or frame.dmac in (link.address, BROADCAST) or int(frame.dmac[:2], 16) & 1:
            yield self.got(link, frame, trail)
            return
        if not self.blind:
            text = "the frame is for the MAC address %s, but that of %s is %s"
            reason = text % (frame.dmac, at(*link.ref), link.address)
            yield self.lost(link, "foreign", reason, trail)

    def got(self, link, frame, trail):
        """The end at a link that takes a frame, unless this has a tag which only a link of kind hsr takes off."""
        if frame.hsr and not self.blind:
            return hsr.no_member(self, link, frame, trail)
        return Got(link.netns, link.name, frame, trail)
