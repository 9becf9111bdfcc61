# bench/run sources this file. Each case appends rows to results.csv, and calls note for what it cannot measure.
#
# A pairing is client-server. Within a repetition all pairings run one after the other, so that a slow minute of the
# machine affects all of them.
# shellcheck shell=bash disable=SC2154,SC2034

# row CASE PAIRING REPETITION METRIC VALUE UNIT: an empty value means that it was not measured.
row() {
	[ -n "$5" ] || { note "$1, $2, repetition $3: no $4 (see $client_log)"; return 1; }
	echo "$1,$2,$3,$4,$5,$6" >>"$results"
}

# bench_ns: reads llama-bench's JSONL on standard input; prints the median of the first test's samples in nanoseconds.
bench_ns() {
	sed -n 's/.*"samples_ns": \[ *\([^]]*\)\].*/\1/p' | head -n 1 | tr -d ' ' | tr , '\n' | sort -n |
		awk '{ v[NR] = $1 } END { if (NR) print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# throughput CASE METRIC UNIT EXPRESSION MODEL OPTION...: runs llama-bench with each pairing; EXPRESSION computes the
# value from ns.
throughput() {
	local name=$1 metric=$2 unit=$3 expression=$4 model=$5 rep pairing remote
	shift 5
	servers_up
	for ((rep = 1; rep <= reps; rep++)); do
		for pairing in $pairings; do
			remote=()
			[ "$pairing" = local ] || remote=(-rpc "${endpoint_of[${pairing#*-}]}")
			row "$name" "$pairing" $rep "$metric" "$(compute "$expression" ns="$(client "${pairing%-*}" 60 llama-bench \
				-m "$model" ${remote[@]+"${remote[@]}"} -t 1 --repack 0 -o jsonl "$@" | bench_ns)")" "$unit"
		done
	done
}

# cipher_rate: AES-128-GCM of one record after the other, of the OpenSSL that the programs load.
cipher_rate() {
	"$loader" --library-path "$libs" "$sysroot/usr/bin/openssl" speed -mr -elapsed -seconds 1 -bytes 16384 -evp aes-128-gcm 2>/dev/null |
		awk -F: '/^\+F/ { printf "%.3f\n", $NF / 1e9 }'
}

case_limits() {
	local rep line
	for ((rep = 1; rep <= (reps + 1) / 2; rep++)); do
		while IFS= read -r line; do
			case $line in
			tcp_rtt=*) row limits - $rep tcp_rtt "${line#*=}" us ;;
			*) row limits - $rep "${line%%=*}" "${line#*=}" GB/s ;;
			esac
		done < <(timeout 180 "$build/bin/bench-limits")
		row limits - $rep cipher "$(cipher_rate)" GB/s
	done
}

case_decode_tiny() {
	throughput decode_tiny token ms ns/128/1e6 "$(model_path tiny)" -p 0 -n 128 -r 9
}

case_decode_deep() {
	throughput decode_deep token ms ns/64/1e6 "$(model_path deep)" -p 0 -n 64 -r 9
}

case_prompt() {
	throughput prompt rate token/s 512/ns*1e9 "$(model_path prompt)" -p 512 -n 0 -r 3
}

# load_seconds CLIENT-KIND ENDPOINT MODEL: the time from the first read of weights to the next reply after them (to the
# allocation of the KV buffer, which the server answers when it has received everything before). Prints "seconds
# megabytes", the latter of the weights on the device. Without an endpoint it loads locally, into separate memory.
load_seconds() {
	local remote=(--load-mode none --no-repack)
	[ -z "$2" ] || remote=(--rpc "$2" -ngl 99)
	client "$1" 60 llama-completion -m "$3" "${remote[@]}" -t 1 -fit off -c 64 -b 16 -ub 16 -n 1 -p a -no-cnv --no-warmup \
		--log-timestamps --log-colors off -lv 4 >"$out/log/load.log" || return
	cat "$out/log/load.log" "$client_log" | awk -v local_too="$([ -n "$2" ] || echo 1)" '
	function stamp(text, part) { split(text, part, "."); return part[1] * 60 + part[2] + part[3] / 1e3 + part[4] / 1e6 }
	/load_tensors: loading model tensors/ { start = stamp($1) }
	/model buffer size =/ { if (/RPC/ || local_too) size += $(NF - 1) }
	/KV buffer size =/ { if (start && !done) { done = stamp($1); printf "%.6f %.2f\n", done - start, size * 1.048576 } }'
}

