# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of NAT in the languages of nft(8) and iptables(8), and back."""

from __future__ import annotations

import shlex
from zlib import crc32

TABLE = "virtnet"
NFT_FAMILY = {"ipv4": "ip", "ipv6": "ip6"}
PROGRAM = {"ipv4": "iptables", "ipv6": "ip6tables"}
# By the sort of a rule: the start of its chain's name, where it hooks in, and its priority.
CHAINS = {
    "masquerade": ("masquerade-", "postrouting", 100),
    "port_forward": ("port-forward-", "prerouting", -100),
}


def tag(rule):
    """The owner tag in a rule's comment."""
    return "%s:%s" % (TABLE, rule.name)


def nft_chain(rule):
    return CHAINS[rule.sort][0] + rule.name


def nft_texts(rule, adding):
    """A rule as nft(8) commands of one transaction."""
    where = "%s %s %s" % (NFT_FAMILY[rule.family], TABLE, nft_chain(rule))
    if not adding:
        return ["flush chain " + where, "delete chain " + where]
    words = masquerade_words(rule) if rule.sort == "masquerade" else forward_words(rule)
    return [
        "add chain %s { type nat hook %s priority %d; }" % ((where,) + CHAINS[rule.sort][1:]),
        'add rule %s %s comment "%s"' % (where, " ".join(words), tag(rule)),
    ]


def masquerade_words(rule):
    family = NFT_FAMILY[rule.family]
    words = ["%s saddr %s" % (family, rule.source)] if rule.source else []
    words += (
        ["%s daddr != { %s }" % (family, ", ".join(rule.exclude_destinations))] if rule.exclude_destinations else []
    )
    words += ['oifname "%s"' % rule.out_interface] if rule.out_interface else []
    words += ["meta l4proto %s" % rule.protocol] if rule.protocol else []
    words += ["masquerade" + (" to :%s" % rule.to_ports if rule.to_ports else "")]
    return words + ([",".join(nft_flags(rule))] if nft_flags(rule) else [])


def forward_words(rule):
    family = NFT_FAMILY[rule.family]
    words = ['iifname "%s"' % rule.in_interface] if rule.in_interface else []
    words += ["%s saddr %s" % (family, rule.source)] if rule.source else []
    words += ["%s daddr %s" % (family, rule.destination)] if rule.destination else []
    return words + ["%s dport %s" % (rule.protocol, rule.dport), "dnat to " + target(rule)]


def target(rule):
    """Where packets are sent: the address, and the port where it is another."""
    if not rule.to_port:
        return rule.to
    return ("[%s]:%d" if ":" in rule.to else "%s:%d") % (rule.to, rule.to_port)


def nft_flags(rule):
    return [word for word, on in (("random", rule.random), ("fully-random", rule.fully_random)) if on]


def nft_json(rule, adding):
    """The same as nft_texts, as objects of libnftables-json(5)."""
    chain = dict(family=NFT_FAMILY[rule.family], table=TABLE, name=nft_chain(rule))
    if not adding:
        return [{"flush": {"chain": chain}}, {"delete": {"chain": chain}}]
    dummy, hook, priority = CHAINS[rule.sort]
    expr = masquerade_expr(rule) if rule.sort == "masquerade" else forward_expr(rule)
    return [
        {"add": {"chain": dict(chain, type="nat", hook=hook, prio=priority)}},
        {"add": {"rule": dict(chain_of(chain), expr=expr, comment=tag(rule))}},
    ]


def match(left, right, op="=="):
    return {"match": {"op": op, "left": left, "right": right}}


def payload(protocol, name):
    return {"payload": {"protocol": protocol, "field": name}}


