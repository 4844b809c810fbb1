# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who else manages the network of this host: systemd-networkd, NetworkManager, sysctl.d(5)."""

from __future__ import annotations

import os
from contextlib import suppress
from glob import glob

from . import files

NETWORKD, NETWORK_MANAGER = "/run/systemd/netif/links/%d", "/run/NetworkManager/devices/%d"
FOLDERS = ("/usr/lib/%s", "/usr/local/lib/%s", "/run/%s", "/etc/%s")  # a later one has the last word on a file
FOREIGN = ("ManageForeignRoutes", "ManageForeignRoutingPolicyRules")
NO = ("no", "n", "false", "f", "off", "0")
PAGE = 'see the page "Beside other managers"'


class Managers:
    """What is known of them, read once a task."""

    def __init__(self, udev):
        self.is_home, self.active = udev.is_home, {}

    def of_link(self, index, netns):
        """Who manages a link of the host, and by which file or connection."""
        if netns or not self.is_home():
            return ""
        file = stated(NETWORKD % index, "NETWORK_FILE")
        if file and self.is_active("systemd-networkd"):
            return "networkd (%s)" % file
        if stated(NETWORK_MANAGER % index, "managed") == "true" and self.is_active("NetworkManager"):
            return "NetworkManager"
        return ""

    def is_active(self, unit):
        if unit not in self.active:
            self.active[unit] = files.output(["systemctl", "is-active", unit]) is not None
        return self.active[unit]

    def warnings(self, desired, after):
        """What they will do to what a task has made."""
        yield from self.of_links(desired, after)
        own = [r for r in desired.present if not r.netns] if self.is_home() else []
        foreign = any(r.sort in ("route", "rule") for r in own) and os.path.isdir(os.path.dirname(NETWORKD))
        if foreign and self.is_active("systemd-networkd") and takes_foreign():
            text = "networkd removes routes and rules of others when it restarts, as in an upgrade: %s keep them, %s"
            yield text % (" and ".join("%s=no" % name for name in FOREIGN), PAGE)
        for lines, path in [(r.lines, r.path) for r in own if r.sort == "sysctl_file"]:
            yield from (text for pair in lines for text in contradicted(path, *pair))

    @staticmethod
    def of_links(desired, after):
        """The links of a task that networkd takes for its own."""
        links = [after.get(r.key) for r in desired.present if r.sort == "link" and r.kind]
        held = [link for link in links if link is not None and link.manager.startswith("networkd")]
        if held:
            text = "%s manages %s and takes away what others gave them: Unmanaged=yes keeps it from that, %s"
            yield text % (held[0].manager, ", ".join(link.name for link in held), PAGE)


def stated(path, name):
    """The value of a name in a file of such lines; nothing where there is none."""
    with suppress(OSError):
        for line in files.read(path).splitlines():
            key, dummy, value = line.partition("=")
            if key.strip() == name:
                return value.strip()
    return ""


def dropped_in(folder):
    """The files of such a folder in the order in which they are read: each name once."""
    found = {}
    for place in FOLDERS:
        found.update((os.path.basename(path), path) for path in glob(place % folder + "/*.conf"))
    return [found[name] for name in sorted(found)]


def takes_foreign():
    """Whether networkd removes what is not in its files."""
    given = dict.fromkeys(FOREIGN, "yes")
    paths = [place % "systemd/networkd.conf" for place in FOLDERS] + dropped_in("systemd/networkd.conf.d")
    for path in paths:
        given.update((name, value) for name in FOREIGN for value in [stated(path, name)] if value)
    return any(value.lower() not in NO for value in given.values())


def contradicted(path, key, value):
    """A file that has the last word on a sysctl, and says otherwise."""
    name, own = os.path.basename(path), key.replace("/", ".")
    for other in [other for other in dropped_in("sysctl.d") if os.path.basename(other) > name]:
        with suppress(OSError):
            pairs = [line.strip().lstrip("-").partition("=") for line in files.read(other).splitlines()]
            said = [v.strip() for k, sign, v in pairs if sign and k.strip().replace("/", ".") == own]
            if said and said[-1] != str(value):
                yield "%s says %s = %s, and is read after %s: it is so after a boot" % (other, key, said[-1], path)