# loads CASE MODEL: one load with each pairing from the servers in endpoint_of; records seconds and rate.
loads() {
	local rep pairing seconds mb
	for ((rep = 1; rep <= reps; rep++)); do
		for pairing in $pairings; do
			[ "$pairing" = local ] || [ -n "${endpoint_of[${pairing#*-}]:-}" ] || continue
			seconds='' mb=''
			read -r seconds mb < <(load_seconds "${pairing%-*}" "${endpoint_of[${pairing#*-}]:-}" "$2")
			row "$1" "$pairing" $rep seconds "$seconds" s &&
				row "$1" "$pairing" $rep rate "$(compute mb/s/1e3 mb="$mb" s="$seconds")" GB/s
		done
	done
}

# loads_wire CASE MODEL: one more load with each pairing, without timing: the bytes that the server received relative to
# those of the weights. Reads the kernel's counters while the connection exists.
loads_wire() {
	local pairing port client_pid now bytes mb
	command -v ss >/dev/null || { note "$1: bytes on the wire: install the package iproute2"; return; }
	for pairing in ${pairings/local/}; do
		[ -n "${endpoint_of[${pairing#*-}]:-}" ] || continue
		port=${endpoint_of[${pairing#*-}]##*:}
		bytes=0
		load_seconds "${pairing%-*}" "127.0.0.1:$port" "$2" >"$out/log/load" &
		client_pid=$!
		while alive $client_pid; do
			now=$(port_bytes "$port")
			[ "$now" -le $bytes ] || bytes=$now
			sleep 0.02
		done
		wait $client_pid
		read -r _ mb <"$out/log/load"
		row "$1" "$pairing" 1 wire "$(compute 100*b/mb/1e6 b=$bytes mb="$mb")" %
	done
}

# Brings the model into the page cache, so that only the network limits loads, in every pairing.
big_model() {
	model=$(model_path big) && cat "$model" >/dev/null
}

case_load_cold() {
	local model
	big_model || return
	servers_up
	loads load_cold "$model"
}

case_load_warm() {
	local model each
	big_model || return
	endpoint_of=()
	for each in stock ours; do
		[[ "$pairings " = *-$each\ * ]] || continue
		mkdir -p "$out/cache/$each"
		LLAMA_CACHE=$out/cache/$each server_up "$each" -c
		endpoint_of[$each]=$endpoint
		# A stock client fills the cache, because every server stores its weights.
		load_seconds stock "$endpoint" "$model" >/dev/null
	done
	# Waits until the data is on the disk.
	timeout 60 sync -f "$out/cache"
	local pairings=${pairings/local/}
	loads load_warm "$model"
	loads_wire load_warm "$model"
}

case_load_gguf() {
	local model
	if ! "$build/bin/ggwire" serve --help 2>&1 | grep -q -- '--model'; then
		note "load_gguf: this 'ggwire serve' does not support --model"
		return
	fi
	big_model || return
	endpoint_of=()
	mkdir -p "$out/cache/gguf"
	LLAMA_CACHE=$out/cache/gguf server_up ours --model "$model" -c
	endpoint_of[ours]=$endpoint
	log_await "$log" 'can be loaded from' 60 || { note "load_gguf: indexing did not finish"; return; }
	loads load_gguf "$model"
	loads_wire load_gguf "$model"
}

# Compares two servers with half of the layers each with one server. The output counts as a ninth layer, but a prompt
# needs it only for its last token.
case_pipeline() {
	local model rep pairing args ns
	local -A first=()
	model=$(model_path prompt) || return
	args=(-m "$model" -t 1 -p 2048 -n 0 -ub 256 -sm layer -r 1 -o jsonl)
	servers_up
	for rep in "${!endpoint_of[@]}"; do first[$rep]=${endpoint_of[$rep]}; done
	servers_up
	for ((rep = 1; rep <= reps; rep++)); do
		for pairing in ${pairings/local/}; do
			ns=$(client "${pairing%-*}" 60 llama-bench "${args[@]}" -rpc "${first[${pairing#*-}]}" | bench_ns)
			row pipeline "$pairing" $rep one_server "$(compute 2048/ns*1e9 ns="$ns")" token/s
			ns=$(client "${pairing%-*}" 60 llama-bench "${args[@]}" -ts 4/5 \
				-rpc "${first[${pairing#*-}]},${endpoint_of[${pairing#*-}]}" | bench_ns)
			row pipeline "$pairing" $rep two_servers "$(compute 2048/ns*1e9 ns="$ns")" token/s
		done
	done
}

# clients_together PAIRING COUNT REPETITION ENDPOINT MODEL: starts all clients at once. A client's rate covers the time
# from the start until it ends; fairness is 0 if a client fails.
clients_together() {
	local count=$2 tokens=256 start i pids=() ends=$out/log/ends rate fairness finished
	[ $quick = 0 ] || tokens=128
	: >"$ends"
	start=$EPOCHREALTIME
	for ((i = 0; i < count; i++)); do
		(
			client_log=$out/log/client-$i.log
			client "${1%-*}" 90 llama-bench -m "$5" -rpc "$4" -t 1 -p 0 -n $tokens -r 1 --no-warmup -o jsonl |
				grep -q samples_ns && echo "$EPOCHREALTIME" >>"$ends"
		) &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	read -r rate fairness finished < <(awk -v start="$start" -v tokens=$tokens -v count="$count" '
		{ t = $1 - start; sum += tokens / t; if (t > last) last = t }
		END { if (NR) printf "%.6g %.6g %d\n", NR * tokens / last, NR < count ? 0 : tokens / last / (sum / NR), NR }' "$ends")
	row clients "$1" "$3" "rate_$count" "${rate:-}" token/s
	row clients "$1" "$3" "fairness_$count" "${fairness:-}" ratio
	row clients "$1" "$3" "finished_$count" "${finished:-0}" clients
}

case_clients() {
	local model rep pairing count
	model=$(model_path clients) || return
	servers_up
	for ((rep = 1; rep <= (reps + 1) / 2; rep++)); do
		for pairing in stock-stock ours-ours; do
			[[ " $pairings " = *" $pairing "* ]] || continue
			for count in 1 4 16; do
				clients_together $pairing $count $rep "${endpoint_of[${pairing#*-}]}" "$model"
			done
		done
	done
}

# strace_total FILE: the number of all calls in a summary.
strace_total() {
	awk '$NF == "total" { print $4 }' "$1" 2>/dev/null
}

# syscalls_count PAIRING TOKENS MODEL: traces both sides of one decode. The summaries go to $out/strace.
syscalls_count() {
	local base=$out/strace/$1-$2 tracer pid attach=() i
	server_up "${1#*-}"
	client "${1%-*}" 60 llama-bench -m "$3" -rpc "$endpoint" -t 1 -p 0 -n 1 -r 1 -o jsonl >/dev/null
	server_settle
	for pid in $(process_tree "$server_pid"); do attach+=(-p "$pid"); done
	timeout -k 5 150 strace -f -q -c -S calls -o "$base-server" "${attach[@]}" 2>"$out/log/strace" &
	tracer=$!
	sleep 0.5
	client_traced "$base-client" "${1%-*}" 120 llama-bench -m "$3" -rpc "$endpoint" -t 1 -p 0 -n "$2" -r 1 --no-warmup \
		-o jsonl >/dev/null
	server_settle
	servers_stop
	# strace writes the summary when all traced processes have ended.
	for ((i = 0; i < 50; i++)); do alive $tracer || break; sleep 0.1; done
	kill $tracer 2>/dev/null
	wait $tracer 2>/dev/null
}

# files_opened FILE: the number of files that a traced server opened. Tokens open none, a starting process opens many.
files_opened() {
	awk '$NF == "openat" { sum += $4 } END { print sum + 0 }' "$1" 2>/dev/null
}

# The difference of two runs eliminates the calls of the set-up. If a server process started in only one of them, both
# are repeated.
case_syscalls() {
	local model pairing few=64 many=320 side base try
	if ! strace -o /dev/null true 2>/dev/null; then
		note "syscalls: strace is missing or may not trace: install the package strace"
		return
	fi
	model=$(model_path tiny) || return
	for pairing in ${pairings/local/}; do
		base=$out/strace/$pairing
		for try in 1 2 3; do
			syscalls_count "$pairing" $few "$model"
			syscalls_count "$pairing" $many "$model"
			[ "$(files_opened "$base-$few-server")" != "$(files_opened "$base-$many-server")" ] || break
		done
		for side in server client; do
			row syscalls "$pairing" 1 $side "$(compute "(b-a)/$((many - few))" \
				a="$(strace_total "$base-$few-$side")" b="$(strace_total "$base-$many-$side")")" call/token
		done
	done
}

# The peak resident memory of the serving process, minus its idle memory and the client's buffers.
case_memory() {
	local model pairing rep pid client_pid now grown
	big_model || return
	for ((rep = 1; rep <= (reps + 2) / 3; rep++)); do
		for pairing in ${pairings/local/}; do
			local -A idle=() peak=()
			server_up "${pairing#*-}"
			for pid in $(process_tree "$server_pid"); do idle[$pid]=$(status_kb "$pid" VmRSS); done
			load_seconds "${pairing%-*}" "$endpoint" "$model" >/dev/null &
			client_pid=$!
			while alive $client_pid; do
				for pid in $(process_tree "$server_pid"); do
					# A process that has just replaced another one.
					[ "${idle[$pid]:-}" ] || idle[$pid]=$(status_kb "$pid" VmRSS)
					now=$(status_kb "$pid" VmHWM)
					[ "$now" -le "${peak[$pid]:-0}" ] || peak[$pid]=$now
				done
				sleep 0.02
			done
			wait $client_pid
			grown=$(for pid in "${!peak[@]}"; do echo $((peak[$pid] - idle[$pid])); done | sort -n | tail -n 1)
			row memory "$pairing" $rep above_buffers "$(cat "$out/log/load.log" "$client_log" | awk -v grown="$grown" '
				/RPC.* buffer size =/ { sum += $(NF - 1) }
				END { if (sum) printf "%.2f\n", grown / 1024 - sum }')" MiB
			servers_stop
		done
	done
}

# idle_measure PAIRING CLIENT-PID: the activity of a client that computed once and then waits, and of its server, in two
# seconds.
idle_measure() {
	local servers wakeups cpu
	mapfile -t servers < <(process_tree "$server_pid")
	wakeups=("$(switches "${servers[@]}")" "$(switches "$2")")
	cpu=("$(cpu_ms "${servers[@]}")" "$(cpu_ms "$2")")
	sleep 2
	row idle "$1" 1 server_wakeups $(($(switches "${servers[@]}") - wakeups[0])) "in 2 s"
	row idle "$1" 1 client_wakeups $(($(switches "$2") - wakeups[1])) "in 2 s"
	row idle "$1" 1 server_cpu $(($(cpu_ms "${servers[@]}") - cpu[0])) ms
	row idle "$1" 1 client_cpu $(($(cpu_ms "$2") - cpu[1])) ms
}

case_idle() {
	local pairing client_pid i
	for pairing in ${pairings/local/}; do
		server_up "${pairing#*-}"
		rm -f "$work/idle-in"
		mkfifo "$work/idle-in" || return
		timeout -k 2 30 "$build/bin/bench-graph" --idle --nodes 16 --plugin "$(plugin_path "${pairing%-*}")" \
			--server "$endpoint" <"$work/idle-in" >"$out/log/idle" 2>"$client_log" &
		exec 9>"$work/idle-in"
		for ((i = 0; i < 100; i++)); do grep -q '^pid=' "$out/log/idle" && break; sleep 0.05; done
		sleep 0.5
		client_pid=$(sed -n 's/^pid=//p' "$out/log/idle")
		if [ -n "$client_pid" ]; then
			idle_measure "$pairing" "$client_pid"
		else
			note "idle, $pairing: the client did not become ready (see $client_log)"
		fi
		exec 9>&-
		servers_stop
	done
}

# The client's overhead per node, for graphs of three sizes.
case_graph() {
	local rep pairing nodes line
	servers_up
	for ((rep = 1; rep <= reps; rep++)); do
		for pairing in ${pairings/local/}; do
			for nodes in 500 2000 8000; do
				while IFS= read -r line; do
					row graph "$pairing" $rep "${line%%=*}_$nodes" "${line#*=}" ns/node
				done < <(timeout 60 "$build/bin/bench-graph" --plugin "$(plugin_path "${pairing%-*}")" \
					--server "${endpoint_of[${pairing#*-}]}" --nodes $nodes --rounds 30 2>"$client_log")
			done
		done
	done
}
