# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a packet as the kernel would send it, namespace by namespace, there and back. Pure: it asks a host."""

from __future__ import annotations

from ipaddress import ip_address

from .._core.values import Value, replace
from .._kinds.base import kind_of
from . import blame, doubles, ends, neighbours, tunnels, vrfs
from .packet import BROADCAST, TTL, Frame
from .path import NETWORK, Got, Lost, Step, at, inside_line, ip_line
from .tracking import Tracking
from .wire import Wire

MOST = 70  # hops; a ttl that is not used up ends before


class Table(Value):
    """A VRF."""

    dev: str
    table: int


class Walk:
    """Where packets go. What depends on the kernel's tables the host is asked for."""

    def __init__(self, host):
        self.host, self.state = host, host.state
        self.doubles, self.twins, self.past, self.ruled, self.also = {}, {}, (), [], []
        self.unled, self.tracking, self.asked = None, Tracking(host), None
        self.ttls = {}  # by whether it is the reply: (namespace, ttl, sysctl) of one that is sent with its own
        self.carrying = []  # the tunnels whose outer packets are on their way
        self.spared = []  # the losses of copies, where another one goes to where nothing is seen any more

    # The whole way

    def there_and_back(self, netns, packet, dev=""):
        """The steps of a packet and its reply, the loss, None if it is answered, and whether it leaves the host."""
        trail, self.asked = (), (netns, packet.dst)
        try:
            blame.of_another(self, netns, packet)
            way, end = self.way_of(netns, packet, dev)
            trail += way
            return self.answered(way, end, trail)
        except Lost as lost:
            return lost.trail, self.doubled(lost), False

    def resume(self, sighting, past=()):
        """The rest of the way of what was seen on a link, and of its past: as there_and_back."""
        self.past, self.unled = tuple(past), None
        link = self.state.link((sighting.netns, sighting.dev))
        if link is None:
            return (), None, False
        wire, frame = Wire(self), sighting.frame
        try:
            ends = (wire.transmit if sighting.way == "out" else wire.receive)(link, frame, ())
            got = wire.best(ends, frame)
            if frame.packet is None:
                return got.trail, None, True
            sender = self.sender(frame.smac)
            if sender is not None:
                nexthop = self.host.route(sender.netns, frame.packet, "", "").via or frame.packet.dst
                doubles.note_twin(self, nexthop, got)
            way, end = self.after(got)
            return self.answered(way, end, way)
        except Lost as lost:
            return lost.trail, self.doubled(lost), False

    def answered(self, way, end, trail):
        if end[0] is None:
            return trail, None, True
        packet = way[-1].frame.packet
        if packet.reply:
            self.is_answer(end, packet, trail)
        if packet.reply or packet.error:
            return trail, None, False
        try:
            answer = self.deliver(*end, packet)
            back, home = self.way_of(end[0], answer, self.vrf_of(*end))
            if home[0] is not None:
                self.is_answer(home, back[-1].frame.packet, back)
        except Lost as lost:
            ends.on_the_way_back(self, lost, end, packet, self.past + trail)
            lost.trail = trail + lost.trail
            return lost.trail, self.doubled(lost), False
        return trail + back, None, home[0] is None

    def is_answer(self, end, packet, trail):
        """Whether a reply comes to who asked, from whom was asked; Lost if not."""
        if self.asked is None or not packet.reply or packet.error:
            return
        netns, to = self.asked
        if end[0] != netns:
            text = "the reply to %s ends in %s, which knows of no connection for it"
            raise Lost(*end, "stray", text % (packet.dst, at(*end)), trail=trail)
        if packet.src != to and self.tracking.missed:
            text = "the reply comes from %s to %s, which has asked %s"
            raise Lost(*end, "stray", text % (packet.src, at(*end), to), trail=trail)

    def doubled(self, lost):
        """The loss, told by the address that two have, if the packet came to the wrong one by it."""
        return doubles.told(self, self.tracking.told(ends.translated(self, self.misled(lost))))

    # One way

    def way_of(self, netns, packet, dev=""):
        """The steps of a packet that a namespace sends, and the (namespace, link) that takes it; (None, "") is away."""
        if ip_address(packet.dst).is_loopback:
            return self.to_itself(netns, packet)
        answer = self.host.route(netns, packet, "", dev)
        self.note_unled(netns, "", dev, packet, answer)
        if answer.error or answer.type in blame.NOWHERE:
            raise blame.no_route(self, netns, "", packet, answer)
        packet = replace(packet, src=packet.src or answer.src)
        packet = self.with_ttl(netns, packet, answer)
        answer, packet, trail = self.sent(netns, packet, answer, dev)
        if answer.type == "local":
            return self.to_itself(netns, packet, trail)
        return self.onward(netns, packet, answer, "", trail)

    def with_ttl(self, netns, packet, answer):
        """A packet with the ttl that its namespace gives to what says none."""
        key = "ipv6/conf/%s/hop_limit" % answer.dev if packet.six else "ipv4/ip_default_ttl"
        ttl = answer.ttl or self.host.sysctl(netns, key) or packet.ttl
        if packet.ttl != TTL or ttl == TTL:
            return packet
        self.ttls[packet.reply] = netns, ttl, "" if answer.ttl else key
        return replace(packet, ttl=ttl)

    def sent(self, netns, packet, answer, dev):
        """What the hook output makes of a packet of a namespace itself: (answer, packet, steps)."""
        before = packet
        packet, text = self.tracking.through(netns, "output", packet, "", answer.dev)
        if packet.dst == before.dst:
            return answer, packet, ()
        trail = (Step(netns, answer.dev, "at", NETWORK, Frame(before), text),)
        answer = self.host.route(netns, packet, "", dev)
        if answer.error or answer.type in blame.NOWHERE:
            raise blame.no_route(self, netns, "", packet, answer).after(trail)
        return answer, packet, trail

    def to_itself(self, netns, packet, trail=()):
        lo = self.state.link((netns, "lo"))
        if lo is not None and lo.up is False:
            reason = "lo in %s is down, by which a namespace reaches its own addresses" % at(netns)
            checks, cure = (
                [ip_line(netns, "link", "show", "dev", "lo")],
                ip_line(netns, "link", "set", "dev", "lo", "up"),
            )
            raise Lost(netns, "lo", "down", reason, checks, [cure], None, trail)
        packet = replace(packet, src=packet.src or packet.dst)
        step = Step(netns, "lo", "in", NETWORK, Frame(packet), "%s is its own address" % packet.dst)
        return (*trail, step), (netns, "lo")

    def onward(self, netns, packet, answer, iif, trail):
        """The steps from a namespace that has chosen a route on."""
        for dummy in range(MOST):
            got = self.leave(netns, packet, answer, iif, trail)
            if got.away:
                return got.trail, (None, "")
            packet, trail = got.frame.packet, got.trail
            # A mark is not seen beyond a network namespace.
            packet = packet if got.netns == netns else replace(packet, mark=0)
            netns, iif = got.ref
            answer, packet, trail = self.enter(netns, iif, packet, trail)
            if answer.type == "local":
                return self.at_home(netns, iif, packet, trail)
        raise blame.loop(trail, netns, iif)

    def after(self, got):
        """The steps from a link on that has taken a frame."""
        if got.away:
            return got.trail, (None, "")
        answer, packet, trail = self.enter(got.netns, got.dev, got.frame.packet, got.trail)
        if answer.type == "local":
            return self.at_home(got.netns, got.dev, packet, trail)
        return self.onward(got.netns, packet, answer, got.dev, trail)

    def at_home(self, netns, dev, packet, trail):
        """The end of a packet, or the way of what it carries."""
        if packet.inner is None or packet.error:
            return trail, (netns, dev)
        frame = packet.inner if isinstance(packet.inner, Frame) else Frame(packet.inner)
        wire = Wire(self)
        got = wire.best(tunnels.decapsulated(wire, netns, packet, frame, trail), frame)
        return self.after(got)

    def enter(self, netns, iif, packet, trail):
        """What the network layer does with a packet that has come by a link: (answer, packet, steps)."""
        try:
            blame.refused_by_link(self, netns, iif, packet)
            packet = self.tracking.through(netns, "prerouting", packet, iif, "")[0]
            blame.not_ready(self, netns, iif, packet)
            # What comes by lo has its route already.
            answer = self.host.route(netns, packet, "" if iif == "lo" else iif, "")
            self.note_unled(netns, iif, iif, packet, answer)
            if answer.error or answer.type in blame.NOWHERE:
                raise blame.no_route(self, netns, iif, packet, answer)
            if answer.type == "local":
                text = "%s is an address of %s" % (packet.dst, at(netns))
                return answer, packet, (*trail, Step(netns, iif, "at", NETWORK, Frame(packet), text))
            blame.for_all(netns, iif, packet, answer)
            blame.not_forwarded(self, netns, iif, packet, answer)
        except Lost as lost:
            raise lost.after(trail)
        return answer, replace(packet, ttl=packet.ttl - 1), trail

    def leave(self, netns, packet, answer, iif, trail):
        """The link at the other end that takes a packet."""
        link = self.state.link((netns, answer.dev))
        if link is None:
            return Got(netns, answer.dev, Frame(packet), trail, away=True)
        before = packet
        packet, text = self.tracking.through(netns, "postrouting", packet, iif, answer.dev)
        self.note_rule(netns, iif, before, answer)
        said = [blame.route_words(answer), text] if text else [blame.route_words(answer)]
        trail += (Step(netns, answer.dev, "at", NETWORK, Frame(packet), "; ".join(said)),)
        try:
            packet = blame.fitted(self, link, packet, answer, bool(iif))
            self.try_others(netns, packet, answer)
            return self.over(link, packet, answer.via or packet.dst, trail)
        except Lost as lost:
            if not answer.table and lost.code == "nobody":
                raise blame.taken_on_link(self, netns, iif, packet, link, lost)
            if answer.several:
                lost.reason += " (one of %d next hops of %s)" % (answer.several, at(netns))
            raise lost

    def note_rule(self, netns, iif, packet, answer):
        """Remember what a rule sent to a table of its own."""
        rule = None if answer.table in (0, 253, 254, 255) else blame.rule_to(self, netns, iif, packet, answer.table)
        if rule is not None:
            self.ruled.append((netns, iif, packet, answer, rule))

    def note_unled(self, netns, iif, dev, packet, answer):
        """Remember that no rule led a packet to the table of its VRF, where its route is."""
        vrf = self.vrf_of(netns, dev) if dev else ""
        table = next((r.table for r in self.vrf_tables(netns) if r.dev == vrf), None) if vrf else None
        if table is not None and (answer.error or answer.table != table):
            self.unled = self.unled or vrfs.unled(self, netns, iif, vrf, table, packet, answer)

    def misled(self, lost):
        """The loss, told by the rule that sent the packet there, if it would have arrived without."""
        unled, self.unled = self.unled, None
        if unled is not None and unled.would_help(Walk(self.host)):
            return unled.told(lost)
        noted, self.ruled = self.ruled, []
        for netns, iif, packet, answer, rule in noted:
            route = blame.best_route(self, netns, packet, (254,))
            hop = route.hops[0] if route is not None and route.hops else None
            if hop is None or (hop.dev, hop.via or "") == (answer.dev, answer.via):
                continue
            other = replace(
                answer, dev=hop.dev or answer.dev, via=hop.via or "", table=254, prefix=route.dest, several=0
            )
            try:
                Walk(self.host).onward(netns, packet, other, iif, ())
            except Lost:
                continue
            return blame.by_rule(netns, iif, packet, answer, rule, lost)
        return lost

    def try_others(self, netns, packet, answer):
        """Note which of several next hops would lose the packet."""
        for dev, via in answer.hops:
            link = self.state.link((netns, dev))
            if (dev, via) == (answer.dev, answer.via) or link is None:
                continue
            try:
                Walk(self.host).over(link, packet, via or packet.dst, ())
            except Lost as lost:
                text = "%s has %d next hops for %s, and by that of %s %s other packets are lost: %s"
                self.also.append(text % (at(netns), answer.several, answer.prefix, via or "the link", dev, lost.reason))

    def from_lower(self, wire, lower, frame, trail):
        """The ends of a packet that a link without frames of its own sends by what it stands on."""
        answer = self.host.route(lower.netns, frame.packet, "", lower.name)
        try:
            yield self.over(lower, frame.packet, answer.via or frame.packet.dst, trail)
        except Lost as lost:
            bare = not answer.table and not answer.error and lost.code == "nobody"
            yield blame.taken_on_link(self, lower.netns, "", frame.packet, lower, lost) if bare else lost

    def over(self, link, packet, nexthop, trail):
        """The link that takes a packet which this one sends to a next hop."""
        wire = Wire(self)
        try:
            if self.without_neighbours(link) or is_group(packet.dst):
                frame = Frame(packet, "" if link.l3 else BROADCAST, smac=link.address or "")
                got = wire.first(link, frame)
            else:
                mac, got = self.mac_of(link, nexthop)
                if got is not None and got.away and not mac:
                    return Got(got.netns, got.dev, Frame(packet), trail + got.trail, away=True)
                frame = Frame(packet, mac, smac=link.address or "")
                got = wire.first(link, frame)
                doubles.note_twin(self, nexthop, got)
            return replace(got, trail=trail + got.trail)
        except Lost as lost:
            raise neighbours.at_neighbour(self, link, packet, nexthop, lost).after(trail)

    def without_neighbours(self, link):
        return link.l3 or self.host.facts(link.netns, link.name).noarp or not link.address

    def mac_of(self, link, address):
        """The MAC address for an address on a link, and the link that has it, as far as it is known."""
        entry = self.host.neighbour(link.netns, link.name, address)
        if entry and entry[0] in ("permanent", "noarp") and entry[1]:
            return entry[1], None
        ask, wire = Frame(None, BROADCAST, asks=address, smac=link.address or ""), Wire(self)
        ends = list(wire.transmit(link, ask, ()))
        own = [end for end in ends if isinstance(end, Got) and not end.away]
        away = [end for end in ends if isinstance(end, Got) and end.away]
        if own:
            return self.chosen(own, entry, address)
        if entry and entry[1] and entry[0] not in ("failed", "incomplete"):
            return entry[1], None
        if away and not (entry and entry[0] == "failed"):
            return "", away[0]
        return wire.best([end for end in ends if isinstance(end, Lost)], ask)

    def chosen(self, own, entry, address):
        """The one of those that have an address which the kernel takes."""
        known = [end for end in own if entry and self.state.link(end.ref).address == entry[1]]
        chosen = (known or own)[0]
        others = [end.ref for end in own if end.netns != chosen.netns]
        if others:
            self.doubles[chosen.ref] = (address, others)
        return self.state.link(chosen.ref).address, chosen

    # What namespaces have

    def has(self, link, address):
        """Whether an address is on a link."""
        return any(r.sort == "address" and r.ip == address for r in self.state.on(link.key))

    def owns(self, link, address, smac=""):
        """Whether a link answers who has an address."""
        if self.host.facts(link.netns, link.name).noarp:
            return False
        if ":" in address:
            return self.has(link, address) and not self.host.unready(link.netns, link.name, address)
        where = self.addresses(link.netns, address)
        near = [r for r in where if self.vrf_of(r.netns, r.dev) == self.vrf_of(link.netns, link.name)]
        near = self.not_ignored(link, near, smac) if near else near
        if near and smac and max(self.conf(link, "arp_filter")) > 0:
            near = near if self.leads_back(link, smac) else []
        return bool(near) or (max(self.conf(link, "proxy_arp")) > 0 and self.proxies(link, address))

    def not_ignored(self, link, near, smac):
        """The addresses for which a link answers, as its sysctl arp_ignore has it."""
        ignore = max(self.conf(link, "arp_ignore"))
        if ignore in (1, 2):
            near = [r for r in near if r.dev == link.name]
        if ignore == 2:
            asks = [ip_address(r.ip) for r in self.of_asker(smac)]
            near = [r for r in near if not asks or any(address in r.network for address in asks)]
        return [r for r in near if ignore != 8 and not (ignore == 3 and r.scope == "host")]

    def sender(self, smac):
        """The link whose MAC address this is, as far as it is known; a port has that of its master."""
        return next((r for r in self.state if r.sort == "link" and smac and r.address == smac and not r.master), None)

    def of_asker(self, smac):
        """The IPv4 addresses of the link that asks."""
        asker = self.sender(smac)
        return [r for r in self.state.on(asker.key) if r.sort == "address" and ":" not in r.ip] if asker else []

    def leads_back(self, link, smac):
        """Whether a link is that by which its namespace sends to who asks."""
        found = self.of_asker(smac)
        return not found or self.host.route(link.netns, self.host.packet_to(found[0].ip), "", "").dev == link.name

    def proxies(self, link, address):
        packet = self.host.packet_to(address)
        answer = self.host.route(link.netns, packet, "", "")
        return not answer.error and answer.type == "unicast" and answer.dev != link.name

    def segment(self, link):
        """The links to which frames of a link can come, whatever is in their way."""
        blind = Wire(self, blind=True)
        list(blind.transmit(link, Frame(None, BROADCAST, asks="0.0.0.0"), ()))  # noqa: S104
        return sorted({ref for ref, way, dummy in blind.passed if way == "in"})

    def conf(self, link, name, family="ipv4"):
        """The values of a sysctl of all links and of this one."""
        return [self.host.sysctl(link.netns, "%s/conf/%s/%s" % (family, dev, name)) or 0 for dev in ("all", link.name)]

    def vrf_tables(self, netns):
        """The VRFs of a namespace, each with its table."""
        links = [r for r in self.state.within(netns, "link") if r.kind == "vrf"]
        return [Table(link.name, dict(link.attrs).get("table")) for link in links]

    def addresses(self, netns, address):
        """The entries of an address in a namespace; None is any of them."""
        found = [r for r in self.state if r.sort == "address" and r.ip == address]
        return [r for r in found if netns in (None, r.netns)]

    def vrf_of(self, netns, dev):
        """The VRF of a link, or nothing."""
        link = self.state.link((netns, dev))
        master = self.state.link((netns, link.master)) if link is not None and link.master else None
        master = link if link is not None and link.kind == "vrf" else master
        while master is not None and master.kind != "vrf":
            master = self.state.link((netns, master.master)) if master.master else None
        return master.name if master is not None and kind_of(master).accepts_ports() == "any" else ""

    # The end

    def deliver(self, netns, dev, packet):
        """The reply of the namespace that a packet has come to; Lost where there is none."""
        if packet.protocol in ("icmp", "icmp6"):
            name = "ipv6/icmp/echo_ignore_all" if packet.six else "ipv4/icmp_echo_ignore_all"
            if self.host.sysctl(netns, name):
                word = "net." + name.replace("/", ".")
                cure = inside_line(netns, "sysctl", "-w", word + "=0")
                checks = [inside_line(netns, "sysctl", word)]
                reason = "%s ignores echo requests (%s is 1)" % (at(netns), word)
                raise Lost(netns, dev, "ignored", reason, checks, [cure])
        elif packet.protocol in ("tcp", "udp"):
            ends.no_socket(self, netns, dev, packet)
        return packet.answer()


def is_group(address):
    return int(address.split(".")[0]) >= 224 if "." in address else address.lower().startswith("ff")
