# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can exist on a host: frozen values, changes between them, a state of many, and a wish for some."""

from __future__ import annotations

import json
import re
import socket
from collections import defaultdict
from dataclasses import dataclass, field, fields
from functools import lru_cache, partial
from typing import Any, Optional, Tuple

Ref = Tuple[str, str]  # (network namespace, link name); the module's own namespace is ""
MAIN, HOST_WIDE = 254, ("all", "default", "")
RUN_DIR = "/run/virtnet"
UNITS, BOOT_HEAD = "/etc/systemd/system", "set -e"
IP_PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "ipv6-icmp": 58, "sctp": 132}
IPV6_LEAST = 1280  # the MTU that RFC 8200 asks of any link


# A field that tells how to get there or where a value came from: it is no part of the value.
aside = partial(field, compare=False)


def replace(resource, **news):
    """What dataclasses.replace() does, five times as fast: nothing here has to be checked."""
    new = object.__new__(type(resource))
    new.__dict__.update(resource.__dict__, **news)
    return new


def merged(pairs, news):
    """Pairs of names and values in their order, the news in the place of what they were."""
    return tuple(sorted({**dict(pairs), **dict(news)}.items()))


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def is_mac(text):
    return re.fullmatch(r"([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}", text) is not None


@lru_cache(maxsize=None)
def compared(cls):
    """The names of the fields that are part of the value."""
    return tuple(f.name for f in fields(cls) if f.compare)


class Refused(Exception):
    """What is asked for cannot be had as it is asked; the text names the option."""

    def __init__(self, option, text):
        super().__init__("%s: %s" % (option, text))
        self.option, self.text = option, text


def sentence(e):
    """An exception as a user can read it."""
    if isinstance(e, OSError) and e.strerror:
        return e.strerror
    known = isinstance(e, (Refused, OSError, KeyboardInterrupt))
    return "%s" % e if known else "%s: %s" % (type(e).__name__, e)


@dataclass(frozen=True)
class Secret:
    """A key; of its own pair a link tells the public one."""

    text: str = field(default="", repr=False)
    public: Optional[str] = aside(default=None)


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
    natives: Tuple[Any, ...] = aside(default=())  # tunnels that the kernel makes with it

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
    link: Optional[Ref] = None  # the name is empty for a tunnel whose outer packets leave by any link of that namespace
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
        home, name = self.link or ("", "")
        below = [("link", home, name)] if name else []
        return of_netns(self) + ([("netns", home)] if home not in ("", self.netns) else []) + below


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
class WireguardPeer:
    """The other end of a WireGuard tunnel: wg(8)."""

    netns: str
    dev: str
    public_key: str
    preshared_key: Optional[Secret] = None
    endpoint: Optional[str] = None
    allowed_ips: Optional[Tuple[str, ...]] = None
    persistent_keepalive: Optional[int] = None

    @property
    def key(self):
        return ("wireguard_peer", self.netns, self.dev, self.public_key)

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
class Rule:
    """A routing rule: ip-rule(8). What it matches is empty where it matches all."""

    netns: str
    family: str  # inet or inet6
    priority: Optional[int] = None
    from_: Optional[str] = None
    to: Optional[str] = None
    iif: Optional[str] = None
    oif: Optional[str] = None
    fwmark: Optional[str] = None
    ipproto: Optional[str] = None
    sport: Optional[str] = None
    dport: Optional[str] = None
    type: Optional[str] = None
    table: Optional[int] = None
    suppress_prefixlength: Optional[int] = None
    proto: Optional[str] = aside(default=None)  # "kernel" where the kernel made it by itself

    @property
    def key(self):
        # The kernel keeps several that differ in anything at all.
        return ("rule",) + tuple(getattr(self, name) for name in compared(Rule))

    @property
    def matches(self):
        return self.key[1:-3]

    def requires(self):
        return of_netns(self)


