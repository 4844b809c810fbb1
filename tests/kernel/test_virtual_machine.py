# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines: that they boot, come back, and go, and that nothing is left of one that does not start."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import run

pytestmark = pytest.mark.needs("virtual_machine")
HOME = Path("/run/virtnet/machines")
MAC = "52:54:98:76:54:30"
BOOT = dict(memory=96, kernel="/run/guest/vmlinuz", initrd="/run/guest/initrd", accel="tcg")
ONE = dict(
    BOOT,
    name="one",
    append="console=ttyS0 no_timer_check panic=1 name=one address=192.0.2.2/24",
    nics=[dict(tap="tap1", address=MAC)],
)
THERE = """
ip link add br0 up type bridge; ip address add 192.0.2.1/24 dev br0
for tap in tap1 tap2; do ip tuntap add $tap mode tap user nobody vnet_hdr; ip link set $tap master br0 up; done
"""
# Its page comes last when it boots.
FETCH = "ip netns exec n1 %s -c \"import urllib.request as r; print(r.urlopen('http://192.0.2.2/').read())\""
FETCH %= sys.executable


@pytest.fixture
def lan(host):
    host.shell(THERE)
    yield host
    for record in HOME.glob(".*.json"):
        run("virtual_machine", name=record.stem[1:], state="absent", timeout=0)
    assert qemus() == []


def qemus():
    """The processes of QEMU; those that have ended have no command line."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            found += [int(line.parent.name)] if line.read_bytes().startswith(b"qemu-system-") else []
    return found


def done(**options):
    said = run("virtual_machine", **options)
    assert not said.get("failed"), said["msg"]
    return said


def answers(to="192.0.2.2", **more):
    said = run("reachability", pairs=[dict(to=to, ttl=64, **more)], wait=300)
    assert not said.get("failed"), said["msg"]


def page(path):
    return urllib.request.urlopen("http://192.0.2.2/" + path, timeout=60).read().decode()


def silent():
    """The same task again, dry and for real, changes nothing."""
    for check in (True, False):
        again = done(check=check, **ONE)
        assert not again["changed"] and again["commands"] == again["rollback_commands"] == []
        assert again["diff"] == {"before": {}, "after": {}}


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_life(lan):
    dry = done(check=True, **ONE)
    assert dry["changed"] and qemus() == [] and not HOME.exists()
    wet = done(**ONE)
    assert wet["changed"] and [wet["machine"]["pid"]] == qemus() and wet["machine"]["kvm"] is False
    assert (wet["commands"], wet["diff"]) == (dry["commands"], dry["diff"])
    silent()
    assert Path("/proc/%d" % wet["machine"]["pid"]).stat().st_uid == 65534
    answers()
    until(lambda: page("") == "one\n")
    assert "1 packets received" in page("cgi-bin/ping?192.0.2.1")

    os.kill(wet["machine"]["pid"], signal.SIGKILL)
    until(lambda: qemus() == [])
    killed = done(**ONE)
    assert killed["changed"] and killed["diff"]["before"] == {} and len(qemus()) == 1
    answers()

    lan.shell("ip link delete br0", "ip link add br0 up type bridge", "ip address add 192.0.2.1/24 dev br0")
    silent()
    lan.shell("ip link set tap1 master br0")
    answers()
    silent()

    with socket.socket(socket.AF_UNIX) as console:
        console.connect(killed["machine"]["console"])
        assert done(check=True, name="one", state="absent")["changed"] and len(qemus()) == 1
        until(lambda: page("") == "one\n")
        ended = done(name="one", state="absent")
        console.settimeout(10)
        said = b""
        while True:
            more = console.recv(4096)
            said += more
            if not more:
                break
    assert ended["changed"] and ended["machine"] is None and b"Power down" in said
    assert qemus() == [] and list(HOME.iterdir()) == []
    assert done(name="one", state="absent")["changed"] is False


# It holds its pid file as QEMU does, and its first thread ends before the other one.
DYING = """
import ctypes, fcntl, os, platform, sys, threading, time
with open(sys.argv[1], "w") as f:
    fcntl.lockf(f, fcntl.LOCK_EX)
    threading.Thread(target=lambda: (time.sleep(1), os._exit(0))).start()
    ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[platform.machine()], 0)
