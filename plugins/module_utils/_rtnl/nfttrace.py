# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules of nftables do with the probe: a table that marks it, which the kernel takes away with its socket."""

from __future__ import annotations

import errno
import os
import re
import struct

from .._trace.packet import TUNNEL_PORTS
from .files import output
from .nat import NFT_NAMES
from .netlink import HEADER, NESTED, Netlink, attribute, nested, text

NETFILTER, GROUP, SUBSYSTEM = 12, 9, 10 << 8
FAMILIES = {name: number for number, name in NFT_NAMES.items()}
HOOKS, ARP_HOOKS, PRIORITIES = dict(prerouting=0, output=3), dict(input=0, output=1), dict(bridge=-301, netdev=-10000)
NEWTABLE, NEWCHAIN, NEWRULE, TRACE, BEGIN, END = 0, 3, 6, 17, 0x10, 0x11
OWNER, CREATE, APPEND, ACK = 2, 0x400, 0x800, 4
NETWORK_HEAD, TRANSPORT_HEAD = 8, 9
KINDS = {1: "policy", 2: "return", 3: "rule"}
# Where the network header of what a tunnel carries is after the transport header: of IP, vxlan, and GRE with up to
# three of a checksum, a key and a number, alone or before a frame.
INNER_AT = (0, 4, 8, 12, 16, 18, 22, 26, 30)
# Where the token is after the transport header: of a probe, of one that an error quotes, and of one in a tunnel.
TOKEN_AT = sorted({8, 8 + 20 + 8, 8 + 40 + 8, *(at + head + 8 for at in INNER_AT for head in (20, 40))})


# By what the heads of vxlan, geneve and GRE that carry frames are known, and where the frame can begin after them.
# Their IP protocol is not asked for: nft(8) 1.0 and 1.1 die of a list of rules that do.
FRAMED = ((8, b"\x08\0\0\0", (16,)), (10, b"\x65\x58", (16,)), (2, b"\x65\x58", (4, 8, 12, 16)))
ASKS = "asks_"


def be32(number):
    return struct.pack("!I", number)


def nest(number, *parts):
    return attribute(number | NESTED, b"".join(parts))


def name_of(number, name):
    return attribute(number, name.encode() + b"\0")


def expression(name, *parts):
    return nest(1, name_of(1, name), nest(2, *parts))


def equals(offset, value):
    """The expressions for these bytes after the transport header."""
    return loaded(offset, len(value)) + compared(0, value)


def between(offset, first, last):
    """The expressions for a number of two bytes after the transport header."""
    return loaded(offset, 2) + compared(5, struct.pack("!H", first)) + compared(3, struct.pack("!H", last))


def loaded(offset, length):
    words = attribute(1, be32(1)), attribute(2, be32(2)), attribute(3, be32(offset)), attribute(4, be32(length))
    return expression("payload", *words)


def compared(how, value):
    return expression("cmp", attribute(1, be32(1)), attribute(2, be32(how)), nest(3, attribute(1, value)))


MARK = expression("immediate", attribute(1, be32(1)), nest(2, attribute(1, b"\1")))
MARK += expression("meta", attribute(2, be32(12)), attribute(3, be32(1)))


def protocol_is(number):
    load = expression("meta", attribute(2, be32(16)), attribute(1, be32(1)))
    compare = attribute(1, be32(1)), attribute(2, be32(0)), nest(3, attribute(1, bytes([number])))
    return load + expression("cmp", *compare)


IS_TCP, IS_UDP = protocol_is(6), protocol_is(17)
IS_ARP = expression("meta", attribute(2, be32(1)), attribute(1, be32(1))) + compared(0, b"\x08\x06")
# Neighbour solicitation and advertisement: the types 135 and 136.
IS_SOUGHT = compared(5, b"\x87") + compared(3, b"\x88")
IS_DISCOVERY = protocol_is(58) + loaded(0, 1) + IS_SOUGHT


def tcp_in(at, first, last):
    """The rules that mark what carries TCP of the ports."""
    for version, protocol, head in ((b"\x45", 9, 20), (b"\x60", 6, 40)):
        carries = equals(at, version) + equals(at + protocol, b"\6")
        for port in (0, 2):
            yield carries + between(at + head + port, first, last) + MARK


def asks_in_tunnels():
    """The rules that mark what carries a question for a neighbour, or the answer."""
    for offset, known, places in FRAMED:
        for at in places:
            carries = equals(offset, known)
            yield carries + equals(at + 12, b"\x08\x06") + MARK
            discovery = equals(at + 12, b"\x86\xdd") + equals(at + 20, b"\x3a") + loaded(at + 54, 1) + IS_SOUGHT
            yield carries + discovery + MARK


