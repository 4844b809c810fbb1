# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A trace for people: a drawing of the path like that of traceroute(8), its last line the reason."""

from __future__ import annotations

from .path import NETWORK

MOST = 12


def home(netns):
    return netns or "(host)"


def drawing(hops, asked, verdict, reason):
    """The lines of a trace."""
    packet = asked.packet
    port = " port %d" % packet.dport if packet.dport else ""
    what = "%s%s, %d bytes" % (asked.manner.protocol, port, packet.size)
    lines = ["from %s to %s: %s" % (home(asked.netns), asked.to, what)]
    body, width = [], max([len(home(hop["netns"])) for hop in hops], default=0)
    for number, hop in enumerate(hops, 1):
        body.append(line(number, hop, width))
    if len(body) > MOST:
        body = [*body[: MOST // 2], "    ... %d more" % (len(body) - MOST), *body[-MOST // 2 :]]
    return [*lines, *body, "%s: %s" % (verdict, reason)]


def line(number, hop, width):
    arrow = "<-" if hop["direction"] == "back" else "->"
    inner = "  " * hop["tunnel"] + arrow
    links = links_of(hop)
    mark = {None: " ", True: "*", False: "-"}[hop["seen"]]
    translated = ""
    if hop["source_after"] != hop["source"] or hop["destination_after"] != hop["destination"]:
        translated = " [%s > %s]" % (hop["source_after"], hop["destination_after"])
    told = hop["layer"] == NETWORK or not hop["source"]
    said = ", " + hop["decided_by"] if hop["decided_by"] and told else ""
    return "%2d %s %s %s  %s%s%s" % (number, mark, inner, home(hop["netns"]).ljust(width), links, translated, said)


def links_of(hop):
    middle = [dev for dev in hop["links"] if dev not in (hop["link_in"], hop["link_out"])]
    names = [hop["link_in"], *middle[:2], hop["link_out"] if hop["link_out"] != hop["link_in"] else None]
    return " > ".join(name for name in names if name)
