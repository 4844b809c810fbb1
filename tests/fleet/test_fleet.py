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
    """What there is more of when a fleet has left something, in a sandbox that nobody else changes."""
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

    def start(self, *command, **more):
        env = dict([self.word.split("=")], **os.environ)
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        return subprocess.Popen(command, env=env, text=True, **pipes)

    def run(self, *command):
        """What a command among the hosts prints."""
        process = self.start(RUN, "--hosts", HOST, *command)
        said, told = process.communicate()
        assert process.returncode == 0, said + told
        assert self.gone(), self.processes()
        return said

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
        # An ansible-playbook that has lost its molecule waits for its hosts, for 30 s.
        end = time.time() + 60
        while self.processes() and time.time() < end:
            time.sleep(0.05)
        return not self.processes()


@pytest.fixture
def fleet():
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/dev/shm"], check=True)
    before, it = traces(), Fleet()
    yield it
    assert it.gone(), it.processes()
    assert traces() == before
    subprocess.run(["umount", "/dev/shm"], check=True)


def test_up_and_down(fleet):
    lines = ["uname -rn", "ls /root /usr/bin", "touch /root/seen /usr/bin/seen"]
    line = "ssh -F $FLEET/ssh_config %s '%s'; exit 3" % (HOST, "; ".join(lines))
    for dummy in range(2):
        process = fleet.start(RUN, "--hosts", HOST, "sh", "-c", line)
        said, told = process.communicate()
        assert process.returncode == 3, "the command's own exit status"
        assert said.split()[0] == HOST and said.split()[1] in told
        assert "seen" not in said, "what a host writes ends with it"
        assert fleet.gone()


@pytest.mark.parametrize("victim", ["unshare", "run", "linux"])
def test_killed(fleet, victim):
    process = fleet.start(RUN, "--hosts", HOST, "sh", "-c", "echo ready; sleep 600")
    assert process.stdout.readline() == "ready\n"
    found = fleet.processes()
    pids = {
        "unshare": process.pid,  # the sandbox
        "run": next(pid for pid, line in found.items() if "--inside" in line and "python" in line.split()[0]),
        "linux": next(pid for pid, line in found.items() if line.split()[0].startswith("/mnt/linux-")),
    }
    os.kill(pids[victim], signal.SIGKILL)
    if victim == "linux":
        # A host that dies alone takes its kernel's helpers with it.
        time.sleep(1)
        assert not any("umid=" in line for line in fleet.processes().values())
        process.kill()
    process.communicate()


UNIT = """[Service]
Type=oneshot
ExecStart=/bin/sh -c "echo booted >>/var/lib/boots"
[Install]
WantedBy=multi-user.target
"""


def test_reboot(fleet, tmp_path):
    write = "cat >/etc/systemd/system/boots.service; systemctl enable boots; echo kept >/root/seen"
    look = "systemctl is-system-running --wait; cat /root/seen /var/lib/boots"
    ssh = "ssh -F $FLEET/ssh_config %s " % HOST
    reboot = "ansible all -m reboot -a test_command=true >&2 || exit"
    lines = ["echo '%s' | %s '%s' >&2" % (UNIT, ssh, write), reboot, ssh + "'%s'" % look]
    with_state = ("--systemd", "--state", str(tmp_path / "state"))
    assert fleet.run(*with_state, "sh", "-c", "\n".join(lines)) == "running\nkept\nbooted\n"
    assert fleet.run(*with_state, "sh", "-c", lines[-1]) == "running\nkept\nbooted\nbooted\n", "the next time too"
    lines[-1] += "; true"
    assert fleet.run("--systemd", "sh", "-c", "\n".join(lines)) == "running\n", "a host without state forgets"


UPLINK = """- hosts: all
  gather_facts: false
  tasks:
    - name: The host cuts itself off
      virtnet.linux.topology: {name: cut, confirm: 6, nodes: [{name: h, netns: '', links: [{name: vec0, up: false}]}]}
    - name: Nobody could confirm it in time
      virtnet.linux.topology: {name: cut, confirmed: true}
      register: late
      failed_when: "'it comes too late' not in late.msg"
    - name: Another change is confirmed
      virtnet.linux.topology: {name: cut, confirm: 600, nodes: [{name: h, netns: '', links: [{name: vec0, mtu: 1400}]}]}
    - virtnet.linux.topology: {name: cut, confirmed: true}
      register: kept
      failed_when: not kept.changed
    - virtnet.linux.topology: {name: cut, confirmed: true}
      register: kept
      failed_when: kept.changed
"""


