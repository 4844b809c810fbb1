# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is to reach whom: the pairs that the options stand for, what is expected of them, and what differs. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ._core.values import Refused
from ._core.words import host, link_name, netns_name, unique, within
from ._probe import HEADERS, TOKEN, Manner, family_of

REASONS = [
    "blackhole",
    "host unreachable",
    "network unreachable",
    "no reply",
    "prohibited",
    "refused",
    "too big",
    "ttl exceeded",
]
PROBE = dict(
    protocol=dict(type="str", choices=["icmp", "tcp", "udp"], default="icmp"),
    port=dict(type="int"),
    count=dict(type="int", default=1),
    timeout=dict(type="float", default=1.0),
    size=dict(type="int"),
    dont_fragment=dict(type="bool", default=False),
    send_ttl=dict(type="int"),
)
REACH = dict(
    PROBE,
    netns=dict(type="list", elements="str", default=[""]),
    to=dict(type="list", elements="str"),
    expect=dict(type="str", choices=["all", "none"]),
    pairs=dict(
        type="list",
        elements="dict",
        options=dict(
            netns=dict(type="str", default=""),
            to=dict(type="str", required=True),
            reachable=dict(type="bool"),
            ttl=dict(type="int"),
            reason=dict(type="str", choices=REASONS),
        ),
    ),
    wait=dict(type="float", default=0.0),
    explain=dict(type="bool", default=False),
)
RULES = dict(required_one_of=[("to", "pairs")])


@dataclass(frozen=True)
class Expected:
    """What must come of a pair's probes; None says nothing."""

    reachable: bool = None
    ttl: int = None
    reason: str = None

    def holds(self, answer):
        return (
            self.reachable in (None, answer.received > 0)
            and self.ttl in (None, answer.ttl)
            and self.reason in (None, answer.reason)
        )

    def __str__(self):
        if self.reachable:
            return "a reply" + (" with ttl %d" % self.ttl if self.ttl else "")
        return self.reason or "no reply"


def address(option, text):
    """An address, of a link if it is link-local: fe80::1%eth0."""
    plain, percent, dev = text.partition("%")
    canonical = host(option, plain)
    if not percent:
        return canonical
    if ":" not in canonical:
        raise Refused(option, "%s: only an IPv6 address takes a link" % text)
    return "%s%%%s" % (canonical, link_name(option, dev))


def manner_of(p, prefix=""):
    """How the options say to probe."""
    with_port, sized = p["protocol"] != "icmp", p["protocol"] != "tcp"
    if with_port != (p["port"] is not None):
        raise Refused(prefix + "port", "%s %s" % (p["protocol"], "needs one" if with_port else "has none"))
    if not sized and (p["size"] or p["dont_fragment"]):
        option = "size" if p["size"] else "dont_fragment"
        raise Refused(prefix + option, "TCP decides on the size of its packets itself; use icmp or udp")
    if not 0 < p["timeout"] <= 3600:
        raise Refused(prefix + "timeout", "%s is not between 0 and 3600 seconds" % p["timeout"])
    return Manner(
        p["protocol"],
        within(prefix + "port", p["port"], 1, 65535),
        within(prefix + "count", p["count"], 1, 1000),
        p["timeout"],
        within(prefix + "size", p["size"], min(HEADERS.values()) + 8 + TOKEN, 65535),
        p["dont_fragment"],
        within(prefix + "send_ttl", p["send_ttl"], 1, 255),
    )


def fitting(option, manner, addresses):
    """Refuse a size that has no room for the headers of one of the addresses."""
    for one in addresses:
        least = HEADERS[family_of(one)] + 8 + TOKEN
        if manner.size and manner.size < least:
            raise Refused(option, "%d is too small for a probe of %s, which has %d bytes" % (manner.size, one, least))


def wanted(p):
    """The pairs, each with what is expected of it, and how to probe."""
    manner, wish = manner_of(p), {}
    common = Expected(None if p["expect"] is None else p["expect"] == "all")
    for netns in unique("netns", [netns_name("netns", name) for name in p["netns"]]):
        for to in unique("to", [address("to", text) for text in p["to"] or ()]):
            wish[netns, to] = common
    listed = [(netns_name("pairs.netns", q["netns"]), address("pairs.to", q["to"]), q) for q in p["pairs"] or ()]
    unique("pairs", ["the pair from %s to %s" % (place(netns), to) for netns, to, dummy in listed])
    for netns, to, q in listed:
        wish[netns, to] = expected(to, q, manner) or common
    if not 0 <= p["wait"] <= 3600:
        raise Refused("wait", "%s is not between 0 and 3600 seconds" % p["wait"])
    if len(wish) > 65536:
        raise Refused("to", "%d pairs are more than 65536" % len(wish))
    fitting("size", manner, [to for dummy, to in wish])
    return wish, manner


def expected(to, q, manner):
    """What is expected of one pair, if it says so."""
    reachable, ttl, reason = q["reachable"], q["ttl"], q["reason"]
    if reason and (reachable or ttl is not None):
        raise Refused("pairs.reason", "%s is expected to be reached and not" % to)
    if reachable is False and ttl is not None:
        raise Refused("pairs.ttl", "where no reply is expected it has no ttl")
    if ttl is not None and manner.protocol == "tcp":
        raise Refused("pairs.ttl", "a TCP connection does not tell it; use icmp or udp")
    if reachable is ttl is reason is None:
        return None
    return Expected(reachable if reachable is not None else reason is None, within("pairs.ttl", ttl, 1, 255), reason)


def place(netns):
    return netns or "the host"


def seen(answer):
    """What came of a pair's probes, in words."""
    if answer.received:
        return "a reply" + (" with ttl %d" % answer.ttl if answer.ttl else "")
    mtu, hop = answer.mtu and " for mtu %d" % answer.mtu, answer.hop and " at %s" % answer.hop
    return answer.reason + (mtu or "") + (hop or "")


def sentence(pair):
    return "from %s to %s: " % (place(pair[0]), pair[1])


def table(rows):
    """Rows as columns of text."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def differing(wish, answers):
    return [pair for pair in wish if not wish[pair].holds(answers[pair])]


def report(wish, answers):
    """What the task returns, and the sentence it fails with; None if all is as expected."""
    matrix = {}
    for (netns, to), answer in answers.items():
        matrix.setdefault(netns, {})[to] = plain(answer)
    wrong = differing(wish, answers)
    rows = [(place(pair[0]), pair[1], str(wish[pair]), seen(answers[pair])) for pair in wrong]
    result = dict(
        matrix=matrix,
        seen=[sentence(pair) + seen(answer) for pair, answer in answers.items()],
        differs=[sentence(pair) + "expected %s, seen %s" % row[2:] for pair, row in zip(wrong, rows)],
    )
    if not wrong:
        return result, None
    head = "%d of %d pairs %s not as expected:\n" % (len(wrong), len(wish), "is" if len(wrong) == 1 else "are")
    return result, head + table([("from", "to", "expected", "seen")] + rows)


def plain(answer):
    """An answer as data."""
    times = answer.times
    return dict(
        reachable=answer.received > 0,
        sent=answer.sent,
        received=answer.received,
        ttl=answer.ttl,
        rtt_min=round(min(times), 3) if times else None,
        rtt_avg=round(sum(times) / len(times), 3) if times else None,
        reason=answer.reason,
        hop=None if answer.received else answer.hop,
        mtu=None if answer.received else answer.mtu,
    )
