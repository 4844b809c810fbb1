# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is wished for and what is there to the steps between. Pure: no kernel, no Ansible."""

from __future__ import annotations

import heapq
from collections import defaultdict
from ipaddress import ip_address, ip_interface, ip_network

from ._kinds import KINDS, OnDevice, bonded, cycled, eased, follows, is_group, kind_of, met, port_kind, said, settled
from ._model import (
    HOST_WIDE,
    IPV6_LEAST,
    MAIN,
    NAT_RULES,
    ON_PORTS,
    Address,
    AltName,
    Change,
    FdbEntry,
    Impairment,
    Link,
    MdbEntry,
    NatTable,
    Neighbour,
    Netns,
    Pending,
    PortVlans,
    Refused,
    Route,
    Rule,
    State,
    Sysctl,
    Topology,
    WireguardPeer,
    Wish,
    carried,
    fits,
    made_by_kernel,
    merged,
    order,
    overlay,
    place,
    replace,
    sentence,
)

NO_ARP = {"802.3ad", "balance-tlb", "balance-alb"}
NO_PRIMARY = {"balance-rr", "balance-xor", "broadcast", "802.3ad"}
DEFAULT = {"0.0.0.0/0", "::/0"}
ONE_EXTERNAL = ("ip6gre", "ip6gretap")  # for which the kernel has one place in a namespace
MOVING = (Link, AltName, WireguardPeer)  # what of a link goes along to another namespace
# The kernel makes these with a tunnel module and does not delete them.
FALLBACK = {"lo", "tunl0", "gre0", "gretap0", "erspan0", "sit0", "ip_vti0", "ip6tnl0", "ip6_vti0", "ip6gre0"}


def plan(wish, observed):
    """The steps from `observed` to a state that meets the wish."""
    return _Planner(wish, observed).run()


