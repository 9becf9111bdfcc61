#!/bin/sh
# llama-bench of CLIENT runs the demo model on a device of SERVER and measures prompt processing and generation.
# Usage: bench.sh stock|ggwire stock|ggwire
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
client=$1 server=$2
interop_begin

server_start "$server"
stock_run "$client" bin/llama-bench -m "$demo_model" --rpc "$endpoint" -ngl 99 -p 64 -n 16 -r 2 -o csv \
	>"$work/bench.csv" 2>"$work/bench.log" || fail "llama-bench failed"
rows=$(grep -c '"RPC"' "$work/bench.csv")
[ "$rows" = 2 ] || { cat "$work/bench.csv"; fail "llama-bench measured $rows of 2 tests on the remote device"; }
servers_alive
echo "PASS: llama-bench on $client client, $server server"
