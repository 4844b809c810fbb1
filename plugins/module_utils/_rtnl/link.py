# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links and their alternative names, read."""

from __future__ import annotations

import errno
import socket
import struct
import time
from functools import lru_cache, partial

from .. import _rooms
from .._core.rows import decoded
from .._core.values import merged, replace
from .._kinds.base import kind_named, kind_of
from .._resources.link import ADDRGENMODES, AltName, Flag, Link
from . import devconf, link_rest
from .netlink import DUMP, GETLINK, HEADS, af_specs, getter, known, nested, text

UNKNOWN = "Unknown device type"
ETHERNET = 1
WITH_MAC = (1, 32, 772)  # ARPHRD_ETHER, ARPHRD_INFINIBAND, ARPHRD_LOOPBACK
IFF_UP = 1
ADDR_GEN_MODE = 8
MODES = {number: word for word, number in ADDRGENMODES.items()}
FLAGS = [row for row in Link.ROWS if isinstance(row, Flag)]
ONE_QUEUE = ("bridge", "dummy", "vlan", "vxlan", "macvlan", "macvtap", "ipvlan", "geneve")  # unless more are asked for
REST_FLAGS = [row for row in Link.REST if isinstance(row, Flag)]
REST_BITS = sum(row.bit for row in REST_FLAGS)
REST_ATTRIBUTES = [row for row in Link.REST if row.nla]
REST_NUMBERS = [known(row.nla)[0] for row in REST_ATTRIBUTES]
ADDRESS, NAME, MTU, LOWER, MASTER, TXQLEN, LINKINFO, ALIAS, LINK_NETNSID, PROP_LIST = 1, 3, 4, 5, 10, 13, 18, 20, 37, 52
GROUP = 27
EXT_MASK = "IFLA_EXT_MASK=29:uint32"
SKIP_STATS = [(EXT_MASK, 8)]  # RTEXT_FILTER_SKIP_STATS


def read_settled(kernel, name, follow):
    """The links, and the namespaces where the far ends of those in `follow` are."""
    end = time.monotonic() + 5
    while True:
        links = read_links(kernel, name)
        nsids = {far[0] for link, far in links[0] if far and {name, link.ref} & follow}
        homes = kernel.nsids.names_of(name, nsids)
        # A far end in a namespace that is none any more: the kernel is about to take away both.
        dying = any(home is None and not kernel.nsids.lives(name, nsid) for nsid, home in homes.items())
        if not dying or time.monotonic() > end:
            return links, set(homes.values())
        time.sleep(0.002)


def read_links(kernel, name):
    """The links with (nsid, index) of their far or lower link, and what is read with them."""
    while True:
        try:
            return links_there(kernel, name)
        except OSError as e:
            if e.errno != errno.ENODEV:  # of one that went after the kernel had told of it
                raise


def links_there(kernel, name):
    netlink, head = kernel.netlink(name), HEADS["link"][1]
    answers = netlink.ask("link", GETLINK, DUMP, SKIP_STATS)
    messages = [(head.unpack_from(answer), dict(nested(answer, 16))) for answer in answers]
    netlink.names = names = {m[2]: text(parts[NAME]) for m, parts in messages}
    netlink.indexes = {v: k for k, v in names.items()}
    netlink.macs, netlink.l3, netlink.silent = {}, set(), set()
    links, others, usual = [], [], devconf.usual(netlink)
    all_promote = lru_cache(maxsize=None)(partial(devconf.promotes_all, kernel, name))
    for (dummy, arp_type, index, flags, dummy), parts in messages:
        info = dict(nested(parts[LINKINFO])) if LINKINFO in parts else {}
        link, get = link_of(name, index, arp_type, flags, parts, info, names, usual)
        link = replace(link, promotes=link.promotes or all_promote(), manager=kernel.managers.of_link(index, name))
        netlink.macs[index] = parts[ADDRESS].hex(":") if ADDRESS in parts else None
        kind, nsid = kind_of(link), number_in(parts, LINK_NETNSID)
        far = (get(kind.underlay) or 0) if kind.underlay else number_in(parts, LOWER)
        if kind.out_of_band():
            link, more = _rooms.load("_rtnl", kind.out_of_band()).read_link(kernel, link)
            others += more
        known = kind.underlay or (far and (nsid is not None or far != index))
        links.append((link, (nsid, far or 0) if known else None))
        if link.no_mac:
            netlink.l3.add(link.name)
        if link.addrgenmode == "none":
            netlink.silent.add(link.name)
        for dummy, raw in nested(parts[PROP_LIST]) if PROP_LIST in parts else ():
            others.append(AltName(name, link.name, text(raw)))
    return links, others


def number_in(parts, number):
    return struct.unpack_from("=i", parts[number])[0] if number in parts else None


