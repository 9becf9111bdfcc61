#!/bin/sh
# The client of release.sh: Debian's llama.cpp, in its fresh system, with the archive's plug-in beside Debian's backends and then
# without it, uses a server with a key and as a stock client.
# Usage: release-client.sh ENDPOINT ENDPOINT_8_0
set -u
cd /trial || exit 1
ours=$1 stock=$2
backends=$(dirname "$(ls /usr/lib/*/ggml/backends*/libggml-rpc.so)")
plugin=$backends/libggml-rpc-ggwire.so
trap 'rm -f "$plugin"' EXIT

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

# shellcheck source=tests/setup/deb-text.sh
. ./deb-text.sh

# received ENDPOINT: bytes of tensors that its server has received.
received() {
	GGWIRE_PSK_FILE=/trial/client-keys ggwire/bin/ggwire status -j "$1" >status || fail "ggwire status $1"
	grep -oE '"network":[0-9]+' status | head -n 1 | cut -d: -f2
}

# remote FILE ENDPOINT: the local text, from weights that the server at the endpoint received.
remote() {
	before=$(received "$2")
	text "$1" --rpc "$2" -ngl 99
	cmp local "$1" || fail "$1: the text differs from the local one: $(cat "$1")"
	weights=$(($(received "$2") - before))
	[ $weights -gt 2000000 ] || fail "$1: the server received $weights bytes of tensors"
	echo "$1: the local text with $2, which received $weights bytes of tensors"
}

text local -dev none
[ "$(wc -w <local)" -gt 10 ] || fail "the local text is only: $(cat local)"
cp ggwire/lib/libggml-rpc-ggwire.so "$plugin" || fail "$plugin"
GGWIRE_PSK_FILE=/trial/client-keys
export GGWIRE_PSK_FILE
remote "ggwire's plug-in" "$ours"
tests=$(ls /usr/libexec/*/llama.cpp-tests/test-backend-ops)
GGML_RPC_SERVERS=$ours timeout 120 "$tests" test -b RPC0 -o ADD,SOFT_MAX >ops 2>ops.log || { tail ops; fail "operations"; }
echo "ggwire's plug-in: $(sed -n 's/^ *\([0-9]*\)\/[0-9]* tests passed.*/\1/p' ops) cases of ADD and SOFT_MAX"
ggwire/bin/ggwire doctor "$ours" >doctor 2>&1 || { cat doctor; fail "ggwire doctor"; }
grep -qF "programs on this machine load $plugin" doctor || { cat doctor; fail "ggwire doctor does not find the plug-in"; }
ggwire/bin/ggwire bench -t 0.2 "$ours" | grep -q TLS || fail "ggwire bench"
rm "$plugin"
remote "ggml's plug-in" "$stock"
