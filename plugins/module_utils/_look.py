# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Ansible task that looks at the network and leaves it as it is."""

from __future__ import annotations

import errno
import time
import traceback

from ansible.module_utils.basic import AnsibleModule

from ._kernel import NEEDS_ROOT, Kernel
from ._model import Refused
from ._probe import Answer, probe
from ._reach import RULES, SPEC, differing, report, wanted


def look(name):
    """Run the module of this name."""
    spec, rules, view = LOOKS[name]
    module = AnsibleModule(spec, supports_check_mode=True, **rules)
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
        module.fail_json(msg=failure, changed=False, **result)
    module.exit_json(changed=False, **result)


def reachability(p, kernel, dry):
    wish, manner = wanted(p)
    there = {netns for netns, dummy in wish if not netns or kernel.path(netns)}
    gone = sorted({netns for netns, dummy in wish} - there)
    if gone and not dry:
        raise Refused("netns", "there is no network namespace %s" % gone[0])
    answers = {pair: Answer(reason="no such network namespace") for pair in wish}
    pairs, end = [pair for pair in wish if pair[0] in there], time.monotonic() + p["wait"]
    while pairs:
        answers.update(zip(pairs, probe(kernel.inside, pairs, manner)))
        pairs = [pair for pair in differing(wish, answers) if pair[0] in there]
        if dry or time.monotonic() > end:
            break
        time.sleep(0.1)
    return report(wish, answers)


LOOKS = {"reachability": (SPEC, RULES, reachability)}
