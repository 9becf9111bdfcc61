# The tests of this directory source this file: it runs stock programs, which must exit properly whatever happens to
# their server.
# shellcheck shell=sh disable=SC2034,SC2154 # uses and sets variables of the sourcing script
count=0 survived=0 quiet=0

# completion ENDPOINT, bench ENDPOINT: a short run with all layers on the remote device.
completion() {
	stock_run ggwire bin/llama-completion -m "$demo_model" --rpc "$1" -ngl 99 -p "Once upon a time" -n 24 --temp 0 -t 1 -no-cnv \
		>"$work/client.out" 2>"$work/client.log" </dev/null
}

bench() {
	stock_run ggwire bin/llama-bench -m "$demo_model" --rpc "$1" -ngl 99 -p 16 -n 8 -r 1 -t 1 \
		>"$work/client.out" 2>"$work/client.log" </dev/null
}

# judge WHAT STATUS: 0 is acceptable only if the fault came too late to matter. 124 and 137 mean a time-out, above 128 a
# signal.
judge() {
	count=$((count + 1))
	[ "$2" -lt 124 ] || fail "$1: exit status $2"
	if [ "$2" = 0 ]; then
		survived=$((survived + 1))
	elif ! grep -qE 'RPC|error|failed' "$work/client.log"; then
		# These programs log from a separate thread, and sometimes exit before it has printed everything.
		quiet=$((quiet + 1))
	fi
}
