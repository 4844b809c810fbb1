# SPDX-License-Identifier: GPL-3.0-or-later
"""Who made an address, where the kernel does not say it (before Linux 5.18): its own are nobody's to take away."""

import struct
from ipaddress import ip_address

import pytest

from ansible_collections.virtnet.linux.plugins.module_utils._rtnl.address import address_of

PERMANENT, MANAGED_TEMPORARY, STABLE_PRIVACY = 0x80, 0x100, 0x800
MAC, EUI64 = "02:00:5e:00:53:01", "fe80::5eff:fe00:5301"
STABLE = "fe80::1c35:9c4:7f1d:a2be"


@pytest.mark.parametrize(
    ("address", "flags", "more", "maker"),
    [
        (EUI64, PERMANENT, {}, "kernel"),
        (STABLE, PERMANENT | STABLE_PRIVACY, {}, "kernel"),
        (STABLE, PERMANENT, {}, None),
        (STABLE, PERMANENT, dict(l3=True), "kernel"),
        ("2001:db8::1", PERMANENT, {}, None),
        ("2001:db8::1", PERMANENT | STABLE_PRIVACY, {}, None),
        ("2001:db8::1", STABLE_PRIVACY, {}, "ra"),
        ("2001:db8::1", MANAGED_TEMPORARY, {}, "ra"),
        ("192.0.2.1", PERMANENT, {}, None),
        ("127.0.0.1", PERMANENT, dict(dev="lo"), "kernel"),
    ],
)
def test_who_made_an_address(address, flags, more, maker):
    packed, six = ip_address(address).packed, ":" in address
    parts = {1: packed, 8: struct.pack("=I", flags), **({} if six else {2: packed})}
    where = dict(dict(dev="eth0", mac=MAC, l3=False), **more)
    head = (10 if six else 2, 64 if six else 24, flags & 0xFF, 253 if address.startswith("fe80:") else 0, 4)
    it = address_of("", head, parts, **where)
    assert (it.ip, it.proto, it.made_by_kernel) == (address, maker, maker is not None)
