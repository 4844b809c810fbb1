# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that several modules have."""

from __future__ import annotations

from .desired import Desired

STATE = dict(state=dict(type="str", choices=["present", "absent"], default="present"))
NETNS = dict(netns=dict(type="str"))
NAME = dict(name=dict(type="str", required=True))
DEV = dict(dev=dict(type="str", required=True))
EXCLUSIVE = dict(exclusive=dict(type="bool", default=False))


def specs(rows):
    """The options of some rows."""
    return {row.name: row.spec() for row in rows}


def these(p, name, resources):
    """What is desired of resources that are present or absent, and how the task names them in its result."""
    returns = ((name, [r.key for r in resources]),)
    if p["state"] == "absent":
        return Desired(absent=tuple(resources), returns=returns)
    return Desired(tuple(resources), returns=returns)


def strangers(p, cls, netns, dev, option):
    """What `exclusive` sweeps away."""
    return ((cls, (("netns", netns), ("dev", dev))),) if p.get("exclusive") and p[option] is not None else ()
