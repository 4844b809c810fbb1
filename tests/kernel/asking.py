# SPDX-License-Identifier: GPL-3.0-or-later
"""Options drawn for a module, as its rows and its argument spec have them: a new one is drawn without a word here."""

import json
from collections import Counter
from functools import lru_cache

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from conftest import MACS, OPTIONS
from hypothesis import strategies as st

from ansible_collections.virtnet.linux.plugins.module_utils import _rooms
from ansible_collections.virtnet.linux.plugins.module_utils._core.resource import Resource
from ansible_collections.virtnet.linux.plugins.module_utils._core.rows import Row
from ansible_collections.virtnet.linux.plugins.module_utils._core.values import Refused

# What somebody could write; an option takes those that its module does not refuse. No address is anybody's.
TEXTS = [
    *("", "100", "1000-2000", "0x10", "0x10/0xff", "0x0/0xf0", "forever", "1000000", "tcp", "udp", "l1", "main"),
    *("10.77.0.1", "198.18.0.9", "2001:db8:77::7", "10.77.0.0/16", "10.77.0.7/32", "2001:db8:70::/48"),
    *("239.1.1.1", *MACS[:2]),
]
NUMBERS = (1, 7, 1000)
# Of what takes memory, or what the kernel would only round.
MOST = dict(txqueuelen=2000, mtu=1500)
# What says which resource it is, or what becomes of others: that is for who asks.
PLACES = {"state", "netns", "dev", "exclusive", "family", "vrf", "lock_timeout", "persistent", "backend"}
dropped = Counter()


def rows_in(module):
    """The rows of the resources that a module makes, by option."""
    room = _rooms.load("_resources", _rooms.RESOURCE_MODULES[module].replace("_options", ""))
    found = {}
    for cls in vars(room).values():
        if isinstance(cls, type) and issubclass(cls, Resource) and cls.__module__ == room.__name__:
            for it in vars(cls).values():
                for row in it if isinstance(it, tuple) else (it,):
                    if isinstance(row, Row):
                        found[row.name] = row
    return found


def some(name, values):
    """Some numbers of a range: its ends, and others within."""
    last = min(values[-1], MOST.get(name, values[-1]))
    return sorted({n for n in (values[0], *NUMBERS, last) if n in values})


def plain(row):
    """Values of a row, as its option is given; None where it is a text."""
    if row.type in ("bool", "onoff"):
        return [False, True]
    if getattr(row, "choices", None):
        return list(row.choices)
    if isinstance(row.values, range):
        return some(row.name, row.values)
    if row.type == "float":
        return [0, 0.125, 33.3333, min(row.high, 100)]
    return None


@lru_cache(maxsize=None)
def validator(module):
    spec, rules, build = OPTIONS[module]
    return ArgumentSpecValidator(spec, **rules), build


def door(module, options):
    """What is desired by a task with these options."""
    check, build = validator(module)
    checked = check.validate(options)
    if checked.error_messages:
        raise Refused("", checked.error_messages[0])
    return build(checked.validated_parameters, None)


@lru_cache(maxsize=None)
def texts(module, option, given, as_list):
    """The texts that an option takes beside others that are given."""
    good, given = [], json.loads(given)
    for text in [*TEXTS, "%s:1" % given.get("dev", "")]:
        try:
            door(module, {**given, option: [text] if as_list else text})
        except Refused as e:
            if e.option.split(".")[0] in (option, ""):
                continue
        except (TypeError, ValueError):
            continue
        good.append(text)
    # To nft(8) some names of links are an address or a protocol.
    return [text for text in good if text in ("", "l1", "main")] if "l1" in good else good


@lru_cache(maxsize=None)
def choices(module, option, given):
    """The values that are tried of an option."""
    spec, row = OPTIONS[module][0][option], rows_in(module).get(option)
    found = plain(row) if row is not None else None
    if found is None and "choices" in spec:
        found = list(spec["choices"])
    if found is None and spec["type"] in ("bool", "int"):
        found = [False, True] if spec["type"] == "bool" else list(NUMBERS)
    if found is None:
        as_list = spec["type"] == "list"
        found = [[text] if as_list else text for text in texts(module, option, given, as_list)]
    return found


def asked(draw, module, given, skip=(), most=3):
    """What is desired with what is given and some more options; what the module refuses beside the rest is left out."""
    frozen = json.dumps(given, sort_keys=True)
    names = [n for n in OPTIONS[module][0] if n not in PLACES and n not in given and n not in skip]
    options = {}
    for name in draw(st.lists(st.sampled_from(names), unique=True, max_size=most)) if names else ():
        found = choices(module, name, frozen)
        options.update({name: draw(st.sampled_from(found))} if found else {})
    while True:
        dropped["asked"] += 1
        try:
            return door(module, {**given, **options}).present
        except Refused as e:
            name = e.option.split(".")[0]
            assert options, (module, given, e)
            dropped["refused"] += 1
            options.pop(name if name in options else next(reversed(options)))
