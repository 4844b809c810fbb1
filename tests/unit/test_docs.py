"""The documentation says what the modules take and return."""

import json
import subprocess
from dataclasses import fields

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.virtnet.linux.plugins.module_utils import _model
from ansible_collections.virtnet.linux.plugins.module_utils._options import OPTIONS
from ansible_collections.virtnet.linux.plugins.module_utils._planner import assume, plan
from ansible_collections.virtnet.linux.plugins.module_utils._task import foretold, report

CHECKED = ("type", "default", "choices", "required", "elements")
# A task of each module that uses all that it can return.
TASKS = {
    "netns": dict(name=["red"]),
    "link": dict(name="eth1", up=True),
    "veth": dict(name="to-blue", peer=dict(name="to-red")),
    "linux_bridge": dict(name="br0"),
    "vlan": dict(name="eth1.100", link="eth1", id=100),
    "macvlan": dict(name="tap0", link="eth1", tap=True),
    "ipvlan": dict(name="tap0", link="eth1", tap=True),
    "address": dict(dev="eth1", address=["192.0.2.1/24"]),
    "route": dict(dest=["default"], via="192.0.2.1"),
    "sysctl_forward": dict(ipv4=True),
    "nat_masquerade": dict(out_interface="uplink"),
    "topology": dict(name="lab", nodes=[dict(name="red")]),
}
RESOURCES = {
    "netns": _model.Netns,
    "link": _model.Link,
    "peer": _model.Link,
    "addresses": _model.Address,
    "routes": _model.Route,
    "sysctls": _model.Sysctl,
    "masquerade": _model.Masquerade,
    "topology": _model.Topology,
}


class Host:
    def nat_backend(self, netns, family):
        return "nft"

    def made(self, name):
        return None


@pytest.fixture(scope="module")
def docs():
    """The documentation of every module, doc fragments included."""
    command = ["ansible-doc", "--json", *("virtnet.linux." + name for name in OPTIONS)]
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


@pytest.mark.parametrize("name", OPTIONS)
def test_options_are_those_of_the_module(name, docs):
    assert documented(docs[name]["doc"]["options"]) == argument_spec(OPTIONS[name][0])


@pytest.mark.parametrize("name", OPTIONS)
def test_documents_what_a_task_returns(name, docs):
    spec, rules, wish_of = OPTIONS[name]
    checked = ArgumentSpecValidator(spec, **rules).validate(TASKS[name])
    assert not checked.error_messages
    wish = wish_of(checked.validated_parameters, Host())
    before = assume(_model.State(), wish)
    steps = plan(wish, before)
    returned = report(wish, before, steps, foretold(before, steps))
    assert set(returned) - {"changed"} == set(docs[name]["return"])
    for key, dummy in wish.returns:
        known = set(docs[name]["return"][key]["contains"])
        one = returned[key][0] if isinstance(returned[key], list) else returned[key]
        stated = {field.name for field in fields(RESOURCES[key]) if field.compare} - {"attrs", "port", "lines"}
        assert (stated | set(one)) - known == set()
