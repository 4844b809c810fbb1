# SPDX-License-Identifier: GPL-3.0-or-later
"""topology_info says of all that is there what the module topology would have to be told."""

import os
import signal
import subprocess

import pytest
from conftest import OPTIONS, run, snapshot
from test_modules import LIVES, lives

LAB = {
    "nodes": [
        {
            "name": "host",
            "netns": "",
            "links": [{"kind": "bridge", "name": "br0", "ports": [{"name": "p1"}]}],
            "forwarding": [{"ipv4": True}],
            "rules": [{"from": "198.51.100.0/24", "table": "7"}],
            "fdb": [{"dev": "p1", "lladdr": "02:00:00:00:00:09"}],
        },
        {
            "name": "n1",
            "addresses": [{"dev": "eth0", "address": ["192.0.2.1/32"], "peer": "192.0.2.9/32", "label": "eth0:1"}],
            "links": [{"kind": "macvlan", "name": "m0", "link": "eth0", "addresses": ["2001:db8::2/64"]}],
            "routes": [
                {"dest": ["198.51.100.0/24"], "multipath": [{"dev": "eth0", "weight": 2}, {"via": "192.0.2.9"}]},
                {"dest": ["203.0.113.0/24"], "type": "blackhole", "table": "7", "metric": 5, "mtu": 1400},
                {"dest": ["default"], "via": "192.0.2.9", "src": "192.0.2.1"},
                {"dest": ["10.9.0.0/16"], "nhid": 3},
            ],
            "nexthops": [
                {"id": 1, "dev": "eth0", "via": "192.0.2.9"},
                {"id": 2, "dev": "eth0", "family": "inet6"},
                {"id": 3, "group": [{"id": 1, "weight": 3}], "type": "resilient", "buckets": 4, "idle_timer": 9},
            ],
            "rules": [{"priority": 9, "to": "198.51.100.0/24", "table": "main", "suppress_prefixlength": 0}],
            "forwarding": [{"ipv4": True}, {"dev": "eth0", "ipv4": False}],
            "masquerade": [{"name": "out", "out_interface": "eth0", "exclude_destinations": ["10.0.0.0/8"]}],
            "port_forwards": [{"name": "web", "dport": "80", "to": "192.0.2.9", "to_port": 8080}],
            "impairments": [{"dev": "eth0", "rate": 8000}],
            "neighbours": [{"dev": "eth0", "address": "192.0.2.77", "lladdr": "02:00:00:00:00:01"}],
        },
    ],
    "links": [
        {"endpoints": ["host:p1", "n1:eth0"], "mtu": 1400},
        {"endpoints": ["host:spare", {"node": "n1", "name": "eth1", "up": False}]},
    ],
}


def read(**options):
    found = run("topology_info", **options)
    assert found["changed"] is False
    return {part: found[part] for part in ("nodes", "links")}, found["connections"]


def steps(told):
    """What is done beside the record of the topology."""
    assert "failed" not in told, told
    return [line for line in told["commands"] if "/run/virtnet" not in line]


@pytest.fixture
def lab(host):
    assert run("topology", name="lab", **LAB)["changed"]
    host.shell(
        "ip rule add priority 5 fwmark 7 table 7 protocol static",
        "ip netns add other; ip link add mine type veth peer name eth9 netns n1; ip -n n1 link add out type bridge",
    )
    return host


def test_what_is_read_makes_the_same(lab):
    before = snapshot(lab.observe())
    found = read(name="lab")[0]
    again = run("topology", name="lab", **found)
    assert steps(again) == [], found
    assert snapshot(lab.observe(topologies=[])) == {k: v for k, v in before.items() if k[0] != "topology"}


@lives(*(name for name in OPTIONS if name != "topology"))
def test_what_each_module_makes(host, name):
    life = LIVES[name]
    host.shell(*life.get("there", []))
    assert run(life["module"], **life["make"])["changed"]
    assert steps(run("topology", check=True, name="lab", **read()[0])) == []


def test_a_topology_alone(lab):
    found, connections = read(name="lab")
    assert [node["name"] for node in found["nodes"]] == ["host", "n1"]
    node = found["nodes"][0]
    assert [link["name"] for link in node["links"]] == ["br0"] and node["forwarding"] == [{"ipv4": True}]
    assert [rule["from"] for rule in node["rules"]] == ["198.51.100.0/24"] and "routes" not in node
    ends = [[end["node"] + ":" + end["name"] for end in link["endpoints"]] for link in found["links"]]
    assert ends == [["host:p1", "n1:eth0"], ["host:spare", "n1:eth1"]]
    told = [[one["kind"], *("%(node)s:%(name)s" % end for end in one["ends"])] for one in connections]
    assert ["veth", "host:p1", "n1:eth0"] in told and ["port", "host:p1", "host:br0"] in told
    assert ["link", "n1:m0", "n1:eth0"] in told and ["veth", "n1:eth9", "host:mine"] in told
    assert len(told) == 5


def test_some_namespaces(lab):
    found = read(netns=["n1", "missing"])[0]
    assert [node["name"] for node in found["nodes"]] == ["n1"] and found["links"] == []
    assert {link["kind"] for link in found["nodes"][0]["links"]} == {"veth", "macvlan", "bridge"}
    everything = read()[0]
    assert [node["name"] for node in everything["nodes"]] == ["host", "n1", "other"]
    assert everything["nodes"][1]["routes"] == found["nodes"][0]["routes"]


def test_no_such_topology(host):
    assert run("topology_info", name="lab")["msg"] == "name: there is no topology lab"


def test_a_far_end_without_a_name(host):
    host.shell(
        "ip netns add n1; ip link add va type veth peer name vb netns n1",
        "ip netns exec n1 sleep 600 >/dev/null 2>&1 & echo $! >/run/pid",
        'until [ -n "$(ip netns pids n1)" ]; do sleep 0.01; done; umount /run/netns/n1; rm /run/netns/n1',
    )
    ends = read()[1][0]["ends"]
    assert ends[0]["name"] == "va" and ends[1]["node"] is ends[1]["netns"] is ends[1]["name"] is None
    host.shell("kill $(cat /run/pid); while ip link show va; do sleep 0.01; done >/dev/null 2>&1")


@pytest.mark.needs("xfrm")
def test_of_states_of_ipsec(host):
    host.shell(
        "ip netns add n1",
        "ip -n n1 xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 7 mode tunnel"
        " aead 'rfc4106(gcm(aes))' 0x%s 128" % (20 * "0a"),
    )
    said = {one["thing"] for one in run("topology_info", netns=["n1"])["not_described"]}
    assert "xfrm state src 192.0.2.1 dst 192.0.2.2 spi 0x00000007" in said, said


COMING_AND_GOING = """while :; do
ip netns add n1; ip link add wg0 type wireguard; ip link add is0 type sit local 198.51.100.1 isatap
ip link add v0 type veth peer name eth0 netns n1; ip address add 192.0.2.1/24 dev v0
ip link set wg0 name wg1; ip link del wg1; ip link del is0; ip netns del n1; ip link del v0
done 2>/dev/null"""


@pytest.mark.needs("wireguard", "sit")
def test_of_what_comes_and_goes_while_it_is_read(host):
    host.shell("ip link add stays type bridge")
    churn = subprocess.Popen(["bash", "-c", COMING_AND_GOING], start_new_session=True)
    try:
        said = [{link.name for link in host.observe() if link.sort == "link"} for dummy in range(300)]
    finally:
        os.killpg(churn.pid, signal.SIGKILL)
        churn.wait()
    assert all("stays" in names for names in said)
    assert any("wg0" in names or "wg1" in names for names in said)
