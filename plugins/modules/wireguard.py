#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: wireguard
short_description: A tunnel whose packets are encrypted by keys
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes a WireGuard link and keeps its key, its port and its peers, as wg(8) does.
  - O(state=absent) deletes it.
  - Where no default is given here, an option that is left out stays as it is, and a new link has the value named as
    the kernel's.
  - No private or preshared key is made up, shown or returned. In C(commands) and C(rollback_commands) stands a text in
    the place of the file from which wg(8) would read it, C(<file with the private key of wg0>); to run these commands,
    put such a file there.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
  - virtnet.linux.link
  - virtnet.linux.link.new
  - virtnet.linux.link.one
  - virtnet.linux.link.moved
options:
  private_key:
    description:
      - The private key in base64, as C(wg genkey) prints it. An empty string, which is the value of a new link, is
        none, and then the link sends and receives nothing.
    type: str
  listen_port:
    description:
      - The UDP port of the outer packets, from 1 to 65535. Without it the kernel chooses one when the link comes up.
    type: int
  fwmark:
    description:
      - The mark of the outer packets for routing rules, from 0 to 4294967295. The kernel's value is V(0), none.
    type: int
  peers:
    description:
      - The other ends.
      - They are added to those that the link has, unless O(exclusive_peers=true).
    type: list
    elements: dict
    suboptions:
      public_key:
        description: The public key of the peer in base64, by which it is known.
        type: str
        required: true
      preshared_key:
        description: A key that only the two share, in base64, as C(wg genpsk) prints it. An empty string is none.
        type: str
      endpoint:
        description:
          - The address and the port to which its packets go, for instance V(192.0.2.1:51820) or
            V([2001:db8::1]:51820).
          - The kernel follows a peer that sends from elsewhere, and the next run leads it back. Leave it out for one
            that speaks first.
        type: str
      allowed_ips:
        description:
          - The networks behind the peer, from which it may send and to which packets go to it, for instance
            V(192.0.2.0/24).
          - The list is the whole list. A network leads to one peer; another one that has it loses it.
        type: list
        elements: str
      persistent_keepalive:
        description: After how many seconds of silence a packet is sent to the peer, up to 65535. V(0) is never.
        type: int
  exclusive_peers:
    description: Whether other peers are taken away when O(peers) is given.
    type: bool
    default: false
notes:
  - The outer packets are in the network namespace in which the link was made, wherever it goes, and the kernel does not
    tell which. To have them elsewhere than the link, make it there, and move it by a second task with O(from_netns).
  - A peer whose public key is the link's own is not kept by the kernel.
seealso:
  - module: virtnet.linux.ip_tunnel
  - module: virtnet.linux.vxlan
"""

EXAMPLES = r"""
- name: A network namespace
  virtnet.linux.netns:
    name: red

- name: A tunnel, whose outer packets are in the host's own network namespace
  virtnet.linux.wireguard:
    name: wg0
    private_key: "{{ wg0_private_key }}"
    listen_port: 51820
    up: false

- name: It moves, with its peer and an address
  virtnet.linux.wireguard:
    name: wg0
    netns: red
    from_netns: ""
    addresses:
      - 192.0.2.1/24
    peers:
      - public_key: xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
        preshared_key: "{{ wg0_preshared_key }}"
        endpoint: 198.51.100.2:51820
        allowed_ips:
          - 192.0.2.2/32
    exclusive_peers: true

- name: The tunnel deleted
  virtnet.linux.wireguard:
    name: wg0
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
    public_key:
      description: The public key of the link; null without a private key, and where it is not foretold.
      type: str
    listen_port:
      description: The value of O(listen_port); null if there is none yet.
      type: int
    fwmark:
      description: The value of O(fwmark).
      type: int
    peers:
      description: The peers, each with its options but C(preshared_key).
      type: list
      elements: dict
commands:
  description:
    - What is done, or in check mode would be done, as command lines of ip(8), wg(8), bridge(8), sysctl(8), nft(8) or
      iptables(8).
    - They run as they stand in a root shell, but for the files with keys.
  returned: success
  type: list
  elements: str
  sample:
    - ip link add name wg0 up type wireguard
    - wg set wg0 listen-port 51820
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip link delete dev wg0
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
    task("wireguard")


if __name__ == "__main__":
    main()
