#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: link
short_description: Set up a link that is there already
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Sets what a link has, whatever its kind is, for instance a network card, C(lo) or one end of a veth pair.
  - Moves a link from one network namespace to another.
  - It never makes a link; see M(virtnet.linux.veth) and M(virtnet.linux.linux_bridge).
  - O(state=absent) deletes a virtual link. A network card and C(lo) cannot be deleted.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
  - virtnet.linux.link
  - virtnet.linux.link.one
  - virtnet.linux.link.moved
options:
  up:
    description:
      - Whether the link is up. Left out, it stays as it is; a link that goes to another network namespace is down
        there.
    type: bool
seealso:
  - module: virtnet.linux.address
  - module: virtnet.linux.netns
  - module: virtnet.linux.veth
"""

EXAMPLES = r"""
- name: A network card with one address and no other
  virtnet.linux.link:
    name: eth1
    up: true
    mtu: 1400
    alias: to the laboratory
    addresses:
      - 192.0.2.1/24
      - 2001:db8:1::1/64
    exclusive: true

- name: A longer name for the same card
  virtnet.linux.link:
    name: eth1
    altnames:
      - laboratory-second-floor

- name: A network namespace
  virtnet.linux.netns:
    name: lab

- name: A network card put into it
  virtnet.linux.link:
    name: eth2
    netns: lab
    from_netns: ""
    up: true
    address: 02:00:5e:00:53:02
    addresses:
      - 198.51.100.2/24

- name: The same card back on the host
  virtnet.linux.link:
    name: eth2
    from_netns: lab
    up: false
"""

RETURN = r"""
link:
  description: The link as it is after the task; null if it is not there.
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
commands:
  description:
    - What is done, or in check mode would be done, as command lines of ip(8), bridge(8), sysctl(8), nft(8) or
      iptables(8).
    - They run as they stand in a root shell.
  returned: success
  type: list
  elements: str
  sample:
    - ip link set dev eth1 mtu 1400
    - ip link set dev eth1 up
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip link set dev eth1 mtu 1500
    - ip link set dev eth1 down
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
    task("link")


if __name__ == "__main__":
    main()
