# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets in packets: each tunnel sends outer ones, which have a path of their own."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from .._core.words import NOBODY
from .._kinds.vxlan import is_group
from .packet import BROADCAST, GRE_FLAGS, Packet
from .path import Got, Lost, at, deeper, inside_line, ip_line, set_up

# Of each kind, the protocol of its outer packets, and the bytes that these are longer.
KINDS = {
    "vxlan": ("udp", 50),
    "geneve": ("udp", 50),
    "ipip": ("ipip", 20),
    "sit": ("ipv6", 20),
    "ip6tnl": ("ipv6", 40),
    "gre": ("gre", 24),
    "gretap": ("gre", 38),
    "ip6gre": ("gre", 44),
    "ip6gretap": ("gre", 58),
}
OVER_UDP = ("vxlan", "geneve")


def send(wire, link, frame, trail):
    """The ends of a frame that a tunnel sends."""
    attrs = dict(link.attrs)
    if attrs.get("external"):
        yield Got(link.netns, link.name, frame, trail, away=True)
        return
    targets = destinations(wire, link, frame)
    if not targets and not wire.blind:
        yield no_destination(wire, link, frame, trail)
    for target, text in targets:
        yield from carry(wire, link, outer(link, frame, target), frame, trail, text)


def destinations(wire, link, frame):
    """The addresses to which the outer packets go, each with what says so."""
    attrs = dict(link.attrs)
    if link.kind != "vxlan":
        remote = attrs.get("remote")
        return [(remote, "remote %s" % remote)] if remote else []
    entry = None if frame.dmac == BROADCAST else wire.host.fdb(link.netns, link.name, frame.dmac, 0)
    if entry and entry.dst:
        return [(entry.dst, "the entry for %s" % frame.dmac)]
    found = wire.host.fdb_all(link.netns, link.name)
    fallback = [dst for lladdr, dst in found if lladdr == NOBODY and dst]
    remote = attrs.get("remote")
    fallback += [remote] if remote and remote not in fallback else []
    return [(dst, "it goes to all of %s" % link.name) for dst in fallback]


def no_destination(wire, link, frame, trail):
    if link.kind != "vxlan":
        text = "the tunnel %s has no remote address" % at(*link.ref)
        return wire.lost(link, "tunnel", text, trail)
    who = "who has %s" % frame.asks if frame.asks else frame.dmac
    text = "%s has no destination for %s: no entry for it, none for all others (%s), no remote"
    words = ("fdb", "append", NOBODY, "dev", link.name, "dst", "REMOTE")
    checks = [ip_line(link.netns, "fdb", "show", "dev", link.name, program="bridge")]
    remedies = [ip_line(link.netns, *words, program="bridge")]
    return wire.lost(link, "vxlan", text % (at(*link.ref), who, NOBODY), trail, None, checks, remedies)


def outer(link, frame, target):
    """The outer packet of a frame."""
    attrs, (protocol, more) = dict(link.attrs), KINDS[link.kind]
    if link.kind in ("ip6tnl", "sit") and frame.packet is not None and not frame.packet.six:
        protocol = "ipip"
    port = dict(sport=33333, dport=attrs.get("dstport")) if protocol == "udp" else {}
    ttl, size = attrs.get("ttl"), frame.size + more + (20 if ":" in target and protocol == "udp" else 0)
    ttl = ttl if isinstance(ttl, int) and ttl else frame.packet.ttl if ttl == "inherit" and frame.packet else 64
    dont = bool(attrs.get("pmtudisc")) or attrs.get("df") == "set"
    vni = attrs.get("id") if link.kind in OVER_UDP else None
    key = attrs.get("okey") if isinstance(attrs.get("okey"), int) else None
    gre = tuple(name for name in GRE_FLAGS if attrs.get("o" + name))
    size += 4 * (len(gre) + (key is not None))
    mark = attrs.get("fwmark") or 0
    return Packet(
        attrs.get("local") or "",
        target,
        protocol,
        size=size,
        ttl=ttl,
        mark=mark,
        dont_fragment=dont,
        reply=bool(frame.packet and frame.packet.reply),
        vni=vni,
        key=key,
        gre=gre,
        **port,
    )


def not_too_big(wire, link, packet, frame, home):
    """As a port of a bridge a tunnel refuses what would have to be fragmented outside, and tells its sender."""
    master = wire.state.master_of(link)
    inner = frame.packet
    if link.kind not in OVER_UDP or master is None or inner is None or not (inner.dont_fragment or inner.six):
        return
    answer = wire.host.route(home, packet, "", (link.link or ("", ""))[1])
    below = wire.state.link((home, answer.dev))
    mtu = min(filter(None, (answer.mtu, below.mtu if below is not None else 0)), default=0)
    if mtu and packet.size > mtu:
        text = "%d bytes do not fit the MTU %d of %s, and %s, a port of a bridge, fragments nothing"
        cure = [ip_line(home, "link", "set", "dev", answer.dev, "mtu", str(packet.size))]
        checks = [ip_line(link.netns, "-d", "link", "show", "dev", link.name)]
        raise Lost(
            link.netns, link.name, "mtu", text % (packet.size, mtu, at(home, answer.dev), link.name), checks, cure
        )


