#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bridge_vlan
short_description: The VLANs of the ports of a bridge
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Says which VLANs a port of a bridge belongs to, or the bridge itself, as C(bridge vlan) does.
  - The bridge heeds them if it has C(vlan_filtering), see M(virtnet.linux.linux_bridge). It gives VLAN 1 to itself and
    to every new port, as pvid and untagged, or whatever its C(vlan_default_pvid) says; O(exclusive=true) takes it away.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
options:
  dev:
    description:
      - A port of a bridge, or a bridge. What a bridge itself belongs to is what its own addresses and the links on it
        get; C(bridge vlan) calls that C(self).
    type: str
    required: true
  vid:
    description: VLANs, each a number from 1 to 4094 or a range such as V(10-20).
    type: list
    elements: str
  untagged:
    description:
      - Those whose frames leave the port without a tag; the others of the task leave with one. They need not stand in
        O(vid) as well.
      - Left out, a VLAN that the port has is left as it is, and the frames of a new one leave with a tag.
    type: list
    elements: str
  pvid:
    description: The VLAN of frames that come in without a tag. It need not stand in O(vid) as well. V(0) is none.
    type: int
  exclusive:
    description: Whether the port leaves all other VLANs.
    type: bool
    default: false
notes:
  - O(state=absent) takes the VLANs in O(vid) away.
seealso:
  - module: virtnet.linux.linux_bridge
"""

EXAMPLES = r"""
- name: A bridge that filters VLANs, with two ports
  virtnet.linux.linux_bridge:
    name: br0
    vlan_filtering: true
    ports:
      - name: eth1
      - name: eth2

- name: Behind eth1 is VLAN 100, without tags, and nothing else
  virtnet.linux.bridge_vlan:
    dev: eth1
    pvid: 100
    untagged: [100]
    exclusive: true

- name: On eth2 are many, with tags
  virtnet.linux.bridge_vlan:
    dev: eth2
    vid: [100, 200-210]

- name: The bridge itself is in VLAN 200, too
  virtnet.linux.bridge_vlan:
    dev: br0
    vid: [200]

- name: Some less
  virtnet.linux.bridge_vlan:
    dev: eth2
    vid: [205-210]
    state: absent
"""

RETURN = r"""
vlans:
  description: The VLANs of the port as they are after the task.
  returned: success
  type: dict
  contains:
    netns:
      description: The network namespace; empty is the module's own.
      type: str
    dev:
      description: The port, or the bridge.
      type: str
    pvid:
      description: The VLAN of frames that come in without a tag; V(0) is none.
      type: int
    vlans:
      description: All VLANs of the port.
      type: list
      elements: dict
      contains:
        vid:
          description: The number of the VLAN.
          type: int
        untagged:
          description: Whether its frames leave without a tag.
          type: bool
        pvid:
          description: Whether frames that come in without a tag belong to it.
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
    - bridge vlan add dev eth2 vid 200-210
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - bridge vlan delete dev eth2 vid 200-210
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
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import vlans  # noqa: F401


def main():
    task("bridge_vlan")


if __name__ == "__main__":
    main()
