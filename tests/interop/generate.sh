#!/bin/sh
# Checks that the greedy text of CLIENT with SERVER equals, byte for byte, that of the stock client with the stock
# server.
# Usage: generate.sh stock|ggwire stock|ggwire
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
client=$1 server=$2
interop_begin

server_start stock
generate stock "$endpoint" "$work/expected" || fail "the stock pair generates nothing"
[ "$(wc -w <"$work/expected")" -gt 20 ] || fail "the stock pair generates only: $(cat "$work/expected")"
server_start "$server"
generate "$client" "$endpoint" "$work/text" || fail "llama-completion failed"
cmp "$work/expected" "$work/text" || { diff "$work/expected" "$work/text"; fail "the text differs"; }
if [ "$server" = ggwire ]; then
	# One for each token of the text, and one for each time that the program tries the model out before.
	counted=$("$build/bin/ggwire" status "$endpoint" | sed -n 's/^  tokens  *\([0-9]*\) rows.*/\1/p')
	[ "$counted" -ge 48 ] && [ "$counted" -le 52 ] || fail "the server has counted $counted tokens of 48"
fi
servers_alive
echo "PASS: the same text from $client client, $server server: $(tr '\n' ' ' <"$work/text")"
