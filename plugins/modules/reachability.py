#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: reachability
short_description: Who reaches whom, from network namespaces to addresses
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Probes every address in O(to) from every network namespace in O(netns), and the O(pairs), all at once.
  - Says for each pair what was sent and received, the ttl of the reply and the round-trip time, or else the reason and
    the router that gave it.
  - With O(expect), or with what is expected in O(pairs), it is a check. It fails with a table of the pairs that differ.
  - Needs no program on the managed host, and but for O(explain) no pyroute2.
extends_documentation_fragment:
  - virtnet.linux.looks
  - virtnet.linux.probe
options:
  netns:
    description:
      - The names of the network namespaces from which to probe.
      - An empty name is the network namespace in which the module runs, usually the host's own.
    type: list
    elements: str
    default: [""]
  to:
    description:
      - The addresses to probe, without a prefix length.
      - A link-local address takes the link by which it is reached, for instance V(fe80::1%eth0).
    type: list
    elements: str
  expect:
    description:
      - Whether V(all) or V(none) of the pairs must be reachable. What O(pairs) says of a pair goes first.
      - Left out, only O(pairs) says what is expected.
    type: str
    choices: [all, none]
  pairs:
    description: Single pairs, and what is expected of each.
    type: list
    elements: dict
    suboptions:
      netns:
        description: The network namespace from which to probe. Empty is that of the module.
        type: str
        default: ""
      to:
        description: The address to probe.
        type: str
        required: true
      reachable:
        description: Whether it must be reachable.
        type: bool
      ttl:
        description:
          - The ttl that the reply must have, from 1 to 255. It must then be reachable. Not for O(protocol=tcp).
        type: int
      reason:
        description: The reason for which it must not be reachable.
        type: str
        choices:
          - blackhole
          - host unreachable
          - network unreachable
          - no reply
          - prohibited
          - refused
          - too big
          - ttl exceeded
  wait:
    description:
      - How many seconds pairs that are not as expected are probed again, up to 3600. A network that was just made needs
        a moment until its addresses and ports are ready.
    type: float
    default: 0.0
  explain:
    description:
      - Whether to say of each pair that is not as expected, up to 200, where its packet is lost and why, as
        M(virtnet.linux.packet_trace) does. This sends one more probe for each of them, all at once, and needs pyroute2.
    type: bool
    default: false
notes:
  - A kernel limits how many ICMP errors it sends in a second (C(net.ipv4.icmp_ratelimit), C(icmp_msgs_per_sec)). When
    many pairs fail at one router, some of them are V(no reply).
seealso:
  - module: virtnet.linux.packet_capture
  - module: virtnet.linux.packet_trace
"""

EXAMPLES = r"""
- name: Two network namespaces, one veth pair
  virtnet.linux.netns:
    name: [red, blue]

- name: The link between them
  virtnet.linux.veth:
    name: to-blue
    netns: red
    addresses: [192.0.2.1/24]
    peer:
      name: to-red
      netns: blue
      addresses: [192.0.2.2/24]

- name: Each of them reaches both addresses
  virtnet.linux.reachability:
    netns: [red, blue]
    to: [192.0.2.1, 192.0.2.2]
    expect: all
    wait: 5

- name: What is expected of each pair
  virtnet.linux.reachability:
    pairs:
      - netns: red
        to: 192.0.2.2
        ttl: 64
      - netns: red
        to: 198.51.100.1
        reason: network unreachable

- name: No one listens, but packets of 1500 bytes arrive
  virtnet.linux.reachability:
    protocol: udp
    port: 7
    size: 1500
    dont_fragment: true
    pairs:
      - netns: red
        to: 192.0.2.2
        reason: refused
"""

RETURN = r"""
matrix:
  description:
    - What came of each pair, by network namespace and then by address, for instance
      C(result.matrix.red['192.0.2.2'].ttl).
  returned: always
  type: dict
  contains:
    reachable:
      description: Whether there was a reply.
      type: bool
    sent:
      description: How many probes were sent.
      type: int
    received:
      description: How many replies came.
      type: int
    ttl:
      description: The ttl (hop limit) of the last reply; null for TCP.
      type: int
    rtt_min:
      description: The shortest round-trip time in milliseconds.
      type: float
    rtt_avg:
      description: The mean of the round-trip times in milliseconds.
      type: float
    reason:
      description:
        - Why it was not reached. One of the words of O(pairs[].reason), or else what the kernel says.
      type: str
    hop:
      description: The address of the router or host that sent the reason; null if it is the kernel's own.
      type: str
    mtu:
      description: The MTU that is in the way, where the reason is V(too big).
      type: int
seen:
  description: The same as one sentence a pair.
  returned: always
  type: list
  elements: str
  sample: ["from red to 192.0.2.2: a reply with ttl 64"]
reasons:
  description: With O(explain), where and why the packets of these pairs are lost, one sentence each.
  returned: always
  type: list
  elements: str
  sample: ["from red to 192.0.2.2: the packet arrives in blue, which has no route back to 192.0.2.1"]
explained:
  description: With O(explain), the same as data, with the way of the packet.
  returned: always
  type: list
  elements: dict
  contains:
    netns:
      description: The network namespace from which the packet is sent.
      type: str
    to:
      description: The address to which it is sent.
      type: str
    where:
      description: The place whose state is to blame, as M(virtnet.linux.packet_trace) returns it. Null if nothing is.
      type: dict
    reason:
      description: Why it is lost, or the way that it goes.
      type: str
    hops:
      description: What each network namespace does with it, as M(virtnet.linux.packet_trace) returns it.
      type: list
      elements: dict
differs:
  description: The pairs that are not as expected, one sentence each.
  returned: always
  type: list
  elements: str
  sample: ["from red to 192.0.2.2: expected a reply with ttl 64, seen no reply"]
"""

from ansible_collections.virtnet.linux.plugins.module_utils import _once  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.virtnet.linux.plugins.module_utils._probe_task import probe_task

TYPE_CHECKING = False
if TYPE_CHECKING:  # the rooms that it ships
    from ansible_collections.virtnet.linux.plugins.module_utils import _trace_task  # noqa: F401
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import on_links  # noqa: F401


def main():
    probe_task("reachability")


if __name__ == "__main__":
    main()
