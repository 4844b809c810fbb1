# SPDX-License-Identifier: GPL-3.0-or-later
"""What surrounds a task: who runs it, what is installed, processes in a namespace, files that outlive it."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import KEYS, environment, needing, run, snapshot

from ansible_collections.virtnet.linux.plugins.module_utils._resources.sysctl import SYSCTL_D

# Nobody, who reads the checkout wherever it is.
NOBODY = [
    "setpriv",
    "--reuid=65534",
    "--clear-groups",
    "--inh-caps=+dac_read_search",
    "--ambient-caps=+dac_read_search",
]


def test_without_root_one_sentence(host):
    host.shell("ip netns add n1")
    said = run("netns", prefix=NOBODY, name=["n2"])
    assert said["failed"] and "needs root" in said["msg"] and "\n" not in said["msg"]
    said = run("link", prefix=NOBODY, netns="n1", name="lo", up=True)
    assert said["failed"] and "needs root" in said["msg"]


def test_a_port_that_an_earlier_task_of_the_dry_run_would_have_made(host):
    host.shell("ip link add va type veth peer name vb; ip link add br0 up type bridge")
    tasks = {
        "bridge_vlan": (dict(dev="va", vid=["5"]), "bridge vlan add dev va vid 5"),
        "bridge_fdb": (
            dict(dev="va", lladdr="02:00:00:00:00:09"),
            "bridge fdb replace 02:00:00:00:00:09 dev va master static",
        ),
        "bridge_mdb": (
            dict(dev="br0", port="va", grp=["239.1.1.1"]),
            "bridge mdb add dev br0 port va grp 239.1.1.1 permanent",
        ),
    }
    for module, (options, command) in tasks.items():
        assert run(module, check=True, **options)["commands"] == [command]
        assert run(module, **options)["msg"].startswith(
            ("dev: va is no port of a bridge", "port: va is no port of br0")
        )


def test_without_pyroute2_one_sentence(host):
    lines = [
        "import sys",
        "sys.modules['pyroute2'] = None",
        "from ansible_collections.virtnet.linux.plugins.modules import linux_bridge",
        "linux_bridge.main()",
    ]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        input='{"ANSIBLE_MODULE_ARGS": {"name": "br9"}}',
        text=True,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
    )
    assert "pyroute2 (0.7.2 or newer" in done.stdout and "br9" not in host.output("ip link")


def test_a_process_keeps_a_namespace_and_gets_its_name_back(host):
    host.shell("ip netns add n1", "ip link add va type veth peer name vb netns n1", "ip netns add n10")
    sleeper = subprocess.Popen(["ip", "netns", "exec", "n1", "sleep", "60"])
    try:
        while "sleep" not in Path("/proc/%d/comm" % sleeper.pid).read_text():
            pass
        before = snapshot(host.observe())
        gone = run("netns", name=["n1"], state="absent")
        assert "%d (sleep)" % sleeper.pid in str(gone["warnings"])
        assert ("link", "", "va") in snapshot(host.observe()), "the process still has its end"
        back = run("netns", name=["n1"], pid=sleeper.pid)
        assert back["changed"] and snapshot(host.observe()) == {
            **before,
            ("link", "n1", "lo"): {**before[("link", "n1", "lo")], "up": True},
        }
        assert not run("netns", name=["n1"], pid=sleeper.pid)["changed"]
        assert not run("netns", name=["n1"], path="/proc/%d/ns/net" % sleeper.pid)["changed"]
    finally:
        sleeper.kill()
        sleeper.wait()


def test_a_name_within_another_name_is_another_namespace(host):
    host.shell("ip netns add n10", "ip netns add xn1")
    assert run("netns", check=True, name=["n1"])["changed"]
    assert not run("netns", check=True, name=["n1"], state="absent")["changed"]
    assert not run("netns", name=["n1"], state="absent")["changed"]
    assert set(host.output("ip netns list").split()) >= {"n10", "xn1"}


def test_an_empty_file_is_no_namespace(host):
    host.shell("mkdir -p /run/netns", "touch /run/netns/n1")
    assert run("netns", name=["n1"])["changed"]
    host.shell("ip netns exec n1 true")


@pytest.mark.parametrize(
    "module, options",
    [
        ("link", {"name": "va", "netns": "later", "up": True, "addresses": ["192.0.2.1/24"]}),
        ("veth", {"name": "va", "netns": "later", "peer": {"name": "vb", "netns": "later2"}}),
        ("linux_bridge", {"name": "br0", "netns": "later", "ports": [{"name": "va", "cost": 3}]}),
        ("linux_bridge", {"name": "br0", "ports": [{"name": "nowhere"}]}),
        ("address", {"netns": "later", "dev": "va", "address": ["192.0.2.1/24"]}),
        ("route", {"netns": "later", "dest": ["default"], "via": "192.0.2.9"}),
        ("route", {"netns": "later", "dest": ["198.51.100.0/24"], "dev": "va"}),
        ("route", {"netns": "later", "dest": ["198.51.100.0/24"], "nhid": 1}),
        ("nexthop", {"netns": "later", "id": 1, "via": "192.0.2.9", "dev": "va"}),
        ("nexthop", {"netns": "later", "id": 2, "group": [{"id": 1}]}),
        ("sysctl_forward", {"netns": "later", "ipv4": True, "rp_filter": 0}),
        ("nat_masquerade", {"netns": "later", "source": "10.0.0.0/8"}),
    ],
)
def test_a_dry_run_before_anything_is_there(host, module, options):
    before = snapshot(host.observe())
    said = run(module, check=True, **options)
    assert said.get("changed") and said["commands"], said
    assert snapshot(host.observe()) == before


def test_forwarding_that_outlives_a_reboot(host, tmp_path):
    # The file is written where sysctl(8) reads it; the sandbox has a folder of its own in that place.
    host.shell("mount --bind %s %s" % (tmp_path, SYSCTL_D))
    (tmp_path / "50-other.conf").write_text("net.ipv4.ip_forward = 0\n")
    try:
        assert run("sysctl_forward", check=True, ipv4=True, persistent=True)["changed"]
        assert len(list(tmp_path.iterdir())) == 1
        made = run("sysctl_forward", ipv4=True, ipv6=True, persistent=True)
        assert made["changed"] and not run("sysctl_forward", ipv4=True, ipv6=True, persistent=True)["changed"]
        host.shell("sysctl -qw net.ipv4.ip_forward=0", "sysctl -q -p %s/9*-virtnet-*.conf" % tmp_path)
        assert not run("sysctl_forward", ipv4=True, ipv6=True, persistent=True)["changed"], "sysctl(8) read the files"
        assert run("sysctl_forward", ipv4=True, ipv6=True, state="absent")["changed"]
        assert [p.name for p in tmp_path.iterdir()] == ["50-other.conf"]
        assert (tmp_path / "50-other.conf").read_text() == "net.ipv4.ip_forward = 0\n"
    finally:
        host.shell("umount " + SYSCTL_D)


@pytest.mark.needs("wireguard")
def test_no_key_is_told(host):
    private, preshared, public, other = KEYS[:4]
    peer = {"public_key": public, "preshared_key": preshared, "endpoint": "192.0.2.2:51820"}
    options = {"name": "wg0", "private_key": private, "listen_port": 51820, "peers": [peer]}
    told = [run("wireguard", check=True, **options), run("wireguard", **options), run("wireguard", **options)]
    assert [one["changed"] for one in told] == [True, True, False]
    assert told[1]["link"]["public_key"] == host.output("wg show wg0 public-key").strip()
    assert host.output("wg show wg0 preshared-keys").split() == [public, preshared]
    told.append(run("link_info"))
    told.append(run("wireguard", **{**options, "name": "wg1"}))
    assert "Address already in use; everything was put back" in told[-1]["msg"]
    told.append(run("wireguard", **{**options, "private_key": other, "peers": [{**peer, "preshared_key": other}]}))
    told.append(run("wireguard", name="wg0", state="absent"))
    assert told[-1]["changed"] and public in str(told[-1]["rollback_commands"])
    assert [key for key in (private, preshared, other) if key in str(told)] == []


@pytest.mark.parametrize("kind", [needing(kind, kind) for kind in ("tun", "wireguard", "xfrm")])
def test_how_ipv6_makes_addresses_where_the_kernel_has_its_own_way(host, kind):
    line = {"tun": "ip tuntap add x mode tun", "xfrm": "ip link add x type xfrm if_id 7"}
    host.shell(line.get(kind, "ip link add x type " + kind))
    for up in (True, False, True):
        dry, wet = (run("link", check=check, name="x", up=up) for check in (True, False))
        modes = [said["diff"]["after"]["link x"].get("addrgenmode") for said in (dry, wet)]
        assert modes[0] == modes[1] or kind == "tun", (dry, wet)
    said = run("link", name="x", addrgenmode="eui64")
    assert said["link"]["addrgenmode"] == "eui64", said
    host.shell("ip link set x down")
    said = run("link", name="x", addrgenmode="eui64", up=True)
    assert said["link"]["addrgenmode"] == "eui64" and said["link"]["up"], said
