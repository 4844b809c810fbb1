# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A link that is made anew has all of the one before it that nobody asks to change and that goes with the rest."""

from __future__ import annotations

from .._core.values import Refused, merged, replace
from .._kinds.base import inherits, kind_of
from .link import OF_LINK, Link, given_mtu, lower_of
from .link_checks import check_attrs, check_lower

TXQUEUELEN = 1000  # what most kinds begin with
MTU = 1500  # likewise, without outer headers


def as_it_was(planner, have, want, own_address):
    """A link that is made anew, with what the one before had and nobody asks to change."""
    parts = OF_LINK if have.kind == want.kind else {"token"}
    if want.master and (want.netns, want.master) == (have.netns, have.master):
        want = replace(want, port=merged(have.port, want.port), slave_kind=have.slave_kind)
        parts = parts | {have.slave_kind}
    if not planner.rolls_back:
        want = replace(want, raw=tuple(one for one in have.raw if one[0] in parts))
    if have.kind != want.kind:
        return want
    want = replace(want, conf=want.conf or have.conf, rest=merged(have.rest, want.rest))
    kept = fields_of(have, want, own_address)
    if planner.rolls_back:
        return with_kept(want, kept)
    kept.update(kind_of(have).kept_anew(have, dict(want.attrs)))
    if want.link is None and have.link is not None:
        kept.update(link=have.link if planner.state.link(have.link) is not None else (have.link[0], ""))
    return fitting(planner, want, dict(kept, **mtu_of(planner.state, have, with_kept(want, kept))))


def far_as_it_was(planner, far):
    """The far end of a pair that is made anew."""
    attrs, master = planner.state.link(far.ref).attrs, far.master or None
    end = Link(far.netns, far.name, far.kind, peer=far.peer, up=far.up, master=master, attrs=attrs)
    return as_it_was(planner, far, end, kind_of(far).has_own_address(far, []))


def fields_of(have, want, own_address):
    """What it has beside the options of its kind, by name."""
    kept = dict(alias=have.alias or None, link_group=have.link_group or None)
    kept.update(allmulti=have.allmulti or None, promisc=have.promisc or None)
    kept.update(arp=have.arp if have.arp != kind_of(have).arp_by_itself(have) else None)
    kept.update(addrgenmode=have.addrgenmode if have.addrgenmode != "eui64" else None)
    kept.update(txqueuelen=have.txqueuelen if have.txqueuelen != TXQUEUELEN else None)
    if own_address and not (have.l3 or "address" in inherits(want)):
        kept.update(address=have.address)
    return {name: value for name, value in kept.items() if value is not None and getattr(want, name) is None}


def mtu_of(state, have, want):
    """Its MTU, if somebody gave it, and the links under it have room for it."""
    leaves = bool(have.link and have.link[1]) or lower_of(state, have) is not None
    by_itself = given_mtu(state, have) if leaves else MTU - (kind_of(have).overhead(have) or 0)
    most = given_mtu(state, want)
    if (
        want.mtu is not None
        or have.mtu in (None, by_itself)
        or "mtu" in inherits(want)
        or have.mtu > (most or have.mtu)
    ):
        return {}
    return dict(mtu=have.mtu)


def with_kept(want, kept):
    """It with fields and options of the one before."""
    options = {row.name for row in kind_of(want).attrs}
    attrs = {name: value for name, value in kept.items() if name in options}
    fields = {name: value for name, value in kept.items() if name not in options}
    return replace(want, attrs=merged(attrs, want.attrs), **fields)


def fitting(planner, want, kept):
    """It with all of `kept` that goes with what is new."""
    while kept:
        option = refused(planner, with_kept(want, kept))
        if option is None:
            break
        if option not in kept:
            # It is given, and one that is not does not go with it.
            rests = [dict(kept, **{name: None}) for name in kept]
            kept = next((rest for rest in map(without_none, rests) if not refused(planner, with_kept(want, rest))), {})
        else:
            kept.pop(option)
    return with_kept(want, kept)


def without_none(kept):
    return {name: value for name, value in kept.items() if value is not None}


def refused(planner, want):
    """The option for which it cannot be had as it is."""
    try:
        check_attrs(planner, want, want)
        check_lower(planner, want, want)
    except Refused as e:
        return e.option
    return None
