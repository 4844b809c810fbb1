# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a topology anew after a boot: a script that can run at any time, whatever comes late, and twice."""

import subprocess
from pathlib import Path

import pytest
from conftest import run, snapshot

SCRIPTS = Path("/etc/virtnet")


@pytest.fixture
def booting(host):
    """What is written to /etc stays in the sandbox."""
    overlay = "lowerdir=/etc,upperdir=/run/upper,workdir=/run/work"
    host.shell("mkdir -p /run/upper /run/work", "mount -t overlay -o %s e /etc" % overlay)
    yield host
    host.shell("umount /etc", "rm -rf /run/upper /run/work", "iptables -t nat -F 2>/dev/null || true")


def persistent(name, *nodes, **more):
    made = run("topology", name=name, nodes=list(nodes), persistent=True, **more)
    assert made.get("changed"), made
    return made


def here(**parts):
    return dict(name="host", netns="", **parts)


def start(name="t", rounds=1):
    """Run the script as its unit does."""
    env = dict(VIRTNET_ROUNDS=str(rounds), PATH="/nowhere")
    command = ["/bin/sh", str(SCRIPTS / name) + ".sh"]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(process):
    said = process.communicate(timeout=60)[0]
    return process.returncode, said


EVERYTHING = [
    here(
        links=[
            dict(kind="bridge", name="br0", addresses=["192.168.71.1/24"], altnames=["the-bridge"]),
            dict(kind="vxlan", name="vx", id=7, remote="192.0.2.1", dstport=4789),
        ],
        routes=[dict(dest=["198.18.0.0/15"], type="blackhole"), dict(dest=["192.0.2.0/24"], via="192.168.71.9")],
        rules=[dict(priority=701, fwmark="7", table="77"), dict(priority=702, to="10.0.0.0/8", type="prohibit")],
        neighbours=[dict(dev="br0", address="192.168.71.9", lladdr="02:00:00:00:00:09")],
        fdb=[dict(dev="r0", lladdr="02:00:00:00:00:08")],
        forwarding=[dict(ipv4=True), dict(dev="br0", rp_filter=0)],
        masquerade=[dict(name="out", source="192.168.71.0/24", out_interface="r0", backend="nft")],
        port_forwards=[dict(name="in", protocol="tcp", dport="80", to="192.168.71.2", backend="nft")],
    ),
    dict(name="red", routes=[dict(dest=["default"], via="192.168.71.1")], links=[dict(name="lo", up=True)]),
    dict(name="green", forwarding=[dict(ipv4=True, ipv6=True)]),
]
LINKS = [
    dict(
        endpoints=[
            dict(node="host", name="r0", master="br0"),
            dict(node="red", name="r1", addresses=["192.168.71.2/24"]),
        ]
    ),
    dict(endpoints=["red:g0", "green:g1"]),
]
LOOK = "ip -d -o address; ip route show table all; ip -6 route; ip rule; nft -s list ruleset; ip -n red -d -o address"
LOOK += (
    "; ip -n red route; ip neighbour show nud permanent; bridge fdb show; sysctl net.ipv4.conf.br0; ip -n green link"
)


@pytest.mark.needs("nft")
def test_it_runs_again_in_silence(booting):
    """On a host that runs nobody notices; then after a boot, and again."""
    persistent("t", *EVERYTHING, links=LINKS)
    booting.rest()
    before = booting.output(LOOK)
    assert ended(start()) == (0, "")
    booting.rest()
    assert booting.output(LOOK) == before
    target = snapshot(booting.observe(), chance=False)
    booting.clear()
    assert ended(start()) == (0, "") == ended(start())
    found = snapshot(booting.observe(), chance=False)
    assert {**found, ("topology", "t"): None} == {**target, ("topology", "t"): None}
    assert not run("topology", name="t", nodes=EVERYTHING, links=LINKS, persistent=True)["changed"]


def late(**more):
    link = dict(kind="bridge", name="br0", ports=[dict(name="late0")], **more)
    return here(links=[link], routes=[dict(dest=["198.18.0.0/15"], type="blackhole")])


