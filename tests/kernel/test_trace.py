# SPDX-License-Identifier: GPL-3.0-or-later
"""Where packets are lost: nothing is blamed in networks that are well, and every fault is named by place and cause."""

import json
import os
import shlex
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from conftest import Host, environment, run

from ansible_collections.virtnet.linux.plugins.module_utils._namespaces import Namespaces

FAULTS = yaml.safe_load(Path(__file__).with_name("faults.yml").read_text())
HOST = os.environ.get("FLEET_HOST")
CASES = [
    (network, fault)
    for network, it in FAULTS.items()
    # On a test host some of those that every kernel can have are enough.
    for fault in it["faults"][:: 1 if it["needs"] or not HOST else 8]
]
WELL = [(network, change) for network, it in FAULTS.items() for change in it.get("well", ())]
TIMEOUT = 0.15


def marked(network, *more):
    needs = FAULTS[network]["needs"] + [fault["needs"] for fault in more if "needs" in fault]
    return pytest.param(network, *more, marks=[pytest.mark.needs(*needs)] if needs else [])


@pytest.fixture(scope="module")
def networks(packed_once):
    """A function that makes a network where another one was."""
    host, made = Host(), []

    def make(name):
        if made != [name]:
            host.clear()
            made.clear()
            host.shell(FAULTS[name]["make"])
            warm(name)
            made.append(name)
        return host

    yield make
    host.clear()


def warm(name, most=9):
    """The first packets wait for what the kernel does with a new link."""
    for more in FAULTS[name]["healthy"][:most]:
        task = {**FAULTS[name]["trace"], **more}
        if not task.get("port"):
            run("reachability", netns=[task["netns"]], to=[task["to"]], expect="all", wait=5)


@contextmanager
def listening(netns, protocol, port, address="", dev=""):
    """Something that listens, perhaps at one address or by one link alone."""
    spaces = Namespaces()
    sockets = []
    of_address = [socket.AF_INET6 if ":" in address else socket.AF_INET]
    families = of_address if address else (socket.AF_INET, socket.AF_INET6)
    for family in families if netns is not None else ():
        with spaces.inside(netns):
            kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
            sockets.append(socket.socket(family, kind))
        if family == socket.AF_INET6:
            sockets[-1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if dev:
            sockets[-1].setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, dev.encode())
        sockets[-1].bind((address, port))
        if protocol == "tcp":
            sockets[-1].listen()
    try:
        yield
    finally:
        for it in sockets:
            it.close()
        spaces.close()


def traced(network, more, check=False):
    task = {"timeout": TIMEOUT, **FAULTS[network]["trace"], **more}
    netns = task.pop("listen", None)
    flows, bound, dev = task.pop("flows", 1), task.pop("bound", ""), task.pop("to_dev", "")
    with listening(netns, task.get("protocol"), task.get("port"), bound, dev):
        for dummy in range(flows):
            found = run("packet_trace", check=check, **task)
            if found.get("verdict") != "delivered":
                break
    assert not found.get("failed") and not found["changed"], found
    return found


def rulesets(host):
    return host.output(
        "for n in '' $(ls /run/netns); do [ $n ] && e=\"ip netns exec $n\" || e=; $e nft list ruleset; done"
    )


@pytest.mark.parametrize("network", [marked(network) for network in FAULTS])
def test_nothing_is_blamed_where_all_is_well(network, networks):
    host = networks(network)
    for more in FAULTS[network]["healthy"]:
        for check in (True, False):
            found = traced(network, more, check)
            assert found["verdict"] == "delivered", found["msg"]
            assert found["where"] is None and not found["remedies"] and not found["differs"] + found["also"], found
            # What is encrypted nobody can see.
            seen = [hop["seen"] for hop in found["hops"] if network != "wireguards" or not hop["tunnel"]]
            assert all(one is (None if check else True) for one in seen), found["msg"]
    assert "virtnet_trace" not in rulesets(host)


@pytest.mark.parametrize(
    "network, change", [marked(*case) for case in WELL], ids=["%s: %s" % (n, c["name"]) for n, c in WELL]
)
def test_nothing_is_blamed_for_what_does_no_harm(network, change, networks):
    host = networks(network)
    try:
        host.shell(change.get("do", "true"))
        for check in (True, False):
            found = traced(network, change.get("trace") or {}, check)
            assert found["verdict"] == "delivered" and not found["differs"] + found["also"], (
                found["msg"],
                found["differs"],
            )
    finally:
        host.shell("set +e", change.get("undo", "true"), "true")
        warm(network, 1)


@pytest.mark.parametrize(
    "network, fault", [marked(*case) for case in CASES], ids=["%s: %s" % (n, f["name"]) for n, f in CASES]
)
def test_faults(network, fault, networks, request):
    host = networks(network)
    try:
        host.shell(fault.get("do", "true"))
        found = traced(network, fault.get("trace") or {})
    finally:
        host.shell("set +e", fault.get("undo", "true"), "true")
        if any(word in fault.get("undo", "") for word in (" up", "bridge ", " neigh ", "master")):
            warm(network, 1)
    keep(request.node.user_properties, network, fault, found)
    assert found["verdict"] == "lost", found["msg"]
    assert found["cause"] in fault["lost"]["cause"].split("|"), (found["cause"], found["msg"], found["differs"])
    assert found["where"]["netns"] in fault["lost"]["netns"].split("|"), found
    assert is_dev(fault, found["where"]), (found["where"], found["msg"])
    assert all(words in found["reason"] for words in fault.get("said", ())), found["msg"]
    assert found["msg"].splitlines()[-1] == "lost: " + found["reason"]


