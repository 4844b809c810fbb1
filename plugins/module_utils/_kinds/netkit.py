# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""netkit: a pair for BPF programs, whose options the kernel keeps at both ends and takes at one, the primary."""

from __future__ import annotations

from .._core.desired import Change
from .._core.rows import Row, Word
from .._core.values import Refused, merged, replace
from .base import port_kind
from .veth import Pair

POLICIES, SCRUBS, ROLES = {"forward": 0, "blackhole": 2}, {"none": 0, "default": 1}, {"primary": 1, "peer": 0}
NO_MAC = "00:00:00:00:00:00"


class OfPeer(Row):
    """An option of the other end; ip(8) takes it after the word `peer`."""

    def ip_args(self, value, old):
        return ["peer", *([value] if self.name == "peer_policy" else ["scrub", value])]


class Role(Row):
    """Which end it is: the primary is the one of which the kernel was told first."""

    def encode(self, value, old):
        return {}

    def ip_args(self, value, old):
        return []


ROWS = (
    Row("mode", "IFLA_NETKIT_MODE=5:uint32", "str", {"l2": 0, "l3": 1}, "l3", immutable=True),
    Word("policy", "IFLA_NETKIT_POLICY=3:uint32", "str", POLICIES, "forward"),
    Row("scrub", "IFLA_NETKIT_SCRUB=6:uint32", "str", SCRUBS, "default", immutable=True),
    OfPeer("peer_policy", "IFLA_NETKIT_PEER_POLICY=4:uint32", "str", POLICIES, "forward"),
    OfPeer("peer_scrub", "IFLA_NETKIT_PEER_SCRUB=7:uint32", "str", SCRUBS, "default", immutable=True),
    Role("role", "IFLA_NETKIT_PRIMARY=2:uint8", "str", ROLES, "primary", immutable=True),
)
SEEN_FROM_PEER = dict(policy="peer_policy", peer_policy="policy", scrub="peer_scrub", peer_scrub="scrub")


class Netkit(Pair):
    def mac_by_chance(self):
        return False  # with the mode l3, the usual one, it has none

    def far_attrs(self, attrs):
        found = {SEEN_FROM_PEER.get(name, name): value for name, value in attrs}
        if "role" in found:
            found["role"] = "peer" if found["role"] == "primary" else "primary"
        return tuple(sorted(found.items()))

    def prepare(self, planner, want, have):
        other = planner.present.get(("link", *want.peer)) if want.peer else None
        if other is not None and other.attrs and not want.attrs:
            # The end that says what the pair is comes first: a new pair has that for its primary.
            if other.master and planner.state.link((other.netns, other.master)) is None:
                # It becomes its port when that is there.
                other = replace(other, master=None, port=())
            planner.plan_one(replace(other, peer=want.ref))
            have = planner.state.get(want.key) or have
        have = super().prepare(planner, want, have)
        primary = planner.state.link(have.peer) if have is not None and have.peer else None
        if primary is not None and have.kind == self.name and dict(have.attrs)["role"] == "peer":
            self.tell_primary(planner, want, have, primary)
        return have and planner.state.get(have.key)

    def tell_primary(self, planner, want, have, primary):
        """The policies of both ends change where the kernel takes them."""
        news = {name: value for name, value in want.attrs if value != dict(have.attrs)[name]}
        after = replace(primary, attrs=self.far_attrs(merged(have.attrs, news)))
        if after != primary and not any(row.immutable and row.name in news for row in ROWS):
            planner.step(Change(primary, after))

    def changed(self, state, before, now):
        far = state.link(now.peer) if now.peer else None
        if far is not None and before.attrs != now.attrs:
            state.add(replace(far, attrs=self.far_attrs(now.attrs)))

    def arp_by_itself(self, link):
        return not self.is_l3(link)

    def has_own_address(self, link, ports):
        return not self.is_l3(link)

    def is_l3(self, link):
        return dict(link.attrs).get("mode", "l3") == "l3"

    def check(self, planner, after, want, attrs):
        if attrs["mode"] == "l3" and want.address not in (None, NO_MAC):
            raise Refused("address", "it is for mode: l2")
        if attrs["mode"] == "l3" and port_kind(planner.state, after).accepts_ports() == "frames":
            option = "ports" if want.option == "ports" else "master"
            raise Refused(option, "%s has mode: l3, and so no frames for %s" % (after.name, after.master))

    def newborn(self, want):
        if dict(want.attrs).get("role") == "peer" and want.peer:
            return type(want)(*want.peer, self.name, peer=want.ref, attrs=self.far_attrs(want.attrs))
        return replace(want, address=None) if self.is_l3(want) else want

    def reachable(self, planner, after, base):
        return replace(after, address=base.address) if after.address == NO_MAC else after

    def normalized(self, link):
        return replace(link, address=NO_MAC) if self.is_l3(link) else link


KINDS = (Netkit("netkit", ROWS, peer_nla="IFLA_NETKIT_PEER_INFO=1:peer"),)
