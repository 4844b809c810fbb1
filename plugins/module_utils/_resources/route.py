# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes: ip-route(8)."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Optional, Tuple

from .._core.desired import Change
from .._core.options import NETNS, STATE, specs, these
from .._core.resource import Resource, of_netns
from .._core.rows import Row, Word, parsed
from .._core.values import Refused, Value, replace
from .._core.words import family_of, host, ip, link_name, netns_name, network, unique, within

MAIN = 254
DEFAULT = ("0.0.0.0/0", "::/0")
TABLES = {"main": MAIN, "default": 253}
SCOPES = {"global": 0, "link": 253, "host": 254}
TYPES = {"unicast": 1, "blackhole": 6, "unreachable": 7, "prohibit": 8, "throw": 9}
PROTOS = {
    "unspec": 0,
    "redirect": 1,
    "kernel": 2,
    "boot": 3,
    "static": 4,
    "ra": 9,
    "dhcp": 16,
    "bgp": 186,
    "ospf": 188,
}


class Hop(Value):
    """A way that a route takes."""

    via: Optional[str] = None
    dev: Optional[str] = None
    weight: int = 1
    onlink: bool = False

    def ip_args(self):
        # Without the family ip(8) would take an IPv6 gateway for one of the destination's family.
        out = ["via", self.via] if self.via else []
        out += ["dev", self.dev] if self.dev else []
        return out + ["onlink"] * self.onlink


class Route(Resource):
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

    sort = "route"
    identity = ("netns", "dest", "table", "metric")
    METRIC = Row("metric", "RTA_PRIORITY=6:uint32", "int", range(2**32))
    TYPE = Word("type", "type", "str", TYPES, "unicast")
    # What it is not known by, in the order of ip(8)'s words.
    ROWS = (
        Row("proto", "proto", "str", PROTOS),
        Row("scope", "scope", "str", SCOPES, "global"),
        Row("src", "RTA_PREFSRC=7:ip", "str", default=""),
    )
    METRICS = (Row("mtu", "RTAX_MTU=2:uint32", "int", range(2**32), 0),)

    @property
    def key(self):
        # The kernel keeps one connected route a link, all with the same metric.
        own = self.hops[0].dev if self.proto == "kernel" and self.hops else ""
        return ("route", self.netns, self.dest, self.table, self.metric, own)

    @property
    def family(self):
        return family_of(self.dest)

    @property
    def default_metric(self):
        return 1024 if ":" in self.dest else 0

    @property
    def made_by_kernel(self):
        return self.proto in ("kernel", "ra", "redirect")

    def requires(self):
        devs = {hop.dev for hop in self.hops or () if hop.dev}
        return [("link", self.netns, dev) for dev in sorted(devs)] or of_netns(self.netns)

    def order(self):
        # An on-link route makes the gateway of the next one reachable.
        rank, netns, dummy, key = super().order()
        return (rank, netns, any(hop.via for hop in self.hops or ()), key)

    def overlay(self, want):
        after = super().overlay(want)
        if want.hops is not None and self.hops and len(self.hops) == len(want.hops):
            pairs = zip(want.hops, self.hops)
            hops = [replace(w, dev=w.dev or h.dev) if w.via == h.via else w for w, h in pairs]
            return replace(after, hops=tuple(hops))
        return after

    def plan(self, planner, have):
        if have is not None:
            super().plan(planner, have)
        elif not self.is_connected(planner.state):
            planner.step(Change(None, replace(self, proto=self.proto or "static")))

    def is_connected(self, state):
        """Whether the kernel's own route to a connected network is what is desired."""
        if not self.hops or len(self.hops) > 1 or self.hops[0].via:
            return False
        own = state.get(replace(self, proto="kernel").key)
        return own is not None and own.fits(replace(self, proto=None, hops=None))

    def find(self, state):
        near = state.within(self.netns, self.sort)
        return [r for r in near if not r.made_by_kernel and r.fits(self)]

    def accepted(self, state):
        """The kernel wants links that are up, with addresses, and a source of its own."""
        hops = self.hops or ()
        if any(hop.dev and not state.link((self.netns, hop.dev)).up for hop in hops):
            return False
        if ":" in self.dest:
            return all(self.is_near(state, hop) for hop in hops)
        addresses = [a for a in state.within(self.netns, "address") if ":" not in a.address]
        devs, own = {a.dev for a in addresses}, {a.ip for a in addresses}
        return all(hop.dev in devs for hop in hops) and (not self.src or self.src in own)

    def is_near(self, state, hop):
        """Whether an IPv6 gateway is on a link, as far as one can tell."""
        if not hop.via or not hop.dev or hop.onlink or hop.via.startswith("fe80:"):
            return True
        on = state.on(("link", self.netns, hop.dev))
        nets = [r.network for r in on if r.sort == "address"]
        nets += [ip_network(r.dest) for r in on if r.sort == self.sort and not any(h.via for h in r.hops)]
        return any(ip_address(hop.via) in net for net in nets)

    def survives(self, event):
        return not (event.down or (":" in self.dest and event.drops_ipv6))

    def renamed(self, old, new):
        hops = tuple(replace(hop, dev=new[1] if hop.dev == old[1] else hop.dev) for hop in self.hops or ())
        return replace(self, netns=new[0], hops=hops)

    def goes_back(self, back):
        return True

    def commands(self, change):
        verb, hops = "replace" if change.verb == "set" else change.verb, self.hops or ()
        words = [self.type] if self.type not in (None, "unicast") else []
        words.append("default" if self.dest in DEFAULT else self.dest)
        words += hops[0].ip_args() if len(hops) == 1 else []
        words += ["metric", str(self.metric)] if self.metric not in (None, self.default_metric) else []
        words += ["table", str(self.table)] if self.table != MAIN else []
        for row in self.ROWS + self.METRICS if verb != "delete" else ():
            value = getattr(self, row.name)
            words += row.ip_args(value, None) if value and value != row.default else []
        if len(hops) > 1 and verb != "delete":
            words += [word for hop in hops for word in ["nexthop", *hop.ip_args(), "weight", str(hop.weight)]]
        return [ip(self.netns, *["-6"] * (":" in self.dest), "route", verb, *words)]

    def plain(self):
        hops = [{k: v for k, v in hop.__dict__.items() if v} for hop in self.hops or ()]
        return dict(super().plain(), hops=hops)

    def as_entry(self):
        """It in the options of its module."""
        found = dict(dest=[self.dest], metric=self.metric, type=self.type, src=self.src, mtu=self.mtu)
        found["table"] = str(self.table) if self.table != MAIN else None
        found["scope"] = self.scope if self.scope != "global" else None
        hops = [
            {option: getattr(hop, option) for option in ("via", "dev", "onlink", "weight")} for hop in self.hops or ()
        ]
        hops = [{option: value for option, value in hop.items() if value} for hop in hops]
        if len(hops) > 1:
            found["multipath"] = hops
        else:
            found.update(*({option: value for option, value in hop.items() if option != "weight"} for hop in hops))
        return {option: value for option, value in found.items() if value or (option == "metric" and value is not None)}


