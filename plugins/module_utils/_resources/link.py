# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links, and their alternative names: ip-link(8)."""

from __future__ import annotations

import struct
from typing import Any, Optional, Tuple

from .._core import words
from .._core.desired import Observation
from .._core.resource import OnLink, Resource, as_list, of_netns
from .._core.rows import Row
from .._core.values import Aside, Refused, Secret, place, replace
from .._kinds.base import called, kind_of, port_kind
from .._kinds.effects import drops_ipv6
from .._rooms import load

Ref = Tuple[str, str]  # (network namespace, link name); the module's own namespace is ""
# The kernel makes these with a tunnel module and does not delete them.
FALLBACK = {"lo", "tunl0", "gre0", "gretap0", "erspan0", "sit0", "ip_vti0", "ip6tnl0", "ip6_vti0", "ip6gre0"}
# Of a link, what cannot change without notice for its upper links.
DISTURBING = ("netns", "master", "mtu", "address", "up")
OF_LINK = {"data", "token"}  # what of Link.raw no master has a say in

# How IPv6 makes the last half of an address of its own: IN6_ADDR_GEN_MODE.
ADDRGENMODES = {"eui64": 0, "none": 1, "stable_secret": 2, "random": 3}


class Spelled(Row):
    """A value that has a reader in words.py."""

    reader: Any = None

    def parse(self, value):
        try:
            return self.reader(self.name, value)
        except Refused as e:
            raise ValueError(e.text)


class Master(Spelled):
    """The name of the bridge, bond or VRF of which a link is a port, or nothing."""

    def parse(self, value):
        return super().parse(value) if value else ""

    def ip_args(self, value, old):
        return [self.name, value] if value else ["nomaster"]


class Flag(Row):
    """One of the flags in the head of the message; `bit` is the kernel's, `off` if that says it is off."""

    bit: int = 0
    off: bool = False

    def read_flags(self, flags):
        return bool(flags & self.bit) != self.off

    def encode(self, value, old):
        return {}


class Later(Row):
    """What a new link does not take: it is told of it when it is there."""

    def orders(self, value):
        """The words for ip(8), one command after the other."""
        return [self.ip_args(value, None)]


class Reasons(Later):
    """A number of which each bit is a reason of somebody, with a mask."""

    def decode(self, raw):
        return struct.unpack("=I", raw[-4:])[0] if raw else self.default

    def encode(self, value, old):
        return {self.nla: struct.pack("=HHIHHI", 8, 1, value, 8, 2, value)}

    def orders(self, value):
        return [[self.name, str(bit), "on"] for bit in range(32) if value >> bit & 1]


