# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One real probe, and all that is seen of it. Everything is a descriptor of this process: nothing outlives it."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace as changed

from .._core.values import replace
from .._probe import TOKEN, probe
from .._trace.evidence import Evidence, Verdict
from .._trace.packet import Marks, innermost
from . import counters
from .nat import NFT_NAMES, nft_tables
from .nfttrace import Tracer
from .taps import Tap

TRIES = 3


def gather(kernel, state, wishes, seconds=0, hidden=False):
    """Send a probe for each wish, wait for the replies at least so many seconds; return what was seen of each.

    Where they are encrypted on the way, the rules for all outer packets of WireGuard are heard of.
    """
    ports = {dict(r.attrs).get("listen_port") for r in state if hidden and r.sort == "link" and r.kind == "wireguard"}
    names = sorted({r.netns for r in state if r.sort == "link"})
    first = wishes[0]
    sport = first.packet.sport or 0
    marks = Marks(os.urandom(TOKEN // 2), len(wishes), sport if first.manner.protocol == "tcp" else 0)
    taps, tracers, missing = [], [], []
    try:
        for netns in names:
            taps.append(Tap(kernel, netns, marks))
        if first.rules:
            tracers = list(opened(kernel, state, names, (marks, sorted(filter(None, ports))), missing))
        # Of several each says itself to which link its address belongs.
        own = dict(dev=first.manner.dev if len(wishes) == 1 else "", timeout=max(seconds, first.manner.timeout))
        manner = changed(first.manner, token=marks.token, sport=sport, **own)
        return sent(kernel, names, wishes, manner, taps, tracers, missing)
    finally:
        # Each waits until no packet is on its way through it: all at once.
        closing = [threading.Thread(target=it.close) for it in [*(tap.socket for tap in taps), *tracers]]
        for thread in closing:
            thread.start()
        for thread in closing:
            thread.join()


def opened(kernel, state, names, marks, missing):
    """The tracers of the namespaces that have tables of nftables."""
    for netns in names:
        with kernel.inside(netns):
            there = {NFT_NAMES.get(family) for family, dummy in nft_tables()}
        families = ["inet"] * bool(there & {"inet", "ip", "ip6"}) + ["bridge"] * ("bridge" in there)
        families += ["netdev"] * bool(there & {"inet", "netdev"}) + ["arp"] * ("arp" in there)
        if families:
            links = {link.index: link.name for link in state.within(netns, "link")}
            try:
                tracer = Tracer(kernel, netns, families, links, *marks)
            except OSError as e:
                missing.append("the rules of nftables in %s (%s)" % (netns or "the host", e.strerror))
                continue
            missing += ["the rules of nftables in %s (%s)" % (netns or "the host", why) for why in tracer.refused]
            yield tracer


def sent(kernel, names, wishes, manner, taps, tracers, missing):
    """Send the probes; what was seen of each. What cannot be told apart counts for all of them."""
    pairs = [(one.netns, one.to) for one in wishes]
    for dummy in range(TRIES):
        before = {netns: counters.snapshot(kernel, netns) for netns in names}
        answers = probe(kernel.inside, pairs, manner)
        end = time.time_ns()
        time.sleep(0.02)
        seen = [directed(one, wishes[one.number or 0].packet.sport) for tap in taps for one in tap.read()]
        seen.sort(key=lambda one: one.when)
        after = {netns: counters.snapshot(kernel, netns) for netns in names}
        if enough(seen, end, answers, manner):
            break
    verdicts = []
    for tracer in tracers:
        for family, table, chain, how, handle, number, asked, dev, error in tracer.read():
            spelled = tracer.spelled(family, table, chain, handle) if how == "rule" else ""
            states = not asked and tracer.of_state(family, table)
            one = Verdict(tracer.netns, family, table, chain, how, handle, spelled, number, states, asked, dev, error)
            verdicts.append(one)
    risen = {netns: counters.risen(before[netns], after[netns]) for netns in names}
    return [
        Evidence(
            answer,
            [one for one in seen if one.number in (None, number)],
            [one for one in verdicts if one.number in (None, number)],
            risen,
            missing,
            {tracer.netns: tracer.given.get(number, 0) for tracer in tracers},
        )
        for number, answer in enumerate(answers)
    ]


def enough(seen, end, answers, manner):
    """Whether no other probes are needed: connections that were made keep their ports for a while."""
    made = manner.protocol == "tcp" and any(answer.received for answer in answers)
    # The kernel begins to stamp what comes a little after the first socket wants it; until then the order is lost.
    return made or not seen or seen[-1].when < end


def directed(sighting, sport):
    """A sighting with whether it is of the reply: for what has ports, whether it goes to that of the probe."""
    inner = innermost(sighting.packet)
    if not sport or inner is None or inner.error or inner.dport != sport:
        return sighting
    packet = replied(sighting.packet)
    return replace(sighting, frame=replace(sighting.frame, packet=packet))


def replied(packet):
    if packet.inner is None:
        return replace(packet, reply=True)
    frame = getattr(packet.inner, "packet", None)
    inner = replace(packet.inner, packet=replied(frame)) if frame is not None else replied(packet.inner)
    return replace(packet, inner=inner)
