#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: virtual_machine
short_description: A virtual machine on tap devices
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Runs a virtual machine with QEMU, by an ordinary user, on tap devices that M(virtnet.linux.tuntap) has made for this
    user.
  - A machine that has ended, by itself or by force, is started again. One that runs is left alone.
  - What a machine is made of cannot change while it runs. Where an option differs from what it runs with, the task
    fails and names the option, unless O(recreate=true).
  - O(state=absent) presses its power button, and ends it by force when O(timeout) is over. Its disks stay.
  - Where no default is given here, an option that is left out is as the running machine has it, or as said for a new
    one.
requirements:
  - QEMU for the managed host's own architecture
  - ip(8) and setpriv(1) on the managed host
  - root on the managed host
attributes:
  check_mode:
    description: Can run in C(check_mode) and say what would change without changing anything.
    support: full
    details:
      - Files, tap devices and the user, which an earlier task of the same dry run may make, need not be there.
  diff_mode:
    description: Will return details on what has changed, or would change in C(check_mode), when in diff mode.
    support: full
  idempotent:
    description: When run twice in a row, the second run does not change anything.
    support: full
    details:
      - No second QEMU can be started for a name, also by two tasks at once.
  platform:
    description: Target OS and families that can be operated against.
    support: full
    platforms: Linux
extends_documentation_fragment:
  - virtnet.linux.state
options:
  name:
    description: The name of the machine, 1 to 64 letters, digits and C(_ . -), no dot at the start.
    type: str
    required: true
  netns:
    description:
      - The network namespace in which QEMU runs, and where its tap devices are. A new machine is in that of the module,
        usually the host's own.
    type: str
  memory:
    description: Its memory in MiB, from 1 to 16777216. A new machine gets V(512).
    type: int
  cpus:
    description: The number of its processors, from 1 to 255. A new machine gets V(1).
    type: int
  kernel:
    description: The file of a Linux kernel to boot. Without it the machine boots from the first of O(disks).
    type: path
  initrd:
    description: The file of the initial memory disk that goes with O(kernel).
    type: path
  append:
    description: The command line of the O(kernel). The console is C(ttyS0).
    type: str
  disks:
    description: Files that are its disks, which O(user) must be able to read, and to write unless they are read only.
    type: list
    elements: dict
    suboptions:
      path:
        description: The file.
        type: path
        required: true
      format:
        description:
          - What is in it. It is not guessed, because a guest could write to a V(raw) disk what makes it another.
        type: str
        choices: [qcow2, raw]
        default: qcow2
      read_only:
        description: Whether the machine cannot write to it.
        type: bool
        default: false
  nics:
    description: Its network cards, for virtio.
    type: list
    elements: dict
    suboptions:
      tap:
        description: The tap device that is the other end of the card.
        type: str
        required: true
      address:
        description:
          - Its MAC address.
          - Left out, it is made of the names of the host and of the machine, and of the place in this list. So it is
            always the same.
        type: str
  user:
    description:
      - The user, by name or number, who runs QEMU, and to whom the tap devices belong. With a new machine it is
        V(nobody).
    type: str
  accel:
    description:
      - V(kvm) - the processor runs it, which needs C(/dev/kvm) for O(user).
      - V(tcg) - QEMU emulates the processor, which is much slower.
      - V(auto) - the one if it can be had, else the other. This is what a new machine has.
    type: str
    choices: [auto, kvm, tcg]
  arguments:
    description: More arguments for QEMU, for what has no option here.
    type: list
    elements: str
  recreate:
    description: Whether a machine that runs with other options may be ended and started anew.
    type: bool
    default: false
  timeout:
    description: How many seconds a machine has to shut down, up to 3600, before it is ended by force.
    type: float
    default: 30.0
notes:
  - What belongs to a machine is in C(/run/virtnet/machines/NAME), for O(user) and root alone - its pid file C(pid), the
    socket C(qmp) by which it is managed, and C(console), its serial line, as a socket. C(.NAME.json) beside it says
    with which options it was started.
  - A machine has no screen, and nothing of it listens on the network.
  - It does not come back by itself after the host has booted.
seealso:
  - module: virtnet.linux.tuntap
  - module: virtnet.linux.linux_bridge
"""

EXAMPLES = r"""
- name: A tap device for a machine
  virtnet.linux.tuntap:
    name: tap1
    mode: tap
    owner: nobody
    vnet_hdr: true
    addresses:
      - 192.168.1.1/24

- name: A small machine that boots a kernel
  virtnet.linux.virtual_machine:
    name: one
    memory: 96
    kernel: /run/guest/vmlinuz
    initrd: /run/guest/initrd
    append: console=ttyS0 quiet address=192.168.1.2/24
    nics:
      - tap: tap1
        address: 52:54:98:76:54:30

- name: Its end
  virtnet.linux.virtual_machine:
    name: one
    state: absent
"""

RETURN = r"""
machine:
  description: The machine as it is after the task; null if it does not run.
  returned: success
  type: dict
  contains:
    name:
      description: Its name.
      type: str
    pid:
      description: The process of QEMU.
      type: int
    kvm:
      description: Whether the processor runs it; null if it cannot be asked.
      type: bool
    qmp:
      description: The socket by which QEMU is managed.
      type: str
    console:
      description: The socket of its serial line.
      type: str
    netns:
      description: The value of O(netns).
      type: str
    memory:
      description: The value of O(memory).
      type: int
    cpus:
      description: The value of O(cpus).
      type: int
    kernel:
      description: The value of O(kernel).
      type: str
    initrd:
      description: The value of O(initrd).
      type: str
    append:
      description: The value of O(append).
      type: str
    disks:
      description: The value of O(disks).
      type: list
      elements: dict
    nics:
      description: The value of O(nics), with all MAC addresses.
      type: list
      elements: dict
      sample:
        - {tap: tap1, address: "52:54:98:76:54:30"}
    user:
      description: The value of O(user).
      type: str
    accel:
      description: The value of O(accel).
      type: str
    arguments:
      description: The value of O(arguments).
      type: list
      elements: str
commands:
  description:
    - What is done, or in check mode would be done, as command lines.
    - They run as they stand in a root shell. The one that ends a machine presses its power button and does not wait; it
      needs socat(1).
  returned: success
  type: list
  elements: str
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
diff:
  description: The machine before and after the task.
  returned: success
  type: dict
  contains:
    before:
      description: Its options before the task, by its name.
      type: dict
    after:
      description: Its options after the task, by its name.
      type: dict
"""

from ansible_collections.virtnet.linux.plugins.module_utils import _once  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.virtnet.linux.plugins.module_utils._probe_task import probe_task


def main():
    probe_task("virtual_machine")


if __name__ == "__main__":
    main()