class Heard:
    """What the messages of the kernel tell, each by the number of a packet in them."""

    def __init__(self, only):
        """only: the number of the probe, if it is the only one."""
        self.only, self.mine, self.asks, self.devs, self.errors, self.dropped = only, {}, {}, {}, set(), {}

    def note(self, parts, number, own, whose, dev):
        """Whether a packet is of a probe, or asks for a neighbour, and its link."""
        # With connection tracking a packet has another number in each hook: then its head tells whose it is.
        (ours, probe), asked = whose, asked_for(parts)
        self.devs[number] = dev or self.devs.get(number, "")
        if is_error(parts):
            self.errors.add(number)
        if asked:
            self.asks[number] = asked
        elif own and 3 in parts and text(parts.get(2, b"")).startswith(ASKS):
            self.asks.setdefault(number, (b"", False))  # no more of what a tunnel carries is told
        elif (own or ours) and number not in self.asks:
            self.mine[number] = self.mine.get(number, self.only) if probe is None else probe

    def note_verdict(self, parts, number, family):
        """What drops a packet."""
        if (number in self.mine or number in self.asks) and verdict_of(parts) == 0:
            handle = int.from_bytes(parts[3], "big") if 3 in parts else 0
            how = KINDS.get(int.from_bytes(parts.get(4, b""), "big"), "rule")
            place = family, text(parts.get(1, b"")), text(parts.get(2, b""))
            about = (None, self.asks[number]) if number in self.asks else (self.mine[number], ())
            self.dropped[number] = (*place, how, handle, *about, self.devs[number], number in self.errors)


