# SPDX-License-Identifier: GPL-3.0-or-later
"""The LAN of the test hosts' cards: a router with DHCP and router advertisements, and a station that pings."""

import ctypes
import os
import select
import socket
import struct
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

NETWORK, PREFIX = "10.77.0", "fd00:77::"
GATEWAY, GATEWAY6 = NETWORK + ".254", PREFIX + "fe"
BEYOND, BEYOND6 = "198.51.100.1", "2001:db8:77::1"
INTERVAL, PATIENCE, LOST = (
    0.1,
    1.5,
    1.0,
)  # between pings; how long one is waited for at the end; what no host may be away
libc = ctypes.CDLL(None, use_errno=True)


def run(*words, **more):
    return subprocess.run(words, check=True, text=True, stdout=subprocess.PIPE, **more).stdout


def inside(netns, function, *arguments):
    """What a function returns that runs in a network namespace; a socket that it makes stays there."""
    found = []

    def enter():
        with open("/run/netns/" + netns) as f:
            assert libc.setns(f.fileno(), 0x40000000) == 0, os.strerror(ctypes.get_errno())
        found.append(function(*arguments))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    return found[0]


class Lan:
    """Two network namespaces on the bridge of the hosts' first cards."""

    def __init__(self, roots, hosts, log):
        self.root, self.hosts, self.log, self.server = Path(roots[0]), hosts, log, None
        for name, address, address6 in [("router", GATEWAY, GATEWAY6), ("station", NETWORK + ".2", PREFIX + "2")]:
            run("ip", "netns", "add", name)
            run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name)
            run("ip", "link", "set", name, "master", "fleet", "up")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "address", "add", address + "/24", "dev", "eth0")
            run("ip", "-n", name, "address", "add", address6 + "/64", "dev", "eth0", "nodad")
        run("ip", "-n", "router", "address", "add", BEYOND + "/32", "dev", "lo")
        run("ip", "-n", "router", "address", "add", BEYOND6 + "/128", "dev", "lo")
        run("ip", "address", "add", PREFIX + "1/64", "dev", "fleet", "nodad")

    def end(self):
        self.silence()
        for name in ("router", "station"):
            run("ip", "netns", "delete", name)
        run("ip", "address", "delete", PREFIX + "1/64", "dev", "fleet")

    def serve(self, gateway=True, advertise=False, delay=0):
        """DHCP, with a gateway or without, perhaps router advertisements, with lifetimes that a test can wait for."""
        self.silence()
        # That of a test host, where this machine has none.
        lib = self.root / "usr" / "lib" / "x86_64-linux-gnu"
        command = ["ip", "netns", "exec", "router", str(lib / "ld-linux-x86-64.so.2"), "--library-path", str(lib)]
        command += [str(self.root / "usr" / "sbin" / "dnsmasq"), "--keep-in-foreground", "--conf-file=/dev/null"]
        command += ["--port=0", "--user=root", "--pid-file=", "--leasefile-ro", "--log-dhcp", "--log-facility=-"]
        command += ["--interface=eth0"]
        command += ["--dhcp-authoritative", "--no-ping", "--dhcp-range=%s.100,%s.150,2m" % (NETWORK, NETWORK)]
        # An eighth and a quarter of the shortest lease that it gives, until a host renews it.
        command += ["--dhcp-option-force=58,15", "--dhcp-option-force=59,30", "--dhcp-reply-delay=%d" % delay]
        command += ["--dhcp-option=3" + ("," + GATEWAY if gateway else "")]
        command += ["--dhcp-host=%s,%s" % host for host in self.hosts]
        if advertise:
            command += ["--enable-ra", "--dhcp-range=%s,ra-only,64,5m" % PREFIX, "--ra-param=eth0,high,4,600"]
        self.out = open(self.log, "a")
        self.server = subprocess.Popen(command, stdout=self.out, stderr=self.out, stdin=subprocess.DEVNULL)

    def silence(self):
        if self.server:
            self.server.terminate()
            self.server.wait()
            self.out.close()
            self.server = None

    def leases(self, mac):
        """How often the server has acknowledged a lease of this card."""
        lines = Path(self.log).read_text(errors="replace").splitlines()
        return sum("DHCPACK" in line and mac in line for line in lines)

    def sh(self, netns, script):
        return run("ip", "netns", "exec", netns, "sh", "-c", script)

    def forget(self):
        """Nobody in the LAN knows MAC addresses any more."""
        for netns in ("router", "station"):
            self.sh(netns, "ip neighbour flush all")

    def reaches(self, host):
        """Whether the host answers what comes from beyond its gateway."""
        with_address = {host.address: BEYOND, host.address6: BEYOND6}
        end = time.monotonic() + 10
        for address, source in with_address.items():
            command = ["ip", "netns", "exec", "router", "ping", "-c", "1", "-W", "1", "-I", source, address]
            while subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode:
                if time.monotonic() > end:
                    return False
        return True

    def pings(self, *addresses):
        return Pings(addresses)


