#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: topology_info
short_description: All nodes and all that is in them, and who is connected to whom
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Reads one, some or all network namespaces, and says what is there as a description in the words of
    M(virtnet.linux.topology), whoever made it.
  - Of C(rp_filter) and C(proxy_arp) it says nothing. Who gives what it says to M(virtnet.linux.topology) under the name
    of a topology that has these puts them back to what they were.
extends_documentation_fragment:
  - virtnet.linux.looks
requirements:
  - pyroute2 >= 0.7.2 on the managed host
options:
  name:
    description:
      - Only the nodes of this topology, made by M(virtnet.linux.topology), and of the network namespace in which the
        module runs only the links that the topology made. Left out, it is all that is there.
    type: str
  netns:
    description:
      - Only these network namespaces. An empty string is the one in which the module runs. One that is not there is
        left out.
    type: list
    elements: str
seealso:
  - module: virtnet.linux.link_info
  - module: virtnet.linux.topology
"""

EXAMPLES = r"""
- name: All that is there
  virtnet.linux.topology_info:
  register: all_of_it

- name: Who is connected to whom
  ansible.builtin.debug:
    msg: "{{ item.kind }} {{ item.ends | map(attribute='name') | join(' - ') }}"
  loop: "{{ all_of_it.connections }}"
  loop_control:
    label: "{{ item.kind }}"
"""

RETURN = r"""
nodes:
  description:
    - The network namespaces, each as an entry of O(virtnet.linux.topology#module:nodes).
    - Its links are those that no entry of RV(links) has, each with the options of its module. Addresses stand with
      their link, or among the addresses of the node if they have a label, a peer and the like.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the network namespace, and V(host) for the one in which the module runs.
      type: str
    netns:
      description: The name of the network namespace; empty is the one in which the module runs.
      type: str
    loopback:
      description: Whether C(lo) is set up.
      type: bool
    links:
      description: Its links.
      type: list
      elements: dict
    addresses:
      description: Addresses with the options of M(virtnet.linux.address).
      type: list
      elements: dict
    nexthops:
      description: Nexthop objects with the options of M(virtnet.linux.nexthop).
      type: list
      elements: dict
    routes:
      description: Routes with the options of M(virtnet.linux.route). Those that the kernel made are left out.
      type: list
      elements: dict
    rules:
      description: Routing rules with the options of M(virtnet.linux.rule). Those that the kernel made are left out.
      type: list
      elements: dict
    vlans:
      description: The VLANs of bridges that filter them, and of their ports, as in M(virtnet.linux.bridge_vlan).
      type: list
      elements: dict
    neighbours:
      description: Permanent neighbours with the options of M(virtnet.linux.neighbour).
      type: list
      elements: dict
    fdb:
      description: Static MAC addresses with the options of M(virtnet.linux.bridge_fdb).
      type: list
      elements: dict
    mdb:
      description: Static multicast groups with the options of M(virtnet.linux.bridge_mdb).
      type: list
      elements: dict
    impairments:
      description: Delay, loss, rate and the like with the options of M(virtnet.linux.link_impairment).
      type: list
      elements: dict
    forwarding:
      description: Whether it forwards, and the links that differ in that, as in M(virtnet.linux.sysctl_forward).
      type: list
      elements: dict
    masquerade:
      description: Masquerading by M(virtnet.linux.nat_masquerade), with its options.
      type: list
      elements: dict
    port_forwards:
      description: Forwarded ports of M(virtnet.linux.nat_port_forward), with its options.
      type: list
      elements: dict
links:
  description: The veth pairs of which both ends are there, each as an entry of O(virtnet.linux.topology#module:links).
  returned: success
  type: list
  elements: dict
  contains:
    endpoints:
      description: The two ends with their options.
      type: list
      elements: dict
connections:
  description: Who is connected to whom, each connection once.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description:
        - What joins the two, V(veth) or V(netkit) for a pair, V(port) for a port and its master, V(link) for a link and
          the one that it stands on or by which its packets leave.
      type: str
    ends:
      description: The two links. Of the last two kinds the first is the port, and the upper link.
      type: list
      elements: dict
      contains:
        node:
          description: The node in RV(nodes); null if it is none of these.
          type: str
        netns:
          description: The network namespace; null if it has no name.
          type: str
        name:
          description: The name of the link; null if its network namespace has no name.
          type: str
        index:
          description: The number of the link in its network namespace.
          type: int
  sample:
    - kind: veth
      ends:
        - {node: host, netns: "", name: to-blue, index: 7}
        - {node: blue, netns: blue, name: eth0, index: 2}
not_described:
  description:
    - What is there and no option of this collection is for. The link, address or route that has it keeps it when
      something else of it is changed, and gets it back when it is made anew, but for the secure associations and
      receive channels of a macsec, whose keys the kernel does not give out. A description in the words of the modules
      lacks it.
    - Of what is none of links, addresses, routes, rules and the like only the names are told.
  returned: success
  type: list
  elements: dict
  contains:
    netns:
      description: The network namespace.
      type: str
    thing:
      description: What it is, or what has it.
      type: str
    missing:
      description: What of it is not described; empty if it is nothing of it.
      type: str
"""

from ansible_collections.virtnet.linux.plugins.module_utils import _once  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.virtnet.linux.plugins.module_utils._info_task import info_task

TYPE_CHECKING = False
if TYPE_CHECKING:  # the rooms that it ships
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import nat, on_links, rule, topology  # noqa: F401


def main():
    info_task("topology_info")


if __name__ == "__main__":
    main()
