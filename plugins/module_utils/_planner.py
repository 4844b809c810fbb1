# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is wished for and what is there to the steps between. Pure: no kernel, no Ansible."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import replace
from ipaddress import ip_interface

from ._kinds import KINDS, follows, kind_of, port_kind, said, settled
from ._model import (
    HOST_WIDE,
    Address,
    AltName,
    Change,
    Link,
    Masquerade,
    NatTable,
    Netns,
    Refused,
    Route,
    State,
    Sysctl,
    Topology,
    Wish,
    carried,
    made_by_kernel,
    order,
    overlay,
    place,
)

# The kernel makes these with a tunnel module and does not delete them.
FALLBACK = {"lo", "tunl0", "gre0", "gretap0", "erspan0", "sit0", "ip_vti0", "ip6tnl0", "ip6_vti0", "ip6gre0"}


def plan(wish, observed):
    """The steps from `observed` to a state that meets the wish."""
    return _Planner(wish, observed).run()


class _Planner:
    def __init__(self, wish, observed):
        self.wish, self.observed, self.state, self.steps = wish, observed, observed.copy(), []
        self.wanted = {want.key for want in wish.wanted}
        self.unwanted = {r.key for r in wish.unwanted + wish.dropped}
        self.sweeps = defaultdict(set)
        for kind, where in wish.exclusive:
            self.sweeps[kind, tuple(name for name, value in where)].add(tuple(value for name, value in where))

    def run(self):
        record = next((want for want in self.wish if isinstance(want, Topology)), None)
        if record in self.wish.wanted and "as_it_was" not in self.wish.allow:
            self.claim(record)
        for r in sorted(self.wish.dropped, key=order):
            self.drop(r)
        for pattern in self.wish.unwanted:
            for resource in matching(self.state, pattern) if pattern is not record else ():
                self.remove(resource)
        wanted = ordered(want for want in self.wish.wanted if want is not record)
        for dummy in range(5):
            done = len(self.steps)
            for want in wanted:
                self.make(want)
            self.remove_strangers()
            self.remove_empty_tables()
            if len(self.steps) == done:
                if record is not None:
                    self.disclaim(record)
                return tuple(self.steps)
        raise Refused("state", "these wishes contradict each other: %s" % ", ".join(str(w.key[-1]) for w in wanted))

    def step(self, change):
        self.steps.append(change)
        forward(self.state, change)

    def claim(self, want):
        """Before anything else, note what this topology makes: a task that dies leaves nothing that nobody owns."""
        have = self.state.get(want.key)
        made = {r.key: r for r in have.made} if have else {}
        for r in want.made:
            was = self.observed.get(r.key)
            if isinstance(r, Sysctl) and (was is None or was.value != r.value):
                made.setdefault(r.key, replace(r, value=was and was.value))
            elif was is None:
                made.setdefault(r.key, r)
        after = replace(want, made=tuple(sorted(made.values(), key=order)))
        if after != have:
            self.step(Change(have, after))

    def disclaim(self, record):
        """After everything else, what is no longer wanted is no longer this topology's."""
        have, after = self.state.get(record.key), record
        if record in self.wish.unwanted:
            after = None
        elif "as_it_was" not in self.wish.allow:
            keys = {r.key for r in record.made}
            after = replace(have, made=tuple(r for r in have.made if r.key in keys))
        if after != have:
            self.step(Change(have, after))

    def drop(self, r):
        """Take away what a topology made, as far as it is still that."""
        have = self.state.get(r.key)
        if have is None or made_by_kernel(have) or isinstance(r, NatTable):
            return
        if isinstance(r, Sysctl):
            value = by_itself(r, self.state) if r.value is None else r.value
            if have.value != value:
                self.step(Change(have, replace(have, value=value)))
        elif not isinstance(r, Link) or have.kind == r.kind:
            self.remove(have)

    def allows(self, word, want):
        return word in self.wish.allow or (word, want.key) in self.wish.allow

    def remove(self, resource):
        if resource.key in self.state:
            kept = siblings(self.state, resource) if isinstance(resource, Address) else []
            self.step(Change(resource, None))
            self.put_back(kept)

    def put_back(self, resources):
        """What fell by the way and nobody wished away is made sure of."""
        for r in ordered(resources):
            unwanted = r.key in self.unwanted or self.is_stranger(r)
            have = self.state.get(r.key)
            if isinstance(r, Link) and have is not None and r.up is not None and have.up != r.up:
                lower = self.state.links(r.link) if "up" in follows(r) else None
                if not (r.up and lower is not None and lower.up is False):
                    self.step(Change(have, replace(have, up=r.up)))
            if have is not None or made_by_kernel(r) or unwanted or isinstance(r, Sysctl):
                continue
            if all(key in self.state for key in r.requires()) and usable(self.state, r):
                self.step(Change(r, r)) if not isinstance(r, Link) else self.put_back_link(r)

    def put_back_link(self, link):
        lower = self.state.links(link.link)
        low = lower.mtu and link.mtu and lower.mtu < link.mtu
        for dummy in range(2):
            self.make_link(replace(link, mtu=None) if low else link, self.state.get(link.key))

    def is_stranger(self, r):
        return r.key not in self.wanted and any(
            isinstance(r, kind) and tuple(getattr(r, name) for name in names) in values
            for (kind, names), values in self.sweeps.items()
        )

    def remove_strangers(self):
        if not self.wish.exclusive:
            return
        for r in sorted(filter(self.is_stranger, self.state), key=order):
            if not made_by_kernel(r):
                if isinstance(r, Link):
                    self.step(Change(r, replace(r, master="", port=())))
                else:
                    self.remove(r)

    def remove_empty_tables(self):
        dropped = {r.key for r in self.wish.dropped}
        for table in [r for r in self.state if isinstance(r, NatTable)]:
            used = table.key in dropped or any(isinstance(r, Masquerade) for r in self.observed.on(table.key))
            if used and not table.shared and not self.state.on(table.key):
                self.remove(table)

    def make(self, want):
        have = self.state.get(want.key)
        if isinstance(want, Link):
            self.make_link(want, have)
        elif have is None:
            if isinstance(want, Route):
                if connected(self.state, want):
                    return
                want = replace(want, proto=want.proto or "static")
            self.step(Change(None, want))
        else:
            if isinstance(want, Netns):
                check_netns(have, want)
            after = overlay(have, want)
            if after != have:
                kept = siblings(self.state, have) if isinstance(want, Address) else []
                self.step(Change(have, after))
                self.put_back(kept)

    def make_link(self, want, have):
        if want.peer:
            have = self.pair(want, have)
        elif have is None and want.taken_from:
            have = self.state.links(want.taken_from)
        if have is None:
            if want.kind not in KINDS:
                raise Refused(want.option, "there is no link %s in %s" % (want.name, place(want.netns)))
            self.check_port(want, want)
            self.check_upper(want, want)
            self.check_attrs(want, want)
            self.check_lower(want, want)
            return self.step(Change(None, fresh(self.state, want)))
        fixed = self.fixed(have, want)
        if fixed and not self.allows("recreate", want):
            raise Refused(*fixed)
        if fixed:
            return self.recreate(have, want)
        self.check_master(have, want)
        after = self.after(have, want)
        if after == have:
            return None
        self.check_port(after, want)
        self.check_upper(after, want)
        self.check_attrs(after, want)
        self.check_lower(after, replace(want, up=want.up if not have.up else None))
        if have.ref != after.ref and have.netns == after.netns and have.up:
            # Before Linux 6.2 a link that is up keeps its name.
            near = self.state.on(have.key)
            kept = [renamed(r, have.ref, after.ref) if r in near else r for r in upon(self.state, have.key)]
            down = replace(have, up=False)
            self.step(Change(have, down))
            self.step(Change(down, replace(after, up=have.up if want.up is None else want.up)))
            self.put_back(kept)
        else:
            self.step(Change(have, after))
        return None

    def after(self, have, want):
        """The link with what is wished for; a value that the kernel would only round stays as it is."""
        base = carried(have, want)
        after = overlay(base, want)
        told = said(kind_of(base).attrs, base.attrs, want.attrs)
        attrs = {**dict(base.attrs), **dict((a.name, value) for a, value, dummy in told)}
        if attrs.get("mode") != "source" and "macaddr" in attrs:
            attrs["macaddr"] = dict(base.attrs).get("macaddr", ())
        master = port_kind(self.state, after)
        old = base.port if after.master == base.master else ()
        port = {**dict(old), **dict((a.name, value) for a, value, dummy in said(master.port, old, want.port))}
        return replace(
            after, attrs=tuple(sorted(attrs.items())), port=tuple(sorted(port.items())), slave_kind=master.name
        )

    def fixed(self, have, want):
        """What only a new link can have: the option and a sentence, or nothing."""
        if want.kind and have.kind is not None and have.kind != want.kind:
            return want.option, "%s in %s is %s, not %s" % (
                have.name,
                place(have.netns),
                called(have),
                a_kind(want.kind),
            )
        if want.link and have.link and have.link != want.link:
            return "link", "%s stands on %s; only recreate: true puts it on another link" % (have.name, have.link[1])
        for attr, value, was in said(kind_of(have).attrs, have.attrs, want.attrs):
            if attr.keeps(was, value):
                text = "%s has %s and cannot change it in place; recreate: true makes the link anew"
                return attr.name, text % (have.name, was)
        return None

    def recreate(self, have, want):
        kept = []
        for r in upon(self.state, have.key) if have.ref == want.ref else ():
            if isinstance(r, Link) and r.link == have.ref and r.address == have.address and follows(r):
                r = replace(r, address=None)
            kept.append(r)
        master = have.master if want.master is None and have.kind == want.kind else want.master
        self.step(Change(have, None))
        want = replace(want, master=master, up=have.up if want.up is None else want.up)
        self.check_attrs(want, want)
        self.check_lower(want, want)
        self.step(Change(None, fresh(self.state, want)))
        self.put_back(kept)

    def pair(self, want, have):
        """This end of a veth pair, wherever it is; the far end goes to where it is wished."""
        far = self.state.links(want.peer)
        if (have is None and far is None) or (have is not None and (have.kind != "veth" or have.peer == want.peer)):
            return have
        near = have or far
        other = self.state.links(near.peer) if near.kind == "veth" and near.peer else None
        if have is None and other is not None:
            return other
        if have is not None and far is None and other is not None:
            self.make_link(Link(want.peer[0], want.peer[1], "veth", taken_from=other.ref, option="peer"), None)
            return self.state.links(want.ref)
        if self.allows("recreate", want):
            self.remove(near)
            self.remove(far or near)
            return None
        if near.kind != "veth":
            raise Refused("peer", "%s in %s is %s, not a veth" % (near.name, place(near.netns), called(near)))
        where = "in a namespace without a name" if other is None else "%s in %s" % (other.name, place(other.netns))
        raise Refused("peer", "the other end of %s is %s; recreate: true makes the pair anew" % (near.name, where))

    def check_master(self, have, want):
        taken = want.master and have.master and have.master != want.master and have.netns == want.netns
        if taken and not self.allows("take_over", want):
            option = master_option(want)
            text = "%s is a port of %s; take_over: true gives it to %s"
            raise Refused(option, text % (have.name, have.master, want.master))

    def check_upper(self, after, want):
        """A link whose frames go to macvlans or the like, or to a program, is no port of a bridge."""
        master = self.state.links((after.netns, want.master)) if want.master else None
        if kind_of(after).tap and master is not None and master.kind == "bridge":
            text = "%s, %s, cannot be a port of a bridge: its frames go to a program"
            raise Refused(master_option(want), text % (after.name, called(after)))
        near = [r for r in on_link(self.state, after) if kind_of(r).family]
        if near and master is not None and master.kind == "bridge" and "as_it_was" not in self.wish.allow:
            text = "%s cannot be a port of a bridge: %s, %s, stands on it"
            raise Refused(master_option(want), text % (after.name, near[0].name, called(near[0])))

    def check_port(self, after, want):
        if (
            want.port
            and not port_kind(self.state, after).port
            and (not after.master or self.state.links((after.netns, after.master)).kind is not None)
        ):
            raise Refused("ports", "%s is no port of a bridge" % after.name)

    def check_attrs(self, after, want):
        """What a link cannot have as it is."""
        attrs = {attr.name: attr.default for attr in kind_of(after).attrs}
        attrs.update(after.attrs)
        for attr in kind_of(after).attrs:
            if attr.only and dict(want.attrs).get(attr.name) and attrs[attr.only[0]] != attr.only[1]:
                raise Refused(attr.name, "it is for %s: %s" % attr.only)

    def check_lower(self, after, want):
        """What a link cannot have where it stands."""
        lower = self.state.links(after.link) if after.link else None
        if not kind_of(after).stands or lower is None or "as_it_was" in self.wish.allow:
            return
        if want.up and lower.up is False and "up" in follows(after):
            raise Refused("up", "%s stands on %s, which is down" % (after.name, lower.name))
        if want.mtu and lower.mtu and want.mtu > lower.mtu and "mtu" not in follows(after):
            text = "%d is more than the %d of %s, on which %s stands"
            raise Refused("mtu", text % (want.mtu, lower.mtu, lower.name, after.name))
        kind = kind_of(after)
        if kind_of(lower).bare:
            raise Refused("link", "%s, %s, can carry no %s" % (lower.name, called(lower), after.kind))
        if kind.near and after.link[0] != after.netns:
            text = "the kernel does not tell of it for %s: it is to be the network namespace of %s"
            raise Refused("link_netns", text % (a_kind(after.kind), after.name))
        if "address" in kind.follows and None not in (want.address, lower.address) and want.address != lower.address:
            raise Refused("address", "%s has that of %s, %s" % (after.name, lower.name, lower.address))
        if kind.family:
            self.check_family(after, lower, kind)

    def check_family(self, after, lower, kind):
        """What a link cannot share its lower link with."""
        if kind_of(lower).family == kind.family:
            text = "%s is %s itself; say what it stands on: %s"
            raise Refused("link", text % (lower.name, called(lower), lower.link[1] if lower.link else "its lower link"))
        if kind_of(lower).tap:
            raise Refused("link", "%s, %s, can carry no %s" % (lower.name, called(lower), after.kind))
        if lower.slave_kind == "bridge" and lower.master:
            raise Refused(
                "link",
                "%s is a port of %s, and %s cannot stand on that" % (lower.name, lower.master, a_kind(after.kind)),
            )
        for other in on_link(self.state, lower):
            family, pair = kind_of(other).family, (dict(after.attrs), dict(other.attrs))
            if other.key == after.key or not family:
                continue
            if family != kind.family:
                text = "%s carries %s, %s, and so it can carry no %s"
                raise Refused("link", text % (lower.name, other.name, called(other), after.kind))
            if kind.alone and any(attrs.get(kind.alone[0]) == kind.alone[1] for attrs in pair):
                text = "with %s nothing else of its kind stands on %s, and %s would"
                raise Refused(kind.alone[0], text % (kind.alone[1], lower.name, other.name))


