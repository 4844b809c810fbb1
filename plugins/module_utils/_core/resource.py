# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every resource is, and the questions that it answers about itself."""

from __future__ import annotations

from .._rooms import RANK
from .desired import Change, Observation
from .values import Value, merged, replace


class Resource(Value):
    """Something in a network namespace, with a key. A field that is None is not known, or says nothing."""

    sort = ""  # the first part of the key
    rows = ()  # of its options: see rows.py
    identity = ()  # the fields by which a topology remembers what it made
    pairs = ()  # the fields that are names with values
    told_also_if_zero = ()  # the fields that something new is told also if they are False or 0
    kept_by_kernel = False  # it comes and goes with what it is on, and nobody makes it
    moves_along = False  # with its link to another namespace
    of_port = False  # it goes when its link leaves a bridge
    is_netns = is_tidied = False  # a namespace itself; what tidy() is for
    dev = ref = None

    @classmethod
    def own_fields(cls):
        rows = cls.__dict__.get("rows", ())
        return (*super().own_fields(), *(row.field for row in rows if row.field not in cls.FIELDS))

    # What it is

    @property
    def key(self):
        raise NotImplementedError

    def requires(self):
        """The keys of what it cannot be without."""
        return of_netns(self.netns)

    def in_common(self):
        """What it has in common with others of its sort that are looked for by that."""
        return []

    def made_after(self):
        """The keys of what is to be made first, if it is to be made at all."""
        return self.requires()

    def order(self):
        """What comes first among equals."""
        return (RANK[self.sort], self.netns, "", str(self.key))

    @property
    def comes_by_itself(self):
        """Whether it comes and goes with something else."""
        return self.kept_by_kernel

    @property
    def made_by_kernel(self):
        """Whether nobody asked for it: it is read, never planned away, never put back."""
        return False

    def bare(self):
        """It with no more than what it is known by."""
        gone = {name: self.DEFAULTS.get(name) for name in self.FIELDS if name not in self.identity}
        return replace(self, **gone)

    def overlay(self, want):
        """It with every field that `want` states."""
        given = want.__dict__
        stated = {name: given[name] for name in want.COMPARED if given[name] is not None}
        for name in self.pairs:
            if name in stated:
                stated[name] = merged(getattr(self, name), stated[name])
        return replace(self, **stated)

    def differs(self, after):
        return self != after

    def fits(self, pattern):
        return type(self) is type(pattern) and self.overlay(pattern) == self

    def after_move(self, to):
        """What is left of it where `to` is."""
        return self

    # 1. The steps to it

    def reads(self):
        """What must be read to plan it, and to undo that."""
        return Observation(names=frozenset((self.netns,)), sorts=frozenset((self.sort,)))

    def reads_to_remove(self):
        """What must be read besides to take it away."""
        return Observation()

    def begin(self, planner):
        """Before anything else is planned."""

    def finish(self, planner):
        """After everything else is planned."""

    def plan(self, planner, have):
        """The steps that make it so."""
        if have is None:
            planner.step(Change(None, self))
        else:
            after = have.overlay(self)
            if have.differs(after):
                planner.set(have, after)

    def find(self, state):
        """What a pattern of absent things stands for; refuses what cannot be deleted."""
        found = state.get(self.key)
        return [found] if found else []

    def before_removal(self, planner):
        """The steps that must come before it is taken away."""

    def after_removal(self, planner):
        """The steps that take away what the kernel leaves of it."""

    def to_record(self, observed, made):
        """It as a topology remembers it that is about to make it; None for what is there already."""
        return self if self.key not in observed else None

    @classmethod
    def recalled(cls, fields):
        """It of the fields that a record has."""
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()})

    def prune(self, planner):
        """Take away what a topology made, as far as it is still that."""
        have = planner.state.get(self.key)
        if have is not None and not have.made_by_kernel:
            planner.remove(have)

    def goes_over(self, planner):
        """Whether another step than its removal is to take it from where it is: its link gives it to a master."""
        return False

    def expel(self, planner):
        """Take it away as one that nobody described."""
        planner.remove(self)

    def tidy(self, planner):
        """Take it away once nothing needs it any more."""

    def reassert(self, planner):
        """Make sure of it after a step that the kernel may have taken it away with."""
        if planner.can_be(self):
            planner.step(Change(self, self))

    # 2. Whether the kernel would take it

    def accepted(self, state):
        return True

    # 3. What a step does to it, and it to others

    def predict(self, state, before):
        """Put it into a state in the place of what it was, as the kernel would."""
        if before is not None:
            state.pop(before.key)
        state.add(self)

    def predict_removal(self, state):
        fall(state, self)

    def collateral(self, state, after):
        """What the kernel may drop as a side effect when this becomes `after`."""
        return []

    def shakes(self, state, change):
        """What the kernel may drop elsewhere by a step of it; it is made sure of when all else is planned."""
        return ()

    def survives(self, event):
        """Whether it stays when its link changes; see link_predict.Event."""
        return True

    def goes_later(self, state):
        """Whether the kernel is about to take it away by itself."""
        return False

    def takes_along(self, state, held):
        """The keys of what falls with it; `held`: its namespace lives on without its name."""
        return []

    def survivor(self, gone):
        """What is left of it when something that it requires is gone; None if nothing is."""
        return

    # 4. What it is under another name of its link

    def renamed(self, old, new):
        return replace(self, netns=new[0], dev=new[1])

    # 5. What it takes for granted

    def provides(self, observed):
        """The keys that are there after it was made."""
        return {self.key}

    def prerequisites(self, observed, desired):
        """The (option, key) of what must be there."""
        return [("netns" if key[0] == "netns" else "dev", key) for key in self.requires()]

    # 6. The way back

    def near(self, state):
        """What a change of it can touch."""
        return []

    def as_snapshot(self, back):
        """It as it is to be put back; None if there is nothing to do."""
        return self

    def returning(self, state):
        """What goes to another namespace by itself when this goes: each as it is, and as it is then."""
        return []

    def goes_back(self, back):
        """Whether the way back takes it away, as it was not there before."""
        home = back.homes.get((self.netns, self.dev))
        stays = home is not None and (home[0] == self.netns or self.moves_along)
        return home is None or (stays and self.renamed((self.netns, self.dev), home).key not in back.before)

    def disturbs(self, after):
        """Whether a step that changes it can be noticed by what is read on demand: (by such, by upper links)."""
        return False, False

    def joins(self, state):
        """Whether it becomes a part of what is there already."""
        return False

    def is_anew(self, after):
        """Whether another is in its place."""
        return False

    def lost_anew(self, new=None):
        """Sentences on what `new` in its place lacks of it, and nobody can put back."""
        return []

    # 7. How it is told

    def warnings(self, after, targets):
        """Sentences about what has become of it; `targets`: what the steps were about, by key."""
        return []

    def commands(self, change):
        """A step as command lines: lists of words, or texts for a shell."""
        raise NotImplementedError

    def boot_commands(self, change):
        """Likewise, for a script that can run again."""
        return self.commands(change)

    def described(self, state):
        """It in the words of the options, with what is on it."""
        return self.plain()

    def plain(self):
        """It alone, as plain data."""
        found = {name.rstrip("_"): getattr(self, name) for name in self.COMPARED if name not in ("rest", "sort")}
        return {name: as_list(value) for name, value in found.items() if value is not None and value != ()}

    def is_told(self, state):
        """Whether it is more than what would be there anyway."""
        return True

    def not_described(self):
        """What of it no option is for, in a few words each: by the numbers of the kernel's attributes."""
        numbers = sorted({one[0] for one in getattr(self, "rest", None) or ()}, key=str)
        return ["attribute %s" % number for number in numbers]

    def as_entry(self):
        """It in the options of its module, as a description of a node takes them."""
        found = {name.rstrip("_"): getattr(self, name) for name in self.COMPARED if name not in ("netns", "rest")}
        return stated(found)


class OnLink(Resource):
    """A resource that is on a link."""

    @property
    def key(self):
        return (self.sort, self.netns, self.dev)

    def requires(self):
        return [("link", self.netns, self.dev)]


def of_netns(netns):
    """The namespace that a resource needs; the module's own is always there."""
    return [("netns", netns)] if netns else []


def as_list(value):
    return list(value) if isinstance(value, tuple) else value


def stated(found):
    """The options that say something."""
    pairs = {name: as_list(value) for name, value in found.items()}
    return {name: value for name, value in pairs.items() if value not in (None, "", []) and value is not False}


def fall(state, resource):
    """Take away a resource and all that the kernel takes away with it."""
    held = bool(getattr(resource, "holders", ()))
    todo = [resource.key]
    while todo:
        key = todo.pop()
        gone = state.pop(key)
        for child in state.on(key):
            left = child.survivor(gone or resource)
            if left is not None:
                state.add(left)
            elif not held or child.netns == resource.netns:
                todo.append(child.key)
        if gone is not None:
            todo += gone.takes_along(state, held)
