# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo does what it shows, as root and as an ordinary user, and leaves this host's network alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NETWORK = """
PATH=$PATH:/usr/sbin:/sbin
ip -o link; ip -o address | sed 's/valid_lft.*//'; ip rule; ip -6 rule
ip route show table all; ip -6 route show table all | sed 's/expires [0-9]*sec//'
ip netns list; nft list ruleset; sysctl net.ipv4.ip_forward net.ipv6.conf.all.forwarding
"""
USER = 65533


def sh(line, *arguments):
    done = subprocess.run(
        ["sh", "-c", line, *arguments], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.returncode, done.stdout


def as_user(tmp_path):
    """A prefix for a command of an ordinary user, who sees the checkout and Python even in folders only for root."""
    top = HERE.parents[1]
    visible = [top, Path(sys.base_prefix)]
    closed = {p for path in visible for p in path.parents if not p.stat().st_mode & 0o001}
    lines = ["mkdir %s/home" % tmp_path, "chown %d %s/home" % (USER, tmp_path)]
    for number, path in enumerate(visible):
        lines += ["mkdir %s/%d" % (tmp_path, number), "mount --bind %s %s/%d" % (path, tmp_path, number)]
    return lines, closed, visible


def check(code, output):
    assert code == 0, output
    built, again, proof, dry, removed = output.split("\n== ")[1:]
    assert "changed=7" in built and "changed=0" in again and "failed" not in output
    assert "from guest1 to 203.0.113.2: a reply with ttl 63" in proof
    assert "on br0 in the host: 192.168.1.10 > 203.0.113.2 request" in proof
    assert "on uplink0 in the host: 203.0.113.1 > 203.0.113.2 request" in proof
    assert "ip link add" in dry and "guest3" in dry
    assert "br0" not in removed and "tap" not in removed


def test_demo(tmp_path):
    before = sh(NETWORK)
    check(*sh(str(HERE / "run")))
    assert sh(NETWORK) == before
