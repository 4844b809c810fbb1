# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen of a probe, and what can be said of it alone."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Optional, Tuple

from .._core.values import Value, replace
from .path import Lost, at, inside_line, ip_line


class Verdict(Value):
    """What dropped the probe, as nftables says."""

    netns: str
    family: str
    table: str
    chain: str
    how: str  # rule or policy
    handle: int = 0
    text: str = ""
    number: Optional[int] = None  # of the probe, where that can be told: not in a tunnel
    of_state: bool = False  # its table looks at the states of connections
    # Of a question for a neighbour: the first bytes of its address, and whether it is the answer.
    asked: Tuple[Any, ...] = ()
    dev: str = ""  # by which it came in, or leaves
    error: bool = False  # of an ICMP error about the probe


class Evidence(Value):
    """What came of a probe, where it was seen, what was counted meanwhile."""

    answer: Any
    sightings: Tuple[Any, ...] = ()
    verdicts: Tuple[Verdict, ...] = ()
    risen: Any = None
    missing: Tuple[str, ...] = ()
    marks: Any = None  # that rules of a namespace have given to it

    @property
    def seen(self):
        """The sightings of the probe and of its reply, no errors and no questions for neighbours."""
        return [one for one in self.sightings if one.packet is not None and not one.packet.error]

    @property
    def errors(self):
        return [one for one in self.sightings if one.packet is not None and one.packet.error]


def last_of(evidence, state, order):
    """The last sighting. Stamps can be the same: what came in at the far end is later than what left."""
    seen = evidence.seen
    came = {(one.netns, one.dev) for one in seen if one.way == "in"}
    rest = []
    for one in seen:
        link = state.link((one.netns, one.dev))
        if one.way == "in" or link is None or link.peer is None or tuple(link.peer) not in came:
            rest.append(one)
    rest = rest or seen
    if not rest:
        return None
    latest = rest[-1].when
    same = [one for one in rest if one.when == latest]
    return max(same, key=lambda one: order.get((one.netns, one.dev, one.way), -1))


def marked(evidence, netns, packet):
    """A packet with the mark that rules of a namespace have given to it; None without one."""
    mark = (evidence.marks or {}).get(netns)
    return replace(packet, mark=mark) if mark and mark != packet.mark and packet.inner is None else None


def by_mark(lost, netns, packet):
    """The loss of a packet that has got a mark."""
    if packet is not None and lost is not None and lost.netns == netns:
        lost.reason += " (rules of nftables in %s give it the mark %d)" % (at(netns), packet.mark)
        lost.checks.append(inside_line(netns, "nft", "list", "ruleset"))
    return lost


def by_rules(evidence, place):
    """The loss by a rule, if one dropped the probe; first of all where it was last seen."""
    verdicts = [v for v in evidence.verdicts if not v.asked and not v.error]
    found = [v for v in verdicts if v.netns == place]
    found = found or [v for v in verdicts if v.number is not None]
    return by_rule(found[0], "it") if found else None


def errors_dropped(evidence):
    """What rules do with the ICMP errors about the probe, in words."""
    found = [by_rule(v, "the ICMP error about it") for v in evidence.verdicts if v.error]
    return "; ".join(dict.fromkeys(lost.reason for lost in found))


def by_rule_for(evidence, address):
    """The loss by a rule that drops the question for a neighbour, or the answer."""
    packed = ip_address(address).packed
    found = [v for v in evidence.verdicts if v.asked and packed.startswith(v.asked[0])]
    words = found and ("the answer of %s" if found[-1].asked[1] else "the question who has %s") % address
    return by_rule(found[-1], words) if found else None


def by_rule(one, dropped):
    """The loss of this by a rule of nftables."""
    what = "table %s %s, chain %s" % (one.family, one.table, one.chain)
    checks = [inside_line(one.netns, "nft", "-a", "list", "chain", one.family, one.table, one.chain)]
    if one.how == "policy":
        words = one.chain, at(one.netns), dropped, what
        reason = "the policy of chain %s in %s drops %s (%s of nftables)" % words
        cure = "add rule %s %s %s accept" % (one.family, one.table, one.chain)
        cures = [inside_line(one.netns, "nft", cure)]
    else:
        text = " '%s'" % one.text if one.text else ""
        reason = "a rule of nftables in %s drops %s: %s, handle %d%s" % (
            at(one.netns),
            dropped,
            what,
            one.handle,
            text,
        )
        cures = [
            inside_line(one.netns, "nft", "delete", "rule", one.family, one.table, one.chain, "handle", str(one.handle))
        ]
    lost = Lost(one.netns, one.dev, "firewall", reason, checks, cures)
    lost.of_state = one.of_state
    return lost


def by_counters(evidence, netns, devs):
    """The loss that a counter tells of: of legacy iptables, of a queueing discipline, of xfrm."""
    risen = evidence.risen.get(netns, {})
    for sort, where, name in risen:
        drops = " DROP" in name or name.endswith("DROP") or "REJECT" in name
        if sort == "legacy" and drops:
            table, dummy, chain = where.partition(" ")
            how = "%s of chain %s, table %s, of iptables (legacy) in %s" % (name, chain, table, at(netns))
            checks = [inside_line(netns, "iptables-legacy", "-t", table, "-vnL", chain)]
            cures = [inside_line(netns, "iptables-legacy", "-t", table, "-P", chain, "ACCEPT")]
            if name.startswith("rule "):
                number = name.split()[1].rstrip(":")
                cures = [inside_line(netns, "iptables-legacy", "-t", table, "-D", chain, number)]
            return Lost(netns, "", "firewall", "the %s drops it" % how, checks, cures)
    for sort, where, name in risen:
        if sort == "qdisc" and where in devs:
            return by_queue(netns, where, name)
    for sort, where, name in risen:
        if sort == "held" and where in devs:
            return by_queue(netns, where, name, "holds it back")
    for sort, dummy, name in risen:
        if sort == "xfrm":
            checks = [inside_line(netns, "cat", "/proc/net/xfrm_stat"), ip_line(netns, "xfrm", "policy")]
            return Lost(netns, "", "xfrm", "a policy of xfrm in %s refuses it (%s)" % (at(netns), name), checks)
    return None


def by_queue(netns, dev, name, verb="drops it"):
    """The loss in a queueing discipline, or at the filters of one."""
    filters = name in ("clsact", "ingress")
    what = "tc filters (%s)" % name if filters else "queueing discipline %s" % name
    checks = [ip_line(netns, "-s", "qdisc", "show", "dev", dev, program="tc")]
    cure = ip_line(netns, "qdisc", "del", "dev", dev, name if filters else "root", program="tc")
    return Lost(netns, dev, "qdisc", "the %s of %s %s" % (what, at(netns, dev), verb), checks, [cure])
