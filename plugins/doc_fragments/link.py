# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # What any link has.
    DOCUMENTATION = r"""
options:
  name:
    description:
      - The name of the link, 1 to 15 bytes without slash, colon or white space. It is not V(.) or V(..) and does not
        begin with C(-) or C($).
    type: str
    required: true
  mtu:
    description:
      - The largest packet in bytes, from 68; the driver may take less than 2147483647. Below 1280 the kernel takes
        IPv6 away from the link.
    type: int
  address:
    description: The MAC address, for instance V(02:00:5e:00:53:01). A multicast address or zeros are refused.
    type: str
  master:
    description:
      - The link, in the same network namespace, of which this one is a port, for instance a bridge. An empty string
        makes it a port of nothing.
    type: str
  alias:
    description: A text of at most 255 bytes that is kept with the link. An empty string takes it away.
    type: str
  txqueuelen:
    description: The length of the transmit queue in packets, from 0 to 2147483647.
    type: int
  link_group:
    description:
      - The number of the group of links to which it belongs, from 0 to 2147483647, by which ip(8) shows or sets many
        links at once; ip(8) calls it C(group). A new link is in group V(0).
    type: int
  allmulti:
    description: Whether it receives all multicast. A new link does not.
    type: bool
  promisc:
    description:
      - Whether it receives all frames, whatever their MAC address. A new link does not. With V(false) those for which
        others need it, for instance its bridge or tcpdump(8), are received all the same.
    type: bool
  arp:
    description:
      - Whether MAC addresses are asked for and told by ARP and neighbour discovery. With a change the kernel forgets
        the neighbours of the link; those that somebody set are put back. New links of most kinds do, a dummy, an ifb,
        a vrf and tunnels without MAC addresses do not.
    type: bool
  addrgenmode:
    description:
      - How IPv6 makes the link-local address and those of router advertisements; V(none) makes none at all,
        V(stable_secret) takes a secret from the sysctl C(net.ipv6.conf.DEV.stable_secret), V(random) makes one up. An
        address that is there stays. A link with an MTU below 1280 has no IPv6, and refuses.
      - A new link has that of the sysctl C(net.ipv6.conf.default.addr_gen_mode), V(eui64) unless somebody set it.
    type: str
    choices: [eui64, none, stable_secret, random]
  addresses:
    description:
      - IPv4 and IPv6 addresses, each with its prefix length, for instance V(192.0.2.1/24).
      - They are added to those that the link has, unless O(exclusive=true). For peer, label and the like see
        M(virtnet.linux.address).
    type: list
    elements: str
  take_over:
    description: Whether a link may be taken from another master. Without it, a task that asks for another master fails.
    type: bool
    default: false
  take_over_addresses:
    description:
      - Whether the master takes over the addresses and routes of a link that is its port, all but those that the kernel
        made. They are on both while the link becomes a port, and if a step fails, everything is put back.
      - The master gets the MAC address of the link too, unless its O(address) says another one, so that everybody in
        the LAN finds it at once.
      - When the link leaves its master, or O(state=absent) deletes that, addresses and routes go back to the link. A
        topology does so by itself.
      - IPv6 addresses can be used there a second or two later, when the kernel knows that nobody else has them.
      - Without it, a link that carries the default route, or the SSH connection by which the task came, does not become
        a port of a bridge or bond. One with the only default route, or with that connection, is not deleted.
    type: bool
    default: false
"""

    # What a link has that a module makes.
    NEW = r"""
options:
  up:
    description: Whether the link is up.
    type: bool
    default: true
  recreate:
    description:
      - Whether a link may be deleted and made again where the kernel cannot change it in place, for instance one of
        another kind that has this name. Without it, such a task fails.
      - What the task does not say stays as it was, for instance the MTU, a MAC address of its own and all options of
        its kind. What does not go with what is new has the kernel's value. A link that was of another kind keeps none
        of that.
    type: bool
    default: false
"""

    # What a link has that stands on another one.
    UPPER = r"""
options:
  link:
    description:
      - The link on which this one stands, its lower link. It must be given unless O(state=absent).
      - A link that stands on another one than this is refused, unless O(recreate=true).
      - What stands on a link goes when that is deleted, and its MTU is never more than that of its lower link.
    type: str
  link_netns:
    description:
      - The network namespace of the lower link. Left out it is that of O(netns); empty is the one in which the module
        runs.
    type: str
"""

    # What a link has that is the only one of its task.
    ONE = r"""
options:
  altnames:
    description:
      - More names of the link, each of 1 to 127 bytes; see C(ip link property) in ip-link(8). Linux 5.5 or newer.
      - They are added to those that the link has, unless O(exclusive=true).
    type: list
    elements: str
  exclusive:
    description:
      - Whether other addresses are taken away when O(addresses) is given, and other alternative names when
        O(altnames) is given.
      - Link-local addresses that the kernel made by itself always stay.
    type: bool
    default: false
"""

    # What a tunnel has.
    OVER = r"""
options:
  link_netns:
    description:
      - The network namespace of the outer packets. Left out it is that of O(netns); empty is the one in which the
        module runs.
      - A tunnel keeps it wherever it goes. One whose outer packets are elsewhere is refused, unless O(recreate=true).
    type: str
  altnames:
    description: Alternative names, which ip(8) takes as well; they are added to those that the link has.
    type: list
    elements: str
  exclusive:
    description:
      - Whether other addresses are taken away when O(addresses) is given, and other alternative names when
        O(altnames) is given.
      - Link-local addresses that the kernel made by itself always stay.
    type: bool
    default: false
"""

    # What a link has that stands on no other one.
    MOVED = r"""
options:
  from_netns:
    description:
      - The network namespace from which the link may be taken if it is not in O(netns) yet. An empty string is the
        module's own network namespace.
      - Left out, the link is not looked for elsewhere. On its way it loses its addresses, routes, master and up state.
    type: str
"""