def masquerade_expr(rule):
    expr, family = [], NFT_FAMILY[rule.family]
    if rule.source:
        expr.append(match(payload(family, "saddr"), nft_prefix(rule.source)))
    if rule.exclude_destinations:
        nets = {"set": [nft_prefix(net) for net in rule.exclude_destinations]}
        expr.append(match(payload(family, "daddr"), nets, "!="))
    if rule.out_interface:
        expr.append(match({"meta": {"key": "oifname"}}, rule.out_interface))
    if rule.protocol:
        expr.append(match({"meta": {"key": "l4proto"}}, rule.protocol))
    how = {"port": nft_ports(rule.to_ports)} if rule.to_ports else {}
    if nft_flags(rule):
        how["flags"] = nft_flags(rule)
    return [*expr, {"masquerade": how or None}]


def forward_expr(rule):
    expr, family = [], NFT_FAMILY[rule.family]
    if rule.in_interface:
        expr.append(match({"meta": {"key": "iifname"}}, rule.in_interface))
    if rule.source:
        expr.append(match(payload(family, "saddr"), nft_prefix(rule.source)))
    if rule.destination:
        expr.append(match(payload(family, "daddr"), rule.destination))
    expr.append(match(payload(rule.protocol, "dport"), nft_ports(rule.dport)))
    return [*expr, {"dnat": dict({"port": rule.to_port} if rule.to_port else {}, addr=rule.to)}]


def nft_ports(text):
    low, dummy, high = text.partition("-")
    return {"range": [int(low), int(high)]} if high else int(low)


def ports_text(value):
    return "%d-%d" % tuple(value["range"]) if isinstance(value, dict) else str(value)


def chain_of(chain):
    return {"family": chain["family"], "table": chain["table"], "chain": chain["name"]}


def nft_prefix(net):
    addr, dummy, length = net.partition("/")
    return {"prefix": {"addr": addr, "len": int(length)}}


def from_nft(netns, family, objects):
    """(the sort and fields of each rule, whether there is anything else) from what `nft -j list table` says."""
    rules, strange = [], False
    for item in objects:
        rule, chain = item.get("rule"), item.get("chain", {}).get("name", "")
        if rule is None:
            known = not chain or any(chain.startswith(entry[0]) for entry in CHAINS.values())
            strange = strange or not known or bool({"set", "map", "flowtable"} & set(item))
            continue
        owner = rule.get("comment", "")
        sort = next((sort for sort, entry in CHAINS.items() if rule["chain"].startswith(entry[0])), None)
        if not owner.startswith(TABLE + ":") or sort is None:
            strange = True
            continue
        found = (masquerade_fields if sort == "masquerade" else forward_fields)(rule["expr"], family)
        rules.append((sort, dict(found, netns=netns, name=owner.split(":", 1)[1], family=family, backend="nft")))
    return rules, strange


def masquerade_fields(exprs, family):
    found = dict.fromkeys(("source", "out_interface", "protocol", "to_ports"), "")
    found.update(exclude_destinations=(), random=False, fully_random=False)
    for expr in exprs:
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
            flags = how.get("flags", [])
            flags = [flags] if isinstance(flags, str) else flags
            found["to_ports"] = ports_text(how.get("port", ""))
            found["random"], found["fully_random"] = "random" in flags, "fully-random" in flags
    return found


def forward_fields(exprs, family):
    found = dict(in_interface="", destination="", source="")
    for expr in exprs:
        if "match" in expr:
            left, right = expr["match"]["left"], expr["match"]["right"]
            if left.get("meta", {}).get("key") == "iifname":
                found["in_interface"] = right
            elif left["payload"]["field"] == "saddr":
                found["source"] = net_text(right, family)
            elif left["payload"]["field"] == "daddr":
                found["destination"] = right
            else:
                found.update(protocol=left["payload"]["protocol"], dport=ports_text(right))
        elif "dnat" in expr:
            found.update(to=expr["dnat"]["addr"], to_port=expr["dnat"].get("port", 0))
    return found


def net_text(value, family):
    """A network with its prefix length, from a string or an nft prefix."""
    if isinstance(value, dict):
        return "%s/%d" % (value["prefix"]["addr"], value["prefix"]["len"])
    return value if "/" in value else value + ("/32" if family == "ipv4" else "/128")


def iptables_chain(rule):
    # A chain's name has 28 characters at most.
    word = "" if rule.sort == "masquerade" else "D-"
    return "VIRTNET-%s%08x" % (word, crc32(rule.name.encode()))


