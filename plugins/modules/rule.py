#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rule
short_description: Policy routing, the rules that choose a routing table
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Adds, changes and deletes rules of policy routing, as ip-rule(8) does.
  - A rule is known by O(priority) and by what it matches. If there is one, and it does something else, it is changed.
    Without O(priority) it is known by all that is given, and a new one gets the number that the kernel would choose,
    before all rules but the first.
  - The rules that the kernel makes by itself, those of priority 0, 32766 and 32767, are never changed or deleted.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
options:
  priority:
    description: The place among the rules, from 0 to 4294967295. The kernel tries the lowest first.
    type: int
  family:
    description: V(inet) is IPv4, V(inet6) is IPv6. Left out it is that of O(from) or O(to), else IPv4.
    type: str
    choices: [inet, inet6]
  not:
    description: Whether the rule is for the packets that do not match.
    type: bool
  from:
    description:
      - The network of the source, for instance V(192.0.2.0/24), a single address, or V(all).
      - V(0.0.0.0/0) and V(::/0) are all of one family.
    type: str
  to:
    description: The network of the destination; like O(from).
    type: str
  tos:
    description:
      - The type of service, for instance V(0x10), in steps of 4.
      - Of IPv4 the kernel takes up to V(0x1c), of IPv6 up to V(0xfc).
    type: str
  iif:
    description:
      - The link by which a packet comes in; V(lo) stands for what the host itself sends.
      - The link need not be there. A rule stays when it goes.
    type: str
  oif:
    description: The link to which a socket is bound. It need not be there.
    type: str
  fwmark:
    description: The mark of a packet, with a mask if not all bits count, for instance V(0x10) or V(0x10/0xff).
    type: str
  l3mdev:
    description:
      - Whether the rule looks into the table of the VRF by which a packet comes in or goes out, and is for such packets
        alone. It has no O(table) of its own then.
      - With the first VRF the kernel makes such a rule by itself.
    type: bool
  uidrange:
    description:
      - The numbers of the users whose sockets send, for instance V(1000-1999) or V(1000), from 0 to 4294967294.
    type: str
  ipproto:
    description: The protocol, V(tcp), V(udp), V(sctp), V(icmp), V(ipv6-icmp), V(gre), V(esp), V(ah) or a number.
    type: str
  sport:
    description:
      - The port of the source, or a range of ports such as V(1024-65534). Without O(ipproto) it is that of every
        protocol that has ports.
      - The kernel takes no 65535 here.
    type: str
  dport:
    description: The port of the destination; like O(sport).
    type: str
  type:
    description:
      - What becomes of a packet. V(lookup) looks for a route in O(table), and is what a rule does if this is left out.
      - V(goto) goes on with the rule of priority O(goto), V(nop) with the next one.
      - V(blackhole) drops it silently, V(unreachable) and V(prohibit) answer with an ICMP error.
    type: str
    choices: [lookup, goto, nop, blackhole, unreachable, prohibit]
  table:
    description: The routing table, as V(main), V(default), V(local) or a number from 1 to 4294967295.
    type: str
  goto:
    description:
      - The priority of the rule with which it goes on, from 1 to 4294967295; it must be behind O(priority). Given alone
        it is O(type=goto).
      - There need not be one of that priority. Until there is, the rule does nothing.
    type: int
  suppress_prefixlength:
    description:
      - Routes with a prefix of this length or shorter do not count, from 0 to 128. V(0) takes all but default routes.
      - V(-1) lets all count, which is what a new rule does.
    type: int
  suppress_ifgroup:
    description:
      - Routes by a link of this group do not count, from 0 to 2147483647. The groups of links are those of ip-link(8).
      - V(-1) lets all count, which is what a new rule does.
    type: int
