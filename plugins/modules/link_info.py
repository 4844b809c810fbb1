#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: link_info
short_description: Which links there are, and the tasks that make them so
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Reads the links of one, some or all network namespaces, with what they have and what stands on them.
  - Of each end of a veth or netkit pair it says which link is the other end, and where that is.
  - Of each link it names the module that it is for, and the options with which that module finds nothing to change.
extends_documentation_fragment:
  - virtnet.linux.looks
requirements:
  - pyroute2 >= 0.7.2 on the managed host
options:
  netns:
    description:
      - Only links of these network namespaces. Left out, it is all that have a name and the one in which the module
        runs; an empty string is that one.
      - One that is not there has no links.
    type: list
    elements: str
  name:
    description: Only links of these names, or alternative names.
    type: list
    elements: str
  kind:
    description:
      - Only links of these kinds, as C(ip link add type) names them, for instance V(veth). An empty string is a network
        card, or C(lo).
    type: list
    elements: str
seealso:
  - module: virtnet.linux.link
  - module: virtnet.linux.veth
"""

EXAMPLES = r"""
- name: A network namespace
  virtnet.linux.netns:
    name: blue

- name: A veth pair between it and the host
  virtnet.linux.veth:
    name: to-host
    netns: blue
    peer:
      name: to-blue

- name: The veth pairs of all network namespaces
  virtnet.linux.link_info:
    kind: veth
  register: pairs

- name: Who is whose peer
  ansible.builtin.debug:
    msg: "{{ item.name }} in {{ item.netns }}: {{ item.peer.name }} in {{ item.peer.netns }}"
  loop: "{{ pairs.links }}"
  loop_control:
    label: "{{ item.index }}"

- name: The pairs as they are; nothing changes
  virtnet.linux.veth: "{{ item.options }}"
  loop: "{{ pairs.links }}"
  loop_control:
    label: "{{ item.name }}"
"""

RETURN = r"""
links:
  description:
    - The links, by network namespace and index.
    - Besides what is named here each has the options of its kind and, if it is a port, of a port of its master, by the
      names that they have in its module.
  returned: success
  type: list
  elements: dict
  contains:
    netns:
      description: The network namespace where the link is; empty is the module's own.
      type: str
    name:
      description: The name of the link.
      type: str
    index:
      description: The number of the link in its network namespace.
      type: int
    kind:
      description: The kind, as C(ip link add type) names it; empty for a network card.
      type: str
    peer:
      description: The other end of a veth or netkit pair.
      type: dict
      contains:
        netns:
          description: The network namespace of the other end; null if that has no name.
          type: str
        name:
          description: The name of the other end; null if its network namespace has no name.
          type: str
        index:
          description: The number of the other end in its network namespace.
          type: int
    link:
      description: The link that this one stands on.
      type: dict
      contains:
        netns:
          description: The network namespace of that link; null if that has no name.
          type: str
        name:
          description: The name of that link; null if its network namespace has no name.
          type: str
        index:
          description: The number of that link in its network namespace.
          type: int
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
    altnames:
      description: The alternative names.
      type: list
      elements: str
    device:
      description: The character device of a macvtap or ipvtap.
      type: str
    public_key:
      description: The public key of a wireguard link. No other key is told.
      type: str
    peers:
      description: The peers of a wireguard link, each with its options as in M(virtnet.linux.wireguard).
      type: list
      elements: dict
    ports:
      description: The ports of a bridge or bond, each with its options as in M(virtnet.linux.linux_bridge).
      type: list
      elements: dict
    addresses:
      description:
        - The IP addresses, each in the options of M(virtnet.linux.address), those that the kernel made included.
      type: list
      elements: dict
      contains:
        netns:
          description: The network namespace.
          type: str
        dev:
          description: The link.
          type: str
        address:
          description: The address with its prefix length.
          type: str
        peer:
          description: The address at the other end, where that is another one.
          type: str
        broadcast:
          description: The broadcast address, if there is one.
          type: str
        label:
          description: The label, where it is not the name of the link.
          type: str
        scope:
          description: Where the address is valid, for instance V(global).
          type: str
    module:
      description:
        - The module for this link. It is V(link) where no other can make it, for instance for a network card, and for a
          link whose other end or lower link is in a network namespace without a name.
      type: str
    options:
      description:
        - The options of that module that say all this. A task of them changes nothing.
        - The addresses are those that need no more than that; one with a peer is in RV(links[].addresses).
      type: dict
  sample:
    - netns: blue
      name: to-host
      index: 2
      kind: veth
      peer: {netns: "", name: to-blue, index: 7}
      module: veth
      options: {netns: blue, name: to-host, up: true, peer: {netns: "", name: to-blue, up: true}}
not_described:
  description:
    - What is there and no option of this collection is for. The link, address or route that has it keeps it when
      something else of it is changed, and gets it back when it is made anew, but for the secure associations and
      receive channels of a macsec, whose keys the kernel does not give out. A description in the words of the modules
      lacks it.
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
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import on_links  # noqa: F401


def main():
    info_task("link_info")


if __name__ == "__main__":
    main()
