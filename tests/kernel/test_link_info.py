# SPDX-License-Identifier: GPL-3.0-or-later
"""link_info names what a person would work out from iflink and link-netnsid, and reads what it is asked for."""

import json
from resource import RLIMIT_NOFILE, getrlimit, setrlimit

import pytest
from conftest import run, snapshot

from ansible_collections.virtnet.linux.plugins.module_utils._resources.link import FALLBACK

THERE = """
ip netns add n1; ip netns add n2
ip link add va up type veth peer name vb netns n1
ip -n n1 link add vc index 77 type veth peer name vd netns n2
ip link add x1 type veth peer name x2
ip -n n1 link property add dev vb altname far-end
ip -n n1 link set vb up
ip -n n1 address add 192.0.2.1 peer 192.0.2.2 dev vb label vb:1
ip -n n1 address add 2001:db8::1/64 dev vb nodad
ip link add m0 link x1 netns n2 type macvlan mode bridge
ip link add br0 type bridge; ip link set va master br0; ip link set va type bridge_slave cost 9
"""


def read(**options):
    """What link_info says, by network namespace and name."""
    found = run("link_info", **options)
    assert found["changed"] is False and set(found) == {"changed", "links", "not_described", "invocation"}
    return {(link["netns"], link["name"]): link for link in found["links"]}


@pytest.fixture
def there(host):
    host.shell(THERE)
    before = snapshot(host.observe())
    yield host
    assert snapshot(host.observe()) == before


def test_who_is_my_peer(there):
    links = read()
    for ends in ([("", "va"), ("n1", "vb")], [("n1", "vc"), ("n2", "vd")], [("", "x1"), ("", "x2")]):
        for (netns, name), peer in zip(ends, reversed(ends)):
            shown = json.loads(there.output("ip %s -j link show %s" % (netns and "-n " + netns, name)))[0]
            said = links[netns, name]
            assert said["index"] == shown["ifindex"]
            assert said["peer"] == {"netns": peer[0], "name": peer[1], "index": links[peer]["index"]}
            iflink = there.output("ip netns exec %s cat /sys/class/net/%s/iflink" % (netns, name) if netns else "")
            assert not netns or int(iflink) == said["peer"]["index"]
    assert links["n1", "vc"]["index"] == links["n2", "vd"]["peer"]["index"] == 77
    assert links["n2", "m0"]["link"] == {"netns": "", "name": "x1", "index": links["", "x1"]["index"]}
    assert links["n2", "m0"]["module"] == "macvlan" and links["n2", "m0"]["options"]["link_netns"] == ""


def test_a_far_end_where_nothing_has_a_name(there):
    there.shell(
        "ip netns add n3; ip -n n3 link add vg index 55 type veth peer name ve netns 1",
        "ip link add m3 link x2 netns n3 type macvlan",
        "ip netns exec n3 sleep 600 >/dev/null 2>&1 &",
        'until [ -n "$(ip netns pids n3)" ]; do sleep 0.01; done; ip netns pids n3 >/run/pid',
        "umount /run/netns/n3; rm /run/netns/n3",
    )
    end = read(name=["ve"])["", "ve"]
    assert end["peer"] == {"netns": None, "name": None, "index": 55}
    assert end["module"] == "link" and run("link", **end["options"])["changed"] is False
    there.shell("kill $(cat /run/pid); while ip link show ve; do sleep 0.01; done >/dev/null 2>&1")


def test_a_tunnel_that_leaves_by_any_link(host):
    host.shell("ip netns add n1; ip link add vx0 netns n1 type vxlan id 5 remote 192.0.2.9 dstport 4789")
    tunnel = read(kind=["vxlan"])["n1", "vx0"]
    assert tunnel["link"] == {"netns": "", "name": None, "index": None}
    assert tunnel["module"] == "vxlan" and run("vxlan", **tunnel["options"])["changed"] is False


def test_filters(there):
    own = {("", name) for name in FALLBACK - {"lo"}}
    assert set(read(netns=[""])) - own == {("", name) for name in ("lo", "va", "x1", "x2", "br0")}
    assert set(read(netns=["n1", "n2"], kind=["veth"])) == {("n1", "vb"), ("n1", "vc"), ("n2", "vd")}
    assert set(read(name=["far-end", "vd"])) == {("n1", "vb"), ("n2", "vd")}
    assert set(read(kind=["", "bridge"])) == {("", "lo"), ("n1", "lo"), ("n2", "lo"), ("", "br0")}
    assert read(netns=["n9"]) == read(kind=["nothing"]) == {}
    assert read(netns=["n1"], name=["vb"])["n1", "vb"]["peer"]["name"] == "va"
    assert run("link_info", check=True)["links"] == run("link_info")["links"]


def test_what_stands_on_a_link_and_what_it_is_a_port_of(there):
    links = read()
    end = links["n1", "vb"]
    assert end["altnames"] == ["far-end"]
    two = [{k: v for k, v in one.items() if k not in ("netns", "dev", "scope")} for one in end["addresses"][:2]]
    assert two == [
        {"address": "192.0.2.1/32", "peer": "192.0.2.2/32", "label": "vb:1"},
        {"address": "2001:db8::1/64", "nodad": True},
    ]
    assert end["options"]["addresses"] == ["2001:db8::1/64"]
    assert links["", "va"]["master"] == "br0" and links["", "va"]["cost"] == 9
    ports = links["", "br0"]["options"]["ports"]
    assert [port["name"] for port in ports] == ["va"] and ports[0]["cost"] == 9


def test_more_namespaces_than_open_files(host):
    names = ["m%d" % number for number in range(60)]
    host.shell(*("ip netns add %s; ip link add v%s type veth peer name far netns %s" % (n, n, n) for n in names))
    limits = getrlimit(RLIMIT_NOFILE)
    try:
        setrlimit(RLIMIT_NOFILE, (100, limits[1]))
        links = read(kind=["veth"])
    finally:
        setrlimit(RLIMIT_NOFILE, limits)
    assert {links["", "v" + name]["peer"]["netns"] for name in names} == set(names)
