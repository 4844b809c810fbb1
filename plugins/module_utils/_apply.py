# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a task, done; or what was there before, put back."""

from __future__ import annotations

import errno
import os
import signal
import time
from contextlib import suppress
from functools import partial

from . import _rooms
from ._core.commands import commands
from ._core.desired import Observation
from ._core.values import Failed, sentence
from ._rtnl.observe import Kernel


def apply(kernel, desired, before, steps, to_read, lacking, confirm=None):
    """Do the steps and return what is then there; if one fails, or `lacking` tells of more to do, roll back."""
    prepare(before, steps)
    done, waits = 0, [r for r in desired if r.sort == "topology"]
    for record in waits:
        forget(record)
        if confirm:
            _rooms.load("_rtnl", "confirm").arm(record.pending, confirm, partial(undo, to_read, before, steps))
    try:
        for change in steps:
            kernel.execute(change)
            done += 1
        kernel.finish()
        after = kernel.observe(to_read)
        left = lacking(after)
        if left:
            text = "the kernel did not take: %s" % "; ".join(c for s in left for c in commands(s))
            raise OSError(errno.EOPNOTSUPP, text)
        return after
    except (Exception, KeyboardInterrupt) as e:
        handler = signal.signal(signal.SIGTERM, signal.SIG_IGN)
        where = spelled(steps[min(done, len(steps) - 1)])
        meddlers = meddling(kernel, desired, to_read)
        left = roll_back(kernel, to_read, before, steps)
        signal.signal(signal.SIGTERM, handler)
        for record in waits:
            forget(record)
        outcome = "everything was put back" if not left else "could not put back: %s" % "; ".join(left)
        hint = " (this needs root: use become: true)" if getattr(e, "errno", 0) in (errno.EPERM, errno.EACCES) else ""
        step = "step %d of %d (%s) failed: " % (done + 1, len(steps), where) if done < len(steps) else ""
        raise Failed("; ".join(["%s%s%s" % (step, sentence(e), hint), outcome, *meddlers]))


def meddling(kernel, desired, to_read):
    """Sentences on who else has changed what a task was about to make, if anybody."""
    with suppress(Exception):
        return list(kernel.managers.of_links(desired, kernel.observe(to_read)))
    return []


def prepare(before, steps):
    """Load every room that a rollback or a report can need: later an import can fail, as the archive may be gone."""
    sorts = {r.sort for r in before} | {change.target.sort for change in steps}
    for room in {_rooms.room(sort) for sort in sorts}:
        _rooms.load("_resources", room)
        _rooms.load("_rtnl", room)
    _rooms.load("_core", "rollback")
    _rooms.load("_rtnl", "witness")
    links_written = _rooms.load("_rtnl", "link_write")
    for part in ("plan", "claims", "checks", "anew", "hand_over", "predict", "words"):
        _rooms.load("_resources", "link_" + part)
    for r in [r for change in steps for r in (change.before, change.after) if r is not None]:
        if r.sort == "link":
            links_written.learn(r)


def forget(record):
    with suppress(FileNotFoundError):
        os.unlink(record.pending.path)


def undo(to_read, before, steps, waits):
    """In a process of its own: put back what the task changed, unless it was confirmed; return what could not be."""
    kernel = Kernel()
    kernel.lock(24 * 3600, dry=False)
    left = roll_back(kernel, to_read, before, steps) if waits() else []
    kernel.close()
    return left


def roll_back(kernel, to_read, before, steps):
    """Lead the host back to the snapshot; return what could not be done, or differs. Nothing is raised here."""
    from ._core.rollback import made_by, rollback

    # Also where a link went away from, that nobody named.
    to_read = to_read.joined(Observation(names=frozenset(before.heard)))
    failed, made = [], None
    for dummy in range(4):
        refused, failed = {}, []
        try:
            made = made_by(steps, before) if made is None else made
            now = kernel.observe(to_read)
            back = rollback(steps, before, now, refused, made)
        except Exception as e:
            failed.append(sentence(e))
            continue
        failed += refused.values()
        if not back:
            return failed + differences(kernel, to_read, before, now)
        for change in back:
            try:
                kernel.execute(change)
            except Exception as e:
                failed.append("%s (%s)" % (spelled(change), sentence(e)))
        with suppress(OSError):
            kernel.finish()
    return failed or [spelled(change) for change in back]


def differences(kernel, to_read, before, now):
    """What the kernel tells otherwise than before; what it changes in its own time it has a moment for."""
    from ._rtnl.witness import differences as between

    lost = [text for r in before if r.is_anew(now) for text in r.lost_anew()]
    try:
        found, end = between(before.heard, now.heard), time.monotonic() + 2
        while found and time.monotonic() < end:
            time.sleep(0.1)
            found = between(before.heard, kernel.observe(to_read).heard)
        return lost + found
    except Exception as e:
        return [*lost, "what differs is not known: %s" % sentence(e)]


def spelled(change):
    """A step for a sentence about it."""
    try:
        return "; ".join(commands(change))
    except Exception:
        return " ".join(str(part) for part in change.target.key if part)
