# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Theory and evidence together: where the packet is lost, and why. Where they differ, the evidence is believed."""

from __future__ import annotations

from .._core.values import replace
from .._reach import seen as words_of
from . import hsr, neighbours, strangers
from .evidence import by_counters, by_mark, by_rule_for, by_rules, errors_dropped, last_of, marked
from .hops import direction, hops_of, of_sightings
from .ipsec import by_policy
from .path import Lost, Step, at, inside_line
from .segment import DULL
from .tell import drawing
from .tracking import without_state
from .wire import Wire

AWAY = "it leaves what can be seen from here by %s"


def result(walk, asked, theory, evidence):
    """What the task returns."""
    steps, lost, away = theory
    seen, told = None, lost
    if evidence is not None:
        seen = {(one.netns, one.dev, one.way) for one in evidence.seen}
        told = None if evidence.answer.received else found(walk, asked, theory, evidence)
        taken = told is not None and told.code == "silent"
        told = told_with_errors(None if taken else told, evidence)
    verdict = "delivered" if told is None else "lost"
    reason = told.reason if told is not None else arrives(steps, away, evidence)
    differs = list(differences(walk, theory, told, evidence)) if evidence is not None else []
    if evidence is not None and (differs or away or told is not None) and evidence.seen:
        steps = path_of(walk, evidence, steps, told)
    hops = hops_of(steps, seen)
    lines = drawing(hops, asked, verdict, reason)
    return dict(
        verdict=verdict,
        where=dict(netns=told.netns, dev=told.dev or None) if told is not None else None,
        cause=told.code if told is not None else None,
        reason=reason,
        hops=hops,
        evidence=list(shown(asked, told, evidence)),
        remedies=told.remedies if told is not None else [],
        differs=differs,
        also=list(dict.fromkeys([*walk.also, *doubles(walk, told)])),
        missing=missing(evidence),
        lines=lines,
        msg="\n".join(lines),
    )


def told_with_errors(lost, evidence):
    """The loss, with what keeps the sender from hearing of it."""
    dropped = errors_dropped(evidence) if lost is not None and lost.code != "firewall" else ""
    if dropped:
        lost.reason += "; the sender does not hear of that: %s" % dropped
    return lost


def without_netns(asked):
    """What a dry run returns for a network namespace that is not there yet."""
    reason = "there is no network namespace %s" % asked.netns
    lines = drawing([], asked, "lost", reason)
    empty = {name: [] for name in ("hops", "evidence", "remedies", "differs", "also")}
    where, told = dict(netns=asked.netns, dev=None), dict(lines=lines, msg="\n".join(lines), missing=missing(None))
    return dict(empty, verdict="lost", where=where, cause="netns", reason=reason, **told)


def doubles(walk, told):
    """Sentences about addresses that two have, beside the reason."""
    for ref, (address, others) in walk.doubles.items() if told is None or told.code != "double" else ():
        yield "%s has %s, and so has %s" % (at(*ref), address, ", ".join(at(*other) for other in others))


def arrives(steps, away, evidence):
    if evidence is not None and not evidence.answer.received:
        return "it arrives at a socket, which answers nothing"
    if evidence is not None:
        ttl = " (ttl %d)" % evidence.answer.ttl if evidence.answer.ttl else ""
        return "it arrives and is answered%s" % ttl
    last = steps[-1] if steps else None
    return AWAY % at(last.netns, last.dev) if away and last else "it arrives and is answered"


def found(walk, asked, theory, evidence):
    """The loss of a probe that was not answered."""
    steps, lost, dummy = theory
    order = {(step.netns, step.dev, step.way): n for n, step in enumerate(steps)}
    last = last_of(evidence, walk.state, order)
    place = last.netns if last is not None else asked.netns
    firewall = by_rules(evidence, place)
    if firewall is not None:
        firewall.dev = firewall.dev or (last.dev if last is not None and last.netns == firewall.netns else "")
        return without_state(walk.host, asked, firewall, evidence)
    if last is None:
        return of_sender(walk, asked, lost, evidence)
    if evidence.answer.reason == "refused":
        # What comes back is the refusal itself.
        last = ([one for one in evidence.seen if direction_of(one) == "forth"] or [last])[-1]
    return after_last(walk, last, theory, evidence)


