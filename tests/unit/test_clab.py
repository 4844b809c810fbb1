# SPDX-License-Identifier: GPL-3.0-or-later
"""A topology of containerlab becomes a description that the module topology takes."""

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.virtnet.linux.plugins.filter.clab import FilterModule

clab = FilterModule().filters()["clab"]


def lab(nodes=None, links=(), **more):
    return dict({"name": "lab", "topology": {"nodes": nodes or {"n1": None, "n2": None}, "links": list(links)}}, **more)


@pytest.mark.parametrize(
    ("prefix", "name"),
    [({}, "clab-lab-n1"), ({"prefix": ""}, "n1"), ({"prefix": "__lab-name"}, "lab-n1"), ({"prefix": "x"}, "x-lab-n1")],
)
def test_namespaces_are_called_as_the_containers(prefix, name):
    assert clab(lab(**prefix))["nodes"][0] == {"name": "n1", "netns": name}


def test_a_bridge_is_on_the_host_with_the_far_ends_as_its_ports():
    made = clab(lab({"n1": None, "br": {"kind": "bridge"}}, [{"endpoints": ["n1:eth1", "br:p1"], "mtu": 1400}]))
    host, n1 = made["nodes"]
    assert host == {"name": "host", "netns": "", "links": [{"kind": "bridge", "name": "br"}]} and n1["name"] == "n1"
    ends = [{"node": "n1", "name": "eth1"}, {"node": "host", "name": "p1", "master": "br"}]
    assert made["links"] == [{"endpoints": ends, "mtu": 1400}]


def test_the_host_can_be_an_end():
    ends = [{"node": "n1", "interface": "eth1", "mac": "02:00:00:00:00:01", "ipv4": "192.0.2.1/24"}, "host:veth1"]
    made = clab(lab(links=[{"type": "veth", "endpoints": ends}]))
    assert made["nodes"][0]["netns"] == ""
    near = {"node": "n1", "name": "eth1", "address": "02:00:00:00:00:01", "addresses": ["192.0.2.1/24"]}
    assert made["links"] == [{"endpoints": [near, {"node": "host", "name": "veth1"}]}]


def test_what_is_not_used_is_told():
    topology = {"defaults": {"image": "a"}, "kinds": {"linux": {"env": {}}}, "nodes": {"n1": {"exec": ["ls"]}}}
    made = clab({"name": "lab", "mgmt": {}, "topology": topology})
    assert made["unused"] == ["mgmt: it is not used"] + [
        "nodes.n1.%s: it is not used" % word for word in ("env", "image", "exec")
    ]


@pytest.mark.parametrize(
    "bad",
    [
        None,
        {"name": "lab"},
        {"topology": {}},
        lab({"n1": {"kind": "nokia_srlinux"}}),
        lab(links=[{"type": "macvlan", "endpoints": ["n1:a"]}]),
        lab(links=[{"endpoints": ["n1", "n2:a"]}]),
    ],
)
def test_what_cannot_be_made_is_refused(bad):
    with pytest.raises(AnsibleFilterError, match=r"^clab: "):
        clab(bad)
