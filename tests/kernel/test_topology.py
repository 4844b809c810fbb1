# SPDX-License-Identifier: GPL-3.0-or-later
"""A topology: only what differs is repaired, strangers stay, what goes wrong is undone, and two tasks take turns."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from conftest import KINDS, OPTIONS, environment, example, failing, needing, run, snapshot

from ansible_collections.virtnet.linux.plugins.module_utils import _task
from ansible_collections.virtnet.linux.plugins.module_utils._core.planner import Planner
from ansible_collections.virtnet.linux.plugins.module_utils._rtnl.observe import Kernel

pytestmark = pytest.mark.needs("nft")

# Somebody else's: a namespace that is a node, and what is in it and beside it.
STRANGERS = """
ip netns add mine; ip -n mine link set lo up
ip link add name s0 address 02:00:00:00:00:51 type veth peer name s1 netns mine
ip link set s0 up; ip -n mine link set s1 up; ip address add 198.51.100.1/24 dev s0
ip -n mine address add 198.51.100.2/24 dev s1; ip -n mine address add 2001:db8:5::2/64 dev s1 nodad
ip -n mine route add 203.0.113.0/24 via 198.51.100.1 metric 7; ip -n mine -6 route add 2001:db8:9::/48 via 2001:db8:5::1
ip netns exec mine sysctl -qw net.ipv4.conf.s1.rp_filter=2
ip netns exec mine nft 'add table ip mine; add chain ip mine post { type nat hook postrouting priority 100; }'
"""


def end(node, number, **more):
    """An end with a MAC address and an address of each family by its number."""
    addresses = ["192.0.2.%d/24" % number, "2001:db8::%x/64" % number]
    return dict(
        {"node": node, "name": "eth0", "address": "02:00:00:00:00:%02x" % number, "addresses": addresses}, **more
    )


def port(number):
    return dict(node="host", name="p%d" % number, address="02:00:00:00:01:%02x" % number, master="br0")


def ways(via):
    return [dict(dest=["default"], via="192.0.2.%d" % via), dict(dest=["default"], via="2001:db8::%x" % via)]


BRIDGE = dict(kind="bridge", name="br0", address="02:00:00:00:00:fe", addresses=["192.0.2.254/24", "2001:db8::fe/64"])
LAB = dict(
    name="lab",
    nodes=[
        dict(name="host", netns="", links=[dict(BRIDGE, stp_state=False)]),
        dict(name="n1", routes=ways(254), masquerade=[dict(name="out", out_interface="eth0", backend="nft")]),
        dict(name="n2", netns="mine", routes=[dict(dest=["10.0.0.0/8"], via="192.0.2.254")]),
        dict(name="n3", routes=ways(254), forwarding=[dict(ipv4=True, rp_filter=0)]),
    ],
    links=[
        dict(endpoints=[port(1), end("n1", 1, alias="")], mtu=1500, exclusive=True),
        dict(endpoints=[port(2), end("n2", 2)], mtu=1500),
        dict(endpoints=[port(3), end("n3", 3)]),
        dict(endpoints=["n1:to3", "n3:to1"]),
    ],
)
# Nodes come and go; links, addresses, routes, sysctls and rules are added, changed and dropped.
NEXT = dict(
    name="lab",
    nodes=[
        dict(
            name="host",
            netns="",
            links=[dict(BRIDGE, stp_state=True, addresses=["192.0.2.253/24", "2001:db8::fd/64"])],
            forwarding=[dict(ipv4=True, ipv6=True)],
            masquerade=[dict(source="192.0.2.0/24", out_interface="s0", backend="nft")],
        ),
        dict(name="n1", routes=ways(253), forwarding=[dict(dev="eth0", rp_filter=2, proxy_arp=True)]),
        dict(
            name="n2",
            netns="mine",
            routes=[dict(dest=["10.0.0.0/8"], via="192.0.2.253", metric=9)],
            masquerade=[dict(name="out", source="10.0.0.0/8", backend="nft")],
        ),
        dict(
            name="n4", routes=ways(253), links=[dict(kind="macvlan", name="m0", link="eth0", mode="bridge", up=False)]
        ),
        dict(name="n5", routes=ways(253), links=[dict(kind="bridge", name="br5", ports=[dict(name="x", cost=9)])]),
    ],
    links=[
        dict(endpoints=[port(1), end("n1", 17, name="eth0", alias="first")], mtu=1400, exclusive=True),
        dict(endpoints=[port(2), end("n2", 2)], mtu=1400),
        dict(endpoints=[port(4), end("n4", 4)]),
        dict(endpoints=[port(5), end("n5", 5)]),
        dict(endpoints=["n4:x", "n5:x"]),
    ],
)


def attempt(params, kernel, confirm=None):
    spec, rules, build = OPTIONS["topology"]
    checked = ArgumentSpecValidator(spec, **rules).validate(params)
    assert not checked.error_messages
    wish = build(checked.validated_parameters, kernel)
    dummy, steps, after = _task.carry_out(kernel, wish, False, confirm)
    return steps, after


def done(params):
    """Run it in this process; return its steps."""
    kernel = Kernel()
    try:
        return attempt(params, kernel)[0]
    finally:
        kernel.close()


def settled(params):
    steps = done(params)
    assert done(params) == ()
    return steps


def commands_of(**params):
    said = run("topology", **params)
    assert "failed" not in said, said["msg"]
    again = run("topology", **params)
    assert again.get("changed") is False, again
    return said["commands"]


# What somebody did to it, and the commands that repair it, without those that this one comes to by the way.
DRIFT = {
    "ip -n n1 address flush dev eth0": {
        "ip -n n1 address add 192.0.2.1/24 dev eth0",
        "ip -n n1 address add 2001:db8::1/64 dev eth0",
        "ip -n n1 route add default via 192.0.2.254 proto static",
    },
    "ip netns exec n3 sysctl -qw net.ipv4.ip_forward=0": {"ip netns exec n3 sysctl -w net.ipv4.ip_forward=1"},
    "ip -n mine link set eth0 down": {
        "ip -n mine link set dev eth0 up",
        "ip -n mine address add 2001:db8::2/64 dev eth0",
        "ip -n mine route add 10.0.0.0/8 via 192.0.2.254 proto static",
    },
    "ip link set p3 nomaster": {
        "ip link set dev p3 master br0",
        # A bridge may take the MAC address of a new port; whether it does the kernel does not tell.
        "ip link set dev br0 address 02:00:00:00:00:fe",
    },
    "ip -n n1 route del default": {"ip -n n1 route add default via 192.0.2.254 proto static"},
    "ip -n n1 link set lo down": {"ip -n n1 link set dev lo up"},
    "ip -n n3 link set eth0 address 02:00:00:00:00:77": {"ip -n n3 link set dev eth0 address 02:00:00:00:00:03"},
    "ip netns exec n1 nft delete table ip virtnet": {
        "ip netns exec n1 nft add table ip virtnet",
        "ip netns exec n1 nft 'add chain ip virtnet masquerade-out { type nat hook postrouting priority 100; }; "
        'add rule ip virtnet masquerade-out oifname "eth0" masquerade comment "virtnet:out"\'',
    },
}


@pytest.mark.parametrize("damage", DRIFT)
def test_only_what_differs_is_repaired(host, damage):
    host.shell(STRANGERS)
    settled(LAB)
    target = snapshot(host.observe())
    host.shell(damage)
    assert set(commands_of(**LAB)) == DRIFT[damage]
    assert snapshot(host.observe()) == target


# What somebody deleted, and the words of which each command that repairs it has at least one.
LOST = {
    "ip netns delete n1": {"n1", "p1", "to1", "br0"},
    "ip link delete p1": {"n1", "p1", "br0"},
    "ip -n n1 link delete to3": {"to1", "to3"},
    "ip netns delete mine": {"mine", "p2", "br0", "/run/virtnet/lab.json"},
}


@pytest.mark.parametrize("damage", LOST)
def test_a_lost_node_or_link_costs_only_its_own(host, damage):
    host.shell(STRANGERS)
    settled(LAB)
    target = snapshot(host.observe(), chance=False)
    host.shell(damage)
    host.settle()
    commands = commands_of(**LAB)
    assert all(LOST[damage] & set(command.split()) for command in commands), commands
    found = snapshot(host.observe(), chance=False)
    if "mine" in damage:
        # The strangers in it are lost, and the namespace is the topology's own now.
        target = {key: fields for key, fields in target.items() if "s0" not in key and "s1" not in str(key)}
        target = {key: fields for key, fields in target.items() if key in found and key[0] != "topology"}
        found = {key: fields for key, fields in found.items() if key[0] != "topology"}
    assert found == target


def stop_forwarding(host):
    """The one thing that a topology leaves as it is."""
    host.shell("sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0")


def test_what_is_dropped_goes_and_strangers_stay(host):
    host.shell(STRANGERS)
    before = snapshot(host.observe())
    settled(LAB)
    settled(NEXT)
    now = snapshot(host.observe())
    assert ("netns", "n3") not in now and ("link", "", "p3") not in now and ("link", "n1", "to3") not in now
    assert all(now[key] == fields for key, fields in before.items() if fields.get("netns") == "mine")
    settled(dict(NEXT, nodes=NEXT["nodes"][:1], links=[]))
    assert [r.name for r in host.observe() if type(r).__name__ == "Netns"] == ["mine"]
    assert set(commands_of(name="lab", state="absent")) >= {"rm -f /run/virtnet/lab.json"}
    stop_forwarding(host)
    assert snapshot(host.observe()) == before


def test_a_topology_is_gone_without_its_description(host):
    host.shell(STRANGERS)
    before = snapshot(host.observe())
    for params in (LAB, NEXT):
        settled(params)
    assert commands_of(name="lab", state="absent", lock_timeout=0)
    stop_forwarding(host)
    assert snapshot(host.observe()) == before


MORE = dict(
    neighbours=[dict(dev="eth0", address="192.0.2.9", lladdr="02:00:00:00:00:09")],
    rules=[dict(**{"from": "10.0.0.0/8"}, table="100"), dict(to="10.0.0.0/8", type="prohibit", priority=9)],
    fdb=[dict(dev="eth0", lladdr="02:00:00:00:00:08")],
    mdb=[dict(dev="br0", port="eth0", grp=["239.1.1.1"])],
    impairments=[dict(dev="eth0", rate=8000000)],
    nexthops=[dict(id=1, dev="eth0"), dict(id=2, group=[dict(id=1)])],
    vlans=[dict(dev="eth0", vid=["10-20"], pvid=5)],
)


@pytest.mark.parametrize("name", [needing(n, *["bridge_vlan"] * (n == "vlans")) for n in MORE])
def test_what_else_a_node_has_comes_and_goes(host, name):
    bridge = dict(kind="bridge", name="br0", ports=[dict(name="eth0")])
    bridge.update(vlan_filtering=True) if name == "vlans" else None
    lab = dict(name="lab", links=[dict(endpoints=["n1:eth0", "n2:eth0"])])
    plain, full = ([dict(name="n1", links=[bridge], **more), dict(name="n2")] for more in ({}, {name: MORE[name]}))
    settled(dict(lab, nodes=plain))
    before = snapshot(host.observe())
    settled(dict(lab, nodes=full))
    assert snapshot(host.observe()) != before
    settled(dict(lab, nodes=plain))
    assert snapshot(host.observe()) == before
    settled(dict(lab, nodes=full))
    settled(dict(name="lab", state="absent"))


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.needs(name)) for name in KINDS])
def test_a_link_of_each_kind(host, name):
    kind, before = KINDS[name], snapshot(host.observe())
    link = dict(example(kind)[-1].attrs, kind=name, name="try", alias="it")
    link.update({"link": "low"} if kind.stacked else {}, **({"peer": {"name": "tryp"}} if kind.is_pair() else {}))
    lowers = [dict(kind="veth", name="low", peer={"name": "lowp"})]
    lowers += [dict(kind="dummy", name=slave) for dummy, slave in kind.slaves(example(kind)[-1])[1:]]
    for more in ({}, {"mtu": 1400}):
        settled(dict(name="lab", nodes=[dict(name="n1", links=[*lowers, dict(link, **more)])]))
        made = host.observe().link(("n1", "try"))
        assert (made.kind, made.alias, made.up) == (name, "it", True)
    settled(dict(name="lab", state="absent"))
    assert snapshot(host.observe()) == before


def test_a_damaged_record_is_one_sentence(host):
    settled(LAB)
    host.shell("echo '{' > /run/virtnet/lab.json")
    before = snapshot(host.observe(topologies=[]))
    said = run("topology", name="lab", state="absent")
    assert said["failed"] and said["msg"].startswith("name: /run/virtnet/lab.json is damaged"), said
    assert snapshot(host.observe(topologies=[])) == before


def test_every_step_that_fails_is_undone(host):
    host.shell(STRANGERS)
    settled(LAB)
    before, broken = snapshot(host.observe()), 0
    while True:
        kernel, text = Kernel(), ""
        try:
            with failing(broken):
                steps = attempt(NEXT, kernel)[0]
            break
        except _task.Failed as failed:
            text = str(failed)
        finally:
            kernel.close()
        assert "step %d of " % (broken + 1) in text and "Input/output error; everything was put back" in text
        assert snapshot(host.observe()) == before, text
        broken += 1
    assert broken == len(steps) >= 50


def test_killed_before_any_step_the_next_run_converges(host):
    host.shell(STRANGERS)
    settled(LAB)
    first = snapshot(host.observe(), chance=False)
    steps = settled(NEXT)
    target = snapshot(host.observe(), chance=False)
    for last in range(len(steps)):
        done(LAB)
        stop_forwarding(host)
        assert snapshot(host.observe(), chance=False) == first, last
        assert killed_before(last) == signal.SIGKILL
        host.settle()
        done(NEXT)
        assert snapshot(host.observe(), chance=False) == target, last


def killed_before(last, **more):
    """The same in a process that dies before its n-th step; how it ended."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    execute, left, own = Kernel.execute, iter(range(last, -1, -1)), os.getpid()

    def dying(self, change):
        if os.getpid() == own and next(left) == 0:
            os.kill(own, signal.SIGKILL)
        execute(self, change)

    Kernel.execute = dying
    try:
        attempt(NEXT, Kernel(), **more)
    finally:
        os._exit(1)


