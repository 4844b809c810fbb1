# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds without options of their own: dummy, ifb, nlmon."""

from __future__ import annotations

from .base import Kind


class Silent(Kind):
    """Nobody answers there: it asks for no MAC addresses."""

    def arp_by_itself(self, link):
        return False

    def multicast_by_itself(self):
        return False


class Ifb(Silent):
    def mac_fixed(self):
        return True


KINDS = (Silent("dummy"), Ifb("ifb"), Kind("nlmon", l3=True, no_uppers=True))
