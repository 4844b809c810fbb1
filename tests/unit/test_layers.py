# SPDX-License-Identifier: GPL-3.0-or-later
"""The house: who imports whom, how large its rooms are, and what must not come back."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ansible_collections.virtnet.linux.plugins.module_utils import _rooms
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.base import Kind, kind_named

PLUGINS = Path(__file__).parents[2] / "plugins"
UTILS = PLUGINS / "module_utils"
# What the files of a folder, or one file, may import of the others; `link` and its parts are what everything is on.
MAY = {
    "_core": {"_core", "_rooms"},
    "_kinds": {"_core", "_kinds", "_rooms"},
    "_resources": {"_core", "_kinds", "_resources", "_rooms"},
    "_rtnl": {
        "_core",
        "_kinds",
        "_resources",
        "_rooms",
        "_rtnl",
        "_trace",
        "_namespaces",
        "_probe",
        "_checksum",
    },
    "_trace": {"_core", "_kinds", "_probe", "_reach", "_rooms", "_trace"},
    "_rooms": set(),
    "_once": set(),
    "_namespaces": set(),
    "_probe": {"_checksum"},
    "_reach": {"_core", "_probe"},
    "_capture": {"_core", "_namespaces", "_probe", "_reach"},
    "_machine": {"_core", "_machine_options", "_namespaces"},
    "_machine_options": {"_core"},
    "_info": {"_core", "_kinds", "_resources", "_rooms"},
    "_task": {"_apply", "_core", "_legible", "_namespaces", "_rooms", "_rtnl"},
    "_apply": {"_core", "_rooms", "_rtnl"},
    "_probe_task": {
        *("_capture", "_core", "_drops", "_legible", "_machine", "_machine_options", "_namespaces", "_probe", "_reach")
    },
    "_drops": {"_rtnl"},
    "_checksum": set(),
    "_legible": set(),
    "_info_task": {"_core", "_info", "_probe_task", "_rooms", "_rtnl", "_task"},
    "_trace_task": {"_core", "_probe_task", "_rtnl", "_task", "_trace"},
    "modules": {"_once", "_task", "_trace_task", "_info_task", "_probe_task", "_resources", "_rtnl", "_kinds"},
}
# What a resource may know of another one, beside links.
NEIGHBOURS = {
    "link_options": {"address"},
    "rule": {"route", "route_rows"},
    "nexthop": {"route_rows"},
    "fdb": {"vlans"},
    "nat": {"nat_words"},
    "wireguard": {"link_options"},
    "boot": {"topology"},
    "topology": {"boot_script"},
    "route": {"route_rows"},
    "route_options": {"route", "route_rows"},
    "topology_options": {"topology"},
}
OF_LINKS = {"link", "link_claims", "link_plan", "link_checks", "link_hand_over", "link_predict", "link_words"}
OF_LINKS |= {"link_anew", "link_conf"}
OWNERS = {"pyroute2": {"_rtnl/netlink"}, "AnsibleModule": {"_task", "_info_task", "_probe_task", "_trace_task"}}
FILES = sorted(UTILS.rglob("_*.py")) + sorted(UTILS.rglob("[a-z]*.py")) + sorted((PLUGINS / "modules").glob("*.py"))
FILES = sorted({path for path in FILES if path.name != "__init__.py"})


def place(path):
    """The folder and the file, as the tables name them."""
    inside = path.relative_to(UTILS) if UTILS in path.parents else Path("modules") / path.name
    return inside.parts[0].replace(".py", ""), str(inside.with_suffix(""))


def imported(path):
    """What a file imports of the collection, as (folder or file, room), and of others, by name."""
    own, others = set(), set()
    top = UTILS if UTILS in path.parents else None
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            others.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".")
            if "ansible_collections" in parts:
                parts = parts[parts.index("module_utils") + 1 :]
            elif node.level and top:
                here = list(path.relative_to(top).parts[:-1])
                parts = here[: len(here) + 1 - node.level] + [part for part in parts if part]
            else:
                others.update([parts[0], *(alias.name for alias in node.names)])
                continue
            rooms = [parts + [alias.name] if len(parts) < 2 else parts for alias in node.names]
            own.update((room[0], room[1] if len(room) > 1 else "") for room in rooms)
    return own, others


@pytest.mark.parametrize("path", FILES, ids=lambda path: place(path)[1])
def test_imports(path):
    folder, name = place(path)
    own, others = imported(path)
    assert {other for other, room in own} <= MAY[folder], own
    if folder == "_resources":
        rooms = {room for other, room in own if other == "_resources"}
        assert rooms - OF_LINKS <= NEIGHBOURS.get(path.stem, set())
    assert all(name in owners for word, owners in OWNERS.items() if word in others)


def shipped(path):
    """The files of the collection that a file imports, and those that these import."""
    found, todo = set(), [path]
    while todo:
        one = todo.pop()
        found.add(one)
        near = [
            UTILS.joinpath(*room[:n]).with_suffix(".py") for room in imported(one)[0] for n in (1, 2) if room[n - 1]
        ]
        todo += [other for other in near if other.exists() and other not in found]
    return found


@pytest.mark.parametrize("name", _rooms.EVERY_MODULE)
def test_a_module_ships_what_its_tasks_load(name):
    files = {(path.parent.name, path.stem) for path in shipped(PLUGINS / "modules" / (name + ".py"))}
    kinds = {("_kinds", room) for room in _rooms.KINDS}
    rtnl = {("_rtnl", kind_named(kind).out_of_band()) for kind in _rooms.KIND_ROOMS} - {("_rtnl", "")}
    needed = {("_resources", _rooms.RESOURCE_MODULES.get(name, "link_options"))}
    needed |= kinds | rtnl if ("_rtnl", "on_links") in files else set()
    needed |= {("_rtnl", "link_write")} if ("_resources", "link_plan") in files else set()
    assert needed - files == set()
    assert name in _rooms.RESOURCE_MODULES or kinds <= files


LOADING = """
import sys
compiled = []
sys.addaudithook(lambda event, args: compiled.append(args[1]) if event == "compile" else None)
sys.path.insert(0, sys.argv[1])
from importlib import import_module
import ansible_collections.virtnet.linux.plugins.module_utils._once
for name in sys.argv[2:]:
    import_module("ansible_collections.virtnet.linux.plugins.module_utils." + name)
