# SPDX-License-Identifier: GPL-3.0-or-later
"""The four promises of a plan, on a running kernel, with drawn wishes: settles, foretold, spelled, restorable."""

import json
import os
import subprocess
from collections import Counter, defaultdict
from functools import lru_cache

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from asking import MOST, PLACES, asked, choices, dropped, some
from conftest import (
    FEATURES,
    KEYS,
    KINDS,
    MACS,
    OPTIONS,
    SIXRDS,
    Host,
    example,
    known_gaps,
    needing,
    other_value,
    snapshot,
)
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import assume as only_if
from hypothesis import strategies as st

from ansible_collections.virtnet.linux.plugins.module_utils._core.commands import commands
from ansible_collections.virtnet.linux.plugins.module_utils._core.desired import Desired
from ansible_collections.virtnet.linux.plugins.module_utils._core.planner import plan, predict
from ansible_collections.virtnet.linux.plugins.module_utils._core.prerequisites import assume, missing
from ansible_collections.virtnet.linux.plugins.module_utils._core.rollback import rollback
from ansible_collections.virtnet.linux.plugins.module_utils._core.rows import Ip, Number, met, with_defaults
from ansible_collections.virtnet.linux.plugins.module_utils._core.state import State
from ansible_collections.virtnet.linux.plugins.module_utils._core.values import Refused, Secret, replace
from ansible_collections.virtnet.linux.plugins.module_utils._info import as_task
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.base import inherits, kind_of
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.bond import Ips
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.hsr import Slave
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.macsec import Sci
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.macvlan import Macs
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.tunnel import Routers, Sixrd
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.vlan import Map
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.vxlan import Ports
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.wireguard import PrivateKey
from ansible_collections.virtnet.linux.plugins.module_utils._resources.address import LIFETIMES, Address
from ansible_collections.virtnet.linux.plugins.module_utils._resources.fdb import FdbEntry
from ansible_collections.virtnet.linux.plugins.module_utils._resources.impairment import Impairment
from ansible_collections.virtnet.linux.plugins.module_utils._resources.link import AltName, Link
from ansible_collections.virtnet.linux.plugins.module_utils._resources.mdb import MdbEntry
from ansible_collections.virtnet.linux.plugins.module_utils._resources.nat import Masquerade, NatTable, PortForward
from ansible_collections.virtnet.linux.plugins.module_utils._resources.neighbour import Neighbour
from ansible_collections.virtnet.linux.plugins.module_utils._resources.netns import Netns
from ansible_collections.virtnet.linux.plugins.module_utils._resources.nexthop import RESILIENT, Nexthop
from ansible_collections.virtnet.linux.plugins.module_utils._resources.route import Route
from ansible_collections.virtnet.linux.plugins.module_utils._resources.rule import ACTIONS, Rule
from ansible_collections.virtnet.linux.plugins.module_utils._resources.sysctl import Sysctl
from ansible_collections.virtnet.linux.plugins.module_utils._resources.vlans import PortVlans
from ansible_collections.virtnet.linux.plugins.module_utils._resources.wireguard import WireguardPeer

SPACES = ["", "pa", "pb"]
NAMES = ["l1", "l2", "l3"]
ENDS = [*NAMES, *(name + end for end in "pq" for name in NAMES)]
EXAMPLES = int(os.environ.get("EXAMPLES", "30"))
ALLOW = frozenset(("recreate", "take_over"))


def some_of(values, **how):
    """Some of these, in one order: that of a set of texts is another one in each process, and so would be the draws."""
    return st.lists(st.sampled_from(values), unique=True, **how).map(sorted)


def ends():
    """The fields that any link has: those of its rows, a master apart, and whether it is up."""
    rows = {row.field: drawn(row) for row in Link.ROWS if row.name != "master"}
    return st.fixed_dictionaries({}, optional={**rows, **LINK, "up": st.booleans()})


LINK = {
    # One under 1280 is a matter of its own: see without_ipv6().
    "mtu": st.integers(1280, 1500),
    "address": st.integers(1, 2**24).map(lambda n: "02:00:00:%02x:%02x:%02x" % (n >> 16 & 255, n >> 8 & 255, n & 255)),
    "alias": st.sampled_from(["", "a link", "it's"]),
    # Of a link without a queue a queueing discipline makes one with a queue.
    "txqueuelen": st.integers(1, 2000),
    # One needs a secret.
    "addrgenmode": st.sampled_from(["eui64", "none", "random"]),
}
# A delay is a multiple of miimon, and that is not for arp_interval.
DELAYS = [0, 200, 400]
INTERVALS = {"miimon": [0, 100, 200], "arp_interval": [0, 1000], "updelay": DELAYS, "downdelay": DELAYS}


