# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of what each module makes, through the module itself: dry, for real, again, changed, gone, gone again."""

import re
from pathlib import Path

import pytest
import yaml
from conftest import OPTIONS, each_of, examples, needing, run, snapshot

from ansible_collections.virtnet.linux.plugins.module_utils._core.desired import Change
from ansible_collections.virtnet.linux.plugins.module_utils._resources.link_options import makes
from ansible_collections.virtnet.linux.plugins.module_utils._resources.rule import Rule
from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import rule as rule_rtnl
from ansible_collections.virtnet.linux.plugins.module_utils._rtnl.observe import Kernel

LIVES = yaml.safe_load((Path(__file__).parent / "lives.yml").read_text())


def lives(*modules):
    """Parameters of a test: the lives of these modules."""
    few = {name: life for name, life in LIVES.items() if life["module"] in modules}
    return pytest.mark.parametrize("name", [needing(n, *filter(None, [life.get("kind")])) for n, life in few.items()])


@lives(*OPTIONS)
def test_life(host, name):
    life, module = LIVES[name], LIVES[name]["module"]
    host.shell(*life.get("there", []))
    start = host.observe()
    for stage in ("make", "change", "gone"):
        if stage not in life:
            continue
        before = host.observe()
        dry = run(module, check=True, **life[stage])
        assert dry.get("changed"), (stage, dry)
        assert snapshot(host.observe()) == snapshot(before), "the dry run changed something"
        wet = run(module, **life[stage])
        assert wet.get("changed"), (stage, wet)
        assert wet["commands"] == dry["commands"]
        assert wet["diff"]["before"] != wet["diff"]["after"]
        for side, news in wet["diff"].items():
            # With the default of a sysctl go those of the links on which nobody has set it.
            told = {key for key in news if not key.startswith("sysctl ")}
            assert told <= dry["diff"][side].keys(), (stage, side)
        for check in (True, False):
            again = run(module, check=check, **life[stage])
            assert not again.get("failed") and again["changed"] is False, (stage, again)
            assert again["commands"] == again["rollback_commands"] == [] and again["diff"] == {
                "before": {},
                "after": {},
            }
        after = snapshot(host.observe())
        # Both ways are good in a shell. A namespace that has gone keeps its nsid for a moment.
        host.settle()
        host.shell(*host.filled(wet["rollback_commands"], life.get("keys", {})))
        host.settle()
        assert snapshot(host.observe()) == snapshot(before), wet["rollback_commands"]
        host.shell(*host.filled(wet["commands"], life.get("keys", {})))
        assert snapshot(host.observe(), chance=False) == drop_chance(after)
    if module in ("netns", "route", "nat_masquerade", "address"):
        kept = {k: v for k, v in snapshot(start).items() if k in snapshot(host.observe())}
        assert kept == snapshot(host.observe())


def drop_chance(found):
    """A snapshot without the MAC addresses that came by chance."""
    return {
        key: {k: v for k, v in fields.items() if k != "address" or key[0] != "link" or str(v).startswith("02:00:00:")}
        for key, fields in found.items()
    }


def plain_examples(name):
    """The (module, options) of those EXAMPLES that need no Ansible."""
    for task in examples(name):
        if "{{" not in str(task):
            assert task.keys() - {"name"} == {key for key in task if key.startswith("virtnet.linux.")}, task
            yield from ((key[len("virtnet.linux.") :], value) for key, value in task.items() if key != "name")


@each_of(OPTIONS)
def test_examples_settle(name, plain_host):
    for module, options in plain_examples(name):
        first = run(module, **options)
        assert "failed" not in first, first
        # What waits for its confirmation is not said again meanwhile.
        again = dict(changed=False) if "confirm" in options else run(module, **options)
        assert again.get("changed") is False, again


@each_of(OPTIONS)
def test_examples_run_in_check_mode(name, plain_host):
    # As an earlier example leaves them when it is no dry run.
    plain_host.shell(*("ip link set %s up" % link for link in ("eth1", "eth2", "uplink")))
    before = snapshot(plain_host.observe())
    for module, options in plain_examples(name):
        said = run(module, check=True, **options)
        assert "failed" not in said, said
    assert snapshot(plain_host.observe()) == before


@lives("link", "address", *filter(makes, OPTIONS))
def test_what_is_read_and_fed_back_changes_nothing(host, name):
    life = LIVES[name]
    host.shell(*life.get("there", []))
    assert run(life["module"], **life["make"])["changed"]
    before, links = snapshot(host.observe()), run("link_info")["links"]
    assert not makes(life["module"]) or life["module"] in [link["module"] for link in links]
    tasks = [(link["module"], link["options"]) for link in links]
    tasks += [("address", address) for link in links for address in link["addresses"]]
    for module, options in tasks:
        again = run(module, **options)
        assert again.get("changed") is False, (module, options, again)
    assert snapshot(host.observe()) == before


@pytest.mark.needs("sit.sixrd")
def test_an_address_of_6rd_tells_where_its_packets_go(host):
    host.shell(
        "ip netns add far; ip link add low type veth peer name high netns far",
        "ip address add 10.0.2.1/8 dev low; ip link set low up",
        "ip -n far address add 10.1.2.3/8 dev high; ip -n far link set high up",
    )
    ends = (("", "10.0.2.1", "2001:db8:2:100::1"), ("far", "10.1.2.3", "2001:db8:102:300::1"))
    domains = {"none": dict(prefix="2002::/16"), "all": dict(prefix="2001:db8::/32", relay_prefix="10.0.0.0/8")}
    for reached, sixrd in domains.items():
        for netns, local, own in ends:
            options = dict(name="sit1", netns=netns, mode="sit", local=local, addresses=[own + "/32"], sixrd=sixrd)
            assert not run("ip_tunnel", **options).get("failed")
        assert not run("reachability", to=[ends[1][2]], expect=reached, wait=20).get("failed")