def after_last(walk, last, theory, evidence):
    """The loss behind the place where the probe was last seen."""
    steps, foretold, dummy = theory
    resumed, rest = resumed_from(walk, last, evidence, steps)
    if rest is not None and is_told_by(rest, foretold):
        return foretold
    if rest is not None and rest.code in DULL:
        return taken_by_nobody(walk, last, rest, foretold)
    if rest is not None and rest.code == "ttl" and times_seen(last, evidence) > 1:
        return looped(rest, evidence)
    if rest is not None and is_next(resumed, rest, evidence):
        if last.packet.reply and not rest.reason.startswith("on the way back"):
            rest.reason = "on the way back: " + rest.reason
        return rest
    if rest is None and last.packet.protocol == "udp" and all_seen(resumed, evidence):
        return Lost(last.netns, last.dev, "silent", "")
    return by_evidence(walk, last, resumed, foretold, evidence)


def by_evidence(walk, last, resumed, foretold, evidence):
    """The loss behind the place where the probe was last seen, where the look-ups tell none."""
    devs = [last.dev, *(step.dev for step in resumed if step.netns == last.netns)]
    iif = last.dev if last.way == "in" else ""
    return (
        by_policy(walk, last.netns, last.packet, iif, by_counters(evidence, last.netns, devs))
        or explained(unanswered(walk, last.netns, last.packet, last, evidence), foretold)
        or strangers.kept(walk, last)
        or spared(walk, last)
        or by_error(walk, last, evidence)
        or unknown(last, resumed, evidence)
    )


def explained(waiting, foretold):
    """The loss of a question for a neighbour, told by what the look-ups say of that place, if they do."""
    there = waiting is not None and waiting.code == "arp" and foretold is not None
    return foretold if there and (waiting.netns, waiting.dev) == (foretold.netns, foretold.dev) else waiting


def taken_by_nobody(walk, last, rest, foretold):
    """The loss of a packet that went on to where nobody takes it: who sent it there knows why, or the look-ups do."""
    rest = by_sender(walk, last, rest)
    return foretold if rest.code in DULL and foretold is not None else rest


def is_told_by(rest, foretold):
    """Whether a loss is one that the look-ups explain, which have seen more of the way."""
    return foretold is not None and (rest.weak or foretold.instead == (rest.netns, rest.dev, rest.code))


def resumed_from(walk, last, evidence, steps):
    """The rest of the way from a sighting, and the loss on it, with the mark that rules have given to it there."""
    packet = marked(evidence, last.netns, last.packet) if last.way == "in" else None
    start = replace(last, frame=replace(last.frame, packet=packet)) if packet is not None else last
    resumed, rest, dummy = walk.resume(start, of_sightings(evidence.seen, steps))
    return resumed, by_mark(rest, last.netns, packet)


def unanswered(walk, netns, packet, last, evidence):
    """The loss of a packet that waits for a neighbour: where the question for it, or the answer, was last seen."""
    packet, answer = waiting(walk, netns, packet, last.dev if last is not None and last.way == "in" else "")
    nexthop = answer.via or packet.dst
    if nobody_there(walk, netns, answer.dev, nexthop):
        return nobody(walk, netns, answer.dev, packet, nexthop)
    asked, answers = questions(walk, nexthop, last.when if last is not None else 0, evidence)
    firewall = by_rule_for(evidence, nexthop) if not known(walk, netns, answer.dev, nexthop) else None
    if firewall is not None:
        return on_link(firewall, [*asked, *answers], answer.dev if firewall.netns == netns else "")
    heard = any(one.netns == netns and one.way == "in" for one in answers)
    if not asked or (heard and known(walk, netns, answer.dev, nexthop)):
        return None
    refused = hsr.by_tags(walk, (answers or asked)[-1], evidence)
    return refused or behind_question(walk, netns, packet, answer.dev, nexthop, asked, answers)


