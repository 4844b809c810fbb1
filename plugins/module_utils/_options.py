# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of each module, and the wish that they stand for. Pure but for the host that is asked."""

from __future__ import annotations

import base64
import re
from functools import partial
from ipaddress import ip_address, ip_interface, ip_network
from socket import inet_ntop

from ._kinds import KINDS, key_of
from ._model import (
    IP_PROTOCOLS,
    Address,
    AltName,
    FdbEntry,
    Hop,
    Impairment,
    Link,
    Masquerade,
    MdbEntry,
    NatTable,
    Neighbour,
    Netns,
    PortForward,
    PortVlans,
    Refused,
    Route,
    Rule,
    Secret,
    Sysctl,
    SysctlFile,
    WireguardPeer,
    Wish,
    family_of,
    is_mac,
    replace,
)
from ._topology import topology
from ._words import host, link_name, lladdr, mac, netns_name, unique, within

STATE = dict(state=dict(type="str", choices=["present", "absent"], default="present"))
NETNS = dict(netns=dict(type="str"))
END = dict(
    up=dict(type="bool"),
    mtu=dict(type="int"),
    address=dict(type="str"),
    master=dict(type="str"),
    alias=dict(type="str"),
    txqueuelen=dict(type="int"),
    addresses=dict(type="list", elements="str"),
)
NEW_END = dict(END, up=dict(type="bool", default=True))
NAME = dict(name=dict(type="str", required=True))
ALLOW = {word: dict(type="bool", default=False) for word in ("take_over", "take_over_addresses")}
RECREATE = dict(recreate=dict(type="bool", default=False))
MORE = dict(  # what an address has beside itself
    peer=dict(type="str"),
    broadcast=dict(type="str"),
    label=dict(type="str"),
    scope=dict(type="str", choices=["global", "link", "host"]),
)
SYSCTL_D = "/etc/sysctl.d"
TABLES = {"main": 254, "default": 253}


# Values


def interface(option, text):
    """An address with its prefix length, in its canonical form."""
    try:
        parsed = ip_interface(text)
    except ValueError:
        raise Refused(option, "%r is no IP address like 192.0.2.1/24" % text)
    if "/" not in text:
        raise Refused(
            option,
            "%s has no prefix length; write for instance %s/%d" % (text, text, 24 if parsed.version == 4 else 64),
        )
    if parsed.ip.is_multicast or parsed.ip.is_unspecified or "%" in text:
        raise Refused(option, "%s cannot be the address of a link" % text)
    # The kernel's reader spells ::192.0.2.1 with dots.
    return "%s/%d" % (inet_ntop(family_of(text), parsed.ip.packed), parsed.network.prefixlen)


def network(option, text):
    try:
        return str(ip_network(text))
    except ValueError as e:
        raise Refused(option, "%r is no network like 192.0.2.0/24 (%s)" % (text, e))


# Links


def end_of(p, kind, prefix="", **more):
    """The link and its addresses that the options of one end ask for."""
    netns, name = netns_name(prefix + "netns", p.get("netns")), link_name(prefix + "name", p["name"])
    attrs = KINDS[kind].attrs if kind else ()
    link = Link(
        netns,
        name,
        kind,
        master=p["master"] and link_name(prefix + "master", p["master"]) if p["master"] is not None else None,
        mtu=within(prefix + "mtu", p["mtu"], 68, 2**31 - 1),
        address=mac(prefix + "address", p["address"]),
        up=p["up"],
        alias=alias(prefix + "alias", p["alias"]),
        txqueuelen=within(prefix + "txqueuelen", p["txqueuelen"], 0, 2**31 - 1),
        attrs=stated(attrs, p, prefix),
        option=prefix + "name",
        **more,
    )
    if link.master == name:
        raise Refused(prefix + "master", "%s cannot be its own master" % name)
    addresses = unique(prefix + "addresses", [interface(prefix + "addresses", a) for a in p["addresses"] or ()])
    return link, [Address(netns, name, a) for a in addresses]


def alias(option, text):
    if text is not None and (len(text.encode()) > 255 or re.search(r"[\0-\x1f]", text)):
        raise Refused(option, "an alias is one line of at most 255 bytes")
    return text


def stated(attrs, p, prefix=""):
    """The values given for the attributes of a kind, each within its range."""
    out = []
    for attr in attrs:
        if p.get(attr.name) is not None:
            try:
                out.append((attr.name, attr.parse(p[attr.name])))
            except ValueError as e:
                raise Refused(prefix + attr.name, str(e))
    return tuple(sorted(out))


def strangers(p, kind, netns, dev, option="addresses"):
    """What `exclusive` sweeps away."""
    return [(kind, (("netns", netns), ("dev", dev)))] if p.get("exclusive") and p[option] is not None else []


def allowed(p):
    return frozenset(name for name in (*ALLOW, *RECREATE) if p.get(name))


