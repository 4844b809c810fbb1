# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections on the way of a packet: how it is translated, and its reply back, and what is not tracked."""

from __future__ import annotations

import re

from .._core.values import replace
from .packet import innermost
from .path import Lost, at, inside_line

MISSING = ("stray", "return", "socket", "nat", "nobody", "route")


class Tracking:
    """What the namespaces on a walk know of its connection."""

    def __init__(self, host):
        self.host, self.flows, self.changes = host, {}, []
        self.loose, self.missed = {}, {}  # rules that do not track it, by (namespace, whether it is the reply)

    def through(self, netns, hook, packet, iif, oif):
        """The packet as it leaves a hook, and the rule that has translated it."""
        flow = self.flows.get((netns, packet.src, packet.dst)) if packet.reply else None
        made = replace(packet, dst=flow.src) if flow is not None and hook == "prerouting" else packet
        made, text = self.host.translated(netns, hook, made, iif, oif)
        if flow is not None and hook == "postrouting":
            made = replace(made, src=flow.dst, sport=flow.dport)
        untracked = self.loosened(netns, hook, packet, iif, oif)
        if untracked:
            if made != packet:
                self.missed[netns, packet.reply] = untracked
            return packet, ""
        self.remember(netns, packet, made, text)
        return made, text

    def loosened(self, netns, hook, packet, iif, oif):
        """The rule by which the connection of a packet is not tracked in a namespace; empty if it is."""
        key = netns, packet.reply
        if hook != "postrouting":
            self.loose[key] = self.host.untracked(netns, hook, packet, iif, oif)
        return self.loose.get(key, "")

    def remember(self, netns, before, after, text):
        if text and (before.src, before.dst, before.dport) != (after.src, after.dst, after.dport):
            self.flows[netns, after.dst, after.src] = before
            self.changes.append((netns, before, after, text))

    def told(self, lost):
        """The loss, told by the rule that keeps the packet from being translated."""
        if lost.code not in MISSING or not self.missed:
            return lost
        (netns, reply), text = next(iter(self.missed.items()))
        dev = lost.dev if lost.netns == netns else ""
        reason = "%s, and so is not translated there: %s" % (words_of(netns, reply, text), lost.reason)
        checks = [inside_line(netns, "nft", "-a", "list", "ruleset"), *lost.checks]
        cures = without_rule(netns, text)
        return Lost(netns, dev, "notrack", reason, checks, cures, None, lost.trail).instead_of(lost)


def without_rule(netns, text):
    """The command that deletes a rule, of the text that tells of it."""
    nft = re.search(r"table (\S+) (\S+), chain (\S+), handle (\d+)$", text)
    if nft:
        return [inside_line(netns, "nft", "delete", "rule", *nft.groups()[:3], "handle", nft.group(4))]
    iptables = re.search(r"iptables: -A (.*)$", text)
    return [inside_line(netns, "iptables", "-t", "raw", "-D", *iptables.group(1).split())] if iptables else []


def words_of(netns, reply, text):
    return "%s is not tracked in %s (%s)" % ("the reply" if reply else "the packet", at(netns), text)


def without_state(host, asked, firewall, evidence):
    """The loss by a rule that looks for states, told by the one that keeps the packet from having one."""
    if not firewall.of_state:
        return firewall
    netns, hooks = firewall.netns, {}
    for one in evidence.seen:
        packet = innermost(one.packet)
        if one.netns == netns and packet is not None and (packet.reply not in hooks or one.way == "in"):
            hooks[packet.reply] = "prerouting" if one.way == "in" else "output", packet, one.dev
    if netns == asked.netns:
        hooks[False] = "output", asked.packet, hooks.get(False, ("", None, ""))[2]
    for reply, (hook, packet, dev) in sorted(hooks.items(), key=lambda pair: pair[0], reverse=True):
        ends = (dev, "") if hook == "prerouting" else ("", dev)
        text = host.untracked(netns, hook, packet, *ends)
        if text:
            reason = "%s, and so has no state there: %s" % (words_of(netns, reply, text), firewall.reason)
            cures = without_rule(netns, text)
            return Lost(netns, firewall.dev, "notrack", reason, firewall.checks, cures).instead_of(firewall)
    return firewall
