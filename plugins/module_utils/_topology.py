# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A description of many nodes, and its wish: the union of the wishes of the modules."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import fields
from functools import partial
from ipaddress import ip_interface

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ._model import Address, Link, Pending, Refused, Topology, Wish, bare, overlay, place, replace

# What a node has beside its links, and the module whose options each entry has.
PARTS = {
    "addresses": "address",
    "neighbours": "neighbour",
    "routes": "route",
    "rules": "rule",
    "vlans": "bridge_vlan",
    "fdb": "bridge_fdb",
    "mdb": "bridge_mdb",
    "impairments": "link_impairment",
    "forwarding": "sysctl_forward",
    "masquerade": "nat_masquerade",
    "port_forwards": "nat_port_forward",
}
ENTRIES = dict(type="list", elements="dict")


def topology(modules, makes):
    """The module: its options, their rules, and the wish."""
    space, pair = dict(modules["netns"][0]), modules["veth"][0]
    node = dict(space, name=dict(type="str", required=True), netns=dict(type="str"), links=ENTRIES)
    node.pop("state")
    link = {name: pair[name] for name in ("mtu", "exclusive", "recreate", "take_over")}
    spec = dict(
        name=dict(type="str", required=True),
        state=space["state"],
        nodes=dict(ENTRIES, options=dict(node, **dict.fromkeys(PARTS, ENTRIES))),
        links=dict(ENTRIES, options=dict(link, endpoints=dict(type="list", elements="raw", required=True))),
        allow_overlap=dict(type="bool", default=False),
        lock_timeout=dict(type="int", default=60),
        confirm=dict(type="int"),
        persistent=dict(type="bool"),
        confirmed=dict(type="bool", default=False),
    )
    return spec, {}, partial(topology_wish, modules, makes)


def topology_wish(modules, makes, p, host_):
    name = p["name"]
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", name):
        raise Refused("name", "%r must be 1 to 64 letters, digits and _ . -, with no . or - at the start" % name)
    if p["lock_timeout"] < 0:
        raise Refused("lock_timeout", "%d is less than 0" % p["lock_timeout"])
    if p["confirm"] is not None and not 0 < p["confirm"] <= 24 * 3600:
        raise Refused("confirm", "%d is not between 1 and 86400 seconds" % p["confirm"])
    waits = host_.pending(name)
    if waits is not None and not waits.undone and not p["confirmed"]:
        text = "what the last task changed of %s waits for its confirmation; confirm it first, or wait"
        raise Refused("confirm", text % name)
    was, returns = host_.made(name), (("topology", ("topology", name)),)
    made = was.made if was else ()
    if p["confirmed"]:
        if p["state"] == "absent" or any(p[option] is not None for option in ("nodes", "links", "confirm")):
            raise Refused("confirmed", "it is for a task of its own, with no more than the name")
        return Wish(unwanted=(Pending(name),), returns=returns)
    if p["state"] == "absent":
        return Wish((), (Topology(name),), returns=returns, dropped=made)
    if p["nodes"] is None:
        raise Refused("nodes", "say them; without any, state: absent takes the topology away")
    wishes = _Wishes(modules, makes, host_)
    for node in p["nodes"]:
        wishes.node(node)
    for number, link in enumerate(p["links"] or ()):
        wishes.pair("links[%d]" % number, link)
    wanted = wishes.united()
    if not p["allow_overlap"]:
        check_addresses(wanted)
    own = [r for dummy, r in wanted.values() if getattr(r, "kind", True)]
    return Wish(
        tuple(r for dummy, r in wanted.values()) + (Topology(name, tuple(bare(r) for r in own)),),
        exclusive=tuple(pattern for dummy, wish in wishes.all for pattern in wish.exclusive),
        # What one link allows is allowed for that link.
        allow=frozenset((word, r.key) for dummy, wish in wishes.all for word in wish.allow for r in wish.wanted),
        returns=returns,
        dropped=tuple(r for r in made if r.key not in wanted),
        persistent=p["persistent"],
    )


