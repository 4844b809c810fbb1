# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # How to probe.
    DOCUMENTATION = r"""
options:
  protocol:
    description:
      - V(icmp) sends echo requests, as ping(8) does.
      - V(tcp) opens a connection to O(port) and closes it.
      - V(udp) sends a datagram to O(port). Something there must reply. If nothing listens, the pair is V(refused).
    type: str
    choices: [icmp, tcp, udp]
    default: icmp
  port:
    description: The port, from 1 to 65535. For V(tcp) and V(udp).
    type: int
  count:
    description: How many probes each pair gets, one after the other, from 1 to 1000.
    type: int
    default: 1
  timeout:
    description:
      - How many seconds to wait for a reply, up to 3600.
      - The kernel takes about three seconds to find out that a neighbour does not answer. With a shorter time such an
        address is V(no reply), with a longer one V(host unreachable).
    type: float
    default: 1.0
  size:
    description:
      - The size in bytes of the whole IP packet that is sent, up to 65535. For V(icmp) and V(udp).
      - Left out, it is 84 for IPv4 and 104 for IPv6.
    type: int
  dont_fragment:
    description:
      - Whether no one on the way may fragment the packet. With O(size) it asks if the path takes packets of this size.
      - What the kernel has learned of the path before does not count.
    type: bool
    default: false
  send_ttl:
    description: The ttl (hop limit) with which packets are sent, from 1 to 255.
    type: int
"""
