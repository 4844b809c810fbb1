# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can exist on a host: frozen values, changes between them, a state of many, and a wish for some."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, Optional, Tuple

Ref = Tuple[str, str]  # (network namespace, link name); the module's own namespace is ""
MAIN, HOST_WIDE = 254, ("all", "default", "")
RUN_DIR = "/run/virtnet"


# A field that tells how to get there or where a value came from: it is no part of the value.
aside = partial(field, compare=False)


class Refused(Exception):
    """What is asked for cannot be had as it is asked; the text names the option."""

    def __init__(self, option, text):
        super().__init__("%s: %s" % (option, text))
        self.option, self.text = option, text


def place(netns):
    """How a namespace is called in a sentence."""
    return "network namespace %s" % netns if netns else "the host's own network namespace"


@dataclass(frozen=True)
class Netns:
    """A named network namespace."""

    name: str
    nsid: Optional[int] = None
    inode: Optional[int] = None
    path: Optional[str] = aside(default=None)
    holders: Tuple[Tuple[int, str], ...] = aside(default=())  # processes

    @property
    def key(self):
        return ("netns", self.name)

    @property
    def netns(self):
        return self.name

    def requires(self):
        return []


@dataclass(frozen=True)
class Link:
    """A link: ip-link(8)."""

    netns: str
    name: str
    kind: Optional[str] = None
    peer: Optional[Ref] = None
    link: Optional[Ref] = None
    master: Optional[str] = None
    mtu: Optional[int] = None
    address: Optional[str] = None
    up: Optional[bool] = None
    alias: Optional[str] = None
    txqueuelen: Optional[int] = None
    attrs: Tuple[Tuple[str, Any], ...] = ()
    port: Tuple[Tuple[str, Any], ...] = ()
    taken_from: Optional[Ref] = aside(default=None)
    slave_kind: Optional[str] = aside(default=None)  # what kind of master the port options belong to
    pinned: frozenset = aside(default=frozenset())  # of address and mtu: what a bridge does not take from its ports
    option: str = aside(default="name")
    index: Optional[int] = aside(default=None)

    @property
    def ref(self):
        return (self.netns, self.name)

    @property
    def key(self):
        return ("link",) + self.ref

    def requires(self):
        return of_netns(self) + ([("link",) + self.link] if self.link else [])


@dataclass(frozen=True)
class AltName:
    """One more name of a link."""

    netns: str
    dev: str
    name: str

    @property
    def key(self):
        return ("altname", self.netns, self.dev, self.name)

    def requires(self):
        return [("link", self.netns, self.dev)]


@dataclass(frozen=True)
class Address:
    """An address on a link: ip-address(8)."""

    netns: str
    dev: str
    address: str  # with its prefix length
    peer: Optional[str] = None
    broadcast: Optional[str] = None
    label: Optional[str] = None
    scope: Optional[str] = None
    proto: Optional[str] = aside(default=None)  # "kernel" where the kernel made it by itself
    secondary: bool = aside(default=False)

    @property
    def key(self):
        # IPv6 has one entry an address; IPv4 one for each prefix length and peer.
        if ":" in self.address:
            return ("address", self.netns, self.dev, self.address.split("/")[0], "")
        return ("address", self.netns, self.dev, self.address, self.peer or "")

    def requires(self):
        return [("link", self.netns, self.dev)]


@dataclass(frozen=True)
class Hop:
    """A way that a route takes."""

    via: Optional[str] = None
    dev: Optional[str] = None
    weight: int = 1
    onlink: bool = False


@dataclass(frozen=True)
class Route:
    """A route: ip-route(8)."""

    netns: str
    dest: str  # always with its prefix length: 0.0.0.0/0 and ::/0 are the default routes
    table: int = MAIN
    metric: Optional[int] = None
    type: Optional[str] = None
    hops: Optional[Tuple[Hop, ...]] = None
    src: Optional[str] = None
    scope: Optional[str] = None
    mtu: Optional[int] = None
    proto: Optional[str] = None

    @property
    def key(self):
        # The kernel keeps one connected route a link, all with the same metric.
        own = self.hops[0].dev if self.proto == "kernel" and self.hops else ""
        return ("route", self.netns, self.dest, self.table, self.metric, own)

    def requires(self):
        devs = {hop.dev for hop in self.hops or () if hop.dev}
        return [("link", self.netns, dev) for dev in sorted(devs)] or of_netns(self)


