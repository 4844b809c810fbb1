# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only one link can have at a time, and how it goes from one to another."""

from __future__ import annotations

from .._core.desired import Change
from .._core.values import Refused, merged, place, replace
from .._kinds.base import kind_of

ONE_EXTERNAL = ("ip6gre", "ip6gretap")  # for which the kernel has one place in a namespace


def claims(link):
    """What no other link can have as long as this one has it."""
    kind = kind_of(link)
    attrs = {**{row.name: row.default for row in kind.attrs}, **dict(link.attrs)}
    if attrs.get("external"):
        home = (link.link or (link.netns,))[0]
        return {(ONE_EXTERNAL if kind.name in ONE_EXTERNAL else kind.name, home, "external", attrs.get("dstport"))}
    return {(kind.name, *claim) for claim in kind.claims(link, attrs)}


def holders(planner):
    """The link that has each of these, as it was observed."""
    if "holders" not in planner.memo:
        links = [r for r in planner.observed if r.sort == "link"]
        planner.memo["holders"] = {claim: link.key for link in links for claim in claims(link)}
    return planner.memo["holders"]


def check_unique(planner, after):
    """Refuse what another link has that keeps it."""
    kind = kind_of(after)
    mine, have = claims(after), planner.state.get(after.key)
    for other in planner.state if mine and kind.unique and kind.underlay else ():
        if other.sort == "link" and other.key != after.key and mine & claims(other):
            if have is None and other.ref == after.taken_from:
                continue
            external = dict(after.attrs).get("external")
            option = "external" if external else kind.unique[-1]
            names = "external: true" if external else "the same %s" % ", ".join(kind.unique)
            text = "%s in %s has %s, and the kernel takes no second one of kind %s"
            kinds = " or ".join(ONE_EXTERNAL) if external and kind.name in ONE_EXTERNAL else kind.name
            raise Refused(option, text % (other.name, place(other.netns), names, kinds))


def make_way(planner, after):
    """Have those go on first that have what this link is to have; whether anything was done."""
    moving, done = planner.memo.setdefault("moving", set()), len(planner.steps)
    for claim in claims(after):
        key = holders(planner).get(claim)
        other, want = planner.state.get(key), planner.present.get(key)
        if None in (other, want) or key == after.key or claim not in claims(other):
            continue
        if claim in claims(replace(other, attrs=merged(other.attrs, want.attrs), **stated(want))):
            continue
        if key in moving:
            step_aside(planner, other)
            continue
        moving.add(after.key)
        try:
            want.plan(planner, other)
        finally:
            moving.discard(after.key)
    return len(planner.steps) > done


def stated(want):
    """What else of a link decides about that."""
    return {
        name: value
        for name in ("link", "address", "up", "kind")
        for value in [getattr(want, name)]
        if value is not None
    }


def step_aside(planner, link):
    """A link that waits for what another one has takes something for a moment that nobody has."""
    taken = {claim for r in planner.state if r.sort == "link" and r.kind == link.kind for claim in claims(r)}
    taken |= set(holders(planner))
    for after in kind_of(link).asides(link):
        if not claims(after) & taken:
            planner.step(Change(link, after))
            return