@pytest.fixture
def own_etc(host):
    """What is written to /etc stays in the sandbox."""
    host.shell(
        "mkdir /run/upper /run/work", "mount -t overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work e /etc"
    )
    yield
    host.shell("umount /etc", "rm -rf /run/upper /run/work")


def test_what_is_persistent_is_made_again(host, own_etc):
    """As at a boot: nothing is there but the script, which makes it all."""
    before = snapshot(host.observe())
    for params in (LAB, NEXT):
        assert "virtnet-lab.service" in str(commands_of(persistent=True if params is LAB else None, **params))
        target = snapshot(host.observe(), chance=False)
        host.clear()
        host.shell("sh /etc/virtnet/lab.sh")
        found = snapshot(host.observe(), chance=False)
        # Its record can differ in what a value was before.
        assert {**found, ("topology", "lab"): None} == {**target, ("topology", "lab"): None}
        assert done(params) == ()
    assert commands_of(name="lab", state="absent")
    stop_forwarding(host)
    assert snapshot(host.observe()) == before
    assert host.output("find /run/upper ! -type d ! -type c") == ""
    assert commands_of(persistent=True, **NEXT)
    assert len(commands_of(persistent=False, **NEXT)) == 2
    assert host.output("find /run/upper ! -type d ! -type c") == ""


