#!/bin/sh
# The part of deb.sh inside the fresh system: Debian's llama.cpp without our packages, with them, and after their
# removal.
set -u
cd /test || exit 1
server=

fail() {
	echo "FAIL: $*" >&2
	[ ! -s server.log ] || tail -n 20 server.log >&2
	[ -z "$server" ] || kill "$server"
	exit 1
}

# shellcheck source=tests/setup/deb-text.sh
. ./deb-text.sh

# uses FILE: ggml loads this RPC plug-in.
uses() {
	taken=$(LD_DEBUG=files llama-bench --list-devices 2>&1 | sed -n 's,.*calling init: .*/\(libggml-rpc[^/]*\.so\)$,\1,p' | tail -n 1)
	[ "$taken" = "$1" ] || fail "ggml loads '$taken', not $1"
}

# serve: starts a server; sets $server and $endpoint.
serve() {
	ggwire serve -p 0 >server.log 2>&1 &
	server=$!
	for _ in $(seq 100); do
		grep -q '^ready' server.log && break
		sleep 0.1
	done
	endpoint=$(sed -n 's/^  endpoint *: //p' server.log)
	[ -n "$endpoint" ] || fail "the server does not start"
}

packages() { dpkg-query -W -f '${binary:Package}\n' | grep -E 'ggwire' | paste -sd' '; }

[ -z "$(packages)" ] || fail "the system is not fresh"
uses libggml-rpc.so
text local -dev none
find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /test -o -path /var/lib/dpkg -o -path /var/cache \
	-o -path /var/log -o -path /var/lib/apt -o -path /run \) -prune -o -print | sort >before

apt-get -q install --yes --no-install-recommends ./ggwire_*.deb ./libggml0-backend-rpc-ggwire_*.deb >apt.log 2>&1 ||
	{ cat apt.log; fail "the packages cannot be installed"; }
echo "installed: $(packages)"
uses libggml-rpc-ggwire.so
ggwire --version
for page in ggwire ggwire-serve ggml-rpc-server ggwire.conf ggwire-plugin; do
	man -w $page >/dev/null || fail "no manual $page"
done
serve
timeout 60 llama-bench --rpc "$endpoint" --list-devices 2>&1 | grep RPC0 || fail "no remote device"
text remote --rpc "$endpoint" -ngl 99
cmp local remote || fail "the text with ggwire's plug-in and server differs from the local one"
timeout 120 llama-bench -m ggwire-demo.gguf --rpc "$endpoint" -ngl 99 -t 1 -p 16 -n 8 -r 1 2>/dev/null | grep RPC ||
	fail "llama-bench with a remote device"

apt-get -q remove --yes libggml0-backend-rpc-ggwire >apt.log 2>&1 || fail "the plug-in cannot be removed"
uses libggml-rpc.so
text stock --rpc "$endpoint" -ngl 99
cmp local stock || fail "the text with the stock plug-in and ggwire's server differs from the local one"
kill "$server" && wait "$server" || fail "the server exits with $?"
server=

apt-get -q purge --yes ggwire libggml0-backend-rpc-ggwire >apt.log 2>&1 || fail "the packages cannot be purged"
apt-get -q autoremove --yes >apt.log 2>&1
rm -rf /var/cache/man
find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /test -o -path /var/lib/dpkg -o -path /var/cache \
	-o -path /var/log -o -path /var/lib/apt -o -path /run \) -prune -o -print | sort >after
comm -13 before after >left
[ ! -s left ] || { cat left; fail "purging leaves files behind"; }
echo "PASS: the packages work with Debian's llama.cpp, and leave nothing behind"
