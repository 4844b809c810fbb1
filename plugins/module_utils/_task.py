# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Ansible task: read, plan, perhaps apply, report."""

from __future__ import annotations

import errno
import gc
import signal
import traceback
from functools import partial

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from . import _rooms
from ._core.commands import commands
from ._core.desired import Observation
from ._core.options import LOCK_TIMEOUT, spelled_out
from ._core.planner import plan, predicted
from ._core.prerequisites import assume, missing, not_found
from ._core.resource import fall
from ._core.values import Failed, Refused, place, replace, sentence
from ._legible import legible
from ._namespaces import NEEDS_ROOT, controller
from ._rtnl.netlink import NoPyroute2
from ._rtnl.observe import Busy, Kernel

PYROUTE2 = "pyroute2 (0.7.2 or newer; on Python 3.8 up to 0.8.1)"


class Module(AnsibleModule):
    """A module whose lists of dictionaries take names as well."""

    refused = None

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        if self.refused:
            self.fail_json("")

    def _load_params(self):
        super()._load_params()
        try:
            self.params = spelled_out(self.argument_spec, self.params)
        except Refused as e:
            self.refused, self.params[e.option.split(".")[0]] = e, None

    def fail_json(self, msg, **more):
        super().fail_json(str(self.refused or msg), **more)


def task(name):
    """Run the module of this name."""
    gc.disable()  # it ends before it has garbage worth the time
    spec, rules, desired_of = _rooms.module(name)
    module = Module(spec, supports_check_mode=True, **rules)
    signal.signal(signal.SIGTERM, stop)
    kernel = Kernel()
    try:
        kernel.lock(module.params.get("lock_timeout", LOCK_TIMEOUT), module.check_mode)
        desired = replace(desired_of(module.params, kernel), controller=controller())
        result = carry_out(kernel, desired, module.check_mode, module.params.get("confirm"))
    except Busy as e:
        module.fail_json(msg=legible(str(e) if "lock_timeout" in module.params else e.text))
    except (Refused, Failed) as e:
        module.fail_json(msg=legible(str(e)))
    except KeyboardInterrupt as e:
        module.fail_json(msg="stopped by %s before anything was changed" % (str(e) or "the keyboard"))
    except NoPyroute2 as e:
        module.fail_json(msg=missing_required_lib(PYROUTE2), exception=str(e))
    except OSError as e:
        if e.errno in (errno.EPERM, errno.EACCES):
            module.fail_json(msg=NEEDS_ROOT)
        module.fail_json(msg="cannot read the network's state: %s" % e, exception=traceback.format_exc())
    finally:
        kernel.close()
    more = kernel.managers.warnings(desired, result[-1]) if result[1] else ()
    module.exit_json(**legible(report(desired, *result, lambda text: module.warn(legible(text)), more)))


def carry_out(kernel, desired, dry, confirm=None):
    """The state before, the steps, and the state after; in a dry run the one that is predicted."""
    more, to_read = observation(desired), None
    while more != to_read:
        to_read = more
        before = kernel.observe(to_read)
        steps = None if missing(desired, before) else planned(desired, before)
        more = to_read.joined(touched(steps or (), before, to_read))
    if steps is None:
        for option, key in () if dry else missing(desired, before):
            raise not_found(option, key)
        before = assume(before, desired)
        steps = planned(desired, before)
    check_kinds(kernel, steps)
    if dry:
        return before, steps, predicted(before, steps)
    if not steps:
        return before, steps, before
    from . import _apply

    return before, steps, _apply.apply(kernel, desired, before, steps, to_read, partial(planned, desired), confirm)


def observation(desired):
    """What must be read to plan, and to undo that."""
    parts = [r.reads() for r in desired] + [r.reads_to_remove() for r in desired.absent + desired.prune]
    return Observation(
        *(
            any(getattr(part, name) for part in parts)
            if name == "uppers"
            else frozenset().union(*(getattr(part, name) for part in parts))
            for name in Observation.FIELDS
        )
    )


def touched(changes, before, to_read):
    """What few tasks need and these changes can touch, beside what is read everywhere."""
    uppers, disturbed = False, []
    for change in changes:
        on_demand, stacked = False, False
        if change.before is not None and change.before.key in before:
            on_demand, stacked = change.before.disturbs(change.after)
        elif change.after is not None and change.after.joins(before):
            on_demand = True
        uppers |= on_demand and stacked
        disturbed += [r for r in (change.before, change.after) if on_demand and r is not None]
    everywhere = to_read.sorts.issuperset(_rooms.ON_DEMAND)
    return Observation(uppers=uppers, closely=frozenset() if everywhere else before.spaces_around(disturbed))


