# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of links and nodes, in the words of the modules' options."""

from __future__ import annotations

from collections import defaultdict
from functools import lru_cache, partial

from . import _rooms
from ._core.values import Refused
from ._core.words import is_utf8, mac, netns_name, unique
from ._kinds.base import kind_of, port_kind
from ._resources.address import FOREVER
from ._resources.link import FALLBACK, altnames
from ._resources.link_options import modes
from ._resources.sysctl import Sysctl

SPEC = {option: dict(type="list", elements="str") for option in ("netns", "name", "kind")}
# What of a node is told in the words of its modules, one entry each, and the sorts of these.
ENTRIES = {
    "nexthops": "nexthop",
    "routes": "route",
    "rules": "rule",
    "vlans": "vlans",
    "neighbours": "neighbour",
    "fdb": "fdb",
    "mdb": "mdb",
    "impairments": "impairment",
    "masquerade": "masquerade",
    "port_forwards": "port_forward",
}
NODES = dict(name=dict(type="str"), netns=dict(type="list", elements="str"))
module = lru_cache(maxsize=None)(_rooms.module)


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


def as_task(state, link):
    """The module that a link is for, and its options as the link has them."""
    kind = kind_of(link)
    name = kind.maker or "link"
    spec, rules, dummy = module(name)
    options = as_options(state, link, spec)
    needed = [(all if rule[3:] != (True,) else any, rule[2]) for rule in map(tuple, rules.get("required_if", ()))]
    needed.append((all, ["peer"] * kind.is_pair()))
    if name == "link" or link.name in FALLBACK or not all(how(o in options for o in some) for how, some in needed):
        return "link", as_options(state, link, module("link")[0])
    return name, options


def as_options(state, link, spec):
    """Those of a link's fields and attributes that a module has options for."""
    kind, peer = kind_of(link), state.link(link.peer) if link.peer else None
    peer = peer if is_named(state, peer) else None
    found = plain_fields(state, link)
    found.update(dict(address=own_mac(link), addresses=plain_addresses(state, link)))
    found.update(altnames=[name for name in altnames(state, link) if is_utf8(name)])
    found.update({row.name: row.shown(dict(link.attrs)[row.name]) for row in kind.attrs})
    if link.link and is_named(state, state.link(link.link)):
        found.update(link=link.link[1], link_netns=link.link[0])
    if peer:
        found["peer"] = as_options(state, peer, spec["peer"]["options"]) if "peer" in spec else None
    if "ports" in spec:
        ports = sorted(filter(partial(is_named, state), state.ports_of(link)), key=lambda port: port.index)
        found["ports"] = [as_port(state, port, spec["ports"]["options"]) for port in ports]
    if "peers" in spec:
        found["peers"] = [r.as_options() for r in state.on(link.key) if r.sort == "wireguard_peer"]
    found["tap"] = kind.is_tap()
    if modes(kind.maker):
        found["mode"] = kind.name
    return {option: value for option, value in found.items() if option in spec and value is not None}


def is_named(state, link):
    """Whether it is there, and options can say where and what it is."""
    return link is not None and link.is_told(state) and (not link.netns or is_netns_name(link.netns))


def is_netns_name(text):
    try:
        return is_utf8(text) and netns_name("netns", text) == text
    except Refused:
        return False


def plain_fields(state, link):
    """What it has whatever its kind; an alias or master that is no text cannot be given."""
    found = {name: getattr(link, name) for name in ("netns", "name", "up", *(row.name for row in link.ROWS))}
    odd = dict(alias=not is_utf8(link.alias or ""), master=link.master and not is_named(state, state.master_of(link)))
    return {name: None if odd.get(name) else value for name, value in found.items()}


def as_port(state, port, spec):
    rows = {row.name: row.shown for row in port_kind(state, port).port}
    found = {option: rows[option](value) for option, value in port.port if option in spec and value is not None}
    return dict(found, name=port.name)


def own_mac(link):
    """The MAC address, where it is one that a link can be given."""
    try:
        return mac("address", link.address)
    except Refused:
        return None


def addresses_on(state, link):
    """The addresses of a link that the kernel did not make by itself."""
    return [r for r in state.on(link.key) if r.sort == "address" and not r.made_by_kernel and r.is_told(state)]


def plain_addresses(state, link):
    """The addresses that a link can be given: for good, without a peer, and no groups."""
    return [r.address for r in addresses_on(state, link) if r.valid_lft == FOREVER and not (r.peer or r.autojoin)]


def far_end(state, ref):
    """Which link this is; of one in a namespace without a name only the index is known."""
    link = state.link(ref)
    if link is None and not ref[1]:
        return dict(netns=ref[0], name=None, index=None)
    if link is None:
        return dict(netns=None, name=None, index=int(ref[1]))
    return dict(netns=link.netns, name=link.name, index=link.index)