def behind_question(walk, netns, packet, dev, nexthop, asked, answers):
    """The loss behind the place where a question for a neighbour, or the answer, was last seen."""
    one = (answers or asked)[-1]
    rest = walk.resume(one)[1]
    if rest is not None and rest.code == "nobody" and not rest.dev and not answers:
        return nobody(walk, netns, dev, packet, nexthop, rest.trail)
    # Of an answer it is not known for whom it is.
    if rest is not None and not (answers and rest.code in ("nobody", *DULL)):
        return rest
    words = ["nft", "list", "ruleset"], ["tcpdump", "-eni", one.dev, "arp or icmp6"]
    checks = [inside_line(one.netns, *line) for line in words]
    return Lost(one.netns, one.dev, "arp", last_heard(walk, one, nexthop, answers), checks)


def waiting(walk, netns, packet, iif):
    """The packet that waits in a namespace, which has it by a link or sends it, and the route by which it is to go."""
    packet = walk.host.translated(netns, "prerouting", packet, iif, "")[0] if iif else packet
    answer = walk.host.route(netns, packet, iif, "")
    if iif and answer.type == "local" and not packet.reply and packet.inner is None:
        # It is the reply that waits.
        packet = packet.answer()
        answer = walk.host.route(netns, packet, "", walk.vrf_of(netns, iif))
    return packet, answer


def nobody(walk, netns, dev, packet, nexthop, trail=()):
    return walk.doubled(neighbours.nobody(walk, walk.state.link((netns, dev)), packet, nexthop, trail))


def last_heard(walk, one, nexthop, answers):
    """Where a question for a neighbour, or its answer, was last seen."""
    text = "%s is asked who has %s, and does not answer" % (at(one.netns, one.dev), nexthop)
    if answers or not walk.addresses(one.netns, nexthop):
        what = "answer of" if answers else "question who has"
        way = "leaving by" if one.way == "out" else "coming in by"
        text = "the %s %s was last seen %s %s, and goes no further" % (
            what,
            nexthop,
            way,
            at(one.netns, one.dev),
        )
    return text


def on_link(lost, sightings, dev):
    """A loss with the link on which this was last seen there, or another one."""
    near = [one.dev for one in sightings if one.netns == lost.netns]
    lost.dev = lost.dev or (near[-1] if near else dev)
    return lost


def nobody_there(walk, netns, dev, nexthop):
    """Whether a namespace has asked for a neighbour of which nothing is known, in vain."""
    return not walk.addresses(None, nexthop) and not known(walk, netns, dev, nexthop)


def spared(walk, last):
    """The loss of a copy at another port of the bridge, where this one went to where nothing is seen any more."""
    link = walk.state.link((last.netns, last.dev)) if last.way == "out" else None
    ports = walk.state.ports.get(("link", last.netns, link.master), ()) if link is not None and link.master else ()
    lost = next((one for one in walk.spared if ("link", one.netns, one.dev) in ports), None)
    if lost is None:
        return None
    lost.reason += "; the frame went to %s, and nothing comes back" % at(last.netns, last.dev)
    return lost


def known(walk, netns, dev, nexthop):
    """Whether a namespace knows a neighbour, or can not be asked."""
    entry = walk.host.neighbour(netns, dev, nexthop) if walk.state.link((netns, dev)) is not None else None
    return entry is None or entry[0] not in ("incomplete", "failed")


def questions(walk, nexthop, since, evidence):
    """The sightings of the questions who has an address, and of the answers."""
    recent = [one for one in evidence.sightings if one.when >= since]
    asked = [one for one in recent if one.frame.asks == nexthop and walk.addresses(None, nexthop)]
    asked = [one for one in asked if not given_to_bridge(walk, one)]
    askers = {one.frame.smac for one in asked}  # each link of a ring has its own
    return asked, [one for one in recent if one.frame.asks == "-" and one.frame.dmac in askers]


