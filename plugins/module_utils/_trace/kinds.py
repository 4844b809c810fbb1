# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What links of each kind do to frames: those that they send, and those that come to what they stand on."""

from __future__ import annotations

from .._kinds.base import kind_of
from . import bonds, hsr, tunnels
from . import bridge as bridge_room
from .packet import BROADCAST
from .path import Got, Step, at, ip_line

NO_HAIRPIN = (
    "a frame from %s to %s (both on %s, mode %s) leaves by %s and must come back from a switch with hairpin mode"
)


# Out: the ends of a frame that a link of the kind sends


def vlan_send(wire, link, frame, trail):
    vid = dict(link.attrs).get("id")
    lower = lower_of(wire, link)
    if lower is not None:
        yield from wire.transmit(lower, frame.tagged(vid), trail, "VLAN %s of %s" % (vid, lower.name))
    else:
        yield Got(link.netns, link.name, frame, trail, away=True)


def lower_of(wire, link):
    return wire.state.link(link.link) if link.link else None


def macvlan_send(wire, link, frame, trail):
    mode, lower = dict(link.attrs).get("mode"), lower_of(wire, link)
    if lower is None:
        yield Got(link.netns, link.name, frame, trail, away=True)
        return
    for other in siblings(wire, link):
        theirs = dict(other.attrs).get("mode")
        if not meant(wire, other, frame):
            continue
        if mode == theirs == "bridge" or wire.blind:
            passed = Step(lower.netns, lower.name, "in", frame=frame, text="mode bridge: to %s" % other.name)
            yield from wire.receive(other, frame, (*trail, passed))
        elif mode in ("private", "vepa") or theirs in ("private", "vepa"):
            yield apart(wire, link, other, lower, mode, theirs, trail)
    if frame.dmac == lower.address or (frame.asks and wire.walk.addresses(lower.netns, frame.asks)):
        yield child_apart(wire, lower, link, trail)
    yield from wire.transmit(lower, frame, trail)


def siblings(wire, link):
    near = [r for r in wire.state.on(("link", *link.link)) if r.sort == "link" and r.key != link.key]
    return [r for r in near if kind_of(r).family() == kind_of(link).family()]


def meant(wire, link, frame):
    """Whether a frame can be for this one of several on a link."""
    return frame.dmac == BROADCAST or frame.dmac == link.address


def apart(wire, link, other, lower, mode, theirs, trail):
    """Two on one link whose modes keep them apart."""
    private = "private" in (mode, theirs)
    text = "%s and %s, both on %s, are kept apart: mode %s" % (
        *(at(*one.ref) for one in (link, other)),
        lower.name,
        "private" if private else mode,
    )
    if not private:
        text = NO_HAIRPIN % (at(*link.ref), at(*other.ref), lower.name, mode, lower.name)
    changed = [one for one in (link, other) if dict(one.attrs).get("mode") in ("private", "vepa")]
    words = ("mode", "bridge")
    remedies = [ip_line(one.netns, "link", "set", "dev", one.name, "type", one.kind, *words) for one in changed]
    return wire.lost(link, "mode", text, trail, (*other.ref, "in"), remedies=remedies)


def child_apart(wire, lower, upper, trail, beyond=None):
    """A link and what stands on it do not see each other's frames."""
    text = "%s, a link of kind %s on %s, and what has %s itself do not reach each other"
    reason = text % (at(*upper.ref), upper.kind, at(*lower.ref), lower.name)
    return wire.lost(upper, "mode", reason, trail, beyond or (*lower.ref, "in"))


def ipvlan_send(wire, link, frame, trail):
    lower, attrs = lower_of(wire, link), dict(link.attrs)
    dst = frame.asks or frame.packet.dst
    if lower is None:
        yield Got(link.netns, link.name, frame, trail, away=True)
        return
    for other in siblings(wire, link):
        if wire.walk.has(other, dst):
            if attrs.get("flag") == "private" and not wire.blind:
                text = "%s and %s, both on %s, are kept apart by the flag private"
                reason = text % (at(*link.ref), at(*other.ref), lower.name)
                yield wire.lost(link, "mode", reason, trail, (*other.ref, "in"))
            else:
                yield from wire.receive(other, frame, trail)
                return
    if wire.walk.addresses(lower.netns, dst):
        yield child_apart(wire, lower, link, trail)
    if attrs.get("mode") in ("l3", "l3s") and frame.packet is not None:
        yield from wire.walk.from_lower(wire, lower, frame, trail)
        return
    yield from wire.transmit(lower, frame, trail)


