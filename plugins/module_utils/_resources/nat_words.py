# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of NAT in the languages of nft(8) and iptables(8), and back."""

from __future__ import annotations

import json
import re
from ipaddress import collapse_addresses, ip_address, ip_network, summarize_address_range
from zlib import crc32

TABLE = "virtnet"
NFT_FAMILY = {"ipv4": "ip", "ipv6": "ip6"}
PROTOCOLS = ("tcp", "udp", "sctp")
CHAIN = "chain "  # before the name of a chain whose rule has none
PROGRAM = {"ipv4": "iptables", "ipv6": "ip6tables"}
# By the sort of a rule: the start of its chain's name, where it hooks in, and its priority.
CHAINS = {
    "masquerade": ("masquerade-", "postrouting", 100),
    "port_forward": ("port-forward-", "prerouting", -100),
}


def tag(rule):
    """The owner tag in a rule's comment."""
    return tag_of(rule.name)


def tag_of(name):
    return "%s:%s" % (TABLE, name)


def nft_chain(rule):
    return CHAINS[rule.sort][0] + rule.name


def nft_argv(rule, adding):
    """A rule as an nft(8) command of one transaction."""
    if adding and rule.rest:
        return ["nft", "-j", json.dumps({"nftables": nft_json(rule, adding)})]
    return ["nft", "; ".join(nft_texts(rule, adding))]


def nft_texts(rule, adding):
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
    if rule.rest:
        return [{"add": json.loads(text)} for text in rule.rest]
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


class Strange(Exception):
    """Something that no rule of this collection says."""


def from_nft(netns, family, objects):
    """(the sort and fields of each rule, whether there is anything else) from what `nft -j list table` says."""
    chains, strange = {}, False
    for item in objects:
        if "chain" in item:
            chains[item["chain"]["name"]] = [item["chain"], []]
        elif "rule" in item:
            chains[item["rule"]["chain"]][1].append(item["rule"])
        else:
            strange = strange or not {"metainfo", "table"} & set(item)
    rules = []
    for name, (chain, own) in chains.items():
        sort = next((sort for sort, entry in CHAINS.items() if name.startswith(entry[0])), None)
        strange = strange or sort is None
        if sort is not None:
            common = dict(netns=netns, name=name[len(CHAINS[sort][0]) :], family=family, backend="nft")
            rules.append((sort, dict(common, **nft_fields(sort, chain, own, common))))
    return rules, strange


def nft_fields(sort, chain, own, common):
    """What a chain says in the words of the options; where it says more or else, that as it stands."""
    try:
        comments = [rule.get("comment") for rule in own]
        place = tuple(chain.get(name) for name in ("type", "hook", "prio", "policy"))
        if place != ("nat", *CHAINS[sort][1:], "accept") or comments != [tag_of(common["name"])]:
            raise Strange
        read = masquerade_fields if sort == "masquerade" else forward_fields
        return dict(read(own[0]["expr"], NFT_FAMILY[common["family"]]), rest=())
    except (Strange, KeyError, TypeError, AttributeError, ValueError):
        items = [{"chain": chain}, *({"rule": rule} for rule in own)]
        bare = [{what: {k: v for k, v in one.items() if k != "handle"}} for item in items for what, one in item.items()]
        return dict(rest=tuple(json.dumps(item) for item in bare))


def matches(exprs, known):
    """The fields of all but the last of the expressions, each of which must be known and come once."""
    found = {}
    for expr in exprs[:-1]:
        (how,) = [expr["match"]] if set(expr) == {"match"} else [{}]
        left = how.get("left", {}).get("payload") or how.get("left", {}).get("meta") or {}
        what = (how.get("op"), left.get("protocol"), left.get("field") or left.get("key"))
        if what not in known or known[what][0] in found:
            raise Strange
        name, read = known[what]
        found[name] = read(how["right"])
    return found


