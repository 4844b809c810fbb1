# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where frames to a MAC address go: bridge-fdb(8)."""

from __future__ import annotations

import struct
from typing import Any, Optional, Tuple

from .._core.desired import Change
from .._core.options import DEV, NETNS, STATE, these
from .._core.resource import OnLink, fall
from .._core.values import Aside, Refused, place, replace
from .._core.words import NOBODY, host, ip, link_name, lladdr, netns_name, vids, within
from .._kinds.base import called
from .vlans import bridge_of, not_a_port

NH_ID = 13
PERMANENT = 0x80


class FdbEntry(OnLink):
    """Where frames to a MAC address go: bridge-fdb(8)."""

    netns: str
    dev: str
    lladdr: str
    vlan: Optional[int] = 0
    self_: bool = False  # an entry of the link itself, a vxlan or bridge, not of the bridge of which it is a port
    local: Optional[bool] = None
    dst: Optional[str] = None
    vni: Optional[int] = None
    port: Optional[int] = None
    via: Optional[str] = None
    src_vni: Optional[int] = None
    sticky: Optional[bool] = None
    extern_learn: Optional[bool] = None
    rest: Optional[Tuple[Any, ...]] = None  # attributes that are not described
    proto: Optional[str] = Aside()  # "kernel" where the kernel made it by itself
    state: int = Aside(0)  # the kernel's number; to a vxlan all that last are the same

    sort = "fdb"
    # By which the kernel tells several destinations from each other.
    WAY = ("dst", "vni", "port", "via")
    identity = ("netns", "dev", "lladdr", "vlan", "self_", *WAY, "src_vni")
    of_port = True

    @property
    def several(self):
        """Whether there can be more of it, each with another destination."""
        return self.self_ and (bool(int(self.lladdr[:2], 16) & 1) or self.lladdr == NOBODY)

    @property
    def key(self):
        way = tuple(getattr(self, name) or 0 for name in self.WAY) if self.several else ""
        return ("fdb", self.netns, self.dev, self.lladdr, self.vlan, self.self_, self.src_vni or 0, way)

    @property
    def made_by_kernel(self):
        return self.proto == "kernel"

    def renamed(self, old, new):
        dev, via = (new[1] if name == old[1] else name for name in (self.dev, self.via))
        return replace(self, netns=new[0], dev=dev, via=via)

    def made_after(self):
        return super().made_after() + ([("link", self.netns, self.via)] if self.via else [])

    def order(self):
        # It is taken away before the link by which it sends.
        rank, *more = super().order()
        return (-1 if self.via else rank, *more)

    def accepted(self, state):
        link = state.link((self.netns, self.dev))
        if not self.self_:
            return bridge_of(state, link) not in (None, link)
        sends = bool(self.dst or self.rest)
        return (link.kind == "bridge" and not sends) or (link.kind == "vxlan" and sends and self.same_family(link))

    def rivals(self, state):
        """A bridge has an address once in each VLAN: those that are behind its other ports until now."""
        link = None if self.self_ else state.link((self.netns, self.dev))
        bridge = link and bridge_of(state, link)
        near = state.having(*self.in_common()[0]) if bridge is not None else []
        near = [r for r in near if not r.self_ and r.key != self.key]
        return [r for r in near if ("link", r.netns, r.dev) in state.ports[bridge.key]]

    def in_common(self):
        return [(self.sort, self.netns, self.lladdr, self.vlan)]

    def predict(self, state, before):
        for r in self.rivals(state):
            fall(state, r)
        super().predict(state, before)

    def near(self, state):
        return self.rivals(state)

    def plan(self, planner, have):
        link = planner.state.link((self.netns, self.dev))
        want = self.settled(link)
        have = planner.state.get(want.key)
        want = want.in_step(planner)
        want.check(planner, link, have)
        after = have and have.overlay(want)
        if have and have.extern_learn != after.extern_learn:
            # The kernel has no word for one that is no more from elsewhere.
            planner.step(Change(have, None))
            planner.step(Change(None, after))
            return
        super(FdbEntry, want).plan(planner, have)

    def in_step(self, planner):
        """It as the other destinations of its address: to the kernel all are from a control plane, or none."""
        near = planner.state.on(("link", self.netns, self.dev)) if self.several else []
        # What follows in the key is the way.
        told = [r for r in near if r.key[:-1] == self.key[:-1] and r.key != self.key]
        if not told or (self.extern_learn is not None and self.extern_learn == bool(told[0].extern_learn)):
            return self
        if self.extern_learn is None or planner.rolls_back:
            return replace(self, extern_learn=told[0].extern_learn)
        text = "%s on %s has other destinations, which have it in common: take them away first"
        raise Refused("extern_learn", text % (self.lladdr, self.dev))

    def settled(self, link):
        """It as the kernel tells it: what the vxlan has anyway it leaves out; what is a bridge's own is local."""
        if not self.self_ or link.kind not in ("vxlan", "bridge"):
            return self
        attrs = dict(link.attrs)
        news = {own: 0 for own, name in (("vni", "id"), ("port", "dstport")) if getattr(self, own) == attrs.get(name)}
        news.update(dict(local=True) if link.kind == "bridge" else {})
        return replace(
            self, **{name: value for name, value in news.items() if getattr(self, name) is not None or value}
        )

    def check(self, planner, link, have):
        """Refuse what the kernel has no place for."""
        if planner.rolls_back:
            return
        for rival in self.rivals(planner.state):
            if rival.key in planner.present:
                text = "%s is described behind %s and %s of one bridge"
                raise Refused("lladdr", text % (self.lladdr, *sorted((self.dev, rival.dev))))
        if have is None and self.self_:
            self.check_own(link)
        elif have is None and link.kind is not None and bridge_of(planner.state, link) in (None, link):
            raise Refused("dev", "%s is no port of a bridge" % link.name)

    def check_own(self, link):
        """Refuse an entry that is not of a vxlan or bridge itself."""
        told = [name for name in (*self.WAY, "src_vni") if getattr(self, name)]
        if link.kind not in (None, "vxlan", "bridge"):
            text = "%s is %s; only a vxlan or a bridge has entries of its own"
            raise Refused("self", text % (link.name, called(link)))
        if link.kind == "bridge" and told:
            raise Refused(told[0], "%s is a bridge, not a vxlan" % link.name)
        if link.kind != "vxlan":
            return
        if not self.dst and not self.rest:
            raise Refused("dst", "say the address of the other end")
        if self.via and link.link and link.link[0] != self.netns:
            text = "the outer packets of %s are in %s, and the kernel tells no link there"
            raise Refused("via", text % (link.name, place(link.link[0])))
        if not self.same_family(link):
            text = "%s sends to %s, by its remote and local"
            raise Refused("dst", text % (link.name, "IPv4" if ":" in self.dst else "IPv6"))
        if self.src_vni and not dict(link.attrs).get("external"):
            raise Refused("src_vni", "%s has one VNI of its own: it is for a vxlan with external: true" % link.name)

    def same_family(self, vxlan):
        """Whether its destination is of the family of all others: IPv4 if the vxlan says no address of its own."""
        ends = "".join(str(value) for name, value in vxlan.attrs if name in ("remote", "local"))
        return not self.dst or (":" in self.dst) == (":" in ends)

    def find(self, state):
        near = state.within(self.netns, self.sort)
        return [r for r in near if not r.made_by_kernel and r.fits(self)]

    def prerequisites(self, observed, desired):
        more = [] if self.self_ else not_a_port(observed, desired, self.netns, self.dev)
        via = [("via", ("link", self.netns, self.via))] if self.via else []
        return super().prerequisites(observed, desired) + more + via

    def commands(self, change):
        verb = "delete" if change.verb == "delete" else "append" if self.several else "replace"
        words = [self.lladdr, "dev", self.dev]
        for name in ("src_vni", *self.WAY, "vlan"):
            words += [name, str(getattr(self, name))] if getattr(self, name) else []
        nexthop = dict(self.rest or ()).get(NH_ID)
        words += ["nhid", str(struct.unpack("=I", nexthop)[0])] if nexthop else []
        words += ["self" if self.self_ else "master"]
        if verb != "delete":
            words += ["local" if self.local or (self.self_ and self.state & PERMANENT) else "static"]
            words += ["sticky"] * bool(self.sticky) + ["extern_learn"] * bool(self.extern_learn)
        return [ip(self.netns, "fdb", verb, *words, program="bridge")]

    def is_told(self, state):
        return not self.rest

    def as_entry(self):
        return {name: value for name, value in super().as_entry().items() if value}


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
    port=dict(type="int"),
    via=dict(type="str"),
    src_vni=dict(type="int"),
    sticky=dict(type="bool"),
    extern_learn=dict(type="bool"),
)


