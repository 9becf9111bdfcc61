#!/bin/sh
# The server's host vanishes: packets are dropped silently at any point of a run. The client exits with a message and an
# exit status, and the server drops the client, both long before TCP alone would give up. The test uses three network
# namespaces: the client's, the server's, and between them the script's own, which is a router that can drop packets.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
if [ -z "${GGWIRE_NAMESPACES:-}" ]; then
	if ! command -v ip >/dev/null || ! unshare -rn ip link add va type veth peer name vb 2>/dev/null; then
		echo "SKIP: no network namespaces here (ip, unshare, and a kernel with veth and user namespaces are needed)"
		exit 77
	fi
	GGWIRE_NAMESPACES=1 exec unshare -rn "$0" "$@"
fi
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
# shellcheck source=tests/robust/lib.sh
. "$GGWIRE_ROOT/tests/robust/lib.sh"
interop_begin
export GGML_RPC_TIMEOUT=2
limit=40
client_ip=192.0.2.2 server_ip=198.51.100.2

# namespace NAME ADDRESS ROUTER: sets $pid to a process in a new namespace that is linked to this one. interop_end ends
# it together with the servers.
namespace() {
	unshare -n sleep 1000 &
	pid=$!
	server_pids="$server_pids $pid"
	for _wait in $(seq 100); do
		[ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break
		sleep 0.05
	done
	ip link add "$1" type veth peer name eth0 netns "$pid"
	ip address add "$3/24" dev "$1"
	ip link set "$1" up
	nsenter -t "$pid" -n sh -c "ip link set lo up; ip address add $2/24 dev eth0; ip link set eth0 up; ip route add default via $3" ||
		fail "cannot set up a namespace"
}

namespace client $client_ip 192.0.2.1
client_pid=$pid
namespace server $server_ip 198.51.100.1
server_ns=$pid
echo 1 >/proc/sys/net/ipv4/ip_forward || fail "cannot route"

# Starts stock programs in the client's namespace.
cat >"$work/loader" <<END
#!/bin/sh
exec nsenter -t $client_pid -n "$loader" "\$@"
END
chmod +x "$work/loader"
loader=$work/loader

cut_off() {
	ip route add blackhole $client_ip && ip route add blackhole $server_ip
}

mend() {
	ip route del blackhole $client_ip && ip route del blackhole $server_ip
}

# How many bytes have arrived from an end.
arrived() {
	while read -r name bytes _; do
		[ "$name" = "$1:" ] && echo "$bytes"
	done </proc/net/dev
}

# cut_after FROM BYTES PID: cuts the network after that many more bytes from there, or when the process ends.
cut_after() {
	due=$(($(arrived "$1") + $2))
	while [ "$(arrived "$1")" -lt $due ] && kill -0 "$3" 2>/dev/null; do
		:
	done
	cut_off
}

nsenter -t "$server_ns" -n "$build/bin/ggwire" serve --config /dev/null --log-level debug -H $server_ip -p 50052 --max-clients 32 >"$work/server.log" 2>&1 &
server_pid=$!
server_pids="$server_pid $server_pids"
for _wait in $(seq 200); do
	grep -q 'ready' "$work/server.log" && break
	sleep 0.1
done
endpoint=$server_ip:50052

completion $endpoint || fail "a client fails over the undisturbed network: exit status $?"

# clients_gone WHAT: every client that the server accepted has disconnected or was dropped.
clients_gone() {
	for _wait in $(seq 200); do
		[ "$(grep -c 'connected, served by' "$work/server.log")" = "$(grep -cE 'client .* (left|dropped by) worker' "$work/server.log")" ] &&
			return
		sleep 0.1
	done
	fail "$1: the server does not drop a client that is gone"
}

# vanish PROGRAM FROM BYTES
vanish() {
	"$1" $endpoint &
	run=$!
	cut_after "$2" "$3" $run
	wait $run
	judge "$*" $?
	clients_gone "$*"
	mend
}

# During the first requests, loading and computing, and while the client reads replies and logits.
for tool in completion bench; do
	for bytes in 100 5000 600000 1500000 2600000; do
		vanish "$tool" client $bytes
	done
	for bytes in 1000 20000 40000; do
		vanish "$tool" server $bytes
	done
done
harmed=$((count - survived))
[ $harmed -ge $((count / 3)) ] || fail "$survived of $count runs noticed nothing: the faults miss their target"

# A client that cannot reach the server logs that, and llama.cpp computes without the device.
cut_off
completion $endpoint
judge "nobody answers" $?
grep -q "$endpoint is not used: cannot connect: .*no answer" "$work/client.log" || fail "an unreachable server is not reported"
mend
completion $endpoint || fail "the server does not serve the next client: exit status $?"
alive "$server_pid" || fail "the server died"
[ $quiet -le $((harmed / 3)) ] || fail "$quiet of $count runs ended without a message"
echo "PASS: $count runs ended well, $survived of them without a fault"
