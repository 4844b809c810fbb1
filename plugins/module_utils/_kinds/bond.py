# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""bond: several links as one."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

from .._core.desired import Change
from .._core.rows import NOTHING, Row, Some, met
from .._core.values import Refused, replace
from .base import Kind, Port, port_kind, with_attrs
from .effects import change

BOND_MODES = {
    "balance-rr": 0,
    "active-backup": 1,
    "balance-xor": 2,
    "broadcast": 3,
    "802.3ad": 4,
    "balance-tlb": 5,
    "balance-alb": 6,
}
BOND_HASHES = {"layer2": 0, "layer3+4": 1, "layer2+3": 2, "encap2+3": 3, "encap3+4": 4, "vlan+srcmac": 5}
BOND_SELECT = {"stable": 0, "bandwidth": 1, "count": 2}
BOND_MACS = {"none": 0, "active": 1, "follow": 2}
BOND_RESELECT = {"always": 0, "better": 1, "failure": 2}
ARP_VALIDATE = {"none": 0, "active": 1, "backup": 2, "all": 3, "filter": 4, "filter_active": 5, "filter_backup": 6}
MIIMON, ARP = ("miimon", Some(100)), ("arp_interval", Some(100))
LACP = ("mode", "802.3ad")
NO_ARP = {"802.3ad", "balance-tlb", "balance-alb"}
NO_PRIMARY = {"balance-rr", "balance-xor", "broadcast", "802.3ad"}


class Ips(Row):
    """A list of IPv4 addresses."""

    def parse(self, value):
        try:
            found = tuple(sorted({str(IPv4Address(text)) for text in value}))
        except ValueError as e:
            raise ValueError("%s (IPv4 addresses are wanted, without prefix lengths)" % e)
        if len(found) not in self.values:
            raise ValueError("%d addresses are more than the %d that there can be" % (len(found), self.values[-1]))
        return found

    def shown(self, value):
        return list(value)

    def encode(self, value, old):
        return {self.nla: b"".join(struct.pack("=HH4s", 8, n, IPv4Address(ip).packed) for n, ip in enumerate(value))}

    def decode(self, raw):
        raw = raw or b""
        return tuple(sorted(str(IPv4Address(bytes(raw[at + 4 : at + 8]))) for at in range(0, len(raw), 8)))

    def ip_args(self, value, old):
        return [self.name, ",".join(value)]

    def spec(self):
        return dict(type="list", elements="str")