class _Wishes:
    """The wishes for the parts of a description, each with the option that says it."""

    def __init__(self, modules, makes, host_):
        self.modules, self.makes, self.host, self.homes, self.all = modules, makes, host_, {}, []
        self.validators = {name: ArgumentSpecValidator(spec, **rules) for name, (spec, rules, dummy) in modules.items()}

    def add(self, where, module, item, given):
        """The wish of a module for its options without those that are given by the place."""
        stated = {option: value for option, value in item.items() if value is not None}
        for option in stated:
            if option in given or option == "state" or option not in self.modules[module][0]:
                raise Refused("%s.%s" % (where, option), "there is no such option here")
        checked = self.validators[module].validate({**stated, **given})
        if checked.error_messages:
            raise Refused(where, checked.error_messages[0])
        try:
            self.all.append((where, self.modules[module][2](checked.validated_parameters, self.host)))
        except Refused as e:
            raise Refused("%s.%s" % (where, e.option), e.text)

    def node(self, node):
        name, where = node["name"], "nodes.%s" % node["name"]
        home = name if node["netns"] is None else node["netns"]
        if name in self.homes:
            raise Refused("nodes", "two nodes are called %s" % name)
        if home in self.homes.values():
            raise Refused(where + ".netns", "%s is that of another node" % place(home))
        self.homes[name] = home
        space = {option: node[option] for option in self.modules["netns"][0] if option not in ("name", "state")}
        if home:
            self.add(where, "netns", space, dict(name=[home]))
        for option in ("pid", "path", "nsid"):
            if not home and node[option] is not None:
                raise Refused("%s.%s" % (where, option), "it is not for the host's own network namespace")
        for number, link in enumerate(node["links"] or ()):
            self.link("%s.links[%d]" % (where, number), link, home)
        for part, module in PARTS.items():
            for number, item in enumerate(node[part] or ()):
                self.add("%s.%s[%d]" % (where, part, number), module, item, dict(netns=home))

    def link(self, where, link, home):
        """A link with the options of the module that makes its kind; without a kind it is one that is there."""
        item, given = dict(link), dict(netns=home)
        kind = item.pop("kind", None)
        found = [(name, one) for name in self.modules for one in self.makes(name) if one.name == kind]
        if kind is not None and not found:
            raise Refused(where + ".kind", "%r is no kind of link that this collection makes" % kind)
        module = found[0][0] if found else "link"
        spec = self.modules[module][0]
        if found and "tap" in spec:
            given["tap"] = found[0][1].tap or bool(item.pop("tap", False))
        if found and kind in spec.get("mode", {}).get("choices", ()):
            given["mode"] = kind
        self.add(where, module, item, given)

    def pair(self, where, link):
        """A veth pair between two nodes."""
        if len(link["endpoints"]) != 2:
            raise Refused(where + ".endpoints", "a link has two, and %d are given" % len(link["endpoints"]))
        near, far = [self.end("%s.endpoints[%d]" % (where, n), end, link) for n, end in enumerate(link["endpoints"])]
        options = {name: value for name, value in link.items() if name not in ("endpoints", "mtu")}
        item = dict(near, peer=far, **options)
        self.add(where, "veth", {}, item)

    def end(self, where, end, link):
        if isinstance(end, str):
            node, dummy, name = end.rpartition(":")
            end = dict(node=node, name=name)
        if not isinstance(end, dict) or not end.get("node") or not end.get("name"):
            raise Refused(where, "say NODE:LINK, or node, name, and the options of the peer of a veth")
        if end["node"] not in self.homes:
            raise Refused(where, "there is no node %s" % end["node"])
        known = dict(self.modules["veth"][0]["peer"]["options"], node=None)
        known.pop("netns")
        for option in end:
            if option not in known:
                raise Refused("%s.%s" % (where, option), "there is no such option here")
        end = dict(dict(mtu=link["mtu"]), netns=self.homes[end["node"]], **end)
        end.pop("node")
        return end

    def united(self):
        """By key, what is wanted and the option that says so; what two parts say of one link together."""
        out = {}
        for where, wish in self.all:
            for r in wish.wanted:
                out[r.key] = (where, joint(where, out[r.key][1], r) if r.key in out else r)
        return out


def joint(where, one, other):
    """A resource of which two parts of the description speak."""
    if isinstance(one, Address) or (isinstance(one, Link) and one.kind and other.kind):
        what = "address %s on %s" % (one.address, one.dev) if isinstance(one, Address) else "link %s" % one.name
        raise Refused(where, "there are two descriptions of the %s in %s" % (what, place(one.netns)))
    if isinstance(other, Link) and other.kind:
        one, other = other, one
    for f in fields(one):
        old, new = getattr(one, f.name), getattr(other, f.name)
        if f.name in ("attrs", "port"):
            old, new = (
                [dict(old)[k] for k in dict(old) if k in dict(new)],
                [dict(new)[k] for k in dict(old) if k in dict(new)],
            )
        if f.compare and None not in (old, new) and old != new:
            text = "%s is said twice: %s and %s"
            raise Refused("%s.%s" % (where, f.name), text % (" ".join(map(str, one.key)), old, new))
    more = {
        f.name: getattr(one, f.name) or getattr(other, f.name)
        for f in fields(one)
        if f.name in ("slave_kind", "taken_from")
    }
    return replace(overlay(one, other), **more)


def check_addresses(wanted):
    """Refuse an address, or a network, on two links of a namespace."""
    spaces, vrfs = defaultdict(list), {r.ref for dummy, r in wanted.values() if isinstance(r, Link) and r.kind == "vrf"}
    for where, r in wanted.values():
        if isinstance(r, Address):
            link = wanted.get(("link", r.netns, r.dev), (None, None))[1]
            vrf = link.master if link is not None and (r.netns, link.master) in vrfs else ""
            parsed = ip_interface(r.address)
            if not parsed.is_link_local:
                net = parsed.network
                span = (int(net.network_address), int(net.broadcast_address)) if net.num_addresses > 1 else None
                spaces[r.netns, vrf, parsed.version].append((span or (int(parsed.ip),) * 2, int(parsed.ip), where, r))
    for found in spaces.values():
        alone, around = {}, []
        for (low, high), ip, where, r in sorted(found, key=lambda one: (one[0][0], -one[0][1])):
            around = [one for one in around if one[0] >= low]
            rivals = [one for end, one in around if low < high] + [alone.get(ip, r)]
            for rival in [one for one in rivals if one.dev != r.dev]:
                text = "%s on %s and %s on %s in %s overlap; allow_overlap: true takes that"
                raise Refused(where, text % (r.address, r.dev, rival.address, rival.dev, place(r.netns)))
            alone[ip] = r
            around += [(high, r)] if low < high else []
