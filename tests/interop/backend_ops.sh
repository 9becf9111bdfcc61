#!/bin/sh
# Checks that every operation that the server's device supports gives CLIENT with SERVER the result of the local CPU
# backend.
# Usage: backend_ops.sh stock|ggwire stock|ggwire [full]
# Without "full": some cases of every operation: the first, the last, and evenly spaced ones in between.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
client=$1 server=$2 extent=${3:-quick}
interop_begin

# Chains of operations that a device may fuse. The program does not list their cases.
fused="RMS_NORM_MUL_ADD ADD_RMS_NORM NORM_MUL_ADD SNAKE_FUSE ADD_ADD SILU_MUL SOFTCAP RELU_SQR"

stock_run none "$test_backend_ops" support -b CPU --output csv >"$work/support.csv" 2>"$work/support.log" ||
	fail "test-backend-ops lists no cases"
supported "$work/support.csv" >"$work/supported"
server_start "$server"
if [ "$extent" = full ]; then
	limit=10800
	sort -u "$work/supported" >"$work/wanted"
	set --
else
	limit=550
	some_of_each 5 "$work/supported" | sort -u >"$work/wanted"
	set -- -o "$(paste -sd, "$work/wanted"),$(echo "$fused" | tr ' ' ,)"
fi
ops_run "$client" "$endpoint" "$@"
grep 'not supported' "$work/ops" | grep -v CPU && fail "the remote device refuses what the CPU device supports"
servers_alive
echo "PASS: $(sed -n 's/^ *\([0-9]*\/[0-9]* tests passed\)$/\1/p' "$work/ops") on $client client, $server server"
