# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines: each a process of QEMU, which is known by the lock on its pid file and asked by QMP."""

from __future__ import annotations

import fcntl
import glob
import json
import os
import platform
import pwd
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import time
from contextlib import suppress

from ._core.values import RUN_DIR, Refused
from ._machine_options import DEFAULTS, given
from ._namespaces import process_stat

HOME = RUN_DIR + "/machines"
SIOCGIFHWADDR = 0x8927
# Of which option QEMU speaks when it does not start: the first of these that is in what it says.
SPEAKS = (
    ("-netdev", "nics"),
    ("-device virtio-net", "nics"),
    ("-drive", "disks"),
    ("memory", "memory"),
    ("-m ", "memory"),
    ("-accel", "accel"),
    ("KVM", "accel"),
    ("-smp", "cpus"),
    ("CPU", "cpus"),
    ("kernel", "kernel"),
    ("initrd", "initrd"),
    ("setpriv", "user"),
    ("invalid option", "arguments"),
    ("prelaunch", "arguments"),
)


# What is there


def place(name, file=""):
    return "%s/%s/%s" % (HOME, name, file) if file else "%s/%s" % (HOME, name)


def record(name):
    """The file with the options of a machine that was started: out of reach of its user."""
    return "%s/.%s.json" % (HOME, name)


def known():
    """The names of the machines that were started."""
    files = os.listdir(HOME) if os.path.isdir(HOME) else []
    return sorted(name[1 : -len(".json")] for name in files if name[0] == ".")