def netns_wish(p, host_):
    names = unique("name", [netns_name("name", name) or refuse_empty() for name in p["name"]])
    single = [option for option in ("pid", "path", "nsid") if p[option] is not None]
    if single and len(names) > 1:
        raise Refused(single[0], "it is for one name, and %d are given" % len(names))
    returns = (("netns", [("netns", name) for name in names]),)
    if p["state"] == "absent":
        return Wish(unwanted=tuple(Netns(name) for name in names), returns=returns)
    path = "/proc/%d/ns/net" % p["pid"] if p["pid"] is not None else p["path"]
    inode = None
    if path:
        inode = host_.adopt(names[0], path)
        if inode is None:
            option, what = ("pid", "process %s" % p["pid"]) if p["pid"] is not None else ("path", path)
            raise Refused(option, "there is no network namespace of %s" % what)
    spaces = [Netns(name, within("nsid", p["nsid"], 0, 2**31 - 1), inode, path) for name in names]
    loops = [Link(name, "lo", up=True) for name in names if p["loopback"]]
    return Wish(tuple(spaces + loops), returns=returns)


def refuse_empty():
    raise Refused("name", "a network namespace needs a name")


def link_wish(p, host_):
    source = None
    if p["from_netns"] is not None:
        source = (netns_name("from_netns", p["from_netns"]), link_name("name", p["name"]))
    link, addresses = end_of(p, None, taken_from=source)
    returns = (("link", link.key),)
    if p["state"] == "absent":
        return Wish(unwanted=(Link(link.netns, link.name),), returns=returns)
    return one_link(p, link, addresses)


def one_link(p, link, addresses):
    """The wish for a link with what stands on it."""
    others = unique("altnames", list(p["altnames"] or ()))
    for name in others:
        if not 0 < len(name.encode()) <= 127 or re.search(r"[\s/:]", name):
            raise Refused("altnames", "%r is no alternative name: 1 to 127 bytes, no '/', ':' or white space" % name)
    altnames = [AltName(link.netns, link.name, name) for name in others]
    sweep = strangers(p, Address, link.netns, link.name) + strangers(p, AltName, link.netns, link.name, "altnames")
    return Wish((link, *altnames, *addresses), (), tuple(sweep), allowed(p), (("link", link.key),))


def veth_wish(p, host_):
    far = p["peer"]
    if far is None and p["state"] == "present":
        raise Refused("peer", "a veth pair needs the name of its other end")
    link, addresses = end_of(p, "veth")
    returns, peer, more = (("link", link.key),), None, []
    if far is not None:
        peer, more = end_of(far, "veth", "peer.", peer=link.ref)
        if peer.ref == link.ref:
            raise Refused("peer", "both ends are called %s in the same network namespace" % link.name)
        link = replace(link, peer=peer.ref)
        returns += (("peer", peer.key),)
    if p["state"] == "absent":
        return Wish(unwanted=(Link(link.netns, link.name, "veth", peer=link.peer),), returns=returns)
    sweep = strangers(p, Address, *link.ref) + strangers(dict(far, exclusive=p["exclusive"]), Address, *peer.ref)
    return Wish((link, peer, *addresses, *more), (), tuple(sweep), allowed(p), returns)


def made_wish(name, p, host_):
    """A link of a kind that a module makes, on its lower link if it has one."""
    kinds = makes(name)
    kind = next((k for k in kinds if k.tap == p.get("tap", k.tap)), kinds[0])
    if modes(name):
        kind = KINDS[p["mode"] or kind.name]
    p = dict(p, **{one: p[word] for word, two in BOTH.items() if p.get(word) is not None for one in two})
    for attr in every_attr(name):
        if p[attr] is not None and attr not in [known.name for known in kind.attrs]:
            raise Refused(attr, "a link of kind %s has none" % kind.name)
    netns, lower, source = netns_name("netns", p["netns"]), None, None
    if p.get("from_netns") is not None:
        source = (netns_name("from_netns", p["from_netns"]), link_name("name", p["name"]))
    if p.get("link") is not None or p.get("link_netns") is not None:
        home = netns if p["link_netns"] is None else netns_name("link_netns", p["link_netns"])
        lower = (home, p.get("link") and link_name("link", p["link"]))
    link, addresses = end_of(p, kind.name, link=lower, taken_from=source)
    if p["state"] == "absent":
        return Wish(unwanted=(Link(link.netns, link.name, kind.name),), returns=(("link", link.key),))
    if lower == link.ref:
        raise Refused("link", "%s cannot stand on itself" % link.name)
    return one_link(p, link, addresses)


def ports_wish(kind, p, host_):
    """A link with ports."""
    link, addresses = end_of(p, kind)
    if p["state"] == "absent":
        return Wish(unwanted=(Link(link.netns, link.name, kind),), returns=(("link", link.key),))
    names = unique("ports", [link_name("ports", port["name"]) for port in p["ports"] or ()])
    if link.name in names:
        raise Refused("ports", "%s cannot be its own port" % link.name)
    ports = [
        Link(
            link.netns,
            port["name"],
            master=link.name,
            port=stated(KINDS[kind].port, port, "ports."),
            slave_kind=kind,
            option="ports",
        )
        for port in p["ports"] or ()
    ]
    wish = one_link(dict(p, altnames=p.get("altnames")), link, addresses)
    sweep = ((Link, (("netns", link.netns), ("master", link.name))),) if p["exclusive_ports"] else ()
    return replace(wish, wanted=(link, *ports, *wish.wanted[1:]), exclusive=wish.exclusive + sweep)