def put_back(host, name="lab"):
    """Wait until the process that the task left has done its work."""
    while not host.output("cat /run/virtnet/%s.confirm" % name):
        time.sleep(0.05)
    assert host.output("cat /run/virtnet/%s.confirm" % name) == "was put back"


def test_what_nobody_confirms_is_put_back(host):
    host.shell(STRANGERS)
    settled(LAB)
    before = snapshot(host.observe())
    assert run("topology", check=True, confirm=1, **NEXT)["changed"]
    assert snapshot(host.observe()) == before
    said = run("topology", confirm=2, **NEXT)
    assert said.get("changed"), said
    refused = run("topology", **LAB)
    assert refused["msg"].startswith("confirm: what the last task changed of lab waits"), refused
    put_back(host)
    assert snapshot(host.observe(topologies=[])) == {k: v for k, v in before.items() if k[0] != "topology"}
    assert run("topology", name="lab", confirmed=True)["msg"].startswith("confirmed: it comes too late")
    assert done(LAB) == ()


def test_what_is_confirmed_stays(host):
    assert run("topology", confirm=600, **LAB)["changed"]
    target = snapshot(host.observe())
    said = run("topology", name="lab", confirmed=True)
    assert said["changed"] and said["commands"] == ["rm /run/virtnet/lab.confirm"], said
    for params in (dict(name="lab", confirmed=True), LAB):
        assert run("topology", **params)["changed"] is False
    while "virtnet" in host.output("ls -l /proc/[0-9]*/fd | grep lab.confirm"):
        time.sleep(0.05)
    assert snapshot(host.observe()) == {key: fields for key, fields in target.items() if key[0] != "pending"}


