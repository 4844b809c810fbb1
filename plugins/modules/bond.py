#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bond
short_description: Several links as one
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes a bond, which sends over several links as if they were one. Links become its ports by O(ports), or by their
    own O(master).
  - O(state=absent) deletes it. Its ports stay, and are as up as they were.
  - Where no default is given here, an option that is left out stays as it is, and a new link has the value named as
    the kernel's.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
  - virtnet.linux.link
  - virtnet.linux.link.new
  - virtnet.linux.link.one
options:
  mode:
    description:
      - How the ports are used. The kernel's value is V(balance-rr).
      - V(balance-rr) - one after the other.
      - V(active-backup) - one of them, and another when that fails.
      - V(balance-xor) - the one that O(xmit_hash_policy) chooses.
      - V(broadcast) - all at once.
      - V(802.3ad) - as agreed with the other side by LACP.
      - V(balance-tlb) - by load, when sending.
      - V(balance-alb) - by load, when sending and receiving.
      - Only a new link takes it. For another one see O(recreate).
    type: str
    choices: [balance-rr, active-backup, balance-xor, broadcast, 802.3ad, balance-tlb, balance-alb]
  miimon:
    description:
      - How often the carrier of the ports is looked at, in milliseconds, up to 2147483647. With V(0) it is not, and
        a port that fails is not noticed.
      - The kernel's value is V(0), and V(100) with O(mode=802.3ad), O(mode=balance-tlb) and O(mode=balance-alb).
    type: int
  updelay:
    description:
      - With O(miimon) that is not V(0), for how long a port must have a carrier before it is used, in milliseconds up
        to 2147483647, a multiple of O(miimon). The kernel's value is V(0).
      - O(miimon=0) ends it.
    type: int
  downdelay:
    description:
      - With O(miimon) that is not V(0), for how long a port must have no carrier before it is given up, in milliseconds
        up to 2147483647, a multiple of O(miimon). The kernel's value is V(0).
      - O(miimon=0) ends it.
    type: int
  arp_interval:
    description:
      - How often the ports are tried by ARP requests, in milliseconds up to 2147483647. The kernel's value is V(0), not
        at all.
      - It is for O(miimon=0), and not for the modes V(802.3ad), V(balance-tlb) and V(balance-alb).
    type: int
  arp_ip_target:
    description: The IPv4 addresses that are asked for then, 16 at most. The list is the whole list.
    type: list
    elements: str
  arp_validate:
    description:
      - With O(arp_interval) that is not V(0), of which ports the replies are looked at. The kernel's value is V(none).
      - An O(arp_interval) of V(0) ends it.
    type: str
    choices: [none, active, backup, all, filter, filter_active, filter_backup]
  primary:
    description:
      - The port that is used whenever it can be, with O(mode=active-backup), O(mode=balance-tlb) or
        O(mode=balance-alb). An empty string, which is the value of a new link, is none.
      - It must be a port, or become one by O(ports). A port that was primary when it left is so again when it comes
        back.
    type: str
  ports:
    description:
      - Links that are to be ports of the bond, in the same network namespace. They must be there.
      - They are added to the ports that the bond has, unless O(exclusive_ports=true).
      - A link that is a port of another master is refused, unless O(take_over=true).
      - Where nothing but its name is to be said of a port, the name is enough.
    type: list
    elements: dict
    suboptions:
      name:
        description: The name of the link.
        type: str
        required: true
  exclusive_ports:
    description:
      - Whether links that are not in O(ports) stop being ports of the bond; without O(ports) that is all of them.
    type: bool
    default: false
  xmit_hash_policy:
    description: What of a packet chooses the port. The kernel's value is V(layer2).
    type: str
    choices: [layer2, layer3+4, layer2+3, encap2+3, encap3+4, vlan+srcmac]
  min_links:
    description: How many ports must be up for the bond to have a carrier, up to 2147483647. The kernel's value is V(0).
    type: int
  lacp_rate:
    description:
      - With O(mode=802.3ad), how often the other side is asked to speak, every 30 seconds or every second. The kernel's
        value is V(slow).
      - Only a new link takes it. For another one see O(recreate).
    type: str
    choices: [slow, fast]
  ad_select:
    description:
      - With O(mode=802.3ad), when another aggregator is chosen. The kernel's value is V(stable).
      - Only a new link takes it. For another one see O(recreate).
    type: str
    choices: [stable, bandwidth, count]
  fail_over_mac:
    description:
      - With O(mode=active-backup), whether all ports have the MAC address of the bond, or the bond that of its active
        port, or each port that of the bond once it is active. The kernel's value is V(none), the first of these.
      - Only a new link takes it. For another one see O(recreate).
    type: str
    choices: [none, active, follow]
  primary_reselect:
    description: When a primary port that is back becomes the active one. The kernel's value is V(always).
    type: str
    choices: [always, better, failure]
  all_slaves_active:
    description: Whether frames are taken from ports that are not active. The kernel's value is V(false).
    type: bool
  resend_igmp:
    description: How often IGMP reports are sent after a port has failed, from 0 to 255. The kernel's value is V(1).
    type: int
