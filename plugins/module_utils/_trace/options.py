# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a trace: which packet, from where."""

from __future__ import annotations

from dataclasses import replace as changed
from random import SystemRandom
from typing import Any

from .._core.values import Refused, Value
from .._core.words import family_of, host, link_name, netns_name, within
from .._probe import HEADERS
from .._reach import PROBE, address, fitting, manner_of
from .packet import Packet

SPEC = dict(
    PROBE,
    netns=dict(type="str", default=""),
    to=dict(type="str", required=True),
    source=dict(type="str"),
    dev=dict(type="str"),
    mark=dict(type="int"),
    trace_rules=dict(type="bool", default=True),
)


class Asked(Value):
    """What is to be traced."""

    netns: str
    to: str
    dev: str
    packet: Packet
    manner: Any
    rules: bool = True


def asked(p):
    netns, to = netns_name("netns", p["netns"]), address("to", p["to"])
    plain, dummy, dev = to.partition("%")
    if p["dev"]:
        dev = link_name("dev", p["dev"])
    source = host("source", p["source"]) if p["source"] else ""
    if source and family_of(source) != family_of(plain):
        raise Refused("source", "%s and %s are of different IP versions" % (source, plain))
    mark = within("mark", p["mark"], 0, 2**32 - 1) or 0
    manner = manner_of(p)
    fitting("size", manner, [to])
    six = ":" in plain
    protocol = "icmp6" if six and manner.protocol == "icmp" else manner.protocol
    size = manner.size or (HEADERS[family_of(plain)] + (64 if protocol != "tcp" else 40))
    ttl, dont = manner.send_ttl or 64, manner.dont_fragment or protocol == "tcp"
    # Of ports that the kernel gives to nobody by itself.
    sport = SystemRandom().randrange(20000, 32000) if manner.port else None
    packet = Packet(source, plain, protocol, sport, manner.port, size, ttl, mark, dont)
    return Asked(netns, to, dev, packet, changed(manner, source=source, dev=dev, mark=mark), p["trace_rules"])
