# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""vrf: a routing table of its own for its ports."""

from __future__ import annotations

from .._core.rows import Row
from .._core.values import Refused, replace
from .base import Kind
from .effects import IPV6_LEAST, bounce


class Vrf(Kind):
    """Its ports go down and up again when they come or go, and nothing else happens to them."""

    def netns_local(self):
        return True

    def arp_by_itself(self, link):
        return False

    def multicast_by_itself(self):
        return None

    def check(self, planner, after, want, attrs):
        if want.mtu and want.mtu < IPV6_LEAST and not planner.rolls_back:
            raise Refused("mtu", "%d is less than %d, the least that a vrf has" % (want.mtu, IPV6_LEAST))

    def never_a_port(self):
        return True

    def accepts_ports(self):
        return "any"

    def port_collateral(self, state, link):
        return state.dependents(link.key)

    def bounce_port(self, state, link):
        bounce(state, link)

    def collateral(self, state, link):
        return [r for key in sorted(state.ports[link.key]) for r in state.dependents(key)]

    def freed_port(self, state, port):
        freed = replace(port, master="", port=())
        state.add(freed)
        self.bounce_port(state, freed)


KINDS = (
    Vrf(
        "vrf",
        (Row("table", "IFLA_VRF_TABLE", "int", range(1, 2**32), required=True, immutable=True),),
        no_uppers=True,
    ),
)
