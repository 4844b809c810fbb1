# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel does to other resources when a link is made, changed, moved or deleted."""

from __future__ import annotations

from .._core.resource import fall
from .._core.rows import changed, with_defaults
from .._core.values import merged, replace
from .._kinds.base import inherits, kind_of, port_kind
from .._kinds.effects import change, propagate, tell_master, with_or_without_ipv6
from .link import Link, given_mtu, lower_of, same_attrs


def predict(state, before, after):
    if before is None:
        predict_new(state, after)
    else:
        predict_change(state, before, after)


def predict_new(state, after):
    kind, master = kind_of(after), port_kind(state, after)
    # A bridge made with an MTU still takes that of its ports; with a MAC address it keeps it.
    now = replace(
        after,
        address="" if kind.l3 else after.address,
        up=bool(after.up),
        master=after.master or "",
        alias="",
        link_group=after.link_group or 0,
        allmulti=bool(after.allmulti),
        promisc=bool(after.promisc),
        arp=kind.arp_by_itself(after) if after.arp is None else after.arp,
        attrs=with_defaults(kind.attrs, after.attrs),
        port=with_defaults(master.port, after.port),
        pinned=frozenset(("address",) if after.address else ()),
    )
    # It goes up when it has its flags.
    now = replace(now, arp=kind.arp_after(replace(now, up=False), now))
    for other in same_attrs(state, now):
        told = {row.name: value for row, value, dummy in changed(kind.attrs, (), after.attrs, any_change=True)}
        # A mode that is not sent is reset, a flag is not.
        now = replace(now, attrs=merged(now.attrs, {"flag": dict(other.attrs)["flag"], **told}))
    if kind.underlay and now.link is None:
        now = replace(now, link=(now.netns, ""))
    now = master.joined_port(state, inheriting(state, kind.normalized(now)))
    state.add(now)
    kind.born(state, now)
    share_attrs(state, now)
    if after.peer:
        plain = dict(up=False, master="", alias="", link_group=0, allmulti=False, promisc=False)
        plain.update(arp=kind.arp_by_itself(after), attrs=kind.far_attrs(now.attrs))
        state.add(Link(*after.peer, after.kind, peer=after.ref, **plain))
    tell_master(state, now)


def predict_change(state, before, after):
    base, old_master = before.after_move(after), port_kind(state, before)
    moved = before.ref != after.ref or before.master != after.master
    master = state.master_of(after)
    if master is not None and before.master != after.master:
        kind_of(master).first_port(state, master)
    pinned = frozenset(n for n in ("address", "mtu") if getattr(after, n) not in (None, getattr(base, n)))
    new_master = port_kind(state, after)
    bounce_ports(state, before, after)
    port = after.port if after.master == base.master else with_defaults(new_master.port, after.port)
    now = replace(after, pinned=before.pinned | pinned, port=port if after.master else ())
    now = with_or_without_ipv6(before, now)
    if after.master != before.master:
        leave_bridge(state, before.key)
    kind_of(after).changed(state, before, after)
    start = before
    if before.netns != after.netns:
        arrived = replace(base, pinned=now.pinned)
        relocate(state, before, arrived)
        propagate(state, before, arrived)
        before = arrived
    now = kind_of(now).normalized(replace(now, arp=kind_of(now).arp_after(before, now)))
    now = narrowed(state, base, now)
    if moved:
        now = old_master.left_port(now, before.netns == now.netns)
    if after.master != base.master:
        now = new_master.joined_port(state, now)
    relocate(state, before, now)
    propagate(state, before, now)
    if moved:
        lose_port(state, start)
    share_attrs(state, now)
    if start.up is not False and now.up is False:
        kind_of(now).went_down(state, now)
    lower = state.link(now.link) if now.link and "address" in pinned and "address" in inherits(now) else None
    if lower is not None:
        change(state, lower, replace(lower, address=now.address))


