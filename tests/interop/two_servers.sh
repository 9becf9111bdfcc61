#!/bin/sh
# Checks that a model split over two servers, FIRST and SECOND, gives CLIENT the text of the stock client with two stock
# servers, both split by layers and split by tensors. With split tensors the servers run all-reduces between them, in
# F32 if that is the client's choice.
# Usage: two_servers.sh CLIENT FIRST [SECOND]; each is stock or ggwire
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
client=$1 kinds="$2 ${3:-$2}"
peers=1
interop_begin
export GGML_RPC_ALLREDUCE=f32

pair_start() {
	server_start "$1"
	first=$endpoint first_log=$log
	server_start "$2"
	pair=$first,$endpoint second_log=$log
}

pair_start stock stock
stock_pair=$pair
# shellcheck disable=SC2086
pair_start $kinds
for split in layer tensor; do
	generate stock "$stock_pair" "$work/expected-$split" -sm $split || fail "the stock pair fails with -sm $split"
	[ "$(wc -w <"$work/expected-$split")" -gt 20 ] || fail "the stock pair generates only: $(cat "$work/expected-$split")"
	generate "$client" "$pair" "$work/text-$split" -sm $split || fail "llama-completion failed with -sm $split"
	cmp "$work/expected-$split" "$work/text-$split" || fail "the text differs with -sm $split"
	servers_alive
	[ $split = layer ] || for each in "$first_log" "$second_log"; do
		grep -qE 'joined pairwise comm|(connected|linked) to the server at' "$each" || fail "the servers are not connected"
	done
	echo "PASS: -sm $split on $client client, servers $kinds: $(tr '\n' ' ' <"$work/text-$split")"
done
