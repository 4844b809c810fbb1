# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of links and nodes, in the words of the modules' options."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields
from functools import partial

from ._kinds import kind_of, port_kind
from ._model import (
    MAIN,
    Address,
    AltName,
    FdbEntry,
    MdbEntry,
    PortVlans,
    Refused,
    Rule,
    Sysctl,
    WireguardPeer,
    made_by_kernel,
)
from ._options import OPTIONS, mac, modes, netns_name, unique
from ._planner import FALLBACK

SPEC = {option: dict(type="list", elements="str") for option in ("netns", "name", "kind")}
# What of a node is told in the words of its modules, one entry each, and what these are called here.
ENTRIES = {
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


def far_end(state, ref):
    """Which link this is; of one in a namespace without a name only the index is known."""
    link = state.links(ref)
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
    shown, by_home = {link.ref for link in links}, defaultdict(list)
    for link in links:
        by_home[link.netns].append(link)
    pairs = [(link, state.links(link.peer)) for link in links if link.peer in shown]
    pairs = [pair for pair in pairs if pair[0].ref < pair[1].ref]
    paired = {link.ref for pair in pairs for link in pair}
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
            ("veth", link.peer),
            ("port", link.master and (link.netns, link.master)),
            ("link", link.link),
        ):
            if ref and ref[1]:
                out.setdefault((kind, frozenset((link.ref, ref))), (kind, (link.ref, ref)))
    return list(out.values())


def needs_more(address):
    """Whether an address is more than one that its link can be given."""
    return any((address.peer, address.label, address.broadcast, address.scope not in (None, "", "global")))


def as_node(state, name, netns, links, paired, asked):
    """A network namespace as a node of a description, with these links of it, but for the pairs."""
    lo = state.links((netns, "lo"))
    node = dict(name=name, netns=netns, loopback=bool(lo and lo.up), links=[], addresses=[], routes=[])
    for link in links:
        found = [r for r in state.on(link.key) if isinstance(r, Address) and not made_by_kernel(r)]
        node["addresses"] += [as_address(r) for r in found if needs_more(r)]
        if link.ref not in paired and (link.name not in FALLBACK or not all(map(needs_more, found))):
            node["links"].append(as_link(state, link))
    devs = {link.name for link in links}
    routes = [r for r in state.within(netns, "route") if not made_by_kernel(r) and asked(r)]
    node["routes"] = [as_route(r) for r in routes if {hop.dev for hop in r.hops or ()} <= devs]
    for part, sort in ENTRIES.items():
        found = [r for r in state.within(netns, sort) if not made_by_kernel(r) and asked(r) and told(state, r, devs)]
        node[part] = [as_entry(r) for r in sorted(found, key=lambda r: tuple(map(str, r.key)))]
    node["forwarding"] = forwarding(state, netns, devs, asked)
    return {part: value for part, value in node.items() if value != []}


def told(state, r, devs):
    """Whether this is of these links, and more than the kernel would do by itself."""
    if getattr(r, "dev", None) is not None and r.dev not in devs:
        return False
    if isinstance(r, PortVlans):
        link = state.links((r.netns, r.dev))
        bridge = link if link.kind == "bridge" else state.links((r.netns, link.master))
        return bridge is not None and dict(bridge.attrs).get("vlan_filtering")
    return not getattr(r, "foreign", None)


def as_entry(r):
    """A resource in the options of its module."""
    if isinstance(r, PortVlans):
        vids, untagged = [str(vid) for vid, dummy in r.vlans], [str(vid) for vid, own in r.vlans if own]
        return dict(dev=r.dev, vid=vids, untagged=untagged, pvid=r.pvid, exclusive=True)
    found = {f.name.rstrip("_"): getattr(r, f.name) for f in fields(r) if f.compare and f.name != "netns"}
    if isinstance(r, Rule):
        nothing = dict(type=None) if r.type == "lookup" else dict(table=None)
        suppress = r.suppress_prefixlength if r.suppress_prefixlength != -1 else None
        found.update(dict(table=str(r.table), suppress_prefixlength=suppress), **nothing)
    elif isinstance(r, FdbEntry):
        found.update(vlan=r.vlan or None, vni=r.vni or None)
    elif isinstance(r, MdbEntry):
        found.update(grp=[r.grp], vid=r.vid or None)
    nothing = (None, "", ())
    return {
        option: list(value) if isinstance(value, tuple) else value
        for option, value in found.items()
        if value not in nothing and value is not False
    }


def forwarding(state, netns, devs, asked):
    """Whether a node forwards, and the links that differ from it."""
    wide, out = (
        {"ipv4": Sysctl(netns, "ipv4", "", "ip_forward"), "ipv6": Sysctl(netns, "ipv6", "all", "forwarding")},
        [],
    )
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
    module, options = as_task(state, link)
    mine = {option: value for option, value in options.items() if option not in ("netns", "tap")}
    if modes(kind_of(link).maker) and module != "link":
        mine.pop("mode")
    return own_addresses(state, link, mine if module == "link" else dict(kind=link.kind, **mine))


def as_endpoint(state, link, name):
    """An end of a veth pair, of this node."""
    options = as_options(state, link, OPTIONS["veth"][0]["peer"]["options"])
    options.pop("netns")
    return own_addresses(state, link, dict(node=name, **options))


def own_addresses(state, link, options):
    """Without the addresses that stand with the node."""
    more = {r.address for r in state.on(link.key) if isinstance(r, Address) and needs_more(r)}
    kept = [address for address in options.pop("addresses", ()) if address not in more]
    return dict(options, addresses=kept) if kept else options


def as_address(r):
    told = {option: getattr(r, option) for option in ("dev", "peer", "label", "broadcast", "scope")}
    return dict({option: value for option, value in told.items() if value}, address=[r.address])


def as_route(r):
    found = dict(dest=[r.dest], metric=r.metric, type=r.type, src=r.src, mtu=r.mtu)
    found.update(table=str(r.table) if r.table != MAIN else None, scope=r.scope if r.scope != "global" else None)
    hops = [{option: getattr(hop, option) for option in ("via", "dev", "onlink", "weight")} for hop in r.hops or ()]
    hops = [{option: value for option, value in hop.items() if value} for hop in hops]
    if len(hops) > 1:
        found["multipath"] = hops
    else:
        found.update(*({option: value for option, value in hop.items() if option != "weight"} for hop in hops))
    return {option: value for option, value in found.items() if value or (option == "metric" and value is not None)}
