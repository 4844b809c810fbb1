# SPDX-License-Identifier: GPL-3.0-or-later
"""Golden traces: what is there, one packet, and the drawing of its way. No kernel is asked: a small model answers."""

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from test_plans import applied, steps_of

from ansible_collections.virtnet.linux.plugins.module_utils._core.state import State
from ansible_collections.virtnet.linux.plugins.module_utils._core.values import Refused, replace
from ansible_collections.virtnet.linux.plugins.module_utils._probe import Answer as Probed
from ansible_collections.virtnet.linux.plugins.module_utils._rtnl.xfrm import Policy
from ansible_collections.virtnet.linux.plugins.module_utils._trace import conclude, nat
from ansible_collections.virtnet.linux.plugins.module_utils._trace.evidence import Evidence, Verdict
from ansible_collections.virtnet.linux.plugins.module_utils._trace.options import SPEC, asked
from ansible_collections.virtnet.linux.plugins.module_utils._trace.packet import Frame, Packet, Sighting, frame_of
from ansible_collections.virtnet.linux.plugins.module_utils._trace.path import Answer, Facts
from ansible_collections.virtnet.linux.plugins.module_utils._trace.walk import Walk

FILES = sorted(Path(__file__).parent.glob("traces/*.yml"))
CASES = [(f.stem, case) for f in FILES for case in yaml.safe_load(f.read_text())]


class Model:
    """Answers as the kernel would, of a state: addresses, routes, forwarding; and of what a case says."""

    def __init__(self, state, case):
        self.state, self.case = state, case

    def route(self, netns, packet, iif, oif):
        dst = ip_address(packet.dst)
        own = [r for r in self.state.within(netns, "address") if (":" in r.ip) == packet.six]
        if any(r.ip == packet.dst for r in own):
            return Answer("local", "lo", src=packet.dst)
        up = {link.name for link in self.state.within(netns, "link") if link.up is not False}
        found = [(r.network.prefixlen, 0, "unicast", r.dev, "", str(r.network), r.ip) for r in own if r.dev in up]
        for r in self.state.within(netns, "route"):
            hop = r.hops[0] if r.hops else None
            dev = hop and (hop.dev or next((a.dev for a in own if ip_address(hop.via) in a.network), ""))
            found.append(
                (
                    ip_network(r.dest).prefixlen,
                    -(r.metric or 0),
                    r.type or "unicast",
                    dev,
                    (hop and hop.via) or "",
                    r.dest,
                    "",
                )
            )
        fitting = [one for one in found if dst in ip_network(one[5]) and (one[2] != "unicast" or one[3] in up)]
        if not fitting:
            return Answer(error="ENETUNREACH")
        dummy, dummy, kind, dev, via, prefix, src = max(fitting)
        if kind != "unicast":
            return Answer(error=dict(blackhole="EINVAL", unreachable="EHOSTUNREACH", prohibit="EACCES")[kind])
        if iif and not packet.six and not self.sysctl(netns, "ipv4/ip_forward"):
            return Answer(error="EHOSTUNREACH")
        src = src or next((a.ip for a in own if a.dev == dev), "")
        return Answer("unicast", dev, via, src, 254, "default" if prefix in ("0.0.0.0/0", "::/0") else prefix)

    def routes(self, netns):
        return self.state.within(netns, "route")

    def rules(self, netns, six):
        return [r for r in self.state.within(netns, "rule") if (r.family == "inet6") == six]

    def sysctl(self, netns, path):
        family, *where, name = path.split("/")
        found = self.state.get(("sysctl", netns, family, where[1] if where else "", name))
        if name == "forwarding" and found is None:
            found = self.state.get(
                ("sysctl", netns, family, "all" if family == "ipv6" else "", {"ipv4": "ip_forward"}.get(family, name))
            )
        return self.case.get("sysctls", {}).get("%s %s" % (netns, path), found.value if found is not None else 0)

    def vlans(self, link):
        found = self.state.get(("vlans", link.netns, link.name))
        return (dict(found.vlans), found.pvid) if found is not None else ({}, 0)

    def facts(self, netns, dev):
        return Facts(**self.case.get("facts", {}).get("%s %s" % (netns, dev), {}))

    def neighbour(self, netns, dev, address):
        found = self.state.get(("neighbour", netns, dev, address, False))
        return ("permanent", found.lladdr) if found is not None else None

    def fdb(self, netns, dev, lladdr, vlan):
        return None

    def fdb_all(self, netns, dev):
        return [(r.lladdr, r.dst) for r in self.state.within(netns, "fdb") if r.dev == dev and r.self_]

    def unready(self, netns, dev, address):
        return ""

    def listens(self, netns, packet, dev, vrf):
        return "%s %s %d" % (netns, packet.protocol, packet.dport) in self.case.get("listens", ())

    def translated(self, netns, hook, packet, iif, oif):
        rules = list(nat.of_iptables(self.case.get("nat", {}).get(netns, ())))
        own = [r.ip for r in self.state.within(netns, "address") if r.dev == oif]
        return (packet, "") if packet.reply else nat.translated(rules, hook, packet, iif, oif, lambda: own[0])

    def untracked(self, netns, hook, packet, iif, oif):
        return nat.untracked(list(nat.of_iptables(self.case.get("raw", {}).get(netns, ()))), hook, packet, iif, oif)

    def blackholes(self, netns):
        return set()

    def policies(self, netns):
        return [Policy(*words) for words in self.case.get("policies", {}).get(netns, ())]

    def packet_to(self, address):
        return Packet("", address)


