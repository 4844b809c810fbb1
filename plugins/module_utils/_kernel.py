# Copyright (c) 2026 virtnet developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running kernel: reads a state, does a change. Names become indexes here, at the moment of the call."""

from __future__ import annotations

import base64
import errno
import fcntl
import json
import os
import shutil
import socket
import stat
import struct
import subprocess
import time
from collections import defaultdict
from contextlib import suppress
from ctypes import addressof, create_string_buffer
from functools import singledispatch

from ._confirm import waiting
from ._kinds import DEVICE, KINDS, PLAIN, OnDevice, OnWireguard, Port, apart, encoded, kind_of, met, routers
from ._model import (
    IP_PROTOCOLS,
    IPV6_LEAST,
    RUN_DIR,
    Address,
    AltName,
    Boot,
    FdbEntry,
    Hop,
    Impairment,
    Link,
    Masquerade,
    MdbEntry,
    NatTable,
    Neighbour,
    Netns,
    Pending,
    PortForward,
    PortVlans,
    Refused,
    Route,
    Rule,
    Secret,
    State,
    Sysctl,
    SysctlFile,
    Topology,
    WireguardPeer,
    family_of,
    is_mac,
    loses_endpoint,
    merged,
    replace,
    vlan_steps,
)
from ._nat import NFT_FAMILY, PROGRAM, TABLE, from_iptables, from_nft, iptables_argv, nft_json
from ._netlink import (
    ACK,
    APPEND,
    CONTROL,
    CREATE,
    DELADDR,
    DELLINK,
    DELLINKPROP,
    DELMDB,
    DELNEIGH,
    DELQDISC,
    DELROUTE,
    DELRULE,
    DUMP,
    EXCL,
    GENERIC,
    GETADDR,
    GETLINK,
    GETMDB,
    GETNEIGH,
    GETNETCONF,
    GETNSID,
    GETQDISC,
    GETROUTE,
    GETRULE,
    GETVLAN,
    HEADS,
    NESTED,
    NEWADDR,
    NEWLINK,
    NEWLINKPROP,
    NEWMDB,
    NEWNEIGH,
    NEWNSID,
    NEWQDISC,
    NEWROUTE,
    NEWRULE,
    REPLACE,
    SETLINK,
    Netlink,
    attribute,
    data_of,
    nested,
    rare_message,
)
from ._spaces import CLONE_NEWNET, NETNS_DIR, Spaces, check, is_namespace, libc

