# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network address translation as nft(8) and iptables-save(8) tell of it. A condition that is not known here is met."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Any, Tuple

from .._core.values import Value, replace

SET = ("snat", "dnat", "masquerade", "redirect")


class Translation(Value):
    """A rule that translates addresses."""

    hook: str
    verb: str
    conditions: Tuple[Any, ...] = ()  # (what, negated, values)
    to: str = ""
    port: int = 0
    text: str = ""


def of_nft(listed):
    """The rules that translate, of the JSON of `nft -j list ruleset`."""
    chains, priority = {}, {}
    for entry in listed:
        chain = entry.get("chain")
        if chain and chain.get("type") == "nat":
            key = chain["family"], chain["table"], chain["name"]
            chains[key], priority[key] = chain["hook"], chain.get("prio", 0)
    out = []
    for entry in listed:
        rule = entry.get("rule")
        key = (rule["family"], rule["table"], rule["chain"]) if rule else None
        if key in chains:
            out += [(priority[key], one) for one in of_rule(rule, chains[key])]
    return [one for dummy, one in sorted(out, key=lambda pair: pair[0])]


def of_rule(rule, hook):
    conditions = [found for found in map(condition, rule.get("expr", ())) if found]
    text = "table %s %s, chain %s, handle %s" % (rule["family"], rule["table"], rule["chain"], rule.get("handle"))
    for statement in rule.get("expr", ()):
        name = next(iter(statement), "")
        target = statement[name] if isinstance(statement[name], dict) else {}
        if name == "xt":
            name = str(target.get("name", "")).lower()
        if name in SET:
            to, port = target.get("addr", ""), target.get("port", 0)
            plain = to if isinstance(to, str) else ""
            yield Translation(hook, name, tuple(conditions), plain, port if isinstance(port, int) else 0, text)


def condition(expression):
    match = expression.get("match")
    if not match or match.get("op") not in ("==", "!=", "in"):
        return None
    left, negated = match["left"], match["op"] == "!="
    if "meta" in left:
        what = left["meta"]["key"]
    elif "payload" in left and "field" in left["payload"]:
        what = "%s %s" % (left["payload"]["protocol"], left["payload"]["field"])
    else:
        return None
    return what, negated, tuple(values(match["right"]))


def values(right):
    """What a field is compared with, as texts."""
    if isinstance(right, dict) and "set" in right:
        right = right["set"]
    for one in right if isinstance(right, list) else [right]:
        if isinstance(one, dict) and "prefix" in one:
            yield "%s/%s" % (one["prefix"]["addr"], one["prefix"]["len"])
        elif isinstance(one, dict) and "range" in one:
            yield "%s-%s" % tuple(one["range"])
        elif isinstance(one, (str, int)):
            yield str(one)


WORDS = {
    "-s": "ip saddr",
    "-d": "ip daddr",
    "-o": "oifname",
    "-i": "iifname",
    "-p": "l4proto",
    "--dport": "tcp dport",
    "--sport": "tcp sport",
}
HOOKS = dict(POSTROUTING="postrouting", PREROUTING="prerouting", OUTPUT="output")


def of_iptables(lines):
    """The rules that translate, of the lines of iptables-save(8) for its table nat."""
    for line in lines:
        match = re.match(r"-A (\S+) (.*)-j (MASQUERADE|SNAT|DNAT|REDIRECT)(.*)", line)
        if not match or match.group(1) not in HOOKS:
            continue
        words, conditions, negated = match.group(2).split(), [], False
        while words:
            word = words.pop(0)
            if word == "!":
                negated = True
            elif word in WORDS and words:
                conditions.append((WORDS[word], negated, (words.pop(0),)))
                negated = False
        target = re.search(r"--to-(?:destination|source) ([0-9a-f.:]+)", match.group(4))
        to, dummy, port = (target.group(1) if target else "").partition(":")
        verb = match.group(3).lower()
        yield Translation(HOOKS[match.group(1)], verb, tuple(conditions), to, int(port or 0), "iptables: " + line)


def fits(rule, packet, iif, oif):
    known = {
        "iifname": iif,
        "oifname": oif,
        "ip saddr": packet.src,
        "ip daddr": packet.dst,
        "ip6 saddr": packet.src,
        "ip6 daddr": packet.dst,
        "l4proto": packet.protocol,
        "ip protocol": packet.protocol,
        "tcp dport": packet.dport or 0,
        "udp dport": packet.dport or 0,
        "tcp sport": packet.sport or 0,
        "udp sport": packet.sport or 0,
        "th dport": packet.dport or 0,
    }
    for what, negated, wanted in rule.conditions:
        if what.split()[0] in ("tcp", "udp") and packet.protocol not in ("tcp", "udp"):
            return False
        if what in known and any(is_in(known[what], one) for one in wanted) == negated:
            return False
    return True


def is_in(value, wanted):
    if isinstance(value, int):
        low, dummy, high = wanted.replace(":", "-").partition("-")
        return low.isdigit() and int(low) <= value <= int(high or low)
    if wanted.endswith("*"):
        return value.startswith(wanted[:-1])
    try:
        return ip_address(value) in ip_network(wanted, strict=False)
    except ValueError:
        return value == wanted


def translated(rules, hook, packet, iif, oif, own):
    """The packet as the first rule that fits makes it, and that rule; `own` gives the address of a link."""
    for rule in rules:
        if rule.hook == hook and fits(rule, packet, iif, oif):
            if rule.verb == "dnat" and rule.to:
                return replace(packet, dst=rule.to, dport=rule.port or packet.dport), "dnat by " + rule.text
            source = rule.to if rule.verb == "snat" else own() if rule.verb == "masquerade" else ""
            if source:
                return replace(packet, src=source), "%s by %s" % (rule.verb, rule.text)
            return packet, ""
    return packet, ""
