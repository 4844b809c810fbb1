# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel tells of a link and nothing here describes: the link that takes its place gets it."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from functools import lru_cache

from .._kinds.base import kind_named
from .._rooms import KIND_ROOMS
from .netlink import ACK, AF_SPEC, CREATE, DUMP, EXCL, GETLINK, NEWLINK, af_specs, attribute, known, nested, text

LINKINFO = 18
# Of the part of a message: the kind, and its data.
INFO_KIND, INFO_DATA, INFO_SLAVE_KIND, INFO_SLAVE_DATA = 1, 2, 4, 5
INET6_TOKEN = 7
REFUSALS = (errno.EINVAL, errno.EOPNOTSUPP, errno.ERANGE, errno.EPERM, errno.EBUSY)  # of an attribute
PLAIN = next(iter(KIND_ROOMS))  # a kind that every kernel has, and that becomes a port of whatever has ports


@lru_cache(maxsize=None)
def described(name, of_port):
    """The numbers of the attributes of a kind or of its ports that are read elsewhere, or that nobody sets."""
    kind = kind_named(name)
    names = {nla for row in (kind.port if of_port else kind.attrs) for nla in row.attributes()}
    names |= {kind.underlay} if kind.underlay and not of_port else set()
    return {known(nla)[0] for nla in names} | set(kind.only_told(of_port))


def rest_of(kind, slave, specs, info):
    """The (part, number, value) of what is not described; the part is that of the link, of its port, or the token."""
    found = []
    if kind.name and kind.maker != "tuntap":
        found += [("data", *pair) for pair in undescribed(kind.name, False, info.get(INFO_DATA, b""))]
    if slave:
        found += [(slave, *pair) for pair in undescribed(slave, True, info.get(INFO_SLAVE_DATA, b""))]
    token = specs.get(socket.AF_INET6, {}).get(INET6_TOKEN)
    return (*found, ("token", INET6_TOKEN, token)) if token and any(token) else tuple(found)


def undescribed(name, of_port, data):
    return [(number, raw) for number, raw in nested(data) if number not in described(name, of_port)]


def of_new(kernel, kinds, masters):
    """The same of new links of these kinds, and of new ports of these, made in a namespace that nobody sees."""
    scratch, found = kernel.scratch_netns(), set()
    with scratch.socket:
        for number, kind in enumerate(sorted(kinds | masters)):
            name = "l%d" % number
            for data in (b"", attribute(INFO_DATA, attribute(1, b"\1\0\0\0"))):  # a vxlan has a number at least
                with suppress(OSError):
                    made(scratch, name, kind, data, [])
            with suppress(OSError):
                made(scratch, "p%d" % number, PLAIN, b"", [("IFLA_MASTER=10:uint32", scratch.index(name))])
        for answer in scratch.ask("link", GETLINK, DUMP):
            found.update(rest_in(answer))
    return found


def rest_in(answer):
    """The same of what the kernel answers for one link."""
    parts = dict(nested(answer, 16))
    info = dict(nested(parts.get(LINKINFO, b"")))
    kind, slave = (kind_named(text(info.get(number, b""))) for number in (INFO_KIND, INFO_SLAVE_KIND))
    return rest_of(kind, slave.name, af_specs(parts), info)


def made(scratch, name, kind, data, more):
    info = attribute(INFO_KIND, kind.encode() + b"\0") + data
    scratch.ask("link", NEWLINK, ACK | CREATE | EXCL, [("IFLA_IFNAME=3:text", name), (LINKINFO, info), *more])


def of_kind(link):
    """Its kind's attributes that are not described, where the kernel resets or refuses what a later message says."""
    return [attribute(number, raw) for part, number, raw in sorted(link.raw) if part == "data"]


def put_back(kernel, change):
    """Each in a message of its own: some the kernel only tells."""
    link, base = change.after, change.base
    parts = {"data", "token"} if base is None or not base.raw else set()
    parts |= {link.slave_kind} if base is None or base.master != link.master else set()
    wanted = [one for one in link.raw if one[0] in parts]
    if not wanted:
        return
    here = kernel.netlink(link.netns)
    index = here.index(link.name)
    now = rest_in(here.ask("link", GETLINK, 0, index=index)[0])
    for part, number, raw in wanted:
        if (part, number, raw) not in now:
            try:
                here.ask("link", NEWLINK, ACK, [message(link, part, attribute(number, raw))], index=index)
            except OSError as e:
                if e.errno not in REFUSALS:
                    raise


def message(link, part, data):
    if part == "token":
        return AF_SPEC, attribute(socket.AF_INET6, data)
    kind, rest = (INFO_KIND, INFO_DATA) if part == "data" else (INFO_SLAVE_KIND, INFO_SLAVE_DATA)
    name = link.kind if part == "data" else part
    return LINKINFO, attribute(kind, name.encode() + b"\0") + attribute(rest, data)