class Pings:
    """Pings from the station, all the time; which it got no answer to, and how long that went on."""

    def __init__(self, addresses):
        self.targets = [Target(address) for address in addresses]
        self.over = threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *dummy):
        self.over.set()
        self.thread.join()

    def work(self):
        after = end = 0
        while not end or (time.monotonic() < end and not all(t.settled() for t in self.targets)):
            now = time.monotonic()
            if self.over.is_set():
                end = end or now + PATIENCE
            elif now >= after:
                for target in self.targets:
                    target.send()
                after = now + INTERVAL
            ready = select.select([t.socket for t in self.targets], [], [], INTERVAL / 4)[0]
            for target in self.targets:
                if target.socket in ready:
                    target.receive()

    def gaps(self):
        """By address, the longest times without an answer, in seconds."""
        return {target.address: target.gaps() for target in self.targets}

    def __str__(self):
        """For a sentence about them."""
        return ", ".join(
            "%s %s" % (address, "away for %s s" % " and ".join("%.1f" % gap for gap in gaps) if gaps else "answers")
            for address, gaps in self.gaps().items()
        )

    @property
    def good(self):
        return all(t.sent for t in self.targets) and not any(
            gap > LOST for gaps in self.gaps().values() for gap in gaps
        )


class Target:
    """One address and the answers from it."""

    def __init__(self, address):
        self.address, self.six = address, ":" in address
        kind = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if self.six else (socket.AF_INET, socket.IPPROTO_ICMP)
        self.socket = inside("station", socket.socket, kind[0], socket.SOCK_RAW, kind[1])
        self.socket.setblocking(False)
        self.id, self.sent, self.answered = os.urandom(2), [], set()

    def send(self):
        body = struct.pack("!BBH2sH", 128 if self.six else 8, 0, 0, self.id, len(self.sent) & 0xFFFF)
        if not self.six:
            total = sum(struct.unpack("!4H", body))
            total = (total & 0xFFFF) + (total >> 16)
            body = body[:2] + struct.pack("!H", ~total & 0xFFFF) + body[4:]
        self.sent.append(time.monotonic())
        with suppress(OSError):
            self.socket.sendto(body, (self.address, 0))

    def receive(self):
        with suppress(OSError):
            while True:
                packet, sender = self.socket.recvfrom(2048)
                body = packet if self.six else packet[(packet[0] & 15) * 4 :]
                if body[0] == (129 if self.six else 0) and body[4:6] == self.id and sender[0] == self.address:
                    self.answered.add(struct.unpack("!H", body[6:8])[0])

    def settled(self):
        return len(self.answered) == len(self.sent)

    def gaps(self):
        """From the first ping without an answer to the next one with an answer."""
        found, since = [], None
        for number, at in enumerate(self.sent):
            if number in self.answered:
                found += [at - since] if since is not None else []
                since = None
            elif since is None:
                since = at
        return found + ([self.sent[-1] + INTERVAL - since] if since is not None else [])
