# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a virtual machine, and what they say of it."""

from __future__ import annotations

import hashlib
import platform
import re

from ._core.values import Refused
from ._core.words import link_name, mac, netns_name, unique, within

# What QEMU is started with where the options say nothing; all others of them are how to start and to end it.
DEFAULTS = dict(
    netns="",
    memory=512,
    cpus=1,
    kernel=None,
    initrd=None,
    append="",
    disks=[],
    nics=[],
    user="nobody",
    accel="auto",
    arguments=[],
)
MACHINE = dict(
    name=dict(type="str", required=True),
    state=dict(type="str", choices=["present", "absent"], default="present"),
    netns=dict(type="str"),
    memory=dict(type="int"),
    cpus=dict(type="int"),
    kernel=dict(type="path"),
    initrd=dict(type="path"),
    append=dict(type="str"),
    disks=dict(
        type="list",
        elements="dict",
        options=dict(
            path=dict(type="path", required=True),
            format=dict(type="str", choices=["qcow2", "raw"], default="qcow2"),
            read_only=dict(type="bool", default=False),
        ),
    ),
    nics=dict(
        type="list", elements="dict", options=dict(tap=dict(type="str", required=True), address=dict(type="str"))
    ),
    user=dict(type="str"),
    accel=dict(type="str", choices=["auto", "kvm", "tcg"]),
    arguments=dict(type="list", elements="str"),
    recreate=dict(type="bool", default=False),
    timeout=dict(type="float", default=30.0),
)
RULES = dict(required_by=dict(initrd=["kernel"], append=["kernel"]))


def given(p):
    """What the options say of the machine; refuses what no machine can be."""
    name = p["name"]
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}", name):
        raise Refused("name", "%r must be 1 to 64 letters, digits and _ . -, no . at the start" % name)
    if not 0 <= p["timeout"] <= 3600:
        raise Refused("timeout", "%s is not between 0 and 3600 seconds" % p["timeout"])
    netns_name("netns", p["netns"])
    within("memory", p["memory"], 1, 2**24)
    within("cpus", p["cpus"], 1, 255)
    said = {option: p[option] for option in DEFAULTS if p[option] is not None}
    if "nics" in said:
        said["nics"] = [
            dict(
                tap=link_name("nics.tap", nic["tap"]),
                address=derived(name, number) if nic["address"] is None else mac("nics.address", nic["address"]),
            )
            for number, nic in enumerate(said["nics"])
        ]
        unique("nics.tap", [nic["tap"] for nic in said["nics"]])
        unique("nics.address", [nic["address"] for nic in said["nics"]])
    return said


def derived(name, number):
    """The MAC address of a machine's network card: always the same one, and on no two hosts."""
    digest = hashlib.sha256(("%s/%s/%d" % (platform.node(), name, number)).encode()).digest()
    return ":".join("%02x" % byte for byte in b"\x02" + digest[:5])
