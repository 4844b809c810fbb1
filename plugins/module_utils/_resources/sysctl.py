# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values under /proc/sys/net: sysctl(8), sysctl.d(5)."""

from __future__ import annotations

from shlex import quote
from typing import Optional, Tuple

from .._core.desired import Change, Desired, Observation
from .._core.options import NETNS, STATE, specs
from .._core.resource import Resource, fall, of_netns
from .._core.rows import Row, parsed
from .._core.values import Refused, replace
from .._core.words import inside, link_name, netns_name
from .._kinds.effects import check_mtu
from .._rooms import RANK

HOST_WIDE = ("all", "default", "")
ACCEPT_RA = ("ipv6", "accept_ra")
OF_IPV6 = ("address", "route", "neighbour")  # what a link loses with IPv6
SYSCTL_D = "/etc/sysctl.d"


class PerLink(Row):
    """An option, and the values that it stands for: of one link, and of all."""

    family: str = "ipv4"
    key: str = ""  # its name under conf/LINK
    all: Tuple[Tuple[str, str], ...] = ()  # (conf/..., name)
    devconf: int = 0  # its number among those of a link, where the kernel does not tell them by an attribute

    def keys(self, dev):
        return [(self.family, dev, self.key)] if dev else [(self.family, *one) for one in self.all]


class OfNetns(Row):
    """An option of a whole network namespace, of both families."""

    def keys(self, dev):
        if dev:
            raise Refused(self.name, "it is for a whole network namespace, without dev")
        return [(family, "", self.name) for family in ("ipv4", "ipv6")]