@dataclass(frozen=True)
class PortVlans:
    """The VLANs of a port of a bridge, or of a bridge itself: bridge-vlan(8)."""

    netns: str
    dev: str
    vlans: Tuple[Tuple[int, Optional[bool]], ...] = ()  # (VLAN, whether its frames leave untagged)
    pvid: Optional[int] = None  # 0: none
    without: frozenset = aside(default=frozenset())  # of a wish: those that are to go
    exact: bool = aside(default=False)  # of a wish: all others are to go
    own: bool = aside(default=False)  # of a bridge itself

    @property
    def key(self):
        return ("vlans", self.netns, self.dev)

    def requires(self):
        return [("link", self.netns, self.dev)]


@dataclass(frozen=True)
class Neighbour:
    """What is known of a neighbour for good: ip-neighbour(8)."""

    netns: str
    dev: str
    address: str
    lladdr: Optional[str] = None
    router: Optional[bool] = None
    proxy: bool = False

    @property
    def key(self):
        return ("neighbour", self.netns, self.dev, self.address, self.proxy)

    def requires(self):
        return [("link", self.netns, self.dev)]


@dataclass(frozen=True)
class FdbEntry:
    """Where frames to a MAC address go: bridge-fdb(8)."""

    netns: str
    dev: str
    lladdr: str
    vlan: Optional[int] = 0
    self_: bool = False  # an entry of the link itself, a vxlan, not of the bridge of which it is a port
    local: Optional[bool] = None
    dst: Optional[str] = None
    vni: Optional[int] = None
    proto: Optional[str] = aside(default=None)  # "kernel" where the kernel made it by itself

    @property
    def several(self):
        """Whether there can be more of it, each with another destination."""
        return self.self_ and (bool(int(self.lladdr[:2], 16) & 1) or self.lladdr == "00:00:00:00:00:00")

    @property
    def key(self):
        return ("fdb", self.netns, self.dev, self.lladdr, self.vlan, self.self_, self.dst if self.several else "")

    def requires(self):
        return [("link", self.netns, self.dev)]


@dataclass(frozen=True)
class MdbEntry:
    """A multicast group that a port gets: bridge-mdb(8)."""

    netns: str
    dev: str
    port: str
    grp: str
    vid: Optional[int] = 0

    @property
    def key(self):
        return ("mdb", self.netns, self.dev, self.port, self.grp, self.vid)

    def requires(self):
        return [("link", self.netns, self.dev), ("link", self.netns, self.port)]


