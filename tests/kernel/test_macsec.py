# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that others gave a macsec: kept by what leaves the link, told of where it is made anew."""

import subprocess

import pytest
from conftest import run

pytestmark = pytest.mark.needs("macsec")
ASSOCIATIONS = "secure associations"
LOST = "ms0 in the host's own network namespace is made anew and has lost its " + ASSOCIATIONS
SA = "ip macsec add ms0 tx sa 0 pn 1 on key 01 00112233445566778899aabbccddeeff"


def keys():
    return "0: PN" in subprocess.run(["ip", "macsec", "show"], stdout=-1, check=True, text=True).stdout


def test_keys_are_not_lost_in_silence(host):
    host.shell("ip link add va up type veth peer name vb; ip link add ms0 link va type macsec", SA)
    same = run("macsec", name="ms0", link="va", encrypt=True, mtu=1300)
    assert same["changed"] and not same.get("warnings") and keys()
    for check in (True, False):
        anew = run("macsec", check=check, name="ms0", link="va", port=2, recreate=True)
        assert str(anew["warnings"]).count(LOST) == 1
        assert keys() is check
    # What has none has none to lose.
    assert not run("macsec", name="ms0", link="va", port=3, recreate=True).get("warnings")
    assert not run("macsec", name="ms0", state="absent").get("warnings")


def test_the_way_back_cannot_give_them_back(host):
    host.shell("ip link add va up type veth peer name vb; ip link add ms0 link va type macsec")
    unkeyed = run("macsec", name="ms0", state="absent")
    assert not unkeyed.get("warnings")
    for line in (SA, "ip macsec add ms0 rx port 1 address 02:00:00:00:00:09"):
        host.shell("ip link add ms0 link va type macsec", line)
        for check in (True, False):
            gone = run("macsec", check=check, name="ms0", state="absent")
            told = "rollback_commands do not lead back to all that was there: " + LOST.replace(ASSOCIATIONS, kept(line))
            assert told in str(gone["warnings"]) and len(gone["warnings"]) == 1


def kept(line):
    return ASSOCIATIONS if line == SA else "receive channels"


def test_a_task_that_fails_says_that_they_are_not_put_back(host):
    host.shell("ip netns add n1")
    for lines, lost in (([], False), ([SA], True)):
        host.shell("ip link add va up type veth peer name vb; ip link add ms0 link va type macsec", *lines)
        # No veth takes as large an MTU.
        said = run("link", name="va", netns="n1", from_netns="", mtu=70000)
        assert said["failed"] and ("everything was put back" in said["msg"]) is not lost, said
        assert ("could not put back: " + LOST in said["msg"]) is lost
        assert host.observe().link(("", "ms0")) is not None
        host.shell("ip link delete va")


def test_nothing_else_changes_with_them(host):
    host.shell("ip link add va up type veth peer name vb; ip link add ms0 link va type macsec", SA)
    assert run("macsec", name="ms0", link="va")["changed"]
    assert run("macsec", name="ms0", link="va")["changed"] is False and keys()
    told = run("link_info", kind="macsec")["not_described"]
    assert ASSOCIATIONS in str(told), told


def test_one_falls_with_its_lower_link_to_another_namespace(host):
    host.shell("ip netns add n1; ip link add va up type veth peer name vb; ip link add ms0 link va type macsec")
    options = dict(name="va", netns="n1", from_netns="")
    dry, wet = (run("link", check=check, **options) for check in (True, False))
    assert "link ms0" in str(wet["diff"]["before"])
    for said in (dry, wet):
        # How IPv6 makes addresses there is not predicted.
        said["diff"]["after"]["link n1 va"].pop("addrgenmode", None)
    assert dry["diff"] == wet["diff"]
    assert host.observe().link(("", "ms0")) is None
