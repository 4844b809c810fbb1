# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses of links: ip-address(8)."""

from __future__ import annotations

from ipaddress import ip_interface
from typing import Optional

from .._core.desired import Desired
from .._core.options import DEV, EXCLUSIVE, NETNS, STATE, strangers
from .._core.resource import OnLink
from .._core.rows import Row
from .._core.values import Aside, Refused, replace
from .._core.words import family_of, host, interface, ip, link_name, netns_name, unique
from .._kinds.effects import IPV6_LEAST

SCOPES = {"global": 0, "link": 253, "host": 254}


class Address(OnLink):
    """An address on a link: ip-address(8)."""

    netns: str
    dev: str
    address: str  # with its prefix length
    peer: Optional[str] = None
    broadcast: Optional[str] = None
    label: Optional[str] = None
    scope: Optional[str] = None
    proto: Optional[str] = Aside()  # "kernel" where the kernel made it by itself
    secondary: bool = Aside(False)

    sort = "address"
    identity = ("netns", "dev", "address", "peer")
    # Beside the address itself, in the order of ip(8)'s words.
    ROWS = (
        Row("broadcast", "IFA_BROADCAST=4:ip", "str", default=""),
        Row("label", "IFA_LABEL=3:text", "str", default=""),
        Row("scope", "scope", "str", SCOPES, "global"),
    )

    @property
    def key(self):
        # IPv6 has one entry an address; IPv4 one for each prefix length and peer.
        if ":" in self.address:
            return ("address", self.netns, self.dev, self.address.split("/")[0], "")
        return ("address", self.netns, self.dev, self.address, self.peer or "")

    @property
    def ip(self):
        return self.address.split("/")[0]

    @property
    def family(self):
        return family_of(self.address)

    @property
    def network(self):
        return ip_interface(self.peer or self.address).network

    @property
    def made_by_kernel(self):
        return self.proto == "kernel"

    def plan(self, planner, have):
        if have is None:
            link = planner.state.link((self.netns, self.dev))
            if ":" in self.address and link.mtu and link.mtu < IPV6_LEAST:
                text = "%s has an MTU of %d, and IPv6 takes no less than %d"
                option = "mtu" if link.key in planner.present else "dev"
                raise Refused(option, text % (link.name, link.mtu, IPV6_LEAST))
        super().plan(planner, have)

    def find(self, state):
        near = state.within(self.netns, self.sort)
        return [r for r in near if not r.made_by_kernel and r.fits(self)]

    def predict(self, state, before):
        if before is not None:
            before.predict_removal(state)
        state.add(replace(self, secondary=self.is_secondary(state)))

    def is_secondary(self, state):
        others = [a for a in self.others(state) if a.family == self.family and not a.secondary]
        return ":" not in self.address and any(a.network == self.network for a in others)

    def others(self, state):
        """The other addresses of the link."""
        near = state.on(("link", self.netns, self.dev))
        return [r for r in near if r.sort == self.sort and r.key != self.key]

    def collateral(self, state, after):
        """The others on its link, neighbours, and routes."""
        link = ("link", self.netns, self.dev)
        found = [r for r in state.on(link) if r.sort in ("address", "neighbour", "route")] + state.from_address(self)
        return {r.key: r for r in found if r.key != self.key}.values()

    def near(self, state):
        return self.collateral(state, None)

    def survives(self, event):
        return not (":" in self.address and (event.down or event.drops_ipv6))

    def takes_along(self, state, held):
        """Its secondaries, routes from it, and with the last one all routes and neighbours."""
        if ":" in self.address:
            return []
        near = [r for r in state.on(("link", self.netns, self.dev)) if getattr(r, "family", None) == self.family]
        same = [r for r in near if r.sort == self.sort]
        fallen = [r.key for r in same if not self.secondary and r.secondary and r.network == self.network]
        if len(fallen) == len(same):
            fallen += [r.key for r in near if r.sort in ("route", "neighbour")]
        return fallen + self.routes_from(state)

    def routes_from(self, state):
        """The keys of the routes that lose their source, as no other link has this address."""
        routes = state.from_address(self)
        still = routes and any(r.ip == self.ip for r in state.within(self.netns, self.sort) if r.key != self.key)
        return [] if still else [r.key for r in routes]

    def disturbs(self, after):
        return self != after, False

    def commands(self, change):
        if change.before == change.after:
            return [self.command("replace")]
        both = (("delete", change.before), ("add", change.after))
        return [address.command(verb) for verb, address in both if address is not None]

    def command(self, verb):
        words = [self.ip, "peer", self.peer] if self.peer else [self.address]
        for row in self.ROWS if verb != "delete" else ():
            value = getattr(self, row.name)
            words += row.ip_args(value, None) if value and value != row.default else []
        return ip(self.netns, "address", verb, *words, "dev", self.dev)

    def needs_more(self):
        """Whether it is more than one that its link can be given."""
        return any((self.peer, self.label, self.broadcast, self.scope not in (None, "", "global")))

    def as_entry(self):
        told = {option: getattr(self, option) for option in ("dev", "peer", "label", "broadcast", "scope")}
        return dict({option: value for option, value in told.items() if value}, address=[self.address])