def test_nothing_is_left(networks):
    """Also of one that is killed: no table, no packet socket; rules and their counters are as they were."""
    host = networks("switched")
    rules = (
        "add table ip f; add chain ip f c { type filter hook input priority 0; }; add rule ip f c tcp dport 1 counter"
    )
    host.shell("ip netns exec r nft '%s'" % rules)
    try:
        before, sockets = rulesets(host), packet_sockets(host)
        command = [sys.executable, "-m", "ansible_collections.virtnet.linux.plugins.modules.packet_trace"]
        task = dict(netns="a", to="10.9.0.1", timeout=20, protocol="udp", port=9)
        host.shell("ip netns exec r nft add rule ip f c udp dport 9 drop", "ip -n r route add blackhole 10.9.0.0/16")
        process = subprocess.Popen(command, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        process.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": task}))
        process.stdin.close()
        end = time.monotonic() + 10
        while "virtnet_trace" not in rulesets(host):
            assert time.monotonic() < end and process.poll() is None
        assert packet_sockets(host) != sockets
        process.kill()
        process.wait()
        process.stdout.close()
        host.shell("ip -n r route del blackhole 10.9.0.0/16")
        while "virtnet_trace" in rulesets(host):
            assert time.monotonic() < end
        assert packet_sockets(host) == sockets
        traced("switched", {})
        assert rulesets(host).replace("\t\tudp dport 9 drop\n", "") == before
    finally:
        host.shell("ip netns exec r nft delete table ip f")


def packet_sockets(host):
    return host.output("for n in $(ls /run/netns); do ip netns exec $n cat /proc/net/packet; done | grep -vc sk")


def test_a_connection_is_made_once(networks, monkeypatch):
    """Also where the order of what was seen is not known, for which others are sent anew: its port is not free."""
    networks("switched")
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    found = traced("switched", dict(protocol="tcp", port=22, listen="b"))
    assert found["verdict"] == "delivered", found["msg"]


def test_an_option_of_the_sender(networks):
    """Source, link and mark are those of the packet."""
    host = networks("switched")
    host.shell("ip -n a address add 10.1.0.9/24 dev a0", "ip -n r rule add fwmark 5 prohibit")
    try:
        found = traced("switched", dict(source="10.1.0.9", dev="a0", mark=5))
        assert found["verdict"] == "delivered" and found["hops"][0]["source"] == "10.1.0.9", found["msg"]
        assert not found["differs"], found
        found = traced("switched", dict(source="10.99.0.1"))
        assert found["verdict"] == "lost" and found["where"]["netns"] == "a", found["msg"]
    finally:
        host.shell("ip -n a address del 10.1.0.9/24 dev a0", "ip -n r rule del fwmark 5")


def keep(properties, network, fault, found):
    """What came of a fault, for tests/trace-table."""
    where = found["where"] or {}
    kernel = ".".join(os.uname().release.split("-")[0].split(".")[:2])
    properties += [("network", network), ("number", fault["number"]), ("kernel", kernel)]
    properties.append(("place", where.get("netns") in fault["lost"]["netns"].split("|") and is_dev(fault, where)))
    properties.append(("cause", found["cause"] in fault["lost"]["cause"].split("|")))


def is_dev(fault, where):
    return "dev" not in fault["lost"] or where["dev"] in fault["lost"]["dev"].split("|")


@pytest.mark.parametrize("name", ["m", "dev", "via", "up", "type", "a$b", "a;b", "a'b"])
def test_remedies_can_be_pasted(host, name):
    """Also for links with names that are words of ip(8), or mean something to a shell."""
    link = shlex.quote(name)
    host.shell(
        "ip netns add x; ip netns add y; ip link add name %s netns x type veth peer name %s netns y" % (link, link),
        *("ip -n %s address add 10.8.0.%d/24 dev %s" % (netns, n, link) for n, netns in enumerate("xy", 1)),
        *("ip -n %s link set dev %s up" % (netns, link) for netns in "xy"),
    )
    task = dict(netns="x", to="10.8.0.2", size=1400)
    run("reachability", netns=["x"], to=["10.8.0.2"], expect="all", wait=5)
    for netns, fault in [("y", "down"), ("x", "down"), ("y", "mtu 1300"), ("y", "arp off")]:
        host.shell("ip -n %s link set dev %s %s; ip -n x neigh flush all" % (netns, link, fault))
        found = run("packet_trace", timeout=TIMEOUT, **task)
        assert found["verdict"] == "lost" and found["where"] == dict(netns=netns, dev=name), found
        assert found["remedies"], found["msg"]
        host.shell(*found["remedies"])
        host.shell(*(line for one in found["evidence"] if one["source"] == "kernel" for line in one["commands"]))
        assert run("packet_trace", timeout=2, **task)["verdict"] == "delivered", found
