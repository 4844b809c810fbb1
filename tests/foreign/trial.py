# SPDX-License-Identifier: GPL-3.0-or-later
"""One network, its tasks, and what was not as it has to be."""

import json
import os
import random
import re
import time

import grammar
import hosts
import tasks
import witness
from hosts import compared, run, settled

STEPS = int(os.environ.get("STEPS") or "3")  # of a task, at how many it is made to fail
SHRINKS = int(os.environ.get("SHRINKS") or "25")  # how often a network that shows a fault is tried with fewer lines
PASSING = re.compile(r"(valid_lft|preferred_lft|expires) \d+")
CARRIER = re.compile(r"link (\S+) [^()]*\([^()]*\bcarrier\)")
STEP = re.compile(r"^step \d+ of \d+ \(.*?\) failed: ", re.DOTALL)


class Finding:
    """What was wrong: its class, the task, how it was run, and what differs."""

    def __init__(self, stage, what, task, result, details=(), fault=None):
        self.stage, self.what, self.scenario, self.title = stage, what, task.scenario, task.what
        self.task, self.result, self.fault = task.shown(), result, fault
        self.details = [witness.shown(d) for d in details]
        self.kinds = sorted({kind(d) for d in details})
        self.lines = []

    def like(self, other):
        """Whether it is the same fault: in the same place, and one of the differences is of the same sort."""
        same = (self.stage, self.what, self.scenario) == (other.stage, other.what, other.scenario)
        return same and (not self.kinds or bool({*self.kinds} & {*other.kinds}))

    def text(self):
        out = ["%s: %s (%s, %s)" % (self.stage, self.what, self.scenario, self.title)]
        out += ["the network:"] + ["  " + line for line in self.lines]
        out += ["the task:", "  " + json.dumps(self.task)]
        if self.fault:
            out.append("  with a %s at its change number %d" % (self.fault[1], self.fault[0]))
        out.append("it said: %s" % said(self.result))
        out += ["the difference:"] + ["  " + line for line in self.details[:40]]
        return "\n".join(out)


def said(result):
    kept = {k: v for k, v in result.items() if k in ("changed", "failed", "msg", "warnings", "commands", "crashed")}
    return json.dumps(kept)[:3000]


def kind(d):
    """The sort of a difference."""
    key, word, old, new = d
    if word in ("list", None, "order"):
        if word == "order":
            return key[0] + " order"
        if isinstance(old, dict) and isinstance(new, dict):
            return "%s %s" % (key[0], ",".join(map(str, sorted(old))))
        if not old and new:
            return key[0] + " new"
        if old and not new:
            return key[0] + " gone"
        return key[0] + " other"
    return "%s %s" % (key[0], word)


def named(d, result):
    """Whether the task told of a difference, in a warning or after what failed."""
    text = STEP.sub("", result.get("msg", "")) if result.get("failed") else ""
    text += " ".join(map(str, result.get("warnings") or ()))
    key = d[0]
    token = {"addr": 3, "route": 4, "neigh": 3, "fdb": 3, "nft": 3, "rule": 3}.get(key[0], 2)
    token = str(key[token]).partition("/")[0] if len(key) > token else "?"
    # With a carrier that is named goes what the kernel had for it.
    carriers = CARRIER.findall(text) if key[0] in ("addr", "route") else ()
    where = "network namespace %s" % key[1] if key[1] else "the host's own network namespace"
    lost = key[0] in ("nexthop", "route") and "in %s goes with the carrier" % where in text
    of_nexthops = lost and any(word in repr(d) for word in ("nhid", "attr2"))
    return token in text or of_nexthops or any(repr(dev) in repr(d) for dev in carriers)


def sure(task):
    """A task that says that nothing was lost, or only what it named."""
    return lambda d: any(rule(d) for rule in task.allowed)


def crashed(result):
    return bool(result.get("crashed")) or (result.get("failed") and "Traceback" in str(result.get("exception", "")))


def short(message):
    """A message without what is drawn."""
    out = re.sub(r"^step \d+ of \d+ \(.*\) failed: ", "", str(message), flags=re.DOTALL)
    out = re.sub(r"\(.*?\)|'[^']*'|\"[^\"]*\"", "", out)
    out = re.sub(r"\b\S+ in network namespace \S+", "LINK", out)
    out = re.sub(r"could not put back: .*", "could not put back: ...", out, flags=re.DOTALL)
    out = re.sub(r"\b[0-9a-f:./]*\d[0-9a-f:./]*\b", "N", out)
    lines = [line for line in out.strip().splitlines() if line.strip()]
    return lines[-1][:110] if lines else ""