def drawn(attr):
    """The values of an attribute."""
    if isinstance(attr, Macs):
        return st.lists(st.sampled_from(MACS), unique=True, max_size=2).map(lambda macs: tuple(sorted(macs)))
    if isinstance(attr, Map):
        pairs = st.dictionaries(st.sampled_from(attr.values[:8]), st.sampled_from(attr.to[1:8]), max_size=3)
        return pairs.map(lambda d: tuple(sorted(d.items())))
    if isinstance(attr, Ip):
        return st.sampled_from([["192.0.2.%d", "2001:db8::%d"][attr.version == 6] % n for n in (91, 92, 93)])
    if isinstance(attr, Ips):
        return st.lists(st.sampled_from(["192.0.2.91", "192.0.2.92"]), unique=True).map(lambda ips: tuple(sorted(ips)))
    if isinstance(attr, Routers):
        routers = st.dictionaries(st.sampled_from(["192.0.2.94", "192.0.2.95", "192.0.2.96"]), st.booleans())
        return routers.map(lambda d: tuple(sorted(d.items())))
    if isinstance(attr, Sixrd):
        return st.sampled_from([*SIXRDS, attr.default])
    if isinstance(attr, Slave):
        return st.just("")  # see on_slaves()
    if isinstance(attr, Sci):
        return st.integers(1, 2**48).map(lambda n: "0200%012x" % n)
    if isinstance(attr, Ports):
        return st.sampled_from(["", "32768-60999", "40000-40000"])
    if attr.name in INTERVALS:
        return st.sampled_from(INTERVALS[attr.name])
    if isinstance(attr, PrivateKey):
        return st.sampled_from(["", *KEYS[:2]]).map(attr.parse)
    if isinstance(attr, Number):
        numbers = [n for n in (1, 5, attr.values[-1]) if attr.flag or n != attr.raw]
        return st.sampled_from([*numbers, attr.word] if attr.word else numbers)
    if attr.name == "forward_delay":
        return st.integers(200, 3000)  # with STP the kernel takes no less
    if isinstance(attr.values, range) and attr.name in MOST:
        return st.sampled_from(some(attr.name, attr.values))
    return st.sampled_from(attr.values if isinstance(attr.values, range) else list(attr.values or (False, True)))


def values(kind, attrs):
    """Values for some of the attributes of a kind."""
    known = {attr.name: drawn(attr) for attr in attrs if "%s.%s" % (kind.name, attr.name) not in MISSING}
    known = {name: values for name, values in known.items() if name not in ("primary", "backup_port")}
    # Without a remote address a tunnel is the same as the kernel's own.
    # No two can be up with the same port and other flags.
    more = {"remote", "dstport"} if kind.unique else set()
    need = {attr.name: known.pop(attr.name) for attr in attrs if attr.required or attr.name in more}

    def fitting(d):
        if kind.name in ("ipip", "sit") and d.get("ttl", "inherit") != "inherit":
            d = {**d, "pmtudisc": True}
        if kind.name == "macsec":
            d = secured(d)
        if kind.name == "vxlan" and d.get("flowlabel"):
            d = {**d, "remote": "2001:db8::9", "local": "2001:db8::8"}
        if "mab" in d:
            d = {**d, "mab": d["mab"] and d.get("locked", False) and d.get("learning", False) and ip_knows_mab()}
        full = {**{attr.name: attr.default for attr in attrs}, **d}
        return tuple(sorted((attr.name, d[attr.name]) for attr in attrs if attr.name in d and met(attr, full)))

    return st.fixed_dictionaries(need, optional=known).map(fitting)


@lru_cache
def ip_knows_mab():
    """Since iproute2 6.2."""
    said = subprocess.run(["ip", "link", "help", "bridge_slave"], capture_output=True, text=True, check=False)
    return " mab " in said.stdout + said.stderr


def secured(d):
    """Options of a macsec that go together."""
    d = {name: value for name, value in d.items() if name != "port" or "sci" not in d}
    if d.get("replay"):
        d["window"] = d.get("window", 5) % 2**30
    if d.get("end_station"):
        d["scb"] = False
    if d.get("end_station") or d.get("scb"):
        d["send_sci"] = False
    return d


def no_frames(link):
    """Whether this end of a pair has no MAC address."""
    return link.kind == "netkit" and dict(link.attrs).get("mode", "l3") == "l3"


def standing(draw, link, links):
    """A link on one of the others, which is as this one needs it."""
    # What no kernel does is not drawn often: the plan refuses it.
    family = KINDS[link.kind].family()
    near = [lower for lower in links if not KINDS[link.kind].lower_in_same_netns() or lower.netns == link.netns]
    near = [lower for lower in near if not KINDS[lower.kind].no_uppers and not no_frames(lower)]
    fit = [r for r in near if not family or not (KINDS[r.kind].family() == family or KINDS[r.kind].l3)]
    fit = [r for r in fit if not (family and KINDS[r.kind].is_tap())]
    lower = draw(st.sampled_from(fit or near or links))
    near = [link, *(other for other in links if other.link == lower.ref and KINDS[other.kind].family() == family)]
    shared = len(near) > 1 and any(dict(other.attrs).get("mode") == "passthru" for other in near)
    if (not fit or shared) and draw(st.integers(0, 7)):
        return Link(link.netns, link.name, "bridge")
    attrs = dict(link.attrs)
    if "id" in attrs or link.kind == "vlan":
        # No two have the same on one link, not even if the first wish made one of them and the second the other.
        step = len(NAMES) * len(SPACES)
        attrs["id"] = (
            1 + NAMES.index(link.name) * len(SPACES) + SPACES.index(link.netns) + step * draw(st.integers(0, 3))
        )
    link = replace(link, link=lower.ref, attrs=tuple(sorted(attrs.items())))
    if "address" in inherits(link):
        link = replace(link, address=None)
    if link.address and KINDS[link.kind].family():
        # No macvlan can be up with the MAC address of another, or of its lower link.
        link = replace(link, address="02:00:00:f%d%s" % (NAMES.index(link.name), link.address[11:]))
    base = lower
    while not base.mtu and base.link and any(other.ref == base.link for other in links):
        base = next(other for other in links if other.ref == base.link)
    if link.mtu and (KINDS[lower.kind].port or (KINDS[base.kind].underlay and not base.mtu)):
        # A bridge takes the MTU of its ports, whatever it was made with; that of a tunnel is not foretold.
        link = replace(link, mtu=None)
    most = (lower.mtu or 1500) - (KINDS[link.kind].overhead(link) or 0)
    if link.mtu and (lower.mtu or most < 1500) and link.mtu > most:
        link = replace(link, mtu=most)
    while link.up and "up" in inherits(link) and lower is not None:
        links[links.index(lower)] = lower = replace(lower, up=True)
        lower = next((other for other in links if other.ref == lower.link), None)
    return link