class Link(Resource):
    """A link: ip-link(8)."""

    netns: str
    name: str
    kind: Optional[str] = None
    peer: Optional[Ref] = None
    # Of a tunnel the name is empty if its outer packets leave by any link of that namespace, None if it is not known.
    link: Optional[Ref] = None
    master: Optional[str] = None
    mtu: Optional[int] = None
    address: Optional[str] = None
    up: Optional[bool] = None
    alias: Optional[str] = None
    txqueuelen: Optional[int] = None
    link_group: Optional[int] = None
    allmulti: Optional[bool] = None
    promisc: Optional[bool] = None  # as somebody said; what else needs it is not in this flag
    arp: Optional[bool] = None
    addrgenmode: Optional[str] = None  # None for a link without IPv6
    attrs: Tuple[Tuple[str, Any], ...] = ()
    port: Tuple[Tuple[str, Any], ...] = ()
    rest: Tuple[Tuple[str, Any], ...] = ()  # what it has and no option is for
    conf: Tuple[Any, ...] = Aside(())  # its sysctls; see link_conf
    raw: Tuple[Any, ...] = Aside(())  # what is not described, as the kernel tells it; see _rtnl/link_rest
    withheld: Tuple[str, ...] = Aside(())  # read: what others gave it that the kernel does not give out
    taken_from: Optional[Ref] = Aside()
    slave_kind: Optional[str] = Aside()  # what kind of master the port options belong to
    pinned: frozenset = Aside(frozenset())  # of address and mtu: what a bridge does not take from its ports
    option: str = Aside("name")
    index: Optional[int] = Aside()
    promotes: bool = Aside(False)  # read: a secondary address of it takes the place of the primary one that goes
    manager: str = Aside("")  # read: who else manages it
    no_mac: bool = Aside(False)  # read: it carries IP packets, no frames

    sort = "link"
    identity = ("netns", "name", "kind")
    pairs = ("attrs", "port", "rest")
    moves_along = True
    told_also_if_zero = ("arp", "txqueuelen")
    # In the order of ip(8)'s words.
    ROWS = (
        Row("mtu", "IFLA_MTU=4:uint32", "int", range(68, 2**31)),
        Spelled("address", "IFLA_ADDRESS=1:l2addr", "str", reader=words.mac),
        Spelled("alias", "IFLA_IFALIAS=20:string", "str", default="", reader=words.alias),
        Row("txqueuelen", "IFLA_TXQLEN=13:uint32", "int", range(2**31)),
        Row("link_group", "IFLA_GROUP=27:uint32", "int", range(2**31), ip_word="group"),
        Flag("allmulti", "", "onoff", bit=0x200, ip_word="allmulticast"),
        Flag("promisc", "", "onoff", bit=0x100),
        Flag("arp", "", "onoff", bit=0x80, off=True),
        Row("addrgenmode", "", "str", ADDRGENMODES),
        Master("master", "IFLA_MASTER=10:uint32", "str", default="", reader=words.link_name),
    )

    # What others set and no option is for: it comes back with the link.
    AT_ONCE = (
        Row("gso_max_size", "IFLA_GSO_MAX_SIZE=41:uint32", "int", default=65536),
        Row("gso_max_segs", "IFLA_GSO_MAX_SEGS=40:uint32", "int", default=65535),
        Row("gro_max_size", "IFLA_GRO_MAX_SIZE=58:uint32", "int", default=65536),
        Row("gso_ipv4_max_size", "IFLA_GSO_IPV4_MAX_SIZE=63:uint32", "int", default=65536),
        Row("gro_ipv4_max_size", "IFLA_GRO_IPV4_MAX_SIZE=64:uint32", "int", default=65536),
        Row("broadcast", "IFLA_BROADCAST=2:l2addr", "str", default="ff:ff:ff:ff:ff:ff"),
        Row("numtxqueues", "IFLA_NUM_TX_QUEUES=31:uint32", "int", default=1),
        Row("numrxqueues", "IFLA_NUM_RX_QUEUES=32:uint32", "int", default=1),
        Flag("multicast", "", "onoff", bit=0x1000),
        Flag("dynamic", "", "onoff", default=False, bit=0x8000),
        Row("linkmode", "IFLA_LINKMODE=17:uint8", "str", {"default": 0, "dormant": 1}, "default", ip_word="mode"),
        Flag("trailers", "", "onoff", default=True, bit=0x20, off=True),
    )
    LATER = (
        Later("protodown", "IFLA_PROTO_DOWN=39:uint8", "onoff", default=False),
        Reasons("protodown_reason", "IFLA_PROTO_DOWN_REASON=55:bytes", "int", default=0),
    )
    REST = AT_ONCE + LATER

    def is_told(self, state):
        try:
            return words.is_utf8(self.name) and bool(words.link_name("name", self.name))
        except (Refused, UnicodeError):
            return False

    def not_described(self):
        if not self.is_told(None):
            return ["all, for its name"]
        odd = ["alias"] if not words.is_utf8(self.alias or "") else []
        usual = {row.name: row.default for row in self.REST}
        missing = odd + [name for name, value in self.rest if value is not None and value != usual.get(name)]
        defaults = {row.name: row.default for row in kind_of(self).attrs}
        # What the kernel hides for a while, or does not tell.
        missing += [name for name, value in self.attrs if value is None and defaults.get(name) is not None]
        return missing + ["%s attribute %s" % (part, number) for part, number, dummy in self.raw] + list(self.withheld)

    @property
    def ref(self):
        return (self.netns, self.name)

    @property
    def key(self):
        return ("link", self.netns, self.name)

    @property
    def l3(self):
        """Whether it carries IP packets, no frames."""
        return self.no_mac or kind_of(self).l3

    @property
    def comes_by_itself(self):
        return self.name in FALLBACK

    def requires(self):
        home, name = self.link or ("", "")
        below = [("link", home, name)] if name else []
        below += [("link", self.netns, slave) for dummy, slave in kind_of(self).slaves(self)]
        return of_netns(self.netns) + ([("netns", home)] if home not in ("", self.netns) else []) + below

    def made_after(self):
        return self.requires() + ([("link", self.netns, self.master)] if self.master else [])

    def after_move(self, to):
        if self.netns != to.netns:
            # There IPv6 begins anew.
            gone = dict(master="", up=False, port=(), addrgenmode=None, conf=(), raw=())
            return replace(self, netns=to.netns, name=to.name, **gone)
        return self if self.name == to.name else replace(self, name=to.name)

    def reads(self):
        refs = {self.ref, *filter(None, (self.peer, self.link, self.taken_from))}
        return Observation(
            names=frozenset(ref[0] for ref in refs),
            follow=frozenset(refs),
            uppers=bool(kind_of(self).family()),
            sorts=frozenset(("address",)),
        )

    # The plan and the prediction have rooms of their own.

    def plan(self, planner, have):
        load("_resources", "link_plan").plan(planner, self, have)

    def find(self, state):
        found = state.get(self.key) or (self.peer and state.link(self.peer))
        if not found:
            return []
        kin = kind_of(self).maker == kind_of(found).maker
        where = "%s in %s is %s" % (found.name, place(found.netns), called(found))
        if self.kind and found.kind is not None and not kin:
            raise Refused("name", "%s, not %s" % (where, called(self)))
        if found.kind == "" or found.name in FALLBACK:
            raise Refused("state", "%s: it cannot be deleted" % where)
        return [found]

    def before_removal(self, planner):
        load("_resources", "link_hand_over").before_removal(planner, self)

    def to_record(self, observed, made):
        have = observed.get(self.key)
        given = self.kind is None and have is not None and have.master != self.master
        return self if have is None or given else None

    def prune(self, planner):
        have = planner.state.get(self.key)
        if have is not None and have.kind == self.kind:
            planner.remove(have)
        elif have is not None and self.kind is None and have.master == self.master:
            self.left(planner, have)

    def expel(self, planner):
        have = self.left(planner, self)
        if have.master:
            port_kind(planner.state, have).plan_move(planner, have, replace(have, master="", port=()))

    def left(self, planner, have):
        return load("_resources", "link_hand_over").leave(planner, replace(self, master=""), have)

    def reassert(self, planner):
        load("_resources", "link_plan").reassert(planner, self)

    def predict(self, state, before):
        load("_resources", "link_predict").predict(state, before, self)

    def collateral(self, state, after):
        return load("_resources", "link_predict").collateral(state, self, after)

    def shakes(self, state, change):
        return load("_resources", "link_predict").shakes(state, change)

    def survives(self, event):
        return event.follow(self)

    def survivor(self, gone):
        if gone.sort == "link" and kind_of(self).outlives_lower():
            return replace(self, link=(gone.netns, None))  # that of what is gone
        return kind_of(self).without_slave(self, gone) if gone.sort == "link" else None

    def takes_along(self, state, held):
        return load("_resources", "link_predict").takes_along(state, self, held)

    def renamed(self, old, new):
        return replace(self, link=new) if self.link == old else kind_of(self).renamed_slave(self, old[1], new[1])

    def returning(self, state):
        return []

    def provides(self, observed):
        return {self.key} if self.can_be_made(observed) else set()

    def can_be_made(self, observed):
        """Whether it can be made, or taken from where it is."""
        known = kind_of(self).name == self.kind != ""
        return known or bool(self.taken_from and observed.link(self.taken_from))

    def prerequisites(self, observed, desired):
        slaves = {("link", self.netns, name): option for option, name in kind_of(self).slaves(self)}
        needs = [("netns" if key[0] == "netns" else slaves.get(key, "link"), key) for key in self.requires()]
        needs = [pair for pair in needs if pair[1][0] == "link" or pair[1][1] == self.netns]
        needs += [("master", ("link", self.netns, self.master))] if self.master else []
        needs += [("link_netns", ("netns", self.link[0]))] if self.link and self.link[0] else []
        if not self.can_be_made(observed):
            needs.append((self.option, self.key))
        return needs

    def in_common(self):
        backup = dict(self.port).get("backup_port") if self.port else ""
        return [("backup_port", self.netns, backup)] if backup else []

    def near(self, state):
        slaves = [(self.netns, name) for dummy, name in kind_of(self).slaves(self)]
        refs = self.peer, self.link, self.master and (self.netns, self.master), *slaves
        return [state.link(ref) for ref in refs if ref]

    def as_snapshot(self, back):
        known = self.link is None or not self.link[1] or ("link", *self.link) in back.before
        lower = self.link if known else (self.link[0], None) if kind_of(self).underlay else None
        link = replace(self, taken_from=back.went.get(self.ref), link=lower)
        return link if link.can_be_made(back.now) or self.key in back.now or self.name == "lo" else None

    def goes_back(self, back):
        return self.kind != "" and self.ref not in back.homes

    def disturbs(self, after):
        if after is None:
            return True, True
        names = ("netns", "name", "address", "master", "arp") + (("attrs",) if kind_of(self).accepts_ports() else ())
        told = any(getattr(self, f) != getattr(after, f) for f in names) or bool(self.up and not after.up)
        told = told or drops_ipv6(self, after)
        return told, any(getattr(self, f) != getattr(after, f) for f in DISTURBING)

    def joins(self, state):
        return state.master_of(self) is not None

    def warnings(self, after, targets):
        """A link whose attributes change with those of another one."""
        now = after.get(self.key)
        if kind_of(self).shares_attrs() and now is not None and self.key not in targets and self.attrs != now.attrs:
            news = ["%s: %s" % pair for pair in now.attrs if pair not in self.attrs]
            text = "%s in %s changes as well (%s): all on %s share it"
            yield text % (self.name, place(self.netns), ", ".join(news), self.link[1])
        if self.manager and now is not None and now.master not in ("", self.master):
            text = "%s manages %s, and takes it from %s when it restarts or sets it up anew: have it make %s, %s"
            page = 'see the page "Beside other managers"'
            yield text % (self.manager, self.name, now.master, now.master, page)
        if self.is_anew(after):
            yield from self.lost_anew(targets.get(self.key))

    def is_anew(self, after):
        now = after.get(self.key)
        return now is not None and now.kind == self.kind and now.index != self.index

    def lost_anew(self, new=None):
        lost = kind_of(self).lost_anew(self, new)
        return ["%s in %s is made anew and has lost %s" % (self.name, place(self.netns), lost)] if lost else []

    def commands(self, change):
        return load("_resources", "link_words").commands(self, change)

    def plain(self):
        shown = {row.name: row.shown for row in kind_of(self).attrs}
        out = {name: as_list(value) for name, value in self.__dict__.items() if name in self.COMPARED and value != ()}
        out = {name: value for name, value in out.items() if value is not None and name not in self.pairs}
        for name, value in self.attrs:
            secret = isinstance(value, Secret)
            out["public_key" if secret else name] = value.public if secret else shown.get(name, as_list)(value)
        out.update(self.port)
        for name in ("peer", "link"):
            if name in out:
                out[name] = dict(netns=out[name][0], name=out[name][1])
        return out

    def described(self, state):
        out = dict(self.plain(), addresses=[r.address for r in state.on(self.key) if r.sort == "address"])
        if kind_of(self).is_tap():
            own = self.index and dict(self.attrs).get("owner", "") is not None
            out["device"] = "/dev/tap%d" % self.index if own else None
        out["altnames"] = altnames(state, self)
        if self.kind == "wireguard":
            out["peers"] = [r.as_peer() for r in state.on(self.key) if r.sort == "wireguard_peer"]
        if kind_of(self).accepts_ports() == "frames":
            out["ports"] = [dict(port.port, name=port.name) for port in state.ports_of(self)]
        return out


