#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: xfrm
short_description: A link for IPsec
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes an XFRM interface. A packet that leaves by it goes by the IPsec policies and states that have its number,
    which something else makes, for instance a daemon or ip-xfrm(8).
  - O(state=absent) deletes it. Policies and states stay.
  - Where no default is given here, an option that is left out stays as it is, and a new link has the value named as
    the kernel's.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
  - virtnet.linux.link
  - virtnet.linux.link.new
  - virtnet.linux.link.over
options:
  if_id:
    description:
      - The number that its policies and states have, from 1 to 4294967295. It or O(external=true) is needed unless
        O(state=absent).
      - There is one link with this number in a network namespace.
    type: int
  link:
    description:
      - The link by which the outer packets leave; ip(8) calls it C(dev). Empty, as for a new one, is any. With
        O(external=true) it is any.
      - Only a new link takes it. For another one see O(recreate).
    type: str
  external:
    description:
      - Whether the number is given for each packet, by a route or a program, and there is none in O(if_id). The
        kernel's value is V(false). There is one such link in a network namespace.
      - Only a new link takes it. For another one see O(recreate).
    type: bool
seealso:
  - module: virtnet.linux.ip_tunnel
  - module: virtnet.linux.wireguard
"""

EXAMPLES = r"""
- name: A link for IPsec
  virtnet.linux.xfrm:
    name: ipsec0
    if_id: 7
    addresses:
      - 192.0.2.1/24

- name: What goes to the other side leaves by it
  virtnet.linux.route:
    dest:
      - 198.51.100.0/24
    dev: ipsec0

- name: A network namespace
  virtnet.linux.netns:
    name: red

- name: A link in it, whose outer packets are in the host's own network namespace
  virtnet.linux.xfrm:
    name: ipsec0
    netns: red
    link_netns: ""
    if_id: 8

- name: It is deleted
  virtnet.linux.xfrm:
    name: ipsec0
    netns: red
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
      description: Where the outer packets are.
      type: dict
      contains:
        netns:
          description: The network namespace of the outer packets.
          type: str
        name:
          description: It is empty.
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
    if_id:
      description: The value of O(if_id).
      type: int
    external:
      description: The value of O(external).
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
    - ip link add name ipsec0 up type xfrm if_id 7
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip link delete dev ipsec0
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
    task("xfrm")


if __name__ == "__main__":
    main()
