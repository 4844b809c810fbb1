# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Masquerade rules in the languages of nft(8) and iptables(8), and back."""

from __future__ import annotations

import shlex
from zlib import crc32

from ._model import Masquerade

TABLE = "virtnet"
NFT_FAMILY = {"ipv4": "ip", "ipv6": "ip6"}
PROGRAM = {"ipv4": "iptables", "ipv6": "ip6tables"}


def tag(rule):
    """The owner tag in a rule's comment."""
    return "%s:%s" % (TABLE, rule.name)


def nft_chain(rule):
    return "masquerade-" + rule.name


def nft_texts(rule, adding):
    """A masquerade as nft(8) commands of one transaction."""
    family, where = NFT_FAMILY[rule.family], "%s %s %s" % (NFT_FAMILY[rule.family], TABLE, nft_chain(rule))
    if not adding:
        return ["flush chain " + where, "delete chain " + where]
    words = ["%s saddr %s" % (family, rule.source)] if rule.source else []
    words += (
        ["%s daddr != { %s }" % (family, ", ".join(rule.exclude_destinations))] if rule.exclude_destinations else []
    )
    words += ['oifname "%s"' % rule.out_interface] if rule.out_interface else []
    words += ["meta l4proto %s" % rule.protocol] if rule.protocol else []
    words += ["masquerade" + (" to :%s" % rule.to_ports if rule.to_ports else "")]
    words += [",".join(nft_flags(rule))] if nft_flags(rule) else []
    return [
        "add chain %s { type nat hook postrouting priority 100; }" % where,
        'add rule %s %s comment "%s"' % (where, " ".join(words), tag(rule)),
    ]


def nft_flags(rule):
    return [word for word, on in (("random", rule.random), ("fully-random", rule.fully_random)) if on]


def nft_json(rule, adding):
    """The same as nft_texts, as objects of libnftables-json(5)."""
    chain = dict(family=NFT_FAMILY[rule.family], table=TABLE, name=nft_chain(rule))
    if not adding:
        return [{"flush": {"chain": chain}}, {"delete": {"chain": chain}}]
    expr = []

    def match(left, right, op="=="):
        expr.append({"match": {"op": op, "left": left, "right": right}})

    def field(name):
        return {"payload": {"protocol": NFT_FAMILY[rule.family], "field": name}}

    if rule.source:
        match(field("saddr"), nft_prefix(rule.source))
    if rule.exclude_destinations:
        match(field("daddr"), {"set": [nft_prefix(net) for net in rule.exclude_destinations]}, "!=")
    if rule.out_interface:
        match({"meta": {"key": "oifname"}}, rule.out_interface)
    if rule.protocol:
        match({"meta": {"key": "l4proto"}}, rule.protocol)
    how = {}
    if rule.to_ports:
        low, dummy, high = rule.to_ports.partition("-")
        how["port"] = {"range": [int(low), int(high)]} if high else int(low)
    if nft_flags(rule):
        how["flags"] = nft_flags(rule)
    expr.append({"masquerade": how or None})
    return [
        {"add": {"chain": dict(chain, type="nat", hook="postrouting", prio=100)}},
        {"add": {"rule": dict(chain_of(chain), expr=expr, comment=tag(rule))}},
    ]


def chain_of(chain):
    return {"family": chain["family"], "table": chain["table"], "chain": chain["name"]}


def nft_prefix(net):
    addr, dummy, length = net.partition("/")
    return {"prefix": {"addr": addr, "len": int(length)}}