notes:
  - A link comes to a bond when it is down. The plan sets it down first, and the kernel sets it up again, with the MAC
    address and the MTU of the bond. What fell on the way and nobody wished away, its IPv6 addresses and its routes, is
    put back.
  - A bond without a MAC address of its choice takes that of its first port; in the host's own network namespace it is
    made with it, as udev(7) would give it another one. When the last port has gone it has one by chance.
seealso:
  - module: virtnet.linux.link
  - module: virtnet.linux.linux_bridge
"""

EXAMPLES = r"""
- name: A bond of which one port is used at a time
  virtnet.linux.bond:
    name: bond0
    mode: active-backup
    miimon: 100
    updelay: 200
    ports:
      - name: eth1
      - name: eth2
    primary: eth1
    addresses:
      - 192.0.2.1/24

- name: It tries its ports by ARP instead
  virtnet.linux.bond:
    name: bond0
    miimon: 0
    arp_interval: 1000
    arp_ip_target:
      - 192.0.2.254

- name: The bond deleted
  virtnet.linux.bond:
    name: bond0
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
    mode:
      description: The value of O(mode).
      type: str
    miimon:
      description: The value of O(miimon).
      type: int
    updelay:
      description: The value of O(updelay).
      type: int
    downdelay:
      description: The value of O(downdelay).
      type: int
    arp_interval:
      description: The value of O(arp_interval).
      type: int
    arp_ip_target:
      description: The value of O(arp_ip_target).
      type: list
      elements: str
    arp_validate:
      description: The value of O(arp_validate).
      type: str
    primary:
      description: The value of O(primary).
      type: str
    ports:
      description: The ports of the bond, each with its O(ports[].name).
      type: list
      elements: dict
    xmit_hash_policy:
      description: The value of O(xmit_hash_policy).
      type: str
    min_links:
      description: The value of O(min_links).
      type: int
    lacp_rate:
      description: The value of O(lacp_rate).
      type: str
    ad_select:
      description: The value of O(ad_select).
      type: str
    fail_over_mac:
      description: The value of O(fail_over_mac).
      type: str
    primary_reselect:
      description: The value of O(primary_reselect).
      type: str
    all_slaves_active:
      description: The value of O(all_slaves_active).
      type: bool
    resend_igmp:
      description: The value of O(resend_igmp).
      type: int
commands:
  description:
    - What is done, or in check mode would be done, as command lines of ip(8), bridge(8), sysctl(8), nft(8) or
      iptables(8).
    - They run as they stand in a root shell.
  returned: success
  type: list
  elements: str
  sample:
    - ip link add name bond0 up type bond mode active-backup miimon 100
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip link delete dev bond0
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
    task("bond")


if __name__ == "__main__":
    main()
