#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vxlan
short_description: Ethernet over UDP, a segment of a virtual network (VXLAN)
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes a link that carries Ethernet frames in UDP to one or more other hosts, and sets its options.
  - O(state=absent) deletes it. The link by which its packets leave stays.
  - Where no default is given here, an option that is left out stays as it is, and a new link has the value named as
    the default of the kernel.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
  - virtnet.linux.link
  - virtnet.linux.link.new
  - virtnet.linux.link.over
options:
  id:
    description:
      - The number of the segment (VNI), 0 to 16777215. It or O(external=true) is needed unless O(state=absent).
      - Only a new link takes it. For another one see O(recreate).
    type: int
  link:
    description:
      - The link by which the outer packets leave; ip(8) calls it C(dev). Empty, as for a new one, is any.
    type: str
  local:
    description:
      - The source of the outer packets, IPv4 or IPv6. Left out it is chosen by the route.
      - Once set it can only be changed in place to another one of the same family.
    type: str
  remote:
    description:
      - Where frames go for which no other host is known, IPv4 or IPv6. A multicast address, for which C(group) is
        another name, reaches all hosts of the segment; it needs O(link).
      - Without it frames only go where the entries of the forwarding database say.
      - Once set it can only be changed in place to another one of the same family.
    type: str
    aliases: [group]
  dstport:
    description:
      - The UDP port that frames are sent to, and expected at, 1 to 65535. The kernel's value is V(8472), as in ip(8);
        other systems take V(4789).
      - Only a new link takes it; see O(recreate).
    type: int
  srcport:
    description:
      - The range of UDP ports from which frames are sent, for instance V(32768-60999); ip(8) spells it with a space. An
        empty string, the kernel's value, is the range of the sysctl C(net.ipv4.ip_local_port_range).
      - Only a new link takes it; see O(recreate).
    type: str
  flowlabel:
    description:
      - The flow label of outer IPv6 packets, 0 to 1048575. The kernel's value is V(0). It can be written as V(0xabcde).
    type: str
  ttl:
    description:
      - The time to live of the outer packets, 1 to 255; V(0) lets the kernel choose, and V(inherit) is that of the
        inner packet. The kernel's value is V(0). Only a new link takes or loses V(inherit); see O(recreate).
    type: str
  tos:
    description:
      - The type of service, or traffic class, of the outer packets, 0 to 255, or V(inherit) for that of the inner
        packet. The kernel's value is V(0). It can be written as V(0x10).
    type: str
  df:
    description:
      - Whether outer IPv4 packets say that they must not be fragmented. With V(inherit) as the inner packet says. The
        kernel's value is V(unset).
    type: str
    choices: [unset, set, inherit]
  learning:
    description:
      - Whether it learns from the frames that arrive behind which host a station is. The kernel's value is V(true).
    type: bool
  proxy:
    description:
      - Whether it answers ARP and neighbour discovery for stations that it knows. The kernel's value is V(false).
      - Only a new link takes it; see O(recreate).
    type: bool
  rsc:
    description:
      - Whether it goes a shorter way where a route would be taken. The kernel's value is V(false).
      - Only a new link takes it; see O(recreate).
    type: bool
  l2miss:
    description:
      - Whether programs are told of MAC addresses that are not known. The kernel's value is V(false).
      - Only a new link takes it; see O(recreate).
    type: bool
  l3miss:
    description:
      - Whether programs are told of IP addresses that are not known. The kernel's value is V(false).
      - Only a new link takes it; see O(recreate).
    type: bool
  ageing:
    description:
      - After how many seconds something learnt is forgotten, 1 to 4294967295. The kernel's value is V(300).
    type: int
  maxaddress:
    description:
      - How many MAC addresses it knows at most, up to 4294967295; V(0) is no limit. The kernel's value is V(0).
      - Only a new link takes it; see O(recreate).
    type: int
  udpcsum:
    description:
      - Whether outer IPv4 packets have a UDP checksum. The kernel's value is V(true). Only a new link takes it; see
        O(recreate).
    type: bool
  udp6zerocsumtx:
    description:
      - Whether outer IPv6 packets are sent without a UDP checksum. The kernel's value is V(false). Only a new link
        takes it; see O(recreate).
    type: bool
  udp6zerocsumrx:
    description:
      - Whether outer IPv6 packets are accepted without a UDP checksum. The kernel's value is V(false). Only a new link
        takes it; see O(recreate).
    type: bool
  gbp:
    description:
      - Whether a group policy travels with the frames. The kernel's value is V(false). Only a new link takes it; see
        O(recreate).
    type: bool
  external:
    description:
      - Whether routes, rules or programs say for each frame where it goes, and with which O(id). The kernel's value is
        V(false). Only a new link takes it; see O(recreate).
    type: bool
  vnifilter:
    description:
      - Whether it takes frames of those segments alone that it was told of, see C(bridge vni). The kernel's value is
        V(false).
      - For O(external=true), from Linux 5.18 on. Only a new link takes it; see O(recreate).
    type: bool
