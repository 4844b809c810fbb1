# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the collection's playbooks on this host."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass

import pytest

# How a verification that fails names what it saw of a ping.
LOST = "from %s to %s: expected a reply with ttl %d, seen %s"


@dataclass
class Played:
    """What a run of a playbook said."""

    output: str

    def count(self, word):
        return int(re.search(r"^localhost .*\b%s=(\d+)" % word, self.output, re.MULTILINE).group(1))

    @property
    def changed(self):
        """The tasks and items that changed something."""
        found, task = [], ""
        for line in self.output.splitlines():
            task = line.strip(" *") if line.startswith("TASK") else task
            if line.startswith("changed:"):
                found.append((task, line.split(" => {")[0]))
        return found


def play(name, *options, fails=False, **variables):
    """Run a playbook of the collection, or that of a path, on this host."""
    command = ["ansible-playbook", "-i", "localhost,", "-c", "local", name if "/" in name else "virtnet.linux." + name]
    variables = {"ansible_python_interpreter": sys.executable, **variables}
    command += ["-e", json.dumps(variables), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    played = Played(done.stdout)
    if done.returncode != (2 if fails else 0) or played.count("failed") != int(fails):
        pytest.fail(done.stdout, pytrace=False)
    return played


def absent(name, **variables):
    return play(name, **{name + "_state": "absent", **variables})
