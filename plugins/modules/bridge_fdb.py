#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bridge_fdb
short_description: Static entries of the forwarding database of a bridge or vxlan
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Says behind which port of a bridge a MAC address is, or behind which address of a vxlan, as C(bridge fdb) does.
  - What the bridge has learned, and the addresses of its ports, are left alone. A task for an address that it has
    learned replaces that.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
options:
  dev:
    description: The port of the bridge, or with O(self=true) the vxlan, or the bridge itself.
    type: str
    required: true
  lladdr:
    description:
      - The MAC address. With O(self=true) V(00:00:00:00:00:00) is whatever is not known, and there may be several, each
        with its O(dst).
    type: str
    required: true
  vlan:
    description:
      - The VLAN, from 1 to 4094; the port must belong to it.
      - Left out, it is no VLAN, and all that the port belongs to. With O(state=absent) it is any.
    type: int
  local:
    description: Whether it is an address of this host, and frames to it go no further. A new one is not.
    type: bool
  self:
    description:
      - Whether the entry is one of the link O(dev) itself, a vxlan or a bridge, and not of the bridge it is a port of.
      - That of a bridge is an address of the host; O(local) need not be said.
    type: bool
    default: false
  dst:
    description:
      - The IP address of the other end of the vxlan. It must be given for a vxlan, unless O(state=absent).
    type: str
  vni:
    description: The number of the network at the other end of the vxlan, from 1 to 16777215, if it is another one.
    type: int
  port:
    description: The UDP port of the other end of the vxlan, from 1 to 65535, if it is another one.
    type: int
  via:
    description: The link by which the outer packets of the vxlan leave.
    type: str
  src_vni:
    description:
      - The number of the network from which the frames come, from 1 to 16777215, of a vxlan with C(external).
      - Without it the entry is for none in particular.
    type: int
  sticky:
    description:
      - Whether the address stays behind this port though its frames come in by another one. A new one does not.
    type: bool
  extern_learn:
    description:
      - Whether the entry counts as learned by a control plane, for instance of EVPN; a new one does not.
      - To change it the entry is made anew. The several destinations of one address have it in common, so a further one
        is as those that are there, and another value is refused.
    type: bool
seealso:
  - module: virtnet.linux.bridge_mdb
  - module: virtnet.linux.neighbour
"""

EXAMPLES = r"""
- name: A port
  virtnet.linux.veth:
    name: p1
    peer:
      name: eth0

- name: A bridge with it
  virtnet.linux.linux_bridge:
    name: br0
    ports:
      - name: p1

- name: Frames to this address leave by p1, wherever they seem to come from
  virtnet.linux.bridge_fdb:
    dev: p1
    lladdr: 02:00:5e:00:53:02

- name: Not any more
  virtnet.linux.bridge_fdb:
    dev: p1
    lladdr: 02:00:5e:00:53:02
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
      description: The port, or the vxlan.
      type: str
    lladdr:
      description: The MAC address.
      type: str
    vlan:
      description: The VLAN; V(0) is none.
      type: int
    self:
      description: Whether it is an entry of the link itself.
      type: bool
    local:
      description: Whether it is an address of this host.
      type: bool
    dst:
      description: The address of the other end of a vxlan.
      type: str
    vni:
      description: The number of the network there; V(0) is that of the vxlan.
      type: int
    port:
      description: The UDP port of the other end; V(0) is that of the vxlan.
      type: int
    via:
      description: The link by which the outer packets leave, or empty.
      type: str
    src_vni:
      description: The number of the network from which the frames come; V(0) is none in particular.
      type: int
    sticky:
      description: Whether it stays behind this port.
      type: bool
    extern_learn:
      description: Whether it counts as learned by a control plane.
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
    - bridge fdb replace 02:00:5e:00:53:02 dev p1 master static
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - bridge fdb delete 02:00:5e:00:53:02 dev p1 master
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
    from ansible_collections.virtnet.linux.plugins.module_utils._kinds import bridge, veth, vxlan  # noqa: F401
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import fdb  # noqa: F401


def main():
    task("bridge_fdb")


if __name__ == "__main__":
    main()
