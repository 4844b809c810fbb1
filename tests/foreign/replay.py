# SPDX-License-Identifier: GPL-3.0-or-later
"""A drawn network again, and a shell on its host: tests/sandbox python3 tests/foreign/replay.py NUMBER [SEED].

With `lines` in the place of the number it builds what stands on standard input, as a failed test prints it. A number is
followed by what the tests make of it. In the shell, JSON runs a module: task MODULE JSON [CHANGE [signal]].
"""

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / ".venv" / "collections")]

import hosts  # noqa: E402


def shell(lines):
    """A shell in which the lines were run, and a command `task`."""
    script = "\n".join(lines)
    subprocess.run(["bash", "-c", script], check=False)
    command = 'task() { %s %s task "$@"; }; export -f task; exec bash -i' % (sys.executable, Path(__file__).resolve())
    subprocess.run(["bash", "-c", command], check=False)


def main(what, *more):
    if what == "task":
        number = int(more[2]) if len(more) > 2 else None
        result, count, hit = hosts.run(more[0], json.loads(more[1]), number=number, how="".join(more[3:4]) or "error")
        print(json.dumps(result, indent=1), "\n%d changes%s" % (count, ", one failed" if hit else ""))
        return
    if what == "lines":
        lines = sys.stdin.read().splitlines()
        os.dup2(os.open("/dev/tty", os.O_RDWR), 0)
        hosts.fresh(shell, lines)
        return
    import grammar
    import trial

    hosts.preload()
    world = grammar.World(*more[:1] or ("0",), int(what))
    findings, dummy = hosts.fresh(trial.trial, world)
    print("\n\n".join([f.text() for f in findings] or ["nothing is wrong"]))
    if sys.stdin.isatty():
        hosts.fresh(shell, [hosts.shell(line) for line in world.lines])


if __name__ == "__main__":
    main(*sys.argv[1:])