@dataclass(frozen=True)
class Sysctl:
    """A value under /proc/sys/net."""

    netns: str
    family: str  # ipv4 or ipv6
    dev: str  # a link, all, default, or "" for net.ipv4.ip_forward
    name: str
    value: Optional[int] = None

    @property
    def key(self):
        return ("sysctl", self.netns, self.family, self.dev, self.name)

    @property
    def path(self):
        where = "conf/%s/" % self.dev if self.dev else ""
        return "net/%s/%s%s" % (self.family, where, self.name)

    def requires(self):
        return of_netns(self) if self.dev in HOST_WIDE else [("link", self.netns, self.dev)]


@dataclass(frozen=True)
class SysctlFile:
    """A file of this collection in sysctl.d(5)."""

    netns: str
    path: str
    lines: Tuple[Tuple[str, int], ...] = ()

    @property
    def key(self):
        return ("sysctl_file", self.path)

    def requires(self):
        return []


@dataclass(frozen=True)
class NatTable:
    """The nft table of this collection; it goes with the last of its rules."""

    netns: str
    family: str  # ipv4 or ipv6
    shared: bool = aside(default=False)  # somebody put something else into it

    @property
    def key(self):
        return ("nat_table", self.netns, self.family)

    def requires(self):
        return of_netns(self)


@dataclass(frozen=True)
class Masquerade:
    """A rule that puts the router's address in the place of the source."""

    netns: str
    name: str
    family: str
    backend: Optional[str] = None
    source: Optional[str] = None
    exclude_destinations: Optional[Tuple[str, ...]] = None
    out_interface: Optional[str] = None
    protocol: Optional[str] = None
    to_ports: Optional[str] = None
    random: Optional[bool] = None
    fully_random: Optional[bool] = None

    @property
    def key(self):
        return ("masquerade", self.netns, self.family, self.name)

    def requires(self):
        return of_netns(self) if self.backend == "iptables" else [("nat_table", self.netns, self.family)]


@dataclass(frozen=True)
class Topology:
    """What a topology has made: a file that goes with the reboot, as that does."""

    name: str
    made: Tuple[Any, ...] = ()
    netns = ""

    @property
    def key(self):
        return ("topology", self.name)

    @property
    def path(self):
        return "%s/%s.json" % (RUN_DIR, self.name)

    @property
    def text(self):
        stated = [{f.name: getattr(r, f.name) for f in fields(r) if getattr(r, f.name) != f.default} for r in self.made]
        made = [json.dumps({"type": type(r).__name__, **pairs}) for r, pairs in zip(self.made, stated)]
        return '{"topology": %s, "made": [%s\n]}\n' % (json.dumps(self.name), ",".join("\n  " + line for line in made))

    @classmethod
    def read(cls, text):
        found = json.loads(text)
        made = [{k: tuple(v) if isinstance(v, list) else v for k, v in r.items()} for r in found["made"]]
        return cls(found["topology"], tuple(globals()[r.pop("type")](**r) for r in made))

    def requires(self):
        return []


# What tells these from others of their sort, and a link from another kind of link.
TELLS = {
    Netns: ("name",),
    Link: ("netns", "name", "kind"),
    Address: ("netns", "dev", "address", "peer"),
    Route: ("netns", "dest", "table", "metric"),
    Masquerade: ("netns", "name", "family"),
}


def bare(resource):
    """A resource with what it is known by."""
    return replace(
        resource,
        **{
            f.name: f.default
            for f in fields(resource)
            if not f.compare or f.name not in TELLS.get(type(resource), (f.name,))
        },
    )


RANK = {
    kind: rank
    for rank, kind in enumerate(
        ("netns", "link", "altname", "address", "sysctl", "route", "sysctl_file", "nat_table", "masquerade", "topology")
    )
}


def of_netns(resource):
    """The namespace that a resource needs; the module's own is always there."""
    return [("netns", resource.netns)] if resource.netns else []


def order(resource):
    """What comes first among equals; ip_forward resets the values of each link, so it precedes them."""
    if isinstance(resource, Sysctl):
        return (RANK["sysctl"], resource.netns, resource.dev not in HOST_WIDE, str(resource.key))
    # An on-link route makes the gateway of the next one reachable.
    far = isinstance(resource, Route) and any(hop.via for hop in resource.hops or ())
    return (RANK[resource.key[0]], resource.netns, far, str(resource.key))


