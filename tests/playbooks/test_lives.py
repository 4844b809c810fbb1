# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody breaks of each topology: its verification sees it, a dry run tells the repair, a run repairs it.

The rest of its life is played by Molecule: see extensions/molecule/config.yml.
"""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

import pytest
from conftest import needing, snapshot
from playing import LOST, absent, play


@dataclass
class Life:
    """What is done to a topology by hand, what verification says of it, and what a dry run says of the repair."""

    disturb: Sequence[str]
    lost: Sequence[str]
    repair: Sequence[str]
    # Whether the host forwards from then on, even when the topology is gone: others may rely on it by then.
    forwards: bool = False
    # Kinds of links that not every kernel has. Without them, Molecule's scenario on the test hosts shows it.
    needs: Sequence[str] = ()


LIVES = {
    "netns_pair": Life(
        disturb=["ip -n ns1 link delete tap1"],
        lost=[LOST % ("ns1", "192.168.40.2", 64, "network unreachable")],
        repair=['"link ns1 tap1"', '"link ns2 tap2"'],
    ),
    "tap": Life(
        disturb=["ip -n ns_test link set tap_test netns 1", "ip address add 192.168.100.1/24 dev tap_test"],
        lost=[LOST % ("ns_test", "192.168.50.1", 64, "network unreachable")],
        repair=["192.168.50.1/24"],
    ),
    "bridge_lan": Life(
        disturb=["ip link set tap3_peer down", "ip -n ns4 address delete 192.168.50.4/24 dev tap4"],
        lost=[
            LOST % ("ns1", "192.168.50.3", 64, "no reply"),
            LOST % ("ns3", "192.168.50.2", 64, "no reply"),
            LOST % ("ns4", "192.168.50.1", 64, "network unreachable"),
        ],
        repair=['"up": true', "192.168.50.4/24"],
    ),
    "routed_lan": Life(
        disturb=["sysctl -qw net.ipv4.ip_forward=0", "ip -n ns6 route delete 192.168.100.0/24"],
        lost=[
            LOST % ("ns5", "192.168.200.2", 63, "no reply"),
            LOST % ("ns6", "192.168.100.2", 63, "network unreachable"),
        ],
        repair=["ip_forward", "192.168.100.0/24"],
        forwards=True,
    ),
    "nat_gateway": Life(
        disturb=["nft flush ruleset", "ip link set tap1 nomaster"],
        lost=[
            LOST % ("guest1", "203.0.113.2", 63, "no reply"),
            LOST % ("guest1", "192.168.1.11", 64, "no reply"),
        ],
        repair=["192.168.1.0/24", '"master": "br0"'],
        forwards=True,
    ),
    "vxlan": Life(
        disturb=[
            "ip -n switch1 link set vxlan1 type vxlan id 100 remote 10.10.2.9",
            "ip -n switch2 link delete vxlan2",
        ],
        lost=[LOST % ("ns1", "192.168.70.3", 64, "no reply"), LOST % ("ns3", "192.168.70.2", 64, "no reply")],
        repair=['"remote": "10.10.2.2"', '"link switch2 vxlan2"'],
    ),
    "return_routes": Life(
        disturb=["ip -n net2 route delete default", "ip netns exec net1 sysctl -qw net.ipv4.ip_forward=0"],
        lost=[
            LOST % ("net2", "10.168.111.1", 62, "network unreachable"),
            LOST % ("station", "10.167.2.2", 62, "no reply"),
        ],
        repair=["ip_forward", '"via": "10.167.2.1"'],
        forwards=True,
    ),
    "addresses": Life(
        disturb=[
            "ip -n near address delete 192.0.2.11/24 dev eth0",
            "ip -n far address delete 198.51.100.2 peer 198.51.100.1 dev eth0",
        ],
        lost=[
            LOST % ("far", "192.0.2.11", 64, "no reply"),
            LOST % ("near", "198.51.100.2", 64, "no reply"),
        ],
        repair=['"label": "eth0:1"', '"peer": "198.51.100.1/32"'],
    ),
    "macvlan": Life(
        disturb=["ip -n net3 link set mac1 type macvlan mode private", "ip -n switch link set sw0 down"],
        lost=[
            LOST % ("net3", "10.166.56.123", 64, "no reply"),
            LOST % ("net4", "10.166.56.1", 64, "no reply"),
        ],
        repair=['"mode": "bridge"', '"up": true'],
    ),
    "macvtap": Life(
        disturb=["chown 1 /dev/tap$(cat /sys/class/net/macvtap0/ifindex)"],
        lost=["from nobody to 192.168.14.1: Permission denied"],
        repair=['"owner": "65534"'],
    ),
    "ipvlan": Life(
        disturb=["ip -n net1 link set ipvlan1 down", "ip -n net2 route delete default"],
        lost=[
            LOST % ("net1", "192.168.12.1", 64, "network unreachable"),
            LOST % ("net2", "192.168.11.1", 64, "network unreachable"),
        ],
        repair=['"up": true', "0.0.0.0/0"],
        needs=["ipvlan"],
    ),
}


@pytest.mark.parametrize("name", [needing(name, *life.needs) for name, life in LIVES.items()])
def test_life(host, name):
    life, start = LIVES[name], snapshot(host.observe())
    assert play(name).changed
    state = host.observe()
    host.shell(*life.disturb)
    disturbed = snapshot(host.observe())
    broken = play(name, "--tags", "verify", fails=True)
    assert [words for words in life.lost if words not in broken.output] == [], broken.output
    dry = play(name, "--check", "--diff")
    assert [words for words in life.repair if words not in dry.output] == [], dry.output
    assert snapshot(host.observe()) == disturbed
    repaired = play(name)
    assert repaired.changed and repaired.changed == dry.changed
    assert snapshot(host.observe(), chance=False) == snapshot(state, chance=False)

    assert absent(name).changed
    if life.forwards:
        assert host.output("sysctl -n net.ipv4.ip_forward") == "1\n"
        host.shell("sysctl -qw net.ipv4.ip_forward=0")
    host.settle()
    assert snapshot(host.observe()) == start


def test_vm_lan_leaves_the_host_its_way(host):
    ping = "ip netns exec out ping -n -c 1 -W 5 192.0.2.1; ping -n -c 1 -W 5 203.0.113.1"
    host.shell(
        "ip netns add out; ip link add card0 type veth peer name far netns out",
        "ip link set card0 up; ip -n out link set far up; ip -n out link set lo up",
        "ip address add 192.0.2.1/24 dev card0; ip -n out address add 192.0.2.254/24 dev far",
        "ip -n out address add 203.0.113.1/32 dev lo; ip route add default via 192.0.2.254",
        ping,
    )
    options = dict(vm_lan_card="card0", vm_lan_addresses=[], vm_lan_machines=[])
    assert "master: card0 carries the default route" in play("vm_lan", fails=True, **options).output
    options.update(vm_lan_take_over_addresses=True)
    assert play("vm_lan", **options).changed
    host.shell(ping)
    assert not play("vm_lan", **options).changed
    assert not absent("vm_lan", **options).changed
    host.shell(ping)


def test_ovs_lan_tells_that_there_is_no_open_vswitch(host):
    assert "Open vSwitch does not run on localhost. Install it" in play("ovs_lan", fails=True).output


def test_ovs_lan_tells_that_its_collection_is_missing(host, monkeypatch, tmp_path):
    (tmp_path / "ansible_collections/virtnet").mkdir(parents=True)
    (tmp_path / "ansible_collections/virtnet/linux").symlink_to(Path(__file__).parents[2])
    monkeypatch.setenv("ANSIBLE_COLLECTIONS_PATH", str(tmp_path))
    command = ["ansible-playbook", "-i", "localhost,", "-c", "local", "virtnet.linux.ovs_lan"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert "ansible-galaxy collection install openvswitch.openvswitch" in done.stdout