def wireguard_wish(p, host_):
    wish = made("wireguard")[2](p, host_)
    if p["state"] == "absent" or p["peers"] is None:
        return wish
    netns, name = wish.wanted[0].ref
    peers = tuple(peer_of(netns, name, peer) for peer in p["peers"])
    unique("peers.public_key", [peer.public_key for peer in peers])
    unique("peers.allowed_ips", [ip for peer in peers for ip in peer.allowed_ips or ()])
    sweep = ((WireguardPeer, (("netns", netns), ("dev", name))),) if p["exclusive_peers"] else ()
    return replace(wish, wanted=wish.wanted + peers, exclusive=wish.exclusive + sweep)


def peer_of(netns, dev, p):
    ips, keepalive = p["allowed_ips"], within("peers.persistent_keepalive", p["persistent_keepalive"], 0, 65535)
    return WireguardPeer(
        netns,
        dev,
        key("peers.public_key", p["public_key"]),
        Secret(p["preshared_key"] and key("peers.preshared_key", p["preshared_key"]))
        if p["preshared_key"] is not None
        else None,
        endpoint("peers.endpoint", p["endpoint"]),
        None if ips is None else tuple(sorted(network("peers.allowed_ips", ip) for ip in ips)),
        keepalive,
    )


def key(option, text):
    try:
        return base64.b64encode(key_of(text)).decode()
    except ValueError as e:
        raise Refused(option, str(e))


def endpoint(option, text):
    if text is None:
        return None
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})", text)
    if not match or not 0 < int(match.group(3)) < 65536:
        raise Refused(option, "%r is no IP address with a port like 192.0.2.1:51820 or [2001:db8::1]:51820" % text)
    address = host(option, match.group(1) or match.group(2))
    return "%s:%d" % ("[%s]" % address if ":" in address else address, int(match.group(3)))


# Addresses and routes


def address_wish(p, host_):
    netns, dev = netns_name("netns", p["netns"]), link_name("dev", p["dev"])
    single = [option for option in ("peer", "broadcast", "label", "scope") if p[option] is not None]
    if single and len(p["address"] or ()) > 1:
        raise Refused(single[0], "it is for one address, and %d are given" % len(p["address"]))
    option = "address" if p["addresses"] is None else "addresses"
    if p["addresses"] is None:
        addresses = [address_of(netns, dev, dict(p, address=text), "") for text in p["address"]]
    else:
        addresses = [address_of(netns, dev, one, "addresses.") for one in p["addresses"]]
    unique(option, [a.address + (" with the peer " + a.peer if a.peer else "") for a in addresses])
    returns = (("addresses", [a.key for a in addresses]),)
    if p["state"] == "absent":
        return Wish(unwanted=tuple(addresses), returns=returns)
    sweep = strangers(p, Address, netns, dev, option)
    return Wish(tuple(addresses), (), tuple(sweep), returns=returns)


def address_of(netns, dev, p, prefix):
    text, peer, label = p["address"], p["peer"], p["label"]
    if peer is not None:
        peer = interface(prefix + "peer", peer if "/" in peer else peer + ("/128" if ":" in peer else "/32"))
        own = host(prefix + "address", text.split("/")[0])
        if (":" in own) != (":" in peer):
            raise Refused(prefix + "peer", "%s and %s are of different families" % (own, peer))
        address = Address(netns, dev, own + ("/128" if ":" in own else "/32"), peer)
    else:
        address = Address(netns, dev, interface(prefix + "address", text))
    if label and (not label.startswith(dev) or len(label.encode()) > 15):
        text = "%r must begin with the name of its link, %s, and have at most 15 bytes"
        raise Refused(prefix + "label", text % (label, dev))
    if (label or p["broadcast"]) and ":" in address.address:
        raise Refused(prefix + ("label" if label else "broadcast"), "IPv6 addresses have none")
    broadcast = host(prefix + "broadcast", p["broadcast"])
    return replace(address, broadcast=broadcast, label="" if label == dev else label, scope=p["scope"])


def route_wish(p, host_):
    netns = netns_name("netns", p["netns"])
    several = [hop_of("multipath.", hop) for hop in p["multipath"] or ()]
    one = hop_of("", dict(p, weight=1))
    hops = several or ([one] if one.via or one.dev else [])
    if len(unique("multipath", several)) == 1:
        raise Refused("multipath", "one next hop is no multipath; say via and dev")
    if p["state"] == "present" and bool(hops) == (p["type"] not in (None, "unicast")):
        option, text = (
            ("via", "say via, dev or multipath")
            if not hops
            else ("type", "a %s route has no via, dev or multipath" % p["type"])
        )
        raise Refused(option, text)
    routes = [route_of(p, netns, dest, tuple(hops)) for dest in p["dest"]]
    unique("dest", [route.dest for route in routes])
    returns = (("routes", [route.key for route in routes]),)
    if p["state"] == "absent":
        return Wish(unwanted=tuple(routes), returns=returns)
    return Wish(tuple(routes), returns=returns)


def hop_of(prefix, p):
    dev = p["dev"] and link_name(prefix + "dev", p["dev"])
    return Hop(host(prefix + "via", p["via"]), dev, within(prefix + "weight", p["weight"], 1, 256), bool(p["onlink"]))