def test_what_is_missing_keeps_nothing_else(booting):
    """A link comes later, or not at all."""
    booting.shell("ip link add late0 type veth peer name late1")
    persistent("t", late(), dict(name="red"))
    booting.clear()
    code, said = ended(start())
    assert code == 1 and said.splitlines()[0].endswith('Cannot find device "late0"'), said
    assert "198.18.0.0/15" in booting.output("ip route") and "red" in booting.output("ip netns")
    booting.clear()
    waits = start(rounds=20)
    booting.shell("sleep 1.5", "ip link add late0 type veth peer name late1")
    assert ended(waits) == (0, "")
    assert not run("topology", name="t", nodes=[late(), dict(name="red")], persistent=True)["changed"]


def test_a_gateway_that_comes_with_a_lease(booting):
    booting.shell("ip link add c0 type veth peer name c1", "ip link set c0 up", "ip link set c1 up")
    booting.shell("ip address add 192.0.2.2/24 dev c0")
    node = here(
        routes=[dict(dest=["203.0.113.0/24"], via="192.0.2.254", dev="c0")], rules=[dict(priority=9, table="9")]
    )
    persistent("t", node)
    booting.shell("ip address flush dev c0", "ip rule delete priority 9")
    waits = start(rounds=20)
    booting.shell("sleep 1.5", "ip rule | grep -q ^9:", "ip address add 192.0.2.2/24 dev c0")
    assert ended(waits) == (0, "")
    assert "203.0.113.0/24 via 192.0.2.254" in booting.output("ip route")


def test_one_needs_another(booting):
    """They start at the same time, in whatever order."""
    persistent("z", here(links=[dict(kind="bridge", name="brA")]))
    link = dict(endpoints=[dict(node="host", name="to-red", master="brA"), "red:eth0"])
    persistent("a", here(links=[dict(name="brA")]), dict(name="red"), links=[link])
    booting.clear()
    both = [start("a", rounds=20), start("z", rounds=20)]
    assert [ended(one) for one in both] == [(0, ""), (0, "")]
    assert "master brA" in booting.output("ip link show to-red")


def test_what_is_to_be_down_or_without(booting):
    """An option that is false or empty is one."""
    booting.shell("ip link add c0 type veth peer name c1", "ip link add br9 type bridge")
    persistent("t", here(links=[dict(name="c0", up=False, alias="", master="")]))
    booting.shell("ip link set c0 up alias theirs master br9")
    assert ended(start()) == (0, "")
    card = booting.observe().link(("", "c0"))
    assert (card.up, card.alias, card.master) == (False, "", "")


@pytest.mark.parametrize("backend", ["nft", "iptables"])
def test_rules_that_somebody_has_saved(booting, backend):
    """Each is there once after a boot."""
    rules = [dict(name="out", source="192.168.7.0/24", out_interface="lo", exclude_destinations=["10.0.0.0/8"])]
    more = [dict(name="in", protocol="tcp", dport="80-90", to="192.168.7.2")]
    node = here(
        masquerade=[dict(r, backend=backend) for r in rules], port_forwards=[dict(r, backend=backend) for r in more]
    )
    done = run("topology", name="t", nodes=[node], persistent=True)
    assert done["changed"], done
    look = "iptables-save -t nat | grep -v ^#" if backend == "iptables" else "nft -s list ruleset"
    before = booting.output(look)
    assert "192.168.7.2" in before
    assert ended(start()) == (0, "")
    assert booting.output(look) == before
    assert not run("topology", name="t", nodes=[node], persistent=True)["changed"]
    unit = Path("/etc/systemd/system/virtnet-t.service").read_text()
    service = "nftables" if backend == "nft" else "netfilter-persistent"
    assert "PartOf=%s.service" % service in unit and "ReloadPropagatedFrom=%s.service" % service in unit
    assert run("topology", name="t", state="absent")["changed"]