def rules_of(host, *words):
    """The rules of a namespace but for the kernel's own."""
    lines = host.output(" ".join(["ip -n n1", *words, "rule"])).splitlines()
    return [" ".join(line.split()) for line in lines if not line.startswith(("0:", "3276"))]


def test_no_other_rule_is_deleted_than_the_one_that_is_meant(host):
    # To the kernel a rule for all is any rule of its priority.
    others = ["100: from 10.0.0.0/8 lookup 7", "100: from all tos 0x0c lookup 7", "100: from 11.0.0.0/8 lookup 7"]
    host.shell(
        "ip netns add n1",
        "ip -n n1 rule add priority 100 from 10.0.0.0/8 table 7",
        "ip -n n1 rule add priority 100 tos 0x0c table 7",
        "ip -n n1 rule add priority 100 from 11.0.0.0/8 table 7",
    )
    assert rules_of(host) == others
    rule = {"netns": "n1", "priority": 100, "from": "all", "tos": "0x00", "table": "7"}
    for state, wanted in (("present", [*others, "100: from all lookup 7 proto static"]), ("absent", others)):
        said = run("rule", **rule, state=state)
        assert said.get("changed"), said
        assert rules_of(host) == wanted
        assert run("rule", **rule, state=state)["changed"] is False


def test_rules_that_differ_in_who_made_them_are_two(host):
    host.shell(
        "ip netns add n1",
        *(
            "ip -n n1 rule add priority 100 from 10.0.0.0/8 table 7 protocol %s" % who
            for who in ("boot", "static", "99")
        ),
    )
    assert len(rules_of(host)) == 3
    rule = {"netns": "n1", "priority": 100, "from": "10.0.0.0/8", "table": "7"}
    assert run("rule", **rule)["changed"] is False
    said = run("rule", **rule, state="absent")
    assert said["changed"] and len(said["commands"]) == 3 and rules_of(host) == [], said
    host.shell(*said["rollback_commands"])
    assert len(rules_of(host)) == 3
    assert run("rule", **rule, state="absent")["changed"]
    assert run("rule", **rule, state="absent")["changed"] is False


def test_a_rule_with_conditions_that_have_no_option_is_held(host):
    kernel = Kernel()
    for rest in ([(25, b"\x0a")], [(12, b"\0" * 7 + b"\5")]):
        rule = Rule("", "inet", 100, False, "10.0.0.0/8", type="lookup", table=7, rest=tuple(sorted(rest)))
        fresh = {row.field: row.default for row in (*Rule.SELECTORS, Rule.GOTO, *Rule.SUPPRESS)}
        rule = Rule(**{**rule.__dict__, **fresh, "from_": "10.0.0.0/8"})
        rule_rtnl.write(kernel, Change(None, rule))
        found = [r for r in rule_rtnl.read(kernel, "", ()) if r.priority == 100]
        if not found[0].strange:  # Linux before 6.12 has no dscp
            rule_rtnl.write(kernel, Change(found[0], None))
            continue
        assert [set(rest) <= set(r.rest) for r in found] == [True], found
        assert run("rule", table="7", state="absent")["changed"] is False
        wide = {"priority": 100, "from": "10.0.0.0/8", "table": "7"}
        assert run("rule", **wide)["changed"]
        assert run("rule", **wide, state="absent")["changed"]
        assert [r for r in rule_rtnl.read(kernel, "", ()) if r.priority == 100] == found
        for r in found:
            rule_rtnl.write(kernel, Change(r, None))
            rule_rtnl.write(kernel, Change(None, r))
        assert [r for r in rule_rtnl.read(kernel, "", ()) if r.priority == 100] == found
        for r in found:
            rule_rtnl.write(kernel, Change(r, None))


@pytest.mark.parametrize("more", [{}, {"accept_ra": 2}])
@pytest.mark.parametrize("dev", [None, "va"])
def test_who_forwards_is_warned_that_router_advertisements_end(host, dev, more):
    host.shell(
        "ip netns add n1; ip -n n1 link add va type veth peer name vb",
        "ip -n n1 link set va up; ip -n n1 link set vb up",
        "ip -n n1 -6 route add default via fe80::1 dev va proto ra",
    )
    if more:
        assert run("sysctl_forward", netns="n1", dev="va", **more)["changed"]
    task = dict(netns="n1", ipv6=True, **({"dev": dev} if dev else {}))
    for check in (True, False):
        said = run("sysctl_forward", check=check, **task)
        told = re.findall("([a-z]+) forwards from now on, and accepts no more", str(said.get("warnings")))
        assert told == ([] if more else ["va"]), said


def test_who_has_set_a_neighbour_comes_back_with_it(host):
    host.shell(
        "ip link add va up type veth peer name vb",
        "ip neighbour add 192.0.2.2 lladdr 02:00:00:00:00:03 dev va protocol 99",
    )
    told = host.output("ip -details neighbour show dev va")
    assert "proto" in told, told
    said = run("neighbour", dev="va", address="192.0.2.2", state="absent")
    host.shell(*said["rollback_commands"])
    assert host.output("ip -details neighbour show dev va") == told
