# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes from many namespaces at once, by one process: echo requests, datagrams, connections."""

from __future__ import annotations

import errno
import os
import resource
import selectors
import socket
import struct
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

from ._checksum import checksum

REASONS = {
    errno.ENETUNREACH: "network unreachable",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ECONNREFUSED: "refused",
    errno.EMSGSIZE: "too big",
    errno.EACCES: "prohibited",
    errno.EPERM: "prohibited",
    errno.ETIMEDOUT: "no reply",
    errno.EINVAL: "blackhole",
}
HEADERS = {socket.AF_INET: 20, socket.AF_INET6: 40}
TOKEN = 8
IP_RECVERR, IPV6_RECVERR, MSG_ERRQUEUE = 11, 25, 0x2000
SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_TIMESTAMPNS = 32, 33, 35
# Replies are few, all else is not for this socket: ICMP_FILTER and ICMPV6_FILTER block the types whose bits are set.
ECHO = {
    socket.AF_INET: (8, socket.IPPROTO_ICMP, 255, struct.pack("=I", 0xFFFFFFFF ^ 1)),
    socket.AF_INET6: (
        128,
        socket.IPPROTO_ICMPV6,
        socket.IPPROTO_ICMPV6,
        struct.pack("=8I", *4 * [0xFFFFFFFF], 0xFFFFFFFD, *3 * [0xFFFFFFFF]),
    ),
}


@dataclass(frozen=True)
class Manner:
    """How to probe."""

    protocol: str = "icmp"
    port: int = None
    count: int = 1
    timeout: float = 1
    size: int = None
    dont_fragment: bool = False
    send_ttl: int = None
    source: str = ""
    dev: str = ""
    mark: int = 0
    token: bytes = b""  # with which each payload begins; the number of the pair follows
    sport: int = 0  # of UDP, and of the first pair's TCP


@dataclass
class Answer:
    """What came of the probes of one pair."""

    sent: int = 0
    received: int = 0
    ttl: int = None
    reason: str = None
    hop: str = None
    mtu: int = None
    times: list = field(default_factory=list)


# Pure: bytes and what they mean


def echo_request(family, ident, sequence, payload):
    kind = ECHO[family][0]
    # The kernel writes the checksum of ICMPv6.
    zero = struct.pack("!BBHHH", kind, 0, 0, ident, sequence) + payload
    own = checksum(zero) if family == socket.AF_INET else 0
    return struct.pack("!BBHHH", kind, 0, own, ident, sequence) + payload


def reason_of(code, origin=0, kind=0, detail=0):
    """The words for an error, given by the kernel as errno and as the ICMP message that it came with."""
    if (origin, kind) in ((2, 11), (3, 3)):
        return "ttl exceeded"
    if (origin, kind) == (2, 3) and detail in (9, 10, 13):
        return "prohibited"
    return REASONS.get(code) or os.strerror(code).lower()


def error_of(ancillary):
    """(reason, hop, mtu) of a message of the error queue; None if it has no error."""
    for level, kind, data in ancillary:
        if (level, kind) in ((socket.IPPROTO_IP, IP_RECVERR), (socket.IPPROTO_IPV6, IPV6_RECVERR)):
            code, origin, icmp, detail, info = struct.unpack_from("=IBBBxI", data)
            family, hop = struct.unpack_from("=H", data, 16)[0], None
            if origin in (2, 3) and family in HEADERS:
                start, length = (20, 4) if family == socket.AF_INET else (24, 16)
                hop = socket.inet_ntop(family, data[start : start + length])
            return reason_of(code, origin, icmp, detail), hop, info if code == errno.EMSGSIZE else None
    return None


def arrival(ancillary):
    """(time in seconds, ttl) of a message."""
    when = ttl = None
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("@ll", data)
            when = seconds + nanoseconds / 1e9
        elif (level, kind) in ((socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT)):
            ttl = struct.unpack("@i", data)[0]
    return when or time.time(), ttl


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def payload_of(manner, address, token):
    """A payload that makes an IP packet of the size wanted."""
    header = HEADERS[family_of(address)] + 8
    return token + bytes((manner.size or header + 56) - header - len(token))


# Sockets


