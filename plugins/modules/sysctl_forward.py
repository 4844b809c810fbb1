#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: sysctl_forward
short_description: Forwarding of packets, and what goes with it
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Sets forwarding, and settings that routers and hosts with several links need besides, of a network namespace or of
    one link, and can make them last over a reboot.
  - The settings are those of C(ip-sysctl.rst) in the documentation of the kernel.
  - O(state=absent) sets the given settings to 0, O(accept_ra) to 1, and removes the files that O(persistent) wrote for
    them.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
options:
  dev:
    description: The link whose settings are set. Left out, they are those of the whole network namespace.
    type: str
  ipv4:
    description:
      - Whether IPv4 packets are forwarded; C(net.ipv4.ip_forward), or C(net.ipv4.conf.DEV.forwarding) with O(dev).
      - Setting it for the whole network namespace sets it for every link there as well.
    type: bool
  ipv6:
    description:
      - Whether IPv6 packets are forwarded; C(net.ipv6.conf.all.forwarding), or C(net.ipv6.conf.DEV.forwarding) with
        O(dev).
      - Setting it for the whole network namespace sets it for every link there as well. A link that forwards does not
        accept router advertisements, unless O(accept_ra=2); the routes that it got by them go. The module warns of it.
    type: bool
  rp_filter:
    description:
      - Whether a packet is dropped if its answer would not leave by the link at which it came in. V(0) is no, V(1) is
        strict, V(2) is loose, dropping only what has no way back at all.
      - Without O(dev) it writes C(all) and C(default). For a packet the kernel uses the larger of C(all) and the
        link's own value.
    type: int
    choices: [0, 1, 2]
  proxy_arp:
    description:
      - Whether the host answers ARP requests for addresses to which it has a route; C(proxy_arp) of C(all) or of
        O(dev).
    type: bool
  proxy_ndp:
    description:
      - Whether the host answers neighbour solicitations for those addresses that M(virtnet.linux.neighbour) sets with
        C(proxy); C(proxy_ndp) of C(all) or of O(dev).
    type: bool
  accept_ra:
    description:
      - Whether a link accepts router advertisements. V(0) is no, V(1) is yes unless it forwards, V(2) is yes in any
        case. The kernel's value is V(1).
      - Without O(dev) it is that of C(default), which new links get. Links that are there keep their own.
    type: int
    choices: [0, 1, 2]
  keep_addr_on_down:
    description:
      - Whether a link that goes down keeps its IPv6 addresses, but for link-local ones; C(keep_addr_on_down) of C(all)
        or of O(dev).
    type: bool
  disable_ipv6:
    description:
      - Whether links have no IPv6; C(disable_ipv6) of C(all) or of O(dev). Setting it for the whole network namespace
        sets it for every link there as well, and for new ones.
      - With V(true) a link loses its IPv6 addresses, routes and neighbours. V(false) does not bring them back, but a
        rollback does.
    type: bool
  arp_ignore:
    description:
      - For which of its addresses the host answers ARP requests. V(0) is all, V(1) those of the link, V(2) those of the
        link in the network of who asks, V(3) those with a scope beyond the host, V(8) is none.
      - C(arp_ignore) of C(all) or of O(dev); the kernel uses the larger one.
    type: int
    choices: [0, 1, 2, 3, 8]
  arp_filter:
    description:
      - Whether a link answers only ARP requests whose answer leaves by it; C(arp_filter) of C(all) or of O(dev).
    type: bool
  accept_local:
    description:
      - Whether packets may come in that are from an address of the host; C(accept_local) of C(all) or of O(dev).
    type: bool
  fib_multipath_hash_policy:
    description:
      - By what the kernel chooses among the next hops of a multipath route. V(0) is addresses, V(1) is addresses, ports
        and protocol, V(2) is V(0) or the addresses of the inner packet, V(3) is what C(fib_multipath_hash_fields) says.
      - It is set for IPv4 and IPv6, for the whole network namespace, without O(dev).
    type: int
    choices: [0, 1, 2, 3]
  persistent:
    description:
      - With V(true) each setting is also written to a file of its own, C(/etc/sysctl.d/9X-virtnet-*.conf). With
        V(false) these files are removed, with nothing given they stay as they are. No other file is touched.
      - udev(7) reads them again when a link comes after the boot. Without V(true) a restart of systemd-sysctl, as in an
        upgrade, sets back what other files there say.
      - Only for the host's own network namespace, without O(netns).
    type: bool
notes:
  - At least one setting must be given. With O(state=absent) its value does not matter.
seealso:
  - module: virtnet.linux.nat_masquerade
  - module: virtnet.linux.route
"""

EXAMPLES = r"""
- name: The host forwards packets, after a reboot too
  virtnet.linux.sysctl_forward:
    ipv4: true
    ipv6: true
    persistent: true

- name: One link with a loose reverse path filter and proxy ARP
  virtnet.linux.sysctl_forward:
    dev: eth1
    rp_filter: 2
    proxy_arp: true

- name: The host forwards IPv6 and still hears of its routers by eth1
  virtnet.linux.sysctl_forward:
    dev: eth1
    ipv6: true
    accept_ra: 2

- name: A link without IPv6
  virtnet.linux.sysctl_forward:
    dev: eth2
    disable_ipv6: true

- name: A network namespace
  virtnet.linux.netns:
    name: router

- name: It forwards IPv4
  virtnet.linux.sysctl_forward:
    netns: router
    ipv4: true
    rp_filter: 0

- name: The host forwards no more, and the files are removed
  virtnet.linux.sysctl_forward:
    ipv4: true
    ipv6: true
    state: absent
"""

RETURN = r"""
sysctls:
  description: The settings of the task as they are after it.
  returned: success
  type: list
  elements: dict
  contains:
    netns:
      description: The network namespace; empty is the module's own.
      type: str
    family:
      description: V(ipv4) or V(ipv6).
      type: str
    dev:
      description: The link, V(all), V(default), or empty for what is of no link, such as C(net.ipv4.ip_forward).
      type: str
    name:
      description: The name of the setting.
      type: str
    value:
      description: The value.
      type: int
    key:
      description: The whole name as sysctl(8) takes it.
      type: str
      sample: net/ipv4/ip_forward
commands:
  description:
    - What is done, or in check mode would be done, as command lines of ip(8), bridge(8), sysctl(8), nft(8) or
      iptables(8).
    - They run as they stand in a root shell.
  returned: success
  type: list
  elements: str
  sample:
    - sysctl -w net/ipv4/ip_forward=1
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - sysctl -w net/ipv4/ip_forward=0
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
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import address, neighbour, route, sysctl  # noqa: F401


def main():
    task("sysctl_forward")


if __name__ == "__main__":
    main()
