#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hsr
short_description: Two links that carry the same frames, as HSR or PRP
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes a link whose frames go out by two others at once, and come in from whichever is first, so that nothing is lost
    where one of the two ways fails (IEC 62439-3). High-availability Seamless Redundancy (HSR) is for a ring of hosts,
    the Parallel Redundancy Protocol (PRP) for two separate networks.
  - O(state=absent) deletes it. The links under it stay.
  - Where no default is given here, an option that is left out stays as it is, and a new link has the value named as
    the kernel's.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
  - virtnet.linux.link
  - virtnet.linux.link.new
  - virtnet.linux.link.one
options:
  slave1:
    description:
      - The first of the two links, in O(netns); it must be given unless O(state=absent). The new link has its MAC
        address.
      - Only a new link takes it. For another one see O(recreate).
    type: str
  slave2:
    description:
      - The second of the two links, in O(netns); it must be given unless O(state=absent).
      - Only a new link takes it. For another one see O(recreate).
    type: str
  interlink:
    description:
      - A third link, in O(netns), by which hosts without HSR are part of the ring; the host is a RedBox for them. It
        is for O(proto=0). Linux 6.10 or newer.
      - Only a new link takes it. For another one see O(recreate).
      - Many kernels do not tell which it is. There an interlink that is given for an existing link is taken for the one
        that it has.
    type: str
  supervision:
    description:
      - The last byte of the MAC address to which it sends supervision frames, C(01:15:4e:00:01:XX), from 0 to 255. The
        kernel's value is V(0).
      - Only a new link takes it. For another one see O(recreate).
    type: int
  version:
    description:
      - The version of HSR, 0 or 1; all in a ring have the same. It is for O(proto=0). The kernel's value is V(0).
      - Only a new link takes it. For another one see O(recreate).
      - Many kernels do not tell which it is. There a version that is given for an existing link is taken for the one
        that it has.
    type: int
  proto:
    description:
      - The protocol, V(0) for HSR or V(1) for PRP. The kernel's value is V(0).
      - Only a new link takes it. For another one see O(recreate).
    type: int
notes:
  - Its MTU is at most 1494, and 6 less than that of any link under it. It changes whenever one of these changes.
  - With PRP, newer kernels give O(slave2) the MAC address of O(slave1) for as long as the link exists.
  - A link that is deleted, or moves to another network namespace, is no slave any more. If it is the last one, the
    kernel deletes the hsr link. A task that makes a slave anew makes the hsr link anew as well.
  - Where the kernel does not tell O(version) and O(interlink), a link that is made anew has only those that the task
    gives, and one that comes back because a task has failed has none. The task says so.
  - A VLAN, a link without MAC addresses, a port of a bridge or a link that carries a macvlan, an ipvlan or a macsec
    is no slave.
requirements:
  - a kernel with C(CONFIG_HSR)
seealso:
  - module: virtnet.linux.bond
"""

EXAMPLES = r"""
- name: The host is part of a ring
  virtnet.linux.hsr:
    name: hsr0
    slave1: eth1
    slave2: eth2
    version: 1
    addresses:
      - 192.0.2.1/24

- name: It is on two networks at once instead
  virtnet.linux.hsr:
    name: hsr0
    slave1: eth1
    slave2: eth2
    proto: 1
    recreate: true

- name: It is deleted
  virtnet.linux.hsr:
    name: hsr0
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
    slave1:
      description: The value of O(slave1); empty if that link has gone.
      type: str
    slave2:
      description: The value of O(slave2); empty if that link has gone.
      type: str
    interlink:
      description: The value of O(interlink), empty if it has none; null where the kernel does not tell.
      type: str
    supervision:
      description: The value of O(supervision).
      type: int
    version:
      description: The value of O(version); null where the kernel does not tell.
      type: int
    proto:
      description: The value of O(proto).
      type: int
commands:
  description:
    - What is done, or in check mode would be done, as command lines of ip(8), bridge(8), sysctl(8), nft(8) or
      iptables(8).
    - They run as they stand in a root shell.
  returned: success
  type: list
  elements: str
  sample:
    - ip link add name hsr0 up type hsr slave1 eth1 slave2 eth2 version 1
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip link delete dev hsr0
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
    task("hsr")


if __name__ == "__main__":
    main()
