#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: nat_port_forward
short_description: Port forwarding, destination NAT to a host behind the router
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Adds, changes and deletes rules of nftables or iptables that send what comes to a port of the router to another
    host.
  - Each rule has the owner tag C(virtnet:NAME) in its comment, by which it is found again. Other rules are never
    touched.
  - With nftables the rules are in a table C(virtnet) of their own, with iptables each is in a chain of its own,
    C(VIRTNET-D-xxxx). A change of a rule is one transaction.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
options:
  name:
    description:
      - The name of the rule, 1 to 64 letters, digits and C(_), C(.), C(/), C(-). There is one rule of a name for IPv4
        and one for IPv6.
      - Left out, it is made of O(in_interface), O(destination), O(protocol) and O(dport), of which the last then must
        be given.
    type: str
  family:
    description:
      - The family of the addresses. Left out it is that of O(to), O(destination) and O(source), else V(ipv4).
    type: str
    choices: [ipv4, ipv6]
  protocol:
    description: The protocol.
    type: str
    choices: [tcp, udp, sctp]
    default: tcp
  dport:
    description:
      - The port to which packets come, or a range such as V(8000-8010), from 1 to 65535. It must be given unless
        O(state=absent).
    type: str
  to:
    description: The address of the host that gets them. It must be given unless O(state=absent).
    type: str
  to_port:
    description:
      - The port at which it gets them, 1 to 65535. Left out in a new rule, and with V(0), it is the one to which they
        came.
    type: int
  in_interface:
    description:
      - The name of the link by which packets come; it need not be there yet. Left out or empty in a new rule, it is
        any.
    type: str
  destination:
    description: The address to which packets come. Left out or empty in a new rule, it is any.
    type: str
  source:
    description:
      - The network from which packets come, for instance V(198.51.100.0/24). Left out or empty in a new rule, it is
        any.
    type: str
  backend:
    description:
      - The tool that keeps the rule. V(auto) is V(nft) if nft(8) is there and can do NAT, else V(iptables).
      - A rule of this name that the other tool keeps is moved.
    type: str
    choices: [auto, nft, iptables]
    default: auto
notes:
  - nft(8), or iptables(8) and ip6tables(8), must be on the managed host.
  - It needs forwarding; see M(virtnet.linux.sysctl_forward). What begins on the router itself is not forwarded.
  - A host behind the router that asks the router's outer address for a host beside it gets no reply, unless its packets
    are masqueraded too; see M(virtnet.linux.nat_masquerade).
seealso:
  - module: virtnet.linux.nat_masquerade
  - module: virtnet.linux.sysctl_forward
"""

EXAMPLES = r"""
- name: The web server behind the router, at port 8080 of the uplink
  virtnet.linux.nat_port_forward:
    name: web
    in_interface: uplink
    dport: "8080"
    to: 192.168.1.10
    to_port: 80

- name: The same rule, for one network alone
  virtnet.linux.nat_port_forward:
    name: web
    in_interface: uplink
    dport: "8080"
    to: 192.168.1.10
    to_port: 80
    source: 198.51.100.0/24

- name: A network namespace
  virtnet.linux.netns:
    name: router

- name: A range of ports for UDP over IPv6
  virtnet.linux.nat_port_forward:
    netns: router
    protocol: udp
    dport: 10000-10100
    destination: 2001:db8::1
    to: 2001:db8:1::10

- name: A rule deleted
  virtnet.linux.nat_port_forward:
    name: web
    state: absent
"""

RETURN = r"""
port_forward:
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
    protocol:
      description: The protocol.
      type: str
    dport:
      description: The port or range of ports to which packets come.
      type: str
    to:
      description: The address of the host that gets them.
      type: str
    to_port:
      description: The port at which it gets them; 0 is the one to which they came.
      type: int
    in_interface:
      description: The link by which packets come; empty is any.
      type: str
    destination:
      description: The address to which packets come; empty is any.
      type: str
    source:
      description: The network from which packets come; empty is any.
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
    task("nat_port_forward")


if __name__ == "__main__":
    main()
