# SPDX-License-Identifier: GPL-3.0-or-later
"""What others on a host do to what a task relies on, and what a task leaves to them."""

import os
import shutil
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import run

# A link of somebody's with two addresses of one subnet; the first one is to go.
PROMOTE = """
ip link add va type veth peer name vb; ip link set va up; ip link set vb up
sysctl -qw net.ipv4.conf.all.promote_secondaries=%d net.ipv4.conf.va.promote_secondaries=%d
"""
OURS = dict(
    name="host",
    netns="",
    addresses=[dict(dev="va", address=["10.61.0.1/24"])],
    routes=[dict(dest=["10.62.0.0/24"], via="10.61.0.9", dev="va")],
)


@pytest.fixture
def promoting(host):
    yield host
    host.shell("sysctl -qw net.ipv4.conf.all.promote_secondaries=0")


@pytest.mark.parametrize("of_all, of_link", [(0, 0), (0, 1), (1, 0)])
def test_a_primary_address_goes(promoting, of_all, of_link):
    """The others stay, and the dry run knows which routes go by themselves."""
    host = promoting
    host.shell(PROMOTE % (of_all, of_link))
    assert run("topology", name="t", nodes=[OURS])["changed"]
    host.shell("ip address add 10.61.0.2/24 dev va", "ip address add 10.61.0.3/24 dev va")
    dry = run("topology", check=True, name="t", state="absent")
    wet = run("topology", name="t", state="absent")
    assert wet.get("changed"), wet
    assert wet["commands"] == dry["commands"]
    there = host.output("ip -4 -o address show dev va; ip route show")
    assert "10.61.0.1/24" not in there and "10.62.0.0" not in there
    assert "10.61.0.2/24" in there and "10.61.0.3/24" in there
    assert not run("topology", name="t", state="absent")["changed"]


def test_forwarding_of_the_host_stays_on(host):
    """Docker and others do not set it again."""
    node = dict(name="host", netns="", forwarding=[dict(ipv4=True, ipv6=True), dict(dev="lo", rp_filter=1)])
    assert run("topology", name="t", nodes=[node])["changed"]
    gone = run("topology", name="t", state="absent")
    assert host.output("sysctl -n net.ipv4.ip_forward net.ipv6.conf.all.forwarding").split() == ["1", "1"]
    assert host.output("sysctl -n net.ipv4.conf.lo.rp_filter").split() == ["0"]
    assert "net.ipv4.ip_forward stays 1: others may rely on it by now" in str(gone["warnings"])
    assert not run("topology", name="t", state="absent")["changed"]


def test_forwarding_of_a_namespace_goes_back(host):
    host.shell("ip netns add red")
    node = dict(name="red", forwarding=[dict(ipv4=True)])
    assert run("topology", name="t", nodes=[node])["changed"]
    assert host.output("ip netns exec red sysctl -n net.ipv4.ip_forward") == "1\n"
    assert run("topology", name="t", state="absent")["changed"]
    assert host.output("ip netns exec red sysctl -n net.ipv4.ip_forward") == "0\n"