class _Planner:
    def __init__(self, wish, observed, refused=None):
        self.wish, self.observed, self.state, self.steps = wish, observed, observed.copy(), []
        self.refused = refused  # on the way back a dictionary: by key, why something is not put back
        self.wanted = {want.key for want in wish.wanted}
        self.kinds = {want.key: want.kind for want in wish.wanted if isinstance(want, Link) and want.kind}
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
            if pattern is not record:
                self.attempt(self.remove_all, pattern)
        wanted = ordered(want for want in self.wish.wanted if want is not record)
        # What one pass refuses can be right in the next: the other tunnel has another remote address by then.
        for dummy in range(5 if self.refused is None else 5 + len(wanted)):
            done = len(self.steps)
            for want in wanted:
                self.attempt(self.make, want)
            self.remove_strangers()
            self.remove_empty_tables()
            if len(self.steps) == done:
                if record is not None:
                    self.disclaim(record)
                return tuple(self.steps)
        text = "these wishes contradict each other: %s" % ", ".join(str(w.key[-1]) for w in wanted)
        if self.refused is None:
            raise Refused("state", text)
        self.refused[None] = text
        return tuple(self.steps)

    def attempt(self, action, resource):
        """Do it; on the way back nothing that is raised keeps the rest from being put back."""
        try:
            action(resource)
            if self.refused:
                self.refused.pop(resource.key, None)
        except Exception as e:
            if self.refused is None:
                raise
            self.refused[resource.key] = sentence(e)

    def remove_all(self, pattern):
        for resource in matching(self.state, pattern):
            self.remove(resource)

    def step(self, change):
        self.steps.append(change)
        forward(self.state, change)

    def claim(self, want):
        """Before anything else, note what this topology makes: a task that dies leaves nothing that nobody owns."""
        have = self.state.get(want.key)
        made = {r.key: r for r in have.made} if have else {}
        own = [r for r in made.values() if isinstance(r, Rule)]
        for r in want.made:
            was = self.observed.get(r.key)
            if isinstance(r, Rule):
                was = next((there for there in self.observed.within(r.netns, "rule") if fits(there, r)), None)
                was = None if was and any(fits(was, other) for other in own) else was
            elif isinstance(was, PortVlans):
                bridge = bridge_of(self.observed, self.observed.links((r.netns, r.dev)))
                was = None if bridge and (was.vlans, was.pvid) == default_vlans(bridge) else was
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
        if isinstance(r, Rule):
            # It may have been wished for without its number, and be wished for with it.
            for have in matching(self.state, r):
                if not any(isinstance(want, Rule) and fits(have, want) for want in self.wish.wanted):
                    self.remove(have)
        have = self.state.get(r.key)
        if have is None or made_by_kernel(have) or isinstance(r, NatTable):
            return
        if isinstance(r, Sysctl):
            value = by_itself(r, self.state) if r.value is None else r.value
            if have.value != value:
                self.step(Change(have, replace(have, value=value)))
        elif isinstance(r, PortVlans):
            link = self.state.links((r.netns, r.dev))
            self.make_vlans(PortVlans(r.netns, r.dev, *default_vlans(bridge_of(self.state, link)), exact=True))
        elif not isinstance(r, Link) or have.kind == r.kind:
            self.remove(have)

    def allows(self, word, want):
        return word in self.wish.allow or (word, want.key) in self.wish.allow

    def remove(self, resource):
        if resource.key in self.state:
            for r in self.state.on(resource.key) if isinstance(resource, Netns) else ():
                # The far ends go a little after a namespace: those whose names are needed go before it.
                if isinstance(r, Link) and r.peer and ("link", *r.peer) in self.wanted and r.key in self.state:
                    self.remove(r)
            kept = siblings(self.state, resource) if isinstance(resource, Address) else self.shaken(resource, None)
            self.step(Change(resource, None))
            self.put_back(kept)

    def shaken(self, before, after):
        """What stands on links that go down, and those that do not come up again by themselves."""
        links = cycled(self.state, before, after) if isinstance(before, Link) else []
        freed = [self.state.get(key) for key in self.state.ports[before.key]] if freeing(before, after) else []
        return freed + [r for link in links + freed for r in upon(self.state, link.key)]

    def set_link(self, have, after):
        kept = [] if have.up and after.up is False else self.shaken(have, after)
        self.step(Change(have, after))
        self.put_back(kept)

    def put_back(self, resources):
        """What fell by the way and nobody wished away is made sure of."""
        for r in ordered(resources):
            unwanted = r.key in self.unwanted or self.is_stranger(r)
            if isinstance(r, Link):
                unwanted = unwanted or self.kinds.get(r.key, r.kind) != r.kind
                self.relink(r)
            have = self.state.get(r.key)
            if isinstance(r, Link) and have is not None and r.up is not None and have.up != r.up:
                lower = self.state.links(r.link) if "up" in follows(r) else None
                if not (r.up and lower is not None and lower.up is False):
                    self.step(Change(have, replace(have, up=r.up)))
            if have is not None or made_by_kernel(r) or unwanted or isinstance(r, Sysctl):
                continue
            if not all(key in self.state for key in r.requires()) or not usable(self.state, r):
                continue
            if isinstance(r, PortVlans):
                self.make_vlans(replace(r, exact=True))
            else:
                self.step(Change(r, r)) if not isinstance(r, Link) else self.put_back_link(r)

    def relink(self, link):
        """A tunnel whose lower link was made anew leaves by that."""
        have = self.state.get(link.key)
        kind = kind_of(link)
        lost = have is not None and kind.over and not kind.bound and have.link is None and link.link is not None
        if lost and link.link[0] == link.netns and ("link", *link.link) in self.state:
            self.step(Change(have, replace(have, link=link.link)))

    def put_back_link(self, link):
        lower = lower_of(self.state, link)
        low = lower is not None and lower.mtu and link.mtu and lower.mtu < link.mtu
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
                if isinstance(r, Link) and port_kind(self.state, r).bonds:
                    self.bind(r, replace(r, master="", port=()))
                elif isinstance(r, Link):
                    self.set_link(r, replace(r, master="", port=()))
                else:
                    self.remove(r)

    def remove_empty_tables(self):
        dropped = {r.key for r in self.wish.dropped}
        for table in [r for r in self.state if isinstance(r, NatTable)]:
            used = table.key in dropped or any(isinstance(r, NAT_RULES) for r in self.observed.on(table.key))
            if used and not table.shared and not self.state.on(table.key):
                self.remove(table)

    def make(self, want):
        have = self.state.get(want.key)
        if isinstance(want, Link):
            near = self.lent(want, have)
            self.make_link(want, have)
            self.hand_over(want, near)
        elif isinstance(want, Rule):
            self.make_rule(want)
        elif isinstance(want, PortVlans):
            self.make_vlans(want)
        elif isinstance(want, (FdbEntry, MdbEntry)) and have is None:
            self.check_bridge(want)
            self.step(Change(None, want))
        elif isinstance(want, Impairment):
            self.make_impairment(want, have)
        elif isinstance(want, Neighbour) and want.lladdr and kind_of(self.state.links((want.netns, want.dev))).packets:
            raise Refused("lladdr", "%s has no MAC address, and nobody behind it has one" % want.dev)
        elif have is None:
            if isinstance(want, Address):
                self.check_address(want)
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

    def check_address(self, want):
        """What a link is too small for."""
        link = self.state.links((want.netns, want.dev))
        if ":" in want.address and link.mtu and link.mtu < IPV6_LEAST:
            text = "%s has an MTU of %d, and IPv6 takes no less than %d"
            raise Refused("mtu" if link.key in self.wanted else "dev", text % (link.name, link.mtu, IPV6_LEAST))

    def make_rule(self, want):
        """Rules have no names: one with this priority that matches the same is the one that is meant."""
        near = [r for r in self.state.within(want.netns, "rule") if r.family == want.family]
        if any(fits(r, want) for r in near):
            return
        meant = [r for r in near if r.matches == want.matches and not made_by_kernel(r) and r.key not in self.wanted]
        if meant:
            self.step(Change(meant[0], overlay(replace(meant[0], suppress_prefixlength=-1), want)))
            return
        # As the kernel does: before all but the first.
        number = want.priority if want.priority is not None else next_priority(near)
        fresh_one = Rule(want.netns, want.family, suppress_prefixlength=-1, proto="static")
        self.step(Change(None, replace(overlay(fresh_one, want), priority=number)))

    def make_vlans(self, want):
        link = self.state.links((want.netns, want.dev))
        bridge = bridge_of(self.state, link)
        if bridge is None:
            raise Refused("dev", "%s is no port of a bridge" % want.dev)
        have = self.state.get(want.key)
        if have is None:
            have = PortVlans(want.netns, want.dev, *default_vlans(bridge), own=link.kind == "bridge")
        was = dict(have.vlans)
        vlans = {} if want.exact else dict(was)
        vlans.update((vid, was.get(vid, False) if untagged is None else untagged) for vid, untagged in want.vlans)
        vlans = tuple(sorted(item for item in vlans.items() if item[0] not in want.without))
        pvid = have.pvid if want.pvid is None else want.pvid
        after = replace(have, vlans=vlans, pvid=pvid if pvid in dict(vlans) else 0)
        if after != have:
            self.step(Change(have, after))

    def check_bridge(self, want):
        """What has no place where it is wished."""
        if isinstance(want, MdbEntry):
            bridge, port = [self.state.links((want.netns, name)) for name in (want.dev, want.port)]
            if bridge.kind is None or "as_it_was" in self.wish.allow:
                return
            attrs = dict(bridge.attrs)
            if bridge.kind != "bridge":
                raise Refused("dev", "%s is %s, not a bridge" % (bridge.name, called(bridge)))
            if port.kind is not None and port.master != bridge.name:
                raise Refused("port", "%s is no port of %s" % (port.name, bridge.name))
            if not bridge.up:
                raise Refused("dev", "%s is down, and then the kernel takes no groups" % bridge.name)
            if not attrs.get("mcast_snooping"):
                raise Refused("dev", "%s has mcast_snooping off, and then no groups" % bridge.name)
            if attrs.get("vlan_filtering") and not want.vid:
                raise Refused("vid", "%s filters VLANs: say in which one" % bridge.name)
            return
        link = self.state.links((want.netns, want.dev))
        if want.self_ and link.kind not in (None, "vxlan"):
            raise Refused("self", "%s is %s; only a vxlan has entries of its own" % (link.name, called(link)))
        if not want.self_ and (bridge_of(self.state, link) in (None, link) and link.kind is not None):
            raise Refused("dev", "%s is no port of a bridge" % link.name)

    def make_impairment(self, want, have):
        if have is not None and have.foreign:
            text = "%s has the queueing discipline %s, which this module did not make and does not touch"
            raise Refused("dev", text % (want.dev, have.foreign))
        names = ("delay", "jitter", "correlation", "loss", "duplicate", "reorder", "corrupt", "rate")
        nothing = Impairment(want.netns, want.dev, limit=1000, **dict.fromkeys(names, 0))
        after = overlay(have or nothing, want)
        for name, other in (("reorder", "delay"), ("correlation", "jitter")):
            if getattr(after, name) and not getattr(after, other):
                raise Refused(name, "it needs %s" % other)
        if after != have:
            self.step(Change(have, after))

    def make_link(self, want, have):
        if want.peer:
            have = self.pair(want, have)
        elif have is None and want.taken_from:
            have = self.state.links(want.taken_from)
        if want.link and want.link[1] is None:
            same = have is not None and have.link and have.link[0] == want.link[0]
            want = replace(want, link=have.link if same else (want.link[0], ""))
        if have is None:
            if want.kind not in KINDS:
                raise Refused(want.option, "there is no link %s in %s" % (want.name, place(want.netns)))
            self.check_port(want, want)
            self.check_upper(want, want)
            self.check_attrs(want, want)
            self.check_lower(want, replace(want, up=want.up or port_kind(self.state, want).bonds))
            return self.create(want)
        if kind_of(have).rooted and have.netns != want.netns:
            text = "%s, %s, stays in the network namespace in which it was made"
            raise Refused("from_netns", text % (have.name, called(have)))
        fixed = self.fixed(have, want)
        if fixed and not self.allows("recreate", want):
            raise Refused(*fixed)
        if fixed:
            return self.recreate(have, want)
        self.check_master(have, want)
        after = self.after(have, want)
        if after == have:
            return None
        kinds = port_kind(self.state, have), port_kind(self.state, after)
        bond = after.master != have.master and any(kind.bonds for kind in kinds)
        if bond and have.ref != after.ref:
            after = replace(after, master="", port=())
        self.check_port(after, want)
        self.check_upper(after, want)
        self.check_attrs(after, want)
        self.check_lower(after, replace(want, up=(want.up and not have.up) or (bond and kinds[1].bonds)))
        if bond and have.ref == after.ref:
            return self.bind(have, after)
        if have.ref != after.ref and have.netns == after.netns and have.up:
            # Before Linux 6.2 a link that is up keeps its name.
            near = self.state.on(have.key)
            kept = [renamed(r, have.ref, after.ref) if r in near else r for r in upon(self.state, have.key)]
            down = replace(have, up=False)
            self.step(Change(have, down))
            self.step(Change(down, replace(after, up=have.up if want.up is None else want.up)))
            self.put_back(kept)
        else:
            first = eased(have, after)
            if first != have:
                self.step(Change(have, first))
            self.set_link(first, after)
        return None

    def create(self, want):
        """A new link; a tunnel is made where its outer packets are, and what needs a spare name first gets one."""
        home = want.link[0] if want.link else want.netns
        rooted = bool(kind_of(want).over)
        taken = self.state.links((home, want.name)) is not None
        if home == want.netns or not (rooted or taken):
            return self.step(Change(None, fresh(self.state, want)))
        spare = ("virtnet%d" % number for number in range(len(self.state.items) + 1))
        names = spare if taken else [want.name]
        name = next(n for n in names if not any(self.state.links((netns, n)) for netns in (home, want.netns)))
        start = Link(home if rooted else want.netns, name, want.kind, link=want.link, attrs=want.attrs)
        self.step(Change(None, fresh(self.state, start)))
        have = self.state.links(start.ref)
        return self.step(Change(have, self.after(have, want)))

    def bind(self, have, after):
        """A link comes to a bond or goes from it. The rest is said after that: the kernel sets it up and more."""
        kept = upon(self.state, have.key) + [have] * port_kind(self.state, have).bonds
        if have.up and port_kind(self.state, after).bonds:
            self.step(Change(have, replace(have, up=False)))
            have = self.state.get(have.key)
        self.step(Change(have, replace(have, master=after.master, port=after.port, slave_kind=after.slave_kind)))
        self.put_back(kept)

    def after(self, have, want):
        """The link with what is wished for; a value that the kernel would only round stays as it is."""
        base = carried(have, want)
        after = overlay(base, want)
        lower = self.state.links(base.link) if base.link else None
        if "address" in kind_of(base).follows and lower is not None and lower.address is None:
            # It comes with that of the lower link.
            after = replace(after, address=base.address)
        told = said(kind_of(base).attrs, base.attrs, want.attrs)
        attrs = {**dict(base.attrs), **dict((a.name, value) for a, value, dummy in told)}
        if attrs.get("mode") != "source" and "macaddr" in attrs:
            attrs["macaddr"] = dict(base.attrs).get("macaddr", ())
        if attrs.get("primary") and not self.is_port(attrs["primary"], after):
            # It becomes one first.
            attrs["primary"] = dict(base.attrs)["primary"]
        master = port_kind(self.state, after)
        old = base.port if after.master == base.master else ()
        port = {**dict(old), **dict((a.name, value) for a, value, dummy in said(master.port, old, want.port))}
        after = replace(
            after, attrs=tuple(sorted(attrs.items())), port=tuple(sorted(port.items())), slave_kind=master.name
        )
        return settled(after) if kind_of(after).bonds else after

    def is_port(self, name, bond, wished=False):
        """Whether the link of this name is a port of a bond, or at least to be one."""
        links = [self.state.links((bond.netns, name))]
        links += [r for r in self.wish.wanted if isinstance(r, Link) and r.ref == (bond.netns, name)] if wished else []
        return any(link is not None and link.master == bond.name for link in links)

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
            over = bool(kind_of(have).over)
            if over and have.link[0] != want.link[0]:
                text = "the outer packets of %s are in %s; only recreate: true puts them elsewhere"
                return "link_netns", text % (have.name, place(have.link[0]))
            if not over or kind_of(have).bound or have.link[0] != have.netns or not want.link[1]:
                text = "%s stands on %s; only recreate: true puts it on another link"
                return "link", text % (have.name, have.link[1] or "any link")
        if kind_of(have).steady and None not in (want.address, have.address) and want.address != have.address:
            text = "%s has %s and cannot change it in place; recreate: true makes the link anew"
            return "address", text % (have.name, have.address)
        for attr, value, was in said(kind_of(have).attrs, have.attrs, want.attrs):
            if not attr.same(was, value) and attr.keeps(was, value):
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
        ports = [self.state.get(key) for key in sorted(self.state.ports[have.key])] if have.kind == want.kind else []
        kept += self.shaken(have, None)
        self.step(Change(have, None))
        want = replace(want, master=master, up=have.up if want.up is None else want.up)
        self.check_attrs(want, want)
        self.check_lower(want, want)
        self.create(want)
        for port in ports if have.ref == want.ref else ():
            now = self.state.get(port.key)
            self.step(Change(now, replace(now, master=port.master, port=port.port, slave_kind=port.slave_kind)))
            kept = [r for r in kept if r.key != port.key] if kind_of(have).bonds else kept
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

    def lent(self, want, have):
        """What a port hands over to its master, which has the addresses as well before the link is its port."""
        master = self.state.links((want.netns, want.master)) if want.master else None
        if have is None or master is None or kind_of(master).takes == "any" or "as_it_was" in self.wish.allow:
            return []
        near = [r for r in self.state.on(have.key) if isinstance(r, (Address, Route)) and not made_by_kernel(r)]
        if not self.allows("take_over_addresses", want):
            if have.master != want.master:
                self.check_uplink(have, want)
            return []
        if near and master.up is False:
            text = "%s is down; up, it can take over the addresses and routes of %s"
            raise Refused(master_option(want), text % (master.name, have.name))
        for r in near:
            if any(w.key == r.key and have.key in w.requires() for w in self.wish.wanted):
                text = "%s is wished for on %s, which gives what it has to %s"
                what = r.address if isinstance(r, Address) else r.dest
                raise Refused("take_over_addresses", text % (what, have.name, master.name))
            if isinstance(r, Address):
                there = replace(renamed(r, have.ref, master.ref), label="")
                if there.key not in self.state:
                    self.step(Change(None, there))
        return near

    def hand_over(self, want, near):
        """The routes of a port become its master's, and then its addresses go."""
        master, addresses = (want.netns, want.master), [r for r in near if isinstance(r, Address)]
        for r in near:
            if isinstance(r, Route):
                self.step(Change(self.state.get(r.key), renamed(r, want.ref, master)))
        self.unwanted |= {r.key for r in addresses}
        # Not every host lets secondaries go with their primary: net.ipv4.conf.*.promote_secondaries.
        for r in sorted(addresses, key=lambda r: not r.secondary):
            self.remove(r)

    def check_uplink(self, have, want):
        """Nothing takes the way to the host from under it."""
        near, what = self.state.on(have.key), None
        if not have.netns and any(isinstance(r, Address) and host(r) == self.wish.controller for r in near):
            what = "the connection by which this task came"
        if any(isinstance(r, Route) and r.table == MAIN and r.dest in DEFAULT for r in near):
            what = "the default route"
        if what:
            text = "%s carries %s; take_over_addresses: true gives its addresses and routes to %s"
            raise Refused(master_option(want), text % (have.name, what, want.master))

    def check_upper(self, after, want):
        """A link whose frames go to macvlans or the like, or to a program, is no port of a bridge."""
        master = self.state.links((after.netns, want.master)) if want.master else None
        kind = kind_of(after)
        if kind.lone and master is not None:
            raise Refused(master_option(want), "%s, %s, cannot be a port of anything" % (after.name, called(after)))
        if master is None or kind_of(master).takes != "frames":
            return
        why = ""
        if kind.tap:
            why = "its frames go to a program"
        elif kind.packets:
            why = "its packets have no Ethernet header"
        elif "address" in kind.follows:
            why = "it has the MAC address of its lower link"
        elif kind.steady and kind_of(master).bonds:
            why = "its MAC address stays"
        if why:
            text = "%s, %s, cannot be a port of %s: %s"
            raise Refused(master_option(want), text % (after.name, called(after), called(master), why))
        near = [r for r in on_link(self.state, after) if kind_of(r).family]
        if near and "as_it_was" not in self.wish.allow:
            text = "%s cannot be a port of %s: %s, %s, stands on it"
            raise Refused(master_option(want), text % (after.name, called(master), near[0].name, called(near[0])))

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
        have = self.state.get(after.key)
        for attr in kind_of(after).attrs:
            told = have is not None and have.index and isinstance(attr, OnDevice)
            if told and dict(want.attrs).get(attr.name) is not None and dict(have.attrs)[attr.name] is None:
                text = "%s has no /dev/tap%d: it is not there, or another link's"
                raise Refused(attr.name, text % (after.name, have.index))
            if dict(want.attrs).get(attr.name) not in (None, attr.default) and not met(attr, attrs):
                option, value = attr.only
                raise Refused(attr.name, "it is for %s: %s" % (option, str(value).lower()))
            lasting = attr.fixed is not False or kind_of(after).bonds
            if lasting and attrs[attr.name] != attr.default and not met(attr, attrs):
                raise Refused(attr.only[0], "%s has %s: %s" % (after.name, attr.name, str(attrs[attr.name]).lower()))
        if kind_of(after).df and attrs["ttl"] != "inherit" and not attrs["pmtudisc"]:
            raise Refused("pmtudisc", "%s, %s, has it always with a ttl of its own" % (after.name, called(after)))
        if kind_of(after).packets and want.address:
            raise Refused("address", "%s, %s, has no MAC address" % (after.name, called(after)))
        lower = self.state.links(after.link) if after.link else None
        if kind_of(after).bound and attrs["external"] and after.link and after.link[1]:
            raise Refused("link", "it is for external: false")
        if kind_of(after).overhead and is_group(attrs["remote"]) and not (after.link and after.link[1]):
            raise Refused("link", "to a group packets go by one link")
        if kind_of(after).overhead and want.mtu and lower is not None and lower.mtu:
            most = lower.mtu - outer(after)
            if want.mtu > most and "as_it_was" not in self.wish.allow:
                text = "%d is more than %d, what the outer packets leave of the %d of %s"
                raise Refused("mtu", text % (want.mtu, most, lower.mtu, lower.name))
        self.check_unique(after, attrs)
        if kind_of(after).bonds and "as_it_was" not in self.wish.allow:
            self.check_bond(after, attrs, want)

    def check_bond(self, after, attrs, want):
        """What the kernel rounds, or has no words for."""
        for name in ("updelay", "downdelay"):
            if attrs.get("miimon") and (attrs[name] or 0) % attrs["miimon"]:
                raise Refused(name, "%d is no multiple of miimon, %d" % (attrs[name], attrs["miimon"]))
        mode, text = attrs["mode"], "a bond with mode: %s has none"
        for name, modes in (("arp_interval", NO_ARP), ("arp_validate", NO_ARP), ("primary", NO_PRIMARY)):
            if mode in modes and dict(want.attrs).get(name, "none") not in (0, "none", ""):
                raise Refused(name, text % mode)
        primary = dict(want.attrs).get("primary")
        if primary and not self.is_port(primary, after, wished=True):
            raise Refused("primary", "%s is no port of %s" % (primary, after.name))

    def check_unique(self, after, attrs):
        """No two tunnels over one network are the same to the kernel."""

        def identity(link, attrs):
            home, lower = link.link or (link.netns, "")
            if attrs.get("external"):
                return (home, "external", attrs.get("dstport"))
            return (home, "local" in kind.unique and (lower or ""), *(attrs[name] for name in kind.unique))

        kind, have = kind_of(after), self.state.get(after.key)
        rivals = ONE_EXTERNAL if attrs.get("external") and after.kind in ONE_EXTERNAL else (after.kind,)
        for other in self.state if kind.unique and kind.over else ():
            if isinstance(other, Link) and other.kind in rivals and other.key != after.key:
                if have is None and other.ref == after.taken_from:
                    continue
                if identity(other, dict(other.attrs)) == identity(after, attrs):
                    option = "external" if attrs.get("external") else kind.unique[-1]
                    names = "external: true" if attrs.get("external") else "the same %s" % ", ".join(kind.unique)
                    text = "%s in %s has %s, and the kernel takes no second one of kind %s"
                    raise Refused(option, text % (other.name, place(other.netns), names, " or ".join(rivals)))

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
        if port_kind(self.state, lower).takes == "frames":
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


