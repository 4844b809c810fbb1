# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel would do with one packet: single look-ups of routes, neighbours, entries of bridges, sockets."""

from __future__ import annotations

import errno
import json
import re
import struct
from contextlib import suppress

from .._core.values import Value, replace
from .._core.words import family_of
from .._trace import nat
from .._trace.packet import Packet
from .._trace.path import Answer, Facts
from . import neighbour as neighbours
from . import nexthop as nexthops_room
from . import route as routes_room
from . import rule as rules_room
from . import xfrm
from .files import output
from .link import LINKINFO, SKIP_STATS
from .nat import legacy_tables, nft_tables
from .netlink import DUMP, GETADDR, GETLINK, GETNEIGH, GETROUTE, HEADS, getter, ip, nested, next_hops, text
from .sockets import Sockets

LOOKUP_TABLE, FIB_MATCH = 0x1000, 0x2000
DEAD = 1 | 0x10  # RTNH_F_DEAD, RTNH_F_LINKDOWN
NUD = {
    1: "incomplete",
    2: "reachable",
    4: "stale",
    8: "delay",
    16: "probe",
    32: "failed",
    64: "noarp",
    128: "permanent",
}
NAT_FAMILIES = (1, 2, 10)  # of nftables: inet, ip, ip6
BRIDGE = 7
PORT_STATES = ("disabled", "listening", "learning", "forwarding", "blocking")
PORT_FLAGS = dict(learning=8, broadcasts=30, multicasts=27)
UP, NOARP, PROMISC, LOWER_UP = 1, 0x80, 0x100, 0x10000
TENTATIVE, FAILED = 0x40, 0x08
STATIC, STICKY = 0xC0, 64


class Entry(Value):
    """An entry of a bridge or a vxlan."""

    dev: str
    dst: str = ""
    static: bool = False
    vlan: int = 0


