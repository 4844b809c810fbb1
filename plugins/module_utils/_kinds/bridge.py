# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""bridge, and what its ports have: ip-link(8), bridge(8)."""

from __future__ import annotations

from .._core.rows import Row
from .._core.values import replace
from .base import Kind
from .effects import change
from .vlan import VLAN_PROTOCOLS


class Bridge(Kind):
    """It takes its MAC address and MTU from its ports, unless they were set."""

    def netns_local(self):
        return True

    def accepts_ports(self):
        return "frames"

    def follow_port(self, state, master):
        loose = replace(master, **{name: None for name in ("address", "mtu") if name not in master.pinned})
        change(state, master, loose)

    def changed(self, state, before, now):
        self.change_default_vlan(state, before, now)
        if dict(now.attrs).get("mcast_snooping") is False:
            # The kernel keeps them and does not tell.
            for r in [r for r in state.on(before.key) if r.sort == "mdb"]:
                state.pop(r.key)

    def change_default_vlan(self, state, before, now):
        """A port that has the default VLAN and no other one of its own for that gets the new default."""
        old, new = [dict(link.attrs).get("vlan_default_pvid") for link in (before, now)]
        if None in (old, new) or old == new:
            return
        for key in [before.key, *state.ports[before.key]]:
            r = state.get(("vlans", *key[1:]))
            vlans = dict(r.vlans) if r else {}
            usual = bool(old) and r is not None and r.pvid == old and vlans.get(old) is True
            if r is not None and (usual or (not old and new)) and new not in vlans:
                vlans.pop(old, None) if usual else None
                vlans.update({new: True} if new else {})
                state.add(replace(r, vlans=tuple(sorted(vlans.items())), pvid=new))


KINDS = (
    Bridge(
        "bridge",
        (
            Row("stp_state", "IFLA_BR_STP_STATE", default=False),
            Row("priority", "IFLA_BR_PRIORITY", "int", range(65536), 32768),
            Row("forward_delay", "IFLA_BR_FORWARD_DELAY", "ticks", range(3001), 1500),
            Row("hello_time", "IFLA_BR_HELLO_TIME", "ticks", range(100, 1001), 200),
            Row("max_age", "IFLA_BR_MAX_AGE", "ticks", range(600, 4001), 2000),
            Row("ageing_time", "IFLA_BR_AGEING_TIME", "ticks", range(10_000_001), 30000),
            Row("group_fwd_mask", "IFLA_BR_GROUP_FWD_MASK", "int", range(0, 65536, 8), 0),
            Row("mcast_snooping", "IFLA_BR_MCAST_SNOOPING", default=True),
            Row("vlan_filtering", "IFLA_BR_VLAN_FILTERING", default=False),
            Row("vlan_default_pvid", "IFLA_BR_VLAN_DEFAULT_PVID", "int", range(4095), 1),
            Row("vlan_protocol", "IFLA_BR_VLAN_PROTOCOL", "str", VLAN_PROTOCOLS, "802.1Q"),
        ),
        (
            Row("cost", "IFLA_BRPORT_COST", "int", range(1, 65536)),
            Row("priority", "IFLA_BRPORT_PRIORITY", "int", range(64), 32),
            Row("hairpin", "IFLA_BRPORT_MODE", "onoff", default=False),
            Row("isolated", "IFLA_BRPORT_ISOLATED", "onoff", default=False),
            Row("learning", "IFLA_BRPORT_LEARNING", "onoff", default=True),
            Row("guard", "IFLA_BRPORT_GUARD", "onoff", default=False),
            Row("root_block", "IFLA_BRPORT_PROTECT", "onoff", default=False),
            Row("fastleave", "IFLA_BRPORT_FAST_LEAVE", "onoff", default=False),
        ),
        module="linux_bridge",
    ),
)
