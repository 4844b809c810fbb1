# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frozen values, secrets, and the sentence with which something is refused."""

from __future__ import annotations

from operator import attrgetter

RUN_DIR = "/run/virtnet"  # what this collection keeps of a running host


class Aside:
    """The default of a field that is no part of the value: it says how to get there, or where a value came from."""

    def __init__(self, default=None):
        self.default = default


class Value:
    """A value with fields, as a frozen dataclass is; making the class takes a fiftieth of the time."""

    FIELDS, DEFAULTS, COMPARED = (), {}, ()

    def __init_subclass__(cls, **more):
        super().__init_subclass__(**more)
        aside = set(cls.FIELDS) - set(cls.COMPARED)
        cls.DEFAULTS = dict(cls.DEFAULTS)
        annotated = Value.own_fields.__func__(cls)
        for name in cls.own_fields():
            if name not in annotated:
                setattr(cls, name, None)
            if name in cls.__dict__:
                default = cls.__dict__[name]
                if isinstance(default, Aside):
                    aside.add(name)
                    default = default.default
                    setattr(cls, name, default)
                cls.DEFAULTS[name] = default
            cls.FIELDS += (name,) if name not in cls.FIELDS else ()
        cls.COMPARED = tuple(name for name in cls.FIELDS if name not in aside)
        cls.compared_values = attrgetter(*cls.COMPARED) if cls.COMPARED else type

    @classmethod
    def own_fields(cls):
        """The names of the fields that a class adds to those of its base."""
        return cls.__dict__.get("__annotations__", ())  # noqa: RUF063, it is not to be imported

    def __init__(self, *values, **named):
        given = self.__dict__
        given.update(self.DEFAULTS)
        given.update(zip(self.FIELDS, values))
        given.update(named)
        if len(given) != len(self.FIELDS) or len(values) > len(self.FIELDS):
            odd = {*self.FIELDS} ^ {*given} or values[len(self.FIELDS) :]
            raise TypeError("%s: %s" % (type(self).__name__, ", ".join(map(str, odd))))

    def __setattr__(self, name, value):
        raise AttributeError("%s.%s is frozen" % (type(self).__name__, name))

    def __eq__(self, other):
        cls = type(self)
        return cls is type(other) and cls.compared_values(self) == cls.compared_values(other)

    def __hash__(self):
        return hash(type(self).compared_values(self))

    def __repr__(self):
        given = [(name, self.__dict__[name]) for name in self.FIELDS]
        stated = ["%s=%r" % pair for pair in given if pair[1] != self.DEFAULTS.get(pair[0], self)]
        return "%s(%s)" % (type(self).__name__, ", ".join(stated))


def replace(value, /, **news):
    """The value with other fields."""
    new = object.__new__(type(value))
    new.__dict__.update(value.__dict__, **news)
    return new


def merged(pairs, news):
    """Pairs of names and values in their order, the news in the place of what they were."""
    return tuple(sorted({**dict(pairs), **dict(news)}.items()))


class Secret(Value):
    """A key; of its own pair a link tells the public one."""

    text: str = ""
    public: str = Aside()

    def __repr__(self):
        return "Secret()"


class Refused(Exception):
    """What is asked for cannot be had as it is asked; the text names the option."""

    def __init__(self, option, text):
        super().__init__("%s: %s" % (option, text))
        self.option, self.text = option, text


class Failed(Exception):
    """A step that failed; the text says which, why, and what became of the others."""


def sentence(e):
    """An exception as a user can read it."""
    if isinstance(e, OSError) and e.strerror:
        return e.strerror
    known = isinstance(e, (Refused, OSError, KeyboardInterrupt))
    return "%s" % e if known else "%s: %s" % (type(e).__name__, e)


def place(netns):
    """How a namespace is called in a sentence."""
    return "network namespace %s" % netns if netns else "the host's own network namespace"
