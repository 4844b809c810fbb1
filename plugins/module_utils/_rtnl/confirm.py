# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that puts back what a task changes unless it is confirmed in time, and that outlives the task."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import syslog
import time
from resource import RLIMIT_NOFILE, getrlimit

from .._core.values import RUN_DIR, Refused, sentence

MANAGER = "org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager StartTransientUnit"


def arm(pending, seconds, undo):
    """Start it; when this returns it is on its own."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(ready)
            os.setsid()
            if os.fork() == 0:
                watch(pending, seconds, undo, told)
        finally:
            os._exit(0)
    os.close(told)
    os.waitpid(child, 0)
    with os.fdopen(ready) as f:
        said = f.read()
    if said != "ready":
        raise Refused("confirm", "nothing could be armed: %s" % said)


def watch(pending, seconds, undo, told):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # The C library would take another file for its connection to syslog, which is closed with the task's files.
    syslog.closelog()
    # Among the files of the task is the lock.
    os.closerange(3, told)
    os.closerange(told + 1, getrlimit(RLIMIT_NOFILE)[0])
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    try:
        leave_session("virtnet-%s-%d.scope" % (pending.name, os.getpid()))
        os.makedirs(RUN_DIR, exist_ok=True)
        # Who finds the file without its lock knows that nobody waits any more.
        fd = os.open(pending.path + ".new", os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.rename(pending.path + ".new", pending.path)
    except (OSError, subprocess.SubprocessError) as e:
        os.write(told, ("%s" % e).encode())
        return
    os.write(told, b"ready")
    os.close(told)
    end = time.monotonic() + seconds
    while time.monotonic() < end and os.fstat(fd).st_nlink:
        time.sleep(0.2)
    if os.fstat(fd).st_nlink:
        try:
            left = undo(lambda: bool(os.fstat(fd).st_nlink))
        except BaseException as e:
            left = [sentence(e)]
        outcome = "could not all be put back: %s" % "; ".join(left) if left else "was put back"
        level = syslog.LOG_ERR if left else syslog.LOG_NOTICE
        syslog.syslog(level, "virtnet: what was changed of %s was not confirmed, and %s" % (pending.name, outcome))
        os.pwrite(fd, outcome.encode(), 0)


def leave_session(unit):
    """Where systemd ends the processes of a session with it, be none of them."""
    if not os.path.isdir("/run/systemd/system"):
        return
    words = ["ssa(sv)a(sa(sv))", unit, "fail", "1", "PIDs", "au", "1", str(os.getpid()), "0"]
    subprocess.run(["busctl", "call", *MANAGER.split(), *words], check=True, stdout=subprocess.DEVNULL, timeout=20)
    end = time.monotonic() + 20
    while unit not in open("/proc/self/cgroup").read():
        if time.monotonic() > end:
            raise OSError("systemd does not take it")
        time.sleep(0.02)


def waiting(path):
    """What became of what was not confirmed in time, nothing if a process still waits; None if there is neither."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        outcome = os.pread(fd, 1 << 16, 0).decode(errors="replace")
        if outcome:
            return outcome
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return ""
    finally:
        os.close(fd)
