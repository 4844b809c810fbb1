#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: route
short_description: IPv4 and IPv6 routes
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Adds, replaces and deletes routes.
  - A route is known by its destination, table, metric, O(tos) and O(from). If there is one with other next hops, it
    is replaced. Where others made several such routes beside each other, the one with these next hops is meant; packets
    take it then, and the others stay.
  - Routes that the kernel made by itself, for instance to the network of an address, are never changed or deleted.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
options:
  dest:
    description:
      - The destinations. Each is a network such as V(192.0.2.0/24) without bits of a host, a single address, or
        V(default).
      - V(default) is the IPv6 default route if O(via) is an IPv6 address or O(family=inet6), else the IPv4 one.
    type: list
    elements: str
    required: true
  via:
    description:
      - The address of the gateway, without a prefix length. An IPv4 destination may have an IPv6 gateway.
      - A route without it is direct, its destinations are reached on the link O(dev) itself.
      - A route that is to be present needs O(via), O(dev) or O(multipath), unless O(type) says that it goes nowhere.
    type: str
  dev:
    description: The link by which packets leave. Left out, the kernel finds it from O(via).
    type: str
  onlink:
    description: Whether the gateway counts as reached on O(dev) even if no address of the link says so.
    type: bool
  multipath:
    description:
      - Several next hops, at least two, over which the kernel spreads the traffic.
      - It excludes O(via), O(dev) and O(onlink).
    type: list
    elements: dict
    suboptions:
      via:
        description: The address of the gateway; like O(via).
        type: str
      dev:
        description: The link by which packets leave; like O(dev).
        type: str
      weight:
        description: The share of this next hop among the others, from 1 to 256.
        type: int
        default: 1
      onlink:
        description: Whether the gateway counts as reached on the link; like O(onlink).
        type: bool
  family:
    description: V(inet) is IPv4, V(inet6) is IPv6. It is needed only where O(dest) does not tell.
    type: str
    choices: [inet, inet6]
  table:
    description:
      - The routing table, as V(main), V(default) or a number from 1 to 4294967295. Table 255, local, is the kernel's
        own.
      - Left out it is V(main), unless O(vrf) is given.
    type: str
  vrf:
    description: The VRF in whose table the route is; see M(virtnet.linux.vrf). It excludes O(table).
    type: str
  metric:
    description:
      - The preference among routes to the same destination, from 0 to 4294967295; the lowest wins.
      - Left out it is V(0) for IPv4 and V(1024) for IPv6, as the kernel has it, which takes V(0) of IPv6
        for the same. With O(state=absent) it then is any.
    type: int
  type:
    description:
      - V(unicast) sends packets on and is what a route is if this is left out. The others have no next hop.
      - V(blackhole) drops packets silently, V(unreachable) and V(prohibit) answer with an ICMP error, V(throw) goes
        on with the next routing rule.
      - V(local) hands packets to the host itself, V(anycast) too, V(broadcast) and V(multicast) send them to all.
    type: str
    choices: [unicast, local, broadcast, anycast, multicast, blackhole, unreachable, prohibit, throw]
  src:
    description:
      - The source address that the host takes for packets of its own on this route; it must be an address of the
        host.
    type: str
  scope:
    description: How far the destination is, for IPv4. A new route has V(link) if it is direct, else V(global).
    type: str
    choices: [global, site, link, host]
  mtu:
    description: The largest packet on this route in bytes, from 0 to 65520; V(0) is that of the link.
    type: int
  proto:
    description: The mark of who made the route. A new route has V(static).
    type: str
    choices: [static, boot]
  tos:
    description:
      - The type of service of the packets that the route is for, as a number from 0 to 255 or V(0x00) to V(0xff); IPv4
        alone. The kernel's value is V(0x00), for all packets that no other route is for.
    type: str
  from:
    description: The network of the sources of the packets that the route is for; IPv6 alone.
    type: str
  pref:
    description: The preference among IPv6 routers (RFC 4191). The kernel's value is V(medium).
    type: str
    choices: [medium, high, low]
  nhid:
    description:
      - The number of the nexthop object by which packets go, from 1 to 4294967295; see M(virtnet.linux.nexthop).
      - It excludes O(via), O(dev), O(onlink) and O(multipath).
    type: int
  mtu_lock:
    description: Whether O(mtu) stays when the path tells a smaller one. The kernel's value is V(false).
    type: bool
  advmss:
    description:
      - The largest TCP segment that is told to the other side, in bytes, from 0 to 65495. V(0), the value of the
        kernel, follows from the MTU.
    type: int
  hoplimit:
    description: The hop limit of packets, from 0 to 255. V(0), the kernel's value, is that of the host.
    type: int
  initcwnd:
    description:
      - How many segments TCP sends before the first answer, from 0 to 4294967295. V(0), the kernel's value, is that of
        the kernel.
    type: int
  initrwnd:
    description:
      - How many segments TCP offers to receive at first, from 0 to 4294967295. V(0), the kernel's value, is that of the
        kernel.
    type: int
  quickack:
    description: Whether TCP acknowledges at once. The kernel's value is V(false).
    type: bool
