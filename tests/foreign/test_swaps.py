# SPDX-License-Identifier: GPL-3.0-or-later
"""From each description to one of the same names with other identities, in one run, foretold, and put back if it fails.

EXAMPLES says how many pairs, SEED which, STEPS at how many of its changes the task is made to fail, FINDINGS a file to
which each fault is written as a line of JSON.
"""

import random

import hosts
import pytest
import swaps
import trial
import witness
from hosts import compared, run, settled
from tasks import Task
from test_worlds import EXAMPLES, FIRST, SEED, record

# Numbers that the kernel gives to what nftables has, in the order of making.
HANDLES = {"nft": "4", "nft chain": "2", "nft rule": "3", "nft set": "16"}


@pytest.mark.parametrize("index", range(FIRST, FIRST + EXAMPLES))
def test_one_run_leads_from_each_to_the_other(index):
    swap = swaps.Swap(SEED, index)
    findings = hosts.fresh(swapped, swap)
    if findings and len(swap.titles) == 1:
        for finding in findings:
            finding.title = swap.titles[0]
    record(index, findings)
    text = ["swap %s of seed %s: %s" % (index, SEED, ", ".join(swap.titles))]
    text += ["the first task: %s" % swap.first, "the second: %s" % swap.second]
    assert not findings, "\n\n".join(text + [f.text() for f in findings])


def stripped(things, swap):
    """A snapshot without what another host would have otherwise: numbers, and records of what was made when."""
    out = {}
    for key, value in things.items():
        if key[0] == "file":
            continue
        if key[0] == "netns":
            value = {}
        if key[0] == "link":  # by chance
            given = str(value.get("address")) in str(swap.second)
            value = {
                word: v for word, v in value.items() if word != "permanent address" and (given or word != "address")
            }
        handle = HANDLES.get(key[0])
        if handle:
            many = value if isinstance(value, list) else [value]
            many = [{k: v for k, v in one.items() if k not in (handle, "6")} for one in many]
            value = many if isinstance(value, list) else many[0]
        out[key] = value
    return out


def namespaces():
    """Those of the descriptions, without duplicate address detection, for which every look would have to wait."""
    lines = [("", ["ip", "netns", "add", name], None) for name in ("s1", "s2")]
    lines += [(name, ["ip", "link", "set", "lo", "up"], None) for name in ("s1", "s2")]
    lines += [(name, ["sysctl", "-qw", "net/ipv6/conf/default/accept_dad=0"], None) for name in ("s1", "s2")]
    assert not hosts.build(lines)


def alone(swap):
    """The snapshot of a host that has only ever seen the second description."""
    namespaces()
    result = run("topology", swap.second)[0]
    return None if result.get("failed") else stripped(settled(), swap)


def handles(d):
    """Own rules that were made anew have other numbers."""
    return (
        d[0][0] in HANDLES and d[0][3] == "virtnet" and set(d[2] if d[1] == "list" else [d[1]]) <= {"2", "3", "4", "6"}
    )


def stays(d):
    """What the kernel sets with the first VRF and the first WireGuard link, and leaves."""
    return (d[0][0] == "rule" and "l3mdev" in repr(d[3])) or d[0][-1] == "send_redirects"


def link_local(d):
    """An address of the kernel's own stays when the MAC address of which it was made does not."""
    return d[0][0] in ("addr", "route") and any(str(part).startswith("fe80:") for part in d[0])


def swapped(swap):
    return list(problems(swap, random.Random(str(swap.first))))


def problems(swap, draw):
    task = Task("swap", ", ".join(swap.titles), "topology", swap.second)
    namespaces()
    start = settled()
    first = run("topology", swap.first)[0]
    if first.get("failed"):
        task.params = swap.first
        yield trial.Finding("first", "refused: " + trial.short(first["msg"]), task, first)
        return
    before = settled()
    target = hosts.fresh(alone, swap)
    dry = run("topology", swap.second, check=True)[0]
    bad = list(trial.watched("dry run", task, before, dry))
    yield from bad
    if bad:
        return
    count = len(dry.get("commands", ())) + 1
    for number in [*sorted(draw.sample(range(1, count + 1), min(trial.STEPS, count))), None]:
        how = draw.choice(["error", "error", "signal"])
        result, dummy, hit = run("topology", swap.second, number=number, how=how)
        if not hit or not result.get("failed"):
            break
        found, dummy = compared(before, [handles])
        found = [d for d in found if not trial.named(d, result)]
        if trial.crashed(result):
            yield trial.Finding("failure", "crashed: " + trial.short(result["msg"]), task, result, (), (number, how))
        if found:
            yield trial.Finding("failure", "lost", task, result, found, (number, how))
        if found:
            return
        if compared(before, [handles])[0]:
            before = settled()
    if result.get("failed"):
        yield trial.Finding("run", "the dry run did not tell: " + trial.short(result["msg"]), task, result)
        task.changes = None
        links = {key[1:] for key in before if key[0] == "link"}  # any may be made again
        yield from trial.watched("run", task, before, result, [handles], remade=links)
        return
    if trial.told(dry) != trial.told(result):
        text = [trial.told(dry), trial.told(result)]
        yield trial.Finding("run", "other commands than the dry run", task, dict(result, warnings=text))
    again = run("topology", swap.second)[0]
    if again.get("failed") or again.get("changed"):
        yield trial.Finding("second run", trial.short(again["msg"]) if again.get("failed") else "changed", task, again)
    if target is None:
        yield trial.Finding("alone", "the second description alone is refused", task, result)
    else:
        found = [d for d in witness.differences(target, stripped(settled(), swap)) if not link_local(d)]
        if found:
            yield trial.Finding("run", "is not what the description alone makes", task, result, found)
    gone = run("topology", {"name": "swap", "state": "absent"})[0]
    found, dummy = compared(start, [stays])
    if found or gone.get("failed"):
        yield trial.Finding("absent", "left" if found else "refused: " + trial.short(gone["msg"]), task, gone, found)
