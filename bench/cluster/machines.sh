# The machines of the simulated cluster: a relay for its network, servers with simulated devices. Sourced by
# bench/cluster/run, after tests/interop/lib.sh and bench/lib.sh.
# shellcheck shell=bash disable=SC2034,SC2154

# Addresses and a port that nobody else has: other runs may be on this machine.
network_choose() {
	local bytes
	read -r -a bytes < <(od -An -N4 -tu1 /dev/urandom)
	network=127.$((64 + bytes[0] % 128)).${bytes[1]}
	port=$((20000 + (bytes[2] * 256 + bytes[3]) % 10000))
}

# relay_ask COMMAND...: the relay's answer.
relay_ask() {
	local answer
	echo "$*" >&"${relay_in}" && read -r -t 10 answer <&"${relay_out}" && echo "$answer"
}

# network_start MACHINES: the relay, which passes everything on at once until network_pace.
network_start() {
	local answer try
	for try in 1 2 3; do
		network_choose
		coproc RELAY { exec "$build/bin/bench-relay" "$network.0" "$1" "$port" $((port + 1000)) 2>"$out/log/relay"; }
		relay_pid=$RELAY_PID
		exec {relay_in}>&"${RELAY[1]}" {relay_out}<&"${RELAY[0]}"
		read -r -t 10 answer <&"$relay_out" && [ "$answer" = ready ] && return
		network_stop
	done
	die "the relay does not start: $(cat "$out/log/relay")"
}

network_stop() {
	[ "$relay_pid" ] || return 0
	exec {relay_in}>&- {relay_out}<&-
	kill "$relay_pid" 2>/dev/null
	wait "$relay_pid" 2>/dev/null
	relay_pid=
}

# network_pace LINK SCALE
network_pace() {
	local latency_us rate
	link "$1"
	[ "$(relay_ask "pace $(compute "a*$2" a=$latency_us) $(compute "b/$2" b=$rate)")" = ok ] || die "the relay does not obey"
}

# machine_start KIND NUMBER: a server in the background; what it says is in $log.
machine_start() {
	local dir options kind
	kind=$(kind_program "$1")
	log=$work/server-$2-$kind.log
	dir=$(run_dir "$kind")
	local own=$network.$((100 + $2))
	case $1 in
	ours) options=("$build/bin/ggwire" serve --config /dev/null --transport tcp --listen "$own:$port") ;;
	stock) options=("$loader" --library-path "$libs:$libs/llama" "$sysroot/usr/libexec/$triplet/llama/bin/ggml-rpc-server"
		-H "$own" -p "$port") ;;
	esac
	(
		export GGML_BACKEND_PATH=$build/lib/libggml-sim.so GGWIRE_SIM=$sim GGWIRE_SIM_BACKENDS=$libs/ggml/backends0
		mkdir -p "$work/$own" && ln -sf "$build/lib/libcluster-address.so" "$work/$own/"
		export LD_PRELOAD=$work/$own/libcluster-address.so
		cd "$dir" && exec "${options[@]}"
	) >"$log" 2>&1 &
	server_pid=$!
	server_pids="$server_pids $server_pid"
}

# machines_start KIND COUNT: that many, with the device that $sim describes; sets $endpoints. False if one does not come up.
machines_start() {
	local i pid try
	endpoints=
	for ((i = 1; i <= $2; i++)); do
		machine_start "$1" $i
		endpoints=$endpoints${endpoints:+,}$network.$i:$port
	done
	for pid in $server_pids; do
		for ((try = 0; try < 200; try++)); do
			[ ! "$(listening_port "$pid")" ] || break
			alive "$pid" || return 1
			sleep 0.05
		done
		[ $try -lt 200 ] || return 1
	done
}

# Milliseconds of processor time: of the relay, the servers, and the client if it is given.
cluster_cpu_ms() {
	local pid pids=()
	for pid in $relay_pid $server_pids "$@"; do mapfile -t -O ${#pids[@]} pids < <(process_tree "$pid"); done
	cpu_ms "${pids[@]}"
}
