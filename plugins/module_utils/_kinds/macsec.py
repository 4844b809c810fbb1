# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""macsec: the encrypted frames of a link, IEEE 802.1AE. Its keys are not the link's: ip-macsec(8)."""

from __future__ import annotations

import re

from .._core.rows import Row
from .._core.values import Refused, replace
from .base import called, with_attrs
from .macvlan import RxHandler

NLA = "IFLA_MACSEC_%s"
SCI = NLA % "SCI=1:bytes"
AES_128, DEFAULT_CIPHER = 0x0080C20001000001, 0x0080020001000001  # two numbers of one cipher
CIPHERS = dict(zip(("gcm-aes-256", "gcm-aes-xpn-128", "gcm-aes-xpn-256"), range(AES_128 + 1, AES_128 + 4)))
CIPHERS = {"gcm-aes-128": DEFAULT_CIPHER, **CIPHERS}
ICV_LENGTHS = {number: number for number in (8, 12, 13, 14, 15, 16)}
HEADERS = 16  # bytes: the SecTAG with the SCI, and the EtherType
XPN_WINDOW = 2**30 - 1
# No two of them go together: each says in its own way who sends.
SENDERS = (("send_sci", "end_station"), ("send_sci", "scb"), ("end_station", "scb"))


class Sci(Row):
    """A MAC address and a port number in 16 hexadecimal digits."""

    def parse(self, value):
        if not re.fullmatch("[0-9a-fA-F]{1,16}", value):
            raise ValueError("%r is no SCI of up to 16 hexadecimal digits, with quotes" % value)
        return value.lower().zfill(16)

    def encode(self, value, old):
        return {self.nla: bytes.fromhex(value)}

    def decode(self, raw):
        return raw if raw is None else bytes(raw).hex()


class Port(Row):
    """The last part of the SCI."""

    def read(self, get):
        return port_of(bytes(get(SCI) or b"").hex())

    def attributes(self):
        return self.nla, SCI


class Cipher(Row):
    def decode(self, raw):
        return super().decode(DEFAULT_CIPHER if raw == AES_128 else raw)


class Window(Row):
    """ip(8) takes it with what it is for."""

    def ip_args(self, value, old):
        return ([] if old is None else ["replay", "on"]) + [self.name, str(value)]


def port_of(sci):
    return int(sci[-4:] or "0", 16) or None


class Macsec(RxHandler):
    def overhead(self, link):
        return (dict(link.attrs).get("icvlen") or 16) + HEADERS

    def falls_when_lower_moves(self):
        return True

    def lost_anew(self, link, new=None):
        lost = " and ".join(link.withheld)
        return "its %s, whose keys the kernel does not give out: see ip-macsec(8)" % lost if lost else ""

    def out_of_band(self):
        return "macsec"

    def check(self, planner, after, want, attrs):
        wanted, have = dict(want.attrs), planner.state.get(after.key)
        if attrs["replay"] and attrs["window"] is None:
            raise Refused("window", "replay: true needs it")
        if "xpn" in attrs["cipher"] and (attrs["window"] or 0) > XPN_WINDOW:
            raise Refused("window", "%s takes no more than %d" % (attrs["cipher"], XPN_WINDOW))
        if wanted.get("sci") and wanted.get("port") not in (None, port_of(wanted["sci"])):
            raise Refused("port", "it is %s in sci: %s" % (port_of(wanted["sci"]), wanted["sci"]))
        there = dict(have.attrs) if have is not None else {}
        for one, other in SENDERS:
            if wanted.get(one) and wanted.get(other) and not (there.get(one) and there.get(other)):
                raise Refused(other, "it does not go with %s: true" % one)
        lower = planner.state.link(after.link) if after.link else None
        if have is None and lower is not None:
            self.check_new(planner, after, attrs, lower)

    def check_new(self, planner, after, attrs, lower):
        if lower.l3 or lower.name == "lo":
            raise Refused("link", "%s, %s, can carry no %s" % (lower.name, called(lower), self.name))
        sci = attrs["sci"]
        if not sci:
            sci = (after.address or lower.address or "").replace(":", "") + "%04x" % attrs["port"]
        for other in planner.state.on(lower.key):
            if other.sort == "link" and other.kind == self.name and dict(other.attrs)["sci"] == sci:
                option = "sci" if attrs["sci"] else "port"
                raise Refused(option, "%s, on %s as well, has the SCI %s" % (other.name, lower.name, sci))

    def kept_anew(self, have, given):
        found = super().kept_anew(have, given)
        own = (have.address or "").replace(":", "") + "%04x" % (dict(have.attrs)["port"] or 0)
        # The SCI has the port in it, and mostly comes from the MAC address.
        gone = {"sci"} if found.get("sci", own) == own else {"port"}
        gone = {"sci", "port"} if {"sci", "port"} & set(given) else gone
        return {name: value for name, value in found.items() if name not in gone}

    def newborn(self, want):
        """Without what the kernel does not take yet: an MTU, and with an SCI another port, or that it is not sent."""
        given, want = dict(want.attrs), replace(want, mtu=None)
        if given.get("sci") is None:
            return want
        more = {} if given.get("send_sci") is not False else dict(send_sci=None)
        return with_attrs(want, **more, port=None)

    def normalized(self, link):
        attrs = dict(link.attrs)
        news = {} if attrs.get("replay") else dict(window=None)
        news.update(dict(port=port_of(attrs["sci"])) if attrs.get("sci") else {})
        return with_attrs(link, **news)


ROWS = (
    Sci("sci", SCI, "str", immutable=True),
    Port("port", NLA % "PORT=2:be16", "int", range(1, 2**16), 1, immutable=True),
    Cipher("cipher", NLA % "CIPHER_SUITE=4:uint64", "str", CIPHERS, "gcm-aes-128", immutable=True),
    Row("icvlen", NLA % "ICV_LEN=3:uint8", "int", ICV_LENGTHS, 16, immutable=True),
    Row("encrypt", NLA % "ENCRYPT=7:uint8", "onoff", default=False),
    Row("send_sci", NLA % "INC_SCI=9:uint8", "onoff", default=True),
    Row("end_station", NLA % "ES=10:uint8", "onoff", default=False),
    Row("scb", NLA % "SCB=11:uint8", "onoff", default=False),
    Row("protect", NLA % "PROTECT=8:uint8", "onoff", default=True),
    Row("replay", NLA % "REPLAY_PROTECT=12:uint8", "onoff", default=False),
    Window("window", NLA % "WINDOW=5:uint32", "int", range(2**32), only=("replay", True)),
    Row("validate", NLA % "VALIDATION=13:uint8", "str", {"disabled": 0, "check": 1, "strict": 2}, "strict"),
    Row("encodingsa", NLA % "ENCODING_SA=6:uint8", "int", range(4), 0),
    Row("offload", NLA % "OFFLOAD=15:uint8", "str", {"off": 0, "phy": 1, "mac": 2}, "off"),
)
KINDS = (Macsec("macsec", ROWS, stacked=True, inherits=frozenset(("unset address",))),)
