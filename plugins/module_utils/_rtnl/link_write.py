# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links and their alternative names, written."""

from __future__ import annotations

import errno
import os
import socket
import time

from .. import _rooms
from .._core.rows import changed, encoded
from .._kinds.base import NOT_EXTERNAL, inherits, kind_named, kind_of
from .._kinds.effects import drops_ipv6
from .._resources.link import ADDRGENMODES, Link
from . import devconf, link_rest
from .link import ADDR_GEN_MODE, ADDRESS, FLAGS, IFF_UP, LINKINFO, PROP_LIST, REST_FLAGS, UNKNOWN, lacks
from .netlink import (
    ACK,
    AF_SPEC,
    APPEND,
    CREATE,
    DELLINK,
    DELLINKPROP,
    EXCL,
    HEADS,
    NESTED,
    NEWLINK,
    NEWLINKPROP,
    attribute,
    known,
    packed,
)

SENT = [row for row in Link.ROWS if row.nla and row.name != "master"]
IFNAME, NET_NS_FD, LINK = "IFLA_IFNAME=3:text", "IFLA_NET_NS_FD=28:uint32", "IFLA_LINK=5:uint32"


def write(kernel, change):
    if change.target.sort == "altname":
        write_altname(kernel, change)
    elif change.verb == "delete":
        here, name = kernel.netlink(change.target.netns), change.target.name
        here.ask("link", DELLINK, ACK, index=here.index(name))
        here.indexes.pop(name, None)
    elif change.verb == "add":
        add(kernel, change)
        finish(kernel, change)
    else:
        set_link(kernel, change)
        finish(kernel, change)
    if change.verb != "delete" and getattr(change.after, "conf", ()) and not (change.base and change.base.conf):
        devconf.put_back(kernel, change.after)
    if change.verb != "delete" and getattr(change.after, "raw", ()):
        link_rest.put_back(kernel, change)


def write_altname(kernel, change):
    here, target = kernel.netlink(change.target.netns), change.target
    attrs = [(PROP_LIST | NESTED, packed("IFLA_ALT_IFNAME=53:text", target.name))]
    verb, flags = (DELLINKPROP, 0) if change.verb == "delete" else (NEWLINKPROP, CREATE | EXCL | APPEND)
    here.ask("link", verb, ACK | flags, attrs, index=here.index(target.dev))


def common(here, change):
    """The attributes that any link has and that are to be sent, and the head's fields."""
    news = dict(change.changed_fields("up", "master", *(row.name for row in (*FLAGS, *SENT))))
    flags = {IFF_UP: news["up"]} if "up" in news else {}
    flags.update((row.bit, news[row.name] != row.off) for row in FLAGS if row.name in news)
    attrs = [(row.nla, news[row.name]) for row in SENT if row.name in news]
    if "master" in news:
        attrs.append(("IFLA_MASTER=10:uint32", here.index(news["master"]) if news["master"] else 0))
    rest = list(changed(Link.AT_ONCE, change.base.rest if change.base else (), change.target.rest))
    flags.update((row.bit, v != row.off) for row, v, dummy in rest if row in REST_FLAGS)
    attrs += encoded(rest)
    head = dict(flags=sum(bit for bit, on in flags.items() if on), change=sum(flags))
    return attrs, head if flags else {}


