# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps as hops: what each namespace does with the packet on its way, one line each."""

from __future__ import annotations

from .packet import innermost
from .path import LINK, NETWORK, TRANSPORT, Step

ORDER = (LINK, NETWORK, TRANSPORT)


def hops_of(steps, seen=None):
    """The hops of some steps; `seen` are the places of sightings, None where nobody looked."""
    groups = []
    for step in steps:
        last = groups[-1][-1] if groups else None
        crossed = last is not None and last.way == "out" and step.way == "in"
        turned = last is not None and not step.frame.asks and direction(last) != direction(step)
        if last is None or crossed or turned or (last.netns, last.depth) != (step.netns, step.depth):
            groups.append([])
        groups[-1].append(step)
    return [hop_of(group, seen) for group in groups]


def direction(step):
    packet = step.frame and innermost(step.frame.packet)
    return "back" if packet is not None and (packet.reply or packet.error) else "forth"


def hop_of(group, seen):
    packets = [step.frame.packet for step in group if step.frame and step.frame.packet]
    ins, outs = ([step.dev for step in group if step.way == way] for way in ("in", "out"))
    places = {(step.netns, step.dev, step.way) for step in group}
    return dict(
        netns=group[0].netns,
        link_in=ins[0] if ins else None,
        link_out=outs[-1] if outs else None,
        links=list(dict.fromkeys(step.dev for step in group if step.dev)),
        layer=max((step.layer for step in group), key=ORDER.index),
        direction=direction(group[0]),
        tunnel=group[0].depth,
        **addresses(packets),
        decided_by="; ".join(dict.fromkeys(texts_of(group))),
        seen=None if seen is None or group[0].hidden else bool(places & seen),
    )


def texts_of(group):
    """What decided on a packet; a frame that asks for an address says that."""
    asks = [step.frame.asks for step in group if step.frame.asks]
    texts = [step.text for step in group if step.text]
    return texts or ["who has %s?" % address for address in asks[:1]]


def addresses(packets):
    """With which addresses a packet comes and leaves."""
    if not packets:
        return dict.fromkeys(("source", "destination", "source_after", "destination_after"))
    first, last = packets[0], packets[-1]
    return dict(source=first.src, destination=first.dst, source_after=last.src, destination_after=last.dst)


def of_sightings(sightings, steps):
    """Steps of what was seen, with what decided it where the walk says so."""
    known = {(step.netns, step.dev, step.way): step for step in steps}
    decided = {}
    for step in steps:
        if step.way == "at":
            decided.setdefault((step.netns, direction(step)), step)
    out, again = [], set()
    for one in sightings:
        # What is sent again goes the same way.
        place = (one.netns, one.dev, one.way, one.packet.src, one.packet.dst, one.packet.ttl, one.packet.error)
        if place in again or again.add(place):
            continue
        step = known.get((one.netns, one.dev, one.way))
        made = Step(one.netns, one.dev, one.way, LINK, one.frame, step.text if step else "")
        at = decided.get((one.netns, direction(made)))
        if at is not None and (not out or out[-1].netns != one.netns or one.way == "out") and at not in out:
            out += [at] if one.way == "out" else []
        out.append(made)
    return out
