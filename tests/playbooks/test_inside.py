# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks inside namespaces, by the become plugin and by the inventory plugin."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import environment, run
from test_looks import follow

METHOD = ("--become", "--become-method", "virtnet.linux.netns")
# Any user can run it.
PYTHON = dict(ansible_python_interpreter="/usr/bin/python3")


@pytest.fixture
def spaces(host, tmp_path):
    """Two namespaces with a link, and files under /etc that are this test's own."""
    host.shell(
        "ip netns add n1; ip netns add n2; ip link add name va netns n1 type veth peer name vb netns n2",
        "ip -n n1 address add 192.0.2.1/24 dev va; ip -n n1 link set va up; ip -n n2 link set vb up mtu 1400",
        "cp -a /etc %s/; mount --bind %s/etc /etc" % (tmp_path, tmp_path),
        "mkdir -p /etc/netns/n1; echo 'nameserver 192.0.2.53' >/etc/netns/n1/resolv.conf",
    )
    yield host
    host.shell("umount /etc")


def ansible(*words, prefix=(), method=METHOD, env=(), **variables):
    """Run one task; return what it says, and whether it was well."""
    command = [*prefix, "ansible", *words, *method, "-e", json.dumps(variables)]
    done = subprocess.run(
        command,
        env=dict(environment(), **dict(env)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.stdout, done.returncode == 0


def inside(module, text, **more):
    return ansible("localhost", "-m", module, "-a", text, **{**dict(ansible_netns="n1"), **more})


@pytest.mark.parametrize("pipelining", ["0", "1"])
@pytest.mark.parametrize("user", ["root", "nobody"])
def test_a_task_in_a_namespace(spaces, pipelining, user):
    env = dict(ANSIBLE_PIPELINING=pipelining)
    said, well = inside(
        "shell", "id -un; ip -o link; cat /etc/resolv.conf", env=env, ansible_become_user=user, **PYTHON
    )
    assert well and user + "\n" in said and " va@" in said and " vb@" not in said and "192.0.2.53" in said, said


def test_modules_that_transfer_files(spaces, tmp_path):
    for module, text in {
        "copy": "content=copied dest=%s/one" % tmp_path,
        "template": "src=%s/two.j2 dest=%s/two" % (tmp_path, tmp_path),
        "fetch": "src=/etc/resolv.conf flat=true dest=%s/three" % tmp_path,
    }.items():
        (tmp_path / "two.j2").write_text("{{ ansible_netns }}")
        said, well = inside(module, text)
        assert well, said
    assert (tmp_path / "one").read_text() == "copied" and (tmp_path / "two").read_text() == "n1"
    assert (tmp_path / "three").read_text() == "nameserver 192.0.2.53\n"


@pytest.mark.parametrize(
    "name, sentence",
    [
        ("nowhere", "netns: there is no network namespace nowhere"),
        ("a;touch${IFS}harm", "netns: there is no network namespace a;touch${IFS}harm"),
        ("$(touch${IFS}harm)", "netns: there is no network namespace $(touch${IFS}harm)"),
        ("'`reboot`\"", "netns: there is no network namespace '`reboot`"),
        ("a; reboot", "netns: 'a; reboot' is no name for a network namespace"),
        ("../n1", "netns: '../n1' is no name for a network namespace"),
        ("-all", "netns: '-all' is no name for a network namespace"),
        ("", "netns: the name of a network namespace is not empty"),
    ],
)
def test_names(spaces, name, sentence):
    said, well = inside("command", "ip -o link", ansible_netns=name)
    assert not well and sentence in said.replace('\\"', '"') and " lo:" not in said, said
    assert not os.path.exists("harm")


def test_a_name_is_needed(spaces):
    said, well = ansible("localhost", "-m", "command", "-a", "ip -o link")
    assert not well and "'netns'" in said and " lo:" not in said


@pytest.mark.parametrize("password", [None, "secret", "wrong"])
def test_through_sudo(spaces, tmp_path, password):
    rule = "games ALL=(root) %sALL\n" % ("" if password else "NOPASSWD: ")
    spaces.shell("mkdir -p /etc/sudoers.d", "echo 'games:secret' | chpasswd", "chmod 755 %s" % tmp_path)
    Path("/etc/sudoers.d/games").write_text(rule)
    spaces.shell("mkdir -m 777 %s/home" % tmp_path, "chmod 440 /etc/sudoers.d/games")
    user = ["setpriv", "--reuid=games", "--regid=games", "--clear-groups", "--inh-caps=+dac_read_search"]
    user += ["--ambient-caps=+dac_read_search"]
    home = dict(HOME="%s/home" % tmp_path, ANSIBLE_LOCAL_TEMP="%s/home" % tmp_path)
    home["ANSIBLE_REMOTE_TEMP"] = home["HOME"] + "/tmp"
    more = dict(ansible_become_pass=password) if password else {}
    said, well = inside("shell", "id -un; ip -o link", prefix=user, env=home, **PYTHON, **more)
    if password == "wrong":
        assert not well and "Sorry, try again" in said and " va@" not in said, said
    else:
        assert well and "root\n" in said and " va@" in said, said


def test_namespaces_as_hosts(spaces, tmp_path):
    (tmp_path / "netns.yml").write_text(
        "plugin: virtnet.linux.netns\nkeyed_groups: [{key: netns_links.keys(), prefix: has}]\n"
    )
    command = ["ansible-inventory", "-i", str(tmp_path / "netns.yml"), "--list"]
    listed = json.loads(subprocess.run(command, env=environment(), stdout=-1, check=True).stdout)
    one, other = (plain(listed["_meta"]["hostvars"][name]) for name in ("n1", "n2"))
    assert one["netns_addresses"] == ["192.0.2.1"] and other["netns_addresses"] == []
    assert one["netns_links"]["va"]["addresses"][0] == "192.0.2.1/24" and one["netns_links"]["va"]["kind"] == "veth"
    assert (other["netns_links"]["vb"]["mtu"], other["netns_links"]["lo"]["up"]) == (1400, False)
    assert listed["netns_localhost"]["hosts"] == ["n1", "n2"] and listed["has_va"]["hosts"] == ["n1"]
    said, well = ansible("all", "-i", str(tmp_path / "netns.yml"), "-m", "command", "-a", "ip -o link", method=())
    assert well and said.index("n1 | CHANGED") >= 0 and " va@" in said and " vb@" in said, said


def test_groups_of_topologies(spaces, tmp_path):
    links = [{"endpoints": ["n1:eth0", "n3:eth0"]}]
    assert run("topology", name="first-lab", nodes=[{"name": "n1"}, {"name": "n3"}], links=links)["changed"]
    assert run("topology", name="second", nodes=[{"name": "host", "netns": "", "forwarding": [{"ipv4": True}]}])[
        "changed"
    ]
    (tmp_path / "netns.yml").write_text("plugin: virtnet.linux.netns\n")
    command = ["ansible-inventory", "-i", str(tmp_path / "netns.yml"), "--list"]
    listed = json.loads(subprocess.run(command, env=environment(), stdout=-1, check=True).stdout)
    assert listed["topology_first_lab"]["hosts"] == ["n1", "n3"] and "topology_second" not in listed
    assert plain(listed["_meta"]["hostvars"]["n1"])["netns_topologies"] == ["first-lab"]
    assert plain(listed["_meta"]["hostvars"]["n2"])["netns_topologies"] == []


def test_what_a_host_says_is_no_template(spaces, tmp_path):
    """Neither the names of namespaces, links and topologies, nor anything else that a host can choose."""
    harm = '{{lookup("pipe","echo>harm")}}'
    spaces.shell(
        "ip netns add '%s'" % harm,
        "ip netns add 'a,b'",
        "ip -n n1 link add '{{70*83}}' type bridge; ip -n n1 link set va master '{{70*83}}'",
        "mkdir -p /run/virtnet",
    )
    record = dict(topology=harm, made=[dict(resource="Netns", name="n1")])
    Path("/run/virtnet/lab.json").write_text(json.dumps(record))
    (tmp_path / "netns.yml").write_text(
        "plugin: virtnet.linux.netns\n"
        "compose: {copied: netns_topologies, above: netns_links.va.master | default('')}\n"
        "keyed_groups: [{key: netns_links.va.master | default('none'), prefix: under}]\n"
    )
    task = "msg={{ [netns_links, netns_topologies, copied, above, ansible_netns, group_names, groups] }}"
    said, well = ansible("all", "-i", str(tmp_path / "netns.yml"), "-m", "debug", "-a", task, method=())
    assert well and "n1 | SUCCESS" in said and "n2 | SUCCESS" in said and said.count("SUCCESS") == 2, said
    assert '"master": "{{70*83}}"' in said and "5810" not in said, said
    assert not os.path.exists("harm"), said
    assert " ".join(said.split()).count("is left out: this is no name for a host") == 2, said
    Path("/run/virtnet/lab.json").write_text('{"topology": ["lab"]}')
    said, dummy = ansible("all", "-i", str(tmp_path / "netns.yml"), "-m", "ping", method=())
    assert "what localhost says of its network namespaces is not what ip(8) says" in " ".join(said.split()), said
    assert "Traceback" not in said


HOSTILE = {
    "yes": "it says more than 64 MiB",
    "sleep 3600": "not within 5 seconds (timeout)",
    "echo 'netns: n1'; echo '[1, {\"ifname\": 7}]'": "is not what ip(8) says",
    "echo 'netns: n1'; printf '[%s' '{\"a\":[[[['": "is not what ip(8) says",
    "echo 'netns: n1'; printf '%0100000d' 0 | tr 0 '['": "is not what ip(8) says",
    "printf 'netns: \\377\\n[]'": "is left out: this is no name for a host",
    "echo 'netns: ../../etc'; echo '[]'": "is left out: this is no name for a host",
    "kill -9 $PPID": "does not say its network namespaces",
}


@pytest.mark.parametrize("line", HOSTILE)
def test_a_host_that_means_harm_says_something_else(line, spaces, tmp_path):
    """In place of ip(8) there is a program that it chose; only this host is left out, in a sentence."""
    program = tmp_path / "bin/ip"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n%s\n" % line)
    program.chmod(0o755)
    seconds = 5 if "5 seconds" in HOSTILE[line] else 60
    (tmp_path / "netns.yml").write_text("plugin: virtnet.linux.netns\ntimeout: %d\n" % seconds)
    command = ["ansible-inventory", "-i", str(tmp_path / "netns.yml"), "--list"]
    env = dict(environment(), PATH="%s:%s" % (program.parent, os.environ["PATH"]))
    done = subprocess.run(command, env=env, stdout=-1, stderr=-1, text=True, check=False, timeout=100)
    said = " ".join(done.stderr.split())
    assert HOSTILE[line] in said and "Traceback" not in said, said
    assert "hostvars" not in done.stdout or json.loads(done.stdout)["_meta"]["hostvars"] == {}
    assert os.path.basename(line.split()[0]) not in spaces.output("ps -eo comm").split()


def plain(value):
    """A value of ansible-inventory without its marks."""
    if isinstance(value, dict):
        return value["__ansible_unsafe"] if "__ansible_unsafe" in value else {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list) else value


def test_namespaces_of_another_host(spaces, tmp_path):
    (tmp_path / "hosts.yml").write_text(
        "all: {vars: {ansible_connection: local}, hosts: {server: {ansible_become: true}}}"
    )
    (tmp_path / "lab.netns.yml").write_text("plugin: virtnet.linux.netns\nhosts: [server]\n")
    sources = ["-i", str(tmp_path / "hosts.yml"), "-i", str(tmp_path / "lab.netns.yml")]
    said, well = ansible("netns", *sources, "-m", "command", "-a", "ip -o link", method=(), **PYTHON)
    assert well and "n1.server | CHANGED" in said and "n2.server | CHANGED" in said and " vb@" in said, said
    (tmp_path / "lab.netns.yml").write_text("plugin: virtnet.linux.netns\nhosts: [nobody]\n")
    said, dummy = ansible("all", *sources, "-m", "ping", method=())
    assert "hosts: nobody is in no inventory that is read before this one" in said, said


def test_what_the_documentation_shows(host, tmp_path):
    said, dummy = follow("Inside a namespace", tmp_path)
    assert " eth0@" in said and " br0:" not in said
    said, dummy = follow("Namespaces as hosts", tmp_path)
    assert said.count('"ping": "pong"') == 3 and "failed=0" in said, said
