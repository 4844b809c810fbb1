"""Each role's defaults, argument spec, README and playbook agree."""

import re
import runpy
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TOPOLOGIES = sorted(path.name for path in (ROOT / "roles").iterdir())
MOLECULE = ROOT / "extensions/molecule"
FAULTS = runpy.run_path(str(ROOT / "tests/tutorial-faults"))


def load(path):
    return yaml.safe_load((ROOT / path).read_text())


@pytest.fixture(params=TOPOLOGIES)
def role(request):
    return request.param


def test_defaults_are_those_of_the_argument_spec(role):
    options = load("roles/%s/meta/argument_specs.yml" % role)["argument_specs"]["main"]["options"]
    assert load("roles/%s/defaults/main.yml" % role) == {name: option["default"] for name, option in options.items()}


def test_readme_names_every_variable(role):
    rows = [line for line in (ROOT / "roles" / role / "README.md").read_text().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(load("roles/%s/defaults/main.yml" % role))


def test_a_playbook_runs_it(role):
    (play,) = load("playbooks/%s.yml" % role)
    assert play["roles"] == [{"role": "virtnet.linux." + role}]


def test_molecule_plays_its_life(role):
    assert (ROOT / "extensions/molecule" / role / "side_effect.yml").exists()


def test_a_tutorial_shows_it(role):
    page = (ROOT / "docs/tutorials" / (role + ".md")).read_text()
    for part in ("```mermaid\n", "## Look\n"):
        assert part in page
    # What virtual machines boot is in a file of the user's.
    assert re.search(r"^ansible-playbook (-e @guest.yml )?virtnet\.linux\.%s$" % role, page, re.MULTILINE)
    # A whole fabric takes more commands than anyone reads.
    assert role == "topology" or re.search(r"^<!-- commands of %s -->\n\n```sh\n# .*\nip " % role, page, re.MULTILINE)
    assert "](%s.md)" % role in (ROOT / "docs/tutorials/README.md").read_text()


@pytest.mark.parametrize("role", sorted(path.parents[1].name for path in MOLECULE.glob("*/files/faults.yml")))
def test_the_tutorial_says_what_can_be_wrong(role):
    page = (ROOT / "docs/tutorials" / (role + ".md")).read_text()
    assert FAULTS["page_of"](role, page) == page
