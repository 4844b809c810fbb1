# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of this collection, and programs."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess

SBIN = ":/usr/sbin:/sbin"


def program(name):
    """The path of a program, or None where it is not installed."""
    return shutil.which(name, path=os.environ.get("PATH", "") + SBIN)


def output(argv):
    """What a program prints; None where it is not installed or fails."""
    path = program(argv[0])
    if path is None:
        return None
    pipes = dict(stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    done = subprocess.run([path] + argv[1:], check=False, **pipes)
    return done.stdout.decode(errors="surrogateescape") if done.returncode == 0 else None


def feed(argv, text):
    """Run a program with this input; raise OSError with what it complains of."""
    path = program(argv[0])
    if path is None:
        raise OSError(errno.ENOENT, "%s is not installed" % argv[0])
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    done = subprocess.run([path] + argv[1:], check=False, input=text.encode(errors="surrogateescape"), **pipes)
    if done.returncode:
        told = (done.stderr or done.stdout).decode(errors="replace")
        raise OSError(errno.EINVAL, "%s: %s" % (argv[0], " ".join(told.split())))


def read(path):
    with open(path, errors="surrogateescape") as f:
        return f.read()


def number(path):
    """The value of a file below /proc/sys; None where this kernel has none."""
    try:
        fd = os.open("/proc/sys/" + path, os.O_RDONLY | os.O_CLOEXEC)  # three of four times faster than open()
    except FileNotFoundError:
        return None
    try:
        return int(os.read(fd, 100))
    except ValueError:
        return None
    finally:
        os.close(fd)


def write(path, text):
    """All of it or nothing."""
    with open(path + ".new", "w", errors="surrogateescape") as f:
        f.write(text)
    os.replace(path + ".new", path)
