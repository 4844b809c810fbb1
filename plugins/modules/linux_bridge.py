#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: linux_bridge
short_description: A bridge of the Linux kernel, and its ports
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes a bridge, sets its options, and makes links its ports.
  - O(state=absent) deletes the bridge. The links that were its ports stay.
  - Where no default is given here, an option that is left out stays as it is, and a new bridge has the value named as
    the kernel's.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
  - virtnet.linux.link
  - virtnet.linux.link.new
  - virtnet.linux.link.one
options:
  stp_state:
    description: Whether the bridge takes part in the spanning tree protocol. The kernel's value is V(false).
    type: bool
  priority:
    description:
      - The priority in the spanning tree, from 0 to 65535; the lowest becomes the root. The kernel's value is
        V(32768).
    type: int
  forward_delay:
    description:
      - How long a port listens, and again learns, before it forwards, in hundredths of a second from 0 to 3000. The
        kernel's value is V(1500), 15 seconds.
      - With O(stp_state=true) the kernel takes no less than V(200).
    type: int
  hello_time:
    description:
      - The time between the hello packets of a root bridge, in hundredths of a second from 100 to 1000. The kernel's
        value is V(200).
    type: int
  max_age:
    description:
      - How long the word of another bridge holds, in hundredths of a second from 600 to 4000. The kernel's value is
        V(2000).
    type: int
  ageing_time:
    description:
      - How long the bridge remembers the port of a MAC address, in hundredths of a second from 0 to 10000000. The
        kernel's value is V(30000), 5 minutes.
      - With V(0) it remembers nothing and sends each frame to all ports, like a hub.
      - While STP handles a change of the topology, the kernel tells twice the O(forward_delay) in its place. Results
        have null then, and a task that gives a value sets it.
    type: int
  group_fwd_mask:
    description:
      - Which of the link-local frames to 01:80:c2:00:00:0X are forwarded, one bit each; a multiple of 8 from 0 to
        65528. The kernel's value is V(0), none, and it never forwards the first three.
      - V(16384) lets LLDP pass.
    type: int
  mcast_snooping:
    description:
      - Whether the bridge listens to IGMP and MLD and sends multicast only where it is wanted. The kernel's value is
        V(true).
    type: bool
  vlan_filtering:
    description: Whether the bridge looks at VLAN tags and keeps VLANs apart. The kernel's value is V(false).
    type: bool
  vlan_default_pvid:
    description: The VLAN of untagged frames at a new port, from 0 to 4094; V(0) is none. The kernel's value is V(1).
    type: int
  vlan_protocol:
    description: The tag that O(vlan_filtering) looks at. The kernel's value is V(802.1Q).
    type: str
    choices: ["802.1Q", "802.1ad"]
  ports:
    description:
      - Links that are to be ports of the bridge, in the same network namespace. They must be there, and are not set up.
      - They are added to the ports that the bridge has, unless O(exclusive_ports=true).
      - A link that is a port of another master is refused, unless O(take_over=true).
      - Where nothing but its name is to be said of a port, the name is enough.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the link.
        type: str
        required: true
      cost:
        description:
          - The cost of the way by this port in the spanning tree, from 1 to 65535. The kernel takes it from the speed
            of the link.
        type: int
      priority:
        description: The priority of the port in the spanning tree, from 0 to 63. The kernel's value is V(32).
        type: int
      hairpin:
        description: Whether a frame may leave by the port at which it came in. The kernel's value is V(false).
        type: bool
      isolated:
        description: Whether the port is kept apart from other isolated ports. The kernel's value is V(false).
        type: bool
      learning:
        description: Whether the bridge learns MAC addresses at this port. The kernel's value is V(true).
        type: bool
      guard:
        description:
          - Whether the port drops spanning tree packets that come in (BPDU guard). The kernel's value is V(false).
        type: bool
      root_block:
        description: Whether the port is kept from becoming the way to the root bridge. The kernel's value is V(false).
        type: bool
      fastleave:
        description:
          - Whether multicast to the port ends at once when a receiver leaves the group. The kernel's value is
            V(false).
        type: bool
      flood:
        description:
          - Whether frames to a MAC address that the bridge does not know leave by the port. The kernel's value is
            V(true).
        type: bool
      mcast_flood:
        description:
          - Whether multicast for which no receiver is known leaves by the port. The kernel's value is V(true).
        type: bool
      bcast_flood:
        description: Whether broadcast leaves by the port. The kernel's value is V(true).
        type: bool
      mcast_to_unicast:
        description:
          - Whether multicast leaves by the port as one frame for each receiver, with its MAC address. The kernel's
            value is V(false).
        type: bool
      mcast_router:
        description:
          - Whether a multicast router is behind the port, which gets all multicast; V(0) is never, V(1) as its queries
            say, V(2) always, and V(3) for as long as it keeps asking. The kernel's value is V(1).
        type: int
      neigh_suppress:
        description:
          - Whether the bridge answers ARP and neighbour discovery for hosts that it knows, in place of sending them out
            by the port. The kernel's value is V(false).
        type: bool
      vlan_tunnel:
        description:
          - Whether VLANs of the port become the segments (VNI) of a VXLAN link, and the other way round. The kernel's
            value is V(false).
        type: bool
      locked:
        description:
          - Whether frames come in only from MAC addresses that the forwarding database has for the port, as with
            802.1X. The kernel's value is V(false). Linux 5.18 or newer.
        type: bool
      mab:
        description:
          - Whether the forwarding database gets a locked entry of a MAC address that was kept out, for programs that
            let it in by this address alone (MAC authentication bypass). It needs O(ports[].locked=true) and
            O(ports[].learning=true). The kernel's value is V(false). Linux 6.2 or newer.
        type: bool
      backup_port:
        description:
          - Another port of the bridge that gets the frames when this one has no carrier. An empty string is none, which
            is the kernel's value.
        type: str
  exclusive_ports:
    description:
      - Whether links that are not in O(ports) stop being ports of the bridge; without O(ports) that is all of them.
    type: bool
    default: false
  exclusive:
    description:
      - Whether other addresses of the bridge are taken away when O(addresses) is given.
      - Link-local addresses that the kernel made by itself always stay.
    type: bool
    default: false
