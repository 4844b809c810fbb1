# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of what each module makes, through the module itself: dry, for real, again, changed, gone, gone again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import snapshot


def run(module, check=False, **params):
    """Run a module as Ansible does, as a process of its own; return what it says."""
    args = dict(params, _ansible_check_mode=check, _ansible_diff=True)
    command = [sys.executable, "-m", "ansible_collections.virtnet.linux.plugins.modules." + module]
    text = json.dumps({"ANSIBLE_MODULE_ARGS": args})
    env = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2] / ".venv/collections"))
    done = subprocess.run(command, input=text, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert done.stdout.strip().startswith("{"), done.stdout + done.stderr
    return json.loads(done.stdout)


# there: shell lines before it; make: the options; change: options that differ; gone: the options that take it away.
LIVES = yaml.safe_load("""
netns:
  make: {name: [n1, n2]}
  gone: {name: [n1, n2], state: absent}
netns with an nsid:
  make: {name: [n1], nsid: 7}
  gone: {name: [n1], state: absent}
link:
  there: [ip link add va type veth peer name vb]
  make: {name: va, up: true, mtu: 1400, address: "02:00:00:00:00:05", alias: to b, altnames: [a-link], txqueuelen: 500,
         addresses: [192.0.2.1/24, "2001:db8::1/64"]}
  change: {name: va, up: false, mtu: 1450, alias: "", addresses: [192.0.2.1/24], exclusive: true}
  gone: {name: va, state: absent}
a link that moves:
  there: [ip link add va type veth peer name vb, ip netns add n1]
  make: {name: va, netns: n1, from_netns: "", up: true, addresses: [192.0.2.1/24]}
  change: {name: va, from_netns: n1, addresses: [192.0.2.1/24]}
  gone: {name: va, state: absent}
veth:
  there: [ip netns add n1, ip netns add n2]
  make: {name: v1, netns: n1, mtu: 1400, addresses: [192.0.2.1/24], peer: {name: v2, netns: n2, addresses: ["2001:db8::2/64"]}}
  change: {name: v1, netns: n1, mtu: 1420, address: "02:00:00:00:00:07", peer: {name: v2, netns: n1, up: false}}
  gone: {name: v1, netns: n1, state: absent}
linux_bridge:
  there: [ip link add va type veth peer name vb, ip netns add n1]
  make: {name: br0, stp_state: true, priority: 4096, forward_delay: 401, ageing_time: 1000, group_fwd_mask: 8, mcast_snooping: false,
         addresses: [192.0.2.1/24], ports: [{name: va, cost: 7, priority: 3, hairpin: true, isolated: true, learning: false}]}
  change: {name: br0, stp_state: false, hello_time: 300, max_age: 1500, mtu: 1400, exclusive_ports: true, ports: [{name: vb, guard: true, root_block: true, fastleave: true}]}
  gone: {name: br0, state: absent}
address:
  there: [ip link add va up type veth peer name vb, ip link set vb up, ip address add 192.0.2.9/24 dev va]
  make: {dev: va, address: [192.0.2.1/24, "2001:db8::1/64"]}
  change: {dev: va, address: [192.0.2.1/24, "2001:db8::1/56"]}
  gone: {dev: va, address: [192.0.2.1/24, "2001:db8::1/56"], state: absent}
an address with a peer and a label:
  there: [ip link add va up type veth peer name vb]
  make: {dev: va, address: [192.0.2.1], peer: 192.0.2.2, label: "va:1"}
  change: {dev: va, address: [192.0.2.1], peer: 192.0.2.2, label: "va:2"}
  gone: {dev: va, address: [192.0.2.1], peer: 192.0.2.2, state: absent}
exclusive address:
  there: [ip link add va up type veth peer name vb, ip address add 192.0.2.9/24 dev va, ip address add 192.0.2.8/24 dev va,
          ip route add 198.51.100.0/24 via 192.0.2.3]
  make: {dev: va, address: [192.0.2.8/24], exclusive: true}
  gone: {dev: va, address: [192.0.2.8/24], state: absent}
route:
  there: [ip link add va up type veth peer name vb, ip link set vb up, ip address add 192.0.2.1/24 dev va, ip address add 2001:db8::1/64 dev va nodad]
  make: {dest: [198.51.100.0/24, 203.0.113.0/24], via: 192.0.2.2, metric: 5, mtu: 1300, src: 192.0.2.1}
  change: {dest: [198.51.100.0/24, 203.0.113.0/24], via: 192.0.2.3, dev: va, metric: 5}
  gone: {dest: [198.51.100.0/24, 203.0.113.0/24], metric: 5, state: absent}
an IPv6 route:
  there: [ip link add va up type veth peer name vb, ip link set vb up, ip address add 2001:db8::1/64 dev va nodad]
  make: {dest: ["2001:db8:1::/48", default], via: "2001:db8::2", family: inet6}
  change: {dest: ["2001:db8:1::/48", default], via: "2001:db8::3", family: inet6}
  gone: {dest: ["2001:db8:1::/48", default], family: inet6, state: absent}
a route of several hops:
  there: [ip link add va up type veth peer name vb, ip link set vb up, ip address add 192.0.2.1/24 dev va]
  make: {dest: [198.51.100.0/24], multipath: [{via: 192.0.2.2}, {via: 192.0.2.3, dev: va, weight: 4}]}
  change: {dest: [198.51.100.0/24], multipath: [{via: 192.0.2.2, weight: 2}, {via: 192.0.2.4}]}
  gone: {dest: [198.51.100.0/24], state: absent}
an on-link route through a link, in a table of its own:
  there: [ip link add va up type veth peer name vb, ip link set vb up]
  make: {dest: [default], via: 10.9.9.9, dev: va, onlink: true, table: 100}
  gone: {dest: [default], table: 100, state: absent}
a blackhole:
  make: {dest: [198.51.100.0/24], type: blackhole}
  change: {dest: [198.51.100.0/24], type: prohibit}
  gone: {dest: [198.51.100.0/24], state: absent}
sysctl_forward:
  there: [ip netns add n1]
  make: {netns: n1, ipv4: true, ipv6: true, rp_filter: 2, proxy_arp: true}
  change: {netns: n1, ipv4: true, rp_filter: 0}
  gone: {netns: n1, ipv4: true, ipv6: true, rp_filter: 0, proxy_arp: true, state: absent}
forwarding of one link:
  there: [ip link add va.1 type veth peer name vb]
  make: {dev: va.1, ipv4: true, ipv6: true, proxy_arp: true}
  gone: {dev: va.1, ipv4: true, ipv6: true, proxy_arp: true, state: absent}
nat_masquerade:
  there: [ip netns add n1]
  make: {netns: n1, name: lan, source: 192.168.1.0/24, exclude_destinations: [192.168.1.0/24, 10.0.0.0/8], out_interface: up0}
  change: {netns: n1, name: lan, source: 192.168.2.0/24, protocol: tcp, to_ports: 1024-65535, random: true}
  gone: {netns: n1, name: lan, state: absent}
masquerade by iptables:
  there: [ip netns add n1]
  make: {netns: n1, name: lan, source: 192.168.1.0/24, exclude_destinations: [192.168.1.0/24, 10.0.0.0/8], out_interface: up0, backend: iptables}
  change: {netns: n1, name: lan, protocol: udp, to_ports: 1024-65535, fully_random: true, backend: iptables}
  gone: {netns: n1, name: lan, state: absent}
IPv6 masquerade:
  there: [ip netns add n1]
  make: {netns: n1, source: "2001:db8::/64", exclude_destinations: ["2001:db8::/64"]}
  gone: {netns: n1, source: "2001:db8::/64", state: absent}
""")
MODULE = {
    "netns with an nsid": "netns", "a link that moves": "link", "an address with a peer and a label": "address",
    "exclusive address": "address", "an IPv6 route": "route", "a route of several hops": "route",
    "an on-link route through a link, in a table of its own": "route", "a blackhole": "route",
    "forwarding of one link": "sysctl_forward", "masquerade by iptables": "nat_masquerade",
    "IPv6 masquerade": "nat_masquerade",
}


@pytest.mark.parametrize("name", LIVES)
def test_life(host, name):
    life, module = LIVES[name], MODULE.get(name, name)
    host.shell(*life.get("there", []))
    start = host.observe()
    for stage in ("make", "change", "gone"):
        if stage not in life:
            continue
        before = host.observe()
        dry = run(module, check=True, **life[stage])
        assert dry.get("changed"), (stage, dry)
        assert snapshot(host.observe()) == snapshot(before), "the dry run changed something"
        wet = run(module, **life[stage])
        assert wet.get("changed"), (stage, wet)
        assert wet["commands"] == dry["commands"]
        assert wet["diff"]["before"] != wet["diff"]["after"]
        for check in (True, False):
            again = run(module, check=check, **life[stage])
            assert not again.get("failed") and again["changed"] is False, (stage, again)
            assert again["commands"] == again["rollback_commands"] == [] and again["diff"] == {"before": {}, "after": {}}
        after = snapshot(host.observe())
        # The way back is good in a shell, and so is the way there.
        host.shell(*wet["rollback_commands"])
        assert snapshot(host.observe()) == snapshot(before), wet["rollback_commands"]
        host.shell(*wet["commands"])
        assert snapshot(host.observe(), chance=False) == drop_chance(after)
    if module in ("netns", "route", "nat_masquerade", "address"):
        kept = {k: v for k, v in snapshot(start).items() if k in snapshot(host.observe())}
        assert kept == snapshot(host.observe())


def drop_chance(found):
    """A snapshot without the MAC addresses that came by chance."""
    return {
        key: {k: v for k, v in fields.items() if k != "address" or key[0] != "link" or v.startswith("02:00:00:")}
        for key, fields in found.items()
    }
