#!/bin/sh
# If a server lies about itself, llama-bench, llama-completion and ggwire's own tools succeed or fail with a message and
# an exit status. They never die of a signal or hang.
# Usage: lies.sh LIAR FIRST LAST (seeds)
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
# shellcheck source=tests/robust/lib.sh
. "$GGWIRE_ROOT/tests/robust/lib.sh"
liar=$1 first=$2 last=$3
interop_begin
export GGML_RPC_TIMEOUT=2
limit=40

# tools ENDPOINT: runs the tools and returns the highest exit status.
tools() {
	highest=0
	for verb in "devices" "devices --json" "bench -t 0.02" "bench -t 0.02 --json" "ping -c 3 -i 0" "status" "doctor -W 2"; do
		# shellcheck disable=SC2086 # words
		timeout -k 5 20 "$build/bin/ggwire" $verb "$1" >>"$work/client.out" 2>>"$work/client.log" </dev/null
		code=$?
		[ $code -le $highest ] || highest=$code
	done
	return $highest
}

# lied_to PROGRAM SEED
lied_to() {
	mkfifo "$work/port"
	"$liar" "${endpoint##*:}" "$2" >"$work/port" 2>/dev/null &
	liar_pid=$!
	read -r port <"$work/port"
	rm "$work/port"
	"$1" "127.0.0.1:$port"
	status=$?
	kill $liar_pid
	wait $liar_pid 2>/dev/null
	judge "$1, lies of seed $2" $status
}

server_start ggwire
for tool in bench completion tools; do
	survived=0
	lied_to $tool 0
	[ $survived = 1 ] || [ $tool = tools ] || fail "$tool: fails through a relay that does not lie"
	for seed in $(seq "$first" "$last"); do
		# Every second run treats the server as a stock one, which gets more requests.
		export GGML_RPC_STOCK=$((seed % 2))
		lied_to $tool "$seed"
	done
	export GGML_RPC_STOCK=0
done
servers_alive
echo "$count runs, none ended by a signal"