def test_a_task_that_dies_is_put_back(host):
    settled(LAB)
    before = snapshot(host.observe())
    assert killed_before(7, confirm=1) == signal.SIGKILL
    assert snapshot(host.observe()) != before
    put_back(host)
    assert snapshot(host.observe(topologies=[])) == {k: v for k, v in before.items() if k[0] != "topology"}


def test_a_task_that_fails_leaves_nothing_that_waits(host, monkeypatch):
    def fails(self, change):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Kernel, "execute", fails)
    kernel = Kernel()
    with pytest.raises(_task.Failed, match="everything was put back"):
        attempt(LAB, kernel, confirm=600)
    kernel.close()
    assert host.output("ls /run/virtnet") == ""


def tunnels(one, two, **more):
    """Two tunnels with these remote addresses."""
    links = [
        dict(kind="ipip", name=name, local="192.0.2.1", remote="192.0.2.%d" % number)
        for name, number in (("one", one), ("two", two))
    ]
    return dict(name="lab", nodes=[dict(name="n1", links=links, **more)])


@pytest.mark.needs("ipip")
def test_a_value_that_only_one_link_can_have_comes_back_from_another(host):
    settled(tunnels(10, 20))
    before = snapshot(host.observe())
    failing = tunnels(5, 10, routes=[dict(dest=["203.0.113.0/24"], via="198.51.100.77")])
    said = run("topology", **failing)
    assert said["msg"].endswith("; everything was put back"), said
    assert snapshot(host.observe()) == before
    dry = run("topology", check=True, **tunnels(5, 10))
    assert dry["changed"], dry
    said = run("topology", **tunnels(5, 10))
    assert said["changed"] and said["commands"] == dry["commands"], said
    host.shell(*said["rollback_commands"])
    assert snapshot(host.observe()) == before
    said = run("topology", confirm=1, **tunnels(5, 10))
    assert said["changed"], said
    put_back(host)
    assert snapshot(host.observe(topologies=[])) == {k: v for k, v in before.items() if k[0] != "topology"}