def carry(wire, link, packet, frame, trail, text):
    """The ends of a frame whose outer packet has a path of its own."""
    home = (link.link or (link.netns, ""))[0]
    if wire.blind:
        yield from far_ends(wire, link, packet, frame, trail)
        return
    if is_group(packet.dst):
        yield from to_group(wire, link, packet, frame, trail)
        return
    if link.ref in wire.walk.carrying:
        yield in_itself(wire, link, packet, trail)
        return
    try:
        not_too_big(wire, link, packet, frame, home)
        way, (netns, dummy) = outer_way(wire, link, packet, home, (link.link or ("", ""))[1])
    except Lost as lost:
        lost.trail = trail + deeper(lost.trail)
        lost.reason = lost_outside(link, packet, lost, ", " + text)
        lost.beyond, lost.outer = lost.beyond or (*link.ref, "out"), True
        yield lost
        return
    trail += deeper(way)
    if netns is None:
        yield Got(link.netns, link.name, frame, trail, away=True)
        return
    yield from decapsulated(wire, netns, way[-1].frame.packet if way else packet, frame, trail, link)


def outer_way(wire, link, packet, home, dev):
    """The way of an outer packet, on which its tunnel may not be once more."""
    wire.walk.carrying.append(link.ref)
    try:
        return wire.walk.way_of(home, packet, dev)
    finally:
        wire.walk.carrying.remove(link.ref)


def lost_outside(link, packet, lost, more=""):
    """The reason of the loss of an outer packet."""
    if lost.code == "loop" and (lost.netns, lost.dev) == link.ref:
        return of_itself(link, packet)
    return "the outer packet of %s (%s%s): %s" % (at(*link.ref), packet.words(), more, lost.reason)


def of_itself(link, packet):
    return "the outer packet of %s (%s) is to leave by this tunnel itself" % (at(*link.ref), packet.words())


def in_itself(wire, link, packet, trail):
    """The loss of an outer packet whose route leads into the tunnel of which it is."""
    home = (link.link or (link.netns, ""))[0]
    checks = [ip_line(home, *["-6"] * packet.six, "route", "get", packet.dst)]
    return wire.lost(link, "loop", of_itself(link, packet), trail, None, checks)


def to_group(wire, link, packet, frame, trail):
    """The ends of a frame whose outer packet goes to a group: all that are in it on the link below."""
    lower = wire.state.link(link.link) if link.link and link.link[1] else None
    ends = []
    for ref in wire.walk.segment(lower) if lower is not None else ():
        for other in wire.state.on(("link", *ref)):
            if other.sort == "link" and other.kind == link.kind and other.key != link.key:
                same = [dict(one.attrs).get(name) for one in (link, other) for name in ("id", "dstport", "remote")]
                if same[:3] == same[3:]:
                    ends += wire.receive(other, frame, trail)
    yield from ends
    if not ends:
        text = "nobody on the link of %s is in the group %s of %s"
        yield wire.lost(link, "vxlan", text % (lower.name if lower else "?", packet.dst, at(*link.ref)), trail)


def far_ends(wire, link, packet, frame, trail):
    """Where the other ends can be, whatever is in between."""
    for netns in {r.netns for r in wire.state if r.sort == "address" and r.ip == packet.dst}:
        for other in candidates(wire, netns, packet):
            yield from wire.receive(other, frame, trail)


def candidates(wire, netns, packet):
    """The tunnels whose outer packets end in a namespace."""
    kinds = {kind for kind, (protocol, dummy) in KINDS.items() if protocol == packet.protocol}
    kinds |= {"ip6tnl", "sit"} if packet.protocol == "ipip" else set()
    kinds = {kind for kind in kinds if kind in OVER_UDP or kind.startswith("ip6") == packet.six}
    links = [r for r in wire.state if r.sort == "link" and (r.link or (r.netns, ""))[0] == netns]
    return [r for r in links if r.kind in kinds and not r.comes_by_itself]