def on_slaves(draw, link, links):
    """A link on several others of its network namespace, of which two are there for it."""
    first = Link(link.netns, link.name + "p", "veth", peer=(link.netns, link.name + "q"), **draw(ends()))
    second = Link(*first.peer, "veth", peer=first.ref, **draw(ends()))
    links += [second, first]
    near = [r for r in links if r.netns == link.netns and not KINDS[r.kind].l3 and not no_frames(r)]
    near = [r for r in near if not KINDS[r.kind].family() and not KINDS[r.kind].accepts_ports() and r.kind != "vlan"]
    taken = {slave for r in links for dummy, slave in KINDS[r.kind].slaves(r)} | {r.link[1] for r in links if r.link}
    names = draw(st.permutations([r.name for r in near if r.name not in taken]))
    attrs = dict(link.attrs, slave1=names[0], slave2=names[1], interlink="")
    if "hsr.interlink" not in MISSING and not attrs.get("proto") and names[2:] and draw(st.booleans()):
        attrs["interlink"] = names[2]
    most = min(r.mtu or 1500 for r in near) - 6
    mtu = min(link.mtu, most) if link.mtu else None
    return replace(link, address=None, mtu=mtu, attrs=tuple(sorted(attrs.items())))


@st.composite
def rules(draw, netns):
    """A rule of policy routing."""
    family = draw(st.sampled_from(["inet", "inet6"]))
    given = dict(netns=netns, family=family)
    way = draw(st.sampled_from(["table", "type", "l3mdev", "goto"]))
    if way == "type":
        # One that turned away everything would leave no gateway reachable.
        given.update(type=draw(st.sampled_from([name for name in ACTIONS if name not in ("lookup", "goto")])))
        given.update(fwmark="0x20")
    else:
        given[way] = draw(st.sampled_from(dict(table=["254", "1000"], l3mdev=[True], goto=[32766])[way]))
    given.update(dict(priority=draw(st.sampled_from([100, 200]))) if way == "goto" or draw(st.booleans()) else {})
    return asked(draw, "rule", given, skip=("table", "type", "goto", "l3mdev", *["not"] * (way == "type")))[0]


@st.composite
def nats(draw, netns):
    """Masquerading, or a port that leads elsewhere."""
    given = dict(netns=netns, name="m", backend="nft", family="ipv4")
    if draw(st.booleans()):
        return asked(draw, "nat_masquerade", dict(given, source=draw(st.sampled_from(["10.1.0.0/24", "10.2.0.0/16"]))))
    to, port = draw(st.sampled_from(["10.1.0.20", "10.1.0.21"])), draw(st.sampled_from(["80", "8000-8010"]))
    return asked(draw, "nat_port_forward", dict(given, name="f", to=to, dport=port))


def leaving(draw, link, links):
    """A tunnel: where its outer packets are, and by which of the other links they leave."""
    if KINDS[link.kind].l3:
        link = replace(link, address=None)
    if draw(st.booleans()):
        return link
    home = draw(st.sampled_from(SPACES))
    near = [other.name for other in links if other.netns == home]
    near = [] if dict(link.attrs).get("external") else near
    link = replace(link, link=(home, draw(st.sampled_from(["", *near]))))
    return replace(link, mtu=None) if KINDS[link.kind].overhead(link) and link.link[1] else link


# What says by which way packets go.
WAY = ("via", "dev", "onlink", "multipath", "blackhole", "fdb", "group", "nhid", "type", "src", "from", "scope")


@st.composite
def nexthops(draw, netns, links):
    """Ways by links that have a carrier, groups of some of them, and routes by all of these."""
    # The kernel is slow to see that a veth has no carrier if the other end has the same index elsewhere.
    near = [link for link in links if link.netns == netns and link.up and not link.master]
    ups = {link.ref for link in links if link.up and link.netns == netns}
    devs = [link.name for link in near if link.peer in ups]
    # A blackhole wants lo up, as it is in the host's own namespace.
    where = [dict(blackhole=True, dev="")] * (not netns) + [dict(dev=dev) for dev in devs]
    where += [dict(dev=dev, via=via, onlink=True) for dev in devs for via in ("192.0.2.91", "2001:db8::91")]
    out = []
    for number in draw(st.sets(st.integers(1, 3))) if where else ():
        way = draw(st.sampled_from(where))
        out += asked(draw, "nexthop", dict(netns=netns, id=number, **way), WAY)
    near = [r.id for r in out if not r.blackhole]
    weights = st.sampled_from([1, 2, 255])
    for number in draw(st.sets(st.integers(3, 5))) if near else ():
        ids = [i for i in draw(st.lists(st.sampled_from(near), min_size=1, unique=True)) if i != number]
        given = dict(netns=netns, id=number, group=[dict(id=i, weight=draw(weights)) for i in ids])
        given.update(dict(type=RESILIENT, buckets=draw(st.sampled_from([4, 8]))) if draw(st.booleans()) else {})
        if ids and number not in near:
            out += asked(draw, "nexthop", given, (*WAY, "type", "buckets"))
    for number, r in enumerate(out):
        if draw(st.booleans()):
            out = [*out, Route(netns, "10.9.%d.0/24" % (8 + number), metric=0, type="unicast", hops=(), nhid=r.id)]
    return out


