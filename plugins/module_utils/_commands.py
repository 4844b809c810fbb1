# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change as command lines that do the same in a shell: ip(8), bridge(8), tc(8), sysctl(8), nft(8), iptables(8)."""

from __future__ import annotations

from functools import singledispatch
from shlex import quote

from ._kinds import KINDS, OnDevice, OnWireguard, apart, kind_of, routers
from ._kinds import words as spelled
from ._model import (
    IP_PROTOCOLS,
    MAIN,
    RUN_DIR,
    Address,
    AltName,
    Boot,
    FdbEntry,
    Impairment,
    Link,
    Masquerade,
    MdbEntry,
    NatTable,
    Neighbour,
    Netns,
    Pending,
    PortForward,
    PortVlans,
    Route,
    Rule,
    Secret,
    Sysctl,
    SysctlFile,
    Topology,
    WireguardPeer,
    loses_endpoint,
    vlan_steps,
)
from ._nat import NFT_FAMILY, TABLE, iptables_argv, nft_texts

# The host's own namespace has no name for ip(8): it is that of process 1.
HOME = "1"


def commands(change):
    """The lines, in order."""
    return [line if isinstance(line, str) else " ".join(map(quote, line)) for line in lines(change.target, change)]


def ip(netns, *words, program="ip"):
    return [program] + (["-n", netns] if netns else []) + list(words)


def bridge(netns, *words):
    return ip(netns, *words, program="bridge")


def inside(netns):
    return ["ip", "netns", "exec", netns] if netns else []


@singledispatch
def lines(target, change):
    raise TypeError(target)


@lines.register(Netns)
def netns_lines(target, change):
    name = target.name
    if change.verb == "delete":
        return [["ip", "netns", "delete", name]]
    out = []
    if change.verb == "add" and target.path:
        out.append(
            "mkdir -p /run/netns && touch /run/netns/%s && mount --bind %s /run/netns/%s"
            % (name, quote(target.path), name)
        )
    elif change.verb == "add":
        out.append(["ip", "netns", "add", name])
    return out + [["ip", "netns", "set", name, str(nsid)] for dummy, nsid in change.news("nsid")]


@lines.register(Link)
def link_lines(target, change):
    if change.verb == "delete":
        return [ip(target.netns, "link", "delete", "dev", target.name)]
    old, base, out = change.before, change.base, []
    kind = kind_of(target)
    words = []
    for name, value in change.news("mtu", "address", "alias", "txqueuelen", "master"):
        words += ["nomaster"] if value == "" and name == "master" else [name, str(value)]
    words += ["up" if up else "down" for dummy, up in change.news("up")]
    moved = base is None or target.link != base.link
    leaves = bool(kind.over and target.link and target.link[1])
    typed = spelled(kind.attrs, base.attrs if base else (), target.attrs, not base, leaves and moved)
    # Of these ip(8) tells the kernel nothing that it is not told.
    if leaves and (moved or {"group", "if_id"} & set(typed)):
        typed += ["dev", target.link[1]]
    if old is None:
        out += make(target, kind, words, typed)
    elif old.netns != target.netns:
        name = ["name", target.name] if old.name != target.name else []
        out.append(ip(old.netns, "link", "set", "dev", old.name, "netns", target.netns or HOME, *name))
    elif old.name != target.name:
        words = ["name", target.name] + words
        out.append(ip(old.netns, "link", "set", "dev", old.name, *words))
        words = []
    kept = ["mtu", str(target.mtu)] if kind.whole and target.mtu else []
    for said_now in (words, [*kept, "type", kind.name, *typed] if typed else []):
        if old is not None and said_now:
            out.append(ip(target.netns, "link", "set", "dev", target.name, *said_now))
    if base is not None and dict(target.attrs).get("primary") == "" != dict(base.attrs)["primary"]:
        out.append(shell(target.netns, "echo > /sys/class/net/%s/bonding/primary" % quote(target.name)))
    ports = KINDS[target.slave_kind].port if target.slave_kind else ()
    fresh = base is None or base.master != target.master
    port = spelled(ports, () if fresh else base.port, target.port, fresh)
    if port:
        out.append(ip(target.netns, "link", "set", "dev", target.name, "type", target.slave_kind + "_slave", *port))
    for address, was, default in routers(change):
        gone = ["prl-delete"] if was is not None else []
        for word in gone + ([] if default is None else ["prl-default" if default else "prl-nodefault"]):
            out.append(ip(target.netns, "tunnel", "prl", "dev", target.name, word, address))
    return out + device_lines(target, apart(change, OnDevice)) + wireguard_lines(target, apart(change, OnWireguard))


