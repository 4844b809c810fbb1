# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: netns
short_description: Run tasks in a network namespace
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Runs any module in a named network namespace of the host, as C(ip netns exec) does, over any connection. Links,
    routes, sockets and sysctls are those of the namespace, and C(/etc/resolv.conf) and the like are those in
    C(/etc/netns/NAME). All other files are the host's.
  - Where the connection's user is not root, it becomes root by sudo(8) or doas(1) first. In the namespace, it becomes
    O(become_user).
options:
  netns:
    description: The name of the network namespace, as C(ip netns list) shows it.
    type: str
    required: true
    vars:
      - name: ansible_netns
    env:
      - name: ANSIBLE_NETNS
    ini:
      - section: netns_become_plugin
        key: netns
  through:
    description: The program by which a user who is not root becomes root. With V(doas), it must need no password.
    type: str
    choices: [sudo, doas]
    default: sudo
    vars:
      - name: ansible_netns_through
    env:
      - name: ANSIBLE_NETNS_THROUGH
    ini:
      - section: netns_become_plugin
        key: through
  become_user:
    description: The user that the task has in the network namespace.
    type: str
    default: root
    vars:
      - name: ansible_become_user
      - name: ansible_netns_user
    env:
      - name: ANSIBLE_BECOME_USER
    ini:
      - section: privilege_escalation
        key: become_user
    keyword:
      - name: become_user
  become_pass:
    description: The password that sudo(8) asks for.
    type: str
    vars:
      - name: ansible_become_password
      - name: ansible_become_pass
      - name: ansible_netns_pass
    env:
      - name: ANSIBLE_BECOME_PASS
    ini:
      - section: netns_become_plugin
        key: password
notes:
  - The managed host needs iproute2.
seealso:
  - plugin: virtnet.linux.netns
    plugin_type: inventory
  - module: virtnet.linux.netns
"""

import json
import shlex

from ansible.errors import AnsibleError
from ansible.plugins.become import BecomeBase

from ansible_collections.virtnet.linux.plugins.module_utils._core.values import Refused
from ansible_collections.virtnet.linux.plugins.module_utils._core.words import netns_name


class User(str):
    """Ansible passes over a become plugin for the user that it has already; this user differs from everyone."""

    def __ne__(self, other):
        return True


class BecomeModule(BecomeBase):
    """A command line that enters the namespace."""

    name = "virtnet.linux.netns"
    fail = ("Sorry, try again.",)
    missing = ("Sorry, a password is required to run sudo", "sudo: a password is required")

    def get_option(self, option, hostvars=None, playcontext=None):
        value = super().get_option(option, hostvars=hostvars, playcontext=playcontext)
        return User(value or "root") if option == "become_user" else value

    def build_become_command(self, cmd, shell):
        super().build_become_command(cmd, shell)
        if not cmd:
            return cmd
        name = self.get_option("netns")
        try:
            if not netns_name("netns", name):
                raise Refused("netns", "the name of a network namespace is not empty")
        except Refused as e:
            raise AnsibleError(str(e))
        user, quoted = self.get_option("become_user"), shlex.quote(name)
        if user == "root":
            inside = self._build_success_command(cmd, shell)
        else:
            run = self._build_success_command(cmd, shell, noexe=True)
            inside = "su -s /bin/sh -c %s -- %s" % (run, shlex.quote(user))
        # A module's answer is JSON: so it is the module that fails, with this sentence.
        missing = json.dumps(dict(failed=True, msg="netns: there is no network namespace %s" % name))
        return "; ".join(
            [
                'PATH="$PATH:/usr/sbin:/sbin"',
                "[ -e /run/netns/%s ] || { echo %s; echo %s; exit 1; }" % (quoted, self.success, shlex.quote(missing)),
                "set -- ip netns exec %s %s" % (quoted, inside),
                '[ "$(id -u)" = 0 ] || set -- %s "$@"' % self.to_root(),
                'exec "$@"',
            ]
        )

    def to_root(self):
        """The words that make a command root's."""
        password = self.get_option("become_pass")
        if self.get_option("through") == "doas":
            if password:
                raise AnsibleError("become_pass: doas takes it from a terminal only; let it need none, or use sudo")
            return "doas -n"
        if not password:
            return "sudo -H -n --"
        self.prompt = "[netns via ansible, key=%s] password:" % self._id
        return "sudo -H -S -p %s --" % shlex.quote(self.prompt)