print(*[name for name in compiled if str(name).startswith(sys.argv[1])], sep="\\n")
"""


def test_a_source_in_an_archive_is_compiled_once(tmp_path):
    packed, top = tmp_path / "packed.zip", "ansible_collections/virtnet/linux/plugins/module_utils/"
    files = {path: top + str(path.relative_to(UTILS)) for path in FILES if UTILS in path.parents}
    folders = {str(folder) for name in files.values() for folder in Path(name).parents} - {"."}
    with zipfile.ZipFile(packed, "w") as archive:
        for name in sorted(folders):  # as Ansible does
            archive.writestr(name + "/__init__.py", "")
        for path, name in files.items():
            archive.write(path, name)
    rooms = [place(path)[1].replace("/", ".") for path in sorted(files) if "_trace" not in place(path)[0]]
    command = [sys.executable, "-c", LOADING, str(packed), *rooms]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    compiled = [name for name in done if not name.endswith("__init__.py")]
    assert {str(packed / top / room.replace(".", "/")) + ".py" for room in rooms} <= set(compiled)
    assert {name for name in compiled if compiled.count(name) > 1} == {str(packed / top / "_once.py")}


def test_the_core_names_no_resource():
    """It works with whatever answers its questions."""
    sorts = (UTILS / "_rooms.py").read_text().split("ORDER = (")[1].split(")")[0].replace('"', "").split()
    words = {
        node.value
        for path in UTILS.glob("_core/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    # Links and namespaces are where all others are.
    assert words & set(sorts) <= {"link", "netns", "address"}


def test_one_if_check_mode():
    ifs = [(p.stem, node.test) for p in FILES for node in ast.walk(ast.parse(p.read_text())) if hasattr(node, "test")]
    assert [stem for stem, test in ifs if "check_mode" in ast.dump(test)] == ["_probe_task"]


def complexity(function):
    """The cyclomatic complexity: one more than the places where it branches."""
    total = 1
    for node in ast.walk(function):
        if isinstance(node, ast.BoolOp):
            total += len(node.values) - 1
        elif isinstance(node, ast.comprehension):
            total += 1 + len(node.ifs)
        elif isinstance(node, (ast.If, ast.IfExp, ast.For, ast.While, ast.ExceptHandler, ast.Assert)):
            total += 1
    return total


@pytest.mark.parametrize("path", sorted(UTILS.rglob("*.py")), ids=lambda path: str(path.relative_to(UTILS)))
def test_a_file_can_be_read_at_one_sitting(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 450
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    assert {node.name: complexity(node) for node in functions if complexity(node) > 20} == {}


def test_questions_are_asked_not_types():
    planner = [*UTILS.glob("_core/*.py"), *UTILS.glob("_resources/link_*.py")]
    assert sum(path.read_text().count("isinstance(") for path in planner) <= 15
    assert len(Kind.FIELDS) <= 12


def test_a_kind_is_named_in_its_own_room():
    """All that is special about veth is told by the hooks of its kind; a description of nodes joins them by veths."""
    named = {place(path)[1] for path in UTILS.rglob("*.py") if '"veth"' in path.read_text()}
    assert named <= {"_rooms", "_kinds/veth", "_info", "_resources/topology_options"}
