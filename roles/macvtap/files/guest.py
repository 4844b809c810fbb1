"""Ping through a tap as a virtual machine does, by a user of little power: DEVICE USER MAC ADDRESS TO."""

import os
import pwd
import select
import socket
import struct
import sys
import time

HEADER = bytes(10)  # a virtio_net_hdr stands before each frame


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def summed(data, at):
    """Data with their checksum at this place, where they have zeros."""
    return data[:at] + struct.pack("!H", checksum(data)) + data[at + 2 :]


def become(user):
    number = int(user) if user.isdigit() else pwd.getpwnam(user).pw_uid
    os.setgroups([])
    os.setgid(4294967293)
    os.setuid(number)


def ask(tap, frame, answer):
    """What `answer` makes of a frame that comes back, the question repeated; None if none comes."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        os.write(tap, HEADER + frame)
        again = time.monotonic() + 0.5
        while select.select([tap], [], [], max(0, again - time.monotonic()))[0]:
            found = answer(os.read(tap, 65536)[len(HEADER) :])
            if found is not None:
                return found
    return None


def ping(device, mac, own, to):
    """The ttl of the reply."""
    tap = os.open(device, os.O_RDWR)
    mac, own, to = bytes.fromhex(mac.replace(":", "")), socket.inet_aton(own), socket.inet_aton(to)
    arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, own, bytes(6), to)
    is_at = b"\x08\x06" + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2)
    far = ask(
        tap,
        b"\xff" * 6 + mac + b"\x08\x06" + arp,
        lambda frame: frame[22:28] if frame[12:22] == is_at and frame[28:32] == to else None,
    )
    if far is None:
        return None
    echo = summed(struct.pack("!BBHHH", 8, 0, 0, 7, 1), 2)
    packet = summed(struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, 1, 0, own, to), 10) + echo

    def ttl(frame):
        back = frame[23:24] == b"\x01" and frame[26:36] == to + own + b"\x00\x00"
        return frame[22] if back else None

    return ask(tap, far + mac + b"\x08\x00" + packet, ttl)


device, user, mac, own, to = sys.argv[1:]
become(user)
try:
    ttl = ping(device, mac, own, to)
    seen = "no reply" if ttl is None else "a reply with ttl %d" % ttl
except OSError as e:
    seen = e.strerror
print("from %s to %s: %s" % (user, to, seen))
