"""The documentation says what the modules take and return."""

import json
import re
import subprocess

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from conftest import KINDS, OPTIONS

from ansible_collections.virtnet.linux.plugins.module_utils import _machine, _machine_options, _reach
from ansible_collections.virtnet.linux.plugins.module_utils._core.planner import plan, predicted
from ansible_collections.virtnet.linux.plugins.module_utils._core.prerequisites import assume
from ansible_collections.virtnet.linux.plugins.module_utils._core.rows import Some
from ansible_collections.virtnet.linux.plugins.module_utils._core.state import State
from ansible_collections.virtnet.linux.plugins.module_utils._core.values import replace
from ansible_collections.virtnet.linux.plugins.module_utils._info import ENTRIES, describe
from ansible_collections.virtnet.linux.plugins.module_utils._info_task import INFO_MODULES, shown
from ansible_collections.virtnet.linux.plugins.module_utils._probe import Answer
from ansible_collections.virtnet.linux.plugins.module_utils._probe_task import PROBE_MODULES
from ansible_collections.virtnet.linux.plugins.module_utils._resources.address import Address
from ansible_collections.virtnet.linux.plugins.module_utils._resources.fdb import FdbEntry
from ansible_collections.virtnet.linux.plugins.module_utils._resources.impairment import Impairment
from ansible_collections.virtnet.linux.plugins.module_utils._resources.link import Link
from ansible_collections.virtnet.linux.plugins.module_utils._resources.link_options import makes
from ansible_collections.virtnet.linux.plugins.module_utils._resources.mdb import MdbEntry
from ansible_collections.virtnet.linux.plugins.module_utils._resources.nat import Masquerade, PortForward
from ansible_collections.virtnet.linux.plugins.module_utils._resources.neighbour import Neighbour
from ansible_collections.virtnet.linux.plugins.module_utils._resources.netns import Netns
from ansible_collections.virtnet.linux.plugins.module_utils._resources.nexthop import Nexthop
from ansible_collections.virtnet.linux.plugins.module_utils._resources.route import Route
from ansible_collections.virtnet.linux.plugins.module_utils._resources.rule import Rule
from ansible_collections.virtnet.linux.plugins.module_utils._resources.sysctl import Sysctl
from ansible_collections.virtnet.linux.plugins.module_utils._resources.topology import Topology
from ansible_collections.virtnet.linux.plugins.module_utils._resources.vlans import PortVlans
from ansible_collections.virtnet.linux.plugins.module_utils._task import report
from ansible_collections.virtnet.linux.plugins.module_utils._trace import conclude
from ansible_collections.virtnet.linux.plugins.module_utils._trace.hops import hops_of
from ansible_collections.virtnet.linux.plugins.module_utils._trace.options import asked
from ansible_collections.virtnet.linux.plugins.module_utils._trace.packet import Frame, Packet
from ansible_collections.virtnet.linux.plugins.module_utils._trace.path import Step
from ansible_collections.virtnet.linux.plugins.module_utils._trace_task import TRACE_MODULES

