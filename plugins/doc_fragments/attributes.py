# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
requirements:
  - pyroute2 >= 0.7.2 on the managed host
  - root on the managed host
notes:
  - Of a resource that is there, what is not given is left as it is.
  - The network interface of the kernel, rtnetlink, has no transactions. When a step fails, the module leads the host
    back to what it read before the task, and says what it could not put back.
attributes:
  check_mode:
    description: Can run in C(check_mode) and say what would change without changing anything.
    support: full
    details:
      - What an earlier task of the same dry run would have made, such as the network namespace, is taken to be there.
  diff_mode:
    description: Will return details on what has changed, or would change in C(check_mode), when in diff mode.
    support: full
    details:
      - What the kernel changes along with it is shown as well.
  idempotent:
    description:
      - When run twice in a row outside check mode with the same arguments, the second run does not change anything.
    support: full
    details:
      - A task that was interrupted can simply be run again.
  platform:
    description: Target OS and families that can be operated against.
    support: full
    platforms: Linux
    details:
      - An option that the kernel of the host does not know makes the task fail and is named.
"""