def masquerade_fields(exprs, family):
    known = {
        ("==", family, "saddr"): ("source", net_of),
        ("!=", family, "daddr"): ("exclude_destinations", nets_of),
        ("==", None, "oifname"): ("out_interface", text_of),
        ("==", None, "l4proto"): ("protocol", text_of),
    }
    found = dict.fromkeys(("source", "out_interface", "protocol"), "")
    found.update(matches(exprs, known))
    how = dict(exprs[-1]["masquerade"] or {})
    flags = how.pop("flags", [])
    flags = {flags} if isinstance(flags, str) else set(flags)
    ports = ports_text(how.pop("port", ""))
    if how or flags - {"random", "fully-random"}:
        raise Strange
    found.setdefault("exclude_destinations", ())
    return dict(found, to_ports=ports, random="random" in flags, fully_random="fully-random" in flags)


def forward_fields(exprs, family):
    known = {
        ("==", None, "iifname"): ("in_interface", text_of),
        ("==", family, "saddr"): ("source", net_of),
        ("==", family, "daddr"): ("destination", text_of),
    }
    known.update({("==", protocol, "dport"): (protocol, ports_text) for protocol in PROTOCOLS})
    found = dict(dict.fromkeys(("in_interface", "source", "destination"), ""), **matches(exprs, known))
    (protocol,) = [name for name in PROTOCOLS if name in found]
    how = dict(exprs[-1]["dnat"])
    to, port = how.pop("addr"), how.pop("port", 0)
    if how or not isinstance(to, str) or not isinstance(port, int):
        raise Strange
    return dict(found, protocol=protocol, dport=found.pop(protocol), to=to, to_port=port)


def text_of(value):
    if not isinstance(value, str):
        raise Strange
    return value


def net_of(value):
    (net,) = nets_of(value)
    return net


def nets_of(value):
    """The networks of a value of nft's, which makes one range of those that are beside or in each other."""
    nets = []
    for one in value["set"] if isinstance(value, dict) and "set" in value else [value]:
        if isinstance(one, str):
            nets.append(ip_network(one))
        elif set(one) == {"prefix"}:
            nets.append(ip_network("%s/%d" % (one["prefix"]["addr"], one["prefix"]["len"])))
        elif set(one) == {"range"}:
            nets += summarize_address_range(*map(ip_address, one["range"]))
        else:
            raise Strange
    return collapsed(nets)


def collapsed(nets):
    """Networks as few as they can be, in their order, as texts."""
    return tuple(map(str, collapse_addresses(map(ip_network, nets))))


def iptables_chain(rule):
    """The name of its own chain, which has 28 characters at most; that of one that nothing jumps to is its name."""
    if rule.name.startswith(CHAIN):
        return rule.name.split()[1]
    word = "" if rule.sort == "masquerade" else "D-"
    return "VIRTNET-%s%08x" % (word, crc32(rule.name.encode()))


def iptables_argv(rule, adding):
    """A rule as iptables(8) command lines: a chain of its own, and a jump to it."""
    nat, own = [PROGRAM[rule.family], "-w", "-t", "nat"], iptables_chain(rule)
    if rule.rest:
        lines = [words_of(line) for line in rule.rest]
        if adding:
            return [nat + words for words in lines]
        jumps = [["-D", words[1], *words[3:]] for words in lines if words[0] == "-I"]
        return [nat + words for words in (*jumps, ["-F", own], ["-X", own])]
    hook, jump, ends = (masquerade_argv if rule.sort == "masquerade" else forward_argv)(rule)
    jump += ["-m", "comment", "--comment", tag(rule), "-j", own]
    if not adding:
        return [nat + ["-D", hook] + jump, nat + ["-F", own], nat + ["-X", own]]
    place = ["-I", hook, str(rule.position)] if rule.position else ["-A", hook]
    return [nat + ["-N", own], *(nat + ["-A", own] + words for words in ends), nat + place + jump]


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


def words_of(line):
    """The words of a line of iptables-save(8), which quotes with " alone."""
    return [re.sub(r"\\(.)", r"\1", quoted) if quoted else plain for quoted, plain in WORD.findall(line)]


WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')