def describe(state, spaces, links, asked=lambda r: True):
    """These links as a description of nodes and what joins them, and who is connected to whom; of the rest what is
    asked for.
    """
    names = {netns: netns or ("host" if "host" not in spaces else "this host") for netns in spaces}
    known, by_home = {link.ref for link in links}, defaultdict(list)
    for link in links:
        by_home[link.netns].append(link)
    both = [(link, state.link(link.peer)) for link in links if link.peer in known]
    both = [pair for pair in both if pair[0].ref < pair[1].ref]
    # What a kind has of its own stands with a link of a node, which names its peer.
    pairs = [pair for pair in both if not kind_of(pair[0]).attrs]
    paired = {peer.ref for dummy, peer in both} | {link.ref for link, dummy in pairs}
    connections = [
        dict(
            kind=kind,
            ends=[dict(found, node=names.get(found["netns"])) for found in map(partial(far_end, state), ends)],
        )
        for kind, ends in joined(links)
    ]
    return dict(
        nodes=[as_node(state, name, netns, by_home[netns], paired, asked) for netns, name in names.items()],
        links=[dict(endpoints=[as_endpoint(state, link, names[link.netns]) for link in pair]) for pair in pairs],
        connections=connections,
    )


def joined(links):
    """Veth pairs, ports and their masters, links and what they stand on; a tunnel may leave by any link."""
    out = {}
    for link in links:
        for kind, ref in (
            (link.kind if kind_of(link).is_pair() else "veth", link.peer),
            ("port", link.master and (link.netns, link.master)),
            ("link", link.link),
        ):
            if ref and ref[1]:
                out.setdefault((kind, frozenset((link.ref, ref))), (kind, (link.ref, ref)))
    return list(out.values())


def as_node(state, name, netns, links, paired, asked):
    """A network namespace as a node of a description, with these links of it, but for the pairs."""
    lo = state.link((netns, "lo"))
    node = dict(name=name, netns=netns, loopback=bool(lo and lo.up), links=[], addresses=[], routes=[])
    for link in links:
        found = addresses_on(state, link)
        node["addresses"] += [r.as_entry() for r in found if r.needs_more()]
        if link.ref not in paired and (link.name not in FALLBACK or not all(r.needs_more() for r in found)):
            node["links"].append(as_link(state, link))
    devs = {link.name for link in links}
    for part, sort in ENTRIES.items():
        found = [r for r in state.within(netns, sort) if not r.made_by_kernel and asked(r) and is_told(state, r, devs)]
        found = found if sort == "route" else sorted(found, key=lambda r: tuple(map(str, r.key)))
        node[part] = [r.as_entry() for r in found]
    node["forwarding"] = forwarding(state, netns, devs, asked)
    return {part: value for part, value in node.items() if value != []}


def is_told(state, r, devs):
    """Whether this is of these links, and more than the kernel would do by itself."""
    return all(key[0] != "link" or key[2] in devs for key in r.requires()) and r.is_told(state)


def forwarding(state, netns, devs, asked):
    """Whether a node forwards, and the links that differ from it."""
    wide, out = dict(ipv4=("", "ip_forward"), ipv6=("all", "forwarding")), []
    wide = {family: Sysctl(netns, family, *where) for family, where in wide.items()}
    values = {family: getattr(state.get(r.key), "value", None) for family, r in wide.items() if asked(r)}
    if any(values.values()):
        out.append({family: bool(value) for family, value in values.items() if value is not None})
    for dev in sorted(devs):
        own = {family: state.get(Sysctl(netns, family, dev, "forwarding").key) for family in values}
        news = {family: bool(r.value) for family, r in own.items() if r is not None and r.value != values[family]}
        out += [dict(news, dev=dev)] * bool(news)
    return out


def as_link(state, link):
    """A link of a node: its kind, and the options of its module."""
    name, options = as_task(state, link)
    mine = {option: value for option, value in options.items() if option not in ("netns", "tap")}
    if modes(kind_of(link).maker) and name != "link":
        mine.pop("mode")
    return own_addresses(state, link, mine if name == "link" else dict(kind=link.kind, **mine))


def as_endpoint(state, link, name):
    """An end of a veth pair, of this node."""
    options = as_options(state, link, module("veth")[0]["peer"]["options"])
    options.pop("netns")
    return own_addresses(state, link, dict(node=name, **options))


def own_addresses(state, link, options):
    """Without the addresses that stand with the node."""
    more = {r.address for r in state.on(link.key) if r.sort == "address" and r.needs_more()}
    kept = [address for address in options.pop("addresses", ()) if address not in more]
    return dict(options, addresses=kept) if kept else options
