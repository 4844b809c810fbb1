"""The matrix: unit tests, properties, lives and a playbook on pairs of Python and ansible-core, with every pyroute2."""

import os
import shutil

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
HAVE = [python for python in CORES if shutil.which("python" + python)] or list(CORES)


def cells():
    """Every cell; `few` are those of make test: the oldest and the newest of everything that is here."""
    nodes = [python for python in HAVE if python not in HOSTS_ONLY]
    ends = [(python, CORES[python][0], PYROUTE2[0]) for python in (HAVE[0], *nodes[:1])]
    ends.append((HAVE[-1], CORES[HAVE[-1]][-1], PYROUTE2[-1]))
    for python, cores in CORES.items():
        for core in cores:
            for pyroute2 in PYROUTE2:
                it = python, core, pyroute2
                name = "Python %s, ansible-core %s, pyroute2 %s" % it
                yield nox.param(*it, id=name, tags=["few"] if it in ends else [])


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
        inside = "tests/playbooks/test_inside.py::"
        tests += [inside + "test_what_a_host_says_is_no_template"]
        tests += [inside + "test_a_host_that_means_harm_says_something_else"]
    session.run("tests/sandbox", "pytest", *tests, external=True, env={"EXAMPLES": "6"})


# Debian testing has the newest Python first.
D14 = """cd /srv && env PYTHONPATH=%s:/opt PYTHONPYCACHEPREFIX=/tmp/python FLEET_HOST=d14 EXAMPLES=6 \\
    tests/sandbox python3.14 -m pytest tests/unit/test_layers.py tests/unit/test_plans.py \\
    tests/kernel/test_properties.py 'tests/kernel/test_modules.py::test_life[veth]'"""


@nox.session(venv_backend="none")
@nox.parametrize("pyroute2", [nox.param(p, id=f"Python 3.14, ansible-core 2.21, pyroute2 {p}") for p in PYROUTE2])
def d14(session, pyroute2):
    """Likewise on a test host, which reads its packages from here."""
    if os.geteuid() != 0:
        session.skip("the test hosts need root")
    folder = f"{nox.options.envdir}/d14-{pyroute2}"
    shutil.rmtree(folder, ignore_errors=True)
    options = ["--quiet", "--no-deps", "--no-compile", "--ignore-requires-python"]
    session.run("pip", "install", *options, "--target", folder, "ansible-core==2.21.*", f"pyroute2=={pyroute2}")
    ssh = 'exec ssh -F $FLEET/ssh_config d14 "$1"'
    session.run("tests/fleet/run", "--hosts=d14", "sh", "-c", ssh, "sh", D14 % f"'/srv/{folder}'", external=True)
