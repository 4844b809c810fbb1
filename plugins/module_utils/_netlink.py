# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Route netlink. What is said and heard thousands of times is packed and unpacked here, the rest by pyroute2."""

from __future__ import annotations

import os
import socket
import struct
import sys
import traceback
import types
from functools import lru_cache
from importlib.machinery import PathFinder

from ._model import family_of

NEWLINK, DELLINK, GETLINK, SETLINK, NEWADDR, DELADDR, GETADDR, NEWROUTE, DELROUTE, GETROUTE = (
    16,
    17,
    18,
    19,
    20,
    21,
    22,
    24,
    25,
    26,
)
NEWNEIGH, DELNEIGH, GETNEIGH, NEWQDISC, DELQDISC, GETQDISC, NEWMDB, DELMDB, GETMDB = 28, 29, 30, 36, 37, 38, 84, 85, 86
GETNETCONF, GETVLAN = 82, 114
NEWRULE, DELRULE, GETRULE, NEWNSID, GETNSID, NEWLINKPROP, DELLINKPROP = 32, 33, 34, 88, 90, 108, 109
NESTED = 0x8000
GENERIC, CONTROL = 16, 16  # the protocol, and the family that tells the numbers of the others
ACK, DUMP, REPLACE, EXCL, CREATE, APPEND = 4, 0x300, 0x100, 0x200, 0x400, 0x800
HEADER, ATTRIBUTE, U32 = struct.Struct("=IHHII"), struct.Struct("=HH"), struct.Struct("=I")


def pyroute2_messages():
    """The message classes of pyroute2, which know every attribute."""
    if "pyroute2" not in sys.modules:
        # Its __init__ loads all of it, 0.11 s; an empty package in its place lets the few of them load alone, 0.03 s.
        spec = PathFinder.find_spec("pyroute2")
        if spec is None:
            raise ImportError("No module named 'pyroute2'")
        package = types.ModuleType("pyroute2")
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules["pyroute2"] = package
    from pyroute2.netlink import nla
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
    from pyroute2.netlink.rtnl.rtmsg import rtmsg

    # What pyroute2 lacks of these, or reads in other words than it writes.
    listed = {"nla_map": ((4, "IFLA_MACVLAN_MACADDR", "l2addr"),)}
    macvlan = {
        "nla_map": (
            (1, "IFLA_MACVLAN_MODE", "uint32"),
            (2, "IFLA_MACVLAN_FLAGS", "uint16"),
            (3, "IFLA_MACVLAN_MACADDR_MODE", "uint32"),
            (5, "IFLA_MACVLAN_MACADDR_DATA", "listed"),
            (7, "IFLA_MACVLAN_BC_QUEUE_LEN", "uint32"),
        ),
        "listed": type("listed", (nla,), listed),
    }
    ipvlan = {"nla_map": ((1, "IFLA_IPVLAN_MODE", "uint16"), (2, "IFLA_IPVLAN_FLAGS", "uint16"))}
    # Those of tunnels have other types in each kind.
    iptun = "LINK:uint32 LOCAL:{ip} REMOTE:{ip} TTL:uint8 TOS:uint8 ENCAP_LIMIT:uint8 FLOWINFO:be32 FLAGS:{flags}"
    iptun += " PROTO:uint8 PMTUDISC:uint8 6RD_PREFIX:ip6addr 6RD_RELAY_PREFIX:ip4addr 6RD_PREFIXLEN:uint16"
    iptun += " 6RD_RELAY_PREFIXLEN:uint16 ENCAP_TYPE:uint16 ENCAP_FLAGS:uint16 ENCAP_SPORT:be16 ENCAP_DPORT:be16"
    iptun += " COLLECT_METADATA:flag FWMARK:uint32"
    gre = "LINK:uint32 IFLAGS:be16 OFLAGS:be16 IKEY:be32 OKEY:be32 LOCAL:{ip} REMOTE:{ip} TTL:uint8 TOS:uint8"
    gre += " PMTUDISC:uint8 ENCAP_LIMIT:uint8 FLOWINFO:be32 FLAGS:uint32 ENCAP_TYPE:uint16 ENCAP_FLAGS:uint16"
    gre += " ENCAP_SPORT:be16 ENCAP_DPORT:be16 COLLECT_METADATA:flag IGNORE_DF:uint8 FWMARK:uint32"
    vti = "LINK:uint32 IKEY:be32 OKEY:be32 LOCAL:{ip} REMOTE:{ip} FWMARK:uint32"
    vxlan = "ID:uint32 GROUP:ip4addr LINK:uint32 LOCAL:ip4addr TTL:uint8 TOS:uint8 LEARNING:uint8 AGEING:uint32"
    vxlan += " LIMIT:uint32 - PROXY:uint8 RSC:uint8 L2MISS:uint8 L3MISS:uint8 PORT:be16 GROUP6:ip6addr LOCAL6:ip6addr"
    vxlan += " UDP_CSUM:uint8 UDP_ZERO_CSUM6_TX:uint8 UDP_ZERO_CSUM6_RX:uint8 - - GBP:flag - COLLECT_METADATA:uint8"
    vxlan += " - - TTL_INHERIT:hex DF:uint8 VNIFILTER:uint8"
    geneve = "ID:uint32 REMOTE:ip4addr TTL:uint8 TOS:uint8 PORT:be16 COLLECT_METADATA:flag REMOTE6:ip6addr - - - -"
    geneve += " TTL_INHERIT:uint8 DF:uint8"
    bond = "MODE:uint8 - MIIMON:uint32 UPDELAY:uint32 DOWNDELAY:uint32 - ARP_INTERVAL:uint32 ARP_IP_TARGET:cdata"
    bond += " ARP_VALIDATE:uint32 - PRIMARY:uint32 PRIMARY_RESELECT:uint8 FAIL_OVER_MAC:uint8 XMIT_HASH_POLICY:uint8"
    bond += " RESEND_IGMP:uint32 - ALL_SLAVES_ACTIVE:uint8 MIN_LINKS:uint32 - - AD_LACP_RATE:uint8 AD_SELECT:uint8"
    xfrm = "LINK:uint32 IF_ID:uint32 COLLECT_METADATA:flag"

    def listing(prefix, text, **types):
        words = [word.partition(":") for word in text.format(**types).split()]
        return {"nla_map": tuple((n, prefix + word, kind or "hex") for n, (word, dummy, kind) in enumerate(words, 1))}

    four, six = {"ip": "ip4addr", "flags": "uint16"}, {"ip": "ip6addr", "flags": "uint32"}
    for names, members in (
        (("macvlan", "macvtap"), macvlan),
        (("ipvlan", "ipvtap"), ipvlan),
        (("ipip", "sit"), listing("IFLA_IPTUN_", iptun, **four)),
        (("ip6tnl",), listing("IFLA_IPTUN_", iptun, **six)),
        (("gre", "gretap"), listing("IFLA_GRE_", gre, **four)),
        (("ip6gre", "ip6gretap"), listing("IFLA_GRE_", gre, **six)),
        (("vti",), listing("IFLA_VTI_", vti, **four)),
        (("vti6",), listing("IFLA_VTI_", vti, **six)),
        (("vxlan",), listing("IFLA_VXLAN_", vxlan)),
        (("geneve",), listing("IFLA_GENEVE_", geneve)),
        (("xfrm",), listing("IFLA_XFRM_", xfrm)),
        (("bond",), listing("IFLA_BOND_", bond)),
    ):
        ifinfmsg.ifinfo.data_map.update(dict.fromkeys(names, type("data", (nla,), members)))
    return {"link": ifinfmsg, "route": rtmsg}


