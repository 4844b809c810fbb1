# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A description of nodes and links as boxes with rows, and lines between rows: what all pictures show."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from html import escape

from ansible.errors import AnsibleFilterError


@dataclass
class Row:
    """A link in its box; `below` is the link in the same box that it is a port of or stands on."""

    name: str
    kind: str = ""
    notes: list = field(default_factory=list)
    addresses: list = field(default_factory=list)
    up: bool = True
    below: str = ""


@dataclass
class Box:
    """A node: a network namespace."""

    name: str
    netns: str
    notes: list = field(default_factory=list)
    rows: dict = field(default_factory=dict)

    def row(self, name):
        return self.rows.setdefault(name, Row(name))

    def ordered(self):
        """The rows, each with its depth, what is below another one after it."""
        out = []

        def put(row, depth):
            out.append((row, depth))
            for other in self.rows.values():
                if other.below == row.name and all(other is not one for one, dummy in out):
                    put(other, depth + 1)

        for row in self.rows.values():
            if row.below not in self.rows:
                put(row, 0)
        return out


@dataclass
class Line:
    """What joins two links; `kind` is veth, or link where one stands on the other."""

    ends: tuple  # of (node, link)
    kind: str = "veth"


class Drawing:
    """The boxes by their names, and the lines."""

    def __init__(self, data, word):
        if not isinstance(data, dict) or not isinstance(data.get("nodes"), list):
            raise AnsibleFilterError("%s: this is no description: it has no list of nodes" % word)
        self.boxes, self.lines = {}, []
        try:
            for node in data["nodes"]:
                box = self.boxes[node["name"]] = Box(node["name"], node.get("netns", node["name"]))
                self.describe(box, node)
            homes = {box.netns: box for box in self.boxes.values()}
            for node in data["nodes"]:
                for link in node.get("links") or ():
                    self.join(homes, self.boxes[node["name"]], link)
            for link in data.get("links") or ():
                self.lines.append(Line(tuple(self.end(end) for end in link["endpoints"])))
        except (KeyError, TypeError, AttributeError) as e:
            raise AnsibleFilterError("%s: this is no description: %s" % (word, e))

    def describe(self, box, node):
        """What a node has in itself."""
        if any(entry.get("ipv4") or entry.get("ipv6") for entry in node.get("forwarding") or ()):
            box.notes.append("router")
        box.notes += ["NAT"] * bool(node.get("masquerade") or node.get("port_forwards"))
        for link in node.get("links") or ():
            if link["name"] == "lo" and not link.get("addresses"):
                continue
            row = box.row(link["name"])
            row.kind, row.up = link.get("kind", row.kind), link.get("up", True)
            row.notes += notes(link)
            row.addresses += link.get("addresses") or ()
            row.below = link.get("master") or row.below
            for port in link.get("ports") or ():
                box.row(port["name"]).below = link["name"]
        for address in node.get("addresses") or ():
            box.row(address["dev"]).addresses += address["address"]
        for entry in node.get("vlans") or ():
            pvid = entry.get("pvid")
            others = [str(vid) for vid in entry.get("vid") or () if str(vid) != str(pvid)]
            told = ["pvid %s" % pvid] * bool(pvid) + ["VLAN " + ",".join(others)] * bool(others)
            box.row(entry["dev"]).notes += told

    def join(self, homes, box, link):
        """The lines of a link of a node: to its peer, and to what it stands on in another node."""
        if link.get("kind") == "veth" and link.get("peer"):
            far = homes.get(link["peer"].get("netns") or "")
            if far is not None:
                self.mark(far.row(link["peer"]["name"]), link["peer"])
                self.lines.append(Line(((box.name, link["name"]), (far.name, link["peer"]["name"]))))
        lower = link.get("link")
        far = homes.get(link.get("link_netns") if link.get("link_netns") is not None else box.netns)
        if lower and far is box:
            box.row(lower)
            box.row(link["name"]).below = box.row(link["name"]).below or lower
        elif lower and far is not None:
            far.row(lower)
            self.lines.append(Line(((box.name, link["name"]), (far.name, lower)), "link"))

    def end(self, end):
        """An endpoint, written short or as a dictionary: the node and the link."""
        if isinstance(end, str):
            node, dummy, name = end.rpartition(":")
            end = dict(node=node, name=name)
        self.mark(self.boxes[end["node"]].row(end["name"]), end)
        return end["node"], end["name"]

    def mark(self, row, end):
        row.kind, row.up = row.kind or "veth", end.get("up", True)
        row.addresses += [address for address in end.get("addresses") or () if address not in row.addresses]
        row.below = end.get("master") or row.below


def notes(link):
    """What a person asks of a link of this kind."""
    told = {"vlan": "id", "vxlan": "id", "geneve": "id", "vrf": "table", "xfrm": "if_id"}.get(link.get("kind"))
    out = ["%s %s" % (told, link[told])] if told and link.get(told) is not None else []
    out += ["%s %s" % (word, link[word]) for word in ("local", "remote") if link.get(word)]
    if link.get("kind") in ("macvlan", "macvtap", "ipvlan", "ipvtap", "bond") and link.get("mode"):
        out.append("mode %s" % link["mode"])
    return out + (["filters VLANs"] if link.get("vlan_filtering") else [])


