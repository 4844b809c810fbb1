#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nat_masquerade
short_description: Masquerade, source NAT to the address of the outgoing link
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Adds, changes and deletes masquerade rules of nftables or iptables.
  - Each rule has the owner tag C(virtnet:NAME) in its comment, by which it is found again. Other rules are never
    touched.
  - With nftables the rules are in a table C(virtnet) of their own, with iptables each is in a chain of its own,
    C(VIRTNET-xxxx). A change of a rule is one transaction.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
options:
  name:
    description:
      - The name of the rule, 1 to 64 letters, digits and C(_), C(.), C(/), C(-). There is one rule of a name for IPv4
        and one for IPv6.
      - Left out, it is made of O(source) and O(out_interface), of which one then must be given.
    type: str
  family:
    description:
      - The family of the addresses. Left out it is that of O(source) and O(exclude_destinations), else V(ipv4).
    type: str
    choices: [ipv4, ipv6]
  source:
    description:
      - The network from which packets come, for instance V(192.168.1.0/24). Left out or empty in a new rule, it is
        any.
    type: str
  exclude_destinations:
    description: The networks to which packets go as they are. An empty list takes all of them away from the rule.
    type: list
    elements: str
  out_interface:
    description:
      - The name of the link by which packets leave; it need not be there yet. Left out or empty in a new rule, it is
        any.
    type: str
  protocol:
    description: Only packets of this protocol.
    type: str
    choices: [tcp, udp, sctp]
  to_ports:
    description:
      - The source port that packets get, or a range such as V(1024-65535), from 1 to 65535. It needs O(protocol).
      - An empty string takes it away from the rule.
    type: str
  random:
    description: Whether the source port is chosen by a hash with a random part.
    type: bool
  fully_random:
    description: Whether the source port is chosen wholly at random.
    type: bool
  backend:
    description:
      - The tool that keeps the rule. V(auto) is V(nft) if nft(8) is there and can do NAT, else V(iptables).
      - A rule of this name that the other tool keeps is moved.
    type: str
    choices: [auto, nft, iptables]
    default: auto
notes:
  - nft(8), or iptables(8) and ip6tables(8), must be on the managed host.
  - Masquerade needs forwarding; see M(virtnet.linux.sysctl_forward).
seealso:
  - module: virtnet.linux.route
  - module: virtnet.linux.sysctl_forward
"""

EXAMPLES = r"""
- name: What leaves by the uplink gets its address
  virtnet.linux.nat_masquerade:
    out_interface: uplink

- name: A network that is masqueraded to everywhere but itself, as iptables -s 192.168.1.0/24 ! -d 192.168.1.0/24
  virtnet.linux.nat_masquerade:
    name: lan
    source: 192.168.1.0/24
    exclude_destinations:
      - 192.168.1.0/24

- name: The same rule with one more excluded network
  virtnet.linux.nat_masquerade:
    name: lan
    source: 192.168.1.0/24
    exclude_destinations:
      - 192.168.1.0/24
      - 10.0.0.0/8

- name: A network namespace
  virtnet.linux.netns:
    name: router

- name: An IPv6 network, TCP only, with source ports of a range
  virtnet.linux.nat_masquerade:
    name: six
    netns: router
    source: 2001:db8:1::/64
    protocol: tcp
    to_ports: 32768-60999
    fully_random: true

- name: A rule deleted
  virtnet.linux.nat_masquerade:
    name: lan
    state: absent
"""

RETURN = r"""
masquerade:
  description: The rule as it is after the task; null if it is not there.
  returned: success
  type: dict
  contains:
    netns:
      description: The network namespace of the rule; empty is the module's own.
      type: str
    name:
      description: The name of the rule.
      type: str
    family:
      description: V(ipv4) or V(ipv6).
      type: str
    backend:
      description: V(nft) or V(iptables).
      type: str
    source:
      description: The network from which packets come; empty is any.
      type: str
    exclude_destinations:
      description: The networks to which packets go as they are.
      type: list
      elements: str
    out_interface:
      description: The link by which packets leave; empty is any.
      type: str
    protocol:
      description: The protocol; empty is any.
      type: str
    to_ports:
      description: The source port or range of ports; empty leaves it to the kernel.
      type: str
    random:
      description: Whether the source port is chosen by a hash with a random part.
      type: bool
    fully_random:
      description: Whether the source port is chosen wholly at random.
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
    - nft add table ip virtnet
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - nft delete table ip virtnet
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
    from ansible_collections.virtnet.linux.plugins.module_utils._kinds import veth  # noqa: F401
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import nat  # noqa: F401


def main():
    task("nat_masquerade")


if __name__ == "__main__":
    main()
