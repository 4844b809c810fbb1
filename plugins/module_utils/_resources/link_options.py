# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the modules that make links, and what they stand for. They follow from the rows of the kinds."""

from __future__ import annotations

import re
from functools import partial

from .. import _rooms
from .._core.desired import Desired
from .._core.options import EXCLUSIVE, NAME, NETNS, STATE, specs, strangers
from .._core.rows import parsed
from .._core.values import Refused, replace
from .._core.words import interface, link_name, netns_name, unique
from .._kinds.base import kind_named
from .address import Address, lasting
from .link import AltName, Link

END = dict(up=dict(type="bool"), **specs(Link.ROWS), addresses=dict(type="list", elements="str"))
NEW_END = dict(END, up=dict(type="bool", default=True))
ALLOW = {word: dict(type="bool", default=False) for word in ("take_over", "take_over_addresses")}
RECREATE = dict(recreate=dict(type="bool", default=False))
ALTNAMES = dict(altnames=dict(type="list", elements="str"))
# An option that stands for two.
BOTH = {"key": ("ikey", "okey"), "csum": ("icsum", "ocsum"), "seq": ("iseq", "oseq")}


def makes(name):
    """The kinds of link that a module makes."""
    own = [_rooms.KIND_ROOMS[name]] if name in _rooms.KIND_ROOMS else ()
    rooms = _rooms.LINK_MODULES.get(name, own)
    loaded = [_rooms.load("_kinds", room) for room in rooms]
    return [kind for room in loaded for kind in room.KINDS if kind.maker == name]


def modes(name):
    """The names of the kinds of a module that makes several."""
    return [kind.name for kind in makes(name) if not kind.is_tap()][1:] and [kind.name for kind in makes(name)]


def end_of(p, kind, prefix="", **more):
    """The link and its addresses that the options of one end ask for."""
    netns, name = netns_name(prefix + "netns", p.get("netns")), link_name(prefix + "name", p["name"])
    link = Link(
        netns,
        name,
        kind,
        up=p["up"],
        attrs=parsed(kind_named(kind).attrs if kind else (), p, prefix),
        option=prefix + "name",
        **dict(parsed(Link.ROWS, p, prefix)),
        **more,
    )
    if link.master == name:
        raise Refused(prefix + "master", "%s cannot be its own master" % name)
    addresses = unique(prefix + "addresses", [interface(prefix + "addresses", a) for a in p["addresses"] or ()])
    return link, [lasting(Address(netns, name, a)) for a in addresses]


def one_link(p, link, addresses):
    """What is desired of a link with what is on it."""
    others = unique("altnames", list(p.get("altnames") or ()))
    for name in others:
        if not 0 < len(name.encode()) <= 127 or re.search(r"[\s/:]", name):
            raise Refused("altnames", "%r is no alternative name: 1 to 127 bytes, no '/', ':' or white space" % name)
    altnames = [AltName(link.netns, link.name, name) for name in others]
    sweep = strangers(p, Address, *link.ref, "addresses")
    sweep += strangers(p, AltName, *link.ref, "altnames") if "altnames" in p else ()
    allow = frozenset(name for name in (*ALLOW, *RECREATE) if p.get(name))
    return Desired((link, *altnames, *addresses), (), sweep, allow, (("link", link.key),))


def gone(p, kind=None, peer=None):
    link, dummy = end_of(p, kind)
    returns = (("link", link.key),) + ((("peer", ("link", *peer)),) if peer else ())
    allow = frozenset(name for name in ALLOW if p.get(name))
    return Desired(absent=(Link(link.netns, link.name, kind, peer=peer),), allow=allow, returns=returns)


def from_netns(p):
    """Where a link may be that is to be in another namespace."""
    if p.get("from_netns") is None:
        return None
    return netns_name("from_netns", p["from_netns"]), link_name("name", p["name"])


def link_desired(p, host_):
    if p["state"] == "absent":
        return gone(p)
    return one_link(p, *end_of(p, None, taken_from=from_netns(p)))


def pair_desired(kind, p, host_):
    """Both ends of a pair."""
    far = p["peer"]
    if far is None and p["state"] == "present":
        raise Refused("peer", "a %s pair needs the name of its other end" % kind)
    link, addresses = end_of(p, kind)
    if far is None:
        return gone(p, kind)
    peer, more = end_of(far, kind, "peer.", peer=link.ref)
    if peer.ref == link.ref:
        raise Refused("peer", "both ends are called %s in the same network namespace" % link.name)
    if p["state"] == "absent":
        return gone(p, kind, peer.ref)
    it = one_link(p, replace(link, peer=peer.ref), addresses)
    sweep = strangers(dict(far, exclusive=p["exclusive"]), Address, *peer.ref, "addresses")
    present = (it.present[0], peer, *it.present[1:], *more)
    returns = (*it.returns, ("peer", peer.key))
    return replace(it, present=present, exclusive=it.exclusive + sweep, returns=returns)