@st.composite
def small(draw, link, links):
    """What is drawn on a link and its place in a bridge."""
    where, out = (link.netns, link.name), []
    place = dict(netns=link.netns, dev=link.name)
    if (link.address or link.kind == "veth") and not KINDS[link.kind].l3 and draw(st.integers(0, 2)) == 0:
        for address in draw(some_of(["10.1.0.20", "10.1.0.21", "2001:db8:1::20"])):
            how = dict(proxy=True) if draw(st.booleans()) else dict(lladdr=draw(st.sampled_from(MACS)))
            out += asked(draw, "neighbour", dict(place, address=address, **how), skip=("lladdr", "proxy"))
    if draw(st.integers(0, 3)) == 0:
        out += impairments(draw, place)
    networks = list(ALLOWED) if link.kind == "wireguard" else []
    for key in draw(some_of(KEYS[2:], max_size=3)) if networks else ():
        ips = draw(st.one_of(st.none(), st.lists(st.sampled_from(networks), max_size=2, unique=True)))
        networks = [ip for ip in networks if ip not in (ips or ())]
        preshared = draw(st.sampled_from([None, Secret(), Secret(KEYS[0]), Secret(KEYS[1])]))
        end = draw(st.sampled_from([None, "192.0.2.91:51820", "[2001:db8::91]:1"]))
        keepalive = draw(st.sampled_from([None, 0, 25, 65535]))
        out.append(WireguardPeer(*where, key, preshared, end, None if ips is None else tuple(sorted(ips)), keepalive))
    far = "2001:db8::%d" if ":" in str(dict(link.attrs).get("remote", "")) else "192.0.2.%d"
    for number in draw(st.sets(st.integers(81, 83))) if link.kind == "vxlan" else ():
        mac = draw(st.sampled_from(["00:00:00:00:00:00", "02:00:00:fd:00:0%d" % (number - 80)]))
        given = dict(place, lladdr=mac, dst=far % number, self=True)
        # What becomes of one by a link that goes or moves is not foretold.
        skip = ["via", *["src_vni"] * (not dict(link.attrs).get("external"))]
        out += asked(draw, "bridge_fdb", given, skip)
    bridge = next((other for other in links if (other.netns, other.name) == (link.netns, link.master)), None)
    if bridge is not None:
        # A bridge has an address behind one of its ports.
        for mac in draw(some_of(["02:00:00:fd:%02x:0%d" % (ENDS.index(link.name), n) for n in (1, 2)])):
            # One in a VLAN needs that.
            out += asked(draw, "bridge_fdb", dict(place, lladdr=mac), ("vlan", "self"))
        attrs = dict(bridge.attrs)
        if bridge.up and attrs.get("mcast_snooping", True) and not attrs.get("vlan_filtering"):
            for group in draw(some_of(["239.1.1.1", "ff05::1:3", "01:00:5e:00:53:01"])):
                given = dict(netns=link.netns, dev=bridge.name, port=link.name, grp=[group])
                out += asked(draw, "bridge_mdb", given, ("vid",))
    if (bridge is not None or link.kind == "bridge") and "bridge_vlan" not in MISSING and draw(st.booleans()):
        vlans = draw(st.dictionaries(st.sampled_from([1, 5, 6, 7, 4094]), st.sampled_from([None, True, False])))
        pvid = draw(st.sampled_from([None, 0, *vlans]))
        out.append(PortVlans(*where, tuple(sorted(vlans.items())), pvid, exact=draw(st.booleans())))
    return out


ALLOWED = ["10.1.0.0/16", "10.2.0.0/24", "10.2.0.1/32", "0.0.0.0/0", "::/0", "2001:db8::/32"]


def impairments(draw, place):
    """A queueing discipline; there can be none but that for a rate alone."""
    skip = [row.name for row in Impairment.ROWS if row.name != "rate"] if "netem" in MISSING else ()
    given = dict(place, rate=draw(st.sampled_from([8000, 16000000])))
    given = given if "netem" in MISSING or draw(st.booleans()) else dict(place, limit=20000)
    (it,) = asked(draw, "link_impairment", given, skip)
    return [replace(it, reorder=it.reorder and it.delay and it.reorder, correlation=it.jitter and it.correlation)]


def beneath(link, links):
    """The names of what a link stands on, and of what it is made of."""
    near = [
        other for other in links if other.ref == link.link or (other.master == link.name and other.netns == link.netns)
    ]
    slaves = [(link.netns, name) for dummy, name in KINDS[link.kind].slaves(link)]
    near += [other for other in links if other.ref in slaves]
    return {link.ref}.union(*(beneath(other, links) for other in near))


GOING = (
    Link,
    Address,
    WireguardPeer,
    Nexthop,
    Route,
    Rule,
    Neighbour,
    FdbEntry,
    MdbEntry,
    Impairment,
    Netns,
    Masquerade,
    PortForward,
)
# What this kernel does not have: kinds, their attributes as KIND.ATTRIBUTE, and nft. Found out below, not written here.
MISSING = set()
NAT = (NatTable("", "ipv4"), Masquerade("", "try", "ipv4", "nft", "10.1.0.0/24"))


