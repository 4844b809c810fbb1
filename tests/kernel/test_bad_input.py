# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input: one sentence that names the option, and everything is as it was."""

import pytest
from conftest import example, run, snapshot

from ansible_collections.virtnet.linux.plugins.module_utils._kinds import KINDS
from ansible_collections.virtnet.linux.plugins.module_utils._options import modes

THERE = """
ip netns add n1
ip link add va up type veth peer name vb; ip link set vb up; ip address add 192.0.2.1/24 dev va
ip link add vc type veth peer name vd
ip link add br0 type bridge; ip link set vc master br0; ip link add br1 type bridge
ip tuntap add t0 mode tun
tc qdisc add dev vd root handle 7: pfifo
"""
NEIGHBOUR, FDB = {"dev": "va", "address": "192.0.2.2"}, {"dev": "vc", "lladdr": "02:00:00:00:00:09"}
LONG = "sixteen-letters-"
MACVLAN = {"name": "v1", "link": "va"}
VXLAN = {"name": "v1", "id": 5}
TUNNEL = {"name": "v1", "mode": "gre", "remote": "192.0.2.2"}
VLAN, ROUTE, NAT = (
    {"name": "v1", "link": "va", "id": 5},
    {"dest": ["198.51.100.0/24"]},
    {"netns": "n1", "backend": "nft"},
)
BRIDGE = {"kind": "bridge", "name": "b", "addresses": ["192.0.2.1/24"]}


def lab(*links, nodes=None, **node):
    """A topology of one node, or of these."""
    return {"name": "lab", "nodes": nodes or [dict(node, name="n1", links=list(links))]}


def joined(*endpoints):
    return dict(lab(), links=[{"endpoints": list(endpoints)}])


CAPTURE = {"links": [{"dev": "va"}], "timeout": 1}