def add(kernel, change):
    target, kind = change.target, kind_of(change.target)
    here = kernel.netlink(target.netns)
    here.indexes.pop(target.name, None)
    if kind.maker == "tuntap":
        _rooms.load("_rtnl", "tuntap").make(kernel, target)
        attrs, header = common(here, change)
        if attrs or header:
            send(here, ACK, attrs, dict(header, index=here.index(target.name)), kind)
        return
    attrs, header = common(here, change)
    attrs.insert(0, (IFNAME, target.name))
    mac = kernel.udev.mac(target.netns, kind) if target.address is None and "address" not in inherits(target) else None
    attrs += [(ADDRESS, mac)] if mac else []
    typed = kind_attrs(kernel, target, None, kind)
    data = b"".join(packed(*pair) for pair in typed)
    if target.peer:
        far = packed(IFNAME, target.peer[1]) + packed(NET_NS_FD, kernel.file(target.peer[0]))
        mac = kernel.udev.mac(target.peer[0], kind)
        far += packed(ADDRESS, mac) if mac else b""
        data += packed(kind.peer_nla, HEADS["link"][1].pack(0, 0, 0, 0, 0) + far)
        kernel.netlink(target.peer[0]).indexes.pop(target.peer[1], None)
    start = here
    if target.link and not kind.underlay:
        # The kernel looks for the lower link where it is told of the new one.
        start = kernel.netlink(target.link[0])
        attrs.append((LINK, start.index(target.link[1])))
        attrs += [(NET_NS_FD, kernel.file(target.netns))] if start is not here else []
    more = link_rest.of_kind(target) if kind.underlay else []
    send_typed(start, ACK | CREATE | EXCL, attrs, header, kind, typed, data, more)


def set_link(kernel, change):
    before, target, kind = change.before, change.target, kind_of(change.target)
    here = kernel.netlink(before.netns)
    attrs = [(IFNAME, target.name)] if before.ref != target.ref else []
    if before.netns != target.netns:
        # All else is sent where the link has gone to.
        attrs.append((NET_NS_FD, kernel.file(target.netns)))
        here.ask("link", NEWLINK, ACK, attrs, index=here.index(before.name))
        here.indexes.pop(before.name, None)
        here, attrs = kernel.netlink(target.netns), []
        here.indexes.pop(target.name, None)
    more, header = common(here, change)
    attrs += more
    for dummy, mode in change.changed_fields("addrgenmode"):
        # Of one message the kernel would take the flags first, and make an address.
        index = here.index(before.name if before.netns == target.netns else target.name)
        if drops_ipv6(target, change.base):
            here.ask("link", NEWLINK, ACK, [("IFLA_MTU=4:uint32", target.mtu)], index=index)
        set_addrgenmode(here, index, mode)
    typed = [] if kind.maker == "tuntap" else kind_attrs(kernel, target, change.base, kind)
    if not (attrs or typed or header):
        return
    index = here.index(before.name if before.netns == target.netns else target.name)
    # Of one message the kernel takes the kind's options first. A bridge without an address refuses some,
    # and it has none after its last port has left.
    if attrs or header:
        send(here, ACK, attrs, dict(header, index=index), kind)
    if typed:
        # The MTU of a tunnel is worked out anew unless it is sent.
        kept = [("IFLA_MTU=4:uint32", target.mtu)] if kind.full_update else []
        data = b"".join(packed(*pair) for pair in typed)
        more = link_rest.of_kind(target) if kind.full_update else []
        send_typed(here, ACK, kept, dict(index=index), kind, typed, data, more)
    here.indexes.pop(before.name, None)


def set_addrgenmode(here, index, mode):
    inet6 = attribute(ADDR_GEN_MODE, bytes([ADDRGENMODES[mode]]))
    try:
        here.ask("link", NEWLINK, ACK, [(AF_SPEC, attribute(socket.AF_INET6, inet6))], index=index)
    except OSError as e:
        if e.errno == errno.EINVAL and mode == "stable_secret":
            text = "addrgenmode: stable_secret needs a secret in the sysctl stable_secret of the link or of default"
            raise OSError(e.errno, text)
        raise


def numbered(here, typed):
    """Attributes with the indexes of links in the place of their names."""
    return [(nla, (here.index(v) if v else 0) if nla.endswith(":index") else v) for nla, v in typed]


def link_info(name, data):
    return LINKINFO, attribute(1, name.encode() + b"\0") + (attribute(2, data) if data else b"")


def kind_attrs(kernel, target, base, kind):
    """The kind's attributes to be sent, and the lower link of a tunnel."""
    old, link = base.attrs if base else (), (kind.underlay and target.link) or ("", "")
    typed = encoded(changed(kind.attrs, old, target.attrs, not base))
    moved = bool(link[1]) if base is None else bool(kind.underlay) and target.link != base.link
    if kind.full_update and (typed or moved or base is None):
        typed = all_attrs(kind, {**dict(old), **dict(target.attrs)})
    typed = numbered(kernel.netlink(target.netns), typed)
    if moved or (kind.full_update and typed and link[1]):
        typed.append((kind.underlay, index_of(kernel.netlink(link[0]), link[1])))
    return typed


