# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks for networks that others made: each with what it may change. All else has to stay as it is."""

import ipaddress
import re
from dataclasses import dataclass, field

import witness

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.]*\Z")
ON_LINK = ("addr", "addr order", "neigh", "fdb", "vlan", "vlan options", "qdisc", "class", "filter", "vni", "link")
ON_LINK += ("wireguard", "wireguard peer")
FOREVER = 0xFFFFFFFF
KERNEL = 2
UP, ALLMULTI = 1, 0x200
# What of a master follows from its ports.
FOLLOWS = ["address", "mtu", "ipv6.mtu", "promiscuity", "allmulti", "min mtu", "max mtu", "flags", "gso_max_size"]
FOLLOWS += ["gso_max_segs", "tso_max_size", "tso_max_segs", "gro_max_size", "gso_ipv4_max_size", "gro_ipv4_max_size"]
# Those that the kernel makes with the first tunnel of a kind, and of which it deletes none.
FALLBACK = ("lo", "gre0", "gretap0", "erspan0", "tunl0", "sit0", "ip6tnl0", "ip6gre0", "ip_vti0", "ip6_vti0")


@dataclass
class Task:
    scenario: str  # nothing, one, move, rename, recreate, hand-over, adopt, fed back
    what: str
    module: str
    params: dict
    # Of a difference: whether the task may make it.
    allowed: list = field(default_factory=list)
    # Links that are elsewhere afterwards, and links that may be made anew.
    moved: dict = field(default_factory=dict)
    remade: set = field(default_factory=set)
    # Whether it has to change something (True), must not (False), or may be refused (None).
    changes: object = True
    # What has to be there for it.
    target: tuple = None
    among: object = None  # which of several with that key

    def shown(self):
        return {"module": self.module, "params": self.params}


class View:
    """A snapshot as somebody who writes tasks sees it: only what has plain names."""

    def __init__(self, things, draw):
        self.things, self.draw = things, draw
        self.spaces = [key[1] for key in things if key[0] == "netns" and key[1] in ("", "w1", "w2")]
        self.links = [
            (key[1], key[2], value)
            for key, value in things.items()
            if key[0] == "link" and key[1] in self.spaces and PLAIN.match(key[2]) and key[2] not in FALLBACK
        ]

    def of(self, kind, ns=None, dev=None):
        return [
            (key, value)
            for key, value in self.things.items()
            if key[0] == kind and (ns is None or key[1] == ns) and (dev is None or key[2] == dev)
        ]

    def pick(self, found):
        found = list(found)
        return self.draw.choice(found) if found else None

    def link(self, want=lambda value: True):
        return self.pick(link for link in self.links if want(link[2]))

    def uppers(self, ns, dev):
        """What stands on a link, and what stands on that, in this or another namespace."""
        out, todo = set(), [(ns, dev)]
        while todo:
            place = todo.pop()
            for key, value in self.of("link"):
                if (key[1], key[2]) in out or value.get("kind") in ("veth", "netkit"):
                    continue
                low = value.get("link") or value.get("vxlan.3") or ""
                far = "%s:%s" % place
                if (key[1] == place[0] and low == place[1]) or low == far:
                    out.add((key[1], key[2]))
                    todo.append((key[1], key[2]))
        return out

    def peer(self, ns, value):
        """The other end of a veth pair, as namespace and name."""
        low = value.get("link") or ""
        if value.get("kind") not in ("veth", "netkit") or low == "nameless":
            return None
        space, colon, name = low.partition(":")
        return (space, name) if colon else (ns, low)


def is_new(d):
    return d[2] is None or d[2] == []


def is_gone(d):
    return d[3] is None or d[3] == []


def key_is(*key):
    return lambda d: d[0][: len(key)] == key


def words(*key, only=()):
    """Only these attributes of one thing."""
    return lambda d: d[0] == key and d[1] in only


def about(ns, dev):
    """Whatever is on a link, and routes by it."""

    def rule(d):
        key = d[0]
        if key[1:2] != (ns,):
            return False
        if key[0] in ON_LINK:
            return key[2] == dev
        if key[0] == "mdb":
            return dev in (key[2], key[3])
        if key[0] in ("route", "nexthop", "nft", "nft chain", "nft flowtable"):
            return uses(d, dev)
        return False

    return rule


def uses(d, dev):
    text = repr((d[2], d[3]))
    # The kernel tells of those in a flow table by their names.
    return repr(dev) in text or (d[0][0] == "nft flowtable" and dev.encode().hex(" ") + " 00" in text)


def kernel_routes(ns, added=True, gone=False):
    """Routes that the kernel makes for an address or a link."""

    def rule(d):
        if d[0][0] != "route" or d[0][1] != ns or not (is_new(d) if added else is_gone(d)):
            return False
        routes = d[3] if added else d[2]
        return all(isinstance(r, dict) and r["proto"] == KERNEL for r in routes)

    return rule


# (a) Tasks that change nothing


def nothing_link(view):
    link = view.link()
    if not link:
        return None
    ns, dev, value = link
    params = {"name": dev, "netns": ns}
    if view.draw.random() < 0.6:
        params["up"] = bool(value["flags"] & UP)
    if view.draw.random() < 0.5:
        params["mtu"] = value["mtu"]
    if view.draw.random() < 0.5 and value.get("alias", "").isascii() and value.get("alias", "").isprintable():
        params["alias"] = value.get("alias", "")
    if view.draw.random() < 0.5:
        params["txqueuelen"] = value["txqueuelen"]
    if value.get("altnames") and view.draw.random() < 0.5:
        params["altnames"] = [name for name in value["altnames"] if name.isascii() and "'" not in name][:1]
    addresses = [
        key[3] for key, v in view.of("addr", ns, dev) if permanent(v) and not key[4] and plain_address(key[3], v)
    ]
    if addresses and view.draw.random() < 0.6:
        params["addresses"] = addresses[:2]
    return Task("nothing", "a link as it is", "link", params, changes=False)