def made_by_kernel(resource):
    """What nobody asked for: it is read, never planned away, never put back."""
    return isinstance(resource, (Address, Route)) and resource.proto in ("kernel", "ra", "redirect")


def overlay(have, want):
    """`have` with every field that `want` states (None says nothing)."""
    stated = {f.name: getattr(want, f.name) for f in fields(want) if f.compare and getattr(want, f.name) is not None}
    for pairs in {"attrs", "port", "lines"} & set(stated):
        stated[pairs] = tuple(sorted({**dict(getattr(have, pairs)), **dict(stated[pairs])}.items()))
    if "hops" in stated and have.hops and len(have.hops) == len(want.hops):
        stated["hops"] = tuple(
            replace(w, dev=w.dev or h.dev) if w.via == h.via else w for w, h in zip(want.hops, have.hops)
        )
    return replace(have, **stated)


def carried(link, to):
    """What is left of a link that goes to another name or namespace."""
    if link.netns != to.netns:
        return replace(link, netns=to.netns, name=to.name, master="", up=False, port=())
    return replace(link, name=to.name)


@dataclass(frozen=True)
class Change:
    """One step: `before` turns into `after`. None is absent; the same twice means: make sure of it."""

    before: Any = None
    after: Any = None

    @property
    def target(self):
        return self.after or self.before

    @property
    def verb(self):
        return "add" if self.before is None else "delete" if self.after is None else "set"

    @property
    def base(self):
        """`before` where `after` is."""
        return carried(self.before, self.after) if isinstance(self.before, Link) and self.after else self.before

    def news(self, *names):
        """Those of these fields that must be said, with their values."""
        base = self.base
        pairs = [(name, getattr(self.after, name)) for name in names]
        return [(n, v) for n, v in pairs if v is not None and (v != getattr(base, n) if base else v not in ("", False))]


@dataclass(frozen=True)
class Wish:
    """What one task asks for."""

    wanted: Tuple[Any, ...] = ()
    unwanted: Tuple[Any, ...] = ()  # patterns: a field that is None fits all
    exclusive: Tuple[Tuple[type, Tuple[Tuple[str, Any], ...]], ...] = ()  # (type, fields): such strangers go
    allow: frozenset = frozenset()  # of recreate, take_over, each alone or with the key of the link that it is for
    returns: Tuple[Tuple[str, Any], ...] = ()  # (name, key, or list of keys): what the task gives back
    dropped: Tuple[Any, ...] = ()  # what a topology made and does not want any more

    def __iter__(self):
        return iter(self.wanted + self.unwanted + self.dropped)


class State:
    """Resources by key, and what stands on what."""

    def __init__(self, resources=()):
        self.items, self.children, self.ports, self.places = {}, defaultdict(set), defaultdict(set), defaultdict(dict)
        for resource in resources:
            self.add(resource)

    def __contains__(self, key):
        return key in self.items

    def __iter__(self):
        return iter(self.items.values())

    def get(self, key):
        return self.items.get(key)

    def copy(self):
        new = State()
        new.items = self.items.copy()
        for name in ("children", "ports", "places"):
            getattr(new, name).update((key, found.copy()) for key, found in getattr(self, name).items())
        return new

    def links(self, ref):
        return self.items.get(("link",) + tuple(ref))

    def add(self, resource):
        self.pop(resource.key)
        self.items[resource.key] = self.places[resource.key[0], resource.netns][resource.key] = resource
        for key in resource.requires():
            self.children[key].add(resource.key)
        if getattr(resource, "master", None):
            self.ports[("link", resource.netns, resource.master)].add(resource.key)

    def pop(self, key):
        resource = self.items.pop(key, None)
        if resource is not None:
            self.places[key[0], resource.netns].pop(key)
            for parent in resource.requires():
                self.children[parent].discard(key)
            if getattr(resource, "master", None):
                self.ports[("link", resource.netns, resource.master)].discard(key)
        return resource

    def within(self, netns, *sorts):
        """The resources of these sorts in a namespace."""
        return [r for sort in sorts for r in self.places[sort, netns].values()]

    def on(self, key):
        """The resources that stand on this one, nearest first."""
        return [self.items[k] for k in sorted(self.children.get(key, ()), key=str)]
