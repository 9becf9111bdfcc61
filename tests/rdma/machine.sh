#!/bin/sh
# The emulated machines work as the other RDMA tests assume: verbs work between two of them, and a capture shows the
# traffic.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/rdma/lib.sh
. "$GGWIRE_ROOT/tests/rdma/lib.sh"
if [ -z "${RXE_NODE:-}" ]; then
	captures=$(mktemp -d "${TMPDIR:-/tmp}/ggwire-rdma.XXXXXX") || exit 1
	trap 'rm -rf "$captures"' EXIT
	in_machines "$0" --two --time 180 --pcap "$captures"
	"$build/tests/rdma-capture" "$captures/node0.pcap" >"$captures/totals" || fail "the capture cannot be read"
	[ "$(value_of roce_frames "$captures/totals")" -ge 400 ] || { cat "$captures/totals"; fail "too little RoCE in the capture"; }
	[ "$(value_of tcp_bytes "$captures/totals")" -gt 0 ] || fail "no TCP in the capture"
	echo "PASS: two machines, ibv_rc_pingpong, $(paste -sd' ' "$captures/totals")"
	exit 0
fi
if [ "$RXE_NODE" = 0 ]; then
	ibv_rc_pingpong -d rxe0 -g "$RXE_GID" -n 100 || fail "ibv_rc_pingpong fails"
else
	connected() { ibv_rc_pingpong -d rxe0 -g "$RXE_GID" -n 100 "$RXE_PEER"; }
	wait_for 30 connected || fail "ibv_rc_pingpong fails"
fi