def usable(state, r):
    """Whether the kernel would take a route: it wants links that are up, with addresses, and a source of its own."""
    if not isinstance(r, Route):
        return True
    if any(hop.dev and not state.links((r.netns, hop.dev)).up for hop in r.hops or ()):
        return False
    if ":" in r.dest:
        return True
    addresses = [a for a in state.within(r.netns, "address") if ":" not in a.address]
    return all(any(a.dev == hop.dev for a in addresses) for hop in r.hops or ()) and (
        not r.src or any(host(a) == r.src for a in addresses)
    )


def upon(state, key):
    """All that stands on a resource, and on that, and so on."""
    return [r for near in state.on(key) for r in [near] + upon(state, near.key)]


def on_link(state, link):
    """The links that stand on one."""
    return [r for r in state.on(link.key) if isinstance(r, Link)]


def alike(state, link):
    """The others on the same lower link that have the same attributes as this one, whatever these are."""
    lower = state.links(link.link) if link.link and kind_of(link).shared else None
    near = on_link(state, lower) if lower is not None else []
    return [r for r in near if r.key != link.key and kind_of(r).family == kind_of(link).family]


def master_option(want):
    return "ports" if want.option == "ports" else "master"


def fresh(state, want):
    """A link as the kernel is asked to make it."""
    others = alike(state, want)
    if others:
        want = replace(want, attrs=tuple(sorted({**dict(others[0].attrs), **dict(want.attrs)}.items())))
    lower = state.links(want.link) if want.link else None
    # The alias it forgets: the next pass sets it. What a link has from its lower one it need not be told.
    told = {"mtu": None} if lower is not None and want.mtu == lower.mtu else {}
    if lower is not None and want.address == lower.address and follows(want) & {"address", "unset address"}:
        told["address"] = None
    return replace(want, alias=None, **told)