notes:
  - O(state=absent) deletes the routes to O(dest) in O(table). Other options, if given, must fit as well.
seealso:
  - module: virtnet.linux.address
  - module: virtnet.linux.nexthop
  - module: virtnet.linux.sysctl_forward
"""

EXAMPLES = r"""
- name: The uplink has addresses
  virtnet.linux.link:
    name: uplink
    up: true
    addresses:
      - 192.0.2.2/24
      - 2001:db8:1::2/64

- name: Default routes for IPv4 and IPv6
  virtnet.linux.route:
    dest: default
    via: "{{ item }}"
  loop:
    - 192.0.2.1
    - 2001:db8:1::1

- name: Two networks behind one gateway
  virtnet.linux.route:
    dest:
      - 198.51.100.0/24
      - 203.0.113.0/24
    via: 192.0.2.254
    dev: uplink
    metric: 100
    mtu: 1400

- name: A network that is reached directly, with a source address
  virtnet.linux.route:
    dest: 10.1.0.0/16
    dev: uplink
    src: 192.0.2.2

- name: A network reached by two gateways, one of them with twice the traffic
  virtnet.linux.route:
    dest: 10.2.0.0/16
    multipath:
      - via: 192.0.2.1
        weight: 2
      - via: 192.0.2.254

- name: Packets to these networks are dropped
  virtnet.linux.route:
    dest:
      - 10.3.0.0/16
      - 2001:db8:3::/48
    type: blackhole

- name: A route in a table of its own
  virtnet.linux.route:
    dest: default
    dev: uplink
    table: "100"

- name: More segments at the start of a connection
  virtnet.linux.route:
    dest: 10.4.0.0/16
    via: 192.0.2.254
    initcwnd: 20
    initrwnd: 20

- name: A route deleted, whatever its gateway and metric
  virtnet.linux.route:
    dest: 198.51.100.0/24
    state: absent
"""

RETURN = r"""
routes:
  description: Those of the routes of the task that are there after it.
  returned: success
  type: list
  elements: dict
  contains:
    netns:
      description: The network namespace of the route; empty is the module's own.
      type: str
    dest:
      description: The destination with its prefix length; V(0.0.0.0/0) and V(::/0) are the default routes.
      type: str
    table:
      description: The number of the routing table; V(254) is main.
      type: int
    metric:
      description: The preference among routes to the same destination.
      type: int
    type:
      description: What becomes of packets.
      type: str
    hops:
      description: The next hops, several for a multipath route.
      type: list
      elements: dict
      contains:
        via:
          description: The address of the gateway.
          returned: if there is one
          type: str
        dev:
          description: The link by which packets leave.
          returned: if it is known
          type: str
        weight:
          description: The share of this next hop.
          type: int
        onlink:
          description: Whether the gateway counts as reached on the link.
          returned: if it does
          type: bool
    src:
      description: The source address; empty if there is none.
      type: str
    scope:
      description: How far the destination is.
      type: str
    mtu:
      description: The largest packet in bytes; V(0) is that of the link.
      type: int
    proto:
      description: Who made the route.
      type: str
    tos:
      description: The type of service, as a number.
      returned: if it is not the kernel's value
      type: int
    from:
      description: The network of the sources.
      returned: if it is not the kernel's value
      type: str
    pref:
      description: The preference among routers.
      returned: if it is not the kernel's value
      type: str
    nhid:
      description: The number of the nexthop object.
      returned: if it is not the kernel's value
      type: int
    mtu_lock:
      description: Whether the MTU stays.
      returned: if it is not the kernel's value
      type: bool
    advmss:
      description: The largest TCP segment in bytes.
      returned: if it is not the kernel's value
      type: int
    hoplimit:
      description: The hop limit of packets.
      returned: if it is not the kernel's value
      type: int
    initcwnd:
      description: The segments that TCP sends at first.
      returned: if it is not the kernel's value
      type: int
    initrwnd:
      description: The segments that TCP takes at first.
      returned: if it is not the kernel's value
      type: int
    quickack:
      description: Whether TCP acknowledges at once.
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
    - ip route add 198.51.100.0/24 via 192.0.2.254 dev uplink metric 100 proto static
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip route delete 198.51.100.0/24 via 192.0.2.254 dev uplink metric 100
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
    from ansible_collections.virtnet.linux.plugins.module_utils._resources import route_options  # noqa: F401
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import address, nexthop, route  # noqa: F401


def main():
    task("route")


if __name__ == "__main__":
    main()
