#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nexthop
short_description: Nexthop objects, and groups of them
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Adds, replaces and deletes nexthop objects, the ways that routes can take, and groups over which the kernel spreads
    the traffic. Any number of routes name one by its number, see O(virtnet.linux.route#module:nhid), and follow it when
    it changes.
  - A nexthop is known by its number, and changes in place. Where the kernel has no way for that, between a nexthop and
    a group, for another O(type) and for other O(buckets), it is deleted and made anew, and the routes that use it are
    put back.
  - With a nexthop the kernel deletes the routes that use it, and takes it out of its groups; a group without any goes
    as well. O(state=absent) does so too. RV(diff) names all that goes.
  - The kernel deletes a nexthop when its link goes down, or loses its carrier, moves to another network namespace or is
    deleted.
  - This needs Linux 5.3, resilient groups need Linux 5.13.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
options:
  id:
    description:
      - The number, from 1 to 4294967295. Nexthops of IPv4 and IPv6 and groups share the numbers of a network namespace.
    type: int
    required: true
  via:
    description:
      - The address of the gateway, without a prefix length. IPv4 routes can use a nexthop with an IPv6 gateway.
      - A nexthop without it is direct, its destinations are reached on the link O(dev) itself.
    type: str
  dev:
    description:
      - The link by which packets leave. It must be up and have its carrier.
      - A nexthop that is to be present needs O(dev), O(blackhole), O(fdb) or O(group).
    type: str
  onlink:
    description:
      - Whether the gateway counts as reached on O(dev) even if no address of the link says so. The kernel's value is
        V(false).
    type: bool
  family:
    description:
      - V(inet) is IPv4, V(inet6) is IPv6. It is needed only where O(via) does not tell, for IPv6 routes take no
        nexthop of IPv4. The kernel's value is V(inet).
    type: str
    choices: [inet, inet6]
  blackhole:
    description:
      - Whether packets are dropped. It needs C(lo) to be up, and excludes O(via), O(dev), O(onlink) and O(fdb).
    type: bool
  fdb:
    description:
      - Whether it is for the forwarding database of a vxlan, not for routes. Then O(via) is the other end of the
        tunnel, and O(dev) and O(onlink) are not given.
      - All nexthops of an O(group) with it have it, and the others have none.
    type: bool
  group:
    description:
      - The nexthops of a group, in their order. They are no groups themselves.
      - It excludes O(via), O(dev), O(onlink), O(family) and O(blackhole).
    type: list
    elements: dict
    suboptions:
      id:
        description: The number of the nexthop, from 1 to 4294967295.
        type: int
        required: true
      weight:
        description: The share of this nexthop among the others, from 1 to 255.
        type: int
        default: 1
  type:
    description:
      - How a O(group) spreads the traffic. V(mpath), the kernel's value, spreads all of it anew when the group changes.
      - V(resilient) leaves traffic where it is as long as it can, see O(buckets).
    type: str
    choices: [mpath, resilient]
  buckets:
    description:
      - How many parts the traffic has in a group of O(type=resilient), from 1 to 65535. A new one must be told.
    type: int
  idle_timer:
    description:
      - After how many seconds without traffic a part may move to another nexthop, with O(type=resilient), from 0 to
        42949671. The kernel's value is V(120).
    type: int
  unbalanced_timer:
    description:
      - After how many seconds parts move even with traffic, if the shares are not those of the weights, with
        O(type=resilient), from 0 to 42949671. V(0), the kernel's value, is never.
    type: int
  proto:
    description: The mark of who made the nexthop. A new one has V(static).
    type: str
    choices: [static, boot]
seealso:
  - module: virtnet.linux.route
  - module: virtnet.linux.address
"""

EXAMPLES = r"""
- name: The uplink has an address
  virtnet.linux.link:
    name: uplink
    up: true
    addresses:
      - 192.0.2.2/24

- name: Two gateways
  virtnet.linux.nexthop:
    id: 1
    via: 192.0.2.1
    dev: uplink

- name: The other one
  virtnet.linux.nexthop:
    id: 2
    via: 192.0.2.254
    dev: uplink

- name: A group of them; the second gets three times the traffic
  virtnet.linux.nexthop:
    id: 10
    group:
      - id: 1
      - id: 2
        weight: 3

- name: Two routes by the group
  virtnet.linux.route:
    dest:
      - 198.51.100.0/24
      - 203.0.113.0/24
    nhid: 10

- name: A group that leaves traffic where it is when it changes
  virtnet.linux.nexthop:
    id: 11
    group:
      - id: 1
      - id: 2
    type: resilient
    buckets: 32
    idle_timer: 60

- name: A nexthop that drops packets of IPv6
  virtnet.linux.nexthop:
    id: 20
    blackhole: true
    family: inet6

- name: The group goes, and with it the routes that use it
  virtnet.linux.nexthop:
    id: 10
    state: absent
"""

RETURN = r"""
nexthop:
  description: The nexthop after the task; V(null) if it is absent.
  returned: success
  type: dict
  contains:
    netns:
      description: The network namespace; empty is the module's own.
      type: str
    id:
      description: The number.
      type: int
    via:
      description: The address of the gateway.
      type: str
      returned: if there is one
    dev:
      description: The link by which packets leave.
      type: str
      returned: if there is one
    onlink:
      description: Whether the gateway counts as reached on the link.
      type: bool
      returned: if it does
    family:
      description: Of IPv4 or IPv6.
      type: str
      returned: if it is no group
    blackhole:
      description: Whether packets are dropped.
      type: bool
      returned: if they are
    fdb:
      description: Whether it is for the forwarding database of a vxlan.
      type: bool
      returned: if it is
    group:
      description: The nexthops of a group.
      type: list
      elements: dict
      returned: if it is a group
      contains:
        id:
          description: The number of the nexthop.
          type: int
        weight:
          description: Its share among the others.
          type: int
    type:
      description: How the group spreads the traffic.
      type: str
      returned: if it is not the kernel's value
    buckets:
      description: How many parts the traffic has.
      type: int
      returned: if it is a resilient group
    idle_timer:
      description: After how many seconds without traffic a part may move.
      type: int
      returned: if it is not the kernel's value
    unbalanced_timer:
      description: After how many seconds parts move even with traffic.
      type: int
      returned: if it is not the kernel's value
    proto:
      description: Who made the nexthop.
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
    - ip nexthop add id 1 via 192.0.2.1 dev uplink proto static
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip nexthop delete id 1
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
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import address, nexthop, route  # noqa: F401


def main():
    task("nexthop")


if __name__ == "__main__":
    main()