def decapsulated(wire, netns, packet, frame, trail, sender=None):
    """The ends of the frame of an outer packet that has come to a namespace."""
    near = [link for link in candidates(wire, netns, packet) if link.l3 != bool(frame.dmac)]
    fitting = [link for link in near if misfit(link, packet) is None]
    if fitting:
        best = max(fitting, key=lambda link: bool(dict(link.attrs).get("remote")))
        yield from wire.receive(best, frame, trail, "%s takes it out" % best.name)
        return
    if wire.blind:
        return
    words = [misfit(link, packet) for link in near]
    pairs = sorted(zip(words, near), key=lambda pair: pair[0][0])
    if pairs:
        (dummy, code, option, theirs, mine), link = pairs[0]
        ours = "%s has %s" % (at(*sender.ref) if sender is not None else "the packet", spelled(mine))
        text = "no tunnel in %s takes the outer packet %s: %s has %s %s, %s"
        reason = text % (at(netns), packet.words(), link.name, option, spelled(theirs), ours)
        remedies = alike(link, option, mine)
        if code == "down":
            reason = "%s, the other end of the tunnel, is down" % at(*link.ref)
            remedies = [set_up(link)]
        yield wire.lost(link, "tunnel", reason, trail, remedies=remedies)
    else:
        text = "no tunnel in %s takes the outer packet %s (%s)"
        reason = text % (at(netns), packet.words(), packet.protocol)
        checks = [ip_line(netns, "-d", "link", "show")]
        yield Lost(netns, trail[-1].dev if trail else "", "tunnel", reason, checks, trail=trail)