def permanent(value):
    return value["valid"].seconds == FOREVER and value["preferred"].seconds == FOREVER


def plain_address(address, value):
    return not address.startswith("fe80") and value["scope"] in (0, 253, 254)


def nothing_kind(view):
    modules = {
        "bridge": "linux_bridge",
        "veth": "veth",
        "dummy": "dummy",
        "ifb": "ifb",
        "vlan": "vlan",
        "vxlan": "vxlan",
    }
    modules.update(
        {"macvlan": "macvlan", "ipvlan": "ipvlan", "bond": "bond", "wireguard": "wireguard", "geneve": "geneve"}
    )
    link = view.link(lambda value: value.get("kind") in ("bridge", "dummy", "ifb", "bond", "veth"))
    if not link:
        return None
    ns, dev, value = link
    params = {"name": dev, "netns": ns, "up": bool(value["flags"] & UP)}
    if value["kind"] == "veth":
        peer = view.peer(ns, value)
        if not peer or peer[0] not in view.spaces or not PLAIN.match(peer[1]):
            return None
        far = view.things["link", peer[0], peer[1]]
        params["peer"] = {"name": peer[1], "netns": peer[0], "up": bool(far["flags"] & UP)}
    if value["kind"] == "bridge":
        ports = [key[2] for key, v in view.of("link", ns) if v.get("master") == dev and PLAIN.match(key[2])]
        if ports and view.draw.random() < 0.6:
            params["ports"] = [{"name": name} for name in ports]
    return Task("nothing", "a link of its kind as it is", modules[value["kind"]], params, changes=False)


def nothing_address(view):
    found = view.pick(
        (key, v) for key, v in view.of("addr") if key[1] in view.spaces and PLAIN.match(key[2]) and permanent(v)
        and plain_address(key[3], v)
    )  # fmt: skip
    if not found:
        return None
    key = found[0]
    params = {"netns": key[1], "dev": key[2], "address": [key[3]]}
    if key[4]:
        peer = ipaddress.ip_interface(key[3])
        params["address"] = [str(peer.ip) + "/" + ("32" if peer.version == 4 else "128")]
        params["peer"] = "%s/%d" % (key[4], peer.network.prefixlen)
    return Task("nothing", "an address that is there", "address", params, changes=False)


def route_params(key, value):
    """The options for a route with one hop, None where they have no words for it."""
    dummy, ns, family, table, dest, tos, metric = key
    if len(value) != 1 or tos or " from " in dest or family not in ("ipv4", "ipv6") or table == 255:
        return None
    route = value[0]
    if "multipath" in route or "nhid" in route or route["type"] not in (1, 6, 7, 8, 9) or "encap" in route:
        return None
    if route["proto"] == KERNEL or "expires" in route:
        return None
    params = {"netns": ns, "dest": ["default" if dest.startswith("default") else dest], "metric": metric}
    params["family"] = {"ipv4": "inet", "ipv6": "inet6"}[family]
    if table != 254:
        params["table"] = str(table)
    if route["type"] == 1:
        if "via-family" in route:
            return None
        if "via" in route:
            params["via"] = route["via"]
        params["dev"] = route.get("oif")
        if not PLAIN.match(params["dev"] or ""):
            return None
        if route["flags"] & 4:
            params["onlink"] = True
    else:
        params["type"] = {6: "blackhole", 7: "unreachable", 8: "prohibit", 9: "throw"}[route["type"]]
    return params


def alone(view, key):
    """Whether no other route could be meant by the same words, for instance with another tos."""
    same = [k for k, v in view.of("route", key[1]) if k[2:5] == key[2:5] and k[6] == key[6]]
    return len(same) == 1


def nothing_route(view):
    found = [(key, route_params(key, value)) for key, value in view.of("route") if key[1] in view.spaces]
    found = view.pick((key, params) for key, params in found if params and alone(view, key))
    return found and Task("nothing", "a route that is there", "route", found[1], changes=False)


def twins(view):
    """Routes that share destination, table and metric with others, told apart by gateway, link or tos."""
    for key, value in view.of("route"):
        several = len(value) > 1 or not alone(view, key)
        plain = key[1] in view.spaces and key[2] == "ipv4" and not key[5]
        for one in value if several and plain else ():
            params = route_params(key, [one])
            # One of them has to be meant.
            if (
                params
                and "dev" in params
                and sum(one.get("oif") == r.get("oif") and one.get("via") == r.get("via") for r in value) == 1
            ):
                yield key, one, params


def nothing_twin(view):
    found = view.pick(twins(view))
    if not found:
        return None
    key, one, params = found
    first = view.things[key][0] == one
    return Task(
        "nothing" if first else "one",
        "one of several routes that is there",
        "route",
        params,
        # Packets take it from then on.
        [] if first else [lambda d: d[0] == key and d[1] == "order"],
        changes=False if first else None,
        target=key,
        among=one,
    )


def nothing_absent(view):
    ns = view.draw.choice(view.spaces)
    link = view.link()
    forms = [
        ("route", {"netns": ns, "dest": ["198.18.0.0/15"], "state": "absent"}),
        ("route", {"netns": ns, "dest": ["2001:db8:fff0::/48"], "state": "absent", "metric": 7}),
        ("rule", {"netns": ns, "priority": 23456, "from": "10.99.0.0/16", "state": "absent"}),
        ("link", {"netns": ns, "name": "nowhere0", "state": "absent"}),
        ("linux_bridge", {"netns": ns, "name": "nowhere0", "state": "absent"}),
        ("netns", {"name": ["nowhere"], "state": "absent"}),
        ("nat_masquerade", {"netns": ns, "name": "nowhere", "state": "absent", "backend": "nft"}),
        ("topology", {"name": "nowhere", "state": "absent"}),
        ("netns", {"name": ["w1"], "loopback": False}),
    ]
    if link:
        place = {"netns": link[0], "dev": link[1]}
        forms += [
            ("address", dict(place, address=["10.254.0.1/24"], state="absent")),
            ("neighbour", dict(place, address="10.254.0.1", state="absent")),
            ("link_impairment", dict(place, state="absent")) if not view.of("qdisc", *link[:2]) else forms[0],
        ]
        if link[2].get("slave kind") == "bridge":
            forms.append(("bridge_fdb", dict(place, lladdr="02:00:00:ee:ee:ee", state="absent")))
    module, params = view.draw.choice(forms)
    return Task("nothing", "away with what is not there", module, params, changes=False)


