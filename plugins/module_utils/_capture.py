# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures by tcpdump(8), which the kernel ends in time, whatever becomes of the task."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from base64 import b64encode

from ._core.values import Refused
from ._core.words import link_name, netns_name, unique, within
from ._namespaces import process_stat
from ._reach import PROBE, address, fitting, manner_of

HOME = "/run/virtnet-linux"
PR_SET_PDEATHSIG = 1
CAPTURE = dict(
    name=dict(type="str"),
    state=dict(type="str", choices=["started", "stopped"]),
    links=dict(
        type="list",
        elements="dict",
        options=dict(netns=dict(type="str", default=""), dev=dict(type="str", required=True)),
    ),
    filter=dict(type="str", default=""),
    count=dict(type="int", default=1000),
    timeout=dict(type="float"),
    snaplen=dict(type="int", default=512),
    probe=dict(
        type="dict", options=dict(PROBE, netns=dict(type="str", default=""), to=dict(type="str", required=True))
    ),
    pcap=dict(type="str"),
)
libc = ctypes.CDLL(None, use_errno=True)


# Options


def asked(p):
    """The places where to capture, and the probe (pair, manner) if there is one; refuses what does not go together."""
    if p["name"] is not None and not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}", p["name"]):
        raise Refused("name", "%r must be 1 to 64 letters, digits and _ . -, no . at the start" % p["name"])
    if bool(p["state"]) != (p["name"] is not None):
        raise Refused("name", "state needs it" if p["state"] else "it goes with state: started or stopped")
    if p["state"] and p["probe"]:
        raise Refused("probe", "it goes with a capture that lasts as long as the task, without state")
    if p["state"] == "started" and p["pcap"] is not None:
        raise Refused("pcap", "there is nothing to keep yet; it goes with state: stopped")
    if p["state"] == "stopped":
        return [], None
    if not p["links"]:
        raise Refused("links", "say where to capture")
    if not p["probe"] and p["timeout"] is None:
        raise Refused("timeout", "say after how many seconds the capture ends")
    if p["timeout"] is not None and not 0 < p["timeout"] <= 86400:
        raise Refused("timeout", "%s is not between 0 and 86400 seconds" % p["timeout"])
    within("count", p["count"], 1, 1000000)
    within("snaplen", p["snaplen"], 64, 262144)
    places = [(netns_name("links.netns", q["netns"]), link_name("links.dev", q["dev"])) for q in p["links"]]
    unique("links", ["%s in %s" % (dev, netns or "the host") for netns, dev in places])
    if not p["probe"]:
        return places, None
    pair = netns_name("probe.netns", p["probe"]["netns"]), address("probe.to", p["probe"]["to"])
    manner = manner_of(p["probe"], "probe.")
    fitting("probe.size", manner, pair[1:])
    return places, (pair, manner)


# Processes


