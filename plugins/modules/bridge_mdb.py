#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bridge_mdb
short_description: Static multicast groups of the ports of a bridge
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Says which multicast groups a port of a bridge gets, whoever asked for them, as C(bridge mdb) does.
  - What the bridge has learned by IGMP and MLD is left alone.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
options:
  dev:
    description: The bridge. It must be up and have C(mcast_snooping).
    type: str
    required: true
  port:
    description: The port.
    type: str
    required: true
  grp:
    description: The groups, each a multicast address of IPv4, IPv6 or Ethernet.
    type: list
    elements: str
    required: true
  vid:
    description:
      - The VLAN, from 1 to 4094. It must be given if the bridge filters VLANs.
      - With O(state=absent), left out it is any.
    type: int
  src:
    description:
      - The address of the one sender whose packets are meant. Left out, the entry is for those of all senders.
      - With O(state=absent), left out it is any.
    type: str
seealso:
  - module: virtnet.linux.bridge_fdb
"""

EXAMPLES = r"""
- name: A bridge with a port
  virtnet.linux.linux_bridge:
    name: br0
    ports:
      - name: eth1

- name: Two groups go to it
  virtnet.linux.bridge_mdb:
    dev: br0
    port: eth1
    grp:
      - 239.1.1.1
      - ff05::1:3

- name: One of them does no more
  virtnet.linux.bridge_mdb:
    dev: br0
    port: eth1
    grp: [239.1.1.1]
    state: absent
"""

RETURN = r"""
entries:
  description: Those entries of the task that are there after it.
  returned: success
  type: list
  elements: dict
  contains:
    netns:
      description: The network namespace; empty is the module's own.
      type: str
    dev:
      description: The bridge.
      type: str
    port:
      description: The port.
      type: str
    grp:
      description: The group.
      type: str
    vid:
      description: The VLAN; V(0) is none.
      type: int
    src:
      description: The one sender that is meant, or empty.
      type: str
commands:
  description:
    - What is done, or in check mode would be done, as command lines of ip(8), bridge(8), tc(8), sysctl(8), nft(8) or
      iptables(8).
    - They run as they stand in a root shell.
  returned: success
  type: list
  elements: str
  sample:
    - bridge mdb add dev br0 port eth1 grp 239.1.1.1 permanent
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - bridge mdb delete dev br0 port eth1 grp 239.1.1.1
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
    from ansible_collections.virtnet.linux.plugins.module_utils._kinds import bridge, veth  # noqa: F401
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import mdb  # noqa: F401


def main():
    task("bridge_mdb")


if __name__ == "__main__":
    main()
