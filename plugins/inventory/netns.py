# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: netns
short_description: Network namespaces as inventory hosts
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Every named network namespace of the control node, or of O(hosts), becomes an inventory host. Its tasks run in the
    namespace, by the become plugin P(virtnet.linux.netns#become).
  - A namespace of the control node has its own name, one of another host is called C(NETNS.HOST). They are in the group
    C(netns), in a group C(netns_HOST), and in a group C(topology_NAME) for each topology of M(virtnet.linux.topology)
    that has made something in it.
  - A namespace whose name is not made of letters, digits, C(_), C(.) and C(-), or is that of another inventory host, is
    left out with a warning. Nothing that a host says is taken for a template.
  - The file of this inventory is called C(netns.yml), or ends with C(.netns.yml); C(.yaml) will do as well.
extends_documentation_fragment:
  - constructed
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [virtnet.linux.netns]
  hosts:
    description:
      - The hosts whose namespaces these are. V(localhost) is the control node; any other must be in an inventory that
        is read before this one, and is reached as its variables say.
    type: list
    elements: str
    default: [localhost]
  timeout:
    description: Within how many seconds a host has to say its namespaces.
    type: int
    default: 60
notes:
  - C(ip -all netns exec) lists the namespaces. It needs root; a user who is not root needs sudo(8) without a password.
  - "Each host has these variables: C(ansible_netns), the name of the namespace; C(netns_host), its host;
    C(netns_addresses), its addresses without prefix length, but those of C(lo) and link-local ones; and C(netns_links),
    by name the C(kind), C(up), C(mtu), C(address), C(master) and C(addresses) of each link; and C(netns_topologies)."
  - The connection variables of its host are its own as well, except those of C(become).
seealso:
  - plugin: virtnet.linux.netns
    plugin_type: become
"""

EXAMPLES = r"""
# netns.yml: the network namespaces of the control node. Then: ansible -i netns.yml all -m ping
plugin: virtnet.linux.netns

---
# lab.netns.yml: those of other hosts. Then: ansible -i hosts.yml -i lab.netns.yml netns -m ping
plugin: virtnet.linux.netns
hosts: [server1, server2]
keyed_groups:
  - key: ansible_netns
    prefix: ""
    separator: ""
"""

import json
import os
import re
import resource
import select
import signal
import sys
import time
from contextlib import suppress

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.helpers import get_group_vars
from ansible.playbook.play_context import PlayContext
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible.plugins.loader import connection_loader
from ansible.utils.unsafe_proxy import wrap_var
from ansible.utils.vars import combine_vars

# What can be the name of an inventory host, and of a template is none.
NAME = re.compile(r"\w[\w.-]*", re.ASCII)
# What a host says of a thousand namespaces has a tenth of that.
MOST = 1 << 26
COMMAND = (
    'for f in /run/virtnet/*.json; do [ -r "$f" ] && echo topology: && cat "$f"; done; '
    'PATH="$PATH:/usr/sbin:/sbin"; set -- ip -all netns exec ip -details -json address; '
    '[ "$(id -u)" = 0 ] || set -- sudo -n "$@"; exec "$@"'
)


class InventoryModule(BaseInventoryPlugin, Constructable):
    """Asks each host for its namespaces."""

    NAME = "virtnet.linux.netns"

    def verify_file(self, path):
        return super().verify_file(path) and path.endswith(("netns.yml", "netns.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        for host in self.get_option("hosts"):
            variables = self.variables(host)
            group = inventory.add_group("netns")
            inventory.add_child(group, inventory.add_group(self._sanitize_group_name("netns_" + host)))
            said = self.ask(host, variables)
            try:
                made, found = topologies(said), list(spaces(said))
            except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
                raise AnsibleParserError("hosts: what %s says of its network namespaces is not what ip(8) says" % host)
            for netns, links in found:
                self.add(host, netns, links, variables, [name for name, spaces in made.items() if netns in spaces])

    def variables(self, host):
        """How a host is reached."""
        if host == "localhost" and host not in self.inventory.hosts:
            return dict(ansible_connection="local", ansible_python_interpreter=sys.executable)
        if host not in self.inventory.hosts:
            raise AnsibleParserError("hosts: %s is in no inventory that is read before this one" % host)
        known = self.inventory.hosts[host]
        every = combine_vars(get_group_vars(known.get_groups()), known.get_vars())
        return {
            name: value
            for name, value in every.items()
            if name.startswith("ansible_") and not re.match("ansible_(become|sudo)(?!_pass)", name)
        }

    def ask(self, host, variables):
        """What a host says of its namespaces, over its own connection."""
        variables = dict(variables, inventory_hostname=host)
        self.templar.available_variables = variables
        variables = self.templar.template(variables)
        kind = variables.get("ansible_connection", "ssh")
        connection = connection_loader.get(kind, PlayContext())
        if connection is None:
            raise AnsibleParserError("hosts: there is no connection plugin %s, by which to reach %s" % (kind, host))
        connection.set_options(var_options=variables)
        try:
            code, out, err = apart(self.get_option("timeout"), connection)
        except Endless as e:
            raise AnsibleParserError("hosts: %s does not say its network namespaces: %s" % (host, e))
        except AnsibleError as e:
            raise AnsibleParserError("hosts: cannot reach %s: %s" % (host, e))
        if code:
            raise AnsibleParserError("hosts: %s does not say its network namespaces: %s" % (host, err.strip()))
        return out

    def add(self, host, netns, links, variables, made):
        name = netns if host == "localhost" else "%s.%s" % (netns, host)
        if not NAME.fullmatch(netns) or name in self.inventory.hosts:
            why = "there is such an inventory host" if name in self.inventory.hosts else "this is no name for a host"
            self.display.warning("the network namespace %r of %s is left out: %s" % (netns, host, why))
            return
        self.inventory.add_host(name, self._sanitize_group_name("netns_" + host))
        variables = dict({"ansible_host": host}, **variables)
        addresses = [
            address.split("/")[0]
            for link, one in links.items()
            for address in one["addresses"]
            if link != "lo" and not address.startswith("fe80:")
        ]
        variables.update(
            ansible_become=True,
            ansible_become_method="virtnet.linux.netns",
            netns_host=host,
            # Before ansible-core 2.19 any text is a template that is not marked as this is.
            **wrap_var(dict(ansible_netns=netns, netns_topologies=made, netns_links=links, netns_addresses=addresses)),
        )
        for topology in made:
            self.inventory.add_child(self.inventory.add_group(self._sanitize_group_name("topology_" + topology)), name)
        for key, value in variables.items():
            self.inventory.set_variable(name, key, value)
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)


class Endless(Exception):
    """A host that does not come to an end."""


def apart(seconds, connection):
    """What the command says, by a process of its own that can be ended: a host may go on for ever, or hang."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            os.close(ours)
            os.setsid()
            resource.setrlimit(resource.RLIMIT_DATA, (16 * MOST, 16 * MOST))
            with os.fdopen(theirs, "w") as f:
                json.dump(answer(connection), f)
        os._exit(0)
    os.close(theirs)
    end, data = time.monotonic() + seconds, b""
    try:
        while True:
            if not select.select([ours], [], [], max(0, end - time.monotonic()))[0]:
                raise Endless("not within %d seconds (timeout)" % seconds)
            part = os.read(ours, 1 << 20)
            data += part
            if not part or len(data) > MOST:
                break
    finally:
        os.close(ours)
        for end_it in (os.killpg, os.kill):
            with suppress(ProcessLookupError):
                end_it(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if not data or len(data) > MOST:
        raise Endless("it says more than %d MiB" % (MOST >> 20))
    said = json.loads(data)
    if isinstance(said, str):
        raise AnsibleError(said)
    return said


def answer(connection):
    try:
        code, out, err = connection.exec_command("/bin/sh -c '%s'" % COMMAND, sudoable=False)
        return [code, *(part.decode(errors="surrogateescape") for part in (out, err))]
    except AnsibleError as e:
        return str(e)
    finally:
        connection.close()


def topologies(text):
    """By name, the namespaces in which a topology has made something."""
    before = re.split("^netns: ", text, maxsplit=1, flags=re.MULTILINE)[0]
    records = [json.loads(part) for part in re.split("^topology:\n", before, flags=re.MULTILINE)[1:]]
    return {
        record["topology"]: {one["name" if one["resource"] == "Netns" else "netns"] for one in record["made"]}
        for record in records
    }


def spaces(text):
    """The namespaces, each with its links, that `ip -all netns exec ip -details -json address` tells of."""
    parts = re.split(r"^netns: (\S+)\n", text, flags=re.MULTILINE)
    for netns, told in sorted(zip(parts[1::2], parts[2::2])):
        links = {}
        for link in json.loads(told.strip() or "[]"):
            if link:
                links[link["ifname"]] = dict(
                    kind=link.get("linkinfo", {}).get("info_kind", ""),
                    up="UP" in link["flags"],
                    mtu=link["mtu"],
                    address=link.get("address", ""),
                    master=link.get("master", ""),
                    addresses=["%(local)s/%(prefixlen)d" % one for one in link["addr_info"]],
                )
        yield netns, links
