# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A topology file of containerlab in the words of the module topology."""

from __future__ import annotations

DOCUMENTATION = r"""
name: clab
short_description: A containerlab topology in the words of the module topology
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Takes what is in a C(*.clab.yml) file of containerlab, and gives the nodes and links of M(virtnet.linux.topology).
  - A node of kind V(linux) becomes a network namespace C(clab-LAB-NODE), as containerlab calls its containers, or by
    its C(prefix). A node of kind V(bridge) becomes a bridge in the host's own network namespace, where the C(host) of
    an endpoint is too.
  - Nothing runs in these nodes. What is not used, such as images and C(exec) lines, is listed.
options:
  _input:
    description: The topology, as read from YAML.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: A lab of containerlab without its containers
  virtnet.linux.topology:
    name: "{{ lab.name }}"
    nodes: "{{ lab.nodes }}"
    links: "{{ lab.links }}"
  vars:
    lab: "{{ lookup('ansible.builtin.file', 'lab.clab.yml') | from_yaml | virtnet.linux.clab }}"
"""

RETURN = r"""
_value:
  description:
    - A dictionary of C(name), C(nodes), C(links), and C(unused), a list of sentences on what is in the file and is not
      made.
  type: dict
"""

from ansible.errors import AnsibleFilterError

USED = {"kind", "group", "labels"}
END = {"node", "interface", "mac", "ipv4", "ipv6"}


def clab(lab):
    """The name, nodes and links of a lab, and what of it is not used."""
    topology = lab.get("topology") if isinstance(lab, dict) else None
    if not isinstance(topology, dict) or not lab.get("name"):
        raise AnsibleFilterError("clab: this is no topology of containerlab: it has no name, or no topology")
    prefix = {None: "clab-%s-" % lab["name"], "": "", "__lab-name": "%s-" % lab["name"]}.get(
        lab.get("prefix"), "%s-%s-" % (lab.get("prefix"), lab["name"])
    )
    unused = ["%s: it is not used" % word for word in lab if word not in ("name", "prefix", "topology")]
    host, nodes, bridges = dict(name="host", netns="", links=[]), [], set()
    for name, stated in (topology.get("nodes") or {}).items():
        node = {**(topology.get("defaults") or {}), **(stated or {})}
        kind = node.get("kind", "linux")
        node = {**((topology.get("kinds") or {}).get(kind) or {}), **node}
        if kind == "bridge":
            bridges.add(name)
            host["links"].append(dict(kind="bridge", name=name))
        elif kind == "linux":
            nodes.append(dict(name=name, netns=prefix + name))
        else:
            raise AnsibleFilterError("clab: node %s is of kind %s; only linux and bridge are made" % (name, kind))
        unused += ["nodes.%s.%s: it is not used" % (name, word) for word in node if word not in USED]
    links = []
    for number, link in enumerate(topology.get("links") or ()):
        where = "links[%d]" % number
        if link.get("type", "veth") != "veth":
            raise AnsibleFilterError("clab: %s is of type %s; only veth is made" % (where, link["type"]))
        ends = [end_of(where, end, bridges) for end in link["endpoints"]]
        unused += ["%s.%s: it is not used" % (where, w) for w in link if w not in ("type", "endpoints", "mtu")]
        links.append(dict(endpoints=ends, **({"mtu": link["mtu"]} if link.get("mtu") else {})))
    on_host = host["links"] or any(end["node"] == "host" for link in links for end in link["endpoints"])
    return dict(name=lab["name"], nodes=([host] if on_host else []) + nodes, links=links, unused=unused)


def end_of(where, end, bridges):
    """An endpoint, written short or as a dictionary; one of a bridge is its port."""
    if isinstance(end, str):
        node, dummy, name = end.partition(":")
        end = dict(node=node, interface=name)
    strange = set(end) - END
    if strange or not end.get("node") or not end.get("interface"):
        raise AnsibleFilterError("clab: %s: %s is no endpoint that can be made" % (where, end))
    out = dict(node=end["node"], name=end["interface"])
    if out["node"] in bridges:
        out.update(node="host", master=end["node"])
    out.update({"address": end["mac"]} if end.get("mac") else {})
    addresses = [end[word] for word in ("ipv4", "ipv6") if end.get(word)]
    return dict(out, addresses=addresses) if addresses else out


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {"clab": clab}
