#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: netns
short_description: Make and delete network namespaces
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes named network namespaces as C(ip netns add) does, or gives a name to one that a process is in.
  - O(state=absent) takes the name away. If nothing else holds the namespace, the kernel then ends it, deletes its
    virtual links and gives its physical links back to the first network namespace of the host.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
options:
  name:
    description:
      - The names of the network namespaces.
      - A name has 1 to 255 bytes, no slash and no white space. It is not V(.) or V(..) and does not begin with C(-)
        or C($).
    type: list
    elements: str
    required: true
  pid:
    description:
      - The number of a process, for instance of a container. O(name) becomes a name of the network namespace in which
        it is.
      - Only for a single O(name). If this name stands for another network namespace already, the task fails.
    type: int
  path:
    description:
      - Like O(pid), but the file of a network namespace, for instance V(/proc/1/ns/net).
    type: path
  nsid:
    description:
      - The number that the module's own network namespace uses for this one, from 0 to 2147483647; see ip-netns(8).
      - Only for a single O(name). Left out, the kernel gives a number when it needs one. A number once given cannot
        change.
    type: int
  loopback:
    description:
      - Whether to set the link C(lo) of the network namespace up. With V(false) it is left as it is.
    type: bool
    default: true
notes:
  - When O(state=absent) takes the name of a network namespace in which there still are processes, the namespace lives
    on with all its links until they end. A warning lists these processes.
seealso:
  - module: virtnet.linux.link
  - module: virtnet.linux.veth
"""

EXAMPLES = r"""
- name: Two network namespaces
  virtnet.linux.netns:
    name:
      - red
      - blue

- name: A network namespace with a number of its own and its loopback link down
  virtnet.linux.netns:
    name: green
    nsid: 7
    loopback: false

- name: A name for the network namespace of process 1
  virtnet.linux.netns:
    name: init
    pid: 1

- name: This name again taken away
  virtnet.linux.netns:
    name: init
    state: absent

- name: Both network namespaces deleted, and their virtual links with them
  virtnet.linux.netns:
    name:
      - red
      - blue
    state: absent
"""

RETURN = r"""
netns:
  description: The network namespaces that are there.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name.
      type: str
    nsid:
      description: The number that the module's own network namespace uses for this one.
      returned: if there is one
      type: int
    inode:
      description: The inode number, which tells network namespaces apart.
      returned: if the network namespace is there already
      type: int
    holders:
      description: The processes that are in the network namespace.
      type: list
      elements: dict
      contains:
        pid:
          description: The number of the process.
          type: int
        name:
          description: The name of the process.
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
    - ip netns add red
    - ip -n red link set dev lo up
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip netns delete red
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
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import nat, on_links, rule  # noqa: F401


def main():
    task("netns")


if __name__ == "__main__":
    main()
