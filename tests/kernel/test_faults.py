# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever goes wrong: what was there is put back, and after a sudden death the next run converges."""

import os
import signal

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from conftest import OPTIONS, failing, run, snapshot

from ansible_collections.virtnet.linux.plugins.module_utils import _task
from ansible_collections.virtnet.linux.plugins.module_utils._core.desired import Desired
from ansible_collections.virtnet.linux.plugins.module_utils._core.planner import plan
from ansible_collections.virtnet.linux.plugins.module_utils._rtnl.netlink import ACK, Netlink
from ansible_collections.virtnet.linux.plugins.module_utils._rtnl.observe import Kernel

pytestmark = pytest.mark.needs("nft")

# What is there before: addresses of both families, routes, a port, a sysctl and a rule, all in the way of the wish.
BEFORE = """
ip netns add f1; ip netns add f2
ip link add br9 type bridge; ip link set br9 up
ip -n f1 link add name va address 02:00:00:00:00:0a type veth peer name vb netns f2
ip -n f1 link set va up; ip -n f2 link set vb up
ip -n f1 address add 192.0.2.1/24 dev va; ip -n f1 address add 192.0.2.2/24 dev va
ip -n f1 address add 2001:db8::1/64 dev va nodad; ip -n f1 route add 198.51.100.0/24 via 192.0.2.9 metric 3
ip -n f1 -6 route add 2001:db8:9::/48 via 2001:db8::9
ip -n f1 nexthop add id 1 via 192.0.2.9 dev va; ip -n f1 nexthop add id 2 group 1; ip -n f1 route add 10.7.0.0/16 nhid 2
ip -n f2 address add 192.0.2.9/24 dev vb; ip netns exec f2 sysctl -qw net.ipv4.conf.vb.forwarding=1
ip link add name vp type veth peer name vq; ip link set vp master br9
ip netns exec f1 nft 'add table ip mine; add chain ip mine post { type nat hook postrouting priority 100; }'
"""
TASKS = [
    ("netns", dict(name=["f3"])),
    # Both ends change their names, one its namespace.
    (
        "veth",
        dict(
            name="va",
            netns="f1",
            mtu=1400,
            address="02:00:00:00:00:0b",
            addresses=["192.0.2.7/24"],
            exclusive=True,
            peer=dict(name="c", netns="f3", addresses=["192.0.2.8/24", "2001:db8::8/64"]),
        ),
    ),
    (
        "linux_bridge",
        dict(
            name="br8",
            netns="",
            stp_state=True,
            addresses=["10.9.8.1/24"],
            take_over=True,
            ports=[dict(name="vp", cost=9)],
        ),
    ),
    ("route", dict(netns="f1", dest=["203.0.113.0/24"], via="192.0.2.8", dev="va")),
    ("nexthop", dict(netns="f1", id=1, via="192.0.2.8", dev="va")),
    ("nexthop", dict(netns="f1", id=2, group=[dict(id=1)], type="resilient", buckets=4)),
    ("sysctl_forward", dict(netns="f1", ipv4=True)),
    ("nat_masquerade", dict(netns="f1", name="out", source="10.0.0.0/8", backend="nft")),
    ("netns", dict(name=["f2"], state="absent")),
]


def wish():
    """All of the tasks as one."""
    wishes = []
    for module, params in TASKS:
        spec, rules, build = OPTIONS[module]
        checked = ArgumentSpecValidator(spec, **rules).validate(params)
        assert not checked.error_messages
        wishes.append(build(checked.validated_parameters, None))
    parts = {name: sum((tuple(getattr(w, name)) for w in wishes), ()) for name in ("present", "absent", "exclusive")}
    return Desired(allow=frozenset(["take_over"]), **parts)


def attempt(kernel):
    it = wish()
    return _task.carry_out(kernel, it, False)


def steps(host):
    host.clear()
    host.shell(BEFORE)
    return len(plan(wish(), host.observe()))


def test_every_step_that_fails_is_undone(host):
    count = steps(host)
    assert count > 12
    for broken in range(count):
        host.clear()
        host.shell(BEFORE)
        before = snapshot(host.observe())
        kernel = Kernel()
        with failing(broken), pytest.raises(_task.Failed) as failed:
            attempt(kernel)
        kernel.close()
        text = str(failed.value)
        assert "step %d of %d" % (broken + 1, count) in text and "Input/output error; everything was put back" in text
        assert snapshot(host.observe()) == before, text


