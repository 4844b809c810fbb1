#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ip_tunnel
short_description: A tunnel over an IP network
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes a tunnel of one of the kernel's kinds (IPIP, GRE, SIT, VTI and the like, over IPv4 or IPv6), and sets its
    options.
  - O(state=absent) deletes it. The fallback devices that the kernel makes (C(tunl0), C(gre0) and the like) stay.
  - Where no default is given here, an option that is left out stays as it is, and a new tunnel has the value named as
    the default of ip(8).
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
  - virtnet.linux.link
  - virtnet.linux.link.new
  - virtnet.linux.link.over
options:
  mode:
    description:
      - The kind of the tunnel, as C(ip link add type) names it. Needed unless O(state=absent).
      - V(ipip), V(sit), V(gre), V(gretap) and V(vti) go over IPv4; V(ip6tnl), V(ip6gre), V(ip6gretap) and V(vti6) over
        IPv6.
      - V(gretap) and V(ip6gretap) carry Ethernet frames and can be ports of a bridge; the others carry packets.
      - V(vti) and V(vti6) are for IPsec.
      - Only a new link takes it; see O(recreate).
    type: str
    choices: [ipip, sit, ip6tnl, gre, gretap, ip6gre, ip6gretap, vti, vti6]
  link:
    description:
      - The link by which the outer packets leave; ip(8) calls it C(dev). Empty, as for a new one, is any.
    type: str
  local:
    description:
      - The source of the outer packets. V(any) leaves it to the route.
    type: str
  remote:
    description:
      - The destination of the outer packets. A tunnel with V(any) gets packets from everywhere; it sends where the
        route says, or as a packet's own destination tells.
      - A tunnel of packets over IPv4 does not change in place between V(any) and an address. For that see O(recreate).
    type: str
  ttl:
    description:
      - The time to live of the outer packets, 1 to 255, or V(inherit) for that of the inner packet. The kernel's value
        is V(inherit) over IPv4 and V(64) over IPv6.
    type: str
  tos:
    description:
      - The type of service, or traffic class, of the outer packets, 0 to 255, or V(inherit) for that of the inner
        packet. The kernel's value is V(0). It can be written as V(0x10).
    type: str
  flowlabel:
    description:
      - The flow label of outer IPv6 packets, 0 to 1048575, or V(inherit). The kernel's value is V(0).
    type: str
  encaplimit:
    description:
      - How many more tunnels an outer IPv6 packet may enter, 0 to 255, or V(none) for no such limit and 8 bytes less a
        packet. The kernel's value is V(4).
    type: str
  allow_localremote:
    description:
      - Whether O(remote) may be an IPv6 address of this host. The kernel's value is V(false).
    type: bool
  pmtudisc:
    description:
      - Whether outer IPv4 packets are never fragmented, so that the path's MTU is found out. The kernel's value is
        V(true). An V(ipip) or V(sit) with another O(ttl) than V(inherit) has it always.
    type: bool
  ignore_df:
    description:
      - Whether inner packets that must not be fragmented may be so outside. The kernel's value is V(false).
      - For O(pmtudisc=false). Only a new link takes it, and only a new one loses it; see O(recreate).
    type: bool
  proto:
    description:
      - What an V(ipip), V(sit) or V(ip6tnl) tunnel carries; ip(8) calls it C(mode).
      - V(ipip) or V(ipip6) is IPv4, V(ip6ip) or V(ip6ip6) IPv6, V(mplsip) MPLS. The kernel's value is V(any), as ip(8)
        asks it for.
      - Only a new V(ipip) or V(sit) takes it; see O(recreate).
    type: str
    choices: [ipip, mplsip, any, ip6ip, ip6ip6, ipip6]
  isatap:
    description:
      - Whether a V(sit) tunnel is one of ISATAP. The kernel's value is V(false). Only a new link takes it; see
        O(recreate).
    type: bool
  prl:
    description:
      - The potential routers of a V(sit) tunnel with O(isatap=true), all of them, as C(ip tunnel prl) adds them. The
        tunnel takes packets whose source is no address of ISATAP from these alone.
    type: list
    elements: dict
    suboptions:
      address:
        description: The IPv4 address of the router.
        type: str
        required: true
      default:
        description: Whether it is a default router, what ip(8) calls C(prl-default); or else C(prl-nodefault).
        type: bool
        default: false
  sixrd:
    description:
      - The 6rd domain of a V(sit) tunnel, as C(ip tunnel 6rd) sets it. A packet to an address in it goes to the IPv4
        address that follows the prefix in that address, if O(remote) is V(any). The kernel's value is V(2002::/16) with
        the relay prefix V(0.0.0.0/0), which is 6to4.
      - A kernel without C(CONFIG_IPV6_SIT_6RD) has none.
    type: dict
    suboptions:
      prefix:
        description:
          - The IPv6 prefix of the domain, for instance V(2001:db8::/32). ip(8) calls it C(6rd-prefix). With the bits of
            the IPv4 address that follow, it has no more than 64 bits.
        type: str
        required: true
      relay_prefix:
        description:
          - The IPv4 prefix that all addresses of the domain have, and that is left out of the IPv6 addresses. ip(8)
            calls it C(6rd-relay_prefix).
        type: str
        default: 0.0.0.0/0
  key:
    description:
      - Both O(ikey) and O(okey).
    type: str
  ikey:
    description:
      - The key that packets must come with, 0 to 4294967295, or V(none). The kernel's value is V(none).
      - Of a V(vti) or V(vti6) it is the mark of the packets that come from it.
    type: str
  okey:
    description:
      - The key that packets are sent with, 0 to 4294967295, or V(none). The kernel's value is V(none).
      - Of a V(vti) or V(vti6) it is the mark by which IPsec knows the packets.
    type: str
  csum:
    description:
      - Both O(icsum) and O(ocsum).
    type: bool
  icsum:
    description:
      - Whether GRE packets must come with a checksum. The kernel's value is V(false).
    type: bool
  ocsum:
    description:
      - Whether GRE packets are sent with a checksum. The kernel's value is V(false).
    type: bool
  seq:
    description:
      - Both O(iseq) and O(oseq).
    type: bool
  iseq:
    description:
      - Whether GRE packets must come with a number, and in order. The kernel's value is V(false).
    type: bool
  oseq:
    description:
      - Whether GRE packets are sent with a number. The kernel's value is V(false).
    type: bool
  encap:
    description:
      - Puts the outer packets into UDP, as V(fou) or V(gue). The kernel's value is V(none).
      - The far end must be told of the port, see ip-fou(8), and a kernel with modules needs C(fou) loaded.
    type: str
    choices: [none, fou, gue]
  encap_sport:
    description:
      - The UDP port that they come from, 1 to 65535, or V(auto) for one a flow. The kernel's value is V(auto).
    type: str
  encap_dport:
    description:
      - The UDP port that they go to, 0 to 65535. The kernel's value is V(0).
    type: int
  encap_csum:
    description:
      - Whether they have a UDP checksum over IPv4. The kernel's value is V(false).
    type: bool
  encap_udp6_csum:
    description:
      - Whether they have a UDP checksum over IPv6. The kernel's value is V(true) for tunnels over IPv6, else V(false).
    type: bool
  encap_remcsum:
    description:
      - Whether GUE takes the inner checksum out of the packet (remote checksum offload). The kernel's value is
        V(false).
    type: bool
  fwmark:
    description:
      - The mark by which the outer packets are routed, 0 to 4294967295. The kernel's value is V(0).
    type: int
  external:
    description:
      - Whether routes, rules or programs say for each packet where it goes. The kernel's value is V(false). Such a
        tunnel takes none of the options of the outer packets, and there is one of a kind in each network.
      - Only a new link takes it; see O(recreate).
    type: bool
