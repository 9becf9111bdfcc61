#!/bin/sh
# Runs a model with the stock llama.cpp programs across two ggwire servers through the ggwire plug-in, across two stock
# servers, and on this machine alone. Fails if the texts differ or a program dies.
# Usage: demo/run.sh, or MODEL=FILE PROMPT=TEXT demo/run.sh
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"

for needed in "$sysroot/.complete" "$build/bin/ggwire" "$build/lib/libggml-rpc-ggwire.so"; do
	[ -e "$needed" ] || { echo "demo: $needed is missing: run 'make demo'" >&2; exit 1; }
done
model=$(absolute "${MODEL:-$demo_model}")
[ -r "$model" ] || { echo "demo: cannot read the model $model" >&2; exit 1; }
prompt=${PROMPT:-Hear, O Israel:}
tokens=64
limit=600
interop_begin

# Each server, and the program alone, uses half of the processors.
threads=$(($(nproc) / 2))
[ $threads -gt 0 ] || threads=1

# pair_start stock|ggwire: starts two servers of that kind; sets $pair.
pair_start() {
	server_start "$1" -t $threads
	pair=$endpoint
	server_start "$1" -t $threads
	pair=$pair,$endpoint
}

# rates CSV: prints the rates of prompt processing and generation in tokens per second.
rates() {
	awk -F'","' '
		NR == 1 { n = split($0, name, ","); for (i = 1; i <= n; i++) column[name[i]] = i; next }
		$column["n_prompt"] > 0 { prompt = $column["avg_ts"] }
		$column["n_gen"] > 0 { generation = $column["avg_ts"] }
		END { printf "%10.0f %12.0f", prompt, generation }' "$1"
}

# measure NAME PLUGIN SERVERS: benchmarks, generates, and prints a row of the table.
measure() {
	row=$1 plugin=$2 servers=$3
	if [ "$servers" = local ]; then
		set -- -dev none
	else
		set -- --rpc "$servers" -ngl 99
	fi
	stock_run "$plugin" bin/llama-bench -m "$model" -t $threads -p 128 -n 64 -r 3 -o csv "$@" \
		>"$work/bench.csv" 2>"$work/bench.log" || fail "llama-bench failed: $row"
	generate "$plugin" "$servers" "$work/text-$plugin" || fail "llama-completion failed: $row"
	servers_alive
	printf '  %-28s %s\n' "$row" "$(rates "$work/bench.csv")"
}

echo "ggwire demo: $(basename "$model"), stock programs of $(sed -n 's/^llama.cpp-tools /llama.cpp /p' "$sysroot/VERSIONS")," \
	"$(sed -n 's/^libggml0 /ggml /p' "$sysroot/VERSIONS"), $threads thread$([ $threads = 1 ] || echo s)"
echo
echo "  tokens per second                prompt   generation"
measure "this machine, no server" none local
pair_start stock
measure "two stock servers" stock "$pair"
servers_stop
pair_start ggwire
measure "two ggwire servers" ggwire "$pair"
servers_stop
echo

cmp -s "$work/text-stock" "$work/text-ggwire" || {
	diff "$work/text-stock" "$work/text-ggwire"
	fail "the text through the ggwire servers differs from the text through the stock servers"
}
[ -s "$work/text-ggwire" ] || fail "the model generated nothing"
echo "The text through the ggwire servers is the text through the stock servers, byte for byte:"
printf '%s%s\n' "$prompt" "$(cat "$work/text-ggwire")" | tr '\n' ' ' | fold -s -w 96 | sed 's/^ */  | /'
echo
echo
echo "Next: MODEL=your.gguf make demo; '$build/bin/ggwire serve --help' for a server of your own; README.md to install."