def check_kinds(kernel, steps):
    """Before the first of several links is made, ask whether the kernel knows the kinds of all."""
    made = [change.after.kind for change in steps if change.before is None and change.target.sort == "link"]
    if len(made) > 1:
        kernel.check_kinds(sorted(set(made)))


def stop(signum, frame):
    raise KeyboardInterrupt("signal %d" % signum)


def planned(desired, state):
    """The steps to what is desired; those of a topology that is to come back after a boot follow from the others."""
    steps = plan(desired, state)
    record = next((r for r in desired if r.sort == "topology"), None)
    if record is None:
        return steps
    return steps + _rooms.load("_resources", "boot").steps(desired, record, state, steps)


def report(desired, before, steps, after, warn, more=()):
    """What a task returns. It has done its work: what fails from here on is told, and undoes nothing."""
    out = dict(changed=bool(steps))
    for line in more:
        warn(line)
    for part in (warnings, told, way_back):
        try:
            out.update(part(desired, before, steps, after, warn))
        except Exception as e:
            warn("the task was carried out; a part of its result is missing: %s" % sentence(e))
    return out


def at_rest(state):
    """It without what the kernel takes away by itself in the next second."""
    going = [r for r in state if r.goes_later(state)]
    state = state.copy() if going else state
    for r in going:
        fall(state, r)
    return state


def warnings(desired, before, steps, after, warn):
    targets = {change.target.key: change.target for change in steps if change.before is not None}
    targets.update((change.after.key, change.after) for change in steps if change.before is None)
    for r in before if steps else ():
        for line in r.warnings(after, targets):
            warn(line)
    for line in lost_queues(before, after) if steps else ():
        warn(line)
    return {}


def lost_queues(before, after):
    """Sentences on the queueing disciplines that links do not have any more since they were made anew."""
    anew = [r for r in before if r.sort == "link" and r.is_anew(after)]
    spaces = {r.netns for r in anew} & set(after.heard)
    if spaces:
        from ._rtnl.witness import queues

        lost = {(netns, *one) for netns in spaces for one in queues(before.heard[netns]) - queues(after.heard[netns])}
        for netns, dev, kind in sorted(lost):
            if any(r.ref == (netns, dev) for r in anew):
                yield "%s in %s is made anew and has lost its queueing discipline %s" % (dev, place(netns), kind)


def told(desired, before, steps, after, warn):
    """What a task returns of what it did, and of what is there then."""
    diff = dict(before={}, after={})
    if steps:
        from ._core.rollback import changed_keys

        then = at_rest(after)
        keys = sorted(changed_keys(steps, before, then), key=str)
        diff = dict(before=shown(before, keys, steps, then), after=shown(then, keys, steps, before))
    return dict(
        commands=[line for change in steps for line in commands(change)],
        diff=diff,
        **{name: described(after, key) for name, key in desired.returns},
    )


def way_back(desired, before, steps, after, warn):
    if not steps:
        return dict(rollback_commands=[])
    from ._core.rollback import rollback

    refused = {}
    back = rollback(steps, before, at_rest(predicted(before, steps)), refused)
    made = {change.after.key for change in back if change.before is None}
    lost = [text for r in before if r.key in made and r.key not in after for text in r.lost_anew()]
    for reason in (*refused.values(), *lost):
        warn("rollback_commands do not lead back to all that was there: %s" % reason)
    return dict(rollback_commands=[line for change in back for line in commands(change)])


def shown(state, keys, steps, other):
    """Those of the resources with these keys that a task's result tells of, as plain data."""
    out, touched_keys = {}, {change.target.key for change in steps}
    for key in keys:
        mine, theirs = state.get(key), other.get(key)
        if mine is None or mine.made_by_kernel:
            continue
        if not (mine.comes_by_itself and theirs is None and key not in touched_keys):
            out[" ".join(str(part) for part in key if part not in ("", None))] = mine.plain()
    return out


def described(state, key):
    """A resource in the words of the options, with what is on it; None where it is absent."""
    if isinstance(key, list):
        return [one for one in (described(state, one) for one in key) if one is not None]
    r = state.get(key) if isinstance(key, tuple) else next((r for r in state if r.fits(key)), None)
    return None if r is None else r.described(state)