# module, options, what the sentence must begin with or contain, and the kind of link that the kernel needs
BAD = [
    ("netns", {"name": ["a/b"]}, "name: "),
    ("netns", {"name": [".."]}, "name: "),
    ("netns", {"name": ["."]}, "name: "),
    ("netns", {"name": [""]}, "name: "),
    ("netns", {"name": ["-n"]}, "name: "),
    ("netns", {"name": ["a b"]}, "name: "),
    ("netns", {"name": ["n" * 256]}, "name: "),
    ("netns", {"name": ["n2", "n2"]}, "name: n2 is given twice"),
    ("netns", {"name": ["n2", "n3"], "nsid": 3}, "nsid: "),
    ("netns", {"name": ["n2"], "nsid": -3}, "nsid: "),
    ("netns", {"name": ["n2"], "pid": 4194304}, "pid: "),
    ("netns", {"name": ["n2"], "path": "/etc/passwd"}, "path: "),
    ("netns", {"name": ["n1"], "pid": 1}, "name: n1 is there already"),
    ("netns", {"name": ["n2"], "pid": 1, "path": "/x"}, "mutually exclusive: pid|path"),
    ("link", {"name": LONG}, "name: the name 'sixteen-letters-' has 16 bytes"),
    ("link", {"name": ""}, "name: "),
    ("link", {"name": "a/b"}, "name: "),
    ("link", {"name": ".."}, "name: "),
    ("link", {"name": "a:b"}, "name: "),
    ("link", {"name": "eth9", "up": True}, "name: there is no link eth9"),
    ("link", {"name": "va", "netns": "n2", "up": True}, "netns: there is no network namespace n2"),
    ("link", {"name": "va", "netns": "n1", "up": True}, "name: there is no link va in network namespace n1"),
    ("link", {"name": "va", "netns": "../n1"}, "netns: "),
    ("link", {"name": "va", "mtu": 10}, "mtu: "),
    ("link", {"name": "va", "mtu": "big"}, "mtu"),
    ("link", {"name": "va", "address": "02:00:00:00:00"}, "address: "),
    ("link", {"name": "va", "address": "01:00:5e:00:00:01"}, "address: 01:00:5e:00:00:01 is a multicast"),
    ("link", {"name": "va", "address": "00:00:00:00:00:00"}, "address: "),
    ("link", {"name": "va", "master": "br9"}, "master: there is no link br9"),
    ("link", {"name": "va", "master": "va"}, "master: va cannot be its own master"),
    ("link", {"name": "vc", "master": "br1"}, "master: vc is a port of br0; take_over: true gives it to br1"),
    ("link", {"name": "va", "master": "vb"}, "va"),
    ("link", {"name": "va", "alias": "a\nb"}, "alias: "),
    ("link", {"name": "va", "alias": "x" * 256}, "alias: "),
    ("link", {"name": "va", "altnames": ["a/b"]}, "altnames: "),
    ("link", {"name": "va", "altnames": ["x", "x"]}, "altnames: x is given twice"),
    ("link", {"name": "va", "txqueuelen": -1}, "txqueuelen: "),
    ("link", {"name": "va", "addresses": ["192.0.2.9"]}, "addresses: 192.0.2.9 has no prefix length"),
    ("link", {"name": "va", "addresses": ["192.0.2.9/33"]}, "addresses: "),
    ("link", {"name": "va", "addresses": ["192.0.2.9/24", "192.0.2.9/24"]}, "addresses: 192.0.2.9/24 is given twice"),
    ("link", {"name": "va", "addresses": ["224.0.0.1/4"]}, "addresses: "),
    ("link", {"name": "lo", "state": "absent"}, "state: lo in the host's own network namespace is the loopback link"),
    ("link", {"name": "va", "state": "gone"}, "state"),
    ("link_info", {"netns": ["../n1"]}, "netns: "),
    ("link_info", {"netns": ["n1", "n1"]}, "netns: n1 is given twice"),
    ("veth", {"name": "x1"}, "peer: "),
    ("veth", {"name": "x1", "peer": {"name": "x1"}}, "peer: both ends are called x1"),
    ("veth", {"name": "x1", "peer": {}}, "name"),
    ("veth", {"name": LONG, "peer": {"name": "x2"}}, "name: "),
    ("veth", {"name": "x1", "peer": {"name": LONG}}, "peer.name: "),
    ("veth", {"name": "x1", "peer": {"name": "x2", "netns": "n2"}}, "netns: there is no network namespace n2"),
    ("veth", {"name": "x1", "peer": {"name": "x2", "mtu": 1}}, "peer.mtu: "),
    ("veth", {"name": "x1", "peer": {"name": "x2", "address": "zz"}}, "peer.address: "),
    ("veth", {"name": "va", "peer": {"name": "vc"}}, "peer: the other end of va is vb"),
    ("veth", {"name": "x1", "peer": {"name": "br0"}}, "peer.name: br0"),
    ("veth", {"name": "br0", "peer": {"name": "x2"}}, "name: br0"),
    ("veth", {"name": "br0", "state": "absent"}, "name: br0"),
    ("linux_bridge", {"name": "va"}, "name: va"),
    ("linux_bridge", {"name": "va", "state": "absent"}, "name: va"),
    ("linux_bridge", {"name": "br2", "priority": 65536}, "priority: "),
    ("linux_bridge", {"name": "br2", "hello_time": 99}, "hello_time: 99 is not between 100 and 1000"),
    (
        "linux_bridge",
        {"name": "br2", "group_fwd_mask": 1},
        "group_fwd_mask: 1 is not between 0 and 65528 in steps of 8",
    ),
    ("linux_bridge", {"name": "br2", "vlan_protocol": "802.1x"}, "vlan_protocol"),
    ("linux_bridge", {"name": "br2", "vlan_default_pvid": 4095}, "vlan_default_pvid: "),
    ("linux_bridge", {"name": "br2", "ports": [{"name": "eth9"}]}, "ports: there is no link eth9"),
    ("linux_bridge", {"name": "br2", "ports": [{"name": "br2"}]}, "ports: br2 cannot be its own port"),
    ("linux_bridge", {"name": "br2", "ports": [{"name": "va"}, {"name": "va"}]}, "ports: va is given twice"),
    ("linux_bridge", {"name": "br2", "ports": [{"name": "va", "cost": 0}]}, "ports.cost: "),
    ("linux_bridge", {"name": "br2", "ports": [{"name": "va", "speed": 1}]}, "speed"),
    ("linux_bridge", {"name": "br1", "ports": [{"name": "vc"}]}, "ports: vc is a port of br0; take_over: true"),
    ("linux_bridge", {"name": "br1", "ports": [{"name": "br0"}]}, "bridge"),
    ("vlan", {"name": "v1"}, "state is present but all of the following are missing: id, link"),
    ("vlan", dict(VLAN, id=4095), "id: 4095 is not between 1 and 4094"),
    ("vlan", dict(VLAN, id=0), "id: 0 is not between 1 and 4094"),
    ("vlan", dict(VLAN, link="eth9"), "link: there is no link eth9 in the host's own network namespace"),
    ("vlan", dict(VLAN, link="a/b"), "link: "),
    ("vlan", dict(VLAN, link="v1"), "link: v1 cannot stand on itself"),
    ("vlan", dict(VLAN, link_netns="n2"), "link_netns: there is no network namespace n2"),
    ("vlan", dict(VLAN, netns="n1"), "link: there is no link va in network namespace n1"),
    ("vlan", dict(VLAN, netns="n2", link_netns=""), "netns: there is no network namespace n2"),
    ("vlan", dict(VLAN, link="vc"), "up: v1 stands on vc, which is down"),
    ("vlan", dict(VLAN, mtu=1504), "mtu: 1504 is more than the 1500 of va, on which v1 stands"),
    ("vlan", dict(VLAN, protocol="802.1p"), "protocol"),
    ("vlan", dict(VLAN, ingress_qos_map=["8:1"]), "ingress_qos_map: '8:1' is not FROM:TO, 0 to 7"),
    ("vlan", dict(VLAN, egress_qos_map=["1:8"]), "egress_qos_map: '1:8' is not FROM:TO"),
    ("vlan", dict(VLAN, egress_qos_map=["1:2", "1:3"]), "egress_qos_map: 1 is given twice"),
    ("vlan", dict(VLAN, name="va", link="vb"), "name: va in the host's own network namespace is a veth, not a vlan"),
    ("vlan", {"name": "va", "state": "absent"}, "name: va in the host's own network namespace is a veth, not a vlan"),
    ("vlan", dict(VLAN, link="lo"), "VLANs not supported on device", "vlan"),
    ("macvlan", {"name": "v1"}, "state is present but all of the following are missing: link"),
    ("macvlan", dict(MACVLAN, link="eth9"), "link: there is no link eth9"),
    ("macvlan", dict(MACVLAN, mode="hub"), "mode"),
    ("macvlan", dict(MACVLAN, macaddr=["02:00"]), "macaddr: '02:00' is no MAC address"),
    ("macvlan", dict(MACVLAN, macaddr=["02:00:00:00:00:01"]), "macaddr: it is for mode: source"),
    ("macvlan", dict(MACVLAN, nopromisc=True), "nopromisc: it is for mode: passthru"),
    ("macvlan", dict(MACVLAN, bcqueuelen=-1), "bcqueuelen: -1 is not between 0 and 4294967295"),
    ("macvlan", dict(MACVLAN, mtu=1501), "mtu: 1501 is more than the 1500 of va"),
    ("macvlan", dict(MACVLAN, link="vc"), "link: vc is a port of br0, and a macvlan cannot stand on that"),
    ("macvlan", dict(MACVLAN, tap=True, master="br0"), "master: v1, a macvtap, cannot be a port of a bridge"),
    ("macvlan", dict(MACVLAN, link="lo"), "v1"),
    ("ipvlan", dict(MACVLAN, mode="l4"), "mode"),
    ("ipvlan", dict(MACVLAN, address="02:00:00:00:00:09"), "address: v1 has that of va"),
    ("ip_tunnel", {"name": "v1", "remote": "192.0.2.2"}, "state is present but all of the following are missing: mode"),
    ("ip_tunnel", dict(TUNNEL, mode="ppp"), "mode"),
    ("ip_tunnel", dict(TUNNEL, remote="2001:db8::1"), "remote: 2001:db8::1 is no IPv4 address"),
    ("ip_tunnel", dict(TUNNEL, mode="ip6gre"), "remote: 192.0.2.2 is no IPv6 address"),
    ("ip_tunnel", dict(TUNNEL, remote="192.0.2.2/24"), "remote: '192.0.2.2/24' is no IP address"),
    ("ip_tunnel", dict(TUNNEL, remote="224.0.0.1"), "remote: 224.0.0.1 is a multicast address"),
    ("ip_tunnel", dict(TUNNEL, local="nowhere"), "local: 'nowhere' is no IP address"),
    ("ip_tunnel", dict(TUNNEL, ttl="256"), "ttl: '256' is no number between 0 and 255 or inherit"),
    ("ip_tunnel", dict(TUNNEL, tos="low"), "tos: 'low' is no number between 0 and 255 or inherit"),
    ("ip_tunnel", dict(TUNNEL, key="4294967296"), "ikey: '4294967296' is no number between 0 and 4294967295 or none"),
    ("ip_tunnel", dict(TUNNEL, key="1", okey="2"), "mutually exclusive: key|okey"),
    ("ip_tunnel", dict(TUNNEL, encaplimit="4"), "encaplimit: a link of kind gre has none"),
    ("ip_tunnel", dict(TUNNEL, mode="ipip", key="4"), "ikey: a link of kind ipip has none"),
    ("ip_tunnel", dict(TUNNEL, mode="ipip", proto="ip6ip"), "proto: ip6ip is not one of ipip, mplsip, any"),
    ("ip_tunnel", dict(TUNNEL, ignore_df=True), "ignore_df: it is for pmtudisc: false"),
    (
        "ip_tunnel",
        dict(TUNNEL, mode="sit", ttl="5", pmtudisc=False),
        "pmtudisc: v1, a sit, has it always with a ttl of its own",
    ),
    ("ip_tunnel", dict(TUNNEL, external=True), "remote: it is for external: false"),
    ("ip_tunnel", dict(TUNNEL, encap="esp"), "encap"),
    ("ip_tunnel", dict(TUNNEL, encap_dport=65536), "encap_dport: 65536 is not between 0 and 65535"),
    ("ip_tunnel", dict(TUNNEL, address="02:00:00:00:00:09"), "address: v1, a gre, has no MAC address"),
    ("ip_tunnel", dict(TUNNEL, master="br0"), "master: v1, a gre, cannot be a port of a bridge"),
    ("ip_tunnel", dict(TUNNEL, link="eth9"), "link: there is no link eth9 in the host's own network namespace"),
    ("ip_tunnel", dict(TUNNEL, link_netns="n2"), "link_netns: there is no network namespace n2"),
    ("ip_tunnel", dict(TUNNEL, name="va"), "name: va in the host's own network namespace is a veth, not a gre"),
    ("ip_tunnel", {"name": "v1", "mode": "gre"}, "ikey: gre0 in the host's own network namespace has the same", "gre"),
    ("ip_tunnel", {"name": "gre0", "state": "absent"}, "state: gre0 in the host's own network", "gre"),
    ("vxlan", {"name": "v1"}, "state is present but any of the following are missing: id, external"),
    ("vxlan", dict(VXLAN, id=16777216), "id: 16777216 is not between 0 and 16777215"),
    ("vxlan", dict(VXLAN, dstport=0), "dstport: 0 is not between 1 and 65535"),
    ("vxlan", dict(VXLAN, remote="somewhere"), "remote: 'somewhere' is no IP address"),
    ("vxlan", dict(VXLAN, local="239.1.1.1"), "local: 239.1.1.1 is a multicast address"),
    ("vxlan", dict(VXLAN, group="239.1.1.1"), "link: to a group packets go by one link"),
    ("vxlan", dict(VXLAN, remote="192.0.2.2", local="2001:db8::1"), "type vxlan"),
    ("vxlan", dict(VXLAN, link="eth9"), "link: there is no link eth9"),
    (
        "vxlan",
        dict(VXLAN, link="va", mtu=1451),
        "mtu: 1451 is more than 1450, what the outer packets leave of the 1500",
    ),
    ("vxlan", dict(VXLAN, ageing=0), "ageing: 0 is not between 1 and"),
    ("vxlan", dict(VXLAN, external=True), "id: it is for external: false"),
    ("vxlan", dict(VXLAN, vnifilter=True), "vnifilter: it is for external: true"),
    ("vxlan", dict(VXLAN, df="maybe"), "df"),
    ("vxlan", dict(VXLAN, name="va"), "name: va in the host's own network namespace is a veth, not a vxlan"),
    ("geneve", {"name": "v1", "id": 5}, "state is present but any of the following are missing: remote, external"),
    ("geneve", {"name": "v1", "id": 5, "remote": "239.1.1.1"}, "remote: 239.1.1.1 is a multicast address"),
    ("tuntap", {"name": "t1"}, "state is present but all of the following are missing: mode"),
    ("tuntap", {"name": "t1", "mode": "tup"}, "mode"),
    ("tuntap", {"name": "t1", "mode": "tun", "address": "02:00:00:00:00:09"}, "address: t1, a tun, has no MAC address"),
    ("tuntap", {"name": "t1", "mode": "tun", "master": "br0"}, "master: t1, a tun, cannot be a port of a bridge"),
    ("tuntap", {"name": "t1", "mode": "tap", "owner": "no such user"}, "owner: there is no user no such user"),
    ("tuntap", {"name": "t1", "mode": "tap", "group": "no such group"}, "group: there is no group no such group"),
    ("tuntap", {"name": "t1", "mode": "tap", "owner": "4294967295"}, "owner: 4294967295 is not between 0 and"),
    ("tuntap", {"name": "t1", "mode": "tap", "netns": "n2"}, "netns: there is no network namespace n2"),
    ("tuntap", {"name": "va", "mode": "tap"}, "name: va in the host's own network namespace is a veth, not a tap"),
    ("tuntap", {"name": "va", "state": "absent"}, "name: va in the host's own network namespace is a veth, not a tun"),
    ("tuntap", {"name": "t1", "mode": "tap", "mtu": 65535}, "t1 mtu 65535"),
    ("dummy", {"name": "va"}, "name: va in the host's own network namespace is a veth, not a dummy"),
    ("dummy", {"name": "d1", "from_netns": "a/b"}, "from_netns: "),
    ("vrf", {"name": "r1"}, "state is present but all of the following are missing: table"),
    ("vrf", {"name": "r1", "table": 0}, "table: 0 is not between 1 and 4294967295"),
    ("vrf", {"name": "r1", "table": 2**32}, "table: 4294967296 is not between 1 and 4294967295"),
    ("vrf", {"name": "r1", "table": "main"}, "table"),
    ("vrf", {"name": "va", "table": 5}, "name: va in the host's own network namespace is a veth, not a vrf"),
    ("vrf", {"name": "r1", "table": 5, "master": "br0"}, "master: r1, a vrf, cannot be a port of anything"),
    ("vrf", {"name": "r1", "table": 5, "mtu": 1200}, "r1 mtu 1200", "vrf"),
    ("link", {"name": "br0", "netns": "n1", "from_netns": ""}, "from_netns: br0, a bridge, stays in the network"),
    ("bond", {"name": "bo1", "mode": "best"}, "mode"),
    ("bond", {"name": "bo1", "miimon": -1}, "miimon: -1 is not between 0 and 2147483647"),
    ("bond", {"name": "bo1", "resend_igmp": 256}, "resend_igmp: 256 is not between 0 and 255"),
    ("bond", {"name": "bo1", "lacp_rate": "fast"}, "lacp_rate: it is for mode: 802.3ad"),
    ("bond", {"name": "va"}, "name: va in the host's own network namespace is a veth, not a bond"),
    ("address", {"dev": "eth9", "address": ["192.0.2.9/24"]}, "dev: there is no link eth9"),
    ("address", {"dev": "va", "address": ["192.0.2.9"]}, "address: 192.0.2.9 has no prefix length"),
    ("address", {"dev": "va", "address": ["192.0.2.300/24"]}, "address: "),
    ("address", {"dev": "va", "address": ["192.0.2.9/24", "192.0.2.9/24"]}, "address: 192.0.2.9/24 is given twice"),
    ("address", {"dev": "va", "address": ["192.0.2.9/24", "192.0.2.8/24"], "label": "va:1"}, "label: "),
    ("address", {"dev": "va", "address": ["192.0.2.9/24"], "label": "vb:1"}, "label: "),
    ("address", {"dev": "va", "address": ["2001:db8::1/64"], "label": "va:1"}, "label: "),
    ("address", {"dev": "va", "address": ["192.0.2.9/24"], "peer": "2001:db8::1"}, "peer: "),
    ("address", {"dev": "va"}, "one of the following is required: address, addresses"),
    ("address", {"dev": "va", "addresses": [{"address": "192.0.2.9"}]}, "addresses.address: 192.0.2.9 has no prefix"),
    (
        "address",
        {"dev": "va", "addresses": [{"address": "192.0.2.9/24", "label": "v"}]},
        "addresses.label: 'v' must begin",
    ),
    (
        "address",
        {"dev": "va", "addresses": [{"address": "192.0.2.9/24"}] * 2},
        "addresses: 192.0.2.9/24 is given twice",
    ),
    ("address", {"dev": "va", "addresses": [], "scope": "link"}, "mutually exclusive: addresses|scope"),
    ("address", {"dev": "va", "address": ["fe80::1%va/64"]}, "address: "),
    ("route", dict(ROUTE), "via: say via, dev or multipath"),
    ("route", {"dest": ["198.51.100.1/24"], "dev": "va"}, "dest: "),
    ("route", {"dest": ["nowhere"], "dev": "va"}, "dest: "),
    ("route", dict(ROUTE, via="192.0.2.300"), "via: "),
    ("route", dict(ROUTE, via="203.0.113.1"), "route add 198.51.100.0/24 via 203.0.113.1"),
    ("route", dict(ROUTE, dev="eth9"), "dev: there is no link eth9"),
    ("route", dict(ROUTE, dev="va", type="blackhole"), "type: "),
    ("route", dict(ROUTE, dev="va", src="2001:db8::1"), "src: "),
    ("route", dict(ROUTE, dev="va", src="203.0.113.1"), "src 203.0.113.1"),
    ("route", dict(ROUTE, dev="va", family="inet6"), "family: "),
    ("route", dict(ROUTE, dev="va", table="local"), "table: "),
    ("route", dict(ROUTE, dev="va", table="0"), "table: "),
    ("route", dict(ROUTE, multipath=[{"dev": "va"}]), "multipath: "),
    ("route", dict(ROUTE, multipath=[{"dev": "va"}], via="192.0.2.2"), "multipath"),
    ("route", dict(ROUTE, multipath=[{"via": "192.0.2.2", "weight": 0}, {"dev": "va"}]), "multipath.weight: "),
    ("route", {"dest": ["2001:db8:1::/48"], "via": "192.0.2.2"}, "via: "),
    ("route", {"dest": ["198.51.100.0/24", "198.51.100.0/24"], "dev": "va"}, "dest: "),
    ("bridge_vlan", {"dev": "vc"}, "vid: say at least one of vid, untagged and pvid"),
    ("bridge_vlan", {"dev": "vc", "state": "absent"}, "vid: say which VLANs"),
    ("bridge_vlan", {"dev": "vc", "vid": ["4095"]}, "vid: '4095' is no VLAN from 1 to 4094"),
    ("bridge_vlan", {"dev": "vc", "vid": ["20-10"]}, "vid: '20-10' is no VLAN"),
    ("bridge_vlan", {"dev": "vc", "vid": ["10-20", "15"]}, "vid: 15 is given twice"),
    ("bridge_vlan", {"dev": "vc", "untagged": ["x"]}, "untagged: 'x' is no VLAN"),
    ("bridge_vlan", {"dev": "vc", "pvid": 4095}, "pvid: 4095 is not between 0 and 4094"),
    ("bridge_vlan", {"dev": "va", "vid": ["5"]}, "dev: va is no bridge and no port of one"),
    ("bridge_vlan", {"dev": "eth9", "vid": ["5"]}, "dev: there is no link eth9"),
    ("neighbour", dict(NEIGHBOUR), "lladdr: say the MAC address of 192.0.2.2"),
    ("neighbour", dict(NEIGHBOUR, lladdr="02:00"), "lladdr: '02:00' is no MAC address"),
    ("neighbour", dict(NEIGHBOUR, address="192.0.2.2/24"), "address: "),
    ("neighbour", dict(NEIGHBOUR, address="ff02::1"), "address: ff02::1 is the address of no neighbour"),
    ("neighbour", dict(NEIGHBOUR, dev="t0", lladdr="02:00:00:00:00:09"), "lladdr: t0 has no MAC address"),
    ("neighbour", dict(NEIGHBOUR, proxy=True, router=True), "router: "),
    ("neighbour", dict(NEIGHBOUR, proxy=True, dev="eth9"), "dev: there is no link eth9"),
    ("bridge_fdb", dict(FDB, dev="va"), "dev: va is no port of a bridge"),
    ("bridge_fdb", dict(FDB, dev="br0"), "dev: br0 is no port of a bridge"),
    ("bridge_fdb", dict(FDB, lladdr="zz"), "lladdr: 'zz' is no MAC address"),
    ("bridge_fdb", dict(FDB, lladdr="01:00:5e:00:53:01"), "lladdr: 01:00:5e:00:53:01 is a multicast"),
    ("bridge_fdb", dict(FDB, vlan=4095), "vlan: 4095 is no VLAN"),
    ("bridge_fdb", dict(FDB, dst="192.0.2.2"), "dst: it is for the entries of a vxlan: self: true"),
    ("bridge_fdb", dict(FDB, self=True), "dst: say the address of the other end"),
    ("bridge_fdb", dict(FDB, self=True, dst="192.0.2.2"), "self: vc is a veth; only a vxlan has entries of its own"),
    ("bridge_fdb", dict(FDB, self=True, dst="192.0.2.2", vlan=5), "vlan: it is for a bridge"),
    ("bridge_fdb", dict(FDB, self=True, dst="192.0.2.2", vni=2**24), "vni: "),
    ("bridge_mdb", {"dev": "br0", "port": "vc", "grp": ["192.0.2.1"]}, "grp: 192.0.2.1 is no multicast group"),
    ("bridge_mdb", {"dev": "br0", "port": "vc", "grp": ["239.1.1.1"]}, "dev: br0 is down"),
    ("bridge_mdb", {"dev": "br0", "port": "vc", "grp": ["239.1.1.1"] * 2}, "grp: 239.1.1.1 is given twice"),
    ("bridge_mdb", {"dev": "br1", "port": "vc", "grp": ["239.1.1.1"]}, "port: vc is no port of br1"),
    ("bridge_mdb", {"dev": "va", "port": "vc", "grp": ["239.1.1.1"]}, "dev: va is a veth, not a bridge"),
    ("bridge_mdb", {"dev": "br0", "port": "eth9", "grp": ["239.1.1.1"]}, "port: there is no link eth9"),
    ("link_impairment", {"dev": "va"}, "delay: say at least one of"),
    ("link_impairment", {"dev": "va", "delay": -1}, "delay: -1.0 is not between 0 and 3600000"),
    ("link_impairment", {"dev": "va", "loss": 101}, "loss: 101.0 is not between 0 and 100"),
    ("link_impairment", {"dev": "va", "rate": 12}, "rate: 12 is not between 0 and 34359738360 in steps of 8"),
    ("link_impairment", {"dev": "va", "limit": 0}, "limit: 0 is not between 1 and"),
    ("link_impairment", {"dev": "va", "reorder": 5}, "reorder: it needs delay"),
    ("link_impairment", {"dev": "va", "delay": 5, "correlation": 5}, "correlation: it needs jitter"),
    ("link_impairment", {"dev": "vd", "rate": 8000}, "dev: vd has the queueing discipline pfifo, which this module"),
    ("link_impairment", {"dev": "eth9", "rate": 8000}, "dev: there is no link eth9"),
    ("rule", {}, "table: say it"),
    ("rule", {"table": "0"}, "table: "),
    ("rule", {"table": "red"}, "table: "),
    ("rule", {"table": "100", "type": "blackhole"}, "table: a rule of type blackhole looks into none"),
    ("rule", {"state": "absent"}, "priority: say which rules"),
    ("rule", {"table": "100", "priority": -1}, "priority: "),
    ("rule", {"table": "100", "from": "192.0.2.1/24"}, "from: "),
    ("rule", {"table": "100", "from": "192.0.2.1", "to": "2001:db8::/32"}, "to: IPv4 and IPv6 do not mix"),
    ("rule", {"table": "100", "from": "192.0.2.1", "family": "inet6"}, "family: IPv4 and IPv6 do not mix"),
    ("rule", {"table": "100", "iif": LONG}, "iif: "),
    ("rule", {"table": "100", "oif": "a/b"}, "oif: "),
    ("rule", {"table": "100", "fwmark": "0x10/0"}, "fwmark: '0x10/0' is no mark"),
    ("rule", {"table": "100", "fwmark": "red"}, "fwmark: "),
    ("rule", {"table": "100", "ipproto": "256"}, "ipproto: '256' is no protocol"),
    ("rule", {"table": "100", "dport": "80"}, "ipproto: ports need tcp, udp or sctp"),
    ("rule", {"table": "100", "ipproto": "tcp", "sport": "0"}, "sport: "),
    ("rule", {"table": "100", "ipproto": "tcp", "dport": "1-65535"}, "dport: '1-65535' is no port or range"),
    ("rule", {"type": "blackhole", "suppress_prefixlength": 0}, "suppress_prefixlength: it is for type: lookup"),
    ("rule", {"table": "100", "suppress_prefixlength": 129}, "suppress_prefixlength: "),
    ("rule", {"table": "100", "netns": "n2"}, "netns: there is no network namespace n2"),
    ("sysctl_forward", {}, "ipv4: say at least one"),
    ("sysctl_forward", {"netns": "n2", "ipv4": True}, "netns: there is no network namespace n2"),
    ("sysctl_forward", {"dev": "eth9", "ipv4": True}, "dev: there is no link eth9"),
    ("sysctl_forward", {"netns": "n1", "ipv4": True, "persistent": True}, "persistent: "),
    ("sysctl_forward", {"rp_filter": 3}, "rp_filter"),
    ("nat_masquerade", dict(NAT), "name, source, out_interface"),
    ("nat_masquerade", dict(NAT, source="192.168.1.1/24"), "source: "),
    (
        "nat_masquerade",
        dict(NAT, source="192.168.1.0/24", exclude_destinations=["2001:db8::/64"]),
        "exclude_destinations: ",
    ),
    (
        "nat_masquerade",
        dict(NAT, source="192.168.1.0/24", exclude_destinations=["10.0.0.0/8"] * 2),
        "exclude_destinations: ",
    ),
    ("nat_masquerade", dict(NAT, source="192.168.1.0/24", to_ports="1-2"), "protocol: "),
    ("nat_masquerade", dict(NAT, source="192.168.1.0/24", protocol="tcp", to_ports="9-1"), "to_ports: "),
    ("nat_masquerade", dict(NAT, name='x"; flush ruleset', source="192.168.1.0/24"), "name: "),
    ("nat_masquerade", dict(NAT, netns="n2", source="192.168.1.0/24"), "netns: there is no network namespace n2"),
    ("nat_masquerade", dict(NAT, source="192.168.1.0/24", family="ipv6"), "family: "),
    ("reachability", {"netns": ["n2"], "to": ["192.0.2.1"]}, "netns: there is no network namespace n2"),
    ("reachability", {"netns": ["../n1"], "to": ["192.0.2.1"]}, "netns: "),
    ("reachability", {"to": ["nowhere"]}, "to: 'nowhere' is no IP address"),
    ("reachability", {"netns": ["n1"]}, "to, pairs"),
    ("reachability", {"to": ["192.0.2.1"], "protocol": "tcp"}, "port: tcp needs one"),
    ("packet_capture", {"timeout": 1}, "links: say where to capture"),
    ("packet_capture", {"links": [{"dev": "va"}]}, "timeout: say after how many seconds"),
    ("packet_capture", dict(CAPTURE, timeout=0), "timeout: 0.0 is not between 0 and 86400"),
    ("packet_capture", dict(CAPTURE, count=0), "count: "),
    ("packet_capture", dict(CAPTURE, snaplen=1), "snaplen: "),
    ("packet_capture", dict(CAPTURE, links=[{"dev": "va"}] * 2), "links: va in the host is given twice"),
    ("packet_capture", dict(CAPTURE, links=[{"dev": "eth9"}]), "links: there is no link eth9 in the host's own"),
    ("packet_capture", dict(CAPTURE, links=[{"dev": "-z"}]), "links.dev: "),
    ("packet_capture", dict(CAPTURE, links=[{"dev": "va", "netns": "n2"}]), "links.netns: there is no network"),
    ("packet_capture", dict(CAPTURE, filter="icmp and ("), "filter: can't parse filter expression"),
    ("packet_capture", dict(CAPTURE, filter="-w /tmp/x"), "filter: can't parse filter expression"),
    ("packet_capture", dict(CAPTURE, name="x"), "name: it goes with state"),
    ("packet_capture", dict(CAPTURE, state="started"), "name: state needs it"),
    ("packet_capture", dict(CAPTURE, state="started", name="../x"), "name: '../x' must be 1 to 64"),
    ("packet_capture", dict(CAPTURE, state="started", name="x", pcap="/tmp"), "pcap: there is nothing to keep yet"),
    ("packet_capture", dict(CAPTURE, state="started", name="x", probe={"to": "192.0.2.1"}), "probe: "),
    ("packet_capture", dict(CAPTURE, probe={"to": "nowhere"}), "probe.to: "),
    ("packet_capture", dict(CAPTURE, probe={"to": "192.0.2.1", "netns": "n2"}), "probe.netns: there is no network"),
    ("packet_capture", dict(CAPTURE, probe={"to": "192.0.2.1", "protocol": "udp"}), "probe.port: udp needs one"),
    ("topology", {"name": "lab"}, "nodes: say them"),
    ("topology", {"name": "../lab", "nodes": []}, "name: "),
    ("topology", {"name": "lab", "nodes": [], "lock_timeout": -1}, "lock_timeout: "),
    ("topology", {"name": "lab", "nodes": [], "confirm": 0}, "confirm: 0 is not between 1 and 86400 seconds"),
    ("topology", {"name": "lab", "confirmed": True, "confirm": 5}, "confirmed: it is for a task of its own"),
    ("topology", lab(nodes=[{"name": "n1"}, {"name": "n1"}]), "nodes: two nodes are called n1"),
    (
        "topology",
        lab(nodes=[{"name": "n1"}, {"name": "x", "netns": "n1"}]),
        "nodes.x.netns: network namespace n1 is that of another node",
    ),
    ("topology", lab(nodes=[{"name": "a/b"}]), "nodes.a/b.name: "),
    ("topology", lab(nodes=[{"name": "h", "netns": "", "nsid": 3}]), "nodes.h.nsid: "),
    ("topology", lab(nodes=[{"name": "n1", "pid": 1, "path": "/x"}]), "nodes.n1: parameters are mutually exclusive"),
    ("topology", lab(routes=[dict(ROUTE)]), "nodes.n1.routes[0].via: say via, dev or multipath"),
    ("topology", lab(routes=[dict(ROUTE, netns="n2")]), "nodes.n1.routes[0].netns: there is no such option here"),
    ("topology", lab(routes=[dict(ROUTE, to="n2")]), "nodes.n1.routes[0].to: there is no such option here"),
    (
        "topology",
        lab(addresses=[{"dev": "eth9", "address": ["192.0.2.9/24"]}]),
        "dev: there is no link eth9 in network",
    ),
    ("topology", lab({"kind": "brige", "name": "b"}), "nodes.n1.links[0].kind: 'brige' is no kind"),
    ("topology", lab({"kind": "bridge", "name": "b", "state": "absent"}), "nodes.n1.links[0].state: "),
    ("topology", lab({"kind": "bridge", "name": LONG}), "nodes.n1.links[0].name: "),
    ("topology", lab({"kind": "vlan", "name": "v1", "id": 4095, "link": "b"}), "nodes.n1.links[0].id: 4095 is not"),
    (
        "topology",
        lab({"kind": "bridge", "name": "b"}, {"kind": "bridge", "name": "b"}),
        "two descriptions of the link b",
    ),
    (
        "topology",
        lab({"kind": "bridge", "name": "b", "mtu": 1400}, {"name": "b", "mtu": 1300}),
        "links[1].mtu: link n1 b is",
    ),
    (
        "topology",
        lab(BRIDGE, dict(BRIDGE, name="b2")),
        "nodes.n1.links[1]: 192.0.2.1/24 on b2 and 192.0.2.1/24 on b in",
    ),
    (
        "topology",
        lab(BRIDGE, {"kind": "bridge", "name": "b2", "addresses": ["192.0.2.130/25"]}),
        "192.0.2.130/25 on b2 and 192.0.2.1/24 on b in network namespace n1 overlap; allow_overlap: true",
    ),
    ("topology", lab(BRIDGE, addresses=[{"dev": "b", "address": ["192.0.2.1/24"]}]), "two descriptions of the address"),
    (
        "topology",
        lab(dict(MACVLAN, kind="macvlan", link="v2"), dict(MACVLAN, kind="macvlan", name="v2", link="v1")),
        "circle",
    ),
    ("topology", lab({"name": "b", "master": "br9"}, BRIDGE), "master: there is no link br9 in network namespace n1"),
    ("topology", lab({"name": "eth9"}), "name: there is no link eth9 in network namespace n1"),
    ("topology", joined("n1:a", "n2:a"), "links[0].endpoints[1]: there is no node n2"),
    ("topology", joined("n1:a"), "links[0].endpoints: a link has two, and 1 are given"),
    ("topology", joined("n1:a", "a"), "links[0].endpoints[1]: say NODE:LINK"),
    ("topology", joined("n1:a", 7), "links[0].endpoints[1]: say NODE:LINK"),
    ("topology", joined("n1:a", {"node": "n1", "name": "b", "via": 1}), "links[0].endpoints[1].via: there is no such"),
    ("topology", joined("n1:a", "n1:a"), "links[0].peer: both ends are called a"),
    ("topology", joined("n1:a", "n1:" + LONG), "links[0].peer.name: "),
]