def told(result):
    """The commands beside those for the record of a topology, without the seconds that pass meanwhile."""
    lines = [line for line in result.get("commands", ()) if "/run/virtnet" not in line]
    return [PASSING.sub(r"\1", line) for line in lines]


def examine(task, before, draw, thorough=False, failures=True):
    """Do a task on what is there, dry, with failures, and for real; yields what is wrong."""
    if task.target and (task.target not in before or (task.among and task.among not in before[task.target])):
        return
    if task.scenario == "nothing":
        yield from untouched(task, before, draw)
    elif task.scenario == "fed back":
        yield from fed_back(task, before)
    else:
        yield from changing(task, before, draw, thorough, failures)


def untouched(task, before, draw):
    check = draw.random() < 0.3
    result = run(task.module, task.params, check=check)[0]
    yield from watched("dry run" if check else "run", task, before, result)
    if not result.get("failed") and result.get("changed"):
        yield Finding("dry run" if check else "run", "says changed: %s" % shape(result), task, result)


def shape(result):
    """The beginning of the first command, without what is drawn."""
    words = (told(result) or [""])[0].split()
    return " ".join(word for word in words[:8] if word.isalpha() and word not in ("w1", "w2"))[:40]


def watched(stage, task, before, result, allowed=(), fault=None, remade=()):
    """What is wrong with a run after which all has to be as it was, beside what is allowed."""
    if crashed(result):
        yield Finding(stage, "crashed: " + short(result.get("exception") or result["msg"]), task, result, fault=fault)
    elif result.get("failed") and fault is None and task.changes is not None:
        yield Finding(stage, "refused: " + short(result["msg"]), task, result)
    found, now = compared(before, allowed)
    names = {name for dummy, name in remade}  # with fewer lines they may be in another namespace
    found += [d for d in witness.remade(before, now) if d[0][2] not in names]
    lost = [d for d in found if not named(d, result)]
    if lost:
        yield Finding(stage, "lost" if result.get("failed") else "changed", task, result, lost, fault)


def changing(task, before, draw, thorough, failures):
    dry = run(task.module, task.params, check=True)[0]
    bad = list(watched("dry run", task, before, dry))
    yield from bad
    if bad or dry.get("failed"):
        return
    count = max(len(dry.get("commands", ())), 1)
    numbers = range(1, count + 2) if thorough else draw.sample(range(1, count + 2), min(STEPS, count + 1))
    numbers = numbers if failures else []
    for number in sorted(numbers):
        how = draw.choice(["error", "error", "error", "signal"])
        result, dummy, hit = run(task.module, task.params, number=number, how=how)
        if not hit or not result.get("failed"):
            # It was done before so many changes, or could do without this one.
            yield from after(task, before, dry, result)
            return
        bad = list(watched("failure", task, before, result, fault=(number, how), remade=task.remade))
        yield from bad
        if bad:
            return
        if compared(before)[0]:
            # What it told that it could not put back is no fault of the next one.
            before, dry = settled(), run(task.module, task.params, check=True)[0]
    result = run(task.module, task.params)[0]
    yield from after(task, before, dry, result)


def after(task, before, dry, result):
    """What is wrong with a run that went through."""
    if result.get("failed"):
        if not crashed(result):
            yield Finding("run", "the dry run did not tell: " + short(result["msg"]), task, result)
        task.changes = None
        yield from watched("run", task, before, result, remade=task.remade)
        return
    expected = elsewhere(task, before)
    yield from watched("run", task, expected, result, task.allowed, remade=task.remade)
    if told(dry) != told(result):
        yield Finding("run", "other commands than the dry run", task, dict(result, warnings=[told(dry), told(result)]))
    if task.changes and not result.get("changed"):
        yield Finding("run", "says not changed", task, result)
    again = run(task.module, task.params)[0]
    if again.get("failed") or again.get("changed"):
        what = short(again["msg"]) if again.get("failed") else "changed"
        yield Finding("second run", what, task, again)
    if task.scenario == "adopt":
        gone = run(task.module, {"name": task.params["name"], "state": "absent"})[0]
        yield from watched("absent", task, before, gone)


