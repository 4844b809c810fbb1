# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routing rules, read and written."""

from __future__ import annotations

import socket
import struct

from .._core.words import IP_PROTOCOLS
from .._resources.route_rows import PROTOS
from .._resources.rule import ACTIONS, Rule, field
from .netlink import ACK, CREATE, DELRULE, EXCL, GETRULE, NEWRULE, getter

FAMILIES = {socket.AF_INET: "inet", socket.AF_INET6: "inet6"}
NUMBERS = {word: number for number, word in FAMILIES.items()}
ACTION_WORDS, PROTO_WORDS, PROTOCOL_WORDS = (
    {number: word for word, number in table.items()} for table in (ACTIONS, PROTOS, IP_PROTOCOLS)
)
MASK, TABLE, PROTOCOL = "FRA_FWMASK=16:uint32", "FRA_TABLE=15:uint32", "FRA_PROTOCOL=21:uint8"
INVERT, NOBODY = 2, 0xFFFFFFFF
# A rule with others is not managed here. 28, 29: masks of ports, which Linux 6.15 tells.
KNOWN = {1, 2, 3, 6, 10, 14, 15, 16, 17, 21, 22, 23, 24}


def read(kernel, name, links):
    for head, parts in kernel.netlink(name).dump("rule", GETRULE):
        rule = rule_of(name, head, parts)
        if rule is not None:
            yield rule


def rule_of(netns, head, parts):
    """A rule; None for one with what is not managed here."""
    strange = {n for n, raw in parts.items() if not (n in KNOWN or (n in (13, 28, 29) and set(raw) == {255}))}
    action = ACTION_WORDS.get(head["action"])
    if strange or head["tos"] or head["flags"] & INVERT or action is None or head["family"] not in FAMILIES:
        return None
    get = getter(parts)
    suppress, proto = get(Rule.SUPPRESS.nla), get(PROTOCOL) or 0
    return Rule(
        netns,
        FAMILIES[head["family"]],
        get(Rule.PRIORITY.nla) or 0,
        type=action,
        table=(get(TABLE) or head["table"]) if action == "lookup" else 0,
        suppress_prefixlength=-1 if suppress in (None, NOBODY) else suppress,
        proto=PROTO_WORDS.get(proto, str(proto)),
        **{field(row): selected(row, get, head) for row in Rule.SELECTORS},
    )


def selected(row, get, head):
    """What a condition is in the words of the options; empty where it matches all."""
    raw = get(row.nla)
    if row.name in ("from", "to"):
        return "%s/%d" % (raw, head["src_len" if row.name == "from" else "dst_len"]) if raw else ""
    if row.name == "fwmark":
        mark, mask = raw or 0, get(MASK) or 0
        return ("0x%x" % mark if mask == NOBODY and mark else "0x%x/0x%x" % (mark, mask)) if mask else ""
    if row.name in ("sport", "dport"):
        low, high = struct.unpack("=HH", raw) if raw else (0, 0)
        return "" if not low else str(low) if low == high else "%d-%d" % (low, high)
    if row.name == "ipproto":
        return PROTOCOL_WORDS.get(raw, str(raw or ""))
    return raw or ""


def write(kernel, change):
    if change.after is not None:
        send(kernel, change.after, NEWRULE, CREATE | EXCL)
    if change.before is not None:
        send(kernel, change.before, DELRULE, 0)


def send(kernel, rule, verb, flags):
    header = dict(family=NUMBERS[rule.family], action=ACTIONS[rule.type])
    attrs = [(Rule.PRIORITY.nla, rule.priority), (TABLE, rule.table)]
    for row in Rule.SELECTORS:
        value = getattr(rule, field(row))
        attrs += selector(row, value, header) if value else []
    attrs.append((Rule.SUPPRESS.nla, rule.suppress_prefixlength & NOBODY))
    proto = rule.proto or "unspec"
    attrs.append((PROTOCOL, PROTOS[proto] if proto in PROTOS else int(proto)))
    kernel.netlink(rule.netns).ask("rule", verb, ACK | flags, attrs, **header)


def selector(row, value, header):
    """The attributes of a condition, and what the head says of it."""
    if row.name in ("from", "to"):
        address, dummy, bits = value.partition("/")
        header["src_len" if row.name == "from" else "dst_len"] = int(bits)
        return [(row.nla, address)]
    if row.name == "fwmark":
        mark, dummy, mask = value.partition("/")
        return [(row.nla, int(mark, 0)), (MASK, int(mask or "0xffffffff", 0))]
    if row.name in ("sport", "dport"):
        low, dummy, high = value.partition("-")
        return [(row.nla, struct.pack("=HH", int(low), int(high or low)))]
    if row.name == "ipproto":
        return [(row.nla, IP_PROTOCOLS.get(value) or int(value))]
    return [(row.nla, value)]
