# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A LAN is told that an address has gone to another link: by gratuitous ARP, and a neighbour advertisement."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress

from .._checksum import checksum

ARP, IPV6, ICMPV6, ADVERTISEMENT = 0x0806, 0x86DD, 58, 136
ALL, ALL_NODES = b"\xff" * 6, socket.inet_pton(socket.AF_INET6, "ff02::1")
OVERRIDE, ROUTER = 0x20, 0x80


def announce(kernel, addresses):
    for address in addresses:
        # A link without a carrier, or that has gone, tells nobody.
        with suppress(OSError), kernel.inside(address.netns):
            tell(address)


def tell(address):
    six = ":" in address.ip
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM) as s:
        s.bind((address.dev, 0))
        mac = s.getsockname()[4]
        if six:
            with open("/proc/sys/net/ipv6/conf/%s/forwarding" % address.dev) as f:
                router = ROUTER if f.read().strip() != "0" else 0
            packet = advertisement(address.ip, mac, router | OVERRIDE)
        else:
            packet = request(address.ip, mac)
        to = b"\x33\x33" + ALL_NODES[-4:] if six else ALL
        s.sendto(packet, (address.dev, IPV6 if six else ARP, 0, 0, to))


def request(ip, mac):
    """Who asks for its own address tells it."""
    own = socket.inet_aton(ip)
    return struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + own + b"\0" * 6 + own


def advertisement(ip, mac, flags):
    own = socket.inet_pton(socket.AF_INET6, ip)
    rest = struct.pack("!I", flags << 24) + own + b"\x02\x01" + mac
    length = 4 + len(rest)
    pseudo = own + ALL_NODES + struct.pack("!II", length, ICMPV6)
    body = struct.pack("!BBH", ADVERTISEMENT, 0, 0) + rest
    return (
        struct.pack("!IHBB", 6 << 28, length, ICMPV6, 255)
        + own
        + ALL_NODES
        + struct.pack("!BBH", ADVERTISEMENT, 0, checksum(pseudo + body))
        + rest
    )
