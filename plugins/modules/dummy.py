#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dummy
short_description: A link whose packets go nowhere
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes a link that drops what is sent to it, for instance to keep addresses of a host or a router that do not depend
    on a network card.
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
seealso:
  - module: virtnet.linux.address
  - module: virtnet.linux.link
"""

EXAMPLES = r"""
- name: An address that is always up
  virtnet.linux.dummy:
    name: loopback0
    addresses:
      - 192.0.2.1/32
      - 2001:db8::1/128

- name: It is deleted
  virtnet.linux.dummy:
    name: loopback0
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
commands:
  description:
    - What is done, or in check mode would be done, as command lines of ip(8), bridge(8), sysctl(8), nft(8) or
      iptables(8).
    - They run as they stand in a root shell.
  returned: success
  type: list
  elements: str
  sample:
    - ip link add name loopback0 up type dummy
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip link delete dev loopback0
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
    task("dummy")


if __name__ == "__main__":
    main()
