#!/bin/sh
# Links between our servers over RDMA: whatever servers add up and copy over them is right to the last bit, and an
# all-reduce of a token's size is reported beside perftest's ib_send_lat.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/rdma/lib.sh
. "$GGWIRE_ROOT/tests/rdma/lib.sh"
if [ -z "${RXE_NODE:-}" ]; then
	in_machines "$0" --time 580
	exit 0
fi
limit=300
interop_begin

# Set to RDMA alone, clients and servers refuse any connection and any link that does not become RDMA.
for pattern in two_servers copies_keep_their_place; do
	GGML_RPC_TRANSPORT=rdma GGWIRE_TEST_HOST=$RXE_IP timeout -k 5 "$limit" "$build/tests/test_backend_ranks" "$pattern" \
		>"$work/$pattern.log" 2>&1 || { cat "$work/$pattern.log"; fail "$pattern: wrong results over RDMA"; }
done
echo "all-reduces in F32 and BF16, and copies, are right"

rdma_server
first=$endpoint first_log=$log
rdma_server
cd "$(run_dir server)" || exit 1
timeout -k 5 "$limit" "$build/bin/bench-allreduce" --plugin "$build/lib/libggml-rpc-ggwire.so" --rounds 20 \
	"$first" "$endpoint" >"$work/reduce" 2>"$work/reduce.log" || fail "bench-allreduce fails"
for each in "$first_log" "$log"; do
	grep -q 'linked to the server at .* over RDMA' "$each" || fail "the servers are not linked over RDMA"
done
servers_alive
one=$(value_of reduce_16384 "$work/reduce") queued=$(value_of reduce_queued_16384 "$work/reduce")
[ "$one" ] && [ "$queued" ] || { cat "$work/reduce"; fail "nothing was measured"; }
lat=$(perf ib_send_lat -s 16384 -n 200 | awk '{ print 2 * $5 }')
echo "PASS: linked over RDMA; all-reduce of 16 KB: $one us, queued $queued us; ib_send_lat, there and back: $lat us"