def swallows(wire, link, frame, trail):
    text = "%s is of kind %s: what it is to send goes nowhere" % (at(*link.ref), link.kind)
    yield wire.lost(link, "dummy", text, trail)


def vrf_send(wire, link, frame, trail):
    yield from wire.take(link, frame, trail)


SEND = {
    "vlan": vlan_send,
    "bridge": bridge_room.from_host,
    "bond": bonds.send,
    "hsr": hsr.send,
    "macvlan": macvlan_send,
    "macvtap": macvlan_send,
    "ipvlan": ipvlan_send,
    "ipvtap": ipvlan_send,
    "dummy": swallows,
    "ifb": swallows,
    "nlmon": swallows,
    "vrf": vrf_send,
    **dict.fromkeys(tunnels.KINDS, tunnels.send),
    "wireguard": tunnels.wireguard_send,
}


# In: the ends of a frame that came to what a link of the kind stands on


def to_own_uppers(wire, lower, frame, trail):
    """The ends of a frame that a link itself sends, at what stands on it."""
    sender = trail[-2] if len(trail) > 1 else None
    if sender is not None and sender.netns == lower.netns and sender.way == "in":
        return
    for upper in [r for r in wire.state.on(lower.key) if r.sort == "link" and kind_of(r).family()]:
        target = frame.asks or (frame.packet.dst if frame.packet else "")
        if frame.smac == lower.address and wire.walk.has(upper, target):
            if wire.blind:
                yield from wire.receive(upper, frame, trail)
            else:
                yield child_apart(wire, lower, upper, trail, (*upper.ref, "in"))


def to_uppers(wire, link, uppers, frame, trail):
    """The ends of a frame that is for links on this one."""
    for upper in uppers:
        family = kind_of(upper).family()
        if family == "macvlan":
            mode, listed = dict(upper.attrs).get("mode"), dict(upper.attrs).get("macaddr") or ()
            if mode == "source" and frame.smac not in listed:
                if not wire.blind and meant(wire, upper, frame):
                    yield not_listed(wire, upper, frame, trail)
                continue
            if meant(wire, upper, frame) or mode == "passthru":
                sender = next((one for one in uppers if one.address == frame.smac and frame.smac), None)
                if sender is None or wire.blind or "private" not in (mode, dict(sender.attrs).get("mode")):
                    yield from wire.receive(upper, frame, trail)
        elif family == "ipvlan":
            dst = frame.asks or (frame.packet.dst if frame.packet else "")
            if wire.walk.has(upper, dst):
                yield from wire.receive(upper, frame, trail)


def not_listed(wire, upper, frame, trail):
    text = "%s (mode source) takes frames of listed MAC addresses only, not of %s"
    words = ("link", "set", "dev", upper.name, "type", upper.kind, "macaddr", "add", frame.smac)
    reason, cure = text % (at(*upper.ref), frame.smac), [ip_line(upper.netns, *words)]
    return wire.lost(upper, "mode", reason, trail, (*upper.ref, "in"), remedies=cure)


def tagged(wire, link, bridge, uppers, frame, trail):
    """The ends of a frame with a VLAN tag."""
    for upper in uppers:
        if upper.kind == "vlan" and dict(upper.attrs).get("id") == frame.tags[0]:
            yield from wire.receive(upper, frame.untagged(), trail)
            return
    if bridge is not None:
        yield from bridge_room.bridge_in(wire, link, bridge, frame, trail)
        return
    if not wire.blind:
        mine = [str(dict(upper.attrs).get("id")) for upper in uppers if upper.kind == "vlan"]
        text = "a frame of VLAN %d comes to %s, which has no link of kind vlan for it%s"
        reason = text % (frame.tags[0], at(*link.ref), " (it has VLAN %s)" % ", ".join(mine) if mine else "")
        name = "%s.%d" % (link.name, frame.tags[0])
        words = ("link", "add", "link", link.name, "name", name, "type", "vlan", "id", str(frame.tags[0]))
        yield wire.lost(link, "vlan", reason, trail, (*link.ref, "untagged"), remedies=[ip_line(link.netns, *words)])
