# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every link kind that this collection makes: one entry of one table each."""

from __future__ import annotations

import base64
import binascii
import grp
import pwd
import re
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address
from typing import Any, Optional, Tuple

from ._model import Secret, is_mac, merged, replace


@dataclass(frozen=True)
class Attr:
    """One option of a kind: its ip(8) word, its netlink attribute, its values."""

    name: str
    nla: str
    type: str = "bool"  # bool, int, str; onoff: a bool that ip(8) spells so; ticks: hundredths of a second, rounded
    values: Any = None  # a range of numbers, or the netlink value of each word
    default: Any = None  # what the kernel takes when nothing is said
    only: Any = None  # the (option, value) that it is for
    needed: Any = False  # there is no link without it; or without it and the option named here
    fixed: Any = False  # only a new link takes it; or the values that a link keeps or never gets
    says: str = ""  # ip(8)'s word, where it is not the name
    again: bool = False  # ip(8) must be told of it with any change

    def parse(self, value):
        """The value of an option as it is kept; ValueError says what is wrong with it."""
        if isinstance(self.values, range) and value not in self.values:
            step = "" if self.values.step == 1 else " in steps of %d" % self.values.step
            raise ValueError("%d is not between %d and %d%s" % (value, self.values[0], self.values[-1], step))
        if isinstance(self.values, dict) and value not in self.values:
            raise ValueError("%s is not one of %s" % (value, ", ".join(self.values)))
        return value

    def shown(self, value):
        """The value as the option is given."""
        return value

    def encode(self, value, old):
        """The netlink attributes that say a value; `old` is what the link has."""
        number = self.values[value] if isinstance(self.values, dict) else int(value) if self.type != "str" else value
        return {self.nla: number}

    def decode(self, raw):
        """The option's value; a kernel without the feature behaves like its default."""
        if raw is None:
            return self.default
        if isinstance(self.values, dict):
            return {number: word for word, number in self.values.items()}.get(raw, raw)
        return bool(raw) if self.type in ("bool", "onoff") else raw

    def read(self, get):
        """The option's value, of a function that gives the netlink attributes."""
        return self.decode(get(self.nla))

    def same(self, one, other):
        return abs(one - other) <= 1 if self.type == "ticks" and None not in (one, other) else one == other

    def keeps(self, old, new):
        """Whether only a new link goes from one value to the other."""
        return bool({old, new} & set(self.fixed)) if isinstance(self.fixed, tuple) else self.fixed

    def words(self, value, old):
        word = ("on" if value else "off") if self.type == "onoff" else int(value) if self.type == "bool" else value
        return [self.says or self.name, str(word)]

    def spec(self):
        spec = {"type": {"ticks": "int", "onoff": "bool"}.get(self.type, self.type)}
        return dict(spec, choices=list(self.values)) if isinstance(self.values, dict) else spec


@dataclass(frozen=True)
class Bit(Attr):
    """One bit of an attribute that has a mask."""

    bit: int = 0

    def encode(self, value, old):
        return {self.nla: {"flags": self.bit if value else 0, "mask": self.bit}}

    def decode(self, raw):
        # With all bits off the kernel leaves the attribute out.
        return bool(raw and raw["flags"] & self.bit)

    def words(self, value, old):
        return [self.name, "on" if value else "off"]


@dataclass(frozen=True)
class Map(Attr):
    """Numbers to numbers, each pair spelled FROM:TO; what is not in it goes to 0."""

    to: Any = None

    def parse(self, value):
        pairs = {}
        for text in value:
            one, dummy, other = str(text).partition(":")
            if not (one.isdigit() and other.isdigit() and int(one) in self.values and int(other) in self.to):
                limits = self.values[0], self.values[-1], self.to[0], self.to[-1]
                raise ValueError("%r is not FROM:TO, %d to %d and %d to %d" % (text, *limits))
            if int(one) in pairs:
                raise ValueError("%s is given twice" % one)
            pairs[int(one)] = int(other)
        return tuple(sorted(pair for pair in pairs.items() if pair[1]))

    def shown(self, value):
        return ["%d:%d" % pair for pair in value]

    def news(self, value, old):
        """The pairs that lead from the old map to this one."""
        gone = {one: 0 for one, dummy in old or ()}
        return sorted(pair for pair in {**gone, **dict(value)}.items() if pair not in (old or ()))

    def encode(self, value, old):
        pairs = [("IFLA_VLAN_QOS_MAPPING", {"from": one, "to": other}) for one, other in self.news(value, old)]
        return {self.nla: {"attrs": pairs}}

    def decode(self, raw):
        found = raw.get_attrs("IFLA_VLAN_QOS_MAPPING") if raw else ()
        return tuple(sorted((pair["from"], pair["to"]) for pair in found if pair["to"]))

    def words(self, value, old):
        return [self.name.replace("_", "-")] + ["%d:%d" % pair for pair in self.news(value, old)]

    def spec(self):
        return dict(type="list", elements="str")


@dataclass(frozen=True)
class Macs(Attr):
    """A list of MAC addresses."""

    def parse(self, value):
        for text in value:
            if not is_mac(text):
                raise ValueError("%r is no MAC address like 02:00:5e:00:53:01" % text)
        return tuple(sorted({text.lower() for text in value}))

    def shown(self, value):
        return list(value)

    def encode(self, value, old):
        if not value:
            return {"IFLA_MACVLAN_MACADDR_MODE": 2}
        return {"IFLA_MACVLAN_MACADDR_MODE": 3, self.nla: {"attrs": [("IFLA_MACVLAN_MACADDR", mac) for mac in value]}}

    def decode(self, raw):
        return tuple(sorted(raw.get_attrs("IFLA_MACVLAN_MACADDR"))) if raw else ()

    def words(self, value, old):
        return [self.name, "set", *value] if value else [self.name, "flush"]

    def spec(self):
        return dict(type="list", elements="str")


