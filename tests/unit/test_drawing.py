# SPDX-License-Identifier: GPL-3.0-or-later
"""A description becomes boxes, rows and lines, in three languages."""

import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.virtnet.linux.plugins.plugin_utils.drawing import Drawing, dot, mermaid, places, svg

LAB = {
    "nodes": [
        {
            "name": "sw",
            "netns": "",
            "links": [{"kind": "bridge", "name": "br0", "vlan_filtering": True, "ports": [{"name": "p1"}]}],
            "vlans": [{"dev": "p1", "pvid": 10, "vid": ["10", "20-30"]}],
        },
        {
            "name": "red",
            "forwarding": [{"ipv4": True}],
            "masquerade": [{"name": "out"}],
            "links": [
                {"kind": "vlan", "name": "eth0.5", "link": "eth0", "id": 5},
                {"kind": "macvlan", "name": "m0", "link": "br0", "link_netns": "", "mode": "bridge", "up": False},
                {"name": "lo"},
            ],
            "addresses": [{"dev": "eth0", "address": ["192.0.2.3/24"], "label": "eth0:1"}],
            "routes": [
                {"dest": ["default"], "via": "192.0.2.9"},
                {"dest": ["198.51.100.0/24"], "type": "blackhole", "table": "7"},
                {"dest": ["203.0.113.0/24"], "multipath": [{"dev": "eth0", "weight": 2}, {"via": "192.0.2.8"}]},
            ],
        },
    ],
    "links": [{"endpoints": ["sw:p1", {"node": "red", "name": "eth0", "addresses": ["192.0.2.2/24"]}]}],
}


def test_boxes_rows_and_lines():
    drawing = Drawing(LAB, "svg")
    sw, red = (
        [(row.name, row.kind, row.up, row.notes, row.addresses, depth) for row, depth in box.ordered()]
        for box in drawing.boxes.values()
    )
    assert sw == [
        ("br0", "bridge", True, ["filters VLANs"], [], 0),
        ("p1", "veth", True, ["pvid 10", "VLAN 20-30"], [], 1),
    ]
    assert red == [
        ("m0", "macvlan", False, ["mode bridge"], [], 0),
        ("eth0", "veth", True, [], ["192.0.2.3/24", "192.0.2.2/24"], 0),
        ("eth0.5", "vlan", True, ["id 5"], [], 1),
    ]
    assert drawing.boxes["red"].notes == ["router", "NAT"]
    lines = [(line.kind, line.ends) for line in drawing.lines]
    assert lines == [("link", (("red", "m0"), ("sw", "br0"))), ("veth", (("sw", "p1"), ("red", "eth0")))]


def test_mermaid():
    assert mermaid(LAB).splitlines() == [
        "flowchart LR",
        '  n0["<b>sw</b><br><b>br0</b> bridge filters VLANs<br>&nbsp;&nbsp;&nbsp;&nbsp;<b>p1</b> pvid 10 VLAN 20-30"]',
        '  n1["<b>red (router, NAT)</b><br><b>m0</b> macvlan mode bridge down<br><b>eth0</b> 192.0.2.3/24 192.0.2.2/24'
        '<br>&nbsp;&nbsp;&nbsp;&nbsp;<b>eth0.5</b> vlan id 5"]',
        '  n1 -.-|"m0 - br0"| n0',
        '  n0 ---|"p1 - eth0"| n1',
    ]


def test_dot_is_what_graphviz_reads():
    words = [shutil.which("dot"), "-Tplain"]
    plain = subprocess.run(words, input=dot(LAB), capture_output=True, text=True, check=True)
    assert plain.stderr == ""
    assert [line.split()[1:4:2] for line in plain.stdout.splitlines() if line.startswith("edge")] != []
    assert [line.split()[1] for line in plain.stdout.splitlines() if line.startswith("node")] == ["sw", "red"]


def test_svg_is_xml_with_an_element_for_each_node_and_line():
    ids = [element.get("id") for element in ET.fromstring(svg(LAB)).iter()]
    assert {"node-0", "node-1", "line-0", "line-1"} <= set(ids)


def test_places():
    red = places(LAB)[1]
    assert (red["name"], red["netns"], red["addresses"]) == ("red", "red", ["192.0.2.3", "192.0.2.2"])
    assert red["links"][0] == {"name": "m0", "told": ["macvlan", "down", "mode bridge", "link: br0", "mode: bridge"]}
    assert red["routes"] == [
        "default via 192.0.2.9",
        "198.51.100.0/24 blackhole table 7",
        "203.0.113.0/24 dev eth0 weight 2; via 192.0.2.8",
    ]


def test_a_peer_in_the_options_of_a_veth():
    peer = {"name": "eth0", "netns": "red", "addresses": ["192.0.2.2/24"], "up": False}
    data = {
        "nodes": [{"name": "h", "netns": "", "links": [{"kind": "veth", "name": "v", "peer": peer}]}, {"name": "red"}]
    }
    drawing = Drawing(data, "svg")
    assert [line.ends for line in drawing.lines] == [(("h", "v"), ("red", "eth0"))]
    row = drawing.boxes["red"].rows["eth0"]
    assert (row.addresses, row.up) == (["192.0.2.2/24"], False)


@pytest.mark.parametrize(
    "data",
    [
        "text",
        {"links": []},
        {"nodes": ["red"]},
        {"nodes": [{"netns": "red"}]},
        {"nodes": [], "links": [{"endpoints": ["red:eth0", "blue:eth0"]}]},
        {"nodes": [{"name": "red", "links": [{"kind": "vlan"}]}]},
    ],
)
def test_what_is_no_description(data):
    with pytest.raises(AnsibleFilterError, match=r"^dot: this is no description: "):
        dot(data)


def test_names_are_texts_and_nothing_else():
    name = '<b>"&\\'
    root = ET.fromstring(svg({"nodes": [{"name": name, "links": [{"name": name, "kind": "<i>"}]}]}))
    texts = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == [name, name + " <i>"]


def test_without_graphviz(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(AnsibleFilterError, match="install graphviz"):
        svg(LAB)