@pytest.mark.parametrize("how", [(), ("--systemd",)], ids=["", "systemd"])
def test_a_host_that_cuts_itself_off_comes_back(fleet, tmp_path, how):
    """Its first task is told of over the connection that it took away: by then the host has put it back."""
    (tmp_path / "play.yml").write_text(UPLINK)
    look = "|| exit; ssh -F $FLEET/ssh_config %s ip link show vec0" % HOST
    said = fleet.run(*how, "sh", "-c", "ansible-playbook %s >&2 %s" % (tmp_path / "play.yml", look))
    assert ",UP," in said and "mtu 1400" in said


ROUTER = """- hosts: all
  gather_facts: false
  module_defaults:
    virtnet.linux.topology:
      name: router
      nodes:
        - {name: host, netns: '', forwarding: [{ipv4: true}]}
        - {name: ns5, routes: [{dest: [192.168.200.0/24], via: 192.168.100.1}]}
        - {name: ns6, routes: [{dest: [192.168.100.0/24], via: 192.168.200.1}]}
      links:
        - endpoints:
            - {node: host, name: tap5_peer, addresses: [192.168.100.1/24]}
            - {node: ns5, name: tap5, addresses: [192.168.100.2/24]}
        - endpoints:
            - {node: host, name: tap6_peer, addresses: [192.168.200.1/24]}
            - {node: ns6, name: tap6, addresses: [192.168.200.2/24]}
  tasks:
    - virtnet.linux.topology: {persistent: true}
    - ansible.builtin.reboot: {test_command: systemctl is-system-running --wait}
    - ansible.builtin.command: ip netns exec ns5 ping -c 1 -W 5 192.168.200.2
      register: echo
      failed_when: "'ttl=63' not in echo.stdout"
    - virtnet.linux.topology:
      register: again
      failed_when: again.changed
    - virtnet.linux.topology: {state: absent, nodes: [], links: []}
    - ansible.builtin.reboot: {test_command: systemctl is-system-running --wait}
    - ansible.builtin.shell: ip netns; ls -d /etc/virtnet /run/virtnet; find /etc/systemd/system -name "*virtnet*"
      register: left
      failed_when: left.stdout != ''
"""


def test_a_persistent_topology_is_there_after_a_reboot(fleet, tmp_path):
    (tmp_path / "play.yml").write_text(ROUTER)
    state = ("--systemd", "--state", str(tmp_path / "state"))
    fleet.run(*state, "sh", "-c", "ansible-playbook %s >&2" % (tmp_path / "play.yml"))


INSIDE = """- hosts: all
  gather_facts: false
  tasks:
    - virtnet.linux.netns: {name: blue}
    - ansible.builtin.command: ip netns identify
      become: true
      become_method: virtnet.linux.netns
      vars: {ansible_netns: blue}
      register: there
      failed_when: there.stdout != 'blue'
"""


def test_inside_a_namespace_over_ssh(fleet, tmp_path):
    """By the become plugin, and as a host of the inventory plugin."""
    (tmp_path / "play.yml").write_text(INSIDE)
    (tmp_path / "lab.netns.yml").write_text("plugin: virtnet.linux.netns\nhosts: [%s]\n" % HOST)
    play = "ansible-playbook %s >&2 || exit; " % (tmp_path / "play.yml")
    inventories = "-i $ANSIBLE_INVENTORY -i %s" % (tmp_path / "lab.netns.yml")
    said = fleet.run("sh", "-c", play + "ansible %s netns -m command -a 'ip netns identify'" % inventories)
    assert said.splitlines() == ["blue.%s | CHANGED | rc=0 >>" % HOST, "blue"]


def test_shell(fleet):
    make = ["make", "--no-print-directory", "-C", str(RUN.parents[2]), "hosts"]
    process = fleet.start(*make, stdin=subprocess.PIPE)
    said, told = process.communicate("ssh -n -F $FLEET/ssh_config d13 hostname\nexit 3\n")
    assert said.splitlines()[-1] == "d13", told
    assert "Error 3" in told


@pytest.mark.parametrize("victim", ["nothing", "molecule"])
def test_lent_to_molecule(fleet, victim):
    command = ["molecule", "test", "--scenario-name", "default"]
    process = fleet.start(*command, cwd=RUN.parents[2], stderr=subprocess.STDOUT)
    for line in process.stdout:
        if "Wait for them" in line:
            assert any("umid=d14" in line for line in fleet.processes().values())
            if victim == "molecule":
                process.kill()
            break
    said, dummy = process.communicate()
    assert process.returncode == (0 if victim == "nothing" else -signal.SIGKILL), said


def test_card(fleet):
    fleet.run("ansible-playbook", str(RUN.with_name("card.yml")))


def test_uplink(fleet):
    fleet.run("ansible-playbook", str(RUN.with_name("uplink.yml")))