def a_kind(name):
    return "%s %s" % ("an" if name[0] in "aeio" else "a", name)


def called(link):
    return a_kind(link.kind) if link.kind else "a network card" if link.name != "lo" else "the loopback link"


def drops_ipv6(have, after):
    return after.mtu is not None and after.mtu < 1280 <= (have.mtu or 0)


def check_netns(have, want):
    if want.inode is not None and have.inode is not None and have.inode != want.inode:
        raise Refused("name", "%s is there already and is another network namespace than %s" % (have.name, want.path))
    if want.nsid is not None and have.nsid is not None and have.nsid != want.nsid:
        raise Refused("nsid", "%s has the nsid %d already, and the kernel does not change it" % (have.name, have.nsid))


def connected(state, want):
    """Whether the kernel's own route to a connected network is what is wished for."""
    if not want.hops or len(want.hops) > 1 or want.hops[0].via:
        return False
    own = state.get(replace(want, proto="kernel").key)
    return own is not None and overlay(own, replace(want, proto=None, hops=None)) == own


def siblings(state, address):
    """What can fall with an address: the others on its link, and routes."""
    link = ("link", address.netns, address.dev)
    routes = [r for r in state.within(address.netns, "route") if r.src == host(address)]
    return {
        r.key: r for r in state.on(link) + routes if isinstance(r, (Address, Route)) and r.key != address.key
    }.values()


