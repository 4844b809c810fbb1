# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, read and written."""

from __future__ import annotations

import socket
import struct

from .._core.words import family_of
from .._kinds.effects import IPV6_LEAST
from .._resources.address import Address
from .link import read_links
from .netlink import ACK, CREATE, DELADDR, DUMP, EXCL, GETADDR, HEADS, NEWADDR, REPLACE, nested, text

SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
SECONDARY, PERMANENT, STABLE_PRIVACY = 1, 0x80, 0x800


def read(kernel, name, links):
    netlink, head = kernel.netlink(name), HEADS["address"][1]
    for answer in netlink.ask("address", GETADDR, DUMP):
        m = head.unpack_from(answer)
        if m[4] in netlink.names:
            dev = netlink.names[m[4]]
            yield address_of(name, m, dict(nested(answer, 8)), dev, netlink.macs.get(m[4]), dev in netlink.l3)


def address_of(netns, m, parts, dev, mac, l3):
    family, length, flags, scope, dummy = m
    address, local, broadcast = (socket.inet_ntop(family, parts[n]) if n in parts else None for n in (1, 2, 4))
    flags = struct.unpack("=I", parts[8])[0] if 8 in parts else flags
    label = text(parts[3]) if 3 in parts else dev
    own, peer = local or address, ""
    prefixed = "%s/%d" % (own, length)
    if local and address and local != address:
        prefixed, peer = own + ("/128" if ":" in own else "/32"), "%s/%d" % (address, length)
    by_itself = not flags & PERMANENT or (dev == "lo" and own in ("127.0.0.1", "::1")) or is_eui64(own, mac)
    # Without a MAC address the kernel makes them of chance, or of an IPv4 address.
    by_itself |= bool(flags & STABLE_PRIVACY) or (l3 and own.startswith(("fe80:", "::")))
    return Address(
        netns,
        dev,
        prefixed,
        peer,
        broadcast or "",
        "" if label == dev else label,
        SCOPES.get(scope, str(scope)),
        proto="kernel" if by_itself else None,
        secondary=bool(flags & SECONDARY) and ":" not in own,
    )


def is_eui64(address, mac):
    """Whether this is a link-local address that the kernel makes of a MAC address."""
    if not address.startswith("fe80:"):
        return False
    half = socket.inet_pton(socket.AF_INET6, address)[8:]
    # An ipvlan, which shares its MAC address, has a number in the middle.
    return half[3:5] == b"\xff\xfe" or (half[:3] + half[5:]).hex(":") == mac


def write(kernel, change):
    if change.before == change.after:
        send(kernel, change.after, NEWADDR, CREATE | REPLACE)
        return
    if change.before is not None:
        send(kernel, change.before, DELADDR, 0)
    if change.after is not None:
        send(kernel, change.after, NEWADDR, CREATE | EXCL)


def send(kernel, address, verb, flags):
    here = kernel.netlink(address.netns)
    length = (address.peer or address.address).split("/")[1]
    far = address.peer.split("/")[0] if address.peer else address.ip
    attrs = [("IFA_LOCAL=2:ip", address.ip), ("IFA_ADDRESS=1:ip", far)]
    for row in Address.ROWS if verb == NEWADDR else ():
        value = getattr(address, row.name)
        attrs += [(row.nla, value)] if value and "=" in row.nla else []
    numbers = {word: number for number, word in SCOPES.items()}
    scope = address.scope or "global"
    scope = numbers[scope] if scope in numbers else int(scope)
    where = dict(index=here.index(address.dev), prefixlen=int(length), family=family_of(address.ip), scope=scope)
    try:
        here.ask("address", verb, ACK | flags, attrs, **where)
    except OSError as e:
        (mtu,) = [link.mtu for link, dummy in read_links(kernel, address.netns)[0] if link.name == address.dev] or [
            None
        ]
        if ":" in address.ip and mtu is not None and mtu < IPV6_LEAST:
            text = "%s has an MTU of %d, IPv6 takes no less than %d"
            raise OSError(e.errno, text % (address.dev, mtu, IPV6_LEAST))
        raise