UNKNOWN = "Unknown device type"
IFF_UP, MS_BIND, MS_REC, MS_SHARED, MNT_DETACH = 1, 4096, 16384, 1 << 20, 2
ROOT = 0xFFFFFFFF
TUN_TYPES = {"tun": 1, "tap": 2}
TUNSETIFF, TUNSETPERSIST, TUNSETOWNER, TUNSETGROUP = 0x400454CA, 0x400454CB, 0x400454CC, 0x400454CE
SIOCGETPRL, SIOCADDPRL, SIOCDELPRL, SIOCCHGPRL = 0x89F4, 0x89F5, 0x89F6, 0x89F7
PRL, PRL_MOST = struct.Struct("=4sHHII"), 1024  # a router, or what asks for so many of them
TUN_EXCL, TUN_NO_PI = 0x8000, 0x1000
TUN_FLAGS = {"vnet_hdr": 0x4000, "multi_queue": 0x100}
SCOPES = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}
PROTOS = {0: "unspec", 1: "redirect", 2: "kernel", 3: "boot", 4: "static", 9: "ra", 16: "dhcp", 186: "bgp", 188: "ospf"}
TYPES = {
    1: "unicast",
    2: "local",
    3: "broadcast",
    4: "anycast",
    5: "multicast",
    6: "blackhole",
    7: "unreachable",
    8: "prohibit",
    9: "throw",
}
ACTIONS = {1: "lookup", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
FAMILIES = {socket.AF_INET: "inet", socket.AF_INET6: "inet6"}
SELF, PROXY, LEARNED, ROUTER = 2, 8, 16, 128
PERMANENT, STATIC = 0x80, 0xC0
NETEM, WHOLE = ("correlation", "reorder", "corrupt", "rate"), 0xFFFFFFFF
ONLINK = 4
SYSCTLS = {"ipv4": {"forwarding": 2, "rp_filter": 3, "proxy_arp": 5}, "ipv6": {"forwarding": 2}}
ADDRESS, IFNAME, MTU, LINK, MASTER, TXQLEN = 1, 3, 4, 5, 10, 13  # IFLA_ADDRESS and so on
LINKINFO, IFALIAS, LINK_NETNSID, PROP_LIST = 18, 20, 37, 52


def number(table, word):
    """The kernel's number of a word; one that has no word is a number already."""
    numbers = {v: k for k, v in table.items()}
    return numbers[word] if word in numbers else int(word)


class Kernel(Spaces):
    """What is in the namespaces, read and changed by a socket in each."""

    def __init__(self):
        super().__init__()
        self.sockets, self.generic = {"": Netlink()}, {}
        self.leaving, self.coming, self.devices = [], [], []
        self.family = None  # of WireGuard, by which generic netlink knows it
        self.held = None  # the lock
        self.processes = None  # by namespace
        self.atlas = None  # where namespaces are looked up by their numbers
        self.standing = None  # the outliers, once they had to be looked for

    def close(self):
        for netlink in [*self.sockets.values(), *self.generic.values(), *list(self.atlas or ())[:1]]:
            netlink.socket.close()
        if self.held is not None:
            os.close(self.held)
        super().close()

    # Topologies

    def lock(self, seconds):
        """Let no other task work on a topology of this host until this one is closed."""
        os.makedirs(RUN_DIR, exist_ok=True)
        fd = self.held = os.open(RUN_DIR + "/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        end = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    holder = os.pread(fd, 20, 0).decode() or "that has just begun"
                    text = "another task (process %s) works on a topology of this host, and %d s were not enough"
                    raise Refused("lock_timeout", text % (holder, seconds))
                time.sleep(0.02)
        os.ftruncate(fd, 0)
        os.pwrite(fd, b"%d" % os.getpid(), 0)

    def pending(self, name):
        """What waits for a confirmation of this topology."""
        outcome = waiting(Pending(name).path)
        return None if outcome is None else Pending(name, undone=outcome)

    def boot(self, name):
        """What makes this topology anew after a boot, if all of it is there as this collection writes it."""
        boot = Boot(name)
        try:
            with open(boot.script) as f:
                boot = Boot(name, tuple(f.read().split("\n")[1:-1]))
        except FileNotFoundError:
            pass
        there = [path for path in (*boot.files, boot.wanted_by) if os.path.lexists(path)]
        whole = len(there) == 3 and all(read(path) == text for path, text in boot.files.items())
        return boot if whole else Boot(name, ("false",)) if there else None

    def made(self, name):
        """What a topology has made, if it is there."""
        try:
            with open(Topology(name).path) as f:
                return Topology.read(f.read())
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise Refused("name", "%s is damaged; without it nobody knows what the topology made" % Topology(name).path)

    # Namespaces

    def adopt(self, name, path):
        """Let `name` stand for the namespace of this path; return its inode, or None if there is none."""
        if not is_namespace(path):
            return None
        self.paths[name] = path
        return os.stat(path).st_ino

    def netlink(self, name):
        if name not in self.sockets:
            with self.inside(name):
                self.sockets[name] = Netlink()
        return self.sockets[name]

    def forget(self, name):
        for sockets in (self.sockets, self.generic):
            if name in sockets:
                sockets.pop(name).socket.close()
        if name in self.files:
            os.close(self.files.pop(name))

    def nowhere(self):
        """A socket in a new namespace that nobody sees."""
        try:
            check(libc.unshare(CLONE_NEWNET))
            netlink = Netlink()
        finally:
            check(libc.setns(self.home, CLONE_NEWNET))
        netlink.socket.setsockopt(270, 12, 1)  # NETLINK_GET_STRICT_CHK: the kernel heeds what a dump is asked for
        return netlink

    def check_kinds(self, kinds):
        """Refuse a kind that this kernel lacks: it says so of one in a namespace that nobody sees."""
        nowhere = self.nowhere()
        for name in kinds:
            try:
                info = {"attrs": [("IFLA_INFO_KIND", "tun" if name in TUN_TYPES else name)]}
                nowhere.ask("link", NEWLINK, ACK | CREATE | EXCL, [("IFLA_LINKINFO", info)])
            except OSError as e:
                if UNKNOWN in e.strerror:
                    raise Refused("kind", lacks(KINDS[name]))
        nowhere.socket.close()

    # Reading

    def observe(
        self, names, follow=(), above=False, sysctls=False, nat=False, rare=(), files=(), topologies=(), brief=False
    ):
        """Read these namespaces, and those where the far ends of the links (or namespaces) in `follow` are,
        and with `above` those where links stand on a link in another namespace; `brief`: links and addresses alone.
        """
        self.atlas = self.processes = None
        found, queue, follow = {}, sorted(set(names) | {""}), set(follow)
        queue += [name for name, dummy, dummy in self.outliers()] if above else []
        while queue:
            name = queue.pop(0)
            if name in found or (name and self.path(name) is None):
                continue
            found[name], homes = self.read_settled(name, follow)
            queue += [home for home in homes if home is not None]
        kept = [read_file(path) for path in files]
        kept += [look(name) for name in topologies for look in (self.made, self.pending, self.boot)]
        state = State(filter(None, kept))
        for name, (links, others) in found.items():
            if name and not brief and is_namespace("%s/%s" % (NETNS_DIR, name)):
                state.add(self.read_netns(name, name in follow))
            for link in self.resolved(name, links, found):
                state.add(link)
            for resource in others:
                state.add(resource)
            for resource in self.read_addresses(name):
                state.add(resource)
            for resource in self.read_routes(name) if not brief else ():
                state.add(resource)
            for kind in rare:
                for resource in READERS[kind](self, name, [link for link, dummy in links]):
                    state.add(resource)
            for resource in self.read_sysctls(name) if sysctls else ():
                state.add(resource)
            for resource in self.read_nat(name) if nat else ():
                state.add(resource)
        return state

    def read_netns(self, name, with_holders):
        inode = os.stat("%s/%s" % (NETNS_DIR, name)).st_ino
        holders = tuple(self.holders()[inode]) if with_holders else ()
        return Netns(name, self.nsid("", name), inode, "/proc/%d/ns/net" % holders[0][0] if holders else None, holders)

    def holders(self):
        """The (pid, name) of the processes in each namespace by its inode, read once an observation."""
        if self.processes is None:
            self.processes = defaultdict(list)
            for pid in sorted(int(p) for p in os.listdir("/proc") if p.isdigit()):
                with suppress(FileNotFoundError, PermissionError, ProcessLookupError):
                    inode = os.stat("/proc/%d/ns/net" % pid).st_ino
                    with open("/proc/%d/comm" % pid) as f:
                        self.processes[inode].append((pid, f.read().strip()))
        return self.processes

    def nsid(self, here, name):
        """What the namespace `name` is called in the namespace `here`."""
        return self.netlink(here).nsid(self.file(name))

    def names_of(self, here, nsids):
        """The names of the namespaces that `here` calls by these numbers; None for one without a name."""
        found = {nsid: here if nsid is None else None for nsid in nsids}
        if set(found) - {None}:
            for nsid, name in self.numbers(here):
                found.update({nsid: name} if nsid in found else {})
                if None not in found.values():
                    break
        return found

    def numbers(self, here):
        """The (number, name) of the namespaces that have a number in `here`."""
        if self.atlas is None:
            # They get numbers in a namespace that nobody sees; then one question tells of all that `here` knows.
            self.atlas = nowhere, names = self.nowhere(), ["", *self.names(), *self.paths]
            for place, name in enumerate(names):
                with suppress(OSError):  # it has gone meanwhile, or has two names
                    nowhere.ask("nsid", NEWNSID, ACK, [("NETNSA_FD", self.file(name)), ("NETNSA_NSID", place)])
        nowhere, names = self.atlas
        target = [("NETNSA_TARGET_NSID", nowhere.nsid(self.file(here)))]
        answers = nowhere.ask("nsid", GETNSID, DUMP, target)
        yield from nsids_in(answers, names)
        # Of more than 900 Linux 6.18 tells no more.
        for place in range(len(names)) if len(answers) > 500 else ():
            with suppress(OSError):
                yield from nsids_in(nowhere.ask("nsid", GETNSID, 0, [("NETNSA_NSID", place), *target]), names)

    def read_settled(self, name, follow):
        """The links, and the namespaces where the far ends of those in `follow` are."""
        end = time.monotonic() + 5
        while True:
            links = self.read_links(name)
            nsids = {far[0] for link, far in links[0] if far and {name, link.ref} & follow}
            homes = self.names_of(name, nsids)
            # A far end in a namespace that is none any more: the kernel is about to take away both.
            dying = any(home is None and not self.lives(name, nsid) for nsid, home in homes.items())
            if not dying or time.monotonic() > end:
                return links, set(homes.values())
            time.sleep(0.002)

    def lives(self, here, nsid):
        try:
            return bool(self.netlink(here).ask("nsid", GETNSID, 0, [("NETNSA_NSID", nsid)]))
        except OSError:
            return False

    def outliers(self):
        """The (namespace, index, nsid of the lower link) of links that stand on one in another namespace."""
        out, known = [], set(self.sockets)
        for name in [""] + self.names():
            try:
                links, dummy = self.read_links(name)
            except OSError:
                continue  # it has gone meanwhile
            far_off = [(link, far) for link, far in links if far and far[0] is not None and link.kind != "veth"]
            out += [(name, self.netlink(name).indexes[link.name], far[0]) for link, far in far_off]
            if not far_off and name not in known:
                self.forget(name)
        return out

    def read_links(self, name):
        """The links with (nsid, index) of their far or lower link, and their alternative names."""
        netlink, head = self.netlink(name), HEADS["link"][1]
        answers = netlink.ask("link", GETLINK, DUMP, [("IFLA_EXT_MASK", 8)])  # RTEXT_FILTER_SKIP_STATS
        messages = [(head.unpack_from(answer), dict(nested(answer, 16))) for answer in answers]
        netlink.names = names = {m[2]: parts[IFNAME][:-1].decode() for m, parts in messages}
        netlink.indexes = {v: k for k, v in names.items()}
        netlink.macs, netlink.packets = {}, set()
        links, others = [], []
        for (dummy, dummy, index, flags, dummy), parts in messages:
            info = dict(nested(parts[LINKINFO])) if LINKINFO in parts else {}
            link, data = link_of(name, index, flags, parts, info, names)
            netlink.macs[index] = parts[ADDRESS].hex(":") if ADDRESS in parts else None
            nsid = number_in(parts, LINK_NETNSID)
            over, far = kind_of(link).over, number_in(parts, LINK)
            if over:
                far = data.get_attr(over) if data else 0
            if DEVICE[0] in kind_of(link).attrs:
                link = replace(link, attrs=merged(link.attrs, self.read_device(link)))
            if dict(link.attrs).get("isatap"):
                link = replace(link, attrs=merged(link.attrs, dict(prl=self.read_routers(link))))
            if link.kind == "wireguard":
                found, peers = self.read_wireguard(link)
                link = replace(link, attrs=merged(link.attrs, found))
                others += peers
            known = over or (far and (nsid is not None or far != index))
            links.append((link, (nsid, far or 0) if known else None))
            if kind_of(link).packets:
                netlink.packets.add(link.name)
            for dummy, raw in nested(parts[PROP_LIST]) if PROP_LIST in parts else ():
                others.append(AltName(name, link.name, raw[:-1].decode()))
        return links, others

    def resolved(self, name, links, found):
        """The links with the names of their far ends and lower links, as far as those are read."""
        homes = self.names_of(name, {far[0] for dummy, far in links if far})
        for link, far in links:
            if far is not None:
                nsid, index = far
                home = homes[nsid]
                names = self.sockets[home].names if home in found else {}
                ref = (home if home in found else "?", names.get(index, str(index)) if index else "")
                link = replace(link, **{"peer" if link.kind == "veth" else "link": ref})
            yield link

    def wireguard(self, netns, verb, flags, attrs):
        """Tell WireGuard in a namespace, or ask it."""
        if netns not in self.generic:
            with self.inside(netns):
                self.generic[netns] = Netlink(GENERIC)
        here = self.generic[netns]
        if self.family is None:
            names = [("NAME", "wireguard")]
            self.family = here.request(rare_message("generic"), CONTROL, 0, names, dict(cmd=3, version=1))[0]
        header = dict(cmd=verb, version=1)
        return here.request(rare_message("wireguard"), self.family.get_attr("ID"), flags, attrs, header)

    def read_wireguard(self, link):
        """What WireGuard has of a link, and its peers."""
        found, peers = dict(private_key=Secret()), {}
        for m in self.wireguard(link.netns, 0, DUMP, [("IFINDEX", link.index)]):
            pair = [m.get_attr(name) for name in ("PRIVATE_KEY", "PUBLIC_KEY")]
            if pair[0]:
                found["private_key"] = Secret(*map(spelled_key, pair))
            for name in ("LISTEN_PORT", "FWMARK"):
                if m.get_attr(name) is not None:
                    found[name.lower()] = m.get_attr(name)
            for dummy, data in nested(m.get_attr("PEERS") or b""):
                peer = wireguard_peer_of(link, dict(nested(data)))
                # One with many addresses comes in parts.
                first = peers.get(peer.key, peer)
                ips = first.allowed_ips if first is peer else first.allowed_ips + peer.allowed_ips
                peers[peer.key] = replace(first, allowed_ips=tuple(sorted(ips)))
        return found, list(peers.values())

    def read_routers(self, link):
        """The potential routers of a tunnel of ISATAP."""
        data = self.prl(
            link.ref, SIOCGETPRL, PRL.pack(bytes(4), 0, 0, PRL.size * PRL_MOST, 0) + bytes(PRL.size * PRL_MOST)
        )
        head, *entries = PRL.iter_unpack(data)
        found = entries[: head[3] // PRL.size]
        return tuple(sorted((socket.inet_ntop(socket.AF_INET, entry[0]), bool(entry[1] & 1)) for entry in found))

    def prl(self, ref, request, data):
        """Change or ask for the potential routers of a tunnel; what the kernel leaves in the place of `data`."""
        buffer = create_string_buffer(data, len(data))
        with self.inside(ref[0]):
            asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with asking:
            fcntl.ioctl(asking, request, struct.pack("16sP16x", ref[1].encode(), addressof(buffer)))
        return buffer.raw

    def read_device(self, link):
        """Owner, group and mode of the character device of a link."""
        try:
            found = self.device(link.netns, link.kind, link.index)
        except OSError:
            return {}
        return dict(owner=found.st_uid, group=found.st_gid, device_mode=stat.S_IMODE(found.st_mode))

    def device(self, netns, kind, index):
        """What stat(2) says of the character device of a link; all network namespaces have one folder for them."""
        path = "/dev/tap%d" % index
        with self.inside(netns):
            folder = mount_sysfs()
        try:
            file = os.open("class/%s/tap%d/dev" % (kind, index), os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
        finally:
            os.close(folder)
        with open(file) as f:
            number = f.read().strip()
        found = os.stat(path)
        if not stat.S_ISCHR(found.st_mode) or number != "%d:%d" % (os.major(found.st_rdev), os.minor(found.st_rdev)):
            raise OSError(errno.EEXIST, "%s is that of another link, which has the same index elsewhere" % path)
        return found

    def read_addresses(self, name):
        netlink, head = self.netlink(name), HEADS["address"][1]
        for answer in netlink.ask("address", GETADDR, DUMP):
            m = head.unpack_from(answer)
            if m[4] in netlink.names:
                dev = netlink.names[m[4]]
                yield address_of(name, m, dict(nested(answer, 8)), dev, netlink.macs.get(m[4]), dev in netlink.packets)

    def read_routes(self, name):
        netlink = self.netlink(name)
        for answer in netlink.ask("route", GETROUTE, DUMP):
            route = route_of(name, answer, netlink.names)
            if route is not None:
                yield route

    def read_rules(self, name, links):
        for m in self.netlink(name).request(rare_message("rule"), GETRULE, DUMP):
            rule = rule_of(name, m)
            if rule is not None:
                yield rule

    def read_vlans(self, name, links):
        """The VLANs of every bridge and port; a kernel that does not know of any refuses to tell."""
        here = self.netlink(name)
        try:
            # Only about lo, to see that: what it tells of a port lacks the VLANs that follow a tagged PVID.
            here.request(rare_message("vlan"), GETVLAN, DUMP, header=dict(family=7, index=1))
        except OSError:
            return
        found, compressed = {}, 4  # RTEXT_FILTER_BRVLAN_COMPRESSED
        for answer in here.ask("link", GETLINK, DUMP, [("IFLA_EXT_MASK", compressed)], family=7):
            spec = nested(dict(nested(answer, 16)).get(26, b""))
            index = struct.unpack_from("=i", answer, 4)[0]
            found.setdefault(index, []).extend(struct.unpack("=HH", info) for number, info in spec if number == 2)
        for link in links:
            if link.kind == "bridge" or link.slave_kind == "bridge":
                yield vlans_of(link, found.get(link.index, ()))

    def read_neighbours(self, name, links):
        names = {link.index: link for link in links}
        for flags in (0, PROXY):
            for m in self.netlink(name).request(rare_message("neighbour"), GETNEIGH, DUMP, header=dict(flags=flags)):
                if m["family"] in FAMILIES and m["ifindex"] in names:
                    neighbour = neighbour_of(m, names[m["ifindex"]])
                    if neighbour is not None:
                        yield neighbour

    def read_fdb(self, name, links):
        names = {link.index: link for link in links}
        answers = self.netlink(name).request(rare_message("neighbour"), GETNEIGH, DUMP, header=dict(family=7))
        found = [fdb_entry_of(m, names) for m in answers if m["ifindex"] in names]
        everywhere = {(entry.dev, entry.lladdr, entry.local) for entry in found if entry and not entry.vlan}
        for entry in filter(None, found):
            # One without a VLAN the kernel also puts into all those of the port.
            twin = entry.vlan and (entry.dev, entry.lladdr, entry.local) in everywhere
            yield replace(entry, proto="kernel") if twin else entry

    def read_mdb(self, name, links):
        names = {link.index: link.name for link in links}
        try:
            answers = self.netlink(name).request(rare_message("mdb"), GETMDB, DUMP, header=dict(family=7))
        except OSError:
            return  # a kernel without bridges
        for m in answers:
            entries = [data for raw in m.get_attrs("MDB") for dummy, data in nested(raw)]
            for dummy, data in [pair for entry in entries for pair in nested(entry)]:
                entry = mdb_entry_of(name, names[m["index"]], data, names)
                if entry is not None:
                    yield entry

    def read_impairments(self, name, links):
        names = {link.index: link.name for link in links}
        for m in self.netlink(name).request(rare_message("tc"), GETQDISC, DUMP):
            # What the kernel chose by itself has no handle.
            if m["parent"] == ROOT and m["handle"] and m["index"] in names:
                yield impairment_of(name, names[m["index"]], m.get_attr("KIND"), m.get_attr("OPTIONS"))

    def read_sysctls(self, name):
        """The values as the kernel tells them all at once: to open the files takes twenty times longer."""
        netlink = self.netlink(name)
        devs = {**netlink.names, -1: "all", -2: "default"}
        for family, own in (("ipv4", socket.AF_INET), ("ipv6", socket.AF_INET6)):
            try:
                answers = netlink.ask("netconf", GETNETCONF, DUMP, family=own)
            except OSError:
                continue  # a kernel without IPv6
            for answer in answers:
                parts = {number: struct.unpack("=i", raw)[0] for number, raw in nested(answer, 4)}
                dev = devs.get(parts[1]) if answer[0] == own else None
                for word, number in SYSCTLS[family].items() if dev else ():
                    yield Sysctl(name, family, dev, word, parts[number])
                if (family, dev) == ("ipv4", "all"):
                    yield Sysctl(name, "ipv4", "", "ip_forward", parts[SYSCTLS["ipv4"]["forwarding"]])

    def read_nat(self, name):
        with self.inside(name):
            if not has_tables():
                return
        for family in NFT_FAMILY:
            with self.inside(name):
                table = output(["nft", "-j", "list", "table", NFT_FAMILY[family], TABLE])
                saved = output([PROGRAM[family] + "-save", "-t", "nat"])
            if table:
                rules, shared = from_nft(name, family, json.loads(table)["nftables"])
                yield NatTable(name, family, shared)
                yield from rules
            yield from from_iptables(name, family, saved or "")

    def nat_backend(self, netns, family):
        """nft where this host can do NAT with it, else iptables."""
        chain = {
            "family": NFT_FAMILY[family],
            "table": TABLE,
            "name": "try",
            "type": "nat",
            "hook": "postrouting",
            "prio": 100,
        }
        commands = [{"add": {"table": {"family": NFT_FAMILY[family], "name": TABLE}}}, {"add": {"chain": chain}}]
        with self.inside(netns if self.path(netns) else ""):
            try:
                feed(["nft", "-c", "-j", "-f", "-"], json.dumps({"nftables": commands}))
                return "nft"
            except OSError as e:
                if output([PROGRAM[family], "-w", "-t", "nat", "-S"]) is None:
                    raise Refused("backend", "neither nft nor %s does NAT here (%s)" % (PROGRAM[family], e.strerror))
                return "iptables"

    # Writing

    def execute(self, change):
        """Do one change, or raise OSError with the kernel's reason."""
        if not (isinstance(change.target, Netns) and change.verb == "delete"):
            self.wait_for_leaving()
        do(change.target, change, self)

    def wait_for_leaving(self):
        """The kernel takes the links of a deleted namespace, with their far ends, away a little after it."""
        end = time.monotonic() + 10
        while self.leaving and time.monotonic() < end:
            netns, index = self.leaving[-1]
            try:
                self.netlink(netns).ask("link", GETLINK, 0, index=index)
                time.sleep(0.002)
            except OSError:
                self.leaving.pop()
        # Not for long: they come to the first namespace of the machine, which need not be this one.
        end = time.monotonic() + 2
        while self.coming and time.monotonic() < end:
            try:
                socket.if_nametoindex(self.coming[-1])
                self.coming.pop()
            except OSError:
                time.sleep(0.002)
        end = time.monotonic() + 2
        while any(map(os.path.exists, self.devices)) and time.monotonic() < end:
            time.sleep(0.002)
        self.leaving, self.coming, self.devices = [], [], []

    def delete_netns(self, name):
        links, dummy = self.read_links(name)
        ends = [far for link, far in links if link.kind == "veth" and far and far[0] is not None]
        homes = self.names_of(name, {nsid for nsid, dummy in ends})
        self.leaving += [(homes[nsid], index) for nsid, index in ends if homes[nsid] is not None]
        self.coming += [link.name for link, dummy in links if link.kind == "" and link.name != "lo"]
        devices = [
            link.index for link, dummy in links if kind_of(link).stands and dict(link.attrs).get("owner") is not None
        ]
        self.devices += ["/dev/tap%d" % index for index in devices]
        if self.standing is None:
            self.standing = self.outliers()
        self.leaving += [(home, index) for home, index, nsid in self.standing if self.nsid(home, name) == nsid]
        self.standing = [one for one in self.standing if one[0] != name]
        self.forget(name)
        check(libc.umount2(("%s/%s" % (NETNS_DIR, name)).encode(), MNT_DETACH))
        os.unlink("%s/%s" % (NETNS_DIR, name))


def has_tables():
    """Whether nftables or iptables have any here: to run their programs takes a thousand times longer."""
    for family in ("ip", "ip6"):
        try:
            with open("/proc/thread-self/net/%s_tables_names" % family) as f:
                if f.read():
                    return True
        except FileNotFoundError:
            pass
        except PermissionError:
            return True  # in the user namespace of an ordinary user nobody may read it
    with suppress(OSError), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 12) as netfilter:
        netfilter.send(struct.pack("=IHHIIBBH", 20, 10 << 8 | 1, 0x301, 1, 0, 0, 0, 0))  # NFT_MSG_GETTABLE, a dump
        return struct.unpack_from("=IH", netfilter.recv(1 << 16))[1] == 10 << 8  # NFT_MSG_NEWTABLE
    return False


READERS = {
    Rule: Kernel.read_rules,
    PortVlans: Kernel.read_vlans,
    Neighbour: Kernel.read_neighbours,
    FdbEntry: Kernel.read_fdb,
    MdbEntry: Kernel.read_mdb,
    Impairment: Kernel.read_impairments,
}


def mount_sysfs():
    """A descriptor of a sysfs of the namespace that this thread is in, mounted nowhere (Linux 5.2)."""
    context = libc.syscall(430, b"sysfs", 1)  # fsopen(2), which older C libraries lack
    check(context)
    try:
        check(libc.syscall(431, context, 6, None, None, 0))  # fsconfig(2): FSCONFIG_CMD_CREATE
        mount = libc.syscall(432, context, 1, 0)  # fsmount(2)
        check(mount)
        return mount
    finally:
        os.close(context)


def output(argv):
    """What a program prints; None where it is not installed or fails."""
    program = shutil.which(argv[0], path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if program is None:
        return None
    done = subprocess.run(
        [program] + argv[1:],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        universal_newlines=True,
    )
    return done.stdout if done.returncode == 0 else None


def feed(argv, text):
    """Run a program with this input; raise OSError with what it complains of."""
    program = shutil.which(argv[0], path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if program is None:
        raise OSError(errno.ENOENT, "%s is not installed" % argv[0])
    done = subprocess.run(
        [program] + argv[1:],
        check=False,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    if done.returncode:
        raise OSError(errno.EINVAL, "%s: %s" % (argv[0], " ".join((done.stderr or done.stdout).split())))


def read(path):
    with open(path) as f:
        return f.read()


def write(path, text):
    """All of it or nothing."""
    with open(path + ".new", "w") as f:
        f.write(text)
    os.replace(path + ".new", path)


def read_file(path):
    """A file of this collection under sysctl.d, if it is there."""
    try:
        with open(path) as f:
            pairs = [line.partition("=") for line in f if "=" in line and not line.startswith("#")]
    except FileNotFoundError:
        return None
    return SysctlFile("", path, tuple(sorted((key.strip(), int(value)) for key, dummy, value in pairs)))


# Messages to resources


def nsids_in(answers, names):
    """The (number, name) of which the answers tell, where the namespace has both."""
    for answer in answers:
        parts = dict(nested(answer, 4))
        nsid, place = (struct.unpack("=i", parts[number])[0] for number in (1, 5))
        if min(nsid, place) >= 0:
            yield nsid, names[place]


def number_in(parts, number):
    return struct.unpack_from("=i", parts[number])[0] if number in parts else None


def link_of(netns, index, flags, parts, info, names):
    """A link, and what it has by its kind."""
    kind, slave = (info[number].rstrip(b"\0").decode() if number in info else "" for number in (1, 4))
    data = data_of(kind, info.get(2)) if kind in KINDS else None
    if kind == "tun" and data and data.get_attr("IFLA_TUN_TYPE") == TUN_TYPES["tap"]:
        kind = "tap"
    attrs = values(KINDS[kind].attrs, data) if kind in KINDS else ()
    if kind == "bond":
        attrs = tuple((name, names.get(value, "") if name == "primary" else value) for name, value in attrs)
    port = KINDS[slave].port if slave in KINDS else ()
    link = Link(
        netns,
        names[index],
        kind,
        master=names.get(number_in(parts, MASTER), ""),
        mtu=number_in(parts, MTU),
        # Of a tunnel it is the local IP address.
        address="" if KINDS.get(kind, PLAIN).packets else parts[ADDRESS].hex(":") if ADDRESS in parts else None,
        up=bool(flags & IFF_UP),
        alias=parts[IFALIAS].rstrip(b"\0").decode() if IFALIAS in parts else "",
        txqueuelen=number_in(parts, TXQLEN),
        attrs=attrs,
        port=values(port, data_of(slave + "_slave", info.get(5))) if port else (),
        slave_kind=slave if slave in KINDS else None,
        index=index,
    )
    return link, data


def values(attrs, data):
    get = data.get_attr if data else lambda nla: None
    found = {a.name: a.read(get) for a in attrs}
    return tuple(sorted((a.name, found[a.name] if met(a, found) else a.default) for a in attrs))


def spelled_key(data):
    return base64.b64encode(data).decode()


def wireguard_peer_of(link, parts):
    """A peer of the parts of its message."""
    ips = []
    for dummy, data in nested(parts.get(9, b"")):
        family, address, mask = (dict(nested(data))[number] for number in (1, 2, 3))
        ips.append("%s/%d" % (socket.inet_ntop(struct.unpack("=H", family)[0], address), mask[0]))
    preshared = parts.get(2, bytes(32))
    return WireguardPeer(
        link.netns,
        link.name,
        spelled_key(parts[1]),
        Secret(spelled_key(preshared)) if any(preshared) else Secret(),
        endpoint_of(parts[4]) if 4 in parts else "",
        tuple(ips),
        struct.unpack("=H", parts[5])[0] if 5 in parts else 0,
    )


def endpoint_of(data):
    """An address with its port."""
    family, port = struct.unpack("=H", data[:2])[0], struct.unpack("!H", data[2:4])[0]
    if family == socket.AF_INET:
        return "%s:%d" % (socket.inet_ntop(family, data[4:8]), port)
    return "[%s]:%d" % (socket.inet_ntop(family, data[8:24]), port)


def sockaddr(endpoint):
    """The address of an endpoint as the kernel takes it."""
    host, dummy, port = endpoint.rpartition(":")
    port = struct.pack("!H", int(port))
    if host.startswith("["):
        six = socket.inet_pton(socket.AF_INET6, host[1:-1])
        return struct.pack("=H", socket.AF_INET6) + port + bytes(4) + six + bytes(4)
    return struct.pack("=H", socket.AF_INET) + port + socket.inet_aton(host) + bytes(8)


def address_of(netns, m, parts, dev, mac, packets):
    family, length, flags, scope, dummy = m
    address, local, broadcast = (
        socket.inet_ntop(family, parts[number]) if number in parts else None for number in (1, 2, 4)
    )
    flags = struct.unpack("=I", parts[8])[0] if 8 in parts else flags
    label = parts[3].rstrip(b"\0").decode() if 3 in parts else dev
    own, peer = local or address, ""
    prefixed = "%s/%d" % (own, length)
    if local and address and local != address:
        prefixed, peer = own + ("/128" if ":" in own else "/32"), "%s/%d" % (address, length)
    by_itself = not flags & 0x80 or (dev == "lo" and own in ("127.0.0.1", "::1")) or is_eui64(own, mac)
    # Without a MAC address it makes them of chance, or of an IPv4 address.
    by_itself |= bool(flags & 0x800) or (packets and own.startswith(("fe80:", "::")))
    return Address(
        netns,
        dev,
        prefixed,
        peer,
        broadcast or "",
        "" if label == dev else label,
        SCOPES.get(scope, str(scope)),
        proto="kernel" if by_itself else None,
        secondary=bool(flags & 1) and ":" not in own,
    )


def is_eui64(address, mac):
    """Whether this is a link-local address that the kernel makes of a MAC address."""
    if not address.startswith("fe80:"):
        return False
    half = socket.inet_pton(socket.AF_INET6, address)[8:]
    # An ipvlan, which shares its MAC address, has a number in the middle.
    return half[3:5] == b"\xff\xfe" or (half[:3] + half[5:]).hex(":") == mac


def route_of(netns, answer, names):
    """A route; None for what is in the table local, cloned, or of a sort that is not managed here."""
    family, length, dummy, tos, table, proto, scope, kind, flags = HEADS["route"][1].unpack_from(answer)
    kind = TYPES.get(kind)
    # Most are in the table local.
    if table == 255 or family not in (socket.AF_INET, socket.AF_INET6) or tos or flags & 0x200:
        return None
    parts = dict(nested(answer, 12))
    table = number_in(parts, 15) or table
    if table == 255 or kind not in ("unicast", "blackhole", "unreachable", "prohibit", "throw"):
        return None
    zero = "::" if family == socket.AF_INET6 else "0.0.0.0"  # noqa: S104
    if kind != "unicast":
        hops = ()
    elif 9 in parts:
        hops = tuple(hops_of(family, parts[9], names))
    else:
        hops = (hop_of(family, parts, names.get(number_in(parts, 4)), 1, flags),)
    metrics = dict(nested(parts[8])) if 8 in parts else {}
    return Route(
        netns,
        "%s/%d" % (socket.inet_ntop(family, parts[1]) if 1 in parts else zero, length),
        table & 0xFFFFFFFF,
        (number_in(parts, 6) or 0) & 0xFFFFFFFF,
        kind,
        hops,
        socket.inet_ntop(family, parts[7]) if 7 in parts else "",
        SCOPES.get(scope, str(scope)),
        (number_in(metrics, 2) or 0) & 0xFFFFFFFF,
        PROTOS.get(proto, str(proto)),
    )


def hops_of(family, raw, names):
    """The next hops of a route that has several: each has a head and attributes of its own."""
    offset = 0
    while offset + 8 <= len(raw):
        length, flags, weight, index = struct.unpack_from("=HBBi", raw, offset)
        parts = dict(nested(raw[offset + 8 : offset + length]))
        yield hop_of(family, parts, names.get(index), weight + 1, flags)
        offset += (length + 3) & ~3


def hop_of(family, parts, dev, weight, flags):
    via = None
    if 18 in parts:  # of the other family, with its number before it
        via = socket.inet_ntop(struct.unpack_from("=H", parts[18])[0], parts[18][2:])
    elif 5 in parts:
        via = socket.inet_ntop(family, parts[5])
    return Hop(via, dev, weight, bool(flags & ONLINK))


RULE = dict(
    from_="FRA_SRC",
    to="FRA_DST",
    iif="FRA_IIFNAME",
    oif="FRA_OIFNAME",
    fwmark="FRA_FWMARK",
    ipproto="FRA_IP_PROTO",
    sport="FRA_SPORT_RANGE",
    dport="FRA_DPORT_RANGE",
    priority="FRA_PRIORITY",
    table="FRA_TABLE",
    suppress_prefixlength="FRA_SUPPRESS_PREFIXLEN",
    proto="FRA_PROTOCOL",
)


def rule_of(netns, m):
    """A rule; None for one with what is not managed here."""
    raw = {attr[0]: attr[1] for attr in m["attrs"]}
    strange = {name for name in raw if not (name in RULE.values() or name == "FRA_FWMASK" or raw[name] == 0xFFFF)}
    if strange or m["tos"] or m["flags"] & 2 or m["action"] not in ACTIONS or m["family"] not in FAMILIES:
        return None
    found = {name: raw.get(nla, "") for name, nla in RULE.items()}
    mark, mask = raw.get("FRA_FWMARK", 0), raw.get("FRA_FWMASK", 0)
    suppress = raw.get("FRA_SUPPRESS_PREFIXLEN", 0xFFFFFFFF)
    found.update(
        from_="%s/%d" % (raw["FRA_SRC"], m["src_len"]) if "FRA_SRC" in raw else "",
        to="%s/%d" % (raw["FRA_DST"], m["dst_len"]) if "FRA_DST" in raw else "",
        fwmark=("0x%x" % mark if mask == 0xFFFFFFFF and mark else "0x%x/0x%x" % (mark, mask)) if mask else "",
        ipproto={str(v): k for k, v in IP_PROTOCOLS.items()}.get(str(found["ipproto"]), str(found["ipproto"])),
        priority=found["priority"] or 0,
        table=(found["table"] or m["table"]) if ACTIONS[m["action"]] == "lookup" else 0,
        suppress_prefixlength=-1 if suppress == 0xFFFFFFFF else suppress,
        proto=PROTOS.get(found["proto"], str(found["proto"] or 0)),
    )
    for name in ("sport", "dport"):
        low, dummy, high = found[name].partition(":")
        found[name] = low if low == high else "%s-%s" % (low, high)
    return Rule(netns, FAMILIES[m["family"]], type=ACTIONS[m["action"]], **found)


def vlans_of(link, entries):
    vlans, pvid, first = {}, 0, 0
    for flags, vid in entries:
        if flags & 8:  # what a range begins with; it ends with the next one
            first = vid
            continue
        vlans.update(dict.fromkeys(range(first if flags & 16 else vid, vid + 1), bool(flags & 4)))
        pvid = vid if flags & 2 else pvid
    return PortVlans(link.netns, link.name, tuple(sorted(vlans.items())), pvid, own=link.kind == "bridge")


def neighbour_of(m, link):
    """A neighbour that somebody has set; None for one that the kernel has learned, or forgets by itself."""
    proxy = bool(m["flags"] & PROXY)
    if not proxy and (m["state"] != PERMANENT or m["flags"] & LEARNED):
        return None
    lladdr, router = m.get_attr("NDA_LLADDR") or "", bool(m["flags"] & ROUTER)
    return Neighbour(link.netns, link.name, m.get_attr("NDA_DST"), lladdr, router, proxy)


def fdb_entry_of(m, links):
    """A static entry of a bridge's port, or of a vxlan; None for all else."""
    link, master = links[m["ifindex"]], links.get(m.get_attr("NDA_MASTER"))
    own = master is None and link.kind == "vxlan"
    strange = m.get_attr("NDA_PORT") or m.get_attr("NDA_IFINDEX") or m.get_attr("NDA_NH_ID")
    if not m["state"] & STATIC or m["flags"] & LEARNED or strange or not (own or (master and master is not link)):
        return None
    lladdr, local, dst = m.get_attr("NDA_LLADDR"), not own and bool(m["state"] & PERMANENT), m.get_attr("NDA_DST")
    by_itself = local and lladdr in (link.address, master.address)
    # A vxlan is made with one destination for what it does not know.
    far = [value for name, value in link.attrs if name in ("remote", "group")]
    by_itself = by_itself or (own and lladdr == "00:00:00:00:00:00" and dst in far)
    return FdbEntry(
        link.netns,
        link.name,
        lladdr,
        m.get_attr("NDA_VLAN") or 0,
        own,
        local,
        dst or "",
        m.get_attr("NDA_VNI") or 0,
        proto="kernel" if by_itself else None,
    )


MDB = "=IBBH16sHxx"


def mdb_entry_of(netns, dev, data, names):
    """A group that somebody has set for a port."""
    index, state, dummy, vid, address, proto = struct.unpack_from(MDB, data)
    if not state & 1 or names.get(index, dev) == dev or any(kind == 4 for kind, dummy in nested(data[28:])):
        return None  # learned, of the bridge itself, or from one source only
    proto = socket.ntohs(proto)
    if proto in (0x0800, 0x86DD):
        family, length = (socket.AF_INET, 4) if proto == 0x0800 else (socket.AF_INET6, 16)
        group = socket.inet_ntop(family, address[:length])
    else:
        group = ":".join("%02x" % byte for byte in bytearray(address[:6]))
    return MdbEntry(netns, dev, names[index], group, vid)


def impairment_of(netns, dev, kind, options):
    """The discipline of a link; one that this module would not make so has only a name."""
    values = dict.fromkeys(("delay", "jitter", "loss", "duplicate", *NETEM), 0)
    strange = kind not in ("netem", "tbf")
    if kind == "tbf":
        rate, peak = struct.unpack_from("=8xI8xI", dict(nested(options))[1])
        values.update(rate=rate * 8, limit=1000)
        strange = bool(peak)
    elif kind == "netem":
        dummy, limit, loss, gap, duplicate, dummy = struct.unpack_from("=6I", options)
        parts = dict(nested(options[24:]))
        (delay, jitter) = (struct.unpack("=q", parts[number])[0] / 1e6 for number in (10, 11))
        told = dict(zip(NETEM, (parts.get(number) for number in (1, 3, 4, 6))))
        numbers = {name: struct.unpack("=%dI" % (len(data) // 4), data) for name, data in told.items() if data}
        values.update({name: percent(pair[0]) for name, pair in numbers.items() if name != "rate"})
        values.update(delay=round(delay, 3), jitter=round(jitter, 3), limit=limit)
        values.update(loss=percent(loss), duplicate=percent(duplicate), rate=numbers.get("rate", [0])[0] * 8)
        strange = {5, 7, 8, 12} & set(parts) or any(any(pair[1:]) for pair in numbers.values()) or gap > 1
    return Impairment(netns, dev, foreign=kind) if strange else Impairment(netns, dev, **values)


def percent(number):
    return round(number * 100.0 / WHOLE, 4)


# Changes to messages


@singledispatch
def do(target, change, kernel):
    raise TypeError(target)


@do.register(Netns)
def do_netns(target, change, kernel):
    if change.verb == "delete":
        return kernel.delete_netns(target.name)
    if change.verb == "add":
        kernel.forget(target.name)
        kernel.atlas = None
        share_netns_dir()
        mount_netns(target)
    for dummy, nsid in change.news("nsid"):
        attrs = [("NETNSA_FD", kernel.file(target.name)), ("NETNSA_NSID", nsid)]
        kernel.netlink("").ask("nsid", NEWNSID, ACK, attrs)
    return None


def share_netns_dir():
    """Make /run/netns a shared mount, so that a namespace that goes here goes in every mount namespace."""
    os.makedirs(NETNS_DIR, exist_ok=True)
    where = NETNS_DIR.encode()
    if libc.mount(b"", where, b"none", MS_SHARED | MS_REC, None):
        check(libc.mount(where, where, b"none", MS_BIND | MS_REC, None))
        check(libc.mount(b"", where, b"none", MS_SHARED | MS_REC, None))


def mount_netns(target):
    path = "%s/%s" % (NETNS_DIR, target.name)
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT, 0))
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not target.path:
            check(libc.unshare(CLONE_NEWNET))
        check(libc.mount((target.path or "/proc/thread-self/ns/net").encode(), path.encode(), b"none", MS_BIND, None))
    except OSError:
        os.unlink(path)
        raise
    finally:
        check(libc.setns(home, CLONE_NEWNET))
        os.close(home)


@do.register(Link)
def do_link(target, change, kernel):
    before, base, kind = change.before, change.base, kind_of(target)
    here = kernel.netlink((before or target).netns)
    if change.verb == "delete":
        here.ask("link", DELLINK, ACK, index=here.index(target.name))
        here.indexes.pop(target.name, None)
        return
    program = kind.name in TUN_TYPES
    if before is None and program:
        make_tun(target, kernel)
        here.indexes.pop(target.name, None)
    typed = [] if program else tunnelled(target, base, kind, kernel)
    attrs, flags = [], dict(change.news("up"))
    if (before.ref != target.ref) if before else not program:
        attrs.append(("IFLA_IFNAME", target.name))
    if before is not None and before.netns != target.netns:
        # The rest is said where the link has gone to.
        attrs.append(("IFLA_NET_NS_FD", kernel.file(target.netns)))
        here.ask("link", NEWLINK, ACK, attrs, index=here.index(before.name))
        here.indexes.pop(before.name, None)
        here, attrs = kernel.netlink(target.netns), []
        here.indexes.pop(target.name, None)
    nla = dict(mtu="IFLA_MTU", address="IFLA_ADDRESS", alias="IFLA_IFALIAS", txqueuelen="IFLA_TXQLEN")
    attrs += [(nla[name], value) for name, value in change.news(*nla)]
    attrs += [("IFLA_MASTER", here.index(master) if master else 0) for dummy, master in change.news("master")]
    header = dict(flags=int(flags["up"]), change=IFF_UP) if flags else {}
    if before is None and not program:
        data = typed
        if target.peer:
            far = [("IFLA_IFNAME", target.peer[1]), ("IFLA_NET_NS_FD", kernel.file(target.peer[0]))]
            data = [("VETH_INFO_PEER", {"attrs": far})]
            kernel.netlink(target.peer[0]).indexes.pop(target.peer[1], None)
        info = [("IFLA_INFO_KIND", kind.name)] + ([("IFLA_INFO_DATA", {"attrs": data})] if data else [])
        here.indexes.pop(target.name, None)
        start = here
        if target.link and not kind.over:
            # The kernel looks for the lower link where it is told of the new one.
            start = kernel.netlink(target.link[0])
            attrs.append(("IFLA_LINK", start.index(target.link[1])))
            attrs += [("IFLA_NET_NS_FD", kernel.file(target.netns))] if start is not here else []
        say(start, ACK | CREATE | EXCL, attrs + [("IFLA_LINKINFO", {"attrs": info})], header, kind, typed)
    elif attrs or typed or header:
        index = here.index(before.name if before and before.netns == target.netns else target.name)
        # Of one message the kernel takes the kind's options first. A bridge without an address refuses some,
        # and it has none after its last port has left.
        if attrs or header:
            say(here, ACK, attrs, dict(header, index=index), kind, [])
        if typed:
            info = [("IFLA_INFO_KIND", kind.name), ("IFLA_INFO_DATA", {"attrs": typed})]
            # The MTU of a tunnel is worked out anew unless it is said.
            kept = [("IFLA_MTU", target.mtu)] if kind.whole else []
            say(here, ACK, kept + [("IFLA_LINKINFO", {"attrs": info})], dict(index=index), kind, typed)
        here.indexes.pop((before or target).name, None)
    do_port(target, base, here)
    do_device(target, apart(change, OnDevice), kernel)
    do_wireguard(target, apart(change, OnWireguard), kernel)
    for address, was, default in routers(change):
        request = SIOCADDPRL if was is None else SIOCDELPRL if default is None else SIOCCHGPRL
        kernel.prl(target.ref, request, PRL.pack(socket.inet_aton(address), bool(default), 0, 0, 0))


def tunnelled(target, base, kind, kernel):
    """The kind's attributes to be said, and the lower link of a tunnel."""
    old, link = base.attrs if base else (), (kind.over and target.link) or ("", "")
    typed = encoded(kind.attrs, old, target.attrs, not base)
    moved = bool(link[1]) if base is None else bool(kind.over) and target.link != base.link
    if kind.whole and (typed or moved or base is None):
        typed = encoded(kind.attrs, old, target.attrs, whole=True)
    if moved or (kind.whole and typed and link[1]):
        home, name = kernel.netlink(link[0]), link[1]
        gone = name.isdigit() and name not in home.indexes
        typed.append((kind.over, int(name) if gone else home.index(name) if name else 0))
    ports = {attr.nla for attr in kind.attrs if isinstance(attr, Port)}
    here = kernel.netlink(target.netns)
    return [(nla, (here.index(value) if value else 0) if nla in ports else value) for nla, value in typed]


def make_tun(target, kernel):
    """A tun or tap, which netlink does not make, that stays when no program has it open."""
    attrs = dict(target.attrs)
    flags = TUN_TYPES[target.kind] | TUN_EXCL | (0 if attrs.get("pi") else TUN_NO_PI)
    flags |= sum(bit for name, bit in TUN_FLAGS.items() if attrs.get(name))
    try:
        with kernel.inside(target.netns):
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    except OSError as e:
        raise OSError(
            e.errno, "kind: " + lacks(kind_of(target)) if e.errno in (errno.ENOENT, errno.ENODEV) else e.strerror
        )
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", target.name.encode(), flags))
        for name, request in (("owner", TUNSETOWNER), ("group", TUNSETGROUP)):
            if attrs.get(name, -1) != -1:
                # The kernel takes it as unsigned, Python passes a C int.
                fcntl.ioctl(fd, request, attrs[name] - (attrs[name] >> 31 << 32))
        fcntl.ioctl(fd, TUNSETPERSIST, 1)
    finally:
        os.close(fd)


def lacks(kind):
    return "this kernel has no links of kind %s (kernel module %s)" % (kind.name, kind.kernel_module or kind.name)


def say(here, flags, attrs, header, kind, typed):
    """Tell the kernel of a link; what it does not support is named."""
    end = time.monotonic() + 5
    while True:
        try:
            return here.ask("link", NEWLINK, flags, attrs, **header)
        except OSError as e:
            # One in a deleted namespace lasts a little longer than that.
            if e.errno != errno.EEXIST or not kind.unique or time.monotonic() > end:
                raise unsaid(e, flags, kind, typed)
        time.sleep(0.01)


def unsaid(e, flags, kind, typed):
    """What the kernel's refusal of a link means."""
    if UNKNOWN in e.strerror or (e.errno == errno.EOPNOTSUPP and not typed and flags & CREATE):
        return OSError(e.errno, "kind: " + lacks(kind))
    if e.errno == errno.EEXIST and kind.unique:
        return OSError(e.errno, "another link of kind %s has the same %s" % (kind.name, ", ".join(kind.unique)))
    if e.errno == errno.EOPNOTSUPP and typed and e.strerror == os.strerror(e.errno):
        names = ", ".join(attr.name for attr in kind.attrs if attr.nla in dict(typed))
        return OSError(e.errno, "this kernel does not take %s for a link of kind %s" % (names, kind.name))
    return e


def do_port(target, base, here):
    """The options of a port, which its master keeps."""
    fresh = base is None or base.master != target.master
    port = KINDS[target.slave_kind].port if target.slave_kind else ()
    data = encoded(port, () if fresh else base.port, target.port, fresh)
    if data:
        info = [("IFLA_INFO_SLAVE_KIND", target.slave_kind), ("IFLA_INFO_SLAVE_DATA", {"attrs": data})]
        here.ask("link", NEWLINK, ACK, [("IFLA_LINKINFO", {"attrs": info})], index=here.index(target.name))


def do_device(target, news, kernel):
    """Owner, group and mode of the character device."""
    if not news:
        return
    index = kernel.netlink(target.netns).index(target.name)
    path = "/dev/tap%d" % index
    try:
        kernel.device(target.netns, target.kind, index)
    except OSError as e:
        text = "there is no %s here" % path if e.errno == errno.ENOENT else e.strerror
        raise OSError(e.errno, "%s: %s" % (min(news), text))
    os.chown(path, news.get("owner", -1), news.get("group", -1))
    if "device_mode" in news:
        os.chmod(path, news["device_mode"])


def do_wireguard(target, news, kernel):
    if news:
        attrs = [("IFINDEX", kernel.netlink(target.netns).index(target.name))]
        attrs += [(name.upper(), raw_key(value) if name == "private_key" else value) for name, value in news.items()]
        kernel.wireguard(target.netns, 1, ACK, attrs)


def raw_key(secret):
    return base64.b64decode(secret.text) if secret.text else bytes(32)


@do.register(WireguardPeer)
def do_wireguard_peer(target, change, kernel):
    parts = [attribute(1, base64.b64decode(target.public_key))]
    gone, before = change.verb == "delete", change.before if change.before != change.after else None
    if gone or loses_endpoint(change):
        say_peer(target, parts + [attribute(3, struct.pack("=I", 1))], kernel)
        before = None
    news = {
        name: value
        for name, value in vars(target).items()
        if value is not None and (before is None or getattr(before, name) != value)
    }
    if "preshared_key" in news:
        parts.append(attribute(2, raw_key(target.preshared_key)))
    if news.get("endpoint"):
        parts.append(attribute(4, sockaddr(target.endpoint)))
    if "persistent_keepalive" in news:
        parts.append(attribute(5, struct.pack("=H", target.persistent_keepalive)))
    if "allowed_ips" in news:
        ips = []
        for text in target.allowed_ips:
            address, dummy, mask = text.partition("/")
            family = family_of(address)
            ip = attribute(1, struct.pack("=H", family)) + attribute(2, socket.inet_pton(family, address))
            ips.append(attribute(NESTED, ip + attribute(3, struct.pack("=B", int(mask)))))
        # These in the place of all others.
        parts += [attribute(3, struct.pack("=I", 2)), attribute(9 | NESTED, b"".join(ips))]
    if not gone:
        say_peer(target, parts, kernel)


def say_peer(target, parts, kernel):
    attrs = [("IFINDEX", kernel.netlink(target.netns).index(target.dev))]
    kernel.wireguard(target.netns, 1, ACK, [*attrs, ("SET_PEERS", attribute(NESTED, b"".join(parts)))])


@do.register(AltName)
def do_altname(target, change, kernel):
    here = kernel.netlink(target.netns)
    attrs = [("IFLA_PROP_LIST", {"attrs": [("IFLA_ALT_IFNAME", target.name)]})]
    verb, flags = (DELLINKPROP, 0) if change.verb == "delete" else (NEWLINKPROP, CREATE | EXCL | APPEND)
    here.ask("link", verb, ACK | flags, attrs, index=here.index(target.dev))


@do.register(Address)
def do_address(target, change, kernel):
    here = kernel.netlink(target.netns)
    same = change.before == change.after
    for address, verb, flags in (
        (change.before, DELADDR, 0),
        (change.after, NEWADDR, CREATE | (REPLACE if same else EXCL)),
    ):
        if address is None or (same and verb == DELADDR):
            continue
        local = address.address.split("/")[0]
        length = (address.peer or address.address).split("/")[1]
        attrs = [("IFA_LOCAL", local), ("IFA_ADDRESS", address.peer.split("/")[0] if address.peer else local)]
        attrs += [("IFA_BROADCAST", address.broadcast)] if address.broadcast and verb == NEWADDR else []
        attrs += [("IFA_LABEL", address.label)] if address.label and verb == NEWADDR else []
        scope = number(SCOPES, address.scope or "global")
        where = dict(index=here.index(address.dev), prefixlen=int(length), family=family_of(local), scope=scope)
        try:
            here.ask("address", verb, ACK | flags, attrs, **where)
        except OSError as e:
            links = [link for link, dummy in kernel.read_links(target.netns)[0] if link.name == address.dev]
            if ":" in local and links[0].mtu < IPV6_LEAST:
                raise OSError(
                    e.errno, "%s has an MTU of %d, IPv6 takes no less than %d" % (address.dev, links[0].mtu, IPV6_LEAST)
                )
            raise


@do.register(Route)
def do_route(target, change, kernel):
    here = kernel.netlink(target.netns)
    dest, length = target.dest.split("/")
    family = family_of(dest)
    attrs = [("RTA_DST", dest)] if int(length) else []
    attrs += [("RTA_TABLE", target.table)]
    attrs += [("RTA_PRIORITY", target.metric)] if target.metric else []
    attrs += [("RTA_PREFSRC", target.src)] if target.src else []
    attrs += [("RTA_METRICS", {"attrs": [("RTAX_MTU", target.mtu)]})] if target.mtu else []
    hops, flags = target.hops or (), 0
    if len(hops) > 1:
        several = [
            dict(
                hops=h.weight - 1,
                flags=ONLINK if h.onlink else 0,
                oif=here.index(h.dev) if h.dev else 0,
                attrs=gateway(h, family),
            )
            for h in hops
        ]
        attrs.append(("RTA_MULTIPATH", several))
    elif hops:
        attrs += gateway(hops[0], family) + ([("RTA_OIF", here.index(hops[0].dev))] if hops[0].dev else [])
        flags = ONLINK if hops[0].onlink else 0
    direct = target.type in (None, "unicast") and not any(h.via for h in hops) and family == socket.AF_INET
    scope = number(SCOPES, target.scope or ("link" if direct else "global"))
    header = dict(
        family=family,
        dst_len=int(length),
        table=target.table if target.table < 256 else 0,
        flags=flags,
        type=number(TYPES, target.type or "unicast"),
    )
    if change.verb == "delete":
        here.ask("route", DELROUTE, ACK, attrs, **dict(header, proto=0, scope=255 if family == socket.AF_INET else 0))
    else:
        how = CREATE | (REPLACE if change.verb == "set" else EXCL)
        proto = number(PROTOS, target.proto or "static")
        here.ask("route", NEWROUTE, ACK | how, attrs, proto=proto, scope=scope, **header)


def gateway(hop, family):
    if not hop.via:
        return []
    own = family_of(hop.via)
    return [("RTA_GATEWAY", hop.via)] if own == family else [("RTA_VIA", {"family": own, "addr": hop.via})]


@do.register(Rule)
def do_rule(target, change, kernel):
    here = kernel.netlink(target.netns)
    for rule, verb, flags in ((change.after, NEWRULE, CREATE | EXCL), (change.before, DELRULE, 0)):
        if rule is None:
            continue
        found = {name: getattr(rule, name) for name in RULE if getattr(rule, name) not in (None, "")}
        header = dict(family=number(FAMILIES, rule.family), action=number(ACTIONS, rule.type))
        for name, length in (("from_", "src_len"), ("to", "dst_len")):
            if name in found:
                found[name], dummy, bits = found[name].partition("/")
                header[length] = int(bits)
        mark, dummy, mask = found.pop("fwmark", "").partition("/")
        more = [("FRA_FWMARK", int(mark, 0)), ("FRA_FWMASK", int(mask or "0xffffffff", 0))] if mark else []
        for name in {"sport", "dport"} & set(found):
            low, dummy, high = found[name].partition("-")
            found[name] = "%s:%s" % (low, high or low)
        if "ipproto" in found:
            found["ipproto"] = IP_PROTOCOLS.get(found["ipproto"]) or int(found["ipproto"])
        found["suppress_prefixlength"] &= 0xFFFFFFFF
        found["proto"] = number(PROTOS, rule.proto or "unspec")
        here.request(
            rare_message("rule"), verb, ACK | flags, [(RULE[name], v) for name, v in found.items()] + more, header
        )


@do.register(PortVlans)
def do_vlans(target, change, kernel):
    here = kernel.netlink(target.netns)
    for verb, first, last, untagged, pvid in vlan_steps(change.before, change.after):
        flags = 2 * pvid + 4 * untagged
        ends = [(first, flags)] if first == last else [(first, flags | 8), (last, flags | 16)]
        info = [("IFLA_BRIDGE_VLAN_INFO", {"flags": bits, "vid": vid}) for vid, bits in ends]
        info = ([("IFLA_BRIDGE_FLAGS", 2)] if target.own else []) + info
        header = dict(family=7, index=here.index(target.dev))
        number = SETLINK if verb == "add" else DELLINK
        here.ask("link", number, ACK, [("IFLA_AF_SPEC", {"attrs": info})], **header)


def say_neighbour(target, change, kernel, attrs, how, **header):
    here = kernel.netlink(target.netns)
    verb = DELNEIGH if change.verb == "delete" else NEWNEIGH
    header = dict(header, ifindex=here.index(target.dev))
    here.request(rare_message("neighbour"), verb, ACK | (how if verb == NEWNEIGH else 0), attrs, header)


@do.register(Neighbour)
def do_neighbour(target, change, kernel):
    family = family_of(target.address)
    attrs = [("NDA_DST", target.address)] + ([("NDA_LLADDR", target.lladdr)] if target.lladdr else [])
    flags = PROXY * target.proxy | ROUTER * bool(target.router)
    say_neighbour(target, change, kernel, attrs, CREATE | REPLACE, family=family, state=PERMANENT, flags=flags)


@do.register(FdbEntry)
def do_fdb_entry(target, change, kernel):
    attrs = [("NDA_LLADDR", target.lladdr)]
    for nla, value in (("NDA_DST", target.dst), ("NDA_VNI", target.vni), ("NDA_VLAN", target.vlan)):
        attrs += [(nla, value)] if value else []
    how = CREATE | (APPEND if target.several else REPLACE)
    # As bridge(8) says it: reachable, without ARP.
    state = PERMANENT if target.local else 0x42
    say_neighbour(target, change, kernel, attrs, how, family=7, state=state, flags=SELF if target.self_ else 4)


@do.register(MdbEntry)
def do_mdb_entry(target, change, kernel):
    here, group = kernel.netlink(target.netns), target.grp
    if is_mac(group):
        proto, address = 0, bytes(bytearray(int(byte, 16) for byte in group.split(":")))
    else:
        proto, address = 0x86DD if ":" in group else 0x0800, socket.inet_pton(family_of(group), group)
    data = struct.pack(MDB, here.index(target.port), 1, 0, target.vid or 0, address, socket.htons(proto))
    verb, flags = (DELMDB, 0) if change.verb == "delete" else (NEWMDB, CREATE | EXCL)
    try:
        header = dict(family=7, index=here.index(target.dev))
        here.request(rare_message("mdb"), verb, ACK | flags, [("MDB", data)], header)
    except OSError as e:
        # While the bridge did not look for groups it did not tell of those that it has.
        if e.errno != errno.EEXIST:
            raise


@do.register(Impairment)
def do_impairment(target, change, kernel):
    here = kernel.netlink(target.netns)
    header = dict(index=here.index(target.dev), parent=ROOT)
    if change.verb == "delete":
        return here.request(rare_message("tc"), DELQDISC, ACK, header=header)
    t = target
    if t.discipline == "tbf":
        rate = t.rate // 8
        limit = t.burst + rate // 20
        data = attribute(1, struct.pack("=BBHhHI12xIII", 0, 1, 0, 0, 0, rate, limit, 0, 0))
        data += attribute(6, struct.pack("=I", t.burst))
    else:
        loss, duplicate = (share_of(value) for value in (t.loss, t.duplicate))
        data = struct.pack("=6I", 0, t.limit, loss, int(bool(t.reorder)), duplicate, 0)
        data += attribute(10, struct.pack("=q", round(t.delay * 1e6)))
        data += attribute(11, struct.pack("=q", round(t.jitter * 1e6)))
        data += attribute(1, struct.pack("=3I", share_of(t.correlation), 0, 0))
        data += attribute(3, struct.pack("=2I", share_of(t.reorder), 0))
        data += attribute(4, struct.pack("=2I", share_of(t.corrupt), 0))
        data += attribute(6, struct.pack("=IiIi", t.rate // 8, 0, 0, 0))
    attrs = [("KIND", t.discipline), ("OPTIONS", data)]
    try:
        return here.request(rare_message("tc"), NEWQDISC, ACK | CREATE | REPLACE, attrs, header)
    except OSError as e:
        if e.errno != errno.ENOENT:
            raise
        raise OSError(
            e.errno, "this kernel has no queueing discipline %s (kernel module sch_%s)" % ((t.discipline,) * 2)
        )


def share_of(value):
    return round(value / 100.0 * WHOLE)


@do.register(Sysctl)
def do_sysctl(target, change, kernel):
    with kernel.inside(target.netns), open("/proc/sys/" + target.path, "w") as f:
        f.write(str(target.value))


@do.register(SysctlFile)
def do_sysctl_file(target, change, kernel):
    if change.verb == "delete":
        return os.unlink(target.path)
    return write(target.path, "".join("%s = %d\n" % pair for pair in target.lines))


@do.register(Topology)
def do_topology(target, change, kernel):
    if change.verb == "delete":
        return os.unlink(target.path)
    os.makedirs(RUN_DIR, exist_ok=True)
    return write(target.path, target.text)


def nft(kernel, netns, commands):
    with kernel.inside(netns):
        feed(["nft", "-j", "-f", "-"], json.dumps({"nftables": commands}))


@do.register(Boot)
def do_boot(target, change, kernel):
    if change.verb == "delete":
        for path in (target.wanted_by, *target.files):
            with suppress(FileNotFoundError):
                os.unlink(path)
        with suppress(OSError):  # it is that of other topologies as well
            os.rmdir(os.path.dirname(target.script))
    else:
        for path in (*target.files, target.wanted_by):
            os.makedirs(os.path.dirname(path), exist_ok=True)
        for path, text in target.files.items():
            write(path, text)
        with suppress(FileExistsError):
            os.symlink("../" + target.unit, target.wanted_by)
    if os.path.isdir("/run/systemd/system"):
        subprocess.run(["systemctl", "daemon-reload"], check=False)


@do.register(Pending)
def do_pending(target, change, kernel):
    os.unlink(target.path)


@do.register(NatTable)
def do_nat_table(target, change, kernel):
    verb = "delete" if change.verb == "delete" else "add"
    nft(kernel, target.netns, [{verb: {"table": {"family": NFT_FAMILY[target.family], "name": TABLE}}}])


@do.register(PortForward)
@do.register(Masquerade)
def do_nat_rule(target, change, kernel):
    rules = [(rule, rule is change.after) for rule in (change.before, change.after) if rule is not None]
    commands = [c for rule, adding in rules if rule.backend == "nft" for c in nft_json(rule, adding)]
    if commands:
        nft(kernel, target.netns, commands)
    for rule, adding in rules:
        if rule.backend == "iptables":
            # The first three words call the program; the rest is what iptables-restore(8) reads, in one transaction.
            lines = [" ".join('"%s"' % word for word in argv[4:]) for argv in iptables_argv(rule, adding)]
            with kernel.inside(rule.netns):
                feed([PROGRAM[rule.family] + "-restore", "-w", "--noflush"], "*nat\n%s\nCOMMIT\n" % "\n".join(lines))
