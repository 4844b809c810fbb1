# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""vxlan and geneve: Ethernet over UDP."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from .._core.rows import Flag, Ip, No, Number, Present, Row
from .._core.values import Refused
from .base import UDP, Kind

DF = {"unset": 0, "set": 1, "inherit": 2}


def is_group(value):
    """Whether this is a multicast address."""
    return bool(value) and ip_address(value).is_multicast


class EitherIp(Ip):
    """One of IPv4 or IPv6, which have attributes of their own; or the address of a group."""

    version: int = 0
    six: str = ""
    group: bool = False

    def parse(self, value):
        try:
            if self.group and ip_address(value).is_multicast:
                return str(ip_address(value))
        except ValueError:
            pass
        return super().parse(value)

    def encode(self, value, old):
        return {self.six if ":" in value else self.nla: value} if value else {}

    def attributes(self):
        return (self.nla, self.six)

    def read(self, get):
        return self.decode(get(self.nla)) or self.decode(get(self.six))

    def keeps(self, old, new):
        return not new or (":" in new) != (":" in (old or ""))

    def ip_args(self, value, old):
        return ["group" if is_group(value) else self.name, value]

    def spec(self):
        return dict(type="str", aliases=["group"]) if self.group else dict(type="str")


class External(Flag):
    """A vxlan that is told where its packets go learns nothing."""

    def encode(self, value, old):
        return {self.nla: 1, "IFLA_VXLAN_LEARNING=7:uint8": 0}


class Ports(Row):
    """A range of ports, or nothing, where the kernel chooses."""

    def parse(self, value):
        low, dummy, high = value.partition("-")
        if value and not (low.isdecimal() and high.isdecimal() and int(low) <= int(high) < 65536 and int(high)):
            raise ValueError("%r is no range of ports, for instance 32768-60999" % value)
        return value and "%d-%d" % (int(low), int(high))

    def encode(self, value, old):
        return {self.nla: struct.pack("!HH", *ends(value))}

    def decode(self, raw):
        low, high = struct.unpack_from("!HH", raw or bytes(4))
        return "%d-%d" % (low, high) if high else ""

    def ip_args(self, value, old):
        return [self.name, *map(str, ends(value))]


def ends(ports):
    return [int(port) for port in ports.split("-")] if ports else [0, 0]


class OverUdp(Kind):
    """Its outer packets take a part of the MTU of the link by which they leave."""

    def overhead(self, link):
        attrs = dict(link.attrs)
        return 70 if any(":" in (attrs.get(name) or "") for name in ("local", "remote")) else 50

    def check(self, planner, after, want, attrs):
        lower = planner.state.link(after.link) if after.link and after.link[1] else None
        if attrs["flowlabel"] and not any(":" in (attrs[name] or "") for name in ("local", "remote")):
            raise Refused("flowlabel", "it is for outer packets of IPv6: local or remote")
        if attrs.get("local") and attrs["remote"] and (":" in attrs["local"]) != (":" in attrs["remote"]):
            raise Refused("local", "%s and the remote %s are not of one family" % (attrs["local"], attrs["remote"]))
        if is_group(attrs["remote"]) and not (after.link and after.link[1]):
            raise Refused("link", "to a group packets go by one link")
        if want.mtu and lower is not None and lower.mtu and not planner.rolls_back:
            most = lower.mtu - self.overhead(after)
            if want.mtu > most:
                text = "%d is more than %d, what the outer packets leave of the %d of %s"
                raise Refused("mtu", text % (want.mtu, most, lower.mtu, lower.name))


