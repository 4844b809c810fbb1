# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies of IPsec: told where a packet was last seen, and nothing else explains that it goes no further."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from .path import Lost, at, ip_line


def by_policy(walk, netns, packet, iif, counted):
    """The loss by a policy of a namespace, of a packet that came by a link or is its own; or what is counted."""
    if counted is not None and counted.code != "xfrm":
        return counted
    policies = walk.host.policies(netns)
    here = bool(policies and iif) and walk.host.route(netns, packet, iif, "").type == "local"
    ways = [("in", packet), ("out", packet.answer())] if here else [(way, packet) for way in ("fwd", "out")]
    for way, one in ways if iif else [("out", packet)]:
        policy = next((p for p in policies if p.way == way and fits(p, one)), None)
        if policy is not None and (policy.block or policy.wraps):
            return told(netns, iif, policy)
    return counted


def fits(policy, packet):
    ends = ((policy.src, packet.src), (policy.dst, packet.dst))
    return policy.number in (0, packet.number) and all(
        not address or ip_address(address) in ip_network(net) for net, address in ends
    )


def told(netns, iif, policy):
    """The loss by a policy."""
    words = ("src", policy.src, "dst", policy.dst, "dir", policy.way)
    what = "refuses it" if policy.block else "wants it in IPsec, which it is not"
    if policy.way == "out" and not policy.block:
        what = "wants it in IPsec, for which nothing is agreed on"
    reason = "the policy of xfrm '%s' of %s %s" % (" ".join(words), at(netns), what)
    checks = [ip_line(netns, "xfrm", "policy"), ip_line(netns, "xfrm", "state")]
    cures = [ip_line(netns, "xfrm", "policy", "delete", *words)] if policy.block else []
    return Lost(netns, iif, "xfrm", reason, checks, cures)
