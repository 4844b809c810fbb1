# SPDX-License-Identifier: GPL-3.0-or-later
"""A host of its own for each network: namespaces that end with the process, shell lines, and the product in them."""

import builtins
import importlib
import io
import json
import os
import pickle
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from pathlib import Path

import netlink
import witness
from netlink import inside

MODULES = "ansible_collections.virtnet.linux.plugins.modules."
TIMEOUT = 300  # seconds for one network and all that is done in it


def fresh(function, *args):
    """What a function returns that runs in a process with network, mounts and /run of its own."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reader)
        code = 1
        try:
            signal.alarm(TIMEOUT)
            netlink.call("unshare", netlink.NEWNET | netlink.NEWNS)
            netlink.call("mount", b"none", b"/", None, 0x44000, None)  # MS_REC | MS_PRIVATE
            netlink.call("mount", b"tmpfs", b"/run", b"tmpfs", 0, b"mode=755")
            netlink.call("mount", b"none", b"/run", None, 0x100000, None)  # MS_SHARED
            netlink.call("mount", b"sysfs", b"/sys", b"sysfs", 0, None)
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            out = (True, function(*args))
            code = 0
        except BaseException:
            out = (False, traceback.format_exc())
        with suppress(Exception), os.fdopen(writer, "wb") as file:
            pickle.dump(out, file)
        os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as file:
        data = file.read()
    os.waitpid(pid, 0)
    if not data:
        raise RuntimeError("nothing came back after %d s: %r" % (TIMEOUT, args))
    good, out = pickle.loads(data)
    if not good:
        raise RuntimeError(out)
    return out


# Shell lines: (netns, words, input or None)


def quoted(word):
    """A word as a shell takes it, whatever its bytes are."""
    if word.isascii() and word.isprintable():
        return shlex.quote(word)
    data = word.encode("utf-8", "surrogateescape")
    return "$'%s'" % "".join(chr(b) if 32 <= b < 127 and b not in b"'\\" else "\\x%02x" % b for b in data)


def shell(line):
    """A line as it is typed on the host."""
    netns, words, text = line
    program, rest = words[0], [quoted(word) for word in words[1:]]
    if netns and program in ("ip", "bridge", "tc"):
        out = [program, "-n", quoted(netns), *rest]
    elif netns:
        out = ["ip", "netns", "exec", quoted(netns), program, *rest]
    else:
        out = [program, *rest]
    return " ".join(out) + (" <<< %s" % quoted(text) if text else "")


PLAIN = re.compile(r"[\w./:@%,+=-]+\Z", re.ASCII)
# Words that make a program say something, so that one which gave up shows where.
MARKS = {"ip": "link show dev lo", "tc": "qdisc show dev lo"}


def build(lines):
    """Run the lines; return the numbers of those that were refused, with what was said."""
    refused, at = {}, 0
    while at < len(lines):
        end = at
        while end < len(lines) and batchable(lines[end]) and head(lines[end]) == head(lines[at]):
            end += 1
        if end > at + 1:
            at += batch(lines[at:end], at, refused)
        else:
            said = single(lines[at])
            if said is not None:
                refused[at] = said
            at += 1
    return refused


def head(line):
    """The namespace, and the program with what stands before its command."""
    netns, words, dummy = line
    return netns, words[: 2 if words[1] in ("-4", "-6") else 1]


def batchable(line):
    words, text = line[1:]
    return words[0] in MARKS and text is None and words[1] != "netns" and all(map(PLAIN.match, words))


def batch(lines, first, refused):
    """Several lines by one process; how many were tried: a program that does not know a word gives up at it."""
    netns, (program, *more) = head(lines[0])
    mark = MARKS[program]
    given = "".join("%s\n%s\n" % (" ".join(words[1 + len(more) :]), mark) for dummy, words, dummy in lines)
    command = [program, *more, *(["-n", netns] if netns else []), "-o", "-force", "-batch", "-"]
    done = subprocess.run(command, input=given, capture_output=True, text=True, errors="replace", check=False)
    for number in re.findall(r"Command failed -:(\d+)", done.stderr):
        if int(number) % 2:
            refused[first + int(number) // 2] = done.stderr.strip()[-200:]
    tried = sum(1 for part in done.stdout.splitlines() if re.match(r"1: lo: <|qdisc \w+ \w+: (dev lo )?root", part))
    if tried < len(lines):
        refused[first + tried] = done.stderr.strip()[-200:]
        return tried + 1
    return len(lines)


def single(line):
    netns, words, text = line
    if words[0] == "sysctl":
        path, dummy, value = words[-1].partition("=")
        try:
            with inside(netns):
                Path("/proc/sys/" + path).write_text(value)
            return None
        except OSError as e:
            return str(e)
    program = words[0]
    own = program in ("ip", "bridge", "tc")
    command = [program, "-n", netns, *words[1:]] if netns and own else words
    command = [word.encode("utf-8", "surrogateescape") for word in command]
    with inside("" if own else netns):
        done = subprocess.run(
            command,
            input=text.encode("utf-8", "surrogateescape") if text else None,
            capture_output=True,
            check=False,
        )
    said = (done.stderr + done.stdout).decode("utf-8", "replace").strip()
    return said[-200:] or "exit status %d" % done.returncode if done.returncode else None


# The product


def preload():
    """What every run of a module needs, loaded once in the process from which they fork."""
    for path in sorted(Path(__file__).parents[2].glob("plugins/modules/*.py")):
        if path.stem != "__init__":
            importlib.import_module(MODULES + path.stem)
    with suppress(ImportError):
        import pyroute2  # noqa: F401


class Fault:
    """In the process of a module: its N-th request that changes something fails, or a signal comes before it.

    A change is a message of rtnetlink or of WireGuard that is no question, a file below /proc/sys that is opened to be
    written, and a program that writes rules. Only one fails: what leads back goes through.
    """

    def __init__(self, number, how, report):
        self.number, self.how, self.report, self.count = number, how, report, 0

    def change(self):
        self.count += 1
        os.pwrite(self.report, struct.pack("=II", self.count, int(self.count >= (self.number or 1 << 30))), 0)
        if self.count == self.number:
            if self.how == "signal":
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0)
            else:
                raise OSError(5, "Input/output error")

    def install(self):
        fault = self

        def watched(name):
            original = getattr(socket.socket, name)

            def send(self, data, *args):
                if self.family == socket.AF_NETLINK and changes(self, data):
                    fault.change()
                return original(self, data, *args)

            setattr(socket.socket, name, send)

        for name in ("send", "sendto", "sendall"):
            watched(name)
        sendmsg = socket.socket.sendmsg

        def send(self, buffers, *args):
            buffers = list(buffers)
            if self.family == socket.AF_NETLINK and changes(self, b"".join(bytes(b) for b in buffers)):
                fault.change()
            return sendmsg(self, buffers, *args)

        socket.socket.sendmsg = send
        opened = io.open

        def opens(file, mode="r", *args, **more):
            name = os.fspath(file) if isinstance(file, (str, bytes, os.PathLike)) else ""
            name = os.fsdecode(name)
            if name.startswith("/proc/sys/") and set(mode) & set("wa+"):
                fault.change()
            return opened(file, mode, *args, **more)

        builtins.open = io.open = opens
        low = os.open

        def opens_low(path, flags, *args, **more):
            if isinstance(path, str) and path.startswith("/proc/sys/") and flags & (os.O_WRONLY | os.O_RDWR):
                fault.change()
            return low(path, flags, *args, **more)

        os.open = opens_low
        start = subprocess.Popen.__init__

        def starts(self, args, *more, **options):
            words = [args] if isinstance(args, (str, bytes)) else [os.fsdecode(word) for word in args]
            program = os.path.basename(str(words[0]))
            if (program == "nft" and "-f" in words and "-c" not in words) or program.endswith("tables-restore"):
                fault.change()
            return start(self, args, *more, **options)

        subprocess.Popen.__init__ = starts


def changes(sock, data):
    """Whether one of the messages wants something changed."""
    data, at = bytes(data), 0
    while at + 20 <= len(data):
        length, kind = struct.unpack_from("=IH", data, at)
        # A number for a namespace (88) is no part of the network.
        if sock.proto == netlink.ROUTE and kind >= 16 and kind & 3 != 2 and kind != 88:
            return True
        # Of the generic families it is WireGuard that has a command to set something, 1.
        if sock.proto == netlink.GENERIC and kind > 16 and data[at + 16] == 1:
            return True
        if length < 16:
            break
        at += (length + 3) & ~3
    return False


def run(module, params, check=False, number=None, how="error"):
    """What a module says, how many changes it wanted, and whether the one that was to fail did."""
    main = importlib.import_module(MODULES + module).main
    given = json.dumps({"ANSIBLE_MODULE_ARGS": dict(params, _ansible_check_mode=check, _ansible_diff=True)})
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as report:
        stdin.write(given.encode("utf-8", "surrogateescape"))
        stdin.seek(0)
        report.write(bytes(8))
        report.flush()
        pid = os.fork()
        if not pid:
            try:
                signal.alarm(TIMEOUT // 3)
                for n, file in ((0, stdin), (1, printed), (2, printed)):
                    os.dup2(file.fileno(), n)
                sys.stdin, sys.stdout, sys.argv = os.fdopen(0), os.fdopen(1, "w"), sys.argv[:1]
                Fault(number, how, report.fileno()).install()
                main()
            except SystemExit:
                pass
            except BaseException:
                traceback.print_exc(file=sys.stdout)
            with suppress(Exception):
                sys.stdout.flush()
            os._exit(0)
        status = os.waitpid(pid, 0)[1]
        printed.seek(0)
        said = printed.read().decode("utf-8", "surrogateescape").strip()
        report.seek(0)
        count, hit = struct.unpack("=II", report.read(8))
    try:
        result = json.loads(said)
    except ValueError:
        result = {"failed": True, "crashed": True, "msg": "no JSON (exit status %d): %s" % (status, said[-3000:])}
    if result.get("failed") and "Traceback" in json.dumps(result):
        result["crashed"] = True
    return result, count, bool(hit)


def settled(limit=3.0, quick=False):
    """A snapshot in which nothing is on its way any more."""
    end = time.monotonic() + limit
    last = witness.snapshot()
    pause = 0.02
    while time.monotonic() < end:
        time.sleep(pause)
        now = witness.snapshot()
        if not witness.differences(last, now) and not witness.moving(now):
            return now
        last, pause = now, min(pause * 2, 0.3)
    return last


def compared(before, allowed=(), limit=1.5):
    """What differs now from a snapshot and is not allowed to: looked for again until it is there for a while."""
    start, pause, steady, last = time.monotonic(), 0.02, 0, None
    while True:
        now = witness.snapshot()
        found = [d for d in witness.differences(before, now) if not any(rule(d) for rule in allowed)]
        steady = steady + 1 if str(found) == last and not witness.moving(now) else 0
        passed = time.monotonic() - start
        # What waits for duplicate address detection waits for two seconds.
        if (
            not found
            or passed > 3 * limit
            or (passed > limit and not witness.moving(now))
            or (steady > 2 and passed > limit / 3)
        ):
            return found, now
        last = str(found)
        time.sleep(pause)
        pause = min(pause * 2, 0.2)
