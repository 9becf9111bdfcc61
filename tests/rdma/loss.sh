#!/bin/sh
# If a peer is killed or a link goes down, a connection over RDMA ends within seconds at both ends, and the server
# serves the next client.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/rdma/lib.sh
. "$GGWIRE_ROOT/tests/rdma/lib.sh"
if [ -z "${RXE_NODE:-}" ]; then
	in_machines "$0" --two --mtu 9000 --time 280
	echo "PASS: both ends notice killed peers and a link that is down"
	exit 0
fi
interop_begin
# For both ends: one that only waits learns from TCP that the link is down.
export GGML_RPC_TIMEOUT=10
noticed=30

# server_at NAME: starts a new server and tells the client.
server_at() {
	rdma_server --log-level debug
	echo "$endpoint" >"$RXE_SHARED/$1.new"
	mv "$RXE_SHARED/$1.new" "$RXE_SHARED/$1"
}

# working NAME: starts a client in the background; sets $client.
working() {
	shared_await "$1"
	endpoint=$(cat "$RXE_SHARED/$1")
	# Without probe, so that $client is the client itself, which is to be killed.
	GGML_RPC_DEBUG=1 "$build/bin/bench-rdma" --plugin "$build/lib/libggml-rpc-ggwire.so" --server "$endpoint" \
		--until-lost 60 >"$work/$1" 2>"$work/$1.log" &
	client=$!
	wait_for 60 grep -q working=1 "$work/$1" || fail "$1: the client does not start working"
	[ -n "$(activations "$work/$1.log")" ] || { cat "$work/$1.log"; fail "$1: the client activated no RDMA"; }
	sleep 0.5
}

# lost NAME: the client has noticed the loss in time.
lost() {
	wait $client
	code=$?
	[ $code -eq 3 ] || { cat "$work/$1.log"; fail "$1: the client exits with $code, not because of a lost device"; }
	took=$(value_of lost_after_s "$work/$1")
	[ "${took%.*}" -lt $noticed ] || fail "$1: noticed only after $took s"
	echo "$1: the client notices after $took s: $(grep 'connection lost' "$work/$1.log" | tail -n 1)"
}

# Whether the server serves no connection any more.
nobody_left() {
	[ "$(grep -c '^client .* connected, served' "$log")" -eq "$(grep -c '^client .* \(left\|dropped by\) worker' "$log")" ]
}

if [ "$RXE_NODE" = 0 ]; then
	server_at server_killed
	shared_await kill_it
	# shellcheck disable=SC2046 # numbers
	kill -9 $(process_tree "$server_pid")
	wait "$server_pid" 2>/dev/null
	server_pids=

	server_at client_killed
	shared_await was_killed
	wait_for $noticed nobody_left || fail "the server has not noticed that its client was killed"
	shared_put next_client
	shared_await link_is_down
	wait_for $noticed nobody_left || fail "the server has not noticed that the link is down"
	servers_alive
	shared_await over
else
	working server_killed
	shared_put kill_it
	lost server_killed

	working client_killed
	kill -9 $client
	wait $client 2>/dev/null
	shared_put was_killed
	shared_await next_client
	probe next --check 4096 || fail "the server serves no client after one was killed"
	[ -n "$(activations "$work/next.log")" ] || fail "the next client does not use RDMA"

	cp "$RXE_SHARED/client_killed" "$RXE_SHARED/link_down"
	working link_down
	ip link set eth0 down
	shared_put link_is_down
	lost link_down
	ip link set eth0 up
	shared_put over
fi
