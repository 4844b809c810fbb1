"""The matrix: unit tests, properties, lives and a playbook on pairs of Python and ansible-core, with every pyroute2."""

import shutil
import sys

import nox

nox.options.default_venv_backend = "venv"
nox.options.envdir = ".cache/nox"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"

# These are only Pythons of managed hosts: they get the newest ansible-core that installs on them.
HOSTS_ONLY = ["3.8", "3.9", "3.10"]
CORES = {
    "3.8": ["2.13"],
    "3.9": ["2.15"],
    "3.10": ["2.17"],
    "3.11": ["2.18", "2.19"],
    "3.12": ["2.20", "2.21"],
    "3.13": ["2.20", "2.21"],
}
PYROUTE2 = ["0.7.2", "0.7.7", "0.8.1", "0.9.*"]
HERE = "%d.%d" % sys.version_info[:2]
NEWEST = next((python for python in ("3.13", "3.12") if shutil.which("python" + python)), "3.13")


def cells():
    """Every cell; `few` are those of make test, beside its own suites, which take the newest pyroute2."""
    for python, cores in CORES.items():
        for core in cores:
            for pyroute2 in PYROUTE2:
                old = python == HERE and core == cores[-1] and pyroute2 != PYROUTE2[-1]
                new = python == NEWEST and core == cores[-1] and pyroute2 == PYROUTE2[-1]
                name = f"Python {python}, ansible-core {core}, pyroute2 {pyroute2}"
                yield nox.param(python, core, pyroute2, id=name, tags=["few"] if old or new else [])


@nox.session
@nox.parametrize(["python", "core", "pyroute2"], list(cells()))
def cell(session, core, pyroute2):
    """A bit of every suite with these versions."""
    if (session.python, pyroute2) == ("3.8", "0.9.*"):
        session.skip("pyroute2 0.9 does not import on Python 3.8")
    session.install(f"ansible-core=={core}.*", f"pyroute2=={pyroute2}", "hypothesis", "pytest", "scapy")
    session.run("pytest", "tests/unit")
    tests = ["tests/kernel/test_properties.py", "tests/kernel/test_modules.py::test_life[veth]"]
    tests += ["tests/kernel/test_modules.py::test_life[linux_bridge]"]
    if session.python not in HOSTS_ONLY:
        tests += ["tests/playbooks/test_lives.py::test_life[netns_pair]"]
    session.run("tests/sandbox", "pytest", *tests, external=True, env={"EXAMPLES": "6"})