def next_priority(rules):
    """The number that the kernel would give to a new rule."""
    second = sorted({0, 32766} | {r.priority for r in rules})[1]
    if second == 1:
        raise Refused("priority", "no number is left before the rule of priority 1; say one")
    return second - 1


def bridge_of(state, link):
    """The bridge that a link is, or of which it is a port; what nothing is known of is taken for one."""
    if link.kind is None or link.kind == "bridge":
        return link
    master = state.links((link.netns, link.master)) if link.master else None
    return master if master is not None and master.kind in (None, "bridge") else None


def default_vlans(bridge):
    """The VLANs and the pvid of a new port."""
    pvid = dict(bridge.attrs).get("vlan_default_pvid", 1)
    return (((pvid, True),) if pvid else ()), pvid


def usable(state, r):
    """Whether the kernel would take a route: it wants links that are up, with addresses, and a source of its own.

    A group wants a bridge that is up, a neighbour a link with MAC addresses, a peer a link of its kind.
    """
    if isinstance(r, WireguardPeer):
        return state.links((r.netns, r.dev)).kind == "wireguard"
    if isinstance(r, PortVlans):
        return bridge_of(state, state.links((r.netns, r.dev))) is not None
    if isinstance(r, MdbEntry):
        bridge, port = [state.links((r.netns, name)) for name in (r.dev, r.port)]
        return bridge.kind == "bridge" and bool(bridge.up) and port.master == bridge.name
    if isinstance(r, FdbEntry):
        link = state.links((r.netns, r.dev))
        return link.kind == "vxlan" if r.self_ else bridge_of(state, link) is not None
    if isinstance(r, Neighbour):
        return not (r.lladdr and kind_of(state.links((r.netns, r.dev))).packets)
    if not isinstance(r, Route):
        return True
    if any(hop.dev and not state.links((r.netns, hop.dev)).up for hop in r.hops or ()):
        return False
    if ":" in r.dest:
        return all(is_near(state, r.netns, hop) for hop in r.hops or ())
    addresses = [a for a in state.within(r.netns, "address") if ":" not in a.address]
    return all(any(a.dev == hop.dev for a in addresses) for hop in r.hops or ()) and (
        not r.src or any(host(a) == r.src for a in addresses)
    )


