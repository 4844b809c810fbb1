# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why the network layer of a namespace does not send a packet on: the reason, and what shows it."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from .._core.values import replace
from .packet import TTL
from .path import Lost, around, at, inside_line, ip_line, set_up
from .selectors import fits

NOWHERE = ("blackhole", "unreachable", "prohibit", "throw")
BY_ERROR = dict(EINVAL="blackhole", EHOSTUNREACH="unreachable", EACCES="prohibit", ENETUNREACH="throw")
TABLES = {254: "main", 255: "local", 253: "default"}


def sysctl_words(netns, key, value):
    """What shows a sysctl, and what sets it."""
    word = "net/" + key if "." in key else "net." + key.replace("/", ".")
    return inside_line(netns, "sysctl", word), inside_line(netns, "sysctl", "-w", "%s=%s" % (word, value)), word


def get_words(netns, iif, packet):
    words = ["-6"] * packet.six + ["route", "get", packet.dst]
    words += (
        ["from", packet.src] * bool(packet.src)
        + ["iif", iif] * bool(iif)
        + ["mark", str(packet.mark)] * bool(packet.mark)
    )
    return ip_line(netns, *words)


def table_words(number):
    return TABLES.get(number, str(number))


def route_words(answer):
    words = (
        [answer.prefix or "on-link"] + ["via", answer.via] * bool(answer.via) + ["dev", answer.dev] * bool(answer.dev)
    )
    more = " of table %s" % table_words(answer.table) if answer.table not in (0, 254, 255) else ""
    return "route %s%s" % (" ".join(words), more)


# No route


def no_route(walk, netns, iif, packet, answer):
    """The loss of a packet for which the kernel has no route."""
    if answer.error == "ENODEV":
        return Lost(netns, "", "link", "%s has no such link" % at(netns), [ip_line(netns, "link", "show")])
    error = answer.error or {word: code for code, word in BY_ERROR.items()}[answer.type]
    checks = [get_words(netns, iif, packet)]
    for find in (down_link, refusing_rule, forwarding_off, refusing_route, reverse_path, martian):
        lost = find(walk, netns, iif, packet, error)
        if lost is not None:
            lost.checks = checks + lost.checks
            return lost
    if error == "ENETUNREACH":
        return missing_route(walk, netns, iif, packet, checks)
    text = "the kernel of %s refuses a route to %s: %s"
    return Lost(netns, iif, "route", text % (at(netns), packet.dst, error), checks)


def taken_on_link(walk, netns, iif, packet, link, lost):
    """The loss of a packet that is bound to a link, by which the kernel sends it without a route."""
    found = [r for r in walk.host.rules(netns, packet.six) if r.type in NOWHERE and fits(r, packet, iif, link.name)]
    why = "the rule %s of %s refuses packets to %s" % (rule_words(found[0]), at(netns), packet.dst) if found else ""
    why = why or "%s has no route to %s by %s" % (at(netns), packet.dst, link.name)
    reason = "%s, and the kernel takes it for a neighbour on the link to which it is bound: %s" % (why, lost.reason)
    six = ["-6"] * packet.six
    checks = [ip_line(netns, *six, "rule", "show"), ip_line(netns, *six, "route", "get", packet.dst, "oif", link.name)]
    code = "rule" if found else "route"
    return Lost(netns, link.name, code, reason, [*checks, *lost.checks], (), None, lost.trail).instead_of(lost)


def missing_route(walk, netns, iif, packet, checks):
    vrf = walk.vrf_of(netns, iif) if iif else ""
    unused = None if vrf else no_rule(walk, netns, iif, packet, checks)
    if unused is not None:
        return unused
    off = without_ipv6(walk, netns, packet, checks) if packet.six else None
    if off is not None:
        return off
    where = "%s (VRF %s)" % (at(netns), vrf) if vrf else at(netns)
    reason, cure = "%s has no route to %s" % (where, packet.dst), []
    owners = walk.addresses(None, packet.dst)
    prefix = around(owners, packet.dst)
    other_vrf = [r for r in owners if r.netns == netns and walk.vrf_of(r.netns, r.dev) != vrf]
    if other_vrf:
        theirs = walk.vrf_of(netns, other_vrf[0].dev)
        reason += ": %s has it, %s" % (other_vrf[0].dev, "in VRF %s" % theirs if theirs else "in no VRF")
    apart = [r.netns for r in owners if r.netns != netns and r.dev != "lo" and not joined(walk.state, r.netns)]
    if apart:
        who = owners[0]
        text = "%s: %s has it (%s), and no link joins %s with another namespace"
        return Lost(who.netns, who.dev, "unconnected", text % (reason, at(who.netns), who.dev, at(who.netns)), checks)
    gateway = walk_gateway(walk, netns, packet)
    if gateway:
        cure = [ip_line(netns, *["-6"] * packet.six, "route", "add", prefix, "via", gateway, *["vrf", vrf] * bool(vrf))]
    return Lost(netns, iif, "route", reason, [*checks, ip_line(netns, *["-6"] * packet.six, "route", "show")], cure)


