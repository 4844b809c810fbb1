#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: address
short_description: IP addresses of a link
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Adds IPv4 and IPv6 addresses to a link that is there, or takes them away.
  - Several addresses are made in the order in which they are given, so the first IPv4 one of a network is primary.
  - When an IPv4 address goes, the kernel lets others of its network and routes go with it. Those that nobody wished
    away are put back.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
options:
  dev:
    description: The name of the link.
    type: str
    required: true
  address:
    description:
      - The addresses, each with its prefix length, for instance V(192.0.2.1/24).
      - With O(peer) a single one, whose prefix length does not matter.
      - Either this or O(addresses) must be given.
    type: list
    elements: str
  addresses:
    description: The addresses, where several have a peer, a label or the like.
    type: list
    elements: dict
    suboptions:
      address:
        description: The address with its prefix length; like O(address).
        type: str
        required: true
      peer:
        description: The address at the other end; like O(peer).
        type: str
      broadcast:
        description: The broadcast address; like O(broadcast).
        type: str
      label:
        description: A name for the address; like O(label).
        type: str
      scope:
        description: Where the address is valid; like O(scope).
        type: str
        choices: [global, site, link, host]
      metric:
        description: The metric of the route to the network; like O(metric).
        type: int
      valid_lft:
        description: How long the address stays; like O(valid_lft).
        type: str
      preferred_lft:
        description: How long new connections take the address; like O(preferred_lft).
        type: str
      nodad:
        description: Whether nobody looks for another host that has the address; like O(nodad).
        type: bool
      home:
        description: Whether it is the home address; like O(home).
        type: bool
      mngtmpaddr:
        description: Whether temporary addresses are made of it; like O(mngtmpaddr).
        type: bool
      noprefixroute:
        description: Whether the network gets no route; like O(noprefixroute).
        type: bool
      autojoin:
        description: Whether a multicast group is joined; like O(autojoin).
        type: bool
  peer:
    description:
      - The address at the other end of a point-to-point link; its prefix length is that of the whole host if left out.
      - Only for a single O(address), and of its family.
    type: str
  broadcast:
    description: The broadcast address. A new address has none if this is left out. Only for a single IPv4 O(address).
    type: str
  label:
    description:
      - A name for the address, as ip-address(8) has it. It begins with the name of the link and has at most 15 bytes.
      - Only for a single IPv4 O(address).
    type: str
  scope:
    description:
      - Where the address is valid. A new IPv4 address has V(global) if this is left out. That of an IPv6 address
        follows from the address, and none but that can be given.
      - Only for a single O(address).
    type: str
    choices: [global, site, link, host]
  metric:
    description:
      - The metric of the route to its network that the kernel makes, from 0 to 4294967295. The kernel's value is V(0),
        which for IPv6 stands for 256.
      - Only for a single O(address).
    type: int
  valid_lft:
    description:
      - How many seconds the address stays, from 1 to 4294967294, or V(forever), which it is if this is left out.
      - What is left of a time is no change; with another option that changes, the time begins anew.
      - Only for a single O(address).
    type: str
  preferred_lft:
    description:
      - How many seconds new connections take the address, or V(forever). No longer than O(valid_lft). With V(0) it is
        deprecated at once. Left out, it is at most O(valid_lft). An IPv4 address that is valid forever has V(0) or
        V(forever). The kernel's value is V(forever).
      - Only for a single O(address).
    type: str
  nodad:
    description:
      - Whether the kernel takes the address without looking first for another host that has it (duplicate address
        detection). The kernel's value is V(false).
      - Only for a single IPv6 O(address).
    type: bool
  home:
    description:
      - Whether it is the home address of Mobile IPv6. The kernel's value is V(false).
      - Only for a single IPv6 O(address).
    type: bool
  mngtmpaddr:
    description:
      - Whether the kernel makes temporary addresses of it and keeps them (privacy extensions). The kernel's value is
        V(false).
      - Only for a single IPv6 O(address).
    type: bool
  noprefixroute:
    description:
      - Whether the kernel makes no route to the network of the address. The kernel's value is V(false).
      - Only for a single O(address).
    type: bool
  autojoin:
    description:
      - Whether the kernel joins the multicast group that the address is; only with this an address can be one. The
        kernel's value is V(false).
      - Only for a single O(address).
    type: bool
  exclusive:
    description:
      - Whether all other addresses of the link are taken away, of both families.
      - Link-local addresses that the kernel made by itself always stay.
    type: bool
    default: false
