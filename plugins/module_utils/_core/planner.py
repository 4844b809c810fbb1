# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is desired and what is there to the steps between. Pure: no kernel, no Ansible."""

from __future__ import annotations

import heapq
from collections import defaultdict

from .desired import Change
from .state import State
from .values import Refused, sentence


def plan(desired, observed, refused=None):
    """The steps from `observed` to a state that is as desired.

    With `refused`, a dictionary, what cannot be had is named in it by key, with the reason, and the rest is planned.
    """
    planner = Planner(desired, observed, refused)
    steps = planner.run()
    observed.foreseen = steps, planner.state
    return steps


def predicted(observed, steps):
    """The state after some steps."""
    if observed.foreseen[0] is steps:
        return observed.foreseen[1].copy()
    after = observed.copy()
    for change in steps:
        predict(after, change)
    return after


def predict(state, change):
    """Apply a step to a state as the kernel would, with all its side effects; None is a value that is not predicted."""
    if change.after is None:
        change.before.predict_removal(state)
    else:
        change.after.predict(state, change.before)


class Planner:
    """The steps so far, and the state that they lead to."""

    def __init__(self, desired, observed, refused=None):
        self.desired, self.observed, self.state, self.steps = desired, observed, observed.copy(), []
        self.refused, self.memo = refused, {}  # what a resource looks up more than once
        self.shaken = {}  # what may have fallen aside
        self.present = State(desired.present)
        self.absent = {r.key for r in desired.absent + desired.prune}
        self.sweeps = defaultdict(set)
        for kind, where in desired.exclusive:
            self.sweeps[kind, tuple(name for name, value in where)].add(tuple(value for name, value in where))

    @property
    def rolls_back(self):
        """Whether this leads back to what was there: the kernel took it once, and takes it again."""
        return "as_it_was" in self.desired.allow

    def run(self):
        for r in self.desired:
            r.begin(self)
        late = {r.key: r for r in self.desired.prune if r.goes_over(self)}
        for r in sorted(self.desired.prune, key=lambda r: r.order()):
            if r.key not in late:
                self.attempt(r.prune, r, self)
        for pattern in self.desired.absent:
            self.attempt(self.remove_all, pattern, pattern)
        present = ordered(self.desired.present)
        # What one pass refuses can be right in the next: the other tunnel has another remote address by then.
        for dummy in range(5 if self.refused is None else 5 + len(present)):
            done = len(self.steps)
            for want in present:
                self.attempt(self.plan_one, want, want)
            shaken, self.shaken = self.shaken, {}
            self.reassert(shaken.values())
            for r in late.values():
                self.attempt(r.prune, r, self)
            self.remove_strangers()
            for r in [r for r in self.state if r.is_tidied]:
                r.tidy(self)
            if len(self.steps) == done:
                for r in self.desired:
                    r.finish(self)
                return tuple(self.steps)
        text = "these descriptions contradict each other: %s" % ", ".join(str(w.key[-1]) for w in present)
        if self.refused is None:
            raise Refused("state", text)
        self.refused[None] = text
        return tuple(self.steps)

    def attempt(self, action, resource, *words):
        """Do it; on the way back nothing that is raised keeps the rest from being put back."""
        try:
            action(*words)
            if self.refused:
                self.refused.pop(resource.key, None)
        except Exception as e:
            if self.refused is None:
                raise
            self.refused[resource.key] = sentence(e)

    def plan_one(self, want):
        want.plan(self, self.state.get(want.key))

    def remove_all(self, pattern):
        for resource in pattern.find(self.state):
            self.remove(resource)

    def allows(self, word, want):
        return word in self.desired.allow or (word, want.key) in self.desired.allow

    def step(self, change):
        self.steps.append(change)
        self.shaken.update((r.key, r) for r in change.target.shakes(self.state, change))
        predict(self.state, change)

    def set(self, have, after):
        """A step that changes a resource, and what keeps its side effects from lasting."""
        kept = have.collateral(self.state, after)
        self.step(Change(have, after))
        self.reassert(kept)

    def remove(self, resource, later=()):
        """Take it away, and put back what falls with it, but for what is planned later."""
        if resource.key in self.state:
            resource.before_removal(self)
            kept = [r for r in resource.collateral(self.state, None) if r.key not in later]
            self.step(Change(resource, None))
            resource.after_removal(self)
            self.reassert(kept)

    def reassert(self, resources):
        """What fell as a side effect and was not to go is made sure of."""
        for r in ordered(resources):
            r.reassert(self)

    def can_be(self, r):
        """Whether something that has fallen is to be there again, and can be."""
        gone = r.key in self.state or r.made_by_kernel or self.is_unwanted(r)
        return not gone and all(key in self.state for key in r.requires()) and r.accepted(self.state)

    def is_unwanted(self, r):
        return r.key in self.absent or self.is_stranger(r)

    def is_stranger(self, r):
        """Whether `exclusive` sweeps it away."""
        want = self.present.get(r.key)
        for (kind, names), values in self.sweeps.items():
            if isinstance(r, kind) and tuple(getattr(r, name) for name in names) in values:
                # One that is described stays, unless that says nothing of what this is about.
                return want is None or any(getattr(want, name) is None for name in names)
        return False

    def remove_strangers(self):
        if self.desired.exclusive:
            for r in sorted(filter(self.is_stranger, self.state), key=lambda r: r.order()):
                if not r.made_by_kernel:
                    r.expel(self)


def ordered(resources):
    """Requirements first, then by rank; a circle is refused."""
    left = {r.key: r for r in resources}
    waits, needed_by = {}, defaultdict(list)
    for key, r in left.items():
        needs = {need for need in r.made_after() if need in left and need != key}
        waits[key] = len(needs)
        for need in needs:
            needed_by[need].append(key)
    numbers = {key: number for number, key in enumerate(left)}
    heap = [(left[key].order(), numbers[key], key) for key, count in waits.items() if not count]
    heapq.heapify(heap)
    out = []
    while heap:
        key = heapq.heappop(heap)[2]
        out.append(left.pop(key))
        for other in needed_by[key]:
            waits[other] -= 1
            if not waits[other]:
                heapq.heappush(heap, (left[other].order(), numbers[other], other))
    if left:
        raise Refused("link", "these stand on each other in a circle: %s" % ", ".join(sorted(str(k[-1]) for k in left)))
    return out