class Tracer:
    """Of one namespace: it marks the probes, and hears what the rules do with them."""

    def __init__(self, kernel, netns, families, links, marks, ports=()):
        """links: the names of its links by their numbers."""
        self.kernel, self.netns, self.links, self.marks, self.ports = kernel, netns, links, marks, ports
        self.name, self.refused = "virtnet_trace_" + marks.token.hex(), []
        self.given = {}  # the marks that rules have given, by the number of the probe
        with kernel.inside(netns):
            self.heard, self.own = Netlink(NETFILTER), Netlink(NETFILTER)
        try:
            self.heard.socket.bind((0, 0))  # what has no number the kernel takes for the sender, and tells nothing
            self.heard.socket.setsockopt(270, 1, GROUP)  # NETLINK_ADD_MEMBERSHIP
            self.heard.socket.setblocking(False)
            self.own.socket.settimeout(2)
            for family in families:
                self.make(family)
        except BaseException:
            self.close()
            raise

    def make(self, family):
        """The table of a family; a kernel without inet has ip and ip6."""
        try:
            self.send(self.table(family))
        except OSError as e:
            if family == "inet" and e.errno in (errno.EOPNOTSUPP, errno.EAFNOSUPPORT):
                for one in ("ip", "ip6"):
                    self.make(one)
            else:
                self.refused.append("%s: %s" % (family, e.strerror))

    def table(self, family):
        """The messages that make the table, its chains and their rules."""
        number, name = FAMILIES[family], name_of(1, self.name)
        out = [(NEWTABLE, number, name + attribute(2, be32(OWNER)))]
        hooks = ARP_HOOKS if family == "arp" else HOOKS
        chains = [(hook, attribute(1, be32(place))) for hook, place in hooks.items()]
        if family == "netdev":
            chains = [
                ("in%d" % n, attribute(1, be32(0)) + name_of(3, dev)) for n, dev in enumerate(self.links.values())
            ]
        priority = struct.pack("!i", PRIORITIES.get(family, -450))
        if family in ("inet", "ip", "ip6"):
            chains += [(ASKS + hook, words) for hook, words in chains]
        for chain, hook in chains:
            where = nest(4, hook, attribute(2, priority))
            out.append((NEWCHAIN, number, name + name_of(3, chain) + where + name_of(7, "filter")))
            for rule in asks_in_tunnels() if chain.startswith(ASKS) else self.rules(family):
                out.append((NEWRULE, number, name + name_of(2, chain) + nest(4, rule)))
        return out

    def rules(self, family):
        """The rules of a chain: questions for neighbours, and their answers, are marked all."""
        if family == "arp":
            return [MARK]
        asks = [IS_DISCOVERY + MARK] * (family != "ip") + [IS_ARP + MARK] * (family in ("bridge", "netdev"))
        return asks + self.of_probes()

    def of_probes(self):
        outer = [IS_UDP + equals(2, struct.pack("!H", port)) + MARK for port in self.ports]
        if self.marks.sport:
            ports = self.marks.sport, self.marks.sport + self.marks.count - 1
            plain = [IS_TCP + between(offset, *ports) + MARK for offset in (0, 2)]
            return outer + plain + [rule for at in INNER_AT for rule in tcp_in(at, *ports)]
        return outer + [equals(offset, self.marks.token) + MARK for offset in TOKEN_AT]

    def send(self, messages):
        """A batch; each message of it is answered, also when an earlier one has failed."""
        data, waiting, first = self.message(BEGIN, 0, struct.pack("!BBH", 0, 0, 10)), set(), self.own.sequence
        for kind, family, body in messages:
            flags = ACK | CREATE | (APPEND if kind == NEWRULE else 0)
            data += self.message(SUBSYSTEM | kind, flags, struct.pack("!BBH", family, 0, 0) + body)
            waiting.add(self.own.sequence)
        data += self.message(END, 0, struct.pack("!BBH", 0, 0, 10))
        self.own.socket.send(data)
        failed = 0
        while waiting:
            got, at = self.own.socket.recv(1 << 16), 0
            while at < len(got):
                length, kind, dummy, sequence, dummy = HEADER.unpack_from(got, at)
                code = -struct.unpack_from("=i", got, at + 16)[0] if kind == 2 else 0
                failed = failed or code
                waiting.discard(sequence)
                if code and sequence == first:
                    waiting.clear()  # of a batch that is refused as a whole only the begin is answered
                at += (length + 3) & ~3
        if failed:
            raise OSError(failed, os.strerror(failed))

    def message(self, kind, flags, body):
        self.own.sequence += 1
        return HEADER.pack(16 + len(body), kind, flags | 1, self.own.sequence, 0) + body

    def read(self):
        """What dropped probes and questions for neighbours, one for each packet.

        Each is (family, table, chain, kind, handle, number of the probe, what asked_for() says, its link, and whether
        it is an ICMP error about the probe).
        """
        heard = Heard(0 if self.marks.count == 1 else None)
        while True:
            try:
                data = self.heard.socket.recv(1 << 16)
            except OSError:  # nothing more; or more than there was room for
                break
            if struct.unpack_from("=H", data, 4)[0] != SUBSYSTEM | TRACE:
                continue
            parts = dict(nested(data, 20))
            number, own = parts.get(6), text(parts.get(1, b"")) == self.name
            heard.note(parts, number, own, self.whose(parts), self.link_of(parts))
            if own:
                continue
            if number in heard.mine and number not in heard.asks and any(parts.get(14, b"")):
                self.given[heard.mine[number]] = int.from_bytes(parts[14], "big")
            heard.note_verdict(parts, number, NFT_NAMES.get(data[16], str(data[16])))
        return list(heard.dropped.values())

    def whose(self, parts):
        """Whether the head that a message has is of a probe, or of a tunnel in which one can be; the probe's number."""
        network, transport = parts.get(NETWORK_HEAD, b""), parts.get(TRANSPORT_HEAD, b"")
        if len(network) < 20 or len(transport) < 8:
            return False, None
        protocol = network[6] if network[0] >> 4 == 6 else network[9]
        ports = struct.unpack_from("!HH", transport)
        if protocol == 6:
            number = self.marks.of_ports(*ports)
            return number is not None, number
        number = self.marks.numbered(transport)[0]
        outer = protocol not in (1, 17, 58) or (protocol == 17 and ports[1] in (*TUNNEL_PORTS, *self.ports))
        return outer or number is not None, number

    def link_of(self, parts):
        """The link by which a packet came, or else leaves, where a message tells that."""
        return self.links.get(int.from_bytes(parts.get(10) or parts.get(12) or b"", "big"), "")

    def of_state(self, family, table):
        """Whether rules of a table look at the states of connections."""
        with self.kernel.inside(self.netns):
            listed = output(["nft", "list", "table", family, table]) or ""
        return bool(re.search(r"\bct (state|status)|conntrack", listed))

    def spelled(self, family, table, chain, handle):
        """The text of a rule, by nft(8)."""
        with self.kernel.inside(self.netns):
            listed = output(["nft", "-a", "list", "chain", family, table, chain]) or ""
        found = re.search(r"^\s*(.*) # handle %d$" % handle, listed, re.MULTILINE)
        return found.group(1) if found and handle else ""

    def close(self):
        self.heard.socket.close()
        self.own.socket.close()


def asked_for(parts):
    """The address for whose neighbour a packet asks, as far as a message has it, and whether it answers."""
    network, transport = parts.get(NETWORK_HEAD, b""), parts.get(TRANSPORT_HEAD, b"")
    if network[:6] == b"\0\1\x08\0\6\4" and len(network) >= 28:
        return (network[24:28], False) if network[7] == 1 else (network[14:18], True)
    if network[:1] and network[0] >> 4 == 6 and len(transport) >= 20 and transport[0] in (135, 136):
        return transport[8:20], transport[0] == 136  # no more of it is told
    return ()


def is_error(parts):
    """Whether a packet is an ICMP error, as far as a message has its head."""
    network, transport = parts.get(NETWORK_HEAD, b""), parts.get(TRANSPORT_HEAD, b"")
    if len(network) < 20 or not transport:
        return False
    if network[0] >> 4 == 6:
        return network[6] == 58 and transport[0] < 128
    return network[9] == 1 and transport[0] in (3, 11, 12)


def verdict_of(parts):
    if 16 in parts:  # of a policy
        return int.from_bytes(parts[16], "big")
    verdict = dict(nested(parts.get(5, b"")))
    return int.from_bytes(verdict[1], "big") if 1 in verdict else None