def state_of(case):
    state = State()
    for task in case["there"]:
        state = applied(steps_of(task, state), state)
    for number, link in enumerate([r for r in state if r.sort == "link"], 1):
        state.add(
            replace(link, address="" if link.l3 else "02:00:00:00:00:%02x" % number, index=number, mtu=link.mtu or 1500)
        )
    return state


def asked_of(case):
    checked = ArgumentSpecValidator(SPEC).validate(case["trace"])
    assert not checked.error_messages, checked.error_messages
    return asked(checked.validated_parameters)


def told(case, evidence=None):
    wanted, walk = asked_of(case), Walk(Model(state_of(case), case))
    theory = walk.there_and_back(wanted.netns, wanted.packet, wanted.dev)
    return conclude.result(walk, wanted, theory, evidence)


@pytest.mark.parametrize(("area", "case"), CASES, ids=["%s: %s" % (area, case["name"]) for area, case in CASES])
def test_trace(area, case):
    found = told(case)
    assert found["msg"].splitlines()[1:] == case["drawing"]
    assert (found["where"] or {}) == case.get("where", {})
    assert found["remedies"] == case.get("remedies", [])
    assert bool(found["where"]) == bool(found["cause"]) == (found["verdict"] == "lost")


ROUTED = next(case for area, case in CASES if case["name"] == "a bridge and a router")


def sighting(when, netns, dev, way, **more):
    fields = dict(src="10.1.0.1", dst="10.2.0.1", **more)
    return Sighting(when, netns, dev, way, Frame(Packet(**fields)))


def test_the_evidence_is_believed():
    """The look-ups foretell a reply, but a rule drops the probe; and the other way round."""
    seen = (
        sighting(1, "a", "a0", "out"),
        sighting(2, "s", "pa", "in"),
        sighting(3, "s", "pr", "out"),
        sighting(4, "r", "r0", "in"),
    )
    rule = Verdict("r", "inet", "f", "forward", "rule", 7, "icmp drop")
    found = told(ROUTED, Evidence(Probed(reason="no reply"), seen, (rule,), {}, ()))
    assert (found["verdict"], found["cause"], found["where"]) == ("lost", "firewall", {"netns": "r", "dev": "r0"})
    assert found["reason"] == "a rule of nftables in r drops it: table inet f, chain forward, handle 7 'icmp drop'"
    assert found["differs"] == ["by the look-ups it would be answered"]
    broken = dict(ROUTED, there=[task for task in ROUTED["there"] if task.get("route", {}).get("netns") != "b"])
    assert told(broken)["cause"] == "return"
    found = told(broken, Evidence(Probed(received=1, ttl=63), seen, (), {}, ()))
    assert found["verdict"] == "delivered" and "it is answered" in found["differs"][0]


