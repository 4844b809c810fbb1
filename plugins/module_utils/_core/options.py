# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that several modules have."""

from __future__ import annotations

from .desired import Desired
from .values import Refused

STATE = dict(state=dict(type="str", choices=["present", "absent"], default="present"))
NETNS = dict(netns=dict(type="str"))
NAME = dict(name=dict(type="str", required=True))
DEV = dict(dev=dict(type="str", required=True))
LOCK_TIMEOUT = 60  # seconds
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


def spelled_out(spec, given, where=""):
    """Options with a dictionary wherever one is to be: where a name alone is given, that with its name."""
    return {
        option: filled(spec[option], value, where + option) if option in spec else value
        for option, value in given.items()
    }


def filled(argument, value, where):
    """The value of an option."""
    options = argument.get("options") or {}
    if value is not None and argument.get("type") == "list" and argument.get("elements") == "dict":
        entries = value.split(",") if hasattr(value, "split") else value if hasattr(value, "append") else [value]
        return [entry(options, one, where) for one in entries]
    return entry(options, value, where) if value is not None and argument.get("type") == "dict" else value


def entry(options, value, where):
    """One dictionary."""
    if hasattr(value, "items"):
        return spelled_out(options, value, where + ".")
    text = str(value).strip()
    if text.startswith("{") or "=" in text:
        return value  # Ansible reads it
    if options.get("name", {}).get("required") and not hasattr(value, "append"):
        return {"name": text}
    raise Refused(where, "%s is no dictionary%s" % (value, " of " + ", ".join(options) if options else ""))
