# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root queueing disciplines of links, read and written."""

from __future__ import annotations

import errno
import struct

from .._core.values import replace
from .._resources.impairment import Impairment
from .netlink import ACK, CREATE, DELQDISC, GETQDISC, NEWQDISC, REPLACE, attribute, nested, text

ROOT, KIND, OPTIONS, WHOLE = 0xFFFFFFFF, 1, 2, 0xFFFFFFFF
# The numbers of the attributes of netem, and what Impairment calls them.
CORRELATION, REORDER, CORRUPT, RATE, LATENCY64, JITTER64 = 1, 3, 4, 6, 10, 11
NETEM = {CORRELATION: "correlation", REORDER: "reorder", CORRUPT: "corrupt", RATE: "rate"}
# What has classes and filters that are not read, and without them lets nothing pass, or not as it did.
WITH_CLASSES = ["htb", "hfsc", "drr", "qfq", "ets", "prio", "multiq", "mqprio", "taprio", "cbs", "clsact", "ingress"]
NOT_OURS = {5, 7, 8, 12}  # loss models, explicit congestion notification, slots


def read(kernel, name, links):
    names = {link.index: link.name for link in links}
    for head, parts in kernel.netlink(name).dump("qdisc", GETQDISC):
        # What the kernel chose by itself has no handle.
        if head["parent"] == ROOT and head["handle"] and head["index"] in names:
            it = impairment_of(name, names[head["index"]], text(parts[KIND]), parts.get(OPTIONS, b""))
            alone = it.foreign and it.foreign not in WITH_CLASSES
            # Of those that the kernel has numbered itself the number means nothing.
            it = replace(it, handle=head["handle"] if head["handle"] >> 16 < 0x8000 else 0)
            yield replace(it, raw=(head["handle"], parts.get(OPTIONS))) if alone else it


def impairment_of(netns, dev, kind, options):
    """The discipline of a link; one that this module would not make so has only a name."""
    values = dict.fromkeys([row.name for row in Impairment.ROWS], 0)
    strange = kind not in ("netem", "tbf")
    if kind == "tbf":
        rate, peak = struct.unpack_from("=8xI8xI", dict(nested(options))[1])
        values.update(rate=rate * 8, limit=1000)
        strange = bool(peak)
    elif kind == "netem":
        dummy, limit, loss, gap, duplicate, dummy = struct.unpack_from("=6I", options)
        parts = dict(nested(options[24:]))
        delay, jitter = (struct.unpack("=q", parts[number])[0] / 1e6 for number in (LATENCY64, JITTER64))
        numbers = {
            name: struct.unpack("=%dI" % (len(parts[number]) // 4), parts[number])
            for number, name in NETEM.items()
            if number in parts
        }
        values.update({name: percent(several[0]) for name, several in numbers.items() if name != "rate"})
        values.update(delay=round(delay, 3), jitter=round(jitter, 3), limit=limit)
        values.update(loss=percent(loss), duplicate=percent(duplicate), rate=numbers.get("rate", [0])[0] * 8)
        strange = NOT_OURS & set(parts) or any(any(several[1:]) for several in numbers.values()) or gap > 1
    return Impairment(netns, dev, foreign=kind) if strange else Impairment(netns, dev, **values)


def percent(number):
    return round(number * 100.0 / WHOLE, 4)


def share(value):
    return round(value / 100.0 * WHOLE)


def write(kernel, change):
    target, here = change.target, kernel.netlink(change.target.netns)
    header = dict(index=here.index(target.dev), parent=ROOT)
    if change.verb == "delete":
        here.ask("qdisc", DELQDISC, ACK, **header)
        return
    if target.foreign:
        remake(here, change, header)
        return
    if change.before in (None, target):
        header["handle"] = target.handle
    kind = target.discipline
    data = tbf(target) if kind == "tbf" else netem(target)
    try:
        attrs = [(KIND, kind.encode() + b"\0"), (OPTIONS, data)]
        here.ask("qdisc", NEWQDISC, ACK | CREATE | REPLACE, attrs, **header)
    except OSError as e:
        if e.errno != errno.ENOENT:
            raise
        raise OSError(e.errno, "this kernel has no queueing discipline %s (kernel module sch_%s)" % (kind, kind))


def remake(here, change, header):
    """One of others on a link that was made anew; that a kernel does not take it back so is told later."""
    handle, options = change.target.raw
    attrs = [(KIND, change.target.foreign.encode() + b"\0")] + ([(OPTIONS, options)] if options else [])
    try:
        here.ask("qdisc", NEWQDISC, ACK | CREATE | REPLACE, attrs, handle=handle, **header)
    except OSError as e:
        if change.before is None or e.errno not in (errno.EINVAL, errno.ENOENT, errno.EOPNOTSUPP):
            raise


def tbf(it):
    rate = it.rate // 8
    limit = it.burst + rate // 20
    data = attribute(1, struct.pack("=BBHhHI12xIII", 0, 1, 0, 0, 0, rate, limit, 0, 0))
    return data + attribute(6, struct.pack("=I", it.burst))


def netem(it):
    data = struct.pack("=6I", 0, it.limit, share(it.loss), int(bool(it.reorder)), share(it.duplicate), 0)
    data += attribute(LATENCY64, struct.pack("=q", round(it.delay * 1e6)))
    data += attribute(JITTER64, struct.pack("=q", round(it.jitter * 1e6)))
    data += attribute(CORRELATION, struct.pack("=3I", share(it.correlation), 0, 0))
    data += attribute(REORDER, struct.pack("=2I", share(it.reorder), 0))
    data += attribute(CORRUPT, struct.pack("=2I", share(it.corrupt), 0))
    return data + attribute(RATE, struct.pack("=IiIi", it.rate // 8, 0, 0, 0))
