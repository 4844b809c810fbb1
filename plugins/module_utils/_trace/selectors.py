# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a routing rule fits a packet."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from .._core.words import IP_PROTOCOLS


def fits(rule, packet, iif, oif=""):
    """Whether a rule fits a packet that came by a link, or of this namespace itself, which may be bound to one."""
    # Of conditions that are not described nothing is known.
    return not rule.strange and meets(rule, packet, iif, oif) is not bool(rule.not_)


def meets(rule, packet, iif, oif):
    """Whether a packet meets the conditions of a rule."""
    if (rule.iif and rule.iif != (iif or "lo")) or (rule.oif and rule.oif != oif) or rule.tos:
        return False
    # What no socket sends, the kernel takes for root's.
    if rule.uidrange and not in_range(rule.uidrange, 0):
        return False
    for net, address in ((rule.from_, packet.src), (rule.to, packet.dst)):
        if net and (not address or ip_address(address) not in ip_network(net, strict=False)):
            return False
    if rule.fwmark and not marked(rule.fwmark, packet.mark):
        return False
    if rule.ipproto and IP_PROTOCOLS.get(rule.ipproto, rule.ipproto) not in (packet.number, str(packet.number)):
        return False
    return in_range(rule.sport, packet.sport) and in_range(rule.dport, packet.dport)


def marked(spelled, mark):
    value, dummy, mask = spelled.partition("/")
    mask = int(mask or "0xffffffff", 0)
    return mark & mask == int(value, 0) & mask


def in_range(spelled, port):
    if not spelled:
        return True
    low, dummy, high = spelled.partition("-")
    return port is not None and int(low) <= port <= int(high or low)
