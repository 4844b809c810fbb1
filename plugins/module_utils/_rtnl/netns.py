# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces: their names, their numbers in each other, their end."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections import defaultdict
from contextlib import suppress

from .._kinds.base import kind_of
from .._namespaces import CLONE_NEWNET, NETNS_DIR, check, libc
from .._resources.netns import Netns
from . import link as links_room
from .netlink import ACK, DUMP, GETLINK, GETNSID, NEWNSID, nested

MS_BIND, MS_REC, MS_SHARED, MNT_DETACH = 4096, 16384, 1 << 20, 2
FD, NSID, TARGET = "NETNSA_FD=3:uint32", "NETNSA_NSID=1:int32", "NETNSA_TARGET_NSID=4:int32"


def read_netns(kernel, name, with_holders):
    inode = os.stat("%s/%s" % (NETNS_DIR, name)).st_ino
    holders = tuple(kernel.holders()[inode]) if with_holders else ()
    path = "/proc/%d/ns/net" % holders[0][0] if holders else None
    return Netns(name, kernel.nsids.number(name), inode, path, holders)


def write(kernel, change):
    target = change.target
    if change.verb == "delete":
        delete(kernel, target.name)
        return
    if change.verb == "add":
        kernel.forget(target.name)
        kernel.nsids.forget()
        if not kernel.shares_netns_dir:  # the file that tells of mounts has a line for each namespace
            share_netns_dir()
            kernel.shares_netns_dir = True
        mount(target)
    for dummy, nsid in change.changed_fields("nsid"):
        kernel.netlink("").ask("nsid", NEWNSID, ACK, [(FD, kernel.file(target.name)), (NSID, nsid)])


def share_netns_dir():
    """Have /run/netns in a shared mount, so that a namespace that goes here goes in every mount namespace."""
    os.makedirs(NETNS_DIR, exist_ok=True)
    if is_shared(os.path.realpath(NETNS_DIR)):
        return
    where = NETNS_DIR.encode()
    if libc.mount(b"", where, b"none", MS_SHARED | MS_REC, None):
        check(libc.mount(where, where, b"none", MS_BIND | MS_REC, None))
        check(libc.mount(b"", where, b"none", MS_SHARED | MS_REC, None))


def is_shared(path):
    """Whether what is mounted below a path is so in every mount namespace: mount_namespaces(7)."""
    found = ""
    with open("/proc/thread-self/mountinfo", errors="surrogateescape") as f:
        for words in map(str.split, f):
            # Of those on one place the last one is seen.
            if (path + "/").startswith(words[4].rstrip("/") + "/") and len(words[4]) >= len(found):
                found, options = words[4], words[6 : words.index("-")]
    return any(word.startswith("shared:") for word in options)


def mount(target):
    path = "%s/%s" % (NETNS_DIR, target.name)
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT, 0))
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not target.path:
            check(libc.unshare(CLONE_NEWNET))
        check(
            libc.mount((target.path or "/proc/thread-self/ns/net").encode(), os.fsencode(path), b"none", MS_BIND, None)
        )
    except OSError:
        os.unlink(path)
        raise
    finally:
        check(libc.setns(home, CLONE_NEWNET))
        os.close(home)


def delete(kernel, name):
    kernel.leaving.expect(name)
    kernel.forget(name)
    check(libc.umount2(os.fsencode("%s/%s" % (NETNS_DIR, name)), MNT_DETACH))
    os.unlink("%s/%s" % (NETNS_DIR, name))


