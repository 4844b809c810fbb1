# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The step that writes what makes a topology anew after a boot: the commands of another plan, from a bare host."""

from __future__ import annotations

from .._core.commands import commands
from .._core.desired import Change, Desired
from .._core.planner import plan, predicted
from .._core.values import Refused, Secret, replace
from .topology import Boot, Topology

# What a link that is not the topology's own keeps after it has gone.
SET = (
    "master",
    "mtu",
    "address",
    "up",
    "alias",
    "txqueuelen",
    "link_group",
    "allmulti",
    "promisc",
    "arp",
    "addrgenmode",
)


def steps(desired, record, state, before):
    """The step, if there is one; `before` are those that lead to what is desired."""
    have = state.get(Boot(record.name).key)
    if not (have or desired.persistent):
        return ()
    boot = None
    if record in desired.present and desired.persistent is not False:
        check_secrets(desired)
        boot = Boot(record.name, boot_lines(desired, record, state, before))
    return (Change(have, boot),) if have != boot else ()


def boot_lines(desired, record, state, before):
    after = predicted(state, before)
    # What a host has that has just booted: all but this.
    gone = Desired((), (Topology(record.name),), prune=after.get(record.key).made)
    bare = predicted(after, plan(gone, after))
    for want in (want for want in desired.present if want.sort == "link" and want.key in bare):
        loose = {name: None for name in SET if getattr(want, name)}
        bare.add(replace(bare.get(want.key), **loose))
    lines = [line for change in plan(desired, bare) for line in commands(change)]
    return tuple(part for line in lines for part in line.split("\n"))


def check_secrets(desired):
    for want in desired.present:
        values = [*want.__dict__.values(), *dict(getattr(want, "attrs", ())).values()]
        if any(isinstance(value, Secret) and value.text for value in values):
            text = "%s has a key, which the script for the boot, as any command line, does not tell"
            raise Refused("persistent", text % want.key[2])
