# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Ansible task that reads what is there."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._info import NODES, SPEC, as_task, describe, far_end, sought
from ._kernel import Kernel
from ._model import RARE, Address, Link, Netns, Refused, Rule, fits
from ._netlink import IMPORT_ERROR
from ._see import perform
from ._task import PYROUTE2, described, plain


def look(name):
    """Run the module of this name."""
    spec, rules, view = LOOKS[name]
    module = AnsibleModule(spec, **rules)
    if IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib(PYROUTE2), exception=IMPORT_ERROR)
    perform(module, Kernel, view)


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
    state = kernel.observe(spaces, follow=spaces, sysctls=True, nat=True, rare=RARE)
    keys, rules = {r.key for r in made}, [r for r in made if isinstance(r, Rule)]

    def asked(r):
        # Of the host's own network namespace only what the topology made.
        own = r.key in keys or (isinstance(r, Rule) and any(fits(r, rule) for rule in rules))
        return r.netns in spaces and (r.netns or not made or own)

    links = sorted((r for r in state if isinstance(r, Link) and asked(r)), key=lambda r: (r.netns, r.index))
    return dict(describe(state, spaces, links, asked), changed=False), None


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
}
