#!/bin/sh
# Every operation that the server's device can execute gives CLIENT with SERVER the result of the local CPU backend.
# Usage: backend_ops.sh stock|ggwire stock|ggwire [full | SERVER-OPTION...]
# Without "full": some cases of every operation, the first, the last, and evenly from between.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
client=$1 server=$2 extent=${3:-quick}
interop_begin
tests=libexec/$triplet/llama.cpp-tests/test-backend-ops

# Chains of operations that a device may fuse; the program lists no cases for them.
fused="RMS_NORM_MUL_ADD ADD_RMS_NORM NORM_MUL_ADD SNAKE_FUSE ADD_ADD SILU_MUL SOFTCAP RELU_SQR"

# The cases that the CPU device supports, one a line; with a number, at most that many of each operation.
cases() {
	awk -F'","' -v most="$1" '
		NR > 1 && $5 == 1 {
			if (!($2 in n))
				ops[++count] = $2
			list[$2, n[$2]++] = $3
		}
		END {
			for (i = 1; i <= count; i++) {
				op = ops[i]
				take = most && most < n[op] ? most : n[op]
				step = take > 1 ? (n[op] - 1) / (take - 1) : 0
				for (k = 0; k < take; k++)
					print op "(" list[op, int(k * step)] ")"
			}
		}' "$work/support.csv"
}

stock_run none "$tests" support -b CPU --output csv >"$work/support.csv" 2>"$work/support.log" ||
	fail "test-backend-ops lists no cases"
server_start "$server"
if [ "$extent" = full ]; then
	limit=3600
	cases 0 >"$work/wanted"
	set --
else
	limit=240
	cases 5 >"$work/wanted"
	set -- -o "$(paste -sd, "$work/wanted"),$(echo "$fused" | tr ' ' ,)"
fi
[ "$(wc -l <"$work/wanted")" -gt 300 ] || fail "test-backend-ops lists only $(wc -l <"$work/wanted") cases"

register_run "$client" "$endpoint" "$tests" test -b RPC0 "$@" >"$work/ops.raw" 2>"$work/ops.log"
code=$?
plain "$work/ops.raw" >"$work/ops"
if [ $code -ne 0 ]; then
	grep -E ': FAIL|failed' "$work/ops" | head -n 20
	tail -n 3 "$work/ops"
	fail "test-backend-ops exits with $code"
fi
sed -n 's/^  \(.*\): OK$/\1/p' "$work/ops" | sort -u >"$work/passed"
sort -u "$work/wanted" | comm -23 - "$work/passed" >"$work/missing"
[ ! -s "$work/missing" ] || { head -n 20 "$work/missing"; fail "$(wc -l <"$work/missing") cases that the device supports did not run"; }
grep 'not supported' "$work/ops" | grep -v CPU && fail "the remote device refuses what the CPU device supports"
servers_alive
echo "PASS: $(sed -n 's/^ *\([0-9]*\/[0-9]* tests passed\)$/\1/p' "$work/ops") on $client client, $server server"
