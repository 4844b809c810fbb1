# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""udev(7), which gives each new link of a host a MAC address, unless it was made with one, and sysctls."""

from __future__ import annotations

import os
import time
from contextlib import suppress

RUN = "/run/udev"
PATIENCE = 10.0  # seconds


def mac_by_chance():
    """As the kernel does it: of no vendor, and of one link."""
    return bytes([os.urandom(1)[0] & 0xFC | 2]) + os.urandom(5)


class Udev:
    """The new links, until it has done with them."""

    def __init__(self, kernel):
        self.kernel, self.fresh, self.home = kernel, set(), None

    def is_home(self):
        """Whether this network namespace is the one in which the host has booted."""
        if self.home is None:
            try:
                self.home = os.stat("/proc/1/ns/net").st_ino == os.stat("/proc/self/ns/net").st_ino
            except OSError:
                self.home = False
        return self.home

    def runs(self):
        """Whether it cares for the links of this network namespace."""
        return self.is_home() and os.path.exists(RUN + "/control")

    def mac(self, netns, kind):
        """What a new link is to be made with that has no MAC address: as the kernel makes it, but known as given."""
        return mac_by_chance() if not netns and kind.mac_by_chance() and self.runs() else None

    def note(self, change):
        """A step that may bring a link into its reach."""
        before, after = change.before, change.after
        if after is not None and after.sort == "link" and (before is None or before.netns) and self.runs():
            ends = (after.ref, after.peer) if before is None else (after.ref,)
            self.fresh.update(ref[1] for ref in ends if ref and not ref[0])

    def wait(self):
        """Until what it does to new links is done."""
        indexes = []
        for name in self.fresh:
            with suppress(OSError):  # it has gone since
                indexes.append(self.kernel.netlink("").index(name))
        self.fresh.clear()
        left, end = ["%s/data/n%d" % (RUN, index) for index in indexes], time.monotonic() + PATIENCE
        while indexes and time.monotonic() < end:
            left = [path for path in left if not os.path.exists(path)]
            if not left and not os.path.exists(RUN + "/queue"):
                return
            time.sleep(0.01)