def device_lines(target, news):
    """Owner, group and mode of a character device, which has its name from the number of the link."""
    path, lines_ = '"/dev/tap$(cat /sys/class/net/%s/ifindex)"' % quote(target.name), []
    who = [str(news.get(name, "")) for name in ("owner", "group")]
    if any(who):
        lines_.append("chown %s %s" % (":".join(who).rstrip(":"), path))
    if "device_mode" in news:
        lines_.append("chmod %04o %s" % (news["device_mode"], path))
    return [shell(target.netns, line) for line in lines_]


def shell(netns, line):
    return inside(netns) + ["sh", "-c", line] if netns else line


def make(target, kind, words, typed):
    """`ip link add`, from where the lower link is, or for a veth from the host's own namespace if one end is there."""
    start = ["name", target.name]
    if kind.maker == "tuntap":
        first = ip(target.netns, "tuntap", "add", "dev", target.name, "mode", kind.name, *typed)
        return [first] + ([ip(target.netns, "link", "set", "dev", target.name, *words)] if words else [])
    if target.peer and target.netns and not target.peer[0] and "master" not in words:
        typed = ["peer", "name", target.name, "netns", target.netns] + words
        return [ip("", "link", "add", "name", target.peer[1], "type", kind.name, *typed)]
    if target.peer:
        netns = ["netns", target.peer[0] or HOME] if target.peer[0] != target.netns else []
        typed = ["peer", "name", target.peer[1]] + netns
    home, more = target.netns, []
    if target.link and not kind.over:
        home = target.link[0]
        start += ["link", target.link[1]]
    if home != target.netns:
        start += ["netns", target.netns or HOME]
        if target.master:
            # ip(8) would look for it where the lower link is.
            at = words.index("master")
            words = words[:at] + words[at + 2 :]
            more = [ip(target.netns, "link", "set", "dev", target.name, "master", target.master)]
    return [ip(home, "link", "add", *(start + words + ["type", kind.name] + typed))] + more


def wireguard_lines(target, news):
    words = []
    for name, value in news.items():
        said_as = key_file("private key of " + target.name, value) if name == "private_key" else str(value)
        words += [name.replace("_", "-"), said_as]
    return [inside(target.netns) + ["wg", "set", target.name, *words]] if words else []


def key_file(name, secret):
    """wg(8) reads a key from a file; which, only who has the key can say."""
    return "<file with the %s>" % name if secret.text else "/dev/null"


@lines.register(WireguardPeer)
def wireguard_peer_lines(target, change):
    head = inside(target.netns) + ["wg", "set", target.dev, "peer", target.public_key]
    before = change.before if change.before != change.after else None
    if change.verb == "delete":
        return [[*head, "remove"]]
    out = [[*head, "remove"]] if loses_endpoint(change) else []
    words, before = [], None if out else before
    for name in ("preshared_key", "endpoint", "persistent_keepalive", "allowed_ips"):
        value = getattr(target, name)
        if value in (None, "") or (getattr(before, name) == value if before else value in (Secret(), 0, ())):
            continue
        if name == "preshared_key":
            value = key_file("preshared key of " + target.public_key, value)
        words += [name.replace("_", "-"), ",".join(value) if name == "allowed_ips" else str(value)]
    return [*out, [*head, *words]]


@lines.register(AltName)
def altname_lines(target, change):
    verb = "del" if change.verb == "delete" else "add"
    return [ip(target.netns, "link", "property", verb, "dev", target.dev, "altname", target.name)]


