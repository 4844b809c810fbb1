# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of HSR and PRP: they leave by each link on which one stands, and in a ring each gives on what it has got."""

from __future__ import annotations

from .._core.values import replace
from .._kinds.base import kind_of
from .._kinds.hsr import HSR
from .packet import HSR_TAGS
from .path import Lost, at, inside_line, ip_line, set_up

NAMES = {
    0: "without a tag of HSR",
    HSR_TAGS[0]: "with a tag of HSR version 1",
    HSR_TAGS[1]: "with one of HSR version 0",
}


def ports_of(wire, link):
    found = [wire.state.link((link.netns, name)) for dummy, name in kind_of(link).slaves(link)]
    return [port for port in found if port is not None]


def is_interlink(link, port):
    """Whether a link leads to what is at the ring by this one: there frames have no tags."""
    return port.name in [name for option, name in kind_of(link).slaves(link) if option == "interlink"]


def tag_of(link):
    """The tag of the frames that one sends; 0 for PRP, whose trailer hides nothing."""
    attrs = dict(link.attrs)
    return HSR_TAGS[0 if attrs.get("version") else 1] if attrs.get("proto") == HSR else 0


def takes(link, tag):
    """Whether one takes frames with a tag: PRP takes those without, version 0 of HSR also those of version 1."""
    own = tag_of(link)
    old = tag == HSR_TAGS[1] and dict(link.attrs).get("version") == 1
    return bool(own) == bool(tag) and not old


def send(wire, link, frame, trail):
    """The ends of a frame that one sends."""
    ports = ports_of(wire, link)
    running = [port for port in ports if is_running(wire, port)]
    if not running and not wire.blind:
        text = ", ".join("%s %s" % (port.name, "is down" if port.up is False else "has no carrier") for port in ports)
        cures = [set_up(port) for port in ports if port.up is False]
        reason = "nothing leaves by %s: %s" % (at(*link.ref), text or "it has no links")
        yield wire.lost(link, "hsr", reason, trail, (*link.ref, "out"), remedies=cures)
        return
    for port in ports if wire.blind else running:
        copy = replace(frame, hsr=0 if is_interlink(link, port) else tag_of(link))
        yield from wire.transmit(port, copy, trail, "%s sends it by each of its links" % link.name)


def is_running(wire, port):
    return port.up is not False and wire.host.facts(port.netns, port.name).carrier


def receive(wire, port, link, frame, trail):
    """The ends of a frame that came to a link on which one stands."""
    if frame.smac and frame.smac == link.address:
        return
    if frame.dmac in [one.address for one in ports_of(wire, link)]:
        # What comes by the second link may be for the MAC address of that.
        frame = replace(frame, dmac=link.address)
    tag, beside = tag_of(link), is_interlink(link, port)
    if not wire.blind and (frame.hsr if beside else not takes(link, frame.hsr)):
        yield refused(wire, port, link, frame, trail)
        return
    yield from wire.receive(link, replace(frame, hsr=0), trail)
    if not tag or frame.dmac == link.address:
        return
    for other in ports_of(wire, link):
        if other is not port:
            copy = replace(frame, hsr=0 if is_interlink(link, other) else tag if beside else frame.hsr)
            yield from wire.transmit(other, copy, trail, "%s gives it on" % link.name)


def refused(wire, port, link, frame, trail):
    """The loss of a frame that one does not take."""
    attrs = dict(link.attrs)
    name = "HSR version %d" % (attrs.get("version") or 0) if attrs.get("proto") == HSR else "PRP"
    reason = "%s (%s) does not take what comes %s" % (at(*link.ref), name, NAMES[frame.hsr])
    checks = [
        ip_line(link.netns, "-d", "link", "show", "dev", link.name),
        inside_line(port.netns, "tcpdump", "-eni", port.name),
    ]
    meant = frame.dmac == link.address or (frame.asks and wire.walk.owns(link, frame.asks, frame.smac))
    place, rings = link, [one for one in wire.state if one.sort == "link" and one.kind == link.kind]
    odd = next((one for one in rings if one.address == frame.smac), None)
    if odd is not None and is_alone(wire, odd, link):
        reason += ", as %s alone sends it" % at(*odd.ref)
        place = odd
    return wire.lost(place, "hsr", reason, trail, (*(link if meant else port).ref, "in"), checks)


def is_alone(wire, odd, link):
    """Whether all others in the ring are as the one that does not take what another one sends."""
    refs = {odd.ref, link.ref, *wire.walk.segment(odd)}
    ring = [one for one in map(wire.state.link, refs) if one.kind == link.kind]
    return len(ring) > 2 and all((tag_of(one) == tag_of(link)) is (one is not odd) for one in ring)


def no_member(wire, link, frame, trail):
    """The loss of a frame with a tag at a link that knows of none, or not of this one."""
    reason = "%s does not take what comes %s" % (at(*link.ref), NAMES[frame.hsr])
    reason += "" if link.kind == "hsr" else ": no link of kind hsr stands on it"
    return wire.lost(link, "hsr", reason, trail, (*link.ref, "in"))


def places(wire, steps):
    """The places where the copies come by that those on the way send."""
    for step in steps:
        link = wire.state.link((step.netns, step.dev))
        if link is not None and link.kind == "hsr" and step.way == "out" and step.frame is not None:
            wire.passed.clear()
            list(wire.transmit(link, step.frame, ()))
            yield from ((*ref, way) for ref, way, dummy in wire.passed)


def by_tags(walk, one, evidence):
    """The loss of what was last seen with a tag that who got it does not send: not every kernel tells the version."""
    link = walk.state.link((one.netns, one.dev))
    beside = [link, *walk.state.uppers(link)] if link is not None else []
    ring = next((upper for upper in beside if upper.kind == "hsr"), None)
    if ring is None or one.way != "in" or not one.frame.hsr:
        return None
    own = {it.frame.hsr for it in evidence.sightings if it.netns == ring.netns and it.frame.smac == ring.address}
    own.discard(0)  # the ring itself sends without
    if not own or one.frame.hsr in own:
        return None
    text = "%s does not take what comes %s: it sends %s"
    reason = text % (at(*ring.ref), NAMES[one.frame.hsr], NAMES[min(own)].replace("one of ", "a tag of "))
    checks = [inside_line(one.netns, "tcpdump", "-eni", one.dev)]
    return Lost(*ring.ref, "hsr", reason, checks)
