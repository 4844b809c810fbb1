# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""veth: two links that are each other's far end."""

from __future__ import annotations

from .._core.values import Refused, place
from .base import Kind, called
from .effects import lose_carrier


class Pair(Kind):
    """A kind of which two come into being together."""

    peer_nla: str = ""  # the attribute that holds the other end's message

    def is_pair(self):
        return True

    def went_down(self, state, link):
        for end in filter(None, (link, link.peer and state.link(link.peer))):
            lose_carrier(state, end)

    def prepare(self, planner, want, have):
        """This end of a pair, wherever it is; the far end goes to where it is desired."""
        state, far = planner.state, planner.state.link(want.peer) if want.peer else None
        if not want.peer or (have is None and far is None):
            return have
        if have is not None and (have.kind != self.name or have.peer == want.peer):
            return have
        near = have or far
        other = state.link(near.peer) if near.kind == self.name and near.peer else None
        if have is None and other is not None:
            return other
        if have is not None and far is None and other is not None:
            planner.plan_one(type(want)(*want.peer, self.name, taken_from=other.ref, option="peer"))
            return state.link(want.ref)
        if planner.allows("recreate", want):
            planner.remove(near)
            planner.remove(far or near)
            return None
        if near.kind != self.name:
            raise Refused("peer", "%s in %s is %s, not a %s" % (near.name, place(near.netns), called(near), self.name))
        where = "in a namespace without a name" if other is None else "%s in %s" % (other.name, place(other.netns))
        raise Refused("peer", "the other end of %s is %s; recreate: true makes the pair anew" % (near.name, where))


KINDS = (Pair("veth", peer_nla="VETH_INFO_PEER=1:peer"),)
