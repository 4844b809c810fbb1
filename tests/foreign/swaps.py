# SPDX-License-Identifier: GPL-3.0-or-later
"""Pairs of descriptions of the same names whose identities are permuted, as tasks of the module topology."""

import copy
import random

import grammar

NAMES = ["one", "two", "three"]
KEYS = [
    "YAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=",
    "mJKmjRtYFs0yYLp1QhdHnCGcc+mHmfFYLwHYoBSpMkI=",
    "SA9fT2vMkTqBmOBk3RmTBG+vgVQrUYyoUmMU2G9s1HI=",
]


class Swap:
    """Two descriptions, and in what they differ."""

    def __init__(self, seed, index):
        self.draw = random.Random("%s:%s swap" % (seed, index))
        self.titles = []
        self.nodes = [{"name": "s1", "links": []}, {"name": "s2", "links": []}]
        self.other = copy.deepcopy(self.nodes)
        self.pairs = []
        known = grammar.known()["kinds"] | grammar.known()["features"]
        makers = [maker for maker in MAKERS if needs(maker) <= known]
        makers = self.draw.sample(makers, min(self.draw.choice([1, 1, 1, 2, 3]), len(makers)))
        for maker in makers:
            self.prefix = maker.__name__[:4]
            self.titles.append(maker.__name__)
            self.count = self.draw.choice([2, 2, 3])
            maker(self)
        self.first, self.second = self.described(self.nodes), self.described(self.other)

    def described(self, nodes):
        return {"name": "swap", "nodes": nodes, "links": copy.deepcopy(self.pairs), "allow_overlap": True}

    # What the makers use

    def names(self):
        return ["%s-%s" % (self.prefix, name) for name in NAMES[: self.count]]

    def orders(self, values):
        """The values in two orders; now and then one is new in the second."""
        values = list(values)
        first = values[: self.count]
        second = first[:]
        while second == first:
            self.draw.shuffle(second)
        if len(values) > self.count and self.draw.random() < 0.3:
            second[self.draw.randrange(self.count)] = values[self.count]
        return first, second

    def each(self, values, build, part="links", node=0):
        """An entry for each name with a value, in both descriptions."""
        for nodes, order in zip((self.nodes, self.other), self.orders(values)):
            for number, (name, value) in enumerate(zip(self.names(), order)):
                entry = build(number, name, value)
                nodes[node].setdefault(part, []).extend(entry if isinstance(entry, list) else [entry])

    def both(self, entry, part="links", node=0):
        for nodes in (self.nodes, self.other):
            nodes[node].setdefault(part, []).append(copy.deepcopy(entry))

    def low(self, name="low", up=True, **more):
        """A pair to the other namespace, with its name of the first."""
        name = "%s%s" % (self.prefix, name)
        mac = "02:00:00:0a:%02x:%02x" % (len(self.pairs), self.draw.randint(0, 255))
        end = {"node": "s1", "name": name, "up": up, "address": mac, **more}
        far = {"node": "s2", "name": name, "address": mac.replace(":0a:", ":0b:")}
        self.pairs.append({"endpoints": [end, far]})
        return name

    def extra(self, number):
        """What is on a link: it stays when the identity changes."""
        net = 20 + len(self.titles)
        out = {}
        if self.draw.random() < 0.7:
            out["addresses"] = ["10.%d.%d.1/24" % (net, number)]
        if self.draw.random() < 0.3:
            out.setdefault("addresses", []).append("2001:db8:%d:%d::1/64" % (net, number))
        if self.draw.random() < 0.3:
            out["alias"] = "number %d" % number
        if self.draw.random() < 0.3:
            out["mtu"] = 1300
        return out


def needs(maker):
    return set(maker.__doc__.partition(":")[0].split(", ")) - {"any"}


def once(swap):
    """The same for a link in both descriptions."""
    known = {}

    def extra(number):
        if number not in known:
            known[number] = swap.extra(number)
        return copy.deepcopy(known[number])

    return extra


def vlan_ids(swap):
    """vlan: on one link."""
    low, extra = swap.low(), once(swap)
    swap.each(
        [10, 20, 30, 40],
        lambda n, name, value: {
            "kind": "vlan",
            "name": name,
            "link": low,
            "id": value,
            "recreate": True,
            "address": mac(n),
            **extra(n),
        },
    )


def mac(number, part=1):
    return "02:00:00:cc:%02x:%02x" % (part, number)


def vxlan_ids(swap):
    """vxlan: with one port."""
    extra = once(swap)
    swap.each(
        [10, 20, 30, 40],
        lambda n, name, value: {
            "kind": "vxlan",
            "name": name,
            "id": value,
            "dstport": 4789,
            "recreate": True,
            "address": mac(n, 2),
            **extra(n),
        },
    )


