# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network address translation as nft(8) and iptables-save(8) tell of it, and what keeps packets from it.

A condition that is not known here is met.
"""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from typing import Any, Tuple

from .._core.values import Value, replace

PORTS = dict(tcp=("tcp",), udp=("udp",), th=("tcp", "udp"))
SET = ("snat", "dnat", "masquerade", "redirect")
NOTRACK, CONNTRACK = "notrack", -200  # the priority at which connections are tracked


class Translation(Value):
    """A rule that translates addresses."""

    hook: str
    verb: str
    conditions: Tuple[Any, ...] = ()  # (what, negated, values)
    to: str = ""
    port: int = 0
    text: str = ""


def of_nft(listed, compatible=True):
    """The rules that translate, of the JSON of `nft -j list ruleset`; without those of iptables if it tells more."""
    chains, rules = {}, {}
    for entry in listed:
        chain, rule = entry.get("chain"), entry.get("rule")
        early = chain and chain.get("hook") in ("prerouting", "output") and chain.get("prio", 0) < CONNTRACK
        if chain and (chain.get("type") == "nat" or early):
            chains[chain["family"], chain["table"], chain["name"]] = chain.get("prio", 0), chain["hook"]
        if rule and (compatible or not any("xt" in statement for statement in rule.get("expr", ()))):
            rules.setdefault((rule["family"], rule["table"], rule["chain"]), []).append(rule)
    ordered = sorted(chains.items(), key=lambda pair: pair[1][0])
    return [one for key, (dummy, hook) in ordered for one in of_chain(rules, key, hook)]


def of_chain(rules, key, hook, conditions=(), depth=16):
    """The rules that translate of a chain, and of those to which it jumps."""
    for rule in rules.get(key, ()) if depth else ():
        expressions = rule.get("expr", ())
        met = (*conditions, *filter(None, map(condition, expressions)))
        for statement in expressions:
            target = statement.get("jump") or statement.get("goto")
            if target:
                yield from of_chain(rules, (*key[:2], target["target"]), hook, met, depth - 1)
        yield from of_rule(rule, hook, met)


def of_rule(rule, hook, conditions):
    text = "table %s %s, chain %s, handle %s" % (rule["family"], rule["table"], rule["chain"], rule.get("handle"))
    for statement in rule.get("expr", ()):
        name = next(iter(statement), "")
        target = statement[name] if isinstance(statement[name], dict) else {}
        if name == "xt":
            name = str(target.get("name", "")).lower()
        if name == NOTRACK:
            yield Translation(hook, name, conditions, text=text)
        if name in SET:
            to, port = target.get("addr", ""), target.get("port", 0)
            port = port if isinstance(port, int) else 0
            for more, plain in mapped(to):
                yield Translation(hook, name, (*conditions, *more), plain, port, text)


def mapped(to):
    """The addresses to which a rule translates, each with the conditions for it."""
    said = to.get("map", {}) if isinstance(to, dict) else {}
    data = said.get("data")
    if not isinstance(data, dict):
        yield (), to if isinstance(to, str) else ""
        return
    for key, value in data.get("set", ()):
        met = condition({"match": {"op": "==", "left": said["key"], "right": key}})
        yield (met,) if met else (), value if isinstance(value, str) else ""


def condition(expression):
    match = expression.get("match")
    if not match or match.get("op") not in ("==", "!=", "in"):
        return None
    left, negated = match["left"], match["op"] == "!="
    if "meta" in left:
        what = left["meta"]["key"]
    elif "payload" in left and "field" in left["payload"]:
        what = "%s %s" % (left["payload"]["protocol"], left["payload"]["field"])
    elif left.get("fib", {}).get("result") == "type" and "daddr" in left["fib"].get("flags", ()):
        what = "daddr type"
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
    "--dport": "th dport",
    "--dports": "th dport",
    "--sport": "th sport",
    "--sports": "th sport",
    "--dst-type": "daddr type",
}
HOOKS = dict(POSTROUTING="postrouting", PREROUTING="prerouting", OUTPUT="output")


def of_iptables(lines):
    """The rules that translate, of the lines of iptables-save(8) for its table nat, or do not track, for raw."""
    rules = {}
    for line in lines:
        match = re.match(r"-A (\S+) (.*?)-[jg] (\S+)(.*)", line)
        if match:
            rules.setdefault(match.group(1), []).append(
                (tuple(conditions_of(match.group(2).split())), *match.groups()[2:], line)
            )
    for chain, hook in HOOKS.items():
        yield from of_saved(rules, chain, hook)


def of_saved(rules, chain, hook, conditions=(), depth=16):
    """The rules that translate of a chain of iptables, and of those to which it jumps."""
    for more, target, rest, line in rules.get(chain, ()) if depth else ():
        met, verb = (*conditions, *more), target.lower()
        if target in rules:
            yield from of_saved(rules, target, hook, met, depth - 1)
        elif verb == NOTRACK or (verb == "ct" and "--notrack" in rest.split()):
            yield Translation(hook, NOTRACK, met, text="iptables: " + line)
        elif verb in SET:
            found = re.search(r"--to-(?:destination|source) ([0-9a-f.:]+)|--to-ports ([0-9]+)", rest)
            to, port = found.groups() if found else ("", "")
            to, dummy, behind = (to or "").partition(":")
            yield Translation(hook, verb, met, to, int(port or behind or 0), "iptables: " + line)


def conditions_of(words):
    negated = False
    while words:
        word = words.pop(0)
        if word in WORDS and words:
            wanted = words.pop(0)
            yes = wanted.lower() if word == "--dst-type" else wanted
            yield WORDS[word], negated, tuple(yes.split(",") if word.endswith("ports") else [yes])
        negated = word == "!"


def fits(rule, packet, iif, oif, local):
    known = {
        "iifname": iif,
        "oifname": oif,
        "ip saddr": packet.src,
        "ip daddr": packet.dst,
        "ip6 saddr": packet.src,
        "ip6 daddr": packet.dst,
        "daddr type": "local" if local else "unicast",
        "l4proto": packet.protocol,
        "ip protocol": packet.protocol,
    }
    for protocol in ("th", packet.protocol):
        known.update({protocol + " dport": packet.dport or 0, protocol + " sport": packet.sport or 0})
    for what, negated, wanted in rule.conditions:
        protocol = what.split()[0]
        if packet.protocol not in PORTS.get(protocol, (packet.protocol,)):
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


def translated(rules, hook, packet, iif, oif, own, local=False):
    """The packet as the first rule that fits makes it, and that rule; `own` gives the address of a link."""
    for rule in rules:
        if rule.hook == hook and rule.verb in SET and fits(rule, packet, iif, oif, local):
            target = own() if rule.verb in ("masquerade", "redirect") else rule.to
            if rule.verb == "redirect" and hook == "output":
                target = "::1" if packet.six else "127.0.0.1"
            said = "%s by %s" % (rule.verb, rule.text)
            if rule.verb in ("dnat", "redirect") and (target or rule.port):
                return replace(packet, dst=target or packet.dst, dport=rule.port or packet.dport), said
            if rule.verb in ("snat", "masquerade") and target:
                return replace(packet, src=target), said
            return packet, ""
    return packet, ""


def untracked(rules, hook, packet, iif, oif, local=False):
    """The text of the rule by which the connection of a packet is not tracked; empty if it is."""
    found = [r for r in rules if r.hook == hook and r.verb == NOTRACK and fits(r, packet, iif, oif, local)]
    return "%s by %s" % (NOTRACK, found[0].text) if found else ""
