# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The peers of a WireGuard tunnel: wg(8)."""

from __future__ import annotations

import base64
import re
from functools import partial
from typing import Optional, Tuple

from .._core.resource import OnLink
from .._core.values import Refused, Secret, replace
from .._core.words import host, inside, network, unique, within
from .._kinds.wireguard import key_file, key_of
from . import link_options


class WireguardPeer(OnLink):
    """The other end of a WireGuard tunnel: wg(8)."""

    netns: str
    dev: str
    public_key: str
    preshared_key: Optional[Secret] = None
    endpoint: Optional[str] = None
    allowed_ips: Optional[Tuple[str, ...]] = None
    persistent_keepalive: Optional[int] = None

    sort = "wireguard_peer"
    identity = ("netns", "dev", "public_key")
    moves_along = True

    @property
    def key(self):
        return ("wireguard_peer", self.netns, self.dev, self.public_key)

    def accepted(self, state):
        return state.link((self.netns, self.dev)).kind == "wireguard"

    def predict(self, state, before):
        super().predict(state, before)
        for other in self.near(state) if self.allowed_ips else ():
            # An address leads to one of them.
            state.add(replace(other, allowed_ips=tuple(ip for ip in other.allowed_ips if ip not in self.allowed_ips)))

    def near(self, state):
        """The other peers of the link, as far as their addresses are known."""
        near = [r for r in state.on(("link", self.netns, self.dev)) if r.sort == self.sort]
        return [r for r in near if r.key != self.key and r.allowed_ips]

    def commands(self, change):
        head = inside(self.netns) + ["wg", "set", self.dev, "peer", self.public_key]
        if change.verb == "delete":
            return [[*head, "remove"]]
        anew = loses_endpoint(change)
        before = None if anew or change.before == change.after else change.before
        words = []
        for name in ("preshared_key", "endpoint", "persistent_keepalive", "allowed_ips"):
            value = getattr(self, name)
            known = getattr(before, name) == value if before else value in (Secret(), 0, ())
            if value not in (None, "") and not known:
                if name == "preshared_key":
                    value = key_file("preshared key of " + self.public_key, value)
                words += [name.replace("_", "-"), ",".join(value) if name == "allowed_ips" else str(value)]
        return [[*head, "remove"]] * anew + [[*head, *words]]

    def plain(self):
        found = super().plain()
        return {name: value for name, value in found.items() if not isinstance(value, Secret)}

    def as_peer(self):
        """It as a peer of its link."""
        return {name: value for name, value in self.plain().items() if name not in ("netns", "dev")}

    def as_options(self):
        """It as an option of its link, but for the key that it shares with us."""
        found = {name: getattr(self, name) for name in PEER if name != "preshared_key"}
        found["allowed_ips"] = list(found["allowed_ips"] or ())
        return {name: value for name, value in found.items() if value != ""}


def loses_endpoint(change):
    """Whether a peer is to be made anew: the kernel forgets no endpoint."""
    return bool(change.before and change.after and change.before.endpoint and change.after.endpoint == "")


PEER = dict(
    public_key=dict(type="str", required=True, no_log=False),
    preshared_key=dict(type="str", no_log=True),
    endpoint=dict(type="str"),
    allowed_ips=dict(type="list", elements="str"),
    persistent_keepalive=dict(type="int"),
)


def desired(link_desired, p, host_):
    it = link_desired(p, host_)
    if p["state"] == "absent" or p["peers"] is None:
        return it
    netns, name = it.present[0].ref
    peers = tuple(peer_of(netns, name, peer) for peer in p["peers"])
    unique("peers.public_key", [peer.public_key for peer in peers])
    unique("peers.allowed_ips", [ip for peer in peers for ip in peer.allowed_ips or ()])
    sweep = ((WireguardPeer, (("netns", netns), ("dev", name))),) if p["exclusive_peers"] else ()
    return replace(it, present=it.present + peers, exclusive=it.exclusive + sweep)


def peer_of(netns, dev, p):
    ips, shared = p["allowed_ips"], p["preshared_key"]
    return WireguardPeer(
        netns,
        dev,
        key("peers.public_key", p["public_key"]),
        None if shared is None else Secret(shared and key("peers.preshared_key", shared)),
        endpoint("peers.endpoint", p["endpoint"]),
        None if ips is None else tuple(sorted(network("peers.allowed_ips", ip) for ip in ips)),
        within("peers.persistent_keepalive", p["persistent_keepalive"], 0, 65535),
    )


def key(option, text):
    try:
        return base64.b64encode(key_of(text)).decode()
    except ValueError as e:
        raise Refused(option, str(e))


def endpoint(option, text):
    if text is None:
        return None
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})", text)
    if not match or not 0 < int(match.group(3)) < 65536:
        raise Refused(option, "%r is no IP address with a port like 192.0.2.1:51820 or [2001:db8::1]:51820" % text)
    address = host(option, match.group(1) or match.group(2))
    return "%s:%d" % ("[%s]" % address if ":" in address else address, int(match.group(3)))


def module(name):
    spec, rules, link_desired = link_options.made(name)
    peers = dict(peers=dict(type="list", elements="dict", options=PEER))
    return dict(spec, **peers, exclusive_peers=dict(type="bool", default=False)), rules, partial(desired, link_desired)