OWN = ("10.%d.0.%d/24", "2001:db8:%d::%d/64")
# What takes away what others want.
LOSING = ("disable_ipv6", "keep_addr_on_down")


def address(draw, place, text):
    """An address; those of one network have one scope, and those of a host are no groups."""
    # The kernel forgets the route to a peer of IPv6 now and then.
    skip = ("addresses", "autojoin", "scope", *["peer"] * (":" in text))
    return asked(draw, "address", dict(place, address=[text]), skip)[0]


def routes(draw, link, address):
    """A route by a gateway on a network, or by the link alone."""
    six = ":" in address.address
    reached = not (address.noprefixroute or address.peer)
    dest = ("2001:db8:9%d::/48" if six else "10.9.%d.0/24") % draw(st.integers(0, 3))
    given = dict(netns=link.netns, dest=[dest])
    ways = [dict(via=address.ip[:-1] + str(draw(st.integers(4, 6))), dev=link.name) for dummy in range(2)]
    ways = [dict(way, onlink=True) if not reached else way for way in ways]
    # Of IPv6 such a gateway must not be on another link by then.
    direct = (six and not reached) or draw(st.booleans())
    several = not direct and len({way["via"] for way in ways}) == 2 and draw(st.booleans())
    if several:
        given.update(multipath=[dict(way, weight=draw(st.sampled_from([1, 256]))) for way in ways])
    else:
        given.update(dict(dev=link.name) if direct else ways[0])
    # An address that is still looked for on other hosts is no source.
    sound = (not six or address.nodad) and draw(st.booleans())
    given.update(dict(src=address.ip) if sound else {})
    if direct and not six:
        # Of the host itself is what is local.
        given.update(dict(scope=draw(st.sampled_from(["global", "site", "link"]))) if draw(st.booleans()) else {})
    return list(asked(draw, "route", given, WAY))


def without_ipv6(draw, links):
    """At most one of those that stand for themselves gets an MTU with which it has no IPv6; the names of those."""
    lower = {other.link for other in links} | {(other.netns, other.master) for other in links}
    lower |= {(other.netns, slave) for other in links for dummy, slave in KINDS[other.kind].slaves(other)}
    alone = [
        n
        for n, link in enumerate(links)
        if link.ref not in lower
        and not (link.master or KINDS[link.kind].stacked or KINDS[link.kind].underlay)
        and link.kind not in ("vrf", "hsr")
    ]
    if not alone or draw(st.integers(0, 3)):
        return set()
    n = draw(st.sampled_from(alone))
    links[n] = replace(links[n], mtu=draw(st.sampled_from([576, 1279])), addrgenmode=None)
    return {links[n].ref}


def of_ipv6(r, refs):
    """Whether something is of IPv6, and on one of these links."""
    devs = [hop.dev for hop in r.hops or ()] if isinstance(r, Route) else [r.dev]
    words = [str(getattr(r, name, "")) for name in ("address", "dest", "family") if not isinstance(r, Link)]
    return any((r.netns, dev) in refs for dev in devs) and any(":" in word or word == "ipv6" for word in words)


