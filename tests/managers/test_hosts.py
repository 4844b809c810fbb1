# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's whole life with its card in a bridge: made, booted, lease renewed, manager restarted, bridge gone."""

import time

import pytest
from judge import MANAGERS, edge, node, refused, succeeded
from page import install

DIRECTORY = "/etc/NetworkManager/system-connections/"
PAGE = {
    "networkd": ["/etc/systemd/network/40-br0." + kind for kind in ("netdev", "network")],
    "NetworkManager": [DIRECTORY + "br0.nmconnection", DIRECTORY + "br0-vec0.nmconnection"],
}
PAGE["networkd"].append("/etc/systemd/network/40-vec0.network")
ACTIVATE = {
    "networkd": "rm /etc/systemd/network/50-vec0.network; networkctl reload",
    "NetworkManager": "nmcli connection reload; nmcli connection modify lan connection.autoconnect no; "
    "nmcli connection up br0-vec0; nmcli connection delete lan",
}
UNIT = {"networkd": "systemd-networkd", "NetworkManager": "NetworkManager"}
# The manager has the bridge, and a task adds to it.
GUESTS = {
    "name": "edge",
    "persistent": True,
    "nodes": [node(links=[{"name": "br0"}]), {"name": "guest"}],
    "links": [
        {
            "endpoints": [
                {"node": "guest", "name": "eth0", "address": "02:00:00:77:66:01", "addresses": ["10.77.0.99/24"]},
                {"node": "host", "name": "to-guest", "master": "br0"},
            ]
        }
    ],
}

# Who gives the card its addresses on a host without a manager; the IPv4 address is there from the start.
SIX = """[Unit]
Before=network.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=ip address replace {}/64 dev vec0 nodad
[Install]
WantedBy=multi-user.target
"""


class Life:
    """A host, the addresses by which it is reached, and how long it does not answer."""

    def __init__(self, host, lan):
        self.host, self.lan, self.addresses, self.told = host, lan, [], []

    def always(self, what, do):
        """The host answers while something is done, and after it, when nobody in the LAN remembers anything."""
        with self.lan.pings(*self.addresses) as pings:
            result = do()
            time.sleep(1)
            self.lan.forget()
            time.sleep(2)
        assert pings.good, "%s: %s" % (what, pings)
        return result


def prepared(life, manager, how):
    """The bridge by the manager, as the page says it."""
    host = life.host
    install(host, *PAGE[manager])
    four = "Address=%s/24\nGateway=10.77.0.254" % host.address if how in ("static", "slaac") else "DHCP=ipv4"
    six = "IPv6AcceptRA=yes" if how == "slaac" else "IPv6AcceptRA=no\nAddress=%s/64" % host.address6
    if manager == "networkd":
        network = PAGE[manager][1]
        host.sh(
            "sed -i 's,^DHCP=ipv4$,%s,; s,^IPv6AcceptRA=yes$,%s,' %s"
            % (four.replace("\n", "\\n"), six.replace("\n", "\\n"), network)
        )
    else:
        host.sh(
            "sed -i '/^\\[ipv6\\]/,$ s,^method=auto$,method=manual\\naddress1=%s/64,' %s"
            % (host.address6, PAGE[manager][0])
        )
    host.sh(ACTIVATE[manager])
    assert host.until("ip address show dev br0 | grep -q ' %s/'" % host.address), host.sh("ip address")
    assert host.until("! ip address show dev br0 | grep -q tentative")


@pytest.mark.row("hosts", "bridge with the card, persistent; boot; lease; restart of the manager; absent")
@pytest.mark.boots
@pytest.mark.parametrize(
    "manager, how",
    [
        ("nobody", "static"),
        ("networkd", "static"),
        ("networkd", "dhcp"),
        ("networkd", "slaac"),
        ("NetworkManager", "dhcp"),
    ],
)
def test_life(host, lan, seen, manager, how):
    lan.serve(advertise=how == "slaac")
    life = Life(host, lan)
    if manager == "nobody":
        host.put("/etc/systemd/system/test-six.service", SIX.format(host.address6))
        host.sh("cd /etc/systemd/system; ln -s ../test-six.service multi-user.target.wants/; systemctl daemon-reload")
    else:
        host.by(manager, how)
    assert host.until("ip -6 address show dev vec0 scope global -tentative | grep -q fd00:77:")
    assert host.until("! ip -6 address show dev vec0 | grep -q tentative")
    life.addresses = host.dynamic()
    topology = edge(persistent=True)
    result = life.always("the bridge is made", lambda: host.task("topology", **topology))
    if refused(result, "vec0", "persistent|" + MANAGERS):
        topology = GUESTS
        if manager == "nobody":
            topology = None
        else:
            prepared(life, manager, how)
            life.addresses = host.dynamic()
            succeeded(life.always("a port is added", lambda: host.task("topology", **topology)))
        seen("%s, %s: refused, %s", manager, how, "and as the page says" if topology else result.msg)
    else:
        succeeded(result)
        seen("%s, %s: handed over", manager, how)
    host.reboot()
    assert host.sh("systemctl is-system-running") == "running", host.sh("journalctl -b -p err -o cat --no-pager")
    for address in life.addresses:
        assert host.until("ip -o address show -tentative | grep -q ' %s/'" % address, 10), "%s is not there" % address
    before = lan.leases(host.mac)
    life.always("after the boot", lambda: host.task("link_info"))
    if topology:
        assert not succeeded(host.task("topology", check_mode=True, **topology)).changed
    if how == "dhcp":
        end = time.monotonic() + 32
        while lan.leases(host.mac) == before and time.monotonic() < end:
            time.sleep(0.5)
        assert lan.leases(host.mac) > before, "the lease is not renewed"
    if manager != "nobody":
        life.always("restart of " + manager, lambda: host.sh("systemctl restart %s; sleep 3" % UNIT[manager]))
    if topology:
        gone = {"name": "edge", "state": "absent"}
        with host.playing({"virtnet.linux.topology": gone}) as play:
            life.always("absent", lambda: play.wait(30))
    assert not host.task("link_info").unreachable