def narrowed(state, base, now):
    """It with no more than the MTU that another link for its outer packets leaves it."""
    kind = kind_of(now)
    if (
        now.link in (None, base.link)
        or now.mtu != base.mtu
        or not (kind.underlay and kind.overhead(now) and now.link[1])
    ):
        return now
    most = given_mtu(state, now)
    return replace(now, mtu=min(now.mtu, most) if now.mtu and most else None)


def bounce_ports(state, before, after):
    for kind in masters_that_change(state, before, after):
        kind.bounce_port(state, before)


def masters_that_change(state, before, after):
    """The kinds of master that a link leaves and joins in its namespace, each once."""
    if before.netns != after.netns or before.master == after.master:
        return []
    return {kind.name: kind for kind in (port_kind(state, before), port_kind(state, after))}.values()


def leave_bridge(state, key):
    """A port loses what it has of its bridge."""
    for r in state.on(key):
        if r.of_port and not getattr(r, "self_", False):
            fall(state, r)


def lose_port(state, port):
    master = state.master_of(port)
    if master is not None:
        kind_of(master).lost_port(state, master, port)


def share_attrs(state, link):
    """What is the same for all on a lower link."""
    for other in same_attrs(state, link):
        now = replace(other, attrs=link.attrs)
        state.add(replace(now, arp=kind_of(now).arp_after(other, now)))


def inheriting(state, link):
    """A new link with what it has from its lower link."""
    link = replace(link, mtu=link.mtu or given_mtu(state, link))
    lower, names = lower_of(state, link), inherits(link)
    if lower is not None and ("address" in names or (link.address is None and "unset address" in names)):
        return replace(link, address=lower.address)
    return link


def relocate(state, before, now):
    """Put a link in the place of what it was, and take along what goes with it."""
    children, ports = state.on(before.key), [state.get(key) for key in state.ports[before.key]]
    state.pop(before.key)
    state.add(now)
    if before.ref == now.ref:
        return
    for child in children:
        if before.netns != now.netns and child.sort == "link" and kind_of(child).falls_when_lower_moves():
            # The kernel takes it for a link that is deleted.
            left = child.survivor(before)
            state.add(left) if left is not None else fall(state, child)
            continue
        if before.netns == now.netns or child.moves_along:
            state.pop(child.key)
            state.add(child.renamed(before.ref, now.ref))
        else:
            fall(state, child)
    for port in ports:
        state.add(replace(port, master=now.name))
    if before.master and before.master == now.master and before.netns == now.netns:
        port_kind(state, now).renamed_port(state, before, now)
    far = state.link(before.peer) if before.peer else None
    if far is not None:
        state.add(replace(far, peer=now.ref))


def collateral(state, before, after):
    """What the kernel drops as a side effect of a step, and ports that stay down."""
    if after is None:
        return kind_of(before).collateral(state, before)
    fallen = [r for kind in masters_that_change(state, before, after) for r in kind.port_collateral(state, before)]
    if (before.arp, before.address) != (after.arp, after.address) and before.netns == after.netns:
        fallen += neighbours(state, before.key)
    return fallen


def neighbours(state, key):
    """Those on a link, and on its upper links."""
    return [r for r in state.dependents(key) if r.sort == "neighbour"]


def shakes(state, change):
    """A master takes another MAC address, and forgets who is where, as do its upper links."""
    ends = [link for link in (change.before, change.after) if link is not None and link.master]
    masters = {("link", link.netns, link.master) for link in ends if state.within(link.netns, "neighbour")}
    return [r for key in masters for r in neighbours(state, key)]


def takes_along(state, link, held):
    """Predict the end of a link; the keys of what falls besides what requires it."""
    kind, keys = kind_of(link), []
    if link.peer and not held:
        keys.append(("link", *link.peer))
    for port in map(state.get, sorted(state.ports[link.key])):
        kind.freed_port(state, port)
        leave_bridge(state, port.key)
    tell_master(state, link)
    lose_port(state, link)
    kind.gone(state, link)
    return keys
