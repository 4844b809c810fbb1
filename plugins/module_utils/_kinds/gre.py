# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""gre, gretap, ip6gre and ip6gretap: tunnels with a key."""

from __future__ import annotations

from .._core.rows import No, Number
from .base import UDP
from .tunnel import attributes, encap, external, outer_ipv4, outer_ipv6, tunnel

GRE = {
    "LINK": "1:uint32",
    "IFLAGS": "2:be16",
    "OFLAGS": "3:be16",
    "IKEY": "4:be32",
    "OKEY": "5:be32",
    "LOCAL": "6:{ip}",
    "REMOTE": "7:{ip}",
    "TTL": "8:uint8",
    "TOS": "9:uint8",
    "PMTUDISC": "10:uint8",
    "ENCAP_LIMIT": "11:uint8",
    "FLOWINFO": "12:be32",
    "FLAGS": "13:uint32",
    "ENCAP_TYPE": "14:uint16",
    "ENCAP_FLAGS": "15:uint16",
    "ENCAP_SPORT": "16:be16",
    "ENCAP_DPORT": "17:be16",
    "COLLECT_METADATA": "18:flag",
    "IGNORE_DF": "19:uint8",
    "FWMARK": "20:uint32",
}
FOUR, SIX = (attributes("IFLA_GRE_", GRE, version) for version in (4, 6))


def rows(nla, version):
    out = outer_ipv4(nla) if version == 4 else outer_ipv6(nla)
    for way in "io":
        flags, key = nla(way.upper() + "FLAGS"), nla(way.upper() + "KEY")
        mark = dict(word="none", flag=(flags, 0x2000), numbered=True, off=True)
        out += (
            Number(way + "key", key, "str", range(2**32), "none", **mark, **UDP),
            No(way + "csum", flags, default=False, bit=0x8000, **UDP),
            No(way + "seq", flags, default=False, bit=0x1000, **UDP),
        )
    if version == 4:
        out += (No("ignore_df", nla("IGNORE_DF"), default=False, only=("pmtudisc", False), immutable=(True,)),)
    return (*out, *encap(nla, version), external(nla))


KEYED = ("local", "remote", "ikey")
KINDS = (
    tunnel("gre", rows(FOUR, 4), FOUR, 4, KEYED, kernel_module="ip_gre"),
    tunnel("gretap", rows(FOUR, 4), FOUR, 4, KEYED, l3=False, kernel_module="ip_gre"),
    tunnel("ip6gre", rows(SIX, 6), SIX, 6, KEYED, kernel_module="ip6_gre"),
    tunnel("ip6gretap", rows(SIX, 6), SIX, 6, KEYED, l3=False, kernel_module="ip6_gre"),
)