def vxlan_remotes(swap):
    """vxlan: whose remote moves."""
    swap.prefix = "vr"
    extra = once(swap)
    swap.each(
        ["192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.14"],
        lambda n, name, value: {
            "kind": "vxlan",
            "name": name,
            "id": 70 + n,
            "dstport": 4788,
            "remote": value,
            "address": mac(n, 3),
            **extra(n),
        },
    )


def geneve_ids(swap):
    """geneve: with one remote."""
    extra = once(swap)
    swap.each(
        [10, 20, 30, 40],
        lambda n, name, value: {
            "kind": "geneve",
            "name": name,
            "id": value,
            "remote": "192.0.2.21",
            "recreate": True,
            "address": mac(n, 4),
            **extra(n),
        },
    )


def tunnel(kind):
    six = kind.startswith("ip6")

    def remotes(swap):
        extra = once(swap)
        form = "2001:db8:99::%d" if six else "192.0.2.%d"
        swap.each(
            [form % n for n in (31, 32, 33, 34)],
            lambda n, name, value: {"kind": kind, "name": name, "local": form % 1, "remote": value, **extra(n)},
        )

    remotes.__doc__, remotes.__name__ = kind + ": remotes.", "%s_remotes" % kind
    return remotes


def keyed(kind):
    six = kind.startswith("ip6")

    def keys(swap):
        extra = once(swap)
        form = "2001:db8:98::%d" if six else "192.0.2.%d"
        swap.each(
            [10, 20, 30, 40],
            lambda n, name, value: {
                "kind": kind,
                "name": name,
                "local": form % 2,
                "remote": form % 41,
                "key": value,
                **extra(n),
            },
        )

    keys.__doc__, keys.__name__ = kind + ": keys.", "k%s_keys" % kind
    return keys


def wireguard_ports(swap):
    """wireguard: listening."""
    extra = once(swap)
    swap.each(
        [51820, 51821, 51822, 51823],
        lambda n, name, value: {
            "kind": "wireguard",
            "name": name,
            "listen_port": value,
            "private_key": KEYS[n],
            **extra(n),
        },
    )


def wireguard_keys(swap):
    """wireguard: private keys."""
    swap.prefix = "wk"
    extra = once(swap)
    swap.count = min(swap.count, 3)
    swap.each(
        KEYS,
        lambda n, name, value: {
            "kind": "wireguard",
            "name": name,
            "listen_port": 40000 + n,
            "private_key": value,
            **extra(n),
        },
    )


def xfrm_ids(swap):
    """xfrm: the numbers of the policies."""
    extra = once(swap)
    swap.each(
        [10, 20, 30, 40],
        lambda n, name, value: {"kind": "xfrm", "name": name, "if_id": value, "recreate": True, **extra(n)},
    )


def vrf_tables(swap):
    """vrf: their tables."""
    swap.each(
        [110, 120, 130, 140],
        lambda n, name, value: {"kind": "vrf", "name": name, "table": value, "recreate": True, "address": mac(n, 5)},
    )


def vrf_ports(swap):
    """vrf: which has the port."""
    swap.prefix = "vp"
    lows = [swap.low("p%d" % n, addresses=["10.30.%d.1/24" % n]) for n in range(swap.count)]
    masters = swap.names()
    for n, name in enumerate(masters):
        swap.both({"kind": "vrf", "name": name, "table": 210 + n, "address": mac(n, 6)})
    swap.each(masters, lambda n, name, value: {"name": lows[n], "master": value, "take_over": True})


def bridge_ports(swap):
    """bridge: which has the port."""
    swap.prefix = "bp"
    lows = [swap.low("p%d" % n) for n in range(swap.count)]
    masters = swap.names()
    options = [{"cost": 5 + n, "hairpin": True} if swap.draw.random() < 0.5 else {} for n in range(swap.count)]
    orders = swap.orders(masters)
    for nodes, order in zip((swap.nodes, swap.other), orders):
        for n, name in enumerate(masters):
            ports = [dict(options[i], name=lows[i]) for i, master in enumerate(order) if master == name]
            nodes[0]["links"].append(
                {"kind": "bridge", "name": name, "ports": ports, "take_over": True, "address": mac(n, 7)}
            )


def link_addresses(swap):
    """any: MAC addresses."""
    swap.prefix = "ma"
    lows = [swap.low("m%d" % n) for n in range(swap.count)]
    for pair in swap.pairs:
        for end in pair["endpoints"]:
            if end["name"] in lows and end["node"] == "s1":
                end.pop("address")
    swap.each([mac(n, 8) for n in range(4)], lambda n, name, value: {"name": lows[n], "address": value})


def ip_addresses(swap):
    """any: an address that another link had."""
    swap.prefix = "ia"
    lows = [swap.low("a%d" % n) for n in range(swap.count)]
    six = swap.draw.random() < 0.4
    form = "2001:db8:40:%d::1/64" if six else "10.40.%d.1/24"
    swap.each(
        [form % n for n in range(4)], lambda n, name, value: {"name": lows[n], "addresses": [value], "exclusive": True}
    )


