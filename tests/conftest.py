# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests that change the network share. They do it in a sandbox: see tests/sandbox."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from ansible_collections.virtnet.linux.plugins.module_utils._kernel import Kernel
from ansible_collections.virtnet.linux.plugins.module_utils._model import Link, made_by_kernel
from ansible_collections.virtnet.linux.plugins.module_utils._planner import FALLBACK

EVERYTHING = dict(sysctls=True, nat=True)


GAPS = Path(__file__).with_name("fleet") / "gaps.yml"


def known_gaps():
    """What the kernel of the test host that this is does not have, with the reasons; see tests/fleet."""
    return (yaml.safe_load(GAPS.read_text()) or {}).get(os.environ.get("FLEET_HOST"), {})


def pytest_collection_modifyitems(items):
    gaps = known_gaps()
    for item in items:
        for mark in item.iter_markers("needs"):
            for reason in filter(None, map(gaps.get, mark.args)):
                item.add_marker(pytest.mark.skip(reason=reason))


class Host:
    """The sandbox: what is there, and back to nothing."""

    def __init__(self):
        same = os.stat("/proc/self/ns/net").st_ino == os.stat("/proc/1/ns/net").st_ino
        if same and os.path.exists("/sys/class/net/eth0"):
            pytest.exit("these tests change the network: run them by tests/sandbox", returncode=3)

    def observe(self, **more):
        kernel = Kernel()
        try:
            names = kernel.names()
            return kernel.observe(names, follow=names, **{**EVERYTHING, **more})
        finally:
            kernel.close()

    def execute(self, steps):
        kernel = Kernel()
        try:
            for change in steps:
                kernel.execute(change)
            kernel.wait_for_leaving()
        finally:
            kernel.close()

    def shell(self, *lines):
        """Run lines in one shell; the first that fails ends it."""
        done = subprocess.run(
            ["bash", "-exc", "\n".join(lines)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert done.returncode == 0, done.stdout

    def settle(self):
        """Wait for what has lost its name: the kernel takes such a namespace away a little after its last user."""
        end = time.monotonic() + 10
        while any(r.peer and r.peer[0] == "?" for r in self.observe() if isinstance(r, Link)) or any(
            "name:" not in line for line in self.output("ip netns list-id").splitlines()
        ):
            assert time.monotonic() < end

    def output(self, line):
        return subprocess.run(
            ["bash", "-c", line], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ).stdout

    def clear(self):
        spaces = names("/run/netns")
        if spaces:
            lines = ["ip netns delete %s || rm -f /run/netns/%s" % (name, name) for name in spaces]
            # The far ends of their links go a little later.
            lines.append("for i in $(seq 200); do ip -o link | grep -q 'link-netns' || break; sleep 0.01; done")
            self.shell(*lines)
        links = set(names("/sys/class/net")) - FALLBACK
        self.shell(*("ip link delete %s 2>/dev/null || true" % name for name in sorted(links)))
        tables = ["add table %s virtnet; delete table %s virtnet" % (family, family) for family in ("ip", "ip6")]
        self.shell("nft '%s' 2>/dev/null || true" % "; ".join(tables))
        Path("/proc/sys/net/ipv4/ip_forward").write_text("0")
        Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("0")


def names(folder):
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


@pytest.fixture
def host():
    it = Host()
    it.clear()
    yield it
    it.clear()


def snapshot(state, chance=True):
    """What counts when two states are compared: all but the kernel's own doing and the numbers that it gives;
    without `chance` also all MAC addresses but those that the tests draw.
    """
    out = {}
    for r in state:
        if not made_by_kernel(r):
            fields = {
                k: v for k, v in vars(r).items() if r.__dataclass_fields__[k].compare and k not in ("inode", "nsid")
            }
            if not chance and isinstance(r, Link) and not r.address.startswith("02:00:00:"):
                fields.pop("address")
            out[r.key] = fields
    return out


def environment():
    """Of a module's process: it finds the collection, and what this one was given."""
    path = [str(Path(__file__).parents[1] / ".venv/collections"), os.environ.get("PYTHONPATH", "")]
    return dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, path)))


def run(module, check=False, prefix=(), **params):
    """Run a module as Ansible does, as a process of its own; return what it says."""
    args = dict(params, _ansible_check_mode=check, _ansible_diff=True)
    command = [*prefix, sys.executable, "-m", "ansible_collections.virtnet.linux.plugins.modules." + module]
    text = json.dumps({"ANSIBLE_MODULE_ARGS": args})
    done = subprocess.run(
        command, input=text, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.stdout.strip().startswith("{"), done.stdout + done.stderr
    return json.loads(done.stdout)
