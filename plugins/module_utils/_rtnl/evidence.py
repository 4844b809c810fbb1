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
from .._trace.packet import innermost
from . import counters
from .nat import nft_tables
from .nfttrace import NAMES, Tracer
from .taps import Tap

TRIES = 3


def gather(kernel, state, asked, seconds=0, hidden=False):
    """Send a probe, wait for the reply at least so many seconds, and return what was seen of it.

    Where it is encrypted on the way, the rules for all outer packets of WireGuard are heard of.
    """
    ports = {dict(r.attrs).get("listen_port") for r in state if hidden and r.sort == "link" and r.kind == "wireguard"}
    names = sorted({r.netns for r in state if r.sort == "link"})
    token = os.urandom(TOKEN)
    sport = asked.packet.sport or 0
    tcp = sport if asked.manner.protocol == "tcp" else 0
    taps, tracers, missing = [], [], []
    try:
        for netns in names:
            taps.append(Tap(kernel, netns, token, tcp))
        if asked.rules:
            tracers = list(opened(kernel, state, names, (token, tcp, sorted(filter(None, ports))), missing))
        manner = changed(asked.manner, token=token, sport=sport, timeout=max(seconds, asked.manner.timeout))
        return sent(kernel, names, asked, manner, taps, tracers, missing)
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
            there = {NAMES.get(family) for family, dummy in nft_tables()}
        families = ["inet"] * bool(there & {"inet", "ip", "ip6"}) + ["bridge"] * ("bridge" in there)
        families += ["netdev"] * bool(there & {"inet", "netdev"})
        if families:
            devices = [link.name for link in state.within(netns, "link")]
            try:
                tracer = Tracer(kernel, netns, families, devices, *marks)
            except OSError as e:
                missing.append("the rules of nftables in %s (%s)" % (netns or "the host", e.strerror))
                continue
            missing += ["the rules of nftables in %s (%s)" % (netns or "the host", why) for why in tracer.refused]
            yield tracer


def sent(kernel, names, asked, manner, taps, tracers, missing):
    for dummy in range(TRIES):
        before = {netns: counters.snapshot(kernel, netns) for netns in names}
        answer = probe(kernel.inside, [(asked.netns, asked.to)], manner)[0]
        end = time.time_ns()
        time.sleep(0.02)
        sightings = sorted(
            (directed(one, manner.sport) for tap in taps for one in tap.read()), key=lambda one: one.when
        )
        after = {netns: counters.snapshot(kernel, netns) for netns in names}
        # The kernel begins to stamp what comes a little after the first socket wants it; until then the order is lost.
        if not sightings or sightings[-1].when < end:
            break
    verdicts = []
    for tracer in tracers:
        for family, table, chain, how, handle in tracer.read():
            spelled = tracer.spelled(family, table, chain, handle) if how == "rule" else ""
            verdicts.append(Verdict(tracer.netns, family, table, chain, how, handle, spelled))
    risen = {netns: counters.risen(before[netns], after[netns]) for netns in names}
    return Evidence(answer, sightings, verdicts, risen, missing)


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
