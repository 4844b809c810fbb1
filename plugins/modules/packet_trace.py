#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: packet_trace
short_description: Where a packet is lost, and why
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Follows a packet from a network namespace to an address, and its reply back, as the kernel would send them. It asks
    the kernel for routes, neighbours, entries of bridges and sockets, and reads VLANs, states of ports, tunnels, MTUs
    and sysctls on the way.
  - Then sends a real probe. It sees on which links of which network namespaces the probe and its reply pass, what rules
    of nftables and iptables do with them, and what is counted meanwhile.
  - Says whether the packet is V(delivered) or V(lost), at which place the reason is, and what the reason is in one
    sentence, with commands by which it can be checked and commands that would let the packet pass.
  - Where look-ups and probe differ, the probe is believed, and RV(differs) says so.
  - It changes nothing, and nothing of it stays behind. All that it opens are descriptors of its process. The table of
    nftables by which it hears of rules belongs to a socket, and the kernel removes it with that socket.
  - It looks into the network namespaces of the managed host that have a name, and into its own one. What leaves the
    host by a network card is followed up to there.
extends_documentation_fragment:
  - virtnet.linux.looks
  - virtnet.linux.probe
options:
  netns:
    description:
      - The name of the network namespace from which the packet is sent.
      - An empty name is the network namespace in which the module runs, usually the host's own.
    type: str
    default: ""
  to:
    description:
      - The address to which it is sent, without a prefix length.
      - A link-local address takes the link by which it is reached, for instance V(fe80::1%eth0).
    type: str
    required: true
  source:
    description: The source address. Left out, the kernel chooses it.
    type: str
  dev:
    description: The link by which it must be sent, as by the option C(-I) of ping(8), or a VRF.
    type: str
  mark:
    description: The mark of the packet, from 0 to 4294967295, for routing rules with C(fwmark).
    type: int
  trace_rules:
    description:
      - Whether to hear of the rules of nftables. For this a table with a name that begins with C(virtnet_trace_) is in
        the network namespaces that have rules, for the time of the probe. Only packets of the probe are marked.
    type: bool
    default: true
attributes:
  check_mode:
    description: Can run in C(check_mode).
    support: full
    details:
      - It follows the packet by look-ups and sends no probe. Rules of firewalls and what is lost in queues are then not
        seen.
notes:
  - Probe and look-ups may load modules of the kernel, and let the kernel learn neighbours.
  - The kernel takes about three seconds to find out that a neighbour does not answer. The look-ups tell it sooner.
  - The text of a rule of nftables needs nft(8), the counters of iptables need C(iptables-legacy-save) where tables of
    that kind exist. What could not be had stands in RV(missing).
  - Outer packets of WireGuard are encrypted, so they are not seen on the way.
seealso:
  - module: virtnet.linux.reachability
  - module: virtnet.linux.packet_capture
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

- name: What becomes of a ping, in words
  virtnet.linux.packet_trace:
    netns: red
    to: 192.0.2.2
  register: trace

- name: The drawing of the path, and the reason
  ansible.builtin.debug:
    msg: "{{ trace.lines }}"

- name: Whether a connection to a port would be taken, and a packet of the full size
  virtnet.linux.packet_trace:
    netns: red
    to: 192.0.2.2
    protocol: tcp
    port: 443
  register: trace

- name: Nothing listens there
  when: not ansible_check_mode
  ansible.builtin.assert:
    that:
      - trace.verdict == "lost"
      - trace.where.netns == "blue"
      - trace.cause == "socket"
"""

RETURN = r"""
verdict:
  description: Whether the packet and its reply arrive, V(delivered) or V(lost).
  returned: always
  type: str
  sample: lost
where:
  description: The place whose state is to blame; null if nothing is.
  returned: always
  type: dict
  contains:
    netns:
      description: The network namespace. Empty is that of the module.
      type: str
    dev:
      description: The link; null if it is not about one.
      type: str
cause:
  description:
    - The kind of the reason in one word, for instance V(return), V(forwarding), V(firewall), V(vlan) or V(mtu). Null if
      the packet is delivered, V(unknown) if nothing tells the reason.
  returned: always
  type: str
reason:
  description: The reason in one sentence.
  returned: always
  type: str
  sample: the packet arrives in b, which has no route back to 10.1.0.1
hops:
  description: What each network namespace does with the packet and its reply, in order.
  returned: always
  type: list
  elements: dict
  contains:
    netns:
      description: The network namespace.
      type: str
    link_in:
      description: The link by which it comes; null where it is sent.
      type: str
    link_out:
      description: The link by which it leaves; null where it ends.
      type: str
    links:
      description: All links that it passes there, in order.
      type: list
      elements: str
    layer:
      description: The highest layer that handles it, V(link) or V(network).
      type: str
    direction:
      description: Whether it is the packet, V(forth), or the reply, V(back).
      type: str
    tunnel:
      description: In how many tunnels it is there.
      type: int
    source:
      description: The source address with which it comes.
      type: str
    destination:
      description: The destination address with which it comes.
      type: str
    source_after:
      description: The source address with which it leaves.
      type: str
    destination_after:
      description: The destination address with which it leaves.
      type: str
    decided_by:
      description: What decides where it goes, for instance a route.
      type: str
    seen:
      description: Whether the probe was seen there; null without a probe.
      type: bool
evidence:
  description: What shows it.
  returned: always
  type: list
  elements: dict
  contains:
    source:
      description: From where it is known. V(probe), V(packets), V(icmp), V(rules), V(counters) or V(kernel).
      type: str
    text:
      description: What is known, in words.
      type: str
    commands:
      description: Commands by which it can be checked.
      type: list
      elements: str
remedies:
  description: Commands that would let the packet pass. They are suggestions. None of them is run.
  returned: always
  type: list
  elements: str
  sample: ["ip -n b route add 10.1.0.0/24 via 10.2.0.254"]
differs:
  description: Where the look-ups and the probe differ, one sentence each.
  returned: always
  type: list
  elements: str
also:
  description: What is wrong on the way besides, for instance one of several next hops that this packet did not take.
  returned: always
  type: list
  elements: str
missing:
  description: The evidence that could not be had, with the reasons.
  returned: always
  type: list
  elements: str
lines:
  description: The lines of RV(msg), to be read where results are shown as data, as C(ansible -m) does.
  returned: always
  type: list
  elements: str
msg:
  description: A drawing of the path like that of traceroute(8), one line a hop. The last line is verdict and reason.
  returned: always
  type: str
"""

from ansible_collections.virtnet.linux.plugins.module_utils import _once  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.virtnet.linux.plugins.module_utils._trace_task import trace_task

TYPE_CHECKING = False
if TYPE_CHECKING:  # the rooms that it ships
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import on_links  # noqa: F401


def main():
    trace_task("packet_trace")


if __name__ == "__main__":
    main()
