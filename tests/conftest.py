# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests that change the network share. They do it in a sandbox: see tests/sandbox."""

import base64
import importlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

import pytest
import yaml

from ansible_collections.virtnet.linux.plugins.module_utils import _rooms
from ansible_collections.virtnet.linux.plugins.module_utils._core.desired import Change, Desired, Observation
from ansible_collections.virtnet.linux.plugins.module_utils._core.planner import plan
from ansible_collections.virtnet.linux.plugins.module_utils._core.rows import Ip, Number, Some, met
from ansible_collections.virtnet.linux.plugins.module_utils._info_task import INFO_MODULES
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.base import kind_named, kind_of
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.bond import Ips, Port
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.hsr import Slave
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.macsec import Sci
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.macvlan import Macs
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.tunnel import Routers, Sixrd
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.vlan import Map
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.vxlan import Ports
from ansible_collections.virtnet.linux.plugins.module_utils._kinds.wireguard import PrivateKey
from ansible_collections.virtnet.linux.plugins.module_utils._probe_task import PROBE_MODULES
from ansible_collections.virtnet.linux.plugins.module_utils._resources.address import FOREVER, LIFETIMES
from ansible_collections.virtnet.linux.plugins.module_utils._resources.impairment import Impairment
from ansible_collections.virtnet.linux.plugins.module_utils._resources.link import FALLBACK, Link
from ansible_collections.virtnet.linux.plugins.module_utils._resources.link_options import makes
from ansible_collections.virtnet.linux.plugins.module_utils._resources.netns import Netns
from ansible_collections.virtnet.linux.plugins.module_utils._resources.vlans import PortVlans
from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import nexthop as nexthops
from ansible_collections.virtnet.linux.plugins.module_utils._rtnl import route, rule
from ansible_collections.virtnet.linux.plugins.module_utils._rtnl.link import read_links
from ansible_collections.virtnet.linux.plugins.module_utils._rtnl.nat import nft_tables
from ansible_collections.virtnet.linux.plugins.module_utils._rtnl.observe import Kernel
from ansible_collections.virtnet.linux.plugins.module_utils._trace_task import TRACE_MODULES

KEYS = [base64.b64encode(bytes([number] * 32)).decode() for number in range(8, 14)]
MACS = ["02:00:00:ff:ff:%02x" % number for number in range(4)]
# Each has, with the IPv4 addresses, as many bits as the kernel takes.
SIXRDS = [("2001:db8:99::/48", "192.0.0.0/16"), ("2001:db8::/32", "0.0.0.0/0"), ("2001:db8:8000::/40", "10.0.0.0/8")]
EVERYTHING = frozenset((*_rooms.ON_DEMAND, "address", "nat_table"))
KINDS = {name: kind_named(name) for name in _rooms.KIND_ROOMS}
OPTIONS = {name: _rooms.module(name) for name in _rooms.EVERY_MODULE}
GAPS = Path(__file__).with_name("fleet") / "gaps.yml"


# What some kernels do not have, beside kinds of links, by what it takes.
FEATURES = {
    "bridge_vlan": [Link("", "br0", "bridge"), PortVlans("", "br0", ((7, True),), 7)],
    "netem": [Link("", "low", "veth", ("", "lowp")), Impairment("", "low", delay=1)],
}


def known_gaps():
    """What the kernel of the test host that this is does not have, with the reasons; see tests/fleet."""
    return (yaml.safe_load(GAPS.read_text()) or {}).get(os.environ.get("FLEET_HOST"), {})


def pytest_collection_modifyitems(config, items):
    """What this kernel cannot do, the test hosts do; what a test host cannot do stands in a table."""
    gaps, here, elsewhere = known_gaps(), [], []
    for item in items:
        needs, lacks = ({word for mark in item.iter_markers(name) for word in mark.args} for name in ("needs", "lacks"))
        known = [gaps[need] for need in needs if need in gaps]
        for reason in known:
            item.add_marker(pytest.mark.skip(reason=reason))
        fits = known or (not any(map(lacking, needs)) and all(map(lacking, lacks)))
        (here if fits else elsewhere).append(item)
    config.hook.pytest_deselected(items=elsewhere)
    items[:] = here


