# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only one link can have goes round among several in one run, and comes back when that fails."""

import pytest
from conftest import failing, needing, snapshot

from ansible_collections.virtnet.linux.plugins.module_utils import _task
from ansible_collections.virtnet.linux.plugins.module_utils._core.commands import commands
from ansible_collections.virtnet.linux.plugins.module_utils._core.desired import Desired
from ansible_collections.virtnet.linux.plugins.module_utils._core.planner import plan
from ansible_collections.virtnet.linux.plugins.module_utils._core.rollback import rollback
from ansible_collections.virtnet.linux.plugins.module_utils._resources.address import Address
from ansible_collections.virtnet.linux.plugins.module_utils._resources.link import Link
from ansible_collections.virtnet.linux.plugins.module_utils._resources.netns import Netns
from ansible_collections.virtnet.linux.plugins.module_utils._rtnl.observe import Kernel

LOWER = ("sw", "d0")
MAC = "02:00:00:00:01:%02x"
# By kind: the fields of the link that has a number.
LINKS = {
    "vlan": lambda n: dict(link=LOWER, attrs=(("id", n),)),
    "macvlan": lambda n: dict(link=LOWER, address=MAC % n),
    "vxlan": lambda n: dict(attrs=(("dstport", 4789), ("id", n))),
    "geneve": lambda n: dict(attrs=(("id", n), ("remote", "192.0.2.2"))),
    "ipip": lambda n: dict(attrs=(("local", "192.0.2.1"), ("remote", "192.0.2.%d" % n))),
    "gre": lambda n: dict(attrs=(("ikey", n), ("local", "192.0.2.1"), ("okey", n), ("remote", "192.0.2.2"))),
    "ip6gretap": lambda n: dict(attrs=(("local", "2001:db8::1"), ("remote", "2001:db8::%x" % n))),
    "xfrm": lambda n: dict(attrs=(("if_id", n),)),
    "wireguard": lambda n: dict(attrs=(("listen_port", 50000 + n),)),
    "vrf": lambda n: dict(attrs=(("table", n),)),
}
ROUNDS = [((5, 6), (6, 5)), ((5, 6, 7), (6, 7, 5)), ((5, 6), (6, 7)), ((5, 6), (None, 5)), ((5, 6, 7, 8), (6, 5, 8, 7))]


def wish(kind, numbers):
    present = [Netns("sw"), Link("sw", "d0", "bridge", up=True)]
    for place, number in enumerate(numbers):
        if number is not None:
            present.append(Link("sw", "l%d" % place, kind, up=True, **LINKS[kind](number)))
            present.append(Address("sw", "l%d" % place, "198.51.100.%d/32" % (place + 1)))
    gone = [Link("sw", "l%d" % place, kind) for place, number in enumerate(numbers) if number is None]
    return Desired(tuple(present), tuple(gone), allow=frozenset(["recreate"]))


def there(kernel):
    return kernel.observe(_task.observation(wish("vlan", (5,))))


@pytest.mark.parametrize("start, end", ROUNDS)
@pytest.mark.parametrize("kind", [needing(kind, kind) for kind in LINKS])
def test_goes_round(host, kind, start, end):
    kernel = Kernel()
    _task.carry_out(kernel, wish(kind, start), False)
    before = snapshot(host.observe())
    foretold = _task.carry_out(kernel, wish(kind, end), True)[1]
    for broken in range(len(foretold)):
        with failing(broken), pytest.raises(_task.Failed, match="Input/output error; everything was put back"):
            _task.carry_out(kernel, wish(kind, end), False)
        assert snapshot(host.observe()) == before, broken
    state, done, after = _task.carry_out(kernel, wish(kind, end), False)
    assert [commands(step) for step in done] == [commands(step) for step in foretold]
    assert plan(wish(kind, end), after) == ()
    refused = {}
    host.shell(*[line for step in rollback(done, state, after, refused) for line in commands(step)])
    assert not refused and snapshot(host.observe()) == before
    kernel.close()
