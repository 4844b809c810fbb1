# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values under /proc/sys/net, and the files of this collection under sysctl.d."""

from __future__ import annotations

import os
import socket
import struct

from .._resources.sysctl import Sysctl, SysctlFile
from . import files
from .netlink import DUMP, GETNETCONF, known, nested

FAMILIES = {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
NUMBERS = {family: {row.key: known(row.nla)[0] for row in Sysctl.ROWS if row.family == family} for family in FAMILIES}
ALL, DEFAULT = -1, -2


def read(kernel, name, links):
    """The values as the kernel tells them all at once: to open the files takes twenty times longer."""
    netlink = kernel.netlink(name)
    devs = {**netlink.names, ALL: "all", DEFAULT: "default"}
    for family, own in FAMILIES.items():
        try:
            answers = netlink.ask("netconf", GETNETCONF, DUMP, family=own)
        except OSError:
            continue  # a kernel without IPv6
        for answer in answers:
            parts = {number: struct.unpack("=i", raw)[0] for number, raw in nested(answer, 4)}
            dev = devs.get(parts[1]) if answer[0] == own else None
            for word, number in NUMBERS[family].items() if dev else ():
                yield Sysctl(name, family, dev, word, parts[number])
            if (family, dev) == ("ipv4", "all"):
                yield Sysctl(name, "ipv4", "", "ip_forward", parts[NUMBERS["ipv4"]["forwarding"]])


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
