#!/bin/sh
# One of two paired servers dies, or hangs, while a model computes: the client exits with an error, and it or the other
# server names the failed server. The next run works again.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
interop_begin
peers=1
export GGML_RPC_TIMEOUT=1
limit=60

# The worker that serves the client, according to that server's log.
worker_of() {
	sed -n 's/.*served by worker \([0-9]*\)$/\1/p' "$1" | tail -n 1
}

# How often the server with that log blames another server for the end of a session.
blames() {
	grep -c 'EXT_ALLREDUCE: server at 127.0.0.1' "$1"
}

# hurt SIGNAL WHICH: runs llama-completion and sends the signal to that server's worker.
hurt() {
	: >"$work/out"
	stock_run ggwire bin/llama-completion -m "$demo_model" --rpc "$pair" -ngl 99 -sm tensor -p "Once upon a time" -n 100000 \
		-c 512 --context-shift --ignore-eos --temp 0 -t 1 -no-cnv >"$work/out" 2>"$work/client.log" </dev/null &
	client_pid=$!
	for _wait in $(seq 300); do
		[ "$(wc -c <"$work/out")" -lt 100 ] || break
		sleep 0.1
	done
	[ "$(wc -c <"$work/out")" -ge 100 ] || fail "llama-completion generates nothing"
	hurt_log=$first_log other_log=$second_log hurt_endpoint=${pair%,*}
	[ "$2" = first ] || hurt_log=$second_log other_log=$first_log hurt_endpoint=${pair#*,}
	pid=$(worker_of "$hurt_log") before=$(blames "$other_log")
	kill "-$1" "$pid" || fail "the worker is gone"
	wait $client_pid
	status=$?
	[ $status -ne 0 ] && [ $status -lt 124 ] || fail "$1 of the $2: llama-completion exits with $status"
	if ! grep -q "RPC server $hurt_endpoint: connection lost" "$work/client.log"; then
		[ "$(blames "$other_log")" -gt "$before" ] || fail "$1 of the $2: no message names the failed server"
	fi
	kill -KILL "$pid" 2>/dev/null
	echo "PASS: $1 of the $2 server's worker, exit status $status"
}

server_start ggwire
first=$endpoint first_log=$log
server_start ggwire
pair=$first,$endpoint second_log=$log
generate ggwire "$pair" "$work/expected" -sm tensor || fail "llama-completion failed"
hurt KILL first
hurt KILL second
hurt STOP second
generate ggwire "$pair" "$work/text" -sm tensor || fail "llama-completion failed afterwards"
cmp "$work/expected" "$work/text" || fail "the text differs afterwards"
[ "$(grep -c 'linked to the server at' "$second_log")" = 5 ] || fail "the servers were not connected each time"