CARD = """
ip netns add out
ip link add card address 02:00:00:00:00:0c type veth peer name far netns out
ip link set card up; ip -n out link set far up; ip -n out link set lo up
ip -n out address add 192.0.2.254/24 dev far; ip -n out address add 2001:db8::fe/64 dev far nodad
ip -n out address add 203.0.113.1/32 dev lo; ip -n out address add 2001:db8:3::1/128 dev lo nodad
"""
ADDRESSES = """
ip address add 192.0.2.%(four)d/24 brd + dev card valid_lft 300 preferred_lft 300
ip address add 192.0.2.99/24 dev card; ip address add 2001:db8::%(four)d/64 dev card nodad
ip route add default via 192.0.2.254 proto dhcp src 192.0.2.%(four)d metric 100
ip route add 198.51.100.0/24 via 192.0.2.254 dev card metric 7
ip -6 route add default via 2001:db8::fe dev card metric 5
"""
PINGS = ["ping -n -c 1 -W 2 203.0.113.1", "ip netns exec out ping -n -c 1 -W 2 192.0.2.%(four)d"]
PINGS_6 = ["ping -n -c 1 -W 2 2001:db8:3::1", "ip netns exec out ping -n -c 1 -W 2 2001:db8::%(four)d"]
TAKES = dict(name="br0", ports=[dict(name="card")], take_over_addresses=True)


@pytest.mark.parametrize("kind", ["bridge", pytest.param("bond", marks=pytest.mark.needs("bond"))])
def test_a_card_gives_what_it_has_then(booting, kind):
    """Its address is another one after the boot, and comes late."""
    booting.shell(CARD, ADDRESSES % dict(four=1))
    node = here(links=[dict(kind=kind, **TAKES)])
    persistent("t", node)
    assert ended(start()) == (0, "")
    booting.shell(*(ping % dict(four=1) for ping in PINGS))
    booting.clear()
    booting.shell(CARD)
    code, said = ended(start())
    assert code == 1 and "card has no address yet" in said
    waits = start(rounds=20)
    booting.shell("sleep 1", ADDRESSES % dict(four=7))
    assert ended(waits) == (0, "")
    found = booting.observe()
    assert found.link(("", "card")).master == "br0" and found.link(("", "br0")).address == "02:00:00:00:00:0c"
    assert not [r for r in found if r.sort == "address" and r.dev == "card" and not r.made_by_kernel]
    own = {r.ip: r for r in found if r.sort == "address" and r.dev == "br0"}
    assert {"192.0.2.7", "192.0.2.99", "2001:db8::7"} <= set(own) and 280 < own["192.0.2.7"].valid_lft <= 300
    routes = [r for r in found if r.sort == "route" and r.netns == "" and not r.made_by_kernel]
    assert len(routes) >= 3 and {hop.dev for r in routes for hop in r.hops} == {"br0"}
    booting.shell(*(ping % dict(four=7) for ping in PINGS), "sleep 2", *(ping % dict(four=7) for ping in PINGS_6))
    assert ended(start()) == (0, "")
    booting.shell(*(ping % dict(four=7) for ping in PINGS))
    assert not run("topology", name="t", nodes=[node], persistent=True)["changed"]


def test_nothing_is_written_before_it_is_confirmed(booting):
    """A boot in between ends the change: the old script stays, or there is none."""
    first, second = (here(routes=[dict(dest=["198.18.%d.0/24" % n], type="blackhole")]) for n in (1, 2))
    script = SCRIPTS / "t.sh"

    def confirmed():
        said = run("topology", name="t", confirmed=True)
        assert said.get("changed"), said

    persistent("t", first, confirm=600)
    assert not script.exists()
    confirmed()
    assert "198.18.1.0" in script.read_text()
    assert run("topology", name="t", nodes=[second], confirm=600)["changed"]
    assert "198.18.1.0" in script.read_text() and "198.18.2.0" not in script.read_text()
    confirmed()
    assert "198.18.2.0" in script.read_text()
    assert not run("topology", name="t", nodes=[second])["changed"]
    assert run("topology", name="t", nodes=[second], persistent=False, confirm=600)["changed"]
    assert script.exists()
    confirmed()
    assert not script.exists() and not Path("/run/virtnet/t.boot").exists()
    assert run("topology", name="t", state="absent")["changed"]
