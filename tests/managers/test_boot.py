# SPDX-License-Identifier: GPL-3.0-or-later
"""What is persistent comes back after a boot, whoever else is about, and its units can run again at any time."""

import json
import os

import pytest
from judge import node, succeeded
from lan import GATEWAY

DUMMY = {"kind": "dummy", "name": "d0"}
LATE = """[Unit]
Description=A link that comes late
After=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c "sleep 4; ip link add late0 type dummy; ip link set late0 up"
[Install]
WantedBy=multi-user.target
"""
EARLY = """[Unit]
Description=A card that somebody sets up
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c "ip link set vec1 up alias theirs"
[Install]
WantedBy=multi-user.target
"""
# What needs a gateway, and with it what does not.
GATEWAYS = {
    "name": "gateway",
    "nodes": [
        node(
            routes=[{"dest": ["192.0.2.0/24"], "via": GATEWAY, "dev": "vec0"}],
            rules=[{"priority": 700, "from": "203.0.113.0/24", "table": 77}],
            forwarding=[{"ipv4": True}],
            masquerade=[{"name": "out", "source": "192.168.7.0/24", "out_interface": "vec0"}],
        )
    ],
}
NEEDS = {
    "name": "a-needs",
    "nodes": [
        node(links=[{"name": "brA"}]),
        {"name": "guest"},
    ],
    "links": [
        {"endpoints": [{"node": "guest", "name": "eth0"}, {"node": "host", "name": "to-guest", "master": "brA"}]}
    ],
}
# As the page says it: with a prefix of its own.
MORE = {"name": "more", "nodes": [node(addresses=[{"dev": "vec0", "address": "10.77.0.213/32"}])]}
MAKES = {"name": "z-makes", "nodes": [node(links=[{"kind": "bridge", "name": "brA", "addresses": ["192.168.7.1/24"]}])]}
WAITS = {"name": "waits", "nodes": [node(links=[{"kind": "bridge", "name": "brL", "ports": [{"name": "late0"}]}])]}
DOWN = {"name": "down", "nodes": [node(links=[{"name": "vec1", "up": False, "alias": ""}])]}
EVERYTHING = {
    "name": "everything",
    "nodes": [
        node(
            links=[
                {"kind": "vlan", "name": "v7", "link": "d7", "id": 7, "addresses": ["192.168.71.1/24"]},
                {"kind": "dummy", "name": "d7", "up": True, "mtu": 1400},
                {"kind": "macvlan", "name": "m7", "link": "d7", "address": "02:00:00:77:07:07"},
            ],
            routes=[{"dest": ["198.18.0.0/15"], "type": "blackhole"}],
            rules=[{"priority": 701, "fwmark": 7, "table": 77}],
        ),
        {"name": "red", "routes": [{"dest": ["default"], "via": "192.168.72.2"}]},
        {"name": "green", "forwarding": [{"ipv4": True, "ipv6": True}]},
    ],
    "links": [
        {
            "endpoints": [
                {"node": "red", "name": "eth0", "addresses": ["192.168.72.1/24"]},
                {"node": "green", "name": "eth0", "addresses": ["192.168.72.2/24"]},
            ]
        }
    ],
}
SNAPSHOT = (
    "ip -d address; ip route show table all; ip -6 route show table all; ip rule; nft -s list ruleset; ip -n red route"
)
ALL = [GATEWAYS, NEEDS, MAKES, WAITS, DOWN, EVERYTHING]


