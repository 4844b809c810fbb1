# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of what each module makes, through the module itself: dry, for real, again, changed, gone, gone again."""

from pathlib import Path

import pytest
import yaml
from conftest import OPTIONS, each_of, examples, needing, run, snapshot

from ansible_collections.virtnet.linux.plugins.module_utils._resources.link_options import makes

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
        # The way back is good in a shell, and so is the way there.
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
