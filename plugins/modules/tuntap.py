#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tuntap
short_description: A link whose other end is a program
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes a tun or tap device for a program, for instance a virtual machine or a VPN, which opens it by its name through
    C(/dev/net/tun).
  - The device is persistent, it stays when the program ends. While no program has it open it has no carrier.
  - O(state=absent) deletes it.
  - Where no default is given here, an option that is left out stays as it is.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
  - virtnet.linux.link
  - virtnet.linux.link.new
  - virtnet.linux.link.one
  - virtnet.linux.link.moved
options:
  mode:
    description:
      - What the program reads and writes. It must be given unless O(state=absent).
      - V(tun) - IP packets. Such a link has no MAC address and is no port of a bridge.
      - V(tap) - Ethernet frames.
      - Only a new link takes it. For another one see O(recreate).
    type: str
    choices: [tun, tap]
  owner:
    description:
      - The user, by name or number up to 4294967294, who may open the device. With an empty string, which is the value
        of a new link, it is root alone, or those in O(group).
      - Only a new link takes it. For another one see O(recreate).
    type: str
  group:
    description:
      - The group, by name or number up to 4294967294, whose members may open the device. An empty string is none.
      - Only a new link takes it. For another one see O(recreate).
    type: str
  pi:
    description:
      - Whether each packet begins with four bytes that tell its protocol. The kernel's value is V(false).
      - Only a new link takes it. For another one see O(recreate).
    type: bool
  vnet_hdr:
    description:
      - Whether each packet begins with a C(virtio_net_hdr), which lets the program leave checksums and segmentation to
        others. The kernel's value is V(false).
      - Only a new link takes it. For another one see O(recreate).
    type: bool
  multi_queue:
    description:
      - Whether the program can open the device several times to read and write in parallel. The kernel's value is
        V(false).
      - Only a new link takes it. For another one see O(recreate).
    type: bool
seealso:
  - module: virtnet.linux.macvlan
  - module: virtnet.linux.linux_bridge
"""

EXAMPLES = r"""
- name: A bridge
  virtnet.linux.linux_bridge:
    name: br0

- name: A tap device for the virtual machine of a user, as a port of the bridge
  virtnet.linux.tuntap:
    name: tap0
    mode: tap
    owner: nobody
    vnet_hdr: true
    master: br0

- name: A network namespace
  virtnet.linux.netns:
    name: red

- name: A tun device for a VPN in it, wherever it was before
  virtnet.linux.tuntap:
    name: tun0
    mode: tun
    netns: red
    from_netns: ""
    addresses:
      - 192.0.2.1/24

- name: The tap device deleted
  virtnet.linux.tuntap:
    name: tap0
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
    owner:
      description: The number of the user in O(owner), as a string; empty if there is none.
      type: str
    group:
      description: The number of the group in O(group), as a string; empty if there is none.
      type: str
    pi:
      description: The value of O(pi).
      type: bool
    vnet_hdr:
      description: The value of O(vnet_hdr).
      type: bool
    multi_queue:
      description: The value of O(multi_queue).
      type: bool
commands:
  description:
    - What is done, or in check mode would be done, as command lines of ip(8), bridge(8), sysctl(8), nft(8) or
      iptables(8).
    - They run as they stand in a root shell.
  returned: success
  type: list
  elements: str
  sample:
    - ip tuntap add dev tap0 mode tap user 65534 vnet_hdr
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip link delete dev tap0
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
    task("tuntap")


if __name__ == "__main__":
    main()
