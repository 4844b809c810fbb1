# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys, the port and the peers of a WireGuard link, by generic netlink."""

from __future__ import annotations

import base64
import socket
import struct

from .._core.values import Secret, merged, replace
from .._core.words import family_of
from .._kinds.base import told_apart
from .._kinds.wireguard import OnWireguard
from .._resources.wireguard import WireguardPeer, loses_endpoint
from .netlink import ACK, DUMP, NESTED, attribute, generic, nested

IFINDEX = "WGDEVICE_A_IFINDEX=1:uint32"
NLA = dict(private_key="3:", listen_port="6:uint16", fwmark="7:uint32")


def ask(kernel, netns, verb, flags, attrs):
    """Tell WireGuard in a namespace, or ask it; the attributes of each answer."""
    return generic(kernel, netns, "wireguard", verb, flags, attrs)


def read_link(kernel, link):
    """What WireGuard has of a link, and its peers."""
    found, peers = dict(private_key=Secret()), {}
    for parts in ask(kernel, link.netns, 0, DUMP, [(IFINDEX, link.index)]):
        if 3 in parts:
            found["private_key"] = Secret(spelled_key(parts[3]), spelled_key(parts[4]))
        for name, number, form in (("listen_port", 6, "=H"), ("fwmark", 7, "=I")):
            if number in parts:
                found[name] = struct.unpack(form, parts[number])[0]
        for dummy, data in nested(parts.get(8, b"")):
            peer = peer_of(link, dict(nested(data)))
            # One with many addresses comes in parts.
            first = peers.get(peer.key, peer)
            ips = first.allowed_ips if first is peer else first.allowed_ips + peer.allowed_ips
            peers[peer.key] = replace(first, allowed_ips=tuple(sorted(ips)))
    return replace(link, attrs=merged(link.attrs, found)), list(peers.values())


def write_link(kernel, change):
    news, target = told_apart(change, OnWireguard), change.target
    if news:
        attrs = [(IFINDEX, kernel.netlink(target.netns).index(target.name))]
        for name, value in news.items():
            nla = "WGDEVICE_A_%s=%s" % (name.upper(), NLA[name])
            attrs.append((nla, raw_key(value) if name == "private_key" else value))
        ask(kernel, target.netns, 1, ACK, attrs)


def write(kernel, change):
    """A peer."""
    target = change.target
    parts = [attribute(1, base64.b64decode(target.public_key))]
    gone, before = change.verb == "delete", change.before if change.before != change.after else None
    if gone or loses_endpoint(change):
        send_peer(kernel, target, parts + [attribute(3, struct.pack("=I", 1))])
        before = None
    if gone:
        return
    given = [(name, getattr(target, name)) for name in target.COMPARED]
    news = {n: v for n, v in given if v is not None and (before is None or getattr(before, n) != v)}
    if "preshared_key" in news:
        parts.append(attribute(2, raw_key(target.preshared_key)))
    if news.get("endpoint"):
        parts.append(attribute(4, sockaddr(target.endpoint)))
    if "persistent_keepalive" in news:
        parts.append(attribute(5, struct.pack("=H", target.persistent_keepalive)))
    if "allowed_ips" in news:
        # These in the place of all others.
        parts += [
            attribute(3, struct.pack("=I", 2)),
            attribute(9 | NESTED, b"".join(map(allowed_ip, target.allowed_ips))),
        ]
    send_peer(kernel, target, parts)


def send_peer(kernel, target, parts):
    attrs = [(IFINDEX, kernel.netlink(target.netns).index(target.dev))]
    ask(kernel, target.netns, 1, ACK, [*attrs, (8 | NESTED, attribute(NESTED, b"".join(parts)))])


def allowed_ip(spelled):
    address, dummy, mask = spelled.partition("/")
    family = family_of(address)
    ip = attribute(1, struct.pack("=H", family)) + attribute(2, socket.inet_pton(family, address))
    return attribute(NESTED, ip + attribute(3, struct.pack("=B", int(mask))))


def raw_key(secret):
    return base64.b64decode(secret.text) if secret.text else bytes(32)


def spelled_key(data):
    return base64.b64encode(data).decode()


def peer_of(link, parts):
    """A peer of the parts of its message."""
    ips = []
    for dummy, data in nested(parts.get(9, b"")):
        family, address, mask = (dict(nested(data))[number] for number in (1, 2, 3))
        ips.append("%s/%d" % (socket.inet_ntop(struct.unpack("=H", family)[0], address), mask[0]))
    preshared = parts.get(2, bytes(32))
    return WireguardPeer(
        link.netns,
        link.name,
        spelled_key(parts[1]),
        Secret(spelled_key(preshared)) if any(preshared) else Secret(),
        endpoint_of(parts[4]) if 4 in parts else "",
        tuple(ips),
        struct.unpack("=H", parts[5])[0] if 5 in parts else 0,
    )


def endpoint_of(data):
    """An address with its port."""
    family, port = struct.unpack("=H", data[:2])[0], struct.unpack("!H", data[2:4])[0]
    if family == socket.AF_INET:
        return "%s:%d" % (socket.inet_ntop(family, data[4:8]), port)
    return "[%s]:%d" % (socket.inet_ntop(family, data[8:24]), port)


def sockaddr(endpoint):
    """The address of an endpoint as the kernel takes it."""
    host, dummy, port = endpoint.rpartition(":")
    port = struct.pack("!H", int(port))
    if host.startswith("["):
        six = socket.inet_pton(socket.AF_INET6, host[1:-1])
        return struct.pack("=H", socket.AF_INET6) + port + bytes(4) + six + bytes(4)
    return struct.pack("=H", socket.AF_INET) + port + socket.inet_aton(host) + bytes(8)
