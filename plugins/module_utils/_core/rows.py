# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows: one line for each thing that a link or another resource has, from which all that is done with it follows."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any

from .values import Refused, Value


class Row(Value):
    """One option: its name, values and default, its word for ip(8), its netlink attribute, and what it depends on.

    The attribute is named as in the kernel's headers. Where pyroute2 does not know it, or reads and writes it in
    different ways, number and type stand with it: NAME=NUMBER:TYPE. The types are those of pyroute2.
    """

    name: str
    nla: str = ""
    type: str = "bool"  # bool, int, float, str, list, dict; onoff: ip(8) spells a bool so; ticks: 1/100 s, rounded
    values: Any = None  # a range of numbers, or the netlink value of each word
    default: Any = None  # what the kernel takes when nothing is said
    only: Any = None  # the (option, value) that it is for
    required: Any = False  # there is nothing without it; or without it and the option named here
    immutable: Any = False  # only a new link takes it; or the values that a link keeps or never gets
    ip_word: str = ""  # ip(8)'s word, where it is not the name
    repeat: bool = False  # ip(8) must be told of it with any change

    @property
    def field(self):
        """The field of a resource that has its value: `from` and `not` are words of Python."""
        return self.name + "_" * (self.name in ("from", "not"))

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
        """The netlink attributes that say a value; `old` is what there is."""
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

    def attributes(self):
        """All netlink attributes from which the value is read."""
        return (self.nla,)

    def spares(self, value):
        """Other values than this one, the least used first."""
        last = getattr(self.values, "stop", 0)
        return (other for other in range(last - 1, last - 1000, -1) if other != value and other in (self.values or ()))

    def same(self, one, other):
        return abs(one - other) <= 1 if self.type == "ticks" and None not in (one, other) else one == other

    def keeps(self, old, new):
        """Whether only a new link goes from one value to the other."""
        return bool({old, new} & set(self.immutable)) if isinstance(self.immutable, tuple) else self.immutable

    def ip_args(self, value, old):
        word = ("on" if value else "off") if self.type == "onoff" else int(value) if self.type == "bool" else value
        return [self.ip_word or self.name, str(word)]

    def spec(self):
        """The option as AnsibleModule takes it."""
        spec = {"type": {"ticks": "int", "onoff": "bool"}.get(self.type, self.type)}
        return dict(spec, choices=list(self.values)) if isinstance(self.values, dict) else spec


class Bit(Row):
    """One bit of an attribute that has a mask."""

    bit: int = 0

    def encode(self, value, old):
        return {self.nla: {"flags": self.bit if value else 0, "mask": self.bit}}

    def decode(self, raw):
        # With all bits off the kernel leaves the attribute out.
        return bool(raw and raw["flags"] & self.bit)

    def ip_args(self, value, old):
        return [self.name, "on" if value else "off"]


class Flag(Row):
    """A bool that ip(8) spells by its name alone, and only a new link takes."""

    def ip_args(self, value, old):
        return [self.name]


class Word(Row):
    """A word that ip(8) takes without a name, and takes for its default if it is left out."""

    def ip_args(self, value, old):
        return [value]


class Present(Flag):
    """One that the kernel is told by an attribute without a value."""

    def encode(self, value, old):
        return {self.nla: None} if value else {}

    def decode(self, raw):
        return raw is not None


class No(Row):
    """A bool that ip(8) spells NAME or noNAME; it can be one bit of its attribute."""

    bit: int = 0

    def encode(self, value, old):
        return {self.nla: self.bit * value if self.bit else int(value)}

    def decode(self, raw):
        return self.default if raw is None else bool(raw & self.bit if self.bit else raw)

    def ip_args(self, value, old):
        return [("" if value else "no") + self.name.replace("_", "-")]


class Ip(Row):
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

    def spares(self, value):
        """Addresses that no host has: RFC 6666, and the networks of RFC 5737."""
        return ("100::%x" % number if ":" in value else "192.0.2.%d" % number for number in range(1, 255))

    def encode(self, value, old):
        # Newer kernels keep the address of a tunnel that is not told.
        value = value or {4: "0.0.0.0", 6: "::"}.get(self.version)  # noqa: S104
        return {self.nla: value} if value else {}

    def decode(self, raw):
        return "" if raw in (None, "0.0.0.0", "::") else raw  # noqa: S104

    def ip_args(self, value, old):
        return [self.name, value or "any"]