def test_killed_before_any_request_the_next_run_converges(host):
    host.clear()
    host.shell(BEFORE)
    kernel = Kernel()
    attempt(kernel)
    kernel.close()
    target = snapshot(host.observe(), chance=False)
    for last in range(200):
        host.clear()
        host.shell(BEFORE)
        if killed_at(last) == 0:
            break
        host.settle()
        kernel = Kernel()
        attempt(kernel)
        assert plan(wish(), host.observe()) == ()
        kernel.close()
        assert snapshot(host.observe(), chance=False) == target, last
    assert last > 20


def killed_at(last):
    """Do the wish in a process that dies before its n-th step or request to write; 0 when it got to the end."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    exchange, execute, writes = Netlink.exchange, Kernel.execute, []

    def count():
        writes.append(1)
        if len(writes) > last:
            os.kill(os.getpid(), signal.SIGKILL)

    def dying_exchange(self, verb, flags, body):
        if flags & ACK:
            count()
        return exchange(self, verb, flags, body)

    def dying_execute(self, change):
        count()
        execute(self, change)

    Netlink.exchange, Kernel.execute = dying_exchange, dying_execute
    try:
        attempt(Kernel())
        os._exit(0)
    finally:
        os._exit(1)


def test_a_terminated_task_puts_back(host, monkeypatch):
    host.shell(BEFORE)
    before = snapshot(host.observe())
    execute, seen = Kernel.execute, []

    def terminated(self, change):
        seen.append(change)
        if len(seen) == 9:
            os.kill(os.getpid(), signal.SIGTERM)
        execute(self, change)

    monkeypatch.setattr(Kernel, "execute", terminated)
    old = signal.signal(signal.SIGTERM, _task.stop)
    kernel = Kernel()
    try:
        with pytest.raises(_task.Failed, match="signal 15; everything was put back"):
            attempt(kernel)
    finally:
        signal.signal(signal.SIGTERM, old)
        kernel.close()
    assert snapshot(host.observe()) == before


# Primaries and secondaries of three networks, and routes from them: others may rely on which one is the first.
MANY = ["10.0.0.9/24", "10.0.1.1/24", "10.0.0.1/24", "10.9.0.1/16", "10.0.0.5/24", "10.0.1.9/24", "10.9.0.9/16"]
ORDERED = """
ip netns add f1; ip -n f1 link add name va address 02:00:00:00:00:0a up type veth peer name vb; ip -n f1 link set vb up
for a in %s; do ip -n f1 address add $a dev va; done
ip -n f1 route add 172.16.0.0/12 via 10.0.0.2; ip -n f1 route add 172.18.0.0/16 via 10.0.1.2 src 10.0.1.9
""" % " ".join(MANY)
LEAVING = [
    ("address", dict(netns="f1", dev="va", address=[MANY[0], MANY[1]], state="absent")),
    ("address", dict(netns="f1", dev="va", address=[MANY[4]], exclusive=True)),
    ("linux_bridge", dict(netns="f1", name="br0", ports=[dict(name="va")], take_over_addresses=True)),
]


@pytest.mark.parametrize("promotes", [0, 1])
@pytest.mark.parametrize("module, params", LEAVING, ids=["primaries", "others", "handed over"])
def test_addresses_are_put_back_in_their_order(host, module, params, promotes):
    each_step_fails(
        host,
        module,
        params,
        order,
        ORDERED,
        "ip netns exec f1 sysctl -qw net.ipv4.conf.va.promote_secondaries=%d" % promotes,
    )


def each_step_fails(host, module, params, look, *lines):
    """On a host made by these lines each step of a task fails in turn, and all is as it was; then none does."""
    spec, rules, build = OPTIONS[module]
    it = build(ArgumentSpecValidator(spec, **rules).validate(params).validated_parameters, None)
    for broken in range(100):
        host.clear()
        host.shell(*lines)
        before = look(host)
        kernel = Kernel()
        try:
            with failing(broken):
                _task.carry_out(kernel, it, False)
            break
        except _task.Failed as e:
            assert "everything was put back" in str(e)
        finally:
            kernel.close()
        assert look(host) == before, broken
    assert broken > 1


def order(host):
    """The addresses of a link in their order, with which are secondary, and the routes."""
    lines = host.output("ip -n f1 -4 -o address show dev va").splitlines()
    return [(line.split()[3], "secondary" in line) for line in lines], host.output("ip -n f1 -4 route show table all")


ENDING = """
ip netns add f1; ip -n f1 link add br0 address 02:00:00:00:00:09 up type bridge
ip -n f1 link add va up type veth peer name vb; ip -n f1 link set vb up
ip -n f1 address add 2001:db8:3::12/64 nodad valid_lft 9999 preferred_lft 9000 dev va
ip -n f1 address add 2001:db8:4::12/64 nodad dev va; ip -n f1 -6 route add 2001:db8:5::/48 via 2001:db8:3::1
"""
PASSING = {
    "alone": ("address", dict(netns="f1", dev="va", address=["2001:db8:3::12/64"], state="absent")),
    "handed over": ("linux_bridge", dict(netns="f1", name="br0", ports=[dict(name="va")], take_over_addresses=True)),
}


def six(host):
    """What is of IPv6 there; a bridge has a link-local address since it had a carrier."""
    host.rest()
    show = "(ip -n f1 -6 route; ip -n f1 -6 -o address) | grep -v 'br0.*fe80\\|fe80.*br0'"
    return host.output(show + " | sed -E 's/^[0-9]+: //; s/[0-9]+sec//g' | sort")


@pytest.mark.parametrize("what", PASSING)
def test_an_address_for_a_while_goes_with_the_route_to_its_network(host, what):
    """The kernel keeps that route until it ends, and packets would go by it."""
    each_step_fails(host, *PASSING[what], six, ENDING)
    assert "2001:db8:3::/64 dev va" not in six(host)


def test_the_way_back_leaves_no_route_of_an_address_for_a_while(host):
    host.shell(ENDING)
    before = six(host)
    module, params = PASSING["handed over"]
    host.shell(*run(module, **params)["rollback_commands"])
    assert six(host) == before


SIX = """
ip netns add f1; ip netns exec f1 sysctl -qw net.ipv6.conf.default.accept_dad=0
ip -n f1 link add br0 address 02:00:00:00:00:09 up type bridge
ip -n f1 link add va type veth peer name vb; ip -n f1 link set vb up; ip -n f1 link set va up
ip -n f1 address add 2001:db8:1::1/64 nodad dev va; ip -n f1 address add 2001:db8:2::2/64 nodad dev va
ip -n f1 address add 2001:db8:1::3/64 nodad dev va; ip -n f1 -6 route add default via 2001:db8:2::fe dev va
ip -n f1 link set va addrgenmode none
ip -n f1 -6 route add broadcast 2001:db8:9::/48 table local proto kernel dev va
ip -n f1 -6 route add 2001:db8:a::/48 via 2001:db8:2::fe proto kernel dev va
"""
IN_ORDER = {
    "two of them": (
        "address",
        dict(netns="f1", dev="va", address=["2001:db8:1::1/64", "2001:db8:2::2/64"], state="absent"),
    ),
    "handed over": ("linux_bridge", dict(netns="f1", name="br0", ports=[{"name": "va"}], take_over_addresses=True)),
    "another kind": ("linux_bridge", dict(netns="f1", name="va", recreate=True)),
}


@pytest.mark.parametrize("what", IN_ORDER)
def test_addresses_of_ipv6_are_put_back_in_their_order(host, what):
    """The first one is a packet's source; a link-local one may be there that the kernel would not make again."""
    each_step_fails(host, *IN_ORDER[what], ordered_six, SIX)


def ordered_six(host):
    rest = six(host)
    told = host.output("ip -n f1 -6 -o address show dev va").splitlines()
    local = host.output("ip -n f1 -6 route show table local | grep -v 'dev br0' | sort")
    return [line.split()[3] for line in told], rest, local


DOWN = "ip netns add f1; ip -n f1 link add va type bridge; ip -n f1 address add 2001:db8:1::1/64 dev va"


def test_an_address_of_a_link_that_is_down_is_put_back_as_it_was(host):
    """The kernel has no route to itself by it before the link is up."""
    params = dict(netns="f1", name="va", recreate=True, addresses=["192.0.2.1/24"])
    each_step_fails(host, "ifb", params, ordered_six, DOWN)
