#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: topology
short_description: Many nodes, their links and all that is on them, in one task
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - A node is a network namespace, or the one in which the module runs. It has links, addresses, nexthops, routes,
    rules, forwarding, masquerading and more, each with the options of its own module. Links join the nodes.
  - All of it is read once, planned as one, done, and if a step fails put back. A second task repairs what differs from
    the description, and touches nothing else.
  - What it makes it also takes away when the description no longer has it. What was there before, and what others make
    in the same network namespaces, stays. A link that it did not make keeps what it was set to.
  - O(state=absent) needs no more than O(name).
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
options:
  name:
    description:
      - The name of the topology, 1 to 64 letters, digits and C(_ . -). What it has made is recorded in
        C(/run/virtnet/NAME.json), which is gone after a reboot, as all of it is.
    type: str
    required: true
  nodes:
    description: The nodes. They must be given unless O(state=absent) or O(confirmed=true).
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the node, which O(links[].endpoints) uses.
        type: str
        required: true
      netns:
        description:
          - The name of its network namespace. Left out it is that of the node; empty is the network namespace in which
            the module runs.
        type: str
      pid:
        description: A process whose network namespace it is; see M(virtnet.linux.netns).
        type: int
      path:
        description: A file that stands for its network namespace; see M(virtnet.linux.netns).
        type: path
      nsid:
        description: The number of its network namespace in the module's own; see M(virtnet.linux.netns).
        type: int
      loopback:
        description: Whether the link C(lo) of its network namespace is set up; see M(virtnet.linux.netns).
        type: bool
        default: true
      links:
        description:
          - Links, each with C(kind) as C(ip link add type) names it, for instance V(bridge) or V(vlan), and with the
            options of the module that makes that kind, but for C(netns) and C(state).
          - Without C(kind) it is a link that is there or that another part of the description makes, with the options
            of M(virtnet.linux.link).
        type: list
        elements: dict
      addresses:
        description:
          - Addresses, each with the options of M(virtnet.linux.address), but for C(netns) and C(state). Those that need
            nothing more can stand with their link.
        type: list
        elements: dict
      nexthops:
        description:
          - Nexthop objects and groups of them, each with the options of M(virtnet.linux.nexthop), but for C(netns) and
            C(state).
        type: list
        elements: dict
      routes:
        description: Routes, each with the options of M(virtnet.linux.route), but for C(netns) and C(state).
        type: list
        elements: dict
      neighbours:
        description: Neighbours, each with the options of M(virtnet.linux.neighbour), but for C(netns) and C(state).
        type: list
        elements: dict
      rules:
        description: Routing rules, each with the options of M(virtnet.linux.rule), but for C(netns) and C(state).
        type: list
        elements: dict
      vlans:
        description:
          - The VLANs of ports of bridges, each entry with the options of M(virtnet.linux.bridge_vlan), but for C(netns)
            and C(state).
        type: list
        elements: dict
      fdb:
        description:
          - Static MAC addresses, each with the options of M(virtnet.linux.bridge_fdb), but for C(netns) and C(state).
        type: list
        elements: dict
      mdb:
        description:
          - Static multicast groups, each with the options of M(virtnet.linux.bridge_mdb), but for C(netns) and
            C(state).
        type: list
        elements: dict
      impairments:
        description:
          - Delay, loss and the like, each entry with the options of M(virtnet.linux.link_impairment), but for C(netns)
            and C(state).
        type: list
        elements: dict
      forwarding:
        description:
          - Forwarding, each entry with the options of M(virtnet.linux.sysctl_forward), but for C(netns) and C(state).
          - A value that the description no longer has is set to what it was before.
        type: list
        elements: dict
      masquerade:
        description:
          - Masquerading, each entry with the options of M(virtnet.linux.nat_masquerade), but for C(netns) and C(state).
        type: list
        elements: dict
      port_forwards:
        description:
          - Forwarded ports, each entry with the options of M(virtnet.linux.nat_port_forward), but for C(netns) and
            C(state).
        type: list
        elements: dict
  links:
    description: Veth pairs between nodes.
    type: list
    elements: dict
    suboptions:
      endpoints:
        description:
          - The two ends, each V(NODE:LINK), or a dictionary of C(node), C(name), and options as those of
            O(virtnet.linux.veth#module:peer).
        type: list
        elements: raw
        required: true
      mtu:
        description: The largest packet of both ends in bytes.
        type: int
      exclusive:
        description: Whether other addresses are taken away from an end for which addresses are given.
        type: bool
        default: false
      recreate:
        description: Whether these ends may be deleted and made again where the kernel cannot change them in place.
        type: bool
        default: false
      take_over:
        description: Whether these ends may be taken from another master.
        type: bool
        default: false
  allow_overlap:
    description:
      - Whether two links of a network namespace may have the same address, or networks that overlap. Without it such a
        description is refused. Link-local addresses and those of different VRFs never count.
    type: bool
    default: false
  lock_timeout:
    description:
      - How many seconds to wait for another task that changes the network of this host, and then to fail. A dry run
        waits for nobody.
    type: int
    default: 60
  confirm:
    description:
      - For a change that may cut the host off. Unless a later task with O(confirmed=true) comes within this many
        seconds, counted from before the first change, the host puts back by itself what was there before.
      - A process on the host waits for that. It outlives the task and its connection, also if they are killed; a reboot
        ends it, as it ends the topology. Until then no other task can change this topology.
    type: int
  confirmed:
    description:
      - Keep what the last task, one with O(confirm), changed. It is given with nothing but O(name), and fails if it
        comes too late.
    type: bool
    default: false
  persistent:
    description:
      - Whether the topology is made anew after each boot, without Ansible, by a systemd unit C(virtnet-NAME.service)
        that runs the command lines in C(/etc/virtnet/NAME.sh) once C(network-online.target) is reached. What fails then
        is tried again for a minute, as a gateway, a card or another topology can come later; all else is done.
      - The unit can be started again at any time, and does no harm. It starts again by itself after a service that
        restores saved rules, if the topology has NAT.
      - A card with C(take_over_addresses) gives what it has after the boot. Whoever gives the card its
        address must not want it back, as networkd and NetworkManager do.
      - With O(confirm), nothing is written for the boot before the confirmation.
      - Left out, a unit that is there follows the description. O(state=absent) takes it away.
      - A topology with a private or preshared key of WireGuard cannot be persistent, as no command line has such keys.
    type: bool
notes:
  - Two parts of the description can speak of one link, for instance that which makes it and the bridge of which it is a
    port, if they do not contradict each other.
  - What else is in a network namespace that the topology made goes with it.
seealso:
  - module: virtnet.linux.netns
  - module: virtnet.linux.link
  - module: virtnet.linux.veth
  - module: virtnet.linux.linux_bridge
  - module: virtnet.linux.address
  - module: virtnet.linux.route
  - module: virtnet.linux.sysctl_forward
  - module: virtnet.linux.nat_masquerade
"""

EXAMPLES = r"""
- name: Two namespaces behind a router
  virtnet.linux.topology:
    name: lab
    nodes:
      - name: router
        links:
          - kind: bridge
            name: br0
            addresses:
              - 192.0.2.1/24
            ports:
              - name: p1
              - name: p2
        forwarding:
          - ipv4: true
      - name: red
        routes:
          - dest:
              - default
            via: 192.0.2.1
      - name: blue
        routes:
          - dest:
              - default
            via: 192.0.2.1
    links:
      - endpoints:
          - router:p1
          - node: red
            name: eth0
            addresses:
              - 192.0.2.2/24
      - endpoints:
          - router:p2
          - node: blue
            name: eth0
            addresses:
              - 192.0.2.3/24

- name: A chain of five nodes, by Jinja
  virtnet.linux.topology:
    name: chain
    nodes: "{{ (chain | from_yaml).nodes }}"
    links: "{{ (chain | from_yaml).links }}"
  vars:
    chain: |
      nodes:
      {% for n in range(5) %}
        - name: c{{ n }}
      {% endfor %}
      links:
      {% for n in range(4) %}
        - endpoints: ["c{{ n }}:right", "c{{ n + 1 }}:left"]
      {% endfor %}

- name: The host joined to it, with its way out
  virtnet.linux.topology:
    name: way-out
    nodes:
      - name: host
        netns: ""
        forwarding:
          - ipv4: true
        masquerade:
          - source: 198.51.100.0/24
            out_interface: uplink
      - name: green
        routes:
          - dest:
              - default
            via: 198.51.100.1
    links:
      - mtu: 1400
        endpoints:
          - node: host
            name: to-green
            addresses:
              - 198.51.100.1/24
          - node: green
            name: eth0
            addresses:
              - 198.51.100.2/24

- name: A change that may cut off the host
  virtnet.linux.topology:
    name: uplink
    confirm: 30
    nodes:
      - name: host
        netns: ""
        links:
          - name: uplink
            mtu: 1400

- name: Keep it, if the host can still be reached
  virtnet.linux.topology:
    name: uplink
    confirmed: true

- name: All of it gone
  virtnet.linux.topology:
    name: lab
    state: absent
"""

RETURN = r"""
topology:
  description: What the topology has made, by its record; null if there is none.
  returned: success
  type: dict
  contains:
    name:
      description: The name of the topology.
      type: str
    made:
      description: The resources that it made and would take away.
      type: list
      elements: str
      sample:
        - netns red
        - link red eth0
        - address red eth0 192.0.2.2/24
commands:
  description:
    - What is done, or in check mode would be done, as command lines of ip(8), bridge(8), sysctl(8), nft(8) or
      iptables(8).
    - They run as they stand in a root shell.
  returned: success
  type: list
  elements: str
  sample:
    - ip netns add red
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip netns delete red
diff:
  description: The resources that differ, before and after the task.
  returned: success
  type: dict
  contains:
    before:
      description: These resources before the task, by their names.
      type: dict
    after:
      description: These resources after the task, by their names.
      type: dict
"""

from ansible_collections.virtnet.linux.plugins.module_utils import _once  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.virtnet.linux.plugins.module_utils._task import task

TYPE_CHECKING = False
if TYPE_CHECKING:  # the rooms that it ships
    from ansible_collections.virtnet.linux.plugins.module_utils._resources import (  # noqa: F401
        boot,
        route_options,
        topology_options,
    )
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import nat, on_links, rule, topology  # noqa: F401


def main():
    task("topology")


if __name__ == "__main__":
    main()
