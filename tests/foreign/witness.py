# SPDX-License-Identifier: GPL-3.0-or-later
"""The independent witness: all that the kernel tells of every namespace, as bytes, and what differs.

A snapshot is a dictionary of things. A key is (type, namespace, ...) with the names by which the kernel tells such
things apart; a value is a dictionary of attributes, or a list of these where the kernel keeps several with one key in
an order. What is left out moves by itself; each has its reason beside it.
"""

import os
import socket
import struct
import subprocess
import time

import netlink
from netlink import attribute, attributes, inside

SKIP = object()
MAC_ETHERNET = 6


def u8(data, at=0):
    return data[at]


def u16(data, at=0):
    return struct.unpack_from("=H", data, at)[0]


def u32(data, at=0):
    return struct.unpack_from("=I", data, at)[0]


def number(data):
    return int.from_bytes(data, "little") if len(data) in (1, 2, 4, 8) else data.hex()


def text(data):
    return data.split(b"\0")[0].decode("utf-8", "surrogateescape")


def raw(data):
    return data.hex(" ") if len(data) < 200 else data[:200].hex(" ") + " ..."


def ip(data):
    if len(data) in (4, 16):
        return socket.inet_ntop(socket.AF_INET if len(data) == 4 else socket.AF_INET6, data)
    return data.hex(":")


def nested(data):
    """A tree that is not known: all of its bytes."""
    return data.hex(" ")


def listing(words):
    return words.split()


IFLA = {
    1: ("address", lambda data: data.hex(":")),
    2: ("broadcast", lambda data: data.hex(":")),
    3: ("name", SKIP),  # the key
    4: ("mtu", number),
    5: ("link", "index"),
    6: ("qdisc", SKIP),  # the name of what is compared as a qdisc; noop until the first time up
    7: ("stats", SKIP),  # counters
    10: ("master", "index"),
    13: ("txqueuelen", number),
    14: ("map", SKIP),  # interrupts and memory of a card
    16: ("operstate", SKIP),  # follows the other end, later
    17: ("linkmode", number),
    20: ("alias", text),
    23: ("stats64", SKIP),  # counters
    27: ("group", number),
    30: ("promiscuity", number),
    31: ("numtxqueues", number),
    32: ("numrxqueues", number),
    33: ("carrier", SKIP),  # follows the other end
    35: ("carrier changes", SKIP),  # a counter
    37: ("netnsid", SKIP),  # numbers are given when somebody asks; the namespace is compared by name
    39: ("protodown", number),
    40: ("gso_max_segs", number),
    41: ("gso_max_size", number),
    43: ("xdp", raw),
    42: ("pad", SKIP),
    44: ("event", SKIP),  # what the message is about
    47: ("up count", SKIP),  # a counter
    48: ("down count", SKIP),  # a counter
    50: ("min mtu", SKIP),  # the driver's
    51: ("max mtu", SKIP),
    54: ("permanent address", lambda data: data.hex(":")),
    55: ("protodown reason", raw),
    58: ("gro_max_size", number),
    59: ("tso_max_size", SKIP),  # the driver's, or its lower link's
    60: ("tso_max_segs", SKIP),
    61: ("allmulti", number),
    63: ("gso_ipv4_max_size", number),
    64: ("gro_ipv4_max_size", number),
    68: ("headroom", SKIP),  # follows the route of a tunnel's outer packets
    69: ("tailroom", SKIP),
}
BRIDGE = listing(
    """forward_delay hello_time max_age ageing_time stp_state priority vlan_filtering vlan_protocol group_fwd_mask
 root_id bridge_id root_port root_path_cost topology_change topology_change_detected hello_timer tcn_timer
 topology_change_timer gc_timer group_address fdb_flush mcast_router mcast_snooping mcast_query_use_ifaddr mcast_querier
 mcast_hash_elasticity mcast_hash_max mcast_last_member_count mcast_startup_query_count mcast_last_member_interval
 mcast_membership_interval mcast_querier_interval mcast_query_interval mcast_query_response_interval
 mcast_startup_query_interval nf_call_iptables nf_call_ip6tables nf_call_arptables vlan_default_pvid pad
 vlan_stats_enabled mcast_stats_enabled mcast_igmp_version mcast_mld_version vlan_stats_per_port multi_boolopt
 mcast_querier_state fdb_n_learned fdb_max_learned"""
)
PORT = listing(
    """state priority cost hairpin guard root_block fastleave learning flood proxy_arp learning_sync proxy_arp_wifi
 root_id bridge_id designated_port designated_cost id no topology_change_ack config_pending message_age_timer
 forward_delay_timer hold_timer flush mcast_router pad mcast_flood mcast_to_unicast vlan_tunnel bcast_flood
 group_fwd_mask neigh_suppress isolated backup_port mrp_ring_open mrp_in_open mcast_eht_hosts_limit mcast_eht_hosts_cnt
 locked mab mcast_n_groups mcast_max_groups neigh_vlan_suppress backup_nhid"""
)
# The spanning tree and its timers, counters, and the pad.
MOVING = {"bridge": {*range(10, 20), 40, 47, 48}, "port": {1, *range(13, 25), 26, 35, 36, 38, 41}}
TOPOLOGY_CHANGE = 14
LINK_SCOPE = 253
# Attributes of kinds that are an index of a link.
INDEX = {"vxlan": {3}, "bond": {11}, "hsr": {1, 2, 8}}
INDEX.update(
    (kind, {1}) for kind in listing("gre gretap ip6gre ip6gretap erspan ip6erspan vti vti6 ipip sit ip6tnl xfrm")
)
RING = tuple("hsr.%d" % number for number in sorted(INDEX["hsr"]))
# Words whose value is a link's name.
LINKS = ("master", "oif", "dev", "link", "port.backup_port", *RING, "vxlan.3", "bond.11", "attr8")
# What of a kind moves by itself: which port of a bond is active and what LACP finds out, a sequence number, how full a
# queue is.
DRIFT = {"bond": {2, 23}, "hsr": {5}, "macvlan": {8}, "macvtap": {8}, "tun": set()}
BOND_PORT = {1, 2, 3, 6, 7, 8}  # what the bond finds out of its port
CONF4 = listing(
    """. forwarding mc_forwarding proxy_arp accept_redirects secure_redirects send_redirects shared_media rp_filter
 accept_source_route bootp_relay log_martians tag arp_filter medium_id disable_xfrm disable_policy force_igmp_version
 arp_announce arp_ignore promote_secondaries arp_accept arp_notify accept_local src_valid_mark proxy_arp_pvlan
 route_localnet igmpv2_interval igmpv3_interval ignore_routes_with_linkdown"""
)
CONF6 = listing(
    """forwarding hop_limit mtu accept_ra accept_redirects autoconf dad_transmits router_solicitations
 router_solicitation_interval router_solicitation_delay use_tempaddr temp_valid_lft temp_prefered_lft
 regen_max_retry max_desync_factor max_addresses force_mld_version accept_ra_defrtr accept_ra_pinfo accept_ra_rtr_pref
 router_probe_interval accept_ra_rt_info_max_plen proxy_ndp optimistic_dad accept_source_route mc_forwarding
 disable_ipv6 accept_dad force_tllao ndisc_notify"""
)
RTA = "dst src iif oif via metric prefsrc metrics multipath protoinfo realms cacheinfo session mp table mark stats"
RTA = dict(enumerate((RTA + " via-family newdst pref encap-type encap expires pad uid ttl-propagate").split(), 1))
RTA[30] = "nhid"
METRICS = ". lock mtu window rtt rttvar ssthresh cwnd advmss reordering hoplimit initcwnd features rto_min initrwnd"
METRICS = (METRICS + " quickack congctl fastopen_no_cookie").split()
FRA = dict(enumerate(listing("to from iif goto . priority . . . fwmark flow tun_id suppress_ifgroup"), 1))
FRA.update(enumerate(listing("suppress_prefixlength table fwmask oif pad l3mdev uidrange protocol ipproto"), 14))
FRA.update(enumerate(listing("sport dport dscp flowlabel flowlabel_mask sport_mask dport_mask dscp_mask"), 23))


