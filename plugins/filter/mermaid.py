# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A description of nodes and links as a flowchart of Mermaid."""

from __future__ import annotations

DOCUMENTATION = r"""
name: mermaid
short_description: A description of nodes and links as a flowchart of Mermaid
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - A network namespace is a box with its links and their addresses, a veth pair a line, and so is a link that stands on
    one in another network namespace.
extends_documentation_fragment:
  - virtnet.linux.drawing
"""

EXAMPLES = r"""
- name: What is there
  virtnet.linux.topology_info:
  register: found

- name: A picture of it
  ansible.builtin.copy:
    content: "{{ found | virtnet.linux.mermaid }}"
    dest: network.mmd
    mode: "0644"
  delegate_to: localhost
"""

RETURN = r"""
_value:
  description: The text of a C(flowchart) of Mermaid, as it stands in a block of Markdown that is called C(mermaid).
  type: str
"""

from ansible_collections.virtnet.linux.plugins.plugin_utils.drawing import mermaid


class FilterModule:
    """The filters of this file."""

    def filters(self):
        return {"mermaid": mermaid}
