# SPDX-License-Identifier: GPL-3.0-or-later
"""What packets show at the turns of a topology: ports down, forwarding off, one route after the other."""

import re

import playing
from conftest import snapshot
from playing import absent


def play(name, *options, **variables):
    """Run a playbook; its tasks say all that they return."""
    return playing.play(name, "-v", *options, **variables)


def test_tap_leaves_its_address_behind(host):
    assert "from the host to 192.168.100.1: a reply with ttl 64" in play("tap", tap_moved=False).output
    assert host.output("ip -br address show dev tap_test").split()[2] == "192.168.100.1/24"
    moved = play("tap")
    assert len(moved.changed) == 1 and "from ns_test to 192.168.50.1: a reply with ttl 64" in moved.output
    assert "does not exist" in host.output("ip link show dev tap_test")
    assert len(play("tap", tap_moved=False).changed) == 1
    assert absent("tap", tap_moved=False).changed


def test_bridge_lan_with_its_ports_down(host):
    start = snapshot(host.observe())
    switch = dict(bridge_lan_netns="switch")
    down = play("bridge_lan", bridge_lan_up=False, **switch)
    assert down.output.count(": no reply") == 12 and "a reply with" not in down.output, down.output
    assert play("bridge_lan", **switch).output.count(": a reply with ttl 64") == 12
    wrong = play("bridge_lan", "--tags", "verify", fails=True, bridge_lan_up=False, **switch)
    assert "from ns4 to 192.168.50.1: expected no reply, seen a reply with ttl 64" in wrong.output
    assert play("bridge_lan", bridge_lan_up=False, **switch).changed
    assert absent("bridge_lan", **switch).changed
    host.settle()
    assert snapshot(host.observe()) == start


def test_bridge_lan_of_two_with_an_address_of_its_own(host):
    two = [
        dict(netns="net7", link="veth10", address="10.177.1.3/24", port="veth11"),
        dict(netns="net8", link="veth12", address="10.177.1.4/24", port="veth13"),
    ]
    lan = dict(bridge_lan_bridge="br0", bridge_lan_stations=two)
    assert "from the host" not in play("bridge_lan", **lan).output
    lan["bridge_lan_addresses"] = ["10.177.1.1/24"]
    assert "from the host to 10.177.1.4: a reply with ttl 64" in play("bridge_lan", **lan).output
    assert not play("bridge_lan", "--skip-tags", "verify", **lan).changed
    host.shell("ip link set br0 down")
    broken = play("bridge_lan", "--tags", "verify", fails=True, **lan)
    assert "from the host to 10.177.1.3: expected a reply with ttl 64, seen network unreachable" in broken.output
    assert absent("bridge_lan", **lan).changed
    host.settle()
    assert host.output("ip -o link").count("\n") == 1


def test_routed_lan_forwards_or_not(host):
    start = snapshot(host.observe())
    router = dict(routed_lan_router="router")
    assert "from ns5 to 192.168.200.2: a reply with ttl 63" in play("routed_lan", **router).output
    off = play("routed_lan", routed_lan_forward=False, **router)
    assert len(off.changed) == 1 and "from ns5 to 192.168.200.2: no reply" in off.output
    assert len(play("routed_lan", **router).changed) == 1
    assert absent("routed_lan", **router).changed
    host.settle()
    assert snapshot(host.observe()) == start


def test_macvlan_in_every_mode(host):
    start = snapshot(host.observe())
    switch = dict(netns="switch", bridge="sw0", port="low0_peer", mac="02:00:5e:00:53:01", address="10.166.56.1/24")
    there = "from net3 to 10.166.56.1: "
    across = "from net3 to 10.166.56.123: "
    reply, silence = "a reply with ttl 64", "no reply"
    for mode, hairpin, words in (
        ("private", True, [there + reply, across + silence]),
        ("vepa", True, [there + reply, across + reply]),
        ("vepa", False, [there + reply, across + silence]),
        ("source", False, [there + reply, "from net4 to 10.166.56.1: " + silence]),
    ):
        mine = dict(macvlan_netns="lower", macvlan_mode=mode, macvlan_switch=dict(switch, hairpin=hairpin))
        played = play("macvlan", **mine)
        assert played.changed and [w for w in words if w not in played.output] == [], played.output
    refused = play("macvlan", "--skip-tags", "verify", fails=True, **{**mine, "macvlan_mode": "passthru"})
    assert "mode: mac1 has source and cannot change it in place" in refused.output
    assert absent("macvlan", macvlan_netns="lower").changed
    alone = play("macvlan", macvlan_netns="lower", macvlan_mode="passthru")
    assert there + reply in alone.output and "net4" not in "".join(line for task, line in alone.changed)
    assert absent("macvlan", macvlan_netns="lower").changed
    host.settle()
    assert snapshot(host.observe()) == start


