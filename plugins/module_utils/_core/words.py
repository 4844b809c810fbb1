# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, addresses and numbers as the options of every module take them, each in the kernel's own spelling."""

from __future__ import annotations

import re
import socket
from functools import lru_cache
from ipaddress import ip_address, ip_interface, ip_network

from .values import Refused

NOBODY = "00:00:00:00:00:00"  # in the entries of a vxlan it stands for all that have none
parsed_interface = lru_cache(maxsize=None)(ip_interface)  # one address is looked at many times
IP_PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51, "ipv6-icmp": 58, "sctp": 132}


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def is_mac(text):
    return re.fullmatch(r"([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}", text) is not None


def link_name(option, text):
    """A link's name as the kernel takes it."""
    if not 0 < len(text.encode()) <= 15:
        raise Refused(option, "the name %r has %d bytes; a link's name has 1 to 15" % (text, len(text.encode())))
    if text in (".", "..", "all", "default") or re.search(r"[\s/:%]", text) or text[0] == "-":
        said = "%r is no name for a link: no '/', ':', '%%' or white space, no '-' at the start,"
        raise Refused(option, (said + " not '.', '..', all or default") % text)
    return text


def is_utf8(text):
    """Whether the bytes of a name, or of what somebody wrote, are text."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def netns_name(option, text):
    if not text:
        return ""
    if len(text.encode()) > 255 or text in (".", "..") or re.search(r"[\s/\0]", text) or text[0] == "-":
        raise Refused(
            option,
            "%r is no name for a network namespace: no '/' or white space, not '.' or '..', no '-' at the start" % text,
        )
    return text


def within(option, value, low, high):
    if value is not None and not low <= value <= high:
        raise Refused(option, "%d is not between %d and %d" % (value, low, high))
    return value


def host(option, text):
    if text is None:
        return None
    try:
        return str(ip_address(text))
    except ValueError:
        raise Refused(option, "%r is no IP address (without a prefix length)" % text)


def lladdr(option, text):
    if text is not None and not is_mac(text):
        raise Refused(option, "%r is no MAC address like 02:00:5e:00:53:01" % text)
    return text and text.lower()


def mac(option, text):
    address = lladdr(option, text)
    if address is not None and (int(text[:2], 16) & 1 or not int(text.replace(":", ""), 16)):
        raise Refused(option, "%s is a multicast or empty MAC address; a link needs one of its own" % text)
    return address


def unique(option, items):
    for item in items:
        if items.count(item) > 1:
            raise Refused(option, "%s is given twice" % item)
    return items


def interface(option, text, group=False):
    """An address with its prefix length, or a multicast group with one, in its canonical form."""
    try:
        parsed = parsed_interface(text)
    except ValueError:
        raise Refused(option, "%r is no IP address like 192.0.2.1/24" % text)
    if "/" not in text:
        raise Refused(
            option,
            "%s has no prefix length; write for instance %s/%d" % (text, text, 24 if parsed.version == 4 else 64),
        )
    if group and not parsed.ip.is_multicast:
        raise Refused(option, "%s is no multicast group" % text)
    if (parsed.ip.is_multicast and not group) or parsed.ip.is_unspecified or "%" in text:
        raise Refused(option, "%s cannot be the address of a link" % text)
    # The kernel's reader spells ::192.0.2.1 with dots.
    return "%s/%d" % (socket.inet_ntop(family_of(text), parsed.ip.packed), parsed.network.prefixlen)


def network(option, text):
    try:
        found = ip_network(text)
        # The kernel's reader spells ::ffff:0:0 with dots.
        return "%s/%d" % (socket.inet_ntop(family_of(text), found.network_address.packed), found.prefixlen)
    except ValueError as e:
        raise Refused(option, "%r is no network like 192.0.2.0/24 (%s)" % (text, e))


def alias(option, text):
    if text is not None and (len(text.encode()) > 255 or re.search(r"[\0-\x1f]", text)):
        raise Refused(option, "an alias is one line of at most 255 bytes")
    return text


def port_range(option, text, last=65535):
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    low, high = (int(match.group(1)), int(match.group(2) or match.group(1))) if match else (0, 0)
    if not 0 < low <= high <= last:
        raise Refused(option, "%r is no port or range of ports like 1024-%d" % (text, last))
    return str(low) if low == high else "%d-%d" % (low, high)


def vids(option, texts):
    """The VLANs of a list of numbers and ranges."""
    out = []
    for text in texts:
        match = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", str(text))
        first, last = (int(match.group(1)), int(match.group(2) or match.group(1))) if match else (0, 0)
        if not 0 < first <= last < 4095:
            raise Refused(option, "%r is no VLAN from 1 to 4094, nor a range like 10-20" % text)
        out += range(first, last + 1)
    return unique(option, out)


# Command lines. The host's own namespace has no name for ip(8): it is that of process 1.
HOME = "1"


def ip(netns, *words, program="ip"):
    """The words of ip(8), or of a program like it, in a namespace."""
    return [program] + (["-n", netns] if netns else []) + list(words)


def inside(netns):
    """The words before a program that is to run in a namespace."""
    return ["ip", "netns", "exec", netns] if netns else []


def shell(netns, line):
    """A line for a shell in a namespace."""
    return inside(netns) + ["sh", "-c", line] if netns else line