notes:
  - The kernel works out the MTU of a new tunnel from the route to O(remote). A change leaves it as it is.
  - The kernel refuses a second tunnel of the same kind with the same O(local), O(remote), O(link) and, for GRE,
    O(ikey). So does the task, if it can see the other one.
  - A tunnel that carries packets has no MAC address; O(address) is refused for it.
seealso:
  - module: virtnet.linux.link
"""

EXAMPLES = r"""
- name: Two network namespaces
  virtnet.linux.netns:
    name:
      - red
      - blue

- name: A tunnel of IPv4 in IPv4
  virtnet.linux.ip_tunnel:
    name: tun1
    netns: red
    mode: ipip
    local: 192.0.2.1
    remote: 192.0.2.2
    ttl: "255"
    addresses:
      - 198.51.100.1/24

- name: Another key for both ways, and numbered packets
  virtnet.linux.ip_tunnel:
    name: gre1
    netns: red
    mode: gre
    local: 192.0.2.1
    remote: 192.0.2.2
    key: "5"
    seq: true

- name: A site of ISATAP, with its router
  virtnet.linux.ip_tunnel:
    name: isatap0
    netns: red
    mode: sit
    local: 192.0.2.1
    proto: ip6ip
    isatap: true
    prl:
      - address: 192.0.2.9
        default: true

