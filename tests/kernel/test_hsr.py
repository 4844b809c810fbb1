# SPDX-License-Identifier: GPL-3.0-or-later
"""A link on two or three others: what becomes of it with each, and of what the kernel does not tell."""

import json

import pytest
from conftest import run

pytestmark = pytest.mark.needs("hsr")
PAIRS = [
    "ip link add va address 02:00:00:00:00:08 type veth peer name vap",
    "ip link add vb address 02:00:00:00:00:09 type veth peer name vbp; ip link add vc type veth peer name vcp",
    "for link in va vap vb vbp; do ip link set $link up; done",
]
RING = dict(name="hsr0", slave1="va", slave2="vb")


def slaves(host):
    told = json.loads(host.output("ip -d -j link show dev hsr0"))[0]["linkinfo"]["info_data"]
    return [told.get("slave1"), told.get("slave2")]


def test_a_slave_that_is_made_anew_is_one_again(host):
    host.shell(*PAIRS)
    assert run("hsr", **RING, addresses=["192.0.2.1/24"])["changed"]
    for check in (True, False):
        anew = run("dummy", check=check, name="vb", recreate=True)
        lines = [line for line in anew["commands"] if "hsr0" in line]
        assert lines[0] == "ip link delete dev hsr0" and lines[1].endswith(" type hsr slave1 va slave2 vb"), lines
        assert lines[-1] == "ip address replace 192.0.2.1/24 dev hsr0"
    assert slaves(host) == ["va", "vb"]
    assert "192.0.2.1/24" in host.output("ip address show dev hsr0")
    assert run("veth", name="vb", peer={"name": "vbp"}, recreate=True)["changed"]
    assert slaves(host) == ["va", "vb"]


def test_it_loses_slaves_one_by_one(host):
    host.shell(*PAIRS, "ip netns add n1")
    assert run("hsr", **RING)["changed"]
    dry, wet = (run("link", check=check, name="vb", netns="n1", from_netns="") for check in (True, False))
    assert dry["diff"]["after"]["link hsr0"]["slave2"] == wet["diff"]["after"]["link hsr0"]["slave2"] == ""
    said = run("hsr", **RING)
    assert "slave2: there is no link vb" in said["msg"]
    said = run("hsr", name="hsr0", slave1="va", slave2="vc")
    assert said["msg"] == "slave2: hsr0 has none and cannot change it in place; recreate: true makes the link anew"
    dry, wet = (run("link", check=check, name="va", state="absent") for check in (True, False))
    assert dry["diff"] == wet["diff"] and wet["diff"]["before"]["link hsr0"]["slave1"] == "va"
    assert host.observe().link(("", "hsr0")) is None


def test_it_comes_back_with_a_slave(host):
    host.shell(*PAIRS, "ip netns add n1")
    assert run("hsr", **RING, alias="a ring", mtu=1400)["changed"]
    show = "ip -d link show dev hsr0 | tail -n +2 | sed 's/sequence [0-9]*//'"
    before = host.output(show)
    # No veth takes as large an MTU.
    said = run("link", name="vb", netns="n1", from_netns="", mtu=70000)
    told = host.observe().link(("", "hsr0")).attrs
    lost = "hsr0 in the host's own network namespace is made anew and has lost whatever version and interlink it had"
    assert said["failed"] and ("could not put back: " + lost in said["msg"]) is (dict(told)["version"] is None), said
    assert ("everything was put back" in said["msg"]) is (dict(told)["version"] is not None), said
    assert slaves(host) == ["va", "vb"]
    assert host.output(show) == before


def test_what_the_kernel_does_not_tell_is_told_when_it_is_lost(host):
    host.shell(*PAIRS)
    told = run("hsr", **RING, version=1)["link"]["version"]
    assert told in (1, None)
    assert run("hsr", **RING, version=1)["changed"] is False
    assert ("version: hsr0 has 1" in run("hsr", **RING, version=0).get("msg", "")) is (told == 1)
    said = run("hsr", **RING, supervision=7, recreate=True)
    assert said["changed"] and said["link"]["version"] == told
    lost = "hsr0 in the host's own network namespace is made anew and has lost whatever version and interlink it had"
    assert (lost in str(said.get("warnings"))) is (told is None)
    # Who says what it was has lost nothing.
    said = run("hsr", **RING, supervision=8, version=1, interlink="", recreate=True)
    assert said["changed"] and not said.get("warnings"), said


def test_an_interlink(host):
    host.shell(*PAIRS)
    said = run("hsr", **RING, interlink="vc", addresses=["192.0.2.1/24"])
    if "failed" in said:
        assert "interlink: this kernel has none" in said["msg"] and "everything was put back" in said["msg"], said
        assert host.observe().link(("", "hsr0")) is None
        return
    assert said["changed"] and said["link"]["interlink"] in ("vc", None)
    assert run("hsr", **RING, interlink="vc")["changed"] is False
    if said["link"]["interlink"] is None:
        return
    assert run("link", name="vc", state="absent")["changed"]
    assert run("hsr", **RING)["link"]["interlink"] == ""


def test_its_mtu_is_that_of_the_smallest(host):
    host.shell(*PAIRS)
    assert run("hsr", **RING)["link"]["mtu"] == 1494
    for mtu in (1400, 9000):
        dry, wet = (run("link", check=check, name="va", mtu=mtu) for check in (True, False))
        assert dry["diff"] == wet["diff"]
        assert wet["diff"]["after"]["link hsr0"]["mtu"] == min(mtu, 1500) - 6


def test_who_takes_frames_is_no_slave_and_a_slave_is_no_port(host):
    host.shell(*PAIRS, "ip link add mv link vc type macvlan; ip link add br0 type bridge")
    said = run("hsr", name="hsr0", slave1="va", slave2="vc")
    assert said["msg"] == "slave2: vc carries mv, a macvlan, and so it can carry no hsr"
    assert run("hsr", **RING, master="br0")["link"]["master"] == "br0"
    said = run("hsr", name="hsr1", slave1="vap", slave2="vb")
    assert said["msg"] == "slave2: vb carries hsr0 already"
    said = run("linux_bridge", name="br0", ports=[dict(name="va")])
    assert said["msg"] == "ports: va cannot be a port of a bridge: hsr0, an hsr, stands on it"
    said = run("macvlan", name="mv2", link="vb")
    assert said["msg"] == "link: vb carries hsr0, an hsr, and so it can carry no macvlan"


def test_prp_is_read_back(host):
    host.shell(*PAIRS)
    for dummy in range(2):
        said = run("hsr", **RING, proto=1)
        assert (said["link"]["proto"], said["link"]["interlink"], said["link"]["version"]) == (1, "", 0)
    assert said["changed"] is False
    assert run("hsr", name="hsr0", state="absent")["changed"]
    assert "02:00:00:00:00:09" in host.output("ip link show dev vb")
