# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  netns:
    description:
      - The name of the network namespace in which this is to be, as C(ip netns list) shows it.
      - Empty or left out is the network namespace in which the module runs, usually the host's own.
    type: str
"""
