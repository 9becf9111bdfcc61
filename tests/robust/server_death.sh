#!/bin/sh
# If a connection fails at any point of a run, or the server dies or refuses the client, llama-bench and
# llama-completion exit with a message and an exit status. They never die of a signal or hang.
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

# Bytes until HELLO, the first requests, the first weights, loading, computing; and until the replies to them.
up="60 20000 600000 1500000 2500000"
down="30 1000 4000 10000 20000"
programs=completion
[ "$extent" = full ] && programs="completion bench"

server_start ggwire --max-clients 16
for tool in $programs; do
	for action in close reset half garbage; do
		for bytes in $up; do
			# A half-sent request leaves the server waiting. It drops the client, which sees the end of the
			# connection.
			hurt "$tool" $action up "$bytes"
		done
		for bytes in $down; do
			hurt "$tool" $action down "$bytes"
		done
	done
done
servers_alive
# Early faults hit a connection that only queries the server, and the client makes another one.
[ $survived -le $((count * 3 / 4)) ] || fail "$survived of $count runs noticed nothing: the faults miss their target"

[ $quiet -le $(((count - survived) / 3)) ] || fail "$quiet of $count runs ended without a message"

# A worker that is stopped at any time: its kernel keeps the connection open.
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

# Kills the whole server at different times. After that nothing listens.
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
echo "PASS: $count runs ended well, $survived of them without a fault"
