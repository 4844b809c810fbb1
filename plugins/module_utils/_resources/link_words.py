# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A step of a link as the words of ip(8), wg(8), chown(1) and chmod(1)."""

from __future__ import annotations

from shlex import quote

from .._core.rows import changed, ip_args
from .._core.words import HOME, ip, shell
from .._kinds.base import kind_named, kind_of
from .._kinds.effects import drops_ipv6
from . import link_conf
from .link import Link

ROWS = [row for row in Link.ROWS if row.name != "addrgenmode"]


def commands(link, step):
    if step.verb == "delete":
        return [ip(link.netns, "link", "delete", "dev", link.name)]
    old, base, kind = step.before, step.base, kind_of(link)
    words = common_words(step)
    typed, out = type_words(link, base, kind), []
    if old is None:
        out += make(link, kind, words, typed)
    elif old.netns != link.netns:
        name = ["name", link.name] if old.name != link.name else []
        out.append(ip(old.netns, "link", "set", "dev", old.name, "netns", link.netns or HOME, *name))
    elif old.name != link.name:
        out.append(ip(old.netns, "link", "set", "dev", old.name, "name", link.name, *words))
        words = []
    # In one message with `up` it would come too late for the first address.
    modes = [["addrgenmode", mode] for dummy, mode in step.changed_fields("addrgenmode")]
    modes, words = after_mtu(link, base, modes, words)
    kept = ["mtu", str(link.mtu)] if kind.full_update and link.mtu else []
    for sent in (*modes, words, [*kept, "type", kind.name, *typed] if typed else []):
        if old is not None and sent:
            out.append(ip(link.netns, "link", "set", "dev", link.name, *sent))
    if base is not None and dict(link.attrs).get("primary") == "" != dict(base.attrs)["primary"]:
        out.append(shell(link.netns, "echo > /sys/class/net/%s/bonding/primary" % quote(link.name)))
    out += later_commands(link, base)
    if link.conf and not (base and base.conf):
        out += link_conf.commands(link)
    return out + port_commands(link, base) + kind.more_commands(link, step)


def common_words(step):
    news = dict(step.changed_fields("up", *(row.name for row in ROWS)))
    words = [word for row in ROWS if row.name in news for word in row.ip_args(news[row.name], None)]
    words += ip_args(Link.AT_ONCE, step.base.rest if step.base else (), step.target.rest)
    return words + (["up" if news["up"] else "down"] if "up" in news else [])


def type_words(link, base, kind):
    """The words after the type: the changed options, and the link by which outer packets leave."""
    moved = base is None or link.link != base.link
    leaves = bool(kind.underlay and link.link and link.link[1])
    typed = ip_args(kind.attrs, base.attrs if base else (), link.attrs, not base, leaves and moved)
    # Of these ip(8) sends no default.
    if leaves and (moved or {"group", "if_id"} & set(typed)):
        typed += ["dev", link.link[1]]
    return of_peer(typed)


def of_peer(typed, more=()):
    """The words of a type, those of the peer after one word."""
    at = typed.index("peer") if "peer" in typed else len(typed)
    far = [word for word in typed[at:] if word != "peer"] + list(more)
    return typed[:at] + (["peer"] + far if far else [])


def later_commands(link, base):
    later = changed(Link.LATER, base.rest if base else (), link.rest)
    orders = [words for row, value, dummy in later for words in row.orders(value)]
    return [ip(link.netns, "link", "set", "dev", link.name, *words) for words in orders]


def port_commands(link, base):
    rows = kind_named(link.slave_kind).port if link.slave_kind else ()
    fresh = base is None or base.master != link.master
    words = ip_args(rows, () if fresh else base.port, link.port, fresh)
    start = ip(link.netns, "link", "set", "dev", link.name, "type", "%s_slave" % link.slave_kind)
    return [start + words] if words else []


def make(link, kind, words, typed):
    """`ip link add`, from where the lower link is, or for a pair from the host's own namespace if one end is there."""
    start = ["name", link.name]
    if kind.maker == "tuntap":
        first = ip(link.netns, "tuntap", "add", "dev", link.name, "mode", kind.name, *typed)
        return [first] + ([ip(link.netns, "link", "set", "dev", link.name, *words)] if words else [])
    if link.peer and link.netns and not link.peer[0] and "master" not in words and not kind.attrs:
        typed = ["peer", "name", link.name, "netns", link.netns] + words
        return [ip("", "link", "add", "name", link.peer[1], "type", kind.name, *typed)]
    if link.peer:
        netns = ["netns", link.peer[0] or HOME] if link.peer[0] != link.netns else []
        typed = of_peer(typed, ["name", link.peer[1]] + netns)
    home, more = link.netns, []
    if link.link and not kind.underlay:
        home = link.link[0]
        start += ["link", link.link[1]]
    if home != link.netns:
        start += ["netns", link.netns or HOME]
        if link.master:
            # ip(8) would look for it where the lower link is.
            at = words.index("master")
            words = words[:at] + words[at + 2 :]
            more = [ip(link.netns, "link", "set", "dev", link.name, "master", link.master)]
    return [ip(home, "link", "add", *(start + words + ["type", kind.name] + typed))] + more


def after_mtu(link, base, modes, words):
    """The mode of making addresses, and other words: it is one of IPv6, which may begin with the MTU among them."""
    if not modes or "mtu" not in words or base is None or not drops_ipv6(link, base):
        return modes, words
    at = words.index("mtu")
    return [words[at : at + 2], *modes], words[:at] + words[at + 2 :]
