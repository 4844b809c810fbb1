# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sysctls of a link, which the kernel tells with it and forgets with it: net.ipv4.conf.*, net.ipv6.conf.*."""

from __future__ import annotations

import struct

from .._core.words import inside

# In the order of the kernel's headers, with the value that a new link has if it is not 0, or those that it has with one
# kernel and another; `-` is what nobody writes, or what is a field of a link itself.
IPV4 = """
forwarding - proxy_arp accept_redirects=1 secure_redirects=1 send_redirects=1 shared_media=1 rp_filter
accept_source_route=1 bootp_relay log_martians tag arp_filter medium_id disable_xfrm disable_policy force_igmp_version
arp_announce arp_ignore promote_secondaries arp_accept arp_notify accept_local src_valid_mark proxy_arp_pvlan
route_localnet igmpv2_unsolicited_report_interval=10000 igmpv3_unsolicited_report_interval=1000
ignore_routes_with_linkdown drop_unicast_in_l2_multicast drop_gratuitous_arp bc_forwarding arp_evict_nocarrier=1
"""
IPV6 = """
forwarding hop_limit=64 - accept_ra=1 accept_redirects=1 autoconf=1 dad_transmits=1 router_solicitations=-1
router_solicitation_interval=4000 router_solicitation_delay=1000 use_tempaddr temp_valid_lft=604800,172800
temp_prefered_lft=86400 regen_max_retry=3 max_desync_factor=600 max_addresses=16 force_mld_version accept_ra_defrtr=1
accept_ra_pinfo=1 accept_ra_rtr_pref=1,0 router_probe_interval=60000,0 accept_ra_rt_info_max_plen proxy_ndp
optimistic_dad accept_source_route - disable_ipv6 accept_dad=1 force_tllao ndisc_notify
mldv1_unsolicited_report_interval=10000
mldv2_unsolicited_report_interval=1000 suppress_frag_ndisc=1 accept_ra_from_local use_optimistic accept_ra_mtu=1 -
use_oif_addrs_only accept_ra_min_hop_limit=1 ignore_routes_with_linkdown drop_unicast_in_l2_multicast
drop_unsolicited_na keep_addr_on_down router_solicitation_max_interval=3600000 seg6_enabled seg6_require_hmac
enhanced_dad=1 - disable_policy accept_ra_rt_info_min_plen ndisc_tclass rpl_seg_enabled ra_defrtr_metric=1024
ioam6_enabled ioam6_id=65535 ioam6_id_wide=-1 ndisc_evict_nocarrier=1 accept_untracked_na accept_ra_min_lft
force_forwarding
"""
# Told in milliseconds, written in seconds.
SECONDS = {"router_solicitation_interval", "router_solicitation_delay", "router_solicitation_max_interval"}
SECONDS |= {"router_probe_interval"}


def table(words):
    parts = (word.partition("=") for word in words.split())
    return {name: [int(value) for value in (usual or "0").split(",")] for name, dummy, usual in parts if name != "-"}


def names(words):
    return [word.partition("=")[0] for word in words.split()]


NAMES = {"ipv4": names(IPV4), "ipv6": names(IPV6)}
USUAL = {"ipv4": table(IPV4), "ipv6": table(IPV6)}


def values(conf):
    """The (family, name, value) of all that can be written."""
    for family, raw in conf[0] if conf else ():
        for name, value in zip(NAMES[family], struct.unpack("=%di" % (len(raw) // 4), raw)):
            if name != "-":
                yield family, name, value


def path(link, family, name):
    """Where it is below /proc/sys."""
    return "net/%s/conf/%s/%s" % (family, link.name, name)


def written(name, value):
    return value // 1000 if name in SECONDS and value > 0 else value


def commands(link):
    """Those that a new link would not have by itself; negative ones are the kernel's own."""
    told = dict(link.conf[1])
    for family, name, value in values(link.conf):
        usual = [told[family, name]] if (family, name) in told else USUAL[family][name]
        if value >= 0 and value not in usual:
            where = path(link, family, name)
            word = where if "." in link.name else where.replace("/", ".")
            yield inside(link.netns) + ["sysctl", "-w", "%s=%d" % (word, written(name, value))]
