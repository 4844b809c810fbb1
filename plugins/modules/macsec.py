#!/usr/bin/python
# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: macsec
short_description: The encrypted frames of another link
version_added: 0.1.0
author: virtnet developers (@virtnet)
description:
  - Makes a link whose frames travel on its lower link protected by MACsec (IEEE 802.1AE), and sets its options.
  - The keys, that is the secure associations and the receive channels of its peers, are not options of the link. They
    stay with ip-macsec(8), or with a daemon such as wpa_supplicant(8) that agrees on them. Without them nothing passes.
  - O(state=absent) deletes it, with its keys. Its lower link stays.
  - Where no default is given here, an option that is left out stays as it is, and a new link has the value named as
    the kernel's.
extends_documentation_fragment:
  - virtnet.linux.attributes
  - virtnet.linux.state
  - virtnet.linux.netns
  - virtnet.linux.link
  - virtnet.linux.link.new
  - virtnet.linux.link.upper
  - virtnet.linux.link.one
options:
  sci:
    description:
      - The number by which peers know what this link sends, a MAC address and a port number, as up to 16 hexadecimal
        digits in quotes, for instance V(02005e0053010001). The kernel takes the link's MAC address and O(port).
      - Only a new link takes it. For another one see O(recreate).
    type: str
  port:
    description:
      - The port number in the SCI, from 1 to 65535. The kernel's value is V(1).
      - Two links on one lower link have different ones.
      - Only a new link takes it. For another one see O(recreate).
    type: int
  cipher:
    description:
      - The cipher, which says how long the keys are. The kernel's value is V(gcm-aes-128).
      - Only a new link takes it. For another one see O(recreate).
    type: str
    choices:
      - gcm-aes-128
      - gcm-aes-256
      - gcm-aes-xpn-128
      - gcm-aes-xpn-256
  icvlen:
    description:
      - The length of the integrity check value in bytes. The kernel's value is V(16).
      - It and 16 bytes more are what the MTU of the link is less than that of its lower link.
      - Only a new link takes it. For another one see O(recreate).
    type: int
    choices:
      - 8
      - 12
      - 13
      - 14
      - 15
      - 16
  encrypt:
    description:
      - Whether frames are encrypted; without it they are only authenticated. The kernel's value is V(false).
    type: bool
  send_sci:
    description:
      - Whether each frame says the SCI. The kernel's value is V(true).
      - V(true) does not go with O(end_station=true) or O(scb=true).
    type: bool
  end_station:
    description:
      - Whether frames say that their SCI is their MAC address and port 1. It counts where O(send_sci=false). The
        kernel's value is V(false).
    type: bool
  scb:
    description:
      - Whether frames say that they are a broadcast of a single copy (EPON). It counts where O(send_sci=false). The
        kernel's value is V(false).
      - It does not go with O(end_station=true).
    type: bool
  protect:
    description:
      - Whether frames that the link sends are protected. The kernel's value is V(true).
    type: bool
  replay:
    description:
      - Whether frames that come a second time, or too late, are dropped. It needs O(window). The kernel's value is
        V(false).
    type: bool
  window:
    description:
      - With O(replay=true), how many frames late a frame may be, from 0 to 4294967295; with the XPN ciphers to
        1073741823.
    type: int
  validate:
    description:
      - What becomes of frames that do not prove to be genuine. V(strict) drops them, V(check) counts them and lets
        pass those that are not protected, V(disabled) checks nothing. The kernel's value is V(strict).
    type: str
    choices:
      - disabled
      - check
      - strict
  encodingsa:
    description:
      - The number of the secure association by which it sends, from 0 to 3. The kernel's value is V(0).
      - A daemon that agrees on keys changes it. Leave it out where there is one.
    type: int
  offload:
    description:
      - Whether the kernel encrypts, V(off), or the network card that O(link) is. A card that cannot is refused. The
        kernel's value is V(off).
    type: str
    choices:
      - "off"
      - phy
      - mac
