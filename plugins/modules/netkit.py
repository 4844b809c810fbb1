#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: netkit
short_description: A pair of links for BPF programs, both ends of it
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes a netkit pair with each end in the network namespace where it is to be, and sets what both ends have. It is
    like a veth pair; BPF programs, which something else attaches, decide at each end what becomes of a packet.
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
  mode:
    description:
      - What the pair carries. V(l3) is IP packets, between ends without MAC addresses, which are no ports of a bridge
        or bond. V(l2) is Ethernet frames. The kernel's value is V(l3).
      - Only a new pair takes it. For another one see O(recreate).
    type: str
    choices:
      - l2
      - l3
  policy:
    description:
      - What becomes of the packets that this end sends where no program decides. V(forward) brings them to the other
        end, V(blackhole) drops them. The kernel's value is V(forward).
    type: str
    choices:
      - forward
      - blackhole
  peer_policy:
    description: The same of the packets that O(peer) sends. The kernel's value is V(forward).
    type: str
    choices:
      - forward
      - blackhole
  scrub:
    description:
      - Whether packets that this end sends to another network namespace lose their mark and their priority first,
        V(default), or a program sees them, V(none). The kernel's value is V(default). Linux before 6.12.5 has no other.
      - Only a new pair takes it. For another one see O(recreate).
    type: str
    choices:
      - none
      - default
  peer_scrub:
    description:
      - The same of the packets that O(peer) sends. The kernel's value is V(default).
      - Only a new pair takes it. For another one see O(recreate).
    type: str
    choices:
      - none
      - default
  role:
    description:
      - Which end the kernel takes it for. Policies change and programs are attached through the primary, whichever end
        O(name) is; this module finds it. The kernel's value is V(primary).
      - Only a new pair takes it. For another one see O(recreate).
    type: str
    choices:
      - primary
      - peer
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
  - BPF programs that are attached to the pair go with it when it is deleted or made anew, as by O(recreate=true).
requirements:
  - Linux 6.7 or later, with C(CONFIG_NETKIT)
seealso:
  - module: virtnet.linux.veth
  - module: virtnet.linux.link
  - module: virtnet.linux.linux_bridge
  - module: virtnet.linux.netns
"""

EXAMPLES = r"""
- name: A network namespace
  virtnet.linux.netns:
    name: red

- name: A pair between it and the host, on which nothing passes that no program lets pass
  virtnet.linux.netkit:
    name: to-red
    policy: blackhole
    peer_policy: blackhole
    addresses:
      - 192.0.2.1/24
    peer:
      name: eth0
      netns: red
      addresses:
        - 192.0.2.2/24

- name: What the host sends passes
  virtnet.linux.netkit:
    name: to-red
    policy: forward
    peer:
      name: eth0
      netns: red

- name: A pair that carries Ethernet frames
  virtnet.linux.netkit:
    name: to-blue
    mode: l2
    address: 02:00:5e:00:53:01
    peer:
      name: from-blue

- name: The pair deleted
  virtnet.linux.netkit:
    name: to-red
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
      description: The other end of the pair.
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
    mode:
      description: The value of O(mode), seen from this end.
      type: str
    policy:
      description: The value of O(policy), seen from this end.
      type: str
    scrub:
      description: The value of O(scrub), seen from this end.
      type: str
    peer_policy:
      description: The value of O(peer_policy), seen from this end.
      type: str
    peer_scrub:
      description: The value of O(peer_scrub), seen from this end.
      type: str
    role:
      description: The value of O(role), seen from this end.
      type: str
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
      description: The other end of the pair.
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
    mode:
      description: The value of O(mode), seen from this end.
      type: str
    policy:
      description: The value of O(policy), seen from this end.
      type: str
    scrub:
      description: The value of O(scrub), seen from this end.
      type: str
    peer_policy:
      description: The value of O(peer_policy), seen from this end.
      type: str
    peer_scrub:
      description: The value of O(peer_scrub), seen from this end.
      type: str
    role:
      description: The value of O(role), seen from this end.
      type: str
commands:
  description:
    - What is done, or in check mode would be done, as command lines of ip(8), bridge(8), sysctl(8), nft(8) or
      iptables(8).
    - They run as they stand in a root shell.
  returned: success
  type: list
  elements: str
  sample:
    - ip link add name to-red up type netkit blackhole peer blackhole name eth0 netns red
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip link delete dev to-red
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
    task("netkit")


if __name__ == "__main__":
    main()