class Ipv6Ends:
    """What happens to what is on a link that gets disable_ipv6."""

    down = other_mac = False
    drops_ipv6 = carrier = True


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
        PerLink(
            "proxy_ndp",
            "NETCONFA_PROXY_NEIGH=5:int32",
            family="ipv6",
            key="proxy_ndp",
            all=(("all", "proxy_ndp"),),
        ),
        # To write the one of `all` does nothing.
        PerLink(
            "accept_ra",
            type="int",
            values={0: 0, 1: 1, 2: 2},
            default=1,
            family="ipv6",
            key="accept_ra",
            all=(("default", "accept_ra"),),
            devconf=3,
        ),
        PerLink(
            "keep_addr_on_down",
            family="ipv6",
            key="keep_addr_on_down",
            all=(("all", "keep_addr_on_down"),),
            devconf=42,
        ),
        PerLink("disable_ipv6", family="ipv6", key="disable_ipv6", all=(("all", "disable_ipv6"),), devconf=26),
        PerLink(
            "arp_ignore",
            type="int",
            values={0: 0, 1: 1, 2: 2, 3: 3, 8: 8},
            key="arp_ignore",
            all=(("all", "arp_ignore"),),
            devconf=19,
        ),
        PerLink("arp_filter", key="arp_filter", all=(("all", "arp_filter"),), devconf=13),
        PerLink("accept_local", key="accept_local", all=(("all", "accept_local"),), devconf=23),
        OfNetns("fib_multipath_hash_policy", "", "int", {0: 0, 1: 1, 2: 2, 3: 3}),
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

    def reads(self):
        more = OF_IPV6 if self.name == "disable_ipv6" else ("route", ACCEPT_RA) if self.ends_advertisements else ()
        return super().reads().joined(Observation(sorts=frozenset((*more, self.alike))))

    @property
    def alike(self):
        """What is read with it: the same of all links, and of those to come."""
        return self.family, "forwarding" if self.name == "ip_forward" else self.name

    @property
    def ends_advertisements(self):
        return self.family == "ipv6" and self.name == "forwarding"

    def order(self):
        # net.ipv4.ip_forward resets the values of each link, so it precedes them; there are IPv6 addresses only with
        # IPv6, and what came with an advertisement is gone with the first link that forwards.
        rank, netns, dummy, key = super().order()
        if self.name == "disable_ipv6":
            return (RANK["address"] - 0.5, netns, self.dev not in HOST_WIDE, key)
        return (rank, netns, 0 if self.name == "accept_ra" else 1 + (self.dev not in HOST_WIDE), key)

    def plan(self, planner, have):
        if have is None and self.family == "ipv6":
            check_mtu(planner, self)
        super().plan(planner, have)

    def to_record(self, observed, made):
        """It with the value that it goes back to."""
        was = observed.get(self.key)
        return None if was is not None and was.value == self.value else replace(self, value=was and was.value)

    @property
    def is_shared(self):
        """Whether others on the host may rely on it by the time that a topology goes, as Docker does."""
        return not self.netns and (self.dev, self.name) in (("", "ip_forward"), ("all", "forwarding"))

    def prune(self, planner):
        have = planner.state.get(self.key)
        if have is not None and not self.is_shared:
            value = self.value_by_itself(planner.state) if self.value is None else self.value
            if have.value != value:
                planner.step(Change(have, replace(have, value=value)))

    def value_by_itself(self, state):
        """The value that a new namespace or link has."""
        if self.dev not in HOST_WIDE:
            above = state.get(replace(self, dev="default").key)
        else:
            of_host = self.family == "ipv4" and (self.dev or self.name == "ip_forward")
            above = state.get(replace(self, netns="").key) if of_host else None
        return above.value if above else int(self.name == "accept_ra")

    def reassert(self, planner):
        pass

    def predict(self, state, before):
        state.add(self)
        if (self.dev, self.name) in (("", "ip_forward"), ("all", "forwarding")):
            for r in state.within(self.netns, self.sort):
                if r.family == self.family and r.name in ("forwarding", "ip_forward"):
                    state.add(replace(r, value=self.value))
        if self.name == "disable_ipv6" and self.dev != "default":
            for r in state.within(self.netns, self.sort) if self.dev == "all" else ():
                if r.name == self.name:
                    state.add(replace(r, value=self.value))
            for r in self.lost(state) if self.value else ():
                fall(state, r)

    def lost(self, state):
        """What its links lose with IPv6."""
        links = state.within(self.netns, "link") if self.dev == "all" else [state.link((self.netns, self.dev))]
        near = [r for link in links if link is not None for r in state.on(link.key) if r.sort in OF_IPV6]
        return [r for r in near if not r.survives(Ipv6Ends)]

    def survives(self, event):
        return not (self.family == "ipv6" and event.drops_ipv6)

    def near(self, state):
        more = self.lost(state) if self.name == "disable_ipv6" and self.dev != "default" else []
        if self.dev not in ("", "all"):
            return more
        devs = ["", "all", "default", *(link.name for link in state.within(self.netns, "link"))]
        names = ("forwarding", "ip_forward") if self.name in ("forwarding", "ip_forward") else (self.name,)
        return more + [state.get((self.sort, self.netns, self.family, dev, name)) for dev in devs for name in names]

    def as_snapshot(self, back):
        there = all(key in back.now for key in self.requires())
        return None if not there and self.value == self.value_by_itself(back.before) else self

    def warnings(self, after, targets):
        """A link that forwards from now on, and hears no more of its routers."""
        now = after.get(self.key)
        if not self.ends_advertisements or self.value or not (now and now.value):
            return
        accepts = after.get(replace(self, name="accept_ra").key)
        near = after.on(("link", self.netns, self.dev))
        heard = [r for r in near if r.sort == "route" and ":" in r.dest and (r.proto == "ra" or r.expires)]
        if heard and accepts is not None and accepts.value == 1:
            text = "%s forwards from now on, and accepts no more router advertisements: say accept_ra: 2 before"
            yield text % self.dev

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
        raise Refused("ipv4", "say at least one of %s" % ", ".join(row.name for row in Sysctl.ROWS))
    gone = p["state"] == "absent"
    sysctls = [
        Sysctl(netns, *key, value=int(row.default or 0) if gone else given[row.name])
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