def host(address):
    return address.address.split("/")[0]


def ordered(resources):
    """Requirements first, then by rank; a circle is refused."""
    left = {r.key: r for r in resources}
    waits, needed_by = {}, defaultdict(list)
    for key, r in left.items():
        needs = set(r.requires())
        if isinstance(r, Link) and r.master:
            needs.add(("link", r.netns, r.master))
        needs = {need for need in needs if need in left and need != key}
        waits[key] = len(needs)
        for need in needs:
            needed_by[need].append(key)
    heap = [(order(left[key]), key) for key, count in waits.items() if not count]
    heapq.heapify(heap)
    out = []
    while heap:
        key = heapq.heappop(heap)[1]
        out.append(left.pop(key))
        for other in needed_by[key]:
            waits[other] -= 1
            if not waits[other]:
                heapq.heappush(heap, (order(left[other]), other))
    if left:
        raise Refused("link", "these stand on each other in a circle: %s" % ", ".join(sorted(str(k[-1]) for k in left)))
    return out


def fits(resource, pattern):
    return type(resource) is type(pattern) and overlay(resource, pattern) == resource


def matching(state, pattern):
    """What a pattern of unwanted things stands for; refuses what cannot be deleted."""
    if isinstance(pattern, Link):
        found = state.get(pattern.key) or (pattern.peer and state.links(pattern.peer))
        if not found:
            return []
        family = kind_of(pattern).family and kind_of(pattern).family == kind_of(found).family
        if pattern.kind and found.kind is not None and found.kind != pattern.kind and not family:
            text = "%s in %s is %s, not %s"
            raise Refused("name", text % (found.name, place(found.netns), called(found), a_kind(pattern.kind)))
        if found.kind == "" or found.name in FALLBACK:
            raise Refused(
                "state", "%s in %s is %s: it cannot be deleted" % (found.name, place(found.netns), called(found))
            )
        return [found]
    if isinstance(pattern, (Route, Address)):
        near = state.within(pattern.netns, pattern.key[0])
        loose = replace(pattern, metric=None) if isinstance(pattern, Route) and pattern.metric is None else pattern
        return [r for r in near if not made_by_kernel(r) and fits(r, loose)]
    found = state.get(pattern.key)
    return [found] if found else []