def route_of(p, netns, dest, hops):
    six = p["family"] == "inet6" or (any(":" in hop.via for hop in hops if hop.via) and dest == "default")
    dest = ("::/0" if six else "0.0.0.0/0") if dest == "default" else network("dest", dest)
    if p["family"] and (":" in dest) != (p["family"] == "inet6"):
        raise Refused("family", "%s is not of the family %s" % (dest, p["family"]))
    if ":" in dest and any(hop.via and ":" not in hop.via for hop in hops):
        raise Refused("via", "%s has an IPv4 next hop" % dest)
    src = host("src", p["src"])
    if src and (":" in src) != (":" in dest):
        raise Refused("src", "%s and %s are of different families" % (src, dest))
    metric = within("metric", p["metric"], 0, 2**32 - 1)
    if p["state"] == "present" and metric is None:
        metric = 1024 if ":" in dest else 0
    mtu = within("mtu", p["mtu"], 0, 2**32 - 1)
    kind = p["type"] or ("unicast" if p["state"] == "present" else None)
    return Route(netns, dest, table(p["table"]), metric, kind, hops or None, src, p["scope"], mtu, p["proto"])


def table(text):
    number = TABLES.get(text, text)
    if not re.fullmatch("[0-9]+", str(number)) or not 0 < int(number) < 2**32 or int(number) == 255:
        raise Refused("table", "%r is no routing table: main, default, or a number but 255" % text)
    return int(number)


SELECTORS = ("from", "to", "iif", "oif", "fwmark", "ipproto", "sport", "dport")


def rule_wish(p, host_):
    netns = netns_name("netns", p["netns"])
    nets = {name: p[name] and p[name] != "all" and network(name, p[name]) for name in ("from", "to")}
    six = {":" in net for net in nets.values() if net} | ({p["family"] == "inet6"} if p["family"] else set())
    if len(six) > 1:
        raise Refused("family" if p["family"] else "to", "IPv4 and IPv6 do not mix in one rule")
    gone = p["state"] == "absent"
    kind = p["type"] or (None if gone else "lookup")
    number = rule_table(p["table"]) if p["table"] is not None else None
    if not gone and (kind == "lookup") == (number is None):
        raise Refused("table", "say it" if kind == "lookup" else "a rule of type %s looks into none" % kind)
    suppress = within("suppress_prefixlength", p["suppress_prefixlength"], -1, 128)
    if suppress not in (None, -1) and kind != "lookup":
        raise Refused("suppress_prefixlength", "it is for type: lookup")
    ports = {name: p[name] and port_range(name, p[name], 65534) for name in ("sport", "dport")}
    protocol = p["ipproto"] and ip_protocol(p["ipproto"])
    if any(ports.values()) and not gone and protocol not in ("tcp", "udp", "sctp"):
        raise Refused("ipproto", "ports need tcp, udp or sctp")
    given = dict(
        nets,
        iif=p["iif"] and link_name("iif", p["iif"]),
        oif=p["oif"] and link_name("oif", p["oif"]),
        fwmark=p["fwmark"] and fwmark(p["fwmark"]),
        ipproto=protocol,
        **ports,
    )
    # Which packets a rule matches is what it is: what is not given is none of its conditions.
    given = {name: value or (None if gone and p[name] is None else "") for name, value in given.items()}
    if gone and not any(p[name] is not None for name in ("priority", "type", "table") + SELECTORS):
        raise Refused("priority", "say which rules: at least one of priority, table, type and what they match")
    rule = Rule(
        netns,
        "inet6" if True in six else "inet",
        within("priority", p["priority"], 0, 2**32 - 1),
        given.pop("from"),
        type=kind,
        table=0 if number is None and not gone else number,
        suppress_prefixlength=suppress,
        **given,
    )
    if gone:
        return Wish(unwanted=(rule,), returns=(("rule", rule),))
    return Wish((rule,), returns=(("rule", rule),))


def rule_table(text):
    return 255 if text in ("local", "255") else table(text)


def ip_protocol(text):
    names = {str(number): name for name, number in IP_PROTOCOLS.items()}
    if text not in IP_PROTOCOLS and not (re.fullmatch("[0-9]{1,3}", text) and 0 < int(text) < 256):
        raise Refused("ipproto", "%r is no protocol: one of %s, or a number" % (text, ", ".join(IP_PROTOCOLS)))
    return text if text in IP_PROTOCOLS else names.get(str(int(text)), str(int(text)))


def fwmark(text):
    """A mark and its mask, as ip(8) shows them."""
    word = "(0x[0-9a-f]{1,8}|[0-9]{1,10})"
    match = re.fullmatch("%s(?:/%s)?" % (word, word), text.lower())
    mark, mask = [int(part or "0xffffffff", 0) for part in match.groups()] if match else (2**32, 0)
    if max(mark, mask) >= 2**32 or not mask:
        raise Refused("fwmark", "%r is no mark like 0x10 or 0x10/0xff" % text)
    return "0x%x" % mark if mark and mask == 2**32 - 1 else "0x%x/0x%x" % (mark, mask)


# Bridges and neighbours


def vids(option, texts):
    """The VLANs of a list of numbers and ranges."""
    out = []
    for text in texts:
        match = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", str(text))
        first, last = (int(match.group(1)), int(match.group(2) or match.group(1))) if match else (0, 0)
        if not 0 < first <= last < 4095:
            raise Refused(option, "%r is no VLAN from 1 to 4094, nor a range like 10-20" % text)
        out += range(first, last + 1)
    return unique(option, out)


