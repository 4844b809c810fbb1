# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""xfrm: a link for IPsec."""

from __future__ import annotations

from .._core.rows import Row
from .._core.values import Refused
from .base import UDP
from .tunnel import Tunnel, attributes, external

XFRM = {"LINK": "1:uint32", "IF_ID": "2:uint32", "COLLECT_METADATA": "3:flag"}
NLA = attributes("IFLA_XFRM_", XFRM, 4)


class Xfrm(Tunnel):
    def addrgenmode_when_up(self, mode):
        return "random" if mode == "eui64" else mode

    def underlay_fixed(self):
        return True

    def check(self, planner, after, want, attrs):
        if attrs["external"] and after.link and after.link[1]:
            raise Refused("link", "it is for external: false")


KINDS = (
    Xfrm(
        "xfrm",
        (
            Row("if_id", NLA("IF_ID"), "int", range(1, 2**32), required="external", repeat=True, **UDP),
            external(NLA),
        ),
        underlay=NLA("LINK"),
        unique=("if_id",),
        l3=True,
        no_uppers=True,
        full_update=True,
        kernel_module="xfrm_interface",
    ),
)