@lines.register(Address)
def address_lines(target, change):
    def line(verb, address):
        words = [address.address]
        if address.peer:
            words = [address.address.split("/")[0], "peer", address.peer]
        for name in ("broadcast", "label", "scope"):
            value = getattr(address, name)
            if verb != "delete" and value and (name, value) != ("scope", "global"):
                words += [name, value]
        return ip(address.netns, "address", verb, *(words + ["dev", address.dev]))

    if change.before == change.after:
        return [line("replace", target)]
    return [line(verb, a) for verb, a in (("delete", change.before), ("add", change.after)) if a is not None]


@lines.register(Route)
def route_lines(target, change):
    verb = "replace" if change.verb == "set" else change.verb
    head = ip(target.netns, *(["-6"] if ":" in target.dest else []), "route", verb)
    words = [target.type] if target.type and target.type != "unicast" else []
    words.append("default" if target.dest in ("0.0.0.0/0", "::/0") else target.dest)
    hops = target.hops or ()
    if len(hops) == 1:
        words += hop_words(hops[0])
    words += (
        ["metric", str(target.metric)]
        if target.metric is not None and target.metric != (1024 if ":" in target.dest else 0)
        else []
    )
    words += ["table", str(target.table)] if target.table != MAIN else []
    if change.verb != "delete":
        for name in ("proto", "scope", "src"):
            value = getattr(target, name)
            words += [name, value] if value and (name, value) != ("scope", "global") else []
        words += ["mtu", str(target.mtu)] if target.mtu else []
        if len(hops) > 1:
            words += [word for hop in hops for word in ["nexthop"] + hop_words(hop) + ["weight", str(hop.weight)]]
    return [head + words]


def hop_words(hop):
    # Without the family ip(8) would take an IPv6 gateway for one of the destination's family.
    return (
        (["via", hop.via] if hop.via else [])
        + (["dev", hop.dev] if hop.dev else [])
        + (["onlink"] if hop.onlink else [])
    )


@lines.register(Rule)
def rule_lines(target, change):
    return [rule_line(rule, verb) for rule, verb in ((change.after, "add"), (change.before, "delete")) if rule]


def rule_line(rule, verb):
    words = ["priority", str(rule.priority)]
    for name in ("from_", "to", "iif", "oif", "fwmark", "sport", "dport"):
        words += [name.rstrip("_"), getattr(rule, name)] if getattr(rule, name) else []
    # Not every host has a list of the names.
    words += ["ipproto", str(IP_PROTOCOLS.get(rule.ipproto, rule.ipproto))] if rule.ipproto else []
    words += ["table", str(rule.table)] if rule.type == "lookup" else [rule.type]
    words += ["suppress_prefixlength", str(rule.suppress_prefixlength)] if rule.suppress_prefixlength >= 0 else []
    words += ["protocol", rule.proto] if rule.proto not in (None, "unspec") else []
    return ip(rule.netns, *(["-6"] if rule.family == "inet6" else []), "rule", verb, *words)


@lines.register(PortVlans)
def vlans_lines(target, change):
    out = []
    for verb, first, last, untagged, pvid in vlan_steps(change.before, change.after):
        words = [str(first) if first == last else "%d-%d" % (first, last)]
        words += ["pvid"] * pvid + ["untagged"] * untagged + ["self"] * target.own
        out.append(bridge(target.netns, "vlan", verb, "dev", target.dev, "vid", *words))
    return out


@lines.register(Neighbour)
def neighbour_lines(target, change):
    words = (["proxy"] if target.proxy else []) + [target.address]
    if change.verb == "delete":
        return [ip(target.netns, "neighbour", "delete", *words, "dev", target.dev)]
    words += ["lladdr", target.lladdr] if target.lladdr else []
    words += [] if target.proxy else ["nud", "permanent"]
    return [ip(target.netns, "neighbour", "replace", *words, "dev", target.dev, *["router"] * bool(target.router))]


@lines.register(FdbEntry)
def fdb_lines(target, change):
    verb = "delete" if change.verb == "delete" else "append" if target.several else "replace"
    words = [target.lladdr, "dev", target.dev]
    for name in ("dst", "vni", "vlan"):
        words += [name, str(getattr(target, name))] if getattr(target, name) else []
    words += ["self" if target.self_ else "master"]
    words += ["local" if target.local else "static"] if verb != "delete" else []
    return [bridge(target.netns, "fdb", verb, *words)]