SPOILT = "2001:db8::fe/64"


def spoil(monkeypatch):
    """The planner fails with one address, whenever it leads back to what was there."""
    make = Planner.plan_one

    def failing(self, want):
        if self.refused is not None and getattr(want, "address", None) == SPOILT:
            raise KeyError(SPOILT)
        make(self, want)

    monkeypatch.setattr(Planner, "plan_one", failing)


def test_what_is_raised_on_the_way_back_is_told_and_the_rest_is_put_back(host, monkeypatch):
    settled(LAB)
    before = snapshot(host.observe())
    execute, count = Kernel.execute, iter(range(1000))

    def fails(self, change):
        if next(count) == 12:
            raise OSError(5, "Input/output error")
        execute(self, change)

    monkeypatch.setattr(Kernel, "execute", fails)
    spoil(monkeypatch)
    kernel = Kernel()
    with pytest.raises(_task.Failed, match="Input/output error; could not put back: .*KeyError: '%s'" % SPOILT):
        attempt(NEXT, kernel)
    kernel.close()
    after = snapshot(host.observe())
    assert {key for key in {*before, *after} if before.get(key) != after.get(key)} == {
        ("address", "", "br0", SPOILT.partition("/")[0], "")
    }


def test_the_process_that_waits_tells_what_it_could_not_put_back(host, monkeypatch):
    settled(LAB)
    spoil(monkeypatch)
    kernel = Kernel()
    attempt(NEXT, kernel, confirm=1)
    kernel.close()
    outcome = "could not all be put back: KeyError: '%s'" % SPOILT
    outcome += "; IPv6 route 2001:db8::/64 table 254 metric 256 (gone); address %s dev br0 (gone)" % SPOILT
    while not host.output("cat /run/virtnet/lab.confirm"):
        time.sleep(0.05)
    said = run("topology", name="lab", confirmed=True)
    assert said["msg"] == "confirmed: it comes too late: what the task changed of lab " + outcome, said
    assert "192.0.2.254/24" in host.output("ip address show br0")


def test_what_others_did_meanwhile_stays_and_is_told(host, monkeypatch):
    """No part of what a task reads to plan has these; the kernel's own answers do."""
    settled(LAB)
    execute, count = Kernel.execute, iter(range(1000))

    def fails(self, change):
        if next(count) == 12:
            host.shell("ip -n n1 link set lo txqueuelen 77", "ip address add 203.0.113.77/32 dev br0")
            raise OSError(5, "Input/output error")
        execute(self, change)

    monkeypatch.setattr(Kernel, "execute", fails)
    kernel = Kernel()
    told = "could not put back: address 203.0.113.77/32 dev br0 .new.; link lo in n1 .txqueuelen.$"
    with pytest.raises(_task.Failed, match=told):
        attempt(NEXT, kernel)
    kernel.close()
    assert "203.0.113.77/32" in host.output("ip address show br0")
    assert "qlen 77" in host.output("ip -n n1 link show lo")