def spelled(value):
    """The value of an option in a sentence."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else "none" if value in (None, "") else value


def alike(link, option, value):
    """Commands that give a tunnel the option of its packets."""
    if link.kind in OVER_UDP:
        again = {name: dict(link.attrs).get(name) for name in ("id", "dstport", "local", "remote")}
        words = [word for name, said in {**again, option: value}.items() if said for word in (name, str(said))]
        add = ip_line(link.netns, "link", "add", "name", link.name, "type", link.kind, *words)
        return [ip_line(link.netns, "link", "del", "dev", link.name), add]
    words = [option] if value is True else ["no" + option] if value in (None, False) else [option, str(value)]
    return [ip_line(link.netns, "link", "set", "dev", link.name, "type", link.kind, *words)]


def misfit(link, packet):
    """What keeps a tunnel from taking an outer packet: (rank, code, option, its value, that of the packet)."""
    attrs = dict(link.attrs)
    if link.up is False:
        return 0, "down", "up", False, True
    if link.kind in OVER_UDP:
        if packet.dport != attrs.get("dstport"):
            return 2, "dstport", "dstport", attrs.get("dstport"), packet.dport
        if packet.vni is not None and packet.vni != attrs.get("id") and not attrs.get("external"):
            return 1, "vni", "id", attrs.get("id"), packet.vni
    if attrs.get("local") and attrs["local"] != packet.dst:
        return 3, "local", "local", attrs["local"], packet.dst
    point = link.kind not in ("vxlan",) and attrs.get("remote")
    if point and attrs["remote"] != packet.src:
        return 1, "remote", "remote", attrs["remote"], packet.src
    ikey = attrs.get("ikey") if isinstance(attrs.get("ikey"), int) else None
    if "gre" in link.kind and ikey != packet.key:
        return 1, "key", "ikey", ikey, packet.key
    return misfit_of_gre(attrs, packet) if "gre" in link.kind else None


def misfit_of_gre(attrs, packet):
    """Checksums have to be at both ends or at none; numbers where one end wants them."""
    for name in GRE_FLAGS:
        wants, has = bool(attrs.get("i" + name)), name in packet.gre
        if wants is not has and (wants or name == "csum"):
            return 1, name, "i" + name, wants, has
    return None


# WireGuard


def peers_of(wire, link):
    return [r for r in wire.state.on(link.key) if r.sort == "wireguard_peer"]


def peer_for(peers, address):
    """The peer whose allowed addresses have this one, the longest prefix first."""
    found = [
        (ip_network(net).prefixlen, peer)
        for peer in peers
        for net in peer.allowed_ips or ()
        if ip_address(address) in ip_network(net)
    ]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def wireguard_send(wire, link, frame, trail):
    """The ends of a packet that WireGuard sends."""
    packet, peers = frame.packet, peers_of(wire, link)
    if packet is None:
        return  # nobody is asked by it who has an address
    peer = peer_for(peers, packet.dst)
    checks = [inside_line(link.netns, "wg", "show", link.name)]
    if peer is None and not wire.blind:
        text = "no peer of %s has %s in its allowed_ips" % (at(*link.ref), packet.dst)
        one = peers[0] if peers else None
        ips = ",".join([*one.allowed_ips, packet.dst]) if one else packet.dst
        words = ["wg", "set", link.name, "peer", one.public_key if one else "KEY", "allowed-ips", ips]
        yield wire.lost(link, "wireguard", text, trail, None, checks, [inside_line(link.netns, *words)])
        return
    if peer is not None and not peer.endpoint and not wire.blind:
        text = "the peer %s of %s has no endpoint, and has not sent anything yet"
        reason = text % (short(peer.public_key), at(*link.ref))
        words = ["wg", "set", link.name, "peer", peer.public_key, "endpoint", "ADDRESS:PORT"]
        yield wire.lost(link, "wireguard", reason, trail, None, checks, [inside_line(link.netns, *words)])
        return
    host, dummy, port = (peer.endpoint if peer else "").rpartition(":")
    own = dict(link.attrs)
    outer_packet = Packet(
        "",
        host.strip("[]"),
        "udp",
        own.get("listen_port"),
        int(port or 0),
        packet.size + 60,
        mark=own.get("fwmark") or 0,
    )
    home = (link.link or (link.netns, ""))[0]
    if link.ref in wire.walk.carrying:
        yield in_itself(wire, link, outer_packet, trail)
        return
    try:
        way, (netns, dummy) = outer_way(wire, link, outer_packet, home, "")
    except Lost as lost:
        lost.trail = trail + deeper(lost.trail, True)
        lost.reason, lost.outer = lost_outside(link, outer_packet, lost), True
        yield lost
        return
    trail += deeper(way, True)
    if netns is None:
        yield Got(link.netns, link.name, frame, trail, away=True)
        return
    yield from wireguard_receive(wire, link, netns, outer_packet, frame, trail, checks)


def wireguard_receive(wire, link, netns, outer_packet, frame, trail, checks):
    """The ends of a packet at the namespace to which the endpoint leads."""
    near = [
        r for r in wire.state if r.sort == "link" and r.kind == link.kind and r.netns == netns and r.key != link.key
    ]
    at_port = [r for r in near if dict(r.attrs).get("listen_port") == outer_packet.dport and r.up is not False]
    if not at_port:
        text = "nothing of WireGuard in %s listens at port %s, the endpoint of the peer of %s"
        more = "; %s is down" % near[0].name if near and near[0].up is False else ""
        reason = text % (at(netns), outer_packet.dport, at(*link.ref)) + more
        yield wire.lost((near or [link])[0], "wireguard", reason, trail, None, checks)
        return
    other = at_port[0]
    checks = [*checks, inside_line(other.netns, "wg", "show", other.name)]
    refused = peer_refuses(link, other, peers_of(wire, other), frame.packet.src)
    wrong = key_mismatch(wire, link, other) or shared_key_mismatch(wire, link, other)
    if refused:
        reason, cure = refused
        yield wire.lost(other, "wireguard", reason, trail, None, checks, [cure])
    elif wrong:
        yield wire.lost(link, "wireguard", wrong, trail, None, checks)
    else:
        yield from wire.receive(other, frame, trail)


def peer_refuses(link, other, peers, source):
    """Why the other end takes nothing from this one, and what would change that."""
    mine = dict(link.attrs).get("private_key")
    public = mine.public if mine else None
    known = [peer for peer in peers if peer.public_key == public]
    words = ["wg", "set", other.name, "peer", str(public), "allowed-ips"]
    if public and not known:
        reason = "%s has no peer with the public key of %s (%s)" % (at(*other.ref), at(*link.ref), short(public))
        return reason, inside_line(other.netns, *words, source)
    if known and peer_for(peers, source) is not known[0]:
        text = "%s does not allow the source %s from the peer %s: its allowed_ips are %s"
        ips = known[0].allowed_ips or ()
        reason = text % (at(*other.ref), source, short(public), ", ".join(ips) or "empty")
        return reason, inside_line(other.netns, *words, ",".join([*ips, source]))
    return None


def key_mismatch(wire, link, other):
    """Whether the sender knows the other end by another key than it has."""
    theirs = dict(other.attrs).get("private_key")
    known = [peer.public_key for peer in peers_of(wire, link)]
    if theirs and theirs.public and theirs.public not in known:
        text = "%s has no peer with the public key of %s (%s): there is no handshake"
        return text % (at(*link.ref), at(*other.ref), short(theirs.public))
    return ""


def shared_key_mismatch(wire, link, other):
    """Whether the two ends have different preshared keys."""
    publics = [getattr(dict(one.attrs).get("private_key"), "public", None) for one in (link, other)]
    mine = [peer.preshared_key for peer in peers_of(wire, link) if peer.public_key == publics[1]]
    theirs = [peer.preshared_key for peer in peers_of(wire, other) if peer.public_key == publics[0]]
    if mine and theirs and mine[0] != theirs[0]:
        return "%s and %s have different preshared keys: there is no handshake" % (at(*link.ref), at(*other.ref))
    return ""


def short(key):
    return key[:8] + "..."
