# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a path is made of: steps, and its end: a link that takes the frame, or a place where it is lost."""

from __future__ import annotations

import shlex
from typing import Any, Optional, Tuple

from .._core.values import Value, replace
from .._core.words import inside, ip

LINK, NETWORK, TRANSPORT = "link", "network", "transport"


class Step(Value):
    """A frame or packet at a place."""

    netns: str
    dev: str
    way: str  # in, out, or at: nothing passes a link there
    layer: str = LINK
    frame: Any = None
    text: str = ""  # what decided on it
    depth: int = 0  # of tunnels in which it is
    hidden: bool = False  # encrypted


class Got(Value):
    """The end of a way over links: a link that takes the frame for its namespace."""

    netns: str
    dev: str
    frame: Any
    trail: Tuple[Step, ...] = ()
    away: bool = False  # it leaves what can be seen from here

    @property
    def ref(self):
        return (self.netns, self.dev)


class Facts(Value):
    """What is known of a link beside what it is."""

    carrier: bool = True
    state: str = "forwarding"  # of a port
    flood: bool = True
    learning: bool = True
    broadcasts: bool = True
    multicasts: bool = True
    locked: bool = False
    active: Optional[bool] = None  # of a port of a bond
    noarp: bool = False
    promisc: bool = False


class Answer(Value):
    """What the kernel says to a route look-up."""

    type: str = "unicast"
    dev: str = ""
    via: str = ""
    src: str = ""
    table: int = 254
    prefix: str = ""
    mtu: int = 0
    ttl: int = 0
    dead: bool = False
    several: int = 0  # next hops
    hops: Tuple[Tuple[str, str], ...] = ()  # (link, gateway) of each
    error: str = ""  # the name of an errno


class Lost(Exception):
    """A place where a packet is lost, with the reason in one sentence, and how to see it and to cure it."""

    def __init__(self, netns, dev, code, reason, checks=(), remedies=(), beyond=None, trail=()):
        super().__init__(reason)
        self.netns, self.dev, self.code, self.reason = netns, dev, code, reason
        self.outer = False  # of the outer packet of a tunnel
        self.weak = False  # told only where there is nothing else
        self.of_state = False  # by rules that look at the states of connections
        self.instead = None  # (namespace, link, code) of the loss that this one explains
        self.frame = None  # as it would go on
        self.checks, self.remedies, self.beyond, self.trail = list(checks), list(remedies), beyond, tuple(trail)

    def instead_of(self, other):
        self.instead = other.netns, other.dev, other.code
        return self

    def after(self, trail):
        self.trail = tuple(trail) + self.trail
        return self


def ip_line(netns, *words, program="ip"):
    """A line for ip(8), or one of its kin, in a namespace."""
    return line(ip(netns, *words, program=program))


def set_up(link):
    """The line that sets a link up."""
    return ip_line(link.netns, "link", "set", "dev", link.name, "up")


def inside_line(netns, *words):
    """A line for any other program there."""
    return line([*inside(netns), *words])


def line(words):
    """A line for a shell."""
    return " ".join(map(shlex.quote, words))


def around(owners, address):
    """The network of an address, or itself where nobody has it or it names a peer."""
    return str(owners[0].network) if owners and not owners[0].peer else address


def at(netns, dev=""):
    """A place in a sentence."""
    home = netns or "the host"
    return "%s in %s" % (dev, home) if dev else home


def deeper(trail, hidden=False):
    return tuple(replace(step, depth=step.depth + 1, hidden=step.hidden or hidden) for step in trail)
