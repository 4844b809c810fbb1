# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of what each module makes, through the module itself: dry, for real, again, changed, gone, gone again."""

from pathlib import Path

import pytest
import yaml
from conftest import EACH_MODULE, examples, needing, run, snapshot

LIVES = yaml.safe_load((Path(__file__).parent / "lives.yml").read_text())


@pytest.mark.parametrize("name", [needing(name, life.get("kind")) for name, life in LIVES.items()])
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
        for check in (True, False):
            again = run(module, check=check, **life[stage])
            assert not again.get("failed") and again["changed"] is False, (stage, again)
            assert again["commands"] == again["rollback_commands"] == [] and again["diff"] == {
                "before": {},
                "after": {},
            }
        after = snapshot(host.observe())
        # The way back is good in a shell, and so is the way there.
        host.shell(*wet["rollback_commands"])
        assert snapshot(host.observe()) == snapshot(before), wet["rollback_commands"]
        host.settle()
        host.shell(*wet["commands"])
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


@EACH_MODULE
def test_examples_settle(name, plain_host):
    for task in examples(name):
        ((module, options),) = [(key.rpartition(".")[2], value) for key, value in task.items() if "." in key]
        if "{{" not in str(task):
            first, again = run(module, **options), run(module, **options)
            assert "failed" not in first and again.get("changed") is False, (first, again)
