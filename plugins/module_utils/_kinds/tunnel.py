# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""ipip, sit, ip6tnl, and what all tunnels have in common: ip-tunnel(8)."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from .._core.rows import Flag, Ip, No, Number, OutOfBand, Present, Row
from .._core.values import Refused
from .._core.words import ip
from .base import UDP, Kind, called, told_apart


class Tunnel(Kind):
    """A link whose packets travel in outer ones. It outlives the link by which these leave."""

    def outlives_lower(self):
        return True

    def check(self, planner, after, want, attrs):
        if self.name in ("ipip", "sit") and attrs["ttl"] != "inherit" and not attrs["pmtudisc"]:
            raise Refused("pmtudisc", "%s, %s, has it always with a ttl of its own" % (after.name, called(after)))

    def out_of_band(self):
        return "isatap" if self.name == "sit" else ""

    def more_commands(self, link, step):
        out = []
        for address, was, default in changed_routers(step) if self.out_of_band() else ():
            gone = ["prl-delete"] if was is not None else []
            for word in gone + ([] if default is None else ["prl-default" if default else "prl-nodefault"]):
                out.append(ip(link.netns, "tunnel", "prl", "dev", link.name, word, address))
        return out


# In these tables {ip} is the type of an address, {flags} that of some bits; they differ between IPv4 and IPv6.
TYPES = {4: {"ip": "ip4addr", "flags": "uint16"}, 6: {"ip": "ip6addr", "flags": "uint32"}}
IPTUN = {
    "LINK": "1:uint32",
    "LOCAL": "2:{ip}",
    "REMOTE": "3:{ip}",
    "TTL": "4:uint8",
    "TOS": "5:uint8",
    "ENCAP_LIMIT": "6:uint8",
    "FLOWINFO": "7:be32",
    "FLAGS": "8:{flags}",
    "PROTO": "9:uint8",
    "PMTUDISC": "10:uint8",
    "ENCAP_TYPE": "15:uint16",
    "ENCAP_FLAGS": "16:uint16",
    "ENCAP_SPORT": "17:be16",
    "ENCAP_DPORT": "18:be16",
    "COLLECT_METADATA": "19:flag",
    "FWMARK": "20:uint32",
}


def attributes(prefix, table, version):
    """A function that gives the netlink attribute of a name."""

    def nla(name):
        return "%s%s=%s" % (prefix, name, table[name].format(**TYPES[version]))

    return nla


def ends(nla, version, point):
    """Where the outer packets come from and go to; a tunnel over IPv4 to a point stays one, or one to any."""
    immutable = ("",) if point and version == 4 else False
    return (
        Ip("local", nla("LOCAL"), "str", default="", version=version, **UDP),
        Ip("remote", nla("REMOTE"), "str", default="", version=version, immutable=immutable, **UDP),
        Row("fwmark", nla("FWMARK"), "int", range(2**32), 0, **UDP),
    )


def outer_ipv4(nla):
    return (
        Number("ttl", nla("TTL"), "str", range(256), "inherit", word="inherit", **UDP),
        Number("tos", nla("TOS"), "str", range(256), 0, word="inherit", raw=1, hexadecimal=True, **UDP),
        No("pmtudisc", nla("PMTUDISC"), default=True, **UDP),
    )


def outer_ipv6(nla):
    info, flags, label = nla("FLOWINFO"), nla("FLAGS"), dict(word="inherit", hexadecimal=True, **UDP)
    return (
        Number("ttl", nla("TTL"), "str", range(256), 64, word="inherit", **UDP),
        Number("tos", info, "str", range(256), 0, shift=20, flag=(flags, 2), **label),
        Number("flowlabel", info, "str", range(2**20), 0, flag=(flags, 4), **label),
        Number("encaplimit", nla("ENCAP_LIMIT"), "str", range(256), 4, word="none", flag=(flags, 1), **UDP),
        No("allow_localremote", flags, default=False, bit=0x40, **UDP),
    )


def encap(nla, version):
    flags = nla("ENCAP_FLAGS")
    return (
        Row("encap", nla("ENCAP_TYPE"), "str", {"none": 0, "fou": 1, "gue": 2}, "none", **UDP),
        # ip(8) swaps the bytes of a port that it is not told again.
        Number("encap_sport", nla("ENCAP_SPORT"), "str", range(65536), "auto", word="auto", repeat=True, **UDP),
        Row("encap_dport", nla("ENCAP_DPORT"), "int", range(65536), 0, ip_word="encap-dport", repeat=True, **UDP),
        No("encap_csum", flags, default=False, bit=1, **UDP),
        No("encap_udp6_csum", flags, default=version == 6, bit=2, **UDP),
        No("encap_remcsum", flags, default=False, bit=4, **UDP),
    )


def external(nla):
    return Present("external", nla("COLLECT_METADATA"), default=False, immutable=True)


