# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Ansible task that leaves the network as it is. Those that need only packets are here: they import little."""

from __future__ import annotations

import errno
import time
import traceback
from contextlib import closing
from importlib import import_module

from ansible.module_utils.basic import AnsibleModule

from ._capture import CAPTURE, around, asked, started, stopped
from ._core.values import Refused
from ._drops import hint
from ._legible import legible
from ._machine import virtual_machine
from ._machine_options import MACHINE
from ._machine_options import RULES as MACHINE_RULES
from ._namespaces import NEEDS_ROOT, Namespaces
from ._probe import Answer, probe
from ._reach import REACH, RULES, differing, plain, report, sentence, wanted

MOST = 200  # pairs that are explained


def probe_task(name):
    """Run the module of this name."""
    spec, rules, view = PROBE_MODULES[name]
    perform(AnsibleModule(spec, **rules), Namespaces, view)


def perform(module, opened, view):
    """Let a view look into the namespaces, and end the module with what it says."""
    try:
        with closing(opened()) as spaces:
            result, failure = legible(view(module.params, spaces, module.check_mode))
    except Refused as e:
        module.fail_json(msg=legible(str(e)))
    except OSError as e:
        if e.errno in (errno.EPERM, errno.EACCES):
            module.fail_json(msg=NEEDS_ROOT)
        module.fail_json(msg="cannot look at the network: %s" % e, exception=traceback.format_exc())
    if failure and module.check_mode:
        # What earlier tasks of a dry run have not made cannot be as expected.
        module.warn(failure)
    elif failure:
        module.fail_json(msg=failure, **result)
    module.exit_json(**result)


def reachability(p, spaces, dry):
    wish, manner = wanted(p)
    there = {netns for netns, dummy in wish if not netns or spaces.path(netns)}
    if not dry:
        present(spaces, "netns", [netns for netns, dummy in wish])
    answers = {pair: Answer(reason="no such network namespace") for pair in wish}
    pairs, end = [pair for pair in wish if pair[0] in there], time.monotonic() + p["wait"]
    while pairs:
        answers.update(zip(pairs, probe(spaces.inside, pairs, manner)))
        pairs = [pair for pair in differing(wish, answers) if pair[0] in there]
        if dry or time.monotonic() > end:
            break
        time.sleep(0.1)
    result, failure = report(wish, answers)
    result["explained"] = explained(pairs[:MOST], p, dry) if p["explain"] else []
    result["reasons"] = [sentence((one["netns"], one["to"])) + one["reason"] for one in result["explained"]]
    told = list(result["reasons"])
    if not told and any(answers[pair].reason == "no reply" for pair in pairs):
        with spaces.inside(""):
            told = list(filter(None, [hint()]))
    return dict(result, changed=False), failure and "\n".join([failure, *told])


def explained(pairs, p, dry):
    """Of each of these pairs why it is as it is; few tasks need the rooms for that."""
    return import_module(__package__ + "._trace_task").explain(pairs, p, dry) if pairs else []


def packet_capture(p, spaces, dummy):
    places, probing = asked(p)
    present(spaces, "links.netns", [netns for netns, dummy in places])
    if p["state"] == "started":
        return dict(changed=started(spaces.inside, places, p), captures=[]), None
    if p["state"] == "stopped":
        captures = stopped(p["name"])
        return dict(changed=captures is not None, captures=captures or []), None
    if not probing:
        return dict(changed=False, captures=around(spaces.inside, places, p, p["timeout"])[0]), None
    pair, manner = probing
    present(spaces, "probe.netns", pair[:1])
    seconds = p["timeout"] or 60 + manner.count * manner.timeout
    captures, answers = around(spaces.inside, places, p, seconds, lambda: probe(spaces.inside, [pair], manner))
    return dict(changed=False, captures=captures, probe=plain(answers[0])), None


def present(spaces, option, names):
    for netns in names:
        if netns and not spaces.path(netns):
            raise Refused(option, "there is no network namespace %s" % netns)


PROBE_MODULES = {
    "reachability": (REACH, dict(RULES, supports_check_mode=True), reachability),
    "packet_capture": (CAPTURE, {}, packet_capture),
    "virtual_machine": (MACHINE, dict(MACHINE_RULES, supports_check_mode=True), virtual_machine),
}
