# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""hsr: two links that carry the same frames, as HSR or PRP (IEC 62439-3)."""

from __future__ import annotations

from .._core.rows import Row
from .._core.values import Refused, replace
from .base import LinkName, called, with_attrs
from .effects import change, has_carrier, lose_carrier
from .macvlan import RxHandler

NLA = "IFLA_HSR_%s"
ADDRESS, VERSION, INTERLINK = NLA % "SUPERVISION_ADDR=4:bytes", NLA % "VERSION=6:uint8", NLA % "INTERLINK=8:index"
SLAVES, HSR, PRP = ("slave1", "slave2", "interlink"), 0, 1
LARGEST, TAG = 1500, 6  # bytes: of an Ethernet frame, and what of it is the tag of HSR or the trailer of PRP


class Slave(LinkName):
    """The name of a link on which it stands."""


class Supervision(Row):
    """The last byte of a MAC address."""

    def read(self, get):
        return (bytes(get(ADDRESS) or b"") or b"\0")[-1]

    def attributes(self):
        return self.nla, ADDRESS


class Untold(Row):
    """A number; None where the kernel does not tell."""

    def same(self, one, other):
        return None in (one, other) or one == other

    def decode(self, raw):
        return raw


class Interlink(Untold, Slave):
    """The name of a third link, or nothing; not known where the kernel does not tell."""

    def read(self, get):
        # A kernel that tells of it tells the version of every HSR; of another it is not known.
        return get(self.nla) or (None if get(VERSION) is None else "")


class Hsr(RxHandler):
    def netns_local(self):
        return True

    def falls_when_lower_moves(self):
        return True

    def out_of_band(self):
        return "hsr"

    def overhead(self, link):
        return TAG

    def arp_by_itself(self, link):
        return True

    def only_told(self, of_port):
        return (5,)  # the number of the next frame

    def lost_anew(self, link, new=None):
        given = dict(new.attrs) if new is not None else {}
        lost = [name for name in ("version", "interlink") if dict(link.attrs)[name] is given.get(name) is None]
        return "whatever %s it had, which the kernel does not tell" % " and ".join(lost) if lost else ""

    def slaves(self, link):
        attrs = dict(link.attrs)
        return [(name, attrs[name]) for name in SLAVES if attrs.get(name)]

    def renamed_slave(self, link, old, new):
        return with_attrs(link, **{name: new for name, slave in self.slaves(link) if slave == old})

    def without_slave(self, link, gone):
        left = self.renamed_slave(link, gone.name, "")
        return left if self.slaves(left) else None

    def check(self, planner, after, want, attrs):
        slaves = self.slaves(after)
        if len({slave for dummy, slave in slaves}) < len(slaves):
            raise Refused(slaves[-1][0], "%s is given twice" % slaves[-1][1])
        for slave in SLAVES:
            if attrs[slave] == after.name:
                raise Refused(slave, "%s cannot stand on itself" % after.name)
        for slave, name in slaves if planner.state.get(after.key) is None and not planner.rolls_back else ():
            self.check_slave(planner, after, slave, planner.state.link((after.netns, name)))
        if want.mtu and want.mtu > LARGEST - TAG and not planner.rolls_back:
            raise Refused("mtu", "%d is more than %d, the most that a link of kind hsr has" % (want.mtu, LARGEST - TAG))

    def check_slave(self, planner, after, slave, lower):
        if lower is None:
            return
        if lower.l3 or lower.name == "lo" or lower.kind == "vlan":
            raise Refused(slave, "%s, %s, can carry no %s" % (lower.name, called(lower), self.name))
        for other in planner.state.uppers(lower):
            if other.kind == self.name and other.key != after.key:
                raise Refused(slave, "%s carries %s already" % (lower.name, other.name))

    def newborn(self, want):
        """Without what the kernel does not take yet."""
        return replace(want, mtu=None, address=None)

    def given_mtu(self, link, mtus):
        return super().given_mtu(link, [LARGEST, *mtus])

    def born(self, state, link):
        self.tell_second(state, link)

    def gone(self, state, link):
        self.tell_second(state, link)

    def tell_second(self, state, link):
        """With PRP, newer kernels give the second slave the MAC address of the first, and take it away again."""
        attrs = dict(link.attrs)
        second = state.link((link.netns, attrs.get("slave2") or ""))
        if attrs.get("proto") == PRP and second is not None:
            change(state, second, replace(second, address=None))

    def follow_slave(self, event, link):
        """It has the MAC address of the first one, and the MTU that goes over all."""
        state, before, now = event.state, event.before, event.now
        slaves = [state.link((link.netns, name)) for dummy, name in self.slaves(link)]
        if before.mtu != now.mtu and slaves:
            mtus = [slave and slave.mtu for slave in slaves]
            # The kernel tells nobody of it: what is on the link stays, also of IPv6.
            link = replace(link, mtu=None if None in mtus else self.given_mtu(link, mtus))
            state.add(link)
        after = link
        if before.address != now.address and now.name == dict(link.attrs)["slave1"]:
            after = replace(link, address=now.address)
            self.tell_second(state, link)
        change(state, link, after)
        if not any(slave is None or (slave.up and has_carrier(state, slave)) for slave in slaves):
            lose_carrier(state, state.get(link.key))


HSR_ONLY = dict(only=("proto", HSR), immutable=True)
ROWS = (
    Slave("slave1", NLA % "SLAVE1=1:index", "str", default="", required=True, immutable=True),
    Slave("slave2", NLA % "SLAVE2=2:index", "str", default="", required=True, immutable=True),
    Interlink("interlink", INTERLINK, "str", default="", **HSR_ONLY),
    Supervision("supervision", NLA % "MULTICAST_SPEC=3:uint8", "int", range(256), 0, immutable=True),
    Untold("version", VERSION, "int", range(2), 0, **HSR_ONLY),
    Row("proto", NLA % "PROTOCOL=7:uint8", "int", range(2), HSR, immutable=True),
)
KINDS = (Hsr("hsr", ROWS, inherits=frozenset(("address",))),)