@dataclass(frozen=True)
class Impairment:
    """The queueing discipline by which a link sends late, little, or not at all: tc-netem(8), tc-tbf(8)."""

    netns: str
    dev: str
    delay: Optional[float] = None  # ms
    jitter: Optional[float] = None  # ms
    correlation: Optional[float] = None  # %, as are the next
    loss: Optional[float] = None
    duplicate: Optional[float] = None
    reorder: Optional[float] = None
    corrupt: Optional[float] = None
    rate: Optional[int] = None  # bit/s
    limit: Optional[int] = None  # packets
    foreign: Optional[str] = aside(default=None)  # the name of one that is not ours

    @property
    def key(self):
        return ("impairment", self.netns, self.dev)

    @property
    def discipline(self):
        """A rate alone needs no netem, which not every kernel has."""
        others = [self.delay, self.jitter, self.loss, self.duplicate, self.reorder, self.corrupt]
        return "tbf" if self.rate and not any(others) and self.limit == 1000 else "netem"

    @property
    def burst(self):
        """What tbf lets pass at once: 10 ms, and some packets, in bytes."""
        return max(self.rate // 800, 10000)

    def requires(self):
        return [("link", self.netns, self.dev)]


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
        return nat_place(self)


@dataclass(frozen=True)
class PortForward:
    """A rule that sends what comes to a port of the router to a host behind it."""

    netns: str
    name: str
    family: str
    backend: Optional[str] = None
    protocol: Optional[str] = None
    dport: Optional[str] = None
    to: Optional[str] = None
    to_port: Optional[int] = None  # 0 leaves it as it is
    in_interface: Optional[str] = None
    destination: Optional[str] = None
    source: Optional[str] = None

    @property
    def key(self):
        return ("port_forward", self.netns, self.family, self.name)

    def requires(self):
        return nat_place(self)


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
        made = [json.dumps({"resource": type(r).__name__, **pairs}) for r, pairs in zip(self.made, stated)]
        return '{"topology": %s, "made": [%s\n]}\n' % (json.dumps(self.name), ",".join("\n  " + line for line in made))

    @classmethod
    def read(cls, text):
        found = json.loads(text)
        made = [{k: tuple(v) if isinstance(v, list) else v for k, v in r.items()} for r in found["made"]]
        return cls(found["topology"], tuple(globals()[r.pop("resource")](**r) for r in made))

    def requires(self):
        return []


@dataclass(frozen=True)
class Pending:
    """What waits for a confirmation, or has been put back because there was none."""

    name: str
    undone: str = ""  # what has become of what it would confirm
    netns = ""

    @property
    def key(self):
        return ("pending", self.name)

    @property
    def path(self):
        return "%s/%s.confirm" % (RUN_DIR, self.name)

    def requires(self):
        return []


@dataclass(frozen=True)
class Boot:
    """What makes a topology anew after each boot: a script, and a unit of systemd.unit(5) that runs it."""

    name: str
    commands: Tuple[str, ...] = ()
    netns = ""

    @property
    def key(self):
        return ("boot", self.name)

    @property
    def script(self):
        return "/etc/virtnet/%s.sh" % self.name

    @property
    def unit(self):
        return "virtnet-%s.service" % self.name

    @property
    def files(self):
        """Path to text."""
        unit = "[Unit]\nDescription=Virtual network %s\nAfter=network.target\n\n[Service]\nType=oneshot\n" % self.name
        unit += "RemainAfterExit=yes\nExecStart=/bin/sh %s\n\n[Install]\nWantedBy=multi-user.target\n" % self.script
        return {
            self.script: "\n".join((BOOT_HEAD, *self.commands)) + "\n",
            "%s/%s" % (UNITS, self.unit): unit,
        }

    @property
    def wanted_by(self):
        return "%s/multi-user.target.wants/%s" % (UNITS, self.unit)

    def requires(self):
        return []


# What tells these from others of their sort, and a link from another kind of link.
TELLS = {
    Netns: ("name",),
    Link: ("netns", "name", "kind"),
    Address: ("netns", "dev", "address", "peer"),
    Route: ("netns", "dest", "table", "metric"),
    Masquerade: ("netns", "name", "family"),
    PortForward: ("netns", "name", "family"),
    PortVlans: ("netns", "dev"),
    Impairment: ("netns", "dev"),
    Neighbour: ("netns", "dev", "address", "proxy"),
    FdbEntry: ("netns", "dev", "lladdr", "vlan", "self_", "dst"),
    WireguardPeer: ("netns", "dev", "public_key"),
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


ORDER = (
    "netns link altname wireguard_peer vlans address impairment neighbour fdb mdb sysctl route rule sysctl_file"
    " nat_table masquerade port_forward topology boot pending"
)
RANK = {kind: rank for rank, kind in enumerate(ORDER.split())}
ON_PORTS = (PortVlans, FdbEntry, MdbEntry)  # what goes when a port leaves its bridge
PAIRS = {"attrs", "port", "lines"}  # fields of names with values
NAT_RULES = (Masquerade, PortForward)
RARE = (Rule, PortVlans, Neighbour, FdbEntry, MdbEntry, Impairment)  # read only where a task can touch them


def of_netns(resource):
    """The namespace that a resource needs; the module's own is always there."""
    return [("netns", resource.netns)] if resource.netns else []


def nat_place(rule):
    """What a rule of NAT needs: with nftables the table of its family."""
    return of_netns(rule) if rule.backend == "iptables" else [("nat_table", rule.netns, rule.family)]


def order(resource):
    """What comes first among equals; ip_forward resets the values of each link, so it precedes them."""
    if isinstance(resource, Sysctl):
        return (RANK["sysctl"], resource.netns, resource.dev not in HOST_WIDE, str(resource.key))
    # An on-link route makes the gateway of the next one reachable.
    far = isinstance(resource, Route) and any(hop.via for hop in resource.hops or ())
    return (RANK[resource.key[0]], resource.netns, far, str(resource.key))


def made_by_kernel(resource):
    """What nobody asked for: it is read, never planned away, never put back."""
    return isinstance(resource, (Address, Route, Rule, FdbEntry)) and resource.proto in ("kernel", "ra", "redirect")


def fits(resource, pattern):
    return type(resource) is type(pattern) and overlay(resource, pattern) == resource


def overlay(have, want):
    """`have` with every field that `want` states (None says nothing)."""
    given = want.__dict__
    stated = {name: given[name] for name in compared(type(want)) if given[name] is not None}
    for pairs in PAIRS & set(stated) if not isinstance(want, MdbEntry) else ():
        stated[pairs] = merged(getattr(have, pairs), stated[pairs])
    if "hops" in stated and have.hops and len(have.hops) == len(want.hops):
        stated["hops"] = tuple(
            replace(w, dev=w.dev or h.dev) if w.via == h.via else w for w, h in zip(want.hops, have.hops)
        )
    return replace(have, **stated)


def vlan_steps(before, after):
    """The (verb, first, last, untagged, pvid) that lead from some VLANs to others, a range where they are alike."""
    had = {} if before is None else {vid: (untagged, vid == before.pvid) for vid, untagged in before.vlans}
    has = {} if after is None else {vid: (untagged, vid == after.pvid) for vid, untagged in after.vlans}
    if after is not None and after.pvid:
        # The kernel takes that from the one that had it.
        had = {
            vid: (untagged, False) if vid != after.pvid else (untagged, pvid) for vid, (untagged, pvid) in had.items()
        }
    news = [("add", vid, *how) for vid, how in sorted(has.items()) if had.get(vid) != how]
    news += [("delete", vid, False, False) for vid in sorted(had) if vid not in has]
    out = []
    for verb, vid, untagged, pvid in news:
        if out and out[-1][2] == vid - 1 and (out[-1][0], *out[-1][3:]) == (verb, untagged, pvid) and not pvid:
            vid, first = out.pop()[1], vid
            out.append((verb, vid, first, untagged, pvid))
        else:
            out.append((verb, vid, vid, untagged, pvid))
    return out


def loses_endpoint(change):
    """Whether a peer is to be made anew: the kernel forgets no endpoint."""
    return bool(change.before and change.after and change.before.endpoint and change.after.endpoint == "")


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
    allow: frozenset = frozenset()  # of recreate, take_over and the like, each alone or with the key of the link
    returns: Tuple[Tuple[str, Any], ...] = ()  # (name, key, list of keys, or pattern): what the task gives back
    dropped: Tuple[Any, ...] = ()  # what a topology made and does not want any more
    persistent: Optional[bool] = None  # whether it comes back after a boot
    controller: str = ""  # the address of this host by which it is told

    def __iter__(self):
        return iter(self.wanted + self.unwanted + self.dropped)


class State:
    """Resources by key, and what stands on what."""

    def __init__(self, resources=()):
        self.items, self.children, self.ports, self.places = {}, defaultdict(set), defaultdict(set), defaultdict(dict)
        self.sources = defaultdict(set)  # the routes from an address
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
        for name in ("children", "ports", "places", "sources"):
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
        if getattr(resource, "src", None):
            self.sources[resource.netns, resource.src].add(resource.key)

    def pop(self, key):
        resource = self.items.pop(key, None)
        if resource is not None:
            self.places[key[0], resource.netns].pop(key)
            for parent in resource.requires():
                self.children[parent].discard(key)
            if getattr(resource, "master", None):
                self.ports[("link", resource.netns, resource.master)].discard(key)
            if getattr(resource, "src", None):
                self.sources[resource.netns, resource.src].discard(key)
        return resource

    def within(self, netns, *sorts):
        """The resources of these sorts in a namespace."""
        return [r for sort in sorts for r in self.places[sort, netns].values()]

    def routes_from(self, address):
        """The routes that have an address for their source."""
        return [self.items[key] for key in self.sources.get((address.netns, address.address.split("/")[0]), ())]

    def on(self, key):
        """The resources that stand on this one, nearest first."""
        found = self.children.get(key, ())
        return [self.items[k] for k in (sorted(found, key=str) if len(found) > 1 else found)]
