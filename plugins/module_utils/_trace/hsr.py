# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of HSR and PRP: they leave by each link on which one stands, and in a ring each gives on what it has got."""

from __future__ import annotations

from .._kinds.base import kind_of
from .._kinds.hsr import HSR
from .path import at, ip_line


def ports_of(wire, link):
    found = [wire.state.link((link.netns, name)) for dummy, name in kind_of(link).slaves(link)]
    return [port for port in found if port is not None]


def send(wire, link, frame, trail):
    """The ends of a frame that one sends."""
    ports = ports_of(wire, link)
    running = [port for port in ports if port.up is not False and wire.host.facts(port.netns, port.name).carrier]
    if not running and not wire.blind:
        text = ", ".join("%s %s" % (port.name, "is down" if port.up is False else "has no carrier") for port in ports)
        cures = [ip_line(port.netns, "link", "set", "dev", port.name, "up") for port in ports if port.up is False]
        reason = "nothing leaves by %s: %s" % (at(*link.ref), text or "it has no links")
        yield wire.lost(link, "hsr", reason, trail, (*link.ref, "out"), remedies=cures)
        return
    for port in ports if wire.blind else running:
        yield from wire.transmit(port, frame, trail, "%s sends it by each of its links" % link.name)


def receive(wire, port, link, frame, trail):
    """The ends of a frame that came to a link on which one stands."""
    yield from wire.receive(link, frame, trail)
    if dict(link.attrs).get("proto") != HSR or frame.dmac == link.address:
        return
    for other in ports_of(wire, link):
        if other is not port and (wire.blind or link.up is not False):
            yield from wire.transmit(other, frame, trail, "%s gives it on" % link.name)