def bridge_vlan_wish(p, host_):
    netns, dev = netns_name("netns", p["netns"]), link_name("dev", p["dev"])
    all_, untagged = vids("vid", p["vid"] or ()), p["untagged"] and vids("untagged", p["untagged"])
    returns = (("vlans", ("vlans", netns, dev)),)
    if p["state"] == "absent":
        if not all_:
            raise Refused("vid", "say which VLANs")
        return Wish((PortVlans(netns, dev, without=frozenset(all_)),), returns=returns)
    pvid = within("pvid", p["pvid"], 0, 4094)
    known = set(all_) | set(untagged or ()) | ({pvid} if pvid else set())
    if not known and pvid is None and not p["exclusive"]:
        raise Refused("vid", "say at least one of vid, untagged and pvid")
    vlans = tuple((vid, None if p["untagged"] is None else vid in untagged) for vid in sorted(known))
    return Wish((PortVlans(netns, dev, vlans, pvid, exact=p["exclusive"]),), returns=returns)


def multicast(option, text):
    """A multicast group: an address of IPv4 or IPv6, or a MAC address."""
    if is_mac(text):
        group, good = text.lower(), int(text[:2], 16) & 1
    else:
        group = host(option, text)
        good = ip_address(group).is_multicast and group not in ("224.0.0.0", "ff00::")
    if not good:
        raise Refused(option, "%s is no multicast group" % text)
    return group


def entries(p, name, all_):
    """The wish for entries that are there or not."""
    returns = ((name, [entry.key for entry in all_]),)
    if p["state"] == "absent":
        return Wish(unwanted=tuple(all_), returns=returns)
    return Wish(tuple(all_), returns=returns)


def neighbour_wish(p, host_):
    netns, dev = netns_name("netns", p["netns"]), link_name("dev", p["dev"])
    gone, proxy = p["state"] == "absent", p["proxy"]
    address = host("address", p["address"])
    if ip_address(address).is_multicast or ip_address(address).is_unspecified:
        raise Refused("address", "%s is the address of no neighbour" % address)
    said = [option for option in ("lladdr", "router") if p[option] is not None]
    if proxy and said:
        raise Refused(said[0], "an address for which this host answers (proxy) has none")
    if not (gone or proxy or p["lladdr"]):
        raise Refused("lladdr", "say the MAC address of %s" % address)
    mac = "" if proxy and not gone else lladdr("lladdr", p["lladdr"])
    return entries(p, "neighbours", [Neighbour(netns, dev, address, mac, p["router"], proxy)])


def bridge_fdb_wish(p, host_):
    netns, dev = netns_name("netns", p["netns"]), link_name("dev", p["dev"])
    gone, own = p["state"] == "absent", p["self"]
    for option in ("dst", "vni") if not own else ("vlan", "local"):
        if p[option] is not None:
            raise Refused(option, "it is for the entries of a vxlan: self: true" if not own else "it is for a bridge")
    address, dst = lladdr("lladdr", p["lladdr"]), host("dst", p["dst"])
    if own and not (gone or dst):
        raise Refused("dst", "say the address of the other end")
    if not own and (int(address[:2], 16) & 1 or address == "00:00:00:00:00:00"):
        raise Refused("lladdr", "%s is a multicast or empty MAC address; see bridge_mdb for groups" % address)
    vlan = vids("vlan", [p["vlan"]])[0] if p["vlan"] is not None else None if gone else 0
    vni = within("vni", p["vni"], 1, 2**24 - 1)
    return entries(p, "entries", [FdbEntry(netns, dev, address, vlan, own, p["local"], dst, vni)])


def bridge_mdb_wish(p, host_):
    netns, gone = netns_name("netns", p["netns"]), p["state"] == "absent"
    names = [link_name(option, p[option]) for option in ("dev", "port")]
    vid = vids("vid", [p["vid"]])[0] if p["vid"] is not None else None if gone else 0
    groups = unique("grp", [multicast("grp", text) for text in p["grp"]])
    return entries(p, "entries", [MdbEntry(netns, *names, group, vid) for group in groups])


def link_impairment_wish(p, host_):
    netns, dev = netns_name("netns", p["netns"]), link_name("dev", p["dev"])
    returns = (("impairment", ("impairment", netns, dev)),)
    if p["state"] == "absent":
        return Wish(unwanted=(Impairment(netns, dev),), returns=returns)
    found = {}
    for name in ("delay", "jitter", "correlation", "loss", "duplicate", "reorder", "corrupt"):
        high = 3600000 if name in ("delay", "jitter") else 100
        if p[name] is not None:
            if not 0 <= p[name] <= high:
                raise Refused(name, "%s is not between 0 and %d" % (p[name], high))
            found[name] = round(p[name], 3 if high > 100 else 4)
    for name, values in (("rate", range(0, 2**35, 8)), ("limit", range(1, 2**31))):
        if p[name] is not None and p[name] not in values:
            step = "" if values.step == 1 else " in steps of 8"
            raise Refused(name, "%d is not between %d and %d%s" % (p[name], values[0], values[-1], step))
        found[name] = p[name]
    if all(value is None for value in found.values()):
        raise Refused("delay", "say at least one of delay, loss, duplicate, reorder, corrupt, rate and limit")
    return Wish((Impairment(netns, dev, **found),), returns=returns)


# Forwarding


