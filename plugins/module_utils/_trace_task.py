# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Ansible task that says where a packet is lost."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._core.desired import Observation
from ._probe_task import perform, present
from ._rtnl.evidence import gather
from ._rtnl.lookup import Lookup
from ._rtnl.netlink import NoPyroute2
from ._rtnl.observe import Kernel
from ._task import PYROUTE2
from ._trace import conclude
from ._trace.options import SPEC, asked
from ._trace.walk import Walk

# The kernel repeats a question for a neighbour after a second: so long the second probe waits.
TRIES = (0, 1.2)


def trace_task(name):
    """Run the module of this name."""
    spec, rules, view = TRACE_MODULES[name]
    module = AnsibleModule(spec, **rules)
    try:
        perform(module, Kernel, view)
    except NoPyroute2 as e:
        module.fail_json(msg=missing_required_lib(PYROUTE2), exception=str(e))


def packet_trace(p, kernel, dry):
    wanted = asked(p)
    if dry and wanted.netns and not kernel.path(wanted.netns):
        # Earlier tasks of a dry run have not made it.
        found = conclude.without_netns(wanted)
        return dict(found, changed=False), found["reason"]
    present(kernel, "netns", [wanted.netns])
    return dict(traced(kernel, wanted, dry), changed=False), None


def traced(kernel, wanted, dry):
    """What becomes of a packet; in a dry run by look-ups alone."""
    names = frozenset(kernel.names())
    state = kernel.observe(Observation(names, names, sorts=frozenset(("address", "vlans", "wireguard_peer"))))
    lookup = Lookup(kernel, state)
    try:
        for seconds in TRIES:
            walk = Walk(lookup)
            theory = walk.there_and_back(wanted.netns, wanted.packet, wanted.dev)
            hidden = any(step.hidden for step in theory[0])
            evidence = None if dry else gather(kernel, state, wanted, seconds, hidden)
            found = conclude.result(walk, wanted, theory, evidence)
            if dry or found["cause"] != "unknown":
                break
            # What the kernel does while it looks for a neighbour is over by then.
            lookup.forget()
        return found
    finally:
        lookup.close()


def explain(pairs, p, dry):
    """Of each (namespace, address) the reason why a packet is lost, or the namespaces by which it goes."""
    kernel, more = Kernel(), dict(source=None, dev=None, mark=None, trace_rules=True)
    try:
        found = [traced(kernel, asked(dict(p, **dict(more, netns=netns, to=to))), dry) for netns, to in pairs]
    except NoPyroute2:
        return ["to explain it needs %s" % PYROUTE2 for dummy in pairs]
    finally:
        kernel.close()
    return [one["reason"] if one["where"] else way(one["hops"]) for one in found]


def way(hops):
    places = [hop["netns"] or "the host" for hop in hops if hop["direction"] == "forth"]
    return "it goes by %s" % " > ".join(dict.fromkeys(places))


TRACE_MODULES = {"packet_trace": (SPEC, dict(supports_check_mode=True), packet_trace)}
