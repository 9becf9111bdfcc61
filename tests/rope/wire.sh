#!/bin/sh
# RoPE over the wire: test_rope, our plug-in, our server.
# Usage: wire.sh [SERVE_ARGUMENT...]      (default: -p 0; for a dialect: --listen 127.0.0.1:0,proto=4.0)
#   GGWIRE_BUILD     build directory (default: build)
#   ROPE_FLAGS       more arguments of test_rope
#   GGWIRE_BACKENDS  directory of ggml's backends (default: the sysroot's)
set -u
build=$(realpath "${GGWIRE_BUILD:-build}") || exit 1
root=$(realpath "$(dirname "$0")/../..")
backends=${GGWIRE_BACKENDS:-$(echo "$root"/build/sysroot/usr/lib/*/ggml/backends0)}
[ $# -gt 0 ] || set -- -p 0

work=$(mktemp -d "${TMPDIR:-/tmp}/ggwire-rope.XXXXXX") || exit 1
server=

finish() {
	status=$?
	trap - EXIT INT TERM HUP
	[ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null
	[ $status -eq 0 ] || sed 's/^/server: /' "$work/banner" >&2
	rm -rf "$work"
	exit $status
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

mkdir "$work/backends"
ln -s "$backends"/libggml-cpu*.so "$build/lib/libggml-rpc-ggwire.so" "$work/backends" || exit 1

"$build/bin/ggwire" serve "$@" >"$work/banner" 2>&1 &
server=$!
for _try in $(seq 100); do
	port=$(sed -n 's/.*endpoint *: .*:\([0-9][0-9]*\).*/\1/p' "$work/banner")
	[ -z "$port" ] || break
	kill -0 $server 2>/dev/null || { echo "the server ended" >&2; exit 1; }
	sleep 0.1
done
[ -n "$port" ] || { echo "the server does not print its port" >&2; exit 1; }

# shellcheck disable=SC2086 # flags are words
GGML_RPC_SERVERS=127.0.0.1:$port timeout -k 5 100 "$build/tests/test_rope" --backends "$work/backends" --device RPC0 ${ROPE_FLAGS:-}
