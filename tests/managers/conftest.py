# SPDX-License-Identifier: GPL-3.0-or-later
"""A test host beside the other managers of its network, and the table of what holds there; see docs/testing.md."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from host import Host
from lan import Lan

TABLE = pytest.StashKey()
WIDTH = 300


def pytest_configure(config):
    config.addinivalue_line("markers", "row(number, situation): a row of the table beside other managers")
    config.addinivalue_line("markers", "boots: reboots the host")
    config.addinivalue_line("markers", "long: takes minutes")
    config.stash[TABLE] = {}


def pytest_collection_modifyitems():
    if "FLEET" not in os.environ:
        raise pytest.UsageError("these tests need a test host: make managers")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report, row = outcome.get_result(), item.get_closest_marker("row")
    if row is None or (report.when != "call" and report.passed):
        return
    told = "; ".join(value for name, value in item.user_properties if name == "seen")
    result = {"passed": "right", "failed": "**wrong**", "skipped": "not tried"}[report.outcome]
    if report.failed:
        crash = getattr(report.longrepr, "reprcrash", None)
        told = (crash.message if crash else str(report.longrepr)).partition("\n")[0]
        told = told.removeprefix("AssertionError: ")
    number, situation = row.args
    told = told if len(told) < WIDTH else told[:WIDTH] + " ..."
    item.config.stash[TABLE][number, situation, item.name] = (result, told.replace("|", "\\|"))


def pytest_terminal_summary(terminalreporter, config):
    rows = config.stash[TABLE]
    if rows:
        lines = ["| row | situation | result | seen |", "| --- | --- | --- | --- |"]

        def order(row):
            return [int(part) for part in row[0].split(".") if part.isdigit()] or [9]

        for row in sorted(rows, key=order):
            lines.append("| %s | %s | %s | %s |" % (*row[:2], *rows[row]))
        terminalreporter.write_line("\n" + "\n".join(lines) + "\n")
        if os.environ.get("MANAGERS_TABLE"):
            Path(os.environ["MANAGERS_TABLE"]).write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def machine():
    """The host, as it is."""
    found = Host(os.environ["FLEET_HOSTS"].split()[0])
    found.up()
    return found


@pytest.fixture(scope="session")
def lan(machine, tmp_path_factory):
    logs = Path(os.environ.get("FLEET_LOGS") or tmp_path_factory.mktemp("lan"))
    it = Lan(os.environ["FLEET_ROOTS"].split(), [(machine.mac, machine.address)], logs / "dhcp.log")
    it.serve()
    yield it
    it.end()


@pytest.fixture
def host(machine):
    """The host, as it was when it started."""
    machine.reset()
    return machine


@pytest.fixture
def seen(record_property):
    """Say what was seen, for the table."""
    return lambda text, *values: record_property("seen", text % values if values else text)