@dataclass(frozen=True)
class Ips(Attr):
    """A list of IPv4 addresses."""

    def parse(self, value):
        try:
            found = tuple(sorted({str(IPv4Address(text)) for text in value}))
        except ValueError as e:
            raise ValueError("%s (IPv4 addresses are wanted, without prefix lengths)" % e)
        if len(found) not in self.values:
            raise ValueError("%d addresses are more than the %d that there can be" % (len(found), self.values[-1]))
        return found

    def shown(self, value):
        return list(value)

    def encode(self, value, old):
        return {self.nla: b"".join(struct.pack("=HH4s", 8, n, IPv4Address(ip).packed) for n, ip in enumerate(value))}

    def decode(self, raw):
        raw = raw or b""
        return tuple(sorted(str(IPv4Address(bytes(raw[at + 4 : at + 8]))) for at in range(0, len(raw), 8)))

    def words(self, value, old):
        return [self.name, ",".join(value)]

    def spec(self):
        return dict(type="list", elements="str")


@dataclass(frozen=True)
class Port(Attr):
    """The name of a port, or nothing."""

    def decode(self, raw):
        return raw or ""

    def words(self, value, old):
        # ip(8) has none for nothing.
        return [self.name, value] if value else []


@dataclass(frozen=True)
class Flag(Attr):
    """A bool that ip(8) spells by its name alone, and only a new link takes."""

    def words(self, value, old):
        return [self.name]


@dataclass(frozen=True)
class Word(Attr):
    """A word that ip(8) takes without a name, and takes for its default if it is left out."""

    def words(self, value, old):
        return [value]


@dataclass(frozen=True)
class Present(Flag):
    """One that the kernel is told by an attribute without a value."""

    def encode(self, value, old):
        return {self.nla: None} if value else {}

    def decode(self, raw):
        return raw is not None


@dataclass(frozen=True)
class No(Attr):
    """A bool that ip(8) spells NAME or noNAME; it can be one bit of its attribute."""

    bit: int = 0

    def encode(self, value, old):
        return {self.nla: self.bit * value if self.bit else int(value)}

    def decode(self, raw):
        return self.default if raw is None else bool(raw & self.bit if self.bit else raw)

    def words(self, value, old):
        return [("" if value else "no") + self.name.replace("_", "-")]


@dataclass(frozen=True)
class Ip(Attr):
    """An IP address of the outer packets; empty where it can be any."""

    version: int = 4

    def parse(self, value):
        if value in ("", "any"):
            return ""
        try:
            parsed = ip_address(value)
        except ValueError:
            raise ValueError("%r is no IP address (without a prefix length)" % value)
        if self.version not in (0, parsed.version):
            raise ValueError("%s is no IPv%d address" % (value, self.version))
        if parsed.is_multicast:
            raise ValueError("%s is a multicast address" % value)
        return "" if parsed.is_unspecified else str(parsed)

    def encode(self, value, old):
        return {self.nla: value} if value else {}

    def decode(self, raw):
        return "" if raw in (None, "0.0.0.0", "::") else raw  # noqa: S104

    def words(self, value, old):
        return [self.name, value or "any"]


@dataclass(frozen=True)
class EitherIp(Ip):
    """One of IPv4 or IPv6, which have attributes of their own; or the address of a group."""

    version: int = 0
    group: bool = False

    def parse(self, value):
        try:
            if self.group and ip_address(value).is_multicast:
                return str(ip_address(value))
        except ValueError:
            pass
        return super().parse(value)

    def encode(self, value, old):
        return {self.nla + ("6" if ":" in value else ""): value} if value else {}

    def read(self, get):
        return self.decode(get(self.nla)) or self.decode(get(self.nla + "6"))

    def keeps(self, old, new):
        return not new or (":" in new) != (":" in (old or ""))

    def words(self, value, old):
        return ["group" if is_group(value) else self.name, value]

    def spec(self):
        return dict(type="str", aliases=["group"]) if self.group else dict(type="str")


@dataclass(frozen=True)
class Sixrd(Attr):
    """The IPv6 prefix of a domain, and the IPv4 prefix of its addresses."""

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

    def names(self):
        return self.nla, self.nla.replace("PREFIX", "RELAY_PREFIX")

    def encode(self, value, old):
        pairs = [(name, *text.split("/")) for name, text in zip(self.names(), value)]
        return {key: raw for name, ip, length in pairs for key, raw in ((name, ip), (name + "LEN", int(length)))}

    def read(self, get):
        if get(self.nla) is None:
            return self.default
        return tuple("%s/%d" % (get(name), get(name + "LEN")) for name in self.names())

    def words(self, value, old):
        return ["6rd-prefix", value[0], "6rd-relay_prefix", value[1]]

    def spec(self):
        prefixes = dict(prefix=dict(type="str", required=True), relay_prefix=dict(type="str", default="0.0.0.0/0"))
        return dict(type="dict", options=prefixes)


@dataclass(frozen=True)
class Beside(Flag):
    """A flag of a vxlan that is told where its packets go; it learns nothing then."""

    def encode(self, value, old):
        return {self.nla: 1, "IFLA_VXLAN_LEARNING": 0}


