# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back: a plan to the snapshot, not the steps reversed."""

from __future__ import annotations

from .desired import Desired
from .planner import plan, predicted
from .state import State


def affected_keys(steps, *states):
    """The keys of all that these steps can have touched."""
    seen = set()
    for state in states:
        todo = [r for change in steps for r in (change.before, change.after) if r is not None]
        todo += [r for r in [state.get(r.key) for r in todo] if r is not None]
        keys, done = set(), set()
        while todo:
            r = todo.pop()
            if id(r) in done:
                continue
            done.add(id(r))
            near, key = r.near(state), r.key
            if key not in keys:
                keys.add(key)
                near = [*near, *map(state.get, (*state.children.get(key, ()), *state.ports.get(key, ())))]
            todo += [r for r in near if r is not None and id(r) not in done]
        seen |= keys
        seen |= {home.key for change in steps for dummy, home in returning(state, change)}
    return seen


def changed_keys(steps, before, after):
    """The keys of all that differs, and that these steps can have touched."""
    differ = {key for key in (*before.items, *after.items) if before.get(key) != after.get(key)}
    # More often than not it is what the steps are about, and what is on that.
    return differ if differ <= keys_on(steps, before, after) else differ & affected_keys(steps, before, after)


def keys_on(steps, *states):
    keys, todo = set(), [r.key for change in steps for r in (change.before, change.after) if r is not None]
    while todo:
        key = todo.pop()
        if key not in keys:
            keys.add(key)
            todo += [child for state in states for child in state.children.get(key, ())]
    return keys


def returning(state, change):
    """What a step sends to another namespace by itself: (as it is, as it is then)."""
    return change.before.returning(state) if change.before is not None and change.after is None else ()


def since_there(steps):
    """The steps without the moves of what an earlier one has made: it has the place of another."""
    made = set()
    for change in steps:
        if change.before is None:
            made.add(change.after.key)
        elif change.after is not None and change.before.key in made and change.after.key != change.before.key:
            made.add(change.after.key)
            continue
        yield change


class Back:
    """What is known of the way from `now` to the snapshot `before`."""

    def __init__(self, steps, before, now, made):
        self.before, self.now, self.made = before, now, made
        self.keys = affected_keys(steps, before, now)
        # By place, where the links came from that went elsewhere. What had a spare name was not there before.
        moves = [(c.before, c.after) for c in since_there(steps) if c.before is not None and c.after is not None]
        self.went = {b.ref: a.ref for b, a in moves if b.ref and b.ref != a.ref and b.key in before}
        self.went.update({card.ref: home.ref for c in steps for card, home in returning(before, c) if home.key in now})
        self.homes = {new: old for old, new in self.went.items()}
        self.there = State()

    def __contains__(self, key):
        return key in self.there or key in self.now

    def present(self):
        """What is to be put back."""
        before = [r for r in self.before if r.key in self.keys and not r.made_by_kernel]
        # A namespace that lost its name to us but not its processes still has all that was in it.
        held = {r.netns for r in before if getattr(r, "holders", ()) and r.key not in self.now}
        for r in sorted(before, key=lambda r: r.order()):
            if r.is_netns or r.netns not in held:
                r = r.as_snapshot(self)
                if r is not None:
                    self.there.add(r)
        return [r for r in self.there if all(key in self for key in r.requires())]

    def absent(self):
        """What was not there, and goes neither with its link nor by itself."""
        news = [r for r in self.now if r.key in self.keys and r.key not in self.before]
        news = news if self.made is None else [r for r in news if r.key in self.made]
        news = [r for r in news if not (r.made_by_kernel or r.kept_by_kernel)]
        return sorted((r for r in news if r.goes_back(self)), key=lambda r: r.order())


def made_by(steps, before):
    """The keys of all that these steps make, also of what they make for a while."""
    made = {change.after.key for change in steps if change.after is not None}
    return made | {r.key for r in predicted(before, steps)}


def rollback(steps, before, now, refused=None, made=None):
    """The steps that lead from `now` back to the snapshot `before`, as far as `steps` can have reached.

    What cannot be put back is named in `refused`, with the reasons by key. Of what is new only what is `made` by the
    steps is taken away, if that is said.
    """
    if not steps:
        return ()
    refused = {} if refused is None else refused
    it = Back(steps, before, now, made)
    present, absent = it.present(), it.absent()
    # A namespace that only got its name from us is set right before it loses it again.
    adopted = {r.netns for r in before if r.netns and ("netns", r.netns) not in before}
    # What went into a new namespace comes home before that goes.
    late = tuple(r for r in absent if r.is_netns and any(r.name == netns for netns, dummy in it.homes))
    absent = [r for r in absent if r not in late]
    out, state = (), now
    parts = [
        [tuple(r for r in rs if (r.netns in adopted and not r.is_netns) == inside) for rs in (present, absent)]
        for inside in (True, False)
    ]
    for present, absent in [*parts, ((), late)]:
        desired = Desired(present, absent, allow=frozenset(("recreate", "take_over", "as_it_was")))
        steps = plan(desired, state, refused)
        state = predicted(state, steps)
        out += steps
    return out