class AltName(OnLink):
    """One more name of a link."""

    netns: str
    dev: str
    name: str

    sort = "altname"
    identity = ("netns", "dev", "name")
    moves_along = True

    @property
    def key(self):
        return ("altname", self.netns, self.dev, self.name)

    def not_described(self):
        return [] if words.is_utf8(self.name) else ["all, for its name"]

    def commands(self, change):
        verb = "del" if change.verb == "delete" else "add"
        return [words.ip(self.netns, "link", "property", verb, "dev", self.dev, "altname", self.name)]


def altnames(state, link):
    return [r.name for r in state.on(link.key) if r.sort == "altname"]


def assume(state, key):
    """A link of which nothing is known but that it is there, or is a port."""
    known = state.link(key[1:3])
    state.add(replace(known, kind=None) if known else Link(key[1], key[2]))


def lowers_of(state, link):
    """The (option, link) of what a link stands on, as far as that is known; a tunnel stands on nothing."""
    below = [("link", link.link)] if link.link and kind_of(link).stacked else []
    below += [(option, (link.netns, name)) for option, name in kind_of(link).slaves(link)]
    return [(option, state.link(ref)) for option, ref in below if state.link(ref) is not None]


def lower_of(state, link):
    """What a link stands on, and may have MTU and address from: of several, the first."""
    return next((lower for dummy, lower in lowers_of(state, link)), None)


def same_attrs(state, link):
    """The others on the same lower link that have the same attributes as this one, whatever these are."""
    lower = state.link(link.link) if link.link and kind_of(link).shares_attrs() else None
    near = state.uppers(lower) if lower is not None else []
    return [r for r in near if r.key != link.key and kind_of(r).family() == kind_of(link).family()]


def given_mtu(state, link):
    """What a new link has from the one that it stands on, or by which its packets leave."""
    lowers = [lower for dummy, lower in lowers_of(state, link)]
    if kind_of(link).underlay and kind_of(link).overhead(link) and link.link:
        lowers = [state.link(link.link)]
    mtus = [lower and lower.mtu for lower in lowers]
    return kind_of(link).given_mtu(link, mtus) if mtus and all(mtus) else None
