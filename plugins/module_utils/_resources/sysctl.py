# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values under /proc/sys/net: sysctl(8), sysctl.d(5)."""

from __future__ import annotations

from shlex import quote
from typing import Optional, Tuple

from .._core.desired import Change, Desired, Observation
from .._core.options import NETNS, STATE, specs
from .._core.resource import Resource, of_netns
from .._core.rows import Row, parsed
from .._core.values import Refused, replace
from .._core.words import inside, link_name, netns_name

HOST_WIDE = ("all", "default", "")
SYSCTL_D = "/etc/sysctl.d"


class PerLink(Row):
    """An option, and the values that it stands for: of one link, and of all."""

    family: str = "ipv4"
    key: str = ""  # its name under conf/LINK
    all: Tuple[Tuple[str, str], ...] = ()  # (conf/..., name)

    def keys(self, dev):
        return [(self.family, dev, self.key)] if dev else [(self.family, *one) for one in self.all]


class Sysctl(Resource):
    """A value under /proc/sys/net."""

    netns: str
    family: str  # ipv4 or ipv6
    dev: str  # a link, all, default, or "" for net.ipv4.ip_forward
    name: str
    value: Optional[int] = None

    sort = "sysctl"
    identity = ("netns", "family", "dev", "name", "value")
    kept_by_kernel = True
    ROWS = (
        PerLink("ipv4", "NETCONFA_FORWARDING=2:int32", key="forwarding", all=(("", "ip_forward"),)),
        PerLink("ipv6", "NETCONFA_FORWARDING=2:int32", family="ipv6", key="forwarding", all=(("all", "forwarding"),)),
        PerLink(
            "rp_filter",
            "NETCONFA_RP_FILTER=3:int32",
            "int",
            {0: 0, 1: 1, 2: 2},
            key="rp_filter",
            all=(("all", "rp_filter"), ("default", "rp_filter")),
        ),
        PerLink("proxy_arp", "NETCONFA_PROXY_NEIGH=5:int32", key="proxy_arp", all=(("all", "proxy_arp"),)),
    )

    @property
    def key(self):
        return ("sysctl", self.netns, self.family, self.dev, self.name)

    @property
    def path(self):
        where = "conf/%s/" % self.dev if self.dev else ""
        return "net/%s/%s%s" % (self.family, where, self.name)

    @property
    def word(self):
        """Its name; sysctl(8) takes slashes where a link's name has a dot."""
        return self.path if "." in self.dev else self.path.replace("/", ".")

    def requires(self):
        return of_netns(self.netns) if self.dev in HOST_WIDE else [("link", self.netns, self.dev)]

    def order(self):
        # net.ipv4.ip_forward resets the values of each link, so it precedes them.
        rank, netns, dummy, key = super().order()
        return (rank, netns, self.dev not in HOST_WIDE, key)

    def to_record(self, observed, made):
        """It with the value that it goes back to."""
        was = observed.get(self.key)
        return None if was is not None and was.value == self.value else replace(self, value=was and was.value)

    def prune(self, planner):
        have = planner.state.get(self.key)
        if have is not None:
            value = self.value_by_itself(planner.state) if self.value is None else self.value
            if have.value != value:
                planner.step(Change(have, replace(have, value=value)))

    def value_by_itself(self, state):
        """The value that a new namespace or link has."""
        if self.dev not in HOST_WIDE:
            above = state.get(replace(self, dev="default").key)
        else:
            above = state.get(replace(self, netns="").key) if self.family == "ipv4" else None
        return above.value if above else 0

    def reassert(self, planner):
        pass

    def predict(self, state, before):
        state.add(self)
        if (self.dev, self.name) in (("", "ip_forward"), ("all", "forwarding")):
            for r in state.within(self.netns, self.sort):
                if r.family == self.family and r.name in ("forwarding", "ip_forward"):
                    state.add(replace(r, value=self.value))

    def survives(self, event):
        return not (self.family == "ipv6" and event.drops_ipv6)

    def near(self, state):
        return state.within(self.netns, self.sort) if self.dev in HOST_WIDE else []

    def as_snapshot(self, back):
        there = all(key in back.now for key in self.requires())
        return None if not there and self.value == self.value_by_itself(back.before) else self

    def commands(self, change):
        return [inside(self.netns) + ["sysctl", "-w", "%s=%s" % (self.word, self.value)]]

    def plain(self):
        return dict(super().plain(), key=self.path)


class SysctlFile(Resource):
    """A file of this collection in sysctl.d(5)."""

    netns: str
    path: str
    lines: Tuple[Tuple[str, int], ...] = ()

    sort = "sysctl_file"
    identity = ("netns", "path", "lines")
    pairs = ("lines",)

    @property
    def key(self):
        return ("sysctl_file", self.path)

    def requires(self):
        return []

    def reads(self):
        return Observation(names=frozenset((self.netns,)), files=frozenset((self.path,)))

    def commands(self, change):
        if change.verb == "delete":
            return [["rm", "-f", self.path]]
        words = " ".join(quote("%s = %d" % pair) for pair in self.lines)
        return ["printf '%%s\\n' %s > %s" % (words, self.path)]

    @classmethod
    def of(cls, r):
        # net.ipv4.ip_forward resets the values of each link: its file is read first.
        rank = 91 if r.dev not in HOST_WIDE else 90
        path = "%s/%d-virtnet-%s.conf" % (SYSCTL_D, rank, r.path.replace("net/", "").replace("/", "-"))
        return cls("", path, ((r.word, r.value),))


SPEC = dict(
    STATE,
    **NETNS,
    dev=dict(type="str"),
    **specs(Sysctl.ROWS),
    persistent=dict(type="bool"),
)


def desired(p, host_):
    netns, dev = netns_name("netns", p["netns"]), p["dev"] and link_name("dev", p["dev"])
    if p["persistent"] and netns:
        text = "it is for the host's own network namespace; %s is gone after a reboot anyway"
        raise Refused("persistent", text % netns)
    given = {name: int(value) for name, value in parsed(Sysctl.ROWS, p)}
    if not given:
        raise Refused("ipv4", "say at least one of ipv4, ipv6, rp_filter and proxy_arp")
    gone = p["state"] == "absent"
    sysctls = [
        Sysctl(netns, *key, value=0 if gone else given[row.name])
        for row in Sysctl.ROWS
        if row.name in given
        for key in row.keys(dev)
    ]
    files = tuple(SysctlFile.of(r) for r in sysctls) if not netns else ()
    keep, drop = p["persistent"] and not gone, gone or p["persistent"] is False
    returns = (("sysctls", [r.key for r in sysctls]),)
    return Desired((*sysctls, *(files if keep else ())), files if drop else (), returns=returns)


def module(name):
    return SPEC, {}, desired