# What the kernel does


def forward(state, change):
    """Apply a step to a state as the kernel would, with all that falls with it; None is a value not foretold."""
    before, after = change.before, change.after
    if after is None:
        fall(state, before)
    elif isinstance(after, Netns):
        state.add(after)
        if before is None and ("link", after.name, "lo") not in state and after.inode is None:
            state.add(Link(after.name, "lo", "", mtu=65536, address="00:00:00:00:00:00", up=False, master="", alias=""))
    elif isinstance(after, Link):
        forward_link(state, change)
    elif isinstance(after, Address):
        if before is not None:
            fall(state, before)
        state.add(replace(after, secondary=is_secondary(state, after)))
    elif isinstance(after, Sysctl):
        state.add(after)
        if (after.dev, after.name) in (("", "ip_forward"), ("all", "forwarding")):
            for r in state.within(after.netns, "sysctl"):
                if r.family == after.family and r.name in ("forwarding", "ip_forward"):
                    state.add(replace(r, value=after.value))
    else:
        if before is not None:
            state.pop(before.key)
        state.add(after)


def fall(state, resource):
    """Take away a resource and all that the kernel takes away with it."""
    held = isinstance(resource, Netns) and resource.holders
    todo = [resource.key]
    while todo:
        key = todo.pop()
        r = state.pop(key)
        todo += [child.key for child in state.on(key) if not held or child.netns == resource.name]
        if isinstance(r, Link):
            if r.peer and not held:
                todo.append(("link",) + r.peer)
            for port in list(state.ports[key]):
                state.add(replace(state.get(port), master="", port=()))
            joined(state, r)
            lower = state.links(r.link) if r.link else None
            if lower is not None and kind_of(r).alone and "address" in follows(r):
                # It gets the address back that it had.
                state.add(replace(lower, address=None))
                spread(state, lower, replace(lower, address=None))
        elif isinstance(r, Address):
            todo += fallen_with_address(state, r)