notes:
  - O(state=absent) takes away the O(address) with this prefix length. Other options, if given, must fit as well.
seealso:
  - module: virtnet.linux.link
  - module: virtnet.linux.route
"""

EXAMPLES = r"""
- name: An IPv4 and an IPv6 address
  virtnet.linux.address:
    dev: eth1
    address:
      - 192.0.2.1/24
      - 2001:db8:1::1/64

- name: An address with a label and a broadcast address
  virtnet.linux.address:
    dev: eth1
    address: 198.51.100.1/24
    broadcast: 198.51.100.255
    label: eth1:lab

- name: An address whose other end is known
  virtnet.linux.address:
    dev: eth2
    address: 203.0.113.1
    peer: 203.0.113.2

- name: Several addresses, each with more, and no other
  virtnet.linux.address:
    dev: eth2
    addresses:
      - address: 203.0.113.1
        peer: 203.0.113.2
        label: eth2:1
      - address: 198.51.100.2/24
        label: eth2:2
    exclusive: true

- name: A service's address that no connection of the host itself takes, and whose network is routed otherwise
  virtnet.linux.address:
    dev: eth1
    address: 2001:db8:1::53/64
    preferred_lft: "0"
    noprefixroute: true
    nodad: true

- name: One address taken away
  virtnet.linux.address:
    dev: eth1
    address: 192.0.2.1/24
    state: absent

- name: This address and no other
  virtnet.linux.address:
    dev: eth1
    address: 192.0.2.9/24
    exclusive: true

- name: A network namespace
  virtnet.linux.netns:
    name: lab

- name: One more address for its loopback link
  virtnet.linux.address:
    netns: lab
    dev: lo
    address: 192.0.2.53/32
"""

RETURN = r"""
addresses:
  description: Those of the addresses of the task that are there after it.
  returned: success
  type: list
  elements: dict
  contains:
    netns:
      description: The network namespace of the link; empty is the module's own.
      type: str
    dev:
      description: The name of the link.
      type: str
    address:
      description: The address with its prefix length.
      type: str
    peer:
      description: The address at the other end; empty if there is none.
      type: str
    broadcast:
      description: The broadcast address; empty if there is none.
      type: str
    label:
      description: The label; empty if it is the name of the link.
      type: str
    scope:
      description: Where the address is valid.
      type: str
    metric:
      description: The metric of the route to its network.
      returned: if it is not the kernel's value
      type: int
    valid_lft:
      description: The seconds that it stays.
      returned: if it is not the kernel's value
      type: str
    preferred_lft:
      description: The seconds in which new connections take it.
      returned: if it is not the kernel's value
      type: str
    nodad:
      description: Whether nobody looks for another host that has it.
      returned: if it is not the kernel's value
      type: bool
    home:
      description: Whether it is a home address.
      returned: if it is not the kernel's value
      type: bool
    mngtmpaddr:
      description: Whether temporary addresses are made of it.
      returned: if it is not the kernel's value
      type: bool
    noprefixroute:
      description: Whether its network has no route.
      returned: if it is not the kernel's value
      type: bool
    autojoin:
      description: Whether a multicast group is joined.
      returned: if it is not the kernel's value
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
    - ip address add 192.0.2.1/24 dev eth1
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip address delete 192.0.2.1/24 dev eth1
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
    from ansible_collections.virtnet.linux.plugins.module_utils._kinds import veth  # noqa: F401
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import address, neighbour, nexthop, route  # noqa: F401


def main():
    task("address")


if __name__ == "__main__":
    main()
