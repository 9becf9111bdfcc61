#!/bin/sh
# Our plug-in's answer for every case of test-backend-ops equals that of the server's device, although the plug-in asks
# about one case per shape only.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
interop_begin

# supports_list RESULT PLUGIN DEVICE ENDPOINT [OPTION...]: prints "case,0" or "case,1" lines, sorted.
supports_list() {
	result=$1 plugin=$2 device=$3 remote=$4
	shift 4
	limit=550 register_run "$plugin" "$remote" "$test_backend_ops" support -b "$device" --output csv "$@" \
		>"$work/csv" 2>"$work/csv.log" || fail "test-backend-ops lists no cases on $device"
	awk -F'","' 'NR > 1 { print $2 "(" $3 ")," $5 }' "$work/csv" | sort -u >"$result"
}

server_start ggwire
supports_list "$work/local" none CPU ''
[ "$(wc -l <"$work/local")" -gt 1000 ] || fail "only $(wc -l <"$work/local") cases"
grep -q ',0$' "$work/local" || fail "the CPU device supports everything, so the test shows nothing"
supports_list "$work/remote" ggwire RPC0 "$endpoint"
cmp -s "$work/local" "$work/remote" || {
	diff "$work/local" "$work/remote" | head -n 20
	fail "the remote device's answers differ from the CPU device's"
}
servers_alive
echo "PASS: $(wc -l <"$work/local") cases, $(grep -c ',0$' "$work/local") of them not supported"
