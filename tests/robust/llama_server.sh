#!/bin/sh
# llama-server with a model on a server that dies during a request: llama-server replies with an error and stays up,
# even while the server is down. After the server is back and llama-server has reloaded the model, it gives the same
# answers as before. Here it reloads on its own after its sleep (--sleep-idle-seconds).
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
interop_begin
command -v curl >/dev/null || {
	echo "SKIP: no curl"
	exit 77
}
export GGML_RPC_TIMEOUT=2

# below RANGE: a port outside the range from which the system assigns ports.
guess() {
	echo $((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
}

# lend: starts ggwire, always on the same port.
lend() {
	"$build/bin/ggwire" serve --config /dev/null -H 127.0.0.1 -p "$lent" >"$work/server.log" 2>&1 &
	server_pid=$!
	server_pids="$server_pids $server_pid"
	for _wait in $(seq 200); do
		grep -q ready "$work/server.log" && return
		alive "$server_pid" || fail "the server does not start"
		sleep 0.1
	done
	fail "the server is not ready after 20 seconds"
}

# await TEXT: waits until llama-server logs it, after the text found before.
seen=0
await() {
	for _wait in $(seq 600); do
		found=$(tail -n "+$((seen + 1))" "$work/llama.log" | grep -n -m1 "$1" | cut -d: -f1)
		if [ "$found" ]; then
			seen=$((seen + found))
			return
		fi
		sleep 0.1
	done
	fail "llama-server does not log '$1'"
}

# ask TOKENS NAME: sends one request, and writes its HTTP status, or 000 without a reply, to $work/NAME.code.
ask() {
	curl -s -m 60 -o "$work/$2.json" -w '%{http_code}' "http://127.0.0.1:$http/completion" -d \
		"{\"prompt\":\"Once upon a time\",\"n_predict\":$1,\"temperature\":0,\"cache_prompt\":false,\"ignore_eos\":true}" \
		>"$work/$2.code"
}

# answered NAME STATUS
answered() {
	read -r code <"$work/$1.code" || :
	[ "$code" = "$2" ] || fail "$1: HTTP status $code, not $2"
}

text() {
	sed 's/.*"content":"\([^"]*\)".*/\1/' "$work/$1.json"
}

up() {
	alive "$llama_pid" || fail "$1: llama-server has ended"
	[ "$(curl -s -m 20 "http://127.0.0.1:$http/health")" = '{"status":"ok"}' ] || fail "$1: llama-server is not healthy"
}

lent=$(guess) http=$(guess)
lend
(
	cd "$(run_dir ggwire)" && exec "$loader" --library-path "$libs:$libs/llama" "$sysroot/usr/bin/llama-server" -m "$demo_model" \
		--rpc "127.0.0.1:$lent" -ngl 99 -c 1024 -np 1 -t 1 --fit off --no-webui --host 127.0.0.1 --port "$http" \
		--sleep-idle-seconds 4
) >"$work/llama.log" 2>&1 </dev/null &
llama_pid=$!
server_pids="$server_pids $llama_pid"
await 'listening'
ask 32 before
answered before 200

# The log shows when a request is being processed. Sometimes it ends before the signal is sent.
for _try in 1 2 3 4 5; do
	ask 900 cut &
	asker=$!
	await 'processing task'
	kill -9 "$server_pid"
	wait "$asker"
	[ "$(cat "$work/cut.code")" = 200 ] || break
	lend
	await 'entering sleeping state'
done
answered cut 500
grep -q '"error"' "$work/cut.json" || fail "no error in the reply: $(cat "$work/cut.json")"
up "a request was cut"
ask 32 dead
answered dead 500
up "a request without a server"

# The server is back, but the contents of its memory are lost. The current context stays broken until llama-server has
# slept.
lend
ask 32 broken
if [ "$(cat "$work/broken.code")" = 500 ]; then
	up "a request to a context whose memory is gone"
	await 'entering sleeping state'
else
	answered broken 200
fi
ask 32 after
answered after 200
[ "$(text before)" = "$(text after)" ] || fail "the text differs from that before: $(text after)"
await 'entering sleeping state'
up "asleep"
alive "$server_pid" || fail "the server died"
echo "PASS: replied with errors while the server was down, and with the same text after it was back"