def nothing_look(view):
    module = view.draw.choice(["link_info", "topology_info"])
    return Task("nothing", "a look", module, {}, changes=False)


def nothing_forwarding(view):
    ns = view.draw.choice(view.spaces)
    value = view.things["sysctl", ns, "ipv4", "ip_forward"]["value"]
    return Task("nothing", "forwarding as it is", "sysctl_forward", {"netns": ns, "ipv4": value == "1"}, changes=False)


# (b) Tasks for one thing among others


def one_attribute(view):
    link = view.link(lambda value: value["mtu"] >= 1280)
    if not link:
        return None
    ns, dev, value = link
    key = ("link", ns, dev)
    word = view.draw.choice(["alias", "txqueuelen", "altnames", "mtu", "up", "address"])
    params, allowed = {"netns": ns, "name": dev}, []
    if word == "alias":
        params["alias"], allowed = "changed by a task", [words(*key, only=["alias"])]
    elif word == "txqueuelen":
        params["txqueuelen"], allowed = 1234, [words(*key, only=["txqueuelen"])]
    elif word == "altnames":
        params["altnames"], allowed = ["another-name"], [words(*key, only=["altnames"])]
    elif word == "mtu":
        if value["mtu"] <= 1290:
            return None
        params["mtu"] = 1285
        # A bridge takes that of its ports, and what stands on the link follows.
        allowed = [lambda d: d[0][0] == "link" and d[1] in ("mtu", "ipv6.mtu")]
    elif word == "up":
        if value["flags"] & UP or value.get("protodown"):
            return None
        params["up"] = True
        near = {(ns, dev), *view.uppers(ns, dev)}
        if value.get("master"):
            near.add((ns, value["master"]))
        allowed = [lambda d: d[0][0] == "link" and d[0][1:] in near and d[1] in ("flags", "mtu", "ipv6.mtu", "address")]
        allowed += [kernel_routes(place[0]) for place in near]
        allowed += [lambda d: is_new(d) and d[0][0] in ("fdb", "addr", "neigh")]
    else:
        kinds = ("veth", "dummy", "ifb", "bridge", "tun", "macvlan")
        if value.get("kind") not in kinds or value.get("master") or view.uppers(ns, dev) or value["type"] != 1:
            return None
        params["address"] = "02:00:00:ee:00:01"
        # A macvlan's is a station of the link under it as well.
        places = [(ns, dev), (ns, value.get("link"))]
        allowed = [words(*key, only=["address"]), lambda d: d[0][0] == "fdb" and d[0][1:3] in places]
    return Task("one", "the %s of a link" % word, "link", params, allowed)


def one_address(view):
    link = view.link(lambda value: value["flags"] & UP and value["mtu"] >= 1280 and not value.get("ipv6.disable_ipv6"))
    if not link:
        return None
    ns, dev = link[:2]
    address = view.draw.choice(["10.77.0.1/24", "10.77.0.2/32", "2001:db8:77::1/64", "2001:db8:77::2/128"])
    allowed = [key_is("addr", ns, dev, address), kernel_routes(ns)]
    allowed.append(lambda d: d[0] == ("addr order", ns, dev) and d[2:] in ((None, [address]), ([], [address])))
    form = view.draw.choice(["address", "link"])
    params = {"netns": ns, "name": dev, "addresses": [address]}
    if form == "address":
        params = {"netns": ns, "dev": dev, "address": [address]}
    return Task("one", "an address more", form, params, allowed)


def one_address_less(view):
    found = view.pick(
        (key, v) for key, v in view.of("addr")
        if key[1] in view.spaces and PLAIN.match(key[2]) and key[2] != "lo"
        and not key[4] and not key[3].startswith("fe80")
    )  # fmt: skip
    if not found:
        return None
    dummy, ns, dev, address, dummy = found[0]
    net = ipaddress.ip_interface(address)
    host = str(net.ip)

    def routes(d):
        if d[0][0] != "route" or d[0][1] != ns:
            return False
        before = d[2] if isinstance(d[2], list) else [d[2]]
        # Those of its network that the kernel made, for it or for the others there; and what had it as a source.
        return all(
            isinstance(r, dict) and (r.get("prefsrc") == host or r.get("proto", KERNEL) == KERNEL) for r in before
        ) and related(d[0][4], net)

    def others_source(d):
        before = d[2] if isinstance(d[2], list) else [d[2]]
        return (
            d[0][0] == "route"
            and d[0][1] == ns
            and all(isinstance(r, dict) and r.get("prefsrc") == host for r in before)
        )

    allowed = [key_is("addr", ns, dev, address), routes, others_source]
    allowed.append(
        lambda d: d[0] == ("addr order", ns, dev) and d[1] != "order" and (d[2] == [address] or d[3] is None)
    )
    # A secondary address can take the place of a primary one.
    allowed.append(lambda d: d[0][:3] == ("addr", ns, dev) and d[1] == "flags" and d[2] == d[3] | 1)
    # Neighbours fall with the last IPv4 address.
    if net.version == 4 and len(view.things["addr order", ns, dev]) == 1:
        allowed += [lambda d: d[0][0] in ("neigh", "route", "link") and is_gone(d) and d[0][1] == ns]
    params = {"netns": ns, "dev": dev, "address": [address], "state": "absent"}
    return Task("one", "an address less", "address", params, allowed)