def sysctl_forward_wish(p, host_):
    netns, dev = netns_name("netns", p["netns"]), p["dev"] and link_name("dev", p["dev"])
    if p["persistent"] and netns:
        raise Refused(
            "persistent", "it is for the host's own network namespace; %s is gone after a reboot anyway" % netns
        )
    given = {name: int(p[name]) for name in ("ipv4", "ipv6", "rp_filter", "proxy_arp") if p[name] is not None}
    if not given:
        raise Refused("ipv4", "say at least one of ipv4, ipv6, rp_filter and proxy_arp")
    wide = {
        "ipv4": [("ipv4", "", "ip_forward")],
        "ipv6": [("ipv6", "all", "forwarding")],
        "rp_filter": [("ipv4", "all", "rp_filter"), ("ipv4", "default", "rp_filter")],
        "proxy_arp": [("ipv4", "all", "proxy_arp")],
    }
    one = {
        "ipv4": [("ipv4", dev, "forwarding")],
        "ipv6": [("ipv6", dev, "forwarding")],
        "rp_filter": [("ipv4", dev, "rp_filter")],
        "proxy_arp": [("ipv4", dev, "proxy_arp")],
    }
    gone = p["state"] == "absent"
    sysctls = [
        Sysctl(netns, *key, value=0 if gone else value)
        for name, value in given.items()
        for key in (one if dev else wide)[name]
    ]
    files = [SysctlFile("", sysctl_file(s), ((sysctl_line(s), s.value),)) for s in sysctls] if not netns else []
    returns = (("sysctls", [s.key for s in sysctls]),)
    keep = p["persistent"] and not gone
    drop = gone or p["persistent"] is False
    return Wish(tuple(sysctls + (files if keep else [])), tuple(files if drop else []), returns=returns)


def sysctl_file(s):
    # ip_forward resets the values of each link: its file is read first.
    rank = 91 if s.dev not in ("all", "default", "") else 90
    return "%s/%d-virtnet-%s.conf" % (SYSCTL_D, rank, s.path.replace("net/", "").replace("/", "-"))


def sysctl_line(s):
    return s.path if "." in s.dev else s.path.replace("/", ".")


def nat_masquerade_wish(p, host_):
    netns = netns_name("netns", p["netns"])
    source = p["source"] and network("source", p["source"])
    excluded = p["exclude_destinations"]
    if excluded is not None:
        excluded = tuple(
            sorted(unique("exclude_destinations", [network("exclude_destinations", net) for net in excluded]))
        )
    family = nat_family(p, "exclude_destinations", source, *(excluded or ()))
    device = p["out_interface"] and link_name("out_interface", p["out_interface"])
    name = nat_name(p["name"], source, device)
    if p["to_ports"] is not None and p["to_ports"] != "":
        port_range("to_ports", p["to_ports"])
        if not p["protocol"]:
            raise Refused("protocol", "to_ports needs it")
    returns = (("masquerade", ("masquerade", netns, family, name)),)
    if p["state"] == "absent":
        return Wish(unwanted=(Masquerade(netns, name, family),), returns=returns)
    backend = host_.nat_backend(netns, family) if p["backend"] == "auto" else p["backend"]
    rule = Masquerade(
        netns,
        name,
        family,
        backend,
        source,
        excluded,
        device,
        p["protocol"],
        p["to_ports"],
        p["random"],
        p["fully_random"],
    )
    tables = (NatTable(netns, family),) if backend == "nft" else ()
    return Wish(tables + (rule,), returns=returns)


def nat_port_forward_wish(p, host_):
    netns, dport = netns_name("netns", p["netns"]), p["dport"] and port_range("dport", p["dport"])
    to, destination = host("to", p["to"]), p["destination"] and host("destination", p["destination"])
    source = p["source"] and network("source", p["source"])
    family = nat_family(p, "to", to, destination, source)
    device = p["in_interface"] and link_name("in_interface", p["in_interface"])
    name = nat_name(p["name"], device, destination, p["protocol"], dport)
    returns = (("port_forward", ("port_forward", netns, family, name)),)
    if p["state"] == "absent":
        return Wish(unwanted=(PortForward(netns, name, family),), returns=returns)
    to_port = within("to_port", p["to_port"], 0, 65535)
    backend = host_.nat_backend(netns, family) if p["backend"] == "auto" else p["backend"]
    rule = PortForward(netns, name, family, backend, p["protocol"], dport, to, to_port, device, destination, source)
    return Wish(((NatTable(netns, family),) if backend == "nft" else ()) + (rule,), returns=returns)


def nat_family(p, option, *texts):
    """The family of a rule, that of its addresses and networks."""
    families = {"ipv6" if ":" in text else "ipv4" for text in texts if text}
    families |= {p["family"]} if p["family"] else set()
    if len(families) > 1:
        raise Refused("family" if p["family"] else option, "IPv4 and IPv6 do not mix in one rule")
    return families.pop() if families else "ipv4"


def nat_name(name, *parts):
    """The name of a rule, made of these if it has none of its own."""
    name = name or re.sub(r"[^A-Za-z0-9_./-]+", "_", "-".join(filter(None, parts)))
    if not re.fullmatch(r"[A-Za-z0-9_./-]{1,64}", name):
        raise Refused("name", "%r must be 1 to 64 letters, digits and _ . / -" % name)
    return name