class Booted:
    """A host after a boot: what its tasks said before, and what they say now."""

    def __init__(self, host, topologies, prepare):
        self.host, self.made, self.next = host, {}, {}
        host.reset()
        prepare(host)
        # Who needs another comes after it.
        for topology in sorted(topologies, key=lambda t: t["name"], reverse=True):
            self.made[topology["name"]] = host.task("topology", **{**topology, "persistent": True})
        self.save(host)
        self.seconds = host.reboot()
        self.units = host.sh("systemctl list-units --all --plain --no-legend 'virtnet-*'")
        self.journal = host.sh(
            "journalctl -b -u 'virtnet-*' -o cat --no-pager | grep -v '^\\(Start\\|Finish\\)'", False
        )
        checks = [{"virtnet.linux.topology": {**t, "persistent": True}, "check_mode": True} for t in topologies]
        for topology, result in zip(topologies, host.play(*[{**c, "ignore_errors": True} for c in checks])):
            self.next[topology["name"]] = result

    def save(self, host):
        """What an administrator does before a boot."""

    def came_back(self, name):
        assert not self.made[name].failed, self.made[name].msg
        failed = [line for line in self.units.splitlines() if "failed" in line]
        assert not any(name in line for line in failed), "%s: %s" % (
            "; ".join(failed),
            self.journal.replace("\n", "; "),
        )
        again = succeeded(self.next[name])
        assert not again.changed, "the next run has to: %s" % "; ".join(again["commands"])
        return "the next run finds nothing to do"


def source(host):
    """The address from which the host speaks to its LAN."""
    return host.json("ip -j route get 10.77.0.2")[0]["prefsrc"]


def late_dhcp(host, lan, manager, more=""):
    lan.serve(delay=3)
    host.by(manager, "dhcp", more=more)


@pytest.fixture(scope="module")
def by_networkd(machine, lan):
    """Everything at once, DHCP by networkd, which takes its time, and rules saved for nftables.service."""

    def prepare(host):
        late_dhcp(host, lan, "networkd")
        host.put("/etc/systemd/system/test-late.service", LATE)
        host.put("/etc/systemd/system/test-early.service", EARLY)
        host.sh("cd /etc/systemd/system/multi-user.target.wants; ln -s ../test-*.service .; systemctl daemon-reload")
        host.sh("systemctl start test-early; systemctl start test-late")
        host.enable("nftables")
        succeeded(host.task("topology", **{**EVERYTHING, "persistent": True, "nodes": EVERYTHING["nodes"][1:]}))

    saved = "{ echo '#!/usr/sbin/nft -f'; echo flush ruleset; nft list ruleset; } >/etc/nftables.conf"
    old = machine.sh("cat /etc/nftables.conf")

    class Saved(Booted):
        def save(self, host):
            host.sh(saved)

    yield Saved(machine, ALL, prepare)
    machine.put("/etc/nftables.conf", old, "755")
    lan.serve()


@pytest.fixture(scope="module")
def by_networkmanager(machine, lan):
    """DHCP by NetworkManager, NAT by iptables(8), whose rules are saved."""
    nat = json.loads(json.dumps(GATEWAYS))
    nat["nodes"][0]["masquerade"][0]["backend"] = "iptables"

    class Saved(Booted):
        def save(self, host):
            host.sh("mkdir -p /etc/iptables; iptables-save >/etc/iptables/rules.v4")
            host.enable("netfilter-persistent")

    yield Saved(machine, [nat], lambda host: late_dhcp(host, lan, "NetworkManager"))
    lan.serve()


@pytest.fixture(scope="module")
def by_ifupdown(machine, lan):
    yield Booted(machine, [GATEWAYS], lambda host: late_dhcp(host, lan, "ifupdown", "allow-hotplug"))
    lan.serve()


def gateway(booted, seen):
    host = booted.host
    there = {
        "NAT": "VIRTNET" in host.sh("iptables-save") or "masquerade" in host.sh("nft list ruleset"),
        "the rule": "203.0.113.0/24" in host.sh("ip rule"),
        "the route": GATEWAY in host.sh("ip route show 192.0.2.0/24"),
        "forwarding": host.sh("cat /proc/sys/net/ipv4/ip_forward") == "1",
    }
    lost = [word for word, is_there in there.items() if not is_there]
    assert not lost, "%s not there; %s" % (", ".join(lost), booted.journal.replace("\n", "; "))
    seen(booted.came_back("gateway"))