def process(name):
    """The process that runs a machine; None if none does. QEMU has its pid file locked as long as it lives."""
    try:
        fd = os.open(place(name, "pid"), os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        answer = fcntl.fcntl(fd, fcntl.F_GETLK, struct.pack("hhqqi0q", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    finally:
        os.close(fd)
    kind, dummy, dummy, dummy, pid = struct.unpack("hhqqi0q", answer)
    return None if kind == fcntl.F_UNLCK else pid


def dying(pid):
    """Whether a process has ended but for some of its threads."""
    with suppress(OSError):
        return pid is not None and process_stat(pid)[0] in "ZX"
    return False


def running(name):
    """The options with which a machine runs; None if it does not."""
    limit = time.monotonic() + 5
    # One that was killed ends thread by thread: until the last one has, it keeps its taps but no longer names them.
    while dying(process(name)) and time.monotonic() < limit:
        time.sleep(0.01)
    if process(name) is None:
        return None
    with open(record(name)) as f:
        return json.load(f)


def ask(name, *words):
    """What QEMU answers to the last of these commands."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(5)
        line.connect(place(name, "qmp"))
        with line.makefile("rw") as said:
            said.readline()
            for word in ("qmp_capabilities", *words):
                said.write(json.dumps(dict(execute=word)) + "\n")
                said.flush()
                answer = {}
                # Events come in between.
                while not {"return", "error"} & set(answer):
                    answer = json.loads(said.readline() or '{"error": "it has gone"}')
                if "error" in answer:
                    raise OSError("%s: %s" % (word, answer["error"]))
            return answer["return"]


def taps_of(pid):
    """The taps that a process has open and that are still there."""
    found = set()
    for path in glob.glob("/proc/%s/fdinfo/*" % pid):
        with suppress(OSError), open(path, errors="surrogateescape") as f:
            found.update(re.findall(r"^iff:\t(\S+)", f.read(), re.MULTILINE))
    return found


def hardware():
    """The MAC addresses of the links of the namespace in which this is asked, with their names."""
    out = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        for dummy, dev in socket.if_nameindex():
            said = fcntl.ioctl(line, SIOCGIFHWADDR, struct.pack("256s", dev.encode()))
            out[":".join("%02x" % byte for byte in said[18:24])] = dev
    return out


# Command lines


def programs():
    """QEMU for machines like this one, by the names that distributions give it."""
    return ["qemu-system-" + platform.machine(), "qemu-kvm", "/usr/libexec/qemu-kvm"]


def found():
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return next((name for name in programs() if shutil.which(name, path=path)), None)


def account(user):
    """A user's entry in passwd(5); None if there is none."""
    with suppress(KeyError):
        return pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    return None


def words(name, m):
    """The command line that starts a machine."""
    entry = account(m["user"])
    argv = ["ip", "netns", "exec", m["netns"]] if m["netns"] else []
    argv += ["setpriv", "--reuid", m["user"], "--regid", str(entry.pw_gid) if entry else m["user"], "--init-groups"]
    argv += [found() or programs()[0], "-name", name, "-daemonize", "-pidfile", place(name, "pid")]
    argv += ["-qmp", "unix:%s,server=on,wait=off" % place(name, "qmp")]
    argv += ["-serial", "unix:%s,server=on,wait=off" % place(name, "console")]
    argv += ["-nodefaults", "-no-user-config", "-display", "none"]
    for accel in ["kvm", "tcg"] if m["accel"] == "auto" else [m["accel"]]:
        argv += ["-accel", accel]
    argv += ["-cpu", "max", "-smp", str(m["cpus"]), "-m", str(m["memory"])]
    for option in ("kernel", "initrd", "append"):
        argv += ["-" + option, m[option]] if m[option] else []
    for disk in m["disks"]:
        value = "file=%s,format=%s,if=virtio" % (disk["path"].replace(",", ",,"), disk["format"])
        argv += ["-drive", value + (",read-only=on" if disk["read_only"] else "")]
    for number, nic in enumerate(m["nics"]):
        tap = nic["tap"].replace(",", ",,")
        argv += ["-netdev", "tap,id=nic%d,ifname=%s,script=no,downscript=no" % (number, tap)]
        # Without its program to boot from the network, which Debian does not install along with QEMU.
        argv += ["-device", "virtio-net-pci,netdev=nic%d,mac=%s,romfile=" % (number, nic["address"])]
    return argv + m["arguments"]


def starting(name, m):
    """A machine's start as command lines."""
    return [
        "install -d -m 0700 -o %s %s" % (shlex.quote(m["user"]), place(name)),
        "echo %s >%s" % (shlex.quote(json.dumps(m)), record(name)),
        " ".join(map(shlex.quote, words(name, m))),
    ]


def ending(name):
    """A machine's end as command lines."""
    said = '{"execute": "qmp_capabilities"} {"execute": "system_powerdown"}'
    return ["echo '%s' | socat -t 5 - UNIX-CONNECT:%s" % (said, place(name, "qmp"))]


# Start and end


def check(spaces, name, m, freed):
    """Refuse before QEMU is asked what it would not say, or not as clearly."""
    if found() is None:
        raise Refused("name", "to run it needs %s, which is not installed on the managed host" % programs()[0])
    if not (m["kernel"] or m["disks"] or m["arguments"]):
        raise Refused("disks", "say what the machine boots from: disks, or a kernel")
    if account(m["user"]) is None:
        raise Refused("user", "there is no user %s on the managed host" % m["user"])
    files = [(option, m[option]) for option in ("kernel", "initrd") if m[option]]
    for option, path in files + [("disks.path", disk["path"]) for disk in m["disks"]]:
        if not os.path.exists(path):
            raise Refused(option, "there is no file %s on the managed host" % path)
    with open("/proc/meminfo") as f:
        free = (int(re.search(r"MemAvailable: +([0-9]+)", f.read()).group(1)) >> 10) + freed
    if m["memory"] > free:
        raise Refused("memory", "%d MiB are more than the %d that are free on the managed host" % (m["memory"], free))
    check_nics(spaces, name, m)


def check_nics(spaces, name, m):
    """Refuse a tap that is not there, and a MAC address that another one has."""
    taken = {}
    for other in set(known()) - {name}:
        for nic in (running(other) or DEFAULTS)["nics"]:
            taken[nic["address"]] = "the machine " + other
    if m["netns"] and not spaces.path(m["netns"]):
        raise Refused("netns", "there is no network namespace " + m["netns"])
    with spaces.inside(m["netns"]):
        links = hardware()
        names = [dev for dummy, dev in socket.if_nameindex()]
    for nic in m["nics"]:
        if nic["tap"] not in names:
            where = "network namespace " + m["netns"] if m["netns"] else "the host's own network namespace"
            raise Refused("nics.tap", "there is no link %s in %s" % (nic["tap"], where))
        other = taken.get(nic["address"]) or links.get(nic["address"])
        if other:
            raise Refused("nics.address", "%s has %s already" % (other, nic["address"]))


def start(name, m):
    """Start a machine; return what QEMU says all the same."""
    shutil.rmtree(place(name), ignore_errors=True)
    os.mkdir(place(name), 0o700)
    with open(record(name), "w") as f:
        json.dump(m, f)
    os.chown(place(name), account(m["user"]).pw_uid, -1)
    try:
        done = subprocess.run(
            words(name, m),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
            cwd="/",
            timeout=60,
            check=False,
        )
        said = done.stdout.rpartition("falling back to tcg\n")[2]
        if done.returncode:
            raise failure(name, said or "QEMU ended with %d" % done.returncode)
        status = ask(name, "query-status")["status"]
        if status != "running":
            raise failure(name, "it is %s" % status)
        return said
    except BaseException as e:
        end(name, 0)
        if isinstance(e, (OSError, subprocess.SubprocessError)):
            raise failure(name, "QEMU does not answer: %s" % e)
        raise


def replaced(name, gone, m):
    """Start a machine that may have run otherwise before, and goes on so if it cannot start."""
    try:
        return start(name, m)
    except Refused as e:
        if not gone:
            raise
        start(name, gone)
        raise Refused(e.option, "%s; it was started again as it was" % e.text)


def failure(name, said):
    """One sentence out of what QEMU says, with the option of which it speaks."""
    option = next((option for word, option in SPEAKS if word in said), "name")
    lines = [re.sub(r"^[\w./-]*qemu[\w-]*: (-[a-z]+ \S+?: )?", "", line) for line in said.strip().splitlines()]
    return Refused(option, "%s does not start: %s" % (name, "; ".join(lines)))


def end(name, timeout):
    """End a machine as its power button does, then with more force."""
    limit, pressed = time.monotonic() + timeout, 0
    while process(name) is not None and time.monotonic() < limit:
        # One that is still booting does not notice.
        if time.monotonic() > pressed + 1:
            with suppress(OSError):
                ask(name, "system_powerdown")
            pressed = time.monotonic()
        time.sleep(0.05)
    for number in (signal.SIGTERM, signal.SIGKILL):
        limit, pid = time.monotonic() + 5, process(name)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        while process(name) is not None and time.monotonic() < limit:
            time.sleep(0.05)
    shutil.rmtree(place(name), ignore_errors=True)
    with suppress(FileNotFoundError):
        os.unlink(record(name))


# The task


def differing(name, have, said):
    """The options in which a running machine is not as it is said, each with a sentence."""
    for option, value in said.items():
        if have[option] != value:
            yield option, "the machine runs with %s" % (json.dumps(have[option]) if have[option] else "none")
    taps = taps_of(process(name))
    lost = [nic["tap"] for nic in have["nics"] if nic["tap"] not in taps]
    if lost and running(name):
        yield "nics.tap", "the machine has lost %s, which was deleted" % ", ".join(lost)


def virtual_machine(p, spaces, dry):
    """Whether and how a machine is to run; what was done."""
    said = given(p)
    if dry:
        return kept(p, said, spaces, dry)
    for folder in (RUN_DIR, HOME):
        os.makedirs(folder, mode=0o755, exist_ok=True)
    fd = os.open(HOME, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # One task at a time: another one could start the same machine.
        fcntl.flock(fd, fcntl.LOCK_EX)
        return kept(p, said, spaces, dry)
    finally:
        os.close(fd)


def kept(p, said, spaces, dry):
    name, news = p["name"], ""
    have = running(name)
    gone, m = planned(p, have, said)
    lines = (ending(name) if gone else []) + (starting(name, m) if m is not have and m else [])
    back = (ending(name) if m is not have and m else []) + (starting(name, gone) if gone else [])
    if lines and not dry:
        if m:
            check(spaces, name, m, gone["memory"] if gone else 0)
        if gone:
            end(name, p["timeout"])
        news = replaced(name, gone, m) if m else ""
    key = "machine " + name
    result = dict(
        changed=bool(lines),
        commands=lines,
        rollback_commands=back,
        diff=dict(before={key: have} if lines and have else {}, after={key: m} if lines and m else {}),
        machine=m and described(name, m),
    )
    if news:
        result["warnings"] = news.strip().splitlines()
    return result, None


def planned(p, have, said):
    """The machine that is to end, and the one that is to run then: what runs already is the same object."""
    if p["state"] == "absent":
        return have, None
    reasons = list(differing(p["name"], have, said)) if have else []
    if reasons and not p["recreate"]:
        raise Refused(reasons[0][0], reasons[0][1] + "; recreate: true starts it anew")
    if have and not reasons:
        return None, have
    return have, dict(have or DEFAULTS, **said)


def described(name, m):
    """A machine as data."""
    out = dict(m, name=name, pid=process(name), kvm=None, qmp=place(name, "qmp"), console=place(name, "console"))
    # Who else speaks with it now is no reason to fail.
    with suppress(OSError):
        out["kvm"] = ask(name, "query-kvm")["enabled"]
    return out