def tunnel(name, rows, nla, version, unique, l3=True, **fields):
    """A tunnel. What ip(8) takes for a default, the kernel takes only if it is sent."""
    more = dict(module="ip_tunnel", underlay=nla("LINK"), unique=unique, l3=l3, no_uppers=l3, full_update=True)
    return fields.pop("kind", Tunnel)(name, ends(nla, version, l3) + tuple(rows), **more, **fields)


class OnIsatap(OutOfBand):
    """What a tunnel of ISATAP is told by ioctl(2), and ip-tunnel(8)."""


class Routers(OnIsatap, Row):
    """The addresses of routers, and which of them are default routers."""

    def parse(self, value):
        routers = {}
        for router in value:
            address = Ip(self.name, "").parse(router["address"])
            if not address or address in routers:
                raise ValueError("%s is %s" % (router["address"], "given twice" if address else "no router"))
            routers[address] = router["default"]
        return tuple(sorted(routers.items()))

    def shown(self, value):
        return [dict(address=address, default=default) for address, default in value]

    def spec(self):
        router = dict(address=dict(type="str", required=True), default=dict(type="bool", default=False))
        return dict(type="list", elements="dict", options=router)


def changed_routers(step):
    """The (address, what it was, what it is to be) of routers that come, go or change; None is no router."""
    if "prl" not in told_apart(step, OnIsatap):
        return []
    old, new = (dict(dict(link.attrs).get("prl") or ()) if link else {} for link in (step.before, step.after))
    trios = [(address, old.get(address), new.get(address)) for address in sorted({**old, **new})]
    return [trio for trio in trios if trio[1] != trio[2]]


class Sixrd(Row):
    """The IPv6 prefix of a domain, and the IPv4 prefix of its addresses."""

    NAMES = ("IFLA_IPTUN_6RD_PREFIX=11:bytes", "IFLA_IPTUN_6RD_RELAY_PREFIX=12:bytes")
    LENGTHS = ("IFLA_IPTUN_6RD_PREFIXLEN=13:uint16", "IFLA_IPTUN_6RD_RELAY_PREFIXLEN=14:uint16")

    def parse(self, value):
        prefix, relay = IPv6Network(value["prefix"]), IPv4Network(value["relay_prefix"])
        if not prefix.prefixlen:
            raise ValueError("%s is no prefix" % prefix)
        if prefix.prefixlen + 32 - relay.prefixlen > 64:
            text = "%s and the %d bits of an IPv4 address that %s leaves are more than 64 bits"
            raise ValueError(text % (prefix, 32 - relay.prefixlen, relay))
        return str(prefix), str(relay)

    def shown(self, value):
        return dict(zip(("prefix", "relay_prefix"), value))

    def encode(self, value, old):
        out = {}
        for family, name, length, text in zip((AF_INET6, AF_INET), self.NAMES, self.LENGTHS, value):
            address, dummy, bits = text.partition("/")
            out.update({name: inet_pton(family, address), length: int(bits)})
        return out

    def attributes(self):
        return self.NAMES + self.LENGTHS

    def read(self, get):
        raw = [get(name) for name in self.NAMES]
        if raw[0] is None:
            return self.default
        ips = [inet_ntop(family, bytes(data)) for family, data in zip((AF_INET6, AF_INET), raw)]
        return tuple("%s/%d" % pair for pair in zip(ips, map(get, self.LENGTHS)))

    def ip_args(self, value, old):
        return ["6rd-prefix", value[0], "6rd-relay_prefix", value[1]]

    def spec(self):
        prefixes = dict(prefix=dict(type="str", required=True), relay_prefix=dict(type="str", default="0.0.0.0/0"))
        return dict(type="dict", options=prefixes)


def iptun(nla, version, protocols):
    proto = Row("proto", nla("PROTO"), "str", protocols, "any", ip_word="mode", immutable=version == 4)
    return (proto, *(outer_ipv4 if version == 4 else outer_ipv6)(nla), *encap(nla, version))


ENDS = ("local", "remote")
FOUR, SIX = (attributes("IFLA_IPTUN_", IPTUN, version) for version in (4, 6))
SIT = (
    Flag("isatap", FOUR("FLAGS"), default=False, immutable=True),
    Routers("prl", "SIOCADDPRL", "list", default=(), only=("isatap", True)),
    Sixrd("sixrd", "IFLA_IPTUN_6RD_PREFIX=11:bytes", "dict", default=("2002::/16", "0.0.0.0/0")),
)
KINDS = (
    tunnel("ipip", (*iptun(FOUR, 4, {"ipip": 4, "mplsip": 137, "any": 0}), external(FOUR)), FOUR, 4, ENDS),
    tunnel("sit", iptun(FOUR, 4, {"ip6ip": 41, "ipip": 4, "mplsip": 137, "any": 0}) + SIT, FOUR, 4, ENDS),
    tunnel(
        "ip6tnl",
        (*iptun(SIX, 6, {"ip6ip6": 41, "ipip6": 4, "any": 0}), external(SIX)),
        SIX,
        6,
        ENDS,
        kernel_module="ip6_tunnel",
    ),
)
