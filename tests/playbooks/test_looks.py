# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking and working inside: what docs/look.md shows is run as it stands."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import environment
from playing import play

TEXT = (Path(__file__).parents[2] / "docs/look.md").read_text()


def shown(title):
    """The files, the commands and the outputs of a section."""
    section = re.search(r"^## %s\n(.*?)(?=^## |\Z)" % re.escape(title), TEXT, re.MULTILINE | re.DOTALL).group(1)
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    files = {block.split("\n")[0].strip("# "): block for kind, block in blocks if kind == "yaml"}
    return files, *([block for kind, block in blocks if kind == other] for other in ("sh", ""))


def follow(title, folder):
    """Do what a section says; return what its commands and its outputs are."""
    files, scripts, outputs = shown(title)
    for name, block in files.items():
        (folder / name).write_text(block)
    done = subprocess.run(
        ["bash", "-ec", "\n".join(scripts)],
        cwd=folder,
        env=environment(),
        stdout=-1,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(done.stdout, pytrace=False)
    return done.stdout, outputs


def test_who_reaches_whom_and_what_passes(host, tmp_path):
    said, outputs = follow("Who reaches whom, and what passes", tmp_path)
    assert "from guest2 to 192.168.1.10: a reply with ttl 64" in said
    packets = outputs[0].splitlines()
    assert re.findall(r'"((?:br0|uplink0): .*)"', said) == packets
    assert sorted(os.listdir(tmp_path / "captures")) == ["br0.pcap", "uplink0.pcap"]
    read = host.output("tcpdump -n -r %s/captures/uplink0.pcap 2>/dev/null" % tmp_path)
    assert read.count("203.0.113.1 > 203.0.113.2: ICMP echo request") == 1 and "192.168.1.10" not in read
    host.shell("nft flush ruleset")
    (tmp_path / "check.yml").write_text(yaml.safe_dump([dict(hosts="localhost", gather_facts=False, tasks=[CHECK])]))
    broken = play(str(tmp_path / "check.yml"), fails=True)
    assert all(line in broken.output.replace("\\n", "\n") for line in outputs[1].splitlines()), broken.output


def test_where_a_packet_is_lost(host, tmp_path):
    said, outputs = follow("Where a packet is lost", tmp_path)
    told = re.findall(r'"((?:from guest1|[ 0-9]{2} [* -] |lost: |delivered: ).*)"', said.replace("\\u003e", ">"))
    # The lines, and as often in one text.
    wanted = [line for output in outputs for line in output.splitlines()]
    assert [line for line in told if "\\n" not in line and line in wanted] == wanted, said
    assert '"sysctl -w net.ipv4.ip_forward=1"' in said


CHECK = {
    "virtnet.linux.reachability": dict(
        pairs=[dict(netns="guest1", to="203.0.113.2", ttl=63), dict(netns="guest1", to="192.168.1.11")]
    )
}


def test_a_picture(host, tmp_path):
    follow("A picture", tmp_path)
    page = (tmp_path / "network.html").read_text()
    assert all("<td class=%s>ttl %d</td>" % pair in page.replace('"', "") for pair in (("yes", 64), ("yes", 63)))


def test_capture_of_a_vlan_tag_that_is_sent(host, tmp_path):
    host.shell("ip netns add n1", "ip link add va up type veth peer name vb netns n1", "ip -n n1 link set vb up")
    frame = "import socket; s = socket.socket(17, 3); s.bind(('va', 0)); s.send(bytes.fromhex('%s'))"
    tagged = "020000000002 020000000001 8100 6064 0800" + "45000014000100004000f8e00a0000010a000002" + 26 * "00"
    links = [dict(netns="n1", dev="vb")]
    tasks = [
        {"virtnet.linux.packet_capture": dict(name="v", state="started", links=links, filter="vlan", timeout=60)},
        {"ansible.builtin.command": dict(argv=["python3", "-c", frame % tagged])},
        {"virtnet.linux.packet_capture": dict(name="v", state="stopped"), "register": "said"},
        {"ansible.builtin.debug": dict(msg="{{ said.packets[0].headers[1] }} {{ said.packets[0].text }}")},
    ]
    (tmp_path / "play.yml").write_text(yaml.safe_dump([dict(hosts="localhost", gather_facts=False, tasks=tasks)]))
    said = play(str(tmp_path / "play.yml")).output
    assert "'id': 100, 'priority': 3, 'tag': '802.1Q'" in said and "vlan 100, 10.0.0.1 > 10.0.0.2" in said, said
