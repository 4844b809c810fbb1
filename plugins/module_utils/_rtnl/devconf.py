# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sysctls of a link, read with it, and given to the one that takes its place."""

from __future__ import annotations

import socket
import struct

from .._rooms import load
from . import files
from .netlink import GETLINK, GETNETCONF, af_specs, nested

IFLA_INET_CONF, IFLA_INET6_CONF = 1, 2
FAMILIES = {"ipv4": (socket.AF_INET, IFLA_INET_CONF), "ipv6": (socket.AF_INET6, IFLA_INET6_CONF)}
# Of the values that new links get, those that the kernel tells: NETCONFA_*.
TOLD = {"forwarding": 2, "rp_filter": 3, "proxy_arp": 5, "proxy_ndp": 5}
OF_IPV4, OF_IPV6 = {"rp_filter", "proxy_arp"}, {"proxy_ndp"}
PROMOTE_SECONDARIES = 20
DEFAULT = [("NETCONFA_IFINDEX=1:int32", -2)]


def usual(netlink):
    """The values that a new link gets in this namespace, as far as the kernel tells them."""
    out = {}
    for family, (own, dummy) in FAMILIES.items():
        try:
            answer = netlink.ask("netconf", GETNETCONF, 0, DEFAULT, family=own)[0]
        except OSError:
            continue  # a kernel without IPv6
        found = {number: struct.unpack("=i", raw)[0] for number, raw in nested(answer, 4)}
        names = TOLD.keys() - (OF_IPV6 if family == "ipv4" else OF_IPV4)
        out.update(((family, name), found[TOLD[name]]) for name in names if TOLD[name] in found)
    return tuple(sorted(out.items()))


def conf_of(specs, usual):
    """The values as they came, by family, and those that a new link gets."""
    raws = ((family, specs.get(own, {}).get(number)) for family, (own, number) in FAMILIES.items())
    raws = tuple(pair for pair in raws if pair[1])
    return (raws, usual) if raws else ()


def promotes_all(kernel, name):
    with kernel.inside(name):  # to find a file of one namespace takes the kernel longer the more there are
        return bool(files.number("net/ipv4/conf/all/promote_secondaries"))


def promotes(specs):
    """Whether a secondary address of IPv4 becomes the primary one in its place: a value of the link's sysctls."""
    four = specs.get(socket.AF_INET, {}).get(1, b"")
    return len(four) >= 4 * PROMOTE_SECONDARIES and struct.unpack_from("=i", four, 4 * PROMOTE_SECONDARIES - 4)[0] > 0


def put_back(kernel, link):
    """Give a link that was made anew the values that the one before it had."""
    here, failed, conf = kernel.netlink(link.netns), [], load("_resources", "link_conf")
    answer = here.ask("link", GETLINK, 0, index=here.index(link.name))[0]
    now = {(family, name): was for family, name, was in conf.values(conf_of(af_specs(dict(nested(answer, 16))), ()))}
    for family, name, value in conf.values(link.conf):
        if now.get((family, name), value) != value:
            where = conf.path(link, family, name)
            try:
                with kernel.inside(link.netns), open("/proc/sys/" + where, "w") as f:
                    f.write(str(conf.written(name, value)))
            except OSError as e:
                failed.append("%s = %d (%s)" % (where, value, e.strerror))
    if failed:
        raise OSError(0, "sysctls of a link that was made anew: %s" % ", ".join(failed))