SPECS = {name: entry[0] for name, entry in {**OPTIONS, **INFO_MODULES, **PROBE_MODULES, **TRACE_MODULES}.items()}
CHECKED = ("type", "default", "choices", "required", "elements")
# A task of each module that uses all that it can return.
TASKS = {
    "netns": dict(name=["red"]),
    "link": dict(name="eth1", up=True),
    "veth": dict(name="to-blue", peer=dict(name="to-red")),
    "netkit": dict(name="to-blue", peer=dict(name="to-red")),
    "linux_bridge": dict(name="br0"),
    "vlan": dict(name="eth1.100", link="eth1", id=100),
    "macvlan": dict(name="tap0", link="eth1", tap=True),
    "ipvlan": dict(name="tap0", link="eth1", tap=True),
    "ip_tunnel": dict(name="tun1", mode="gre", remote="192.0.2.2"),
    "vxlan": dict(name="vxlan5", id=5, remote="192.0.2.2"),
    "geneve": dict(name="geneve5", id=5, remote="192.0.2.2"),
    "xfrm": dict(name="ipsec0", if_id=7),
    "wireguard": dict(name="wg0", peers=[dict(public_key="A" * 43 + "=", allowed_ips=["192.0.2.2/32"])]),
    "macsec": dict(name="macsec0", link="eth1"),
    "hsr": dict(name="hsr0", slave1="eth1", slave2="eth2"),
    "dummy": dict(name="dummy0"),
    "ifb": dict(name="ifb0"),
    "nlmon": dict(name="nlmon0"),
    "tuntap": dict(name="tap0", mode="tap"),
    "vrf": dict(name="red", table=10),
    "bond": dict(name="bond0"),
    "address": dict(dev="eth1", address=["192.0.2.1/24"]),
    "route": dict(dest=["default"], via="192.0.2.1"),
    "nexthop": dict(id=1, via="192.0.2.1", dev="eth1"),
    "bridge_vlan": dict(dev="eth1", pvid=5),
    "neighbour": dict(dev="eth1", address="192.0.2.1", lladdr="02:00:5e:00:53:01"),
    "bridge_fdb": dict(dev="eth1", lladdr="02:00:5e:00:53:01"),
    "bridge_mdb": dict(dev="br0", port="eth1", grp=["239.1.1.1"]),
    "link_impairment": dict(dev="eth1", delay=1),
    "rule": dict(table="100"),
    "sysctl_forward": dict(ipv4=True),
    "nat_masquerade": dict(out_interface="uplink"),
    "nat_port_forward": dict(dport="80", to="192.0.2.1"),
    "topology": dict(name="lab", nodes=[dict(name="red")]),
}
RESOURCES = {
    "netns": Netns,
    "link": Link,
    "peer": Link,
    "addresses": Address,
    "routes": Route,
    "nexthop": Nexthop,
    "vlans": PortVlans,
    "neighbours": Neighbour,
    "bridge_fdb": FdbEntry,
    "bridge_mdb": MdbEntry,
    "impairment": Impairment,
    "rule": Rule,
    "sysctls": Sysctl,
    "masquerade": Masquerade,
    "port_forward": PortForward,
    "topology": Topology,
}


class Host:
    def nat_backend(self, netns, family):
        return "nft"

    def pending(self, name):
        return None

    def made(self, name):
        return None


@pytest.fixture(scope="module")
def docs():
    """The documentation of every module, doc fragments included."""
    command = ["ansible-doc", "--json", *("virtnet.linux." + name for name in SPECS)]
    found = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    return {name.rpartition(".")[2]: doc for name, doc in found.items()}


def documented(options):
    """Documented options in the shape of an argument spec."""
    return {name: spec_of(option, option.get("suboptions")) for name, option in options.items()}


def spec_of(option, below):
    spec = {key: option[key] for key in CHECKED if option.get(key) not in (None, False)}
    return dict(spec, options=documented(below)) if below else spec


def argument_spec(spec):
    """An argument spec with what counts, in one shape."""
    out = {}
    for name, option in spec.items():
        out[name] = {key: option[key] for key in CHECKED if option.get(key) not in (None, False)}
        if "options" in option:
            out[name]["options"] = argument_spec(option["options"])
    return out


@pytest.mark.parametrize("name", SPECS)
def test_options_are_those_of_the_module(name, docs):
    assert documented(docs[name]["doc"]["options"]) == argument_spec(SPECS[name])


def attributes(name, docs):
    """The attributes of the kinds that a module makes, with the documentation of their options, and those of ports."""
    options = docs[name]["doc"]["options"]
    for kind in makes(name):
        yield from ((attr, options[attr.name]) for attr in kind.attrs)
        yield from ((attr, options["ports"]["suboptions"][attr.name]) for attr in kind.port)


def word_of(value):
    return str(value).lower() if isinstance(value, bool) else value


@pytest.mark.parametrize("name", list(filter(makes, OPTIONS)))
def test_documents_what_the_table_of_kinds_says(name, docs):
    for attr, option in attributes(name, docs):
        said = option["description"]
        text = " ".join((said if isinstance(said, str) else " ".join(said)).split())
        if attr.default not in (None, ()) and attr.shown(attr.default) != "" and not attr.required:
            values, shown = text.partition("kernel's value is ")[2], attr.shown(attr.default)
            for value in shown.values() if isinstance(shown, dict) else [shown]:
                assert "V(%s)" % word_of(value) in values, attr
        if isinstance(attr.values, range):
            assert str(attr.values[-1]) in re.findall("[0-9]+", text), attr
        if attr.immutable:
            assert "see O(recreate)" in text, attr
        if attr.required:
            assert "unless O(state=absent)" in text, attr
        if attr.only and isinstance(attr.only[1], Some):
            assert "O(%s)" % attr.only[0] in text, attr
        elif attr.only and attr.only[1] is not False:
            assert "O(%s=%s)" % (attr.only[0], word_of(attr.only[1])) in text, attr