def is_near(state, netns, hop):
    """Whether an IPv6 gateway is on a link, as far as one can tell."""
    if not hop.via or not hop.dev or hop.onlink or hop.via.startswith("fe80:"):
        return True
    on = state.on(("link", netns, hop.dev))
    nets = [network(r) for r in on if isinstance(r, Address)]
    nets += [ip_network(r.dest) for r in on if isinstance(r, Route) and not any(h.via for h in r.hops)]
    return any(ip_address(hop.via) in net for net in nets)


def upon(state, key):
    """All that stands on a resource, and on that, and so on."""
    return [r for near in state.on(key) for r in [near] + upon(state, near.key)]


def on_link(state, link):
    """The links that stand on one."""
    return [r for r in state.on(link.key) if isinstance(r, Link)]


def lower_of(state, link):
    """What a link stands on, and may have MTU and address from; a tunnel has not."""
    return state.links(link.link) if link.link and kind_of(link).stands else None


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
        want = replace(want, attrs=merged(others[0].attrs, want.attrs))
    lower = lower_of(state, want)
    if port_kind(state, want).bonds:
        want = replace(want, up=False)
    if dict(want.attrs).get("primary"):
        want = replace(want, attrs=tuple(pair for pair in want.attrs if pair[0] != "primary"))
    # The alias it forgets: the next pass sets it. What a link has from its lower one it need not be told.
    told = {"mtu": None} if want.mtu is not None and want.mtu == given_mtu(state, want) else {}
    if lower is not None and want.address == lower.address and follows(want) & {"address", "unset address"}:
        told["address"] = None
    return replace(want, alias=None, **told)


