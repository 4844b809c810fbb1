# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of neighbours for good: ip-neighbour(8)."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Optional, Tuple

from .._core.options import DEV, NETNS, STATE, these
from .._core.resource import OnLink
from .._core.values import Refused, replace
from .._core.words import family_of, host, ip, is_mac, link_name, lladdr, netns_name
from .._kinds.effects import check_mtu, takes_ipv6

PROTOCOL, FLAGS_EXT = 12, 15
HELD = "held"
PERMANENT, NUD = 0x80, {0x80: "permanent", 0x40: "noarp", 4: "stale"}


class Neighbour(OnLink):
    """What is known of a neighbour for good: ip-neighbour(8)."""

    netns: str
    dev: str
    address: str
    lladdr: Optional[str] = None
    router: Optional[bool] = None
    proxy: bool = False
    rest: Optional[Tuple[Any, ...]] = None  # attributes that are not described, and HELD

    sort = "neighbour"
    identity = ("netns", "dev", "address", "proxy")

    @property
    def key(self):
        return ("neighbour", self.netns, self.dev, self.address, self.proxy)

    @property
    def family(self):
        return family_of(self.address)

    def accepted(self, state):
        here = ":" not in self.address or takes_ipv6(state, self.netns, self.dev)
        return here and not self.is_without_mac(state)

    def is_without_mac(self, state):
        """Whether the link knows of no MAC addresses, and this has one."""
        return bool(not self.held and self.lladdr and state.link((self.netns, self.dev)).l3)

    @property
    def held(self):
        """State and flags of one that no option makes."""
        return dict(self.rest or ()).get(HELD, ())

    def overlay(self, want):
        after = super().overlay(want)
        kept = tuple(one for one in after.rest or () if one[0] not in (HELD, FLAGS_EXT))
        return replace(after, rest=kept) if self.held and want.rest is None else after

    def plan(self, planner, have):
        if self.is_without_mac(planner.state):
            raise Refused("lladdr", "%s has no MAC address, and nobody behind it has one" % self.dev)
        if have is None and ":" in self.address:
            check_mtu(planner, self)
        super().plan(planner, have)

    def find(self, state):
        return [r for r in state.within(self.netns, self.sort) if r.fits(self)]

    def survives(self, event):
        lost = event.drops_ipv6 and ":" in self.address
        # With the carrier go those that are not permanent.
        lost = lost or (not event.carrier and (self.proxy or bool(self.held)))
        return not (event.down or lost or (event.other_mac and not self.proxy))

    def is_told(self, state):
        # On a link that knows of no MAC addresses one is known without, or by the address of a tunnel's other end.
        return not self.held and (self.proxy or is_mac(self.lladdr or ""))

    def not_described(self):
        if self.is_told(None):
            return super().not_described()
        return [" ".join(self.nud() + ["lladdr", self.lladdr] * bool(self.lladdr and not self.held))]

    def commands(self, change):
        words = ["proxy"] * self.proxy + [self.address]
        if change.verb == "delete":
            return [ip(self.netns, "neighbour", "delete", *words, "dev", self.dev)]
        words += ["lladdr", self.lladdr] if self.lladdr else []
        words += [] if self.proxy else self.nud()
        protocol = dict(self.rest or ()).get(PROTOCOL)
        words += ["protocol", str(protocol[0])] if protocol else []
        return [ip(self.netns, "neighbour", "replace", *words, "dev", self.dev, *["router"] * bool(self.router))]

    def nud(self):
        """The words for its state."""
        state, flags = self.held or (PERMANENT, 0)
        managed = any(number == FLAGS_EXT and raw[0] & 1 for number, raw in self.rest or ())
        words = ["managed"] if managed else ["nud", NUD.get(state, "none")]
        return words + ["extern_learn"] * bool(flags)


SPEC = dict(
    STATE,
    **NETNS,
    **DEV,
    address=dict(type="str", required=True),
    lladdr=dict(type="str"),
    router=dict(type="bool"),
    proxy=dict(type="bool", default=False),
)


def desired(p, host_):
    netns, dev = netns_name("netns", p["netns"]), link_name("dev", p["dev"])
    gone, proxy = p["state"] == "absent", p["proxy"]
    address = host("address", p["address"])
    if ip_address(address).is_multicast or ip_address(address).is_unspecified:
        raise Refused("address", "%s is the address of no neighbour" % address)
    told = [option for option in ("lladdr", "router") if p[option] is not None]
    if proxy and told:
        raise Refused(told[0], "an address for which this host answers (proxy) has none")
    if not (gone or proxy or p["lladdr"]):
        raise Refused("lladdr", "say the MAC address of %s" % address)
    mac = "" if proxy and not gone else lladdr("lladdr", p["lladdr"])
    return these(p, "neighbours", [Neighbour(netns, dev, address, mac, p["router"], proxy)])


def module(name):
    return SPEC, {}, desired
