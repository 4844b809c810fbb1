# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # Of a filter that takes a description.
    DOCUMENTATION = r"""
options:
  _input:
    description:
      - A dictionary of C(nodes) and C(links) as M(virtnet.linux.topology) takes them, or as
        M(virtnet.linux.topology_info) returns them.
    type: dict
    required: true
seealso:
  - module: virtnet.linux.topology_info
"""
