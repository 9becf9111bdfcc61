#!/bin/bash
# `ggwire run` gives stock programs the devices of a server, whatever plug-in is installed next to them, returns their
# exit status, and restarts llama-server after its server was killed. The time without replies is printed, not checked.
# Usage: run.sh
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
interop_begin
ggwire=$build/bin/ggwire

# Programs under their own names, as if they were installed.
mkdir "$work/bin"
for program in llama-completion llama-server llama-bench; do
	printf '#!/bin/sh\nexec "%s" --library-path "%s" --preload "%s" "%s" "$@"\n' "$loader" "$libs:$libs/llama" \
		"$build/tests/liblinger.so" "$sysroot/usr/bin/$program" >"$work/bin/$program"
	chmod +x "$work/bin/$program"
done

# in_dir PLUGIN COMMAND...: runs it where ggml finds the CPU backend and that plug-in.
in_dir() (
	dir=$(run_dir "$1") || exit 1
	shift
	cd "$dir" && PATH=$work/bin:$PATH exec timeout -k 5 240 "$@"
)

server_start ggwire -d CPU
text() {
	in_dir "$1" "$ggwire" run --servers "$endpoint" "${@:3}" -- llama-completion -m "$demo_model" -p "In the beginning" -n 48 \
		--temp 0 --seed 1 -t 1 -ngl 99 -no-cnv --no-display-prompt </dev/null >"$2" 2>"$2.log"
}
generate ggwire "$endpoint" "$work/expected" || fail "llama-completion fails with --rpc"
for beside in none stock ggwire; do
	text $beside "$work/text-$beside" || fail "llama-completion fails under ggwire run, other plug-in installed: $beside"
	cmp "$work/expected" "$work/text-$beside" || fail "the text differs, other plug-in installed: $beside"
	grep -q "^  RPC0 .* free of " "$work/text-$beside.log" || fail "the device is not listed"
	grep -q "ggwire: RPC0 = .* @ $endpoint, " "$work/text-$beside.log" || fail "the plug-in was not used: $beside"
	echo "PASS: llama-completion, other plug-in installed: $beside"
done
text none "$work/text-fit" --fit || fail "llama-completion fails with --fit"
grep -qE 'adding: -ts [0-9.]+$' "$work/text-fit.log" || fail "--fit proposes nothing"
cmp "$work/expected" "$work/text-fit" || fail "the text differs with --fit"

# With two copies of the plug-in, each device appears once.
mkdir "$work/run-twice"
ln -s "$libs"/ggml/backends0/libggml-cpu*.so "$work/run-twice"
cp "$build/lib/libggml-rpc-ggwire.so" "$work/run-twice"
in_dir twice "$ggwire" run --servers "$endpoint" -- llama-bench --list-devices >"$work/twice" 2>"$work/twice.log"
[ "$(grep -c '^  RPC0: ' "$work/twice")" = 1 ] && [ "$(grep -c '^  RPC' "$work/twice")" = 1 ] ||
	fail "with two files of the plug-in the devices are: $(cat "$work/twice")"

# The exit status is that of the program.
for restart in "" --restart; do
	# shellcheck disable=SC2086
	"$ggwire" run $restart --servers "$endpoint" -- sh -c 'exit 7' 2>/dev/null
	[ $? = 7 ] || fail "the exit status is lost, $restart"
	# shellcheck disable=SC2086
	"$ggwire" run $restart --servers "$endpoint" -- sh -c 'kill -KILL $$' 2>/dev/null
	[ $? = 137 ] || fail "the signal is lost, $restart"
	# shellcheck disable=SC2086
	"$ggwire" run $restart --servers "$endpoint" -- /nonexistent 2>"$work/none.log"
	[ $? = 127 ] || fail "a missing program is not 127, $restart"
done
"$ggwire" run --restart --servers "$endpoint" -- sh -c 'trap "exit 9" TERM; echo up; while :; do sleep 0.1; done' \
	>"$work/trap" 2>/dev/null &
pid=$!
server_pids="$server_pids $pid"
for _wait in $(seq 100); do grep -q up "$work/trap" && break; sleep 0.1; done
kill -TERM $pid
wait $pid
[ $? = 9 ] || fail "SIGTERM is not forwarded"
"$ggwire" run --servers 127.0.0.1:1 -- touch "$work/started" 2>"$work/refused.log"
[ $? = 69 ] && [ ! -e "$work/started" ] || fail "the program starts without its server"
echo "PASS: exit status, signals, missing server"

# llama-server answers again after its server was killed.
answer() {
	timeout 10 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "%s" "$2" >&3 && cat <&3' - "$http" "$1" 2>/dev/null
}
body='{"prompt":"In the beginning","n_predict":4,"temperature":0}'
request="POST /completion HTTP/1.1
Host: localhost
Connection: close
Content-Type: application/json
Content-Length: ${#body}

$body"
request=${request//$'\n'/$'\r\n'}
answers() { answer "$request" | grep -q '"content":"[^"]'; }
now() { date +%s%N; }
# await_answers: prints the milliseconds until the first answer.
await_answers() {
	since=$(now)
	for _try in $(seq 600); do
		answers && { echo $((($(now) - since) / 1000000)); return 0; }
		sleep 0.1
	done
	return 1
}
port=${endpoint##*:}
http=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
dir=$(run_dir none)
# exec, so that ending this process ends the program.
(cd "$dir" && PATH=$work/bin:$PATH exec "$ggwire" run --restart --servers "$endpoint" -- llama-server -m "$demo_model" -ngl 99 \
	-t 1 -c 256 -np 1 --host 127.0.0.1 --port $http) >"$work/llama-server.log" 2>&1 &
server_pids="$server_pids $!"
first=$(await_answers) || fail "llama-server does not answer at all"
kill -9 "$server_pid"
wait "$server_pid" 2>/dev/null
for _try in $(seq 50); do answers || break; sleep 0.1; done
sleep 1
"$ggwire" serve --config /dev/null -d CPU --listen "127.0.0.1:$port" --model "$demo_model" >"$work/server-again.log" 2>&1 &
server_pids="$server_pids $!"
again=$(await_answers) || fail "llama-server does not answer after the restart"
grep -q "ggwire: $endpoint is lost: " "$work/llama-server.log" || fail "the loss is not logged"
grep -q "lost a server after .*; waiting until all servers answer" "$work/llama-server.log" || fail "the wait is not logged"
grep -q "all servers answer after .*; starting llama-server again" "$work/llama-server.log" || fail "the restart is not logged"
echo "PASS: llama-server answered $first ms after its start, and $again ms after its server was back"