def iptables_argv(rule, adding):
    """A rule as iptables(8) command lines: a chain of its own, and a jump to it."""
    nat, own = [PROGRAM[rule.family], "-w", "-t", "nat"], iptables_chain(rule)
    hook, jump, ends = (masquerade_argv if rule.sort == "masquerade" else forward_argv)(rule)
    jump += ["-m", "comment", "--comment", tag(rule), "-j", own]
    if not adding:
        return [nat + ["-D", hook] + jump, nat + ["-F", own], nat + ["-X", own]]
    return [nat + ["-N", own], *(nat + ["-A", own] + words for words in ends), nat + ["-A", hook] + jump]


def masquerade_argv(rule):
    """The chain, what is asked there, and the rules of the chain of its own."""
    jump = (["-s", rule.source] if rule.source else []) + (["-o", rule.out_interface] if rule.out_interface else [])
    protocol = ["-p", rule.protocol] if rule.protocol else []
    how = ["--to-ports", rule.to_ports] if rule.to_ports else []
    how += (["--random"] if rule.random else []) + (["--random-fully"] if rule.fully_random else [])
    ends = [["-d", net, "-j", "RETURN"] for net in rule.exclude_destinations or ()]
    return "POSTROUTING", jump + protocol, [*ends, [*protocol, "-j", "MASQUERADE", *how]]


def forward_argv(rule):
    """Likewise."""
    jump = ["-i", rule.in_interface] if rule.in_interface else []
    jump += ["-s", rule.source] if rule.source else []
    jump += ["-d", rule.destination] if rule.destination else []
    jump += ["-p", rule.protocol, "--dport", rule.dport.replace("-", ":")]
    return "PREROUTING", jump, [["-p", rule.protocol, "-j", "DNAT", "--to-destination", target(rule)]]


def from_iptables(netns, family, text):
    """The sort and fields of the rules of this collection in what iptables-save(8) prints."""
    rules, chains = [], {}
    for line in text.splitlines():
        words = shlex.split(line)
        if words[:1] != ["-A"]:
            continue
        said = dict(zip(words, [*words[1:], ""]))
        if words[1].startswith("VIRTNET-"):
            chain_fields(chains, words[1], said, family)
        elif said.get("--comment", "").startswith(TABLE + ":"):
            rules.append((said, said["--comment"].split(":", 1)[1]))
    for said, name in rules:
        own = chains.get(said.get("-j"), {})
        common = dict(netns=netns, name=name, family=family, backend="iptables")
        common["source"] = net_text(said["-s"], family) if "-s" in said else ""
        if isinstance(own, str):
            yield "port_forward", dict(common, **forwarded(said, own))
        else:
            excluded = tuple(sorted(own.get("exclude_destinations", ())))
            more = dict(own, exclude_destinations=excluded)
            yield "masquerade", dict(common, out_interface=said.get("-o", ""), protocol=said.get("-p", ""), **more)


def chain_fields(chains, chain, said, family):
    """What one rule of an own chain says: the target of a port forward, or fields of a masquerade."""
    own = chains.setdefault(chain, dict(exclude_destinations=[], to_ports="", random=False, fully_random=False))
    if said["-j"] == "RETURN":
        own["exclude_destinations"].append(net_text(said["-d"], family))
    elif said["-j"] == "DNAT":
        chains[chain] = said["--to-destination"]
    else:
        more = dict(random="--random" in said, fully_random="--random-fully" in said)
        own.update(to_ports=said.get("--to-ports", ""), **more)


def forwarded(said, to):
    """What a jump to the chain of a port forward says, and where that sends packets."""
    address, dummy, port = to.rpartition(":") if to.count(":") == 1 or "]:" in to else (to, "", "0")
    return dict(
        protocol=said["-p"],
        dport=said["--dport"].replace(":", "-"),
        to=address.strip("[]"),
        to_port=int(port),
        in_interface=said.get("-i", ""),
        destination=said.get("-d", "").partition("/")[0],
    )
