# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of a description, with their addresses and what there is to tell of them."""

from __future__ import annotations

DOCUMENTATION = r"""
name: places
short_description: The nodes of a description, with their addresses and what there is to tell of them
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Brings together what a description says of a node in several places, in the same order as the boxes of a picture.
extends_documentation_fragment:
  - virtnet.linux.drawing
"""

EXAMPLES = r"""
- name: What is there
  virtnet.linux.topology_info:
  register: found

- name: Who reaches whom
  virtnet.linux.reachability:
    netns: "{{ found | virtnet.linux.places | map(attribute='netns') }}"
    to: "{{ found | virtnet.linux.places | map(attribute='addresses') | flatten | unique }}"
"""

RETURN = r"""
_value:
  description:
    - A list of dictionaries of C(name), C(netns), C(addresses) without their prefix lengths, C(links) with the C(name)
      of each and what is C(told) of it as sentences, and C(routes) as sentences.
  type: list
  elements: dict
"""

from ansible_collections.virtnet.linux.plugins.plugin_utils.drawing import places


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {"places": places}