def given_to_bridge(walk, one):
    """Whether this is the copy of a question that a bridge gives to its own host, which does not have the address."""
    link = walk.state.link((one.netns, one.dev))
    return (
        link is not None and link.kind == "bridge" and one.way == "in" and not walk.addresses(one.netns, one.frame.asks)
    )


def times_seen(last, evidence):
    """How often the probe was seen at a place."""
    return sum((one.netns, one.dev, one.way) == (last.netns, last.dev, last.way) for one in evidence.seen)


def by_sender(walk, last, lost):
    """The loss of a frame that nobody takes, told by the neighbour for whom it was sent."""
    link = walk.sender(last.frame.smac)
    if link is None:
        return lost
    answer = walk.host.route(link.netns, last.packet, "", "")
    return neighbours.at_neighbour(walk, link, last.packet, answer.via or last.packet.dst, lost)


def of_sender(walk, asked, lost, evidence):
    """The loss of a probe that was seen nowhere."""
    if lost is not None and lost.netns == asked.netns:
        return lost
    counted = by_counters(evidence, asked.netns, [dev for sort, dev, name in evidence.risen.get(asked.netns, {})])
    counted = by_policy(walk, asked.netns, asked.packet, "", counted)
    if counted is not None or (lost is not None and evidence.answer.reason == "no reply"):
        return counted or lost
    waiting = marked_by_sender(walk, asked, evidence) or unanswered(walk, asked.netns, asked.packet, None, evidence)
    if waiting is not None:
        return waiting
    reason = "the kernel of %s does not send it: %s" % (at(asked.netns), words_of(evidence.answer))
    return Lost(asked.netns, "", "unknown", reason)


def marked_by_sender(walk, asked, evidence):
    """The loss of a probe to which the rules of its sender have given a mark."""
    packet = marked(evidence, asked.netns, asked.packet)
    rest = packet and type(walk)(walk.host).there_and_back(asked.netns, packet, asked.dev)[1]
    return by_mark(rest, asked.netns, packet) if rest and rest.netns == asked.netns else None


def is_next(resumed, lost, evidence):
    """Whether a loss is where the probe was last seen, and not behind links on which it would have been seen."""
    seen = {(one.netns, one.dev, one.way) for one in evidence.seen}
    passed = [step for step in resumed[1:] if step.way != "at" and not step.frame.asks and not step.depth]
    return all((s.netns, s.dev, s.way) in seen or (s.netns, s.dev) == (lost.netns, lost.dev) for s in passed[:-1])


def all_seen(resumed, evidence):
    """Whether the probe needs no link any more to get to its end, where the reply would begin."""
    forth = [step for step in resumed[1:] if direction(step) == "forth" and step.way != "at"]
    return not forth and not any(direction_of(one) == "back" for one in evidence.seen)


def looped(lost, evidence):
    places = list(dict.fromkeys(one.netns for one in evidence.seen if one.packet.ttl < 60))
    names = " and ".join(at(place) for place in places[:4])
    reason = "the packet goes round between %s until its ttl is used up" % (names or lost.netns)
    return Lost(lost.netns, lost.dev, "loop", reason, lost.checks)


def by_error(walk, last, evidence):
    """The loss of a packet whose ttl ends where it was last seen, as that namespace says, though it came with more."""
    said = [one.packet for one in evidence.errors if one.packet.error.startswith("ttl exceeded")]
    if last.way != "in" or last.packet.ttl < 2 or not any(walk.addresses(last.netns, packet.src) for packet in said):
        return None
    text = "the ttl of the packet ends in %s, though it comes there with %d: a rule of its firewall lowers it"
    checks = [inside_line(last.netns, "nft", "list", "ruleset")]
    return Lost(last.netns, last.dev, "ttl", text % (at(last.netns), last.packet.ttl), checks)


def unknown(last, resumed, evidence):
    onward = [step for step in resumed[1:] if step.way != "at"]
    hop = evidence.answer.hop
    said = "; %s" % words_of(evidence.answer) if hop else ""
    text = "it was last seen %s %s%s; nothing says why%s"
    way = "leaving by" if last.way == "out" else "coming in by"
    where = ", not on %s" % at(onward[0].netns, onward[0].dev) if onward else ""
    return Lost(last.netns, last.dev, "unknown", text % (way, at(last.netns, last.dev), where, said))