def elsewhere(task, before):
    """What has to be there when links have other names, or other links their addresses."""
    if not task.moved:
        return before
    if task.scenario != "hand-over":
        return witness.renamed(before, task.moved)
    ((dummy, ns, dev), (dummy, bridge)) = next(iter(task.moved.items()))
    out = {}
    for key, value in before.items():
        if key[0] == "addr order" and key[1] == ns and key[2] in (dev, bridge):
            continue
        if key[0] == "addr" and key[1:3] == (ns, dev) and not key[3].startswith("fe80"):
            key = (key[0], ns, bridge, *key[3:])
        if key[0] == "route" and key[1] == ns and key[4] != "fe80::/64":
            value = witness.relinked(ns, value, {(ns, dev): (ns, bridge)})
        out[key] = value
    # An object of somebody's that no route has may stay where it is.
    task.allowed.append(lambda d: d[0][0] == "nexthop" and d[0][1] == ns and d[1] == "oif")
    moved, own = ("addr order", ns, dev), ("addr order", ns, bridge)
    if own in before or moved not in before:
        task.allowed.append(lambda d: d[0] in (moved, own))
    else:
        # The first of a network is its primary address.
        out[own] = before[moved]
    return out


def fed_back(task, before):
    look = run("topology_info", {})[0]
    bad = list(watched("look", task, before, look))
    yield from bad
    if bad or look.get("failed"):
        return
    task.module, task.params = (
        "topology",
        {"name": "fed", "nodes": look["nodes"], "links": look["links"], "allow_overlap": True},
    )
    result = run(task.module, task.params)[0]
    yield from watched("fed back", task, before, result, task.allowed)
    if not result.get("failed") and told(result):
        yield Finding("fed back", "says changed: %s" % shape(result), task, result)
    gone = run("topology", {"name": "fed", "state": "absent"})[0]
    yield from watched("absent", task, before, gone)


# Networks


def trial(world):
    """Play all of a network's tasks, each on a host of its own; return findings and how many lines were refused."""
    refused = hosts.build(world.lines)
    lines = [line for number, line in enumerate(world.lines) if number not in refused]
    before = settled()
    draw = random.Random("%s:%s tasks" % (world.seed, world.index))
    out = []
    dirty = False
    for task in tasks.tasks(world, before, draw):
        seed = draw.random()
        if dirty:
            found = hosts.fresh(attempt, task, lines, seed)
        else:
            found = list(examine(task, before, random.Random(seed)))
            dirty = bool(found) or task.changes is not False
            if any(finding.stage == "failure" for finding in found):
                found += hosts.fresh(unbroken, task, lines, seed)
        if found:
            # What happens once only was the kernel's clock, or ours.
            again = hosts.fresh(attempt, task, lines, seed)
            found = [finding for finding in found if any(finding.like(other) for other in again)]
        for finding in found:
            finding.lines = lines
        for finding in found if SHRINKS else ():
            finding.lines = shrunk(task, lines, finding, seed)
        out += found
    for finding in out:
        finding.lines = [hosts.shell(line) for line in finding.lines]
    return out, len(refused)


def attempt(task, lines, seed, thorough=False):
    """The findings of a task on a network that is built for it."""
    hosts.build(lines)
    before = settled()
    found = list(examine(task, before, random.Random(seed), thorough))
    if any(finding.stage == "failure" for finding in found):
        # What was not put back is no host for the run that goes through.
        found += hosts.fresh(unbroken, task, lines, seed)
    return found


def unbroken(task, lines, seed):
    """The findings of a task that nothing makes fail."""
    hosts.build(lines)
    return list(examine(task, settled(), random.Random(seed), failures=False))


def shrunk(task, lines, finding, seed):
    """Fewer lines with a finding of the same class: halves are left out, then quarters, at last single lines."""
    left, size, end = SHRINKS, max(len(lines) // 2, 1), time.monotonic() + hosts.TIMEOUT / 2
    best = lines
    while left > 0 and time.monotonic() < end:
        at, smaller = 0, False
        while at < len(best) and left > 0 and time.monotonic() < end:
            fewer = best[:at] + best[at + size :]
            left -= 1
            try:
                found = hosts.fresh(attempt, task, fewer, seed, True)
            except RuntimeError:
                found = []
            same = [f for f in found if f.like(finding)]
            if same:
                best, smaller = fewer, True
                vars(finding).update(vars(same[0]))
            else:
                at += size
        if size == 1 and not smaller:
            break
        size = max(size // 2, 1)
    return best


def world(seed, index):
    return grammar.World(seed, index)
