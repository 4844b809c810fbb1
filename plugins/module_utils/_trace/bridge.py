# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames in a bridge: VLANs, what it has learned, states of ports."""

from __future__ import annotations

from .packet import BROADCAST
from .path import at, ip_line, set_up


def spelled(netns, *words):
    return ip_line(netns, *words, program="bridge")


def bridge_in(wire, port, bridge, frame, trail):
    """The ends of a frame that came to a port."""
    facts = wire.host.facts(port.netns, port.name)
    checks = [spelled(port.netns, "-d", "link", "show", "dev", port.name)]
    if bridge.up is False and not wire.blind:
        remedies = [set_up(bridge)]
        reason = "the bridge %s is down" % at(*bridge.ref)
        yield wire.lost(bridge, "down", reason, trail, (*port.ref, "in"), remedies=remedies)
        return
    if facts.state not in ("forwarding", "learning") and not wire.blind:
        yield wire.lost(port, "state", stp_reason(port, bridge, facts), trail, (*port.ref, "in"), checks)
        return
    vid = admitted(wire, port, bridge, frame)
    if facts.locked and frame.smac and not wire.blind and not known_at(wire, port, bridge, frame, vid):
        text = "the port %s of %s is locked, and the bridge has no entry for the sender's MAC address %s there"
        words = ["fdb", "replace", frame.smac, "dev", port.name, "master", "static"]
        cures = [spelled(port.netns, "link", "set", "dev", port.name, "locked", "off"), spelled(port.netns, *words)]
        reason = text % (at(*port.ref), bridge.name, frame.smac)
        yield wire.lost(port, "locked", reason, trail, (*port.ref, "in"), checks, cures)
        return
    if vid is None:
        if not wire.blind:
            yield vlan_lost(wire, port, bridge, frame, trail, "comes in")
            return
        vid = frame.tags[0] if frame.tags else wire.host.vlans(port)[1] or 0
    if vid and frame.tags:
        frame = frame.untagged()
    yield from forward(wire, port, bridge, frame, trail, vid)


def known_at(wire, port, bridge, frame, vid):
    entry = wire.host.fdb(bridge.netns, bridge.name, frame.smac, vid or 0)
    return entry is not None and entry.dev == port.name


def filtering(bridge):
    return bool(dict(bridge.attrs).get("vlan_filtering"))


def admitted(wire, port, bridge, frame):
    """The VLAN in which a frame is from a port on; None if it has none, 0 where the bridge does not look."""
    if not filtering(bridge):
        return 0
    vlans, pvid = wire.host.vlans(port)
    vid = frame.tags[0] if frame.tags else pvid
    return vid if vid and vid in vlans else None


def forward(wire, port, bridge, frame, trail, vid):
    """The ends of a frame in a bridge; `port` is None where the bridge's own host sends it."""
    if port is not None and frame.dmac in (bridge.address, BROADCAST):
        yield from to_host(wire, bridge, frame, trail, vid)
        if frame.dmac != BROADCAST:
            return
    known = bool(frame.dmac) and frame.dmac != BROADCAST and not wire.blind
    entry = wire.host.fdb(bridge.netns, bridge.name, frame.dmac, vid) if known else None
    out = wire.state.link((bridge.netns, entry.dev)) if entry else None
    hairpin = port is not None and dict(port.port).get("hairpin")
    if out is None:
        yield from flood(wire, port, bridge, frame, trail, vid, hairpin)
    elif out is bridge:
        yield from to_host(wire, bridge, frame, trail, vid)
    elif out is port and not hairpin:
        yield same_port(wire, port, bridge, frame, trail, vid, entry)
    else:
        text = "%s has %s at %s" % (bridge.name, frame.dmac, entry.dev)
        yield from egress(wire, port, out, bridge, frame, trail, vid, text, entry)


def flood(wire, port, bridge, frame, trail, vid, hairpin):
    """The ends of a frame that is to leave by all ports."""
    outs = wire.state.ports_of(bridge)
    outs = [out for out in outs if out is not port or hairpin]
    for out in outs:
        facts = wire.host.facts(out.netns, out.name)
        kind = "flood" if frame.dmac != BROADCAST else "mcast_flood" if ":" in frame.asks else "bcast_flood"
        shut = not dict(flood=facts.flood, mcast_flood=facts.multicasts, bcast_flood=facts.broadcasts)[kind]
        if shut and not wire.blind:
            yield no_flood(wire, out, bridge, frame, trail, kind)
        else:
            yield from egress(wire, port, out, bridge, frame, trail, vid, "%s floods it" % bridge.name)
    if port is not None and not wire.blind:
        text = "%s came to %s by %s and has nowhere else to go" % (what(frame), at(*bridge.ref), port.name)
        reason = text if outs else "%s has no other port than %s" % (at(*bridge.ref), port.name)
        yield wire.lost(port, "nowhere" if outs else "alone", reason, trail, (*port.ref, "back"))