def start(inside, places, folder, p, seconds, alone):
    """Capture at these places into files in the folder; return the processes, which are all listening."""
    program = shutil.which("tcpdump", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if program is None:
        raise Refused("links", "to capture on them needs tcpdump(8), which is not installed on the managed host")
    argv = [program, "-n", "-U", "--immediate-mode", "-s", str(p["snaplen"]), "-c", str(p["count"]), "-w", "-"]
    # As another user it would no longer die with its parent.
    argv += ["-Z", "root"]
    parent, started = os.getpid(), []

    def bound():
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
        signal.setitimer(signal.ITIMER_REAL, seconds)  # it is kept by exec
        if not alone:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

    try:
        for number, (netns, dev) in enumerate(places):
            with inside(netns), open(pcap(folder, number), "wb") as out, open(log(folder, number), "wb") as err:
                if not exists(dev):
                    raise Refused("links", "there is no link %s in %s" % (dev, named(netns)))
                started.append(
                    subprocess.Popen(
                        argv + ["-i", dev, "--"] + ([p["filter"]] if p["filter"] else []),
                        stdin=subprocess.DEVNULL,
                        stdout=out,
                        stderr=err,
                        cwd="/",
                        preexec_fn=bound,  # noqa: PLW1509
                        start_new_session=alone,
                    )
                )
        for number, process in enumerate(started):
            listen(process, log(folder, number), p["filter"])
    except BaseException:
        for process in started:
            process.kill()
            process.wait()
        raise
    return started


def pcap(folder, number):
    # tcpdump's AppArmor profile lets it write to this ending.
    return "%s/%d.pcap" % (folder, number)


def log(folder, number):
    return "%s/%d.log" % (folder, number)


def named(netns):
    return "network namespace " + netns if netns else "the host's own network namespace"


def exists(dev):
    try:
        return dev == "any" or bool(socket.if_nametoindex(dev))
    except OSError:
        return False


def listen(process, path, text):
    """Wait until tcpdump is listening."""
    while True:
        over = process.poll() is not None
        with open(path) as f:
            said = f.read()
        if "listening on" in said:
            return
        if process.returncode == -signal.SIGALRM:
            raise Refused("timeout", "it was over before tcpdump(8) was listening")
        if over:
            reason = " ".join(said.replace("tcpdump: ", "").split()) or "tcpdump ended with %d" % process.returncode
            raise Refused("filter" if text else "links", reason)
        time.sleep(0.005)


def end(captures):
    """End captures, each (pid, gone), when they have read all that has come."""
    limit = time.monotonic() + 5
    for pid, gone in captures:
        # A tcpdump that sleeps waits for the next packet.
        while not gone() and sleeping(pid) is False and time.monotonic() < limit:
            time.sleep(0.005)
    # The kernel takes a while to close each, so all at once.
    for number in (signal.SIGINT, signal.SIGKILL):
        limit = time.monotonic() + 5
        while captures and time.monotonic() < limit:
            captures = [(pid, gone) for pid, gone in captures if not gone() and told(pid, number)]
            time.sleep(0.005 if captures else 0)


def told(pid, number):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def sleeping(pid):
    try:
        return process_stat(pid)[0] == "S"
    except OSError:
        return None


def content(places, files):
    """What was captured, as data that Ansible can carry."""
    return [dict(netns=netns, dev=dev, pcap=b64encode(f.read()).decode()) for (netns, dev), f in zip(places, files)]


# Captures that last as long as the task


def around(inside, places, p, seconds, act=None):
    """Capture while something is done, or until the time is over; return the captures and what was done."""
    os.makedirs(HOME, mode=0o700, exist_ok=True)
    folder = tempfile.mkdtemp(dir=HOME)
    try:
        running = start(inside, places, folder, p, seconds, alone=False)
        files = [open(pcap(folder, number), "rb") for number in range(len(places))]
    finally:
        # The processes have the files open: their names need not outlive this task.
        shutil.rmtree(folder)
    done = act() if act else None
    if act:
        end([(process.pid, lambda process=process: process.poll() is not None) for process in running])
    for process in running:
        process.wait()
    try:
        return content(places, files), done
    finally:
        for f in files:
            f.close()


# Captures with a name


def folder_of(name):
    return "%s/%s" % (HOME, name)


def known(name):
    """The capture of this name as it was started; None if there is none."""
    try:
        with open(folder_of(name) + "/capture.json") as f:
            return json.load(f)
    except FileNotFoundError:
        return None


def alive(name, number, pid):
    """Whether this process, and not another that got its number, writes to this file."""
    try:
        return os.path.samefile("/proc/%d/fd/1" % pid, pcap(folder_of(name), number))
    except OSError:
        return False


def started(inside, places, p):
    """Start a capture of its own; return whether it was not there."""
    capture, name = dict(places=[list(place) for place in places], p=p), p["name"]
    before = known(name)
    if before and any(alive(name, number, pid) for number, pid in enumerate(before.pop("pids"))):
        if before != capture:
            raise Refused("name", "the capture %s is running with other options; stop it first" % name)
        return False
    shutil.rmtree(folder_of(name), ignore_errors=True)
    os.makedirs(HOME, mode=0o700, exist_ok=True)
    os.mkdir(folder_of(name), 0o700)
    try:
        running = start(inside, places, folder_of(name), p, p["timeout"], alone=True)
    except BaseException:
        shutil.rmtree(folder_of(name))
        raise
    with open(folder_of(name) + "/capture.json", "w") as f:
        json.dump(dict(capture, pids=[process.pid for process in running]), f)
    return True


def stopped(name):
    """End a capture; return what was captured, None if there is none of this name."""
    capture = known(name)
    if capture is None:
        return None
    pids = enumerate(capture["pids"])
    end([(pid, lambda number=number, pid=pid: not alive(name, number, pid)) for number, pid in pids])
    files = [open(pcap(folder_of(name), number), "rb") for number in range(len(capture["places"]))]
    try:
        return content(capture["places"], files)
    finally:
        for f in files:
            f.close()
        shutil.rmtree(folder_of(name))
