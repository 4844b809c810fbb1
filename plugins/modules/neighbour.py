#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: neighbour
short_description: Neighbours, the MAC addresses of IP addresses
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Sets what the kernel would else find out by ARP or neighbour discovery, as C(ip neighbour) does.
  - A neighbour that is set so is permanent; the kernel forgets all others by itself.
  - What the kernel has learned is left alone. A task for an address that it has learned replaces that.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
options:
  dev:
    description: The link on which the neighbour is.
    type: str
    required: true
  address:
    description: The IPv4 or IPv6 address of the neighbour, without a prefix length.
    type: str
    required: true
  lladdr:
    description: The MAC address of the neighbour. It must be given unless O(proxy=true) or O(state=absent).
    type: str
  router:
    description: Whether the neighbour is a router.
    type: bool
  proxy:
    description:
      - Whether this host answers for the address in place of a neighbour, on the link O(dev). It does so if the link
        has C(proxy_ndp), or for IPv4 forwards or has C(proxy_arp).
    type: bool
    default: false
notes:
  - The kernel forgets neighbours, also permanent ones, when the link goes down, gets another MAC address, or loses its
    last IPv4 address.
seealso:
  - module: virtnet.linux.bridge_fdb
"""

EXAMPLES = r"""
- name: The link has addresses
  virtnet.linux.link:
    name: eth1
    up: true
    addresses:
      - 192.0.2.1/24
      - 2001:db8::1/64

- name: Two neighbours need no ARP and no neighbour discovery
  virtnet.linux.neighbour:
    dev: eth1
    address: "{{ item }}"
    lladdr: 02:00:5e:00:53:02
  loop:
    - 192.0.2.2
    - 2001:db8::2

- name: This host answers for another one
  virtnet.linux.neighbour:
    dev: eth1
    address: 2001:db8::3
    proxy: true

- name: The first is to be found out again
  virtnet.linux.neighbour:
    dev: eth1
    address: 192.0.2.2
    state: absent
"""

RETURN = r"""
neighbours:
  description: The neighbour of the task, if it is there after it.
  returned: success
  type: list
  elements: dict
  contains:
    netns:
      description: The network namespace; empty is the module's own.
      type: str
    dev:
      description: The link.
      type: str
    address:
      description: The IP address.
      type: str
    lladdr:
      description: The MAC address; empty for one that this host answers for.
      type: str
    router:
      description: Whether it is a router.
      type: bool
    proxy:
      description: Whether this host answers for it.
      type: bool
commands:
  description:
    - What is done, or in check mode would be done, as command lines of ip(8), bridge(8), tc(8), sysctl(8), nft(8) or
      iptables(8).
    - They run as they stand in a root shell.
  returned: success
  type: list
  elements: str
  sample:
    - ip neighbour replace 192.0.2.2 lladdr 02:00:5e:00:53:02 nud permanent dev eth1
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip neighbour delete 192.0.2.2 dev eth1
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
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import neighbour  # noqa: F401


def main():
    task("neighbour")


if __name__ == "__main__":
    main()
