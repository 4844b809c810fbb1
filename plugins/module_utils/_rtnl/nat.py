# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of NAT, by the programs of nftables and iptables."""

from __future__ import annotations

import json
import os
import socket
import struct
from contextlib import suppress

from .._core.values import Refused
from .._resources.nat import Masquerade, NatTable, PortForward
from .._resources.nat_words import NFT_FAMILY, PROGRAM, TABLE, from_iptables, from_nft, iptables_argv, nft_json
from .files import feed, output, program
from .netlink import nested, text

NFT_NAMES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}  # of the families, NFPROTO_*

NUMBERS = dict(ipv4=socket.AF_INET, ipv6=socket.AF_INET6)
CLASSES = dict(masquerade=Masquerade, port_forward=PortForward)
NETFILTER, GETTABLE, NEWTABLE = 12, 10 << 8 | 1, 10 << 8  # NETLINK_NETFILTER, NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE


def nft_tables():
    """The (family, name) of the tables of nftables: to run its program takes a thousand times longer."""
    found = set()
    with suppress(OSError), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETFILTER) as s:
        s.send(struct.pack("=IHHIIBBH", 20, GETTABLE, 0x301, 1, 0, 0, 0, 0))
        while True:
            data = s.recv(1 << 16)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                if kind != NEWTABLE:
                    return found
                found.add((data[16], text(dict(nested(data[:length], 20)).get(1, b""))))
                data = data[(length + 3) & ~3 :]
    return found


def legacy_tables(family, hidden=()):
    """The tables of the kernel's own iptables; to ask its program would make some. `hidden` where nobody may know."""
    try:
        with open("/proc/thread-self/net/%s_tables_names" % NFT_FAMILY[family], errors="surrogateescape") as f:
            return f.read().split()
    except PermissionError:
        return hidden  # in the user namespace of an ordinary user
    except OSError:
        return ()


def has_legacy(family):
    """Whether the kernel's own iptables has, or can have, a table nat here."""
    return "nat" in legacy_tables(family, hidden=("nat",))


def saved(family, tables):
    """What iptables-save(8) says of NAT, where it has anything to say."""
    name = PROGRAM[family] + "-save"
    legacy = "legacy" in os.path.realpath(program(name) or "")
    there = has_legacy(family) if legacy else (NUMBERS[family], "nat") in tables
    return output([name, "-t", "nat"]) if there else None


def read(kernel, name, links):
    with kernel.inside(name):
        tables = nft_tables()
    for family, number in NUMBERS.items():
        with kernel.inside(name):
            lines = saved(family, tables)
            own = (number, TABLE) in tables
            table = output(["nft", "-j", "list", "table", NFT_FAMILY[family], TABLE]) if own else None
        rules = list(from_iptables(name, family, lines or ""))
        if table:
            own, shared = from_nft(name, family, json.loads(table)["nftables"])
            yield NatTable(name, family, shared)
            rules = own + rules
        for sort, fields in rules:
            yield CLASSES[sort](**fields)


def backend(kernel, netns, family):
    """nft where this host can do NAT with it, else iptables."""
    own = {"family": NFT_FAMILY[family], "table": TABLE}
    chain = dict(own, name="try", type="nat", hook="postrouting", prio=100)
    commands = [{"add": {"table": {"family": NFT_FAMILY[family], "name": TABLE}}}, {"add": {"chain": chain}}]
    with kernel.inside(netns if kernel.path(netns) else ""):
        try:
            feed(["nft", "-c", "-j", "-f", "-"], json.dumps({"nftables": commands}))
            return "nft"
        except OSError as e:
            if output([PROGRAM[family], "-w", "-t", "nat", "-S"]) is None:
                raise Refused("backend", "neither nft nor %s does NAT here (%s)" % (PROGRAM[family], e.strerror))
            return "iptables"


def write(kernel, change):
    if change.target.sort == "nat_table":
        verb = "delete" if change.verb == "delete" else "add"
        table = {"family": NFT_FAMILY[change.target.family], "name": TABLE}
        nft(kernel, change.target.netns, [{verb: {"table": table}}])
        return
    rules = [(rule, rule is change.after) for rule in (change.before, change.after) if rule is not None]
    commands = [c for rule, adding in rules if rule.backend == "nft" for c in nft_json(rule, adding)]
    if commands:
        nft(kernel, change.target.netns, commands)
    for rule, adding in rules:
        if rule.backend == "iptables":
            # The first three words call the program; the rest is what iptables-restore(8) reads, in one transaction.
            lines = [" ".join(map(quoted, argv[4:])) for argv in iptables_argv(rule, adding)]
            with kernel.inside(rule.netns):
                feed([PROGRAM[rule.family] + "-restore", "-w", "--noflush"], "*nat\n%s\nCOMMIT\n" % "\n".join(lines))


def quoted(word):
    """A word as iptables-restore(8) reads it."""
    return '"%s"' % word.replace("\\", r"\\").replace('"', r"\"")


def nft(kernel, netns, commands):
    with kernel.inside(netns):
        feed(["nft", "-j", "-f", "-"], json.dumps({"nftables": commands}))