def fallen_with_address(state, gone):
    """Keys of what goes with an address: its secondaries, routes from it, and with the last one all routes."""
    link = state.on(("link", gone.netns, gone.dev))
    if ":" in gone.address:
        return []
    same = [a for a in link if isinstance(a, Address) and ":" not in a.address]
    fallen = [a.key for a in same if not gone.secondary and a.secondary and network(a) == network(gone)]
    if len(fallen) == len(same):
        fallen += [r.key for r in link if isinstance(r, Route) and ":" not in r.dest]
    return fallen + [r.key for r in state.within(gone.netns, "route") if r.src == host(gone)]


def network(address):
    return ip_interface(address.peer or address.address).network


def is_secondary(state, address):
    if ":" in address.address:
        return False
    others = state.on(("link", address.netns, address.dev))
    return any(
        isinstance(a, Address)
        and a.key != address.key
        and ":" not in a.address
        and not a.secondary
        and network(a) == network(address)
        for a in others
    )


def joined(state, port):
    """A bridge takes its MAC address and MTU from its ports, unless they were set."""
    bridge = state.links((port.netns, port.master)) if port.master else None
    if bridge is not None and bridge.kind == "bridge":
        loose = replace(bridge, **{name: None for name in ("address", "mtu") if name not in bridge.pinned})
        state.add(loose)
        spread(state, bridge, loose)


def renamed(r, old, new):
    """A resource that stood on the link `old`, on `new`."""
    if isinstance(r, Route):
        hops = tuple(replace(hop, dev=new[1] if hop.dev == old[1] else hop.dev) for hop in r.hops or ())
        return replace(r, netns=new[0], hops=hops)
    if isinstance(r, Link):
        return replace(r, link=new)
    return replace(r, netns=new[0], dev=new[1])


def defaults(attrs, stated):
    return tuple(sorted({**{attr.name: attr.default for attr in attrs}, **dict(stated)}.items()))


def forward_link(state, change):
    """A link that is made, changed, renamed or moved."""
    before, after, base = change.before, change.after, change.base
    pinned = frozenset(name for name, dummy in change.news("address", "mtu"))
    ports = port_kind(state, after).port
    if before is None:
        # A bridge made with an MTU still takes that of its ports; with a MAC address it keeps it.
        now = replace(
            after,
            up=bool(after.up),
            master=after.master or "",
            alias="",
            attrs=defaults(kind_of(after).attrs, after.attrs),
            port=defaults(ports, after.port),
            pinned=pinned - {"mtu"},
        )
        for other in alike(state, now):
            told = {attr.name: value for attr, value, dummy in said(kind_of(now).attrs, (), after.attrs, True)}
            # A mode that is not told is reset, a flag is not.
            now = replace(
                now, attrs=tuple(sorted({**dict(now.attrs), "flag": dict(other.attrs)["flag"], **told}.items()))
            )
        now = inheriting(state, settled(now))
        state.add(now)
        share(state, now)
        if after.peer:
            state.add(Link(after.peer[0], after.peer[1], after.kind, peer=after.ref, up=False, master="", alias=""))
        joined(state, now)
        return
    port = after.port if after.master == base.master else defaults(ports, after.port)
    now = replace(after, pinned=before.pinned | pinned, port=port if after.master else ())
    if before.netns != after.netns:
        arrived = replace(carried(before, after), pinned=now.pinned)
        relocate(state, before, arrived)
        spread(state, before, arrived)
        before = arrived
    now = settled(now)
    relocate(state, before, now)
    spread(state, before, now)
    share(state, now)
    lower = state.links(now.link) if now.link and "address" in pinned and "address" in follows(now) else None
    if lower is not None:
        state.add(replace(lower, address=now.address))
        spread(state, lower, replace(lower, address=now.address))