def related(dest, net):
    if dest.startswith("default"):
        return False
    other = ipaddress.ip_network(dest.partition(" ")[0], strict=False)
    return other.version == net.version and other.subnet_of(net.network)


def one_route(view):
    link = view.link(lambda value: value["flags"] & UP and not value.get("master"))
    if not link:
        return None
    ns, dev = link[:2]
    dest, family = view.draw.choice(
        [("198.18.0.0/15", "ipv4"), ("2001:db8:fff0::/48", "ipv6"), ("default", "ipv4"), ("default", "ipv6")]
    )
    key = "default/0" if dest == "default" else dest
    metric = view.draw.choice([None, 77, 100])
    if link[2].get("ipv6.disable_ipv6") or link[2]["mtu"] < 1280:
        family, dest, key = "ipv4", "198.18.0.0/15", "198.18.0.0/15"
    params = {"netns": ns, "dest": [dest], "dev": dev, "family": {"ipv4": "inet", "ipv6": "inet6"}[family]}
    if metric is not None:
        params["metric"] = metric
    number = metric if metric is not None else {"ipv4": 0, "ipv6": 1024}[family]
    if ("route", ns, family, 254, key, 0, number) in view.things:
        return None
    allowed = [lambda d: d[0] == ("route", ns, family, 254, key, 0, number) and is_new(d)]
    return Task("one", "a route more", "route", params, allowed)


def one_route_less(view):
    found = [(key, route_params(key, value)) for key, value in view.of("route") if key[1] in view.spaces]
    found = view.pick((key, params) for key, params in found if params and alone(view, key))
    if not found:
        return None
    key, params = found
    params = dict(params, state="absent")
    return Task("one", "a route less", "route", params, [lambda d: d[0] == key and is_gone(d)], target=key)


def one_route_other(view):
    found = [(key, route_params(key, value)) for key, value in view.of("route") if key[1] in view.spaces]
    found = view.pick(
        (key, p) for key, p in found if p and alone(view, key) and "dev" in p and not view.things[key][0].get("dead")
    )
    if not found or not view.things["link", found[0][1], found[1]["dev"]]["flags"] & UP:
        return None
    key, params = found

    def rule(d):
        if d[0] != key or d[1] != "list" or set(d[2]) != {"metrics"}:
            return False
        old, new = dict(d[2]["metrics"] or {}), dict(d[3]["metrics"] or {})
        old.pop("mtu", None)
        return new.pop("mtu", None) == 1333 and old == new

    return Task("one", "the MTU of a route", "route", dict(params, mtu=1333), [rule], target=key)


def one_twin_less(view):
    found = view.pick(twins(view))
    if not found:
        return None
    key, one, params = found
    params = dict(params, state="absent")

    def rule(d):
        return d[0] == key and is_gone(d) and d[2] == [one]

    return Task("one", "one of several routes less", "route", params, [rule], target=key, among=one)


def one_master(view):
    """A link becomes a port: what is on it stays."""
    link = view.link(
        lambda value: not value.get("master") and value.get("kind") in ("veth", "dummy") and value["type"] == 1
    )
    if not link or view.uppers(*link[:2]):
        return None
    ns, dev = link[:2]
    masters = [
        (key[2], v["kind"])
        for key, v in view.of("link", ns)
        if v.get("kind") in ("bridge", "vrf") and PLAIN.match(key[2])
    ]
    if not masters:
        return None
    master, kind = view.draw.choice(masters)
    key, over = ("link", ns, dev), {(ns, master), *view.uppers(ns, master)}
    states = ("master", "slave kind", "promiscuity", "allmulti", "flags")
    allowed = [lambda d: d[0] == key and (d[1] in states or str(d[1]).startswith("port."))]
    allowed.append(
        lambda d: d[0][0] == "link" and d[0][1:] in over and (d[1] in FOLLOWS or str(d[1]).startswith("bond."))
    )
    allowed.append(lambda d: d[0][0] in ("fdb", "vlan", "vlan options") and d[0][1] == ns and is_new(d))
    # A bridge takes the least address of its ports.
    own = view.things["link", ns, master].get("address")
    allowed.append(lambda d: d[0][0] == "fdb" and d[0][1] == ns and d[0][3] == own and is_gone(d))
    # It takes the least MTU as well, and with one that is too small has no IPv6.
    if view.things["link", ns, master].get("master") or link[2]["mtu"] < 1280:
        allowed += gone_with(view, ns, master)
    if kind == "vrf":
        # What the kernel makes of its addresses is in another table there.
        allowed += [kernel_routes(ns), kernel_routes(ns, False)]
        allowed.append(lambda d: d[0][0] == "rule" and d[0][1] == ns and is_new(d) and "l3mdev" in repr(d[3]))
    params = {"netns": ns, "name": dev, "master": master}
    return Task("one", "a port of a %s" % kind, "link", params, allowed, changes=None)


def one_rule(view):
    ns = view.draw.choice(view.spaces)
    family = view.draw.choice(["inet", "inet6"])
    taken = [key[3] for key, v in view.of("rule", ns) if 0 < key[3] < 32766]
    priority = view.draw.choice([*taken, 4321])
    params = {"netns": ns, "priority": priority, "family": family, "fwmark": "0x777", "table": "777"}
    name = {"inet": "ipv4", "inet6": "ipv6"}[family]
    allowed = [lambda d: d[0] == ("rule", ns, name, priority) and is_new(d)]
    return Task("one", "a rule more", "rule", params, allowed)


def one_rule_less(view):
    found = view.pick(
        (key, v) for key, v in view.of("rule")
        if key[1] in view.spaces and key[2] in ("ipv4", "ipv6") and 0 < key[3] < 32766 and len(v) == 1
        and v[0].get("protocol") != KERNEL and v[0]["action"] in (1, 6, 7, 8)
        and not set(v[0]) & {"l3mdev", "uidrange", "tun_id", "flow", "suppress_ifgroup", "dscp", "flowlabel"}
        and not v[0]["tos"] and not v[0]["flags"]
    )  # fmt: skip
    if not found:
        return None
    key = found[0]
    family = {"ipv4": "inet", "ipv6": "inet6"}[key[2]]
    params = {"netns": key[1], "priority": key[3], "family": family, "state": "absent"}
    return Task("one", "a rule less", "rule", params, [lambda d: d[0] == key and is_gone(d)], target=key)


