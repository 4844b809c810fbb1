# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task takes for granted: what is missing, and in a dry run assumed."""

from __future__ import annotations

from .. import _rooms
from .values import Refused, place


def missing(desired, observed):
    """The (option, key) of all that is taken for granted and that is not there."""
    coming, gone = set(), {}
    for want in desired.present:
        coming |= want.provides(observed)
    for want in desired.present:
        for option, key in want.prerequisites(observed, desired):
            if key not in observed and key not in coming:
                gone.setdefault(key, option)
    return [(option, key) for key, option in gone.items() if ("netns", key[1]) not in gone or key[0] == "netns"]


def not_found(option, key):
    """The sentence for something that is missing."""
    if key[0] == "netns":
        return Refused(option, "there is no network namespace %s" % key[1])
    if key[0] == "port":
        return Refused(option, "%s is no port of %s" % key[2:])
    return Refused(option, "there is no %s %s in %s" % (key[0], key[2], place(key[1])))


def assume(observed, desired):
    """The state as an earlier task of the same dry run would have left it."""
    state = observed.copy()
    for dummy in range(2):
        for dummy, key in missing(desired, state):
            _rooms.load("_resources", _rooms.ASSUMED[key[0]]).assume(state, key)
    return state
