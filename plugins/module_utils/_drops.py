# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who drops what the host forwards: policies of its packet filter, and whether they see what passes a bridge."""

from __future__ import annotations

import json
from contextlib import suppress

from ._rtnl.files import output

BRIDGES = "/proc/sys/net/bridge/bridge-nf-call-%stables"
PAGE = 'see the page "Beside other managers"'


def hint():
    """A sentence for pairs without a reply; nothing where nothing is dropped by default."""
    chains = by_nftables() or by_iptables()
    if not chains:
        return ""
    seen = []
    for name in ("ip", "ip6"):
        with suppress(OSError), open(BRIDGES % name) as f:
            seen += [name] if f.read().strip() == "1" else []
    bridges = ", also what passes from port to port of a bridge (bridge-nf-call-iptables is 1)" if seen else ""
    text = "The host drops what it forwards and no rule accepts%s: the policy of %s is DROP, %s."
    return text % (bridges, " and ".join(chains), PAGE)


def by_nftables():
    """The chains that drop what they have no rule for."""
    found = json.loads(output(["nft", "-j", "list", "chains"]) or '{"nftables": []}')["nftables"]
    chains = [item["chain"] for item in found if "chain" in item]
    chains = [c for c in chains if c.get("hook") == "forward" and c.get("policy") == "drop"]
    return ["the chain %s of %s %s" % (c["name"], c["family"], c["table"]) for c in chains]


def by_iptables():
    lines = (output(["iptables", "-w", "-S", "FORWARD"]) or "").splitlines()
    return ["the chain FORWARD"] if lines[:1] == ["-P FORWARD DROP"] else []
