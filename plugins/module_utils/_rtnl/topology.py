# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of topologies, and what makes them anew after a boot."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import suppress

from .._core.values import RUN_DIR, Refused
from .._resources.boot_script import lines_in
from .._resources.topology import Boot, Pending, Staged, Topology
from . import files
from .confirm import waiting


def read_all(name):
    return [made(name), pending(name), boot(name), staged(name)]


def made(name):
    """What a topology has made, if it is there."""
    path = Topology(name).path
    try:
        return Topology.read(files.read(path))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise Refused("name", "%s is damaged; without it nobody knows what the topology made" % path)


def pending(name):
    """What waits for a confirmation of this topology."""
    outcome = waiting(Pending(name).path)
    return None if outcome is None else Pending(name, undone=outcome)


def boot(name):
    """What makes this topology anew after a boot, if all of it is there as this collection writes it."""
    it = Boot(name)
    with suppress(FileNotFoundError):
        it = Boot(name, lines_in(files.read(it.script)))
    there = [path for path in (*it.files, it.wanted_by) if os.path.lexists(path)]
    whole = len(there) == 3 and all(files.read(path) == text for path, text in it.files.items())
    return it if whole else Boot(name, ("false",)) if there else None


def staged(name):
    """What is written for the boot when this topology is confirmed."""
    with suppress(FileNotFoundError, ValueError):
        return Staged(name, tuple(json.loads(files.read(Staged(name).path))))
    return None


def write(kernel, change):
    target = change.target
    if target.sort == "boot":
        write_boot(target, change)
    elif change.verb == "delete":
        os.unlink(target.path)
    else:
        os.makedirs(RUN_DIR, exist_ok=True)
        files.write(target.path, target.text)


def write_boot(target, change):
    if change.verb == "delete":
        systemctl("stop", target.unit)
        for path in (target.wanted_by, *target.files):
            with suppress(FileNotFoundError):
                os.unlink(path)
        with suppress(OSError):  # it is that of other topologies as well
            os.rmdir(os.path.dirname(target.script))
    else:
        for path in (*target.files, target.wanted_by):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        for path, text in target.files.items():
            files.write(path, text)
        with suppress(FileExistsError):
            os.symlink("../" + target.unit, target.wanted_by)
    systemctl("daemon-reload")
    if change.verb != "delete" and target.is_part_of_others:
        # They start only what is active again. It waits for the end of this task.
        systemctl("start", "--no-block", target.unit)


def systemctl(*words):
    if os.path.isdir("/run/systemd/system"):
        subprocess.run(["systemctl", "--quiet", *words], check=False)
