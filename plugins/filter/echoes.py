# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pings among captured packets, one line each."""

from __future__ import annotations

DOCUMENTATION = r"""
name: echoes
short_description: The pings among captured packets, one line each
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Takes the C(packets) of M(virtnet.linux.packet_capture), and gives a line for each echo request and reply in them,
    IPv4 or IPv6, in the order of their times. Other packets, such as those of ARP, have none.
  - A line says the link and its network namespace, VLAN tags where they are, the addresses from the outermost to the
    innermost, and V(request) or V(reply). What passes a link more than once is one line that says how often.
  - So what is seen and what is expected can be compared as sets of lines.
options:
  _input:
    description: The packets.
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: A ping, captured before and after NAT
  virtnet.linux.packet_capture:
    links:
      - {dev: br0}
      - {dev: uplink0}
    probe: {netns: guest1, to: 203.0.113.2}
  register: passed

- name: The router's address is on the uplink, and the guest's is not
  ansible.builtin.assert:
    that: seen | symmetric_difference(expected) == []
    fail_msg: "expected {{ expected }}, seen {{ seen }}"
  vars:
    seen: "{{ passed.packets | virtnet.linux.echoes }}"
    expected:
      - "br0 in the host: 192.168.1.10 > 203.0.113.2 request"
      - "uplink0 in the host: 203.0.113.1 > 203.0.113.2 request"
      - "uplink0 in the host: 203.0.113.2 > 203.0.113.1 reply"
      - "br0 in the host: 203.0.113.2 > 192.168.1.10 reply"
  when: not ansible_check_mode
"""

RETURN = r"""
_value:
  description:
    - "The lines. That of a packet in a tunnel has the outer addresses first, as in
      V(uplink0 in the host: 198.51.100.1 > 203.0.113.1: 192.0.2.1 > 192.0.2.2 reply)."
  type: list
  elements: str
  sample: ["trunk1 in switch1: 802.1Q 100 192.0.2.1 > 192.0.2.2 request"]
"""

ENDS = {"echo-request": "request", "echo-reply": "reply"}


def echoes(packets):
    """A line for each echo request and reply; of those that are alike one, with their number."""
    lines = [line for line in map(line_of, packets) if line]
    numbers = {line: lines.count(line) for line in lines}
    return [line + (", %d times" % number if number > 1 else "") for line, number in numbers.items()]


def line_of(packet):
    words = []
    for header in packet["headers"]:
        if header["protocol"] == "vlan":
            words.append("%(tag)s %(id)d" % header)
        elif header["protocol"] in ("ipv4", "ipv6"):
            words.append("%(src)s > %(dst)s:" % header)
        elif header["protocol"] in ("icmp", "icmpv6"):
            end = ENDS.get(header["type"])
            path = " ".join(words).rstrip(":")
            return end and "%s in %s: %s %s" % (packet["dev"], packet["netns"] or "the host", path, end)
    return None


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {"echoes": echoes}