notes:
  - O(state=absent) deletes all rules that have what is given, whatever else they have. Rules with conditions that this
    module does not know, for instance a flow label or a tunnel, are left alone.
  - What else a rule has, for instance realms, stays when it is changed.
  - For the kernel two rules of one priority are the same if they differ in no more than O(not) or O(goto), or if the
    new one leaves out a network or O(tos) that the other has; ip(8) then says "File exists". This module adds such a
    rule all the same, and deletes none but the one that is meant.
seealso:
  - module: virtnet.linux.route
"""

EXAMPLES = r"""
- name: A second uplink has a routing table of its own
  virtnet.linux.link:
    name: eth2
    up: true
    addresses:
      - 198.51.100.2/24

- name: Its default route
  virtnet.linux.route:
    dest: default
    via: 198.51.100.1
    table: "100"

- name: What has an address of the second uplink leaves by it
  virtnet.linux.rule:
    from: 198.51.100.2
    table: "100"

- name: So does what a firewall marks, but not what is nearer than a default route
  virtnet.linux.rule:
    priority: "{{ item.priority }}"
    fwmark: 0x10/0xff
    table: "{{ item.table }}"
    suppress_prefixlength: "{{ item.suppress | default(omit) }}"
  loop:
    - {priority: 1000, table: main, suppress: 0}
    - {priority: 1001, table: "100"}

- name: Mail leaves by no other way than the table says
  virtnet.linux.rule:
    priority: 2000
    ipproto: tcp
    dport: "25"
    type: prohibit

- name: The processes of some users leave by the second uplink
  virtnet.linux.rule:
    priority: 3000
    uidrange: 1000-1999
    table: "100"

- name: What is not from here skips the rules up to 5000
  virtnet.linux.rule:
    priority: 2500
    not: true
    from: 192.0.2.0/24
    goto: 5000

- name: No rule leads to table 100 any more
  virtnet.linux.rule:
    table: "100"
    state: absent
"""

RETURN = r"""
rule:
  description: The rule as it is after the task, nothing if there is none. Of several it is one.
  returned: success
  type: dict
  contains:
    netns:
      description: The network namespace of the rule; empty is the module's own.
      type: str
    family:
      description: V(inet) or V(inet6).
      type: str
    priority:
      description: The place among the rules.
      type: int
    not:
      description: Whether it is for the packets that do not match.
      type: bool
    from:
      description: The network of the source; this and the next are empty where they do not matter.
      type: str
    to:
      description: The network of the destination.
      type: str
    tos:
      description: The type of service.
      type: str
    iif:
      description: The link by which a packet comes in.
      type: str
    oif:
      description: The link to which a socket is bound.
      type: str
    fwmark:
      description: The mark, with its mask unless all bits count.
      type: str
    l3mdev:
      description: Whether it looks into the table of the VRF.
      type: bool
    uidrange:
      description: The numbers of the users.
      type: str
    ipproto:
      description: The protocol.
      type: str
    sport:
      description: The port of the source, or a range.
      type: str
    dport:
      description: The port of the destination, or a range.
      type: str
    type:
      description: What becomes of a packet.
      type: str
    table:
      description: The number of the routing table; V(0) if the rule looks into none.
      type: int
    goto:
      description: The priority with which it goes on; V(0) if it does not.
      type: int
    suppress_prefixlength:
      description: Routes with prefixes of this length or shorter do not count; V(-1) lets all count.
      type: int
    suppress_ifgroup:
      description: Routes by links of this group do not count; V(-1) lets all count.
      type: int
commands:
  description:
    - What is done, or in check mode would be done, as command lines of ip(8), bridge(8), tc(8), sysctl(8), nft(8) or
      iptables(8).
    - They run as they stand in a root shell.
  returned: success
  type: list
  elements: str
  sample:
    - ip rule add priority 32765 from 198.51.100.2/32 table 100 protocol static
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip rule delete priority 32765 from 198.51.100.2/32 table 100 protocol static
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
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import rule  # noqa: F401


def main():
    task("rule")


if __name__ == "__main__":
    main()