def port_range(option, text, last=65535):
    match = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    low, high = (int(match.group(1)), int(match.group(2) or match.group(1))) if match else (0, 0)
    if not 0 < low <= high <= last:
        raise Refused(option, "%r is no port or range of ports like 1024-%d" % (text, last))
    return str(low) if low == high else "%d-%d" % (low, high)


ALTNAMES = dict(altnames=dict(type="list", elements="str"))


# An option that stands for two.
BOTH = {"key": ("ikey", "okey"), "csum": ("icsum", "ocsum"), "seq": ("iseq", "oseq")}


def makes(name):
    """The kinds of link that a module makes."""
    return [kind for kind in KINDS.values() if kind.maker == name]


def modes(name):
    """The names of the kinds of a module that makes several."""
    return [kind.name for kind in makes(name) if not kind.tap][1:] and [kind.name for kind in makes(name)]


def every_attr(name):
    """The options of all kinds of a module; a word of one of them is a word of the option."""
    specs = {}
    for attr in [attr for kind in makes(name) for attr in kind.attrs]:
        old, new = specs.get(attr.name, {}), attr.spec()
        words = [word for word in new.get("choices", ()) if word not in old.get("choices", ())]
        specs[attr.name] = dict(new, choices=old.get("choices", []) + words) if "choices" in new else new
    return specs


def options(name, **more):
    """The options of a module that makes links."""
    attrs = every_attr(name)
    common = dict(NAME, **STATE, **NETNS, **NEW_END, **ALLOW, **RECREATE)
    return dict(common, exclusive=dict(type="bool", default=False), **attrs, **more)


def made(name):
    """A module of one link: its options, their rules, and the wish."""
    kind, more, rules = makes(name)[0], dict(ALTNAMES), {}
    needed = [attr.name for attr in kind.attrs if attr.needed is True]
    either = [
        ("state", "present", [attr.name, attr.needed], True) for attr in kind.attrs if attr.needed not in (True, False)
    ]
    if kind.stands or kind.over:
        more.update(link_netns=dict(type="str"), link=dict(type="str"))
        needed += ["link"] if kind.stands else []
    elif not kind.rooted:
        more["from_netns"] = dict(type="str")
    if any(other.tap for other in makes(name)):
        more["tap"] = dict(type="bool", default=False)
    if modes(name):
        more["mode"] = dict(type="str", choices=modes(name))
        needed.append("mode")
    attrs = every_attr(name)
    both = {word: two for word, two in BOTH.items() if two[0] in attrs}
    more.update({word: attrs[two[0]] for word, two in both.items()})
    if both:
        rules["mutually_exclusive"] = [(word, one) for word, two in both.items() for one in two]
    if needed or either:
        rules["required_if"] = ([("state", "present", needed)] if needed else []) + either
    return options(name, **more), rules, partial(made_wish, name)


def ports_of(kind):
    """The options of a module whose links have ports."""
    port = dict(NAME, **{attr.name: attr.spec() for attr in KINDS[kind].port})
    return dict(
        ports=dict(type="list", elements="dict", options=port), exclusive_ports=dict(type="bool", default=False)
    )


