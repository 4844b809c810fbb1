#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: macvlan
short_description: One more MAC address of another link
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes a link that has a MAC address of its own and shares its lower link with the host and others, and sets its
    options.
  - With O(tap=true) it makes a macvtap, which a virtual machine can use.
  - O(state=absent) deletes it. Its lower link stays.
  - Where no default is given here, an option that is left out stays as it is, and a new link has the value named as
    the kernel's.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
  - virtnet.linux.link
  - virtnet.linux.link.new
  - virtnet.linux.link.upper
  - virtnet.linux.link.one
options:
  mode:
    description:
      - Whom the link can reach among those on the same lower link. The kernel's value is V(vepa).
      - V(private) - nobody.
      - V(vepa) - those to whom the switch outside sends its frames back.
      - V(bridge) - all of them, directly.
      - V(passthru) - there is no other; the link has the MAC address of its lower link.
      - V(source) - like V(private), and it gets frames only from the MAC addresses in O(macaddr).
      - Only a new link gets or loses V(passthru). For that see O(recreate).
    type: str
    choices: [private, vepa, bridge, passthru, source]
  nopromisc:
    description:
      - With O(mode=passthru), whether the lower link is kept from taking frames that are for others. The kernel's value
        is V(false).
      - Only a new link takes it. For another one see O(recreate).
    type: bool
  bcqueuelen:
    description:
      - How many broadcast and multicast frames wait for the link at most, from 0 to 4294967295. The kernel's value is
        V(1000).
      - The kernel takes the largest of all on the lower link.
    type: int
  macaddr:
    description:
      - With O(mode=source), the MAC addresses from which the link gets frames.
      - The list is the whole list. An empty list clears it, and so does another mode.
    type: list
    elements: str
  tap:
    description:
      - Whether a program, for instance a virtual machine, takes the place of the host behind the link. It opens the
        character device that the task returns as C(device).
      - Only a new link takes it. For another one see O(recreate).
    type: bool
    default: false
  owner:
    description:
      - With O(tap=true), the user to whom the character device belongs, by name or number up to 4294967294. That of a
        new link is root's, if udev(7) has no other rule.
      - All network namespaces have one folder for these devices, C(/dev), where they are named by the index of their
        link. Where two links have the same index, only the first has a device, and for the other one this option,
        O(group) and O(device_mode) are refused.
    type: str
  group:
    description: With O(tap=true), the group of the character device, by name or number up to 4294967294.
    type: str
  device_mode:
    description:
      - With O(tap=true), who may read and write the character device, as chmod(1) takes it in four
        digits. Quote them, as in C('0660').
    type: str
notes:
  - The host cannot reach a macvlan on its own link, whatever its mode.
  - With O(mode=private) the kernel keeps broadcasts back. Who knows a MAC address from before reaches it by a switch
    that sends frames back, until it is forgotten.
  - A macvlan on a macvlan would stand on the link below; a task that asks for that is refused.
  - A port of a bridge carries no macvlan, and a link that carries one is no port of a bridge.
seealso:
  - module: virtnet.linux.ipvlan
  - module: virtnet.linux.link
"""

EXAMPLES = r"""
- name: Two network namespaces
  virtnet.linux.netns:
    name:
      - red
      - blue

- name: A link of the first on the host's network card
  virtnet.linux.macvlan:
    name: mac0
    netns: red
    link: eth1
    link_netns: ""
    mode: bridge
    addresses:
      - 192.0.2.1/24

- name: A link of the second, which reaches the first
  virtnet.linux.macvlan:
    name: mac0
    netns: blue
    link: eth1
    link_netns: ""
    mode: bridge
    address: 02:00:5e:00:53:02
    addresses:
      - 192.0.2.2/24

- name: It gets frames of one station only
  virtnet.linux.macvlan:
    name: mac0
    netns: blue
    link: eth1
    link_netns: ""
    mode: source
    macaddr:
      - 02:00:5e:00:53:10

- name: A macvtap for a virtual machine, on another network card
  virtnet.linux.macvlan:
    name: macvtap0
    link: eth2
    mode: bridge
    tap: true
    owner: nobody
    device_mode: '0660'

- name: A macvlan deleted
  virtnet.linux.macvlan:
    name: mac0
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
    nopromisc:
      description: The value of O(nopromisc).
      type: bool
    bcqueuelen:
      description: The value of O(bcqueuelen).
      type: int
    macaddr:
      description: The value of O(macaddr).
      type: list
      elements: str
    device:
      description:
        - The character device of a link with O(tap=true), for instance C(/dev/tap7); null if it is not there, or
          another link's.
      type: str
    owner:
      description: The number of the user to whom that belongs, as a string; null if there is none.
      type: str
    group:
      description: The number of its group, as a string; null if there is none.
      type: str
    device_mode:
      description: The value of O(device_mode); null if there is none.
      type: str
commands:
  description:
    - What is done, or in check mode would be done, as command lines of ip(8), bridge(8), sysctl(8), nft(8) or
      iptables(8).
    - They run as they stand in a root shell.
  returned: success
  type: list
  elements: str
  sample:
    - ip link add name mac0 link eth1 up type macvlan mode bridge
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip link delete dev mac0
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
    task("macvlan")


if __name__ == "__main__":
    main()
