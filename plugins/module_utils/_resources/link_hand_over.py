# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a link has of its host goes to its master, and back when that goes or the link leaves it."""

from __future__ import annotations

from .._core.desired import Change
from .._core.values import Refused, replace
from .._kinds.base import kind_of
from .._kinds.effects import check_mtu
from .link import Link
from .link_checks import carried, check_uplink, master_option

# What goes with its host to another link, and how it is called.
FOREVER = "forever"
MOVING = {"address": "%(address)s", "nexthop": "nexthop %(id)d", "route": "%(dest)s"}


def movable(state, link):
    """What a link has that goes with its host to another one."""
    return [r for r in state.on(link.key) if r.sort in MOVING and r.is_movable]


def address_of_port(planner, want):
    """The MAC address that a new master has from a card: given at once, udev leaves it alone, and the LAN knows it."""
    kind = kind_of(want)
    for port in planner.present if kind.accepts_ports() == "frames" and not planner.rolls_back else ():
        card = planner.state.link(port.ref) if port.sort == "link" and (port.netns, port.master) == want.ref else None
        gives = card is not None and planner.allows("take_over_addresses", port) and movable(planner.state, card)
        if gives or (card is not None and kind.sets_port_up() and not want.netns):
            return card.address
    return None


def addresses_to_move(planner, want, have):
    """What a port gives to its master, which has the addresses as well before the link is its port."""
    state = planner.state
    master = state.master_of(want)
    if have is None or master is None or kind_of(master).accepts_ports() == "any" or planner.rolls_back:
        return []
    near = movable(state, have)
    if not planner.allows("take_over_addresses", want):
        if have.master != want.master:
            check_uplink(planner, have, want)
        return []
    if near and master.up is False:
        text = "%s is down; up, it can take over the addresses and routes of %s"
        raise Refused(master_option(want), text % (master.name, have.name))
    if near and have.master != want.master:
        check_manager(planner, want, have, near)
        give_address(planner, have, master)
    for r in near:
        if any(w.key == r.key and have.key in w.requires() for w in planner.desired.present):
            text = "%s is described on %s, which gives what it has to %s"
            raise Refused("take_over_addresses", text % (MOVING[r.sort] % vars(r), have.name, master.name))
    give_addresses(planner, near, have, master)
    return near


def check_manager(planner, want, have, near):
    """Refuse what whoever manages the card would end."""
    page = 'have it make %s and put %s into that, see the page "Beside other managers"' % (want.master, have.name)
    if have.manager and planner.desired.persistent:
        text = "%s manages %s, and gives it its addresses in each boot: %s"
        raise Refused("persistent", text % (have.manager, have.name, page))
    short = [r for r in near if r.sort == "address" and r.valid_lft not in (None, FOREVER)]
    if have.manager and short:
        text = "%s has %s by DHCP or router advertisements for %d s more, and %s would not renew it on %s: %s"
        words = (have.name, short[0].address, short[0].valid_lft, have.manager, want.master, page)
        raise Refused(master_option(want), text % words)


def give_address(planner, card, master):
    """The LAN knows the host by the MAC address of the card, so the master gets it, unless it is to have another."""
    wanted = planner.present.get(master.key)
    free = wanted is None or not wanted.address
    if free and None not in (card.address, master.address) and card.address != master.address:
        planner.set(master, replace(master, address=card.address))


def give_addresses(planner, near, start, to):
    """The other link has the addresses as well."""
    for r in sorted((r for r in near if r.sort == "address"), key=lambda r: r.position):
        there = replace(r.renamed(start.ref, to.ref), label="").known(planner.state)
        if there.key not in planner.state:
            if ":" in there.address:
                check_mtu(planner, there)
            planner.step(Change(None, there))


def move(planner, near, start, to):
    """The routes and nexthops of a link become those of another one, and then its addresses go."""
    addresses = [r for r in near if r.sort == "address"]
    # Of routes those first by which the gateways of the others are reached.
    others = [r for r in near if r.sort != "address"]
    for r in sorted(others, key=lambda r: (r.order()[2], getattr(r, "position", 0))):
        there = r.renamed(start, to)
        # One whose gateway an address leads to that is still to come waits for the next pass.
        if there.accepted(planner.state):
            planner.state.get(r.key).pass_to(planner, there)
    planner.absent |= {r.key for r in addresses}
    # Not every host lets secondaries go with their primary: net.ipv4.conf.*.promote_secondaries. The last one first,
    # so that what comes back after a failure has its place again.
    for r in sorted(addresses, key=lambda r: (not r.secondary, -r.position)):
        planner.remove(r)


# The way back


def heir(planner, master):
    """The port that gets back what its master has: the one that gave it, or has the MAC address of its master."""
    ports = planner.state.ports_of(master)
    ports = [port for port in ports if port.key not in planner.absent or is_record(planner, port)]
    gave = [port for port in ports if is_record(planner, port)]
    return next(iter(gave or [port for port in ports if port.address == master.address]), None)


def is_record(planner, port):
    """Whether a topology has made the link a port and given its addresses to its master, and takes that back."""
    return any(r.key == port.key and r.kind is None and r.master == port.master for r in planner.desired.prune)


def before_removal(planner, link):
    """Nothing takes the way to the host along."""
    if planner.rolls_back:
        return
    port = heir(planner, link)
    if port is not None and (planner.allows("take_over_addresses", link) or is_record(planner, port)):
        give_back(planner, link, port)
    else:
        check_carrier(planner, link, port, link, "state")


def leave(planner, want, have):
    """The link after it has what it gave to a master that it is to leave."""
    if have is None or not have.master or want.master in (None, have.master) or planner.rolls_back:
        return have
    master = planner.state.link((have.netns, have.master))
    if master is None or kind_of(master).accepts_ports() != "frames" or heir(planner, master) != have:
        return have
    if planner.allows("take_over_addresses", want) or is_record(planner, have):
        give_back(planner, master, have)
    else:
        check_carrier(planner, master, have, want, master_option(want))
    return planner.state.get(have.key)


def check_carrier(planner, link, port, want, option):
    """Refuse what would take the way to the host from under it: it could not be told of that any more."""
    what = "" if link.netns else carried(planner, link, alone=True)
    if what and (port is not None or want is not link):
        text = "%s carries %s; take_over_addresses: true gives its addresses and routes to %s"
        raise Refused(option, text % (link.name, what, port.name))
    if what:
        raise Refused(option, "%s carries %s, which would go with it" % (link.name, what))


def give_back(planner, master, port):
    """The port leaves its master with all that this has of the host."""
    near = [r for r in movable(planner.state, master) if r.key not in planner.absent]
    planner.step(Change(port, replace(port, master="", port=())))
    port = planner.state.get(port.key)
    if near and port.up is False:
        planner.step(Change(port, replace(port, up=True)))
    give_addresses(planner, near, master, planner.state.get(port.key))
    move(planner, near, master.ref, port.ref)


def recorded(links, allow):
    """The cards that give what they have to a master, as a topology remembers them."""
    given = [r for r in links if r.sort == "link" and r.master and ("take_over_addresses", r.key) in allow]
    return [Link(r.netns, r.name, master=r.master) for r in given if r.kind is None]
