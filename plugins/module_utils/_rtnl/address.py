# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses, read and written."""

from __future__ import annotations

import socket
import struct
from functools import lru_cache

from .._core.rows import changed, encoded
from .._core.values import replace
from .._kinds.effects import IPV6_LEAST
from .._resources.address import FOREVER, LIFETIMES, SCOPES, Address
from . import announce as announce_room
from .link import read_links
from .netlink import ACK, CREATE, DELADDR, DUMP, EXCL, GETADDR, HEADS, NEWADDR, REPLACE, getter, nested

announce = announce_room.announce  # it is loaded with what is announced
SCOPE_WORDS = {number: word for word, number in SCOPES.items()}
CACHEINFO, FLAGS, PROTO = 6, 8, 11
SECONDARY, NODAD, DEPRECATED, TENTATIVE, PERMANENT, STABLE_PRIVACY = 1, 0x02, 0x20, 0x40, 0x80, 0x800
PROTOS = {1: "kernel", 2: "ra", 3: "kernel"}  # Linux 5.18: of lo, of a router advertisement, of a link itself
INFINITY = 0xFFFFFFFF
TEMPORARY = SECONDARY
ROWS = [row for row in Address.rows if row.name not in (*LIFETIMES, "scope")]
DESCRIBED = {1, 2, 3, 4, CACHEINFO, FLAGS, 9}


def read(kernel, name, links):
    netlink, head = kernel.netlink(name), HEADS["address"][1]
    netlink.prefixes = set()
    for position, answer in enumerate(netlink.ask("address", GETADDR, DUMP)):
        m = head.unpack_from(answer)
        if m[4] in netlink.names:
            dev = netlink.names[m[4]]
            parts, mac = dict(nested(answer, 8)), netlink.macs.get(m[4])
            # Of IPv6 the kernel tells the last one first.
            place = -position if m[0] == socket.AF_INET6 else position
            it = address_of(name, m, parts, dev, mac, dev in netlink.l3, place)
            if it.proto == "kernel" and it.address.startswith("fe80:") and dev in netlink.silent:
                it = replace(it, proto="kernel_ll")  # it would make no other
            if "route" in kernel.sorts:
                netlink.prefixes.update((dev, net) for net in prefixes(it.address, it.peer, it.noprefixroute))
            yield it


@lru_cache(maxsize=None)
def prefixes(address, peer, noprefixroute):
    """The networks to which the kernel makes a route with an address."""
    found = [] if noprefixroute else [str(Address("", "", address, peer).network)]
    # Of IPv6 there is a route to the peer in any case.
    return found + ([peer.partition("/")[0] + "/128"] if ":" in peer else [])


def address_of(netns, m, parts, dev, mac, l3, position=0):
    dummy, length, flags, scope, dummy = m
    get = getter(parts)
    flags = get("IFA_FLAGS=8:uint32") or flags
    local, far = get("IFA_LOCAL=2:ip"), get("IFA_ADDRESS=1:ip")
    own, peer = local or far, ""
    prefixed = "%s/%d" % (own, length)
    if local and far not in (None, own):
        prefixed, peer = own + ("/128" if ":" in own else "/32"), "%s/%d" % (far, length)
    values = {row.name: row.read(get) for row in ROWS}
    values["label"] = "" if values["label"] == dev else values["label"]
    values.update(zip(LIFETIMES, lifetimes(parts, flags)), scope=SCOPE_WORDS.get(scope, str(scope)))
    return Address(
        netns,
        dev,
        prefixed,
        peer,
        proto=PROTOS.get(parts.get(PROTO, b"\0")[0]) or maker(own, flags, dev, mac, l3),
        position=position,
        secondary=bool(flags & SECONDARY) and ":" not in own,
        rest=tuple((number, raw) for number, raw in parts.items() if number not in DESCRIBED),
        **values,
    )


def lifetimes(parts, flags):
    """The seconds that an address is valid, and preferred."""
    preferred, valid = struct.unpack_from("=II", parts[CACHEINFO]) if CACHEINFO in parts else (INFINITY, INFINITY)
    # Of an IPv4 address that is valid forever only the flag says it.
    preferred = 0 if flags & DEPRECATED else preferred
    return [FOREVER if seconds == INFINITY else seconds for seconds in (valid, preferred)]


def maker(own, flags, dev, mac, l3):
    """Who made an address, where the kernel does not say: the kernel, a router advertisement, or somebody."""
    by_itself = (dev == "lo" and own in ("127.0.0.1", "::1")) or is_eui64(own, mac)
    link_local = own.startswith("fe80:")
    # Without a MAC address the kernel makes them of chance, or of an IPv4 address.
    by_itself |= (link_local and bool(flags & STABLE_PRIVACY)) or (l3 and own.startswith(("fe80:", "::")))
    if by_itself:
        return "kernel"
    advertised = ":" in own and not flags & PERMANENT and flags & (TEMPORARY | STABLE_PRIVACY | 0x100)
    return "ra" if advertised else None


def is_eui64(address, mac):
    """Whether this is a link-local address that the kernel makes of a MAC address."""
    if not address.startswith("fe80:"):
        return False
    half = socket.inet_pton(socket.AF_INET6, address)[8:]
    # An ipvlan, which shares its MAC address, has a number in the middle.
    return half[3:5] == b"\xff\xfe" or (half[:3] + half[5:]).hex(":") == mac


def write(kernel, change):
    before, after = change.before, change.after
    if before is not None and (after is None or not before.stays(after)):
        send(kernel, before, DELADDR, 0)
        before = None
    if after is not None:
        how = CREATE | (EXCL if before is None else REPLACE)
        if after.is_twofold:
            send(kernel, after, NEWADDR, how, NODAD)
            how = CREATE | REPLACE
        send(kernel, after, NEWADDR, how)


def send(kernel, address, verb, how, flags=0):
    here = kernel.netlink(address.netns)
    far, dummy, length = (address.peer or address.address).partition("/")
    attrs = [("IFA_LOCAL=2:ip", address.ip), ("IFA_ADDRESS=1:ip", far)]
    if verb == NEWADDR:
        attrs += attributes(address, flags)
    scope = address.scope or "global"
    scope = SCOPES[scope] if scope in SCOPES else int(scope)
    where = dict(index=here.index(address.dev), prefixlen=int(length), family=address.family, scope=scope)
    try:
        here.ask("address", verb, ACK | how, attrs, **where)
    except OSError as e:
        links = [link for link, dummy in read_links(kernel, address.netns)[0] if link.name == address.dev]
        if ":" in address.ip and links and links[0].mtu < IPV6_LEAST:
            text = "%s has an MTU of %d, IPv6 takes no less than %d"
            raise OSError(e.errno, text % (address.dev, links[0].mtu, IPV6_LEAST))
        raise


def attributes(address, flags):
    """What an address has beside itself."""
    rows = [row for row in Address.rows if row.name not in (*LIFETIMES, "scope")]
    given = [(row.name, getattr(address, row.name)) for row in rows]
    attrs = dict(encoded(changed(rows, (), [pair for pair in given if pair[1] not in (None, "")], fresh=True)))
    attrs[rows[-1].nla] = attrs.get(rows[-1].nla, 0) | flags
    times = [INFINITY if value in (None, FOREVER) else value for value in address.lifetimes[::-1]]
    if times != [INFINITY, INFINITY]:
        attrs[CACHEINFO] = struct.pack("=IIII", *times, 0, 0)
    return [*attrs.items(), *(address.rest or ())]
