# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Ansible task: read, plan, perhaps apply, report."""

from __future__ import annotations

import errno
import os
import signal
import traceback
from contextlib import suppress
from dataclasses import fields
from functools import partial

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._commands import commands
from ._confirm import arm
from ._kernel import Kernel
from ._kinds import kind_of
from ._model import (
    NAT_RULES,
    PAIRS,
    RARE,
    Address,
    AltName,
    Boot,
    Change,
    Link,
    MdbEntry,
    NatTable,
    Netns,
    Pending,
    PortVlans,
    Refused,
    Route,
    Secret,
    Sysctl,
    SysctlFile,
    Topology,
    WireguardPeer,
    Wish,
    fits,
    made_by_kernel,
    place,
    replace,
    sentence,
)
from ._netlink import IMPORT_ERROR
from ._options import OPTIONS
from ._planner import FALLBACK, absent, assume, forward, missing, plan, reach, restore
from ._spaces import NEEDS_ROOT, controller

PYROUTE2 = "pyroute2 (0.7.2 or newer; on Python 3.8 up to 0.8.1)"
# What of a link cannot change without notice for what stands on it.
DISTURBING = ("netns", "master", "mtu", "address", "up")


class Failed(Exception):
    """A step that failed; the text says which, why, and what became of the others."""


def task(name):
    """Run the module of this name."""
    spec, rules, wish_of = OPTIONS[name]
    module = AnsibleModule(spec, supports_check_mode=True, **rules)
    if IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib(PYROUTE2), exception=IMPORT_ERROR)
    signal.signal(signal.SIGTERM, stop)
    kernel = Kernel()
    try:
        if "lock_timeout" in module.params:
            kernel.lock(module.params["lock_timeout"])
        wish = replace(wish_of(module.params, kernel), controller=controller())
        sight = scope(wish)
        before = kernel.observe(**sight)
        steps = None if missing(wish, before) else planned(wish, before)
        known = [change for change in steps or () if change.before is not None and change.before.key in before]
        more = dict(sight, rare=RARE, above=sight["above"] or disturbs(known)) if any(map(touches, known)) else sight
        if more != sight:
            sight, steps = more, None
            before = kernel.observe(**sight)
        if module.check_mode:
            before = assume(before, wish)
            steps = planned(wish, before) if steps is None else steps
            check_kinds(kernel, steps)
            after = foretold(before, steps)
        else:
            for option, key in missing(wish, before):
                raise absent(option, key)
            steps = planned(wish, before) if steps is None else steps
            check_kinds(kernel, steps)
            after = apply(kernel, wish, before, steps, sight, module.params.get("confirm")) if steps else before
    except (Refused, Failed) as e:
        module.fail_json(msg=str(e))
    except OSError as e:
        if e.errno in (errno.EPERM, errno.EACCES):
            module.fail_json(msg=NEEDS_ROOT)
        module.fail_json(msg="cannot read the network's state: %s" % e, exception=traceback.format_exc())
    finally:
        kernel.close()
    module.exit_json(**report(wish, before, steps, after, module.warn))


def check_kinds(kernel, steps):
    """Before the first of several links is made, ask whether the kernel knows the kinds of all."""
    made = [change.after for change in steps if isinstance(change.after, Link) and change.before is None]
    if len(made) > 1:
        kernel.check_kinds(sorted({link.kind for link in made}))


def report(wish, before, steps, after, warn):
    """What a task returns. It has done its work: what fails from here on is told, and undoes nothing."""
    said = dict(changed=bool(steps))
    for part in (warnings, told, way_back):
        try:
            said.update(part(wish, before, steps, after, warn))
        except Exception as e:
            warn("the task was carried out; a part of its result is missing: %s" % sentence(e))
    return said


def warnings(wish, before, steps, after, warn):
    for line in shared(before, steps, after):
        warn(line)
    for r in before:
        if isinstance(r, Netns) and r.holders and r.key not in after:
            names = ", ".join("%d (%s)" % holder for holder in r.holders)
            text = "network namespace %s has lost its name but lives on: these processes are in it: %s"
            warn(text % (r.name, names))
    return {}


def shared(before, steps, after):
    """A sentence for each link whose attributes change with those of another one."""
    targets = {change.target.key for change in steps}
    for r in before:
        now = after.get(r.key)
        if (
            isinstance(r, Link)
            and kind_of(r).shared
            and now is not None
            and r.key not in targets
            and r.attrs != now.attrs
        ):
            news = ["%s: %s" % pair for pair in now.attrs if pair not in r.attrs]
            text = "%s in %s changes as well (%s): all on %s share it"
            yield text % (r.name, place(r.netns), ", ".join(news), r.link[1])


def stop(signum, frame):
    raise KeyboardInterrupt("signal %d" % signum)


