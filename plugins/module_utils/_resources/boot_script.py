# Copyright (c) 2026 virtnet developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""The script that makes a topology anew after a boot, and its unit: systemd.unit(5)."""

from __future__ import annotations

import shlex

HEAD = """# The network %s after a boot, by virtnet.linux. It can run at any time: what is there stays as it is.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C

# A line of this name that has not succeeded yet. What it makes can be there already.
try() {
    number=$((number + 1))
    case " $good " in *" $number "*) return ;; esac
    if ! said=$(eval "$1" 2>&1); then
        case $1:$said in
            *"File exists"*|*" already "*|*tuntap*busy*|*" del"*"No such "*|*" del"*"Cannot assign"*) ;;
            *) failed="$failed$1: $said
"
                return ;;
        esac
    fi
    good="$good $number"
}

# Whether a link is a port of this master.
is_port() {
    ip ${3:+-n "$3"} -o link show dev "$1" 2>/dev/null | grep -q " master $2 "
}

# Whether a link is there, perhaps in a network namespace.
is_there() {
    ip ${2:+-n "$2"} link show dev "$1" >/dev/null 2>&1
}

# The options of the routes of a link that the kernel did not make, those without a gateway first.
routes() {
    ip "$1" route show table main dev "$2" >/run/virtnet/routes
    for which in -v -e; do
        grep $which ' via ' /run/virtnet/routes | sed '/ proto kernel /d; s/ expires [0-9]*sec//; s/ linkdown//'
    done
}

# A card gives what it has to its master: first all addresses, then its routes.
give() {
    is_port "$1" "$2" && return
    ip -o address show dev "$1" scope global | grep -q . || { echo "$1 has no address yet"; return 1; }
    for family in -4 -6; do
        ip "$family" -o address show dev "$1" scope global | awk '{
            words = $4
            for (at = 5; at < NF; at++) {
                if ($at ~ /^(peer|brd|metric)$/) words = words " " $at " " $(at + 1)
                sub(/sec$/, "", $(at + 1))
                if ($at ~ /_lft$/ && $(at + 1) != "forever") words = words " " $at " " $(at + 1)
                if ($at ~ /^(noprefixroute|home|mngtmpaddr)$/) words = words " " $at
            }
            print words }' | while read -r words; do
            [ "$family" = -4 ] || ip -6 address replace $words nodad dev "$2" || exit
            ip "$family" address replace $words dev "$2" || exit
        done || return
        routes "$family" "$1" | while read -r words; do
            ip "$family" route replace $words dev "$2" || exit
        done || return
    done
    ! ip -d link show dev "$2" | grep -q "^ *bond " || ip link set dev "$1" down
}

# Then it loses its addresses.
forget() {
    ip address flush dev "$1" scope global
    for proto in static boot ra dhcp; do ip -6 route flush dev "$1" proto $proto 2>/dev/null; done
    return 0
}

"""
LINES = "lines() {\n"
TAIL = """}

# A card gets its address, and other links come, some time after the boot; and others of these take their turns.
mkdir -p /run/virtnet
good= rounds=${VIRTNET_ROUNDS:-60}
while :; do
    exec 9</run
    ! command -v flock >/dev/null || flock 9
    failed= number=0
    lines
    exec 9<&-
    [ -n "$failed" ] || exit 0
    rounds=$((rounds - 1))
    [ "$rounds" -gt 0 ] || break
    sleep 1
done
printf '%s' "$failed" >&2
exit 1
"""
UNIT = """[Unit]
Description=Virtual network %s
Wants=network-online.target
After=network-online.target network.target%s

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh %s
ExecReload=/bin/sh %s

[Install]
WantedBy=multi-user.target
"""
RULES = {"nft": "nftables.service", "iptables": "netfilter-persistent.service iptables.service ip6tables.service"}


def script(name, lines):
    return HEAD % name + LINES + "".join("    try %s\n" % shlex.quote(line) for line in lines) + TAIL


def lines_in(text):
    """The lines of a script; nothing of one that is none of these."""
    dummy, start, rest = text.partition(LINES)
    body, end, dummy = rest.rpartition(TAIL)
    words = shlex.split(body) if start and end else []
    return tuple(words[1::2])


def services(lines):
    """Those that restore rules, and lose those of others."""
    said = "\n".join(lines)
    return " ".join(RULES[program] for program in RULES if "%s " % program in said)


def unit(name, path, lines):
    after = services(lines)
    more = " %s\nPartOf=%s\nReloadPropagatedFrom=%s" % (after, after, after) if after else ""
    return UNIT % (name, more, path, path)