class Lookup:
    """The host that a walk asks: what is there, as it was read, and the kernel's own look-ups."""

    def __init__(self, kernel, state):
        self.kernel, self.state = kernel, state
        self.read_once, self.sockets = {}, Sockets(kernel, state)

    def once(self, key, find):
        if key not in self.read_once:
            self.read_once[key] = find()
        return self.read_once[key]

    def forget(self):
        """Ask anew from here on."""
        self.read_once = {}

    # Routes

    def route(self, netns, packet, iif, oif):
        """The kernel's answer for a packet that came by `iif`, or is sent here."""
        return self.once(("route", netns, packet, iif, oif), lambda: self.ask_route(netns, packet, iif, oif))

    def ask_route(self, netns, packet, iif, oif):
        here, size = self.kernel.netlink(netns), 128 if packet.six else 32
        family = family_of(packet.dst)
        attrs = [("RTA_DST=1:ip", packet.dst)]
        attrs += [("RTA_SRC=2:ip", packet.src)] if packet.src and (iif or self.owned(netns, packet.src)) else []
        try:
            attrs += [("RTA_IIF=3:uint32", here.index(iif))] if iif else []
            attrs += [("RTA_OIF=4:uint32", here.index(oif))] if oif else []
        except OSError:
            return Answer(error="ENODEV")
        attrs += [("RTA_MARK=16:uint32", packet.mark)] if packet.mark else []
        if packet.number in (1, 6, 17, 58):
            attrs.append(("RTA_IP_PROTO=27:uint8", packet.number))
        for nla, port in (("RTA_SPORT=28:be16", packet.sport), ("RTA_DPORT=29:be16", packet.dport)):
            attrs += [(nla, port)] if port and packet.number in (6, 17) else []
        head = dict(
            family=family, dst_len=size, src_len=size if len(attrs) > 1 and attrs[1][0].startswith("RTA_SRC") else 0
        )
        try:
            answer = here.ask("route", GETROUTE, 0, attrs, flags=LOOKUP_TABLE, **head)
        except OSError as e:
            return Answer(error=errno.errorcode.get(e.errno, str(e.errno)))
        found = answer_of(here, answer[0])
        if found.type not in ("unicast", "local"):
            return found
        return with_match(found, here, attrs, head)

    def owned(self, netns, address):
        return any(r.ip == address for r in self.state.within(netns, "address"))

    def routes(self, netns):
        return self.once(("routes", netns), lambda: list(routes_room.read(self.kernel, netns, ())))

    def blackholes(self, netns):
        """The numbers of the nexthop objects that drop packets."""
        found = self.once(("nexthops", netns), lambda: list(nexthops_room.read(self.kernel, netns, ())))
        return {r.id for r in found if r.blackhole}

    def policies(self, netns):
        """The policies of IPsec."""
        return self.once(("policies", netns), lambda: xfrm.read(self.kernel, netns))

    def rules(self, netns, six):
        found = self.once(("rules", netns), lambda: list(rules_room.read(self.kernel, netns, ())))
        return sorted((r for r in found if (r.family == "inet6") == six), key=lambda r: r.priority)

    def packet_to(self, address):
        return Packet("", address)

    # Links

    def facts(self, netns, dev):
        """What is known of a link beside what it is."""
        return self.once(("facts", netns), lambda: dict(self.read_facts(netns))).get(dev, Facts())

    def read_facts(self, netns):
        for answer in self.kernel.netlink(netns).ask("link", GETLINK, DUMP, SKIP_STATS):
            flags, parts = struct.unpack_from("=I", answer, 8)[0], dict(nested(answer, 16))
            info = dict(nested(parts.get(LINKINFO, b"")))
            slave, port = text(info[4]) if 4 in info else "", dict(nested(info.get(5, b"")))
            # A link that is down has no carrier: that it is down is told elsewhere.
            facts = Facts(carrier=bool(flags & LOWER_UP) or not flags & UP, noarp=bool(flags & NOARP))
            facts = replace(facts, promisc=bool(flags & PROMISC))
            if slave == "bridge" and 1 in port:
                facts = replace(facts, state=PORT_STATES[port[1][0]], flood=port.get(9, b"\1") != b"\0")
                flags = {name: port.get(number, b"\1") != b"\0" for name, number in PORT_FLAGS.items()}
                facts = replace(facts, locked=port.get(39, b"\0") != b"\0", **flags)
            if slave == "bond" and 1 in port:
                facts = replace(facts, active=port[1] == b"\0")
            yield text(parts[3]), facts

    def vlans(self, link):
        """The VLANs of a port, each with whether its frames leave untagged, and the PVID."""
        found = self.state.get(("vlans", link.netns, link.name))
        return (dict(found.vlans), found.pvid) if found is not None else ({}, 0)

    def fdb(self, netns, dev, lladdr, vlan):
        return self.once(("fdb", netns, dev, lladdr, vlan), lambda: self.ask_fdb(netns, dev, lladdr, vlan))

    def ask_fdb(self, netns, dev, lladdr, vlan):
        """The entry for a MAC address of a bridge, or of a vxlan."""
        here = self.kernel.netlink(netns)
        link = self.state.link((netns, dev))
        attrs = [("NDA_LLADDR=2:l2addr", lladdr)]
        attrs += [("NDA_VLAN=5:uint16", vlan)] if vlan else []
        head = dict(family=BRIDGE)
        if link.kind == "bridge":
            attrs.append(("NDA_MASTER=9:uint32", link.index))
        else:
            head.update(index=link.index, flags=2)
        try:
            answer = here.ask("neighbour", GETNEIGH, 0, attrs, **head)[0]
        except OSError:
            return None
        words, form = HEADS["neighbour"]
        found, get = dict(zip(words, form.unpack_from(answer))), getter(dict(nested(answer, 12)))
        static = bool(found["state"] & STATIC)
        return Entry(
            here.names.get(found["index"], ""), get("NDA_DST=1:ip") or "", static, get("NDA_VLAN=5:uint16") or 0
        )

    def fdb_all(self, netns, dev):
        """The (MAC address, destination) of all entries of a vxlan."""
        here, index = self.kernel.netlink(netns), self.state.link((netns, dev)).index
        return self.once(("all", netns, dev), lambda: [*entries_of(here, index)])

    # Addresses and neighbours

    def neighbour(self, netns, dev, address):
        """(state, MAC address) of a neighbour, or None."""
        here, link = self.kernel.netlink(netns), self.state.link((netns, dev))
        try:
            answer = here.ask(
                "neighbour", GETNEIGH, 0, [(neighbours.DST, address)], family=family_of(address), index=link.index
            )[0]
        except OSError:
            return None
        state = struct.unpack_from("=H", answer, 8)[0]
        return NUD.get(state, "none"), getter(dict(nested(answer, 12)))(neighbours.LLADDR) or ""

    def unready(self, netns, dev, address):
        """Why the kernel does not use an address yet; empty if it does."""
        found = self.once(("flags", netns), lambda: dict(self.read_flags(netns)))
        flags = found.get((dev, address), 0)
        return "a duplicate (DAD failed)" if flags & FAILED else "tentative" if flags & TENTATIVE else ""

    def read_flags(self, netns):
        here = self.kernel.netlink(netns)
        for head, parts in here.dump("address", GETADDR):
            raw = parts.get(8)
            flags = struct.unpack("=I", raw)[0] if raw else head["flags"]
            if 1 in parts:
                yield (
                    (here.names.get(head["index"]), ip(parts[1])),
                    flags & ~0x04 if flags & 0x04 and flags & 0x02 else flags,
                )

    # Sysctls, sockets, translation

    def sysctl(self, netns, path):
        return self.once(("sysctl", netns, path), lambda: self.read_sysctl(netns, path))

    def read_sysctl(self, netns, path):
        try:
            with self.kernel.inside(netns), open("/proc/sys/net/" + path) as f:
                return int(f.read().split()[0])
        except (OSError, ValueError, IndexError):
            return None

    def translated(self, netns, hook, packet, iif, oif):
        """The packet as rules of NAT make it, and which does. Replies are translated by their flow, not by rules."""
        rules = self.nat_rules(netns)
        if packet.reply or not rules:
            return packet, ""

        def own():
            found = [r.ip for r in self.state.within(netns, "address") if r.dev == (oif or iif)]
            return next((address for address in found if (":" in address) == packet.six), "")

        return nat.translated(rules, hook, packet, iif, oif, own, self.owned(netns, packet.dst))

    def nat_rules(self, netns):
        return self.once(("nat", netns), lambda: list(translations(self.kernel, netns)))

    def untracked(self, netns, hook, packet, iif, oif):
        """The rule by which the connection of a packet is not tracked; empty if it is."""
        return nat.untracked(self.nat_rules(netns), hook, packet, iif, oif, self.owned(netns, packet.dst))

    def listens(self, netns, packet, dev, vrf):
        """Whether a socket takes a packet; else at what one listens on that port, or nothing."""
        accepts = bool(vrf) and self.sysctl(netns, "ipv4/%s_l3mdev_accept" % packet.protocol) != 0
        try:
            return self.sockets.takes(netns, packet, dev, vrf, accepts)
        except OSError:
            return None

    def close(self):
        self.sockets.close()


