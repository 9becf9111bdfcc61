#!/bin/sh
# Our client with our server in an older protocol: the same greedy text as in the newest one, with and without the
# extensions that stock peers lack; or the same results of operations as on the local CPU backend, and exactly those cases
# are declined which the version cannot express.
# Usage: dialect.sh VERSION text
#        dialect.sh VERSION ops N|all      (N cases of every operation: the first, the last, and evenly from between)
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
version=$1 what=$2 extent=${3:-}
interop_begin

start_old() {
	proto=$version
	server_start ggwire
	proto=
	old_log=$log
}

compare_text() {
	server_start ggwire
	generate ggwire "$endpoint" "$work/expected" || fail "llama-completion failed in the newest protocol"
	[ "$(wc -w <"$work/expected")" -gt 20 ] || fail "the newest protocol generates only: $(cat "$work/expected")"
	for stock in 0 1; do
		export GGML_RPC_STOCK=$stock
		start_old
		generate ggwire "$endpoint" "$work/text" || fail "llama-completion failed (GGML_RPC_STOCK=$stock)"
		cmp "$work/expected" "$work/text" || { diff "$work/expected" "$work/text"; fail "the text differs"; }
	done
	echo "PASS: in protocol $version the text is: $(tr '\n' ' ' <"$work/text")"
}

# What versions before 8.0 cannot express: the type Q2_0; operations that changed; variants and parameters that came
# later (the last two: a source's precision).
later() {
	lacking='=q2_0|^LIGHTNING_INDEXER|^DSV4_HC|^SWIGLU_CLAMP|n_offs=[1-9]|n_kv_max=[1-9]|^(GATED_DELTA_NET|SSM_SCAN)\(.*[(,]K=[2-9]'
	lacking="$lacking|_W4A8\(|^MUL_MAT_ID\(.*amax=100000"
	[ "$version" != 4.0.0 ] || lacking="$lacking|^COL2IM_1D"
	grep -E "$lacking" "$1"
}

list_cases() {
	stock_run none "$test_backend_ops" support -b CPU --output csv >"$work/local.csv" 2>"$work/local.log" ||
		fail "test-backend-ops lists no cases"
	supported "$work/local.csv" | sort -u >"$work/local"
	register_run ggwire "$endpoint" "$test_backend_ops" support -b RPC0 --output csv >"$work/remote.csv" \
		2>"$work/remote.log" || fail "test-backend-ops lists no cases of the remote device"
	supported "$work/remote.csv" >"$work/supported"
	sort -u "$work/supported" >"$work/remote"
	later "$work/local" | sort >"$work/later"
	comm -23 "$work/local" "$work/remote" >"$work/declined"
	[ "$(wc -l <"$work/declined")" -gt 100 ] || fail "nearly nothing is declined"
	diff "$work/later" "$work/declined" || fail "not exactly what the version cannot express is declined"
}

compare_ops() {
	start_old
	list_cases
	if [ "$extent" = all ]; then
		limit=10800
		sort -u "$work/supported" >"$work/wanted"
		set --
	else
		limit=600
		some_of_each "$extent" "$work/supported" | sort -u >"$work/wanted"
		set -- -o "$(paste -sd, "$work/wanted")"
	fi
	ops_run ggwire "$endpoint" "$@"
	echo "PASS: $(sed -n 's/^ *\([0-9]*\/[0-9]* tests passed\)$/\1/p' "$work/ops") in protocol $version," \
		"$(wc -l <"$work/declined") cases declined"
}

case $what in
text) compare_text ;;
ops) compare_ops ;;
*) fail "unknown test: $what" ;;
esac
grep -q "(protocol $version" "$old_log" || fail "the server's banner does not name protocol $version"
servers_alive