class Udev(threading.Thread):
    """What udev(7) and systemd-sysctl do to a new link of the host, with the files by which one can tell."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over, self.run_dir = threading.Event(), Path("/run/udev")

    def __enter__(self):
        (self.run_dir / "data").mkdir(parents=True, exist_ok=True)
        for path in Path("/sys/class/net").glob("*/ifindex"):
            (self.run_dir / "data" / ("n" + path.read_text().strip())).touch()
        (self.run_dir / "control").touch()
        self.start()
        return self

    def __exit__(self, *dummy):
        self.over.set()
        self.join()
        shutil.rmtree(self.run_dir)

    def run(self):
        while not self.over.is_set():
            for path in Path("/sys/class/net").glob("*/ifindex"):
                with suppress(OSError):
                    index = path.read_text().strip()
                    if not (self.run_dir / "data" / ("n" + index)).exists():
                        self.care(path.parent, index)
            time.sleep(0.002)

    def care(self, path, index):
        (self.run_dir / "queue").touch()
        time.sleep(0.02)
        if (path / "addr_assign_type").read_text() == "1\n":
            mac = "06:%02x:00:00:%02x:%02x" % (len(path.name), int(index) // 256, int(index) % 256)
            subprocess.run(["ip", "link", "set", "dev", path.name, "address", mac], check=False)
        (self.run_dir / "data" / ("n" + index)).touch()
        Path("/proc/sys/net/ipv4/conf", path.name, "rp_filter").write_text("2")
        (self.run_dir / "queue").unlink()


@pytest.fixture
def with_udev(host):
    with Udev():
        yield host


NUMBERS = range(6)
PAIRS = [dict(endpoints=[dict(node="host", name="p%d" % n, up=True), "lab:q%d" % n]) for n in NUMBERS]


def test_what_is_on_new_links_stays(with_udev):
    """Neighbours, which fall with the MAC address, and sysctls."""
    neighbours = [dict(dev="p%d" % n, address="192.0.2.%d" % n, lladdr="02:00:00:00:09:%02x" % n) for n in NUMBERS]
    forwarding = [dict(dev="p%d" % n, rp_filter=n % 2, proxy_arp=True) for n in NUMBERS]
    nodes = [dict(name="host", netns="", neighbours=neighbours, forwarding=forwarding), dict(name="lab")]
    made = run("topology", name="t", nodes=nodes, links=PAIRS)
    assert made.get("changed"), made
    time.sleep(0.5)
    assert with_udev.output("ip neighbour show nud permanent").count("02:00:00:00:09:") == len(NUMBERS)
    assert not run("topology", name="t", nodes=nodes, links=PAIRS)["changed"]


def test_what_is_told_of_new_links_stays(with_udev):
    """Their MAC addresses, also of those that have theirs from udev, and of links on others."""
    links = [
        dict(kind="ifb", name="i0", up=True),
        dict(kind="bridge", name="br0"),
        dict(kind="macvlan", name="m0", link="p0"),
        dict(kind="macvlan", name="m1", link="p1", mode="passthru"),
        dict(kind="vxlan", name="vx", id=7, remote="192.0.2.1", dstport=4789),
    ]
    assert run("topology", name="t", nodes=[dict(name="host", netns="", links=links), dict(name="lab")], links=PAIRS)

    def told():
        return {link["name"]: link["address"] for link in run("link_info")["links"] if not link["netns"]}

    first = told()
    own = ["i0", "br0", "m0", "vx", *("p%d" % n for n in NUMBERS)]
    assert len({first[name] for name in own}) == len(own)
    time.sleep(0.5)
    assert told() == first and first["br0"].startswith("06:") and first["m1"] == first["p1"]


@pytest.mark.needs("bond")
def test_a_bond_has_the_address_of_its_port(with_udev):
    with_udev.shell("ip link add c0 address 02:00:00:00:00:0c type veth peer name c1")
    assert run("bond", name="bo0", ports=["c0"])["link"]["address"] == "02:00:00:00:00:0c"
    time.sleep(0.3)
    assert with_udev.observe().link(("", "bo0")).address == "02:00:00:00:00:0c"


def test_the_lan_is_told(host):
    """Who knows the host by another MAC address learns the new one at once, and the old one when it is undone."""
    host.shell(
        "ip netns add out",
        "ip link add card address 02:00:00:00:00:0c type veth peer name far netns out",
        "ip link set card up; ip -n out link set far up",
        "ip address add 192.0.2.1/24 dev card; ip address add 2001:db8::1/64 dev card nodad",
        "ip -n out address add 192.0.2.254/24 dev far; ip -n out address add 2001:db8::fe/64 dev far nodad",
        "ip netns exec out ping -n -c 1 -W 2 192.0.2.1; ip netns exec out ping -n -c 1 -W 2 2001:db8::1",
        "sleep 1.2",
    )
    known = "ip -n out neighbour show | grep -v fe80 | sort"
    assert host.output(known).count("02:00:00:00:00:0c") == 2
    bridge = dict(kind="bridge", name="br0", address="02:00:00:00:00:bb", ports=["card"], take_over_addresses=True)
    node = dict(name="host", netns="", links=[bridge])
    assert run("topology", name="t", nodes=[node])["changed"]
    assert host.output(known).count("02:00:00:00:00:bb") == 2, host.output(known)
    time.sleep(1.2)
    assert run("topology", name="t", state="absent")["changed"]
    assert host.output(known).count("02:00:00:00:00:0c") == 2, host.output(known)
    time.sleep(1.2)
    assert run("topology", name="t", nodes=[node], confirm=1)["changed"]
    end = time.monotonic() + 20
    while not host.output("cat /run/virtnet/t.confirm") and time.monotonic() < end:
        time.sleep(0.05)
    assert host.output("cat /run/virtnet/t.confirm") == "was put back"
    assert host.output(known).count("02:00:00:00:00:0c") == 2, host.output(known)


@pytest.fixture
def managed(host, tmp_path, monkeypatch):
    """A card that somebody manages, as the files in /run say it, and a systemctl(1) that says what is active."""
    program = tmp_path / "systemctl"
    program.write_text('#!/bin/sh\n[ "$1" != is-active ] || grep -qx "$2" %s/active\n' % tmp_path)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "%s:%s" % (tmp_path, os.environ["PATH"]))
    host.shell(
        "ip link add card address 02:00:00:00:00:0c type veth peer name far; ip link set far up",
        "ip link set card up; ip address add 192.0.2.1/24 dev card",
        "mkdir -p /run/systemd/netif/links /run/NetworkManager/devices",
    )
    index = Path("/sys/class/net/card/ifindex").read_text().strip()
    files = {"systemd-networkd": "systemd/netif/links/", "NetworkManager": "NetworkManager/devices/"}
    lines = {
        "systemd-networkd": "NETWORK_FILE=/etc/systemd/network/50.network\n",
        "NetworkManager": "[device]\nmanaged=true\n",
    }

    def by(unit):
        (tmp_path / "active").write_text(unit + "\n")
        (Path("/run") / files[unit] / index).write_text(lines[unit])
        return host

    yield by
    host.shell("rm -rf /run/systemd /run/NetworkManager")


TAKES = dict(name="br0", ports=["card"], take_over_addresses=True)
WHO = [("systemd-networkd", "networkd (/etc/systemd/network/50.network)"), ("NetworkManager", "NetworkManager")]


@pytest.mark.parametrize("unit, name", WHO)
def test_a_manager_would_not_renew_a_lease(managed, unit, name):
    host = managed(unit)
    host.shell("ip address add 192.0.2.2/24 dev card valid_lft 300 preferred_lft 300")
    said = run("linux_bridge", **TAKES)["msg"]
    assert said.startswith("ports: card has 192.0.2.2/24 by DHCP or router advertisements for ")
    assert "and %s would not renew it on br0: have it make br0" % name in said
    host.shell("ip address delete 192.0.2.2/24 dev card")
    node = dict(name="host", netns="", links=[dict(kind="bridge", **TAKES)])
    said = run("topology", name="t", nodes=[node], persistent=True)["msg"]
    assert said.startswith("persistent: %s manages card, and gives it its addresses in each boot" % name), said


@pytest.mark.parametrize("unit, name", WHO)
def test_a_manager_wants_its_card_back(managed, unit, name):
    managed(unit)
    made = run("linux_bridge", **TAKES)
    assert "%s manages card, and takes it from br0 when it restarts" % name in str(made["warnings"])
    assert "warnings" not in run("linux_bridge", **TAKES)


@pytest.mark.parametrize("unit, name", WHO)
def test_one_that_does_not_run_is_not_named(managed, tmp_path, unit, name):
    managed(unit)
    (tmp_path / "active").write_text("")
    assert "warnings" not in run("linux_bridge", **TAKES)


def test_networkd_takes_links_and_routes_of_others(managed):
    host = managed("systemd-networkd")
    routes = [dict(dest=["198.18.0.0/15"], type="blackhole")]
    told = run("topology", name="t", nodes=[dict(name="host", netns="", routes=routes)])
    assert "ManageForeignRoutes=no and ManageForeignRoutingPolicyRules=no" in str(told["warnings"])
    host.shell("mkdir -p /run/systemd/networkd.conf.d", "rm -f /run/virtnet/t.json")
    lines = "[Network]\nManageForeignRoutes=no\nManageForeignRoutingPolicyRules = No\n"
    Path("/run/systemd/networkd.conf.d/virtnet.conf").write_text(lines)
    host.shell("ip route delete blackhole 198.18.0.0/15")
    told = run("topology", name="t", nodes=[dict(name="host", netns="", routes=routes)])
    assert told["changed"] and "warnings" not in told
    told = run("veth", name="card", peer="far", mtu=1400)
    assert "networkd (/etc/systemd/network/50.network) manages card and takes away" in str(told["warnings"])


def test_a_later_file_says_otherwise(host):
    host.shell("mount -t tmpfs t /etc/sysctl.d")
    try:
        Path("/etc/sysctl.d/99-site.conf").write_text("# mine\nnet/ipv4/ip_forward=0\n")
        Path("/etc/sysctl.d/10-early.conf").write_text("net.ipv4.ip_forward=0\n")
        told = run("sysctl_forward", ipv4=True, persistent=True)
        text = "/etc/sysctl.d/99-site.conf says net.ipv4.ip_forward = 0, and is read after"
        assert text in str(told["warnings"]) and "10-early" not in str(told["warnings"])
        assert run("sysctl_forward", ipv4=True, state="absent")["changed"]
    finally:
        host.shell("umount /etc/sysctl.d")