"""


def test_one_that_is_still_ending_is_started_after_its_end(lan):
    done(**ONE)
    os.kill(qemus()[0], signal.SIGKILL)
    until(lambda: qemus() == [])
    with subprocess.Popen([sys.executable, "-c", DYING, str(HOME / "one" / "pid")]) as dying:
        until(lambda: Path("/proc/%d/stat" % dying.pid).read_text().split()[2] == "Z")
        again = done(**ONE)
        assert again["changed"] and [again["machine"]["pid"]] == qemus()
        assert dying.poll() == 0


def test_what_is_spelled_does_the_same(lan):
    lan.shell("ip netns add n1", "ip link set tap2 netns n1", "ip -n n1 address add 192.0.2.1/24 dev tap2")
    lan.shell("ip -n n1 link set tap2 up")
    options = {**ONE, "netns": "n1", "nics": [dict(tap="tap2")]}
    lan.shell(*done(check=True, **options)["commands"])
    answers(netns="n1")
    assert len(qemus()) == 1 and not done(**options)["changed"]
    until(lambda: "one" in lan.output(FETCH))
    lan.shell(*done(check=True, name="one", state="absent")["commands"])
    until(lambda: qemus() == [])


def test_addresses_are_stable_and_never_two_alike(lan):
    options = {**BOOT, "append": "", "nics": [dict(tap="tap1"), dict(tap="tap2")]}
    said = [done(check=True, name=name, **options)["machine"]["nics"] for name in ("one", "two", "one")]
    assert said[0] == said[2]
    addresses = {nic["address"] for nics in said for nic in nics}
    assert len(addresses) == 4 and all(int(address[:2], 16) & 3 == 2 for address in addresses)


def test_what_cannot_change_while_it_runs(lan):
    pid = done(**ONE)["machine"]["pid"]
    for option, value in (("memory", 97), ("cpus", 2), ("append", "quiet"), ("nics", [dict(tap="tap2")])):
        said = run("virtual_machine", **{**ONE, option: value})
        assert said["msg"].startswith(option + ": the machine runs with ") and "recreate: true" in said["msg"]
    assert not done(name="one")["changed"], "what is not given is as it is"
    lan.shell("ip link delete tap1", "ip tuntap add tap1 mode tap user nobody; ip link set tap1 up")
    said = run("virtual_machine", **ONE)
    assert said["msg"] == "nics.tap: the machine has lost tap1, which was deleted; recreate: true starts it anew"
    assert qemus() == [pid]
    said = run("virtual_machine", **ONE, recreate=True, timeout=0, arguments=["-nonsense"])
    assert said["msg"] == "arguments: one does not start: -nonsense: invalid option; it was started again as it was"
    pid = done(name="one")["machine"]["pid"]
    anew = done(**{**ONE, "memory": 97}, recreate=True, timeout=0)
    assert anew["diff"]["before"]["machine one"]["memory"] == 96 and qemus() == [anew["machine"]["pid"]] != [pid]


def test_tasks_at_once_start_one(lan):
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda dummy: done(**{**ONE, "nics": []}), range(4)))
    assert sorted(one["changed"] for one in said) == [False, False, False, True] and len(qemus()) == 1


BROKEN = "/tmp/broken.qcow2"
BAD = {
    "a busy address": (dict(nics=[dict(tap="tap2", address=MAC)]), "nics.address: the machine one has " + MAC),
    "the address of its tap": (dict(nics=[dict(tap="tap2", address="02:00:5e:00:53:01")]), "nics.address: tap2 has "),
    "a busy tap": (dict(nics=[dict(tap="tap1")]), "nics: two does not start: could not configure /dev/net/tun (tap1)"),
    "no tap": (dict(nics=[dict(tap="tap9")]), "nics.tap: there is no link tap9 in the host's own network namespace"),
    "a bridge for a tap": (dict(nics=[dict(tap="br0")]), "nics: two does not start: "),
    "another user's tap": (dict(user="games", nics=[dict(tap="tap2")]), "nics: two does not start: "),
    "no memory": (dict(memory=16000000), "memory: 16000000 MiB are more than the "),
    "no memory, which QEMU notices": (dict(arguments=["-m", "16000000"]), "memory: two does not start: "),
    "too many processors": (dict(cpus=255, arguments=["-machine", "isapc"]), "cpus: two does not start: "),
    "nothing to boot from": (dict(kernel=None, initrd=None), "disks: say what the machine boots from"),
    "no kernel": (dict(kernel="/run/guest/none"), "kernel: there is no file /run/guest/none"),
    "a broken kernel": (dict(kernel="/dev/null"), "kernel: two does not start: could not load kernel '/dev/null'"),
    "no disk": (dict(disks=[dict(path="/run/none")]), "disks.path: there is no file /run/none"),
    "a broken disk": (dict(disks=[dict(path=BROKEN)]), "disks: two does not start: "),
    "no user": (dict(user="nobodyy"), "user: there is no user nobodyy"),
    "no namespace": (dict(netns="n9"), "netns: there is no network namespace n9"),
    "no KVM": (dict(accel="kvm"), "accel: two does not start: "),
    "no such argument": (dict(arguments=["-nonsense"]), "arguments: two does not start: -nonsense: invalid option"),
    "one that does not run": (dict(arguments=["-S"]), "arguments: two does not start: it is prelaunch"),
}


def test_bad_input_leaves_nothing(lan):
    Path(BROKEN).write_text("no image")
    lan.shell("ip link set tap2 address 02:00:5e:00:53:01")
    pid = done(**ONE)["machine"]["pid"]
    for what, (options, sentence) in BAD.items():
        said = run("virtual_machine", **{**BOOT, **options, "name": "two"})
        assert said.get("failed") and said["msg"].startswith(sentence) and "\n" not in said["msg"], (what, said)
        assert qemus() == [pid] and {path.name for path in HOME.iterdir()} == {"one", ".one.json"}, what


def test_without_qemu_one_sentence(lan):
    hidden = 'mount --bind /dev/null "$(command -v qemu-system-x86_64)"; exec "$@"'
    said = run("virtual_machine", prefix=["unshare", "--mount", "sh", "-c", hidden, "sh"], **ONE)
    assert said["msg"] == "name: to run it needs qemu-system-x86_64, which is not installed on the managed host"