class Nsids:
    """The names of the namespaces that have a number in another one."""

    def __init__(self, kernel):
        self.kernel, self.scratch, self.names = kernel, None, []
        self.forget()

    def forget(self):
        if self.scratch is not None:
            self.scratch.socket.close()
        self.scratch, self.places, self.numbers = None, {}, {}
        self.told = defaultdict(dict)  # by namespace, the names by the numbers that it has for them

    def names_of(self, here, nsids):
        """The names of the namespaces that `here` calls by these numbers; None for one without a name."""
        told = self.told[here]
        left = nsids - told.keys() - {None}
        for nsid, name in self.known(here) if left else ():
            told[nsid] = name
            left.discard(nsid)
            if not left:
                break
        return {nsid: here if nsid is None else told.get(nsid) for nsid in nsids}

    def number(self, name):
        """The number of a namespace in the host's own, or None."""
        if not self.numbers:
            self.numbers = {name: nsid for nsid, name in self.told[""].items()}
        return self.numbers[name] if name in self.numbers else self.kernel.netlink("").nsid(self.kernel.file(name))

    def known(self, here):
        """The (number, name) of the namespaces that have a number in `here`."""
        if self.scratch is None:
            # A scratch namespace gives a number to each of them; then one question tells of all that `here` knows.
            self.scratch, self.names = self.kernel.scratch_netns(), ["", *self.kernel.names(), *self.kernel.paths]
            for place, name in enumerate(self.names):
                with suppress(OSError):  # it has gone meanwhile, or has two names
                    self.scratch.ask("nsid", NEWNSID, ACK, [(FD, self.kernel.file(name)), (NSID, place)])
                    self.places[name] = place
        place = self.places[here] if here in self.places else self.scratch.nsid(self.kernel.file(here))
        target = [(TARGET, place)]
        answers = self.scratch.ask("nsid", GETNSID, DUMP, target)
        yield from self.both(answers)
        # Of more than 900 Linux 6.18 tells no more.
        for place in range(len(self.names)) if len(answers) > 500 else ():
            with suppress(OSError):
                yield from self.both(self.scratch.ask("nsid", GETNSID, 0, [(NSID, place), *target]))

    def both(self, answers):
        """The (number, name) of which the answers tell, where the namespace has both."""
        for answer in answers:
            parts = dict(nested(answer, 4))
            nsid, place = (struct.unpack("=i", parts[number])[0] for number in (1, 5))
            if min(nsid, place) >= 0:
                yield nsid, self.names[place]

    def lives(self, here, nsid):
        try:
            return bool(self.kernel.netlink(here).ask("nsid", GETNSID, 0, [(NSID, nsid)]))
        except OSError:
            return False


def outliers(kernel):
    """The (namespace, index, nsid of the lower link) of links that stand on one in another namespace."""
    out, known = [], set(kernel.sockets)
    for name in ["", *kernel.names()]:
        try:
            links, dummy = links_room.read_links(kernel, name)
        except OSError:
            continue  # it has gone meanwhile
        far_off = [(link, far) for link, far in links if far and far[0] is not None and not kind_of(link).is_pair()]
        out += [(name, link.index, far[0]) for link, far in far_off]
        if not far_off and name not in known:
            kernel.forget(name)
    return out


class Leaving:
    """What the kernel takes away a little after a namespace: its links, with their far ends and upper links."""

    def __init__(self, kernel):
        self.kernel, self.links, self.cards, self.devices = kernel, [], [], []
        self.outliers = None  # once they had to be looked for

    def expect(self, name):
        """What goes with this namespace."""
        kernel, (links, dummy) = self.kernel, links_room.read_links(self.kernel, name)
        ends = [far for link, far in links if kind_of(link).is_pair() and far and far[0] is not None]
        homes = kernel.nsids.names_of(name, {nsid for nsid, dummy in ends})
        self.links += [(homes[nsid], index) for nsid, index in ends if homes[nsid] is not None]
        self.cards += [link.name for link, dummy in links if link.kind == "" and link.name != "lo"]
        taps = [link for link, dummy in links if kind_of(link).is_tap() and dict(link.attrs).get("owner") is not None]
        self.devices += ["/dev/tap%d" % link.index for link in taps]
        if self.outliers is None:
            self.outliers = outliers(kernel)
        here = [one for one in self.outliers if one[0] != name]
        self.links += [(home, i) for home, i, nsid in here if kernel.netlink(home).nsid(kernel.file(name)) == nsid]
        self.outliers = here

    def wait(self):
        end = time.monotonic() + 10
        while self.links and time.monotonic() < end:
            netns, index = self.links[-1]
            try:
                self.kernel.netlink(netns).ask("link", GETLINK, 0, index=index)
                time.sleep(0.002)
            except OSError:
                self.links.pop()
        # Not for long: they come to the first namespace of the machine, which need not be this one.
        end = time.monotonic() + 2
        while self.cards and time.monotonic() < end:
            try:
                socket.if_nametoindex(self.cards[-1])
                self.cards.pop()
            except OSError:
                time.sleep(0.002)
        end = time.monotonic() + 2
        while any(map(os.path.exists, self.devices)) and time.monotonic() < end:
            time.sleep(0.002)
        self.links, self.cards, self.devices = [], [], []
