#!/bin/sh
# Tests programs that bring their own ggml: releases of node-llama-cpp from the npm registry, whose ggml 0.15.3 to
# 0.25.1 has backend API 2. The plug-in of the release archive is installed next to their libraries. The servers are the
# archive's, on the same ggml, and that of the build.
# Usage: run.sh BUILD_DIR [VERSION...] (of node-llama-cpp; skips with status 77 where npm is missing)
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
GGWIRE_BUILD=$(cd "$1" && pwd) || exit 1
shift
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
# shellcheck source=tests/hosts/lib.sh
. "$GGWIRE_ROOT/tests/hosts/lib.sh"
npm_check node
[ "$(uname -m)" = x86_64 ] || { echo "SKIP: only for x86_64"; exit 77; }

# Facts about a release: ggml's version, its numbers of operations and types, the protocol of a server on it.
facts_of() {
	case $1 in
	3.19.0) echo 0.15.3 97 42 4.0.1 ;;
	3.19.1) echo 0.17.0 101 43 4.0.3 ;;
	3.20.0) echo 0.19.0 101 43 5.0.0 ;;
	3.21.1) echo 0.23.0 101 43 6.0.0 ;;
	3.22.1) echo 0.25.1 101 43 7.0.0 ;;
	*) fail "no facts about node-llama-cpp $1 (see facts_of)" ;;
	esac
}

# doctor LINE...: what it says of the directory of libraries.
doctor() {
	"$ggwire" doctor --host "$libraries" >"$work/doctor.log" 2>&1
	for line; do
		grep -qF "$line" "$work/doctor.log" || fail "ggwire doctor --host does not print '$line'"
	done
}

# serve DIR|"" PROGRAM: starts a server on the ggml of DIR, or on the one that it finds; sets $endpoint and $server_pid.
serve() {
	log=$work/server.log
	"$2" serve --config /dev/null --listen 127.0.0.1:0 -t 1 ${1:+--ggml "$1"} >"$log" 2>&1 &
	server_pid=$!
	server_pids="$server_pids $server_pid"
	for _wait in $(seq 200); do
		port=$(listening_port $server_pid)
		endpoint=127.0.0.1:$port
		[ -n "$port" ] && grep -q '^ready' "$log" && return
		sleep 0.1
	done
	fail "the server does not start"
}

program() {
	(cd "$home" && timeout -k 5 120 node node.mjs "$demo_model" "$@") 2>"$work/node.log"
}

text_of() {
	sed -n 's/^text: //p' "$1"
}

# remote PROTOCOL: the server gives the same text, from weights that were sent to it.
remote() {
	GGML_RPC_SERVERS=$endpoint program text >"$work/remote" || fail "the program fails with a server"
	grep -q "^devices: .*@ $endpoint" "$work/remote" || fail "no remote device: $(head -n 1 "$work/remote")"
	[ "$(text_of "$work/remote")" = "$(text_of "$work/local")" ] || fail "the text differs: $(text_of "$work/remote")"
	"$ggwire" status -j "$endpoint" >"$work/status" || fail "no status"
	weights=$(grep -oE '"network":[0-9]+' "$work/status" | head -n 1 | cut -d: -f2)
	graphs=$(grep -oE '"graphs":[0-9]+' "$work/status" | head -n 1 | cut -d: -f2)
	[ "${weights:-0}" -gt 2000000 ] || fail "the server received ${weights:-no} bytes of tensors"
	[ "${graphs:-0}" -gt 30 ] || fail "the server computed ${graphs:-no} graphs"
	grep -q "RPC server v$1" "$log" || fail "the server does not speak $1"
	servers_alive
}

# Operations of a newer client on this server, as far as its ggml has them, give the local CPU's results. The program
# takes some convolutions for supported because of their last operation, and then skips them because of an earlier one.
# ggml 0.15 aborts on SET_ROWS from F16, which clients send all the same (docs/protocol.md, "Parameters").
# operations GGML
operations() {
	left_out='^CONV_1D_DW('
	case $1 in 0.15.*) left_out="$left_out\\|^SET_ROWS(type_src=f16" ;; esac
	register_run ggwire "$endpoint" "$test_backend_ops" support -b RPC0 --output csv >"$work/remote.csv" \
		2>"$work/remote.log" || fail "test-backend-ops lists no cases"
	supported "$work/remote.csv" | grep -v "$left_out" >"$work/supported"
	some_of_each 2 "$work/supported" | sort -u >"$work/wanted"
	ops_run ggwire "$endpoint" -o "$(paste -sd, "$work/wanted")"
	servers_alive
	passed=$(sed -n 's/^ *\([0-9]*\)\/[0-9]* tests passed$/\1/p' "$work/ops")
}

# host NODE_LLAMA_CPP GGML OPERATIONS TYPES PROTOCOL
host() {
	node_install "$1"
	cp "$GGWIRE_ROOT/tests/hosts/node.mjs" "$home"
	doctor "ggml $2 " "backend API 2, $3 operations, $4 types" "ggwire's plug-in is not in $libraries"
	cp "$archive/lib/libggml-rpc-ggwire.so" "$libraries" || exit 1
	doctor "loads: registry RPC, API version 2, score 100" "programs on this machine load $libraries/libggml-rpc-ggwire.so"
	program text >"$work/local" || fail "the program fails without servers"
	[ "$(text_of "$work/local" | wc -w)" -gt 10 ] || fail "the local text is too short: $(text_of "$work/local")"

	serve "$libraries" "$ggwire"
	remote "$5"
	operations "$2"
	GGML_RPC_SERVERS=$endpoint program lost "$server_pid" >"$work/lost" || fail "a lost server ends the program"
	grep -q '^error: ' "$work/lost" || fail "a lost server causes no error"
	grep -q "server $endpoint: connection lost" "$work/node.log" || fail "a lost server is not named"
	servers_stop
	serve "" "$build/bin/ggwire"
	remote 8.0.0
	servers_stop
	echo "PASS: node-llama-cpp $1, ggml $2: the local text on servers of protocol $5 and 8.0.0 ($weights bytes of" \
		"tensors, $graphs graphs), $passed operations of ggml 0.27; lost server: $(sed -n 's/^error: //p' "$work/lost")"
}

# A release that is too old. Its program goes on without remote devices.
refusal() {
	node_install 3.18.1
	cp "$GGWIRE_ROOT/tests/hosts/node.mjs" "$home"
	cp "$archive/lib/libggml-rpc-ggwire.so" "$libraries" || exit 1
	doctor "(ggml 0.9.7) lacks ggml_backend_tensor_get_2d" "ggwire needs ggml 0.15 to 0.27" "update the program"
	GGML_RPC_SERVERS=127.0.0.1:9 program text >"$work/refused" || fail "the program fails with a plug-in that refuses"
	[ "$(text_of "$work/refused" | wc -w)" -gt 10 ] || fail "the text is too short: $(text_of "$work/refused")"
	echo "PASS: ggml 0.9.7 is refused"
}

interop_begin
archive_make
ggwire=$archive/bin/ggwire
if [ $# -eq 0 ]; then
	set -- 3.19.0 3.19.1 3.20.0 3.21.1 3.22.1
	refusal
fi
for version; do
	# shellcheck disable=SC2046 # one word each
	host "$version" $(facts_of "$version")
done
