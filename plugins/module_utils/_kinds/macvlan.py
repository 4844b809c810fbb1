# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""macvlan and macvtap: a link with a MAC address of its own on another link."""

from __future__ import annotations

import re
import struct
from shlex import quote

from .._core.rows import Flag, OutOfBand, Row
from .._core.values import Refused, replace
from .._core.words import is_mac, shell
from .base import Kind, kind_of, told_apart, with_attrs
from .effects import change
from .tuntap import Account

MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8, "source": 16}


class Macs(Row):
    """A list of MAC addresses."""

    def parse(self, value):
        for text in value:
            if not is_mac(text):
                raise ValueError("%r is no MAC address like 02:00:5e:00:53:01" % text)
        return tuple(sorted({text.lower() for text in value}))

    def shown(self, value):
        return list(value)

    def encode(self, value, old):
        mode = {"IFLA_MACVLAN_MACADDR_MODE=3:uint32": 3 if value else 2}
        macs = b"".join(struct.pack("=HH6sxx", 10, 4, bytes.fromhex(mac.replace(":", ""))) for mac in value)
        return {**mode, self.nla: macs} if value else mode

    def decode(self, raw):
        found = [bytes(raw[at + 4 : at + 10]).hex() for at in range(0, len(raw or b""), 12)]
        return tuple(sorted(":".join(re.findall("..", mac)) for mac in found))

    def ip_args(self, value, old):
        return [self.name, "set", *value] if value else [self.name, "flush"]

    def spec(self):
        return dict(type="list", elements="str")


class OnDevice(OutOfBand):
    """What belongs to the character device of a link; None if it has no device. A link that moves gets a new one."""


class DeviceAccount(OnDevice, Account):
    """A user or a group of the managed host, by name or number."""


class DeviceMode(OnDevice, Row):
    """Who may read and write, as chmod(1) takes it in numbers."""

    def parse(self, value):
        if not re.fullmatch("0[0-7]{3}", value):
            raise ValueError("%r is no mode like '0660', with quotes" % value)
        return int(value, 8)

    def shown(self, value):
        return value if value is None else "%04o" % value


DEVICE = (
    DeviceAccount("owner", "", "str", range(2**32 - 1), word="user"),
    DeviceAccount("group", "", "str", range(2**32 - 1), word="group"),
    DeviceMode("device_mode", "", "str", tuple(range(0o1000))),
)


class RxHandler(Kind):
    """One that takes the frames of its lower link: only one family can."""

    def family(self):
        return self.maker


class Macvlan(RxHandler):
    def is_tap(self):
        return self.name == "macvtap"

    def alone(self, attrs):
        return ("mode", "passthru") if attrs.get("mode") == "passthru" else None

    def arp_by_itself(self, link):
        return True

    def only_told(self, of_port):
        return (3, 4, 6, 8)

    def inherited(self, link):
        return self.inherits | ({"address"} if self.alone(dict(link.attrs)) else set())

    def claims(self, link, attrs):
        return {(link.link, link.address)} if link.up and link.address and link.link else set()

    def asides(self, link):
        for number in range(1 << 16):
            yield replace(link, address="02:00:00:00:%02x:%02x" % divmod(number, 256))

    def normalized(self, link):
        attrs = dict(link.attrs)
        return with_attrs(link, macaddr=()) if attrs.get("macaddr") and attrs.get("mode") != "source" else link

    def reachable(self, planner, after, base):
        attrs = dict(after.attrs)
        if attrs.get("mode") != "source" and "macaddr" in attrs:
            return with_attrs(after, macaddr=dict(base.attrs).get("macaddr", ()))
        return after

    def gone(self, state, link):
        lower = state.link(link.link) if link.link else None
        if lower is not None and "address" in self.inherited(link) and not kind_of(lower).mac_fixed():
            # It gets the address back that it had.
            change(state, lower, replace(lower, address=None))

    def check(self, planner, after, want, attrs):
        have = planner.state.get(after.key)
        for row in DEVICE if self.is_tap() and have is not None and have.index else ():
            if dict(want.attrs).get(row.name) is not None and dict(have.attrs)[row.name] is None:
                text = "%s has no /dev/tap%d: it is not there, or another link's"
                raise Refused(row.name, text % (after.name, have.index))

    def out_of_band(self):
        return "tapdev" if self.is_tap() else ""

    def more_commands(self, link, step):
        """Owner, group and mode of a character device, which has its name from the number of the link."""
        news, path = device_news(step), '"/dev/tap$(cat /sys/class/net/%s/ifindex)"' % quote(link.name)
        who = ":".join(str(news.get(name, "")) for name in ("owner", "group")).rstrip(":")
        out = ["chown %s %s" % (who, path)] if who else []
        out += ["chmod %04o %s" % (news["device_mode"], path)] if "device_mode" in news else []
        return [shell(link.netns, line) for line in out]


def device_news(step):
    return told_apart(step, OnDevice, step.before is not None and step.before.netns != step.after.netns)


ROWS = (
    Row("mode", "IFLA_MACVLAN_MODE=1:uint32", "str", MODES, "vepa", immutable=("passthru",)),
    Flag("nopromisc", "IFLA_MACVLAN_FLAGS=2:uint16", default=False, only=("mode", "passthru"), immutable=True),
    Row("bcqueuelen", "IFLA_MACVLAN_BC_QUEUE_LEN=7:uint32", "int", range(2**32), 1000),
    Macs("macaddr", "IFLA_MACVLAN_MACADDR_DATA=5:bytes", "list", default=(), only=("mode", "source")),
)
KINDS = (
    Macvlan("macvlan", ROWS, stacked=True),
    Macvlan("macvtap", ROWS + DEVICE, module="macvlan", stacked=True),
)