def needing(value, *kinds):
    """A parameter of a test, for kernels with links of these kinds."""
    return pytest.param(value, marks=[pytest.mark.needs(*kinds)] if kinds else [])


def each_of(modules):
    known = {m: [kind.name for kind in makes(m)] + [m] * (m in (*FEATURES, "virtual_machine")) for m in modules}
    return pytest.mark.parametrize("name", [needing(m, *known[m]) for m in modules])


EVERY = [*OPTIONS, *INFO_MODULES, *PROBE_MODULES, *TRACE_MODULES]


@lru_cache
def lacking(need):
    """Whether this kernel has no links of a kind (of KIND.ATTRIBUTE only that is asked), or not this feature."""
    if need == "virtual_machine":
        return not (os.path.exists("/run/guest/vmlinuz") and shutil.which("qemu-system-x86_64"))
    if need == "iptables-legacy":
        return subprocess.run(["unshare", "--net", need, "-nL"], capture_output=True, check=False).returncode != 0
    kind = need.partition(".")[0]
    wanted = FEATURES.get(need) or (example(KINDS[kind]) if kind in KINDS else None)
    return wanted is not None and Host().there(*wanted) is None


class Host:
    """The sandbox: what is there, and back to nothing."""

    def __init__(self):
        same = os.stat("/proc/self/ns/net").st_ino == os.stat("/proc/1/ns/net").st_ino
        if same and os.path.exists("/sys/class/net/eth0"):
            pytest.exit("these tests change the network: run them by tests/sandbox", returncode=3)

    def observe(self, topologies=None):
        kernel = Kernel()
        try:
            names = frozenset(kernel.names())
            kept = [name[:-5] for name in listed("/run/virtnet") if name.endswith(".json")]
            kept = frozenset(kept if topologies is None else topologies)
            return kernel.observe(Observation(names, names, sorts=EVERYTHING, topologies=kept))
        finally:
            kernel.close()

    def execute(self, steps):
        kernel = Kernel()
        try:
            for change in steps:
                kernel.execute(change)
            kernel.wait_for_leaving()
        finally:
            kernel.close()

    def shell(self, *lines):
        """Run lines in one shell; the first that fails ends it."""
        done = subprocess.run(
            ["bash", "-exc", "\n".join(lines)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert done.returncode == 0, done.stdout

    def filled(self, lines, keys):
        """Commands with files in the place of the texts for them, which name what `keys` are of."""
        for number, (name, key) in enumerate(keys.items()):
            path = "/run/key-%s-%d" % (hash(key), number)
            Path(path).write_text(key)
            lines = [line.replace("'<file with the %s>'" % name, path) for line in lines]
        return lines

    def settle(self):
        """Wait for what has lost its name: the kernel takes such a namespace away a little after its last user."""
        end = time.monotonic() + 10
        while any(r.peer and r.peer[0] == "?" for r in self.observe() if isinstance(r, Link)) or any(
            "name:" not in line for line in self.output("ip netns list-id").splitlines()
        ):
            assert time.monotonic() < end

    def rest(self):
        """Wait for what the kernel tells a little late: the carriers of links, and whose the addresses are."""
        end = time.monotonic() + 20
        while any(map(self.told_late, ["", *("-n " + shlex.quote(name) for name in listed("/run/netns"))])):
            assert time.monotonic() < end
            time.sleep(0.05)

    def told_late(self, where):
        """What ip(8), with these words for a namespace, tells that is about to change by itself."""
        shows = "link show", "address show", "-4 route show table all"
        links, addresses, routes = [json.loads(self.output("ip -j %s %s" % (where, show)) or "[]") for show in shows]
        carrier = {link["ifname"]: "LOWER_UP" in link["flags"] for link in links if "UP" in link["flags"]}
        states = {link["ifname"]: link["operstate"] in ("UP", "UNKNOWN") for link in links}
        off = [route for route in routes if route.get("type") != "local"]  # those stay as they are
        sought = [one for link in addresses if carrier.get(link.get("ifname")) for one in link["addr_info"]]
        return (
            [name for name in carrier if carrier[name] != states[name]]
            + [route for route in off if carrier.get(route.get("dev")) is ("linkdown" in route["flags"])]
            + [one for one in sought if one.get("tentative") and not one.get("dadfailed")]
        )

    def output(self, line):
        return subprocess.run(
            ["bash", "-c", line], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ).stdout

    def there(self, *wanted):
        """What is there after this was wanted; None if the kernel does not take it."""
        self.clear()
        try:
            self.execute(plan(Desired(wanted), self.observe()))
        except OSError:
            return None
        return self.observe()

    def clear(self):
        """Back to nothing. What starts no program takes a tenth of the time, and on test hosts that was most of it."""
        kernel = Kernel()
        try:
            for name in kernel.names():
                for link, dummy in read_links(kernel, name)[0]:
                    # The kernel takes no second one of these, and is in no hurry with those of a deleted namespace.
                    if kind_of(link).unique and link.name not in FALLBACK:
                        with suppress(OSError):  # some go with others
                            kernel.execute(Change(link))
                kernel.execute(Change(Netns(name)))
            for name in listed("/run/netns"):
                os.unlink("/run/netns/" + name)
            kernel.wait_for_leaving()
            for link, dummy in read_links(kernel, "")[0]:
                if link.name not in FALLBACK:
                    with suppress(OSError):
                        kernel.execute(Change(link))
            for nexthop in list(nexthops.read(kernel, "", ())):
                with suppress(OSError):  # groups go with those in them
                    kernel.execute(Change(nexthop))
            said = [r for read in (rule.read, route.read) for r in read(kernel, "", ()) if r.proto == "static"]
        finally:
            kernel.close()
        for family in ("-4", "-6") if said else ():
            self.shell("ip %s rule flush protocol static" % family, "ip %s route flush proto static" % family)
        if nft_tables():
            tables = ["add table %s virtnet; delete table %s virtnet" % (family, family) for family in ("ip", "ip6")]
            self.shell("nft '%s' 2>/dev/null || true" % "; ".join(tables))
        shutil.rmtree("/run/virtnet", ignore_errors=True)
        Path("/proc/sys/net/ipv4/ip_forward").write_text("0")
        Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("0")


def listed(folder):
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def other_value(attr):
    """A value of an attribute that is not its default."""
    if isinstance(attr, PrivateKey):
        return attr.parse(KEYS[0])
    if isinstance(attr, Ip):
        return "2001:db8::99" if attr.version == 6 else "192.0.2.99"
    if isinstance(attr, Map):
        return ((1, 2),)
    if isinstance(attr, Ips):
        return ("192.0.2.99",)
    if isinstance(attr, Port):
        return ""  # there is none
    if isinstance(attr, Slave):
        return dict(slave1="low", slave2="lowp").get(attr.name, "third")
    if isinstance(attr.values, range) and attr.only and isinstance(attr.only[1], Some):
        return 2 * attr.only[1]
    if isinstance(attr, Macs):
        return (MACS[0],)
    if isinstance(attr, Routers):
        return (("192.0.2.99", True),)
    if isinstance(attr, Sixrd):
        return SIXRDS[0]
    if isinstance(attr, Ports):
        return "40000-40099"
    if isinstance(attr, Number):
        return attr.values[-1]
    if isinstance(attr, Sci):
        return "02005e0053010007"
    choices = attr.values if isinstance(attr.values, range) else list(attr.values or (True, False))
    return next(value for value in choices if value != attr.default)


def example(kind, **attrs):
    """A link of this kind, and what it needs."""
    # Without a remote address a tunnel is the same as the kernel's own.
    needed = [attr for attr in kind.attrs if attr.required or (kind.underlay and attr.name == "remote")]
    needed = [attr for attr in needed if met(attr, attrs)]
    attrs = {**{attr.name: other_value(attr) for attr in needed}, **attrs}
    low = Link("", "low", "veth", ("", "lowp"))
    peer, lower = ("", "tryp") if kind.is_pair() else None, low.ref if kind.stacked else None
    link = Link("", "try", kind.name, peer, lower, attrs=tuple(sorted(attrs.items())))
    third = [Link("", "third", "veth", ("", "thirdp"))] if attrs.get("interlink") else []
    return [low, *third, link] if lower or kind.slaves(link) else [link]


@pytest.fixture(scope="session")
def packed_once(tmp_path_factory):
    """What plays many playbooks packs and compiles each module once."""
    quick = Path(__file__).parent / "quick"
    os.environ["ANSIBLE_CALLBACK_PLUGINS"] = str(quick / "callback")
    os.environ["PACKED_MODULES"] = str(tmp_path_factory.mktemp("modules"))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(quick / "python"), os.environ.get("PYTHONPATH")]))
    os.environ["COMPILED"] = str(tmp_path_factory.mktemp("compiled"))


