# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running kernel: a socket in each namespace, the loop that reads them, and the execution of a step."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections import defaultdict
from contextlib import suppress

from .. import _rooms
from .._core.state import State
from .._core.values import RUN_DIR, Refused
from .._kinds.base import kind_named
from .._namespaces import CLONE_NEWNET, NETNS_DIR, Namespaces, check, is_namespace, libc
from . import link as links_room
from . import netns
from .managers import Managers
from .netlink import ACK, CREATE, EXCL, NEWLINK, Netlink, attribute
from .udev import Udev

GOING = (errno.ENODEV, errno.ENOENT, errno.EINVAL)  # of a link; of a namespace; of one whose file is not mounted yet
OF_NEW_LINKS = ("sysctl", "neighbour")  # what udev takes from a link, or gives it


class Busy(Refused):
    """Another task has the lock."""


class Kernel(Namespaces):
    """What is in the namespaces, read and changed by a socket in each."""

    def __init__(self):
        super().__init__()
        self.sockets, self.generic = {"": Netlink()}, {}
        self.held = None  # the lock
        self.sorts = frozenset()  # of what is being read
        self.shares_netns_dir = False
        self.nsids = netns.Nsids(self)
        self.processes = None  # by namespace
        self.leaving = netns.Leaving(self)
        self.udev = Udev(self)
        self.managers = Managers(self.udev)
        self.went = {}  # the addresses that are on another link now, by key

    def close(self):
        for netlink in [*self.sockets.values(), *self.generic.values()]:
            netlink.socket.close()
        self.nsids.forget()
        if self.held is not None:
            os.close(self.held)
        super().close()

    def lock(self, seconds, dry):
        """Let no other task change the network of this host until this one is closed; a dry run waits for nobody."""
        if dry:
            return
        fd = self.held = os.open(os.path.dirname(RUN_DIR), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        end = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > end:
                    text = "another task (process %s) changes the network of this host, and %d s were not enough"
                    raise Busy("lock_timeout", text % (holder(fd), seconds))
                time.sleep(0.02)

    def netlink(self, name):
        if name not in self.sockets:
            with self.inside(name):
                self.sockets[name] = Netlink()
        return self.sockets[name]

    def forget(self, name):
        for sockets in (self.sockets, self.generic):
            if name in sockets:
                sockets.pop(name).socket.close()
        if name in self.files:
            os.close(self.files.pop(name))

    def scratch_netns(self):
        """A socket in a new namespace that nobody sees."""
        try:
            check(libc.unshare(CLONE_NEWNET))
            netlink = Netlink()
        finally:
            check(libc.setns(self.home, CLONE_NEWNET))
        netlink.socket.setsockopt(270, 12, 1)  # NETLINK_GET_STRICT_CHK: the kernel heeds what a dump is asked for
        return netlink

    def check_kinds(self, kinds):
        """Refuse a kind that this kernel lacks: it says so of one in a namespace that nobody sees."""
        scratch = self.scratch_netns()
        for name in kinds:
            try:
                info = attribute(1, links_room.rtnl_kind(name).encode() + b"\0")
                scratch.ask("link", NEWLINK, ACK | CREATE | EXCL, [(18, info)])
            except OSError as e:
                if links_room.UNKNOWN in e.strerror:
                    raise Refused("kind", links_room.lacks(kind_named(name)))
        scratch.socket.close()

    # What options ask of the host

    def adopt(self, name, path):
        """Let `name` stand for the namespace of this path; return its inode, or None if there is none."""
        if not is_namespace(path):
            return None
        self.paths[name] = path
        return os.stat(path).st_ino

    def nat_backend(self, name, family):
        return _rooms.load("_rtnl", "nat").backend(self, name, family)

    def made(self, name):
        return _rooms.load("_rtnl", "topology").made(name)

    def pending(self, name):
        return _rooms.load("_rtnl", "topology").pending(name)

    def staged(self, name):
        return _rooms.load("_rtnl", "topology").staged(name)

    # Reading

    def observe(self, wanted):
        """The state of what is to be read, while others make links and namespaces and take them away."""
        for dummy in range(9):
            try:
                return self.read(wanted)
            except OSError as e:
                if e.errno not in GOING:
                    raise
                for name in set(self.sockets) - {""}:
                    self.forget(name)
        return self.read(wanted)

    def read(self, wanted):
        self.nsids.forget()
        self.processes = None
        for netlink in self.sockets.values():
            netlink.heard.clear()
        found, queue, follow = {}, sorted({*wanted.names, ""}), set(wanted.follow)
        queue += [name for name, dummy, dummy in netns.outliers(self)] if wanted.uppers else []
        while queue:
            name = queue.pop(0)
            if name in found or (name and self.path(name) is None):
                continue
            found[name], homes = links_room.read_settled(self, name, follow)
            queue += [home for home in homes if home is not None]
        state = State(self.read_files(wanted))
        closely = wanted.sorts.union(_rooms.ON_DEMAND) if wanted.closely else wanted.sorts
        readers, all_readers = readers_of(wanted.sorts), readers_of(closely)
        for name, (links, others) in found.items():
            if name and is_namespace("%s/%s" % (NETNS_DIR, name)):
                state.add(netns.read_netns(self, name, name in follow))
            links = list(links_room.resolved(self, name, links, found))
            for resource in (*links, *others):
                state.add(resource)
            self.sorts = closely if name in wanted.closely else wanted.sorts
            for read in all_readers if name in wanted.closely else readers:
                for resource in read(self, name, links):
                    state.add(resource)
        state.heard = {name: dict(self.netlink(name).heard) for name in found}
        return state

    def read_files(self, wanted):
        kept = [_rooms.load("_rtnl", "sysctl").read_file(path) for path in wanted.files]
        for name in sorted(wanted.topologies):
            kept += _rooms.load("_rtnl", "topology").read_all(name)
        return filter(None, kept)

    def holders(self):
        """The (pid, name) of the processes in each namespace by its inode, read once an observation."""
        if self.processes is None:
            self.processes = defaultdict(list)
            for pid in sorted(int(p) for p in os.listdir("/proc") if p.isdigit()):
                with suppress(FileNotFoundError, PermissionError, ProcessLookupError):
                    inode = os.stat("/proc/%d/ns/net" % pid).st_ino
                    with open("/proc/%d/comm" % pid, errors="surrogateescape") as f:
                        self.processes[inode].append((pid, f.read().strip()))
        return self.processes

    # Writing

    def execute(self, change):
        """Do one step, or raise OSError with the kernel's reason."""
        if not (change.target.is_netns and change.verb == "delete"):
            self.wait_for_leaving()
        if change.target.sort in OF_NEW_LINKS:
            self.udev.wait()
        _rooms.load("_rtnl", _rooms.room(change.target.sort)).write(self, change)
        self.udev.note(change)
        if getattr(change.after, "unique", False) and change.before is None:
            self.went[change.target.key] = change.after

    def wait_for_leaving(self):
        self.leaving.wait()

    def finish(self):
        """After the last step: what others do to links is done, and those in the LAN know where addresses are."""
        self.wait_for_leaving()
        self.udev.wait()
        if self.went:
            _rooms.load("_rtnl", "address").announce(self, self.went.values())


def readers_of(sorts):
    """The functions that read resources of these sorts, in the order in which those are made."""
    names = dict.fromkeys(_rooms.room(sort) for sort in _rooms.ORDER.split() if sort in sorts)
    return list(filter(None, (getattr(_rooms.load("_rtnl", room), "read", None) for room in names)))


def holder(fd):
    """The process that has the lock on a file, as flock(2) tells nobody."""
    own = ":%d " % os.fstat(fd).st_ino
    with open("/proc/locks") as f:
        found = [line.split() for line in f if own in line and "->" not in line]
    return next((words[4] for words in found if words[1] == "FLOCK"), "that has just ended")