def one_neighbour(view):
    link = view.link(lambda value: value["flags"] & UP and value["type"] == 1 and not value["flags"] & 0x80)
    if not link or link[2].get("kind") in ("ifb", "macvtap", "vrf"):
        return None
    ns, dev = link[:2]
    address = "10.78.0.9" if view.draw.random() < 0.5 or link[2]["mtu"] < 1280 else "2001:db8:78::9"
    params = {"netns": ns, "dev": dev, "address": address, "lladdr": "02:00:00:ee:00:09"}
    return Task("one", "a neighbour more", "neighbour", params, [key_is("neigh", ns, dev, address)])


def one_station(view):
    link = view.link(lambda value: value.get("slave kind") == "bridge")
    if not link:
        return None
    ns, dev = link[:2]
    params = {"netns": ns, "dev": dev, "lladdr": "02:00:00:ee:00:08"}
    return Task("one", "a static entry more", "bridge_fdb", params, [key_is("fdb", ns, dev, "02:00:00:ee:00:08")])


def one_vlan(view):
    link = view.link(lambda value: value.get("slave kind") == "bridge")
    if not link or not view.of("vlan"):
        return None
    ns, dev = link[:2]
    allowed = [lambda d: d[0][:4] == ("vlan", ns, dev, 77) or (d[0][0] == "vlan options" and d[0][3] == 77)]
    # Entries for all VLANs of a port are copied to a new one.
    allowed.append(lambda d: is_new(d) and d[0][0] == "fdb" and d[0][1] == ns and d[0][4] == 77)
    return Task("one", "a VLAN more", "bridge_vlan", {"netns": ns, "dev": dev, "vid": ["77"]}, allowed)


def one_impairment(view):
    link = view.link(lambda value: value.get("kind") in ("veth", "dummy", "bridge", "ifb", "tun", "vlan", "macvlan"))
    if not link:
        return None
    ns, dev = link[:2]
    own = view.of("qdisc", ns, dev)
    roots = [value["kind"] for key, value in own if key[3] == "ffffffff"]
    params = {"netns": ns, "dev": dev, "rate": 8000000}
    if roots:
        # That of others is never touched; one that it could have made is changed in place.
        return Task("one", "a link with a discipline of others", "link_impairment", params,
                    [key_is("qdisc", ns, dev)] if roots[0] in ("netem", "tbf") else [], changes=None)  # fmt: skip
    allowed = [lambda d: d[0][:3] == ("qdisc", ns, dev) and is_new(d)]
    # The kernel gives a link without a queue one, with the first discipline.
    allowed += [words("link", ns, dev, only=["txqueuelen"])] if not link[2]["txqueuelen"] else []
    return Task("one", "a slow link", "link_impairment", params, allowed)


def one_forwarding(view):
    ns = view.draw.choice(view.spaces)
    link = view.pick(link for link in view.links if link[0] == ns)
    params, allowed = {"netns": ns}, []
    word = view.draw.choice(["ipv4", "ipv6", "rp_filter", "proxy_arp"])
    params[word] = {"ipv4": True, "ipv6": True, "rp_filter": 2, "proxy_arp": True}[word]
    named = {
        "ipv4": "ipv4.forwarding",
        "ipv6": "ipv6.forwarding",
        "rp_filter": "ipv4.rp_filter",
        "proxy_arp": "ipv4.proxy_arp",
    }
    if link and view.draw.random() < 0.6:
        params["dev"] = link[1]
        allowed = [words("link", ns, link[1], only=[named[word]])]
    else:
        allowed = [lambda d: d[0][0] == "link" and d[0][1] == ns and d[1] == named[word]]
        if word == "ipv4":
            # The kernel switches other things over with the forwarding of all.
            allowed.append(
                lambda d: (
                    d[0][0] == "link" and d[0][1] == ns and d[1] in ("ipv4.accept_redirects", "ipv4.send_redirects")
                )
            )
        allowed.append(
            lambda d: (
                d[0][:2] == ("sysctl", ns)
                and d[0][-1] in ("forwarding", "ip_forward", "rp_filter", "proxy_arp", "accept_redirects")
            )
        )
    if word == "ipv6":
        # A router listens to more groups, and its default routes by advertisement end.
        allowed.append(
            lambda d: (
                d[0][0] == "route"
                and d[0][1] == ns
                and d[0][2] == "ipv6"
                and (d[0][3] == 255 or is_gone(d))
                and "'proto': 9" in repr(d)
            )
        )
        allowed.append(lambda d: d[0][0] == "route" and d[0][1] == ns and d[0][3] == 255 and is_new(d))
    return Task("one", "forwarding", "sysctl_forward", params, allowed, changes=None)


def one_nat(view):
    ns = view.draw.choice(view.spaces)
    six = view.draw.random() < 0.3
    family = 10 if six else 2

    def own(d):
        return d[0][0].startswith("nft") and d[0][1:4] == (ns, family, "virtnet")

    allowed = [own]
    if view.draw.random() < 0.5:
        params = {
            "netns": ns,
            "name": "own",
            "out_interface": "eth0",
            "source": "2001:db8:5::/48" if six else "10.5.0.0/16",
        }
        module = "nat_masquerade"
    else:
        params = {"netns": ns, "name": "own", "dport": "8080", "to": "2001:db8::5" if six else "10.0.0.5"}
        module = "nat_port_forward"
    params["backend"] = view.draw.choice(["auto", "nft", "iptables"])
    if params["backend"] != "nft":
        # Beside the rules of others there; what is gone there is never allowed.
        def beside(d):
            if d[0][0] == "iptables":
                return is_new(d) or (d[1] == "list" and not d[2] and all("VIRTNET" in line for line in d[3]))
            if d[0][0] in ("nft", "nft chain") and d[0][1:4] == (ns, family, "nat"):
                # 3, 6: how many use it
                return is_new(d) or d[1] in ("3", "6")
            return d[0][0] == "nft rule" and d[0][1:4] == (ns, family, "nat") and is_new(d)

        allowed.append(beside)
    return Task("one", "a rule of NAT", module, params, allowed)


