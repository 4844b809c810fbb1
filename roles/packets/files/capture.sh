# shellcheck shell=sh
# First line of input: network namespace|address, from where to where a ping goes. Each other line: network namespace|link
# to capture on|filter of tcpdump(8)|packets to be seen there, as "source > destination request", sorted, joined by ", ".
# Before that stand the VLAN tags of the packet, as "802.1ad 5 802.1Q 7 ", if the filter asks for vlan.
# What is seen goes to the standard output, what is not as expected to the standard error.
export LC_ALL=C
IFS='|' read -r from to
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
pids=
while IFS='|' read -r netns dev filter expected; do
    place="$folder/$dev in ${netns:-the host}"
    echo "$expected" >"$place.expected"
    : >"$place.log"
    header=
    case $filter in *vlan*) header="-e -q" ;; esac
    # shellcheck disable=SC2086
    ${netns:+ip netns exec "$netns"} tcpdump -t -n $header -l --immediate-mode -i "$dev" "$filter" >"$place.raw" 2>"$place.log" &
    pids="$pids $!"
done
stop() {
    # shellcheck disable=SC2086
    kill $pids 2>/dev/null
    wait
}
packets() {
    # Of a packet in another one: "outer source > outer destination: source > destination".
    sed -n 's/^[0-9a-f:]* > [0-9a-f:]*, //; s/, length [0-9]*: /: /
        s/^802\.1Q-QinQ: vlan \([0-9]*\), p [0-7], /802.1ad \1 /; s/^802\.1Q: vlan \([0-9]*\), p [0-7], /802.1Q \1 /
        s/802\.1Q, vlan \([0-9]*\), p [0-7], /802.1Q \1 /; s/^IPv[46]: /IP /; s/^\(802.*\) IPv[46], /IP \1 /
        s/: [^>]*IP6\{0,1\} /: /; s/^IP6\{0,1\} \(.*\): ICMP6\{0,1\},\{0,1\} echo \([a-z]*\).*/\1 \2/p' "$1" |
        sort -u | paste -s -d , - | sed 's/,/, /g'
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
