# shellcheck shell=sh
# A picture of the host's networks goes to the file $1; if it is there, it must be the same picture.
# Left out is what differs from one making to the next: numbers and order of links, MAC addresses and the IPv6 made of them,
# how much passed a chain, and the links that come with the module of a tunnel and stay.
export LC_ALL=C PATH="$PATH:/usr/sbin:/sbin"
fallback='tunl0|gre0|gretap0|erspan0|sit0|ip_vti0|ip6tnl0|ip6_vti0|ip6gre0'
draw() {
    ip "$@" -br link | awk '{ sub("@.*", "", $1); print "link", $1, $2 }' | grep -vxE "link ($fallback) DOWN" | sort
    ip "$@" -o addr | awk '$4 !~ /^fe80/ { print "address", $2, $4 }' | sort -s -k 2,2
    ip "$@" route
    ip "$@" -6 route | grep -v -e ^fe80 -e ^ff00
}
picture() {
    echo "the host:"
    draw
    { nft list ruleset; iptables-save -t nat; } 2>/dev/null | grep masquerade -i
    for netns in $(ip netns list | sed "s/ .*//" | sort); do
        echo "$netns:"
        draw -n "$netns"
        ip netns exec "$netns" sh -c 'cat /proc/sys/net/ipv4/ip_forward; { nft list ruleset; iptables-save -t nat; } 2>/dev/null' | grep -v '^[#:]'
    done
}
if [ -e "$1" ]; then
    picture >"$1.now"
    diff "$1" "$1.now"
else
    picture >"$1"
fi