def one_space(view):
    if view.draw.random() < 0.5 or "w2" not in view.spaces:
        allowed = [lambda d: is_new(d) and d[0][1:2] == ("new",)]
        return Task("one", "a namespace more", "netns", {"name": ["new"]}, allowed)
    gone = {("w2", key[2]) for key, v in view.of("link", "w2")}
    far = {view.peer("w2", v) for key, v in view.of("link", "w2")} - {None}
    for place in [*gone, *far]:
        far |= view.uppers(*place)
    allowed = [lambda d: d[0][1:2] == ("w2",)]
    for ns, dev in far:
        allowed += gone_with(view, ns, dev)
    return Task("one", "a namespace less", "netns", {"name": ["w2"], "state": "absent"}, allowed)


def known_for_a_while(places):
    """A link that loses its carrier keeps only the neighbours that are known for good."""
    return lambda d: d[0][0] == "neigh" and d[0][1:3] in places and is_gone(d) and d[2]["state"] != 0x80


def gone_with(view, ns, dev):
    """What may differ when a link goes."""
    value = view.things.get(("link", ns, dev), {})
    allowed = [about(ns, dev)]
    # Its lower link, and a bridge beneath, listens to its address no more.
    allowed.append(lambda d: d[0][0] == "fdb" and is_gone(d) and d[0][3] == value.get("address") and "self" in d[0])
    master = value.get("master")
    if master:
        near = {(ns, master), *view.uppers(ns, master)}
        allowed.append(
            lambda d: d[0][0] == "link" and d[0][1:] in near and (d[1] in FOLLOWS or str(d[1]).startswith("bond."))
        )
        # Without its last port it has no carrier.
        allowed.append(known_for_a_while(near))
        # Its own address changes with the lowest of its ports, and what follows from that address.
        allowed.append(lambda d: d[0][0] == "fdb" and d[0][1] == ns)
        allowed.append(lambda d: d[0][0] in ("vlan", "vlan options") and d[0][1:3] == (ns, master) and is_gone(d))
    # Others count who listens through them.
    allowed.append(lambda d: d[0][0] == "link" and d[0][1] == ns and d[1] in ("promiscuity", "allmulti"))
    # A group has lost what it was a group of, or some of it.
    allowed.append(lambda d: d[0][0] == "nexthop" and d[0][1] == ns and is_gone(d) and "attr2" in d[2])
    allowed.append(lambda d: d[0][0] == "nexthop" and d[0][1] == ns and d[1] == "attr2")
    # Ports that had it as a backup, links that stood on it.
    allowed.append(
        lambda d: (
            d[0][0] == "link"
            and d[0][1] == ns
            and d[1] in ("port.backup_port", "link", "mtu", "ipv6.mtu", *witness.RING)
        )
    )
    # Routes with its addresses as a source, by nexthop objects on it, and what IPv4 loses with a last address.
    hosts = {k[3].partition("/")[0] for k, v in view.of("addr", ns, dev)}
    allowed.append(
        lambda d: d[0][0] in ("route", "nexthop") and d[0][1] == ns and any(repr(h) in repr(d[2]) for h in hosts)
    )
    allowed.append(lambda d: d[0][0] in ("route", "nexthop") and d[0][1] == ns and "nhid" in repr(d[2]))
    return allowed


def one_link_less(view):
    link = view.link(lambda value: value.get("kind") and value["kind"] not in ("hsr", "team"))
    if not link:
        return None
    ns, dev, value = link
    places = {(ns, dev), *view.uppers(ns, dev)}
    peer = view.peer(ns, value)
    if peer:
        places |= {peer, *view.uppers(*peer)}
    if "nameless" in (value.get("link") or ""):
        return None
    allowed = []
    for place in places:
        allowed += gone_with(view, *place)
    for key, port in view.of("link", ns):
        if port.get("master") == dev:
            # What was a port is one no more.
            allowed.append(
                lambda d, key=key: (
                    d[0] == key
                    and (
                        d[1]
                        in ("master", "slave kind", "promiscuity", "allmulti", "flags", "mtu", "ipv6.mtu", "address")
                        or str(d[1]).startswith("port.")
                    )
                )
            )
            allowed.append(lambda d, key=key: d[0][0] in ("fdb", "vlan", "mdb") and d[0][1] == ns)
            if value["kind"] in ("vrf", "bond", "team"):
                allowed += [about(ns, key[2])]
                allowed.append(lambda d: d[0][0] in ("route", "rule", "addr") and d[0][1] == ns)
    return Task("one", "a link less", "link", {"netns": ns, "name": dev, "state": "absent"}, allowed, remade=places)


def one_bridge(view):
    link = view.link(lambda value: value.get("kind") == "bridge")
    if not link:
        return None
    ns, dev, value = link
    word, given = view.draw.choice(
        [("ageing_time", 12300), ("priority", 8192), ("group_fwd_mask", 16384), ("hello_time", 300), ("max_age", 1000)]
    )
    params = {"netns": ns, "name": dev, "up": bool(value["flags"] & UP), word: given}
    # Without a port that is up it has a carrier until the kernel looks for one.
    live = [port for dummy, port in view.of("link", ns) if port.get("master") == dev and port["flags"] & UP]
    allowed = [words("link", ns, dev, only=[word])] + [known_for_a_while({(ns, dev)})] * (not live)
    return Task("one", "an option of a bridge", "linux_bridge", params, allowed, changes=None)


