# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a next hop is not reached: nobody has its address, or who has it does not answer."""

from __future__ import annotations

from ipaddress import ip_address

from .blame import sysctl_words
from .path import Lost, at, ip_line

ARP_SHY = ("arp_ignore", "arp_filter")


def at_neighbour(walk, link, packet, nexthop, lost):
    """A loss on the way to a next hop, told by the neighbour if that is what is wrong."""
    if lost.outer:
        return lost
    entry = walk.host.neighbour(link.netns, link.name, nexthop)
    owners = walk.addresses(None, nexthop)
    macs = {walk.state.link((r.netns, r.dev)).address for r in owners if walk.state.link((r.netns, r.dev)) is not None}
    family = ["-6"] * (":" in nexthop)
    show = shown(link, nexthop)
    noarp = walk.host.facts(link.netns, link.name).noarp
    permanent = entry is not None and not noarp and entry[0] in ("permanent", "noarp")
    if permanent and macs and entry[1] not in macs:
        text = "the permanent neighbour %s of %s has the MAC address %s, and %s has %s"
        own = sorted(macs)[0] if macs else "?"
        who = at(owners[0].netns, owners[0].dev)
        cure = ip_line(link.netns, *family, "neighbour", "del", nexthop, "dev", link.name)
        return Lost(
            link.netns, link.name, "neighbour", text % (nexthop, at(*link.ref), entry[1], who, own), [show], [cure]
        )
    if entry and entry[1] and macs and entry[1] not in macs and lost.code in ("foreign", "nowhere", "alone"):
        text = "%s has %s for %s (%s), but %s has %s: the entry is out of date"
        own, who = sorted(macs)[0], at(owners[0].netns, owners[0].dev)
        cure = ip_line(link.netns, *family, "neighbour", "del", nexthop, "dev", link.name)
        reason = text % (at(*link.ref), entry[1], nexthop, entry[0], who, own)
        return Lost(link.netns, link.name, "neighbour", reason, [show], [cure])
    if lost.code == "nobody":
        return nobody(walk, link, packet, nexthop, lost.trail)
    return lost


def shown(link, nexthop):
    return ip_line(link.netns, *["-6"] * (":" in nexthop), "neighbour", "show", "dev", link.name)


def nobody(walk, link, packet, nexthop, trail=()):
    """Nobody on a link answers for a next hop."""
    owners = walk.addresses(None, nexthop)
    show = shown(link, nexthop)
    what = "the gateway %s" % nexthop if nexthop != packet.dst else nexthop
    reason = "nobody on the link of %s answers for %s" % (at(*link.ref), what)
    if owners:
        places = ", ".join(at(r.netns, r.dev) for r in owners)
        reason += ": %s %s it, and is not on that link" % (places, "have" if len(owners) > 1 else "has")
        nets = [r for r in walk.state.on(link.key) if r.sort == "address" and ip_address(nexthop) in r.network]
        reason += ", though by its address %s it would be" % nets[0].address if nets else ""
    tags = dict(getattr(link, "attrs", ())).get("id")
    reason += " (VLAN %s)" % tags if link.kind == "vlan" else ""
    out = Lost(link.netns, link.name, "nobody", reason, [show], trail=trail)
    refused = silent(walk, owners) or (without_ipv6(walk, link, nexthop) if ":" in nexthop and not owners else None)
    if refused:
        out.netns, out.dev, out.code, out.reason, more, cure = refused
        out.checks += more
        out.remedies = cure
    return out


def silent(walk, owners):
    """Why who has an address does not answer for it."""
    for r in owners:
        link = walk.state.link((r.netns, r.dev))
        if link is None:
            continue
        if walk.host.facts(r.netns, r.dev).noarp and not link.l3:
            cure = [ip_line(r.netns, "link", "set", "dev", r.dev, "arp", "on")]
            text = "%s has %s, and ARP is off there" % (at(r.netns, r.dev), r.ip)
            return r.netns, r.dev, "arp", text, [ip_line(r.netns, "link", "show", "dev", r.dev)], cure
        if ":" not in r.ip and not link.l3:
            keys = ["ipv4/conf/%s/%s" % (dev, name) for name in ARP_SHY for dev in ("all", r.dev)]
            key = next((key for key in keys if walk.host.sysctl(r.netns, key)), None)
            if key:
                check, cure, word = sysctl_words(r.netns, key, 0)
                text = "%s has %s, and does not answer for it on every link, or not to all (%s is %d)"
                reason = text % (at(r.netns, r.dev), r.ip, word, walk.host.sysctl(r.netns, key))
                return r.netns, r.dev, key.rpartition("/")[2], reason, [check], [cure]
        why = walk.host.unready(r.netns, r.dev, r.ip) if ":" in r.ip else ""
        if why:
            text = "the address %s of %s is %s" % (r.ip, at(r.netns, r.dev), why)
            rivals = [o for o in owners if o is not r]
            text += ": %s has it as well" % at(rivals[0].netns, rivals[0].dev) if rivals else ""
            checks = [ip_line(r.netns, "-6", "address", "show", "dev", r.dev)]
            return r.netns, r.dev, "tentative", text, checks, []
    return None


def without_ipv6(walk, link, nexthop):
    """A link that would have the address if IPv6 were not off on it: the kernel took its addresses away."""
    for netns, dev in walk.segment(link):
        key = "ipv6/conf/%s/disable_ipv6" % dev
        if (netns, dev) != link.ref and not walk.state.link((netns, dev)).master and walk.host.sysctl(netns, key):
            check, cure, word = sysctl_words(netns, key, 0)
            text = "nobody on the link of %s answers for %s, and IPv6 is off on %s (%s is 1)"
            return netns, dev, "disabled", text % (at(*link.ref), nexthop, at(netns, dev), word), [check], [cure]
    return None
