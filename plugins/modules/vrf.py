#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vrf
short_description: A routing table of its own for some links
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes a VRF (virtual routing and forwarding). Links become its ports by their O(master); what comes in by them is
    routed by its table alone, so that several may have the same addresses without knowing of each other.
  - O(state=absent) deletes it. Its ports stay.
  - Where no default is given here, an option that is left out stays as it is.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
  - virtnet.linux.link
  - virtnet.linux.link.new
  - virtnet.linux.link.one
options:
  table:
    description:
      - The number of the routing table, from 1 to 4294967295. It must be given unless O(state=absent).
      - Only a new link takes it. For another one see O(recreate).
    type: int
notes:
  - A link that becomes a port, or is none any more, goes down and up again. What falls with that and nobody wished
    away, its IPv6 addresses and its routes, is put back; what stands on the link is as up as it was.
  - Connected routes of a port are in the table of the VRF. For other routes see the option C(table) of
    M(virtnet.linux.route).
  - With its first VRF a network namespace gets a rule for all of them, which stays; see C(ip rule).
  - A VRF has to be up, and forwarding has to be on for what passes from port to port.
seealso:
  - module: virtnet.linux.link
  - module: virtnet.linux.route
  - module: virtnet.linux.sysctl_forward
"""

EXAMPLES = r"""
- name: A VRF for one tenant
  virtnet.linux.vrf:
    name: red
    table: 10

- name: The link to it
  virtnet.linux.link:
    name: eth1
    master: red
    up: true
    addresses:
      - 192.0.2.1/24

- name: Its default route
  virtnet.linux.route:
    dest:
      - default
    via: 192.0.2.254
    table: "10"

- name: The VRF deleted
  virtnet.linux.vrf:
    name: red
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
    table:
      description: The value of O(table).
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
    - ip link add name red up type vrf table 10
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip link delete dev red
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
    task("vrf")


if __name__ == "__main__":
    main()
