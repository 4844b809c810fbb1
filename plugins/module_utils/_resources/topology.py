# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a topology has made, what waits for its confirmation, and what makes it anew after a boot."""

from __future__ import annotations

import json
from functools import lru_cache
from shlex import quote
from typing import Any, Tuple

from .. import _rooms
from .._core.desired import Change, Observation
from .._core.resource import Resource
from .._core.state import State
from .._core.values import RUN_DIR, Refused, replace
from .boot_script import script, services, unit

UNITS = "/etc/systemd/system"
# The sorts of resources by the names that stand in records.
CLASSES = dict(
    Netns="netns",
    Link="link",
    AltName="link",
    WireguardPeer="wireguard",
    Address="address",
    Nexthop="nexthop",
    Route="route",
    Rule="rule",
    PortVlans="vlans",
    Neighbour="neighbour",
    FdbEntry="fdb",
    MdbEntry="mdb",
    Impairment="impairment",
    Sysctl="sysctl",
    SysctlFile="sysctl",
    NatTable="nat",
    Masquerade="nat",
    PortForward="nat",
)


class OfHost(Resource):
    """A file of this collection, in no network namespace."""

    netns = ""

    @property
    def key(self):
        return (self.sort, self.name)

    def requires(self):
        return []

    def reads(self):
        return Observation(topologies=frozenset((self.name,)))


def stated(value):
    """The fields that have not their defaults."""
    given = {name: value.__dict__[name] for name in value.FIELDS}
    return {name: found for name, found in given.items() if found != value.DEFAULTS.get(name, value)}


class Topology(OfHost):
    """What a topology has made: a file that goes with the reboot, as that does."""

    name: str
    made: Tuple[Any, ...] = ()

    sort = "topology"

    @property
    def path(self):
        return "%s/%s.json" % (RUN_DIR, self.name)

    @property
    def pending(self):
        return Pending(self.name)

    @property
    def text(self):
        lines = []
        for r in self.made:
            lines.append("\n  " + json.dumps({"resource": type(r).__name__, **stated(r)}, default=stated))
        return '{"topology": %s, "made": [%s\n]}\n' % (json.dumps(self.name), ",".join(lines))

    @classmethod
    @lru_cache(maxsize=None)  # what is desired depends on it, and so does the plan
    def read(cls, text):
        found = json.loads(text)
        return cls(found["topology"], tuple(class_named(r.pop("resource")).recalled(r) for r in found["made"]))

    def begin(self, planner):
        """Record ownership before anything is made: a task that dies leaves nothing that nobody owns."""
        if self not in planner.desired.present or planner.rolls_back:
            return
        have = planner.state.get(self.key)
        made = State(have.made if have else ())
        for r in self.made:
            owned = r.to_record(planner.observed, made)
            if owned is not None and r.key not in made:
                made.add(owned)
        after = replace(self, made=tuple(sorted(made, key=lambda r: r.order())))
        if after != have:
            planner.step(Change(have, after))

    def plan(self, planner, have):
        if planner.rolls_back and have != self:
            planner.step(Change(have, self))

    def find(self, state):
        return []

    def finish(self, planner):
        """Release ownership of what is no longer described, after it has gone."""
        have, after = planner.state.get(self.key), self
        if self in planner.desired.absent:
            after = None
        elif planner.rolls_back:
            return
        else:
            keys = {r.key for r in self.made}
            after = replace(have, made=tuple(r for r in have.made if r.key in keys))
        if after != have:
            planner.step(Change(have, after))

    def goes_back(self, back):
        return True

    def warnings(self, after, targets):
        """What it leaves as it is."""
        now = after.get(self.key)
        kept = {r.key for r in now.made} if now else ()
        for r in self.made:
            have = after.get(r.key)
            if r.key not in kept and getattr(r, "is_shared", False) and have is not None and have.value != r.value:
                yield "%s stays %s: others may rely on it by now" % (have.word, have.value)

    def commands(self, change):
        if change.verb == "delete":
            return [["rm", "-f", self.path]]
        return ["mkdir -p %s && printf '%%s' %s > %s" % (RUN_DIR, quote(self.text), self.path)]

    def plain(self):
        return dict(name=self.name, made=[" ".join(str(p) for p in r.key if p not in ("", None)) for r in self.made])


def class_named(name):
    return getattr(_rooms.load("_resources", CLASSES[name]), name)


class Pending(OfHost):
    """What waits for a confirmation, or has been put back because there was none."""

    name: str
    undone: str = ""  # what has become of what it would confirm

    sort = "pending"

    @property
    def path(self):
        return "%s/%s.confirm" % (RUN_DIR, self.name)

    def find(self, state):
        found = super().find(state)
        if found and found[0].undone:
            text = "it comes too late: what the task changed of %s %s"
            raise Refused("confirmed", text % (self.name, found[0].undone))
        return found

    def as_snapshot(self, back):
        return None

    def goes_back(self, back):
        return True

    def commands(self, change):
        return [["rm", self.path]]


class Boot(OfHost):
    """What makes a topology anew after each boot: a script, and a unit of systemd.unit(5) that runs it."""

    name: str
    lines: Tuple[str, ...] = ()

    sort = "boot"

    @property
    def script(self):
        return "/etc/virtnet/%s.sh" % self.name

    @property
    def unit(self):
        return "virtnet-%s.service" % self.name

    @property
    def files(self):
        """Path to text."""
        return {
            self.script: script(self.name, self.lines),
            "%s/%s" % (UNITS, self.unit): unit(self.name, self.script, self.lines),
        }

    @property
    def is_part_of_others(self):
        """Whether it is to start again with services that restore saved rules."""
        return bool(services(self.lines))

    @property
    def wanted_by(self):
        return "%s/multi-user.target.wants/%s" % (UNITS, self.unit)

    def goes_back(self, back):
        return True

    def commands(self, change):
        if change.verb == "delete":
            script, unit = self.files
            return [["rm", "-f", self.wanted_by, unit, script], "rmdir --ignore-fail-on-non-empty /etc/virtnet"]
        folders = sorted({path.rpartition("/")[0] for path in (*self.files, self.wanted_by)})
        out = [["mkdir", "-p", *folders]]
        out += ["printf '%%s' %s > %s" % (quote(text), path) for path, text in self.files.items()]
        return [*out, ["ln", "-sf", "../" + self.unit, self.wanted_by]]


class Staged(Boot):
    """The same of a topology that waits for its confirmation, which writes it for the boot; no lines: there is none."""

    sort = "staged"

    @property
    def path(self):
        return "%s/%s.boot" % (RUN_DIR, self.name)

    @property
    def text(self):
        return json.dumps(self.lines)

    def commands(self, change):
        if change.verb == "delete":
            return [["rm", "-f", self.path]]
        return ["mkdir -p %s && printf '%%s' %s > %s" % (RUN_DIR, quote(self.text), self.path)]
