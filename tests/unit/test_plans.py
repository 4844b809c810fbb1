# SPDX-License-Identifier: GPL-3.0-or-later
"""Golden plans: what is there, one task, and the commands and the way back that it must come to."""

from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from conftest import OPTIONS

from ansible_collections.virtnet.linux.plugins.module_utils._core.commands import commands
from ansible_collections.virtnet.linux.plugins.module_utils._core.desired import Desired
from ansible_collections.virtnet.linux.plugins.module_utils._core.planner import plan, predict
from ansible_collections.virtnet.linux.plugins.module_utils._core.prerequisites import missing, not_found
from ansible_collections.virtnet.linux.plugins.module_utils._core.rollback import rollback
from ansible_collections.virtnet.linux.plugins.module_utils._core.state import State
from ansible_collections.virtnet.linux.plugins.module_utils._core.values import Refused, replace
from ansible_collections.virtnet.linux.plugins.module_utils._resources.link import Link
from ansible_collections.virtnet.linux.plugins.module_utils._resources.netns import Netns

FILES = sorted(Path(__file__).parent.glob("plans/*.yml"))
CASES = [(f.stem, case) for f in FILES for case in yaml.safe_load(f.read_text())]


class Host:
    """What a wish asks of the host, from a state."""

    def __init__(self, state):
        self.state = state

    def pending(self, name):
        return None

    def made(self, name):
        return self.state.get(("topology", name))


def wish_of(task, state):
    ((module, params),) = task.items()
    spec, rules, build = OPTIONS[module]
    checked = ArgumentSpecValidator(spec, **rules).validate(params)
    assert not checked.error_messages, checked.error_messages
    return build(checked.validated_parameters, Host(state))


def steps_of(task, state):
    wish = wish_of(task, state)
    for option, key in missing(wish, state):
        raise not_found(option, key)
    return plan(wish, state)


def applied(steps, state):
    after = state.copy()
    for change in steps:
        predict(after, change)
    return after


@pytest.mark.parametrize(("area", "case"), CASES, ids=["%s: %s" % (area, case["name"]) for area, case in CASES])
def test_plan(area, case):
    state = State()
    for task in case.get("there", []):
        state = applied(steps_of(task, state), state)
    if "refused" in case:
        with pytest.raises(Refused) as refused:
            steps_of(case["task"], state)
        assert str(refused.value) == case["refused"]
        return
    steps = steps_of(case["task"], state)
    assert [line for step in steps for line in commands(step)] == case["commands"]
    after = applied(steps, state)
    assert steps_of(case["task"], after) == ()
    if "back" in case:
        assert [line for step in rollback(steps, state, after) for line in commands(step)] == case["back"]


def test_a_link_made_anew_is_as_up_as_it_was():
    for up in (True, False):
        there = State([Link("", "b", "bridge", up=up, mtu=1500, address="02:00:00:00:00:01")])
        pair = Link("", "b", "veth", peer=("", "c")), Link("", "c", "veth", peer=("", "b"))
        wish = Desired(pair, allow={"recreate"})
        made = [change.after for change in plan(wish, there) if change.after and change.after.name == "b"]
        assert bool(made[0].up) is up


def test_a_card_outlives_its_namespace():
    card = Link("ns1", "eth1", "", up=True, master="", mtu=1500, address="02:00:00:00:00:01", alias="")
    there = State([Netns("ns1"), card])
    steps = steps_of({"netns": {"name": ["ns1"], "state": "absent"}}, there)
    after = applied(steps, there)
    assert after.link(("", "eth1")).up is False and after.link(card.ref) is None
    back = [line for step in rollback(steps, there, after) for line in commands(step)]
    assert back[-2:] == ["ip link set dev eth1 netns ns1", "ip -n ns1 link set dev eth1 up"]


def test_an_ipvlan_gets_its_address_back_with_its_lower_link():
    there = [
        Link("", "br0", "bridge", address="02:00:00:00:00:01"),
        Link("", "eth1", "veth", address="02:00:00:00:00:02", master="br0", slave_kind="bridge"),
        Link("n1", "ipv0", "ipvlan", link=("", "br0"), address="02:00:00:00:00:01"),
    ]
    wish = Desired((there[0], replace(there[1], master=""), there[2]))
    steps = plan(wish, State([Netns("n1"), *there]))
    assert [line for step in steps for line in commands(step)] == [
        "ip link set dev eth1 nomaster",
        "ip link set dev br0 address 02:00:00:00:00:01",
    ]


def test_what_becomes_another_kind_is_not_put_back_first():
    """A vlan cannot stand on what its lower link becomes."""
    low = Link("", "b", "bridge", up=True, mtu=1500, address="02:00:00:00:00:01")
    there = [low, Link("", "v", "vlan", link=low.ref, up=True, mtu=1500, address=low.address, attrs=(("id", 5),))]
    wish = Desired((Link("", "b", "wireguard"), Link("", "v", "dummy")), allow={"recreate"})
    steps = plan(wish, State(there))
    assert not any("type vlan" in line for step in steps for line in commands(step))