def desired(p, host_):
    netns, dev = netns_name("netns", p["netns"]), link_name("dev", p["dev"])
    check_options(p)
    gone, own = p["state"] == "absent", p["self"]
    address, dst = lladdr("lladdr", p["lladdr"]), host("dst", p["dst"])
    if not own and (int(address[:2], 16) & 1 or address == NOBODY):
        raise Refused("lladdr", "%s is a multicast or empty MAC address; see bridge_mdb for groups" % address)
    vlan = vids("vlan", [p["vlan"]])[0] if p["vlan"] is not None else None if gone else 0
    numbers = {option: within(option, p[option], 1, 2**24 - 1) for option in ("vni", "src_vni")}
    numbers["port"] = within("port", p["port"], 1, 65535)
    via = p["via"] and link_name("via", p["via"])
    entry = FdbEntry(netns, dev, address, vlan, own, p["local"], dst, via=via, **numbers)
    entry = replace(entry, sticky=p["sticky"], extern_learn=p["extern_learn"])
    return these(p, "entries", [entry])


def check_options(p):
    """Refuse what is for entries of another kind."""
    for option in ("dst", "vni", "port", "via", "src_vni"):
        if p[option] is not None and not p["self"]:
            raise Refused(option, "it is for the entries of a vxlan: self: true")
    for option in ("vlan", "local", "sticky"):
        if p[option] is not None and p["self"] and (p["dst"] is not None or option == "sticky"):
            raise Refused(option, "it is for a bridge")
    if p["local"] and p["sticky"]:
        raise Refused("sticky", "an address of this host is behind no port")


def module(name):
    return SPEC, {}, desired