def test_returns_the_same_of_a_namespace_that_is_to_be_made():
    assert set(conclude.without_netns(asked_of(ROUTED))) == set(told(ROUTED))


def test_what_nothing_explains_is_unknown():
    seen = (sighting(1, "a", "a0", "out"), sighting(2, "s", "pa", "in"))
    found = told(ROUTED, Evidence(Probed(reason="no reply"), seen, (), {}, ("the rules",)))
    assert (found["cause"], found["where"], found["missing"]) == ("unknown", {"netns": "s", "dev": "pa"}, ["the rules"])
    assert found["reason"] == "it was last seen coming in by pa in s, not on pr in s; nothing says why"


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (("in", "10.1.0.0/24", "0.0.0.0/0", 1, True), "dir in' of b refuses it"),
        (("in", "0.0.0.0/0", "10.2.0.1/32", 0, False, True), "wants it in IPsec, which it is not"),
        (("out", "10.2.0.1/32", "10.1.0.1/32", 0, False, True), "for which nothing is agreed on"),
        (("in", "10.1.0.0/24", "0.0.0.0/0", 17, True), ""),
        (("in", "10.9.0.0/24", "0.0.0.0/0", 0, True), ""),
        (("in", "10.1.0.0/24", "0.0.0.0/0"), ""),
        (("fwd", "0.0.0.0/0", "0.0.0.0/0", 0, True), ""),
    ],
)
def test_a_policy_of_ipsec_is_named_where_nothing_else_explains(policy, said):
    """Only that of the direction, of the addresses and the protocol."""
    there = [("a", "a0", "out"), ("s", "pa", "in"), ("s", "pr", "out"), ("r", "r0", "in"), ("r", "r1", "out")]
    seen = [sighting(when, *place) for when, place in enumerate([*there, ("b", "b0", "in")], 1)]
    found = told(dict(ROUTED, policies={"b": [policy]}), Evidence(Probed(reason="no reply"), seen, (), {}))
    assert found["cause"] == ("xfrm" if said else "unknown") and said in found["reason"], found["msg"]
    assert found["where"] == dict(netns="b", dev="b0")


def test_frames_are_read():
    head = "02000000000a 02000000000b 8100 000a 0800".replace(" ", "")
    inner = "450000541234400040010000 0a010001 0a020001 0800000000010001".replace(" ", "") + "11" * 8
    frame = frame_of(bytes.fromhex(head + inner), 1, 0)
    assert (frame.dmac, frame.tags) == ("02:00:00:00:00:0a", (10,))
    assert frame.packet == Packet("10.1.0.1", "10.2.0.1", "icmp", size=84, dont_fragment=True, key=1)
    outer = "450000860000000040110000 0a090101 0a090201 8235 12b5 00720000 0800000000002a00".replace(" ", "")
    plain = "02000000000a02000000000b0800" + inner
    over = frame_of(
        bytes.fromhex("02000000000102000000000208 00".replace(" ", "") + outer + plain), 1, 0, None, b"\x11" * 8
    )
    assert (over.packet.vni, over.packet.inner.packet.dst) == (42, "10.2.0.1")
    assert frame_of(b"\0" * 20, 1, 0) is None


@pytest.mark.parametrize(
    "task, said",
    [
        (dict(to="nowhere"), "to: 'nowhere' is no IP address"),
        (dict(to="192.0.2.1", source="2001:db8::1"), "source: "),
        (dict(to="192.0.2.1", mark=-1), "mark: -1 is not between 0 and 4294967295"),
        (dict(to="192.0.2.1", dev="a/b"), "dev: "),
        (dict(to="192.0.2.1", protocol="udp"), "port: udp needs one"),
    ],
)
def test_bad_input_is_refused(task, said):
    with pytest.raises(Refused) as refused:
        asked_of(dict(trace=task))
    assert str(refused.value).startswith(said)
