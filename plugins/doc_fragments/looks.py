# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Of a module that changes nothing.
    DOCUMENTATION = r"""
options: {}
requirements:
  - root on the managed host
attributes:
  check_mode:
    description: Can run in C(check_mode).
    support: full
    details:
      - It does the same as in a run. What is not as expected becomes a warning, because the earlier tasks of a dry run
        have not made what this one looks at.
  diff_mode:
    description: Will return details on what has changed.
    support: none
    details:
      - It changes nothing.
  idempotent:
    description: When run twice in a row, the second run does not change anything.
    support: full
    details:
      - It never changes anything.
  platform:
    description: Target OS and families that can be operated against.
    support: full
    platforms: Linux
"""
