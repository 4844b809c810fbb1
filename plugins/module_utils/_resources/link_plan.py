# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps to a link as it is desired: made, changed, moved, made anew, given to a master."""

from __future__ import annotations

from .._core.desired import Change
from .._core.rows import changed
from .._core.values import Refused, merged, place, replace
from .._kinds.base import called, inherits, kind_of, port_kind
from .._rooms import load
from .link import OF_LINK, Link, given_mtu, lower_of, same_attrs
from .link_checks import check_attrs, check_lower, check_master, check_port, check_upper
from .link_claims import make_way
from .link_hand_over import address_of_port, addresses_to_move, leave, move


def plan(planner, want, have):
    have = leave(planner, want, have)
    near = addresses_to_move(planner, want, have)
    plan_link(planner, want, have)
    move(planner, near, want.ref, (want.netns, want.master))


def plan_link(planner, want, have):
    have = kind_of(want).prepare(planner, want, have)
    if have is None and want.taken_from and not want.peer:
        have = planner.state.link(want.taken_from)
    if want.link and want.link[1] is None:
        same = have is not None and have.link and have.link[0] == want.link[0]
        want = replace(want, link=have.link if same else (want.link[0], ""))
    if have is None:
        make(planner, want)
    elif kind_of(have).netns_local() and have.netns != want.netns:
        text = "%s, %s, stays in the network namespace in which it was made"
        raise Refused("from_netns", text % (have.name, called(have)))
    else:
        why = why_anew(have, want)
        if why and not planner.allows("recreate", want):
            raise Refused(*why)
        (recreate if why else change)(planner, have, want)


def make(planner, want):
    """A new link, if there can be one."""
    if kind_of(want).name != want.kind:
        raise Refused(want.option, "there is no link %s in %s" % (want.name, place(want.netns)))
    check_port(planner, want, want)
    check_upper(planner, want, want)
    make_way(planner, want)
    check_attrs(planner, want, want)
    up = want.up or port_kind(planner.state, want).sets_port_up()
    check_lower(planner, want, replace(want, up=up))
    create(planner, want)


def create(planner, want):
    """A new link; a tunnel is made where its outer packets are, and what needs a spare name first gets one."""
    want = replace(want, address=want.address or address_of_port(planner, want))
    state, home = planner.state, want.link[0] if want.link else want.netns
    has_underlay = bool(kind_of(want).underlay)
    taken = state.link((home, want.name)) is not None
    if home == want.netns or not (has_underlay or taken):
        new = fresh(planner, want)
        planner.step(Change(None, new))
        if want.up and not new.up:
            # At once: what is on it wants it up.
            have = state.link(want.ref)
            planner.step(Change(have, link_after(planner, have, want)))
        return
    spare = ("virtnet%d" % number for number in range(len(state.items) + 1))
    names = spare if taken else [want.name]
    name = next(n for n in names if not any(state.link((netns, n)) for netns in (home, want.netns)))
    start = Link(home if has_underlay else want.netns, name, want.kind, link=want.link, attrs=want.attrs)
    planner.step(Change(None, fresh(planner, start)))
    have = state.link(start.ref)
    planner.step(Change(have, link_after(planner, have, want)))


def fresh(planner, want):
    """A link as the kernel is asked to make it."""
    state = planner.state
    others = same_attrs(state, want)
    if others:
        want = replace(want, attrs=tuple(sorted({**dict(others[0].attrs), **dict(want.attrs)}.items())))
    want = kind_of(want).newborn(port_kind(state, want).new_port(want))
    lower = lower_of(state, want)
    # The kernel ignores these at creation: the next pass sets them. What is inherited need not be sent.
    news = dict(alias=None, addrgenmode=None)
    if want.up and want.addrgenmode not in (None, "eui64"):
        # Before it is up, or it has an address by then.
        news["up"] = False
    if planner.rolls_back and want.arp == kind_of(want).arp_by_itself(want):
        news["arp"] = None
    told = {"mtu": None} if want.mtu is not None and want.mtu == given_mtu(state, want) else {}
    if lower is not None and want.address == lower.address and inherits(want) & {"address", "unset address"}:
        told["address"] = None
    return replace(want, **news, **told)


