# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task asks for, what must be read for it, and one step of a plan."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from .values import Value


class Desired(Value):
    """The desired state of one task: what is to be present, and what absent."""

    present: Tuple[Any, ...] = ()
    absent: Tuple[Any, ...] = ()  # patterns: a field that is None fits all
    exclusive: Tuple[Tuple[type, Tuple[Tuple[str, Any], ...]], ...] = ()  # (type, fields): all others of these go
    allow: frozenset = frozenset()  # of recreate, take_over and the like, each alone or with the key of the link
    returns: Tuple[Tuple[str, Any], ...] = ()  # (name, key, list of keys, or pattern): what the task gives back
    prune: Tuple[Any, ...] = ()  # what a topology made and does not describe any more
    persistent: Optional[bool] = None  # whether it comes back after a boot
    waits: bool = False  # for a confirmation, before which nothing is written for the boot
    controller: str = ""  # the address of this host by which the task came

    def __iter__(self):
        return iter(self.present + self.absent + self.prune)


class Observation(Value):
    """What is to be read."""

    names: frozenset = frozenset()  # namespaces
    follow: frozenset = frozenset()  # links, or namespaces: where their far ends are is read too
    uppers: bool = False  # the namespaces with links on a link of another namespace too
    sorts: frozenset = frozenset()  # of resources, beside links and what every task needs
    files: frozenset = frozenset()  # paths of this collection's own files
    topologies: frozenset = frozenset()
    closely: frozenset = frozenset()  # namespaces: all of them that is read on demand

    def joined(self, other):
        """Both of them."""
        return Observation(*(getattr(self, name) | getattr(other, name) for name in self.FIELDS))


class Change(Value):
    """One step: `before` turns into `after`. None is absent; the same twice means: make sure of it."""

    before: Any = None
    after: Any = None

    @property
    def target(self):
        return self.after or self.before

    @property
    def verb(self):
        return "add" if self.before is None else "delete" if self.after is None else "set"

    @property
    def base(self):
        """`before` where `after` is."""
        return self.before.after_move(self.after) if self.before and self.after else self.before

    def changed_fields(self, *names):
        """Those of these fields that must be sent, with their values."""
        base = self.base
        pairs = [(name, getattr(self.after, name)) for name in names]
        always = self.target.told_also_if_zero
        told = [(n, v != getattr(base, n) if base else v not in ("", 0) or n in always) for n, v in pairs]
        return [pair for pair, (n, differs) in zip(pairs, told) if pair[1] is not None and differs]
