#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: veth
short_description: A pair of virtual Ethernet links, both ends of it
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes a veth pair with each end in the network namespace where it is to be, and sets what both ends have.
  - It knows a pair by peer index and namespace id, not by name alone. An end that was moved or renamed is found where
    it is and brought back.
  - O(state=absent) deletes both ends. It is enough that one of them is found.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
  - virtnet.linux.link
  - virtnet.linux.link.new
options:
  exclusive:
    description:
      - Whether other addresses are taken away from an end for which addresses are given.
      - Link-local addresses that the kernel made by itself always stay.
    type: bool
    default: false
  peer:
    description:
      - The other end. It must be given unless O(state=absent).
    type: dict
    suboptions:
      name:
        description: The name of this end; like O(name).
        type: str
        required: true
      netns:
        description:
          - The network namespace in which this end is to be. Empty or left out is the one in which the module runs,
            not O(netns).
        type: str
      up:
        description: Whether this end is up.
        type: bool
        default: true
      mtu:
        description: The largest packet of this end in bytes; like O(mtu).
        type: int
      address:
        description: The MAC address of this end; like O(address).
        type: str
      master:
        description: The master of which this end is a port; like O(master).
        type: str
      alias:
        description: A text kept with this end; like O(alias).
        type: str
      txqueuelen:
        description: The length of the transmit queue of this end in packets; like O(txqueuelen).
        type: int
      link_group:
        description: The group of this end; like O(link_group).
        type: int
      allmulti:
        description: Whether this end receives all multicast; like O(allmulti).
        type: bool
      promisc:
        description: Whether this end receives all frames; like O(promisc).
        type: bool
      arp:
        description: Whether MAC addresses are asked for and told at this end; like O(arp).
        type: bool
      addrgenmode:
        description: How IPv6 makes addresses of its own at this end; like O(addrgenmode).
        type: str
        choices: [eui64, none, stable_secret, random]
      addresses:
        description: The IP addresses of this end; like O(addresses).
        type: list
        elements: str
notes:
  - The other end of a link can be in a network namespace that has no name. Then the task fails, unless
    O(recreate=true).
  - In the host's own network namespace, systemd-networkd has files for veths that are called C(ve-*), C(vb-*) or
    C(vz-*), and NetworkManager takes one that is called C(eth0) or the like for a card; the page on other managers says
    more.
seealso:
  - module: virtnet.linux.link
  - module: virtnet.linux.linux_bridge
  - module: virtnet.linux.netns
"""

EXAMPLES = r"""
- name: Two network namespaces
  virtnet.linux.netns:
    name:
      - red
      - blue

- name: A veth pair between them
  virtnet.linux.veth:
    name: to-blue
    netns: red
    addresses:
      - 192.0.2.1/24
    peer:
      name: to-red
      netns: blue
      addresses:
        - 192.0.2.2/24

- name: The same pair with another MTU and a MAC address at one end
  virtnet.linux.veth:
    name: to-blue
    netns: red
    mtu: 9000
    peer:
      name: to-red
      netns: blue
      mtu: 9000
      address: 02:00:5e:00:53:02

- name: The far end brought to the host
  virtnet.linux.veth:
    name: to-blue
    netns: red
    peer:
      name: to-red
      addresses:
        - 192.0.2.2/24

- name: The pair deleted
  virtnet.linux.veth:
    name: to-blue
    netns: red
    state: absent
"""

RETURN = r"""
link:
  description: The end O(name) as it is after the task; null if it is not there.
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
peer:
  description: The end O(peer) as it is after the task; null if it is not there.
  returned: if O(peer) is given
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
commands:
  description:
    - What is done, or in check mode would be done, as command lines of ip(8), bridge(8), sysctl(8), nft(8) or
      iptables(8).
    - They run as they stand in a root shell.
  returned: success
  type: list
  elements: str
  sample:
    - ip -n red link add name to-blue type veth peer name to-red netns blue
    - ip -n red link set dev to-blue up
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip -n red link delete dev to-blue
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
    task("veth")


if __name__ == "__main__":
    main()
