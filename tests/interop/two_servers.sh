#!/bin/sh
# A model split over two servers of kind SERVER gives CLIENT the text that two stock servers give the stock client, with
# the model split by layers and, where the plug-in can, by tensors.
# Usage: two_servers.sh stock|ggwire stock|ggwire
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
client=$1 server=$2
interop_begin

pair_start() {
	server_start "$1"
	first=$endpoint
	server_start "$1"
	pair=$first,$endpoint
}

pair_start stock
stock_pair=$pair
pair_start "$server"
for split in layer tensor; do
	generate stock "$stock_pair" "$work/expected-$split" -sm $split || fail "the stock pair fails with -sm $split"
	[ "$(wc -w <"$work/expected-$split")" -gt 20 ] || fail "the stock pair generates only: $(cat "$work/expected-$split")"
	generate "$client" "$pair" "$work/text-$split" -sm $split || fail "llama-completion failed with -sm $split"
	cmp "$work/expected-$split" "$work/text-$split" || fail "the text differs with -sm $split"
	servers_alive
	echo "PASS: -sm $split on $client client, two $server servers: $(tr '\n' ' ' <"$work/text-$split")"
done
