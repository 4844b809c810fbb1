# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values under /proc/sys/net, and the files of this collection under sysctl.d."""

from __future__ import annotations

import os
import socket
import struct
from functools import lru_cache

from .. import _rooms
from .._resources.sysctl import Sysctl, SysctlFile
from . import files
from .netlink import DUMP, GETNETCONF, known, nested

FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
ROWS = {family: [row for row in Sysctl.ROWS if getattr(row, "family", "") == family] for family in FAMILIES}
NUMBERS = {family: {row.key: known(row.nla)[0] for row in rows if row.nla} for family, rows in ROWS.items()}
DEVCONF = {family: {row.key: row.devconf for row in rows if row.devconf} for family, rows in ROWS.items()}
# What no message tells.
FILES = [(family, dev, key) for family, keys in DEVCONF.items() for key in keys for dev in ("all", "default")]
FILES += [key for row in Sysctl.ROWS if not hasattr(row, "family") for key in row.keys("")]
FIRST = {"ipv4": 1, "ipv6": 0}  # the number of the first value that comes with a link
ALL, DEFAULT = -1, -2


def read(kernel, name, links):
    """The values as the kernel tells them all at once: to open the files takes twenty times longer."""
    by_netconf, by_link, by_file = wanted(kernel.sorts)
    yield from told(name, kernel.netlink(name), by_netconf)
    yield from of_links(name, links if any(by_link.values()) else (), by_link)
    with kernel.inside(name if by_file else ""):
        values = [(key, files.number(Sysctl(name, *key).path)) for key in by_file]
    for key, value in values:
        if value is not None:
            yield Sysctl(name, *key, value)


@lru_cache(maxsize=None)
def wanted(sorts):
    """Those that are to be read: by family their numbers in messages, and in those of links, and those in files."""
    every = _rooms.SYSCTLS in sorts
    numbers = [
        {family: {word: n for word, n in found.items() if every or (family, word) in sorts} for family, found in of}
        for of in (NUMBERS.items(), DEVCONF.items())
    ]
    return (*numbers, [key for key in FILES if every or (key[0], key[2]) in sorts])


def told(name, netlink, by_netconf):
    devs = {**netlink.names, ALL: "all", DEFAULT: "default"}
    for family, own in FAMILIES.items():
        try:
            answers = netlink.ask("netconf", GETNETCONF, DUMP, family=own)
        except OSError:
            continue  # a kernel without IPv6
        numbers = by_netconf[family]
        for answer in answers if numbers else ():
            parts = {number: struct.unpack("=i", raw)[0] for number, raw in nested(answer, 4)}
            dev = devs.get(parts[1]) if answer[0] == own else None
            for word, number in numbers.items() if dev else ():
                yield Sysctl(name, family, dev, word, parts[number])
            if (family, dev) == ("ipv4", "all") and "forwarding" in numbers:
                yield Sysctl(name, "ipv4", "", "ip_forward", parts[numbers["forwarding"]])


def of_links(name, links, by_link):
    """Those that came with the links."""
    for link in links:
        for family, values in link.conf[0] if link.conf else ():
            for word, number in by_link[family].items():
                place = 4 * (number - FIRST[family])
                if len(values) >= place + 4:
                    yield Sysctl(name, family, link.name, word, struct.unpack_from("=i", values, place)[0])


def read_file(path):
    """A file of this collection under sysctl.d, if it is there."""
    try:
        pairs = [line.partition("=") for line in files.read(path).splitlines()]
    except FileNotFoundError:
        return None
    pairs = [(key.strip(), int(value)) for key, sign, value in pairs if sign and not key.startswith("#")]
    return SysctlFile("", path, tuple(sorted(pairs)))


def write(kernel, change):
    target = change.target
    if target.sort == "sysctl":
        with kernel.inside(target.netns), open("/proc/sys/" + target.path, "w") as f:
            f.write(str(target.value))
    elif change.verb == "delete":
        os.unlink(target.path)
    else:
        files.write(target.path, "".join("%s = %d\n" % pair for pair in target.lines))
