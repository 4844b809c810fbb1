# Each line of input: network namespace|address|ttl of the reply|words of ping's error. Neither of the last two: no reply.
# Every answer goes to the standard output, those that are not as expected to the standard error.
export LC_ALL=C
end=$(($(date +%s) + 5))
ask() {
    until answer=$(${1:+ip netns exec "$1"} ping -n -c 1 -W 1 "$2" 2>&1) || [ -z "$3" ] || [ "$(date +%s)" -ge $end ]; do
        sleep 0.1
    done
    case $answer in
    *ttl=*) seen=${answer#*ttl=} seen="a reply with ttl ${seen%% *}" ;;
    *"Network is unreachable"*) seen="Network is unreachable" ;;
    *" packets transmitted"*) seen="no reply" ;;
    *) seen="an error: $answer" ;;
    esac
    [ -n "$3" ] && expected="a reply with ttl $3" || expected=${4:-no reply}
    pair="from ${1:-the host} to $2"
    echo "$pair: $seen"
    # Without a route to it, an address cannot reply either.
    [ "$seen" = "$expected" ] || [ "$expected, $seen" = "no reply, Network is unreachable" ] ||
        echo "$pair: expected $expected, seen $seen" >&2
}
while IFS='|' read -r netns address ttl error; do
    ask "$netns" "$address" "$ttl" "$error" &
done
wait