def link_of(netns, index, arp_type, flags, parts, info, names, usual):
    """A link, and a function that gives what it has by its kind."""
    name, slave = (text(info[number]) if number in info else "" for number in (1, 4))
    get = getter(dict(nested(info.get(2, b""))))
    if name == "tun" and get("IFLA_TUN_TYPE=3:uint8") == 2:
        name = "tap"
    kind = kind_named(name)
    attrs = named(kind.attrs, decoded(kind.attrs, get), names) if kind.name else ()
    master, specs = kind_named(slave), af_specs(parts)
    # Newer kernels tell of the master of a link that names its slaves itself.
    named_there = master.name and not master.accepts_ports()
    link = Link(
        netns,
        names[index],
        name,
        master="" if named_there else names.get(number_in(parts, MASTER), ""),
        mtu=number_in(parts, MTU),
        # Of a tunnel it is the local IP address.
        address="" if arp_type not in WITH_MAC else parts[ADDRESS].hex(":") if ADDRESS in parts else None,
        up=bool(flags & IFF_UP),
        alias=text(parts[ALIAS]) if ALIAS in parts else "",
        txqueuelen=number_in(parts, TXQLEN),
        link_group=number_in(parts, GROUP),
        addrgenmode=addrgenmode(specs),
        rest=rest_of(kind, parts, flags, arp_type == ETHERNET),
        conf=devconf.conf_of(specs, usual),
        raw=link_rest.rest_of(kind, master.name, specs, info),
        promotes=devconf.promotes(specs),
        **{row.name: row.read_flags(flags) for row in FLAGS},
        attrs=attrs,
        port=named(master.port, decoded(master.port, getter(dict(nested(info.get(5, b""))))), names),
        slave_kind=None if named_there else master.name or None,
        index=index,
        no_mac=arp_type not in WITH_MAC,
    )
    return link, get


def rest_of(kind, parts, flags, ethernet):
    """What a link has that no option is for, and that is not as of a new one."""
    told = tuple([(number, parts[number]) for number in REST_NUMBERS if number in parts])
    return unusual(kind.name, told, flags & REST_BITS, ethernet)


@lru_cache(maxsize=None)  # most links say the same
def unusual(kind_name, told, flags, ethernet):
    kind, get = kind_named(kind_name), getter(dict(told))
    rows = [row for row in REST_ATTRIBUTES if ethernet or row.name != "broadcast"]
    found = {row.name: None if get(row.nla) is None else row.read(get) for row in rows}
    found.update((row.name, row.read_flags(flags)) for row in REST_FLAGS)
    usual = {row.name: row.default for row in Link.REST}
    for word in ("gso", "gro"):
        # That of IPv4 follows the other one down.
        usual[word + "_ipv4_max_size"] = min(found[word + "_max_size"] or 65536, 65536)
    own = kind.multicast_by_itself() if kind.name else None
    usual["multicast"] = found["multicast"] if own is None else own
    if kind.name not in ONE_QUEUE:
        usual.update((word, found[word]) for word in ("numtxqueues", "numrxqueues"))
    return tuple(sorted(pair for pair in found.items() if pair[1] not in (None, usual[pair[0]])))


def addrgenmode(specs):
    """How IPv6 makes addresses of its own here, if it does."""
    inet6 = specs.get(socket.AF_INET6, {})
    return MODES.get(inet6[ADDR_GEN_MODE][0]) if ADDR_GEN_MODE in inet6 else None


def named(rows, pairs, names):
    """Values with the names of the links of which the kernel tells the indexes."""
    found = dict(pairs)
    links = {row.name: found[row.name] and names.get(found[row.name], "") for row in rows if row.nla.endswith(":index")}
    return merged(pairs, links) if links else pairs


def resolved(kernel, name, links, found):
    """The links with the names of their far ends and lower links, as far as those are read."""
    homes = kernel.nsids.names_of(name, {far[0] for dummy, far in links if far})
    for link, far in links:
        if far is not None:
            nsid, index = far
            home = homes[nsid]
            names = kernel.sockets[home].names if home in found else {}
            ref = (home if home in found else "?", names.get(index, str(index)) if index else "")
            link = replace(link, **{"peer" if is_pair(link, found.get(home), index) else "link": ref})
        yield link


def is_pair(link, there, index):
    """Whether the far end of a link stands for it as it does for that; of a kind that is not known here, by looking."""
    if kind_of(link).name or not there:
        return kind_of(link).is_pair()
    return any(far and far[1] == link.index for other, far in there[0] if other.index == index)


def write(kernel, change):
    _rooms.load("_rtnl", "link_write").write(kernel, change)


def rtnl_kind(name):
    """What route netlink calls a kind."""
    return "tun" if name == "tap" else name


def lacks(kind):
    return "this kernel has no links of kind %s (kernel module %s)" % (kind.name, kind.kernel_module or kind.name)