def test_addresses_and_strangers(host):
    play("addresses")
    host.shell("ip -n near address add 203.0.113.1/24 dev eth0")
    assert not play("addresses").changed
    assert len(play("addresses", addresses_exclusive=True).changed) == 1
    shown = host.output("ip -n near -o address show dev eth0 scope global")
    assert sorted(line.split()[3] for line in shown.splitlines()) == [
        "192.0.2.1/24",
        "192.0.2.11/24",
        "198.51.100.1",
        "2001:db8::1/64",
    ]
    assert "198.51.100.1 peer 198.51.100.2/32" in shown
    assert "eth0:1" in shown and "eth0:2" in shown
    host.shell("ip -n far address add 203.0.113.2/24 dev eth0")
    play("addresses", "--tags", "verify", fails=True, addresses_exclusive=True)


def test_return_routes_stage_by_stage(host):
    start = snapshot(host.observe())
    both = ["10.167.3.2 > 10.167.2.2 request", "10.167.2.2 > 10.167.3.2 reply"]
    shown = {
        1: ([], "from router to 10.167.3.1: a reply with ttl 64", "from router to 10.167.2.1: network unreachable"),
        2: ([], "from router to 10.167.2.1: a reply with ttl 64"),
        3: (both[:1], "from router to 10.167.2.2: no reply"),
        4: (both, "from router to 10.167.2.2: a reply with ttl 63"),
        5: (both, "from station to 10.167.2.2: a reply with ttl 62", "from net2 to 10.168.111.1: a reply with ttl 62"),
    }
    for stage, (passed, *words) in shown.items():
        played = play("return_routes", return_routes_stage=stage, return_routes_router="router")
        words += ["from net1 to 10.168.111.2: " + ("network unreachable" if stage < 5 else "a reply with ttl 64")]
        assert played.changed and [w for w in words if w not in played.output] == [], played.output
        assert re.findall('"veth1 in net2: (.*)"', played.output) == passed, played.output
    wrong = play("return_routes", "--tags", "verify", fails=True, return_routes_stage=3, return_routes_router="router")
    assert "from router to 10.167.2.2: expected no reply, seen a reply with ttl 63" in wrong.output
    assert play("return_routes", return_routes_stage=2, return_routes_router="router").changed
    assert absent("return_routes", return_routes_router="router").changed
    host.settle()
    assert snapshot(host.observe()) == start


def test_nat_gateway_with_a_router_of_its_own(host):
    start = snapshot(host.observe())
    router = dict(nat_gateway_router="router")
    output = play("nat_gateway", **router).output
    at_uplink = "uplink0 in router: %s > 203.0.113.2 request"
    for dev in ("tap0", "br0"):
        assert dev + " in router: 192.168.1.10 > 203.0.113.2 request" in output
        assert dev + " in router: 203.0.113.2 > 192.168.1.10 reply" in output
    assert at_uplink % "203.0.113.1" in output and "uplink0 in router: 203.0.113.2 > 203.0.113.1 reply" in output

    # Everyone still reaches whom he should, but under another address.
    host.shell(
        "ip -n router address add 203.0.113.9/24 dev uplink0",
        "ip netns exec router nft 'add table ip other; add chain ip other c { type nat hook postrouting priority 0; }'",
        "ip netns exec router nft add rule ip other c oifname uplink0 snat to 203.0.113.9",
    )
    wrong = play("nat_gateway", "--tags", "verify", fails=True, **router).output
    assert "not seen: ['%s'" % (at_uplink % "203.0.113.1") in wrong, wrong
    assert "not expected: ['%s'" % (at_uplink % "203.0.113.9") in wrong, wrong
    assert absent("nat_gateway", **router).changed
    host.settle()
    assert snapshot(host.observe()) == start