def translations(kernel, netns):
    """The rules of NAT of a namespace; a program is asked only where there are tables."""
    with kernel.inside(netns):
        if any(family in NAT_FAMILIES for family, dummy in nft_tables()):
            told, saved = output(["nft", "-j", "list", "ruleset"]) or "{}", []
            # Of targets of iptables nft(8) tells the name alone.
            raw = raw_rules(told)
            for name in ("iptables-nft-save", "ip6tables-nft-save") if '"xt"' in told else ():
                saved += (output([name, "-t", "nat"]) or "").splitlines()
            with suppress(ValueError):
                yield from nat.of_nft(json.loads(told).get("nftables", ()), not saved)
            yield from nat.of_iptables(saved)
            yield from nat.of_iptables(raw)
        for table in {"nat", "raw"} & set(legacy_tables("ipv4")):
            yield from nat.of_iptables((output(["iptables-legacy-save", "-t", table]) or "").splitlines())


def raw_rules(told):
    """The lines of the table raw of iptables with nftables, where it can have rules that do not track."""
    programs = ("iptables-nft-save", "ip6tables-nft-save") if re.search('"name": ?"(CT|NOTRACK)"', told) else ()
    return [line for name in programs for line in (output([name, "-t", "raw"]) or "").splitlines()]


def answer_of(here, raw):
    words, form = HEADS["route"]
    head, parts = dict(zip(words, form.unpack_from(raw))), dict(nested(raw, 12))
    get = getter(parts)
    metrics = dict(nested(parts.get(8, b"")))
    return Answer(
        routes_room.WORDS["type"].get(head["type"], ""),
        here.names.get(get("RTA_OIF=4:uint32") or 0, ""),
        gateway(parts),
        get("RTA_PREFSRC=7:ip") or "",
        get("RTA_TABLE=15:uint32") or head["table"],
        mtu=struct.unpack("=I", metrics[2])[0] if 2 in metrics and not learned(parts) else 0,
        ttl=struct.unpack("=I", metrics[10])[0] if 10 in metrics else 0,
        dead=bool(head["flags"] & DEAD),
    )


def learned(parts):
    """Whether an answer is of what the kernel has learned of a path: that expires, and does not count."""
    return 12 in parts and struct.unpack_from("=8xi", parts[12])[0] != 0


def with_match(found, here, attrs, head):
    """The answer with the prefix of the route that it comes from: the kernel tells it only when asked for that."""
    try:
        raw = here.ask("route", GETROUTE, 0, attrs, flags=LOOKUP_TABLE | FIB_MATCH, **head)[0]
    except OSError:
        return found
    words, form = HEADS["route"]
    top, parts = dict(zip(words, form.unpack_from(raw))), dict(nested(raw, 12))
    get = getter(parts)
    prefix = "%s/%d" % (get("RTA_DST=1:ip"), top["dst_len"]) if 1 in parts else "default"
    several = next_hops(parts.get(9, b""))
    hops = tuple((here.names.get(index, ""), gateway(found)) for index, dummy, dummy, found in several)
    metrics = dict(nested(parts.get(8, b"")))
    mtu = struct.unpack("=I", metrics[2])[0] if 2 in metrics else 0
    dead = found.dead or bool(top["flags"] & DEAD)
    table = get("RTA_TABLE=15:uint32") or top["table"]
    return replace(found, prefix=prefix, several=len(hops), hops=hops, dead=dead, table=table, mtu=found.mtu or mtu)


def gateway(parts):
    """That of a route or a hop; one of the other family has its number before it."""
    return ip(parts[5]) if 5 in parts else ip(parts[18][2:]) if 18 in parts else ""


def entries_of(here, index):
    for head, parts in here.dump("neighbour", GETNEIGH, family=BRIDGE):
        if head["index"] == index and 2 in parts:
            yield parts[2].hex(":"), ip(parts[1]) if 1 in parts else ""
