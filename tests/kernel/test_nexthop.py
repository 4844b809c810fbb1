# SPDX-License-Identifier: GPL-3.0-or-later
"""Nexthop objects: what becomes of them, their groups and the routes by them when links change, and the way back."""

from types import SimpleNamespace

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from conftest import EVERYTHING, OPTIONS, run, snapshot

from ansible_collections.virtnet.linux.plugins.module_utils._apply import roll_back
from ansible_collections.virtnet.linux.plugins.module_utils._core.desired import Change, Desired, Observation
from ansible_collections.virtnet.linux.plugins.module_utils._core.planner import plan
from ansible_collections.virtnet.linux.plugins.module_utils._core.rollback import rollback
from ansible_collections.virtnet.linux.plugins.module_utils._core.values import replace
from ansible_collections.virtnet.linux.plugins.module_utils._resources.nexthop import RESILIENT, Nexthop
from ansible_collections.virtnet.linux.plugins.module_utils._rtnl.nexthop import nexthop_of, send
from ansible_collections.virtnet.linux.plugins.module_utils._rtnl.observe import Kernel

THERE = """
ip netns add n1
ip link add va type veth peer name vb; ip link set va up; ip link set vb up
ip link add vc type veth peer name vd; ip link set vc up; ip link set vd up
ip address add 192.0.2.1/24 dev va; ip address add 192.0.3.1/24 dev vc
ip nexthop add id 1 via 192.0.2.2 dev va; ip nexthop add id 2 via 192.0.3.2 dev vc proto 77
ip -6 nexthop add id 3 via fe80::2 dev va; ip nexthop add id 4 blackhole
ip nexthop add id 8 group 1; ip nexthop add id 9 group 1,3/2
ip nexthop add id 10 group 1/2,200 type resilient buckets 8 idle_timer 60 unbalanced_timer 300
ip route add 198.51.100.0/24 nhid 8; ip route add 203.0.113.0/24 nhid 9 metric 7; ip route add 10.9.0.0/16 nhid 4
ip route add 10.8.0.0/16 nhid 10; ip route add 10.7.0.0/16 nhid 1 proto 77; ip -6 route add 2001:db8:9::/48 nhid 3
"""


def told(state):
    """The nexthops and the destinations of the routes by them, of a snapshot."""
    numbers = {r["id"]: r["group"] for key, r in state.items() if key[0] == "nexthop"}
    return numbers, {r["dest"] for key, r in state.items() if key[0] == "route" and r["nhid"]}


@pytest.fixture
def ways(host):
    host.shell(THERE)
    return host


# All of them, and what is left without those by va, or without one of these.
ALL = (
    {1: (), 2: (), 3: (), 4: (), 8: ((1, 1),), 9: ((1, 3), (2, 1)), 10: ((1, 1), (2, 200))},
    {"198.51.100.0/24", "203.0.113.0/24", "10.9.0.0/16", "10.8.0.0/16", "10.7.0.0/16", "2001:db8:9::/48"},
)
LOST = ({2: (), 4: (), 9: ((2, 1),), 10: ((2, 200),)}, {"203.0.113.0/24", "10.9.0.0/16", "10.8.0.0/16"})
WITHOUT_1 = ({3: (), **LOST[0]}, LOST[1] | {"2001:db8:9::/48"})
WITHOUT_8 = ({i: group for i, group in ALL[0].items() if i != 8}, ALL[1] - {"198.51.100.0/24"})
ANEW_9 = ({**ALL[0], 9: ((2, 1), (1, 1))}, ALL[1])


@pytest.mark.parametrize(
    ("module", "options", "left"),
    [
        ("link", dict(name="va", up=False), LOST),
        ("link", dict(name="vb", up=False), LOST),
        ("link", dict(name="va", netns="n1", from_netns=""), LOST),
        ("link", dict(name="vb", netns="n1", from_netns=""), LOST),
        ("veth", dict(name="va", state="absent"), LOST),
        pytest.param("link", dict(name="va", master="red"), ALL, marks=pytest.mark.needs("vrf")),
        ("link", dict(name="va", mtu=1200), ALL),
        ("veth", dict(name="vnew", peer=dict(name="vb")), ALL),
        ("veth", dict(name="va", peer=dict(name="vnew")), ALL),
        ("address", dict(dev="va", address=["192.0.2.1/24"], state="absent"), ALL),
        ("nexthop", dict(id=1, state="absent"), WITHOUT_1),
        ("nexthop", dict(id=8, state="absent"), WITHOUT_8),
        ("nexthop", dict(id=9, group=[dict(id=2), dict(id=1)], type="resilient", buckets=4), ANEW_9),
    ],
)
def test_what_a_task_does_to_nexthops_is_predicted_and_put_back(ways, module, options, left):
    if "master" in options:
        ways.shell("ip link add red up type vrf table 10")
    before = snapshot(ways.observe())
    dry = run(module, check=True, **options)
    assert dry.get("changed"), dry
    wet = run(module, **options)
    assert wet.get("changed"), wet
    assert wet["commands"] == dry["commands"]
    now = snapshot(ways.observe())
    assert told(before) == ALL and told(now) == left
    for side in ("before", "after"):
        news = [one["diff"][side] for one in (wet, dry)]
        of_ways = [{key: v for key, v in one.items() if key.startswith(("nexthop", "route"))} for one in news]
        assert of_ways[0] == of_ways[1]
    ways.shell(*wet["rollback_commands"])
    ways.settle()
    assert told(snapshot(ways.observe())) == told(before)


