# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive in which Ansible sends a module is gone after the first step: the way back needs nothing more of it."""

import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from conftest import KEYS, lacking, run, snapshot

pytestmark = pytest.mark.needs("nft")
COLLECTION = "ansible_collections/virtnet/linux/plugins"
PLUGINS = Path(__file__).parents[2] / "plugins"
# argv: the archive; the module; after which step, 0: none, -1: the last; what happens then.
DRIVER = """
import importlib, os, signal, sys
archive, module, when, how = sys.argv[1:]; del sys.argv[1:]
sys.path.insert(0, archive)
name = "ansible_collections.virtnet.linux.plugins.%s"
main = importlib.import_module(name % ("modules." + module)).main
Kernel = importlib.import_module(name % "module_utils._rtnl.observe").Kernel
execute, finish, done = Kernel.execute, Kernel.finish, []
def happens():
    if how == "SIGTERM":
        os.kill(os.getpid(), signal.SIGTERM)
    raise OSError(5, "Input/output error")
def step(kernel, change):
    if os.path.exists(archive):
        os.unlink(archive)
    execute(kernel, change)
    done.append(change)
    if len(done) == int(when):
        happens()
def end(kernel):
    Kernel.finish = finish
    if when == "-1":
        happens()
    finish(kernel)
Kernel.execute, Kernel.finish = step, end
main()
"""
# Of all that there is something, and all of it in the way of the tasks.
BEFORE = """
ip netns add f1; ip netns add f2; ip -n f1 link set lo up; ip -n f2 link set lo up
ip link add br9 type bridge mcast_snooping 1; ip link add name vp address 02:00:00:00:00:0e type veth peer name vq
ip link set vp master br9; ip link set br9 up; ip link set vp up; ip link set vq up
ip link property add dev vp altname other; bridge fdb add 02:00:00:00:00:09 dev vp master static
bridge mdb add dev br9 port vp grp 239.1.1.1 permanent; tc qdisc add dev vq root tbf rate 8mbit burst 10000 latency 50ms
ip -n f1 link add name va address 02:00:00:00:00:0a type veth peer name vb netns f2
ip -n f1 link set va up; ip -n f2 link set vb up; ip netns exec f2 sysctl -qw net.ipv4.conf.vb.forwarding=1
ip -n f1 address add 192.0.2.1/24 dev va; ip -n f1 address add 192.0.2.2/24 dev va
ip -n f1 address add 2001:db8::1/64 dev va nodad; ip -n f1 route add 198.51.100.0/24 via 192.0.2.9 metric 3
ip -n f1 -6 route add 2001:db8:9::/48 via 2001:db8::9; ip -n f1 rule add from 192.0.2.1 iif va lookup 77 protocol static
ip -n f1 nexthop add id 1 via 192.0.2.9 dev va; ip -n f1 nexthop add id 2 group 1; ip -n f1 route add 10.7.0.0/16 nhid 2
ip -n f1 neighbour add 192.0.2.7 lladdr 02:00:00:00:00:07 dev va; ip -n f2 address add 192.0.2.9/24 dev vb
ip -n f1 link add link va name m0 up type macvlan mode bridge; ip -n f1 address add 192.0.2.33/32 dev m0
ip -n f1 link add x0 type vxlan id 7 dstport 4789 dev va; bridge -n f1 fdb append 00:00:00:00:00:00 dev x0 dst 192.0.2.9
ip -n f1 link set x0 up
"""
# What not every kernel has.
MORE = {
    "wireguard": "ip -n f1 link add wg0 up type wireguard; ip -n f1 address add 10.8.0.1/24 dev wg0; "
    "ip netns exec f1 wg set wg0 peer %s allowed-ips 10.8.0.2/32" % KEYS[3],
    # The kernel puts an entry without a VLAN into all that there are.
    "bridge_vlan": "bridge vlan add dev vp vid 20-30 untagged; bridge fdb del 02:00:00:00:00:09 dev vp master; "
    "bridge fdb add 02:00:00:00:00:09 dev vp master static",
    "vlan": "ip -n f1 link add link va name va.5 up type vlan id 5; ip -n f1 address add 10.5.0.1/24 dev va.5",
    "netem": "ip netns exec f2 tc qdisc add dev vb root netem delay 1ms",
    "bond": "ip -n f2 link add bo0 type bond; ip -n f2 link add d0 master bo0 type veth peer name d1",
}
# Many things at once: an end of a pair goes elsewhere, and all that was on it with it.
NODES = [
    dict(
        name="host",
        netns="",
        links=[
            dict(kind="bridge", name="br9", stp_state=True, addresses=["10.9.8.1/24"], ports=[dict(name="vp", cost=9)])
        ],
        fdb=[dict(dev="vp", lladdr="02:00:00:00:00:19")],
        impairments=[dict(dev="vq", rate=16000000)],
        forwarding=[dict(ipv4=True)],
    ),
    dict(
        name="f1",
        nexthops=[dict(id=1, via="192.0.2.8", dev="va"), dict(id=2, group=[dict(id=1)], type="resilient", buckets=4)],
        routes=[dict(dest=["203.0.113.0/24"], via="192.0.2.8", dev="va")],
        rules=[{"from": "10.0.0.0/8", "table": "78", "priority": 9}],
        neighbours=[dict(dev="va", address="192.0.2.7", lladdr="02:00:00:00:00:17")],
        masquerade=[dict(name="out", source="10.0.0.0/8", backend="nft")],
        port_forwards=[dict(name="in", protocol="tcp", dport="80", to="192.0.2.8", backend="nft")],
    ),
    dict(name="f3"),
]
PAIR = dict(
    endpoints=[
        dict(node="f1", name="va", address="02:00:00:00:00:0b", addresses=["192.0.2.7/24"]),
        dict(node="f3", name="c", addresses=["192.0.2.8/24", "2001:db8::8/64"]),
    ],
    mtu=1400,
    exclusive=True,
    recreate=True,
)
TOPOLOGY = dict(name="t", nodes=NODES, links=[PAIR])
TASKS = [
    ("topology", TOPOLOGY),
    ("netns", dict(name=["f1", "f2"], state="absent")),
    ("link", dict(name="va", netns="f1", state="absent")),
    ("link", dict(name="va", netns="f1", mtu=1279, up=False)),
    ("linux_bridge", dict(name="br9", state="absent")),
    ("linux_bridge", dict(name="va", netns="f1", recreate=True)),
    ("veth", dict(name="vp", up=False, recreate=True, peer=dict(name="vq", netns="f2"))),
]


