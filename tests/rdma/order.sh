#!/bin/sh
# Does not test ggwire, but the software device of the emulated machines: whether it keeps the guarantees of a reliable
# connection when packets are lost in both directions, or acknowledged after the time-out (in the units of verbs: 10 is
# 4 ms, 14 is 67 ms).
# Usage: order.sh [LOSS [MESSAGES [TIMEOUT [RUNS [OPTION OF rxe-vm...]]]]], for example order.sh 2% 200 14 4
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/rdma/lib.sh
. "$GGWIRE_ROOT/tests/rdma/lib.sh"
if [ -z "${RXE_NODE:-}" ]; then
	order="${1:-2%} ${2:-200} ${3:-14} ${4:-4}"
	shift $(($# < 4 ? $# : 4))
	in_machines "$0" --two --time 580 --setenv "ORDER=$order" "$@"
	exit 0
fi
# shellcheck disable=SC2086 # four words
set -- $ORDER
if [ "$1" != 0 ]; then
	modprobe -d "$RXE_MODULES" sch_netem && tc qdisc add dev eth0 root netem loss "$1" || fail "this kernel cannot drop packets (tc netem)"
fi
[ "$RXE_NODE" = 0 ] && server= || server=$RXE_PEER
worst=0
for _run in $(seq "$4"); do
	# shellcheck disable=SC2086 # none, or one word
	timeout 120 "$build/tests/rdma-order" "$RXE_GID" "$2" "$3" $server
	code=$?
	[ $code -le $worst ] || worst=$code
done
exit $worst