def share(state, link):
    """What is the same for all on a lower link."""
    for other in alike(state, link):
        state.add(replace(other, attrs=link.attrs))


def inheriting(state, link):
    """A new link with what it has from its lower link."""
    lower = state.links(link.link) if link.link else None
    if lower is None or not kind_of(link).stands:
        return link
    follow, address = follows(link), link.address
    if "address" in follow or (address is None and "unset address" in follow):
        address = lower.address
    return replace(link, mtu=link.mtu or lower.mtu, address=address)


def spread(state, before, now):
    """What a change of a link does to what stands on it, and to its master."""
    down, no_ipv6 = before.up is not False and now.up is False, drops_ipv6(before, now)
    for child in state.on(now.key):
        ipv6 = isinstance(child, (Address, Route)) and ":" in str(child.key)
        if (
            (down and (ipv6 or isinstance(child, Route)))
            or (no_ipv6 and ipv6)
            or (no_ipv6 and isinstance(child, Sysctl) and child.family == "ipv6")
        ):
            fall(state, child)
        elif isinstance(child, Link):
            after = following(child, before, now)
            if after != child:
                state.add(after)
                spread(state, child, after)
    if (before.mtu, before.address, before.master) != (now.mtu, now.address, now.master):
        joined(state, before)
        joined(state, now)


def following(link, before, now):
    """A link after its lower link has changed; a value that cannot be foretold is None."""
    follow, news = follows(link), {}
    if before.mtu != now.mtu:
        known = kind_of(link).stands and None not in (link.mtu, now.mtu)
        news["mtu"] = now.mtu if "mtu" in follow else min(link.mtu, now.mtu) if known else None
    if before.address != now.address:
        if "address" in follow:
            news["address"] = now.address
        elif link.address in (before.address, None) and not (kind_of(link).stands and "address" in link.pinned):
            news["address"] = None if "unset address" in follow or not kind_of(link).stands else link.address
    if "up" in follow and before.up is not now.up:
        news["up"] = False if now.up is False else True if before.up is False else link.up or None
    return replace(link, **news)


def relocate(state, before, now):
    """Put a link in the place of what it was, and take along what goes with it."""
    children, ports = state.on(before.key), [state.get(key) for key in state.ports[before.key]]
    state.pop(before.key)
    state.add(now)
    if before.ref == now.ref:
        return
    for child in children:
        state.pop(child.key)
        if before.netns == now.netns or isinstance(child, (Link, AltName)):
            state.add(renamed(child, before.ref, now.ref))
    for port in ports:
        state.add(replace(port, master=now.name))
    far = state.links(before.peer) if before.peer else None
    if far is not None:
        state.add(replace(far, peer=now.ref))


# Prerequisites


def comes(link, observed):
    """Whether a link can be made, or taken from where it is."""
    return link.kind in KINDS or bool(link.taken_from and observed.links(link.taken_from))


def missing(wish, observed):
    """The (option, key) of all that the wish takes for granted and that is not there."""
    coming = {want.key for want in wish.wanted if not isinstance(want, Link) or comes(want, observed)}
    coming |= {("link", want.name, "lo") for want in wish.wanted if isinstance(want, Netns)}
    gone = {}
    for want in wish.wanted:
        needs = [("netns" if key[0] == "netns" else "dev", key) for key in want.requires()]
        if isinstance(want, Link):
            needs = [("link" if key[0] == "link" else option, key) for option, key in needs]
            needs += [("master", ("link", want.netns, want.master))] if want.master else []
            needs += [("link_netns", ("netns", want.link[0]))] if want.link and want.link[0] else []
            if not comes(want, observed):
                needs.append((want.option, want.key))
        elif isinstance(want, Masquerade):
            needs = []
        for option, key in needs:
            if key not in observed and key not in coming:
                gone.setdefault(key, option)
    return [(option, key) for key, option in gone.items() if ("netns", key[1]) not in gone or key[0] == "netns"]