@lru_cache(maxsize=None)
def rare_messages():
    """Message classes that few tasks need, by name."""
    from pyroute2.netlink import nlmsg
    from pyroute2.netlink.rtnl.fibmsg import fibmsg
    from pyroute2.netlink.rtnl.ndmsg import ndmsg

    # Linux 6.15 tells the masks of ports.
    masks = ((28, "FRA_SPORT_MASK", "uint16"), (29, "FRA_DPORT_MASK", "uint16"))
    on_bridge = (("family", "B"), ("pad", "3x"), ("index", "I"))
    generic = (("cmd", "B"), ("version", "B"), ("pad", "2x"))
    family = ((1, "ID", "uint16"), (2, "NAME", "asciiz"))
    wireguard = ((1, "IFINDEX", "uint32"), (3, "PRIVATE_KEY", "cdata"), (4, "PUBLIC_KEY", "cdata"))
    wireguard += ((6, "LISTEN_PORT", "uint16"), (7, "FWMARK", "uint32"), (8, "PEERS", "cdata"))
    wireguard += ((8 | NESTED, "SET_PEERS", "cdata"),)
    tc = (("family", "B"), ("pad", "3x"), ("index", "i"), ("handle", "I"), ("parent", "I"), ("info", "I"))
    return {
        "rule": type("rulemsg", (fibmsg,), {"nla_map": fibmsg.nla_map + masks}),
        "neighbour": ndmsg,
        "mdb": type("mdbmsg", (nlmsg,), {"fields": on_bridge, "nla_map": ((1, "MDB", "cdata"),)}),
        "vlan": type("vlanmsg", (nlmsg,), {"fields": on_bridge}),
        "generic": type("genlmsg", (nlmsg,), {"fields": generic, "nla_map": family}),
        "wireguard": type("wgmsg", (nlmsg,), {"fields": generic, "nla_map": wireguard}),
        "tc": type("tcmsg", (nlmsg,), {"fields": tc, "nla_map": ((1, "KIND", "asciiz"), (2, "OPTIONS", "cdata"))}),
    }


