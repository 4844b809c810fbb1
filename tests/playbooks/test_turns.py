# SPDX-License-Identifier: GPL-3.0-or-later
"""What packets show at the turns of a topology: ports down, forwarding off, one route after the other."""

import yaml
from conftest import snapshot
from playing import SEEN, absent, play


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
    assert "from the host to 10.177.1.3: expected a reply with ttl 64, seen Network is unreachable" in broken.output
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
    request, reply = "10.167.3.2 > 10.167.2.2 request", "10.167.2.2 > 10.167.3.2 reply"
    at_net2 = "on veth1 in net2: "
    shown = {
        1: ["from router to 10.167.3.1: a reply with ttl 64", "from router to 10.167.2.1: Network is unreachable"],
        2: ["from router to 10.167.2.1: a reply with ttl 64", at_net2 + "nothing"],
        3: ["from router to 10.167.2.2: no reply", at_net2 + request + '"'],
        4: ["from router to 10.167.2.2: a reply with ttl 63", at_net2 + "%s, %s" % (reply, request)],
        5: ["from station to 10.167.2.2: a reply with ttl 62", "from net2 to 10.168.111.1: a reply with ttl 62"],
    }
    for stage, words in shown.items():
        played = play("return_routes", return_routes_stage=stage, return_routes_router="router")
        words += ["from net1 to 10.168.111.2: " + ("Network is unreachable" if stage < 5 else "a reply with ttl 64")]
        assert played.changed and [w for w in words if w not in played.output] == [], played.output
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
    for dev in ("tap0", "br0"):
        assert "on %s in router: 192.168.1.10 > 203.0.113.2 request, 203.0.113.2 > 192.168.1.10 reply" % dev in output
    assert "on uplink0 in router: 203.0.113.1 > 203.0.113.2 request, 203.0.113.2 > 203.0.113.1 reply" in output
    assert absent("nat_gateway", **router).changed
    host.settle()
    assert snapshot(host.observe()) == start


def test_a_capture_that_is_not_as_expected(host, tmp_path):
    host.shell(
        "ip netns add n1",
        "ip link add v1 up type veth peer name v2 netns n1",
        "ip address add 192.0.2.1/24 dev v1",
        "ip -n n1 link set v2 up",
        "ip -n n1 address add 192.0.2.2/24 dev v2",
    )
    both = "192.0.2.1 > 192.0.2.2 request, 192.0.2.2 > 192.0.2.1 reply"

    def capture(*places):
        role = dict(name="virtnet.linux.packets", tasks_from="capture")
        wish = dict(packets_ping=dict(to="192.0.2.2"), packets_places=places)
        tasks = [{"ansible.builtin.import_role": role, "vars": wish}]
        (tmp_path / "play.yml").write_text(yaml.safe_dump([dict(hosts="localhost", gather_facts=False, tasks=tasks)]))
        return play(str(tmp_path / "play.yml"), fails=True).output

    output = capture(dict(dev="v1", seen=["192.0.2.9 > 192.0.2.2 request"]), dict(dev="v2", netns="n1", seen=[]))
    assert SEEN % ("v1 in the host", "192.0.2.9 > 192.0.2.2 request", both) in output
    assert SEEN % ("v2 in n1", "nothing", both) in output
    assert "on v9 in n1: tcpdump: v9: No such device" in capture(dict(dev="v9", netns="n1", seen=[]))
