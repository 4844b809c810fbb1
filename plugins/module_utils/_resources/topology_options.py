# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A description of many nodes, and what it stands for: the union of what is desired by the modules of its parts."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .. import _rooms
from .._core.desired import Desired
from .._core.options import LOCK_TIMEOUT, NAME, STATE, spelled_out
from .._core.values import Refused, place, replace
from .._core.words import parsed_interface
from .._kinds.base import kind_named
from .link_hand_over import recorded
from .topology import Boot, Pending, Topology

# What a node has beside its links, and the module whose options each entry has.
PARTS = {
    "addresses": "address",
    "neighbours": "neighbour",
    "nexthops": "nexthop",
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


@lru_cache(maxsize=None)
def part(name):
    """A module with what validates its options."""
    spec, rules, desired = _rooms.module(name)
    return spec, desired, ArgumentSpecValidator(spec, **rules)


def module(name):
    space, pair = dict(part("netns")[0]), part("veth")[0]
    node = dict(space, name=dict(type="str", required=True), netns=dict(type="str"), links=ENTRIES)
    node.pop("state")
    link = {option: pair[option] for option in ("mtu", "exclusive", "recreate", "take_over")}
    endpoints = dict(type="list", elements="raw", required=True)
    spec = dict(
        NAME,
        **STATE,
        nodes=dict(ENTRIES, options=dict(node, **dict.fromkeys(PARTS, ENTRIES))),
        links=dict(ENTRIES, options=dict(link, endpoints=endpoints)),
        allow_overlap=dict(type="bool", default=False),
        lock_timeout=dict(type="int", default=LOCK_TIMEOUT),
        confirm=dict(type="int"),
        persistent=dict(type="bool"),
        confirmed=dict(type="bool", default=False),
    )
    return spec, {}, desired


def desired(p, host_):
    name, returns = p["name"], (("topology", ("topology", p["name"])),)
    check(p, host_)
    made = getattr(host_.made(name), "made", ())
    if p["confirmed"]:
        if p["state"] == "absent" or any(p[option] is not None for option in ("nodes", "links", "confirm")):
            raise Refused("confirmed", "it is for a task of its own, with no more than the name")
        return confirmed(host_.staged(name), name, returns)
    if p["state"] == "absent":
        return Desired((), (Topology(name),), returns=returns, prune=made)
    if p["nodes"] is None:
        raise Refused("nodes", "say them; without any, state: absent takes the topology away")
    parts = Parts(host_)
    parts.read(p)
    present = parts.united()
    if not p["allow_overlap"]:
        check_addresses(present)
    # What one link allows is allowed for that link.
    allow = frozenset((word, r.key) for dummy, it in parts.all for word in it.allow for r in it.present)
    wanted = tuple(r for dummy, r in present.values())
    own = [r.bare() for r in wanted if getattr(r, "kind", True)] + recorded(wanted, allow)
    return Desired(
        (*wanted, Topology(name, tuple(own))),
        exclusive=tuple(pattern for dummy, it in parts.all for pattern in it.exclusive),
        allow=allow,
        returns=returns,
        prune=tuple(r for r in made if r.key not in present),
        persistent=p["persistent"],
        waits=p["confirm"] is not None,
    )


def confirmed(staged, name, returns):
    """Nobody waits any more, and what was to be written for the boot is written."""
    boot = (Boot(name, staged.lines),) if staged and staged.lines else ()
    gone = (Boot(name),) if staged and not staged.lines else ()
    return Desired(boot, (Pending(name), *([staged] if staged else ()), *gone), returns=returns)


def check(p, host_):
    """Refuse what the options of the topology itself cannot be."""
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", p["name"]):
        raise Refused("name", "%r must be 1 to 64 letters, digits and _ . -, with no . or - at the start" % p["name"])
    if p["lock_timeout"] < 0:
        raise Refused("lock_timeout", "%d is less than 0" % p["lock_timeout"])
    if p["confirm"] is not None and not 0 < p["confirm"] <= 24 * 3600:
        raise Refused("confirm", "%d is not between 1 and 86400 seconds" % p["confirm"])
    waits = host_.pending(p["name"])
    if waits is not None and not waits.undone and not p["confirmed"]:
        text = "what the last task changed of %s waits for its confirmation; confirm it first, or wait"
        raise Refused("confirm", text % p["name"])


def form(spec, stated):
    """What the validation of options depends on: all but what any text can be."""
    return tuple([(option, form_of(spec[option], value)) for option, value in stated.items()])


def form_of(argument, value):
    if is_any_text(argument, value):
        return type(value)
    return form(argument["options"], value) if has_options(argument, value) else repr(value)


def is_any_text(argument, value):
    if "choices" in argument:
        return False
    if argument.get("type") == "list":
        return isinstance(value, list) and argument.get("elements") == "str" and all(isinstance(v, str) for v in value)
    return isinstance(value, str) and argument.get("type", "str") == "str"


def has_options(argument, value):
    known = argument.get("options")
    return bool(known) and argument["type"] == "dict" and isinstance(value, dict) and known.keys() >= value.keys()


def with_texts(spec, checked, stated):
    """Options of the same form as those that were checked."""
    out = dict(checked)
    for option, value in stated.items():
        if is_any_text(spec[option], value):
            out[option] = value
        elif has_options(spec[option], value):
            out[option] = with_texts(spec[option]["options"], checked[option], value)
    return out


class Parts:
    """What is desired by the parts of a description, each with the option that says it."""

    def __init__(self, host_):
        self.host, self.homes, self.all = host_, {}, []
        self.checked = {}  # by module and form

    def read(self, p):
        for node in p["nodes"]:
            self.node(node)
        for number, link in enumerate(p["links"] or ()):
            self.pair("links[%d]" % number, link)

    def add(self, where, module_name, item, given):
        """What a module desires with its options, without those that are given by the place."""
        spec, desired_of, validator = part(module_name)
        try:
            item = spelled_out(spec, item)
        except Refused as e:
            raise Refused("%s.%s" % (where, e.option), e.text)
        stated = {option: value for option, value in item.items() if value is not None}
        for option in stated:
            if option in given or option == "state" or option not in spec:
                raise Refused("%s.%s" % (where, option), "there is no such option here")
        stated.update(given)
        same = module_name, form(spec, stated)
        if same not in self.checked:
            checked = validator.validate(stated)
            if checked.error_messages:
                raise Refused(where, checked.error_messages[0])
            self.checked[same] = checked.validated_parameters
        try:
            self.all.append((where, desired_of(with_texts(spec, self.checked[same], stated), self.host)))
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
        space = {option: node[option] for option in part("netns")[0] if option not in ("name", "state")}
        if home:
            self.add(where, "netns", space, dict(name=[home]))
        for option in ("pid", "path", "nsid"):
            if not home and node[option] is not None:
                raise Refused("%s.%s" % (where, option), "it is not for the host's own network namespace")
        for number, link in enumerate(node["links"] or ()):
            self.link("%s.links[%d]" % (where, number), link, home)
        for entries, module_name in PARTS.items():
            for number, item in enumerate(node[entries] or ()):
                self.add("%s.%s[%d]" % (where, entries, number), module_name, item, dict(netns=home))

    def link(self, where, link, home):
        """A link with the options of the module that makes its kind; without a kind it is one that is there."""
        item, given = dict(link), dict(netns=home)
        name = item.pop("kind", None)
        kind = kind_named(name)
        if name is not None and (not name or kind.name != name):
            raise Refused(where + ".kind", "%r is no kind of link that this collection makes" % name)
        module_name = kind.maker if name is not None else "link"
        spec = part(module_name)[0]
        if "tap" in spec:
            given["tap"] = kind.is_tap() or bool(item.pop("tap", False))
        if name is not None and name in spec.get("mode", {}).get("choices", ()):
            given["mode"] = name
        self.add(where, module_name, item, given)

    def pair(self, where, link):
        """A veth pair between two nodes."""
        if len(link["endpoints"]) != 2:
            raise Refused(where + ".endpoints", "a link has two, and %d are given" % len(link["endpoints"]))
        near, far = [self.end("%s.endpoints[%d]" % (where, n), end, link) for n, end in enumerate(link["endpoints"])]
        options = {option: value for option, value in link.items() if option not in ("endpoints", "mtu")}
        self.add(where, "veth", {}, dict(near, peer=far, **options))

    def end(self, where, end, link):
        if isinstance(end, str):
            node, dummy, name = end.rpartition(":")
            end = dict(node=node, name=name)
        if not isinstance(end, dict) or not end.get("node") or not end.get("name"):
            raise Refused(where, "say NODE:LINK, or node, name, and the options of the peer of a veth")
        if end["node"] not in self.homes:
            raise Refused(where, "there is no node %s" % end["node"])
        known = dict(part("veth")[0]["peer"]["options"], node=None)
        known.pop("netns")
        for option in end:
            if option not in known:
                raise Refused("%s.%s" % (where, option), "there is no such option here")
        end = dict(dict(mtu=link["mtu"]), netns=self.homes[end["node"]], **end)
        end.pop("node")
        return end

    def united(self):
        """By key, what is desired and the option that says so; what two parts say of one link together."""
        out = {}
        for where, it in self.all:
            for r in it.present:
                out[r.key] = (where, joint(where, out[r.key][1], r) if r.key in out else r)
        return out


def joint(where, one, other):
    """A resource of which two parts of the description speak."""
    if one.sort == "address" or (one.sort == "link" and one.kind and other.kind):
        what = "address %s on %s" % (one.address, one.dev) if one.sort == "address" else "link %s" % one.name
        raise Refused(where, "there are two descriptions of the %s in %s" % (what, place(one.netns)))
    if getattr(other, "kind", None):
        one, other = other, one
    for name in one.COMPARED:
        old, new = getattr(one, name), getattr(other, name)
        if name in ("attrs", "port"):
            both = [word for word in dict(old) if word in dict(new)]
            old, new = ([dict(pairs)[word] for word in both] for pairs in (old, new))
        if None not in (old, new) and old != new:
            text = "%s is said twice: %s and %s"
            raise Refused("%s.%s" % (where, name), text % (" ".join(map(str, one.key)), old, new))
    names = [name for name in ("slave_kind", "taken_from") if name in one.FIELDS]
    more = {name: getattr(one, name) or getattr(other, name) for name in names}
    return replace(one.overlay(other), **more)


def check_addresses(present):
    """Refuse an address, or a network, on two links of a namespace."""
    spaces, vrfs = defaultdict(list), {r.ref for dummy, r in present.values() if getattr(r, "kind", "") == "vrf"}
    for where, r in present.values():
        if r.sort == "address":
            link = present.get(("link", r.netns, r.dev), (None, None))[1]
            vrf = link.master if link is not None and (r.netns, link.master) in vrfs else ""
            parsed = parsed_interface(r.address)
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
