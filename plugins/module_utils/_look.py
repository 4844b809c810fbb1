# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Ansible task that looks at the network and leaves it as it is."""

from __future__ import annotations

import errno
import time
import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._capture import CAPTURE, around, asked, started, stopped
from ._info import NODES, SPEC, as_task, describe, far_end, sought
from ._kernel import NEEDS_ROOT, Kernel
from ._model import Address, Link, Netns, Refused
from ._netlink import IMPORT_ERROR
from ._probe import Answer, probe
from ._reach import REACH, RULES, differing, report, wanted
from ._reach import plain as plain_answer
from ._task import PYROUTE2, described, plain


def look(name):
    """Run the module of this name."""
    spec, rules, view = LOOKS[name]
    module = AnsibleModule(spec, **rules)
    if IMPORT_ERROR and view in (link_info, topology_info):
        module.fail_json(msg=missing_required_lib(PYROUTE2), exception=IMPORT_ERROR)
    kernel = Kernel()
    try:
        result, failure = view(module.params, kernel, module.check_mode)
    except Refused as e:
        module.fail_json(msg=str(e))
    except OSError as e:
        if e.errno in (errno.EPERM, errno.EACCES):
            module.fail_json(msg=NEEDS_ROOT)
        module.fail_json(msg="cannot look at the network: %s" % e, exception=traceback.format_exc())
    finally:
        kernel.close()
    if failure and module.check_mode:
        # What earlier tasks of a dry run have not made cannot be as expected.
        module.warn(failure)
    elif failure:
        module.fail_json(msg=failure, **result)
    module.exit_json(**result)


def reachability(p, kernel, dry):
    wish, manner = wanted(p)
    there = {netns for netns, dummy in wish if not netns or kernel.path(netns)}
    if not dry:
        present(kernel, "netns", [netns for netns, dummy in wish])
    answers = {pair: Answer(reason="no such network namespace") for pair in wish}
    pairs, end = [pair for pair in wish if pair[0] in there], time.monotonic() + p["wait"]
    while pairs:
        answers.update(zip(pairs, probe(kernel.inside, pairs, manner)))
        pairs = [pair for pair in differing(wish, answers) if pair[0] in there]
        if dry or time.monotonic() > end:
            break
        time.sleep(0.1)
    result, failure = report(wish, answers)
    return dict(result, changed=False), failure


def packet_capture(p, kernel, dummy):
    places, probing = asked(p)
    present(kernel, "links.netns", [netns for netns, dummy in places])
    if p["state"] == "started":
        return dict(changed=started(kernel.inside, places, p), captures=[]), None
    if p["state"] == "stopped":
        captures = stopped(p["name"])
        return dict(changed=captures is not None, captures=captures or []), None
    if not probing:
        return dict(changed=False, captures=around(kernel.inside, places, p, p["timeout"])[0]), None
    pair, manner = probing
    present(kernel, "probe.netns", pair[:1])
    seconds = p["timeout"] or 60 + manner.count * manner.timeout
    captures, answers = around(kernel.inside, places, p, seconds, lambda: probe(kernel.inside, [pair], manner))
    return dict(changed=False, captures=captures, probe=plain_answer(answers[0])), None


def present(kernel, option, names):
    for netns in names:
        if netns and not kernel.path(netns):
            raise Refused(option, "there is no network namespace %s" % netns)


def link_info(p, kernel, dummy):
    spaces, sought_for = sought(p)
    everywhere = ["", *kernel.names()] if spaces is None else spaces
    state = kernel.observe(everywhere, follow=everywhere, brief=True)
    links = [r for r in state if isinstance(r, Link) and sought_for(state, r)]
    return dict(
        changed=False, links=[shown(state, link) for link in sorted(links, key=lambda r: (r.netns, r.index))]
    ), None


def topology_info(p, kernel, dummy):
    record = p["name"] and kernel.made(p["name"])
    if p["name"] and record is None:
        raise Refused("name", "there is no topology %s" % p["name"])
    made = record.made if record else ()
    spaces = {r.name if isinstance(r, Netns) else r.netns for r in made} if record else {"", *kernel.names()}
    spaces = sorted(spaces & set(p["netns"]) if p["netns"] is not None else spaces)
    spaces = [netns for netns in spaces if not netns or kernel.path(netns)]
    state, own = kernel.observe(spaces, follow=spaces), {r.key for r in made}
    links = [r for r in state if isinstance(r, Link) and r.netns in spaces and (r.netns or not own or r.key in own)]
    return dict(describe(state, spaces, sorted(links, key=lambda r: (r.netns, r.index))), changed=False), None


def shown(state, link):
    """A link as data: what it is and has, and the task that makes it so."""
    module, options = as_task(state, link)
    out = dict(described(state, link.key), index=link.index, module=module, options=options)
    out["addresses"] = [stated(plain(r)) for r in state.on(link.key) if isinstance(r, Address)]
    for name in {"peer", "link"} & set(out):
        out[name] = far_end(state, getattr(link, name))
    return out


def stated(fields):
    return {name: value for name, value in fields.items() if value or name == "netns"}


LOOKS = {
    "link_info": (SPEC, dict(supports_check_mode=True), link_info),
    "topology_info": (NODES, dict(supports_check_mode=True), topology_info),
    "reachability": (REACH, dict(RULES, supports_check_mode=True), reachability),
    "packet_capture": (CAPTURE, {}, packet_capture),
}
