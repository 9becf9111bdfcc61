#!/bin/sh
# Without RDMA both ends stay on TCP and log the cause. If the user requires RDMA, the connection is refused.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/rdma/lib.sh
. "$GGWIRE_ROOT/tests/rdma/lib.sh"
if [ -z "${RXE_NODE:-}" ]; then
	in_machines "$0" --time 280
	exit 0
fi
interop_begin

# stays NAME REASON: a client that stays on TCP and logs the reason.
stays() {
	probe "$1" --check 65536 || fail "$1: the connection does not work"
	[ "$(value_of check "$work/$1")" = ok ] || fail "$1: nothing was checked"
	expect_tcp "$log" "$work/$1.log"
	grep -q "$2" "$work/$1.log" || { cat "$work/$1.log"; fail "$1: the client does not log '$2'"; }
	servers_alive
	echo "$1: $(grep -o "stays on TCP: .*\|RDMA is not used: .*" "$work/$1.log" | head -n 1)"
}

rdma_server
export GGML_RPC_NO_RDMA=1
stays client_without 'this side is set to TCP'
unset GGML_RPC_NO_RDMA

export GGML_RDMA_GID=900
stays client_gid_900 'GGML_RDMA_GID.*900'
# This GID exists, but its packets are not routed: the activation fails, and on one side only.
export GGML_RDMA_GID=0
stays client_gid_0 'stays on TCP'
unset GGML_RDMA_GID
export GGML_RDMA_DEV=rxe7
stays client_dev 'rxe7'
unset GGML_RDMA_DEV

probe good --check 65536 || fail "RDMA does not work after these tests"
expect_rdma "$log" "$work/good.log"
servers_stop

export GGML_RPC_NO_RDMA=1
rdma_server
unset GGML_RPC_NO_RDMA
stays server_without 'the server'
export GGML_RPC_TRANSPORT=rdma
probe demanded --check 64 && fail "the client requires RDMA, but connects without it"
unset GGML_RPC_TRANSPORT
grep -q 'only RDMA is allowed' "$work/demanded.log" || { cat "$work/demanded.log"; fail "the refusal is not explained"; }
servers_alive
servers_stop

# The server's option: with tcp it logs that, with rdma it refuses TCP.
rdma_server --transport tcp
stays server_tcp 'the server cannot use RDMA: the server is set to TCP'
servers_stop
rdma_server --transport rdma
export GGML_RPC_NO_RDMA=1
probe refused --check 64 && fail "the server requires RDMA, but serves a client over TCP"
unset GGML_RPC_NO_RDMA
grep -q 'allows only RDMA, but the client announces no RDMA' "$log" || { cat "$log"; fail "the server does not explain its refusal"; }
probe alone --check 64 || fail "a server that requires RDMA does not serve over RDMA"
expect_rdma "$log" "$work/alone.log"
servers_alive
servers_stop

export GGML_RDMA_GID=0
rdma_server
unset GGML_RDMA_GID
stays server_gid_0 'stays on TCP'
servers_stop
echo "PASS: falls back to TCP without RDMA, and logs the reason"
