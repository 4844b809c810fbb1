# shellcheck shell=sh
# First line of input: network namespace|address, from where to where a ping goes. Each other line: network namespace|link
# to capture on|packets to be seen there, as "source > destination request", sorted, joined by ", ". Before that stand the
# VLAN tags of the packet, as "802.1ad 5 802.1Q 7 ".
# What is seen goes to the standard output, what is not as expected to the standard error.
export LC_ALL=C
IFS='|' read -r from to
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
pids=
while IFS='|' read -r netns dev expected; do
    place="$folder/$dev in ${netns:-the host}"
    echo "$expected" >"$place.expected"
    : >"$place.log"
    header='' filter="icmp or icmp6"
    # Other links have no tags, and tcpdump refuses to look for them.
    case $(ip ${netns:+-n "$netns"} -o link show dev "$dev") in
    *link/ether*) header=-e filter="$filter or (vlan and ($filter or (vlan and ($filter))))" ;;
    esac
    ${netns:+ip netns exec "$netns"} tcpdump -t -n -q $header -l --immediate-mode -i "$dev" "$filter" >"$place.raw" 2>"$place.log" &
    pids="$pids $!"
done
stop() {
    # shellcheck disable=SC2086
    kill $pids 2>/dev/null
    wait
}
packets() {
    sed -n '/: ICMP6\{0,1\},\{0,1\} echo /{
        s/: ICMP6\{0,1\},\{0,1\} echo \([a-z]*\).*/ \1/
        s/^[^,]*, //
        s/length [0-9]*: //
        s/802\.1Q-QinQ, vlan \([0-9]*\), p [0-7], /802.1ad \1 /g
        s/802\.1Q, vlan \([0-9]*\), p [0-7], /802.1Q \1 /g
        s/IPv[46], //
        s/^IP6\{0,1\} //
        p
    }' "$1" | sort -u | paste -s -d , - | sed 's/,/, /g'
}
for log in "$folder"/*.log; do
    tries=100
    until grep -q "^listening on" "$log"; do
        if [ $((tries -= 1)) = 0 ]; then
            place=${log%.log}
            echo "on ${place##*/}: $(cat "$log")" >&2
            stop
            exit
        fi
        sleep 0.05
    done
done
${from:+ip netns exec "$from"} ping -n -c 1 -W 1 "$to" >/dev/null 2>&1
for raw in "$folder"/*.raw; do
    tries=10
    until [ "$(packets "$raw")" = "$(cat "${raw%.raw}.expected")" ] || [ $((tries -= 1)) = 0 ]; do
        sleep 0.1
    done
done
stop
for raw in "$folder"/*.raw; do
    place=${raw%.raw} seen=$(packets "$raw") expected=$(cat "${raw%.raw}.expected")
    echo "on ${place##*/}: ${seen:-nothing}"
    [ "$seen" = "$expected" ] || echo "on ${place##*/}: expected ${expected:-nothing}, seen ${seen:-nothing}" >&2
done