def no_flood(wire, out, bridge, frame, trail, kind):
    off = [kind] if wire.host.facts(out.netns, out.name).learning else [kind, "learning"]
    text = "%s does not know where %s is to go, and its port %s floods nothing of that kind (%s)"
    text = text if len(off) == 1 else text.replace(" floods", " learns no addresses and floods")
    reason = text % (at(*bridge.ref), what(frame), out.name, ", ".join(name + " off" for name in off))
    words = [word for name in off for word in (name, "on")]
    remedies = [spelled(out.netns, "link", "set", "dev", out.name, *words)]
    checks = [spelled(out.netns, "-d", "link", "show", "dev", out.name)]
    return wire.lost(out, "flood", reason, trail, (*out.ref, "out"), checks, remedies)


def what(frame):
    return "the question for %s" % frame.asks if frame.asks else "the frame for %s" % frame.dmac


def same_port(wire, port, bridge, frame, trail, vid, entry):
    """Its entry leads back to where the frame came from."""
    kind = "static" if entry.static else "learned"
    text = "the bridge %s has %s at %s (%s), the port by which the frame comes"
    reason = text % (at(*bridge.ref), frame.dmac, port.name, kind)
    words = ["vlan", str(entry.vlan)] if entry.vlan else []
    remedies = [spelled(port.netns, "fdb", "del", frame.dmac, "dev", port.name, *words, "master")]
    if not entry.static:
        remedies = [spelled(port.netns, "link", "set", "dev", port.name, "hairpin", "on")]
    checks = [spelled(port.netns, "fdb", "get", frame.dmac, *words, "br", bridge.name)]
    lost = wire.lost(port, "fdb", reason, trail, None, checks, remedies)
    # It can be the copy of one that was flooded, and is told where that was to go.
    lost.weak = not entry.static
    return lost


def to_host(wire, bridge, frame, trail, vid):
    """The bridge itself, as a link of its namespace."""
    if vid:
        vlans = wire.host.vlans(bridge)[0]
        if vid not in vlans and not wire.blind:
            text = "%s itself is not in VLAN %d, in which the frame is"
            remedies = [spelled(bridge.netns, "vlan", "add", "dev", bridge.name, "vid", str(vid), "self")]
            checks = [spelled(bridge.netns, "vlan", "show", "dev", bridge.name)]
            beyond = (*bridge.ref, "in")
            lost = wire.lost(bridge, "vlan", text % (at(*bridge.ref), vid), trail, beyond, checks, remedies)
            lost.frame = as_meant(wire, beyond, frame, vid)
            yield lost
            return
        frame = frame if vlans.get(vid, True) else frame.tagged(vid)
    yield from wire.receive(bridge, frame, trail)


def egress(wire, port, out, bridge, frame, trail, vid, text, entry=None):
    """The ends of a frame that is to leave by a port."""
    leaving = frame if untagged(wire, out, vid) else frame.tagged(vid)
    lost = None if wire.blind else held_back(wire, port, out, bridge, frame, trail, vid)
    if (
        lost is None
        and entry
        and not wire.leads((*out.ref, "out"), leaving)
        and (entry.static or elsewhere(wire, out, bridge, leaving))
    ):
        lost = wrong_entry(wire, out, bridge, frame, trail, entry)
    if lost is not None:
        lost.frame = as_meant(wire, lost.beyond, frame, vid) if lost.code == "vlan" else leaving
        yield lost
    else:
        yield from wire.transmit(out, leaving, trail, text)


def untagged(wire, port, vid):
    """Whether frames of a VLAN leave by a port without a tag."""
    return not vid or wire.host.vlans(port)[0].get(vid, wire.blind)


def as_meant(wire, beyond, frame, vid):
    """A frame as it would go on by what is not in its VLAN: with a tag where somebody takes that."""
    tagged = frame.tagged(vid)
    return tagged if wire.leads(beyond, tagged) else frame


def elsewhere(wire, out, bridge, frame):
    """Whether a frame would be taken if it left by another port."""
    others = wire.state.ports_of(bridge)
    return any(wire.leads((*other.ref, "out"), frame) for other in others if other is not out)


def held_back(wire, port, out, bridge, frame, trail, vid):
    """The loss of a frame that may not leave by a port; None if it may."""
    facts, mine = wire.host.facts(out.netns, out.name), dict(out.port)
    checks = [spelled(out.netns, "-d", "link", "show", "dev", out.name)]
    beyond = (*out.ref, "out")
    if out.up is False:
        remedies = [set_up(out)]
        reason = "the port %s of %s is down" % (at(*out.ref), bridge.name)
        return wire.lost(out, "down", reason, trail, beyond, checks, remedies)
    if port is not None and mine.get("isolated") and dict(port.port).get("isolated"):
        reason = "%s and %s in %s are isolated from each other" % (port.name, out.name, at(out.netns))
        remedies = [spelled(out.netns, "link", "set", "dev", out.name, "isolated", "off")]
        return wire.lost(out, "isolated", reason, trail, beyond, checks, remedies)
    # Of one without a carrier it is told where its other end is.
    if facts.state != "forwarding" and not (facts.state == "disabled" and not facts.carrier):
        return wire.lost(out, "state", stp_reason(out, bridge, facts), trail, beyond, checks)
    if vid and vid not in wire.host.vlans(out)[0]:
        return vlan_lost(wire, out, bridge, frame, trail, "is to leave", vid)
    if out.mtu and frame.size > out.mtu:
        reason = "%d bytes do not fit the MTU %d of the port %s" % (frame.size, out.mtu, at(*out.ref))
        remedies = [ip_line(out.netns, "link", "set", "dev", out.name, "mtu", str(frame.size))]
        return wire.lost(out, "mtu", reason, trail, beyond, remedies=remedies)
    return None