def probe(inside, pairs, manner):
    """Probe each (namespace, address) of the pairs, all at once; return their answers in the same order."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with ExitStack() as stack:
            return (Connections if manner.protocol == "tcp" else Packets)(inside, pairs, manner, stack).run()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Probing:
    """Rounds in which every pair is probed once; a round ends when all have answered, or with the timeout."""

    def __init__(self, inside, pairs, manner, stack):
        self.inside, self.pairs, self.manner, self.stack = inside, pairs, manner, stack
        self.answers, self.started, self.open = [Answer() for dummy in pairs], {}, set()
        self.selector = stack.enter_context(selectors.DefaultSelector())

    def run(self):
        for turn in range(self.manner.count):
            self.open = set(range(len(self.pairs)))
            for number in range(len(self.pairs)):
                self.answers[number].sent += 1
                self.send(number, turn)
                if number % 32 == 31:
                    self.collect(0)
            end = time.monotonic() + self.manner.timeout
            while self.open and time.monotonic() < end:
                self.collect(max(0, end - time.monotonic()))
            self.settle()
        for answer in self.answers:
            answer.reason = None if answer.received else answer.reason or "no reply"
        return self.answers

    def settle(self):
        """At the end of a round."""

    def collect(self, timeout):
        for key, dummy in self.selector.select(timeout):
            self.read(key.fileobj, key.data)

    def reached(self, number, rtt, ttl=None):
        answer = self.answers[number]
        if number in self.open:
            self.open.discard(number)
            answer.received += 1
            answer.ttl = ttl
            answer.times.append(max(0, rtt * 1000))

    def failed(self, number, reason, hop=None, mtu=None):
        answer = self.answers[number]
        if number in self.open:
            self.open.discard(number)
            answer.reason, answer.hop, answer.mtu = reason, hop, mtu

    def socket(self, netns, family, kind, protocol=0, number=0):
        """A socket in a namespace that tells what became of its packets."""
        with self.inside(netns):
            it = self.stack.enter_context(
                socket.socket(family, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
            )
        level, errors, ttl, discover, received = (
            (socket.IPPROTO_IP, IP_RECVERR, socket.IP_TTL, 10, 12)
            if family == socket.AF_INET
            else (socket.IPPROTO_IPV6, IPV6_RECVERR, socket.IPV6_UNICAST_HOPS, 23, socket.IPV6_RECVHOPLIMIT)
        )
        it.setsockopt(level, errors, 1)
        it.setsockopt(level, received, 1)
        it.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        for forced, buffer in ((SO_SNDBUFFORCE, socket.SO_SNDBUF), (SO_RCVBUFFORCE, socket.SO_RCVBUF)):
            try:
                it.setsockopt(socket.SOL_SOCKET, forced, 1 << 23)
            except PermissionError:
                # In the user namespace of an ordinary user: as much as the system gives.
                it.setsockopt(socket.SOL_SOCKET, buffer, 1 << 23)
        # IP_PMTUDISC_PROBE (3): what was learned of the path before does not count, so that the router itself answers.
        it.setsockopt(level, discover, 3 if self.manner.dont_fragment else 0)
        if family == socket.AF_INET6:
            it.setsockopt(level, 62, int(self.manner.dont_fragment))  # IPV6_DONTFRAG
        if self.manner.send_ttl:
            it.setsockopt(level, ttl, self.manner.send_ttl)
        if self.manner.mark:
            it.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, self.manner.mark)
        if self.manner.dev:
            it.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, self.manner.dev.encode() + b"\0")
        if self.manner.source or self.manner.sport:
            any_address = "::" if family == socket.AF_INET6 else ""
            sport = self.manner.sport + number if self.manner.sport and kind != socket.SOCK_RAW else 0
            it.bind((self.manner.source or any_address, sport))
        return it

    def where(self, number):
        """The socket address of a pair's address."""
        netns, address = self.pairs[number]
        text, dummy, dev = address.partition("%")
        if family_of(address) == socket.AF_INET:
            return text, self.manner.port or 0
        try:
            with self.inside(netns):
                return text, self.manner.port or 0, 0, socket.if_nametoindex(dev) if dev else 0
        except OSError:
            raise OSError(errno.ENODEV, "there is no link %s" % dev)  # Python's own has no number


