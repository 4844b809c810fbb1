# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The step that writes what makes a topology anew after a boot: the commands of another plan, from a bare host."""

from __future__ import annotations

from shlex import quote

from .._core.commands import spelled
from .._core.desired import Change, Desired
from .._core.planner import plan, predicted
from .._core.values import Refused, Secret, replace
from .link import Link
from .link_hand_over import movable
from .topology import Boot, Staged, Topology

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
    have, staged = state.get(Boot(record.name).key), state.get(Staged(record.name).key)
    boot = None
    if (have or desired.persistent) and record in desired.present and desired.persistent is not False:
        check_secrets(desired)
        boot = Boot(record.name, boot_lines(desired, record, state, before))
    if desired.waits and have != boot:
        after = Staged(record.name, boot.lines if boot else ())
        return (Change(staged, after),) if staged != after else ()
    found = (Change(have, boot),) if have != boot else ()
    return found + ((Change(staged, None),) if staged else ())


def boot_lines(desired, record, state, before):
    after = predicted(state, before)
    cards = {r.key: r for r in desired.present if gives(desired, after, r)}
    changes, went = plan(with_addresses(desired, after, cards), bare_host(desired, record, after, cards)), {}
    for change in reversed(changes):
        if change.before is not None and change.after is not None and change.before.ref != change.after.ref:
            went[change.before.ref] = went.get(change.after.ref, change.after.ref)
    ports = {change.target.key: change.after.master for change in changes if joins(change)}
    return tuple(line for change in changes for line in lines_of(change, cards, went, ports))


def bare_host(desired, record, after, cards):
    """What a host has that has just booted: all but this."""
    made = [r for r in after.get(record.key).made if r.sort != "link" or r.kind is not None]
    gone = Desired((), (Topology(record.name),), prune=tuple(made), allow=frozenset(("as_it_was",)))
    bare = predicted(after, plan(gone, after))
    for want in (want for want in desired.present if want.key in bare):
        names = SET if want.sort == "link" else ("value",) if want.sort == "sysctl" else ()
        loose = {name: None for name in names if getattr(want, name) is not None}
        bare.add(replace(bare.get(want.key), **loose))
    for r in [r for r in bare if getattr(r, "is_movable", False) and any(key in cards for key in r.requires())]:
        bare.pop(r.key)
    return bare


def gives(desired, after, r):
    """Whether it is a card of the host that has given something to its master."""
    if r.sort != "link" or not r.master or r.netns or ("take_over_addresses", r.key) not in desired.allow:
        return False
    described = {want.key for want in desired.present}
    return any(a.key not in described for a in movable(after, Link("", r.master)))


def with_addresses(desired, after, cards):
    """What is desired; the masters of cards have the MAC addresses that they have now."""
    masters = {("link", "", card.master) for card in cards.values()}
    present = [replace(r, address=after.get(r.key).address) if r.key in masters else r for r in desired.present]
    return replace(desired, present=tuple(present))


def joins(change):
    """Whether a link becomes a port."""
    before, after = change.before, change.after
    return isinstance(after, Link) and bool(after.master) and (before is None or before.master != after.master)


def lines_of(change, cards, went, ports):
    """The lines of a step, which do no harm when they run again."""
    lines, r = spelled(change.target.boot_commands(change)), change.after
    if not isinstance(r, Link):
        return lines
    start = (change.before or r).ref
    if start in went:
        netns, name = went[start]
        return guarded("is_there %s %s" % (quote(name), quote(netns)), lines)
    sets_down, card = change.before is not None and r.up is False and r.key in ports, cards.get(r.key)
    if sets_down and not joins(change):
        words = (r.name, ports[r.key], r.netns)
        return [] if card is not None else guarded("is_port %s %s %s" % tuple(map(quote, words)), lines)
    if card is not None and joins(change):
        words = quote(card.name), quote(card.master)
        return ["give %s %s && { %s; } && forget %s" % (*words, "; ".join(lines), words[0])]
    return lines


def guarded(condition, lines):
    return ["%s || { %s; }" % (condition, " && ".join(lines))]


def check_secrets(desired):
    for want in desired.present:
        values = [*want.__dict__.values(), *dict(getattr(want, "attrs", ())).values()]
        if any(isinstance(value, Secret) and value.text for value in values):
            text = "%s has a key, which the script for the boot, as any command line, does not tell"
            raise Refused("persistent", text % want.key[2])