def places(data):
    """The nodes, each with its addresses, and what there is to tell of its links and routes."""
    out = []
    for box in Drawing(data, "places").boxes.values():
        node = next(node for node in data["nodes"] if node["name"] == box.name)
        rows = [row for row, dummy in box.ordered()]
        stated = {link["name"]: link for link in node.get("links") or ()}
        out.append(
            dict(
                name=box.name,
                netns=box.netns,
                addresses=[address.split("/")[0] for row in rows for address in row.addresses],
                links=[dict(name=row.name, told=told(row, stated.get(row.name, {}))) for row in rows],
                routes=[told_route(route) for route in node.get("routes") or ()],
            )
        )
    return out


def told(row, stated):
    """The sentences about a link: what the picture has, and the other options."""
    known = {"name", "kind", "addresses", "up", "ports", "peer"}
    more = ["%s: %s" % (name, value) for name, value in stated.items() if name not in known and value not in ("", [])]
    return list(filter(None, [row.kind, "" if row.up else "down", *row.addresses, *map(str, row.notes), *more]))


def told_route(route):
    hops = route.get("multipath") or [route]
    ways = [" ".join("%s %s" % (word, hop[word]) for word in ("via", "dev", "weight") if hop.get(word)) for hop in hops]
    kind = route.get("type", "unicast")
    more = ["%s %s" % (word, route[word]) for word in ("table", "metric", "src", "mtu") if route.get(word)]
    return " ".join(filter(None, [", ".join(route["dest"]), "" if kind == "unicast" else kind, "; ".join(ways), *more]))


def mermaid(data):
    """The text of a flowchart of Mermaid."""
    drawing = Drawing(data, "mermaid")
    numbers, out = {name: "n%d" % n for n, name in enumerate(drawing.boxes)}, ["flowchart LR"]
    for box in drawing.boxes.values():
        rows = ["&nbsp;" * 4 * depth + " ".join(words(row)) for row, depth in box.ordered()]
        out.append('  %s["%s"]' % (numbers[box.name], "<br>".join(["<b>%s</b>" % escape(title(box)), *rows])))
    for line in drawing.lines:
        (near, one), (far, other) = line.ends
        arrow = "---" if line.kind == "veth" else "-.-"
        out.append('  %s %s|"%s - %s"| %s' % (numbers[near], arrow, escape(one), escape(other), numbers[far]))
    return "\n".join(out) + "\n"


def title(box):
    return " ".join([box.name] + (["(%s)" % ", ".join(box.notes)] if box.notes else []))


def words(row):
    """A row as text, its name in bold."""
    kind = [row.kind] if row.kind not in ("", "veth") else []
    down = [] if row.up else ["down"]
    return ["<b>%s</b>" % escape(row.name), *map(escape, kind + row.notes + down), *map(escape, row.addresses)]


MANY, TALL = 60, 24
TABLE = '<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" STYLE="ROUNDED" BGCOLOR="white">%s</TABLE>'
CELL = '<TD PORT="p%d" ALIGN="LEFT">%s</TD>'
HEAD = """graph {
  graph [layout=%s, rankdir=LR, ranksep=1.2, overlap=prism, outputorder=edgesfirst, bgcolor=transparent, tooltip=" "]
  node [shape=plain, fontname="sans-serif", fontsize=11, tooltip=" "]
  edge [tooltip=" "]"""


def dot(data):
    """The text of a graph of Graphviz."""
    drawing = Drawing(data, "dot")
    # In ranks many nodes become a tower, or a thread.
    out = [HEAD % ("dot" if len(drawing.boxes) <= MANY else "sfdp")]
    ports = {(name, row): n for name, box in drawing.boxes.items() for n, row in enumerate(box.rows)}
    for number, (name, box) in enumerate(drawing.boxes.items()):
        cells, columns = [CELL % (ports[name, row.name], cell(row, depth)) for row, depth in box.ordered()], 1
        while len(cells) > TALL * columns * columns:
            columns += 1
        rows = ['<TD COLSPAN="%d"><B>%s</B></TD>' % (columns, escape(title(box)))]
        rows += ["".join(cells[n : n + columns]) for n in range(0, len(cells), columns)]
        table = TABLE % "".join("<TR>%s</TR>" % row for row in rows)
        out.append('  %s [id="node-%d", label=<%s>]' % (quoted(name), number, table))
    for number, line in enumerate(drawing.lines):
        ends = " -- ".join("%s:p%d" % (quoted(name), ports[name, row]) for name, row in line.ends)
        told = quoted(" - ".join("%s %s" % end for end in line.ends))
        style = "solid" if line.kind == "veth" else "dashed"
        up = "up" if all(drawing.boxes[name].rows[row].up for name, row in line.ends) else "down"
        out.append('  %s [id="line-%d", class=%s, edgetooltip=%s, style=%s]' % (ends, number, up, told, style))
    return "\n".join([*out, "}"]) + "\n"


def cell(row, depth):
    """The text of a row, each of its lines as deep as the row is."""
    kind = [row.kind] if row.kind not in ("", "veth") else []
    lines = [escape(" ".join([row.name, *kind, *row.notes, *([] if row.up else ["(down)"])]))]
    lines += ["<I>%s</I>" % escape(address) for address in row.addresses]
    return "".join('%s%s<BR ALIGN="LEFT"/>' % ("&#160;" * 4 * depth, line) for line in lines)


def quoted(text):
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


def svg(data):
    """The picture, laid out by Graphviz."""
    try:
        done = subprocess.run(["dot", "-Tsvg"], input=dot(data), capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise AnsibleFilterError("svg: dot(1) is not on the control node: install graphviz")
    if done.returncode:
        raise AnsibleFilterError("svg: dot(1) does not draw it: %s" % done.stderr.strip())
    return done.stdout[done.stdout.index("<svg") :]
