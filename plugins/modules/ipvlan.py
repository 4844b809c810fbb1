#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvlan
short_description: A link with the MAC address of another one and IP addresses of its own
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes a link that shares its lower link, and the MAC address of that, with the host and others, and sets its
    options.
  - With O(tap=true) it makes an ipvtap, which a virtual machine can use.
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
      - What the lower link does with packets for the link. The kernel's value is V(l3), or what others on the same
        lower link have.
      - V(l2) - it finds the link by IP address, and those on one lower link are neighbours.
      - V(l3) - it routes between them, without neighbours, broadcast or multicast.
      - V(l3s) - it routes, and the packets pass the firewall of the host.
      - All on one lower link share it. A task that changes it changes the others, and warns of that.
    type: str
    choices: [l2, l3, l3s]
  flag:
    description:
      - Whom the link can reach among those on the same lower link. The kernel's value is V(bridge), all of them, or
        what others on the same lower link have. With V(private) it is nobody; with V(vepa) all packets go out.
      - All on one lower link share it. A task that changes it changes the others, and warns of that.
    type: str
    choices: [bridge, private, vepa]
  tap:
    description:
      - Whether a program, for instance a virtual machine, takes the place of the host behind the link. It opens the
        character device that the task returns as C(device).
      - Only a new link takes it. For another one see O(recreate).
    type: bool
    default: false
notes:
  - An ipvtap and its lower link are in one network namespace; the kernel would not tell of another one.
  - The host cannot reach an ipvlan on its own link.
  - Its MAC address is that of its lower link; another one is refused. Its MTU follows that of its lower link.
  - A port of a bridge carries no ipvlan, and neither an ipvlan nor a link that carries one is a port of a bridge.
seealso:
  - module: virtnet.linux.link
  - module: virtnet.linux.macvlan
"""

EXAMPLES = r"""
- name: Two network namespaces
  virtnet.linux.netns:
    name:
      - red
      - blue

- name: A link of the first on the host's network card
  virtnet.linux.ipvlan:
    name: ipvlan1
    netns: red
    link: eth1
    link_netns: ""
    mode: l3
    addresses:
      - 192.0.2.1/25

- name: A link of the second
  virtnet.linux.ipvlan:
    name: ipvlan2
    netns: blue
    link: eth1
    link_netns: ""
    addresses:
      - 192.0.2.129/25

- name: Both of them kept apart
  virtnet.linux.ipvlan:
    name: ipvlan2
    netns: blue
    link: eth1
    link_netns: ""
    mode: l2
    flag: private

- name: An ipvlan deleted
  virtnet.linux.ipvlan:
    name: ipvlan1
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
    flag:
      description: The value of O(flag).
      type: str
    device:
      description: The character device of a link with O(tap=true), for instance C(/dev/tap7).
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
    - ip -n red link add name ipvlan1 link eth1 up type ipvlan mode l2 bridge
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip -n red link delete dev ipvlan1
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
    task("ipvlan")


if __name__ == "__main__":
    main()