def alt_names(swap):
    """any: alternative names."""
    swap.prefix = "an"
    lows = [swap.low("n%d" % n) for n in range(swap.count)]
    swap.each(
        ["other-%d" % n for n in range(4)],
        lambda n, name, value: {"name": lows[n], "altnames": [value], "exclusive": True},
    )


def route_metrics(swap):
    """any: metrics of routes to one place."""
    swap.prefix = "rm"
    lows = [swap.low("r%d" % n, addresses=["10.50.%d.1/24" % n]) for n in range(swap.count)]
    dest = swap.draw.choice(["203.0.113.0/24", "default"])
    swap.each(
        [10, 20, 30, 40],
        lambda n, name, value: {"dest": [dest], "via": "10.50.%d.9" % n, "dev": lows[n], "metric": value},
        "routes",
    )


def route_gateways(swap):
    """any: gateways of routes."""
    swap.prefix = "rg"
    lows = [swap.low("g%d" % n, addresses=["10.51.%d.1/24" % n]) for n in range(3)]
    del lows
    swap.each(
        ["10.51.0.9", "10.51.1.9", "10.51.2.9"],
        lambda n, name, value: {"dest": ["198.51.%d.0/24" % n], "via": value},
        "routes",
    )


def rule_priorities(swap):
    """any: priorities of rules."""
    swap.each(
        [1010, 1020, 1030, 1040],
        lambda n, name, value: {"priority": value, "from": "10.60.%d.0/24" % n, "table": str(300 + n)},
        "rules",
    )


def rule_tables(swap):
    """any: where rules lead."""
    swap.each(
        [310, 320, 330, 340],
        lambda n, name, value: {"priority": 1100 + n, "from": "10.61.%d.0/24" % n, "table": str(value)},
        "rules",
    )


def neighbour_macs(swap):
    """any: MAC addresses of neighbours."""
    swap.prefix = "nm"
    low = swap.low("h", addresses=["10.70.0.1/24"])
    swap.each(
        [mac(n, 9) for n in range(4)],
        lambda n, name, value: {"dev": low, "address": "10.70.0.%d" % (10 + n), "lladdr": value},
        "neighbours",
    )


def stations(swap):
    """bridge: behind which port a MAC address is."""
    swap.prefix = "st"
    lows = [swap.low("s%d" % n) for n in range(swap.count)]
    swap.both({"kind": "bridge", "name": "st-br", "ports": [{"name": name} for name in lows], "address": mac(0, 10)})
    swap.each([mac(n, 11) for n in range(4)], lambda n, name, value: {"dev": lows[n], "lladdr": value}, "fdb")


def port_vlans(swap):
    """bridge, bridge vlan: VLANs of ports."""
    swap.prefix = "pv"
    lows = [swap.low("v%d" % n) for n in range(swap.count)]
    ports = [{"name": name} for name in lows]
    swap.both({"kind": "bridge", "name": "pv-br", "vlan_filtering": True, "ports": ports, "address": mac(0, 12)})
    swap.each(
        [10, 20, 30, 40],
        lambda n, name, value: {"dev": lows[n], "pvid": value, "untagged": [str(value)], "exclusive": True},
        "vlans",
    )


def forwarded_ports(swap):
    """nft: where ports lead."""
    swap.each(
        ["8010", "8020", "8030", "8040"],
        lambda n, name, value: {
            "name": name,
            "dport": value,
            "to": "10.90.0.%d" % (n + 1),
            "to_port": 80,
            "backend": "nft",
        },
        "port_forwards",
    )


def macvlan_addresses(swap):
    """macvlan: MAC addresses on one link."""
    swap.prefix = "mv"
    low = swap.low()
    extra = once(swap)
    swap.each(
        [mac(n, 13) for n in range(4)],
        lambda n, name, value: {
            "kind": "macvlan",
            "name": name,
            "link": low,
            "mode": "bridge",
            "address": value,
            **extra(n),
        },
    )


def impairments(swap):
    """any: rates."""
    swap.prefix = "im"
    lows = [swap.low("i%d" % n) for n in range(swap.count)]
    swap.each([8000000, 16000000, 24000000], lambda n, name, value: {"dev": lows[n], "rate": value}, "impairments")


MAKERS = [
    vlan_ids,
    vxlan_ids,
    vxlan_remotes,
    geneve_ids,
    wireguard_ports,
    wireguard_keys,
    xfrm_ids,
    vrf_tables,
    vrf_ports,
]
MAKERS += [bridge_ports, link_addresses, ip_addresses, alt_names, route_metrics, route_gateways, rule_priorities]
MAKERS += [rule_tables, neighbour_macs, stations, port_vlans, forwarded_ports, macvlan_addresses, impairments]
MAKERS += [tunnel(kind) for kind in ("ipip", "sit", "gre", "gretap", "ip6tnl", "ip6gre", "vti")]
# Of vti the kernel takes no two with other keys alone.
MAKERS += [keyed(kind) for kind in ("gre", "gretap", "ip6gre")]