OPTIONS = {
    "netns": (
        dict(
            STATE,
            name=dict(type="list", elements="str", required=True),
            pid=dict(type="int"),
            path=dict(type="path"),
            nsid=dict(type="int"),
            loopback=dict(type="bool", default=True),
        ),
        dict(mutually_exclusive=[("pid", "path")]),
        netns_wish,
    ),
    "link": (
        dict(
            NAME,
            **STATE,
            **NETNS,
            **END,
            **ALLOW,
            **ALTNAMES,
            from_netns=dict(type="str"),
            exclusive=dict(type="bool", default=False),
        ),
        {},
        link_wish,
    ),
    "veth": (
        options("veth", peer=dict(type="dict", options=dict(NAME, **NETNS, **NEW_END))),
        {},
        veth_wish,
    ),
    "linux_bridge": (
        options("linux_bridge", **ports_of("bridge")),
        {},
        partial(ports_wish, "bridge"),
    ),
    "bond": (
        options("bond", **ports_of("bond"), **ALTNAMES),
        {},
        partial(ports_wish, "bond"),
    ),
    "address": (
        dict(
            STATE,
            **NETNS,
            **MORE,
            dev=dict(type="str", required=True),
            address=dict(type="list", elements="str"),
            addresses=dict(type="list", elements="dict", options=dict(MORE, address=dict(type="str", required=True))),
            exclusive=dict(type="bool", default=False),
        ),
        dict(
            required_one_of=[("address", "addresses")],
            mutually_exclusive=[("addresses", option) for option in ("address", *MORE)],
        ),
        address_wish,
    ),
    "route": (
        dict(
            STATE,
            **NETNS,
            dest=dict(type="list", elements="str", required=True),
            via=dict(type="str"),
            dev=dict(type="str"),
            onlink=dict(type="bool"),
            multipath=dict(
                type="list",
                elements="dict",
                options=dict(
                    via=dict(type="str"),
                    dev=dict(type="str"),
                    weight=dict(type="int", default=1),
                    onlink=dict(type="bool"),
                ),
            ),
            family=dict(type="str", choices=["inet", "inet6"]),
            table=dict(type="str", default="main"),
            metric=dict(type="int"),
            type=dict(type="str", choices=["unicast", "blackhole", "unreachable", "prohibit", "throw"]),
            src=dict(type="str"),
            scope=dict(type="str", choices=["global", "link", "host"]),
            mtu=dict(type="int"),
            proto=dict(type="str", choices=["static", "boot"]),
        ),
        dict(mutually_exclusive=[("multipath", "via"), ("multipath", "dev"), ("multipath", "onlink")]),
        route_wish,
    ),
    "rule": (
        dict(
            STATE,
            **NETNS,
            family=dict(type="str", choices=["inet", "inet6"]),
            priority=dict(type="int"),
            **{name: dict(type="str") for name in SELECTORS},
            type=dict(type="str", choices=["lookup", "blackhole", "unreachable", "prohibit"]),
            table=dict(type="str"),
            suppress_prefixlength=dict(type="int"),
        ),
        {},
        rule_wish,
    ),
    "bridge_vlan": (
        dict(
            STATE,
            **NETNS,
            dev=dict(type="str", required=True),
            vid=dict(type="list", elements="str"),
            untagged=dict(type="list", elements="str"),
            pvid=dict(type="int"),
            exclusive=dict(type="bool", default=False),
        ),
        {},
        bridge_vlan_wish,
    ),
    "neighbour": (
        dict(
            STATE,
            **NETNS,
            dev=dict(type="str", required=True),
            address=dict(type="str", required=True),
            lladdr=dict(type="str"),
            router=dict(type="bool"),
            proxy=dict(type="bool", default=False),
        ),
        {},
        neighbour_wish,
    ),
    "bridge_fdb": (
        dict(
            STATE,
            **NETNS,
            dev=dict(type="str", required=True),
            lladdr=dict(type="str", required=True),
            vlan=dict(type="int"),
            local=dict(type="bool"),
            self=dict(type="bool", default=False),
            dst=dict(type="str"),
            vni=dict(type="int"),
        ),
        {},
        bridge_fdb_wish,
    ),
    "bridge_mdb": (
        dict(
            STATE,
            **NETNS,
            dev=dict(type="str", required=True),
            port=dict(type="str", required=True),
            grp=dict(type="list", elements="str", required=True),
            vid=dict(type="int"),
        ),
        {},
        bridge_mdb_wish,
    ),
    "link_impairment": (
        dict(
            STATE,
            **NETNS,
            dev=dict(type="str", required=True),
            **{name: dict(type="float") for name in ("delay", "jitter", "correlation", "loss")},
            **{name: dict(type="float") for name in ("duplicate", "reorder", "corrupt")},
            **{name: dict(type="int") for name in ("rate", "limit")},
        ),
        {},
        link_impairment_wish,
    ),
    "sysctl_forward": (
        dict(
            STATE,
            **NETNS,
            dev=dict(type="str"),
            ipv4=dict(type="bool"),
            ipv6=dict(type="bool"),
            rp_filter=dict(type="int", choices=[0, 1, 2]),
            proxy_arp=dict(type="bool"),
            persistent=dict(type="bool"),
        ),
        {},
        sysctl_forward_wish,
    ),
    "nat_masquerade": (
        dict(
            STATE,
            **NETNS,
            name=dict(type="str"),
            family=dict(type="str", choices=["ipv4", "ipv6"]),
            source=dict(type="str"),
            exclude_destinations=dict(type="list", elements="str"),
            out_interface=dict(type="str"),
            protocol=dict(type="str", choices=["tcp", "udp", "sctp"]),
            to_ports=dict(type="str"),
            random=dict(type="bool"),
            fully_random=dict(type="bool"),
            backend=dict(type="str", choices=["auto", "nft", "iptables"], default="auto"),
        ),
        dict(required_one_of=[("name", "source", "out_interface")]),
        nat_masquerade_wish,
    ),
    "nat_port_forward": (
        dict(
            STATE,
            **NETNS,
            name=dict(type="str"),
            family=dict(type="str", choices=["ipv4", "ipv6"]),
            protocol=dict(type="str", choices=["tcp", "udp", "sctp"], default="tcp"),
            dport=dict(type="str"),
            to=dict(type="str"),
            to_port=dict(type="int"),
            in_interface=dict(type="str"),
            destination=dict(type="str"),
            source=dict(type="str"),
            backend=dict(type="str", choices=["auto", "nft", "iptables"], default="auto"),
        ),
        dict(required_one_of=[("name", "dport")], required_if=[("state", "present", ("dport", "to"))]),
        nat_port_forward_wish,
    ),
}
PEER = dict(
    public_key=dict(type="str", required=True, no_log=False),
    preshared_key=dict(type="str", no_log=True),
    endpoint=dict(type="str"),
    allowed_ips=dict(type="list", elements="str"),
    persistent_keepalive=dict(type="int"),
)
OPTIONS["wireguard"] = (
    dict(
        made("wireguard")[0],
        peers=dict(type="list", elements="dict", options=PEER),
        exclusive_peers=dict(type="bool", default=False),
    ),
    {},
    wireguard_wish,
)
for kind in KINDS.values():
    # A kind that needs nothing special: the module follows from its entry.
    OPTIONS.setdefault(kind.maker, made(kind.maker))
OPTIONS["topology"] = topology(dict(OPTIONS), makes)