def absent(option, key):
    """The sentence for something that is missing."""
    if key[0] == "netns":
        return Refused(option, "there is no network namespace %s" % key[1])
    return Refused(option, "there is no link %s in %s" % (key[2], place(key[1])))


def assume(observed, wish):
    """The state as an earlier task of the same dry run would have left it."""
    state = observed.copy()
    for dummy in range(2):
        for dummy, key in missing(wish, state):
            forward(state, Change(None, Netns(key[1]))) if key[0] == "netns" else state.add(Link(key[1], key[2]))
    return state


# The way back


def reach(steps, *states):
    """Keys of all that these steps can have touched."""
    seen = set()
    for state in states:
        todo = [r for change in steps for r in (change.before, change.after) if r is not None]
        todo += [r for r in [state.get(r.key) for r in todo] if r is not None]
        done, wide = set(), set()
        while todo:
            r = todo.pop()
            if r in done:
                continue
            done.add(r)
            near = state.on(r.key)
            if isinstance(r, Link):
                near += [state.links(ref) for ref in (r.peer, r.link, r.master and (r.netns, r.master)) if ref]
                near += [state.get(key) for key in state.ports[r.key]]
            elif isinstance(r, Address):
                near += siblings(state, r)
            elif isinstance(r, Sysctl):
                near += state.within(r.netns, "sysctl") if r.netns not in wide else []
                wide.add(r.netns)
            todo += [r for r in near if r is not None]
        seen |= {r.key for r in done}
    return seen


def by_itself(sysctl, state):
    """The value that a new namespace or link has."""
    if sysctl.dev not in HOST_WIDE:
        above = state.get(replace(sysctl, dev="default").key)
    else:
        above = state.get(replace(sysctl, netns="").key) if sysctl.family == "ipv4" else None
    return above.value if above else 0


def restore(steps, before, now):
    """The steps that lead from `now` back to the snapshot `before`, as far as `steps` can have reached."""
    if not steps:
        return ()
    keys = reach(steps, before, now)
    went = {
        c.before.ref: c.after.ref
        for c in steps
        if isinstance(c.before, Link) and isinstance(c.after, Link) and c.before.ref != c.after.ref
    }
    came = {new: old for old, new in went.items()}
    # A namespace that lost its name to us but not its processes still has all that was in it.
    held = {r.name for r in before if isinstance(r, Netns) and r.holders and r.key not in now}
    wanted = []
    for r in sorted((r for r in before if r.key in keys and not made_by_kernel(r)), key=order):
        if isinstance(r, Link):
            known = r.link is None or ("link",) + r.link in before
            r = replace(r, taken_from=went.get(r.ref), link=r.link if known else None)
            if not (comes(r, now) or r.key in now or r.name == "lo"):
                continue
        elif isinstance(r, Netns):
            r = replace(r, inode=r.inode if r.path else None, nsid=None if r.key in now else r.nsid)
        elif isinstance(r, Sysctl) and r.value == by_itself(r, before) and not all(key in now for key in r.requires()):
            continue
        if isinstance(r, Netns) or r.netns not in held:
            wanted.append(r)
    there = State(wanted)
    wanted = [r for r in wanted if all(key in there or key in now for key in r.requires())]

    def goes(r):
        """Whether it was not there, and goes neither with its link nor by itself."""
        if r.key in before or made_by_kernel(r) or isinstance(r, Sysctl):
            return False
        if isinstance(r, Link):
            return r.kind != "" and r.ref not in came
        home = came.get((r.netns, getattr(r, "dev", None)))
        return home is None or (home[0] == r.netns and renamed(r, (r.netns, r.dev), home).key not in before)

    unwanted = sorted((r for r in now if r.key in keys and goes(r)), key=order)
    # A namespace that only got its name from us is set right before it loses it again.
    adopted = {r.netns for r in before if r.netns and ("netns", r.netns) not in before}
    back, state = (), now.copy()
    for inside in (True, False):
        parts = [
            [r for r in rs if (r.netns in adopted and not isinstance(r, Netns)) == inside] for rs in (wanted, unwanted)
        ]
        steps = plan(Wish(*map(tuple, parts), allow=frozenset(("recreate", "take_over", "as_it_was"))), state)
        for change in steps:
            forward(state, change)
        back += steps
    return back
