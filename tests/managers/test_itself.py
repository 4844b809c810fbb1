# SPDX-License-Identifier: GPL-3.0-or-later
"""The host, the LAN and the clock by which the others judge."""

import time

import pytest


def test_pings(host, lan):
    """A gap is told as long as it was, in both families, and none where there was none."""
    with lan.pings(host.address, host.address6) as pings:
        time.sleep(2)
    assert pings.good and pings.gaps() == {host.address: [], host.address6: []}, pings
    with lan.pings(host.address, host.address6) as pings:
        time.sleep(0.5)
        host.sh(
            "ip link set vec0 down; sleep 1.5; ip link set vec0 up; ip address replace %s/64 dev vec0 nodad"
            % host.address6
        )
        time.sleep(1)
    assert not pings.good
    assert all(len(gaps) == 1 and 1.3 < gaps[0] < 3.5 for gaps in pings.gaps().values()), pings


@pytest.mark.parametrize("manager", ["networkd", "NetworkManager", "ifupdown"])
@pytest.mark.parametrize("how", ["static", "dhcp"])
def test_a_manager_has_the_card(host, lan, manager, how):
    lan.serve()
    host.by(manager, how)
    card = host.json("ip -j address show dev vec0")[0]["addr_info"]
    four = next(a for a in card if a["family"] == "inet")
    assert four["local"] == host.address and bool(four.get("dynamic")) == (how == "dhcp")
    assert host.task("link_info")["links"]


def test_slaac(host, lan):
    lan.serve(advertise=True)
    host.by("networkd", "slaac", gateway=False)
    end = time.monotonic() + 20
    while not [a for a in host.dynamic() if a.startswith("fd00:77:")]:
        assert time.monotonic() < end
        time.sleep(0.3)


@pytest.mark.parametrize("cut", [False, True])
def test_boot(host, cut):
    """What has been written stays; what was configured at run time does not."""
    host.sh("ip link add d0 type dummy; echo kept >/root/kept; sync")
    host.reboot(cut)
    assert host.sh("cat /root/kept; ip link show d0 2>/dev/null || echo none") == "kept\nnone"
    assert host.sh("systemctl is-system-running") == "running"
    host.sh("rm /root/kept")