def rare_message(name):
    return rare_messages()[name]()


# The heads of messages: their fields, and how they are packed.
HEADS = {
    "link": ("family type index flags change", struct.Struct("=BxHiII")),
    "address": ("family prefixlen flags scope index", struct.Struct("=BBBBI")),
    "route": ("family dst_len src_len tos table proto scope type flags", struct.Struct("=BBBBBBBBI")),
    "nsid": ("family", struct.Struct("=B3x")),
    "netconf": ("family", struct.Struct("=B")),
}
HEADS = {name: (tuple(words.split()), form) for name, (words, form) in HEADS.items()}


def attribute(number, value):
    return ATTRIBUTE.pack(4 + len(value), number) + value + b"\0" * (-len(value) % 4)


def nested(data, offset=0):
    """The (number, value) of the attributes in some bytes."""
    end = len(data)
    while offset + 4 <= end:
        length, number = ATTRIBUTE.unpack_from(data, offset)
        yield number & 0x3FFF, data[offset + 4 : offset + length]
        offset += max(4, (length + 3) & ~3)


def text(value):
    return value.encode() + b"\0"


def ip(value):
    return socket.inet_pton(family_of(value), value)


def info(value):
    """What kind of link one is, with the far end of a veth, which has a head of its own; None for all else."""
    pairs = dict(value["attrs"])
    data = dict(pairs.pop("IFLA_INFO_DATA", {}).get("attrs", ()))
    far = data.pop("VETH_INFO_PEER", None)
    if data or list(pairs) != ["IFLA_INFO_KIND"]:
        return None
    out = attribute(1, text(pairs["IFLA_INFO_KIND"]))
    if far is not None:
        end = HEADS["link"][1].pack(0, 0, 0, 0, 0) + b"".join([packed("link", {}, *pair) for pair in far["attrs"]])
        out += attribute(2, attribute(1, end))
    return attribute(18, out)


# What is said often: the number, and what packs it.
SAID = {
    "IFLA_ADDRESS": (1, lambda value: bytes.fromhex(value.replace(":", ""))),
    "IFLA_IFNAME": (3, text),
    "IFLA_MTU": (4, U32.pack),
    "IFLA_LINK": (5, U32.pack),
    "IFLA_MASTER": (10, U32.pack),
    "IFLA_TXQLEN": (13, U32.pack),
    "IFLA_IFALIAS": (20, str.encode),
    "IFLA_NET_NS_FD": (28, U32.pack),
    "IFLA_EXT_MASK": (29, U32.pack),
    "IFA_ADDRESS": (1, ip),
    "IFA_LOCAL": (2, ip),
    "IFA_LABEL": (3, text),
    "IFA_BROADCAST": (4, ip),
    "RTA_DST": (1, ip),
    "RTA_OIF": (4, U32.pack),
    "RTA_GATEWAY": (5, ip),
    "RTA_PRIORITY": (6, U32.pack),
    "RTA_PREFSRC": (7, ip),
    "RTA_TABLE": (15, U32.pack),
    "NETNSA_NSID": (1, struct.Struct("=i").pack),
    "NETNSA_FD": (3, U32.pack),
    "NETNSA_TARGET_NSID": (4, struct.Struct("=i").pack),
}


def packed(form, header, name, value):
    """An attribute of a message."""
    if name in SAID:
        return attribute(SAID[name][0], SAID[name][1](value))
    known = info(value) if name == "IFLA_LINKINFO" else None
    if known:
        return known
    message = MESSAGES[form]()
    for field, number in header.items():
        message[field] = number
    message["attrs"] = [(name, value)]
    message.encode()
    return bytes(message.data)[16 + HEADS[form][1].size :]


