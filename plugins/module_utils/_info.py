# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of links, in the words of the modules' options."""

from __future__ import annotations

from ._kinds import kind_of, port_kind
from ._model import Address, AltName, Refused, WireguardPeer, made_by_kernel
from ._options import OPTIONS, mac, modes, netns_name, unique
from ._planner import FALLBACK

SPEC = {option: dict(type="list", elements="str") for option in ("netns", "name", "kind")}


def sought(p):
    """The network namespaces to be read, None for all, and a question: whether a link is asked for."""
    spaces = p["netns"] and unique("netns", [netns_name("netns", name) for name in p["netns"]])

    def asked(state, link):
        names = {link.name, *altnames(state, link)}
        return (
            (spaces is None or link.netns in spaces)
            and (p["name"] is None or names & set(p["name"]))
            and (p["kind"] is None or link.kind in p["kind"])
        )

    return spaces, asked


def altnames(state, link):
    return [r.name for r in state.on(link.key) if isinstance(r, AltName)]


def as_task(state, link):
    """The module that a link is for, and its options as the link has them."""
    kind = kind_of(link)
    name = kind.module or kind.name or "link"
    spec, rules, dummy = OPTIONS[name]
    options = as_options(state, link, spec)
    needed = [(all if rule[3:] != (True,) else any, rule[2]) for rule in map(tuple, rules.get("required_if", ()))]
    needed.append((all, ["peer"] * kind.paired))
    if name == "link" or link.name in FALLBACK or not all(how(o in options for o in some) for how, some in needed):
        return "link", as_options(state, link, OPTIONS["link"][0])
    return name, options


def as_options(state, link, spec):
    """Those of a link's fields and attributes that a module has options for."""
    kind, peer = kind_of(link), state.links(link.peer) if link.peer else None
    found = {name: getattr(link, name) for name in ("netns", "name", "up", "mtu", "master", "alias", "txqueuelen")}
    found.update(dict(address=own_mac(link), addresses=plain_addresses(state, link), altnames=altnames(state, link)))
    found.update({attr.name: attr.shown(dict(link.attrs)[attr.name]) for attr in kind.attrs})
    if link.link and state.links(link.link):
        found.update(link=link.link[1], link_netns=link.link[0])
    if peer:
        found["peer"] = as_options(state, peer, spec["peer"]["options"]) if "peer" in spec else None
    if "ports" in spec:
        ports = sorted((state.get(key) for key in state.ports[link.key]), key=lambda port: port.index)
        found["ports"] = [as_port(state, port, spec["ports"]["options"]) for port in ports]
    if "peers" in spec:
        near = [r for r in state.on(link.key) if isinstance(r, WireguardPeer)]
        found["peers"] = [as_peer(peer, spec["peers"]["options"]) for peer in near]
    found["tap"] = kind.tap
    if modes(kind.maker):
        found["mode"] = kind.name
    return {option: value for option, value in found.items() if option in spec and value is not None}


def as_port(state, port, spec):
    shown = {attr.name: attr.shown for attr in port_kind(state, port).port}
    return dict(
        {option: shown[option](value) for option, value in port.port if option in spec and value is not None},
        name=port.name,
    )


def as_peer(peer, spec):
    """What a peer is, but for the key that it shares with us."""
    found = {option: getattr(peer, option) for option in spec if option != "preshared_key"}
    found["allowed_ips"] = list(found["allowed_ips"] or ())
    return {option: value for option, value in found.items() if value != ""}


def own_mac(link):
    """The MAC address, where it is one that a link can be given."""
    try:
        return mac("address", link.address)
    except Refused:
        return None


def plain_addresses(state, link):
    """The addresses that are no more than that, and not made by the kernel itself."""
    found = [r for r in state.on(link.key) if isinstance(r, Address)]
    return [r.address for r in found if not r.peer and not made_by_kernel(r)]