def without_ipv6(walk, netns, packet, checks):
    """The loss at a link on which IPv6 is off, and with it the route to a network that its neighbours have."""
    for link in [r for r in walk.state.within(netns, "link") if r.name != "lo" and not r.master]:
        key = "ipv6/conf/%s/disable_ipv6" % link.name
        if not walk.host.sysctl(netns, key):
            continue
        near = [r for ref in walk.segment(link) for r in walk.state.on(("link", *ref)) if r.sort == "address"]
        near = [r for r in near if ":" in r.ip and r.netns != netns and not r.ip.startswith("fe80")]
        if any(ip_address(packet.dst) in r.network or leads(walk, r.netns, packet, r.dev) for r in near):
            check, cure, word = sysctl_words(netns, key, 0)
            text = "IPv6 is off on %s (%s is 1), and with it the route to %s has gone"
            reason = text % (at(*link.ref), word, packet.dst)
            return Lost(netns, link.name, "disabled", reason, [*checks, check], [cure])
    return None


def leads(walk, netns, packet, dev):
    """Whether a namespace would send a packet on by another link, or has its destination."""
    answer = walk.host.route(netns, packet, "", "")
    return not answer.error and answer.type in ("unicast", "local") and answer.dev != dev


def best_route(walk, netns, packet, tables=None):
    """The most specific route to the destination of a packet, in all tables or in some."""
    address = ip_address(packet.dst)
    found = [r for r in walk.host.routes(netns) if (":" in r.dest) == packet.six and r.type in (None, "unicast")]
    found = [r for r in found if address in ip_network(r.dest) and (tables is None or r.table in tables)]
    return max(found, key=lambda r: (ip_network(r.dest).prefixlen, -(r.metric or 0)), default=None)


def no_rule(walk, netns, iif, packet, checks):
    """A route in a table to which no rule leads."""
    route = best_route(walk, netns, packet)
    six = ["-6"] * packet.six
    rules = [r for r in walk.host.rules(netns, packet.six) if r.type in (None, "lookup")]
    if route is None or any(r.table == route.table and fits(r, packet, iif) for r in rules):
        return None
    if any(r.table == route.table for r in walk.vrf_tables(netns)):
        return None
    text = "%s has a route to %s (%s) in table %s, but no rule leads a packet like this to that table"
    reason = text % (at(netns), packet.dst, route.dest, table_words(route.table))
    cure = [ip_line(netns, *six, "rule", "add", "priority", "32766", "table", table_words(route.table))]
    return Lost(netns, iif, "rule", reason, [*checks, ip_line(netns, *six, "rule", "show")], cure)


def joined(state, netns):
    """Whether a link leads from a namespace to another one, or to a network card."""
    links = [r for r in state if r.sort == "link" and r.netns == netns]
    ends = [ref for r in links for ref in (r.peer, r.link) if ref]
    return any(ref[0] != netns for ref in ends) or any(r.kind == "" and r.name != "lo" for r in links)


def walk_gateway(walk, netns, packet):
    """An address next to a namespace from where the destination can be reached."""
    own = [r for r in walk.state if r.sort == "address" and r.netns == netns and (":" in r.ip) == packet.six]
    for mine in [r for r in own if r.dev != "lo"]:
        for other in walk.state:
            if other.sort != "address" or other.netns == netns or other.dev == "lo" or other.family != mine.family:
                continue
            if (
                ip_address(other.ip) in mine.network
                and mine.network.num_addresses > 1
                and not other.ip.startswith("fe80")
                and leads(walk, other.netns, packet, other.dev)
            ):
                return other.ip
    return ""