def all_attrs(kind, stated):
    """Every attribute of a kind that resets those that are not sent."""
    full = {**{row.name: row.default for row in kind.attrs}, **stated}
    rows = [row for row in kind.attrs if row.only != NOT_EXTERNAL or not full.get("external")]
    return encoded((row, full[row.name], None) for row in rows)


def index_of(netlink, name):
    """The index of a link, which can be all that is known of one that has gone."""
    if name.isdigit() and name not in netlink.indexes:
        return int(name)
    return netlink.index(name) if name else 0


def finish(kernel, change):
    """The options of a port, which its master keeps, and what is out of band."""
    target, base = change.target, change.base
    fresh = base is None or base.master != target.master
    rows = kind_named(target.slave_kind).port if target.slave_kind else ()
    data = encoded(changed(rows, () if fresh else base.port, target.port, fresh))
    here = kernel.netlink(target.netns)
    if data:
        data = b"".join(packed(*pair) for pair in numbered(here, data))
        info = attribute(4, target.slave_kind.encode() + b"\0") + attribute(5, data)
        here.ask("link", NEWLINK, ACK, [(LINKINFO, info)], index=here.index(target.name))
    later = encoded(changed(Link.LATER, base.rest if base else (), target.rest))
    if later:
        here.ask("link", NEWLINK, ACK, later, index=here.index(target.name))
    room = kind_of(target).out_of_band()
    if room:
        _rooms.load("_rtnl", room).write_link(kernel, change)


def learn(link):
    """Find out the numbers of all attributes of a link; of some, only pyroute2 knows them."""
    kind, port = kind_of(link), kind_named(link.slave_kind).port
    for row in (*kind.attrs, *port):
        for nla in row.attributes():
            known(nla)


def send_typed(here, flags, attrs, header, kind, typed, data, more):
    """Tell the kernel of a link with its kind's options, and with what is not described if that goes with them."""
    # There are some that the kernel tells and does not take, or not beside the others: the newest more often than not.
    fewer = [more[:n] + more[n + 1 :] for n in range(len(more))] + [more[:n] for n in range(len(more) - 2, 0, -1)]
    for some in filter(None, [more, *fewer]):
        try:
            return send(here, flags, [*attrs, link_info(kind.name, data + b"".join(some))], header, kind, typed)
        except OSError as e:
            if e.errno not in link_rest.REFUSALS:
                raise
    return send(here, flags, [*attrs, link_info(kind.name, data)], header, kind, typed)


def send(here, flags, attrs, header, kind, typed=()):
    """Tell the kernel of a link; what it does not support is named."""
    end = time.monotonic() + 5
    while True:
        try:
            return here.ask("link", NEWLINK, flags, attrs, **header)
        except OSError as e:
            # One in a deleted namespace lasts a little longer than that.
            if e.errno != errno.EEXIST or not kind.unique or time.monotonic() > end:
                raise explained(e, flags, kind, typed)
        time.sleep(0.01)


def explained(e, flags, kind, typed):
    """What the kernel's refusal of a link means."""
    if UNKNOWN in e.strerror or (e.errno == errno.EOPNOTSUPP and not typed and flags & CREATE):
        return OSError(e.errno, "kind: " + lacks(kind))
    if e.errno == errno.EEXIST and kind.unique:
        return OSError(e.errno, "another link of kind %s has the same %s" % (kind.name, ", ".join(kind.unique)))
    if e.errno == errno.EOPNOTSUPP and typed and e.strerror == os.strerror(e.errno):
        names = ", ".join(row.name for row in kind.attrs if row.nla in dict(typed))
        return OSError(e.errno, "this kernel does not take %s for a link of kind %s" % (names, kind.name))
    return e