notes:
  - With O(link) its MTU is what the outer packets leave of that of the link when it is made, and never more.
  - It goes when O(link) is deleted or goes to another network namespace.
  - The kernel refuses a second one with the same O(id) and O(dstport) over one network. So does the task, if it can see
    the other one.
  - Those of one network with the same O(dstport) must have the same flags to be up.
seealso:
  - module: virtnet.linux.link
  - module: virtnet.linux.geneve
"""

EXAMPLES = r"""
- name: Two hosts of a routed network, here network namespaces
  virtnet.linux.netns:
    name:
      - red
      - blue

- name: A segment that reaches one other host
  virtnet.linux.vxlan:
    name: vxlan5
    netns: red
    id: 5
    local: 192.0.2.1
    remote: 192.0.2.2
    dstport: 4789

- name: A segment whose frames go to a group, by one link
  virtnet.linux.vxlan:
    name: vxlan6
    id: 6
    group: 239.1.1.1
    link: eth1
    dstport: 4789

- name: Something learnt is forgotten sooner
  virtnet.linux.vxlan:
    name: vxlan5
    netns: red
    id: 5
    ageing: 60

- name: A segment in a network namespace, whose packets are in the host's own
  virtnet.linux.vxlan:
    name: vxlan7
    netns: blue
    link_netns: ""
    id: 7
    remote: 2001:db8::2

- name: A segment deleted
  virtnet.linux.vxlan:
    name: vxlan5
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
      description: Where the outer packets are, and the link by which they leave.
      type: dict
      contains:
        netns:
          description: The network namespace of the outer packets.
          type: str
        name:
          description: The name of that link; empty if it is any.
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
    id:
      description: The value of O(id).
      type: int
    local:
      description: The value of O(local).
      type: str
    remote:
      description: The value of O(remote).
      type: str
    dstport:
      description: The value of O(dstport).
      type: int
    srcport:
      description: The value of O(srcport).
      type: str
    flowlabel:
      description: The value of O(flowlabel).
      type: str
    ttl:
      description: The value of O(ttl).
      type: str
    tos:
      description: The value of O(tos).
      type: str
    df:
      description: The value of O(df).
      type: str
    learning:
      description: The value of O(learning).
      type: bool
    proxy:
      description: The value of O(proxy).
      type: bool
    rsc:
      description: The value of O(rsc).
      type: bool
    l2miss:
      description: The value of O(l2miss).
      type: bool
    l3miss:
      description: The value of O(l3miss).
      type: bool
    ageing:
      description: The value of O(ageing).
      type: int
    maxaddress:
      description: The value of O(maxaddress).
      type: int
    udpcsum:
      description: The value of O(udpcsum).
      type: bool
    udp6zerocsumtx:
      description: The value of O(udp6zerocsumtx).
      type: bool
    udp6zerocsumrx:
      description: The value of O(udp6zerocsumrx).
      type: bool
    gbp:
      description: The value of O(gbp).
      type: bool
    external:
      description: The value of O(external).
      type: bool
    vnifilter:
      description: The value of O(vnifilter).
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
    - ip -n red link add name vxlan5 up type vxlan id 5 local 192.0.2.1 remote 192.0.2.2 dstport 4789
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip -n red link delete dev vxlan5
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
    task("vxlan")


if __name__ == "__main__":
    main()
