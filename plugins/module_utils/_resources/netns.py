# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Named network namespaces: ip-netns(8)."""

from __future__ import annotations

from shlex import quote
from typing import Any, Optional, Tuple

from .._core.desired import Change, Desired, Observation
from .._core.options import STATE
from .._core.planner import predict
from .._core.resource import Resource, fall
from .._core.values import Aside, Refused, replace
from .._core.words import netns_name, unique, within
from .._rooms import ON_DEMAND
from .link import FALLBACK, Link


class Netns(Resource):
    """A named network namespace."""

    name: str
    nsid: Optional[int] = None
    inode: Optional[int] = None
    path: Optional[str] = Aside()
    holders: Tuple[Tuple[int, str], ...] = Aside(())  # processes
    natives: Tuple[Any, ...] = Aside(())  # tunnels that the kernel makes with it

    sort = "netns"
    identity = ("name",)
    is_netns = True
    told_also_if_zero = ("nsid",)

    @property
    def key(self):
        return ("netns", self.name)

    @property
    def netns(self):
        return self.name

    def requires(self):
        return []

    def reads(self):
        return Observation(names=frozenset((self.name,)))

    def reads_to_remove(self):
        everything = frozenset((*ON_DEMAND, "address", "nat_table"))
        return Observation(frozenset(("",)), frozenset((self.name,)), True, everything)

    def plan(self, planner, have):
        for name, text in (
            ("inode", "%s is there already and is another network namespace than " + str(self.path)),
            ("nsid", "%%s has the nsid %s already, and the kernel does not change it" % getattr(have, "nsid", "")),
        ):
            values = getattr(self, name), getattr(have, name, None)
            if None not in values and values[0] != values[1]:
                raise Refused("name" if name == "inode" else name, text % have.name)
        super().plan(planner, have)

    def before_removal(self, planner):
        for r in planner.state.on(self.key):
            # The far ends go a little after a namespace: those whose names are needed go before it.
            if r.sort == "link" and r.peer and ("link", *r.peer) in planner.present:
                planner.remove(r)

    def predict(self, state, before):
        state.add(self)
        if before is None and ("link", self.name, "lo") not in state and self.inode is None:
            lo = Link(self.name, "lo", "", mtu=65536, address="00:00:00:00:00:00", up=False, master="", alias="")
            lo = replace(lo, link_group=0, allmulti=False, promisc=False, arp=True)
            for link in (replace(lo, txqueuelen=1000), *self.natives):
                state.add(link)

    def predict_removal(self, state):
        returning = self.returning(state)
        fall(state, self)
        for dummy, home in returning:
            state.add(home)

    def returning(self, state):
        """The network cards that go back to the host, as which the module's own namespace is taken here."""
        if self.holders:
            return []
        inside = [r for r in state.on(self.key) if r.sort == "link" and r.kind == "" and r.name != "lo"]
        return [(r, replace(r, netns="", up=False, master="", port=())) for r in inside]

    def provides(self, observed):
        return {self.key, ("link", self.name, "lo")}

    def as_snapshot(self, back):
        natives = [r for r in back.before.on(self.key) if r.sort == "link" and r.name in FALLBACK - {"lo"}]
        natives = tuple(replace(link, up=False) for link in natives)
        nsid = None if self.key in back.now else self.nsid
        return replace(self, inode=self.inode if self.path else None, nsid=nsid, natives=natives)

    def goes_back(self, back):
        return True

    def disturbs(self, after):
        return self != after, after is None

    def warnings(self, after, targets):
        if self.holders and self.key not in after:
            names = ", ".join("%d (%s)" % holder for holder in self.holders)
            text = "network namespace %s has lost its name but lives on: these processes are in it: %s"
            yield text % (self.name, names)

    def commands(self, change):
        if change.verb == "delete":
            return [["ip", "netns", "delete", self.name]]
        out, path = [], "/run/netns/" + quote(self.name)
        if change.verb == "add" and self.path:
            out.append("mkdir -p /run/netns && touch %s && mount --bind %s %s" % (path, quote(self.path), path))
        elif change.verb == "add":
            out.append(["ip", "netns", "add", self.name])
        return out + [["ip", "netns", "set", self.name, str(nsid)] for dummy, nsid in change.changed_fields("nsid")]

    def described(self, state):
        return dict(super().described(state), holders=[dict(pid=pid, name=name) for pid, name in self.holders])


def assume(state, key):
    predict(state, Change(None, Netns(key[1])))


SPEC = dict(
    STATE,
    name=dict(type="list", elements="str", required=True),
    pid=dict(type="int"),
    path=dict(type="path"),
    nsid=dict(type="int"),
    loopback=dict(type="bool", default=True),
)


def desired(p, host_):
    names = unique("name", [netns_name("name", name) or refuse_empty() for name in p["name"]])
    single = [option for option in ("pid", "path", "nsid") if p[option] is not None]
    if single and len(names) > 1:
        raise Refused(single[0], "it is for one name, and %d are given" % len(names))
    returns = (("netns", [("netns", name) for name in names]),)
    if p["state"] == "absent":
        return Desired(absent=tuple(Netns(name) for name in names), returns=returns)
    path = "/proc/%d/ns/net" % p["pid"] if p["pid"] is not None else p["path"]
    inode = None
    if path:
        inode = host_.adopt(names[0], path)
        if inode is None:
            option, what = ("pid", "process %s" % p["pid"]) if p["pid"] is not None else ("path", path)
            raise Refused(option, "there is no network namespace of %s" % what)
    spaces = [Netns(name, within("nsid", p["nsid"], 0, 2**31 - 1), inode, path) for name in names]
    loops = [Link(name, "lo", up=True) for name in names if p["loopback"]]
    return Desired(tuple(spaces + loops), returns=returns)


def refuse_empty():
    raise Refused("name", "a network namespace needs a name")


def module(name):
    return SPEC, dict(mutually_exclusive=[("pid", "path")]), desired