@pytest.fixture
def host(packed_once):
    it = Host()
    it.clear()
    yield it
    it.clear()


@pytest.fixture
def plain_host(host):
    """A host with three links to a namespace, and nothing in its sysctl.d."""
    host.shell(
        "ip netns add outside",
        *("ip link add %s type veth peer name %s netns outside" % (name, name) for name in ("eth1", "eth2", "uplink")),
        "for l in eth1 eth2 uplink; do ip -n outside link set $l up; done",
        "mkdir -p /etc/sysctl.d",
        # The sandbox has the files of the host outside.
        "mount -t tmpfs tmpfs /etc/sysctl.d",
    )
    yield host
    host.shell("umount /etc/sysctl.d")


def snapshot(state, chance=True):
    """What counts when two states are compared: all but the kernel's own doing and the numbers that it gives;
    without `chance` also all MAC addresses but those that the tests draw.
    """
    out = {}
    for r in state:
        if not r.made_by_kernel:
            fields = {k: v for k, v in vars(r).items() if k in r.COMPARED and k not in ("inode", "nsid")}
            # What is left of a lifetime is less each time.
            fields.update((k, "limited") for k in LIFETIMES if fields.get(k) not in (None, FOREVER, 0))
            if not chance and isinstance(r, Link) and not str(r.address).startswith("02:00:00:"):
                fields.pop("address")
            if not chance and isinstance(r, Link) and r.link and r.link[1].isdigit():
                fields["link"] = (r.link[0], "gone")
            if not chance and isinstance(r, Link):
                # The kernel chooses a port from 32768 on.
                attrs = [a for a in r.attrs if a[0] != "listen_port" or (a[1] or 0) < 32768]
                # The SCI of a macsec begins with its MAC address.
                fields["attrs"] = tuple(a for a in attrs if a[0] != "sci" or a[1].startswith("0200"))
            out[r.key] = fields
    return out