def one_port(view):
    link = view.link(lambda value: value.get("slave kind") == "bridge" and PLAIN.match(value["master"]))
    if not link:
        return None
    ns, dev, value = link
    word, given = view.draw.choice(
        [("hairpin", True), ("cost", 77), ("priority", 9), ("isolated", True), ("guard", True), ("learning", False)]
    )
    up = bool(view.things["link", ns, value["master"]]["flags"] & UP)
    params = {"netns": ns, "name": value["master"], "up": up, "ports": [{"name": dev, word: given}]}
    allowed = [words("link", ns, dev, only=["port." + word, "promiscuity"])]
    if word == "learning":
        # A bridge of which each port knows its stations listens to less.
        allowed += [lambda d: d[0][0] == "link" and d[0][1] == ns and d[1] == "promiscuity"]
    return Task("one", "an option of a port", "linux_bridge", params, allowed, changes=None)


def one_new(view):
    ns = view.draw.choice(view.spaces)
    form = view.draw.choice(["linux_bridge", "veth"])
    params = {"netns": ns, "name": "new0", "addresses": ["10.79.0.1/24"], "mtu": 1400}
    if form == "veth":
        params["peer"] = {"name": "new1", "netns": view.draw.choice(view.spaces)}
    allowed = [lambda d: is_new(d) and ("new0" in repr(d) or "new1" in repr(d) or d[0][0] == "route")]
    return Task("one", "a link more", form, params, allowed)


# (d) Moves, names, links made again, addresses handed over


def move(view):
    link = view.link(lambda value: value.get("kind") in ("veth", "dummy", "ifb", "tun", "vxlan", "macvlan", "vlan"))
    others = [ns for ns in view.spaces if link and ns != link[0]]
    if not link or not others:
        return None
    ns, dev, value = link
    target = view.draw.choice(others)
    if ("link", target, dev) in view.things or value["kind"] in ("tun", "vxlan") or value.get("altnames"):
        return None
    params = {"netns": target, "name": dev, "from_netns": ns}
    allowed = gone_with(view, ns, dev) + [about(target, dev), kernel_routes(target)]
    # What stands on it is elsewhere from there.
    places = view.uppers(ns, dev)
    allowed += [lambda d: d[0][0] == "link" and d[0][1:] in places and d[1] in ("link", "flags", "mtu", "ipv6.mtu")]
    peer = view.peer(ns, value)
    if peer:
        allowed.append(lambda d: d[0] == ("link", *peer) and d[1] in ("link", "flags"))
        allowed += [kernel_routes(peer[0], False), kernel_routes(peer[0])]
        allowed.append(known_for_a_while({peer, *view.uppers(*peer)}))
    if value["mtu"] < 1280 and value.get("master"):
        allowed.append(about(ns, value["master"]))  # it may have IPv6 now
    for place in places:
        # They go down with it, and lose what a link loses that is down.
        allowed += [about(*place)]
    return Task(
        "move", "a link to another namespace", "link", params, allowed, remade={(ns, dev), (target, dev), *places}
    )


def rename(view):
    link = view.link(lambda value: value.get("kind") == "veth")
    peer = link and view.peer(*link[::2])
    if not peer or peer[0] not in view.spaces or not PLAIN.match(peer[1]) or ("link", peer[0], "other9") in view.things:
        return None
    ns, dev, value = link
    far = view.things[("link", *peer)]
    params = {"netns": ns, "name": dev, "up": bool(value["flags"] & UP)}
    params["peer"] = {"name": "other9", "netns": peer[0], "up": bool(far["flags"] & UP)}
    # The name is part of a label, and rules and tables of others keep the old one.
    allowed = [lambda d: d[0][0] == "addr" and d[1] == "label", lambda d: d[0][0].startswith("nft")]
    return Task("rename", "the other end of a pair", "veth", params, allowed, moved={peer: (peer[0], "other9")})


def recreate(view):
    link = view.link(lambda value: value.get("kind") in ("vlan", "vxlan", "macvlan", "vrf", "veth", "dummy", "bridge"))
    if not link:
        return None
    ns, dev, value = link
    key, kind = ("link", ns, dev), value["kind"]
    params = {"netns": ns, "name": dev, "recreate": True, "up": bool(value["flags"] & UP)}
    allowed = []
    if kind == "vlan":
        params.update(link=value.get("link"), id=77)
        if ":" in (params["link"] or ":") or not PLAIN.match(params["link"]):
            return None
        allowed = [words(*key, only=["vlan.1"])]
        module = "vlan"
    elif kind == "vxlan":
        if "vxlan.25" in value and value["vxlan.25"] != "00":  # its networks are those of the packets
            return None
        params.update(id=7777)
        port = value.get("vxlan.15", "12 b5")
        params["dstport"] = int(port.replace(" ", ""), 16)
        allowed = [words(*key, only=["vxlan.1"])]
        module = "vxlan"
    elif kind == "vrf":
        params.update(table=7777)
        allowed = [words(*key, only=["vrf.1"]), lambda d: d[0][0] == "route" and d[0][1] == ns]
        allowed.append(lambda d: d[0][0] == "link" and d[0][1] == ns and d[1] == "port.vrf.1")
        module = "vrf"
    elif kind == "macvlan":
        if not PLAIN.match(value.get("link") or "") or ":" in value["link"]:
            return None
        now = value.get("macvlan.1", "")
        params.update(link=value["link"], mode="private" if now.startswith("08") else "passthru")
        # Of one that has all packets the kernel forgets, when it goes, that it asked for all groups.
        if params["mode"] == "passthru" and (len(view.uppers(ns, value["link"])) > 1 or value["flags"] & ALLMULTI):
            return None
        allowed = [
            # With all of the lower link's packets goes its address.
            words(*key, only=["macvlan.1", "address"]),
            lambda d: d[0] == ("link", ns, value["link"]) and d[1] in ("promiscuity",),
            lambda d: d[0][0] == "fdb" and is_gone(d) and d[0][3] == value["address"],
            words("link", ns, value.get("master"), only=["address"]),
        ]
        module = "macvlan"
    else:
        # Another kind of this name.
        if value.get("master") or view.uppers(ns, dev) or any(v.get("master") == dev for k, v in view.of("link", ns)):
            return None
        module = "linux_bridge" if kind != "bridge" else "ifb"
        allowed = gone_with(view, ns, dev)
        peer = view.peer(ns, value)
        if peer:
            for place in {peer, *view.uppers(*peer)}:
                allowed += gone_with(view, *place)
        if kind == "veth" and not peer:
            return None
    near = {(ns, dev), *view.uppers(ns, dev)}
    if view.peer(ns, value):
        near |= {view.peer(ns, value), *view.uppers(*view.peer(ns, value))}
    return Task("recreate", "a %s made again" % kind, module, params, allowed, remade=near)


