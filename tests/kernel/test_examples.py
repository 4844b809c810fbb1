"""The EXAMPLES of every module run from top to bottom, and each of their tasks a second time without a change."""

import subprocess
import sys
from importlib import import_module

import pytest
import yaml

from ansible_collections.virtnet.linux.plugins.module_utils._look import LOOKS
from ansible_collections.virtnet.linux.plugins.module_utils._options import OPTIONS

MODULES = [*OPTIONS, *LOOKS]


@pytest.fixture
def plain_host(host):
    """A host with three links to a namespace, and nothing in its sysctl.d."""
    host.shell(
        "ip netns add outside",
        *("ip link add %s type veth peer name %s netns outside" % (name, name) for name in ("eth1", "eth2", "uplink")),
        "for l in eth1 eth2 uplink; do ip -n outside link set $l up; done",
        "mkdir -p /etc/sysctl.d",
        # The sandbox has the files of the host outside.
        "mount -t tmpfs tmpfs /etc/sysctl.d",
    )
    yield
    host.shell("umount /etc/sysctl.d")


def examples(name):
    return yaml.safe_load(import_module("ansible_collections.virtnet.linux.plugins.modules." + name).EXAMPLES)


def playbook(tasks, path, *options):
    """Run tasks on this host."""
    path.write_text(yaml.safe_dump([dict(hosts="localhost", connection="local", gather_facts=False, tasks=tasks)]))
    python = "ansible_python_interpreter=" + sys.executable
    command = ["ansible-playbook", "-i", "localhost,", "-e", python, *options, str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        pytest.fail(done.stdout, pytrace=False)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run_and_settle(name, plain_host, tmp_path):
    again = {"register": "again", "failed_when": "again is failed or again is changed"}
    tasks = [task for one in examples(name) for task in (one, {**one, **again})]
    playbook(tasks, tmp_path / "play.yml")


@pytest.mark.parametrize("name", MODULES)
def test_examples_run_in_check_mode(name, plain_host, tmp_path):
    playbook(examples(name), tmp_path / "play.yml", "--check")
