#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: link_impairment
short_description: Delay, loss and rate of a link
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes a link as slow and unreliable as one far away, with the queueing discipline netem of tc-netem(8). If only
    O(rate) is asked for it is tbf of tc-tbf(8), which more kernels have.
  - It is for what the link sends. A link that is slow both ways needs a task at each end.
  - What is given is changed in place, what is not given is left as it is. Another queueing discipline that somebody
    gave to the link is never touched; the task then fails. The one that the kernel chose by itself gives way, and is
    back when this one goes.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
options:
  dev:
    description: The link.
    type: str
    required: true
  delay:
    description: How much later a packet leaves, in milliseconds, with at most three digits after the point.
    type: float
  jitter:
    description: How much that varies, in milliseconds. Packets may then overtake each other.
    type: float
  correlation:
    description: How much the delay of a packet depends on that of the one before, in per cent. It needs O(jitter).
    type: float
  loss:
    description: How many packets are lost, in per cent, with at most four digits after the point.
    type: float
  duplicate:
    description: How many packets leave twice, in per cent.
    type: float
  reorder:
    description: How many packets leave at once and so overtake the others, in per cent. It needs O(delay).
    type: float
  corrupt:
    description: In how many packets one bit is wrong, in per cent.
    type: float
  rate:
    description: How many bits leave in a second, from 8 to 34359738360 in steps of 8; V(0) is as many as the link can.
    type: int
  limit:
    description:
      - How many packets may wait. A new one has V(1000). With a long O(delay) and a high rate it must be more, else
        packets are lost.
    type: int
notes:
  - A rate alone lets up to 10 ms pass at once, at least 10000 bytes, and drops what would wait longer than 50 ms.
  - O(state=absent) takes away whatever this module may have made.
seealso:
  - module: virtnet.linux.link
"""

EXAMPLES = r"""
- name: A slow link
  virtnet.linux.link_impairment:
    dev: eth1
    rate: 10000000

- name: A link to the other side of the world, where the kernel has netem
  virtnet.linux.link_impairment:
    dev: eth1
    delay: 140
    jitter: 5
    correlation: 25
    loss: 0.1
  when: "{{ netem | default(false) }}"

- name: As fast as it can be
  virtnet.linux.link_impairment:
    dev: eth1
    state: absent
"""

RETURN = r"""
impairment:
  description: What the link has after the task, nothing if it is as fast as it can be.
  returned: success
  type: dict
  contains:
    netns:
      description: The network namespace; empty is the module's own.
      type: str
    dev:
      description: The link.
      type: str
    delay:
      description: The value of the option, in ms; V(0) is none.
      type: float
    jitter:
      description: The value of the option, in ms; V(0) is none.
      type: float
    correlation:
      description: The value of the option, in %; V(0) is none.
      type: float
    loss:
      description: The value of the option, in %; V(0) is none.
      type: float
    duplicate:
      description: The value of the option, in %; V(0) is none.
      type: float
    reorder:
      description: The value of the option, in %; V(0) is none.
      type: float
    corrupt:
      description: The value of the option, in %; V(0) is none.
      type: float
    rate:
      description: The value of the option, in bit/s; V(0) is none.
      type: int
    limit:
      description: How many packets may wait.
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
    - tc qdisc replace dev eth1 root netem limit 1000 delay 140ms 5ms 25% loss 0.1%
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - tc qdisc delete dev eth1 root
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
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import impairment  # noqa: F401


def main():
    task("link_impairment")


if __name__ == "__main__":
    main()
