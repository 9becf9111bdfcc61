#!/bin/sh
# Our client with our server in an older protocol, compared in one of three ways. text: the greedy text equals that of
# the newest protocol, with and without the extensions that stock peers lack. ops: operations give the results of the
# local CPU backend, and the client declines exactly the cases that some release with the version cannot execute. archs:
# models that need such operations give the same results.
# Usage: dialect.sh VERSION text
#        dialect.sh VERSION ops N|all      (N cases of every operation: the first, the last, and evenly spaced ones)
#        dialect.sh VERSION archs REGEX    (models of these architectures, with declined operations on the local CPU)
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

# Whether the version is earlier than the given one.
before() {
	[ "$version" != "$1" ] && [ "$(printf '%s\n' "$version" "$1" | sort -V | head -n 1)" = "$version" ]
}

# lacks VERSION PATTERN: cases that some release with a protocol before VERSION executes wrongly or not at all.
lacks() {
	if before "$1"; then
		lacking="$lacking|$2"
	fi
}

# Derived from the headers and kernels of the releases (docs/protocol.md, "Parameters"), not from our tables.
later() {
	lacking='^NONE\('
	lacks 4.0.1 '^COL2IM_1D'
	lacks 4.0.2 '=q2_0|^GATED_DELTA_NET|^MUL_MAT_HADAMARD'
	lacks 5.0.0 '^CONCAT\(type=q|^CONV_2D_DW\(.*type_kernel=f16'
	lacks 5.0.0 '^IM2COL\(.*type_kernel=f32,dst_type=f16'
	lacks 6.0.0 '^LIGHTNING_INDEXER|^DSV4_HC|n_offs=[1-9]|^SSM_SCAN\(.*K=[2-9]'
	lacks 7.0.0 '^SWIGLU_CLAMP|^CONV_TRANSPOSE_2D\(.*ne_input=[^]]*,[2-9]\]'
	# A source's precision, kernels, a gate, and an optional source.
	lacks 8.0.0 '^CLAMP\(.*v=1'
	lacks 8.0.0 '_W4A8\(|^MUL_MAT_ID\(.*amax=100000'
	lacks 8.0.0 '^(SCALE|REGLU|GEGLU|SWIGLU|SWIGLU_OAI|GEGLU_ERF|GEGLU_QUICK|SWIGLU_CLAMP)\(type=bf16'
	lacks 8.0.0 '^(GELU|GELU_QUICK|GELU_ERF|SILU)\(type=bf16|^SWIGLU_OAI\(type=f16'
	lacks 8.0.0 '^DSV4_HC_PRE\(.*gated=1|^DSV4_HC_POST\(.*identity=1'
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
	[ "$(wc -l <"$work/declined")" -gt 50 ] || fail "almost no case is declined"
	diff "$work/later" "$work/declined" || fail "the declined cases differ from those that the version cannot express"
}

# Cases that the program takes for supported because of their last operation, and then skips because of an earlier one.
skipped='^$'
if before 5.0.0; then skipped='^CONV_1D_DW\(.*type_kernel=(f32|bf16)'; fi

compare_ops() {
	start_old
	list_cases
	grep -vE "$skipped" "$work/supported" >"$work/runnable"
	mv "$work/runnable" "$work/supported"
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

# Declined operations run on the client's CPU, with copies from and to the server: the results are the local CPU's.
compare_archs() {
	start_old
	limit=1800
	register_run ggwire "$endpoint" "libexec/$triplet/llama.cpp-tests/test-llama-archs" -s 1 -b RPC0 -a "$extent" \
		>"$work/archs.raw" 2>"$work/archs.log" || fail "test-llama-archs fails in protocol $version"
	plain "$work/archs.raw" >"$work/archs"
	grep -E 'FAIL' "$work/archs" && fail "results differ from those of the local CPU"
	ok=$(grep -c '| *OK (' "$work/archs")
	[ "$ok" -gt 0 ] || fail "no architecture ran"
	echo "PASS: $ok rows of test-llama-archs in protocol $version"
}

case $what in
text) compare_text ;;
ops) compare_ops ;;
archs) compare_archs ;;
*) fail "unknown test: $what" ;;
esac
grep -q "(protocol $version" "$old_log" || fail "the server's banner does not name protocol $version"
servers_alive
