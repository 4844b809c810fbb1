# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames in a bond: by which port they leave, and from which it takes them."""

from __future__ import annotations

from .path import at, inside_line, ip_line, set_up


def send(wire, link, frame, trail):
    """The ends of a frame that a bond sends."""
    ports = wire.state.ports_of(link)
    able = [port for port in ports if port.up is not False and is_active(wire, port) is not False]
    running = [port for port in able if has_carrier(wire, port)]
    if not running and not wire.blind:
        yield no_port(wire, link, ports, trail)
        return
    chosen = [port for port in running if is_active(wire, port)] or running or ports
    for port in chosen[:1]:
        yield from wire.transmit(port, frame, trail, "%s sends it by %s" % (link.name, port.name))


def receive(wire, link, bond, frame, trail):
    """The ends of a frame that came to a port of a bond."""
    if is_active(wire, link) is False and not wire.blind:
        dead = dead_port(wire, bond)
        reason = "%s is no active port of %s, which takes nothing from it" % (at(*link.ref), bond.name)
        reason += ": %s" % unseen(wire, bond, dead) if dead is not None else ""
        place = bond if dead is not None else link
        yield wire.lost(place, "bond", reason, trail, (*link.ref, "in"), checks_of(bond), cures_of(wire, bond, dead))
        return
    yield from wire.receive(bond, frame, trail)


def no_port(wire, link, ports, trail):
    """The loss of a frame for which there is no port."""
    dead = dead_port(wire, link)
    if dead is not None and any(has_carrier(wire, port) and port.up is not False for port in ports):
        reason = "%s (mode %s): %s" % (at(*link.ref), mode_of(link), unseen(wire, link, dead))
        cures = cures_of(wire, link, dead)
        return wire.lost(link, "bond", reason, trail, (*link.ref, "out"), checks_of(link), cures)
    text = ", ".join(state_of_port(wire, port) for port in ports) or "it has no ports"
    reason = "%s (mode %s) has no active port: %s" % (at(*link.ref), mode_of(link), text)
    cures = [set_up(port) for port in ports if port.up is False]
    return wire.lost(link, "bond", reason, trail, (*link.ref, "out"), remedies=cures)


def is_active(wire, port):
    return wire.host.facts(port.netns, port.name).active


def has_carrier(wire, port):
    return wire.host.facts(port.netns, port.name).carrier


def mode_of(link):
    return dict(link.attrs).get("mode")


def dead_port(wire, bond):
    """The one port by which a bond sends though nothing gets through it; other modes look at each port themselves."""
    if mode_of(bond) != "active-backup":
        return None
    used = [port for port in wire.state.ports_of(bond) if is_active(wire, port) is not False]
    return next((port for port in used if port.up is False or not has_carrier(wire, port)), None)


def unseen(wire, bond, port):
    """That a bond does not see the state of a port."""
    peer = wire.state.link(port.peer) if port.peer else None
    more = " (%s is down)" % at(*peer.ref) if peer is not None and peer.up is False else ""
    watch = ", which it does not see: its miimon is 0" if not dict(bond.attrs).get("miimon") else ""
    return "it sends by its active port %s%s%s" % (
        ", which ".join(state_of_port(wire, port).split(" ", 1)),
        more,
        watch,
    )


def state_of_port(wire, port):
    if port.up is False:
        return "%s is down" % port.name
    return "%s %s" % (port.name, "has no carrier" if not has_carrier(wire, port) else "is no active one")


def checks_of(bond):
    return [inside_line(bond.netns, "cat", "/proc/net/bonding/%s" % bond.name)]


def cures_of(wire, bond, port):
    """What brings a dead port back, and what makes the bond see that."""
    peer = wire.state.link(port.peer) if port is not None and port.peer else None
    down = [one for one in (port, peer) if one is not None and one.up is False]
    cures = [set_up(one) for one in down]
    watch = port is not None and not dict(bond.attrs).get("miimon")
    return cures + [ip_line(bond.netns, "link", "set", "dev", bond.name, "type", "bond", "miimon", "100")] * watch