def made_desired(name, p, host_):
    """A link of a kind that a module makes, on its lower link if it has one."""
    kinds = makes(name)
    kind = next((k for k in kinds if k.is_tap() == p.get("tap", k.is_tap())), kinds[0])
    if modes(name):
        kind = kind_named(p["mode"] or kind.name)
    p = dict(p, **{one: p[word] for word, two in BOTH.items() if p.get(word) is not None for one in two})
    for option in every_row(name):
        if p[option] is not None and option not in [row.name for row in kind.attrs]:
            raise Refused(option, "a link of kind %s has none" % kind.name)
    netns, lower = netns_name("netns", p["netns"]), None
    if p.get("link") is not None or p.get("link_netns") is not None:
        home = netns if p["link_netns"] is None else netns_name("link_netns", p["link_netns"])
        lower = (home, p.get("link") and link_name("link", p["link"]))
    link, addresses = end_of(p, kind.name, link=lower, taken_from=from_netns(p))
    if p["state"] == "absent":
        return gone(p, kind.name)
    if lower == link.ref:
        raise Refused("link", "%s cannot stand on itself" % link.name)
    return one_link(p, link, addresses)


def ports_desired(kind, p, host_):
    """A link with ports."""
    link, addresses = end_of(p, kind)
    if p["state"] == "absent":
        return gone(p, kind)
    names = unique("ports", [link_name("ports", port["name"]) for port in p["ports"] or ()])
    if link.name in names:
        raise Refused("ports", "%s cannot be its own port" % link.name)
    ports = tuple(
        Link(
            link.netns,
            port["name"],
            master=link.name,
            port=parsed(kind_named(kind).port, port, "ports."),
            slave_kind=kind,
            option="ports",
        )
        for port in p["ports"] or ()
    )
    it = one_link(p, link, addresses)
    sweep = ((Link, (("netns", link.netns), ("master", link.name))),) if p["exclusive_ports"] else ()
    return replace(it, present=(link, *ports, *it.present[1:]), exclusive=it.exclusive + sweep)


def every_row(name):
    """The options of all kinds of a module; the choices of an option are those of all."""
    found = {}
    for row in [row for kind in makes(name) for row in kind.attrs]:
        old, new = found.get(row.name, {}), row.spec()
        choices = [word for word in new.get("choices", ()) if word not in old.get("choices", ())]
        found[row.name] = dict(new, choices=old.get("choices", []) + choices) if "choices" in new else new
    return found


def options(name, **more):
    """The options of a module that makes links."""
    return dict(NAME, **STATE, **NETNS, **NEW_END, **ALLOW, **RECREATE, **EXCLUSIVE, **every_row(name), **more)


def made(name):
    """A module of one link: its options, their rules, and what they stand for."""
    kind, more, rules = makes(name)[0], dict(ALTNAMES), {}
    required = [row.name for row in kind.attrs if row.required is True]
    either = [("state", "present", [r.name, r.required], True) for r in kind.attrs if r.required not in (True, False)]
    if kind.stacked or kind.underlay:
        more.update(link_netns=dict(type="str"), link=dict(type="str"))
        required += ["link"] if kind.stacked else []
    elif not kind.netns_local():
        more["from_netns"] = dict(type="str")
    if any(other.is_tap() for other in makes(name)):
        more["tap"] = dict(type="bool", default=False)
    if modes(name):
        more["mode"] = dict(type="str", choices=modes(name))
        required.append("mode")
    rows = every_row(name)
    both = {word: two for word, two in BOTH.items() if two[0] in rows}
    more.update({word: rows[two[0]] for word, two in both.items()})
    rules["mutually_exclusive"] = [(word, one) for word, two in both.items() for one in two]
    if required or either:
        rules["required_if"] = ([("state", "present", required)] if required else []) + either
    return options(name, **more), rules, partial(made_desired, name)


def with_ports(name):
    """A module of a link with ports."""
    (kind,) = makes(name)
    port = dict(NAME, **specs(kind.port))
    more = dict(ports=dict(type="list", elements="dict", options=port))
    more.update(exclusive_ports=dict(type="bool", default=False), **ALTNAMES)
    return options(name, **more), {}, partial(ports_desired, kind.name)


def of_pair(name):
    """A module of both ends of a pair."""
    peer = dict(type="dict", options=dict(NAME, **NETNS, **NEW_END))
    return options(name, peer=peer), {}, partial(pair_desired, name)


def of_any():
    """The module of links that are there."""
    spec = dict(NAME, **STATE, **NETNS, **END, **ALLOW, **ALTNAMES, **EXCLUSIVE, from_netns=dict(type="str"))
    return spec, {}, link_desired


def module(name):
    """The options of a module of links, their rules, and what they stand for."""
    if name == "link":
        return of_any()
    kind = makes(name)[0]
    if kind.is_pair():
        return of_pair(name)
    return with_ports(name) if kind.accepts_ports() == "frames" else made(name)