def change(planner, have, want):
    """The steps that change a link in place."""
    state = planner.state
    check_master(planner, have, want)
    after = link_after(planner, have, want)
    if after == have and all(getattr(after, f) in ((), getattr(have, f)) for f in ("conf", "raw")):
        return
    if make_way(planner, after):
        have = state.get(have.key)
        after = link_after(planner, have, want)
    masters = port_kind(state, have), port_kind(state, after)
    # One that sets its ports up takes and frees them in a step of its own.
    apart = after.master != have.master and any(kind.sets_port_up() for kind in masters)
    if apart and have.ref != after.ref:
        after = replace(after, master="", port=())
    check_port(planner, after, want)
    check_upper(planner, after, want)
    check_attrs(planner, after, want)
    check_lower(planner, after, replace(want, up=(want.up and not have.up) or (apart and masters[1].sets_port_up())))
    if apart and have.ref == after.ref:
        setting = next(kind for kind in masters if kind.sets_port_up())
        setting.plan_move(planner, have, after)
    elif have.ref != after.ref and have.netns == after.netns and have.up:
        rename(planner, have, after, want)
    else:
        first = kind_of(have).intermediate(have, after)
        if first != have:
            planner.step(Change(have, first))
        set_link(planner, first, after)


def rename(planner, have, after, want):
    """Before Linux 6.2 a link that is up keeps its name."""
    near = planner.state.on(have.key)
    kept = [r.renamed(have.ref, after.ref) if r in near else r for r in planner.state.dependents(have.key)]
    kept += [r for key in carried(planner.state, have) for r in planner.state.dependents(key) if r.sort != "link"]
    down = replace(have, up=False)
    planner.step(Change(have, down))
    planner.step(Change(down, replace(after, up=have.up if want.up is None else want.up)))
    planner.reassert(kept)


def carried(state, link):
    """The keys of links that lose their carrier with one: its far end, and the masters of both."""
    far = state.link(link.peer) if link.peer else None
    ends = [link] if far is None else [link, far]
    return [end.key for end in ends[1:]] + [("link", end.netns, end.master) for end in ends if end.master]


def set_link(planner, have, after):
    """One step; what falls with a link that is to go down is not put back."""
    if have.up and after.up is False:
        planner.step(Change(have, after))
    else:
        planner.set(have, after)


def link_after(planner, have, want):
    """The link with what is desired; a value that the kernel would only round stays as it is."""
    state, base = planner.state, have.after_move(want)
    if planner.rolls_back:
        # What nobody predicts is as it was more often than not, and is looked at again.
        unknown = [name for name in ("arp", "addrgenmode") if getattr(base, name) is None]
        want = replace(want, **dict.fromkeys(unknown)) if want.addrgenmode in (None, "eui64") else want
    after = replace(base.overlay(want), conf=base.conf or want.conf)
    lower = state.link(base.link) if base.link else None
    if kind_of(base).slaves(base) or (
        "address" in kind_of(base).inherits and lower is not None and lower.address is None
    ):
        # It comes with that of the lower link.
        after = replace(after, address=base.address)
    news = {row.name: value for row, value, dummy in changed(kind_of(base).attrs, base.attrs, want.attrs)}
    after = replace(after, attrs=tuple(sorted({**dict(base.attrs), **news}.items())))
    if kind_of(base).arp_after(base, replace(after, arp=base.arp)) == after.arp:
        # It comes with the rest.
        after = replace(after, arp=base.arp)
    master = port_kind(state, after)
    old = base.port if after.master == base.master else ()
    port = {**dict(old), **{row.name: value for row, value, dummy in changed(master.port, old, want.port)}}
    after = replace(after, port=tuple(sorted(port.items())), slave_kind=master.name)
    after = replace(after, raw=raw_after(base, want, after))
    return master.reachable_port(planner, kind_of(after).reachable(planner, after, base), base)


def raw_after(base, want, after):
    """What is not described, where it goes back; what a port has of its master it has only there."""
    if after.master == base.master:
        return base.raw or want.raw
    of_port = tuple(one for one in want.raw if one[0] == after.slave_kind)
    return tuple(one for one in base.raw or want.raw if one[0] in OF_LINK) + of_port


def why_anew(have, want):
    """What only a new link can have: the option and a sentence, or nothing."""
    kind = kind_of(have)
    if want.kind and have.kind is not None and have.kind != want.kind:
        text = "%s in %s is %s, not %s"
        return want.option, text % (have.name, place(have.netns), called(have), called(want))
    if want.link and have.link and have.link != want.link:
        if kind.underlay and have.link[0] != want.link[0]:
            text = "the outer packets of %s are in %s; only recreate: true puts them elsewhere"
            return "link_netns", text % (have.name, place(have.link[0]))
        movable = kind.underlay and not kind.underlay_fixed() and have.link[0] == have.netns and want.link[1]
        if not movable:
            text = "%s stands on %s; only recreate: true puts it on another link"
            lower = {None: "a link that is gone", "": "any link"}.get(have.link[1], have.link[1])
            return "link", text % (have.name, lower)
    text = "%s has %s and cannot change it in place; recreate: true makes the link anew"
    if kind.mac_fixed() and None not in (want.address, have.address) and want.address != have.address:
        return "address", text % (have.name, have.address)
    for row, value, was in changed(kind.attrs, have.attrs, want.attrs):
        if not row.same(was, value) and row.keeps(was, value):
            return row.name, text % (have.name, told(was))
    return None