@lines.register(MdbEntry)
def mdb_lines(target, change):
    verb = "delete" if change.verb == "delete" else "add"
    words = ["dev", target.dev, "port", target.port, "grp", target.grp, *["permanent"] * (verb == "add")]
    words += ["vid", str(target.vid)] if target.vid else []
    return [bridge(target.netns, "mdb", verb, *words)]


@lines.register(Impairment)
def impairment_lines(target, change):
    place = ["dev", target.dev, "root"]
    if change.verb == "delete":
        return [ip(target.netns, "qdisc", "delete", *place, program="tc")]
    if target.discipline == "tbf":
        words = ["tbf", "rate", "%dbit" % target.rate, "burst", str(target.burst), "latency", "50ms"]
        return [ip(target.netns, "qdisc", "replace", *place, *words, program="tc")]
    words, old = ["netem", "limit", str(target.limit)], change.before
    if target.delay or target.jitter:
        words += ["delay", plain(target.delay) + "ms"]
        words += [plain(target.jitter) + "ms"] if target.jitter or (old and old.correlation) else []
        words += [plain(target.correlation) + "%"] if target.correlation or (old and old.correlation) else []
    for name in ("loss", "duplicate", "reorder", "corrupt"):
        # What tc(8) does not say of the last two stays as it was.
        if getattr(target, name) or (old and getattr(old, name) and name in ("reorder", "corrupt")):
            words += [name, plain(getattr(target, name)) + "%"]
    words += ["rate", "%dbit" % target.rate] if target.rate or (old and old.rate) else []
    return [ip(target.netns, "qdisc", "replace", *place, *words, program="tc")]


def plain(value):
    """A number without needless digits."""
    return ("%.4f" % value).rstrip("0").rstrip(".")


@lines.register(Sysctl)
def sysctl_lines(target, change):
    # sysctl(8) takes slashes where a link's name has a dot.
    name = target.path if "." in target.dev else target.path.replace("/", ".")
    return [inside(target.netns) + ["sysctl", "-w", "%s=%d" % (name, target.value)]]


@lines.register(SysctlFile)
def sysctl_file_lines(target, change):
    if change.verb == "delete":
        return [["rm", "-f", target.path]]
    words = " ".join(quote("%s = %d" % pair) for pair in target.lines)
    return ["printf '%%s\\n' %s > %s" % (words, target.path)]


@lines.register(Topology)
def topology_lines(target, change):
    if change.verb == "delete":
        return [["rm", "-f", target.path]]
    return ["mkdir -p %s && printf '%%s' %s > %s" % (RUN_DIR, quote(target.text), target.path)]


@lines.register(Boot)
def boot_lines(target, change):
    if change.verb == "delete":
        script, unit = target.files
        return [["rm", "-f", target.wanted_by, unit, script], "rmdir --ignore-fail-on-non-empty /etc/virtnet"]
    folders = sorted({path.rpartition("/")[0] for path in (*target.files, target.wanted_by)})
    out = [["mkdir", "-p", *folders]]
    out += ["printf '%%s' %s > %s" % (quote(text), path) for path, text in target.files.items()]
    return [*out, ["ln", "-sf", "../" + target.unit, target.wanted_by]]


@lines.register(Pending)
def pending_lines(target, change):
    return [["rm", target.path]]


@lines.register(NatTable)
def nat_table_lines(target, change):
    verb = "add" if change.verb != "delete" else change.verb
    return [inside(target.netns) + ["nft", verb, "table", NFT_FAMILY[target.family], TABLE]]


@lines.register(PortForward)
@lines.register(Masquerade)
def nat_lines(target, change):
    out = []
    for rule, adding in ((change.before, False), (change.after, True)):
        if rule is None:
            continue
        enter = inside(rule.netns)
        if rule.backend == "iptables":
            out += [enter + argv for argv in iptables_argv(rule, adding)]
        else:
            out.append(enter + ["nft", "; ".join(nft_texts(rule, adding))])
    return out
