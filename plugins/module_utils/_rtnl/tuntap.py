# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""tun and tap links, which netlink does not make."""

from __future__ import annotations

import errno
import fcntl
import os
import struct

from .._kinds.base import kind_of
from .._kinds.tuntap import TUN_TYPES
from .link import lacks

TUNSETIFF, TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP = 0x400454CA, 0x400454CB, 0x400454CC, 0x400454CE
TUN_EXCL, TUN_NO_PI = 0x8000, 0x1000
TUN_FLAGS = {"vnet_hdr": 0x4000, "multi_queue": 0x100}


def make(kernel, target):
    """A link that stays when no program has it open."""
    attrs = dict(target.attrs)
    flags = TUN_TYPES[target.kind] | TUN_EXCL | (0 if attrs.get("pi") else TUN_NO_PI)
    flags |= sum(bit for name, bit in TUN_FLAGS.items() if attrs.get(name))
    try:
        with kernel.inside(target.netns):
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    except OSError as e:
        lacking = e.errno in (errno.ENOENT, errno.ENODEV)
        raise OSError(e.errno, "kind: " + lacks(kind_of(target)) if lacking else e.strerror)
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", target.name.encode(), flags))
        for name, request in (("owner", TUNSETOWNER), ("group", TUNSETGROUP)):
            if attrs.get(name, -1) != -1:
                # The kernel takes it as unsigned, Python passes a C int.
                fcntl.ioctl(fd, request, attrs[name] - (attrs[name] >> 31 << 32))
        fcntl.ioctl(fd, TUNSETPERSIST, 1)
    finally:
        os.close(fd)
