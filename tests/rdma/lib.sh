# The RDMA tests source this file. They run twice: on this machine, where they start emulated machines (tools/rxe-vm),
# and inside those. RXE_NODE is set only inside.
# shellcheck shell=sh disable=SC2034,SC2154 # variables shared with tests/interop/lib.sh and the sourcing script

# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
build=$(absolute "$build")
sysroot=$(absolute "$sysroot")

# in_machines TEST [OPTION...]: runs the test in emulated machines, with these options for tools/rxe-vm.
in_machines() {
	test=$1
	shift
	"$GGWIRE_ROOT/tools/rxe-vm" --setenv "GGWIRE_BUILD=$build" --setenv "GGWIRE_SYSROOT=$sysroot" "$@" -- sh "$test"
	code=$?
	[ $code -ne 77 ] || { echo "SKIP: no emulated machine"; exit 77; }
	[ $code -eq 0 ] || exit $code
}

# A server needs only one build of the CPU backend. Under emulation, loading all of them to choose one takes long.
run_dir() {
	dir=$work/run-$1
	if mkdir "$dir" 2>/dev/null; then
		ln -s "$libs/ggml/backends0/libggml-cpu-x64.so" "$dir"
		[ "$1" != ggwire ] || ln -s "$build/lib/libggml-rpc-ggwire.so" "$dir"
	fi
	echo "$dir"
}

# Starts a ggwire server on the address of the RDMA device.
server_spawn() {
	dir=$(run_dir server)
	(cd "$dir" && exec "$build/bin/ggwire" serve -H "$RXE_IP" -p 0 --log-level debug "$@") >"$log" 2>&1 &
	server_pid=$!
}

# rdma_server [OPTION...]: sets $endpoint and $log.
rdma_server() {
	server_start ggwire "$@"
	endpoint=$RXE_IP:$port
}

# probe NAME OPTION...: runs a client with the plug-in. Writes its output to $work/NAME and its log to $work/NAME.log.
probe() {
	name=$1
	shift
	GGML_RPC_DEBUG=1 timeout -k 5 "${limit:-100}" "$build/bin/bench-rdma" --plugin "$build/lib/libggml-rpc-ggwire.so" \
		--server "$endpoint" "$@" >"$work/$name" 2>"$work/$name.log"
}

# perf PROGRAM OPTION...: runs both ends of a perftest program; prints the client's table.
perf() {
	program=$1
	shift
	"$program" -d rxe0 -x "$RXE_GID" -F "$@" >"$work/$program.server" 2>&1 &
	other=$!
	for _try in 1 2 3 4 5 6 7 8 9 10; do
		sleep 1
		"$program" -d rxe0 -x "$RXE_GID" -F "$@" "$RXE_IP" >"$work/$program" 2>&1 && break
	done
	wait $other
	awk '/^ *[0-9]+ +[0-9]/ { line = $0 } END { print line }' "$work/$program"
}

value_of() { # KEY FILE
	sed -n "s/^$1=//p" "$2"
}

# activations LOG: prints "own->peer mtu depth" of each activation, one per line.
activations() {
	sed -n 's/.*RDMA activated: qpn=\([0-9]*->[0-9]*\) mtu=\([0-9]*\) rx_depth=\([0-9]*\).*/\1 \2 \3/p' "$1"
}

# expect_rdma SERVER_LOG CLIENT_LOG [DEPTH]: client and server have activated matching queue pairs.
expect_rdma() {
	activations "$2" | sort >"$work/client.activated"
	[ -s "$work/client.activated" ] || fail "the client activated no RDMA: $(grep -i 'rdma\|tcp' "$2")"
	activations "$1" | sed 's/^\([0-9]*\)->\([0-9]*\)/\2->\1/' | sort >"$work/server.activated"
	[ -z "$(comm -23 "$work/client.activated" "$work/server.activated")" ] || {
		diff "$work/client.activated" "$work/server.activated"
		fail "the server's activations differ from the client's"
	}
	[ -z "${3:-}" ] || [ "$(awk '{ print $3 }' "$work/client.activated" | sort -u)" = "$3" ] ||
		fail "rx_depth is not $3: $(cat "$work/client.activated")"
}

# expect_tcp SERVER_LOG CLIENT_LOG: neither end has activated RDMA.
expect_tcp() {
	for each in "$@"; do
		[ -z "$(activations "$each")" ] || fail "$(basename "$each") says that RDMA was activated"
	done
}

# wait_for SECONDS COMMAND...: repeats the command until it succeeds. Fails after that time.
wait_for() {
	tries=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

# process_tree PID: prints the process and all its descendants.
process_tree() {
	echo "$1"
	# shellcheck disable=SC2013 # numbers
	for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do process_tree "$child"; done
}

# cpu_ms PID: processor time of the process and all its descendants.
cpu_ms() {
	for each in $(process_tree "$1"); do cat "/proc/$each/stat" 2>/dev/null; done |
		awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); sum += $12 + $13 } END { printf "%d\n", sum * 1000 / hz }'
}

# shared_put NAME, shared_await NAME: signal, and wait for, an event between the machines.
shared_put() {
	: >"$RXE_SHARED/$1"
}

shared_await() {
	wait_for "${2:-100}" shared_has "$1" || fail "machine $RXE_NODE: '$1' did not come in time"
	[ ! -e "$RXE_SHARED/failed" ] || exit 1
}

shared_has() {
	[ -e "$RXE_SHARED/$1" ] || [ -e "$RXE_SHARED/failed" ]
}

# Tell the other machine, so that it does not wait.
fail() {
	echo "FAIL: $*" >&2
	[ -z "${RXE_NODE:-}" ] || : >"$RXE_SHARED/failed"
	exit 1
}