@st.composite
def wishes(draw, kind_name=None):
    """A namespace or two, links of every kind in them, one of this kind, and what stands on the links."""
    wanted = [Netns(name) for name in SPACES if name]
    links = []
    for name in NAMES:
        known = [kind for kind in KINDS.values() if kind.name not in MISSING and (links or not kind.stacked)]
        kind = KINDS[kind_name] if kind_name and name == NAMES[1] else draw(st.sampled_from(known))
        # All namespaces have one folder for their character devices, named by numbers that each begins anew.
        netns = "pa" if kind.is_tap() else draw(st.sampled_from(SPACES))
        attrs = draw(values(kind, kind.attrs))
        link = Link(netns, name, kind.name, attrs=attrs, **draw(ends()))
        link = replace(link, address=None) if kind.l3 else link
        if kind.is_pair():
            far = Link(draw(st.sampled_from(SPACES)), name + "p", kind.name, peer=link.ref, **draw(ends()))
            link = replace(link, peer=far.ref)
            if no_frames(link):
                link, far = replace(link, address=None), replace(far, address=None)
            far = replace(far, attrs=kind.far_attrs(with_defaults(kind.attrs, attrs)) if draw(st.booleans()) else ())
            links.append(far)
        if "listen_port" in dict(attrs):
            # No two that are up have the same.
            port = 20000 + NAMES.index(name) * 4 + SPACES.index(netns) + 12 * draw(st.integers(0, 1))
            link = replace(link, attrs=tuple(sorted({**dict(attrs), "listen_port": port}.items())))
        link = leaving(draw, link, links) if kind.underlay else link
        link = on_slaves(draw, link, links) if kind.name == "hsr" else link
        links.append(standing(draw, link, links) if kind.stacked else link)
    masters = [link for link in links if KINDS[link.kind].accepts_ports()]
    for n, link in enumerate(links):
        near = [m for m in masters if m.netns == link.netns and m.name != link.name and m.kind != link.kind]
        carries = any(other.link == link.ref and KINDS[other.kind].family() for other in links)
        slaves = [(other.netns, name) for other in links for dummy, name in KINDS[other.kind].slaves(other)]
        carries = carries or link.ref in slaves
        kind = KINDS[link.kind]
        pair = next((other for other in links if other.peer == link.ref and other.attrs), link)
        if carries or kind.is_tap() or kind.l3 or no_frames(pair) or (kind.stacked and "address" in kind.inherits):
            near = [m for m in near if KINDS[m.kind].accepts_ports() == "any"]
        if kind.mac_fixed() or ("up" in inherits(link) and not link.up):
            near = [m for m in near if not KINDS[m.kind].sets_port_up()]
        near = [] if kind.never_a_port() else near
        near = [m for m in near if link.ref not in beneath(m, links) and m.ref not in beneath(link, links)]
        if near and draw(st.booleans()):
            master = draw(st.sampled_from(near))
            port = draw(values(KINDS[master.kind], KINDS[master.kind].port))
            links[n] = replace(link, master=master.name, port=port, slave_kind=master.kind)
    for n, bond in enumerate(links):
        ports = [other.name for other in links if (other.netns, other.master) == (bond.netns, bond.name)]
        if dict(bond.attrs).get("mode") in ("active-backup", "balance-tlb", "balance-alb") and ports:
            primary = draw(st.sampled_from([None, "", *ports]))
            more = {} if primary is None else dict(primary=primary)
            links[n] = replace(bond, attrs=tuple(sorted({**dict(bond.attrs), **more}.items())))
    for n, link in enumerate(links):
        home = (link.netns, link.master)
        near = [other.name for other in links if (other.netns, other.master) == home and other is not link]
        if link.slave_kind == "bridge" and draw(st.booleans()):
            port = {**dict(link.port), "backup_port": draw(st.sampled_from(["", *near]))}
            links[n] = replace(link, port=tuple(sorted(port.items())))
    bare = without_ipv6(draw, links)
    for link in links:
        net, place = 1 + NAMES.index(link.name[:2]), dict(netns=link.netns, dev=link.name)
        own = [text % (net, draw(st.integers(1, 3))) for text in draw(some_of(OWN))]
        own = [address(draw, place, text) for text in own]
        wanted += own
        if link.up and link.master is None and own and draw(st.booleans()):
            wanted += routes(draw, link, draw(st.sampled_from(own)))
        if draw(st.integers(0, 5)) == 0:
            wanted.append(AltName(link.netns, link.name, link.name + "-other"))
        if draw(st.integers(0, 3)) == 0:
            wanted += asked(draw, "sysctl_forward", dict(place, ipv4=draw(st.booleans())), LOSING)
        wanted += draw(small(link, links))
    for netns in SPACES:
        if draw(st.integers(0, 2)) == 0:
            wanted += draw(nexthops(netns, [link for link in links if link.ref not in bare]))
    for netns in SPACES[1:]:
        if draw(st.booleans()):
            # The commands by which a link is made anew do not know what new links accept.
            wanted += asked(draw, "sysctl_forward", dict(netns=netns, ipv4=draw(st.booleans())), (*LOSING, "accept_ra"))
        if draw(st.integers(0, 4)) == 0:
            nowhere = draw(st.sampled_from(["blackhole", "unreachable", "prohibit"]))
            wanted += asked(draw, "route", dict(netns=netns, dest=["198.51.100.0/24"], type=nowhere), WAY)
        if draw(st.integers(0, 2)) == 0:
            wanted.append(draw(rules(netns)))
        if "nft" not in MISSING and draw(st.integers(0, 2)) == 0:
            wanted += draw(nats(netns))
    unique = {r.key: r for r in wanted if not of_ipv6(r, bare)}
    return Desired(tuple(links) + tuple(unique.values()), allow=ALLOW)


@st.composite
def changes(draw, kind_name=None):
    """A wish, and a second one that may take away some of what the first made."""
    first, second = draw(wishes(kind_name)), draw(wishes(kind_name))
    mode = draw(st.sampled_from(["change", "remove", "both"]))
    links = [r for r in first.present if isinstance(r, GOING) and (isinstance(r, Netns) or r.netns)]
    gone = (
        draw(st.lists(st.sampled_from(links), max_size=3, unique_by=lambda r: r.key))
        if links and mode != "change"
        else []
    )
    gone = [replace(r, peer=None) if isinstance(r, Link) else r for r in gone]
    if mode == "both":
        # One without a priority means all that match the same.
        kept = {replace(r, priority=None).matches for r in second.present if isinstance(r, Rule)}
        gone = [r for r in gone if not isinstance(r, Rule) or replace(r, priority=None).matches not in kept]
    if mode == "remove":
        second = Desired((), tuple(gone), allow=ALLOW)
    elif gone:
        keys = {r.key for r in gone if not isinstance(r, Netns)}
        for dummy in NAMES:
            keys |= {r.key for r in second.present if isinstance(r, Link) and r.peer and ("link", *r.peer) in keys}
            keys |= {r.key for r in second.present if isinstance(r, Link) and keys & set(r.requires())}
        second = replace(
            second,
            present=tuple(r for r in second.present if r.key not in keys and not set(r.requires()) & keys),
            absent=tuple(r for r in gone if not isinstance(r, Netns)),
        )
        only_if(not missing(second, State()))
    return first, second


# By test: how many wishes there were, and why some were refused.
WISHES, REFUSED = Counter(), defaultdict(Counter)


def this_test():
    return os.environ["PYTEST_CURRENT_TEST"].partition("::")[2].partition("[")[0].partition(" ")[0]


