#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: geneve
short_description: Ethernet over UDP with options for each packet (Geneve)
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes a link that carries Ethernet frames in UDP to another host, and sets its options.
  - O(state=absent) deletes it.
  - Where no default is given here, an option that is left out stays as it is, and a new link has the value named as
    the default of the kernel.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
  - virtnet.linux.link
  - virtnet.linux.link.new
  - virtnet.linux.link.one
  - virtnet.linux.link.moved
options:
  id:
    description:
      - The number of the network (VNI), 0 to 16777215. It or O(external=true) is needed unless O(state=absent).
      - Only a new link takes it. For another one see O(recreate).
    type: int
  remote:
    description:
      - The other host, IPv4 or IPv6. It or O(external=true) is needed unless O(state=absent).
      - It can only be changed in place to another one of the same family.
    type: str
  dstport:
    description:
      - The UDP port that frames are sent to, and expected at, 1 to 65535. The kernel's value is V(6081). Only a new
        link takes it; see O(recreate).
    type: int
  ttl:
    description:
      - The time to live of the outer packets, 1 to 255; V(0) lets the kernel choose, and V(inherit) is that of the
        inner packet. The kernel's value is V(0).
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
  external:
    description:
      - Whether routes, rules or programs say for each frame where it goes. The kernel's value is V(false). Only a new
        link takes it; see O(recreate).
    type: bool
notes:
  - Its outer packets are in the network namespace in which it was made, wherever it goes. The kernel does not tell in
    which. For other ones than those of O(netns) make it there, and fetch it in a second task; see O(from_netns).
  - The kernel refuses a second one with the same O(id), O(remote) and O(dstport) over one network.
seealso:
  - module: virtnet.linux.link
  - module: virtnet.linux.vxlan
"""

EXAMPLES = r"""
- name: A network namespace
  virtnet.linux.netns:
    name: red

- name: A network that reaches one other host
  virtnet.linux.geneve:
    name: geneve5
    netns: red
    id: 5
    remote: 192.0.2.2

- name: More hops
  virtnet.linux.geneve:
    name: geneve5
    netns: red
    id: 5
    remote: 192.0.2.2
    ttl: "64"

- name: A link for all networks, for a program that says where each frame goes
  virtnet.linux.geneve:
    name: genev_sys
    external: true

- name: A network deleted
  virtnet.linux.geneve:
    name: geneve5
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
      description: Where the outer packets are.
      type: dict
      contains:
        netns:
          description: The network namespace of the outer packets.
          type: str
        name:
          description: It is empty.
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
    remote:
      description: The value of O(remote).
      type: str
    dstport:
      description: The value of O(dstport).
      type: int
    ttl:
      description: The value of O(ttl).
      type: str
    tos:
      description: The value of O(tos).
      type: str
    df:
      description: The value of O(df).
      type: str
    external:
      description: The value of O(external).
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
    - ip -n red link add name geneve5 up type geneve id 5 remote 192.0.2.2
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip -n red link delete dev geneve5
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
    task("geneve")


if __name__ == "__main__":
    main()