HOP = dict(via=dict(type="str"), dev=dict(type="str"), onlink=dict(type="bool"))
SPEC = dict(
    STATE,
    **NETNS,
    dest=dict(type="list", elements="str", required=True),
    **HOP,
    multipath=dict(type="list", elements="dict", options=dict(HOP, weight=dict(type="int", default=1))),
    family=dict(type="str", choices=["inet", "inet6"]),
    table=dict(type="str", default="main"),
    **dict(
        specs((Route.METRIC, Route.TYPE, *Route.ROWS, *Route.METRICS)),
        proto=dict(type="str", choices=["static", "boot"]),
    ),
)
RULES = dict(mutually_exclusive=[("multipath", option) for option in HOP])


def desired(p, host_):
    netns = netns_name("netns", p["netns"])
    several = [hop_of("multipath.", hop) for hop in p["multipath"] or ()]
    one = hop_of("", dict(p, weight=1))
    hops = several or ([one] if one.via or one.dev else [])
    if len(unique("multipath", several)) == 1:
        raise Refused("multipath", "one next hop is no multipath; say via and dev")
    if p["state"] == "present" and bool(hops) == (p["type"] not in (None, "unicast")):
        if not hops:
            raise Refused("via", "say via, dev or multipath")
        raise Refused("type", "a %s route has no via, dev or multipath" % p["type"])
    routes = [route_of(p, netns, dest, tuple(hops)) for dest in p["dest"]]
    unique("dest", [route.dest for route in routes])
    return these(p, "routes", routes)


def hop_of(prefix, p):
    dev = p["dev"] and link_name(prefix + "dev", p["dev"])
    return Hop(host(prefix + "via", p["via"]), dev, within(prefix + "weight", p["weight"], 1, 256), bool(p["onlink"]))


def route_of(p, netns, dest, hops):
    six = p["family"] == "inet6" or (any(":" in hop.via for hop in hops if hop.via) and dest == "default")
    dest = DEFAULT[six] if dest == "default" else network("dest", dest)
    if p["family"] and (":" in dest) != (p["family"] == "inet6"):
        raise Refused("family", "%s is not of the family %s" % (dest, p["family"]))
    if ":" in dest and any(hop.via and ":" not in hop.via for hop in hops):
        raise Refused("via", "%s has an IPv4 next hop" % dest)
    given = dict(parsed((Route.METRIC, Route.TYPE, *Route.ROWS, *Route.METRICS), p))
    given["src"] = host("src", p["src"])
    if given["src"] and (":" in given["src"]) != (":" in dest):
        raise Refused("src", "%s and %s are of different families" % (given["src"], dest))
    route = Route(netns, dest, table("table", p["table"]), hops=hops or None, **given)
    if p["state"] == "present":
        metric = route.default_metric if route.metric is None else route.metric
        return replace(route, metric=metric, type=route.type or "unicast")
    return route


def table(option, text):
    number = TABLES.get(text, text)
    if not re.fullmatch("[0-9]+", str(number)) or not 0 < int(number) < 2**32 or int(number) == 255:
        raise Refused(option, "%r is no routing table: main, default, or a number but 255" % text)
    return int(number)


def module(name):
    return SPEC, RULES, desired
