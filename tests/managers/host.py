# SPDX-License-Identifier: GPL-3.0-or-later
"""A test host, whoever configures its card, and a shell on it that outlives whatever becomes of its network."""

import json
import os
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from lan import GATEWAY, NETWORK, PREFIX

HERE = Path(__file__).resolve().parent
FLEET = Path(os.environ.get("FLEET", "/run/fleet"))
BOOT = 90  # seconds in which a host has to be there again
SSH = "-F %s/ssh_config -o ControlMaster=auto -o ControlPersist=30 -o ConnectTimeout=5 -o ServerAliveInterval=2"
SSH += " -o ServerAliveCountMax=4"
ENV = {
    "ANSIBLE_STDOUT_CALLBACK": "lines",
    "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
    "ANSIBLE_SSH_ARGS": SSH % FLEET,
    "ANSIBLE_TIMEOUT": "10",
    "ANSIBLE_LOCALHOST_WARNING": "false",
}

# Whoever could have a hand in a host's network.
UNITS = "NetworkManager systemd-networkd.socket systemd-networkd networking docker docker.socket containerd firewalld"
UNITS += " nftables netfilter-persistent systemd-networkd-wait-online NetworkManager-wait-online"
# systemctl(1) would ask the old init scripts as well, and read all units anew.
ENABLE = """
for unit in UNITS; do
    for target in $(sed -n 's/^WantedBy=//p' /usr/lib/systemd/system/$unit.service); do
        mkdir -p /etc/systemd/system/$target.wants
        ln -sf /usr/lib/systemd/system/$unit.service /etc/systemd/system/$target.wants/
    done
done
"""
# What each of them, a test, and the product leave.
RESET = r"""
units=$(systemctl list-units --all --plain --no-legend 'virtnet-*' 'test-*' | awk '{print $1}')
for unit in UNITS; do ! systemctl -q is-active $unit || units="$units $unit"; done
[ -z "$units" ] || systemctl stop $units 2>/dev/null
cd /etc/systemd/system
rm -rf /etc/own-card /etc/virtnet /run/virtnet virtnet* *.wants/virtnet* test-* *.wants/test-* \
    /etc/systemd/network/* /etc/systemd/networkd.conf.d /run/systemd/netif/state /run/systemd/network \
    /etc/NetworkManager/system-connections/* /etc/NetworkManager/conf.d/* /run/NetworkManager/system-connections/* \
    /var/lib/NetworkManager/*.lease /etc/network/interfaces.d/* /run/network/ifstate* /var/lib/dhcpcd \
    /etc/sysctl.d/90-virtnet* /etc/sysctl.d/99-site.conf /etc/iptables/rules.v? /etc/firewalld/zones
for unit in UNITS; do rm -f *.wants/$unit.service; done
! pkill dhcpcd || sleep 0.5
for netns in $(ip netns list | cut -d' ' -f1); do ip netns delete $netns; done
ip -o link | awk -F': ' '{print $2}' | cut -d@ -f1 | grep -vE '^(lo|vec[01]|tunl0|gre0|gretap0|erspan0|sit0|ip.*0)$' \
    | while read -r link; do ip link delete "$link" 2>/dev/null; done
for card in vec0 vec1; do
    ip link set $card nomaster down alias ''
    ip address flush dev $card
    ip link set $card mtu 1500
    echo 0 >/proc/sys/net/ipv6/conf/$card/disable_ipv6
    echo 0 >/proc/sys/net/ipv6/conf/$card/addr_gen_mode
    echo 1 >/proc/sys/net/ipv6/conf/$card/accept_ra
done
for family in -4 -6; do
    ip $family route flush table all proto static 2>/dev/null
    ip $family route flush table all proto boot 2>/dev/null
    ip $family rule | grep -vE '^(0|3276[67]):' | while IFS=: read -r pref rule; do ip $family rule del pref $pref; done
done
ip -4 route flush table main
iptables -P FORWARD ACCEPT
nft flush ruleset
sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0 net.ipv4.conf.all.promote_secondaries=0
sysctl -qw net.bridge.bridge-nf-call-iptables=1 2>/dev/null
systemctl daemon-reload
systemctl reset-failed
mkdir -p /etc/network/interfaces.d
udevadm settle
ip address add ADDRESS/24 dev vec0
ip address add ADDRESS6/64 dev vec0 nodad
ip link set vec0 up
"""


