# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks on networks that others made: nothing else changes, and what was put back is the same.

EXAMPLES says how many networks, SEED which; STEPS at how many of its changes a task is made to fail, SHRINKS how often
a network that shows a fault is tried with less, FINDINGS a file to which each fault is written as a line of JSON.
Network 17 again, and a shell on its host before the task: tests/sandbox python3 tests/foreign/replay.py 17
"""

import json
import os

import grammar
import hosts
import pytest
import trial

EXAMPLES = int(os.environ.get("EXAMPLES") or "15")
FIRST = int(os.environ.get("FIRST") or "0")
SEED = os.environ.get("SEED") or "0"
COUNTS = {"lines": 0, "refused": 0}


@pytest.mark.parametrize("index", range(FIRST, FIRST + EXAMPLES))
def test_nothing_else_changes(index):
    world = grammar.World(SEED, index)
    findings, refused = hosts.fresh(trial.trial, world)
    COUNTS["lines"] += len(world.lines)
    COUNTS["refused"] += refused
    record(index, findings)
    assert not findings, "\n\n".join(["network %s of seed %s" % (index, SEED)] + [f.text() for f in findings])


def test_most_lines_are_accepted():
    assert COUNTS["refused"] <= COUNTS["lines"] / 5, COUNTS


def record(index, findings):
    """For who wants to count them."""
    if os.environ.get("FINDINGS"):
        with open(os.environ["FINDINGS"], "a") as file:
            for finding in findings:
                file.write(json.dumps(dict(vars(finding), index=index), default=str) + "\n")
