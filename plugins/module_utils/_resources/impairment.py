# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a link sends late, little, or not at all: tc-netem(8), tc-tbf(8)."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from .._core.desired import Change, Desired
from .._core.options import DEV, NETNS, STATE, specs
from .._core.resource import OnLink
from .._core.rows import Row, parsed
from .._core.values import Aside, Refused
from .._core.words import ip, link_name, netns_name


class Milliseconds(Row):
    """A time."""

    digits, high = 3, 3600000

    def parse(self, value):
        if not 0 <= value <= self.high:
            raise ValueError("%s is not between 0 and %d" % (value, self.high))
        return round(value, self.digits)


class Percent(Milliseconds):
    """A share."""

    digits, high = 4, 100


class Impairment(OnLink):
    """The queueing discipline by which a link sends late, little, or not at all: tc-netem(8), tc-tbf(8)."""

    netns: str
    dev: str
    delay: Optional[float] = None  # ms
    jitter: Optional[float] = None  # ms
    correlation: Optional[float] = None  # %, as are the next
    loss: Optional[float] = None
    duplicate: Optional[float] = None
    reorder: Optional[float] = None
    corrupt: Optional[float] = None
    rate: Optional[int] = None  # bit/s
    limit: Optional[int] = None  # packets
    foreign: Optional[str] = Aside()  # the name of one that is not ours
    handle: int = Aside(0)  # read: the number that somebody gave it
    raw: Tuple[Any, ...] = Aside(())  # its handle and options, where it can be made again by them

    sort = "impairment"
    identity = ("netns", "dev")
    ROWS = (
        Milliseconds("delay", "TCA_NETEM_LATENCY64", "float", default=0),
        Milliseconds("jitter", "TCA_NETEM_JITTER64", "float", default=0),
        Percent("correlation", "TCA_NETEM_CORR", "float", default=0),
        Percent("loss", "TCA_OPTIONS", "float", default=0),
        Percent("duplicate", "TCA_OPTIONS", "float", default=0),
        Percent("reorder", "TCA_NETEM_REORDER", "float", default=0),
        Percent("corrupt", "TCA_NETEM_CORRUPT", "float", default=0),
        Row("rate", "TCA_NETEM_RATE", "int", range(0, 2**35, 8), 0),
        Row("limit", "TCA_OPTIONS", "int", range(1, 2**31), 1000),
    )

    @property
    def discipline(self):
        """A rate alone needs no netem, which not every kernel has."""
        others = [self.delay, self.jitter, self.loss, self.duplicate, self.reorder, self.corrupt]
        return "tbf" if self.rate and not any(others) and self.limit == 1000 else "netem"

    @property
    def burst(self):
        """What tbf lets pass at once: 10 ms, and some packets, in bytes."""
        return max(self.rate // 800, 10000)

    def plan(self, planner, have):
        if self.foreign:
            if have is None:
                planner.step(Change(None, self))
            return
        if have is not None and have.foreign:
            text = "%s has the queueing discipline %s, which this module did not make and does not touch"
            raise Refused("dev", text % (self.dev, have.foreign))
        nothing = Impairment(self.netns, self.dev, **{row.name: row.default for row in self.ROWS})
        after = (have or nothing).overlay(self)
        for name, other in (("reorder", "delay"), ("correlation", "jitter")):
            if getattr(after, name) and not getattr(after, other):
                raise Refused(name, "it needs %s" % other)
        if after != have:
            planner.step(Change(have, after))

    def find(self, state):
        return [r for r in super().find(state) if not r.foreign]

    def as_snapshot(self, back):
        return None if self.foreign and not self.raw else self

    def accepted(self, state):
        return bool(self.raw) or not self.foreign

    def commands(self, change):
        start = ["dev", self.dev, "root"]
        if change.verb == "delete":
            return [ip(self.netns, "qdisc", "delete", *start, program="tc")]
        if self.foreign:
            words = ["handle", "%x:" % (self.raw[0] >> 16), self.foreign]
        elif self.discipline == "tbf":
            words = ["tbf", "rate", "%dbit" % self.rate, "burst", str(self.burst), "latency", "50ms"]
        else:
            words = self.netem_words(change.before)
        return [ip(self.netns, "qdisc", "replace", *start, *words, program="tc")]

    def netem_words(self, old):
        words = ["netem", "limit", str(self.limit)]
        if self.delay or self.jitter:
            words += ["delay", plain(self.delay) + "ms"]
            words += [plain(self.jitter) + "ms"] if self.jitter or (old and old.correlation) else []
            words += [plain(self.correlation) + "%"] if self.correlation or (old and old.correlation) else []
        for name in ("loss", "duplicate", "reorder", "corrupt"):
            # What tc(8) does not say of the last two stays as it was.
            if getattr(self, name) or (old and getattr(old, name) and name in ("reorder", "corrupt")):
                words += [name, plain(getattr(self, name)) + "%"]
        return words + (["rate", "%dbit" % self.rate] if self.rate or (old and old.rate) else [])

    def is_told(self, state):
        return not self.foreign

    def not_described(self):
        return ["qdisc %s" % self.foreign] if self.foreign else []


def plain(value):
    """A number without needless digits."""
    return ("%.4f" % value).rstrip("0").rstrip(".")


SPEC = dict(STATE, **NETNS, **DEV, **specs(Impairment.ROWS))


def desired(p, host_):
    netns, dev = netns_name("netns", p["netns"]), link_name("dev", p["dev"])
    returns = (("impairment", ("impairment", netns, dev)),)
    if p["state"] == "absent":
        return Desired(absent=(Impairment(netns, dev),), returns=returns)
    found = dict(parsed(Impairment.ROWS, p))
    if not found:
        raise Refused("delay", "say at least one of delay, loss, duplicate, reorder, corrupt, rate and limit")
    return Desired((Impairment(netns, dev, **found),), returns=returns)


def module(name):
    return SPEC, {}, desired
