#!/bin/sh
# A connection that is hurt at any point of a run, and a server that is killed or refuses, end llama-bench and
# llama-completion with a message and an exit status: never with a signal, and never without end.
# Usage: server_death.sh CUTTER [full]
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
# shellcheck source=tests/robust/lib.sh
. "$GGWIRE_ROOT/tests/robust/lib.sh"
cutter=$1 extent=${2:-quick}
interop_begin
export GGML_RPC_TIMEOUT=2
limit=40

# hurt PROGRAM ACTION DIRECTION BYTES
hurt() {
	mkfifo "$work/port"
	"$cutter" "${endpoint##*:}" "$2" "$3" "$4" >"$work/port" 2>/dev/null &
	cutter_pid=$!
	read -r port <"$work/port"
	rm "$work/port"
	"$1" "127.0.0.1:$port"
	status=$?
	kill $cutter_pid
	wait $cutter_pid 2>/dev/null
	judge "$*" $status
}

# Within HELLO, the questions, the first weights, loading, computing; and in the answers to them.
up="60 20000 600000 1500000 2500000"
down="30 1000 4000 10000 20000"
programs=completion
[ "$extent" = full ] && programs="completion bench"

server_start ggwire --max-clients 16
for tool in $programs; do
	for action in close reset half garbage; do
		for bytes in $up; do
			# What is only sent half leaves a server waiting, which drops it: the client sees the end.
			hurt "$tool" $action up "$bytes"
		done
		for bytes in $down; do
			hurt "$tool" $action down "$bytes"
		done
	done
done
servers_alive
# Early harm hits a connection that only asks what there is, and another one is made.
[ $survived -le $((count * 3 / 4)) ] || fail "$survived of $count runs noticed nothing: the harm is not where it should be"

[ $quiet -le $(((count - survived) / 3)) ] || fail "$quiet of $count runs ended without a message"

# A worker that is stopped at any time: the system goes on answering for it.
for delay in 0.1 0.4 0.8; do
	server_start ggwire
	completion "$endpoint" &
	run=$!
	sleep $delay
	workers=$(pgrep -P "$server_pid")
	# shellcheck disable=SC2086
	kill -STOP $workers
	wait $run
	judge "stopped after $delay s" $?
	# shellcheck disable=SC2086
	kill -KILL $workers
done

# The server itself, killed at a random time; then nobody listens.
for delay in 0.1 0.4 0.8; do
	server_start ggwire
	completion "$endpoint" &
	run=$!
	sleep $delay
	kill -9 "$server_pid"
	wait $run
	judge "killed after $delay s" $?
done
completion "$endpoint"
judge "nobody listens" $?
servers_stop
echo "PASS: $count runs ended well, $survived of them unharmed"