def from_nft(netns, family, objects):
    """(rules, whether there is anything else) from what `nft -j list table` says."""
    rules, strange = [], False
    for item in objects:
        rule = item.get("rule")
        if rule is None:
            name = item.get("chain", {}).get("name", "masquerade-")
            strange = strange or not name.startswith("masquerade-") or bool({"set", "map", "flowtable"} & set(item))
            continue
        owner = rule.get("comment", "")
        if not owner.startswith(TABLE + ":"):
            strange = True
            continue
        found = dict.fromkeys(("source", "out_interface", "protocol", "to_ports"), "")
        found.update(exclude_destinations=(), random=False, fully_random=False)
        for expr in rule["expr"]:
            if "match" in expr:
                left, right = expr["match"]["left"], expr["match"]["right"]
                if left.get("payload", {}).get("field") == "saddr":
                    found["source"] = net_text(right, family)
                elif left.get("payload", {}).get("field") == "daddr":
                    nets = right["set"] if isinstance(right, dict) and "set" in right else [right]
                    found["exclude_destinations"] = tuple(sorted(net_text(net, family) for net in nets))
                elif left.get("meta", {}).get("key") == "oifname":
                    found["out_interface"] = right
                elif left.get("meta", {}).get("key") == "l4proto":
                    found["protocol"] = right
            elif "masquerade" in expr:
                how = expr["masquerade"] or {}
                port, flags = how.get("port", ""), how.get("flags", [])
                flags = [flags] if isinstance(flags, str) else flags
                found["to_ports"] = "%d-%d" % tuple(port["range"]) if isinstance(port, dict) else str(port)
                found["random"], found["fully_random"] = "random" in flags, "fully-random" in flags
        rules.append(Masquerade(netns, owner.split(":", 1)[1], family, "nft", **found))
    return rules, strange


def net_text(value, family):
    """A network with its prefix length, from a string or an nft prefix."""
    if isinstance(value, dict):
        return "%s/%d" % (value["prefix"]["addr"], value["prefix"]["len"])
    return value if "/" in value else value + ("/32" if family == "ipv4" else "/128")


def iptables_chain(rule):
    # A chain's name has 28 characters at most.
    return "VIRTNET-%08x" % crc32(rule.name.encode())


def iptables_argv(rule, adding):
    """A masquerade as iptables(8) command lines: a chain of its own, and a jump to it."""
    nat = [PROGRAM[rule.family], "-w", "-t", "nat"]
    own = iptables_chain(rule)
    jump = (["-s", rule.source] if rule.source else []) + (["-o", rule.out_interface] if rule.out_interface else [])
    protocol = ["-p", rule.protocol] if rule.protocol else []
    jump += protocol + ["-m", "comment", "--comment", tag(rule), "-j", own]
    if not adding:
        return [nat + ["-D", "POSTROUTING"] + jump, nat + ["-F", own], nat + ["-X", own]]
    how = ["--to-ports", rule.to_ports] if rule.to_ports else []
    how += (["--random"] if rule.random else []) + (["--random-fully"] if rule.fully_random else [])
    out = [nat + ["-N", own]]
    out += [nat + ["-A", own, "-d", net, "-j", "RETURN"] for net in rule.exclude_destinations or ()]
    return out + [nat + ["-A", own] + protocol + ["-j", "MASQUERADE"] + how, nat + ["-A", "POSTROUTING"] + jump]


def from_iptables(netns, family, text):
    """The rules of this collection in what iptables-save(8) prints."""
    rules, chains = [], {}
    for line in text.splitlines():
        words = shlex.split(line)
        if words[:1] != ["-A"]:
            continue
        said = dict(zip(words, words[1:] + [""]))
        if words[1].startswith("VIRTNET-"):
            own = chains.setdefault(
                words[1], dict(exclude_destinations=[], to_ports="", random=False, fully_random=False)
            )
            if said["-j"] == "RETURN":
                own["exclude_destinations"].append(net_text(said["-d"], family))
            else:
                own.update(
                    to_ports=said.get("--to-ports", ""),
                    random="--random" in said,
                    fully_random="--random-fully" in said,
                )
        elif said.get("--comment", "").startswith(TABLE + ":"):
            rules.append((said, said["--comment"].split(":", 1)[1]))
    out = []
    for said, name in rules:
        own = dict(chains.get(said.get("-j"), {}))
        own["exclude_destinations"] = tuple(sorted(own.get("exclude_destinations", ())))
        source = net_text(said["-s"], family) if "-s" in said else ""
        out.append(
            Masquerade(
                netns,
                name,
                family,
                "iptables",
                source,
                out_interface=said.get("-o", ""),
                protocol=said.get("-p", ""),
                **own,
            )
        )
    return out
