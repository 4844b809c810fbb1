# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every link kind that this collection makes: one entry of one table each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Tuple


@dataclass(frozen=True)
class Attr:
    """One option of a kind: its ip(8) word, its netlink attribute, its values."""

    name: str
    nla: str
    type: str = "bool"  # bool, int, str; onoff: a bool that ip(8) spells so; ticks: hundredths of a second, rounded
    values: Any = None  # a range of numbers, or the netlink value of each word
    default: Any = None  # what the kernel takes when nothing is said
    fixed: bool = False  # only a new link takes it

    def encode(self, value):
        return self.values[value] if isinstance(self.values, dict) else int(value) if self.type != "str" else value

    def decode(self, raw):
        """The option's value; a kernel without the feature behaves like its default."""
        if raw is None:
            return self.default
        if isinstance(self.values, dict):
            return {number: word for word, number in self.values.items()}.get(raw, raw)
        return bool(raw) if self.type in ("bool", "onoff") else raw

    def same(self, one, other):
        return abs(one - other) <= 1 if self.type == "ticks" and None not in (one, other) else one == other

    def words(self, value):
        word = ("on" if value else "off") if self.type == "onoff" else int(value) if self.type == "bool" else value
        return [self.name, str(word)]

    def spec(self):
        spec = {"type": {"ticks": "int", "onoff": "bool"}.get(self.type, self.type)}
        return dict(spec, choices=list(self.values)) if isinstance(self.values, dict) else spec


@dataclass(frozen=True)
class Kind:
    """A kind of link, as the kernel calls it."""

    name: str
    attrs: Tuple[Attr, ...] = ()
    port: Tuple[Attr, ...] = ()  # what each port of such a master has
    paired: bool = False  # comes into being with a peer
    kernel_module: Optional[str] = None  # where it differs from the kind's name


def said(attrs, old, new, fresh=False):
    """The (attribute, value) pairs to be said to turn `old` values into `new`; a fresh one has the defaults."""
    old, new = dict(old), dict(new)
    for attr in attrs:
        value = new.get(attr.name)
        if value is not None and not attr.same(value, attr.default if fresh else old.get(attr.name)):
            yield attr, value


KINDS = {
    kind.name: kind
    for kind in (
        Kind("veth", paired=True),
        Kind(
            "bridge",
            attrs=(
                Attr("stp_state", "IFLA_BR_STP_STATE", default=False),
                Attr("priority", "IFLA_BR_PRIORITY", "int", range(65536), 32768),
                Attr("forward_delay", "IFLA_BR_FORWARD_DELAY", "ticks", range(3001), 1500),
                Attr("hello_time", "IFLA_BR_HELLO_TIME", "ticks", range(100, 1001), 200),
                Attr("max_age", "IFLA_BR_MAX_AGE", "ticks", range(600, 4001), 2000),
                Attr("ageing_time", "IFLA_BR_AGEING_TIME", "ticks", range(10_000_001), 30000),
                Attr("group_fwd_mask", "IFLA_BR_GROUP_FWD_MASK", "int", range(0, 65536, 8), 0),
                Attr("mcast_snooping", "IFLA_BR_MCAST_SNOOPING", default=True),
                Attr("vlan_filtering", "IFLA_BR_VLAN_FILTERING", default=False),
                Attr("vlan_default_pvid", "IFLA_BR_VLAN_DEFAULT_PVID", "int", range(4095), 1),
                Attr("vlan_protocol", "IFLA_BR_VLAN_PROTOCOL", "str", {"802.1Q": 0x8100, "802.1ad": 0x88A8}, "802.1Q"),
            ),
            port=(
                Attr("cost", "IFLA_BRPORT_COST", "int", range(1, 65536)),
                Attr("priority", "IFLA_BRPORT_PRIORITY", "int", range(64), 32),
                Attr("hairpin", "IFLA_BRPORT_MODE", "onoff", default=False),
                Attr("isolated", "IFLA_BRPORT_ISOLATED", "onoff", default=False),
                Attr("learning", "IFLA_BRPORT_LEARNING", "onoff", default=True),
                Attr("guard", "IFLA_BRPORT_GUARD", "onoff", default=False),
                Attr("root_block", "IFLA_BRPORT_PROTECT", "onoff", default=False),
                Attr("fastleave", "IFLA_BRPORT_FAST_LEAVE", "onoff", default=False),
            ),
        ),
    )
}
PLAIN = Kind("")  # seen and set, never made: a network card, lo, a kind that is not in the table


def kind_of(link):
    return KINDS.get(link.kind, PLAIN)


def port_kind(state, link):
    """The kind of what the link is a port of."""
    master = state.links((link.netns, link.master)) if link.master else None
    return kind_of(master) if master else PLAIN
