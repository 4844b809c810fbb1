# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo does what it shows, as root and as an ordinary user, and leaves this host's network alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from shlex import quote

import pytest

TOP = Path(__file__).parents[2]
NETWORK = """
PATH=$PATH:/usr/sbin:/sbin
ip -o link; ip -o address | sed 's/valid_lft.*//'; ip rule; ip -6 rule
ip route show table all; ip -6 route show table all | sed 's/expires [0-9]*sec//'
ip netns list; sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding; nft list ruleset || true
"""
ROOT = os.geteuid() == 0


def sh(*lines):
    command = ["unshare", "--mount"] * ROOT + ["sh", "-ec", "\n".join(lines)]
    return subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def as_user(command, *paths):
    """Lines that run a command as a nameless user, who sees these paths even in folders that only root may enter."""
    lines = ["mount -t tmpfs -o mode=755 tmpfs /mnt", "mkdir -m 777 /mnt/home"]
    for number, path in enumerate(paths):
        lines += ["mkdir /mnt/%d" % number, "mount --bind %s /mnt/%d" % (quote(str(path)), number)]
    closed = {parent for path in paths for parent in path.parents if not parent.stat().st_mode & 1}
    lines += ["mount -t tmpfs -o mode=755 tmpfs %s" % quote(str(parent)) for parent in closed]
    for number, path in enumerate(paths):
        lines += ["[ -e {0} ] || {{ mkdir -p {0}; mount --bind /mnt/{1} {0}; }}".format(quote(str(path)), number)]
    user = "setpriv --reuid=54321 --regid=54321 --clear-groups env HOME=/mnt/home "
    return [*lines, "cd " + quote(str(TOP)), user + command]


@pytest.mark.parametrize("who", ["this user", *["an ordinary user"] * ROOT])
def test_demo(who):
    before = sh(NETWORK).stdout
    ordinary = who == "an ordinary user"
    done = sh(
        *(as_user("tests/demo/run", TOP, Path(sys.base_prefix)) if ordinary else [quote(str(TOP / "tests/demo/run"))])
    )
    assert done.returncode == 0, done.stdout
    built, again, dry, removed, looked, drawn = done.stdout.split("\n== ")[1:]
    assert "changed=7" in built and "changed=0" in again
    assert "ip netns add guest3" in dry and "ip link add name tap2" in dry
    assert "  lo " in removed and "br0" not in removed and "table" not in removed
    page = Path(drawn.rstrip().rpartition("file://")[2])
    assert page.read_text().count(">guest1<") > 1
    shutil.rmtree(page.parent)
    lines = looked.rstrip().splitlines()
    rows = [" ".join(line.split()) for line in lines]
    assert "guest1 ttl 64 ttl 64 ttl 63" in rows and "outside network unreachable network unreachable ttl 64" in rows
    assert lines[-4:] == [
        "  br0 in the host: 192.168.1.10 > 203.0.113.2 request",
        "  uplink0 in the host: 203.0.113.1 > 203.0.113.2 request",
        "  uplink0 in the host: 203.0.113.2 > 203.0.113.1 reply",
        "  br0 in the host: 203.0.113.2 > 192.168.1.10 reply",
    ]
    assert sh(NETWORK).stdout == before
