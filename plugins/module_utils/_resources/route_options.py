# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the module route, and what they stand for."""

from __future__ import annotations

from .._core.options import NETNS, STATE, specs, these
from .._core.rows import parsed
from .._core.values import Refused, replace
from .._core.words import host, link_name, netns_name, network, unique, within
from .route import DEFAULT, Route, table
from .route_rows import NOWHERE, Hop

HOP = dict(via=dict(type="str"), dev=dict(type="str"), onlink=dict(type="bool"))
SPEC = dict(
    STATE,
    **NETNS,
    dest=dict(type="list", elements="str", required=True),
    **HOP,
    multipath=dict(type="list", elements="dict", options=dict(HOP, weight=dict(type="int", default=1))),
    family=dict(type="str", choices=["inet", "inet6"]),
    table=dict(type="str"),
    vrf=dict(type="str"),
    **specs((Route.TYPE, *Route.rows)),
)
ALONE = [("multipath", option) for option in HOP] + [("nhid", option) for option in (*HOP, "multipath")]
RULES = dict(mutually_exclusive=[*ALONE, ("vrf", "table")])


def desired(p, host_):
    netns = netns_name("netns", p["netns"])
    several = [hop_of("multipath.", hop) for hop in p["multipath"] or ()]
    one = hop_of("", dict(p, weight=1))
    hops = several or ([one] if one.via or one.dev else [])
    if len(unique("multipath", several)) == 1:
        raise Refused("multipath", "one next hop is no multipath; say via and dev")
    if p["state"] == "present":
        goes = bool(hops) or p["nhid"] is not None
        if p["type"] in NOWHERE and goes:
            raise Refused("type", "a %s route has no via, dev or multipath" % p["type"])
        if p["type"] not in NOWHERE and not goes:
            raise Refused("via", "say via, dev or multipath")
    routes = [route_of(p, netns, dest, tuple(hops)) for dest in p["dest"]]
    unique("dest", [route.dest for route in routes])
    return replace(these(p, "routes", routes), returns=(("routes", routes),))


def hop_of(prefix, p):
    dev = p["dev"] and link_name(prefix + "dev", p["dev"])
    return Hop(host(prefix + "via", p["via"]), dev, within(prefix + "weight", p["weight"], 1, 256), bool(p["onlink"]))


def route_of(p, netns, dest, hops):
    given = dict(parsed((Route.TYPE, *Route.rows), p))
    if "from" in given:
        given["from_"] = network("from", given.pop("from"))
    six = p["family"] == "inet6" or any(":" in hop.via for hop in hops if hop.via) or ":" in given.get("from_", "")
    dest = DEFAULT[six] if dest == "default" else network("dest", dest)
    check(p, given, dest, hops)
    if ":" in dest and given.get("metric") == 0:
        given["metric"] = Route(netns, dest).default_metric  # for which the kernel takes it
    vrf = p["vrf"] and link_name("vrf", p["vrf"])
    number = None if vrf else table("table", "main" if p["table"] is None else p["table"])
    route = Route(netns, dest, number, hops=hops or None, vrf=vrf, **given)
    if p["state"] == "present":
        fresh = dict(metric=route.default_metric, type="unicast", tos=0, from_="", nhid=0)
        fresh.update(dict(hops=()) if route.nhid else {})
        return replace(route, **{name: value for name, value in fresh.items() if getattr(route, name) is None})
    return route


def check(p, given, dest, hops):
    """Refuse what mixes IPv4 and IPv6, or is for one of them alone."""
    if p["family"] and (":" in dest) != (p["family"] == "inet6"):
        raise Refused("family", "%s is not of the family %s" % (dest, p["family"]))
    if ":" in dest and any(hop.via and ":" not in hop.via for hop in hops):
        raise Refused("via", "%s has an IPv4 next hop" % dest)
    for option in ("src", "from_"):
        text = given.get(option)
        if text and (":" in text) != (":" in dest):
            raise Refused(option.rstrip("_"), "%s and %s are of different families" % (text, dest))
    for option in ("from_", "pref") if ":" not in dest else ("tos",):
        if given.get(option):
            raise Refused(option.rstrip("_"), "IPv%d routes have none" % (4 if ":" not in dest else 6))
    if given.get("mtu_lock") and not given.get("mtu"):
        raise Refused("mtu_lock", "it is for mtu")


def module(name):
    return SPEC, RULES, desired
