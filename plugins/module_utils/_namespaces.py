# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network namespaces of this host, and how to be inside one."""

from __future__ import annotations

import ctypes
import os
from contextlib import contextmanager, suppress
from functools import lru_cache
from resource import RLIMIT_NOFILE, getrlimit, setrlimit

CLONE_NEWNET = 0x40000000
NETNS_DIR = "/run/netns"
NEEDS_ROOT = "this needs root (CAP_NET_ADMIN and CAP_SYS_ADMIN) on the managed host: use become: true"
libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@lru_cache(maxsize=None)
def nsfs():
    """The device of the file system that namespaces are in."""
    return os.stat("/proc/thread-self/ns/net").st_dev


def is_namespace(path):
    """Whether a namespace is mounted here, not only the empty file of one that is gone."""
    try:
        return os.stat(path).st_dev == nsfs()
    except FileNotFoundError:
        return False


def process_stat(pid):
    """The words of /proc/PID/stat from the state on: before them stands a name of whatever bytes."""
    with open("/proc/%d/stat" % pid, errors="surrogateescape") as f:
        return f.read().rpartition(")")[2].split()


def controller():
    """The address of this host by which its task came over SSH; sudo(8) keeps that from the task, not from all."""
    pid = os.getpid()
    with suppress(OSError):
        while pid > 1:
            with open("/proc/%d/environ" % pid, "rb") as f:
                told = [value for value in f.read().split(b"\0") if value.startswith(b"SSH_CONNECTION=")]
            if told:
                return told[0].decode().split()[2].split("%")[0]
            pid = int(process_stat(pid)[1])
    return ""


class Namespaces:
    """The namespaces, opened once each."""

    def __init__(self):
        # Each namespace takes two descriptors.
        most = getrlimit(RLIMIT_NOFILE)[1]
        setrlimit(RLIMIT_NOFILE, (most, most))
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.files, self.paths = {"": self.home}, {}

    def close(self):
        for fd in self.files.values():
            os.close(fd)

    def path(self, name):
        own = "%s/%s" % (NETNS_DIR, name)
        return own if is_namespace(own) else self.paths.get(name)

    def names(self):
        try:
            return [n for n in os.listdir(NETNS_DIR) if is_namespace("%s/%s" % (NETNS_DIR, n))]
        except FileNotFoundError:
            return []

    def file(self, name):
        if name not in self.files:
            self.files[name] = os.open(self.path(name) or NETNS_DIR + "/" + name, os.O_RDONLY | os.O_CLOEXEC)
        return self.files[name]

    @contextmanager
    def inside(self, name):
        if name:
            check(libc.setns(self.file(name), CLONE_NEWNET))
        try:
            yield
        finally:
            if name:
                check(libc.setns(self.home, CLONE_NEWNET))