def scope(wish):
    """What must be read to fulfil a wish, and to undo it."""
    names, follow, deep, above = set(), set(), False, False
    for r in wish:
        names.add(r.netns)
        if isinstance(r, Link):
            follow.add(r.ref)
            for ref in (r.peer, r.link, r.taken_from):
                if ref:
                    names.add(ref[0])
                    follow.add(ref)
            deep = deep or bool(r.taken_from or r.peer or r.link)
            above = above or bool(kind_of(r).family)
    for r in wish.unwanted + wish.dropped:
        deep = deep or isinstance(r, (Link, Netns))
        if isinstance(r, Netns):
            follow.add(r.name)
            names.add("")
    gone = any(isinstance(r, Netns) for r in wish.unwanted + wish.dropped)
    return dict(
        names=names,
        follow=follow,
        above=above or gone,
        sysctls=deep or any(isinstance(r, Sysctl) for r in wish),
        nat=any(isinstance(r, (NatTable, *NAT_RULES)) for r in wish) or gone,
        rare=RARE if gone else {type(r) for r in wish if isinstance(r, RARE)},
        files=[r.path for r in wish if isinstance(r, SysctlFile)],
        topologies=[r.name for r in wish if isinstance(r, (Topology, Pending))],
    )


def foretold(before, steps):
    after = before.copy()
    for change in steps:
        forward(after, change)
    return after


def touches(change):
    """Whether what few tasks need can notice."""
    before, after = change.before, change.after
    if isinstance(before, Link) and after is not None:
        names = ("netns", "name", "address", "master") + (("attrs",) if before.kind == "bridge" else ())
        return any(getattr(before, f) != getattr(after, f) for f in names) or bool(before.up and not after.up)
    return isinstance(before, (Address, Link, Netns)) and before != after


def disturbs(steps):
    """Whether links that stand on others, in whatever namespace, can notice."""
    for before, after in [(change.before, change.after) for change in steps]:
        if isinstance(before, Netns) and after is None:
            return True
        if isinstance(before, Link) and (
            after is None or any(getattr(before, f) != getattr(after, f) for f in DISTURBING)
        ):
            return True
    return False


def apply(kernel, wish, before, steps, sight, confirm=None):
    """Do the steps and return what is then there; if one fails, or does not hold, put back what was."""
    done, waits = 0, [Pending(r.name) for r in wish if isinstance(r, Topology)]
    for pending in waits:
        forget(pending)
        if confirm:
            arm(pending, confirm, partial(undo, sight, before, steps))
    try:
        for change in steps:
            kernel.execute(change)
            done += 1
        kernel.wait_for_leaving()
        after = kernel.observe(**sight)
        left = planned(wish, after)
        if left:
            raise OSError(
                errno.EOPNOTSUPP, "the kernel did not take: %s" % "; ".join(c for s in left for c in commands(s))
            )
        return after
    except (Exception, KeyboardInterrupt) as e:
        handler = signal.signal(signal.SIGTERM, signal.SIG_IGN)
        where = spelled(steps[min(done, len(steps) - 1)])
        left = put_back(kernel, sight, before, steps)
        signal.signal(signal.SIGTERM, handler)
        for pending in waits:
            forget(pending)
        outcome = "everything was put back" if not left else "could not put back: %s" % "; ".join(left)
        hint = " (this needs root: use become: true)" if getattr(e, "errno", 0) in (errno.EPERM, errno.EACCES) else ""
        step = "step %d of %d (%s) failed: " % (done + 1, len(steps), where) if done < len(steps) else ""
        raise Failed("%s%s%s; %s" % (step, sentence(e), hint, outcome))


def planned(wish, state):
    """The steps that meet a wish; those of a topology that is to come back after a boot follow from the others."""
    steps = plan(wish, state)
    record = next((r for r in wish if isinstance(r, Topology)), None)
    have = record and state.get(Boot(record.name).key)
    if record is None or not (have or wish.persistent):
        return steps
    boot = None
    if record in wish.wanted and wish.persistent is not False:
        for want in wish.wanted:
            if any(secret.text for secret in secrets(want)):
                text = "%s has a key, which the script for the boot, as any command line, does not tell"
                raise Refused("persistent", text % want.key[2])
        # What a host has that has just booted: all but this.
        after = foretold(state, steps)
        made = after.get(record.key).made
        bare = foretold(after, plan(Wish((), (Topology(record.name),), dropped=made), after))
        for want in (want for want in wish.wanted if isinstance(want, Link) and want.key in bare):
            # What it only set, and does not take back.
            loose = {f: None for f in ("master", "mtu", "address", "up", "alias", "txqueuelen") if getattr(want, f)}
            bare.add(replace(bare.get(want.key), **loose))
        lines = [line for change in plan(wish, bare) for line in commands(change)]
        boot = Boot(record.name, tuple(part for line in lines for part in line.split("\n")))
    return steps + ((Change(have, boot),) if have != boot else ())


def secrets(resource):
    """The keys of a resource."""
    values = [*vars(resource).values(), *dict(getattr(resource, "attrs", ())).values()]
    return [value for value in values if isinstance(value, Secret)]


def forget(pending):
    with suppress(FileNotFoundError):
        os.unlink(pending.path)