@pytest.mark.parametrize("name", OPTIONS)
def test_documents_what_a_task_returns(name, docs):
    spec, rules, wish_of = OPTIONS[name]
    checked = ArgumentSpecValidator(spec, **rules).validate(TASKS[name])
    assert not checked.error_messages
    wish = wish_of(checked.validated_parameters, Host())
    before = assume(State(), wish)
    steps = plan(wish, before)
    warned = []
    returned = report(wish, before, steps, predicted(before, steps), warned.append)
    assert warned == []
    assert set(returned) - {"changed"} == set(docs[name]["return"])
    for key, dummy in wish.returns:
        known = set(docs[name]["return"][key]["contains"])
        one = returned[key][0] if isinstance(returned[key], list) else returned[key]
        stated = {field.rstrip("_") for field in (RESOURCES.get(key) or RESOURCES[name]).COMPARED}
        stated -= {"attrs", "port", "lines", "rest"}
        assert (stated | set(one)) - known == set()


@pytest.mark.parametrize("kind", KINDS)
def test_documents_what_link_info_returns(kind, docs):
    port = dict(
        master="br0", slave_kind="bridge", port=tuple((attr.name, attr.default) for attr in KINDS["bridge"].port)
    )
    attrs = tuple((attr.name, attr.default) for attr in KINDS[kind].attrs)
    link = Link("", "l", kind, ("n1", "7"), ("", "br0"), mtu=1500, address="", up=True, attrs=attrs, index=3, **port)
    more = [Link("", "br0", "bridge", index=4), Address("", "l", "192.0.2.1/24", "", "", "", "global")]
    state = State([replace(link, alias="", txqueuelen=0), *more])
    found, known = shown(state, state.link(link.ref)), docs["link_info"]["return"]["links"]["contains"]
    assert {"peer", "link", "module", "options", "index"} <= set(found)
    # A private key is not shown, but its public one.
    assert set(found) - set(known) == set(dict(attrs + link.port)) - {"private_key"}
    for name in ("peer", "link"):
        assert set(found[name]) == set(known[name]["contains"])
    assert set(found["addresses"][0]) <= set(known["addresses"]["contains"])


def test_documents_what_topology_info_returns(docs):
    links = [Link("", *one, mtu=1500) for one in (("l", "veth", ("", "p")), ("p", "veth", ("", "l")), ("d", "dummy"))]
    more = [Address("", "l", "192.0.2.1/24", label="l:1"), Route("", "192.0.2.0/24", type="blackhole")]
    found, known = describe(State([*links, *more]), [""], links), docs["topology_info"]["return"]
    assert {*found, "not_described"} == set(known)
    for part in found:
        assert set(found[part][0]) <= set(known[part]["contains"])
    assert set(ENTRIES) <= set(known["nodes"]["contains"])
    assert set(found["connections"][0]["ends"][0]) == set(known["connections"]["contains"]["ends"]["contains"])


def test_documents_what_reachability_returns(docs):
    pair = ("", "192.0.2.1")
    result, dummy = _reach.report({pair: _reach.Expected()}, {pair: Answer(reason="no reply")})
    assert {*result, "reasons", "explained"} == set(docs["reachability"]["return"])
    assert set(result["matrix"][""]["192.0.2.1"]) == set(docs["reachability"]["return"]["matrix"]["contains"])


def test_documents_what_packet_trace_returns(docs):
    checked = ArgumentSpecValidator(TRACE_MODULES["packet_trace"][0]).validate(dict(to="192.0.2.1"))
    found = conclude.without_netns(asked(checked.validated_parameters))
    known = docs["packet_trace"]["return"]
    step = Step("", "eth0", "out", frame=Frame(Packet("192.0.2.2", "192.0.2.1")))
    assert set(found) == set(known)
    assert set(hops_of([step])[0]) == set(known["hops"]["contains"])
    assert set(found["where"]) == set(known["where"]["contains"])


def test_documents_what_virtual_machine_returns(docs):
    task = dict(name="never-made", kernel="/vmlinuz", nics=[dict(tap="tap0")])
    checked = ArgumentSpecValidator(_machine_options.MACHINE, **_machine_options.RULES).validate(task)
    result, dummy = _machine.virtual_machine(checked.validated_parameters, None, True)
    known = docs["virtual_machine"]["return"]
    assert set(result) - {"changed"} == set(known)
    assert set(result["machine"]) == set(known["machine"]["contains"])
