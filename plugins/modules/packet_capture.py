#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: packet_capture
short_description: Capture packets on links of network namespaces and decode them
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Captures with tcpdump(8) on one or several links at once, and returns the packets as data, header by header, so that
    the outer and inner headers of a tunnel, VLAN tags, or the addresses before and after NAT can be compared.
  - With O(probe), it captures while one probe is sent and answered. With O(state), it captures from one task to
    another. With neither, it captures for O(timeout) seconds.
  - No capture outlives its time. One that belongs to a task ends with it, also when the task is killed; one that is
    started ends after O(timeout) seconds.
  - The packets are decoded on the control node, by scapy, so that a managed host needs tcpdump and no more.
requirements:
  - root and tcpdump(8) on the managed host
  - scapy on the control node
attributes:
  check_mode:
    description: Can run in C(check_mode).
    support: none
    details:
      - The task is skipped, because the links need not be there in a dry run.
  diff_mode:
    description: Will return details on what has changed.
    support: none
  idempotent:
    description: When run twice in a row, the second run does not change anything.
    support: full
    details:
      - A capture that is running is not started again, one that is not there is not stopped. Without O(state) nothing
        ever changes.
  platform:
    description: Target OS and families that can be operated against.
    support: full
    platforms: Linux
options:
  links:
    description: Where to capture. Not needed for O(state=stopped).
    type: list
    elements: dict
    suboptions:
      netns:
        description: The network namespace of the link. Empty is that in which the module runs, usually the host's own.
        type: str
        default: ""
      dev:
        description: The name of the link.
        type: str
        required: true
  filter:
    description: Which packets to capture, as in pcap-filter(7), for instance V(icmp or icmp6). Empty is all.
    type: str
    default: ""
  count:
    description: The capture on a link ends after so many packets, from 1 to 1000000.
    type: int
    default: 1000
  timeout:
    description:
      - The capture ends after so many seconds, up to 86400. Without O(probe) it must be given.
    type: float
  snaplen:
    description:
      - How many bytes of each packet to keep, from 64 to 262144. The headers of most packets fit in the default.
    type: int
    default: 512
  probe:
    description:
      - One probe that is sent while the capture runs. It takes the same options as M(virtnet.linux.reachability).
      - The capture ends when the probe has its answer, or none.
    type: dict
    suboptions:
      netns:
        description: The network namespace from which to probe. Empty is that in which the module runs.
        type: str
        default: ""
      to:
        description: The address to probe.
        type: str
        required: true
      protocol:
        description: What to send.
        type: str
        choices: [icmp, tcp, udp]
        default: icmp
      port:
        description: The port, for V(tcp) and V(udp).
        type: int
      count:
        description: How many probes to send, one after the other.
        type: int
        default: 1
      timeout:
        description: How many seconds to wait for a reply.
        type: float
        default: 1.0
      size:
        description: The size in bytes of the whole IP packet that is sent.
        type: int
      dont_fragment:
        description: Whether no one on the way may fragment the packet.
        type: bool
        default: false
      send_ttl:
        description: The ttl (hop limit) with which packets are sent.
        type: int
  state:
    description:
      - V(started) starts a capture that goes on after the task, and ends after O(timeout) at the latest.
      - V(stopped) ends it and returns its packets.
      - Left out, the capture lasts as long as the task.
    type: str
    choices: [started, stopped]
  name:
    description:
      - The name of a capture that is started or stopped, 1 to 64 letters, digits and C(_ . -), no dot at the start.
    type: str
  pcap:
    description:
      - A folder on the control node in which the captures are kept, one file for each link, as C(NETNS.DEV.pcap), or
        C(DEV.pcap) for the network namespace in which the module runs.
      - Left out, no file is kept.
    type: str
notes:
  - tcpdump(8) is the program that captures, because every distribution has it and its filters are known. scapy
    decodes, because it knows the tunnels, is released regularly, and is one package for the control node. It runs as a
    process of its own.
  - The captures travel in the result of the module; choose O(filter), O(count) and O(snaplen) so that they are small.
  - A capture that is started is kept under C(/run/virtnet-linux) of the managed host until it is stopped.
seealso:
  - module: virtnet.linux.reachability
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

- name: What passes both ends while red asks blue
  virtnet.linux.packet_capture:
    links:
      - {netns: red, dev: to-blue}
      - {netns: blue, dev: to-red}
    filter: icmp
    probe:
      netns: red
      to: 192.0.2.2
  register: seen

- name: The request is one of them
  ansible.builtin.assert:
    that: "'192.0.2.1 > 192.0.2.2, icmp echo-request' in seen.packets | map(attribute='text')"
  when: seen is not skipped

- name: A capture that goes on
  virtnet.linux.packet_capture:
    name: neighbours
    state: started
    links:
      - {netns: red, dev: to-blue}
    filter: arp or icmp6
    timeout: 600

- name: The same capture ended, and its packets
  virtnet.linux.packet_capture:
    name: neighbours
    state: stopped
"""

RETURN = r"""
packets:
  description: The packets of all links in the order of their times. Empty for O(state=started).
  returned: success
  type: list
  elements: dict
  contains:
    netns:
      description: The network namespace of the link.
      type: str
    dev:
      description: The link.
      type: str
    time:
      description: Seconds since 1970.
      type: float
    length:
      description: The length of the packet in bytes, with its link layer.
      type: int
    text:
      description: The packet in one line, without MAC addresses.
      type: str
      sample: 192.168.100.2 > 192.168.200.2, ipip, 10.0.0.1 > 10.0.0.2, icmp echo-request
    headers:
      description:
        - The headers from the outermost to the innermost. The C(protocol) of each is V(ethernet), V(vlan), V(arp),
          V(ipv4), V(ipv6), V(icmp), V(icmpv6), V(tcp), V(udp), V(gre), V(vxlan), V(geneve), or a word of scapy's.
        - Beside it are C(src), C(dst), C(ttl), C(id), C(type), C(sport), C(dport) and the like, as far as the header
          has them. A V(vlan) has its C(id) and C(tag), V(802.1Q) or V(802.1ad).
        - Headers that an ICMP error quotes are marked C(quoted).
      type: list
      elements: dict
      sample:
        - {protocol: ipv4, src: 192.168.100.2, dst: 192.168.200.2, ttl: 64}
        - {protocol: ipv4, src: 10.0.0.1, dst: 10.0.0.2, ttl: 64}
        - {protocol: icmp, type: echo-request}
probe:
  description: What came of O(probe), as in RV(virtnet.linux.reachability#module:matrix).
  returned: with O(probe)
  type: dict
files:
  description: The files on the control node in which the captures are kept.
  returned: with O(pcap)
  type: list
  elements: str
"""

from ansible_collections.virtnet.linux.plugins.module_utils import _once  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.virtnet.linux.plugins.module_utils._probe_task import probe_task


def main():
    probe_task("packet_capture")


if __name__ == "__main__":
    main()
