# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that others gave a macsec: kept by what leaves the link, told of where it is made anew."""

import subprocess

import pytest
from conftest import run

pytestmark = pytest.mark.needs("macsec")
SA = "ip macsec add ms0 tx sa 0 pn 1 on key 01 00112233445566778899aabbccddeeff"


def keys():
    return "0: PN" in subprocess.run(["ip", "macsec", "show"], stdout=-1, check=True, text=True).stdout


def test_keys_are_not_lost_in_silence(host):
    host.shell("ip link add va up type veth peer name vb; ip link add ms0 link va type macsec", SA)
    same = run("macsec", name="ms0", link="va", encrypt=True, mtu=1300)
    assert same["changed"] and not same.get("warnings") and keys()
    for check in (True, False):
        anew = run("macsec", check=check, name="ms0", link="va", port=2, recreate=True)
        assert "ms0 in the host's own network namespace is made anew and has lost its secure" in str(anew["warnings"])
        assert keys() is check
    assert not run("macsec", name="ms0", state="absent").get("warnings")


def test_one_falls_with_its_lower_link_to_another_namespace(host):
    host.shell("ip netns add n1; ip link add va up type veth peer name vb; ip link add ms0 link va type macsec")
    options = dict(name="va", netns="n1", from_netns="")
    dry, wet = (run("link", check=check, **options) for check in (True, False))
    assert dry["diff"] == wet["diff"] and "link ms0" in str(wet["diff"]["before"])
    assert host.observe().link(("", "ms0")) is None