def down_link(walk, netns, iif, packet, error):
    """A link that is down, on which the destination would be."""
    if error not in ("ENETUNREACH", "EHOSTUNREACH"):
        return None
    for r in walk.state:
        if r.sort == "address" and r.netns == netns and (":" in r.ip) == packet.six:
            link = walk.state.link((netns, r.dev))
            vital = ip_address(packet.dst) in r.network or gateway_down(walk, netns, packet, r)
            if link is not None and link.up is False and vital and r.ip != packet.dst:
                text = "%s is down, and with it the route to %s has gone"
                checks = [ip_line(netns, "link", "show", "dev", link.name)]
                cure = [set_up(link)]
                return Lost(netns, link.name, "down", text % (at(netns, link.name), packet.dst), checks, cure)
    return None


def gateway_down(walk, netns, packet, address):
    """Whether a network that is no more there had a router to the destination in it."""
    others = [r for r in walk.state if r.sort == "address" and r.netns != netns and r.family == address.family]
    near = [r for r in others if address.network.num_addresses > 1 and ip_address(r.ip) in address.network]
    return any(not walk.host.route(r.netns, packet, "", "").error for r in near if r.dev != "lo")


def refusing_rule(walk, netns, iif, packet, error):
    """A rule that refuses the packet."""
    for rule in walk.host.rules(netns, packet.six):
        refuses = rule.type == "unreachable" if error == "ENETUNREACH" else rule.type == BY_ERROR.get(error)
        if rule.type not in (None, "lookup") and refuses and fits(rule, packet, iif):
            words = rule_words(rule)
            cure = [ip_line(netns, *["-6"] * packet.six, "rule", "del", "priority", str(rule.priority))]
            checks = [ip_line(netns, *["-6"] * packet.six, "rule", "show")]
            reason = "the rule %s of %s refuses packets to %s" % (words, at(netns), packet.dst)
            return Lost(netns, iif, "rule", reason, checks, cure)
    return None


def rule_words(rule):
    words = ["priority %s" % rule.priority]
    for row in rule.SELECTORS:
        value = getattr(rule, row.field)
        words += row.ip_args(value, None) if value else []
    words += [rule.type] if rule.type not in (None, "lookup") else ["table %s" % table_words(rule.table)]
    return "'%s'" % " ".join(words)


def rule_to(walk, netns, iif, packet, table):
    """The rule that leads a packet to a table, if it is none of the kernel's own."""
    found = [r for r in walk.host.rules(netns, packet.six) if r.table == table and fits(r, packet, iif)]
    return next((r for r in found if r.proto != "kernel" and table != 254), None)


def by_rule(netns, iif, packet, answer, rule, lost):
    """The loss of a packet that a rule sent another way."""
    text = "the rule %s of %s sends it by the %s, where it is lost: %s"
    reason = text % (rule_words(rule), at(netns), route_words(answer), lost.reason)
    six = ["-6"] * packet.six
    cure = [ip_line(netns, *six, "rule", "del", "priority", str(rule.priority))]
    checks = [ip_line(netns, *six, "rule", "show"), get_words(netns, iif, packet), *lost.checks]
    return Lost(netns, answer.dev, "rule", reason, checks, cure, None, lost.trail).instead_of(lost)


def refusing_route(walk, netns, iif, packet, error):
    """A route that refuses the packet."""
    address = ip_address(packet.dst)
    kind = BY_ERROR.get(error)
    dead = walk.host.blackholes(netns) if error == "EINVAL" else ()
    found = [r for r in walk.host.routes(netns) if kind and refuses(r, dead) == kind]
    found = [r for r in found if (":" in r.dest) == packet.six and address in ip_network(r.dest)]
    if not found:
        return None
    route = max(found, key=lambda r: ip_network(r.dest).prefixlen)
    rule = rule_to(walk, netns, iif, packet, route.table)
    by = ", to which the rule %s leads" % rule_words(rule) if rule else ""
    text = "the route %s %s (table %s%s) of %s refuses packets to %s"
    words = "%s by nexthop %d" % (kind, route.nhid) if route.nhid else kind
    reason = text % (words, route.dest, table_words(route.table), by, at(netns), packet.dst)
    table = ["table", str(route.table)] * (route.table != 254)
    six = ["-6"] * packet.six
    checks = [ip_line(netns, *six, "route", "show", "type", kind, *table)]
    cure = [ip_line(netns, *six, "route", "del", kind, route.dest, *table)]
    if route.nhid:
        checks = [ip_line(netns, "nexthop", "show", "id", str(route.nhid))]
        cure = [ip_line(netns, *six, "route", "del", route.dest, *table)]
    return Lost(netns, iif, "rule" if rule else kind, reason, checks, cure)


def refuses(route, dead):
    """How a route refuses packets, by itself or by a nexthop object that drops them."""
    return "blackhole" if route.nhid in dead else route.type if route.type in NOWHERE else None


