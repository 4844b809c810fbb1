# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VLANs of the ports of a bridge, and of the bridge itself: bridge-vlan(8)."""

from __future__ import annotations

from typing import Optional, Tuple

from .._core.desired import Change, Desired
from .._core.options import DEV, EXCLUSIVE, NETNS, STATE
from .._core.resource import OnLink
from .._core.values import Aside, Refused, replace
from .._core.words import ip, link_name, netns_name, vids, within


class PortVlans(OnLink):
    """The VLANs of a port of a bridge, or of a bridge itself: bridge-vlan(8)."""

    netns: str
    dev: str
    vlans: Tuple[Tuple[int, Optional[bool]], ...] = ()  # (VLAN, whether its frames leave untagged)
    pvid: Optional[int] = None  # 0: none
    without: frozenset = Aside(frozenset())  # of what is desired: those that are to go
    exact: bool = Aside(False)  # of what is desired: all others are to go
    own: bool = Aside(False)  # of a bridge itself

    sort = "vlans"
    identity = ("netns", "dev")
    kept_by_kernel = True
    of_port = True

    def accepted(self, state):
        return bridge_of(state, state.link((self.netns, self.dev))) is not None

    def plan(self, planner, have):
        link = planner.state.link((self.netns, self.dev))
        bridge = bridge_of(planner.state, link)
        if bridge is None:
            raise Refused("dev", "%s is no port of a bridge" % self.dev)
        if have is None:
            have = PortVlans(self.netns, self.dev, *default_vlans(bridge), own=link.kind == "bridge")
        was = dict(have.vlans)
        vlans = {} if self.exact else dict(was)
        vlans.update((vid, was.get(vid, False) if untagged is None else untagged) for vid, untagged in self.vlans)
        vlans = tuple(sorted(item for item in vlans.items() if item[0] not in self.without))
        pvid = have.pvid if self.pvid is None else self.pvid
        after = replace(have, vlans=vlans, pvid=pvid if pvid in dict(vlans) else 0)
        if after != have:
            planner.step(Change(have, after))

    def to_record(self, observed, made):
        was = observed.get(self.key)
        bridge = was and bridge_of(observed, observed.link((self.netns, self.dev)))
        return self if was is None or (bridge and (was.vlans, was.pvid) == default_vlans(bridge)) else None

    def prune(self, planner):
        if self.key in planner.state:
            bridge = bridge_of(planner.state, planner.state.link((self.netns, self.dev)))
            planner.plan_one(PortVlans(self.netns, self.dev, *default_vlans(bridge), exact=True))

    def reassert(self, planner):
        if planner.can_be(self):
            planner.plan_one(replace(self, exact=True))

    def prerequisites(self, observed, desired):
        return super().prerequisites(observed, desired) + not_a_port(observed, desired, self.netns, self.dev)

    def as_snapshot(self, back):
        return replace(self, exact=True)

    def steps(self, before, after):
        """The (verb, first, last, untagged, pvid) that lead from some VLANs to others, a range where they are alike."""
        had = {} if before is None else {vid: (untagged, vid == before.pvid) for vid, untagged in before.vlans}
        has = {} if after is None else {vid: (untagged, vid == after.pvid) for vid, untagged in after.vlans}
        if after is not None and after.pvid:
            # The kernel takes that from the one that had it.
            had = {vid: (untagged, pvid and vid == after.pvid) for vid, (untagged, pvid) in had.items()}
        news = [("add", vid, *how) for vid, how in sorted(has.items()) if had.get(vid) != how]
        news += [("delete", vid, False, False) for vid in sorted(had) if vid not in has]
        out = []
        for verb, vid, untagged, pvid in news:
            if out and out[-1][2] == vid - 1 and (out[-1][0], *out[-1][3:]) == (verb, untagged, pvid) and not pvid:
                first = out.pop()[1]
                out.append((verb, first, vid, untagged, pvid))
            else:
                out.append((verb, vid, vid, untagged, pvid))
        return out

    def commands(self, change):
        out = []
        for verb, first, last, untagged, pvid in self.steps(change.before, change.after):
            words = [str(first) if first == last else "%d-%d" % (first, last)]
            words += ["pvid"] * pvid + ["untagged"] * untagged + ["self"] * self.own
            out.append(ip(self.netns, "vlan", verb, "dev", self.dev, "vid", *words, program="bridge"))
        return out

    def plain(self):
        vlans = [dict(vid=vid, untagged=untagged, pvid=vid == self.pvid) for vid, untagged in self.vlans]
        return dict(super().plain(), vlans=vlans)

    def is_told(self, state):
        """Whether the bridge heeds it."""
        link = state.link((self.netns, self.dev))
        bridge = link if link.kind == "bridge" else state.link((self.netns, link.master))
        return bridge is not None and dict(bridge.attrs).get("vlan_filtering")

    def as_entry(self):
        every, untagged = [str(vid) for vid, dummy in self.vlans], [str(vid) for vid, own in self.vlans if own]
        return dict(dev=self.dev, vid=every, untagged=untagged, pvid=self.pvid, exclusive=True)


def bridge_of(state, link):
    """The bridge that a link is, or of which it is a port; what nothing is known of is taken for one."""
    if link.kind is None or link.kind == "bridge":
        return link
    master = state.master_of(link)
    return master if master is not None and master.kind in (None, "bridge") else None


def default_vlans(bridge):
    """The VLANs and the pvid of a new port."""
    pvid = dict(bridge.attrs).get("vlan_default_pvid", 1)
    return (((pvid, True),) if pvid else ()), pvid


def not_a_port(observed, desired, netns, dev):
    """The link of an entry that is to be a port of a bridge and is none: the option, and the place of a port."""
    link = observed.link((netns, dev))
    if link is None or link.kind in (None, "bridge") or any(want.key == link.key for want in desired.present):
        return []
    return [] if bridge_of(observed, link) is not None else [("dev", ("port", netns, dev, "a bridge"))]


SPEC = dict(
    STATE,
    **NETNS,
    **DEV,
    vid=dict(type="list", elements="str"),
    untagged=dict(type="list", elements="str"),
    pvid=dict(type="int"),
    **EXCLUSIVE,
)


def desired(p, host_):
    netns, dev = netns_name("netns", p["netns"]), link_name("dev", p["dev"])
    every, untagged = vids("vid", p["vid"] or ()), p["untagged"] and vids("untagged", p["untagged"])
    returns = (("vlans", ("vlans", netns, dev)),)
    if p["state"] == "absent":
        if not every:
            raise Refused("vid", "say which VLANs")
        return Desired((PortVlans(netns, dev, without=frozenset(every)),), returns=returns)
    pvid = within("pvid", p["pvid"], 0, 4094)
    known = set(every) | set(untagged or ()) | ({pvid} if pvid else set())
    if not known and pvid is None and not p["exclusive"]:
        raise Refused("vid", "say at least one of vid, untagged and pvid")
    vlans = tuple((vid, None if p["untagged"] is None else vid in untagged) for vid in sorted(known))
    return Desired((PortVlans(netns, dev, vlans, pvid, exact=p["exclusive"]),), returns=returns)


def module(name):
    return SPEC, {}, desired
