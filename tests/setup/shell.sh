#!/bin/sh
# `make shell`: a stock program runs a model on a ggwire server through our plug-in, from any directory, with a command
# or with commands on standard input, and the shell returns the status of the last command.
# Usage: shell.sh BUILD_DIR
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
GGWIRE_BUILD=$1
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
interop_begin
export GGWIRE_SYSROOT="$sysroot" SHELL=/bin/sh
shell=$GGWIRE_ROOT/tools/shell

"$shell" "$build" -c "command -v ggwire && exit 3" >"$work/out" 2>"$work/shell.log"
[ $? = 3 ] || fail "the exit status is not the command's"
grep -qx "$build/shell/bin/ggwire" "$work/out" || fail "ggwire is not this build's: $(cat "$work/out")"

server_start ggwire -t 1
for way in command input; do
	line="cd '$work' && llama-bench --rpc $endpoint --list-devices && llama-completion -m '$demo_model' -ngl 99 --rpc $endpoint -no-cnv -p 'In the beginning' -n 8"
	if [ $way = command ]; then
		timeout -k 5 120 "$shell" "$build" -c "$line" </dev/null >"$work/out" 2>"$work/shell.log" || fail "$way: exit status $?"
	else
		echo "$line </dev/null" | timeout -k 5 120 "$shell" "$build" >"$work/out" 2>"$work/shell.log" || fail "$way: exit status $?"
	fi
	grep -q "$build/shell/lib/libggml-rpc-ggwire.so" "$work/shell.log" || fail "$way: our plug-in was not loaded"
	seen=$(grep -c 'client .* connected' "$log")
	[ "$seen" -gt "${before:-0}" ] || fail "$way: no client connected"
	before=$seen
	grep -q "RPC0: .* @ $endpoint" "$work/out" || fail "$way: the server's device is not listed"
	grep -q 'In the beginning' "$work/out" || fail "$way: no text"
done
echo "shell: ok"
