# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routing rules, read and written."""

from __future__ import annotations

import errno
import socket

from .._resources.route_rows import PROTOS
from .._resources.rule import ACTIONS, OfHead, Rule
from .netlink import ACK, CREATE, DELRULE, EXCL, GETRULE, NEWRULE, getter, known

FAMILIES = {socket.AF_INET: "inet", socket.AF_INET6: "inet6"}
NUMBERS = {word: number for number, word in FAMILIES.items()}
ACTION_WORDS, PROTO_WORDS = ({number: word for word, number in table.items()} for table in (ACTIONS, PROTOS))
TABLE, PROTOCOL, INVERT = "FRA_TABLE=15:uint32", "FRA_PROTOCOL=21:uint8", 2
HEADED = [row for row in Rule.SELECTORS if isinstance(row, OfHead) or not row.nla]
ROWS = [row for row in (*Rule.SELECTORS, Rule.GOTO, *Rule.SUPPRESS) if row not in HEADED]
PAD, PORT_MASKS = 18, (28, 29)
KNOWN = {1, 2, PAD, *(known(nla)[0] for row in (*ROWS, Rule.PRIORITY) for nla in row.attributes())}
KNOWN |= {known(nla)[0] for nla in (TABLE, PROTOCOL)}
# By these the kernel looks for a rule to delete, unless they say nothing.
SOUGHT = (
    "type",
    "table",
    "from_",
    "to",
    "tos",
    "iif",
    "oif",
    "l3mdev",
    "uidrange",
    "ipproto",
    "sport",
    "dport",
    "proto",
)
SOUGHT += ("suppress_prefixlength", "suppress_ifgroup")
NOTHING = ("", 0, -1, "unspec")


def read(kernel, name, links):
    for head, parts in kernel.netlink(name).dump("rule", GETRULE):
        if head["family"] in FAMILIES:
            yield rule_of(name, head, parts)


def rule_of(netns, head, parts):
    get = getter(parts)
    action, proto = head["action"], get(PROTOCOL) or 0
    rest = [(n, raw) for n, raw in parts.items() if n not in KNOWN and not (n in PORT_MASKS and set(raw) == {255})]
    return Rule(
        netns,
        FAMILIES[head["family"]],
        get(Rule.PRIORITY.nla) or 0,
        not_=bool(head["flags"] & INVERT),
        from_=prefix(get("FRA_SRC=2:ip"), head["src_len"]),
        to=prefix(get("FRA_DST=1:ip"), head["dst_len"]),
        tos="0x%02x" % head["tos"] if head["tos"] else "",
        type=ACTION_WORDS.get(action, str(action)),
        table=get(TABLE) or head["table"],
        proto=PROTO_WORDS.get(proto, str(proto)),
        rest=tuple(sorted(rest)),
        **{row.field: row.read(get) for row in ROWS},
    )


def prefix(address, length):
    return "%s/%d" % (address, length) if address else ""


def write(kernel, change):
    if change.after is not None:
        add(kernel, change.after)
    if change.before is not None:
        delete(kernel, change.before)


def add(kernel, rule):
    try:
        send(kernel, rule, NEWRULE, CREATE | EXCL)
    except OSError as e:
        # It takes one that matches all, or goes elsewhere, for any other of its priority.
        if e.errno != errno.EEXIST or rule.key in [r.key for r in beside(kernel, rule)]:
            raise
        send(kernel, rule, NEWRULE, CREATE)


def beside(kernel, rule):
    """All of its family and priority, in their order."""
    found = read(kernel, rule.netns, ())
    return [r for r in found if (r.family, r.priority) == (rule.family, rule.priority)]


def delete(kernel, rule):
    """Delete it, and no other one: the kernel takes the first that has what the message says."""
    near = beside(kernel, rule)
    keys = [r.key for r in near]
    ahead = near[: keys.index(rule.key)] if rule.key in keys else []
    if not any(is_taken_for(r, rule) for r in ahead):
        send(kernel, rule, DELRULE, 0)
        return
    # Each comes behind the last one of its priority, and then the first ones go.
    for r in near:
        if r.key != rule.key:
            send(kernel, r, NEWRULE, CREATE)
    for r in near:
        send(kernel, r, DELRULE, 0)


def is_taken_for(other, rule):
    """Whether the kernel may delete another one in the place of this one."""
    same = all(getattr(rule, name) in (*NOTHING, getattr(other, name)) for name in SOUGHT)
    marked = rule.fwmark == other.fwmark or not rule.fwmark or rule.fwmark.startswith("0x0/")
    return same and marked and set(rule.rest or ()) <= set(other.rest or ())


def send(kernel, rule, verb, flags):
    header = dict(family=NUMBERS[rule.family], tos=int(rule.tos or "0", 0), flags=INVERT * bool(rule.not_))
    header["action"] = ACTIONS[rule.type] if rule.type in ACTIONS else int(rule.type)
    proto = rule.proto or "unspec"
    attrs = [(Rule.PRIORITY.nla, rule.priority), (TABLE, rule.table)]
    for nla, value, length in (("FRA_SRC=2:ip", rule.from_, "src_len"), ("FRA_DST=1:ip", rule.to, "dst_len")):
        if value:
            address, dummy, bits = value.partition("/")
            header[length] = int(bits)
            attrs.append((nla, address))
    for row in ROWS:
        value = getattr(rule, row.field)
        attrs += row.encode(value, None).items() if value not in (None, "", row.default) else ()
    attrs.append((PROTOCOL, PROTOS[proto] if proto in PROTOS else int(proto)))
    kernel.netlink(rule.netns).ask("rule", verb, ACK | flags, [*attrs, *(rule.rest or ())], **header)