- name: A tunnel for Ethernet frames over IPv6
  virtnet.linux.ip_tunnel:
    name: tap1
    netns: red
    mode: ip6gretap
    remote: 2001:db8::2
    encaplimit: none

- name: A tunnel whose inside is in a network namespace, and whose outer packets are in the host's own
  virtnet.linux.ip_tunnel:
    name: sit1
    netns: blue
    link_netns: ""
    mode: sit
    remote: 192.0.2.2
    addresses:
      - 2001:db8:1::1/64

- name: A tunnel deleted
  virtnet.linux.ip_tunnel:
    name: tun1
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
      description: The MAC address; empty if the tunnel has none.
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
    local:
      description: The value of O(local).
      type: str
    remote:
      description: The value of O(remote).
      type: str
    fwmark:
      description: The value of O(fwmark).
      type: int
    proto:
      description: The value of O(proto).
      type: str
    ttl:
      description: The value of O(ttl).
      type: str
    tos:
      description: The value of O(tos).
      type: str
    pmtudisc:
      description: The value of O(pmtudisc).
      type: bool
    encap:
      description: The value of O(encap).
      type: str
    encap_sport:
      description: The value of O(encap_sport).
      type: str
    encap_dport:
      description: The value of O(encap_dport).
      type: int
    encap_csum:
      description: The value of O(encap_csum).
      type: bool
    encap_udp6_csum:
      description: The value of O(encap_udp6_csum).
      type: bool
    encap_remcsum:
      description: The value of O(encap_remcsum).
      type: bool
    external:
      description: The value of O(external).
      type: bool
    isatap:
      description: The value of O(isatap).
      type: bool
    prl:
      description: The value of O(prl).
      type: list
      elements: dict
    sixrd:
      description: The value of O(sixrd).
      type: dict
    flowlabel:
      description: The value of O(flowlabel).
      type: str
    encaplimit:
      description: The value of O(encaplimit).
      type: str
    allow_localremote:
      description: The value of O(allow_localremote).
      type: bool
    ikey:
      description: The value of O(ikey).
      type: str
    icsum:
      description: The value of O(icsum).
      type: bool
    iseq:
      description: The value of O(iseq).
      type: bool
    okey:
      description: The value of O(okey).
      type: str
    ocsum:
      description: The value of O(ocsum).
      type: bool
    oseq:
      description: The value of O(oseq).
      type: bool
    ignore_df:
      description: The value of O(ignore_df).
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
    - ip -n red link add name tun1 up type ipip local 192.0.2.1 remote 192.0.2.2
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip -n red link delete dev tun1
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
    task("ip_tunnel")


if __name__ == "__main__":
    main()
