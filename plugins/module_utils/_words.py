# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, addresses and numbers, as the options of every module take them."""

from __future__ import annotations

import re
from ipaddress import ip_address

from ._model import Refused, is_mac


def link_name(option, text):
    """A link's name as the kernel takes it."""
    if not 0 < len(text.encode()) <= 15:
        raise Refused(option, "the name %r has %d bytes; a link's name has 1 to 15" % (text, len(text.encode())))
    if text in (".", "..") or re.search(r"[\s/:]", text) or text[0] == "-":
        raise Refused(
            option, "%r is no name for a link: no '/', ':' or white space, not '.' or '..', no '-' at the start" % text
        )
    return text


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