@pytest.mark.parametrize(
    ("module", "options", "sentence"),
    [pytest.param(*one[:3], id="%s %s" % one[:2], marks=[pytest.mark.needs(kind) for kind in one[3:]]) for one in BAD],
)
def test_bad_input(host, module, options, sentence):
    host.shell(THERE)
    said = refused(host, module, options)
    assert sentence in said


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.lacks(name)) for name in KINDS])
def test_a_kind_that_this_kernel_lacks(host, name):
    kind = KINDS[name]
    host.shell(THERE)
    options = dict(example(kind)[-1].attrs)
    options.update({"mode": name} if modes(kind.maker) else {})
    options.update({"link": "va"} if kind.stands else {}, **({"tap": True} if kind.tap else {}))
    said = refused(host, kind.maker, dict(options, name="v1"))
    assert "kind: this kernel has no links of kind %s (kernel module " % name in said


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.lacks(name)) for name in KINDS])
def test_a_topology_with_a_kind_that_this_kernel_lacks(host, name):
    kind = KINDS[name]
    host.shell(THERE)
    options = {name: value for name, value in example(kind)[-1].attrs}
    options.update({"link": "b"} if kind.stands else {}, name="x", kind=name)
    said = refused(host, "topology", lab(BRIDGE, options))
    assert said.startswith("kind: this kernel has no links of kind %s (kernel module " % name)


def refused(host, module, options):
    """The one sentence in which a module refuses; all is as it was."""
    before = snapshot(host.observe())
    said = run(module, **options)
    assert said.get("failed") and not said.get("changed"), said
    assert "\n" not in said["msg"] and "Traceback" not in said.get("exception", ""), said["msg"]
    assert snapshot(host.observe()) == before
    return said["msg"]
