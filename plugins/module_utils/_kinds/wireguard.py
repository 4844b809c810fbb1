# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""wireguard: a tunnel with keys; it is told by messages of its own, and by wg(8)."""

from __future__ import annotations

import base64
import binascii

from .._core.rows import OutOfBand, Row
from .._core.values import Secret
from .._core.words import inside
from .base import Kind, told_apart, with_attrs


class OnWireguard(OutOfBand):
    """What WireGuard is told by messages of its own, and wg(8)."""


class WireguardNumber(OnWireguard, Row):
    """A number; 0 is none."""

    def shown(self, value):
        return value or self.default


def key_of(text):
    """The 32 bytes of a key."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != 32:
        raise ValueError("a key is 32 bytes in base64, 44 characters")
    return bytearray(data)


class PrivateKey(OnWireguard, Row):
    """A private key; it is sent and never shown."""

    def parse(self, value):
        if not value:
            return Secret()
        key = key_of(value)
        # As the kernel does.
        key[0] &= 248
        key[31] = key[31] & 127 | 64
        return Secret(base64.b64encode(key).decode())

    def shown(self, value):
        return None if value.text else ""

    def spec(self):
        return dict(type="str", no_log=True)


def key_file(name, secret):
    """wg(8) reads a key from a file; which, only who has the key can say."""
    return "<file with the %s>" % name if secret != Secret() else "/dev/null"


class Wireguard(Kind):
    def addrgenmode_when_up(self, mode):
        return mode and "none"

    def out_of_band(self):
        return "wireguard"

    def more_commands(self, link, step):
        args = []
        for name, value in told_apart(step, OnWireguard).items():
            args += [name.replace("_", "-")]
            args += [key_file("private key of " + link.name, value) if name == "private_key" else str(value)]
        return [[*inside(link.netns), "wg", "set", link.name, *args]] if args else []

    def claims(self, link, attrs):
        return {(link.netns, attrs["listen_port"])} if attrs["listen_port"] and link.up else set()

    def asides(self, link):
        yield with_attrs(link, listen_port=0)

    def normalized(self, link):
        if link.up and dict(link.attrs).get("listen_port") == 0:
            # The kernel chooses one.
            return with_attrs(link, listen_port=None)
        return link


KINDS = (
    Wireguard(
        "wireguard",
        (
            PrivateKey("private_key", "WGDEVICE_A_PRIVATE_KEY", "str", default=Secret()),
            WireguardNumber("listen_port", "WGDEVICE_A_LISTEN_PORT", "int", range(1, 65536)),
            WireguardNumber("fwmark", "WGDEVICE_A_FWMARK", "int", range(2**32), 0),
        ),
        l3=True,
        no_uppers=True,
    ),
)
