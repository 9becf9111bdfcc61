#!/bin/sh
# The stock programs over RDMA: the same greedy text as over TCP, llama-bench, and some of test-backend-ops.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/rdma/lib.sh
. "$GGWIRE_ROOT/tests/rdma/lib.sh"
if [ -z "${RXE_NODE:-}" ]; then
	in_machines "$0" --time 580
	exit 0
fi
limit=300 tokens=12
interop_begin

rdma_server
export GGML_RPC_NO_RDMA=1
generate ggwire "$endpoint" "$work/tcp" -v || fail "llama-completion fails over TCP"
unset GGML_RPC_NO_RDMA
expect_tcp "$log" "$work/tcp.log"
generate ggwire "$endpoint" "$work/rdma" -v || fail "llama-completion fails over RDMA"
expect_rdma "$log" "$work/rdma.log"
[ "$(wc -w <"$work/tcp")" -gt 4 ] || fail "the model generates only: $(cat "$work/tcp")"
cmp "$work/tcp" "$work/rdma" || { diff "$work/tcp" "$work/rdma"; fail "the text over RDMA differs"; }
echo "both transports give the same text: $(tr '\n' ' ' <"$work/rdma")"

stock_run ggwire bin/llama-bench -v -m "$demo_model" --rpc "$endpoint" -ngl 99 -p 8 -n 4 -r 1 --no-warmup -o csv \
	>"$work/bench.csv" 2>"$work/bench.log" || fail "llama-bench fails over RDMA"
[ "$(grep -c '"RPC"' "$work/bench.csv")" = 2 ] || fail "llama-bench does not measure both on the remote device"
expect_rdma "$log" "$work/bench.log"

register_run ggwire "$endpoint" "$test_backend_ops" test -b RPC0 -o "ADD1,SQR,ARANGE,DIAG_MASK_INF,ACC,CLAMP" \
	>"$work/ops" 2>"$work/ops.log" || { plain "$work/ops" | grep FAIL; fail "test-backend-ops fails over RDMA"; }
passed=$(plain "$work/ops" | grep -c ': OK$')
[ "$passed" -ge 10 ] || fail "test-backend-ops ran $passed cases"
cat "$work/ops" "$work/ops.log" >"$work/ops.all"
expect_rdma "$log" "$work/ops.all"
servers_alive
echo "PASS: llama-completion, llama-bench, and $passed operations over RDMA"
