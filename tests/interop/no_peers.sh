#!/bin/sh
# Two servers that must not connect to each other: --no-peers on either, a port in use, or GGML_RPC_NO_COMM. The text is
# the same, and the client reports that all-reduces go through it, unless the user asked for that.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
interop_begin
peers=1

# start FIRST SECOND: each is a kind with options
start() {
	# shellcheck disable=SC2086
	server_start $1
	first=$endpoint first_log=$log
	# shellcheck disable=SC2086
	server_start $2
	pair=$first,$endpoint second_log=$log
}

expect_fallback() {
	generate "$2" "$pair" "$work/text" -sm tensor || fail "llama-completion failed: $1"
	cmp "$work/expected" "$work/text" || fail "the text differs: $1"
	servers_alive
	if grep -qE 'joined pairwise comm|(connected|linked) to the server at' "$first_log" "$second_log"; then
		fail "the servers are connected: $1"
	fi
	echo "PASS: $1"
}

expect_told() {
	grep -q 'are not connected to each other' "$work/text.log" || fail "the client does not log it: $1"
}

start ggwire ggwire
generate ggwire "$pair" "$work/expected" -sm tensor || fail "llama-completion failed"
servers_stop
start ggwire ggwire
export GGML_RPC_NO_COMM=1
expect_fallback "GGML_RPC_NO_COMM" ggwire
unset GGML_RPC_NO_COMM
servers_stop

for servers in "ggwire --no-peers:ggwire" "ggwire:ggwire --no-peers" "stock:ggwire --no-peers"; do
	start "${servers%:*}" "${servers#*:}"
	expect_fallback "our client, servers $servers" ggwire
	expect_told "$servers"
	servers_stop
done

# Another server uses the port on which the first must listen. Only pairs with a stock server need it.
start ggwire stock
# shellcheck disable=SC2086
(cd "$(run_dir ggwire)" && exec "$build/bin/ggwire" serve --config /dev/null --listen "127.0.0.1:$((${first##*:} + 1000))") \
	>"$work/taken.log" 2>&1 &
server_pids="$server_pids $!"
for _wait in $(seq 100); do
	! grep -q ready "$work/taken.log" || break
	sleep 0.1
done
grep -q ready "$work/taken.log" || fail "the port is not in use"
expect_fallback "the port is taken" ggwire
expect_told "the port is taken"
