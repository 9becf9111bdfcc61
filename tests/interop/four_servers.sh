#!/bin/sh
# A model whose tensors are split over four of our servers, which add up between them in F32, gives the text that two
# stock servers give the stock client.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
interop_begin
export GGML_RPC_ALLREDUCE=f32

server_start stock
first=$endpoint
server_start stock
generate stock "$first,$endpoint" "$work/expected" -sm tensor || fail "the stock pair fails"
servers_stop
all='' logs=''
for _server in 1 2 3 4; do
	server_start ggwire
	all=$all${all:+,}$endpoint logs="$logs $log"
done
generate ggwire "$all" "$work/text" -sm tensor || fail "llama-completion failed"
cmp "$work/expected" "$work/text" || fail "the text differs"
servers_alive
for each in $logs; do
	[ "$(grep -c 'linked to the server at' "$each")" = 3 ] || fail "the servers are not linked"
done
echo "PASS: four servers: $(tr '\n' ' ' <"$work/text")"
