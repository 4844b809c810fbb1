# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where frames to a MAC address go: bridge-fdb(8)."""

from __future__ import annotations

from typing import Optional

from .._core.options import DEV, NETNS, STATE, these
from .._core.resource import OnLink
from .._core.values import Aside, Refused
from .._core.words import host, ip, link_name, lladdr, netns_name, vids, within
from .._kinds.base import called
from .vlans import bridge_of, not_a_port

NOBODY = "00:00:00:00:00:00"


class FdbEntry(OnLink):
    """Where frames to a MAC address go: bridge-fdb(8)."""

    netns: str
    dev: str
    lladdr: str
    vlan: Optional[int] = 0
    self_: bool = False  # an entry of the link itself, a vxlan, not of the bridge of which it is a port
    local: Optional[bool] = None
    dst: Optional[str] = None
    vni: Optional[int] = None
    proto: Optional[str] = Aside()  # "kernel" where the kernel made it by itself

    sort = "fdb"
    identity = ("netns", "dev", "lladdr", "vlan", "self_", "dst")
    of_port = True

    @property
    def several(self):
        """Whether there can be more of it, each with another destination."""
        return self.self_ and (bool(int(self.lladdr[:2], 16) & 1) or self.lladdr == NOBODY)

    @property
    def key(self):
        return ("fdb", self.netns, self.dev, self.lladdr, self.vlan, self.self_, self.dst if self.several else "")

    @property
    def made_by_kernel(self):
        return self.proto == "kernel"

    def accepted(self, state):
        link = state.link((self.netns, self.dev))
        return link.kind == "vxlan" if self.self_ else bridge_of(state, link) not in (None, link)

    def plan(self, planner, have):
        link = planner.state.link((self.netns, self.dev))
        if have is None and self.self_ and link.kind not in (None, "vxlan"):
            raise Refused("self", "%s is %s; only a vxlan has entries of its own" % (link.name, called(link)))
        known = link.kind is not None and bridge_of(planner.state, link) in (None, link)
        if have is None and not self.self_ and known:
            raise Refused("dev", "%s is no port of a bridge" % link.name)
        super().plan(planner, have)

    def find(self, state):
        near = state.within(self.netns, self.sort)
        return [r for r in near if not r.made_by_kernel and r.fits(self)]

    def prerequisites(self, observed, desired):
        more = [] if self.self_ else not_a_port(observed, desired, self.netns, self.dev)
        return super().prerequisites(observed, desired) + more

    def commands(self, change):
        verb = "delete" if change.verb == "delete" else "append" if self.several else "replace"
        words = [self.lladdr, "dev", self.dev]
        for name in ("dst", "vni", "vlan"):
            words += [name, str(getattr(self, name))] if getattr(self, name) else []
        words += ["self" if self.self_ else "master"]
        words += ["local" if self.local else "static"] if verb != "delete" else []
        return [ip(self.netns, "fdb", verb, *words, program="bridge")]

    def as_entry(self):
        return {name: value for name, value in super().as_entry().items() if value or name not in ("vlan", "vni")}


SPEC = dict(
    STATE,
    **NETNS,
    **DEV,
    lladdr=dict(type="str", required=True),
    vlan=dict(type="int"),
    local=dict(type="bool"),
    self=dict(type="bool", default=False),
    dst=dict(type="str"),
    vni=dict(type="int"),
)


def desired(p, host_):
    netns, dev = netns_name("netns", p["netns"]), link_name("dev", p["dev"])
    gone, own = p["state"] == "absent", p["self"]
    for option in ("dst", "vni") if not own else ("vlan", "local"):
        if p[option] is not None:
            raise Refused(option, "it is for the entries of a vxlan: self: true" if not own else "it is for a bridge")
    address, dst = lladdr("lladdr", p["lladdr"]), host("dst", p["dst"])
    if own and not (gone or dst):
        raise Refused("dst", "say the address of the other end")
    if not own and (int(address[:2], 16) & 1 or address == NOBODY):
        raise Refused("lladdr", "%s is a multicast or empty MAC address; see bridge_mdb for groups" % address)
    vlan = vids("vlan", [p["vlan"]])[0] if p["vlan"] is not None else None if gone else 0
    vni = within("vni", p["vni"], 1, 2**24 - 1)
    return these(p, "entries", [FdbEntry(netns, dev, address, vlan, own, p["local"], dst, vni)])


def module(name):
    return SPEC, {}, desired
