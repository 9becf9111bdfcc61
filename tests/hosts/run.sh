#!/bin/sh
# A program with a ggml of its own: node-llama-cpp from the npm registry, whose ggml 0.23 has backend API 2. The plug-in of
# the release archive lies beside its libraries, and the servers are the archive's, on that ggml, and the build's.
# Usage: run.sh BUILD_DIR     (skips, with status 77, where there is no npm)
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
GGWIRE_BUILD=$(cd "$1" && pwd) || exit 1
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
version=3.21.1
hosts=$build/hosts
for tool in node npm; do
	command -v $tool >/dev/null || { echo "SKIP: $tool is missing"; exit 77; }
done
case $(uname -m) in
x86_64) platform=linux-x64 ;;
aarch64) platform=linux-arm64 ;;
*) echo "SKIP: node-llama-cpp has no libraries for $(uname -m)"; exit 77 ;;
esac

interop_begin
mkdir -p "$hosts"
if [ "$(cat "$hosts/.complete" 2>/dev/null)" != $version ]; then
	npm install --prefix "$hosts" --ignore-scripts --omit=optional --no-package-lock --no-audit --no-fund \
		node-llama-cpp@$version "@node-llama-cpp/$platform@$version" >"$work/npm.log" 2>&1 || fail "npm install"
	echo $version >"$hosts/.complete"
fi
libraries=$hosts/node_modules/@node-llama-cpp/$platform/bins/$platform
[ -e "$libraries/libggml-base.so" ] || fail "no ggml in $libraries"

"$GGWIRE_ROOT/tools/release" >"$work/release.log" 2>&1 || fail "tools/release"
archive=$(sed -n 's/\.tar\.gz .*//p' "$work/release.log")
rm -rf "$hosts/ggwire" "$libraries/libggml-rpc-ggwire.so"
mkdir "$hosts/ggwire" && tar -C "$hosts/ggwire" --strip-components=1 -xf "$archive.tar.gz" || fail "the archive"
(cd "$hosts/ggwire" && sha256sum --quiet -c SHA256SUMS) || fail "checksums of the archive"
cp "$GGWIRE_ROOT/tests/hosts/node.mjs" "$hosts"
ggwire=$hosts/ggwire/bin/ggwire

# doctor FILE LINE...: what it says of the directory of libraries.
doctor() {
	"$ggwire" doctor --host "$libraries" >"$work/doctor.log" 2>&1
	for line; do
		grep -q "$line" "$work/doctor.log" || fail "ggwire doctor --host does not say '$line'"
	done
}

# server DIR|"" PROGRAM: a server on the ggml of DIR, or the one that it finds; sets $endpoint and $server_pid.
server() {
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
	(cd "$hosts" && timeout -k 5 120 node node.mjs "$demo_model" "$@") 2>"$work/node.log"
}

text_of() {
	sed -n 's/^text: //p' "$1"
}

# remote NAME PROTOCOL: the same text on the server that was started, from weights that went there.
remote() {
	GGML_RPC_SERVERS=$endpoint program text >"$work/remote" || fail "$1: the program fails"
	grep -q "^devices: .*@ $endpoint" "$work/remote" || fail "$1: no remote device: $(head -n 1 "$work/remote")"
	[ "$(text_of "$work/remote")" = "$(text_of "$work/local")" ] || fail "$1: the text differs: $(text_of "$work/remote")"
	"$ggwire" status -j "$endpoint" >"$work/status" || fail "$1: no status"
	weights=$(grep -oE '"network":[0-9]+' "$work/status" | head -n 1 | cut -d: -f2)
	graphs=$(grep -oE '"graphs":[0-9]+' "$work/status" | head -n 1 | cut -d: -f2)
	[ "${weights:-0}" -gt 2000000 ] || fail "$1: the server received ${weights:-no} bytes of tensors"
	[ "${graphs:-0}" -gt 30 ] || fail "$1: the server computed ${graphs:-no} graphs"
	grep -q "RPC server v$2" "$log" || fail "$1: the server does not speak $2"
	servers_alive
	echo "PASS: $1: the same text; $weights bytes of tensors received, $graphs graphs"
}

doctor "ggml 0.23.0" "backend API 2, 101 operations, 43 types" "ggwire's plug-in is not in $libraries"
cp "$hosts/ggwire/lib/libggml-rpc-ggwire.so" "$libraries" || exit 1
doctor "loads: registry RPC, API version 2, score 100" "programs here load $libraries/libggml-rpc-ggwire.so"

program text >"$work/local" || fail "the program fails without servers"
[ "$(text_of "$work/local" | wc -w)" -gt 10 ] || fail "the local text is only: $(text_of "$work/local")"

server "$libraries" "$ggwire"
remote "server on the same ggml" 6.0.0
GGML_RPC_SERVERS=$endpoint program lost "$server_pid" >"$work/lost" || fail "a lost server ends the program"
grep -q '^error: ' "$work/lost" || fail "a lost server is no error"
grep -q "server $endpoint: connection lost" "$work/node.log" || fail "a lost server is not named"
echo "PASS: a lost server: $(sed -n 's/^error: //p' "$work/lost")"
servers_stop

server "" "$build/bin/ggwire"
remote "server on ggml $("$build/bin/ggwire" --version | sed -n 's/^ggml \([0-9.]*\).*/\1/p')" 8.0.0
