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
  - Makes a bond, which sends over several links as if they were one. Links become its ports by their O(master).
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
  - A bond without a MAC address of its choice takes that of its first port. When the last port has gone it has one by
    chance.
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
    addresses:
      - 192.0.2.1/24

- name: Its ports
  virtnet.linux.link:
    name: "{{ item }}"
    master: bond0
    up: true
  loop:
    - eth1
    - eth2

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

from ansible_collections.virtnet.linux.plugins.module_utils._task import task


def main():
    task("bond")


if __name__ == "__main__":
    main()