def keeps_its_source(host, seen):
    """After a boot the host speaks to its LAN from the same address as before."""
    succeeded(host.task("topology", **MORE, persistent=True))
    before = source(host)
    host.reboot()
    assert source(host) == before, "the host spoke to its LAN from %s, and does from %s" % (before, source(host))
    seen("speaks from %s as before", before)


@pytest.mark.row("2.1", "a route by the gateway of a card with DHCP by networkd")
@pytest.mark.boots
def test_gateway_networkd(by_networkd, seen):
    gateway(by_networkd, seen)


@pytest.mark.row("2.2", "a port that another service makes 4 s after the boot")
@pytest.mark.boots
def test_late_link(by_networkd, seen):
    assert "master brL" in by_networkd.host.sh("ip link show late0"), by_networkd.journal.replace("\n", "; ")
    seen(by_networkd.came_back("waits"))


@pytest.mark.row("2.3", "two topologies, one uses a bridge of the other")
@pytest.mark.boots
def test_two_topologies(by_networkd, seen):
    by_networkd.came_back("z-makes")
    assert "master brA" in by_networkd.host.sh("ip link show to-guest")
    seen(by_networkd.came_back("a-needs"))


@pytest.mark.row("2.5", "NAT by nftables, and the rules are saved")
@pytest.mark.boots
def test_saved_for_nftables(by_networkd, seen):
    by_networkd.came_back("gateway")
    listed = json.loads(by_networkd.host.sh("nft -j list ruleset"))["nftables"]
    rules = [json.dumps(r["rule"]["expr"]) for r in listed if "rule" in r]
    assert rules and len(rules) == len(set(rules)), "%d rules after the boot, %d different" % (
        len(rules),
        len(set(rules)),
    )
    seen("each rule once")


@pytest.mark.row("2.6", "the units are restarted on a host that runs")
@pytest.mark.boots
def test_restart(by_networkd, seen):
    """Nothing changes, nothing is said, nobody notices."""
    host = by_networkd.host
    units = [line.split()[0] for line in by_networkd.units.splitlines()]
    assert units
    strip = "| sed 's/valid_lft.*//; s/expires [0-9]*sec//; s/_timer *[0-9.]*//g; s/fdb_n_learned [0-9]*//'"
    before = host.sh("{ %s; } %s" % (SNAPSHOT, strip))
    host.sh(
        "ip netns exec red ping -i 0.1 192.168.72.2 >/run/pings 2>&1 & echo $! >/run/pings.pid; date +%s >/run/since"
    )
    done = host.sh("systemctl restart %s 2>&1; echo exit $?" % " ".join(units))
    host.sh("kill -INT $(cat /run/pings.pid)", check=False)
    journal = host.sh("journalctl -u 'virtnet-*' --since @$(cat /run/since) -o cat --no-pager")
    said = [line for line in journal.splitlines() if "rror" in line or "xists" in line or "ailed" in line]
    assert done == "exit 0" and not said, "%s: %s" % (done.replace("\n", "; "), "; ".join(said[:3]))
    assert host.sh("{ %s; } %s" % (SNAPSHOT, strip)) == before
    assert " 0% packet loss" in host.sh("sleep 0.5; cat /run/pings")
    seen("silent")


@pytest.mark.row("2.7", "`up: false` and `alias: ''` of a card that others set up")
@pytest.mark.boots
def test_down(by_networkd, seen):
    card = by_networkd.host.json("ip -j link show vec1")[0]
    assert "UP" not in card["flags"] and not card.get("ifalias"), "vec1 is %s, alias %r" % (
        card["flags"],
        card.get("ifalias"),
    )
    seen(by_networkd.came_back("down"))


@pytest.mark.row("2.9", "VLAN, macvlan, blackhole, rules, two namespaces")
@pytest.mark.boots
def test_everything(by_networkd, seen):
    seen(by_networkd.came_back("everything"))


@pytest.mark.row("2.8", "one more address on a card with DHCP by networkd")
@pytest.mark.boots
def test_source_networkd(by_networkd, seen):
    keeps_its_source(by_networkd.host, seen)


