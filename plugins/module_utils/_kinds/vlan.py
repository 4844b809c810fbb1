# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""vlan: a VLAN of a link, 802.1Q or 802.1ad."""

from __future__ import annotations

import struct
from typing import Any

from .._core.rows import Bit, Row
from .base import Kind

VLAN_PROTOCOLS = {"802.1Q": 0x8100, "802.1ad": 0x88A8}


class Map(Row):
    """Numbers to numbers, each pair spelled FROM:TO; what is not in it goes to 0."""

    to: Any = None

    def parse(self, value):
        pairs = {}
        for text in value:
            one, dummy, other = str(text).partition(":")
            if not (one.isdigit() and other.isdigit() and int(one) in self.values and int(other) in self.to):
                limits = self.values[0], self.values[-1], self.to[0], self.to[-1]
                raise ValueError("%r is not FROM:TO, %d to %d and %d to %d" % (text, *limits))
            if int(one) in pairs:
                raise ValueError("%s is given twice" % one)
            pairs[int(one)] = int(other)
        return tuple(sorted(pair for pair in pairs.items() if pair[1]))

    def shown(self, value):
        return ["%d:%d" % pair for pair in value]

    def news(self, value, old):
        """The pairs that lead from the old map to this one."""
        gone = {one: 0 for one, dummy in old or ()}
        return sorted(pair for pair in {**gone, **dict(value)}.items() if pair not in (old or ()))

    def encode(self, value, old):
        return {self.nla: b"".join(struct.pack("=HHII", 12, 1, *pair) for pair in self.news(value, old))}

    def decode(self, raw):
        pairs = [struct.unpack_from("=II", raw, at + 4) for at in range(0, len(raw or b""), 12)]
        return tuple(sorted(pair for pair in pairs if pair[1]))

    def ip_args(self, value, old):
        return [self.name.replace("_", "-")] + ["%d:%d" % pair for pair in self.news(value, old)]

    def spec(self):
        return dict(type="list", elements="str")


FLAGS = "IFLA_VLAN_FLAGS=2:mask"


class Vlan(Kind):
    def inherited(self, link):
        return self.inherits - ({"up"} if dict(link.attrs).get("loose_binding") else set())


KINDS = (
    Vlan(
        "vlan",
        (
            Row("protocol", "IFLA_VLAN_PROTOCOL", "str", VLAN_PROTOCOLS, "802.1Q", immutable=True),
            Row("id", "IFLA_VLAN_ID", "int", range(1, 4095), required=True, immutable=True),
            Bit("reorder_hdr", FLAGS, default=True, bit=1),
            Bit("gvrp", FLAGS, default=False, bit=2),
            Bit("mvrp", FLAGS, default=False, bit=8),
            Bit("loose_binding", FLAGS, default=False, bit=4),
            Bit("bridge_binding", FLAGS, default=False, bit=16),
            Map("ingress_qos_map", "IFLA_VLAN_INGRESS_QOS=4:bytes", "list", range(8), (), to=range(2**32)),
            Map("egress_qos_map", "IFLA_VLAN_EGRESS_QOS=3:bytes", "list", range(2**32), (), to=range(8)),
        ),
        stacked=True,
        unique=("protocol", "id"),
        inherits=frozenset(("up", "unset address")),
        kernel_module="8021q",
    ),
)
