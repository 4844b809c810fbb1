# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interlink of an hsr: a kernel that does not know of it takes no notice."""

from __future__ import annotations

import errno
import struct

from .netlink import GETLINK, nested

PROMISCUITY = 30


def read_link(kernel, link):
    return link, []


def write_link(kernel, change):
    """A link that is one receives all frames."""
    target = change.target
    name = dict(target.attrs).get("interlink")
    if change.before is not None or not name:
        return
    here = kernel.netlink(target.netns)
    found = dict(nested(here.ask("link", GETLINK, 0, index=here.index(name))[0], 16))
    if not struct.unpack("=I", found[PROMISCUITY])[0]:
        raise OSError(errno.EOPNOTSUPP, "interlink: this kernel has none")
