#!/bin/sh
# The tools support RDMA: ping shows that the connection uses it, bench compares it with TCP, and doctor names the GID
# entry of a connection. With RDMA switched off they say why.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/rdma/lib.sh
. "$GGWIRE_ROOT/tests/rdma/lib.sh"
if [ -z "${RXE_NODE:-}" ]; then
	in_machines "$0" --time 280
	exit 0
fi
interop_begin

# said FILE TEXT
said() {
	grep -qF -- "$2" "$work/$1" || { cat "$work/$1"; fail "$1: '$2' is not in the output"; }
}

rdma_server
"$build/bin/ggwire" ping -W 60 -c 3 -i 0 "$endpoint" >"$work/ping" || fail "ping: $?"
said ping "protocol 8.0.0, RDMA, 1 device"

"$build/bin/ggwire" bench -W 60 -t 0.2 "$endpoint" >"$work/bench" || fail "bench: $?"
said bench "TCP (connected in"
said bench "RDMA (connected in"
"$build/bin/ggwire" bench --json -W 60 -t 0.1 --transport rdma "$endpoint" >"$work/bench.json" || fail "bench --json: $?"
said bench.json '"runs":[{"transport":"RDMA"'

"$build/bin/ggwire" doctor -W 60 "$endpoint" >"$work/doctor"
said doctor "the connection runs over RDMA"
said doctor "rxe0 port 1 is active: Ethernet"
said doctor "GID $RXE_GID is $RXE_IP, RoCE v2"
said doctor "connections from $RXE_IP use rxe0 port 1, GID $RXE_GID, RoCE v2, packets of 1024 bytes"

GGML_RPC_NO_RDMA=1 "$build/bin/ggwire" doctor -W 60 "$endpoint" >"$work/off"
said off "the connection runs over TCP: this side is set to TCP"
said off "RDMA is disabled on this machine by GGML_RPC_NO_RDMA"
GGML_RDMA_GID=200 "$build/bin/ggwire" doctor -W 60 "$endpoint" >"$work/gid"
said gid "GGML_RDMA_GID=200"
servers_alive
echo "PASS: $(grep -o 'connections from .*' "$work/doctor")"
