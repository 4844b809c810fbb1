# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks as others make them: shell lines of ip(8), bridge(8), tc(8), nft(8) and iptables(8), drawn from a number.

The words are those that these programs of Debian 12, 13 and testing print, whether the product knows them or not. What
the programs and the kernel at hand do not take is found out once (`known`), and not drawn; a line that is refused all
the same is dropped.
"""

import random
from functools import lru_cache

import hosts

EDGE32 = ["0", "1", "255", "256", "65535", "65536", "4294967295"]
FLAG = ["on", "off"]
BIT = ["0", "1"]
# Options of kinds, by the words of ip-link(8); None: the word stands alone.
KINDS = {
    "dummy": {},
    "veth": {},
    "ifb": {},
    "bridge": {
        "forward_delay": ["200", "1500", "3000"],
        "hello_time": ["100", "200", "1000"],
        "max_age": ["600", "2000", "4000"],
        "ageing_time": ["0", "100", "30000", "123456"],
        "stp_state": BIT,
        "priority": ["0", "4096", "32769", "65535"],
        "vlan_filtering": BIT,
        "vlan_protocol": ["802.1Q", "802.1ad"],
        "vlan_default_pvid": ["0", "1", "7", "4094"],
        "vlan_stats_enabled": BIT,
        "vlan_stats_per_port": BIT,
        "group_fwd_mask": ["0", "8", "16384", "65528"],
        "group_address": ["01:80:c2:00:00:04", "01:80:c2:00:00:0e"],
        "mcast_snooping": BIT,
        "mcast_router": ["0", "1", "2"],
        "mcast_query_use_ifaddr": BIT,
        "mcast_querier": BIT,
        "mcast_hash_max": ["512", "4096"],
        "mcast_last_member_count": ["2", "9"],
        "mcast_startup_query_count": ["2", "7"],
        "mcast_last_member_interval": ["100", "201"],
        "mcast_membership_interval": ["26000", "30001"],
        "mcast_querier_interval": ["25500", "100"],
        "mcast_query_interval": ["12500", "1000"],
        "mcast_query_response_interval": ["1000", "300"],
        "mcast_startup_query_interval": ["3125", "1000"],
        "mcast_stats_enabled": BIT,
        "mcast_igmp_version": ["2", "3"],
        "mcast_mld_version": ["1", "2"],
        "nf_call_iptables": BIT,
        "nf_call_ip6tables": BIT,
        "nf_call_arptables": BIT,
        "fdb_max_learned": ["0", "100"],
        "no_linklocal_learn": BIT,
        "mcast_vlan_snooping": BIT,
        "mst_enabled": BIT,
        "fdb_local_vlan_0": BIT,
    },
    "vlan": {
        "protocol": ["802.1Q", "802.1ad"],
        "reorder_hdr": FLAG,
        "gvrp": FLAG,
        "mvrp": FLAG,
        "loose_binding": FLAG,
        "bridge_binding": FLAG,
        "ingress-qos-map": ["1:5", "7:2"],
        "egress-qos-map": ["3:7", "0:1"],
    },
    "macvlan": {
        "mode": ["private", "vepa", "bridge", "passthru", "source"],
        "bcqueuelen": ["1", "5000"],
        "bclim": ["-1", "2"],
    },
    "macvtap": {"mode": ["private", "vepa", "bridge"]},
    "ipvlan": {"mode": ["l2", "l3", "l3s"]},
    "vxlan": {
        "ttl": ["1", "64", "inherit", "auto"],
        "tos": ["0x20", "inherit"],
        "flowlabel": ["0x12345"],
        "df": ["set", "unset", "inherit"],
        "ageing": ["0", "300", "12345"],
        "maxaddress": ["0", "77"],
        "srcport": ["1024 65535", "5000 6000"],
        "learning": None,
        "nolearning": None,
        "proxy": None,
        "rsc": None,
        "l2miss": None,
        "l3miss": None,
        "udpcsum": None,
        "udp6zerocsumtx": None,
        "udp6zerocsumrx": None,
        "remcsumtx": None,
        "gbp": None,
        "localbypass": None,
        "nolocalbypass": None,
        "vnifilter": None,
    },
    "geneve": {"ttl": ["1", "inherit"], "tos": ["0x20"], "flowlabel": ["0x12345"], "df": ["set"], "udpcsum": None},
    "gre": {
        "ttl": ["1", "64"],
        "tos": ["0x20", "inherit"],
        "ikey": EDGE32,
        "okey": EDGE32,
        "icsum": None,
        "ocsum": None,
        "iseq": None,
        "oseq": None,
        "nopmtudisc": None,
        "ignore-df": None,
        "fwmark": ["0x10"],
        "encap": ["fou encap-sport auto encap-dport 5555 encap-csum", "gue encap-sport 1000 encap-dport 6080"],
    },
    "ipip": {"ttl": ["1"], "tos": ["0x20"], "nopmtudisc": None, "fwmark": ["0x10"], "mode": ["ipip", "any"]},
    "sit": {"ttl": ["1"], "tos": ["0x20"], "nopmtudisc": None, "fwmark": ["0x10"], "mode": ["ip6ip", "any"]},
    "ip6tnl": {
        "mode": ["ip6ip6", "ipip6", "any"],
        "hoplimit": ["0", "9", "255"],
        "encaplimit": ["none", "0", "7"],
        "tclass": ["0x20"],
        "flowlabel": ["0x12345"],
        "dscp": ["inherit"],
        "fwmark": ["0x10"],
        "allow-localremote": None,
    },
    "ip6gre": {
        "hoplimit": ["0", "9"],
        "encaplimit": ["none", "7"],
        "tclass": ["0x20"],
        "flowlabel": ["0x12345"],
        "ikey": EDGE32,
        "okey": EDGE32,
        "icsum": None,
        "oseq": None,
        "fwmark": ["0x10"],
    },
    "vti": {"ikey": EDGE32, "okey": EDGE32, "fwmark": ["0x10"]},
    "bond": {
        "mode": ["balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb"],
        "miimon": ["0", "100", "200"],
        "updelay": ["200"],
        "downdelay": ["400"],
        "peer_notify_delay": ["200"],
        "use_carrier": BIT,
        "arp_interval": ["1000"],
        "arp_ip_target": ["192.0.2.99", "192.0.2.98,192.0.2.97"],
        "ns_ip6_target": ["2001:db8::99"],
        "arp_validate": ["none", "active"],
        "arp_all_targets": ["any", "all"],
        "arp_missed_max": ["2", "9"],
        "primary_reselect": ["always", "better", "failure"],
        "fail_over_mac": ["none", "active", "follow"],
        "xmit_hash_policy": ["layer2", "layer2+3", "layer3+4", "encap2+3", "vlan+srcmac"],
        "resend_igmp": ["0", "9"],
        "num_grat_arp": ["0", "3"],
        "all_slaves_active": BIT,
        "min_links": ["0", "2"],
        "lp_interval": ["1", "9"],
        "packets_per_slave": ["1", "50"],
        "lacp_rate": ["slow", "fast"],
        "lacp_active": FLAG,
        "ad_select": ["stable", "bandwidth", "count"],
        "ad_user_port_key": ["5"],
        "ad_actor_sys_prio": ["1000"],
        "ad_actor_system": ["02:00:00:00:bb:01"],
        "tlb_dynamic_lb": BIT,
        "coupled_control": FLAG,
        "broadcast_neighbor": FLAG,
    },
    "vrf": {},
    "wireguard": {},
    "tun": {"multi_queue": None, "pi": None, "vnet_hdr": None, "user": ["65534"], "group": ["65534"]},
    "xfrm": {},
    "macsec": {
        "encrypt": FLAG,
        "cipher": ["gcm-aes-128", "gcm-aes-256"],
        "send_sci": FLAG,
        "end_station": FLAG,
        "scb": FLAG,
        "protect": FLAG,
        "replay": ["on window 5"],
        "validate": ["strict", "check", "disabled"],
        "encodingsa": ["1", "3"],
    },
    "netkit": {"mode": ["l2", "l3"], "forward": None, "blackhole": None, "scrub": ["none", "default"]},
    "team": {},
    "hsr": {"supervision": ["45"], "version": BIT, "proto": ["0", "1"]},
    "nlmon": {},
    "bareudp": {},
}
PORT = {
    "priority": ["0", "5", "63"],
    "cost": ["1", "7", "65535"],
    "hairpin": FLAG,
    "guard": FLAG,
    "root_block": FLAG,
    "fastleave": FLAG,
    "learning": FLAG,
    "flood": FLAG,
    "proxy_arp": FLAG,
    "proxy_arp_wifi": FLAG,
    "mcast_router": ["0", "1", "2"],
    "mcast_flood": FLAG,
    "mcast_to_unicast": FLAG,
    "bcast_flood": FLAG,
    "group_fwd_mask": ["8", "65528"],
    "neigh_suppress": FLAG,
    "neigh_vlan_suppress": FLAG,
    "vlan_tunnel": FLAG,
    "isolated": FLAG,
    "locked": FLAG,
    "mab": FLAG,
    "mcast_max_groups": ["5"],
    "backup_nhid": ["7"],
}
BOND_PORT = {"queue_id": ["1", "3"], "prio": ["10", "-3"]}
# Of any link; {} is its name.
ANY = {
    "mtu": ["1280", "1300", "1400", "1499", "1500", "1500", "1300", "9000", "1000"],
    "txqueuelen": ["0", "1", "500", "4096"],
    "group": ["5", "default", "2147483647"],
    "alias": ["plain", "two words", 'it\'s "quoted"', "caf\udce9", "ä%d{{ x }}", "a" * 200],
    "promisc": ["on"],
    "allmulticast": ["on"],
    "arp": ["off"],
    "multicast": ["off"],
    "addrgenmode": ["none", "stable_secret", "random", "eui64"],
    "protodown": ["on"],
    "gso_max_size": ["20000"],
    "gso_max_segs": ["20"],
    "gro_max_size": ["30000"],
    "gso_ipv4_max_size": ["20001"],
    "gro_ipv4_max_size": ["30001"],
    "broadcast": ["ff:ff:ff:ff:ff:00"],
    "dynamic": ["on"],
}
ALTNAMES = ["long-other-name-of-more-than-15-bytes", "alt%s", "x.y%d", "\udcff\udcfe", "ütf8", "it's"]
ODD_NAMES = ["a.b", "x%y", "caf\udce9", "it's", "v-ü", "eth0.5", "-x", "a=b", 'q"q', "1", "äöü", "p#1", "$x", "a,b"]
ODD_SPACES = ["odd space", "b-ü", "x\udcff", "it's", "%d", "w.1", "host", "all", "1", "a=b"]
CONF4 = [
    "forwarding 1",
    "rp_filter 2",
    "rp_filter 1",
    "proxy_arp 1",
    "arp_ignore 2",
    "arp_announce 1",
    "accept_local 1",
]
CONF4 += [
    "promote_secondaries 1",
    "log_martians 1",
    "send_redirects 0",
    "route_localnet 1",
    "medium_id 7",
    "arp_filter 1",
]
CONF6 = ["forwarding 1", "accept_ra 0", "accept_ra 2", "use_tempaddr 2", "proxy_ndp 1", "autoconf 0", "hop_limit 33"]
CONF6 += ["accept_redirects 0", "keep_addr_on_down 1", "dad_transmits 3", "ndisc_notify 1", "drop_unsolicited_na 1"]
PROTO = ["kernel", "boot", "static", "dhcp", "ra", "bird", "bgp", "zebra", "17", "200", "255", "42"]
METRIC_WORDS = [
    "mtu 1300",
    "mtu lock 1400",
    "advmss 1000",
    "initcwnd 20",
    "initrwnd 30",
    "hoplimit 9",
    "quickack 1",
    "window 1000",
    "rtt 300ms",
    "rttvar 30ms",
    "rto_min 50ms",
    "cwnd 10",
    "ssthresh 100",
    "reordering 5",
    "features ecn",
    "congctl reno",
    "congctl lock reno",
    "fastopen_no_cookie 1",
    "realms 3/4",
]
SELECTORS = [
    "from 10.1.0.0/16",
    "from 10.1.2.3",
    "from 0.0.0.0/0",
    "to 10.2.0.0/16",
    "tos 0x10",
    "dsfield 0x08",
    "fwmark 0x10",
    "fwmark 0x10/0xff",
    "fwmark 0/0xf0",
    "iif lo",
    "iif {dev}",
    "oif {dev}",
    "oif notthere",
    "uidrange 0-1000",
    "uidrange 5-5",
    "ipproto tcp",
    "ipproto udp dport 53",
    "ipproto tcp sport 1000-2000",
    "ipproto 47",
    "ipproto icmp",
    "l3mdev",
    "tun_id 55",
    "not from 10.9.0.0/16",
    "dscp 10",
    "ipproto tcp sport 0x100/0xff00",
]
SELECTORS6 = [word for word in SELECTORS if "10." not in word and "0.0.0.0" not in word]
SELECTORS6 += ["from 2001:db8:1::/48", "to 2001:db8:2::1", "from ::/0", "not to 2001:db8:3::/48", "flowlabel 0x5/0xff"]
ACTIONS = ["lookup main", "lookup 100", "lookup 4294967294", "lookup local", "blackhole", "unreachable", "prohibit"]
ACTIONS += [
    "goto 32766",
    "nop",
    "lookup 100 suppress_prefixlength 0",
    "lookup main suppress_ifgroup 5",
    "lookup 7 realms 2",
]
QDISCS = [
    "netem delay 10ms 2ms 25%",
    "netem delay 10ms 2ms distribution normal",
    "netem loss 1% duplicate 2% corrupt 0.1%",
    "netem loss state 1 2 3 4 5",
    "netem loss gemodel 1 10 70 0.1",
    "netem delay 10ms reorder 25% 50% gap 5",
    "netem rate 1mbit 20 100 5 limit 77",
    "netem slot 1ms 5ms packets 3 bytes 5000",
    "netem slot distribution normal 10ms 1ms",
    "netem delay 5ms ecn loss 1%",
    "netem delay 1ms seed 77",
    "tbf rate 1mbit burst 10k latency 50ms",
    "tbf rate 1mbit burst 10k limit 20k peakrate 2mbit mtu 1600 mpu 64 overhead 14",
    "fq_codel limit 100 flows 64 target 7ms interval 70ms noecn",
    "fq limit 500 flow_limit 50 quantum 3000 maxrate 10mbit",
    "sfq perturb 10 limit 100",
    "pfifo limit 33",
    "bfifo limit 33333",
    "pfifo_fast",
    "prio bands 4 priomap 1 2 2 2 1 2 0 0 1 1 1 1 1 1 1 1",
    "cake bandwidth 10mbit besteffort nat",
    "red limit 100000 min 10000 max 30000 avpkt 1000 burst 20",
    "codel limit 50 target 9ms",
    "pie limit 50",
    "choke limit 1000 min 83 max 250 bandwidth 10mbit",
    "hhf limit 99",
    "drr",
    "ets bands 3 strict 1",
    "multiq",
    "plug limit 100",
]
FILTERS = [
    "protocol ip pref 10 u32 match ip dst 10.0.0.0/8 action drop",
    "protocol all pref 11 matchall action pass",
    "protocol ip pref 12 flower dst_ip 10.1.0.0/16 ip_proto tcp dst_port 80 action drop",
    "protocol ipv6 pref 13 flower src_ip 2001:db8::/32 action ok",
    "protocol 802.1q pref 14 flower vlan_id 5 action vlan pop",
    "protocol ip pref 15 handle 5 fw action drop",
    "protocol all pref 16 matchall action skbedit priority 5",
    "protocol all pref 17 basic action ok",
    "protocol ip pref 18 matchall action police rate 1mbit burst 10k conform-exceed drop",
    "protocol all pref 19 matchall action mirred egress mirror dev {dev}",
    "protocol ip pref 20 bpf bytecode '1,6 0 0 1' action ok",
]
NFT = [
    "add table {f} t; add chain {f} t c; add rule {f} t c counter accept",
    "add table {f} mine {{ flags dormant; }}; "
    "add chain {f} mine in {{ type filter hook input priority 5; policy accept; }}",
    "add table {f} s; add set {f} s blocked {{ type {a}; flags interval; }}; add element {f} s blocked {{ {n} }}",
    "add table {f} s; add set {f} s slow {{ type {a}; flags timeout; timeout 1h; }}; "
    "add element {f} s slow {{ {h} timeout 30m }}",
    "add table {f} m; add map {f} m ports {{ type inet_service : {a}; }}; add element {f} m ports {{ 80 : {h} }}",
    "add table {f} v; add chain {f} v a; add map {f} v verdicts {{ type ifname : verdict; }}; "
    'add element {f} v verdicts {{ "eth0" : jump a }}',
    "add table {f} c; add chain {f} c out {{ type filter hook output priority -10; }}; "
    "add rule {f} c out meta l4proto tcp "
    'counter log prefix "x y" comment "it\'s \\"theirs\\""',
    "add table {f} o; add counter {f} o hits; add quota {f} o q {{ over 5 mbytes; }}; add chain {f} o c; "
    'add rule {f} o c counter name "hits"',
    "add table {f} k; add chain {f} k fwd {{ type filter hook forward priority filter; policy drop; }}; "
    "add rule {f} k fwd ct state established,related accept; add rule {f} k fwd meta mark 0x10-0x20 accept",
    "add table {f} l; add chain {f} l x; add rule {f} l x limit rate 5/second burst 7 packets accept",
]
NFT_NAT = [
    "add table {f} nat; add chain {f} nat postrouting {{ type nat hook postrouting priority 100; }}; "
    'add rule {f} nat postrouting oifname "{dev}" masquerade',
    "add table {f} nat; add chain {f} nat POSTROUTING {{ type nat hook postrouting priority srcnat; }}; "
    "add chain {f} nat own; "
    "add rule {f} nat POSTROUTING jump own; add rule {f} nat own {fam} saddr {n2} snat to {h}",
    "add table {f} nat; add chain {f} nat PREROUTING {{ type nat hook prerouting priority dstnat; }}; "
    "add rule {f} nat PREROUTING tcp dport 8080-8090 dnat to {h}",
    "add table {f} virtnets; add chain {f} virtnets p {{ type nat hook postrouting priority 99; }}; "
    'add rule {f} virtnets p masquerade random comment "virtnet:other"',
]
NFT_OTHER = [
    "add table bridge br; add chain bridge br f {{ type filter hook forward priority 0; }}; "
    "add rule bridge br f ether saddr 02:00:00:00:00:99 drop",
    "add table arp a; add chain arp a in {{ type filter hook input priority 0; }}; "
    "add rule arp a in arp operation request accept",
    'add table netdev n; add chain netdev n ing {{ type filter hook ingress device "{dev}" priority 0; }}; '
    "add rule netdev n ing ip saddr 10.0.0.66 drop",
    'add table inet ft; add flowtable inet ft f {{ hook ingress priority 0; devices = {{ "{dev}" }}; }}',
    "add table inet both; add chain inet both nat {{ type nat hook postrouting priority 101; }}; "
    "add rule inet both nat meta nfproto ipv4 masquerade",
]
IPTABLES = [
    "-t filter -A INPUT -s 10.9.0.0/16 -j DROP",
    "-t nat -A POSTROUTING -s 10.5.0.0/16 -o {dev} -j MASQUERADE",
    "-t nat -A POSTROUTING -o it's -j ACCEPT",
    "-t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to-destination 10.0.0.5:8080",
    "-t nat -N THEIRS",
    "-t nat -A THEIRS -j RETURN",
    "-t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
    "-t filter -A FORWARD -m comment --comment {comment} -j ACCEPT",
    "-t nat -A POSTROUTING -m comment --comment {comment} -j ACCEPT",
    "-t nat -A OUTPUT -p udp --sport 1024:65535 -j RETURN",
    "-t raw -A PREROUTING -i {dev} -j NOTRACK",
    "-t nat -N DOCKER",
    "-t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
    "-P FORWARD DROP",
]
COMMENTS = ["plain", "two words", "it's", 'say "hi"', "B\udcfcro", "virtnet:mine", "ä", "-j", "back\\slash", "$(x)"]
LIFETIMES = ["valid_lft 3600 preferred_lft 1800", "preferred_lft 0", "valid_lft 9999 preferred_lft 0"]
LIFETIMES += ["valid_lft 5000 preferred_lft 5000"]
GROUPS = ["permanent", "permanent", "permanent src 10.0.0.7", "temp", "permanent proto zebra"]
GROUPS += ["permanent filter_mode include source_list 10.0.0.1,10.0.0.2"]
GROUPS += ["permanent filter_mode exclude source_list 10.0.0.3 proto static"]
KEYS = ["YAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=", "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="]


class Space:
    """What the grammar knows of a namespace that it fills."""

    def __init__(self, name, number):
        self.name, self.number = name, number
        self.links = []  # Link
        self.nexthops = []
        self.routes = []  # whether IPv6, and the words that tell them apart


class Link:
    def __init__(self, name, kind):
        self.name, self.kind = name, kind
        self.up, self.master, self.upper = False, None, False
        self.nets = []  # of the addresses: first three numbers, and the IPv6 prefix


class World:
    """Lines that make a network, and where a task may find what."""

    def __init__(self, seed, index):
        self.seed, self.index = seed, index
        self.lines, self.refused = [], 0
        self.draw = random.Random("%s:%s" % (seed, index))
        self.spaces = []
        self.mac = 0
        self.make()

    # Drawing

    def chance(self, share):
        return self.draw.random() < share

    def one(self, values):
        return self.draw.choice(list(values))

    def some(self, values, share, most=99):
        """Some of the values, in an order of their own."""
        values = list(values)
        self.draw.shuffle(values)
        return [value for value in values if self.chance(share)][:most]

    def macs(self):
        self.mac += 1
        return "02:00:00:%02x:%02x:%02x" % (self.index >> 8 & 255, self.index & 255, self.mac)

    # Lines

    def say(self, space, *words, text=None):
        """One line; a word with blanks in a plain string is several."""
        out = []
        for word in words:
            out += [word[1]] if isinstance(word, tuple) else word.split()
        self.lines.append((space.name if isinstance(space, Space) else space, out, text))

    def sysctl(self, space, path, value):
        self.lines.append((space.name, ["sysctl", "-qw", "%s=%s" % (path, value)], None))

    def make(self):
        names = ["", "w1"] + ["w2"] * self.chance(0.6)
        if self.chance(0.12):
            names.append(self.one(ODD_SPACES))
        for number, name in enumerate(names):
            if name:
                self.lines.append(("", ["ip", "netns", "add", name], None))
                if self.chance(0.8):
                    self.lines.append((name, ["ip", "link", "set", "lo", "up"], None))
            self.spaces.append(Space(name, number))
        dad = self.chance(0.12)
        for space in self.spaces:
            if not dad:
                self.sysctl(space, "net/ipv6/conf/default/accept_dad", "0")
            for setting in self.some(CONF4, 0.03):
                word, value = setting.split()
                self.sysctl(space, "net/ipv4/conf/%s/%s" % (self.one(["all", "default"]), word), value)
            for setting in self.some(CONF6, 0.03):
                word, value = setting.split()
                self.sysctl(space, "net/ipv6/conf/%s/%s" % (self.one(["all", "default"]), word), value)
        main = self.spaces[1]
        for space in self.spaces:
            many = self.draw.randint(2, 5) if space is main else self.draw.randint(0, 2)
            for dummy in range(many):
                self.link(space)
        for space in self.spaces:
            for link in space.links:
                self.finish(space, link)
        for space in self.spaces:
            busy = 1.0 if space is main else 0.3
            self.fill(space, busy)

    def name(self, space, stem):
        name = self.one(ODD_NAMES) if self.chance(0.05) else "%s%d" % (stem, len(space.links))
        while any(link.name == name for link in space.links):
            name = "%s%d" % (stem, self.draw.randint(10, 99))
        return name

    def link(self, space):
        kinds = [("veth", 6), ("bridge", 4), ("tun", 1), ("ifb", 1), ("vxlan", 2), ("macvlan", 2)]
        kinds += [
            ("dummy", 3),
            ("vlan", 3),
            ("bond", 2),
            ("vrf", 2),
            ("geneve", 1),
            ("gre", 2),
            ("ipip", 1),
            ("sit", 1),
        ]
        kinds += [("ip6tnl", 1), ("ip6gre", 1), ("vti", 1), ("wireguard", 1), ("ipvlan", 1), ("xfrm", 1), ("macsec", 1)]
        kinds += [("netkit", 1), ("team", 1), ("hsr", 1), ("gretap", 1), ("macvtap", 1)]
        kinds = [(kind, weight) for kind, weight in kinds if kind in known()["kinds"]]
        kind = self.draw.choices([k for k, w in kinds], [w for k, w in kinds])[0]
        lowers = [link for link in space.links if link.kind in ("veth", "dummy", "bond", "bridge") and not link.master]
        if kind in ("vlan", "macvlan", "ipvlan", "macsec", "macvtap") and not lowers:
            kind = "veth"
        if kind == "hsr" and len(lowers) < 2:
            kind = "veth"
        stem = {"veth": "eth", "bridge": "br", "tun": "tap", "dummy": "d", "vlan": "vl"}.get(kind, kind[:6] + "x")
        name = self.name(space, stem)
        link = Link(name, kind)
        own = []
        if self.chance(0.7) and kind not in (
            "tun",
            "gre",
            "ipip",
            "sit",
            "ip6tnl",
            "ip6gre",
            "vti",
            "wireguard",
            "ipvlan",
            "xfrm",
        ):
            own.append("address " + self.macs())
        for word, values in (("mtu", ["1300", "1400", "9000"]), ("txqueuelen", ["77"]), ("numtxqueues", ["2", "4"])):
            if self.chance(0.1) and kind not in ("tun",):
                own.append("%s %s" % (word, self.one(values)))
        if self.chance(0.05):
            own.append("index %d" % self.draw.randint(100, 999))
        options = self.options(kind, KINDS.get(kind, {}), self.one([0.0, 0.1, 0.4]))
        if kind == "veth":
            other = self.one(self.spaces)
            peer = Link("p%d%s" % (len(other.links) + len(space.links), self.one("abc")), "veth")
            self.say(space, "ip link add name", ("w", name), *own, "type veth peer name", peer.name,
                     *(["address", self.macs()] if self.chance(0.6) else []))  # fmt: skip
            if other is not space:
                self.say(space, "ip link set", peer.name, "netns", ("w", other.name or "/proc/1/ns/net"))
                if not other.name:
                    # The host has no name: from there the pair is made.
                    self.lines.pop()
                    self.lines.pop()
                    self.say(
                        "",
                        "ip link add name",
                        peer.name,
                        "type veth peer name",
                        ("w", name),
                        *own,
                        "netns",
                        ("w", space.name),
                    )
            other.links.append(peer)
        elif kind == "netkit":
            self.say(
                space,
                "ip link add name",
                ("w", name),
                *own,
                "type netkit",
                *options,
                "peer name",
                "nk%d" % len(space.links),
            )
        elif kind == "tun":
            self.say(space, "ip tuntap add dev", ("w", name), "mode", self.one(["tap", "tap", "tun"]), *options)
        elif kind in ("vlan", "macvlan", "ipvlan", "macsec", "macvtap"):
            lower = self.one(lowers)
            lower.upper = True
            if kind == "vlan":
                options.append("id %s" % self.one(["1", "5", "100", "4094"]))
            if kind == "macsec":
                options.append("port %d" % self.draw.randint(1, 9))
            self.say(space, "ip link add link", ("w", lower.name), "name", ("w", name), *own, "type", kind, *options)
        elif kind == "hsr":
            self.say(
                space,
                "ip link add name",
                ("w", name),
                "type hsr slave1",
                ("w", lowers[0].name),
                "slave2",
                ("w", lowers[1].name),
                *options,
            )
        elif kind in ("bridge", "bond"):
            # One option a line: a kernel refuses some beside others.
            now = [option for option in options if self.chance(0.1) and "mcast_vlan" not in option]
            self.say(space, "ip link add name", ("w", name), *own, "type", kind, *now)
            for option in options if not now else []:
                self.say(space, "ip link set dev", ("w", name), "type", kind, option)
        else:
            self.say(space, "ip link add name", ("w", name), *own, "type", kind, *self.needed(space, kind), *options)
        space.links.append(link)
        if kind == "wireguard" and self.chance(0.7):
            self.wireguard(space, link)

    def needed(self, space, kind):
        """What a kind cannot do without, or is rarely seen without."""
        number, other = self.draw.randint(1, 9), "192.0.2.%d" % self.draw.randint(90, 99)
        if kind == "vxlan":
            out = ["id %d" % (number * 7 + 100 * len(space.links))]
            if self.chance(0.15):
                out = ["external"] + ["vnifilter"] * (self.chance(0.3) and "vni" in known()["features"])
            out += ["dstport %s" % self.one(["4789", "8472", "5000"])]
            if self.chance(0.7) and out[0] != "external":
                out += [self.one(["remote " + other, "group 239.1.1.%d dev {}" % number, "local 192.0.2.1"])]
                lower = next((link.name for link in space.links if link.kind in ("veth", "dummy")), None)
                out[-1] = out[-1].replace("{}", lower) if lower and lower.isalnum() else out[-1].replace(" dev {}", "")
                if "group" in out[-1] and "dev" not in out[-1]:
                    out.pop()
            return out
        if kind == "geneve":
            return ["id %d" % (number + 100 * len(space.links)), "remote", other] if self.chance(0.8) else ["external"]
        if kind in ("gre", "gretap", "ipip", "sit", "vti"):
            out = ["local 192.0.2.%d" % number, "remote", other]
            return out + (["key %d" % number] if kind in ("gre", "gretap", "vti") and self.chance(0.5) else [])
        if kind in ("ip6tnl", "ip6gre"):
            return ["local 2001:db8::%d" % number, "remote 2001:db8::9%d" % number]
        if kind == "vrf":
            return ["table %s" % self.one(["10", "100", "1000", "4294967294"])]
        if kind == "xfrm":
            return ["if_id %d" % self.draw.randint(1, 99)]
        return []

    def options(self, kind, table, share):
        out = []
        for word, values in table.items():
            if self.chance(share):
                value = "" if values is None else self.one(values)
                if (kind, word) in known()["options"]:
                    out.append("%s %s" % (word, value))
        self.draw.shuffle(out)
        clashing = {"nolearning": "learning", "nolocalbypass": "localbypass", "vnifilter": "", "forward": "blackhole"}
        words = [word.strip() for word in out]
        return [word for word in words if clashing.get(word, word + "!") not in (*words, "")]

    def wireguard(self, space, link):
        if "wg" not in known()["features"]:
            return
        self.say(space, "wg set", ("w", link.name), "listen-port", str(self.draw.randint(20000, 20099)), "fwmark 0x5",
                 "private-key /dev/stdin", text=KEYS[0])  # fmt: skip
        self.say(space, "wg set", ("w", link.name), "peer", KEYS[1], "endpoint 192.0.2.9:5000 persistent-keepalive 25",
                 "allowed-ips 10.8.0.0/24,2001:db8:8::/64")  # fmt: skip

    def finish(self, space, link):
        """What a link has, its master, and whether it is up."""
        late = self.chance(0.3)
        if not late:
            self.master(space, link)
        if self.chance(0.85):
            link.up = True
            self.say(space, "ip link set dev", ("w", link.name), "up")
        if late:
            self.master(space, link)
        for word in self.some(ANY, self.one([0.02, 0.02, 0.15])):
            value = self.one(ANY[word])
            if not value.isprintable() and self.chance(0.5):
                value = "plain"
            if word in known()["any"]:
                self.say(space, "ip link set dev", ("w", link.name), word, ("w", value))
        for name in self.some(ALTNAMES, 0.02, 2):
            if not name.isprintable() and self.chance(0.7):
                continue
            name = name % link.name if "%s" in name else name
            self.say(space, "ip link property add dev", ("w", link.name), "altname", ("w", name))
        if link.name.isalnum():
            for family, table in (("ipv4", CONF4), ("ipv6", CONF6)):
                for setting in self.some(table, self.one([0.0, 0.0, 0.08])):
                    word, value = setting.split()
                    self.sysctl(space, "net/%s/conf/%s/%s" % (family, link.name, word), value)
            if self.chance(0.03):
                self.say(space, "ip token set ::77 dev", link.name)

    def master(self, space, link):
        masters = [
            other for other in space.links if other.kind in ("bridge", "bond", "vrf", "team") and other is not link
        ]
        masters = [m for m in masters if m.kind != link.kind and not link.upper]
        if link.kind in ("bridge", "bond", "vrf", "team"):
            masters = [m for m in masters if m.kind == "vrf" and link.kind != "vrf"]
        if not masters or not self.chance(0.6):
            return
        master = self.one(masters)
        link.master = master
        if master.kind == "bond":
            self.say(space, "ip link set dev", ("w", link.name), "down")
        self.say(space, "ip link set dev", ("w", link.name), "master", ("w", master.name))
        table = {"bridge": PORT, "bond": BOND_PORT}.get(master.kind, {})
        share = self.one([0.0, 0.1, 0.4])
        for word, values in table.items():
            if self.chance(share) and ("port", word) in known()["options"]:
                value = self.one(values)
                self.say(space, "ip link set dev", ("w", link.name), "type", master.kind + "_slave", word, value)

    # What is on the links

    def fill(self, space, busy):
        for number, link in enumerate(space.links):
            for dummy in range(self.one([0, 1, 1, 2, 3]) if self.chance(0.3 + 0.6 * busy) else 0):
                self.address(space, link, number)
        devs = [link for link in space.links if link.nets and link.up]
        plain = [link for link in space.links if link.name.isalnum()]
        if self.chance(0.2 * busy) and "nexthop" in known()["features"]:
            self.nexthops(space, devs)
        for dummy in range(self.draw.randint(0, 5) if self.chance(0.7 * busy) else 0):
            self.route(space, devs)
        for dummy in range(self.draw.randint(1, 4) if self.chance(0.35 * busy) else 0):
            self.rule(space, plain)
        for link in space.links:
            if self.chance(0.2 * busy):
                self.neighbours(space, link)
            if link.master and link.master.kind == "bridge":
                self.station(space, link)
            if link.kind == "bridge":
                self.bridge(space, link)
            if link.kind == "vxlan" and self.chance(0.5):
                self.vtep(space, link)
            if self.chance(0.12 * busy + 0.03):
                self.queue(space, link, plain)
        if self.chance(0.25 * busy):
            self.netfilter(space, plain)
        if self.chance(0.05 * busy):
            self.say(space, "ip addrlabel add prefix 2001:db8:%d::/48 label 77" % self.draw.randint(1, 9))

    def address(self, space, link, number):
        words = []
        if self.chance(0.6):
            net = "10.%d.%d" % (space.number, number)
            if self.chance(0.05):
                net = "192.0.2"
            host, length = self.draw.randint(1, 20), self.one(["24", "24", "24", "32", "25", "16"])
            words.append("%s.%d/%s" % (net, host, length))
            if self.chance(0.1):
                words = [
                    "local %s.%d peer %s.%d/%s" % (net, host, net, self.draw.randint(30, 40), self.one(["32", "24"]))
                ]
            elif self.chance(0.3):
                words.append(
                    self.one(["broadcast +", "broadcast -", "broadcast %s.255" % net, "broadcast %s.77" % net])
                )
            if self.chance(0.1) and link.name.isascii() and len(link.name) < 12:
                words.append("label %s:%s" % (link.name, self.one(["1", "x.y", "it"])))
            if self.chance(0.1):
                words.append("scope " + self.one(["link", "host", "200"]))
            link.nets.append(net + ".")
        else:
            prefix = "2001:db8:%x:%x" % (space.number, number)
            words.append("%s::%x/%s" % (prefix, self.draw.randint(1, 20), self.one(["64", "64", "128", "48"])))
            if self.chance(0.07):
                words = ["%s::%x peer %s::77/128" % (prefix, self.draw.randint(1, 20), prefix)]
            for word, share in (("nodad", 0.4), ("home", 0.05), ("mngtmpaddr", 0.05), ("optimistic", 0.05)):
                if self.chance(share):
                    words.append(word)
            link.nets.append(prefix + "::")
        if self.chance(0.12):
            words.append("noprefixroute")
        if self.chance(0.1):
            words.append("metric %d" % self.one([50, 100, 4242]))
        if self.chance(0.07):
            words.append("proto " + self.one(["5", "77"]))
        if self.chance(0.15):
            words.append(self.one(LIFETIMES))
        if "proto" not in known()["features"]:
            words = [word for word in words if not word.startswith("proto ")]
        self.say(space, "ip address add", " ".join(words), "dev", ("w", link.name))

    def gateway(self, devs, six):
        near = [(link, net) for link in devs for net in link.nets if net.endswith("::") == six]
        if not near:
            return None, None
        link, net = self.one(near)
        return link, "%s%d" % (net, self.draw.randint(50, 60))

    def nexthops(self, space, devs):
        for number in range(1, self.draw.randint(2, 4)):
            link, via = self.gateway(devs, self.chance(0.4))
            more = self.one(["", "", "protocol static", "onlink", "scope link"])
            if link and self.chance(0.8):
                self.say(space, "ip nexthop add id", str(number), "via", via, "dev", ("w", link.name), more)
            else:
                self.say(space, "ip nexthop add id", str(number), "blackhole")
            space.nexthops.append(str(number))
        if len(space.nexthops) > 1 and self.chance(0.6):
            self.say(space, "ip nexthop add id 20 group", self.one(["1/2", "1,3/2,5", "1/2 type resilient buckets 8"]))
            space.nexthops.append("20")

    def route(self, space, devs):
        six = self.chance(0.4)
        again = [words for words in space.routes if words[0] == six]
        if again and self.chance(0.35):
            # Beside one that is there, perhaps told apart by its tos.
            six, words = self.one(again)
            words = [word for word in words if not word.startswith("tos")] if self.chance(0.5) else words[:]
        else:
            words = self.target(six)
            space.routes.append((six, words[:]))
        link, via = self.gateway(devs, six)
        verb = self.one(["add", "append", "append"])
        if self.chance(0.5):
            words.append("proto " + self.one(PROTO))
        if self.chance(0.3):
            words += self.some(METRIC_WORDS, 0.15, 4)
        if six and self.chance(0.1):
            words.append("pref " + self.one(["low", "medium", "high"]))
        if six and self.chance(0.08):
            words.append("expires 3600")
        kind = self.draw.random()
        if kind < 0.15 or link is None:
            what = self.one(["blackhole", "unreachable", "prohibit", "throw"])
            self.say(space, "ip", "-6" if six else "-4", "route", verb, what, *words)
            return
        if kind < 0.2:
            what = self.one(["local", "broadcast", "multicast", "anycast", "unicast"])
            self.say(space, "ip", "-6" if six else "-4", "route", verb, what, *words, "dev", ("w", link.name))
            return
        if space.nexthops and self.chance(0.5):
            self.say(space, "ip", "-6" if six else "-4", "route", verb, *words, "nhid", self.one(space.nexthops))
            return
        if self.chance(0.15):
            addresses = [net for other in devs for net in other.nets if net.endswith("::") == six]
            words.append("src %s%d" % (self.one(addresses), self.draw.randint(1, 20)))
        if self.chance(0.15):
            hops = []
            for dummy in range(self.draw.randint(2, 3)):
                other, gate = self.gateway(devs, six)
                hop = ["nexthop via", gate, "dev", ("w", other.name)]
                if self.chance(0.5):
                    hop.append("weight %d" % self.one([1, 2, 100, 256]))
                if self.chance(0.1):
                    hop.append("onlink")
                hops += hop
            self.say(space, "ip", "-6" if six else "-4", "route", verb, *words, *hops)
            return
        if self.chance(0.05):
            words.append(
                self.one(["encap mpls 77", "encap seg6 mode encap segs 2001:db8::5", "encap ip id 5 dst 10.9.9.9"])
            )
        if self.chance(0.25):
            if not six and self.chance(0.4):
                words.append("scope " + self.one(["link", "global", "host", "site", "200"]))
            self.say(space, "ip", "-6" if six else "-4", "route", verb, *words, "dev", ("w", link.name))
            return
        other, six_via = self.gateway(devs, True)
        if not six and other and self.chance(0.15):
            words += ["via inet6", six_via, "dev", ("w", other.name)]
        elif self.chance(0.15):
            words += [
                "via",
                self.one(["2001:db8:ffff::1"] if six else ["203.0.113.1"]),
                "dev",
                ("w", link.name),
                "onlink",
            ]
        else:
            words += ["via", via, "dev", ("w", link.name)]
        self.say(space, "ip", "-6" if six else "-4", "route", verb, *words)

    def target(self, six):
        """Destination, source, tos, metric and table."""
        words = [self.destination(six)]
        if six and self.chance(0.1):
            words.append("from 2001:db8:77::/48")
        if not six and self.chance(0.1):
            words.append("tos " + self.one(["0x10", "0x08", "0x04"]))
        if self.chance(0.4):
            words.append("metric %s" % self.one(["0", "1", "100", "1024", "4294967295", "50"]))
        if self.chance(0.25):
            words.append("table %s" % self.one(["100", "200", "1000", "4294967294", "local", "default"]))
        return words

    def destination(self, six):
        if self.chance(0.25):
            return "default"
        if six:
            return self.one(["2001:db8:100::/48", "2001:db8:101::/64", "2001:db8:102::1/128", "2000::/3"])
        return self.one(["198.51.100.0/24", "203.0.113.0/25", "203.0.113.7/32", "172.16.0.0/12", "0.0.0.0/1"])

    def rule(self, space, links):
        six = self.chance(0.3)
        words = [self.one(SELECTORS6 if six else SELECTORS) for dummy in range(self.one([1, 1, 2, 3]))]
        words = [word for word in dict.fromkeys(words) if word.split()[0] not in known()["not rules"]]
        seen, kept = set(), []
        for word in words:
            first = {"not": "from", "dsfield": "tos"}.get(word.split()[0], word.split()[0])
            if first not in seen:
                kept.append(word.format(dev=self.one(links).name if links else "eth0"))
            seen.add(first)
        kept.sort(key=lambda word: not word.startswith("not"))  # it stands at the front
        words = kept
        if self.chance(0.7):
            words.append("priority %s" % self.one(["0", "5", "100", "100", "1000", "32766", "40000"]))
        if self.chance(0.4):
            words.append("protocol " + self.one(PROTO))
        if "l3mdev" not in words:
            words.append(self.one(ACTIONS))
        self.say(space, "ip", "-6" if six else "-4", "rule add", *words)

    def neighbours(self, space, link):
        for dummy in range(self.draw.randint(1, 3)):
            address = self.one(["10.%d.9.%d", "2001:db8:9:%d::%d"]) % (space.number, self.draw.randint(1, 9))
            form = self.one(["", "", "proxy", "extern", "nud", "managed", "router"])
            if form == "proxy":
                self.say(space, "ip neighbour add proxy", address, "dev", ("w", link.name))
                continue
            more = ["nud permanent"]
            if form == "nud":
                more = ["nud " + self.one(["noarp", "stale", "reachable"])]
            if form == "extern":
                more.append("extern_learn")
            if form == "router":
                more.append("router")
            if form == "managed":
                self.say(space, "ip neighbour add", address, "dev", ("w", link.name), "managed")
                continue
            if self.chance(0.2):
                more.append("protocol " + self.one(PROTO[:5]))
            self.say(space, "ip neighbour add", address, "lladdr 02:00:00:ff:00:%02x" % self.draw.randint(1, 99), "dev",
                     ("w", link.name), *more)  # fmt: skip

    def station(self, space, link):
        for dummy in range(self.one([0, 0, 1, 2])):
            mac = "02:00:00:fd:00:%02x" % self.draw.randint(1, 9)
            form = self.one(["static", "static", "local", "extern_learn", "sticky", "static sticky"])
            vlan = self.one(["", "", "vlan 5", "vlan 1"]) if "bridge vlan" in known()["features"] else ""
            self.say(space, "bridge fdb add", mac, "dev", ("w", link.name), "master", form, vlan)

    def bridge(self, space, bridge):
        ports = [link for link in space.links if link.master is bridge]
        if self.chance(0.4) and "bridge vlan" in known()["features"]:
            for link in [*ports, bridge]:
                for dummy in range(self.one([0, 1, 2])):
                    vids = self.one(["5", "6", "10-14", "100", "4094", "2"])
                    more = (
                        self.one(["", "pvid untagged", "untagged", "pvid"])
                        if "-" not in vids
                        else self.one(["", "untagged"])
                    )
                    own = "self" if link is bridge else ""
                    self.say(space, "bridge vlan add dev", ("w", link.name), "vid", vids, more, own)
                if link is not bridge and self.chance(0.1):
                    self.say(space, "bridge vlan add dev", ("w", link.name), "vid 10-12 tunnel_info id 1010-1012")
                if link is not bridge and self.chance(0.1):
                    self.say(
                        space,
                        "bridge vlan set dev",
                        ("w", link.name),
                        "vid 5",
                        self.one(["mcast_router 2", "neigh_suppress on"]),
                    )
            if self.chance(0.2):
                self.say(
                    space,
                    "bridge vlan global set dev",
                    ("w", bridge.name),
                    "vid 1",
                    self.one(["mcast_querier 1", "mcast_snooping 0"]),
                )
        for link in ports:
            if self.chance(0.25):
                form = self.one(GROUPS)
                group = self.one(["239.1.1.1", "239.1.1.2"])
                if form == "permanent":
                    group = self.one([group, "ff05::1:3", "01:02:03:04:05:06"])
                vid = self.one(["", "", "vid 1"]) if "bridge vlan" in known()["features"] else ""
                self.say(
                    space, "bridge mdb add dev", ("w", bridge.name), "port", ("w", link.name), "grp", group, form, vid
                )
        if self.chance(0.08):
            self.say(space, "bridge mdb add dev", ("w", bridge.name), "port", ("w", bridge.name), "grp 239.9.9.9")
        if self.chance(0.1):
            self.say(
                space,
                "bridge fdb add 02:00:00:fc:00:01 dev",
                ("w", bridge.name),
                "self",
                self.one(["local", "permanent"]),
            )

    def vtep(self, space, link):
        for dummy in range(self.draw.randint(1, 3)):
            mac = self.one(["00:00:00:00:00:00", "02:00:00:fb:00:%02x" % self.draw.randint(1, 5)])
            more = self.some(["port 5000", "vni 99", "src_vni 5"], 0.2)
            verb = "append" if mac.startswith("00") else "add"
            form = self.one(["", "permanent", "static", "extern_learn", "router"])
            self.say(
                space,
                "bridge fdb",
                verb,
                mac,
                "dev",
                ("w", link.name),
                "dst 192.0.2.%d" % self.draw.randint(50, 60),
                *more,
                form,
            )
        if self.chance(0.2) and "vni" in known()["features"]:
            self.say(space, "bridge vni add dev", ("w", link.name), "vni 100-102")

    def queue(self, space, link, links):
        usable = known()["qdiscs"]
        form = self.draw.random()
        if form < 0.5 and usable:
            handle = self.one(["", "handle 1:", "handle 8001:", "handle abc:"])
            self.say(space, "tc qdisc add dev", ("w", link.name), "root", handle, self.one(usable))
        elif form < 0.7 and "htb" in known()["features"]:
            self.say(space, "tc qdisc add dev", ("w", link.name), "root handle 1: htb default 10 r2q 5")
            self.say(
                space,
                "tc class add dev",
                ("w", link.name),
                "parent 1: classid 1:10 htb rate 1mbit ceil 5mbit burst 15k prio 2",
            )
            self.say(space, "tc class add dev", ("w", link.name), "parent 1:10 classid 1:11 htb rate 500kbit")
            if usable:
                self.say(
                    space,
                    "tc qdisc add dev",
                    ("w", link.name),
                    "parent 1:11",
                    self.one(["", "handle 20:"]),
                    self.one(usable),
                )
            self.filter(space, link, links, "parent 1:")
        elif "clsact" in known()["features"]:
            what = self.one(["clsact", "ingress"])
            self.say(space, "tc qdisc add dev", ("w", link.name), what)
            self.filter(space, link, links, self.one(["ingress", "egress"]) if what == "clsact" else "ingress")

    def filter(self, space, link, links, where):
        for words in self.some(known()["filters"], 0.3, 3):
            words = words.format(dev=self.one(links).name if links else "lo")
            parts = words.split("'")
            words = [parts[0], ("w", parts[1]), parts[2]] if len(parts) > 1 else [words]
            self.say(space, "tc filter add dev", ("w", link.name), where, *words)

    def netfilter(self, space, links):
        dev = self.one(links).name if links else "eth0"
        form = self.draw.random()
        if form < 0.65 and "nft" in known()["features"]:
            for text in [self.one(NFT + NFT_NAT + NFT_OTHER) for dummy in range(self.draw.randint(1, 3))]:
                six = self.chance(0.3)
                family = self.one(["ip6", "inet"] if six and text in NFT else ["ip6"] if six else ["ip", "ip", "inet"])
                family = ("ip6" if six else "ip") if text in NFT_NAT else family
                text = text.format(
                    f=family,
                    fam="ip6" if six else "ip",
                    a="ipv6_addr" if six else "ipv4_addr",
                    n="2001:db8::/64, 2001:db8:1::-2001:db8:2::"
                    if six
                    else "10.0.0.0/8, 192.168.1.0/24, 172.16.0.1-172.16.0.9",
                    n2="2001:db8::/64" if six else "10.0.0.0/8",
                    h="2001:db8::5" if six else "10.0.0.5",
                    dev=dev,
                )
                for part in text.replace(";;", ";").split("; add "):
                    part = part if part.startswith("add ") else "add " + part
                    self.lines.append((space.name, ["nft", part], None))
        elif "iptables" in known()["features"]:
            program = self.one(["iptables", "iptables", "ip6tables"])
            for words in [self.one(IPTABLES) for dummy in range(self.draw.randint(1, 4))]:
                if program == "ip6tables" and "10." in words:
                    continue
                comment = self.one(COMMENTS)
                out = [comment if word == "{comment}" else word.format(dev=dev) for word in words.split()]
                self.lines.append((space.name, [program, *out], None))


# What the programs and the kernel here take


def listed(lines):
    return [("", line if isinstance(line, list) else line.split(), None) for line in lines]


def tried():
    """Each on its own, on a host of its own."""
    out = {"kinds": set(), "options": set(), "any": set(), "features": set(), "qdiscs": [], "filters": []}
    out["not rules"] = set()

    def good(*lines):
        lines = listed(lines)
        return not hosts.build(lines)

    def one(line):
        return hosts.single(listed([line])[0]) is None

    one("ip link add low type veth peer name lowp")
    one("ip link add br9 type bridge vlan_filtering 1")
    one("ip link add p9 type veth peer name p9p")
    one("ip link set p9 master br9")
    one("ip link set low up")
    one("ip link set lowp up")
    one("ip link add mv9 link p9p type macvlan")
    more = {
        "vlan": "link low {} type vlan id 5 ",
        "macvlan": "link low {} type macvlan ",
        "ipvlan": "link low {} type ipvlan ",
        "macsec": "link low {} type macsec port 3 ",
        "macvtap": "link low {} type macvtap ",
        "vxlan": "{} type vxlan id 5 dstport 4789 ",
        "geneve": "{} type geneve id 5 remote 192.0.2.9 ",
        "vrf": "{} type vrf table 10 ",
        "xfrm": "{} type xfrm if_id 5 ",
        "netkit": "{} type netkit ",
        "hsr": "{} type hsr slave1 low slave2 lowp ",
        "ip6tnl": "{} type ip6tnl local 2001:db8::1 remote 2001:db8::2 ",
        "ip6gre": "{} type ip6gre local 2001:db8::1 remote 2001:db8::2 ",
    }
    for kind in ("gre", "gretap", "ipip", "sit", "vti"):
        more[kind] = "{} type %s local 192.0.2.1 remote 192.0.2.2 " % kind
    for kind in [*KINDS, "gretap"]:
        make = "ip link add " + more.get(kind, "{} type %s " % kind)
        if kind == "tun":
            make = "ip tuntap add dev {} mode tap "
        if not one(make.format("try")):
            continue
        out["kinds"].add(kind)
        one("ip link del try")
        for word, values in KINDS.get(kind, {}).items():
            line = make.format("try") + word + " " + (values[0] if values else "")
            if kind == "netkit" and word != "mode":
                line = (
                    make.format("try").replace("netkit", "netkit mode l3") + word + " " + (values[0] if values else "")
                )
            extra = {"updelay": " miimon 100", "downdelay": " miimon 100", "peer_notify_delay": " miimon 100"}
            extra.update(
                {"lacp_rate": " mode 802.3ad", "ad_select": " mode 802.3ad", "coupled_control": " mode 802.3ad"}
            )
            extra.update({"gbp": "", "vnifilter": " external"})
            line += extra.get(word, "")
            if kind == "vxlan" and word == "vnifilter":
                line = line.replace("id 5 ", "")
            if one(line):
                out["options"].add((kind, word))
                one("ip link del try")
    for word, values in PORT.items():
        if one("ip link set p9 type bridge_slave %s %s" % (word, values[0])):
            out["options"].add(("port", word))
    if "bond" in out["kinds"]:
        one("ip link add bo type bond")
        one("ip link add b9 type veth peer name b9p")
        one("ip link set b9 master bo")
        for word, values in BOND_PORT.items():
            if one("ip link set b9 type bond_slave %s %s" % (word, values[0])):
                out["options"].add(("port", word))
    for word, values in ANY.items():
        if one(["ip", "link", "set", "dev", "mv9" if word == "protodown" else "p9p", word, values[0]]):
            out["any"].add(word)
    one("ip address add 10.0.0.1/24 dev low")
    for name, line in {
        "nexthop": "ip nexthop add id 1 via 10.0.0.2 dev low",
        "proto": "ip address add 10.0.9.1/24 dev low proto 5",
        "htb": "tc qdisc add dev lowp root handle 1: htb",
        "clsact": "tc qdisc add dev low clsact",
        "nft": "nft add table ip x",
        "bridge vlan": "bridge vlan add dev p9 vid 5",
        "vni": "ip link add vf type vxlan dstport 4790 external vnifilter",
        "iptables": "iptables -t nat -A POSTROUTING -j ACCEPT",
    }.items():
        if one(line):
            out["features"].add(name)
    if "wireguard" in out["kinds"]:
        one("ip link add wg9 type wireguard")
        if one("wg set wg9 listen-port 5555"):
            out["features"].add("wg")
    one("ip link set br9 up")
    for words in QDISCS:
        if one("tc qdisc add dev p9 root " + words):
            out["qdiscs"].append(words)
            one("tc qdisc del dev p9 root")
    for words in FILTERS:
        parts = words.format(dev="lowp").split("'")
        line = ("tc filter add dev low ingress " + parts[0]).split() + (
            [parts[1], *parts[2].split()] if len(parts) > 1 else []
        )
        if one(line):
            out["filters"].append(words)
    for number, words in enumerate(["l3mdev", "tun_id 55", "dscp 10", "flowlabel 0x5/0xff", "uidrange 0-1000"]):
        family = "-6" if "flowlabel" in words else "-4"
        action = "" if words == "l3mdev" else " lookup main"
        if not one("ip %s rule add priority %d %s%s" % (family, 7000 + number, words, action)):
            out["not rules"].add(words.split()[0])
    return out


@lru_cache(maxsize=None)
def known():
    """What there is on this kernel, with these programs."""
    return hosts.fresh(tried)
