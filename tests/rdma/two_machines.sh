#!/bin/sh
# Between two machines both ends activate RDMA, send their data over UDP port 4791 and not over TCP, and deliver it
# intact even with 1 % packet loss. llama-bench works.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/rdma/lib.sh
. "$GGWIRE_ROOT/tests/rdma/lib.sh"
if [ -z "${RXE_NODE:-}" ]; then
	captures=$(mktemp -d "${TMPDIR:-/tmp}/ggwire-rdma.XXXXXX") || exit 1
	trap 'rm -rf "$captures"' EXIT
	in_machines "$0" --two --mtu 9000 --time 280 --pcap "$captures"
	"$build/tests/rdma-capture" "$captures/node0.pcap" >"$captures/totals" || fail "the capture cannot be read"
	tcp=$(value_of tcp_bytes "$captures/totals") roce=$(value_of roce_bytes "$captures/totals")
	[ "$roce" -gt 2000000 ] || fail "the capture has $roce bytes of RoCE"
	[ "$tcp" -gt 0 ] && [ "$tcp" -lt 8192 ] || fail "the capture has $tcp bytes in TCP: none, or more than for setting up a connection"
	echo "PASS: activated at both ends; the capture has $roce bytes of RoCE and $tcp in TCP"
	exit 0
fi
interop_begin

if [ "$RXE_NODE" = 0 ]; then
	rdma_server
	echo "$endpoint" >"$RXE_SHARED/endpoint.new"
	mv "$RXE_SHARED/endpoint.new" "$RXE_SHARED/endpoint"
	shared_await client_through 200
	servers_alive
	cp "$log" "$RXE_SHARED/server.log"
	shared_put server_through
else
	load_loss() { modprobe -d "$RXE_MODULES" sch_netem && tc qdisc add dev eth0 root netem loss 1%; }
	shared_await endpoint
	endpoint=$(cat "$RXE_SHARED/endpoint")
	probe check --check 1048576 || fail "data is wrong between two machines"
	[ "$(value_of check "$work/check")" = ok ] || fail "nothing was checked"
	stock_run ggwire bin/llama-bench -v -m "$demo_model" --rpc "$endpoint" -ngl 99 -p 4 -n 2 -r 1 --no-warmup -o csv \
		>"$work/bench.csv" 2>"$work/bench.log" || fail "llama-bench fails between two machines"
	[ "$(grep -c '"RPC"' "$work/bench.csv")" = 2 ] || fail "llama-bench does not measure both on the remote device"
	load_loss || fail "this kernel cannot drop packets (tc netem)"
	probe lossy --check 262145 || fail "data is wrong with packet loss"
	tc -s qdisc show dev eth0 | grep -q 'dropped [1-9]' || fail "no packet was lost"
	echo "with loss: $(tc -s qdisc show dev eth0 | grep -o 'dropped [0-9]*'), all data is right"
	tc qdisc del dev eth0 root
	shared_put client_through
	shared_await server_through
	cat "$work/check.log" "$work/bench.log" "$work/lossy.log" >"$work/both.log"
	expect_rdma "$RXE_SHARED/server.log" "$work/both.log"
fi
