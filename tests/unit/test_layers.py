"""Imports only point downward."""

import ast
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"
# Members of one layer do not import each other.
LAYERS = [
    {"_model", "_probe", "_spaces"},
    {"_words"},
    {"_kinds", "_nat", "_topology", "_netlink", "_confirm"},
    {"_options", "_planner", "_commands", "_kernel"},
    {"_info", "_reach"},
    {"_capture", "_machine"},
    {"_task"},
    {"_see"},
    {"_look"},
    {"modules"},
]
FILES = sorted(PLUGINS.glob("modules/*.py")) + sorted(PLUGINS.glob("module_utils/*.py"))
OWNERS = {"pyroute2": {"_netlink"}, "AnsibleModule": {"_task", "_look", "_see"}}


def layer(name):
    """How high a module of this name stands."""
    return next(height for height, names in enumerate(LAYERS) if name in names)


def imported(path):
    """The names of everything that a file imports, part by part."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (part for alias in node.names for part in alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module or "").split(".")
            yield from (alias.name for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_imports_point_downward(path):
    own = "modules" if path.parent.name == "modules" else path.stem
    names = set(imported(path))
    utils = {other.stem for other in PLUGINS.glob("module_utils/_*.py")} & names
    assert all(layer(util) < layer(own) for util in utils), utils
    assert own != "modules" or utils in ({"_task"}, {"_look"}, {"_see"})
    assert all(own in owners for name, owners in OWNERS.items() if name in names)


def test_one_if_check_mode():
    ifs = [(p.stem, node.test) for p in FILES for node in ast.walk(ast.parse(p.read_text())) if hasattr(node, "test")]
    assert [stem for stem, test in ifs if "check_mode" in ast.dump(test)] == ["_see", "_task"]