def environment():
    """Of a module's process: it finds the collection, and what this one was given."""
    path = [str(Path(__file__).parents[1] / ".venv/collections"), os.environ.get("PYTHONPATH", "")]
    return dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, path)))


@contextmanager
def failing(step):
    """The step of this number, from 0, fails on every kernel; those before and after it do not."""
    execute, left = Kernel.execute, iter(range(step, -1, -1))

    def fails(self, change):
        if next(left, None) == 0:
            raise OSError(5, "Input/output error")
        execute(self, change)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Kernel, "execute", fails)
        yield


def run(module, check=False, prefix=(), **params):
    """Run a module as a process of its own; return what it says."""
    text = json.dumps({"ANSIBLE_MODULE_ARGS": dict(params, _ansible_check_mode=check, _ansible_diff=True)})
    name = "ansible_collections.virtnet.linux.plugins.modules." + module
    if prefix:
        command = [*prefix, sys.executable, "-m", name]
        done = subprocess.run(command, input=text, env=environment(), capture_output=True, text=True, check=False)
        said, cause = done.stdout, done.stderr
    else:
        said, cause = forked(importlib.import_module(name).main, text), ""
    assert said.strip().startswith("{"), said + cause
    return json.loads(said)


def forked(main, text):
    """What main() prints when this is its input. A new interpreter would take most of the time of the tests."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as printed:
        given.write(text.encode())
        given.seek(0)
        pid = os.fork()
        if not pid:
            try:
                for number, file in ((0, given), (1, printed), (2, printed)):
                    os.dup2(file.fileno(), number)
                sys.stdin, sys.stdout, sys.argv = os.fdopen(0), os.fdopen(1, "w"), sys.argv[:1]
                main()
            except SystemExit:
                pass
            except BaseException:
                traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(pid, 0)
        printed.seek(0)
        return printed.read().decode()


def examples(name):
    return yaml.safe_load(importlib.import_module("ansible_collections.virtnet.linux.plugins.modules." + name).EXAMPLES)