TOS = dict(word="inherit", raw=1, hexadecimal=True)
INHERIT = "IFLA_VXLAN_TTL_INHERIT=28:uint8", "IFLA_GENEVE_TTL_INHERIT=12:uint8"
VXLAN = (
    Row("id", "IFLA_VXLAN_ID=1:uint32", "int", range(2**24), required="external", immutable=True, **UDP),
    EitherIp("local", "IFLA_VXLAN_LOCAL=4:ip4addr", "str", default="", six="IFLA_VXLAN_LOCAL6=17:ip6addr", **UDP),
    EitherIp(
        "remote",
        "IFLA_VXLAN_GROUP=2:ip4addr",
        "str",
        default="",
        six="IFLA_VXLAN_GROUP6=16:ip6addr",
        group=True,
        **UDP,
    ),
    Row("dstport", "IFLA_VXLAN_PORT=15:be16", "int", range(1, 65536), 8472, immutable=True),
    Ports("srcport", "IFLA_VXLAN_PORT_RANGE=10:bytes", "str", default="", immutable=True),
    Number("flowlabel", "IFLA_VXLAN_LABEL=26:be32", "str", range(2**20), 0, hexadecimal=True, **UDP),
    Number(
        "ttl",
        "IFLA_VXLAN_TTL=5:uint8",
        "str",
        range(256),
        0,
        word="inherit",
        raw=b"",  # to be sent without a value, it is read with one
        instead=INHERIT[0],
        immutable=("inherit",),
        **UDP,
    ),
    Number("tos", "IFLA_VXLAN_TOS=6:uint8", "str", range(256), 0, **TOS, **UDP),
    Row("df", "IFLA_VXLAN_DF=29:uint8", "str", DF, "unset", **UDP),
    No("learning", "IFLA_VXLAN_LEARNING=7:uint8", default=True, **UDP),
    No("proxy", "IFLA_VXLAN_PROXY=11:uint8", default=False, immutable=True),
    No("rsc", "IFLA_VXLAN_RSC=12:uint8", default=False, immutable=True),
    No("l2miss", "IFLA_VXLAN_L2MISS=13:uint8", default=False, immutable=True),
    No("l3miss", "IFLA_VXLAN_L3MISS=14:uint8", default=False, immutable=True),
    Row("ageing", "IFLA_VXLAN_AGEING=8:uint32", "int", range(1, 2**32), 300),
    Row("maxaddress", "IFLA_VXLAN_LIMIT=9:uint32", "int", range(2**32), 0, immutable=True),
    No("udpcsum", "IFLA_VXLAN_UDP_CSUM=18:uint8", default=True, immutable=True),
    No("udp6zerocsumtx", "IFLA_VXLAN_UDP_ZERO_CSUM6_TX=19:uint8", default=False, immutable=True),
    No("udp6zerocsumrx", "IFLA_VXLAN_UDP_ZERO_CSUM6_RX=20:uint8", default=False, immutable=True),
    Present("gbp", "IFLA_VXLAN_GBP=23:flag", default=False, immutable=True),
    External("external", "IFLA_VXLAN_COLLECT_METADATA=25:uint8", default=False, immutable=True),
    Flag("vnifilter", "IFLA_VXLAN_VNIFILTER=30:uint8", default=False, immutable=True, only=("external", True)),
)
GENEVE = (
    Row("id", "IFLA_GENEVE_ID=1:uint32", "int", range(2**24), required="external", immutable=True, repeat=True, **UDP),
    EitherIp(
        "remote", "IFLA_GENEVE_REMOTE=2:ip4addr", "str", required="external", six="IFLA_GENEVE_REMOTE6=7:ip6addr", **UDP
    ),
    Row("dstport", "IFLA_GENEVE_PORT=5:be16", "int", range(1, 65536), 6081, immutable=True),
    Number("ttl", "IFLA_GENEVE_TTL=3:uint8", "str", range(256), 0, word="inherit", raw=1, instead=INHERIT[1], **UDP),
    Number("tos", "IFLA_GENEVE_TOS=4:uint8", "str", range(256), 0, **TOS, **UDP),
    Row("df", "IFLA_GENEVE_DF=13:uint8", "str", DF, "unset", **UDP),
    Present("external", "IFLA_GENEVE_COLLECT_METADATA=6:flag", default=False, immutable=True),
)
KINDS = (
    OverUdp("vxlan", VXLAN, underlay="IFLA_VXLAN_LINK=3:uint32", unique=("id", "dstport")),
    Kind("geneve", GENEVE, unique=("id", "remote", "dstport")),
)
