# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Ansible task that reads what is there."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from . import _rooms
from ._core.desired import Change, Observation
from ._core.values import Refused, replace
from ._info import NODES, SPEC, as_task, describe, far_end, is_netns_name, sought
from ._probe_task import perform
from ._rtnl.link_rest import of_new
from ._rtnl.netlink import NoPyroute2
from ._rtnl.observe import Kernel
from ._rtnl.others import not_described, usual_labels
from ._task import PYROUTE2, described

OF_LINKS = ("link", "address", "impairment")


def info_task(name):
    """Run the module of this name."""
    spec, rules, view = INFO_MODULES[name]
    module = AnsibleModule(spec, **rules)
    try:
        perform(module, Kernel, view)
    except NoPyroute2 as e:
        module.fail_json(msg=missing_required_lib(PYROUTE2), exception=str(e))


def everything(spaces, *sorts):
    names = frozenset(spaces)
    return Observation(names, names, sorts=frozenset(sorts))


def link_info(p, kernel, dummy):
    spaces, sought_for = sought(p)
    state = kernel.observe(everything(["", *kernel.names()] if spaces is None else spaces, "address", "impairment"))
    links = [r for r in state if r.sort == "link" and sought_for(state, r)]
    links.sort(key=lambda r: (r.netns, r.index))
    missing = left_out(kernel, [r for link in links for r in (link, *state.on(link.key)) if r.sort in OF_LINKS])
    return dict(changed=False, links=[shown(state, link) for link in links], not_described=missing), None


def topology_info(p, kernel, dummy):
    record = p["name"] and kernel.made(p["name"])
    if p["name"] and record is None:
        raise Refused("name", "there is no topology %s" % p["name"])
    made = record.made if record else ()
    spaces, odd = spaces_of(p, kernel, record)
    state = kernel.observe(everything(spaces, "address", "nat_table", *_rooms.ON_DEMAND))
    keys = {r.key for r in made}

    def asked(r):
        # Of the host's own network namespace only what the topology made.
        own = r.key in keys or any(r.sort == "rule" and r.fits(rule) for rule in made)
        return r.netns in spaces and (r.netns or not made or own)

    found = [r for r in state if asked(r)]
    links = [r for r in found if r.sort == "link" and r.is_told(state)]
    links.sort(key=lambda r: (r.netns, r.index))
    missing = left_out(kernel, found) + ([] if made else others(kernel, spaces, state))
    missing += [dict(netns=name, thing="netns", missing="all, for its name") for name in odd]
    return dict(describe(state, spaces, links, asked), changed=False, not_described=missing), None


def others(kernel, spaces, state):
    """What no resource stands for."""
    usual = usual_labels(kernel)
    heard = [(netns, not_described(kernel, netns, state.heard[netns], usual)) for netns in spaces]
    return [dict(netns=netns, thing=thing, missing="") for netns, things in heard for thing in things]


def left_out(kernel, resources):
    """What of these no option is for, and is not as in a new one."""
    links = [r for r in resources if r.sort == "link" and r.raw]
    kinds, masters = ({getattr(r, name) for r in links} - {"", None} for name in ("kind", "slave_kind"))
    usual = of_new(kernel, kinds, masters) if links else set()
    unusual = {r.key: replace(r, raw=tuple(one for one in r.raw if one not in usual)) for r in links}
    told = [(r, unusual.get(r.key, r).not_described()) for r in resources if not r.made_by_kernel]
    told = [dict(netns=r.netns, thing=thing(r), missing=", ".join(words)) for r, words in told if words]
    return sorted(told, key=lambda one: (one["netns"], one["thing"]))


def thing(r):
    """What it is known by; of what has no name the words of ip(8)."""
    if r.sort in ("route", "rule", "nexthop"):
        line = r.commands(Change(None, r))[0]
        return " ".join([r.sort, *line[line.index(r.sort, 3 if r.netns else 1) + 2 :]])
    words = [getattr(r, name) for name in r.identity if name not in ("netns", "kind")]
    return " ".join(str(word) for word in (r.sort, *words) if word not in ("", None, False) and word != ())


def spaces_of(p, kernel, record):
    """The network namespaces that are asked for and that are there, and those whose names no option takes."""
    spaces = {r.netns for r in record.made} if record else {"", *kernel.names()}
    spaces = spaces if p["netns"] is None else spaces & set(p["netns"])
    there = [netns for netns in sorted(spaces) if not netns or kernel.path(netns)]
    odd = [netns for netns in there if not is_netns_name(netns)]
    return [netns for netns in there if netns not in odd], odd


def shown(state, link):
    """A link as data: what it is and has, and the task that makes it so."""
    module, options = as_task(state, link)
    out = dict(described(state, link.key), index=link.index, module=module, options=options)
    addresses = [r.plain() for r in state.on(link.key) if r.sort == "address"]
    out["addresses"] = [{k: v for k, v in address.items() if v or k == "netns"} for address in addresses]
    for name in {"peer", "link"} & set(out):
        out[name] = far_end(state, getattr(link, name))
    return out


INFO_MODULES = {
    "link_info": (SPEC, dict(supports_check_mode=True), link_info),
    "topology_info": (NODES, dict(supports_check_mode=True), topology_info),
}