def reverse_path(walk, netns, iif, packet, error):
    """Strict or loose reverse-path filtering."""
    if not iif or packet.six or error not in ("EXDEV", "EINVAL"):
        return None
    values = {dev: walk.host.sysctl(netns, "ipv4/conf/%s/rp_filter" % dev) or 0 for dev in ("all", iif)}
    back = walk.host.route(netns, packet.answer(), "", "")
    if not max(values.values()) or back.type == "local":
        return None
    if not back.error and back.dev == iif:
        return None
    dev = iif if values[iif] >= values["all"] else "all"
    check, cure, word = sysctl_words(netns, "ipv4/conf/%s/rp_filter" % dev, 2 if not back.error else 0)
    way = "has no route" if back.error else "sends by %s (%s)" % (back.dev, route_words(back))
    text = "rp_filter of %s (%s is %d) refuses the source %s: to it %s %s"
    reason = text % (at(netns, iif), word, max(values.values()), packet.src, at(netns), way)
    cures = [cure] if back.error or dev == iif else [cure, sysctl_words(netns, "ipv4/conf/%s/rp_filter" % iif, 2)[1]]
    checks = [check, ip_line(netns, "route", "get", packet.src)]
    return Lost(netns, iif, "rp_filter", reason, checks, cures)


def martian(walk, netns, iif, packet, error):
    """A source that can only be forged."""
    if not iif or error not in ("EXDEV", "EINVAL"):
        return None
    back = walk.host.route(netns, packet.answer(), "", "")
    if back.type == "local" and not back.error:
        check, cure, word = sysctl_words(netns, "ipv4/conf/%s/accept_local" % iif, 1)
        mine = [r.dev for r in walk.addresses(netns, packet.src)]
        text = "the source %s is an address of %s itself (%s), a martian: %s is 0"
        reason = text % (packet.src, at(netns), ", ".join(mine) or "lo", word)
        return Lost(netns, iif, "martian", reason, [check, ip_line(netns, "address", "show", "to", packet.src)], [cure])
    if ip_address(packet.src).is_loopback or ip_address(packet.dst).is_loopback:
        check, cure, word = sysctl_words(netns, "ipv4/conf/%s/route_localnet" % iif, 1)
        reason = "%s is a loopback address, a martian on %s" % (packet.dst, at(netns, iif))
        return Lost(netns, iif, "martian", reason, [check], [cure])
    return None


def forwarding_off(walk, netns, iif, packet, error):
    if not iif or error != "EHOSTUNREACH" or packet.six:
        return None
    if walk.host.sysctl(netns, "ipv4/conf/%s/forwarding" % iif) != 0:
        return None
    return no_forwarding(walk, netns, iif, packet, "ipv4")


def no_such_address(walk, netns, iif, packet):
    """The loss at a namespace that was to have an address, as its neighbours think, and has it no more."""
    own = [r for r in walk.state.on(("link", netns, iif)) if r.sort == "address" and (":" in r.ip) == packet.six]
    own = [r for r in own if not r.ip.startswith("fe80")]
    if walk.addresses(None, packet.dst) or (own and all(ip_address(packet.dst) not in r.network for r in own)):
        return None
    reason = "%s is no address of %s, to which its neighbours send it, nor of any other namespace here"
    checks = [ip_line(netns, "address", "show", "dev", iif)]
    cure = [ip_line(netns, "address", "add", packet.dst + "/PREFIX", "dev", iif)]
    return Lost(netns, iif, "address", reason % (packet.dst, at(netns, iif)), checks, cure)


def no_forwarding(walk, netns, iif, packet, family):
    gone = no_such_address(walk, netns, iif, packet)
    if gone is not None:
        return gone
    wide = "ipv4/ip_forward" if family == "ipv4" else "ipv6/conf/all/forwarding"
    key = "ipv4/conf/%s/forwarding" % iif if walk.host.sysctl(netns, wide) else wide
    check, cure, word = sysctl_words(netns, key, 1)
    text = "%s forwards nothing that comes by %s (%s is 0), and %s is none of its addresses"
    return Lost(netns, iif, "forwarding", text % (at(netns), iif, word, packet.dst), [check], [cure])


# Before and after the look-up


def of_another(walk, netns, packet):
    """A source that the sender does not have."""
    wide = "ipv6/ip_nonlocal_bind" if packet.six else "ipv4/ip_nonlocal_bind"
    if packet.src and not walk.addresses(netns, packet.src) and not walk.host.sysctl(netns, wide):
        reason = "the source %s is no address of %s" % (packet.src, at(netns))
        raise Lost(netns, "", "source", reason, [ip_line(netns, "address", "show", "to", packet.src)])