MORE = dict(peer=dict(type="str"), **{row.name: row.spec() for row in Address.ROWS})
SPEC = dict(
    STATE,
    **NETNS,
    **MORE,
    **DEV,
    address=dict(type="list", elements="str"),
    addresses=dict(type="list", elements="dict", options=dict(MORE, address=dict(type="str", required=True))),
    **EXCLUSIVE,
)
RULES = dict(
    required_one_of=[("address", "addresses")],
    mutually_exclusive=[("addresses", option) for option in ("address", *MORE)],
)


def desired(p, host_):
    netns, dev = netns_name("netns", p["netns"]), link_name("dev", p["dev"])
    single = [option for option in MORE if p[option] is not None]
    if single and len(p["address"] or ()) > 1:
        raise Refused(single[0], "it is for one address, and %d are given" % len(p["address"]))
    option = "address" if p["addresses"] is None else "addresses"
    if p["addresses"] is None:
        addresses = [address_of(netns, dev, dict(p, address=text), "") for text in p["address"]]
    else:
        addresses = [address_of(netns, dev, one, "addresses.") for one in p["addresses"]]
    unique(option, [a.address + (" with the peer " + a.peer if a.peer else "") for a in addresses])
    returns = (("addresses", [a.key for a in addresses]),)
    if p["state"] == "absent":
        return Desired(absent=tuple(addresses), returns=returns)
    return Desired(tuple(addresses), (), strangers(p, Address, netns, dev, option), returns=returns)


def address_of(netns, dev, p, prefix):
    text, peer, label = p["address"], p["peer"], p["label"]
    if peer is not None:
        peer = interface(prefix + "peer", peer if "/" in peer else peer + ("/128" if ":" in peer else "/32"))
        own = host(prefix + "address", text.split("/")[0])
        if (":" in own) != (":" in peer):
            raise Refused(prefix + "peer", "%s and %s are of different families" % (own, peer))
        address = Address(netns, dev, own + ("/128" if ":" in own else "/32"), peer)
    else:
        address = Address(netns, dev, interface(prefix + "address", text))
    if label and (not label.startswith(dev) or len(label.encode()) > 15):
        text = "%r must begin with the name of its link, %s, and have at most 15 bytes"
        raise Refused(prefix + "label", text % (label, dev))
    if (label or p["broadcast"]) and ":" in address.address:
        raise Refused(prefix + ("label" if label else "broadcast"), "IPv6 addresses have none")
    broadcast = host(prefix + "broadcast", p["broadcast"])
    return replace(address, broadcast=broadcast, label="" if label == dev else label, scope=p["scope"])


def module(name):
    return SPEC, RULES, desired
