# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Ansible task that looks at the network and leaves it as it is."""

from __future__ import annotations

import errno
import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._info import SPEC, as_task, sought
from ._kernel import IMPORT_ERROR, NEEDS_ROOT, Kernel
from ._model import Address, Link, Refused
from ._task import PYROUTE2, described, plain


def look(name):
    """Run the module of this name."""
    spec, rules, view = LOOKS[name]
    module = AnsibleModule(spec, supports_check_mode=True, **rules)
    if IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib(PYROUTE2), exception=IMPORT_ERROR)
    kernel = Kernel()
    try:
        result = view(module.params, kernel)
    except Refused as e:
        module.fail_json(msg=str(e))
    except OSError as e:
        if e.errno in (errno.EPERM, errno.EACCES):
            module.fail_json(msg=NEEDS_ROOT)
        module.fail_json(msg="cannot look at the network: %s" % e, exception=traceback.format_exc())
    finally:
        kernel.close()
    module.exit_json(changed=False, **result)


def link_info(p, kernel):
    spaces, asked = sought(p)
    everywhere = ["", *kernel.names()] if spaces is None else spaces
    state = kernel.observe(everywhere, follow=everywhere, brief=True)
    links = [r for r in state if isinstance(r, Link) and asked(state, r)]
    return dict(links=[shown(state, link) for link in sorted(links, key=lambda r: (r.netns, r.index))])


def shown(state, link):
    """A link as data: what it is and has, and the task that makes it so."""
    module, options = as_task(state, link)
    out = dict(described(state, link.key), index=link.index, module=module, options=options)
    out["addresses"] = [stated(plain(r)) for r in state.on(link.key) if isinstance(r, Address)]
    for name in {"peer", "link"} & set(out):
        out[name] = far_end(state, getattr(link, name))
    return out


def far_end(state, ref):
    """Which link this is; of one in a namespace without a name only the index is known."""
    link = state.links(ref)
    if link is None:
        return dict(netns=None, name=None, index=int(ref[1]))
    return dict(netns=link.netns, name=link.name, index=link.index)


def stated(fields):
    return {name: value for name, value in fields.items() if value or name == "netns"}


LOOKS = {"link_info": (SPEC, {}, link_info)}
