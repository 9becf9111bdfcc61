#!/bin/sh
# Checks that CLIENT does not send weights to a server that has the model itself (--model), and that the text equals
# that of a local run. A second start uses the first one's index, and the server detects a model that has changed since.
# Usage: local_model.sh stock|ggwire
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
client=$1
interop_begin
export LLAMA_CACHE="$work/cache"
tokens=8
mkdir "$work/models"
model=$work/models/model.gguf

# Matrices of 11 MiB: a stock client asks by hash for tensors above 10 MiB.
make_model() {
	"$build/bin/mkmodel" --embd 3328 --ff 3328 --heads 52 --kv-heads 52 --layers 2 --seed "$1" --out "$model" >/dev/null ||
		fail "mkmodel failed"
}

# serve PATTERN: starts a server with the models and waits until its log contains the pattern.
serve() {
	server_start ggwire --model "$work/models" --log-level debug
	for _wait in $(seq 300); do
		grep -q "$1" "$log" && return 0
		sleep 0.1
	done
	fail "the server did not log '$1'"
}

# total KEY: the server's total, which is the first number of that name in its status.
total() {
	sed 's/.*"totals"://' "$work/status" | grep -o "\"$1\":[0-9]*" | head -n 1 | tr -dc 0-9
}

# run_and_count NAME [OPTION...]: runs a client through the server, and records the text and the numbers of bytes.
run_and_count() {
	name=$1
	shift
	generate "$client" "$endpoint" "$work/text" "$@" || fail "$name: llama-completion failed"
	cmp "$work/expected" "$work/text" || fail "$name: the text differs from a local run"
	"$build/bin/ggwire" status --json "$endpoint" >"$work/status" || fail "$name: the server reports no status"
	sent=$(total received_bytes) here=$(total model)
	[ "$sent" -gt 0 ] || fail "$name: the server's counters are missing"
}

# expect_local NAME: less than 1 % of the model crossed the network.
expect_local() {
	size=$(stat -c %s "$model")
	[ $((sent * 100)) -lt "$size" ] || fail "$1: $sent bytes were sent for a model of $size"
	[ $((here * 100)) -gt $((size * 85)) ] || fail "$1: only $here bytes of $size were read from the server's disk"
	echo "$1: $sent bytes sent, $here read by the server, for a model of $size"
}

make_model 1
generate "$client" local "$work/expected" || fail "a local run failed"
serve 'can be loaded'
grep -q 'tensors of .* indexed' "$log" || fail "nothing was indexed"
run_and_count "mapped"
expect_local "mapped"
servers_alive
servers_stop

serve 'can be loaded'
! grep -q 'tensors of .* indexed' "$log" || fail "the second start indexed the model again"
run_and_count "read" --load-mode none
expect_local "read"

# Replaces the model by another one of the same size while the server runs.
cp "$model" "$work/before.gguf"
make_model 2
cat "$model" >"$work/after.gguf" && cp "$work/before.gguf" "$model"
generate "$client" local "$work/expected" || fail "a local run failed"
servers_stop
serve 'can be loaded'
cat "$work/after.gguf" >"$model"
generate "$client" local "$work/expected" || fail "a local run failed"
run_and_count "changed"
[ "$here" -eq 0 ] || fail "changed: $here bytes came from a file that had changed"
servers_alive
servers_stop

# What cannot be served costs a line each, and only what can be served is counted.
mkfifo "$work/models/pipe.gguf"
echo "no model" >"$work/models/text.gguf"
"$build/bin/mkmodel" --embd 64 --ff 64 --heads 2 --kv-heads 2 --layers 1 --out "$work/models/small.gguf" >/dev/null ||
	fail "mkmodel failed"
serve 'can be loaded'
for line in 'pipe.gguf is skipped: it is not a regular file' 'text.gguf is not used: ' \
	'small.gguf is not used: none of its tensors has 1 MiB or more' 'models: 1 file can be loaded'; do
	grep -q "$line" "$log" || fail "the server did not say '$line'"
done
servers_alive
echo "PASS: $client client"