def wrong_entry(wire, out, bridge, frame, trail, entry):
    kind = "a static entry for" if entry.static else "learned"
    text = "the bridge %s has %s %s at %s, and nobody with that MAC address is there"
    words = ["vlan", str(entry.vlan)] if entry.vlan else []
    remedies = [spelled(out.netns, "fdb", "del", frame.dmac, "dev", out.name, *words, "master")]
    checks = [spelled(out.netns, "fdb", "get", frame.dmac, *words, "br", bridge.name)]
    return wire.lost(out, "fdb", text % (at(*bridge.ref), kind, frame.dmac, out.name), trail, None, checks, remedies)


def stp_reason(port, bridge, facts):
    stp = " (STP is on)" if dict(bridge.attrs).get("stp_state") else ""
    return "the port %s of %s is %s, not forwarding%s" % (at(*port.ref), bridge.name, facts.state, stp)


def vlan_lost(wire, port, bridge, frame, trail, how, vid=None):
    """A frame in a VLAN in which a port is not."""
    vlans, pvid = wire.host.vlans(port)
    tagged = frame.tags[0] if frame.tags else None
    has = "its VLANs are %s, its PVID is %s" % (ranges(vlans) or "none", pvid or "none")
    if vid is None and tagged is None:
        reason = "an untagged frame %s by %s, which has no PVID" % (how, at(*port.ref))
        other = untagging(wire, port)
        if other is not None:
            return stripped(wire, *other, reason, port, trail)
    else:
        text = "a frame of VLAN %d %s by %s, which is not in that VLAN: %s"
        reason = text % (vid or tagged, how, at(*port.ref), has)
    want = vid or tagged or 1
    access = list(vlans) == [pvid] if vid else tagged is None
    words = ["pvid", "untagged"] if access else []
    remedies = [spelled(port.netns, "vlan", "add", "dev", port.name, "vid", str(want), *words)]
    beyond = (*port.ref, "out") if vid else (*port.ref, "in")
    return wire.lost(
        port, "vlan", reason, trail, beyond, [spelled(port.netns, "vlan", "show", "dev", port.name)], remedies
    )


def untagging(wire, port):
    """The (port, VLAN) at the other end that sends frames of a VLAN of this one without a tag."""
    peer = wire.state.link(port.peer) if port.peer else None
    bridge = wire.state.master_of(peer) if peer is not None else None
    if bridge is None or bridge.kind != "bridge" or not filtering(bridge):
        return None
    mine, theirs = [wire.host.vlans(one)[0] for one in (port, peer)]
    found = [vid for vid, bare in theirs.items() if bare and mine.get(vid) is False]
    return (peer, found[0]) if found else None


def stripped(wire, peer, vid, reason, port, trail):
    """The loss of a frame of which the other end took the tag."""
    text = "%s sends frames of VLAN %d without a tag, %s has that VLAN with one: %s"
    reason = text % (at(*peer.ref), vid, at(*port.ref), reason)
    checks = [spelled(one.netns, "vlan", "show", "dev", one.name) for one in (peer, port)]
    cures = [spelled(peer.netns, "vlan", "add", "dev", peer.name, "vid", str(vid))]
    return wire.lost(peer, "vlan", reason, trail, (*port.ref, "in"), checks, cures)


def ranges(vlans):
    """VLANs as bridge(8) takes them."""
    out = []
    for vid in sorted(vlans):
        if out and out[-1][1] == vid - 1:
            out[-1][1] = vid
        else:
            out.append([vid, vid])
    return ", ".join("%d" % a if a == b else "%d-%d" % (a, b) for a, b in out)


def from_host(wire, bridge, frame, trail):
    """The ends of a frame that the bridge's own host sends by it."""
    vid = 0
    if filtering(bridge):
        vlans, pvid = wire.host.vlans(bridge)
        vid = frame.tags[0] if frame.tags else pvid
        if (not vid or vid not in vlans) and not wire.blind:
            yield vlan_lost(wire, bridge, bridge, frame, trail, "leaves the host")
            return
        frame = frame.untagged() if frame.tags else frame
    yield from forward(wire, None, bridge, frame, trail, vid)