@dataclass(frozen=True)
class Number(Attr):
    """A number, or a word in its place."""

    word: str = ""
    raw: Any = 0  # the number that says the word
    flag: Any = None  # or the (attribute, bit) that says it
    instead: str = ""  # or the attribute that says it in place of this one, with `raw` as its value
    numbered: bool = False  # that bit says that there is a number
    shift: int = 0
    off: bool = False  # ip(8) spells the word noNAME
    hexadecimal: bool = False  # ip(8) reads it so

    def parse(self, value):
        if value == self.word:
            return value
        number = int(value, 0) if re.fullmatch("0[xX][0-9a-fA-F]+|0|[1-9][0-9]*", value) else -1
        if number not in self.values:
            more = " or %s" % self.word if self.word else ""
            raise ValueError("%r is no number between %d and %d%s" % (value, self.values[0], self.values[-1], more))
        plain = self.word and not self.flag and not self.instead
        return self.word if plain and number == self.raw else number

    def shown(self, value):
        return str(value)

    def encode(self, value, old):
        said = bool(self.word) and value == self.word
        if self.instead:
            return {self.instead: self.raw} if said else {self.nla: value}
        out = {self.nla: (self.raw if said else value) << self.shift}
        if self.flag:
            out[self.flag[0]] = self.flag[1] if said != self.numbered else 0
        return out

    def read(self, get):
        raw = get(self.nla)
        if raw is None:
            return self.default
        number = raw >> self.shift & self.values[-1]
        if self.instead:
            said = get(self.instead) in (1, "01")
        elif self.flag:
            said = bool((get(self.flag[0]) or 0) & self.flag[1]) != self.numbered
        else:
            said = bool(self.word) and number == self.raw
        return self.word if said else number

    def words(self, value, old):
        name = self.name.replace("_", "-")
        if value == self.word:
            return ["no" + name] if self.off else [name, value]
        return [name, "0x%x" % value if self.hexadecimal else str(value)]

    def spec(self):
        # The key of a GRE tunnel is no secret.
        return dict(type="str", no_log=False)


@dataclass(frozen=True)
class Account(Attr):
    """A user or a group of the managed host, by name or number; -1 is none."""

    word: str = ""

    def parse(self, value):
        if value == "" and self.default == -1:
            return -1
        try:
            find = pwd.getpwnam if self.word == "user" else grp.getgrnam
            return super().parse(int(value) if value.isdigit() else find(value)[2])
        except KeyError:
            raise ValueError("there is no %s %s" % (self.word, value))

    def shown(self, value):
        return "" if value == -1 else value if value is None else str(value)

    def words(self, value, old):
        return [self.word, str(value)]


class Some(int):
    """For `only`: any number but 0, for instance this one."""

    __hash__ = int.__hash__

    def __eq__(self, other):
        return bool(other)

    def __str__(self):
        return "more than 0"


class Apart:
    """What the kernel is not told with a link, nor ip(8)."""

    def encode(self, value, old):
        return {}

    def words(self, value, old):
        return []


class OnDevice(Apart):
    """What belongs to the character device of a link; None if it has no device. A link that moves gets a new one."""


class OnWireguard(Apart):
    """What WireGuard is told by messages of its own, and wg(8)."""


class OnIsatap(Apart):
    """What a tunnel of ISATAP is told by ioctl(2), and ip-tunnel(8)."""


@dataclass(frozen=True)
class Routers(OnIsatap, Attr):
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


@dataclass(frozen=True)
class DeviceAccount(OnDevice, Account):
    """A user or a group of the managed host, by name or number."""


@dataclass(frozen=True)
class DeviceMode(OnDevice, Attr):
    """Who may read and write, as chmod(1) takes it in numbers."""

    def parse(self, value):
        if not re.fullmatch("0[0-7]{3}", value):
            raise ValueError("%r is no mode like '0660', with quotes" % value)
        return int(value, 8)

    def shown(self, value):
        return value if value is None else "%04o" % value


@dataclass(frozen=True)
class WireguardNumber(OnWireguard, Attr):
    """A number; 0 is none."""

    def shown(self, value):
        return value or self.default