def undo(sight, before, steps, waits):
    """In a process of its own: put back what the task changed, unless it was confirmed; return what could not be."""
    kernel = Kernel()
    kernel.lock(24 * 3600)
    left = put_back(kernel, sight, before, steps) if waits() else []
    kernel.close()
    return left


def put_back(kernel, sight, before, steps):
    """Lead the host back to the snapshot; return what could not be done. Nothing is raised here."""
    failed = []
    for dummy in range(4):
        refused, failed = {}, []
        try:
            back = restore(steps, before, kernel.observe(**sight), refused)
        except Exception as e:
            failed.append(sentence(e))
            continue
        failed += refused.values()
        if not back:
            return failed
        for change in back:
            try:
                kernel.execute(change)
            except Exception as e:
                failed.append("%s (%s)" % (spelled(change), sentence(e)))
        with suppress(OSError):
            kernel.wait_for_leaving()
    return failed or [spelled(change) for change in back]


def spelled(change):
    """A step for a sentence about it."""
    try:
        return "; ".join(commands(change))
    except Exception:
        return " ".join(str(part) for part in change.target.key if part)


def told(wish, before, steps, after, warn):
    """What a task returns of what it did, and of what is there then."""
    keys = reach(steps, before, after)
    return dict(
        commands=[line for change in steps for line in commands(change)],
        diff=dict(before=shown(before, keys, steps, after), after=shown(after, keys, steps, before)),
        **{name: described(after, key) for name, key in wish.returns},
    )


def way_back(wish, before, steps, after, warn):
    refused = {}
    back = restore(steps, before, foretold(before, steps), refused)
    for reason in refused.values():
        warn("rollback_commands do not lead back to all that was there: %s" % reason)
    return dict(rollback_commands=[line for change in back for line in commands(change)])


def shown(state, keys, steps, other):
    """Those of the resources that differ from the other state, as plain data."""
    out, touched = {}, {change.target.key for change in steps}
    for key in sorted(keys, key=str):
        mine, theirs = state.get(key), other.get(key)
        by_itself = isinstance(mine, (PortVlans, Sysctl)) or (isinstance(mine, Link) and mine.name in FALLBACK)
        follows = by_itself and theirs is None and key not in touched
        if mine is not None and mine != theirs and not (follows or made_by_kernel(mine)):
            out[" ".join(str(part) for part in key if part not in ("", None))] = plain(mine)
    return out


def described(state, key):
    """A resource in the words of the options, with what stands on it; None where it is absent."""
    if isinstance(key, list):
        return [described(state, one) for one in key if one in state]
    r = state.get(key) if isinstance(key, tuple) else next((r for r in state if fits(r, key)), None)
    if r is None:
        return None
    out = plain(r)
    if isinstance(r, Link):
        out["addresses"] = [a.address for a in state.on(key) if isinstance(a, Address)]
        if kind_of(r).tap:
            own = r.index and dict(r.attrs).get("owner", "") is not None
            out["device"] = "/dev/tap%d" % r.index if own else None
        out["altnames"] = [a.name for a in state.on(key) if isinstance(a, AltName)]
        if r.kind == "wireguard":
            peers = [plain(peer) for peer in state.on(key) if isinstance(peer, WireguardPeer)]
            out["peers"] = [{k: v for k, v in peer.items() if k not in ("netns", "dev")} for peer in peers]
        if r.kind in ("bridge", "bond"):
            out["ports"] = [dict(state.get(port).port, name=port[2]) for port in sorted(state.ports[key])]
    if isinstance(r, Netns):
        out["holders"] = [dict(pid=pid, name=name) for pid, name in r.holders]
    return out


def plain(r):
    """A resource as plain data."""
    pairs = [(f.name.rstrip("_"), getattr(r, f.name)) for f in fields(r) if f.compare]
    pairs = [pair for pair in pairs if not isinstance(pair[1], Secret)]
    out = {
        name: value for name, value in pairs if value is not None and (value != () or name == "exclude_destinations")
    }
    if isinstance(r, PortVlans):
        out["vlans"] = [dict(vid=vid, untagged=untagged, pvid=vid == r.pvid) for vid, untagged in r.vlans]
    if isinstance(r, Link):
        shown = {attr.name: attr.shown for attr in kind_of(r).attrs}
        out["attrs"] = [
            ("public_key", value.public)
            if isinstance(value, Secret)
            else (name, shown[name](value) if name in shown else value)
            for name, value in r.attrs
        ]
    for name in PAIRS & set(out) if not isinstance(r, MdbEntry) else ():
        out.update(dict(out.pop(name)))
    for name in {"peer", "link"} & set(out):
        if isinstance(r, Link):
            out[name] = dict(netns=out[name][0], name=out[name][1])
    if isinstance(r, Route):
        out["hops"] = [{k: v for k, v in vars(hop).items() if v} for hop in r.hops or ()]
    if isinstance(r, Sysctl):
        out["key"] = r.path
    if isinstance(r, Topology):
        out["made"] = [" ".join(str(part) for part in one.key if part not in ("", None)) for one in r.made]
    return {name: list(value) if isinstance(value, tuple) else value for name, value in out.items()}