def path_of(walk, evidence, steps, lost):
    """The steps of what was seen, and those of the theory up to the loss that could not be seen."""
    strays = copies(walk, evidence)
    out = of_sightings([one for one in evidence.seen if (one.netns, one.dev, one.way) not in strays], steps)
    known = {(step.netns, step.dev, step.way) for step in out}
    more = [step for step in (lost.trail if lost is not None else ()) if (step.netns, step.dev, step.way) not in known]
    turned = more and not more[0].frame.asks and direction(more[0]) != direction(out[-1])
    return out if turned else out + more


def copies(walk, evidence):
    """The places of what a bridge gave to several who do not take it."""
    ends = []
    for one in evidence.seen:
        link = walk.state.link((one.netns, one.dev)) if one.foreign and one.way == "in" else None
        if link is not None and not link.master and not walk.state.uppers(link):
            ends.append((link, walk.addresses(one.netns, one.packet.dst)))
    if len({link.ref for link, dummy in ends}) < 2:
        return set()
    strays = [link for link, meant in ends if not meant]
    return {(*link.ref, "in") for link in strays} | {(*link.peer, "out") for link in strays if link.peer}


def differences(walk, theory, told, evidence):
    """Sentences about what the look-ups foretold and what was seen."""
    steps, lost, away = theory
    if lost is not None and told is None:
        yield "by the look-ups it would be lost at %s (%s), but it is answered" % (
            at(lost.netns, lost.dev),
            lost.reason,
        )
    elif lost is None and told is not None and not away:
        yield "by the look-ups it would be answered"
    elif lost is not None and told is not None and (lost.netns, lost.code) != (told.netns, told.code):
        yield "by the look-ups it would be lost at %s (%s)" % (at(lost.netns, lost.dev), lost.reason)
    if told is None and lost is None and not away:
        yield from not_foretold(walk, steps, evidence)


def not_foretold(walk, steps, evidence):
    """Sentences about namespaces in which an answered packet was seen, and to which no look-up leads."""
    foretold = {(step.netns, step.dev, step.way) for step in steps if step.way != "at" and not step.frame.asks}
    foretold |= set(hsr.places(Wire(walk), steps))
    # A bridge that does not know an address yet gives the frame to all.
    places = [(s.netns, s.dev, s.way) for s in evidence.seen if not s.foreign]
    odd = [place for place in dict.fromkeys(places) if place not in foretold]
    plain = {step.netns for step in steps}
    for netns, dev, dummy in odd[:3]:
        if netns not in plain:
            yield "it was seen on %s, where the look-ups do not lead" % at(netns, dev)


def shown(asked, lost, evidence):
    """What a sceptic can check, each with the commands for it."""
    if evidence is not None:
        yield dict(source="probe", text=words_of(evidence.answer), commands=[])
        places = [(one.netns, one.dev, one.way, direction_of(one)) for one in evidence.seen]
        for netns, dev, way, direct in dict.fromkeys(places):
            what = "reply" if direct == "back" else "probe"
            words = "the %s was seen %s %s" % (what, "leaving by" if way == "out" else "coming in by", at(netns, dev))
            yield dict(source="packets", text=words, commands=[inside_line(netns, "tcpdump", "-eni", dev)])
        for one in evidence.errors[:1]:
            words = "%s says: %s" % (one.packet.src, one.packet.error)
            yield dict(source="icmp", text=words, commands=[])
    if lost is not None:
        sources = dict(firewall="rules", qdisc="counters", xfrm="counters")
        yield dict(source=sources.get(lost.code, "kernel"), text=lost.reason, commands=lost.checks)


def direction_of(one):
    return direction(Step(one.netns, one.dev, one.way, frame=one.frame))


def missing(evidence):
    return list(evidence.missing) if evidence is not None else ["no probe was sent (check mode)"]