def refused(e):
    """One that the plan refuses is no example; how many there are is looked at in the end."""
    REFUSED[this_test()][str(e)[:60]] += 1
    only_if(False)


def reached(host, wish):
    """Execute what a wish needs; return the state before, the steps, and the state after."""
    before = host.observe()
    WISHES[this_test()] += 1
    try:
        steps = plan(wish, before)
    except Refused as e:
        refused(e)
    note("\n".join(["these steps:"] + [line for change in steps for line in commands(change)]))
    try:
        host.execute(steps)
    except OSError as e:
        # That of a tunnel follows from the route that its outer packets take.
        if any(text in e.strerror for text in ("IPv6 takes no less", "IPv6 is disabled")):
            refused(e)
        raise
    return before, steps, host.observe()


def taken(host, kind, attrs, **more):
    """The names of those attributes that a link of this kind has after another value than the default was wanted."""
    wanted = {attr.name: other_value(attr) for attr in attrs}
    more.update(dict(window=5) if "replay" in wanted else {})
    try:
        state = host.there(*example(kind, **more, **wanted))
    except Refused:
        state = None  # they do not go together
    got = dict(state.link(("", "try")).attrs) if state else {}
    told = [attr for attr in attrs if got.get(attr.name) is not None]
    return {attr.name for attr in told if attr.same(got[attr.name], wanted[attr.name])}


@pytest.fixture(scope="module", autouse=True)
def missing_here():
    """What this kernel does not have, asked one by one; of a test host it must be what the table says."""
    host = Host()
    if host.there(*NAT) is None:
        MISSING.add("nft")
    for name, wanted in FEATURES.items():
        if host.there(*wanted) is None:
            MISSING.add(name)
    for kind in KINDS.values():
        if host.there(*example(kind)) is None:
            MISSING.add(kind.name)
            continue
        # Most of them at once, for it is slow; then those that are left.
        decisive = {attr.only[0] for attr in kind.attrs if attr.only}
        decisive |= {"pmtudisc"} if kind.name in ("ipip", "sit") else set()
        decisive |= {"flowlabel"} if kind.name == "vxlan" else set()
        defaults = {attr.name: attr.default for attr in kind.attrs}
        together = [attr for attr in kind.attrs if attr.name not in decisive and met(attr, defaults)]
        known = taken(host, kind, together)
        for attr in kind.attrs:
            more = dict([attr.only] if attr.only else ())
            more.update(dict(remote="2001:db8::9") if (kind.name, attr.name) == ("vxlan", "flowlabel") else {})
            if attr.name not in known and not taken(host, kind, [attr], **more):
                MISSING.add("%s.%s" % (kind.name, attr.name))
    host.clear()
    print("not on this kernel: %s" % (", ".join(sorted(MISSING)) or "nothing"))
    if "FLEET_HOST" in os.environ:
        assert set(known_gaps()) == MISSING, "tests/fleet/gaps.yml says otherwise"