notes:
  - A bridge takes its MAC address and MTU from its ports unless they are set here. On a host with udev(7) it is given a
    MAC address of its own, and keeps that; with O(take_over_addresses) it is made with that of its port.
  - The kernel rounds times to its clock. A difference of a hundredth of a second is no change.
seealso:
  - module: virtnet.linux.link
  - module: virtnet.linux.veth
"""

EXAMPLES = r"""
- name: A bridge with two network cards as its ports
  virtnet.linux.linux_bridge:
    name: br0
    addresses:
      - 192.0.2.1/24
    ports:
      - name: eth1
      - name: eth2

- name: The network cards set up
  virtnet.linux.link:
    name: "{{ item }}"
    up: true
  loop:
    - eth1
    - eth2

- name: Spanning tree with a forward delay of 4 seconds
  virtnet.linux.linux_bridge:
    name: br0
    stp_state: true
    priority: 4096
    forward_delay: 400
    ports:
      - name: eth1
        cost: 10
        guard: true

- name: One port and no other
  virtnet.linux.linux_bridge:
    name: br0
    ports:
      - name: eth2
        isolated: true
    exclusive_ports: true

- name: Another bridge, which takes this port away from the first
  virtnet.linux.linux_bridge:
    name: br1
    mcast_snooping: false
    ports:
      - name: eth2
    take_over: true

- name: The network card by which the host is reached, with its addresses and routes
  virtnet.linux.linux_bridge:
    name: br1
    ports:
      - name: uplink
    take_over_addresses: true

- name: The first bridge deleted
  virtnet.linux.linux_bridge:
    name: br0
    state: absent
"""

RETURN = r"""
link:
  description:
    - The bridge as it is after the task; null if it is not there.
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
      description: The link that this one stands on.
      type: dict
      contains:
        netns:
          description: The network namespace of that link.
          type: str
        name:
          description: The name of that link.
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
    stp_state:
      description: The value of O(stp_state).
      type: bool
    priority:
      description: The value of O(priority).
      type: int
    forward_delay:
      description: The value of O(forward_delay).
      type: int
    hello_time:
      description: The value of O(hello_time).
      type: int
    max_age:
      description: The value of O(max_age).
      type: int
    ageing_time:
      description: The value of O(ageing_time).
      type: int
    group_fwd_mask:
      description: The value of O(group_fwd_mask).
      type: int
    mcast_snooping:
      description: The value of O(mcast_snooping).
      type: bool
    vlan_filtering:
      description: The value of O(vlan_filtering).
      type: bool
    vlan_default_pvid:
      description: The value of O(vlan_default_pvid).
      type: int
    vlan_protocol:
      description: The value of O(vlan_protocol).
      type: str
    ports:
      description: The ports of the bridge, each with its O(ports[].name) and the options of a port.
      type: list
      elements: dict
commands:
  description:
    - What is done, or in check mode would be done, as command lines of ip(8), bridge(8), sysctl(8), nft(8) or
      iptables(8).
    - They run as they stand in a root shell.
  returned: success
  type: list
  elements: str
  sample:
    - ip link add name br0 type bridge
    - ip link set dev br0 up
    - ip link set dev eth1 master br0
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip link delete dev br0
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
    task("linux_bridge")


if __name__ == "__main__":
    main()