notes:
  - A link that is made anew, as by O(recreate=true) or when its lower link is made anew or moves to another network
    namespace, has none of the keys that others gave it, for the kernel does not give them out. The task warns of that,
    also where only RV(rollback_commands) would make it anew. The message of a task that fails says so.
  - A port of a bridge carries no macsec, and a link that carries one is no port of a bridge. A macsec can be one.
requirements:
  - a kernel with C(CONFIG_MACSEC)
seealso:
  - module: virtnet.linux.vlan
  - module: virtnet.linux.wireguard
"""

EXAMPLES = r"""
- name: What goes to the other end of the cable by this link is encrypted
  virtnet.linux.macsec:
    name: macsec0
    link: eth1
    encrypt: true
    cipher: gcm-aes-256
    addresses:
      - 192.0.2.1/24

- name: Late frames are dropped
  virtnet.linux.macsec:
    name: macsec0
    link: eth1
    replay: true
    window: 0

- name: A second one on the same link, in a network namespace
  virtnet.linux.netns:
    name: red

- name: Its SCI has another port
  virtnet.linux.macsec:
    name: macsec1
    netns: red
    link: eth1
    link_netns: ""
    port: 2

- name: It is deleted
  virtnet.linux.macsec:
    name: macsec0
    link: eth1
    state: absent
"""

RETURN = r"""
link:
  description:
    - The link as it is after the task; null if it is not there.
  returned: success
  type: dict
  contains:
    netns:
      description: The network namespace where the link is; empty is the module's own.
      type: str
    name:
      description: The name of the link.
      type: str
    kind:
      description: The kind, as C(ip link add type) names it; empty for a network card.
      type: str
    peer:
      description: The other end of a veth pair.
      type: dict
      contains:
        netns:
          description: The network namespace of the other end.
          type: str
        name:
          description: The name of the other end.
          type: str
    link:
      description: The link that this one stands on.
      type: dict
      contains:
        netns:
          description: The network namespace of that link.
          type: str
        name:
          description: The name of that link.
          type: str
    master:
      description: The master of which the link is a port; empty if it has none.
      type: str
    mtu:
      description: The largest packet in bytes.
      type: int
    address:
      description: The MAC address.
      type: str
    up:
      description: Whether the link is set up.
      type: bool
    alias:
      description: The text kept with the link.
      type: str
    txqueuelen:
      description: The length of the transmit queue in packets.
      type: int
    link_group:
      description: The number of the group of links to which it belongs.
      type: int
    allmulti:
      description: Whether it receives all multicast because somebody said so.
      type: bool
    promisc:
      description: Whether it receives all frames because somebody said so.
      type: bool
    arp:
      description: Whether MAC addresses are asked for and told.
      type: bool
    addrgenmode:
      description: How IPv6 makes addresses of its own; left out for a link without IPv6.
      type: str
    addresses:
      description: The IP addresses with their prefix lengths, link-local ones included.
      type: list
      elements: str
    altnames:
      description: The alternative names.
      type: list
      elements: str
    sci:
      description: The value of O(sci).
      type: str
    port:
      description: The value of O(port).
      type: int
    cipher:
      description: The value of O(cipher).
      type: str
    icvlen:
      description: The value of O(icvlen).
      type: int
    encrypt:
      description: The value of O(encrypt).
      type: bool
    send_sci:
      description: The value of O(send_sci).
      type: bool
    end_station:
      description: The value of O(end_station).
      type: bool
    scb:
      description: The value of O(scb).
      type: bool
    protect:
      description: The value of O(protect).
      type: bool
    replay:
      description: The value of O(replay).
      type: bool
    window:
      description: The value of O(window); null without O(replay=true).
      type: int
    validate:
      description: The value of O(validate).
      type: str
    encodingsa:
      description: The value of O(encodingsa).
      type: int
    offload:
      description: The value of O(offload).
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
    - ip link add name macsec0 link eth1 up type macsec cipher gcm-aes-256 encrypt on
rollback_commands:
  description: Command lines that lead back to what was there before the task.
  returned: success
  type: list
  elements: str
  sample:
    - ip link delete dev macsec0
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
    from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import on_links  # noqa: F401


def main():
    task("macsec")


if __name__ == "__main__":
    main()
