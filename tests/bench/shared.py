# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmarks share. They change the network, and so they run in the sandbox alone."""

import json
import os
import subprocess
import sys
from pathlib import Path

if Path("/proc/1/comm").read_text() != "sandbox\n":
    sys.exit("this changes the network: run it by tests/sandbox")
COLLECTIONS = os.environ["ANSIBLE_COLLECTIONS_PATH"].split(":")[0]
MODULES = "ansible_collections.virtnet.linux.plugins.modules."
ENV = dict(os.environ, PYTHONPATH=COLLECTIONS)


def module(name, /, check=False, **options):
    """What a module says, run in a process of its own; a failure ends the benchmark."""
    text = json.dumps({"ANSIBLE_MODULE_ARGS": dict(options, _ansible_check_mode=check)})
    command = [sys.executable, "-m", MODULES + name]
    said = json.loads(
        subprocess.run(command, input=text, env=ENV, stdout=subprocess.PIPE, text=True, check=False).stdout
    )
    if said.get("failed"):
        sys.exit(said["msg"])
    return said
