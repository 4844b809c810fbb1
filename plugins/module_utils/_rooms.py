# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where each resource and each kind of link lives. A room is loaded when needed; a module ships those that it names."""

from __future__ import annotations

import sys
from importlib import import_module

# The sorts of resources, in the order in which they are made; each has a room in _resources and one in _rtnl.
ORDER = (
    "netns link altname wireguard_peer vlans address nexthop impairment neighbour fdb mdb sysctl route rule sysctl_file"
    " nat_table masquerade port_forward topology boot staged pending"
)
RANK = {sort: rank for rank, sort in enumerate(ORDER.split())}
# Sorts that share a room with another one.
SHARED = dict(altname="link", wireguard_peer="wireguard", sysctl_file="sysctl", nat_table="nat", masquerade="nat")
SHARED.update(port_forward="nat", boot="topology", staged="topology", pending="topology")
SYSCTLS = "sysctls"  # all of them, also those for which files are to be read
# Those that a task reads only if it asks for them, or its steps can change them.
ON_DEMAND = ("nexthop", "route", "rule", "vlans", "neighbour", "fdb", "mdb", "impairment", "sysctl", SYSCTLS)
# The rooms of the kinds of links, and the kinds in each.
KINDS = {
    "veth": "veth",
    "netkit": "netkit",
    "bridge": "bridge",
    "vlan": "vlan",
    "simple": "dummy ifb nlmon",
    "tuntap": "tun tap",
    "bond": "bond",
    "vrf": "vrf",
    "macvlan": "macvlan macvtap",
    "ipvlan": "ipvlan ipvtap",
    "tunnel": "ipip sit ip6tnl",
    "gre": "gre gretap ip6gre ip6gretap",
    "vti": "vti vti6",
    "vxlan": "vxlan geneve",
    "xfrm": "xfrm",
    "wireguard": "wireguard",
    "macsec": "macsec",
    "hsr": "hsr",
}
KIND_ROOMS = {kind: room for room, kinds in KINDS.items() for kind in kinds.split()}
# Of the modules that make links, those that are not called as their kind.
LINK_MODULES = dict(linux_bridge=("bridge",), tuntap=("tuntap",), ip_tunnel=("tunnel", "gre", "vti"))
# The other modules and the rooms of their resources.
RESOURCE_MODULES = {
    "netns": "netns",
    "address": "address",
    "route": "route_options",
    "rule": "rule",
    "nexthop": "nexthop",
    "bridge_vlan": "vlans",
    "neighbour": "neighbour",
    "bridge_fdb": "fdb",
    "bridge_mdb": "mdb",
    "link_impairment": "impairment",
    "sysctl_forward": "sysctl",
    "nat_masquerade": "nat",
    "nat_port_forward": "nat",
    "wireguard": "wireguard",
    "topology": "topology_options",
}
# The rooms of what a dry run can assume.
ASSUMED = dict(netns="netns", link="link", port="link", nexthop="nexthop")
EVERY_MODULE = (
    *("netns", "link", "veth", "linux_bridge", "bond", "address", "route", "rule", "bridge_vlan", "neighbour"),
    *("bridge_fdb", "bridge_mdb", "link_impairment", "sysctl_forward", "nat_masquerade", "nat_port_forward"),
    *("wireguard", "vlan", "dummy", "ifb", "nlmon", "tuntap", "vrf", "macvlan", "ipvlan", "ip_tunnel", "vxlan"),
    *("geneve", "xfrm", "netkit", "macsec", "hsr", "nexthop", "topology"),
)
HERE = __package__


def load(folder, name):
    """A room, or None if the module at work does not ship it."""
    full = "%s.%s.%s" % (HERE, folder, name)
    try:
        return sys.modules.get(full) or import_module(full)
    except ModuleNotFoundError as e:
        if e.name not in (full, "%s.%s" % (HERE, folder)):
            raise
        return None


def room(sort):
    """The name of the room of a sort of resources."""
    return SHARED.get(sort, sort)


def module(name):
    """The options of a module, their rules, and the function that says what they stand for."""
    if name in RESOURCE_MODULES:
        return load("_resources", RESOURCE_MODULES[name]).module(name)
    return load("_resources", "link_options").module(name)
