#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vlan
short_description: A VLAN of another link
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes a link that sends and receives the tagged frames of one VLAN of its lower link, and sets its options.
  - With O(protocol=802.1ad) below and V(802.1Q) above it makes a VLAN within a VLAN (QinQ).
  - O(state=absent) deletes it. Its lower link stays.
  - Where no default is given here, an option that is left out stays as it is, and a new link has the value named as
    the kernel's.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
  - virtnet.linux.link
  - virtnet.linux.link.new
  - virtnet.linux.link.upper
  - virtnet.linux.link.one
options:
  id:
    description:
      - The number of the VLAN, from 1 to 4094. It must be given unless O(state=absent).
      - Only a new link takes it. For another one see O(recreate).
    type: int
  protocol:
    description:
      - The tag. V(802.1ad) is the outer one of a VLAN within a VLAN. The kernel's value is V(802.1Q).
      - Only a new link takes it. For another one see O(recreate).
    type: str
    choices: ["802.1Q", "802.1ad"]
  reorder_hdr:
    description:
      - Whether a program that looks at the frames of the link sees them without the tag. The kernel's value is
        V(true).
    type: bool
  gvrp:
    description: Whether the VLAN is announced to the switch by GVRP. The kernel's value is V(false).
    type: bool
  mvrp:
    description: Whether the VLAN is announced to the switch by MVRP. The kernel's value is V(false).
    type: bool
  loose_binding:
    description:
      - Whether the link can be up while its lower link is down. The kernel's value is V(false), and then it sets the
        link up and down with its lower link.
    type: bool
  bridge_binding:
    description:
      - Whether the link, on a bridge, has a carrier only if a port of the bridge in this VLAN has one. The kernel's
        value is V(false).
    type: bool
  ingress_qos_map:
    description:
      - Which priority in the tag of a frame that comes in, 0 to 7, becomes which priority inside the host, 0 to
        4294967295, each as C(FROM:TO), for instance V(1:5). One that is not named becomes 0.
      - The list is the whole map. An empty list clears it.
    type: list
    elements: str
  egress_qos_map:
    description:
      - Which priority inside the host, 0 to 4294967295, becomes which priority in the tag of a frame that goes out, 0
        to 7, each as C(FROM:TO). One that is not named becomes 0.
      - The list is the whole map. An empty list clears it.
    type: list
    elements: str
notes:
  - A VLAN has the MAC address of its lower link until it is given one of its own.
seealso:
  - module: virtnet.linux.link
  - module: virtnet.linux.linux_bridge
"""

EXAMPLES = r"""
- name: The network card set up
  virtnet.linux.link:
    name: eth1
    up: true

- name: VLAN 100 of the network card
  virtnet.linux.vlan:
    name: eth1.100
    link: eth1
    id: 100
    addresses:
      - 192.0.2.1/24

- name: The same VLAN, announced to the switch, with a priority for what is urgent
  virtnet.linux.vlan:
    name: eth1.100
    link: eth1
    id: 100
    gvrp: true
    egress_qos_map:
      - "6:5"

- name: An outer VLAN of a provider
  virtnet.linux.vlan:
    name: outer
    link: eth1
    protocol: 802.1ad
    id: 200

- name: VLAN 10 within it
  virtnet.linux.vlan:
    name: outer.10
    link: outer
    id: 10

- name: A network namespace
  virtnet.linux.netns:
    name: blue

- name: VLAN 300 of the host's network card, for this namespace
  virtnet.linux.vlan:
    name: eth0
    netns: blue
    link: eth1
    link_netns: ""
    id: 300

- name: A VLAN deleted
  virtnet.linux.vlan:
    name: eth1.100
    state: absent
"""

RETURN = r"""
link:
  description:
    - The link as it is after the task; null if it is not there.
  returned: success
  type: dict
  contains:
    netns:
      description: The network namespace where the link is; empty is the module's own.
      type: str
    name:
      description: The name of the link.
      type: str
    kind:
      description: The kind, as C(ip link add type) names it; empty for a network card.
      type: str
    peer:
      description: The other end of a veth pair.
      type: dict
      contains:
        netns:
          description: The network namespace of the other end.
          type: str
        name:
          description: The name of the other end.
          type: str
    link:
      description: The link that this one stands on.
      type: dict
      contains:
        netns:
          description: The network namespace of that link.
          type: str
        name:
          description: The name of that link.
          type: str
    master:
      description: The master of which the link is a port; empty if it has none.
      type: str
    mtu:
      description: The largest packet in bytes.
      type: int
    address:
      description: The MAC address.
      type: str
    up:
      description: Whether the link is set up.
      type: bool
    alias:
      description: The text kept with the link.
      type: str
    txqueuelen:
      description: The length of the transmit queue in packets.
      type: int
    link_group:
      description: The number of the group of links to which it belongs.
      type: int
    allmulti:
      description: Whether it receives all multicast because somebody said so.
      type: bool
    promisc:
      description: Whether it receives all frames because somebody said so.
      type: bool
    arp:
      description: Whether MAC addresses are asked for and told.
      type: bool
    addrgenmode:
      description: How IPv6 makes addresses of its own; left out for a link without IPv6.
      type: str
    addresses:
      description: The IP addresses with their prefix lengths, link-local ones included.
      type: list
      elements: str
    altnames:
      description: The alternative names.
      type: list
      elements: str
    protocol:
      description: The value of O(protocol).
      type: str
    id:
      description: The value of O(id).
      type: int
    reorder_hdr:
      description: The value of O(reorder_hdr).
      type: bool
    gvrp:
      description: The value of O(gvrp).
      type: bool
    mvrp:
      description: The value of O(mvrp).
      type: bool
    loose_binding:
      description: The value of O(loose_binding).
      type: bool
    bridge_binding:
      description: The value of O(bridge_binding).
      type: bool
    ingress_qos_map:
      description: The value of O(ingress_qos_map).
      type: list
      elements: str
    egress_qos_map:
      description: The value of O(egress_qos_map).
      type: list
      elements: str
commands:
  description:
    - What is done, or in check mode would be done, as command lines of ip(8), bridge(8), sysctl(8), nft(8) or
      iptables(8).
    - They run as they stand in a root shell.
  returned: success
  type: list
  elements: str
  sample:
    - ip link add name eth1.100 link eth1 up type vlan id 100
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip link delete dev eth1.100
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
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import on_links  # noqa: F401


def main():
    task("vlan")


if __name__ == "__main__":
    main()