def test_a_result_that_cannot_be_told_undoes_nothing(host, monkeypatch):
    def fails(*words):
        raise KeyError("odd")

    monkeypatch.setattr(_task, "way_back", fails)
    said = run("topology", **LAB)
    assert said["changed"] and said["commands"] and "rollback_commands" not in said, said
    assert "the task was carried out; a part of its result is missing: KeyError: 'odd'" in str(said["warnings"]), said
    assert run("topology", **LAB)["changed"] is False


def test_a_routing_rule_gets_a_number_and_another_one(host):
    rule, numbers = {"from": "198.51.100.0/24", "table": "7"}, []
    for more in ({}, {"priority": 32765}, {"priority": 100}, {}):
        lab = dict(name="lab", nodes=[dict(name="n1", rules=[dict(rule, **more)])])
        done(lab)
        assert done(lab) == ()
        numbers += [line.split(":")[0] for line in host.output("ip -n n1 rule").splitlines() if "198.51.100" in line]
    assert numbers == ["32765", "32765", "100", "100"]


def test_addresses_of_one_link_with_peers_of_their_own(host):
    addresses = [dict(dev="a0", address=["198.51.100.1/32"], peer="203.0.113.%d/32" % n) for n in (1, 2)]
    lab = dict(name="lab", nodes=[dict(name="n1", links=[dict(kind="bridge", name="a0")], addresses=addresses)])
    assert done(lab)
    assert done(lab) == ()


def test_two_tasks_take_turns(host, monkeypatch):
    lock = os.open("/run", os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = run("topology", lock_timeout=0, **LAB)
        assert said["msg"].startswith("lock_timeout: another task (process %d) changes the network" % os.getpid())
        monkeypatch.setattr(_task, "LOCK_TIMEOUT", 0)
        assert run("netns", name=["n1"])["msg"].startswith("another task (process %d) changes" % os.getpid())
        assert run("topology", check=True, lock_timeout=0, **LAB)["changed"], "a dry run waits for nobody"
        module = [sys.executable, "-m", "ansible_collections.virtnet.linux.plugins.modules.topology"]
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        waiting = subprocess.Popen(module, env=environment(), **pipes)
        waiting.stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": LAB}))
        waiting.stdin.close()
        while not any(line.endswith("/run") for line in host.output("ls -l /proc/%d/fd" % waiting.pid).splitlines()):
            time.sleep(0.01)
        assert "n1" not in host.output("ip netns")
    finally:
        os.close(lock)
    assert '"changed": true' in waiting.stdout.read()
    waiting.wait()
    assert done(LAB) == ()


def test_a_bridge_gives_up_the_ports_that_it_is_not_to_have(host):
    def lab(ports, exclusive):
        bridge = dict(kind="bridge", name="br0", ports=[dict(name=name) for name in ports], exclusive_ports=exclusive)
        cards = [dict(kind="ifb", name="a"), dict(kind="ifb", name="b")]
        nodes = [dict(name="n1", links=[bridge, *cards]), dict(name="n2", links=[bridge])]
        return dict(name="lab", nodes=nodes, links=[dict(endpoints=["n2:" + name, "n1:z" + name]) for name in "ab"])

    assert done(lab("ab", False))
    assert done(lab("a", False)) == ()
    assert commands_of(**lab("a", True)) == ["ip -n n1 link set dev b nomaster", "ip -n n2 link set dev b nomaster"]
    assert done(lab("a", True)) == ()


def test_routes_swap_their_metrics(host):
    def lab(*metrics):
        links = [dict(kind="bridge", name="d%d" % number) for number in range(len(metrics))]
        routes = [dict(dest=["203.0.113.0/24"], dev=link["name"], metric=m) for link, m in zip(links, metrics)]
        return dict(name="lab", nodes=[dict(name="n1", links=links, routes=routes)])

    for metrics in ((10, 20, 30), (20, 30, 10), (10, 10, 20), (20, 20, 10), (30, 20, 10)):
        assert done(lab(*metrics))
        assert done(lab(*metrics)) == ()
        told = [line.split() for line in host.output("ip -n n1 route show 203.0.113.0/24").splitlines()]
        found = sorted((words[2], int(words[words.index("metric") + 1])) for words in told)
        assert found == [("d%d" % number, metric) for number, metric in enumerate(metrics)]
