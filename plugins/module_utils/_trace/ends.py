# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why nobody takes a packet at its end, and why there is no way back."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from .blame import sysctl_words
from .path import Lost, around, at, inside_line, ip_line

PRIVATE = [ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")]


def no_socket(walk, netns, dev, packet):
    """Nothing that listens."""
    vrf = walk.vrf_of(netns, dev)
    found = walk.host.listens(netns, packet, dev, vrf)
    if found is True or found is None:
        return
    kind = packet.protocol
    text = "nothing in %s listens at %s port %d"
    reason = text % (at(netns), kind, packet.dport)
    checks = [inside_line(netns, "ss", "-ln%s" % kind[0], "sport", "=", ":%d" % packet.dport)]
    if found:
        reason = "in %s %s port %d is listened at on %s, not on %s" % (
            at(netns),
            kind,
            packet.dport,
            found,
            packet.dst,
        )
        reason += " by %s" % dev if vrf or "%" in found else ""
    cures = []
    if vrf and found and "%" not in found:
        key = "ipv4/%s_l3mdev_accept" % kind
        check, cure, word = sysctl_words(netns, key, 1)
        reason += ", which is in VRF %s (%s is %d)" % (vrf, word, walk.host.sysctl(netns, key) or 0)
        checks, cures = [*checks, check], [cure]
    raise Lost(netns, dev, "socket", reason, checks, cures)


def on_the_way_back(walk, lost, end, packet, trail):
    """What a loss of the reply is to be told like."""
    netns, dev = end
    if lost.code in ("socket", "ignored"):
        return
    if lost.netns == netns and lost.code == "route":
        lost.dev = lost.dev or dev
        gateway = came_by(walk, netns, packet, trail)
        owners = walk.addresses(None, packet.src)
        prefix = around(owners, packet.src)
        lost.code = "return"
        lost.reason = "the packet arrives in %s, which has no route back to %s" % (at(netns), packet.src)
        if gateway:
            lost.remedies = [ip_line(netns, *["-6"] * packet.six, "route", "add", prefix, "via", gateway)]
        unmasked(walk, lost, packet, trail)
        return
    lost.reason = "on the way back: " + lost.reason


def translated(walk, lost):
    """The loss, with the rule of NAT that changed the packet; to blame if the way back misses by it."""
    for netns, before, after, text in walk.tracking.changes:
        ends = [(one.dst, one.dport if before.dport != after.dport else None) for one in (before, after)]
        if ends[0] != ends[1] and (after.dst in lost.reason or lost.code in ("socket", "nobody", "firewall")):
            words = ["%s port %d" % end if end[1] else end[0] for end in ends]
            lost.reason += " (%s in %s changed %s to %s)" % (text, at(netns), *words)
            return lost
        if lost.code in ("return", "nobody") and lost.reason.endswith(" " + after.src) and before.src != after.src:
            told = lost.reason if lost.code == "return" else "it is lost " + lost.reason
            reason = "%s in %s changes the source %s, but %s" % (text, at(netns), before.src, told)
            checks = [*lost.checks, inside_line(netns, "nft", "-a", "list", "ruleset")]
            return Lost(netns, "", "nat", reason, checks, lost.remedies, None, lost.trail).instead_of(lost)
    return lost


def came_by(walk, netns, packet, trail):
    """The address of the router by which a packet has come, on a link of the namespace."""
    found = [r for r in walk.state if r.sort == "address" and r.dev != "lo" and (":" in r.ip) == packet.six]
    nets = [r.network for r in found if r.netns == netns]
    for step in reversed(trail):
        for r in found if step.netns != netns and step.way == "at" else ():
            if r.netns == step.netns and any(ip_address(r.ip) in net for net in nets):
                return r.ip
    return ""


def is_private(address):
    return any(ip_address(address) in net for net in PRIVATE if net.version == ip_address(address).version)


def unmasked(walk, lost, packet, trail):
    """A private source that was to be translated where it left the private network."""
    if not is_private(packet.src) or is_private(packet.dst):
        return
    for step in reversed(trail):
        own = [r for r in walk.state if r.sort == "address" and (r.netns, r.dev) == (step.netns, step.dev)]
        public = [r for r in own if (":" in r.ip) == packet.six and not is_private(r.ip)]
        if step.way == "at" and public and step.frame.packet.dst == packet.dst and step.netns != lost.netns:
            text = "the private source %s leaves %s untranslated: %s has no route back to it, and no NAT is there"
            lost.reason = text % (packet.src, at(step.netns, step.dev), at(lost.netns))
            lost.netns, lost.dev, lost.code = step.netns, step.dev, "nat"
            family = "ip6" if packet.six else "ip"
            rule = "add table {0} nat; add chain {0} nat postrouting {{ type nat hook postrouting priority 100; }}; "
            rule = rule.format(family) + 'add rule %s nat postrouting oifname "%s" masquerade' % (family, step.dev)
            lost.remedies = [inside_line(step.netns, "nft", rule)]
            lost.checks.append(inside_line(step.netns, "nft", "list", "ruleset"))
            return
