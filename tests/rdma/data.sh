#!/bin/sh
# Over RDMA bytes arrive unchanged, on both data paths, and an idle connection uses no processor time.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/rdma/lib.sh
. "$GGWIRE_ROOT/tests/rdma/lib.sh"
if [ -z "${RXE_NODE:-}" ]; then
	in_machines "$0" --time 280
	exit 0
fi
interop_begin

rdma_server
probe check --check 8388608 || fail "data is wrong over the ggwire path"
[ "$(value_of check "$work/check")" = ok ] || fail "nothing was checked"
expect_rdma "$log" "$work/check.log"
[ "$(activations "$work/check.log" | awk '{ print $3 }' | sort -u)" != 24 ] || fail "the connection uses the stock path"
echo "ggwire path: bytes are right, $(activations "$work/check.log" | tail -n 1)"

probe idle --idle 4 &
idle=$!
wait_for 60 grep -q idle=begins "$work/idle" || fail "the idle client does not start idling"
sleep 1
before=$(cpu_ms "$server_pid")
sleep 2
server_ms=$(($(cpu_ms "$server_pid") - before))
wait $idle || fail "the idle client fails"
client_ms=$(value_of idle_cpu_ms "$work/idle")
expect_rdma "$log" "$work/idle.log"
[ "$server_ms" -le 100 ] || fail "an idle connection costs the server $server_ms ms of processor time in 2 s"
[ "${client_ms%.*}" -le 100 ] || fail "an idle connection costs the client $client_ms ms of processor time in 4 s"
echo "idle: server $server_ms ms in 2 s, client $client_ms ms in 4 s"

# A data path forced on one side is used by both. This also forces what a stock peer would see.
export GGML_RPC_STOCK=1
probe stock --check 8388608 || fail "data is wrong over the stock path, with a server that supports the ggwire path"
unset GGML_RPC_STOCK
expect_rdma "$log" "$work/stock.log" 24
servers_alive
servers_stop
export GGML_RPC_STOCK=1
rdma_server
probe stock2 --check 8388608 || fail "data is wrong over the stock path"
expect_rdma "$log" "$work/stock2.log" 24
unset GGML_RPC_STOCK
probe stock3 --check 1048576 || fail "data is wrong over the stock path, with a client that supports the ggwire path"
expect_rdma "$log" "$work/stock3.log" 24
servers_alive
echo "stock path: bytes are right"

# No queue pair outlives its connection.
for turn in 1 2 3 4 5 6 7 8; do probe "turn$turn" --check 1 || fail "connection $turn of 8 fails"; done
gone() { [ "$(rdma resource show qp link rxe0 2>/dev/null | grep -c 'type RC')" = 0 ]; }
servers_alive
wait_for 10 gone || { rdma resource show qp link rxe0; fail "queue pairs have leaked"; }
echo "PASS: both data paths, idle, and no queue pair left"
