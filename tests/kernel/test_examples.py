"""EXAMPLES with Jinja run from top to bottom by Ansible, each task again without a change; others: test_modules.py."""

import subprocess
import sys

import pytest
import yaml
from conftest import EVERY, OPTIONS, each_of, examples

WITH_JINJA = [name for name in EVERY if name not in OPTIONS or "{{" in str(examples(name))]


def playbook(tasks, path, *options):
    """Run tasks on this host."""
    path.write_text(yaml.safe_dump([dict(hosts="localhost", connection="local", gather_facts=False, tasks=tasks)]))
    python = "ansible_python_interpreter=" + sys.executable
    command = ["ansible-playbook", "-i", "localhost,", "-e", python, *options, str(path)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        pytest.fail(done.stdout, pytrace=False)


@each_of(WITH_JINJA)
def test_examples_run_and_settle(name, plain_host, tmp_path):
    again = {"register": "again", "failed_when": "again is failed or again is changed"}
    tasks = []
    for task in examples(name):
        # What waits for its confirmation is not said again meanwhile.
        waits = "confirm" in (task.get("virtnet.linux." + name) or {})
        tasks += [task] if waits else [task, {**task, **again}]
    playbook(tasks, tmp_path / "play.yml")


@each_of(WITH_JINJA)
def test_examples_run_in_check_mode(name, plain_host, tmp_path):
    playbook(examples(name), tmp_path / "play.yml", "--check")
