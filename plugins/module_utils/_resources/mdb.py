# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Multicast groups that ports of a bridge get: bridge-mdb(8)."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Optional

from .._core.options import DEV, NETNS, STATE, these
from .._core.resource import OnLink
from .._core.values import Refused, replace
from .._core.words import family_of, host, ip, is_mac, link_name, netns_name, unique, vids
from .._kinds.base import called


class MdbEntry(OnLink):
    """A multicast group that a port gets: bridge-mdb(8)."""

    netns: str
    dev: str
    port: str
    grp: str
    vid: Optional[int] = 0
    src: Optional[str] = ""  # the one sender whose packets it is about

    sort = "mdb"
    identity = ("netns", "dev", "port", "grp", "vid", "src")
    of_port = True

    @property
    def key(self):
        return ("mdb", self.netns, self.dev, self.port, self.grp, self.vid, self.src)

    def requires(self):
        return [("link", self.netns, self.dev), ("link", self.netns, self.port)]

    def accepted(self, state):
        bridge, port = [state.link((self.netns, name)) for name in (self.dev, self.port)]
        return bridge.kind == "bridge" and bool(bridge.up) and port.master == bridge.name

    def plan(self, planner, have):
        if have is None:
            self.check(planner)
        super().plan(planner, have)

    def check(self, planner):
        """Refuse what the kernel has no place for."""
        bridge, port = [planner.state.link((self.netns, name)) for name in (self.dev, self.port)]
        if bridge.kind is None or planner.rolls_back:
            return
        attrs = dict(bridge.attrs)
        if bridge.kind != "bridge":
            raise Refused("dev", "%s is %s, not a bridge" % (bridge.name, called(bridge)))
        if port.kind is not None and port.master != bridge.name:
            raise Refused("port", "%s is no port of %s" % (port.name, bridge.name))
        if not bridge.up:
            raise Refused("dev", "%s is down, and then the kernel takes no groups" % bridge.name)
        if not attrs.get("mcast_snooping"):
            raise Refused("dev", "%s has mcast_snooping off, and then no groups" % bridge.name)
        if attrs.get("vlan_filtering") and not self.vid:
            raise Refused("vid", "%s filters VLANs: say in which one" % bridge.name)

    def find(self, state):
        return [r for r in state.within(self.netns, self.sort) if r.fits(self)]

    def renamed(self, old, new):
        if self.port == old[1]:
            return replace(self, netns=new[0], port=new[1])
        return super().renamed(old, new)

    def prerequisites(self, observed, desired):
        needs = [("port" if key[2:] == (self.port,) else o, key) for o, key in super().prerequisites(observed, desired)]
        link, present = observed.link((self.netns, self.port)), {want.key for want in desired.present}
        if link is None or link.kind in (None, "bridge") or link.key in present:
            return needs
        master = observed.link((self.netns, self.dev))
        there = link.master == self.dev or (master is not None and master.kind not in (None, "bridge"))
        return needs + [("port", ("port", self.netns, self.port, self.dev))] * (not there)

    def commands(self, change):
        verb = "delete" if change.verb == "delete" else "add"
        words = ["dev", self.dev, "port", self.port, "grp", self.grp, *["permanent"] * (verb == "add")]
        words += ["src", self.src] if self.src else []
        words += ["vid", str(self.vid)] if self.vid else []
        return [ip(self.netns, "mdb", verb, *words, program="bridge")]

    def as_entry(self):
        found = dict(super().as_entry(), grp=[self.grp])
        return {name: value for name, value in found.items() if value}


def multicast(option, text):
    """A multicast group: an address of IPv4 or IPv6, or a MAC address."""
    if is_mac(text):
        group, good = text.lower(), int(text[:2], 16) & 1
    else:
        group = host(option, text)
        good = ip_address(group).is_multicast and group not in ("224.0.0.0", "ff00::")
    if not good:
        raise Refused(option, "%s is no multicast group" % text)
    return group


SPEC = dict(
    STATE,
    **NETNS,
    **DEV,
    port=dict(type="str", required=True),
    grp=dict(type="list", elements="str", required=True),
    vid=dict(type="int"),
    src=dict(type="str"),
)


def desired(p, host_):
    netns, gone = netns_name("netns", p["netns"]), p["state"] == "absent"
    names = [link_name(option, p[option]) for option in ("dev", "port")]
    vid = vids("vid", [p["vid"]])[0] if p["vid"] is not None else None if gone else 0
    groups = unique("grp", [multicast("grp", text) for text in p["grp"]])
    src = sender(p["src"], groups) or (None if gone else "")
    return these(p, "entries", [MdbEntry(netns, *names, group, vid, src) for group in groups])


def sender(text, groups):
    """The one whose packets are meant, an address of the family of its groups."""
    source = host("src", text)
    if source and (ip_address(source).is_multicast or ip_address(source).is_unspecified):
        raise Refused("src", "%s is the address of no sender" % source)
    for group in groups if source else ():
        if is_mac(group) or family_of(group) != family_of(source):
            raise Refused("src", "%s sends to no group %s: they are of different families" % (source, group))
    return source


def module(name):
    return SPEC, {}, desired
