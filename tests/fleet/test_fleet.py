# SPDX-License-Identifier: GPL-3.0-or-later
"""The test hosts come, do not remember, and go without a trace, whatever ends them."""

import os
import signal
import subprocess
import time
import uuid
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="the test hosts need root")
RUN = Path(__file__).with_name("run")
HOST = "d14"


def traces():
    """What a machine has more of when a fleet has left something."""
    return {
        "links": sorted(os.listdir("/sys/class/net")),
        "mounts": sorted(Path("/proc/self/mounts").read_text().splitlines()),
        "named namespaces": sorted(os.listdir("/run/netns")) if os.path.exists("/run/netns") else [],
        "shared memory": sorted(name for name in os.listdir("/dev/shm") if "uml" in name),
    }


class Fleet:
    """A fleet whose processes are told from others by a word in their environment."""

    def __init__(self):
        self.word = "FLEET_TEST=" + uuid.uuid4().hex

    def start(self, *command):
        env = dict([self.word.split("=")], **os.environ)
        command = [str(RUN), "--hosts", HOST, *command]
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def processes(self):
        """The processes of this fleet, with their command lines. Its namespaces end with the last of them."""
        found = {}
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if self.word.encode() in (place / "environ").read_bytes():
                    found[int(place.name)] = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
        return found

    def gone(self):
        end = time.time() + 10
        while self.processes() and time.time() < end:
            time.sleep(0.05)
        return not self.processes()


@pytest.fixture
def fleet():
    before, it = traces(), Fleet()
    yield it
    assert it.gone(), it.processes()
    assert traces() == before


def test_up_and_down(fleet):
    lines = ["uname -rn", "ls /root /usr/bin", "touch /root/seen /usr/bin/seen"]
    line = "ssh -F $FLEET/ssh_config %s '%s'; exit 3" % (HOST, "; ".join(lines))
    for dummy in range(2):
        process = fleet.start("sh", "-c", line)
        said, told = process.communicate()
        assert process.returncode == 3, "the command's own exit status"
        assert said.split()[0] == HOST and said.split()[1] in told
        assert "seen" not in said, "what a host writes ends with it"
        assert fleet.gone()


@pytest.mark.parametrize("victim", ["unshare", "run", "linux"])
def test_killed(fleet, victim):
    process = fleet.start("sh", "-c", "echo ready; sleep 600")
    assert process.stdout.readline() == "ready\n"
    found = fleet.processes()
    pids = {
        "unshare": process.pid,  # the sandbox
        "run": next(pid for pid, line in found.items() if "--inside" in line and "python" in line.split()[0]),
        "linux": next(pid for pid, line in found.items() if line.split()[0].endswith("/linux")),
    }
    os.kill(pids[victim], signal.SIGKILL)
    if victim == "linux":
        # A host that dies alone takes its kernel's helpers with it.
        time.sleep(1)
        assert not any("umid=" in line for line in fleet.processes().values())
        process.kill()
    process.communicate()