@pytest.mark.row("2.1", "a route by the gateway of a card with DHCP by NetworkManager")
@pytest.mark.boots
def test_gateway_networkmanager(by_networkmanager, seen):
    gateway(by_networkmanager, seen)


@pytest.mark.row("2.4", "NAT by iptables, and the rules are saved")
@pytest.mark.boots
def test_saved_for_iptables(by_networkmanager, seen):
    rules = [r for r in by_networkmanager.host.sh("iptables-save").splitlines() if r.startswith("-A")]
    twice = [rule for rule in rules if rules.count(rule) > 1]
    assert not twice, "twice after the boot: %s" % twice[0]
    seen(by_networkmanager.came_back("gateway"))


@pytest.mark.row("2.8", "one more address on a card with DHCP by NetworkManager")
@pytest.mark.boots
def test_source_networkmanager(by_networkmanager, seen):
    keeps_its_source(by_networkmanager.host, seen)


@pytest.mark.row("2.1", "a route by the gateway of a card with DHCP by ifupdown, allow-hotplug")
@pytest.mark.boots
def test_gateway_ifupdown(by_ifupdown, seen):
    gateway(by_ifupdown, seen)


@pytest.mark.row("2.10", "a persistent topology changes and goes")
def test_update_and_removal(host, seen):
    for mtu in (1400, 1300):
        again = {"name": "gone", "persistent": True, "nodes": [node(links=[{**DUMMY, "mtu": mtu}])]}
        result = succeeded(host.task("topology", **again))
        assert result.changed
    text = host.sh("grep -rh mtu /etc/virtnet /etc/systemd/system")
    assert "1300" in text and "1400" not in text, text
    succeeded(host.task("topology", name="gone", state="absent"))
    left = host.sh("find /etc/virtnet /run/virtnet /etc/systemd /run/systemd/system -name '*gone*' 2>/dev/null || true")
    assert not left, left
    units = host.sh("systemctl list-units --all --plain --no-legend 'virtnet-*'")
    assert not units, "systemd still knows %s" % units
    seen("no file and no unit is left")


@pytest.mark.row("boots", "two topologies that need each other, DHCP, a late link, saved rules: many boots")
@pytest.mark.boots
@pytest.mark.long
def test_many_boots(machine, lan, seen):
    times, number = [], int(os.environ.get("BOOTS", "20"))
    machine.reset()
    late_dhcp(machine, lan, "networkd")
    machine.put("/etc/systemd/system/test-late.service", LATE)
    machine.sh("cd /etc/systemd/system/multi-user.target.wants; ln -s ../test-*.service .; systemctl daemon-reload")
    machine.sh("systemctl start test-late")
    nat = json.loads(json.dumps(GATEWAYS))
    nat["nodes"][0]["masquerade"][0]["backend"] = "iptables"
    topologies = [{**t, "persistent": True} for t in (MAKES, NEEDS, WAITS, nat)]
    for topology in topologies:
        succeeded(machine.task("topology", **topology))
    machine.sh("mkdir -p /etc/iptables; iptables-save >/etc/iptables/rules.v4")
    machine.enable("netfilter-persistent")
    for boot in range(number):
        times.append(machine.reboot())
        failed = machine.sh("systemctl list-units --failed --plain --no-legend")
        assert not failed, "boot %d: %s; %s" % (boot + 1, failed, machine.sh("journalctl -b -p err -o cat --no-pager"))
        for result in machine.play(*[{"virtnet.linux.topology": t, "check_mode": True} for t in topologies]):
            assert not succeeded(result).changed, "boot %d: the next run has to %s" % (boot + 1, result["commands"])
        said = machine.sh("systemctl restart 'virtnet-*' 2>&1; echo exit $?")
        assert said == "exit 0", "boot %d: %s" % (boot + 1, said)
    seen("%d of %d boots are good, %.0f s each", number, number, sum(times) / len(times))