def a_kind(name):
    return "%s %s" % ("an" if name[0] in "aeiox" else "a", name)


def called(link):
    return a_kind(link.kind) if link.kind else "a network card" if link.name != "lo" else "the loopback link"


def drops_ipv6(have, after):
    return after.mtu is not None and after.mtu < IPV6_LEAST <= (have.mtu or 0)


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
    """What can fall with an address: the others on its link, neighbours, and routes."""
    link = ("link", address.netns, address.dev)
    return {
        r.key: r
        for r in state.on(link) + state.routes_from(address)
        if isinstance(r, (Address, Neighbour, Route)) and r.key != address.key
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


def matching(state, pattern):
    """What a pattern of unwanted things stands for; refuses what cannot be deleted."""
    if isinstance(pattern, Link):
        found = state.get(pattern.key) or (pattern.peer and state.links(pattern.peer))
        if not found:
            return []
        kin = kind_of(pattern).maker == kind_of(found).maker
        if pattern.kind and found.kind is not None and not kin:
            text = "%s in %s is %s, not %s"
            raise Refused("name", text % (found.name, place(found.netns), called(found), a_kind(pattern.kind)))
        if found.kind == "" or found.name in FALLBACK:
            raise Refused(
                "state", "%s in %s is %s: it cannot be deleted" % (found.name, place(found.netns), called(found))
            )
        return [found]
    if isinstance(pattern, (Route, Address, Rule, Neighbour, FdbEntry, MdbEntry)):
        near = state.within(pattern.netns, pattern.key[0])
        loose = replace(pattern, metric=None) if isinstance(pattern, Route) and pattern.metric is None else pattern
        return [r for r in near if not made_by_kernel(r) and fits(r, loose)]
    found = state.get(pattern.key)
    if isinstance(found, Pending) and found.undone:
        raise Refused("confirmed", "it comes too late: what the task changed of %s %s" % (found.name, found.undone))
    return [found] if found and not getattr(found, "foreign", None) else []


# What the kernel does


def forward(state, change):
    """Apply a step to a state as the kernel would, with all that falls with it; None is a value not foretold."""
    before, after = change.before, change.after
    if after is None:
        for card, home in cards(state, change):
            relocate(state, card, home)
        fall(state, before)
    elif isinstance(after, Netns):
        state.add(after)
        if before is None and ("link", after.name, "lo") not in state and after.inode is None:
            lo = Link(after.name, "lo", "", mtu=65536, address="00:00:00:00:00:00", up=False, master="", alias="")
            for link in (replace(lo, txqueuelen=1000), *after.natives):
                state.add(link)
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
        for other in peers(state, after) if isinstance(after, WireguardPeer) and after.allowed_ips else ():
            # An address leads to one of them.
            state.add(replace(other, allowed_ips=tuple(ip for ip in other.allowed_ips if ip not in after.allowed_ips)))


def peers(state, one):
    """The other peers of a link, as far as their addresses are known."""
    near = [r for r in state.on(("link", one.netns, one.dev)) if isinstance(r, WireguardPeer)]
    return [r for r in near if r.key != one.key and r.allowed_ips]


def cards(state, change):
    """The network cards that a namespace gives back at its end, to the host as which the module's own is taken here."""
    if not isinstance(change.before, Netns) or change.after is not None or change.before.holders:
        return []
    inside = [r for r in state.on(change.before.key) if isinstance(r, Link) and r.kind == "" and r.name != "lo"]
    return [(r, replace(r, netns="", up=False, master="", port=())) for r in inside]


def fall(state, resource):
    """Take away a resource and all that the kernel takes away with it."""
    held = isinstance(resource, Netns) and resource.holders
    todo = [resource.key]
    while todo:
        key = todo.pop()
        r = state.pop(key)
        for child in state.on(key):
            if key[0] == "link" and isinstance(child, Link) and kind_of(child).loose:
                state.add(replace(child, link=None))
            elif not held or child.netns == resource.name:
                todo.append(child.key)
        if isinstance(r, Link):
            if r.peer and not held:
                todo.append(("link",) + r.peer)
            for port in map(state.get, sorted(state.ports[key])):
                freed = replace(port, master="", port=())
                if kind_of(r).bonds:
                    free(state, port)
                else:
                    state.add(freed)
                unplug(state, port.key)
                if kind_of(r).cycles:
                    cycle(state, freed)
            joined(state, r)
            unbound(state, r)
            lower = state.links(r.link) if r.link else None
            if lower is not None and kind_of(r).alone and "address" in follows(r):
                # It gets the address back that it had.
                state.add(replace(lower, address=None))
                spread(state, lower, replace(lower, address=None))
        elif isinstance(r, Address):
            todo += fallen_with_address(state, r)


def unplug(state, key):
    """Take away what a port has from its bridge."""
    for r in state.on(key):
        if isinstance(r, ON_PORTS) and not getattr(r, "self_", False):
            fall(state, r)


def fallen_with_address(state, gone):
    """Keys of what goes with an address: its secondaries, routes from it, and with the last one all routes."""
    link = state.on(("link", gone.netns, gone.dev))
    if ":" in gone.address:
        return []
    same = [a for a in link if isinstance(a, Address) and ":" not in a.address]
    fallen = [a.key for a in same if not gone.secondary and a.secondary and network(a) == network(gone)]
    if len(fallen) == len(same):
        fallen += [r.key for r in link if isinstance(r, Route) and ":" not in r.dest]
        fallen += [r.key for r in link if isinstance(r, Neighbour) and ":" not in r.address]
    routes = state.routes_from(gone)
    others = state.within(gone.netns, "address") if routes else ()
    still = any(host(a) == host(gone) for a in others if a.key != gone.key)
    return fallen + [r.key for r in routes if not still]


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
    if isinstance(r, MdbEntry) and r.port == old[1]:
        return replace(r, netns=new[0], port=new[1])
    return replace(r, netns=new[0], dev=new[1])


def freeing(before, after):
    """Whether a step lets the ports of a bond go."""
    return isinstance(before, Link) and after is None and kind_of(before).bonds


def free(state, port):
    """A link that was a port of a bond: it is down, with what it had before."""
    now = replace(port, master="", port=(), up=False, address=None, mtu=None)
    state.add(now)
    spread(state, port, now)


def unbound(state, port):
    """What the last port of a bond leaves: the bond has a MAC address by chance."""
    bond = state.links((port.netns, port.master)) if port.master else None
    if bond is None or not kind_of(bond).bonds:
        return
    if dict(bond.attrs).get("primary") == port.name:
        # It is again when it comes back.
        bond = replace(bond, attrs=merged(bond.attrs, dict(primary=None)))
        state.add(bond)
    if not state.ports[bond.key]:
        empty(state, replace(bond, pinned=frozenset()))


def bind(state, port):
    """A link that has become a port of a bond."""
    bond = state.links((port.netns, port.master))
    return replace(port, up=True, **bonded(bond))


def empty(state, link):
    """A bond without ports takes the MAC address of its first, and one by chance when the last has gone."""
    if link is not None and kind_of(link).bonds and not state.ports[link.key] and "address" not in link.pinned:
        loose = replace(link, address=None)
        state.add(loose)
        spread(state, link, loose)


def cycle(state, link):
    """A link goes down and up again; its IPv6 addresses fall even if it was down."""
    up, down = replace(link, up=True), replace(link, up=False)
    state.add(down)
    spread(state, up, down)
    state.add(link)
    if link.up:
        spread(state, down, link)


def defaults(attrs, stated):
    return tuple(sorted({**{attr.name: attr.default for attr in attrs}, **dict(stated)}.items()))


def forward_link(state, change):
    """A link that is made, changed, renamed or moved."""
    before, after, base = change.before, change.after, change.base
    left = before is not None and (before.ref != after.ref or before.master != after.master)
    left = left and port_kind(state, before).bonds
    if before is not None and before.master != after.master and port_kind(state, after).bonds:
        empty(state, state.links((after.netns, after.master)))
    pinned = frozenset(name for name, dummy in change.news("address", "mtu"))
    ports = port_kind(state, after).port
    if before is None:
        # A bridge made with an MTU still takes that of its ports; with a MAC address it keeps it.
        now = replace(
            after,
            address="" if kind_of(after).packets else after.address,
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
            now = replace(now, attrs=merged(now.attrs, {"flag": dict(other.attrs)["flag"], **told}))
        if kind_of(now).over and now.link is None:
            now = replace(now, link=(now.netns, ""))
        now = inheriting(state, settled(now))
        if port_kind(state, now).bonds:
            now = bind(state, now)
        state.add(now)
        share(state, now)
        if after.peer:
            state.add(Link(after.peer[0], after.peer[1], after.kind, peer=after.ref, up=False, master="", alias=""))
        joined(state, now)
        return
    for link in cycled(state, before, after):
        cycle(state, link)
    port = after.port if after.master == base.master else defaults(ports, after.port)
    now = replace(after, pinned=before.pinned | pinned, port=port if after.master else ())
    if after.master != before.master:
        unplug(state, before.key)
    if after.kind == "bridge":
        other_default(state, before, after)
        if dict(after.attrs).get("mcast_snooping") is False:
            # The kernel keeps them and does not tell.
            for r in [r for r in state.on(before.key) if isinstance(r, MdbEntry)]:
                state.pop(r.key)
    if before.netns != after.netns:
        arrived = replace(carried(before, after), pinned=now.pinned)
        relocate(state, before, arrived)
        spread(state, before, arrived)
        before = arrived
    now = settled(now)
    if left and before.netns == now.netns:
        now = replace(now, up=False)
    if left:
        now = replace(now, address=None, mtu=None)
    if after.master != base.master and port_kind(state, now).bonds:
        now = bind(state, now)
    relocate(state, before, now)
    spread(state, before, now)
    if left:
        unbound(state, change.before)
    share(state, now)
    lower = state.links(now.link) if now.link and "address" in pinned and "address" in follows(now) else None
    if lower is not None:
        state.add(replace(lower, address=now.address))
        spread(state, lower, replace(lower, address=now.address))


def other_default(state, before, after):
    """A port of a bridge that has the default VLAN and no other one of its own for that gets the new default."""
    old, new = [dict(link.attrs).get("vlan_default_pvid") for link in (before, after)]
    for key in [before.key, *state.ports[before.key]] if None not in (old, new) and old != new else ():
        r = state.get(("vlans", *key[1:]))
        vlans = dict(r.vlans) if r else {}
        usual = bool(old) and r is not None and r.pvid == old and vlans.get(old) is True
        if r is not None and (usual or (not old and new)) and new not in vlans:
            vlans.pop(old, None) if usual else None
            vlans.update({new: True} if new else {})
            state.add(replace(r, vlans=tuple(sorted(vlans.items())), pvid=new))


def share(state, link):
    """What is the same for all on a lower link."""
    for other in alike(state, link):
        state.add(replace(other, attrs=link.attrs))


def outer(link):
    """The bytes of each packet that a tunnel's outer headers take."""
    attrs = dict(link.attrs)
    return kind_of(link).overhead[any(":" in (attrs.get(name) or "") for name in ("local", "remote"))]


def inheriting(state, link):
    """A new link with what it has from its lower link."""
    link = replace(link, mtu=link.mtu or given_mtu(state, link))
    lower, follow = lower_of(state, link), follows(link)
    if lower is not None and ("address" in follow or (link.address is None and "unset address" in follow)):
        return replace(link, address=lower.address)
    return link


def given_mtu(state, link):
    """What a new link has from the one that it stands on, or by which its packets leave."""
    lower = state.links(link.link) if link.link and (kind_of(link).stands or kind_of(link).overhead) else None
    return lower and lower.mtu and lower.mtu - (outer(link) if kind_of(link).overhead else 0)


def spread(state, before, now):
    """What a change of a link does to what stands on it, to its ports, and to its master."""
    told = {name: value for name, value in bonded(now).items() if getattr(before, name) != getattr(now, name)}
    for port in map(state.get, sorted(state.ports[now.key]) if kind_of(now).bonds and told else ()):
        state.add(replace(port, **told))
        spread(state, port, state.get(port.key))
    down, no_ipv6 = before.up is not False and now.up is False, drops_ipv6(before, now)
    for child in state.on(now.key):
        ipv6 = isinstance(child, (Address, Neighbour, Route)) and ":" in str(child.key)
        if (
            (isinstance(child, Neighbour) and (down or (before.address != now.address and not child.proxy)))
            or (down and (ipv6 or isinstance(child, Route)))
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
    if kind_of(link).over:
        return link
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
        if before.netns != now.netns and isinstance(child, Link) and kind_of(child).over:
            # The kernel takes it for a link that is deleted.
            state.add(replace(child, link=None)) if kind_of(child).loose else fall(state, child)
            continue
        state.pop(child.key)
        if before.netns == now.netns or isinstance(child, MOVING):
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
    wished, gone = {want.key for want in wish.wanted}, {}
    for want in wish.wanted:
        needs = [("netns" if key[0] == "netns" else "dev", key) for key in want.requires()]
        if isinstance(want, Link):
            elsewhere = [key for option, key in needs if key[0] == "netns" and key[1] != want.netns]
            needs = [("link" if key[0] == "link" else option, key) for option, key in needs if key not in elsewhere]
            needs += [("master", ("link", want.netns, want.master))] if want.master else []
            needs += [("link_netns", ("netns", want.link[0]))] if want.link and want.link[0] else []
            if not comes(want, observed):
                needs.append((want.option, want.key))
        elif isinstance(want, MdbEntry):
            needs = [("port" if key[2:] == (want.port,) else option, key) for option, key in needs]
        if isinstance(want, (PortVlans, FdbEntry, MdbEntry)):
            needs += no_ports(want, observed, wished)
        for option, key in needs:
            if key not in observed and key not in coming:
                gone.setdefault(key, option)
    return [(option, key) for key, option in gone.items() if ("netns", key[1]) not in gone or key[0] == "netns"]


def no_ports(want, observed, wished):
    """The link of an entry of a bridge that is to be a port, and is none: the option, and the place of a port."""
    option, bridge = ("port", want.dev) if isinstance(want, MdbEntry) else ("dev", "a bridge")
    link = observed.links((want.netns, getattr(want, option)))
    if link is None or link.kind in (None, "bridge") or link.key in wished or getattr(want, "self_", False):
        return []
    if option == "port":
        master = observed.links((want.netns, bridge))
        there = link.master == bridge or (master is not None and master.kind not in (None, "bridge"))
    else:
        there = bridge_of(observed, link) is not None
    return [] if there else [(option, ("port", *link.ref, bridge))]


def absent(option, key):
    """The sentence for something that is missing."""
    if key[0] == "netns":
        return Refused(option, "there is no network namespace %s" % key[1])
    if key[0] == "port":
        return Refused(option, "%s is no port of %s" % key[2:])
    return Refused(option, "there is no link %s in %s" % (key[2], place(key[1])))


def assume(observed, wish):
    """The state as an earlier task of the same dry run would have left it."""
    state = observed.copy()
    for dummy in range(2):
        for dummy, key in missing(wish, state):
            if key[0] == "netns":
                forward(state, Change(None, Netns(key[1])))
            else:
                known = state.links(key[1:3])
                state.add(replace(known, kind=None) if known else Link(key[1], key[2]))
    return state


# The way back


def reach(steps, *states):
    """Keys of all that these steps can have touched."""
    seen = set()
    for state in states:
        todo = [r for change in steps for r in (change.before, change.after) if r is not None]
        todo += [r for r in [state.get(r.key) for r in todo] if r is not None]
        keys, done, wide = set(), set(), set()
        while todo:
            r = todo.pop()
            if id(r) in done:
                continue
            done.add(id(r))
            key, near = r.key, []
            if isinstance(r, Link):
                near += [state.links(ref) for ref in (r.peer, r.link, r.master and (r.netns, r.master)) if ref]
            if key not in keys:
                keys.add(key)
                near += map(state.get, (*state.children.get(key, ()), *state.ports.get(key, ())))
                if isinstance(r, Address):
                    near += siblings(state, r)
                elif isinstance(r, WireguardPeer):
                    near += peers(state, r)
                elif isinstance(r, Sysctl) and r.netns not in wide:
                    near += state.within(r.netns, "sysctl")
                    wide.add(r.netns)
            todo += [r for r in near if r is not None and id(r) not in done]
        seen |= keys
        seen |= {home.key for change in steps for dummy, home in cards(state, change)}
    return seen


def by_itself(sysctl, state):
    """The value that a new namespace or link has."""
    if sysctl.dev not in HOST_WIDE:
        above = state.get(replace(sysctl, dev="default").key)
    else:
        above = state.get(replace(sysctl, netns="").key) if sysctl.family == "ipv4" else None
    return above.value if above else 0


def restore(steps, before, now, refused=None):
    """The steps that lead from `now` back to the snapshot `before`, as far as `steps` can have reached.

    What cannot be put back is named in `refused`, with the reasons by key.
    """
    refused = {} if refused is None else refused
    if not steps:
        return ()
    keys = reach(steps, before, now)
    went = {
        c.before.ref: c.after.ref
        for c in steps
        if isinstance(c.before, Link) and isinstance(c.after, Link) and c.before.ref != c.after.ref
        # A tunnel made elsewhere, or what had a spare name, was not there before.
        if c.before.key in before
    }
    went.update({card.ref: home.ref for c in steps for card, home in cards(before, c) if home.key in now})
    came = {new: old for old, new in went.items()}
    # A namespace that lost its name to us but not its processes still has all that was in it.
    held = {r.name for r in before if isinstance(r, Netns) and r.holders and r.key not in now}
    wanted = []
    for r in sorted((r for r in before if r.key in keys and not made_by_kernel(r)), key=order):
        if isinstance(r, Link):
            known = r.link is None or not r.link[1] or ("link",) + r.link in before
            lower = r.link if known else (r.link[0], None) if kind_of(r).over else None
            r = replace(r, taken_from=went.get(r.ref), link=lower)
            if not (comes(r, now) or r.key in now or r.name == "lo"):
                continue
        elif isinstance(r, Netns):
            natives = [link for link in before.on(r.key) if isinstance(link, Link) and link.name in FALLBACK - {"lo"}]
            natives = tuple(replace(link, up=False) for link in natives)
            r = replace(r, inode=r.inode if r.path else None, nsid=None if r.key in now else r.nsid, natives=natives)
        elif isinstance(r, Sysctl) and r.value == by_itself(r, before) and not all(key in now for key in r.requires()):
            continue
        elif isinstance(r, PortVlans):
            r = replace(r, exact=True)
        elif isinstance(r, Pending) or (isinstance(r, Impairment) and r.foreign):
            continue
        if isinstance(r, Netns) or r.netns not in held:
            wanted.append(r)
    there = State(wanted)
    wanted = [r for r in wanted if all(key in there or key in now for key in r.requires())]

    def goes(r):
        """Whether it was not there, and goes neither with its link nor by itself."""
        if r.key in before or made_by_kernel(r) or isinstance(r, (Sysctl, PortVlans)):
            return False
        if isinstance(r, Link):
            return r.kind != "" and r.ref not in came
        home = came.get((r.netns, getattr(r, "dev", None)))
        stays = home is not None and (home[0] == r.netns or isinstance(r, MOVING))
        return home is None or (stays and renamed(r, (r.netns, r.dev), home).key not in before)

    unwanted = sorted((r for r in now if r.key in keys and goes(r)), key=order)
    # A namespace that only got its name from us is set right before it loses it again.
    adopted = {r.netns for r in before if r.netns and ("netns", r.netns) not in before}
    back, state = (), now.copy()
    for inside in (True, False):
        parts = [
            [r for r in rs if (r.netns in adopted and not isinstance(r, Netns)) == inside] for rs in (wanted, unwanted)
        ]
        wish = Wish(*map(tuple, parts), allow=frozenset(("recreate", "take_over", "as_it_was")))
        steps = _Planner(wish, state, refused).run()
        for change in steps:
            forward(state, change)
        back += steps
    return back
