# Copyright (c) 2026 virtnet developers
# GNU General Public License v2.0+ (see https://www.gnu.org/licenses/old-licenses/gpl-2.0.txt)
# SPDX-License-Identifier: GPL-2.0-or-later
"""A process that decodes pcaps with scapy: a list of them, base64 in JSON, comes in; lists of packets go out.

It is a process of its own, under a licence that goes with scapy's, and nothing that scapy sets up reaches Ansible.
"""

from __future__ import annotations

import json
import sys
from base64 import b64decode
from importlib import import_module
from io import BytesIO

try:
    from scapy.config import conf

    # The routes of the control node have no part in this, and to read them takes a third of the time.
    conf.route_autoload = conf.route6_autoload = False
    from scapy.layers.inet import icmptypes
    from scapy.layers.inet6 import icmp6types
    from scapy.packet import NoPayload
    from scapy.utils import PcapReader

    # Protocols make themselves known to each other when they are imported.
    for name in ("contrib.geneve", "layers.vxlan"):
        import_module("scapy." + name)
except ImportError:
    PcapReader = None  # the action has said so before it comes to this

# What is told of a header: our word for it, and for each of its fields scapy's.
HEADERS = {
    "Ether": ("ethernet", dict(src="src", dst="dst")),
    "Dot3": ("ethernet", dict(src="src", dst="dst")),
    "Dot1Q": ("vlan", dict(id="vlan", priority="prio")),
    "Dot1AD": ("vlan", dict(id="vlan", priority="prio")),
    "ARP": ("arp", dict(operation="op", src="psrc", dst="pdst", src_mac="hwsrc", dst_mac="hwdst")),
    "IP": ("ipv4", dict(src="src", dst="dst", ttl="ttl", number="proto", id="id", length="len", offset="frag")),
    "IPv6": ("ipv6", dict(src="src", dst="dst", ttl="hlim", number="nh", length="plen")),
    "ICMP": ("icmp", dict(type="type", code="code", id="id", seq="seq")),
    "TCP": ("tcp", dict(sport="sport", dport="dport", seq="seq", ack="ack", flags="flags")),
    "UDP": ("udp", dict(sport="sport", dport="dport")),
    "GRE": ("gre", dict(key="key", seq="seqence_number")),
    "VXLAN": ("vxlan", dict(id="vni")),
    "GENEVE": ("geneve", dict(id="vni")),
}
TPIDS = {0x8100: "802.1Q", 0x88A8: "802.1ad"}


def header(layer, above):
    """A header as data."""
    kind = type(layer).__name__
    quoted = kind.endswith(("error", "error6"))
    known = HEADERS.get(kind.replace("error6", "v6").replace("error", ""))
    if kind.startswith("ICMPv6"):
        known = ("icmpv6", dict(type="type", code="code", id="id", seq="seq"))
    if known is None:
        return dict(protocol=kind.lower(), length=len(layer))
    out = dict(protocol=known[0], **({"quoted": True} if quoted else {}))
    for word, name in known[1].items():
        # Of a field that is not in this packet, such as the key of a GRE without one, scapy says None.
        value = getattr(layer, name, None)
        if value is not None:
            out[word] = value if isinstance(value, int) else str(value)
    if out["protocol"] == "vlan":
        out["tag"] = TPIDS.get(getattr(above, "type", None), "802.1Q")
    if out["protocol"] in ("icmp", "icmpv6"):
        names = icmptypes if out["protocol"] == "icmp" else icmp6types
        out["type"] = names.get(out["type"], str(out["type"])).lower().replace(" ", "-")
    if out["protocol"] == "arp":
        out["operation"] = {1: "request", 2: "reply"}.get(out["operation"], str(out["operation"]))
    return out


def headers(packet):
    found, above = [], None
    while not isinstance(packet, NoPayload):
        if not type(packet).__name__.startswith("ICMPv6NDOpt"):
            found.append(header(packet, above))
        packet, above = packet.payload, packet
    return found


def text(found):
    """A packet in one line, without its MAC addresses."""
    words = []
    for one in found:
        kind = one["protocol"]
        if kind in ("ipv4", "ipv6"):
            words.append("%(src)s > %(dst)s" % one)
            if one.get("number") in (4, 41):
                words.append({4: "ipip", 41: "ip6"}[one["number"]])
        elif kind in ("icmp", "icmpv6"):
            words.append("%(protocol)s %(type)s" % one)
        elif kind == "arp":
            words.append("arp %(operation)s %(src)s > %(dst)s" % one)
        elif kind in ("tcp", "udp"):
            words.append("%(protocol)s %(sport)s > %(dport)s" % one)
        elif kind in ("vlan", "vxlan", "geneve"):
            words.append("%(protocol)s %(id)s" % one)
        elif kind not in ("ethernet", "raw", "padding"):
            words.append(kind)
        if one.get("quoted"):
            words[-1] = "about " + words[-1] if kind in ("ipv4", "ipv6") else words[-1]
    return ", ".join(words) or found[-1]["protocol"]


def packets(data):
    for packet in PcapReader(BytesIO(data)):
        found = headers(packet)
        yield dict(time=float(packet.time), length=packet.wirelen or len(packet), text=text(found), headers=found)


if __name__ == "__main__":
    json.dump([list(packets(b64decode(one))) for one in json.load(sys.stdin)], sys.stdout)