def from_iptables(netns, family, text):
    """The sort and fields of the rules of this collection in what iptables-save(8) prints."""
    chains, places = {}, {}
    for line in text.splitlines():
        hook, own = (line.split(" ", 2) + [""])[1:2], OWN_CHAIN.search(line)
        if line.startswith("-A ") and hook:
            places[hook[0]] = places.get(hook[0], 0) + 1
        if own is None:
            continue
        chain = chains.setdefault(own.group(1), ([], []))
        if line.startswith("-A %s " % own.group(1)):
            chain[0].append(line)
        elif line.startswith("-A "):
            chain[1].append((line, hook[0], places[hook[0]]))
    for own, (rules, jumps) in chains.items():
        sort = "port_forward" if own.startswith("VIRTNET-D-") else "masquerade"
        yield (
            sort,
            dict(iptables_fields(sort, own, rules, jumps, family), netns=netns, family=family, backend="iptables"),
        )


OWN_CHAIN = re.compile(r"(?:^:|^-A |-[jg] )(VIRTNET-(?:D-)?[0-9a-f]{8})(?: |$)")


def iptables_fields(sort, own, rules, jumps, family):
    """What a chain and the jumps to it say in the words of the options, or else that as it stands."""
    names = {name for line, dummy, dummy2 in jumps for name in re.findall('--comment "?%s:([^ "]+)' % TABLE, line)}
    name = names.pop() if len(names) == 1 else ""
    if "%08x" % crc32(name.encode()) != own[-8:]:
        name = CHAIN + own
    try:
        ((line, hook, position),) = jumps
        said = options_of(line, own)
        if name.startswith(CHAIN) or hook != CHAINS[sort][1].upper() or said.pop("--comment") != tag_of(name):
            raise Strange
        ends = [options_of(rule, None) for rule in rules]
        found = (masqueraded if sort == "masquerade" else forwarded)(said, ends)
        found["source"] = str(ip_network(found["source"])) if found["source"] else ""
        return dict(found, name=name, position=position, rest=())
    except (Strange, KeyError, ValueError, IndexError):
        into = ["-I %s %d %s" % (hook, position, line.split(" ", 2)[2]) for line, hook, position in jumps]
        return dict(name=name, rest=("-N " + own, *rules, *into))


def options_of(line, jump):
    """The options of a rule by their names, without those that only say that others follow."""
    words, found = words_of(line)[2:], {}
    while words:
        option = words.pop(0)
        value = words.pop(0) if words and option not in ("--random", "--random-fully") else ""
        if option == "-m" and value in ("comment", *PROTOCOLS):
            continue
        if option in found or not option.startswith("-"):
            raise Strange
        found[option] = value
    if jump and found.pop("-j", None) != jump:
        raise Strange
    return found


def rest_of(said, *known):
    """The values of some options, none of others."""
    if set(said) - set(known):
        raise Strange
    return [said.get(option, "") for option in known]


def masqueraded(said, ends):
    source, device, protocol = rest_of(said, "-s", "-o", "-p")
    *returns, last = ends
    excluded = []
    for one in returns:
        if one.pop("-j") != "RETURN":
            raise Strange
        excluded += rest_of(one, "-d")
    also, ports, action = rest_of(last, "-p", "--to-ports", "-j", "--random", "--random-fully")[:3]
    if action != "MASQUERADE" or also != protocol:
        raise Strange
    flags = dict(random="--random" in last, fully_random="--random-fully" in last)
    fields = dict(source=source, out_interface=device, protocol=protocol, to_ports=ports, **flags)
    return dict(fields, exclude_destinations=collapsed(excluded))


def forwarded(said, ends):
    """What a jump to the chain of a port forward says, and where that sends packets."""
    ((protocol, action, to),) = [rest_of(end, "-p", "-j", "--to-destination") for end in ends]
    device, source, destination, also, dport = rest_of(said, "-i", "-s", "-d", "-p", "--dport")
    if action != "DNAT" or not protocol or also != protocol:
        raise Strange
    address, dummy, port = to.rpartition(":") if to.count(":") == 1 or "]:" in to else (to, "", "0")
    return dict(
        protocol=protocol,
        dport=dport.replace(":", "-"),
        to=str(ip_address(address.strip("[]"))),
        to_port=int(port),
        in_interface=device,
        source=source,
        destination=destination.partition("/")[0],
    )
