# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""One Ansible task that says where a packet is lost."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ._core.desired import Observation
from ._core.values import replace
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
    return dict(traced(kernel, [wanted], dry)[0], changed=False), None


def traced(kernel, wishes, dry):
    """What becomes of each of these packets, sent all at once; in a dry run by look-ups alone."""
    names = frozenset(kernel.names())
    state = kernel.observe(Observation(names, names, sorts=frozenset(("address", "vlans", "wireguard_peer"))))
    lookup, found, left = Lookup(kernel, state), {}, list(range(len(wishes)))
    try:
        for seconds in TRIES:
            found.update(zip(left, results(kernel, lookup, together([wishes[n] for n in left]), dry, seconds)))
            left = [n for n in left if found[n]["cause"] in ("unknown", "arp")]
            if dry or not left:
                break
            # What the kernel does while it looks for a neighbour is over by then.
            lookup.forget()
        return [found[n] for n in range(len(wishes))]
    finally:
        lookup.close()


def together(wishes):
    """Them with ports that follow each other where each probe has one of its own."""
    first, each = wishes[0].packet.sport, wishes[0].manner.protocol == "tcp"
    if not first:
        return wishes
    return [replace(one, packet=replace(one.packet, sport=first + n * each)) for n, one in enumerate(wishes)]


def results(kernel, lookup, wishes, dry, seconds):
    walks = [Walk(lookup) for dummy in wishes]
    theories = [walk.there_and_back(one.netns, one.packet, one.dev) for walk, one in zip(walks, wishes)]
    hidden = any(step.hidden for theory in theories for step in theory[0])
    seen = [None] * len(wishes) if dry else gather(kernel, lookup.state, wishes, seconds, hidden)
    return [conclude.result(*each) for each in zip(walks, wishes, theories, seen)]


def explain(pairs, p, dry):
    """Of each (namespace, address) the place where a packet is lost, the reason or the way, and the hops."""
    kernel, more = Kernel(), dict(source=None, dev=None, mark=None, trace_rules=True)
    try:
        found = traced(kernel, [asked(dict(p, **dict(more, netns=netns, to=to))) for netns, to in pairs], dry)
    except NoPyroute2:
        text = "to explain it needs %s" % PYROUTE2
        return [dict(netns=netns, to=to, where=None, reason=text, hops=[]) for netns, to in pairs]
    finally:
        kernel.close()
    return [
        dict(
            netns=netns,
            to=to,
            where=one["where"],
            reason=one["reason"] if one["where"] else way(one["hops"]),
            hops=one["hops"],
        )
        for (netns, to), one in zip(pairs, found)
    ]


def way(hops):
    places = [hop["netns"] or "the host" for hop in hops if hop["direction"] == "forth"]
    return "it goes by %s" % " > ".join(dict.fromkeys(places))


TRACE_MODULES = {"packet_trace": (SPEC, dict(supports_check_mode=True), packet_trace)}