def test_the_master_of_its_link_takes_it_over(ways):
    ways.shell("ip route add default nhid 8", "ip link add br0 up type bridge")
    port = dict(name="br0", ports=[dict(name="va")])
    assert "va carries the default route; take_over_addresses: true" in run("linux_bridge", **port)["msg"]
    options = dict(port, take_over_addresses=True)
    dry, wet = (run("linux_bridge", check=check, **options) for check in (True, False))
    assert wet.get("commands") == dry["commands"], wet
    assert "ip nexthop replace id 1 via 192.0.2.2 dev br0" in wet["commands"]
    numbers, dests = told(snapshot(ways.observe()))
    assert (numbers, dests) == (ALL[0], ALL[1] | {"0.0.0.0/0"})
    assert not run("linux_bridge", **options)["changed"]
    ways.shell(*wet["rollback_commands"])


def test_what_its_master_took_over_goes_back(ways):
    """What the kernel deletes on a bridge without ports, perhaps a second later, is made again in another round."""
    ways.shell("ip link add br0 address 02:00:00:00:00:09 up type bridge")
    options = dict(name="br0", ports=[dict(name="va")], take_over_addresses=True)
    spec, rules, wish_of = OPTIONS["linux_bridge"]
    before, kernel = ways.observe(), Kernel()
    wish = wish_of(ArgumentSpecValidator(spec, **rules).validate(options).validated_parameters, kernel)
    steps = plan(wish, before)
    ways.execute(steps)
    assert told(snapshot(ways.observe())) == ALL
    assert roll_back(kernel, Observation(frozenset(("", "n1")), sorts=EVERYTHING), before, steps) == []
    kernel.close()
    assert told(snapshot(ways.observe())) == ALL
    assert snapshot(ways.observe()) == snapshot(before)


def test_what_is_not_described_comes_back(ways):
    ways.shell(
        "ip -6 nexthop add id 7 encap seg6 mode encap segs 2001:db8::1 dev va", "ip route add 10.6.0.0/16 nhid 7"
    )
    seen = ways.output("ip nexthop show id 7")
    assert "segs 1 [ 2001:db8::1 ]" in seen
    # Made anew, changed, and moved with its link's name.
    for module, options in (
        ("nexthop", dict(id=7, dev="va", family="inet6", proto="boot")),
        ("veth", dict(name="vnew", peer=dict(name="vb"))),
    ):
        wet = run(module, **options)
        assert wet.get("changed"), wet
    assert ways.output("ip nexthop show id 7").split() == [*seen.replace("dev va", "dev vnew").split(), "proto", "boot"]


def test_what_no_option_says_is_read_and_put_back(ways):
    """A timer and a mark that others have set by netlink."""
    group = ((1, 255), (2, 1))
    odd = replace(Nexthop.blank("", 11, "77"), group=group, family="", type=RESILIENT, buckets=8, idle_timer=1.5)
    ways.execute([Change(None, odd)])
    before = ways.observe()
    assert before.get(odd.key) == odd
    wish = Desired(absent=(Nexthop("", 1), Nexthop("", 11)))
    steps = plan(wish, before)
    ways.execute(steps)
    assert odd.key not in ways.observe()
    ways.execute(rollback(steps, before, ways.observe()))
    assert snapshot(ways.observe()) == snapshot(before)


def test_a_weight_that_only_new_kernels_take_is_read_and_written_back():
    sent = []
    here = SimpleNamespace(names={}, ask=lambda form, verb, how, attrs, **header: sent.extend(attrs))
    parts = {1: b"\x05\0\0\0", 2: bytes.fromhex("010000002b010000"), 3: b"\0\0"}
    found = nexthop_of("", dict(family=0, protocol=4, flags=0), parts, here)
    assert found.group == ((1, 300),)
    send(here, found, 0)
    assert (2, parts[2]) in sent
