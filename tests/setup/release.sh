#!/bin/sh
# The release archive in fresh systems: a server in Debian 12 on the ggml 0.23 of node-llama-cpp, one in Debian testing on
# Debian's ggml, and Debian's llama.cpp as the client of both, with the archive's plug-in over TLS and with ggml's own.
# Needs root, debootstrap, an archive, and npm. Usage: release.sh BUILD_DIR, or `make test-release`
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
GGWIRE_BUILD=$(cd "$1" && pwd) || exit 1
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
# shellcheck source=tests/hosts/lib.sh
. "$GGWIRE_ROOT/tests/hosts/lib.sh"
deb_root=$GGWIRE_ROOT/tools/deb-root
npm_check
reason=$("$deb_root" --check) || { echo "SKIP: $reason"; exit 77; }
[ "$(uname -m)" = x86_64 ] || { echo "SKIP: only for x86_64"; exit 77; }

# system NAME SUITE PACKAGE...: sets $root to a Debian system with these packages, the archive and the test's files. The
# systems themselves are kept: the test changes nothing outside /trial.
system() {
	root=$build/trial/$1
	suite=$2
	shift 2
	SUITE=$suite "$deb_root" make "$root" "$@" || fail "no system of $suite"
	rm -rf "$root/trial"
	mkdir "$root/trial" && cp -r "$archive" "$root/trial/ggwire" && cp "$work/server-keys" "$root/trial" &&
		cp "$work/client-keys" "$demo_model" "$GGWIRE_ROOT"/tests/setup/release-client.sh "$root/trial" &&
		cp "$GGWIRE_ROOT/tests/setup/deb-text.sh" "$root/trial" || fail "cannot write $root/trial"
}

in_system() {
	"$deb_root" run "$root" "$@"
}

# serve NAME OPTION...: a server in $root; sets $log, and $endpoints to both of its endpoints: that of its ggml's protocol,
# and one with 8.0.
serve() {
	log=$work/server-$1.log
	: >"$log"
	shift
	in_system /trial/ggwire/bin/ggwire serve --config /dev/null -t 1 --tls-psk /trial/server-keys --listen 127.0.0.1:0 \
		--listen 127.0.0.1:0,proto=8.0 "$@" >"$log" 2>&1 &
	outer=$!
	for _wait in $(seq 200); do
		! grep -q '^ready' "$log" || break
		alive $outer || fail "the server ends"
		sleep 0.1
	done
	# The first process of the name space is the server.
	server_pids="$server_pids $(cat /proc/$outer/task/$outer/children) $outer"
	endpoints=$(grep -oE '127\.0\.0\.1:[0-9]+' "$log" | awk '!seen[$0]++' | head -n 2)
	[ "$(echo "$endpoints" | wc -l)" = 2 ] || fail "the server does not name two endpoints"
}

# client NAME: Debian's llama.cpp against $endpoints.
client() {
	root=$build/trial/testing
	# shellcheck disable=SC2086 # two words
	in_system sh /trial/release-client.sh $endpoints >"$work/client-$1.log" 2>&1 || fail "a client of the server in $1"
	cat "$work/client-$1.log"
	says "client alice@127.0.0.1:" "$log"
	says "client 127.0.0.1:" "$log"
	servers_stop
}

interop_begin
archive_make
node_install 3.21.1
umask 022
"$archive/bin/ggwire" key -f "$work/server-keys" add alice >"$work/client-keys" 2>"$work/key.log" || fail "ggwire key"
chmod 600 "$work/client-keys"

system testing forky llama.cpp-tools llama.cpp-tests libggml0-backend-rpc libssl3t64
in_system /trial/ggwire/bin/ggwire --version >"$work/version" 2>&1 || fail "ggwire --version in Debian testing"
cat "$work/version"
says "ggml 0." "$work/version"
says "TLS: OpenSSL 3." "$work/version"
serve testing
client testing
echo "PASS: Debian testing, a server on Debian's ggml"

system debian12 bookworm libstdc++6 libgomp1 libssl3
cp -r "$libraries" "$root/trial/ggml" || fail "ggml 0.23"
in_system /trial/ggwire/bin/ggwire --version >"$work/version" 2>&1 || fail "ggwire --version in Debian 12"
cat "$work/version"
says "ggml: no ggml in /trial/ggwire/bin" "$work/version"
says "TLS: OpenSSL 3.0" "$work/version"
in_system cp /trial/ggwire/lib/libggml-rpc-ggwire.so /trial/ggml
in_system /trial/ggwire/bin/ggwire doctor --host /trial/ggml >"$work/doctor" 2>&1
says "ggml 0.23.0 " "$work/doctor"
says "loads: registry RPC, API version 2, score 100" "$work/doctor"
says "programs on this machine load /trial/ggml/libggml-rpc-ggwire.so" "$work/doctor"
serve debian12 --ggml /trial/ggml
says "v6.0.0" "$log"
client debian12
echo "PASS: Debian 12, a server on the ggml 0.23 of node-llama-cpp"
