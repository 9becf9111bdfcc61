# The interop tests and the demo source this file. It runs stock programs with either plug-in, starts servers, and
# cleans up.
#   GGWIRE_ROOT     the source tree; the sourcing script sets it
#   GGWIRE_BUILD    our build directory (default: build in the source tree)
#   GGWIRE_SYSROOT  where tools/sysroot unpacked the stock programs (default: build/sysroot in the source tree)
# "stock" and "ggwire" select the plug-in or server. Each test has its own work directory, and servers listen on free
# loopback ports, so tests can run in parallel.
# shellcheck shell=sh disable=SC2034 # sets variables for the sourcing script

export LC_ALL=C
build=${GGWIRE_BUILD:-$GGWIRE_ROOT/build}
sysroot=${GGWIRE_SYSROOT:-$GGWIRE_ROOT/build/sysroot}
demo_model=$GGWIRE_ROOT/demo/ggwire-demo.gguf
server_pids=

# Absolute paths: programs run in other directories.
absolute() {
	case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac
}

# Finds the stock programs, creates the work directory, and arranges clean-up at exit.
interop_begin() {
	if [ ! -f "$sysroot/.complete" ]; then
		echo "SKIP: no stock programs in $sysroot (run tools/sysroot)"
		exit 77
	fi
	build=$(absolute "$build")
	sysroot=$(absolute "$sysroot")
	libs=$(dirname "$(ls -d "$sysroot"/usr/lib/*-linux-gnu*/libggml-base.so.0)")
	triplet=$(basename "$libs")
	test_backend_ops=libexec/$triplet/llama.cpp-tests/test-backend-ops
	set -- "$sysroot"/usr/lib64/ld-linux-*.so.* "$sysroot"/usr/lib/ld-linux-*.so.*
	[ -e "$1" ] || shift
	loader=$1
	work=$(mktemp -d "${TMPDIR:-/tmp}/ggwire-interop.XXXXXX") || exit 1
	trap interop_end EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	trap 'exit 141' PIPE
}