@pytest.fixture
def archive(host, tmp_path):
    """What Ansible would have packed, but for its own part: it imports of that when it tells what a module says."""
    more = [lines for need, lines in MORE.items() if not lacking(need)]
    host.clear()
    host.shell(BEFORE, *more)
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as z:
        for folder in ("", "virtnet/", "virtnet/linux/", "virtnet/linux/plugins/", "virtnet/linux/plugins/modules/"):
            z.writestr("ansible_collections/%s__init__.py" % folder, "")
        z.writestr(COLLECTION + "/module_utils/__init__.py", "")
        for part in ("modules", "module_utils"):
            for file in (PLUGINS / part).rglob("*.py"):
                z.write(file, "%s/%s" % (COLLECTION, file.relative_to(PLUGINS)))
    return path


def sent(archive, module, when, how, **options):
    """What the module says, whose archive goes before its first step, and to which something happens after one."""
    command = [sys.executable, "-c", DRIVER, str(archive), module, str(when), how]
    text = json.dumps({"ANSIBLE_MODULE_ARGS": options})
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert not archive.exists(), done.stdout + done.stderr
    assert done.stdout.strip().startswith("{"), done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("how", ["error", "SIGTERM"])
@pytest.mark.parametrize(
    ("module", "options"), TASKS, ids=["%s %d" % (name, n) for n, (name, dummy) in enumerate(TASKS)]
)
def test_what_fails_is_put_back(host, archive, module, options, how):
    before = snapshot(host.observe())
    dry = run(module, check=True, **options)
    assert dry.get("changed"), dry
    steps = dry["commands"]
    said = sent(archive, module, -1 if how == "error" else (len(steps) + 1) // 2, how, **options)
    assert said["failed"] and "everything was put back" in said["msg"], said
    assert ("Input/output error" if how == "error" else "signal 15") in said["msg"], said
    assert snapshot(host.observe()) == before


def test_what_is_not_confirmed_is_put_back(host, archive):
    before = snapshot(host.observe(topologies=()))
    said = sent(archive, "topology", 0, "", confirm=1, **TOPOLOGY)
    assert said["changed"] and snapshot(host.observe(topologies=())) != before
    end, path = time.monotonic() + 20, Path("/run/virtnet/t.confirm")
    while not path.read_text():
        assert time.monotonic() < end
        time.sleep(0.1)
    assert path.read_text() == "was put back"
    assert snapshot(host.observe(topologies=())) == before