def key_of(text):
    """The 32 bytes of a key."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if len(data) != 32:
        raise ValueError("a key is 32 bytes in base64, 44 characters")
    return bytearray(data)


@dataclass(frozen=True)
class PrivateKey(OnWireguard, Attr):
    """A private key; it is told and never shown."""

    def parse(self, value):
        if not value:
            return Secret()
        key = key_of(value)
        # As the kernel does.
        key[0] &= 248
        key[31] = key[31] & 127 | 64
        return Secret(base64.b64encode(key).decode())

    def shown(self, value):
        return None if value.text else ""

    def spec(self):
        return dict(type="str", no_log=True)


@dataclass(frozen=True)
class Kind:
    """A kind of link, as the kernel calls it."""

    name: str
    attrs: Tuple[Attr, ...] = ()
    port: Tuple[Attr, ...] = ()  # what each port of such a master has
    paired: bool = False  # comes into being with a peer
    stands: bool = False  # on another link, its lower link
    follows: frozenset = frozenset()  # what changes with the lower link: up, mtu, address, or unset address
    family: str = ""  # links of one family do not stand on each other, nor on one link with those of another family
    alone: Optional[Tuple[str, str]] = None  # the option and its value with which a link stands alone
    tap: bool = False  # a program reads its frames from a character device, and nothing else gets them
    bare: bool = False  # nothing stands on it
    lone: bool = False  # it is no port of anything
    rooted: bool = False  # it stays in the network namespace in which it was made
    takes: str = ""  # its ports: frames, those that have a MAC address and nobody else to give their frames to; or any
    cycles: bool = False  # a port goes down and up again when it comes or goes
    bonds: bool = False  # a port comes when it is down and goes up then, with the MAC address and MTU of its master
    steady: bool = False  # it keeps the MAC address with which it was made
    near: bool = False  # the kernel does not tell in which namespace its lower link is
    shared: bool = False  # all on a lower link have the same attributes
    over: Optional[str] = None  # it has outer packets, and this attribute for the link they leave by
    unique: Tuple[str, ...] = ()  # no two over one network have the same values of these
    overhead: Any = None  # bytes that its outer packets over IPv4 and IPv6 take of the MTU of the link they leave by
    loose: bool = False  # it outlives its lower link
    bound: bool = False  # only a new one leaves by another link
    df: bool = False  # with a TTL of its own its packets are never fragmented
    whole: bool = False  # what a change does not say is reset
    packets: bool = False  # it carries IP packets, no frames: it has no MAC address and is no port of a bridge
    module: Optional[str] = None  # that makes it, where its name is not the kind's
    kernel_module: Optional[str] = None  # where it differs from the kind's name

    @property
    def maker(self):
        """The module that makes it."""
        return self.module or self.name


def said(attrs, old, new, fresh=False, more=False):
    """The (attribute, value, old value) to be said to turn `old` values into `new`; a fresh one has the defaults.

    With `more` something else is said in any case, and so what has to be said again.
    """
    old, new = dict(old), dict(new)
    trios = [(attr, new.get(attr.name), attr.default if fresh else old.get(attr.name)) for attr in attrs]
    news = [(attr, value, was) for attr, value, was in trios if value is not None and not attr.same(value, was)]
    for attr, value, was in trios if news or more else ():
        if (attr, value, was) in news:
            yield attr, value, was
        elif attr.again and (was if value is None else value) not in (None, attr.default):
            yield attr, was if value is None else value, was


def apart(change, sort):
    """What is to be said of a link apart from the rest, by name."""
    before, after = change.before, change.after
    attrs = [attr for attr in kind_of(after).attrs if isinstance(attr, sort)]
    fresh = before is None or (sort is OnDevice and before.netns != after.netns)
    return {attr.name: value for attr, value, dummy in said(attrs, () if fresh else before.attrs, after.attrs, fresh)}


def routers(change):
    """The (address, what it was, what it is to be) of routers that come, go or change; None is no router."""
    if "prl" not in apart(change, OnIsatap):
        return []
    old, new = (dict(dict(link.attrs).get("prl") or ()) if link else {} for link in (change.before, change.after))
    trios = [(address, old.get(address), new.get(address)) for address in sorted({**old, **new})]
    return [trio for trio in trios if trio[1] != trio[2]]


def words(attrs, old, new, fresh=False, more=False):
    """What is to be said to ip(8)."""
    return [word for attr, value, was in said(attrs, old, new, fresh, more) for word in attr.words(value, was)]


def encoded(attrs, old, new, fresh=False, whole=False):
    """What is to be said to the kernel, or with `whole` all of it: netlink attributes, the bits of one together."""
    out, news = {}, said(attrs, old, new, fresh)
    if whole:
        full = {**{attr.name: attr.default for attr in attrs}, **dict(old), **dict(new)}
        news = [
            (attr, full[attr.name], None) for attr in attrs if attr.only != NOT_EXTERNAL or not full.get("external")
        ]
    for attr, value, was in news:
        for nla, raw in attr.encode(value, was).items():
            if isinstance(raw, dict) and "mask" in raw and nla in out:
                raw = {field: out[nla][field] | number for field, number in raw.items()}
            elif isinstance(raw, int) and nla in out:
                raw |= out[nla]
            out[nla] = raw
    return list(out.items())


MACVLAN_MODES = {"private": 1, "vepa": 2, "bridge": 4, "passthru": 8, "source": 16}
MACVLAN = dict(
    attrs=(
        Attr("mode", "IFLA_MACVLAN_MODE", "str", MACVLAN_MODES, "vepa", fixed=("passthru",)),
        Flag("nopromisc", "IFLA_MACVLAN_FLAGS", default=False, only=("mode", "passthru"), fixed=True),
        Attr("bcqueuelen", "IFLA_MACVLAN_BC_QUEUE_LEN", "int", range(2**32), 1000),
        Macs("macaddr", "IFLA_MACVLAN_MACADDR_DATA", "list", default=(), only=("mode", "source")),
    ),
    stands=True,
    family="macvlan",
    alone=("mode", "passthru"),
)
DEVICE = (
    DeviceAccount("owner", "", "str", range(2**32 - 1), word="user"),
    DeviceAccount("group", "", "str", range(2**32 - 1), word="group"),
    DeviceMode("device_mode", "", "str", tuple(range(0o1000))),
)
IPVLAN = dict(
    attrs=(
        Attr("mode", "IFLA_IPVLAN_MODE", "str", {"l2": 0, "l3": 1, "l3s": 2}, "l3"),
        Word("flag", "IFLA_IPVLAN_FLAGS", "str", {"bridge": 0, "private": 1, "vepa": 2}, "bridge", again=True),
    ),
    stands=True,
    follows=frozenset(("mtu", "address")),
    family="ipvlan",
    bare=True,
    shared=True,
)
NOT_EXTERNAL = ("external", False)


def tunnel(prefix, version, *more, **fields):
    """What tunnels have in common. What ip(8) takes for a default, the kernel takes only if it is said."""
    outer = dict(only=NOT_EXTERNAL)
    # A tunnel over IPv4 stays one to a point, or to any.
    fixed = ("",) if fields.get("packets") and version == 4 else False
    attrs = [
        Ip("local", prefix + "LOCAL", "str", default="", version=version, **outer),
        Ip("remote", prefix + "REMOTE", "str", default="", version=version, fixed=fixed, **outer),
        Attr("fwmark", prefix + "FWMARK", "int", range(2**32), 0, **outer),
    ]
    return dict(
        attrs=(*attrs, *more),
        module="ip_tunnel",
        over=prefix + "LINK",
        bare=bool(fields.get("packets")),
        loose=True,
        whole=True,
        **fields,
    )


def outer_ipv4(prefix):
    outer = dict(only=NOT_EXTERNAL)
    return (
        Number("ttl", prefix + "TTL", "str", range(256), "inherit", word="inherit", **outer),
        Number("tos", prefix + "TOS", "str", range(256), 0, word="inherit", raw=1, hexadecimal=True, **outer),
        No("pmtudisc", prefix + "PMTUDISC", default=True, **outer),
    )


def outer_ipv6(prefix):
    outer, info, flags = dict(only=NOT_EXTERNAL), prefix + "FLOWINFO", prefix + "FLAGS"
    label = dict(word="inherit", hexadecimal=True, **outer)
    return (
        Number("ttl", prefix + "TTL", "str", range(256), 64, word="inherit", **outer),
        Number("tos", info, "str", range(256), 0, shift=20, flag=(flags, 2), **label),
        Number("flowlabel", info, "str", range(2**20), 0, flag=(flags, 4), **label),
        Number("encaplimit", prefix + "ENCAP_LIMIT", "str", range(256), 4, word="none", flag=(flags, 1), **outer),
        No("allow_localremote", flags, default=False, bit=0x40, **outer),
    )


def encap(prefix, version):
    outer, flags = dict(only=NOT_EXTERNAL), prefix + "ENCAP_FLAGS"
    return (
        Attr("encap", prefix + "ENCAP_TYPE", "str", {"none": 0, "fou": 1, "gue": 2}, "none", **outer),
        # ip(8) swaps the bytes of a port that it is not told again.
        Number("encap_sport", prefix + "ENCAP_SPORT", "str", range(65536), "auto", word="auto", again=True, **outer),
        Attr("encap_dport", prefix + "ENCAP_DPORT", "int", range(65536), 0, says="encap-dport", again=True, **outer),
        No("encap_csum", flags, default=False, bit=1, **outer),
        No("encap_udp6_csum", flags, default=version == 6, bit=2, **outer),
        No("encap_remcsum", flags, default=False, bit=4, **outer),
    )


def external(prefix):
    return Present("external", prefix + "COLLECT_METADATA", default=False, fixed=True)


def gre(version):
    prefix, outer = "IFLA_GRE_", dict(only=NOT_EXTERNAL)
    attrs = outer_ipv4(prefix) if version == 4 else outer_ipv6(prefix)
    for way in "io":
        flags, key = prefix + way.upper() + "FLAGS", prefix + way.upper() + "KEY"
        mark = dict(word="none", flag=(flags, 0x2000), numbered=True, off=True)
        attrs += (
            Number(way + "key", key, "str", range(2**32), "none", **mark, **outer),
            No(way + "csum", flags, default=False, bit=0x8000, **outer),
            No(way + "seq", flags, default=False, bit=0x1000, **outer),
        )
    if version == 4:
        attrs += (No("ignore_df", prefix + "IGNORE_DF", default=False, only=("pmtudisc", False), fixed=(True,)),)
    return (*attrs, *encap(prefix, version), external(prefix))


def iptun(version, protocols):
    prefix = "IFLA_IPTUN_"
    attrs = outer_ipv4(prefix) if version == 4 else outer_ipv6(prefix)
    proto = Attr("proto", prefix + "PROTO", "str", protocols, "any", says="mode", fixed=version == 4)
    return (proto, *attrs, *encap(prefix, version))


def vti():
    return tuple(
        Number(way + "key", "IFLA_VTI_%sKEY" % way.upper(), "str", range(2**32), "none", word="none") for way in "io"
    )


UDP = dict(only=NOT_EXTERNAL)
DF = {"unset": 0, "set": 1, "inherit": 2}
VXLAN = Kind(
    "vxlan",
    over="IFLA_VXLAN_LINK",
    unique=("id", "dstport"),
    overhead=(50, 70),
    attrs=(
        Attr("id", "IFLA_VXLAN_ID", "int", range(2**24), needed="external", fixed=True, **UDP),
        EitherIp("local", "IFLA_VXLAN_LOCAL", "str", default="", **UDP),
        EitherIp("remote", "IFLA_VXLAN_GROUP", "str", default="", group=True, **UDP),
        Attr("dstport", "IFLA_VXLAN_PORT", "int", range(1, 65536), 8472, fixed=True),
        Number(
            "ttl",
            "IFLA_VXLAN_TTL",
            "str",
            range(256),
            0,
            word="inherit",
            raw="",  # to be said without a value, it is read with one
            instead="IFLA_VXLAN_TTL_INHERIT",
            fixed=("inherit",),
            **UDP,
        ),
        Number("tos", "IFLA_VXLAN_TOS", "str", range(256), 0, word="inherit", raw=1, hexadecimal=True, **UDP),
        Attr("df", "IFLA_VXLAN_DF", "str", DF, "unset", **UDP),
        No("learning", "IFLA_VXLAN_LEARNING", default=True, **UDP),
        No("proxy", "IFLA_VXLAN_PROXY", default=False, fixed=True),
        No("rsc", "IFLA_VXLAN_RSC", default=False, fixed=True),
        No("l2miss", "IFLA_VXLAN_L2MISS", default=False, fixed=True),
        No("l3miss", "IFLA_VXLAN_L3MISS", default=False, fixed=True),
        Attr("ageing", "IFLA_VXLAN_AGEING", "int", range(1, 2**32), 300),
        Attr("maxaddress", "IFLA_VXLAN_LIMIT", "int", range(2**32), 0, fixed=True),
        No("udpcsum", "IFLA_VXLAN_UDP_CSUM", default=True, fixed=True),
        No("udp6zerocsumtx", "IFLA_VXLAN_UDP_ZERO_CSUM6_TX", default=False, fixed=True),
        No("udp6zerocsumrx", "IFLA_VXLAN_UDP_ZERO_CSUM6_RX", default=False, fixed=True),
        Present("gbp", "IFLA_VXLAN_GBP", default=False, fixed=True),
        Beside("external", "IFLA_VXLAN_COLLECT_METADATA", default=False, fixed=True),
        Flag("vnifilter", "IFLA_VXLAN_VNIFILTER", default=False, fixed=True, only=("external", True)),
    ),
)
GENEVE = Kind(
    "geneve",
    unique=("id", "remote", "dstport"),
    attrs=(
        Attr("id", "IFLA_GENEVE_ID", "int", range(2**24), needed="external", fixed=True, again=True, **UDP),
        EitherIp("remote", "IFLA_GENEVE_REMOTE", "str", needed="external", **UDP),
        Attr("dstport", "IFLA_GENEVE_PORT", "int", range(1, 65536), 6081, fixed=True),
        Number(
            "ttl",
            "IFLA_GENEVE_TTL",
            "str",
            range(256),
            0,
            word="inherit",
            raw=1,
            instead="IFLA_GENEVE_TTL_INHERIT",
            **UDP,
        ),
        Number("tos", "IFLA_GENEVE_TOS", "str", range(256), 0, word="inherit", raw=1, hexadecimal=True, **UDP),
        Attr("df", "IFLA_GENEVE_DF", "str", DF, "unset", **UDP),
        Present("external", "IFLA_GENEVE_COLLECT_METADATA", default=False, fixed=True),
    ),
)
ENDS, KEYED = ("local", "remote"), ("local", "remote", "ikey")
TUNTAP = dict(
    attrs=(
        Account("owner", "IFLA_TUN_OWNER", "str", range(2**32 - 1), -1, fixed=True, word="user"),
        Account("group", "IFLA_TUN_GROUP", "str", range(2**32 - 1), -1, fixed=True, word="group"),
        Flag("pi", "IFLA_TUN_PI", default=False, fixed=True),
        Flag("vnet_hdr", "IFLA_TUN_VNET_HDR", default=False, fixed=True),
        Flag("multi_queue", "IFLA_TUN_MULTI_QUEUE", default=False, fixed=True),
    ),
    module="tuntap",
    kernel_module="tun",
)
BOND_MODES = {
    "balance-rr": 0,
    "active-backup": 1,
    "balance-xor": 2,
    "broadcast": 3,
    "802.3ad": 4,
    "balance-tlb": 5,
    "balance-alb": 6,
}
BOND_HASHES = {"layer2": 0, "layer3+4": 1, "layer2+3": 2, "encap2+3": 3, "encap3+4": 4, "vlan+srcmac": 5}
BOND_SELECT = {"stable": 0, "bandwidth": 1, "count": 2}
BOND_MACS = {"none": 0, "active": 1, "follow": 2}
BOND_RESELECT = {"always": 0, "better": 1, "failure": 2}
ARP_VALIDATE = {"none": 0, "active": 1, "backup": 2, "all": 3, "filter": 4, "filter_active": 5, "filter_backup": 6}
NOTHING, MIIMON, ARP = 0, ("miimon", Some(100)), ("arp_interval", Some(100))
LACP = ("mode", "802.3ad")
VLAN_PROTOCOLS = {"802.1Q": 0x8100, "802.1ad": 0x88A8}
KINDS = {
    kind.name: kind
    for kind in (
        Kind("veth", paired=True),
        Kind(
            "bridge",
            module="linux_bridge",
            rooted=True,
            takes="frames",
            attrs=(
                Attr("stp_state", "IFLA_BR_STP_STATE", default=False),
                Attr("priority", "IFLA_BR_PRIORITY", "int", range(65536), 32768),
                Attr("forward_delay", "IFLA_BR_FORWARD_DELAY", "ticks", range(3001), 1500),
                Attr("hello_time", "IFLA_BR_HELLO_TIME", "ticks", range(100, 1001), 200),
                Attr("max_age", "IFLA_BR_MAX_AGE", "ticks", range(600, 4001), 2000),
                Attr("ageing_time", "IFLA_BR_AGEING_TIME", "ticks", range(10_000_001), 30000),
                Attr("group_fwd_mask", "IFLA_BR_GROUP_FWD_MASK", "int", range(0, 65536, 8), 0),
                Attr("mcast_snooping", "IFLA_BR_MCAST_SNOOPING", default=True),
                Attr("vlan_filtering", "IFLA_BR_VLAN_FILTERING", default=False),
                Attr("vlan_default_pvid", "IFLA_BR_VLAN_DEFAULT_PVID", "int", range(4095), 1),
                Attr("vlan_protocol", "IFLA_BR_VLAN_PROTOCOL", "str", VLAN_PROTOCOLS, "802.1Q"),
            ),
            port=(
                Attr("cost", "IFLA_BRPORT_COST", "int", range(1, 65536)),
                Attr("priority", "IFLA_BRPORT_PRIORITY", "int", range(64), 32),
                Attr("hairpin", "IFLA_BRPORT_MODE", "onoff", default=False),
                Attr("isolated", "IFLA_BRPORT_ISOLATED", "onoff", default=False),
                Attr("learning", "IFLA_BRPORT_LEARNING", "onoff", default=True),
                Attr("guard", "IFLA_BRPORT_GUARD", "onoff", default=False),
                Attr("root_block", "IFLA_BRPORT_PROTECT", "onoff", default=False),
                Attr("fastleave", "IFLA_BRPORT_FAST_LEAVE", "onoff", default=False),
            ),
        ),
        Kind(
            "vlan",
            attrs=(
                Attr("protocol", "IFLA_VLAN_PROTOCOL", "str", VLAN_PROTOCOLS, "802.1Q", fixed=True),
                Attr("id", "IFLA_VLAN_ID", "int", range(1, 4095), needed=True, fixed=True),
                Bit("reorder_hdr", "IFLA_VLAN_FLAGS", default=True, bit=1),
                Bit("gvrp", "IFLA_VLAN_FLAGS", default=False, bit=2),
                Bit("mvrp", "IFLA_VLAN_FLAGS", default=False, bit=8),
                Bit("loose_binding", "IFLA_VLAN_FLAGS", default=False, bit=4),
                Bit("bridge_binding", "IFLA_VLAN_FLAGS", default=False, bit=16),
                Map("ingress_qos_map", "IFLA_VLAN_INGRESS_QOS", "list", range(8), (), to=range(2**32)),
                Map("egress_qos_map", "IFLA_VLAN_EGRESS_QOS", "list", range(2**32), (), to=range(8)),
            ),
            stands=True,
            follows=frozenset(("up", "unset address")),
            kernel_module="8021q",
        ),
        Kind("dummy"),
        Kind("ifb", steady=True),
        Kind("nlmon", packets=True, bare=True),
        Kind("tun", packets=True, bare=True, **TUNTAP),
        Kind("tap", **TUNTAP),
        Kind(
            "bond",
            attrs=(
                Attr("mode", "IFLA_BOND_MODE", "str", BOND_MODES, "balance-rr", fixed=True),
                Attr("miimon", "IFLA_BOND_MIIMON", "int", range(2**31)),
                Attr("updelay", "IFLA_BOND_UPDELAY", "int", range(2**31), 0, MIIMON, again=True),
                Attr("downdelay", "IFLA_BOND_DOWNDELAY", "int", range(2**31), 0, MIIMON, again=True),
                Attr("arp_interval", "IFLA_BOND_ARP_INTERVAL", "int", range(2**31), 0, ("miimon", NOTHING)),
                Ips("arp_ip_target", "IFLA_BOND_ARP_IP_TARGET", "list", range(17), ()),
                Attr("arp_validate", "IFLA_BOND_ARP_VALIDATE", "str", ARP_VALIDATE, "none", ARP),
                Port("primary", "IFLA_BOND_PRIMARY", "str", default=""),
                Attr("xmit_hash_policy", "IFLA_BOND_XMIT_HASH_POLICY", "str", BOND_HASHES, "layer2"),
                Attr("min_links", "IFLA_BOND_MIN_LINKS", "int", range(2**31), 0),
                Attr("lacp_rate", "IFLA_BOND_AD_LACP_RATE", "str", {"slow": 0, "fast": 1}, "slow", LACP, fixed=True),
                Attr("ad_select", "IFLA_BOND_AD_SELECT", "str", BOND_SELECT, "stable", fixed=True),
                Attr("fail_over_mac", "IFLA_BOND_FAIL_OVER_MAC", "str", BOND_MACS, "none", fixed=True),
                Attr("primary_reselect", "IFLA_BOND_PRIMARY_RESELECT", "str", BOND_RESELECT, "always"),
                Attr("all_slaves_active", "IFLA_BOND_ALL_SLAVES_ACTIVE", default=False),
                Attr("resend_igmp", "IFLA_BOND_RESEND_IGMP", "int", range(256), 1),
            ),
            rooted=True,
            takes="frames",
            bonds=True,
            kernel_module="bonding",
        ),
        Kind(
            "vrf",
            attrs=(Attr("table", "IFLA_VRF_TABLE", "int", range(1, 2**32), needed=True, fixed=True),),
            bare=True,
            lone=True,
            rooted=True,
            takes="any",
            cycles=True,
        ),
        Kind("macvlan", **MACVLAN),
        Kind("macvtap", module="macvlan", tap=True, **{**MACVLAN, "attrs": MACVLAN["attrs"] + DEVICE}),
        Kind("ipvlan", **IPVLAN),
        Kind("ipvtap", module="ipvlan", tap=True, near=True, **IPVLAN),
        Kind(
            "ipip",
            unique=ENDS,
            df=True,
            **tunnel(
                "IFLA_IPTUN_",
                4,
                *iptun(4, {"ipip": 4, "mplsip": 137, "any": 0}),
                external("IFLA_IPTUN_"),
                packets=True,
            ),
        ),
        Kind(
            "sit",
            unique=ENDS,
            df=True,
            **tunnel(
                "IFLA_IPTUN_",
                4,
                *iptun(4, {"ip6ip": 41, "ipip": 4, "mplsip": 137, "any": 0}),
                Flag("isatap", "IFLA_IPTUN_FLAGS", default=False, fixed=True),
                Routers("prl", "SIOCADDPRL", "list", default=(), only=("isatap", True)),
                Sixrd("sixrd", "IFLA_IPTUN_6RD_PREFIX", "dict", default=("2002::/16", "0.0.0.0/0")),
                packets=True,
            ),
        ),
        Kind(
            "ip6tnl",
            unique=ENDS,
            kernel_module="ip6_tunnel",
            **tunnel(
                "IFLA_IPTUN_",
                6,
                *iptun(6, {"ip6ip6": 41, "ipip6": 4, "any": 0}),
                external("IFLA_IPTUN_"),
                packets=True,
            ),
        ),
        Kind("gre", unique=KEYED, kernel_module="ip_gre", **tunnel("IFLA_GRE_", 4, *gre(4), packets=True)),
        Kind("gretap", unique=KEYED, kernel_module="ip_gre", **tunnel("IFLA_GRE_", 4, *gre(4))),
        Kind("ip6gre", unique=KEYED, kernel_module="ip6_gre", **tunnel("IFLA_GRE_", 6, *gre(6), packets=True)),
        Kind("ip6gretap", unique=KEYED, kernel_module="ip6_gre", **tunnel("IFLA_GRE_", 6, *gre(6))),
        VXLAN,
        GENEVE,
        Kind(
            "xfrm",
            attrs=(
                Attr("if_id", "IFLA_XFRM_IF_ID", "int", range(1, 2**32), needed="external", again=True, **UDP),
                external("IFLA_XFRM_"),
            ),
            unique=("if_id",),
            over="IFLA_XFRM_LINK",
            bare=True,
            loose=True,
            bound=True,
            whole=True,
            packets=True,
            kernel_module="xfrm_interface",
        ),
        Kind(
            "wireguard",
            attrs=(
                PrivateKey("private_key", "WGDEVICE_A_PRIVATE_KEY", "str", default=Secret()),
                WireguardNumber("listen_port", "WGDEVICE_A_LISTEN_PORT", "int", range(1, 65536)),
                WireguardNumber("fwmark", "WGDEVICE_A_FWMARK", "int", range(2**32), 0),
            ),
            packets=True,
            bare=True,
        ),
        Kind("vti", unique=ENDS, kernel_module="ip_vti", **tunnel("IFLA_VTI_", 4, *vti(), packets=True)),
        Kind("vti6", unique=ENDS, kernel_module="ip6_vti", **tunnel("IFLA_VTI_", 6, *vti(), packets=True)),
    )
}
PLAIN = Kind("")  # seen and set, never made: a network card, lo, a kind that is not in the table


def kind_of(link):
    return KINDS.get(link.kind, PLAIN)


def follows(link):
    """What of a link changes with its lower link."""
    attrs, kind = dict(link.attrs), kind_of(link)
    if kind.alone and attrs.get(kind.alone[0]) == kind.alone[1]:
        return kind.follows | {"address"}
    return kind.follows - ({"up"} if attrs.get("loose_binding") else set())


def settled(link):
    """A link without what the kernel forgets, as the MAC addresses of a macvlan that has another mode, or chooses."""
    attrs = dict(link.attrs)
    if attrs.get("macaddr") and attrs.get("mode") != "source":
        return replace(link, attrs=merged(attrs, dict(macaddr=())))
    if kind_of(link).bonds:
        gone = dict(updelay=0, downdelay=0) if attrs.get("miimon") == 0 else {}
        gone.update(dict(arp_validate="none") if attrs.get("arp_interval") == 0 else {})
        return replace(link, attrs=merged(attrs, gone))
    if link.kind == "wireguard" and link.up and attrs.get("listen_port") == 0:
        # The kernel chooses one.
        return replace(link, attrs=merged(attrs, dict(listen_port=None)))
    return link


def eased(have, after):
    """What a link must be before it can be as it is to be: a bond takes no delays without miimon, not even none."""
    if not kind_of(have).bonds or dict(after.attrs).get("miimon") != 0:
        return have
    return replace(have, attrs=merged(have.attrs, dict(updelay=0, downdelay=0)))


def is_group(value):
    """Whether this is a multicast address."""
    return bool(value) and ip_address(value).is_multicast


def met(attr, attrs):
    """Whether a link with these attributes is what this one is for."""
    value = attrs.get(*attr.only) if attr.only else None
    # What is not known is what the kernel takes.
    return not attr.only or value == attr.only[1] or (value is None and attr.only[1] is NOTHING)


def port_kind(state, link):
    """The kind of what the link is a port of."""
    master = state.links((link.netns, link.master)) if link.master else None
    return kind_of(master) if master else PLAIN


def bonded(bond):
    """The MAC address and MTU that each port of a bond gets; None is not foretold."""
    attrs = dict(bond.attrs)
    own = attrs.get("mode") in ("balance-tlb", "balance-alb") or attrs.get("fail_over_mac") != "none"
    return dict(address=None if own else bond.address, mtu=bond.mtu)


def cycled(state, before, after):
    """The links that become ports of a vrf or are none any more when one changes or goes."""
    if after is None:
        return [state.get(port) for port in sorted(state.ports[before.key])] if kind_of(before).cycles else []
    moves = before.netns == after.netns and before.master != after.master
    return [before] if moves and (port_kind(state, before).cycles or port_kind(state, after).cycles) else []