def named(names, numbers, first=0):
    return dict((names[n - first] if n - first < len(names) else "attr%d" % n, v) for n, v in numbers)


class Space:
    """One network namespace, read at once."""

    def __init__(self, name, things):
        self.name, self.things = name, things
        with inside(name):
            self.socket = netlink.Socket()
            self.netfilter = netlink.Socket(netlink.NETFILTER)
        self.names, self.running, self.moving = {0: ""}, set(), False

    def close(self):
        self.socket.close()
        self.netfilter.close()

    def put(self, key, value):
        self.things[key] = value

    def add(self, key, value):
        self.things.setdefault(key, []).append(value)

    def dev(self, index):
        return self.names.get(index, "?%d" % index)

    def read(self):
        ns = self.name
        links = self.socket.dump(18, struct.pack("=BBHiII", 0, 0, 0, 0, 0, 0) + attribute(29, struct.pack("=I", 8)))
        parsed = []
        for data in links:
            kind, index, flags = struct.unpack_from("=2xHiI", data)
            parts = dict(attributes(data[16:]))
            self.names[index] = text(parts[3])
            parsed.append((index, kind, flags, parts))
        self.index = {name: index for index, name in self.names.items()}
        for index, kind, flags, parts in parsed:
            self.link(index, kind, flags, parts)
        for data in self.socket.dump(22, struct.pack("=BBBBi", 0, 0, 0, 0, 0)):
            self.address(data)
        for family in (socket.AF_INET, socket.AF_INET6, 28):
            for data in self.socket.dump(26, struct.pack("=BBBBBBBBI", family, *[0] * 8)):
                if data[0] == family:  # one that it does not know the kernel takes for all
                    self.route(data)
        for family in (2, 10, 128, 129):
            for data in self.socket.dump(34, struct.pack("=BBBBBBBBI", family, *[0] * 8)):
                if data[0] == family:
                    self.rule(data)
        for flags in (0, 8):  # NTF_PROXY
            for data in self.socket.dump(30, struct.pack("=BBHiHBB", 0, 0, 0, 0, 0, flags, 0)):
                self.neighbour(data)
        bridges = any(key[0] == "link" and key[1] == ns and "slave kind" in v for key, v in self.things.items())
        bridges = bridges or any(
            key[1] == ns and v.get("kind") in ("bridge", "vxlan") for key, v in self.things.items() if key[0] == "link"
        )
        for data in self.socket.dump(30, struct.pack("=BBHiHBB", 7, 0, 0, 0, 0, 0, 0)):
            self.station(data)
        if bridges:
            for data in self.socket.dump(86, struct.pack("=Bxxxi", 7, 0)):
                self.group(data)
            for flag in (0, 2):
                for data in self.socket.dump(114, struct.pack("=Bxxxi", 7, 0) + attribute(1, struct.pack("=I", flag))):
                    self.vlan(data)
            for data in self.socket.dump(122, struct.pack("=BBHi", 7, 0, 0, 0)):
                self.vni(data)
        self.discipline()
        for data in self.socket.dump(106, struct.pack("=BBBBI", 0, 0, 0, 0, 0)):
            self.nexthop(data)
        for data in self.socket.dump(74, struct.pack("=BBBBII", 10, 0, 0, 0, 0, 0)):
            parts = dict(attributes(data[12:]))
            dev = self.dev(u32(data, 4)) if u32(data, 4) else ""
            self.put(("addrlabel", ns, dev, ip(parts.get(1, b"")), data[2]), {"label": u32(parts[2])})
        self.tables()
        self.wireguards()
        with inside(ns):
            self.files()

    # Links

    def link(self, index, kind, flags, parts):
        name = text(parts[3])
        out = {"type": kind, "index": index}
        # Whether it runs follows the other end, and comes later.
        out["flags"] = flags & ~(0x40 | 0x10000 | 0x20000 | 0x40000)
        unnamed = 37 in parts
        if flags & 0x41 == 0x41:
            self.running.add(name)
        carrier, state = parts.get(33, b"\1")[0], parts.get(16, b"\0")[0]
        if flags & 1 and (carrier != (state in (5, 6)) if state else not carrier):  # dormant, up
            self.moving = True
        for n, data in parts.items():
            word, how = IFLA.get(n, ("attr%d" % n, raw))
            if n == 5:
                out["link"] = ("?", u32(data), u32(parts[37])) if unnamed else self.dev(u32(data))
            elif n == 18:
                self.info(out, dict(attributes(data)))
            elif n == 26:
                self.spec(out, data)
            elif n == 52:
                out["altnames"] = sorted(text(alt) for dummy, alt in attributes(data))
            elif how == "index":
                out[word] = self.dev(u32(data))
            elif how is not SKIP:
                out[word] = how(data)
        if kind == 772:  # of lo nobody sets these
            out.pop("promiscuity", None)
        self.put(("link", self.name, name), out)

    def info(self, out, parts):
        kind = out["kind"] = text(parts.get(1, b""))
        for n, data in attributes(parts.get(2, b"")):
            if n in MOVING.get(kind, ()) or n in DRIFT.get(kind, ()):
                continue
            word = BRIDGE[n - 1] if kind == "bridge" and n <= len(BRIDGE) else "%s.%d" % (kind, n)
            out[word] = self.dev(u32(data)) if n in INDEX.get(kind, ()) and len(data) == 4 else raw(data)
        if kind == "bridge" and number(dict(attributes(parts[2])).get(TOPOLOGY_CHANGE, b"\0")):
            out["ageing_time"] = Unknown()  # that of the change, for a while
        slave = text(parts.get(4, b""))
        if slave:
            out["slave kind"] = slave
        for n, data in attributes(parts.get(5, b"")):
            if n in (MOVING["port"] if slave == "bridge" else BOND_PORT if slave == "bond" else ()):
                continue
            word = "port." + (PORT[n - 1] if slave == "bridge" and n <= len(PORT) else "%s.%d" % (slave, n))
            out[word] = self.dev(u32(data)) if word == "port.backup_port" else raw(data)

    def spec(self, out, data):
        for family, inner in attributes(data):
            if family == socket.AF_INET:
                conf = dict(attributes(inner)).get(1, b"")
                for n in range(len(conf) // 4):
                    # The kernel counts its array from 1.
                    out["ipv4." + (CONF4[n + 1] if n + 1 < len(CONF4) else str(n + 1))] = u32(conf, 4 * n)
            elif family == socket.AF_INET6:
                parts = dict(attributes(inner))
                conf = parts.get(2, b"")
                for n in range(len(conf) // 4):
                    out["ipv6." + (CONF6[n] if n < len(CONF6) else str(n))] = u32(conf, 4 * n)
                out["token"], out["addrgenmode"] = ip(parts.get(7, b"")), number(parts.get(8, b"\0"))
            else:
                out["family %d" % family] = raw(inner)

    # Addresses, routes, rules

    def address(self, data):
        family, length, flags, scope, index = struct.unpack_from("=BBBBI", data)
        parts = dict(attributes(data[8:]))
        local = parts.get(2, parts.get(1, b""))
        peer = parts.get(1, local)
        flags = u32(parts[8]) if 8 in parts else flags
        dev = self.dev(index)
        valid, preferred = (u32(parts[6], 4), u32(parts[6], 0)) if 6 in parts else (0xFFFFFFFF,) * 2
        value = {
            # Whether nobody else has it turns out later: tentative, optimistic, failed.
            "flags": flags & ~(0x40 | 0x04 | 0x08),
            "scope": scope,
            "label": text(parts.get(3, b"")),
            "broadcast": ip(parts.get(4, b"")),
            "metric": u32(parts.get(9, bytes(4))),
            "proto": number(parts.get(11, b"\0")),
            "valid": Lifetime(valid),
            "preferred": Lifetime(preferred),
        }
        if flags & 0x44 == 0x40 and dev in self.running:
            self.moving = True
        # Temporary addresses are the kernel's, made and ended by itself.
        if flags & 0x01 and family == socket.AF_INET6:
            return
        self.put(("addr", self.name, dev, "%s/%d" % (ip(local), length), ip(peer) if peer != local else ""), value)
        # Link-local ones have a place of their own behind the others.
        if value["scope"] != LINK_SCOPE or family == socket.AF_INET:
            self.add(("addr order", self.name, dev), "%s/%d" % (ip(local), length))

    def hops(self, data):
        out, at = [], 0
        while at + 8 <= len(data):
            length, flags, weight, index = struct.unpack_from("=HBBi", data, at)
            # Whether it is dead follows the link.
            hop = {"dev": self.dev(index), "flags": flags & ~0x31, "weight": weight + 1}
            for n, part in attributes(data[at + 8 : at + length]):
                hop[RTA.get(n, n)] = ip(part) if n == 5 else raw(part)
            out.append(hop)
            at += (length + 3) & ~3
        return out

    def route(self, data):
        family, dst, src, tos, table, proto, scope, kind, flags = struct.unpack_from("=BBBBBBBBI", data)
        parts = dict(attributes(data[12:]))
        if flags & 0x200:  # a cached one
            return
        table = u32(parts[15]) if 15 in parts else table
        value = {
            "proto": proto,
            "scope": scope,
            "type": kind,
            "flags": flags & ~(0x31 | 0x4000 | 0x8000 | 0x20000000 | 0x10000),
        }
        for n, part in parts.items():
            word = RTA.get(n, "attr%d" % n)
            if n in (1, 2, 6, 15, 24):
                continue
            if n == 4:
                value[word] = self.dev(u32(part))
            elif n == 8:
                # ip(8) of the newest Debian and the kernel write a congestion control by name.
                value["metrics"] = {METRICS[m] if m < len(METRICS) else m: number(v) for m, v in attributes(part)}
            elif n == 9:
                value[word] = self.hops(part)
            elif n == 12:
                # Of the clock, the uses and the errors only the end is somebody's wish, and that in hundredths.
                expires = struct.unpack_from("=i", part, 8)[0]
                if expires:
                    value["expires"] = Lifetime(expires // 100, round=3)
            elif n in (5, 7):
                value[word] = ip(part)
            else:
                value[word] = number(part)
        where = "%s/%d" % (ip(parts[1]) if 1 in parts else "default", dst)
        origin = " from %s/%d" % (ip(parts[2]), src) if 2 in parts else ""
        fam = {2: "ipv4", 10: "ipv6"}.get(family, str(family))
        metric = u32(parts[6]) if 6 in parts else 0
        self.add(("route", self.name, fam, table, where + origin, tos, metric), value)

    def rule(self, data):
        family, dst, src, tos, dummy, action, flags = struct.unpack_from("=BBBBBxxBI", data)
        if family < 100 and self.name is None:
            return
        parts = dict(attributes(data[12:]))
        # 8, 16: whether the links that it names are there
        value = {"dst": dst, "src": src, "tos": tos, "action": action, "flags": flags & ~0x18}
        for n, part in parts.items():
            word = FRA.get(n, "attr%d" % n)
            value[word] = ip(part) if n in (1, 2) else text(part) if n in (3, 17) else number(part)
        self.add(
            ("rule", self.name, {2: "ipv4", 10: "ipv6"}.get(family, str(family)), u32(parts.get(6, bytes(4)))), value
        )

    # Neighbours, stations, groups, VLANs

    def neighbour(self, data):
        family, index, state, flags = struct.unpack_from("=BxxxiHB", data)
        parts = dict(attributes(data[12:]))
        more = u32(parts.get(15, bytes(4)))
        kept = state & 0x80 or flags & (8 | 0x10) or more & 1 or (state & 0x40 and not kernel_made(parts.get(1, b"")))
        if not kept or family not in (2, 10):  # what the kernel has found out it also forgets
            return
        if flags & 0x10 or more & 1:  # what a control plane says, or the kernel is to keep fresh, is probed
            state &= 0xC0
        value = {"state": state, "flags": flags, "lladdr": parts.get(2, b"").hex(":"), "more": more}
        value["proto"] = number(parts.get(12, b"\0"))
        self.put(("neigh", self.name, self.dev(index), ip(parts.get(1, b"")), bool(flags & 8)), value)

    def station(self, data):
        index, state, flags = struct.unpack_from("=4xiHB", data)
        parts = dict(attributes(data[12:]))
        more = u32(parts.get(15, bytes(4)))
        mac = parts.get(2, b"")
        # The groups to which a device listens follow its addresses, and what stands on it.
        if flags & 2 and mac[0] & 1 and 1 not in parts:
            return
        # Learned ones age.
        if not (state & 0xC0 or flags & (0x10 | 0x20)):
            return
        value = {"state": state, "flags": flags, "more": more}
        for n, part in parts.items():
            if n in (2, 3, 4, 5, 15, 1, 7, 6):  # 3: how long ago it was used, 4: probes
                continue
            value["master" if n == 9 else "attr%d" % n] = self.dev(u32(part)) if n in (8, 9) else raw(part)
        key = ("fdb", self.name, self.dev(index), mac.hex(":"), number(parts.get(5, b"\0")))
        more = [ip(parts[1])] if 1 in parts else []
        more += ["vni %d" % u32(parts[7])] if 7 in parts else []
        more += ["port %s" % parts[6].hex()] if 6 in parts else []
        more += ["self"] if flags & 2 else []
        more += ["src_vni %s" % raw(parts[11])] if 11 in parts else []
        self.put((*key, *more), value)

    def group(self, data):
        bridge = self.dev(u32(data, 4))
        for n, mdb in attributes(data[8:]):
            if n != 1:  # ports where the kernel has heard a router
                continue
            for dummy, entry in attributes(mdb):
                for dummy, one in attributes(entry):
                    index, state, flags, vid = struct.unpack_from("=IBBH", one)
                    if not state & 1:  # learned
                        continue
                    value = {"flags": flags}
                    source = ""
                    for m, part in attributes(one[28:]):
                        if m == 1:  # a timer
                            continue
                        if m == 2:
                            many = [[(k, v.hex(" ")) for k, v in attributes(s) if k == 1] for d, s in attributes(part)]
                            value["sources"] = sorted(many)
                        elif m == 4:
                            source = ip(part)
                        else:
                            value["attr%d" % m] = raw(part)
                    group, proto = one[8:24], struct.unpack_from(">H", one, 24)[0]
                    shown = ip(group[:4]) if proto == 0x0800 else ip(group) if proto else group[:6].hex(":")
                    self.put(("mdb", self.name, bridge, self.dev(index), shown, vid, source), value)

    def vlan(self, data):
        dev = self.dev(u32(data, 4))
        for n, entry in attributes(data[8:]):
            parts = dict(attributes(entry))
            if n == 1:
                flags, first = struct.unpack("=HH", parts[1])
                last = u16(parts[2]) if 2 in parts else first
                for vid in range(first, last + 1):
                    value = {"flags": flags & ~0x18}  # 8, 16: begin and end of a range
                    for m, part in parts.items():
                        if m in (1, 2, 5, 7, 3):  # 5, 7: counters; 3: the spanning tree
                            continue
                        if m == 4:
                            value["tunnel"] = [
                                (k, u32(v) + vid - first if k == 1 else v.hex(" ")) for k, v in attributes(part)
                            ]
                        else:
                            value["attr%d" % m] = raw(part)
                    self.put(("vlan", self.name, dev, vid), value)
            else:
                first = u16(parts[1])
                last = u16(parts[2]) if 2 in parts else first
                value = {"attr%d" % m: raw(part) for m, part in parts.items() if m not in (1, 2, 14, 15)}
                for vid in range(first, last + 1):
                    self.put(("vlan options", self.name, dev, vid), dict(value))

    def vni(self, data):
        dev = self.dev(u32(data, 4))
        for dummy, entry in attributes(data[8:]):
            parts = {n: part for n, part in attributes(entry) if n != 5}  # 5: counters
            first, last = u32(parts[1]), u32(parts.get(2, parts[1]))
            for vni in range(first, last + 1):
                self.put(("vni", self.name, dev, vni), {str(n): raw(p) for n, p in parts.items() if n > 2})

    # Queueing

    def discipline(self):
        more = set()
        for data in self.socket.dump(38, struct.pack("=BBHiIII", 0, 0, 0, 0, 0, 0, 0) + attribute(10, b"")):
            index, handle, parent = struct.unpack_from("=iII", data, 4)
            parts = dict(attributes(data[20:]))
            kind = text(parts[1])
            if not handle:  # the kernel's choice
                continue
            chosen = handle >> 16 >= 0x8000 and kind not in ("ingress", "clsact")
            shown = "%x:" % (handle >> 16) if not chosen else "auto"
            value = {"kind": kind, "options": self.choices(kind, parts.get(2, b""))}
            value.update({"attr%d" % n: raw(part) for n, part in parts.items() if n in (13, 14)})
            self.put(("qdisc", self.name, self.dev(index), "%x" % parent, shown), value)
            if kind in ("htb", "prio", "ingress", "clsact", "hfsc", "drr", "qfq", "ets", "cbs", "fq_codel", "sfq"):
                more.add((index, handle, kind))
        for index, handle, kind in sorted(more):
            dev = self.dev(index)
            if kind in ("htb", "hfsc", "drr", "qfq"):
                for data in self.socket.dump(42, struct.pack("=BBHiIII", 0, 0, 0, index, 0, 0, 0)):
                    own, parent = struct.unpack_from("=II", data, 8)
                    parts = dict(attributes(data[20:]))
                    if text(parts[1]) == kind:
                        # 12: info is the qdisc beneath
                        self.put(
                            ("class", self.name, dev, "%x" % own), {"parent": parent, "options": raw(parts.get(2, b""))}
                        )
            parents = [0xFFFFFFF2, 0xFFFFFFF3] if kind == "clsact" else [handle]
            for parent in parents:
                for data in self.socket.dump(46, struct.pack("=BBHiIII", 0, 0, 0, index, 0, parent, 0)):
                    number_, dummy, info = struct.unpack_from("=III", data, 8)
                    parts = dict(attributes(data[20:]))
                    key = ("filter", self.name, dev, "%x" % parent, info >> 16, number_, parts.get(11, b"").hex())
                    value = {"kind": text(parts[1]), "protocol": info & 0xFFFF}
                    value["options"] = self.actions(parts.get(2, b""))
                    self.add(key, value)

    @staticmethod
    def choices(kind, data):
        if kind == "htb":  # among its numbers is how many packets had no class
            parts = [(n, part[:16] if n == 2 else part) for n, part in attributes(data)]
            return [(n, raw(part)) for n, part in parts]
        return raw(data) if kind not in ("ingress", "clsact") else ""

    def actions(self, data):
        """The options of a filter without the clocks and counters of its actions, however deep they are."""
        out = []
        for n, part in attributes(data):
            inner = list(attributes(part))
            whole = sum((len(p) + 7) & ~3 for m, p in inner) >= len(part) - 3 if inner and len(part) >= 12 else False
            if whole and any(m == 1 and text(p).isalpha() and len(p) > 2 for m, p in inner):
                kept = {m: p for m, p in inner if m not in (4, 7, 10)}  # statistics, cookies of hardware, counts
                options = [(m, raw(p)) for m, p in attributes(kept.pop(2, b"")) if len(p) != 32]  # when it was used
                out.append((n, [(m, raw(p)) for m, p in kept.items()], options))
            elif whole and all(0 < m < 33 for m, p in inner):
                out.append((n, self.actions(part)))
            else:
                out.append((n, raw(part)))
        return out

    def nexthop(self, data):
        family, scope, protocol, flags = struct.unpack_from("=BBBxI", data)
        parts = dict(attributes(data[8:]))
        value = {"family": family, "scope": scope, "protocol": protocol, "flags": flags & ~0x31}
        for n, part in parts.items():
            if n in (1, 13, 14, 15):  # 13: statistics
                continue
            if n == 12:  # buckets, intervals; 3: for how long it has been out of balance
                value["resilient"] = [(m, raw(p)) for m, p in attributes(part) if m not in (3, 4)]
                continue
            value["oif" if n == 5 else "attr%d" % n] = self.dev(u32(part)) if n == 5 else raw(part)
        self.put(("nexthop", self.name, u32(parts[1])), value)

    # Netfilter

    def firewall(self, command, *parts, flags=netlink.DUMP, family=0):
        body = struct.pack("=BBH", family, 0, 0) + b"".join(attribute(n, part) for n, part in parts)
        return self.netfilter.dump(10 << 8 | command, body)

    def tables(self):
        """nf_tables as bytes: tables, chains, rules, sets, elements, objects, flow tables, in their order."""
        ns = self.name
        tables = self.firewall(1)
        if tables:
            for data in tables:
                parts = dict(attributes(data[4:]))
                key = ("nft", ns, data[0], text(parts[1]))
                self.put(key, {str(n): raw(p) for n, p in parts.items() if n not in (1, 5)})  # 5: the pad
            for data in self.firewall(4):
                parts = dict(attributes(data[4:]))
                key = ("nft chain", ns, data[0], text(parts[1]), text(parts[3]))
                self.put(key, {str(n): raw(p) for n, p in parts.items() if n not in (1, 3, 8, 9)})  # 8: counters
            for data in self.firewall(7):
                parts = dict(attributes(data[4:]))
                value = {str(n): part.hex(" ") for n, part in parts.items() if n not in (1, 2, 4, 8)}
                value["expressions"] = [self.expression(e) for dummy, e in attributes(parts.get(4, b""))]
                self.add(("nft rule", ns, data[0], text(parts[1]), text(parts[2])), value)
            for data in self.firewall(10):
                parts = dict(attributes(data[4:]))
                key = ("nft set", ns, data[0], text(parts[1]), text(parts[2]))
                value = {str(n): raw(p) for n, p in parts.items() if n not in (1, 2, 20)}
                elements = []
                for found in self.firewall(13, (1, parts[1]), (2, parts[2]), family=data[0]):
                    for n, many in attributes(found[4:]):
                        if n == 3:
                            for dummy, element in attributes(many):
                                # 5: when it expires; 7: counters
                                elements.append([(m, raw(p)) for m, p in attributes(element) if m not in (5, 7, 11)])
                if not number(parts.get(3, b"\0\0\0\0")[::-1]) & 0x20:  # a dynamic one is filled by packets
                    value["elements"] = sorted(elements, key=str)
                self.put(key, value)
            for data in self.firewall(19):
                parts = dict(attributes(data[4:]))
                key = ("nft object", ns, data[0], text(parts[1]), text(parts[2]), number(parts[3]))
                value = {str(n): raw(p) for n, p in parts.items() if n not in (1, 2, 3, 4)}
                if u32(parts[3][::-1]) not in (1, 2):  # counters and quotas count
                    value["data"] = raw(parts.get(4, b""))
                self.put(key, value)
            for data in self.firewall(23):
                parts = dict(attributes(data[4:]))
                key = ("nft flowtable", ns, data[0], text(parts[1]), text(parts[2]))
                self.put(key, {str(n): raw(p) for n, p in parts.items() if n not in (1, 2)})
        with inside(ns):
            for save, names in (("iptables", "/proc/net/ip_tables_names"), ("ip6tables", "/proc/net/ip6_tables_names")):
                if os.path.exists(names) and open_text(names).strip():
                    done = subprocess.run([save + "-legacy-save"], capture_output=True, check=False)
                    lines = [line for line in done.stdout.split(b"\n") if not line.startswith(b"#")]
                    # [packets:bytes] of a chain's policy
                    lines = [line.rpartition(b" [")[0] if line.startswith(b":") else line for line in lines]
                    table = ""
                    for line in lines:
                        if line.startswith(b"*"):
                            table = line[1:].decode()
                        elif line and line != b"COMMIT":
                            self.add(("iptables", ns, save, table), line.decode("utf-8", "surrogateescape"))

    @staticmethod
    def expression(data):
        parts = dict(attributes(data))
        name = text(parts.get(1, b""))
        counting = name in ("counter", "quota", "last", "limit", "connlimit")
        return (name, "" if counting else raw(parts.get(2, b"")))

    # Generic netlink

    def wireguards(self):
        """Keys, ports and peers."""
        names = [k[2] for k, v in self.things.items() if k[:2] == ("link", self.name) and v.get("kind") == "wireguard"]
        if not names:
            return
        with inside(self.name):
            generic = netlink.Socket(netlink.GENERIC)
        answer = generic.ask(16, struct.pack("=BBH", 3, 1, 0) + attribute(2, b"wireguard\0"), 0)
        family = u16(dict(attributes(answer[0][1][4:]))[1])
        for name in names:
            peers, value = {}, {}
            body = struct.pack("=BBH", 0, 1, 0) + attribute(2, name.encode("utf-8", "surrogateescape") + b"\0")
            for data in generic.dump(family, body):
                for n, part in attributes(data[4:]):
                    if n == 8:
                        for dummy, peer in attributes(part):
                            self.peer(peers, dict(attributes(peer)))
                    elif n != 1:  # the index
                        value["wireguard.%d" % n] = raw(part)
            self.put(("wireguard", self.name, name), value)
            for key, peer in peers.items():
                self.put(("wireguard peer", self.name, name, key), peer)
        generic.close()

    @staticmethod
    def peer(peers, parts):
        """One peer, or the rest of one of which an earlier message told the beginning."""
        peer = peers.setdefault(parts[1].hex(), {"allowed": []})
        # 6, 7, 8: the last handshake, and counters
        peer.update({"peer.%d" % n: raw(part) for n, part in parts.items() if n not in (1, 6, 7, 8, 9)})
        allowed = [[(m, raw(p)) for m, p in attributes(ip_)] for dummy, ip_ in attributes(parts.get(9, b""))]
        peer["allowed"] = sorted(peer["allowed"] + allowed, key=str)

    # What no message tells

    def files(self):
        for family in ("ipv4", "ipv6"):
            for scope in ("all", "default"):
                folder = "/proc/sys/net/%s/conf/%s" % (family, scope)
                for word in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
                    if word not in ("stable_secret",):  # cannot be read until it is set
                        self.put(("sysctl", self.name, family, scope, word), {"value": open_text(folder + "/" + word)})
        for path in ("net/ipv4/ip_forward", "net/ipv4/fib_multipath_hash_policy", "net/ipv6/bindv6only"):
            if os.path.exists("/proc/sys/" + path):
                self.put(("sysctl", self.name, *path.split("/")[1:]), {"value": open_text("/proc/sys/" + path)})


def open_text(path):
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape").strip()
    except OSError as e:
        return e.strerror


def kernel_made(address):
    """Whether the kernel itself may have made a neighbour that needs no asking: a group, or everybody."""
    return not address or address[0] >= 224 or address == bytes(len(address)) or address[:1] == b"\x7f"


class Unknown:
    """What the kernel does not tell now: equal to all."""

    def __eq__(self, other):
        return True

    __hash__ = None


class Lifetime:
    """Seconds that pass: equal to what it may have become after a while."""

    def __init__(self, seconds, round=1):
        self.seconds, self.at, self.slack = seconds, time.monotonic(), 2 + round

    def __eq__(self, other):
        if self.seconds == 0xFFFFFFFF or other.seconds == 0xFFFFFFFF:
            return self.seconds == other.seconds
        if not self.seconds or not other.seconds:
            return abs(self.seconds - other.seconds) <= self.slack + abs(other.at - self.at)
        return abs((self.at + self.seconds) - (other.at + other.seconds)) <= self.slack

    __hash__ = None

    def __repr__(self):
        return "forever" if self.seconds == 0xFFFFFFFF else "%d s" % self.seconds


def listed(folder):
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def snapshot():
    """All there is, in all namespaces with a name and in that of this process."""
    things = {}
    spaces = []
    for name in ["", *listed("/run/netns")]:
        try:
            inode = os.stat("/run/netns/" + name if name else "/proc/thread-self/ns/net").st_ino
            space = Space(name, things)
        except OSError:
            things["netns", name] = {"broken": True}
            continue
        things["netns", name] = {"inode": inode}
        spaces.append(space)
    for space in spaces:
        space.read()
    if any(space.moving for space in spaces):
        things["moving",] = {}
    resolve(spaces, things)
    for space in spaces:
        space.close()
    for name in listed("/run/virtnet"):
        if name == "lock":  # it is there for who waits
            continue
        things["file", "/run/virtnet/" + name] = {"text": open_text("/run/virtnet/" + name)}
    return things


def resolve(spaces, things):
    """Names for the links that are in another namespace than what stands on them."""
    for space in spaces:
        far = [
            (k, v)
            for k, v in things.items()
            if k[0] == "link" and k[1] == space.name and isinstance(v.get("link"), tuple)
        ]
        if not far:
            continue
        known = {}
        for other in spaces:
            path = "/run/netns/" + other.name if other.name else "/proc/thread-self/ns/net"
            file = os.open(path, os.O_RDONLY)
            try:
                body = struct.pack("=Bxxx", 0) + attribute(3, struct.pack("=I", file))
                for dummy, part in space.socket.ask(90, body, flags=0):
                    nsid = struct.unpack("=i", dict(attributes(part[4:]))[1])[0]
                    known[nsid] = other
            except OSError:
                pass
            finally:
                os.close(file)
        for dummy, value in far:
            index, nsid = value["link"][1:]
            other = known.get(nsid if nsid < 0x80000000 else -1)
            value["link"] = "%s:%s" % (other.name, other.dev(index)) if other else "nameless"


# Comparison


def differences(before, after):
    """What differs: (key, attribute or None, before, after)."""
    out = []
    for key in sorted({*before, *after} - {("moving",)}, key=str):
        old, new = before.get(key), after.get(key)
        if old is None or new is None:
            out.append((key, None, old, new))
        elif isinstance(old, dict) and isinstance(new, dict):
            for word in sorted({*old, *new}, key=str):
                if word == "index":  # see remade()
                    continue
                mine, theirs = old.get(word), new.get(word)
                if mine is None or theirs is None:
                    if mine is not theirs:
                        out.append((key, word, mine, theirs))
                elif mine != theirs:
                    out.append((key, word, mine, theirs))
        elif old != new:
            if sorted(map(str, old)) == sorted(map(str, new)):
                # Equal neighbours in IPv6 share the traffic: their order means nothing.
                if key[0] == "route" and (key[2] == "ipv6" or key[3] == 255):
                    continue
                out.append((key, "order", old, new))
            else:
                out.append((key, "list", *lists(old, new)))
    return [d for d in out if not of_the_kernel(d, after)]


def lists(old, new):
    """Those of two lists that the other does not have; of a single one that differs only what differs."""
    new_left = list(new)
    old_left = []
    for one in old:
        if any(one == two for two in new_left):
            new_left.remove(next(two for two in new_left if one == two))
        else:
            old_left.append(one)
    if len(old_left) == len(new_left) == 1 and isinstance(old_left[0], dict) and isinstance(new_left[0], dict):
        mine, theirs = old_left[0], new_left[0]
        words = [
            w
            for w in {*mine, *theirs}
            if (mine.get(w) is None) != (theirs.get(w) is None) or mine.get(w) != theirs.get(w)
        ]
        words.sort(key=str)
        return {w: mine.get(w) for w in words}, {w: theirs.get(w) for w in words}
    return old_left, new_left


LINK_LOCAL = "fe80:"


def of_the_kernel(difference, after):
    """What the kernel makes by itself, and perhaps late: link-local addresses and what follows from them, own stations.

    A link-local address of its own that is lost is no loss where it has made another one.
    """
    key, dummy, old, new = difference
    if key[0] == "addr" and new is None and key[3].startswith(LINK_LOCAL) and old.get("proto") == 3:
        return any(k[:3] == key[:3] and k[3].startswith(LINK_LOCAL) for k in after if k[0] == "addr")
    if key[0] == "route" and not new and key[3] == 255 and key[4].startswith(LINK_LOCAL):
        devs = {route.get("oif") for route in old if isinstance(route, dict)}
        return all(
            any(k[1:3] == (key[1], d) and k[3].startswith(LINK_LOCAL) for k in after if k[0] == "addr") for d in devs
        )
    if key[0] == "route" and key[2:4] == ("ipv6", 255) and not old:
        # By an address of a link without a carrier it can be reached itself some time later.
        address = key[4].partition("/")[0]
        if any(k[:2] == ("addr", key[1]) and k[3].partition("/")[0] == address for k in after):
            return True
    if key[0] == "fdb" and new is None and old["state"] == 128 and old.get("flags") == 0:
        # Of a port's own address, or of its bridge's: it is known by that and the VLAN.
        return any(k[0] == "fdb" and k[1] == key[1] and k[3:5] == key[3:5] for k in after)
    if key[0] == "fdb" and old is None and new["state"] == 128 and new.get("flags") == 0:
        own = [after.get(("link", key[1], dev), {}).get("address") for dev in (key[2], new.get("master"))]
        return key[3] in own
    if key[0] == "addr" and old is None and key[3].startswith(LINK_LOCAL):
        return True
    if key[0] == "route" and key[2] == "ipv6" and not old and key[4].startswith(("fe80::", "ff00::/8")):
        routes = new if isinstance(new, list) else [new]
        return all(isinstance(r, dict) and r.get("proto", 2) == 2 for r in routes)
    return False


def remade(before, after):
    """Links that have another index than before: deleted and made anew, or gone elsewhere and back."""
    out = []
    for key, old in before.items():
        new = after.get(key)
        if key[0] == "link" and new is not None and old["index"] != new["index"]:
            out.append((key, "index", old["index"], new["index"]))
    return out


def moving(things):
    """Whether the kernel is about to change something by itself: it has not told what follows from a carrier yet."""
    return ("moving",) in things


def renamed(things, links):
    """The snapshot as it has to be when links are elsewhere: {(netns, name): (netns, name)}."""

    def name_of(ns, dev):
        return links.get((ns, dev), (ns, dev))

    out = {}
    for key, value in things.items():
        ns = key[1] if len(key) > 1 else None
        new = key
        if key[0] in (
            "addr",
            "addr order",
            "neigh",
            "fdb",
            "vlan",
            "qdisc",
            "class",
            "filter",
            "vni",
            "link",
            "mdb",
            "wireguard",
            "wireguard peer",
        ):
            new = (key[0], *name_of(ns, key[2]), *key[3:])
        if key[0] == "mdb":
            new = (*new[:3], name_of(ns, key[3])[1], *key[4:])
        # A rule has a name in it, and not the link.
        out[new] = value if key[0] == "rule" else relinked(ns, value, links)
    return out


def relinked(ns, value, links):
    if isinstance(value, list):
        return [relinked(ns, one, links) for one in value]
    if not isinstance(value, dict):
        return value
    out = dict(value)
    for word in LINKS:
        if isinstance(out.get(word), str) and (ns, out[word]) in links:
            out[word] = links[ns, out[word]][1]
        far = tuple(str(out.get(word)).split(":", 1))
        if word == "link" and far in links:
            out[word] = "%s:%s" % links[far]
    if "multipath" in out:
        out["multipath"] = [relinked(ns, hop, links) for hop in out["multipath"]]
    return out


def shown(difference):
    key, word, old, new = difference
    where = "%s in %s: %s" % (key[0], repr(key[1]) if len(key) > 1 else "", " ".join(str(part) for part in key[2:]))
    if word is None:
        return "%s is %s: %s" % (where, "gone" if new is None else "new", brief(old if new is None else new))
    return "%s: %s was %s, is %s" % (where, word, brief(old), brief(new))


def brief(value):
    out = "%s" % (value,)
    return out if len(out) < 600 else out[:600] + " ..."