class Packets(Probing):
    """Echo requests and datagrams: one socket for each namespace and family."""

    def __init__(self, *args):
        super().__init__(*args)
        self.token, self.sockets, self.numbers = self.manner.token or os.urandom(TOKEN // 2), {}, {}
        # For NAT, requests with the identifier of earlier ones would be theirs, and be translated as they were.
        self.first = int.from_bytes(self.token[:2], "big")

    def token_of(self, number):
        return self.token + struct.pack("!I", number)

    def line(self, number):
        netns, address = self.pairs[number]
        family = family_of(address)
        if (netns, family) not in self.sockets:
            if self.manner.protocol == "icmp":
                dummy, protocol, level, blocked = ECHO[family]
                it = self.socket(netns, family, socket.SOCK_RAW, protocol)
                it.setsockopt(level, 1, blocked)
            else:
                it = self.socket(netns, family, socket.SOCK_DGRAM)
            self.sockets[netns, family] = it
            self.selector.register(it, selectors.EVENT_READ, (netns, family))
        return self.sockets[netns, family]

    def send(self, number, turn):
        netns, address = self.pairs[number]
        data = payload_of(self.manner, address, self.token_of(number))
        try:
            line = self.line(number)
        except OSError as e:
            if not (self.manner.source or self.manner.dev):
                raise
            self.failed(number, reason_of(e.errno))
            return
        if self.manner.protocol == "icmp":
            data = echo_request(family_of(address), (self.first + number) & 0xFFFF, turn, data)
        try:
            where = self.where(number)
            self.numbers[netns, socket.inet_pton(family_of(address), where[0]), where[3:]] = number
            for dummy in range(3):
                try:
                    self.started[number, turn] = self.started[number] = time.time()
                    line.sendto(data, where)
                    return
                except OSError as e:
                    # It may be that of an earlier probe, which the kernel tells at the next call: then it is told once.
                    error, local = e, self.errors(line, (netns, family_of(address)))
            self.failed(number, reason_of(error.errno), mtu=local if error.errno == errno.EMSGSIZE else None)
        except OSError as e:
            self.failed(number, reason_of(e.errno))

    def read(self, line, place):
        self.errors(line, place)
        while True:
            try:
                data, ancillary, dummy, sender = line.recvmsg(1 << 16, 512)
            except BlockingIOError:
                return
            except OSError:
                continue  # its details are in the error queue
            when, ttl = arrival(ancillary)
            if self.manner.protocol == "icmp":
                start = (data[0] & 15) * 4 if place[1] == socket.AF_INET else 0
                number, turn = self.quoted(data[start:], place)
                if number is not None and data[start + 8 : start + 8 + TOKEN] == self.token_of(number):
                    self.reached(number, when - self.started.get((number, turn), when), ttl)
            else:
                number = self.numbers.get((place[0], socket.inet_pton(place[1], sender[0]), sender[3:]))
                if number is not None:
                    self.reached(number, when - self.started[number], ttl)

    def errors(self, line, place):
        """Read the error queue; return the MTU of the last local error."""
        local = None
        while True:
            try:
                data, ancillary, dummy, target = line.recvmsg(1 << 16, 512, MSG_ERRQUEUE)
            except OSError:
                return local
            error = error_of(ancillary)
            if error and error[1] is None:
                local = error[2]
            elif error and self.manner.protocol == "icmp":
                number, dummy = self.quoted(data, place)
                # A router may quote no more than eight bytes of the packet.
                if number is not None and self.token_of(number).startswith(data[8 : 8 + TOKEN]):
                    self.failed(number, *error)
            elif error:
                number = self.numbers.get((place[0], socket.inet_pton(place[1], target[0]), target[3:]))
                if number is not None:
                    self.failed(number, *error)

    def quoted(self, data, place):
        """The number of the pair and the turn of an echo request or its reply."""
        if len(data) < 8:
            return None, None
        ident, turn = struct.unpack_from("!HH", data, 4)
        number = (ident - self.first) & 0xFFFF
        if number >= len(self.pairs) or (self.pairs[number][0], family_of(self.pairs[number][1])) != place:
            return None, None
        return number, turn


class Connections(Probing):
    """TCP: one socket for each connection."""

    def send(self, number, turn):
        netns, address = self.pairs[number]
        try:
            it = self.socket(netns, family_of(address), socket.SOCK_STREAM, number=number)
        except OSError as e:
            self.failed(number, reason_of(e.errno))
            return
        try:
            it.connect(self.where(number))
        except BlockingIOError:
            self.selector.register(it, selectors.EVENT_WRITE, number)
            return
        except OSError as e:
            self.failed(number, reason_of(e.errno))
            it.close()
            return
        self.selector.register(it, selectors.EVENT_WRITE, number)

    def read(self, line, number):
        code = line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self.failed(number, *self.told(line) or (reason_of(code),))
        else:
            # tcpi_rtt, in microseconds
            rtt = struct.unpack_from("=I", line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 68)[0]
            self.reached(number, rtt / 1e6)
        self.selector.unregister(line)
        line.close()

    def told(self, line):
        try:
            return error_of(line.recvmsg(1 << 10, 512, MSG_ERRQUEUE)[1])
        except OSError:
            return None

    def settle(self):
        for key in list(self.selector.get_map().values()):
            self.selector.unregister(key.fileobj)
            key.fileobj.close()
