# bench/run sources this file, after tests/interop/lib.sh, whose functions start and stop the programs. It contains the
# building blocks of the cases: clients, servers, and the kernel's data about processes.
#
# A client is of kind "stock", "ours", "tls" (ours with a key) or "local" (no RPC at all), a server "stock", "ours" or
# "tls".
# shellcheck shell=bash disable=SC2034,SC2154 # variables shared with the sourced files

kind_program() {
	case $1 in
	ours | tls) echo ggwire ;;
	local) echo none ;;
	*) echo "$1" ;;
	esac
}

plugin_path() {
	case $1 in
	ours | tls) echo "$build/lib/libggml-rpc-ggwire.so" ;;
	*) echo "$libs/ggml/backends0/libggml-rpc.so" ;;
	esac
}

# server_up KIND [OPTION...]: starts one more server, with one thread; sets $endpoint, $server_pid and $log.
server_up() {
	local name kind dir port guess hex inodes keys=()
	name=$(kind_program "$1")
	[ "$1" != tls ] || keys=(--tls require --tls-psk "$work/server-keys")
	shift
	server_start "$name" -t 1 ${keys[@]+"${keys[@]}"} "$@"
	server_settle
}

# server_settle: waits until the last server's processes and their memory have not changed for half a second. A server
# that prepares spare workers is still busy after it listens, and after a client has left.
server_settle() {
	local i pid now last='' same=0
	for ((i = 0; i < 100 && same < 5; i++)); do
		now=$(for pid in $(process_tree "$server_pid"); do echo "$pid:$(status_kb "$pid" VmRSS)"; done)
		same=$((same + 1))
		[ "$now" = "$last" ] || same=0
		last=$now
		sleep 0.1
	done
}

# log_await LOG PATTERN SECONDS: waits until a server's log has a line with the pattern. Fails after that time.
log_await() {
	local i
	for ((i = 0; i < $3 * 10; i++)); do
		grep -q -- "$2" "$1" && return
		sleep 0.1
	done
	return 1
}

# The key of the pairing tls-tls. Keys of the user's own would turn the other pairings into the same.
make_keys() {
	export GGWIRE_TLS=off
	(umask 077 && "$build/bin/ggwire" key -f "$work/server-keys" add bench >"$work/client-keys" 2>"$out/log/key.log") ||
		[[ $pairings != *tls* ]] || note "tls-tls: ggwire key fails: $(cat "$out/log/key.log")"
}

# servers_up [OPTION...]: a server of each kind that the chosen pairings need; sets endpoint_of[kind].
declare -A endpoint_of=()
servers_up() {
	local each
	endpoint_of=()
	for each in stock ours tls; do
		[[ "$pairings " = *-$each\ * ]] || continue
		server_up "$each" "$@"
		endpoint_of[$each]=$endpoint
	done
}

# client KIND LIMIT PROGRAM OPTION...: runs a stock program with that kind's plug-in. Its output goes to standard
# output, its log to $client_log.
client() {
	local limit=$2 kind mode=off
	[ "$1" != tls ] || mode=require
	kind=$(kind_program "$1")
	set -- "$kind" "bin/$3" "${@:4}"
	GGWIRE_TLS=$mode GGWIRE_PSK_FILE=$work/client-keys stock_run "$@" 2>"$client_log" </dev/null
}

# client_traced FILE KIND LIMIT PROGRAM OPTION...: the same, and counts its system calls in FILE.
client_traced() {
	local summary=$1 dir
	dir=$(run_dir "$(kind_program "$2")")
	(cd "$dir" && exec timeout -k 5 "$3" strace -f -q -c -S calls -o "$summary" \
		"$loader" --library-path "$libs:$libs/llama" "$sysroot/usr/bin/$4" "${@:5}") 2>"$client_log" </dev/null
}

# process_tree PID: prints it and all its descendants, one per line.
process_tree() {
	local file pid children
	echo "$1"
	for file in /proc/"$1"/task/*/children; do
		children=()
		read -r -a children 2>/dev/null <"$file"
		for pid in ${children[@]+"${children[@]}"}; do process_tree "$pid"; done
	done
}

# status_kb PID FIELD: a field of /proc/PID/status; 0 if the process is gone.
status_kb() {
	local name value rest
	while read -r name value rest; do
		[ "$name" != "$2:" ] || { echo "$value"; return; }
	done 2>/dev/null <"/proc/$1/status"
	echo 0
}

# switches PID...: context switches of all threads of the processes. Each is one wake-up.
switches() {
	local pid
	for pid in "$@"; do cat /proc/"$pid"/task/*/status 2>/dev/null; done |
		awk '/^(non)?voluntary_ctxt_switches:/ { sum += $2 } END { print sum + 0 }'
}

# cpu_ms PID...: processor time of the processes.
cpu_ms() {
	local pid
	for pid in "$@"; do cat "/proc/$pid/stat" 2>/dev/null; done |
		awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); sum += $12 + $13 } END { print sum * 1000 / hz + 0 }'
}

# port_bytes PORT: the bytes received so far on the servers' ends of the current connections of this port.
port_bytes() {
	ss -tinHO state established "sport = :$1" 2>/dev/null |
		sed -n 's/.*bytes_received:\([0-9]*\).*/\1/p' | awk '{ sum += $1 } END { print sum + 0 }'
}

# compute EXPRESSION VARIABLE=VALUE...: prints the result, or nothing if a value is empty.
compute() {
	local expression=$1 assignment options=()
	shift
	for assignment in "$@"; do
		[ -n "${assignment#*=}" ] || return 0
		options+=(-v "$assignment")
	done
	awk "${options[@]}" "BEGIN { printf \"%.6g\n\", ($expression) }"
}