class Netlink:
    """A netlink socket in the namespace in which it was opened."""

    def __init__(self, protocol=socket.NETLINK_ROUTE):
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self.socket.setsockopt(270, 11, 1)  # SOL_NETLINK, NETLINK_EXT_ACK: errors come with the kernel's own sentence
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.indexes, self.names, self.macs, self.sequence = {}, {}, {}, 0
        self.packets = set()  # the links without a MAC address

    def ask(self, form, verb, how, attrs=(), **header):
        """Say something; return the answers as bytes from their heads on, or raise OSError with the kernel's reason."""
        words, head = HEADS[form]
        body = head.pack(*[header.get(word, 0) for word in words])
        body += b"\0" * (-len(body) % 4) + b"".join([packed(form, header, *pair) for pair in attrs])
        return self.exchange(verb, how, body)

    def request(self, message, verb, flags, attrs=(), header=()):
        """The same with a message class of pyroute2."""
        for name, value in dict(header).items():
            message[name] = value
        message["attrs"] = list(attrs)
        message.encode()
        answers = []
        for body in self.exchange(verb, flags, bytes(message.data)[16:]):
            answer = type(message)(HEADER.pack(16 + len(body), 0, 0, 0, 0) + body)
            answer.decode()
            answers.append(answer)
        return answers

    def exchange(self, verb, flags, body):
        self.sequence += 1
        self.socket.send(HEADER.pack(16 + len(body), verb, flags | 1, self.sequence, 0) + body)
        answers = []
        while True:
            data, offset = self.socket.recv(1 << 18), 0
            while offset < len(data):
                length, kind, answer_flags, sequence, dummy = HEADER.unpack_from(data, offset)
                if sequence != self.sequence:
                    pass
                elif kind == 2:
                    raise_error(data[offset : offset + length], answer_flags)
                    return answers
                elif kind == 3:
                    return answers
                else:
                    answers.append(data[offset + 16 : offset + length])
                    if not answer_flags & 2:
                        return answers
                offset += (length + 3) & ~3

    def nsid(self, fd):
        """The number of a namespace here, or None."""
        answer = self.ask("nsid", GETNSID, 0, [("NETNSA_FD", fd)])[0]
        nsid = struct.unpack_from("=i", dict(nested(answer, 4))[1])[0]
        return None if nsid < 0 else nsid

    def index(self, name):
        if name not in self.indexes:
            try:
                answer = self.ask("link", GETLINK, 0, [("IFLA_IFNAME", name)])
            except OSError as e:
                raise OSError(e.errno, "there is no link %s" % name)
            self.indexes[name] = struct.unpack_from("=i", answer[0], 4)[0]
        return self.indexes[name]


def raise_error(data, flags):
    """Raise what an NLMSG_ERROR says, with the sentence of its extended part if it has one."""
    code, offset = -struct.unpack_from("=i", data, 16)[0], 20
    if not code:
        return
    sentence = os.strerror(code)
    offset += 16 if flags & 0x100 else (struct.unpack_from("=I", data, 20)[0] + 3) & ~3
    if flags & 0x200:
        sentence = dict(nested(data, offset)).get(1, sentence.encode()).rstrip(b"\0").decode()
    raise OSError(code, sentence)


# Of the attributes of a kind, only those that are asked for are unpacked.


@lru_cache(maxsize=None)
def numbers_of(cls):
    """The number and the type of each attribute that a class of pyroute2 knows, by name."""
    entries = [e if isinstance(e[0], int) else (place, *e) for place, e in enumerate(cls.nla_map)]
    return {name: (number, kind) for number, name, kind in (e[:3] for e in entries)}


UNPACK = {
    "uint8": lambda raw: raw[0],
    "uint16": lambda raw: struct.unpack_from("=H", raw)[0],
    "uint32": lambda raw: struct.unpack_from("=I", raw)[0],
    "be16": lambda raw: struct.unpack_from("!H", raw)[0],
    "be32": lambda raw: struct.unpack_from("!I", raw)[0],
    "ip4addr": lambda raw: socket.inet_ntop(socket.AF_INET, raw[:4]),
    "ip6addr": lambda raw: socket.inet_ntop(socket.AF_INET6, raw[:16]),
}


class Data:
    """What a link of a kind has more than others."""

    def __init__(self, cls, raw):
        self.cls, self.raw, self.parts, self.whole = cls, raw, dict(nested(raw)), None

    def get_attr(self, name):
        number, kind = numbers_of(self.cls).get(name, (None, None))
        if number not in self.parts:
            return None
        if kind in UNPACK:
            return UNPACK[kind](self.parts[number])
        if self.whole is None:
            self.whole = self.cls(ATTRIBUTE.pack(4 + len(self.raw), 0) + self.raw)
            self.whole.decode()
        return self.whole.get_attr(name)


def data_of(kind, raw):
    """The attributes of a link, or of a port as which it is called KIND_slave; None if they are not known."""
    info = MESSAGES["link"].ifinfo
    cls = getattr(info, kind + "_data", None) if kind.endswith("_slave") else info.data_map.get(kind)
    return Data(cls, raw) if raw is not None and cls is not None else None


try:
    MESSAGES, IMPORT_ERROR = pyroute2_messages(), None
except Exception:  # pyroute2 0.9.2 raises TypeError on Python 3.8
    MESSAGES, IMPORT_ERROR = {}, traceback.format_exc()