CHECKED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    report_multiple_bugs=False,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
FEW = settings(CHECKED, max_examples=max(1, EXAMPLES // 5))
EACH_KIND = pytest.mark.parametrize("kind", [needing(kind, kind) for kind in KINDS])


@CHECKED
@given(changes())
def test_settles_and_is_foretold_and_restorable(host, two):
    settles_and_is_foretold_and_restorable(host, *two)


@EACH_KIND
@FEW
@given(st.data())
def test_of_each_kind(host, kind, data):
    settles_and_is_foretold_and_restorable(host, *data.draw(changes(kind)))


def settles_and_is_foretold_and_restorable(host, first, second):
    host.clear()
    built = reached(host, first)[2]
    assert left_to_do(first, built) == []
    check_fed_back(built)
    before, steps, after = reached(host, second)
    assert left_to_do(second, after) == []
    expected = before.copy()
    for change in steps:
        predict(expected, change)
    check_foretold(expected, after)
    for dummy in range(4):
        refused = {}
        back = rollback(steps, before, host.observe(), refused)
        assert refused == {}
        note("\n".join(["back:"] + [line for change in back for line in commands(change)]))
        host.execute(back)
        if not back:
            break
    assert differing(snapshot(host.observe()), snapshot(before)) == {}


def differing(found, wanted):
    """What differs between two snapshots, alone."""
    return {key: (found.get(key), wanted.get(key)) for key in {*found, *wanted} if found.get(key) != wanted.get(key)}


def left_to_do(wish, state):
    """The commands of a second run."""
    return [line for change in plan(wish, state) for line in commands(change) or [change]]


def check_fed_back(state):
    """What link_info reads of each link is a task that finds nothing to change."""
    for link in [r for r in state if isinstance(r, Link)]:
        module, options = as_task(state, link)
        spec, rules, wish_of = OPTIONS[module]
        checked = ArgumentSpecValidator(spec, **rules).validate(options)
        assert not checked.error_messages, checked.error_messages
        assert plan(wish_of(checked.validated_parameters, None), state) == (), (module, options)


def goes_with_default(r, after):
    """Whether it is a sysctl of a link with the value of new links: the kernel does not tell if it follows that."""
    default = after.get(replace(r, dev="default").key) if isinstance(r, Sysctl) and r.family == "ipv4" else None
    return default is not None and default.value == after.get(r.key).value


def check_foretold(expected, after):
    # A new link or namespace comes with sysctls of its own, a port with VLANs, which nobody foretells.
    there = {r.key for r in after if not r.made_by_kernel and not isinstance(r, (Sysctl, PortVlans))}
    told = {r.key for r in expected if not r.made_by_kernel}
    # A link that may have another MAC address by now may have other neighbours.
    links = [(r, expected.link((r.netns, r.dev))) for r in (*expected, *after) if isinstance(r, Neighbour)]
    loose = {r.key for r, link in links if link is not None and link.address is None}
    # Newer kernels keep a permanent proxy on a link without a carrier.
    loose |= {r.key for r, dummy in links if r.proxy}
    assert told - {r.key for r in after} - loose == set(), "foretold and not there"
    assert there - told - loose == set(), "there and not foretold"
    for r in expected:
        found = after.get(r.key)
        if r.made_by_kernel or found is None:
            continue
        for name, value in vars(r).items():
            if name not in r.COMPARED or value is None or name == "inode" or goes_with_default(r, after):
                continue
            if name in ("attrs", "port") and isinstance(r, Link):
                table = {a.name: a for a in kind_of(r).attrs if name == "attrs"} or {
                    a.name: a for a in KINDS.get(found.slave_kind, kind_of(r)).port
                }
                for word, said in value:
                    assert said is None or table[word].same(said, dict(getattr(found, name))[word]), (
                        r.key,
                        word,
                        said,
                        found,
                    )
            elif name in LIFETIMES:
                assert {row.name: row for row in r.rows}[name].same(getattr(found, name), value), (r.key, name)
            elif name == "link" and value[1] is None:
                assert found.link[0] == value[0], r.key
            elif name == "hops":
                assert [(h.via, h.dev) for h in value] == [(h.via, h.dev) for h in found.hops], r.key
            else:
                assert getattr(found, name) == value, (r.key, name, value, found)


@CHECKED
@given(wishes(), wishes())
def test_spelled(host, first, second):
    spelled(host, first, second)


@EACH_KIND
@FEW
@given(st.data())
def test_each_kind_spelled(host, kind, data):
    spelled(host, data.draw(wishes(kind)), data.draw(wishes(kind)))


def keys_of(r):
    """The keys that no command tells, by what they are called there."""
    if isinstance(r, WireguardPeer) and r.preshared_key:
        return {"preshared key of " + r.public_key: r.preshared_key.text}
    secret = dict(r.attrs).get("private_key") if isinstance(r, Link) else None
    return {"private key of " + r.name: secret.text} if secret else {}


def spelled(host, *two):
    host.clear()
    by_us = [reached(host, wish) for wish in two]
    lines = [
        line
        for dummy, steps, dummy in by_us
        for change in steps
        for line in host.filled(commands(change), keys_of(change.target))
    ]
    result = snapshot(by_us[1][2], chance=False)
    host.clear()
    host.shell(*lines)
    assert differing(snapshot(host.observe(), chance=False), result) == {}


@CHECKED
@given(changes())
def test_the_dry_run_of_the_first_wish_says_the_same_commands(host, two):
    host.clear()
    nothing = host.observe()
    first = two[0]
    try:
        told = [line for change in plan(first, assume(nothing, first)) for line in commands(change)]
    except Refused as e:
        WISHES[this_test()] += 1
        refused(e)
    steps = reached(host, first)[1]
    assert told == [line for change in steps for line in commands(change)]


def test_few_wishes_are_refused():
    """Else a plan that refused ever more would pass all the tests."""
    for name, count in WISHES.items():
        refused = sum(REFUSED[name].values())
        print("%s: %d of %d refused" % (name, refused, count))
        # Of few the share says little.
        assert refused <= MOST_REFUSED * count + count**0.5, (name, count, REFUSED[name])
    # Of the options of one resource more do not go together.
    assert dropped["refused"] <= 0.25 * dropped["asked"], dropped


MOST_REFUSED = 0.1
# What drawn options are beside, so that each of the others is taken.
GIVEN = {
    "address": [dict(address=["10.1.0.1/24"]), dict(address=["2001:db8::1/64"])],
    "route": [dict(dest=["10.9.0.0/24"]), dict(dest=["2001:db8:9::/48"])],
    "rule": [dict(table="254"), dict(goto=100), dict(l3mdev=True)],
    "neighbour": [dict(address="10.1.0.20")],
    "bridge_fdb": [{"lladdr": MACS[0]}, {"lladdr": MACS[0], "self": True}],
    "bridge_mdb": [dict(port="l2", grp=["239.1.1.1"])],
    "link_impairment": [dict(limit=5)],
    "sysctl_forward": [dict(ipv4=True)],
    "nexthop": [dict(id=1), dict(id=1, group=[dict(id=2)])],
    "nat_masquerade": [dict(name="m", backend="nft", family="ipv4", source="10.1.0.0/24")],
    "nat_port_forward": [dict(name="f", backend="nft", family="ipv4", to="10.1.0.20", dport="80")],
}


@pytest.mark.parametrize("module", GIVEN)
def test_there_are_values_of_each_option(module):
    """Else an option that takes none of the texts that are tried would pass all the tests."""
    spec, several = OPTIONS[module][0], GIVEN[module]
    for name in spec:
        given = [json.dumps(dict({"dev": "l1"} if "dev" in spec else {}, **one), sort_keys=True) for one in several]
        tried = [value for one in given for value in choices(module, name, one)]
        assert len(tried) > 1 or name in PLACES or (module, name) in BY_HAND or name in several[0], name


BY_HAND = {("address", "addresses"), ("route", "multipath"), ("nexthop", "group")}