class Bond(Kind):
    """A link becomes its port while it is down; the kernel sets it up, with the bond's MAC address and MTU."""

    def netns_local(self):
        return True

    def accepts_ports(self):
        return "frames"

    def only_told(self, of_port):
        # The state of LACP, counters, and IFLA_BOND_ACTIVE_SLAVE.
        return (1, 2, 3, 4, 6, 7, 8) if of_port else (2, 23)

    def sets_port_up(self):
        return True

    def check(self, planner, after, want, attrs):
        for row in self.attrs:
            if row.only and attrs[row.name] != row.default and not met(row, attrs):
                raise Refused(row.only[0], "%s has %s: %s" % (after.name, row.name, str(attrs[row.name]).lower()))
        if planner.rolls_back:
            return
        for name in ("updelay", "downdelay"):
            if attrs.get("miimon") and (attrs[name] or 0) % attrs["miimon"]:
                raise Refused(name, "%d is no multiple of miimon, %d" % (attrs[name], attrs["miimon"]))
        mode, text = attrs["mode"], "a bond with mode: %s has none"
        for name, modes in (("arp_interval", NO_ARP), ("arp_validate", NO_ARP), ("primary", NO_PRIMARY)):
            if mode in modes and dict(want.attrs).get(name, "none") not in (0, "none", ""):
                raise Refused(name, text % mode)
        primary = dict(want.attrs).get("primary")
        near = [planner.state.link((after.netns, primary)), planner.present.get(("link", after.netns, primary))]
        if planner.state.get(after.key) is None:
            # It is made anew, and gets its ports back.
            near.append(planner.observed.link((after.netns, primary)))
        if primary and not any(self.is_port(link, after) for link in near):
            raise Refused("primary", "%s is no port of %s" % (primary, after.name))

    @staticmethod
    def is_port(link, bond):
        return link is not None and link.master == bond.name

    def reachable(self, planner, after, base):
        primary = dict(after.attrs).get("primary")
        if primary and not self.is_port(planner.state.link((after.netns, primary)), after):
            # It becomes one first.
            after = with_attrs(after, primary=dict(base.attrs)["primary"])
        return self.normalized(after)

    def newborn(self, want):
        if dict(want.attrs).get("primary"):
            return replace(want, attrs=tuple(pair for pair in want.attrs if pair[0] != "primary"))
        return want

    def normalized(self, link):
        attrs = dict(link.attrs)
        gone = dict(updelay=0, downdelay=0) if attrs.get("miimon") == 0 else {}
        gone.update(dict(arp_validate="none") if attrs.get("arp_interval") == 0 else {})
        return with_attrs(link, **gone)

    def intermediate(self, have, after):
        """The kernel takes no delays without miimon, not even none."""
        return with_attrs(have, updelay=0, downdelay=0) if dict(after.attrs).get("miimon") == 0 else have

    # Its ports

    def new_port(self, port):
        return replace(port, up=False)

    def plan_move(self, planner, have, after):
        """What else is desired of the port is said in steps of their own: the kernel sets it up, and more."""
        state = planner.state
        kept = state.dependents(have.key) + [have] * port_kind(state, have).sets_port_up()
        if have.up and port_kind(state, after).sets_port_up():
            planner.step(Change(have, replace(have, up=False)))
            have = state.get(have.key)
        joined = replace(have, master=after.master, port=after.port, slave_kind=after.slave_kind, raw=after.raw)
        planner.step(Change(have, joined))
        planner.reassert(kept)

    def told(self, bond):
        """The MAC address and MTU that each port gets; None is not predicted."""
        attrs = dict(bond.attrs)
        own = attrs.get("mode") in ("balance-tlb", "balance-alb") or attrs.get("fail_over_mac") != "none"
        return dict(address=None if own else bond.address, mtu=bond.mtu)

    def joined_port(self, state, port):
        return replace(port, up=True, **self.told(state.link((port.netns, port.master))))

    def left_port(self, port, in_place):
        return replace(port, address=None, mtu=None, up=False if in_place else port.up)

    def first_port(self, state, master):
        if not state.ports[master.key] and "address" not in master.pinned:
            change(state, master, replace(master, address=None))

    def lost_port(self, state, master, port):
        """The last port leaves it with a MAC address by chance, and a primary one is it again when it comes back."""
        if dict(master.attrs).get("primary") == port.name:
            master = with_attrs(master, primary=None)
            state.add(master)
        if not state.ports[master.key]:
            self.first_port(state, replace(master, pinned=frozenset()))

    def freed_port(self, state, port):
        change(state, port, replace(port, master="", port=(), up=False, address=None, mtu=None))

    def collateral(self, state, link):
        ports = [state.get(key) for key in state.ports[link.key]]
        return ports + [r for port in ports for r in state.dependents(port.key)]

    def has_own_address(self, link, ports):
        return self.told(link)["address"] is not None

    def keeps_ports(self, ports, kept):
        keys = {port.key for port in ports}
        return [r for r in kept if r.key not in keys]

    def tell_ports(self, state, before, now):
        told = {name: value for name, value in self.told(now).items() if getattr(before, name) != getattr(now, name)}
        for port in map(state.get, sorted(state.ports[now.key]) if told else ()):
            change(state, port, replace(port, **told))


KINDS = (
    Bond(
        "bond",
        (
            Row("mode", "IFLA_BOND_MODE=1:uint8", "str", BOND_MODES, "balance-rr", immutable=True),
            Row("miimon", "IFLA_BOND_MIIMON=3:uint32", "int", range(2**31)),
            Row("updelay", "IFLA_BOND_UPDELAY=4:uint32", "int", range(2**31), 0, MIIMON, repeat=True),
            Row("downdelay", "IFLA_BOND_DOWNDELAY=5:uint32", "int", range(2**31), 0, MIIMON, repeat=True),
            Row("arp_interval", "IFLA_BOND_ARP_INTERVAL=7:uint32", "int", range(2**31), 0, ("miimon", NOTHING)),
            Ips("arp_ip_target", "IFLA_BOND_ARP_IP_TARGET=8:bytes", "list", range(17), ()),
            Row("arp_validate", "IFLA_BOND_ARP_VALIDATE=9:uint32", "str", ARP_VALIDATE, "none", ARP),
            Port("primary", "IFLA_BOND_PRIMARY=11:index", "str", default=""),
            Row("xmit_hash_policy", "IFLA_BOND_XMIT_HASH_POLICY=14:uint8", "str", BOND_HASHES, "layer2"),
            Row("min_links", "IFLA_BOND_MIN_LINKS=18:uint32", "int", range(2**31), 0),
            Row(
                "lacp_rate",
                "IFLA_BOND_AD_LACP_RATE=21:uint8",
                "str",
                dict(slow=0, fast=1),
                "slow",
                LACP,
                immutable=True,
            ),
            Row("ad_select", "IFLA_BOND_AD_SELECT=22:uint8", "str", BOND_SELECT, "stable", immutable=True),
            Row("fail_over_mac", "IFLA_BOND_FAIL_OVER_MAC=13:uint8", "str", BOND_MACS, "none", immutable=True),
            Row("primary_reselect", "IFLA_BOND_PRIMARY_RESELECT=12:uint8", "str", BOND_RESELECT, "always"),
            Row("all_slaves_active", "IFLA_BOND_ALL_SLAVES_ACTIVE=17:uint8", default=False),
            Row("resend_igmp", "IFLA_BOND_RESEND_IGMP=15:uint32", "int", range(256), 1),
        ),
        kernel_module="bonding",
    ),
)