interop_end() {
	status=$?
	trap - EXIT INT TERM HUP
	trap '' PIPE
	servers_stop
	if [ $status -ne 0 ] && [ $status -ne 77 ] && [ $status -ne 141 ]; then
		# Oldest first, so that the most relevant log comes last.
		# shellcheck disable=SC2045 # this script chose the names
		for log in $(ls -tr "$work"/*.log 2>/dev/null); do
			[ -s "$log" ] && echo "--- $(basename "$log") (its end)" && grep -v 'failed to enumerate' "$log" | tail -n 20
		done >&2
	fi
	rm -rf "$work"
	exit $status
}

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

# Prints the directory in which to run a stock program: ggml looks for its backends in the current directory.
run_dir() {
	dir=$work/run-$1
	if mkdir "$dir" 2>/dev/null; then
		ln -s "$libs"/ggml/backends0/libggml-cpu*.so "$dir"
		case $1 in
		stock) ln -s "$libs/ggml/backends0/libggml-rpc.so" "$dir" ;;
		ggwire) ln -s "$build/lib/libggml-rpc-ggwire.so" "$dir" ;;
		vulkan) ln -s "$libs/ggml/backends0/libggml-rpc.so" "$server_libs/ggml/backends0/libggml-vulkan.so" "$dir" ;;
		esac
	fi
	echo "$dir"
}

# stock_run PLUGIN PROGRAM [ARGUMENT...]: PLUGIN is stock, ggwire or none; PROGRAM is a path below the sysroot's usr.
# Preloads linger.c, so that the program prints all of its output, and $preload, if set. $limit is the time-out in
# seconds (default 300).
stock_run() {
	dir=$(run_dir "$1") || return 1
	program=$sysroot/usr/$2
	shift 2
	(cd "$dir" && exec timeout -k 5 "${limit:-300}" "$loader" --library-path "$libs:$libs/llama" \
		--preload "$build/tests/liblinger.so${preload:+:$preload}" "$program" "$@")
}

# Prints the port on which a process listens, if any. The inode of a listening socket appears among the process's
# descriptors.
listening_port() {
	inodes=$(find "/proc/$1/fd" -lname 'socket:*' -printf '%l ' 2>/dev/null | tr -dc '0-9 ')
	[ "$inodes" ] || return 0
	hex=$(awk -v inodes=" $inodes" '$4 == "0A" && index(inodes, " " $10 " ") { sub(/.*:/, "", $2); print $2; exit }' \
		"/proc/$1/net/tcp" 2>/dev/null)
	[ "$hex" ] && printf '%d\n' "0x$hex"
}

# server_start stock|ggwire [OPTION...]: sets $endpoint and $server_pid. Returns once the server accepts connections.
server_start() {
	kind=$1
	shift
	server_count=$((${server_count:-0} + 1))
	log=$work/server-$server_count-$kind.log
	for _try in 1 2 3 4 5; do
		server_spawn "$@"
		server_pids="$server_pids $server_pid"
		for _wait in $(seq 200); do
			port=$(listening_port "$server_pid")
			if [ "$port" ]; then
				endpoint=127.0.0.1:$port
				return 0
			fi
			alive "$server_pid" || break
			sleep 0.1
		done
		alive "$server_pid" && fail "the $kind server does not listen after 20 seconds"
		[ "$kind" = stock ] || [ "${peers:-}" ] || break
	done
	fail "the $kind server does not start"
}

# The stock server cannot choose a free port itself, so the script guesses one below the range of outgoing connections.
# With $peers set, it also guesses for our server: where two servers pair, the port above it by 1000 must exist. $proto,
# if set, is the protocol version of the ggwire server. $server_dir and $server_libs, if set, are another run directory
# and additional libraries (vulkan.sh).
server_spawn() {
	dir=$(run_dir "${server_dir:-$kind}")
	guess=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 11000))
	case $kind in
	ggwire)
		[ "${peers:-}" ] || guess=0
		set -- "$build/bin/ggwire" serve --config /dev/null --listen "127.0.0.1:$guess${proto:+,proto=$proto}" "$@"
		;;
	stock)
		more=${server_libs:+:$server_libs}
		set -- "$loader" --library-path "$libs:$libs/llama$more" "$sysroot/usr/libexec/$triplet/llama/bin/ggml-rpc-server" \
			-H 127.0.0.1 -p $guess "$@"
		;;
	*) fail "unknown kind of server: '$kind'" ;;
	esac
	(
		[ "${server_libs:-}" ] && [ "$kind" = ggwire ] && export LD_LIBRARY_PATH="$server_libs"
		cd "$dir" && exec "$@"
	) >"$log" 2>&1 &
	server_pid=$!
}

# A zombie has no executable any more.
alive() {
	readlink "/proc/$1/exe" >/dev/null 2>&1
}

servers_stop() {
	for pid in $server_pids; do
		kill "$pid" 2>/dev/null
	done
	for pid in $server_pids; do
		for _wait in $(seq 50); do
			alive "$pid" || break
			sleep 0.1
		done
		kill -9 "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	server_pids=
}

# If a server died during the test, the test fails, whatever the client printed.
servers_alive() {
	for pid in $server_pids; do
		alive "$pid" || fail "a server died"
	done
}

# generate PLUGIN ENDPOINTS OUTPUT [OPTION...]: the greedy text of the demo model. If ENDPOINTS is "local", no server is
# used.
generate() {
	plugin=$1 remote=$2 output=$3
	shift 3
	if [ "$remote" = local ]; then
		set -- -dev none "$@"
	else
		set -- --rpc "$remote" -ngl 99 "$@"
	fi
	stock_run "$plugin" bin/llama-completion -m "${model:-$demo_model}" -p "${prompt:-In the beginning}" -n "${tokens:-48}" \
		--temp 0 --seed 1 -t "${threads:-1}" -no-cnv --no-display-prompt "$@" </dev/null >"$output" 2>"$output.log" || return 1
	# The text is complete if the program's closing lines follow it.
	grep -q 'graph reallocs' "$output.log"
}

# register_run PLUGIN ENDPOINTS PROGRAM [ARGUMENT...]: stock_run for programs without an --rpc option. Our plug-in
# registers the servers in the environment variable by itself; for the stock plug-in a preloaded library does it.
register_run() {
	plugin=$1
	GGML_RPC_SERVERS=$2
	export GGML_RPC_SERVERS
	shift 2
	if [ "$plugin" = stock ]; then
		preload=$build/tests/libregister-shim.so
		[ -f "$preload" ] || fail "$preload is not built"
	fi
	stock_run "$plugin" "$@"
	code=$?
	preload=
	unset GGML_RPC_SERVERS
	return $code
}

# Removes the colours from a program's output.
plain() {
	sed 's/\x1b\[[0-9;]*m//g' "$@"
}

# supported CSV: reads the output of "test-backend-ops support --output csv" and prints the cases that the device
# supports, one per line.
supported() {
	awk -F'","' 'NR > 1 && $5 == 1 { print $2 "(" $3 ")" }' "$1"
}

# some_of_each N CASES: at most N cases of each operation: the first, the last, and evenly spaced ones in between.
some_of_each() {
	awk -F'(' -v most="$1" '
		{
			if (!($1 in n))
				ops[++count] = $1
			list[$1, n[$1]++] = $0
		}
		END {
			for (i = 1; i <= count; i++) {
				op = ops[i]
				take = most < n[op] ? most : n[op]
				step = take > 1 ? (n[op] - 1) / (take - 1) : 0
				for (k = 0; k < take; k++)
					print list[op, int(k * step)]
			}
		}' "$2"
}

# ops_run PLUGIN ENDPOINT [OPTION...]: runs test-backend-ops on the first remote device. Every case in $work/wanted
# (sorted) must pass, and none may fail.
ops_run() {
	[ "$(wc -l <"$work/wanted")" -gt 100 ] || fail "test-backend-ops lists only $(wc -l <"$work/wanted") cases"
	plugin=$1 remote=$2
	shift 2
	# Each case allocates aligned blocks of megabytes between small ones that stay, so glibc's heap would grow with
	# every case (to more than 11 GB for all). With separate mappings, 5 MB remain.
	GLIBC_TUNABLES=glibc.malloc.mmap_threshold=131072
	export GLIBC_TUNABLES
	register_run "$plugin" "$remote" "$test_backend_ops" test -b RPC0 "$@" >"$work/ops.raw" 2>"$work/ops.log"
	code=$?
	unset GLIBC_TUNABLES
	plain "$work/ops.raw" >"$work/ops"
	if [ $code -ne 0 ]; then
		grep -E ': FAIL|failed' "$work/ops" | head -n 20
		tail -n 3 "$work/ops"
		fail "test-backend-ops exits with $code"
	fi
	sed -n 's/^  \(.*\): OK$/\1/p' "$work/ops" | sort -u | comm -23 "$work/wanted" - >"$work/missing"
	[ ! -s "$work/missing" ] || {
		head -n 20 "$work/missing"
		fail "$(wc -l <"$work/missing") cases that the device supports did not run"
	}
}