def hand_over(view):
    link = view.link(
        lambda value: value.get("kind") in ("veth", "dummy") and not value.get("master") and value["flags"] & UP
    )
    if not link:
        return None
    ns, dev = link[:2]
    if not view.of("addr", ns, dev) or view.uppers(ns, dev):
        return None
    bridges = [
        key[2]
        for key, v in view.of("link", ns)
        if v.get("kind") == "bridge" and PLAIN.match(key[2]) and v["flags"] & UP
    ]
    bridges = [b for b in bridges if not view.things["link", ns, b].get("master")]
    bridge = view.draw.choice([*bridges, "br77"])
    if not view.things.get(("link", ns, bridge), {}).get("flags", UP) & UP:
        return None
    params = {"netns": ns, "name": bridge, "ports": [{"name": dev}], "take_over_addresses": True}
    key, master = ("link", ns, dev), ("link", ns, bridge)
    allowed = [
        lambda d: (
            d[0] == key
            and (d[1] in ("master", "slave kind", "promiscuity", "allmulti", "flags") or str(d[1]).startswith("port."))
        )
    ]
    allowed.append(lambda d: d[0] == master)
    allowed.append(lambda d: d[0][0] in ("fdb", "vlan", "vlan options") and d[0][1] == ns and d[0][2] in (dev, bridge))
    # What the kernel makes of addresses is made anew; its own stay or come.
    allowed += [kernel_routes(ns), kernel_routes(ns, False)]
    allowed.append(lambda d: d[0][0] == "addr" and d[0][3].startswith("fe80"))
    allowed.append(lambda d: d[0][0] == "addr" and d[1] == "label")
    allowed.append(lambda d: d[0][0] == "route" and d[0][4].startswith(("fe80", "ff00")))
    allowed.append(lambda d: d[0][0] == "neigh" and d[0][2] in (dev, bridge))
    return Task(
        "hand-over",
        "addresses to a bridge",
        "linux_bridge",
        params,
        allowed,
        moved={("over", ns, dev): (ns, bridge)},
        changes=None,
    )


# (e), (f) Topologies


def adopt(view):
    nodes = []
    for ns in view.spaces:
        links = [link for link in view.links if link[0] == ns]
        node = {"name": ns or "host", "netns": ns, "loopback": False, "links": [], "addresses": []}
        for dummy, dev, value in view.draw.sample(links, min(len(links), 2)):
            node["links"].append({"name": dev, "mtu": value["mtu"]})
            for key, v in view.of("addr", ns, dev):
                if permanent(v) and plain_address(key[3], v) and not key[4] and view.draw.random() < 0.5:
                    node["links"][-1].setdefault("addresses", []).append(key[3])
        nodes.append(node)
    nodes[0]["links"].append({"kind": "bridge", "name": "own0", "up": True, "addresses": ["10.201.0.1/24"]})
    nodes[-1]["routes"] = [{"dest": ["198.18.0.0/15"], "type": "blackhole", "metric": 77}]
    params = {"name": "adopted", "nodes": nodes, "allow_overlap": True}
    last = nodes[-1]["netns"]

    def own(d):
        return (
            d[0][0] == "file" or "own0" in repr(d) or d[0][4:5] == ("198.18.0.0/15",) or "10.201.0." in repr(d[0])
        ) and is_new(d)

    allowed = [
        own,
        lambda d: is_new(d) and d[0][0] == "route" and d[0][1] in ("", last) and d[0][4].startswith(("fe80", "ff00")),
    ]
    return Task("adopt", "some of it as a topology", "topology", params, allowed)


def fed_back(view):
    return Task("fed back", "topology_info", "topology_info", {}, [lambda d: d[0][0] == "file"], changes=False)


NOTHING = [nothing_link, nothing_kind, nothing_address, nothing_route, nothing_absent, nothing_look, nothing_forwarding]
NOTHING += [nothing_twin]
ONE = [
    one_attribute,
    one_address,
    one_address_less,
    one_route,
    one_route_less,
    one_route_other,
    one_rule,
    one_rule_less,
]
ONE += [
    one_neighbour,
    one_station,
    one_vlan,
    one_impairment,
    one_forwarding,
    one_nat,
    one_space,
    one_link_less,
    one_bridge,
]
ONE += [one_port, one_new, one_twin_less, one_master, one_master]
OTHER = [move, rename, recreate, hand_over]


def tasks(world, things, draw):
    """The tasks for a network: one that changes nothing, and one or two of the others."""
    view = View(things, draw)
    out = [first(view, NOTHING)]
    form = draw.random()
    if form < 0.15 and any(True for dummy in twins(view)):
        out = [nothing_twin(view), one_twin_less(view)]
    elif form < 0.5:
        out.append(first(view, ONE))
    elif form < 0.8:
        out.append(first(view, OTHER))
    elif form < 0.9:
        out.append(adopt(view))
    else:
        out.append(fed_back(view))
    return list(filter(None, out))


def first(view, makers):
    """The task of one that finds what it needs."""
    for maker in view.draw.sample(makers, len(makers)):
        task = maker(view)
        if task:
            return task
    return None