class Number(Row):
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
        worded = bool(self.word) and value == self.word
        if self.instead:
            return {self.instead: self.raw} if worded else {self.nla: value}
        out = {self.nla: (self.raw if worded else value) << self.shift}
        if self.flag:
            out[self.flag[0]] = self.flag[1] if worded != self.numbered else 0
        return out

    def read(self, get):
        raw = get(self.nla)
        if raw is None:
            return self.default
        number = raw >> self.shift & self.values[-1]
        if self.instead:
            worded = get(self.instead) in (1, b"\1")
        elif self.flag:
            worded = bool((get(self.flag[0]) or 0) & self.flag[1]) != self.numbered
        else:
            worded = bool(self.word) and number == self.raw
        return self.word if worded else number

    def attributes(self):
        return tuple(filter(None, (self.nla, self.instead, self.flag and self.flag[0])))

    def ip_args(self, value, old):
        name = self.name.replace("_", "-")
        if value == self.word:
            return ["no" + name] if self.off else [name, value]
        return [name, "0x%x" % value if self.hexadecimal else str(value)]

    def spec(self):
        # The key of a GRE tunnel is no secret.
        return dict(type="str", no_log=False)


class Some(int):
    """For `only`: any number but 0, for instance this one."""

    __hash__ = int.__hash__

    def __eq__(self, other):
        return bool(other)

    def __str__(self):
        return "more than 0"


class OutOfBand:
    """What is told neither with the link's message, nor to ip-link(8)."""

    def encode(self, value, old):
        return {}

    def attributes(self):
        return ()

    def read(self, get):
        return self.default

    def ip_args(self, value, old):
        return []


NOTHING = 0


def met(row, values):
    """Whether something with these values is what this row is for."""
    value = values.get(*row.only) if row.only else None
    # A value that is not known is one that the kernel takes.
    return not row.only or value == row.only[1] or (value is None and row.only[1] is NOTHING)


def parsed(rows, given, prefix=""):
    """The (name, value) of the options that are given, each within its range."""
    out = []
    for row in rows:
        if given.get(row.name) is not None:
            try:
                out.append((row.name, row.parse(given[row.name])))
            except ValueError as e:
                raise Refused(prefix + row.name, str(e))
    return tuple(sorted(out))


def with_defaults(rows, stated):
    return tuple(sorted({**{row.name: row.default for row in rows}, **dict(stated)}.items()))


def changed(rows, old, new, fresh=False, any_change=False):
    """The (row, value, old value) that turn `old` values into `new`; what is fresh has the defaults.

    With `any_change` a message is sent in any case, and so what has to be repeated in it.
    """
    old, new = dict(old), dict(new)
    trios = [(row, new.get(row.name), row.default if fresh else old.get(row.name)) for row in rows]
    news = [(row, value, was) for row, value, was in trios if value is not None and not row.same(value, was)]
    for row, value, was in trios if news or any_change else ():
        if (row, value, was) in news:
            yield row, value, was
        elif row.repeat and (was if value is None else value) not in (None, row.default):
            yield row, was if value is None else value, was


def ip_args(rows, old, new, fresh=False, any_change=False):
    """The changed values as words for ip(8)."""
    return [word for row, value, was in changed(rows, old, new, fresh, any_change) for word in row.ip_args(value, was)]


def encoded(trios):
    """The netlink attributes that say some (row, value, old value), the bits of one attribute together."""
    out = {}
    for row, value, was in trios:
        for nla, raw in row.encode(value, was).items():
            if isinstance(raw, dict) and "mask" in raw and nla in out:
                raw = {field: out[nla][field] | number for field, number in raw.items()}
            elif isinstance(raw, int) and nla in out:
                raw |= out[nla]
            out[nla] = raw
    return list(out.items())


def decoded(rows, get):
    """The values of all rows, of a function that gives the netlink attributes."""
    found = {row.name: row.read(get) for row in rows}
    return tuple(sorted((row.name, found[row.name] if met(row, found) else row.default) for row in rows))