def refused_by_link(walk, netns, iif, packet):
    if packet.six and walk.host.sysctl(netns, "ipv6/conf/%s/disable_ipv6" % iif):
        check, cure, word = sysctl_words(netns, "ipv6/conf/%s/disable_ipv6" % iif, 0)
        raise Lost(netns, iif, "disabled", "IPv6 is off on %s (%s is 1)" % (at(netns, iif), word), [check], [cure])


def not_ready(walk, netns, iif, packet):
    """An address of which the kernel is not sure yet that nobody else has it."""
    for r in walk.addresses(netns, packet.dst) if packet.six else ():
        why = walk.host.unready(netns, r.dev, packet.dst)
        if why:
            reason = "the address %s of %s is %s" % (packet.dst, at(netns, r.dev), why)
            checks = [ip_line(netns, "-6", "address", "show", "dev", r.dev)]
            raise Lost(netns, r.dev, "tentative", reason, checks)


def for_all(netns, iif, packet, answer):
    """The loss of a packet to the broadcast address of a network, which no router sends on."""
    if answer.type == "broadcast":
        text = "%s is the broadcast address of a network of %s, and nobody's own"
        raise Lost(netns, iif, "broadcast", text % (packet.dst, at(netns)), [get_words(netns, iif, packet)])


def not_forwarded(walk, netns, iif, packet, answer):
    if packet.six:
        # That of a link says only whether it takes router advertisements; since Linux 6.17 it can be forced.
        keys = "ipv6/conf/all/forwarding", "ipv6/conf/%s/force_forwarding" % iif
        if not any(walk.host.sysctl(netns, key) for key in keys):
            raise no_forwarding(walk, netns, iif, packet, "ipv6")
    if packet.ttl <= 1:
        raise ttl_ends(walk, netns, iif, packet)


def ttl_ends(walk, netns, iif, packet):
    if packet.inner is None and packet.reply in walk.ttls:
        return short_lived(walk, netns, iif, packet)
    what = "packet" if packet.inner is None else "outer packet %s" % packet.words()
    cures = ["send with a larger ttl"] if packet.inner is None else []
    reason = "the ttl of the %s ends in %s" % (what, at(netns))
    return Lost(netns, iif, "ttl", reason, [get_words(netns, iif, packet)], cures)


def short_lived(walk, netns, iif, packet):
    """The loss of a packet by the ttl that its sender gives to all."""
    sender, ttl, key = walk.ttls[packet.reply]
    check, cure, word = sysctl_words(sender, key, TTL) if key else (get_words(sender, "", packet), None, "by its route")
    text = "the ttl of the packet ends in %s: %s sends it with %d (%s)"
    reason = text % (at(netns), at(sender), ttl, word)
    return Lost(sender, "", "ttl", reason, [check, get_words(netns, iif, packet)], [cure] if cure else [])


def loop(trail, netns, iif):
    places = []
    for step in reversed(trail):
        if step.way == "at" and step.netns not in places:
            places.append(step.netns)
    text = "the packet goes round between %s until its ttl is used up"
    names = " and ".join(at(place) for place in places[:4])
    checks = [ip_line(place, "route", "show") for place in places[:4]]
    return Lost(netns, iif, "loop", text % names, checks, trail=trail)


def fitted(walk, link, packet, answer, forwarded):
    """The packet, or the largest of its fragments; a packet that may not be fragmented is lost."""
    mtu = min(filter(None, (answer.mtu, link.mtu)), default=0)
    if not mtu or packet.size <= mtu:
        return packet
    if not (packet.dont_fragment or (packet.six and forwarded)):
        return replace(packet, size=mtu)
    of_route = bool(answer.mtu and answer.mtu < (link.mtu or 0))
    what = "the route to %s (%s)" % (packet.dst, answer.prefix) if of_route else "%s" % at(*link.ref)
    text = "%d bytes do not fit the MTU %d of %s, and the packet may not be fragmented"
    checks = [ip_line(link.netns, "link", "show", "dev", link.name)]
    if of_route:
        checks = [get_words(link.netns, "", packet)]
    cure = [] if of_route else [ip_line(link.netns, "link", "set", "dev", link.name, "mtu", str(packet.size))]
    raise Lost(link.netns, link.name, "mtu", text % (packet.size, mtu, what), checks, cure)