def recreate(planner, have, want):
    anew, state, same_kind = load("_resources", "link_anew"), planner.state, have.kind == want.kind
    master = have.master if want.master is None and same_kind else want.master
    ports = state.ports_of(have) if same_kind else []
    together = same_kind and have.peer and have.peer == want.peer and not planner.rolls_back
    far = state.link(have.peer) if together else None
    kept = falling(state, have, want, far)
    lower = lower_of(state, have)
    own = kind_of(have).has_own_address(have, ports) and (lower is None or lower.address != have.address)
    planner.step(Change(have, None))
    want = replace(want, master=master, up=have.up if want.up is None else want.up)
    want = anew.as_it_was(planner, have, want, own)
    make_way(planner, want)
    check_attrs(planner, want, want)
    check_lower(planner, want, want)
    create(planner, want)
    tell_later(planner, have, want)
    ports = ports if have.ref == want.ref else []
    kept = add_ports(planner, have, ports, kept)
    if ports:
        tell_later(planner, have, want)
    if far is not None:
        tell_later(planner, far, anew.far_as_it_was(planner, far))
    if have.master and not want.master:
        kept = [r for r in kept if not r.of_port or getattr(r, "self_", False)]
    planner.reassert(kept)


def told(value):
    return "none" if value == "" else value


def falling(state, have, want, far):
    """What falls with a link, and with its far end, and is to be put back when it is made anew."""
    kept = []
    for r in state.dependents(have.key) if have.ref == want.ref else ():
        if r.sort == "link" and r.link == have.ref and r.address == have.address and inherits(r):
            r = replace(r, address=None)
        kept.append(r)
    kept += state.dependents(far.key) if far is not None else []
    return kept + have.collateral(state, None)


def tell_later(planner, have, want):
    """What the kernel ignores at creation."""
    now = planner.state.get(want.key)
    after = link_after(planner, now, want)
    if have.kind == want.kind and now != after:
        planner.set(now, after)


def add_ports(planner, have, ports, kept):
    """The ports of a link that was made anew; what of `kept` is still to be put back."""
    state = planner.state
    for port in ports:
        now, new = state.get(port.key), kind_of(have).new_port(port)
        planner.step(Change(now, replace(now, master=port.master, port=new.port, slave_kind=port.slave_kind)))
        kept = kind_of(have).keeps_ports([port], kept)
    for port in ports:
        now = state.get(port.key)
        after = kind_of(have).reachable_port(planner, replace(now, port=merged(now.port, port.port)), now)
        if now != after:
            planner.step(Change(now, after))
    return kept


def reassert(planner, link):
    """A link that may have fallen, or gone down, is put back; a tunnel leaves by its lower link again."""
    state = planner.state
    return_to_lower(planner, link)
    if kind_of(link).slaves(link):
        link = replace(link, address=None)
    have, want = state.get(link.key), planner.present.get(link.key)
    if have is None:
        other = want is not None and (
            want.kind not in (None, "", link.kind) or (planner.rolls_back and want.link != link.link)
        )
        if planner.can_be(link) and not other:
            put_back(planner, link)
    elif kind_of(link).slaves(link) != kind_of(have).slaves(have) and all(key in state for key in link.requires()):
        recreate(planner, have, lowered(state, link))
    elif link.up is not None and have.up != link.up:
        lower = state.link(link.link) if "up" in inherits(link) else None
        if not (link.up and lower is not None and lower.up is False):
            planner.step(Change(have, replace(have, up=link.up)))


def return_to_lower(planner, link):
    have, kind = planner.state.get(link.key), kind_of(link)
    lost = kind.underlay and not kind.underlay_fixed() and link.link is not None
    near = lost and link.link[0] == link.netns and ("link", *link.link) in planner.state
    if near and have is not None and have.link and have.link[1] is None:
        planner.step(Change(have, replace(have, link=link.link)))


def put_back(planner, link):
    link = lowered(planner.state, link)
    for dummy in range(2):
        plan_link(planner, link, planner.state.get(link.key))


def lowered(state, link):
    """A link without an MTU that is too large for what it stands on."""
    most = given_mtu(state, link) if lower_of(state, link) is not None else None
    return replace(link, mtu=None) if most and link.mtu and most < link.mtu else link
