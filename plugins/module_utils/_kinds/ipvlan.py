# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""ipvlan and ipvtap: a link with IP addresses of its own and the MAC address of another link."""

from __future__ import annotations

from .._core.rows import Row, Word
from .macvlan import RxHandler

MODES, FLAGS = {"l2": 0, "l3": 1, "l3s": 2}, {"bridge": 0, "private": 1, "vepa": 2}


class Ipvlan(RxHandler):
    def shares_attrs(self):
        return True

    def arp_by_itself(self, link):
        return dict(link.attrs).get("mode") == "l2" if link.up else None

    def arp_after(self, before, now):
        was, mode = dict(before.attrs).get("mode"), dict(now.attrs).get("mode")
        return mode == "l2" if mode != was or (now.up and not before.up) else now.arp

    def is_tap(self):
        return self.name == "ipvtap"

    def lower_in_same_netns(self):
        return self.is_tap()


IPVLAN = dict(
    attrs=(
        Row("mode", "IFLA_IPVLAN_MODE=1:uint16", "str", MODES, "l3"),
        Word("flag", "IFLA_IPVLAN_FLAGS=2:uint16", "str", FLAGS, "bridge", repeat=True),
    ),
    module="ipvlan",
    stacked=True,
    inherits=frozenset(("mtu", "address")),
    no_uppers=True,
)
KINDS = (Ipvlan("ipvlan", **IPVLAN), Ipvlan("ipvtap", **IPVLAN))
