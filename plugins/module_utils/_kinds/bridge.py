# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""bridge, and what its ports have: ip-link(8), bridge(8)."""

from __future__ import annotations

from .._core.rows import Row
from .._core.values import Refused, merged, replace
from .base import Kind, LinkName, Port
from .effects import change
from .vlan import VLAN_PROTOCOLS

# Identifiers, timers, counters, and what to flush: IFLA_BR_*, IFLA_BRPORT_*.
ONLY_TOLD = (*range(10, 20), 21, 40, 47, 48)
ONLY_TOLD_OF_PORT = (1, *range(13, 25), 26, 35, 36, 38, 41)


class BackupPort(LinkName, Port):
    """The port that gets the frames of one without a carrier."""

    def ip_args(self, value, old):
        return super().ip_args(value, old) or ["nobackup_port"]


class Bridge(Kind):
    """It takes its MAC address and MTU from its ports, unless they were set."""

    def netns_local(self):
        return True

    def accepts_ports(self):
        return "frames"

    def only_told(self, of_port):
        return ONLY_TOLD_OF_PORT if of_port else ONLY_TOLD

    def follow_port(self, state, master):
        loose = replace(master, **{name: None for name in ("address", "mtu") if name not in master.pinned})
        change(state, master, loose)

    def changed(self, state, before, now):
        self.change_default_vlan(state, before, now)
        if dict(now.attrs).get("mcast_snooping") is False:
            # The kernel keeps them and does not tell.
            for r in [r for r in state.on(before.key) if r.sort == "mdb"]:
                state.pop(r.key)

    def check_port(self, planner, port, want):
        attrs, asked = dict(port.port), dict(want.port)
        locked = attrs.get("locked") and attrs.get("learning", True)
        if attrs.get("mab") and not locked and {"mab", "locked", "learning"} & set(asked):
            raise Refused("ports.mab", "%s has it only with locked: true and learning: true" % port.name)
        backup = asked.get("backup_port")
        if backup == port.name:
            raise Refused("ports.backup_port", "%s cannot be its own" % backup)
        others = planner.state.link((port.netns, backup)), planner.present.get(("link", port.netns, backup))
        if backup and not any(other is not None and other.master == port.master for other in others):
            raise Refused("ports.backup_port", "%s is no port of %s" % (backup, port.master))

    def reachable_port(self, planner, port, base):
        backup = dict(port.port).get("backup_port")
        other = planner.state.link((port.netns, backup)) if backup else None
        if not backup or (other is not None and other.master == port.master):
            return port
        # It becomes a port first.
        old = dict(base.port).get("backup_port") if base.master == port.master else ""
        return replace(port, port=merged(port.port, dict(backup_port=old or "")))

    def new_port(self, port):
        return replace(port, port=tuple(pair for pair in port.port if pair[0] != "backup_port"))

    def lost_port(self, state, master, port):
        self.tell_backups(state, master, port.name, "")

    def renamed_port(self, state, before, now):
        self.tell_backups(state, state.link((now.netns, now.master)), before.name, now.name)

    @staticmethod
    def tell_backups(state, master, old, new):
        for other in state.having("backup_port", master.netns, old):
            if other.master == master.name:
                state.add(replace(other, port=merged(other.port, dict(backup_port=new))))

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


class Ageing(Row):
    """A time; None while STP handles a change of the topology, and the kernel tells twice the forward_delay instead."""

    def read(self, get):
        found, delay = get(self.nla), get("IFLA_BR_FORWARD_DELAY")
        hidden = get("IFLA_BR_TOPOLOGY_CHANGE") and get("IFLA_BR_STP_STATE") == 1 and abs(found - 2 * delay) <= 2
        return None if hidden else self.decode(found)


KINDS = (
    Bridge(
        "bridge",
        (
            Row("stp_state", "IFLA_BR_STP_STATE", default=False),
            Row("priority", "IFLA_BR_PRIORITY", "int", range(65536), 32768),
            Row("forward_delay", "IFLA_BR_FORWARD_DELAY", "ticks", range(3001), 1500),
            Row("hello_time", "IFLA_BR_HELLO_TIME", "ticks", range(100, 1001), 200),
            Row("max_age", "IFLA_BR_MAX_AGE", "ticks", range(600, 4001), 2000),
            Ageing("ageing_time", "IFLA_BR_AGEING_TIME", "ticks", range(10_000_001), 30000),
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
            Row("flood", "IFLA_BRPORT_UNICAST_FLOOD=9:uint8", "onoff", default=True),
            Row("mcast_flood", "IFLA_BRPORT_MCAST_FLOOD=27:uint8", "onoff", default=True),
            Row("bcast_flood", "IFLA_BRPORT_BCAST_FLOOD=30:uint8", "onoff", default=True),
            Row("mcast_to_unicast", "IFLA_BRPORT_MCAST_TO_UCAST=28:uint8", "onoff", default=False),
            Row("mcast_router", "IFLA_BRPORT_MULTICAST_ROUTER=25:uint8", "int", range(4), 1),
            Row("neigh_suppress", "IFLA_BRPORT_NEIGH_SUPPRESS=32:uint8", "onoff", default=False),
            Row("vlan_tunnel", "IFLA_BRPORT_VLAN_TUNNEL=29:uint8", "onoff", default=False),
            Row("locked", "IFLA_BRPORT_LOCKED=39:uint8", "onoff", default=False),
            Row("mab", "IFLA_BRPORT_MAB=40:uint8", "onoff", default=False),
            BackupPort("backup_port", "IFLA_BRPORT_BACKUP_PORT=34:index", "str", default=""),
        ),
        module="linux_bridge",
    ),
)
