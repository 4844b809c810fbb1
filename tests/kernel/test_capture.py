# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures: what they see, and that none outlives its task or its time. tcpdump reads what was captured."""

import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64decode
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import environment, run

HOME = Path("/run/virtnet-linux")
THERE = """
ip netns add n1
ip link add va up type veth peer name vb netns n1; ip address add 192.0.2.1/24 dev va
ip -n n1 link set vb up; ip -n n1 address add 192.0.2.2/24 dev vb
"""
LINKS = [dict(dev="va"), dict(netns="n1", dev="vb")]
BOTH = ["192.0.2.1 > 192.0.2.2: ICMP echo request", "192.0.2.2 > 192.0.2.1: ICMP echo reply"]


@pytest.fixture
def pair(host):
    host.shell(THERE)
    assert not run("reachability", to=["192.0.2.2"], expect="all", wait=20).get("failed")
    yield host
    assert not HOME.exists() or list(HOME.iterdir()) == []
    # One that has ended may be about to go.
    end = time.monotonic() + 10
    while tcpdumps() and time.monotonic() < end:
        time.sleep(0.1)
    assert tcpdumps() == []


def tcpdumps():
    """The processes that capture."""
    found = []
    for comm in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):
            found += [int(comm.parent.name)] if comm.read_text() == "tcpdump\n" else []
    return found


def until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def packets(capture):
    """What tcpdump says of a capture."""
    read = ["tcpdump", "-n", "-t", "-r", "-"]
    done = subprocess.run(
        read, input=b64decode(capture["pcap"]), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
    )
    return [line.split(", id")[0][3:] for line in done.stdout.decode().splitlines()]


def capture(**options):
    said = run("packet_capture", links=LINKS, filter="icmp", **options)
    assert not said.get("failed"), said
    return said


def test_around_a_probe(pair):
    said = capture(probe=dict(to="192.0.2.2", count=400))
    assert said["changed"] is False and said["probe"]["received"] == 400
    assert [packets(one) for one in said["captures"]] == [BOTH * 400, BOTH * 400]


def test_around_a_probe_that_is_lost(pair):
    pair.shell("ip netns exec n1 sysctl -qw net.ipv4.icmp_echo_ignore_all=1")
    said = capture(probe=dict(to="192.0.2.2", timeout=0.2))
    assert said["probe"]["reason"] == "no reply"
    assert [packets(one) for one in said["captures"]] == [BOTH[:1], BOTH[:1]]


def test_for_a_time_and_for_a_count(pair):
    assert [packets(one) for one in capture(timeout=5)["captures"]] == [[], []]
    pings = subprocess.Popen(["ping", "-q", "-i", "0.01", "192.0.2.2"], stdout=subprocess.DEVNULL)
    try:
        assert [len(packets(one)) for one in capture(timeout=600, count=5)["captures"]] == [5, 5]
    finally:
        pings.kill()
        pings.wait()


def test_from_one_task_to_another(pair):
    options = dict(name="one", state="started", timeout=600)
    assert capture(**options)["changed"] and not capture(**options)["changed"]
    other = run("packet_capture", links=LINKS, filter="tcp", **options)
    assert other["msg"] == "name: the capture one is running with other options; stop it first"
    pair.shell("ping -c 1 192.0.2.2")
    ended = run("packet_capture", name="one", state="stopped")
    assert ended["changed"] and [packets(one) for one in ended["captures"]] == [BOTH, BOTH]
    again = run("packet_capture", name="one", state="stopped")
    assert not again["changed"] and again["captures"] == []


def test_a_capture_that_is_started_ends_by_itself(pair):
    capture(name="short", state="started", timeout=10)
    pair.shell("ping -c 1 192.0.2.2")
    until(lambda: not tcpdumps())
    assert [packets(one) for one in run("packet_capture", name="short", state="stopped")["captures"]] == [BOTH, BOTH]
    capture(name="short", state="started", timeout=5)
    until(lambda: not tcpdumps())
    assert capture(name="short", state="started", timeout=600)["changed"], "it has ended, so it is started anew"
    assert run("packet_capture", name="short", state="stopped")["changed"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("more", [dict(timeout=600), dict(probe=dict(to="192.0.2.77", timeout=600))])
def test_a_task_that_is_killed_takes_its_captures_along(pair, number, more):
    options = json.dumps({"ANSIBLE_MODULE_ARGS": dict(links=LINKS, **more)})
    command = [sys.executable, "-m", "ansible_collections.virtnet.linux.plugins.modules.packet_capture"]
    task = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment(), text=True)
    task.stdin.write(options)
    task.stdin.close()
    # The folder goes when all of them are listening.
    until(lambda: len(tcpdumps()) == 2 and not list(HOME.iterdir()))
    os.kill(task.pid, number)
    assert task.wait() == -number
    until(lambda: not tcpdumps())


def test_a_timeout_that_is_over_at_once(pair):
    said = run("packet_capture", links=LINKS, timeout=0.0001)
    assert said["msg"] == "timeout: it was over before tcpdump(8) was listening"


def test_without_tcpdump_one_sentence(pair, tmp_path):
    # A folder without it, where it would be.
    hidden = ["unshare", "--mount", "sh", "-c", 'mount --bind /dev/null "$(command -v tcpdump)"; exec "$@"', "sh"]
    said = run("packet_capture", prefix=hidden, links=LINKS, timeout=1)
    assert said["failed"] and said["msg"].startswith(
        "links: to capture on them needs tcpdump(8), which is not installed"
    )
