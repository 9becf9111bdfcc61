#!/bin/sh
# The verbs that query servers also work with the stock server: its version, its devices, and all measurements that its
# protocol allows.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
. "$GGWIRE_ROOT/tests/interop/lib.sh"
interop_begin

# said FILE TEXT
said() {
	grep -qF -- "$2" "$1" || {
		cat "$1" >&2
		fail "'$2' is not in the output"
	}
}

server_start stock
stock=$endpoint

"$build/bin/ggwire" ping -c 3 -i 0 "$stock" >"$work/ping" || fail "ping: $?"
said "$work/ping" "stock server, protocol 8.0.0, TCP, 1 device"
said "$work/ping" "3 sent, 3 answered"
"$build/bin/ggwire" ping --json -c 3 -i 0 "$stock" >"$work/ping.json" || fail "ping --json: $?"
said "$work/ping.json" '"ggwire":false,"version":null'

"$build/bin/ggwire" bench -t 0.05 "$stock" >"$work/bench" || fail "bench: $?"
said "$work/bench" "upload  "
said "$work/bench" "download  "
said "$work/bench" "graph of 64 small additions"
"$build/bin/ggwire" bench --json -t 0.05 "$stock" >"$work/bench.json" || fail "bench --json: $?"
said "$work/bench.json" '"connection_upload":null'

server_start ggwire
"$build/bin/ggwire" devices "$stock,$endpoint" >"$work/devices" || fail "devices: $?"
said "$work/devices" "$stock: stock server"
said "$work/devices" "  RPC0 "
said "$work/devices" "  RPC1 "
said "$work/devices" "llama-cli -m MODEL.gguf -ngl 99 --rpc $stock,$endpoint -ts "
"$build/bin/ggwire" devices --json "$stock,$endpoint" >"$work/devices.json" || fail "devices --json: $?"
said "$work/devices.json" '"name":"RPC1"'

# The names are those that ggml uses.
stock_run ggwire bin/llama-cli --rpc "$stock,$endpoint" --list-devices >"$work/list" 2>&1 || fail "llama-cli: $?"
said "$work/list" "RPC0"
said "$work/list" "RPC1"

if command -v jq >/dev/null 2>&1; then
	for json in "$work"/*.json; do
		jq -e . "$json" >/dev/null || fail "$json is not valid JSON"
	done
fi
servers_alive