def run(*command, **more):
    return subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


class Result(dict):
    """What a task returned."""

    @property
    def failed(self):
        return bool(self.get("failed"))

    @property
    def unreachable(self):
        return bool(self.get("unreachable"))

    @property
    def changed(self):
        return bool(self.get("changed"))

    @property
    def msg(self):
        return str(self.get("msg", ""))

    @property
    def warnings(self):
        return [str(warning) for warning in self.get("warnings", [])]


class Host:
    """A test host that was started with systemd, a disk and a third card."""

    def __init__(self, name):
        self.name, self.number = name, int(name.lstrip("d"))
        self.address, self.address6 = "%s.%d" % (NETWORK, self.number), "%s%d" % (PREFIX, self.number)
        self.mac = "02:00:00:77:00:%02x" % self.number
        self.work = Path(tempfile.mkdtemp())

    def sh(self, script, check=True, timeout=120):
        """What a script prints, in the host's own network namespace, by the way that nothing cuts off."""
        command = ["ssh", "-F", str(FLEET / "ssh_config"), "-o", "ConnectTimeout=5", self.name + "-rescue"]
        command += ["nsenter --net=/proc/1/ns/net sh"]
        done = subprocess.run(
            command,
            input=script,
            text=True,
            check=False,
            timeout=timeout,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert not check or done.returncode == 0, "%s\n%s%s" % (script, done.stdout, done.stderr)
        return done.stdout.strip()

    def json(self, command):
        return json.loads(self.sh(command) or "[]")

    def put(self, path, text, mode="644"):
        self.sh(
            "mkdir -p $(dirname {0}); cat >{0} <<'END'\n{1}\nEND\nchmod {2} {0}".format(path, text.strip("\n"), mode)
        )

    def play(self, *tasks, timeout=150, **more):
        """Run tasks over SSH, as anybody does; what each returned, up to the first that failed."""
        with self.playing(*tasks, **more) as process:
            said, told = process.communicate(timeout=timeout)
        results = [Result(json.loads(line)) for line in said.splitlines() if line.startswith("{")]
        assert results, said + told
        return results

    @contextmanager
    def playing(self, *tasks, address=None, options=(), **play):
        """While tasks run; what does not end by itself is ended."""
        plays = [{"hosts": self.name, "gather_facts": False, "tasks": list(tasks), **play}]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "play.yml"
            path.write_text(json.dumps(plays))
            env = {**os.environ, **ENV, "ANSIBLE_SSH_CONTROL_PATH_DIR": folder}
            command = ["ansible-playbook", str(path), *options]
            command += ["-e", "ansible_host=" + address] if address else []
            env["ANSIBLE_SSH_ARGS"] += " -o HostKeyAlias=" + self.address
            process = subprocess.Popen(
                command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
            )
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def task(self, module, check_mode=None, address=None, **arguments):
        """What one task returned."""
        task = {"virtnet.linux." + module: arguments}
        if check_mode is not None:
            task["check_mode"] = check_mode
        return self.play(task, address=address)[0]

    def settle(self):
        """Until udev has done what it does to new links."""
        self.sh("udevadm settle; sleep 0.3; udevadm settle")

    def enable(self, *units):
        """Have them start at each boot."""
        self.sh(ENABLE.replace("UNITS", " ".join(units)))

    def reset(self):
        """As it was when it started, but for the boot."""
        script = RESET.replace("UNITS", UNITS)
        self.sh(script.replace("ADDRESS6", self.address6).replace("ADDRESS", self.address), check=False)
        run("ip", "neighbour", "flush", "all")

    def until(self, script, seconds=20):
        """Wait until a script succeeds."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.sh("if { %s; } >/dev/null 2>&1; then echo yes; fi" % script) == "yes":
                return True
            time.sleep(0.2)
        return False

    def boot_id(self):
        return self.sh("cat /proc/sys/kernel/random/boot_id")

    def reboot(self, cut=False, wait=True):
        """Boot again, in order or as if the power were cut; the time until all has started."""
        old, started = self.boot_id(), time.monotonic()
        how = "echo b >/proc/sysrq-trigger" if cut else "systemctl reboot"
        self.sh("sync; nohup sh -c 'sleep 0.3; %s' >/dev/null 2>&1 &" % how)
        self.forget()
        self.up(old, wait)
        return time.monotonic() - started

    def forget(self):
        """No connection is kept."""
        for name in (self.name, self.name + "-rescue"):
            run("ssh", "-F", str(FLEET / "ssh_config"), "-O", "exit", name)

    def up(self, old="", wait=True):
        """Wait until it has booted, by the way that nothing cuts off."""
        command = ["ssh", "-F", str(FLEET / "ssh_config"), "-o", "ConnectTimeout=2", "-o", "ControlPath=none"]
        command += [self.name + "-rescue", "cat /proc/sys/kernel/random/boot_id"]
        end = time.monotonic() + BOOT
        while time.monotonic() < end:
            with suppress(subprocess.TimeoutExpired):
                if run(*command, timeout=10).stdout.strip() not in ("", old):
                    break
            time.sleep(0.3)
        else:
            raise AssertionError("%s does not boot" % self.name)
        if wait:
            self.sh("systemctl is-system-running --wait", check=False)

    # Whoever configures vec0.

    def by(self, manager, how="static", gateway=True, six=True, more=""):
        """Give the card to a manager, as on a host that had it from the start."""
        self.put("/etc/own-card", "")
        getattr(self, "by_" + manager)(how, gateway, six, more)
        end = time.monotonic() + 30
        while time.monotonic() < end:
            links = self.json("ip -j address show dev vec0 -tentative")
            have = {a.get("local") for link in links for a in link.get("addr_info", ())}
            wanted = {self.address, *[self.address6] * (six and how != "slaac")}
            routes = self.json("ip -j route show default")
            if wanted <= have and (routes or not gateway):
                return
            time.sleep(0.3)
        raise AssertionError("%s gives vec0 no address: %s" % (manager, self.sh("journalctl -n 30 --no-pager")))

    BARE = "ip address flush dev vec0; ip link set vec0 down; "

    def by_networkd(self, how, gateway, six, more):
        lines = ["[Match]", "Name=vec0", "[Network]", "IPv6AcceptRA=%s" % ("yes" if how == "slaac" else "no")]
        if how == "dhcp":
            lines += ["DHCP=ipv4"]
        else:
            lines += ["Address=%s/24" % self.address] + ["Gateway=" + GATEWAY] * gateway
        if six and how != "slaac":
            lines += ["Address=%s/64" % self.address6]
        self.put("/etc/systemd/network/50-vec0.network", "\n".join(lines) + "\n" + more)
        self.sh(self.BARE + "systemctl restart systemd-networkd")
        self.enable("systemd-networkd", "systemd-networkd-wait-online")

    def by_NetworkManager(self, how, gateway, six, more):
        self.put("/etc/NetworkManager/conf.d/10-test.conf", "[main]\nno-auto-default=*")
        lines = ["[connection]", "id=lan", "type=ethernet", "interface-name=vec0", "[ipv4]"]
        if how == "dhcp":
            lines += ["method=auto"]
        else:
            lines += ["method=manual", "address1=%s/24%s" % (self.address, "," + GATEWAY if gateway else "")]
        lines += ["[ipv6]"]
        if how == "slaac":
            lines += ["method=auto"]
        else:
            lines += ["method=manual", "address1=%s/64" % self.address6] if six else ["method=link-local"]
        path = "/etc/NetworkManager/system-connections/lan.nmconnection"
        self.put(path, "\n".join(lines) + "\n" + more, "600")
        self.sh(self.BARE + "systemctl restart NetworkManager")
        self.enable("NetworkManager", "NetworkManager-wait-online")

    def by_ifupdown(self, how, gateway, six, more):
        lines = ["%s vec0" % (more or "auto"), "iface vec0 inet %s" % ("dhcp" if how == "dhcp" else "static")]
        if how != "dhcp":
            lines += ["    address %s/24" % self.address] + ["    gateway " + GATEWAY] * gateway
        if six:
            lines += ["iface vec0 inet6 static", "    address %s/64" % self.address6]
        self.put("/etc/network/interfaces.d/vec0", "\n".join(lines))
        self.sh(self.BARE + "systemctl restart networking; ifup --force vec0 || true")
        self.enable("networking")

    def dynamic(self):
        """The addresses of the card, or of the bridge that has them now, by which the LAN reaches it."""
        return [
            a["local"]
            for link in self.json("ip -j address show")
            if link["ifname"] in ("vec0", "br0")
            for a in link.get("addr_info", ())
            if a["scope"] == "global"
        ]
