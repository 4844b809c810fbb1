"""The collection's metadata agree with what is in it."""

import ast
import json
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import KINDS

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "plugins/modules").glob("*.py"))


def test_action_group_names_every_module():
    runtime = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())
    assert runtime["action_groups"]["linux"] == [path.stem for path in MODULES]
    assert {kind.module or kind.name for kind in KINDS.values()} <= {path.stem for path in MODULES}
    rows = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| `")]
    assert sorted(name for row in rows for name in row.split("|")[1].split("`")[1::2]) == [
        path.stem for path in MODULES
    ]


@pytest.fixture(scope="module")
def docs():
    """Documentation of the modules by their full names, doc fragments included."""
    command = ["ansible-doc", "--json", *("virtnet.linux." + path.stem for path in MODULES)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout or "{}")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_documents_its_attributes(path, docs):
    attributes = docs["virtnet.linux." + path.stem]["doc"]["attributes"]
    assert {"check_mode", "diff_mode", "idempotent", "platform"} <= set(attributes)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_main_is_short_and_runs_this_module(path):
    defs = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    assert [d.name for d in defs] == ["main"]
    assert defs[0].end_lineno - defs[0].lineno <= 5
    assert [node.value for node in ast.walk(defs[0]) if isinstance(node, ast.Constant)] == [path.stem]


def test_roles_explain_whom_they_do_not_reach():
    told = [path for path in ROOT.glob("roles/*/tasks/verify.yml") if "virtnet.linux.reachability:" in path.read_text()]
    assert told
    assert [path for path in told if "explain: true" not in path.read_text()] == []
