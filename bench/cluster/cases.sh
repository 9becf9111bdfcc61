# bench/cluster/run sources this file. It runs programs on the simulated machines.
#
# The variables model, split, phase, net, n (machines) and kind describe a run.
# shellcheck shell=bash disable=SC2154,SC2034

# Limit in seconds for a run. Longer ones are skipped, with a remark.
longest=40

run_name() {
	echo "$model, $split, $phase, $net, $n x $kind"
}

# The number of generated tokens, or of prompt tokens.
tokens() {
	[ $phase = decode ] && echo 1 || echo $(($(micro_batches $split $n) * batch))
}

# How many layers of the model each layer of the file represents, in runs that only cover the file's layers.
represents() {
	[ $split = layer ] && echo 1 || compute a/b a=$layers b=$file_layers
}

# predicted WAY [once]: seconds for a token, or for the prompt, of the whole model; with once, only of the parts that do
# not depend on the number of layers.
predicted() {
	awk -v what="${2:-}" -v by=$split -v phase=$phase -v n=$n -v way="$1" -v latency_us=$latency_us -v rate=$rate -v embd=$embd \
		-v layers=$layers -v weights=$weights -v file_layers=$file_layers -v file_inner=$file_inner -v file_ff=$file_ff \
		-v file_vocab=$file_vocab -v flops=$machine_flops -v bytes=$machine_bytes -v launch=$machine_launch \
		-v batch=$batch -v m="$(micro_batches $split $n)" -f "$here/predict.awk" </dev/null
}

# How data travels from server to server, as the last run of the kind has shown.
declare -A way_of=()
way() {
	case $kind,$split,$n in
	*,1) echo none ;;
	# Stock's communicator works between two servers only.
	stock,tensor,2) echo pair ;;
	*) echo "${way_of[$kind,$split]:-client}" ;;
	esac
}

# way_learn CLIENT BETWEEN: derives it from the bytes that passed. Pairing itself takes only a few dozen bytes between
# servers.
way_learn() {
	[ "$n" != 1 ] || return 0
	way_of[$kind,$split]=client
	[ "$2" -le $(($1 / 10)) ] || way_of[$kind,$split]=direct
}

# model_file: true width, few layers, and otherwise the minimum that eight machines can split; made once.
model_file() {
	local file=$out/models/$model-$file_ff.gguf
	[ -r "$file" ] || { "$build/bin/mkmodel" --layers $file_layers --embd $embd --heads 8 --kv-heads 8 \
		--head-dim $((file_inner / 8)) --ff $file_ff --vocab $file_vocab --type q4_0 --out "$file.part" >&2 &&
		mv "$file.part" "$file"; } || return
	echo "$file"
}

# device: settings of the simulated devices. With split layers each layer of the file represents several.
device() {
	local each=1
	[ $split = tensor ] || each=$(compute a/b a=$layers b=$file_layers)
	echo "flops=$machine_flops,bytes=$machine_bytes,slow=$scale,launch=$(compute 'l*e' l=$machine_launch e="$each"),work=$(
		compute 'w*e' w="$factor" e="$each")"
}

# bench_options: sets options for llama-bench. With split layers the output counts as one layer, on the last machine.
# With split tensors every machine gets the same part: llama.cpp would divide whole heads by free memory, which may differ
# a little.
bench_options() {
	local at='' i share=1
	# The first of two samples is a warm-up, during which the network becomes slow.
	options=(-sm $split -ub $batch -t 1 -fa on -o jsonl --progress --no-warmup -r 2)
	[ $split = tensor ] || share=$((file_layers / n))
	for ((i = 1; i < n; i++)); do at+=$share/; done
	[ $split = tensor ] || share=$((share + 1))
	[ "$n" = 1 ] || options+=(-ts "$at$share")
	[ $phase = decode ] && options+=(-p 0 -n 1) || options+=(-n 0 -p "$(tokens)")
}

# network_check: measures the network at these settings, once for each.
declare -A checked=()
network_check() {
	local line rtt='' real='' bytes rtt_set rate_set
	[ -z "${checked[$net,$scale]:-}" ] || return 0
	checked[$net,$scale]=1
	rtt_set=$(compute '2*a*s' a=$latency_us s=$scale) rate_set=$(compute r/s r=$rate s=$scale)
	bytes=$(compute 'int(r/2/262144+1)*262144' r="$rate_set")
	network_start 2
	network_pace "$net" "$scale"
	while IFS= read -r line; do
		case $line in rtt_us=*) rtt=${line#*=} ;; rate=*) real=${line#*=} ;; esac
	done < <(timeout 60 "$build/bin/bench-link" "$network.101" "$network.1" "$port" 40 "$(printf %.0f "$bytes")")
	network_stop
	echo "$net,$scale,$rtt_set,$rtt,$rate_set,$real" >>"$out/network.csv"
	[ "$rtt" ] && [ "$real" ] || { note "$net at scale $scale: the network was not measured"; return; }
	echo "bench-cluster: $net, $scale times slower: round trip $(shown "$rtt") us (set: $(shown "$rtt_set"))," \
		"$(shown "$(compute r/1e6 r="$real")") MB/s in both directions (set: $(shown "$(compute r/1e6 r="$rate_set")"))" >&2
}

# client_run FILE: runs llama-bench and writes its CPU seconds to the file.
client_run() {
	local TIMEFORMAT='%U %S' status
	# Each micro-batch uses a new graph, as with 256 tokens or more: llama.cpp waits before it reuses a graph.
	[ $phase = decode ] || export LLAMA_GRAPH_REUSE_DISABLE=1
	{ time client $kind 150 llama-bench -m "$1" -rpc "$endpoints" "${options[@]}" >"$out/log/bench.jsonl"; } \
		2>"$out/log/client-times"
	status=$?
	awk '{ print $1 + $2 }' "$out/log/client-times" >"$out/log/client-cpu"
	return $status
}

# client_await: waits for llama-bench. The network becomes slow at its first computation, because loading weights is not
# measured. Sets cpu, the CPU usage of everything in percent of this machine.
client_await() {
	local i start before
	for ((i = 0; i < 1500; i++)); do
		! grep -q ' run 1/' "$client_log" && alive $client_pid || break
		sleep 0.02
	done
	network_pace "$net" "$scale"
	start=${EPOCHREALTIME/./} before=$(cluster_cpu_ms)
	wait $client_pid || return
	cpu=$(compute '(a-b+1000*c)/(t/1000)/p*100' a="$(cluster_cpu_ms)" b="$before" c="$(cat "$out/log/client-cpu")" \
		t=$((${EPOCHREALTIME/./} - start)) p="$(nproc)")
}

# result_note: writes the row. The way of a kind is known after the run.
result_note() {
	local ns seconds client between late
	read -r client between late < <(relay_ask counts | sed 's/[a-z_]*=//g')
	way_learn "$client" "$between"
	ns=$(sed -n 's/.*"samples_ns": \[ *\([^]]*\)\].*/\1/p' "$out/log/bench.jsonl" | tr , '\n' | tr -d ' ' | tail -n 1)
	[ "$ns" ] || { note "$(run_name): no result: $(tail -n 1 "$client_log")"; return; }
	seconds=$(compute 'ns/1e9/s*r-(r-1)*o' ns="$ns" s=$scale r="$(represents)" o="$(predicted "$(way)" once)")
	echo "$model,$split,$phase,$net,$n,$kind,$(way),$scale,$(compute t/s t="$(tokens)" s="$seconds"),$(
		compute t/p t="$(tokens)" p="$(predicted "$(way)")"),$(compute t/p t="$(tokens)" p="$(predicted direct)"),$(
		compute c c="$cpu"),${late%% *}" >>"$results"
	[ "$(compute 'c>60' c="$cpu")" != 1 ] || remark "$(run_name): took $(shown "$cpu") % of this machine; the scale is too small for it"
}

# run_long: whether the run would exceed the limit.
run_long() {
	local seconds
	seconds=$(compute '2*p*s/r' p="$(predicted "$(way)")" s=$scale r="$(represents)")
	[ "$(compute "s>$longest" s="$seconds")" = 1 ] || return
	remark "$(run_name): skipped, it would take $(shown "$seconds") s"
}

run_one() {
	local file scale sim options cpu='' client_pid
	link $net && model $model && file=$(model_file) || return
	scale=$(scale $model $split $phase $net)
	! run_long || return
	sim=$(device)
	network_check
	bench_options
	network_start "$n"
	: >"$client_log"
	if ! machines_start $kind "$n"; then
		note "$(run_name): a server does not start: $(tail -n 1 "$log")"
	else
		client_run "$file" &
		client_pid=$!
		if client_await; then result_note; else note "$(run_name): llama-bench failed: $(tail -n 1 "$client_log")"; fi
	fi
	cp "$work"/server-*.log "$out/log/" 2>/dev/null
	servers_stop
	network_stop
}

# runs SPLIT PHASE LINKS: measures every model and number of machines, with alternating kinds.
runs() {
	local split=$1 phase=$2 model net n kind
	for model in $models; do
		for net in $3; do
			for n in $machines; do
				for kind in stock ours; do
					# Three or more stock servers cannot reduce among themselves.
					[ "$kind,$split" != stock,tensor ] || [ "$n" -le 2 ] || continue
					run_one
				done
			done
		done
	done
}

case_tensor_decode() { runs tensor decode "$tensor_links"; }
case_tensor_prefill() { runs tensor prefill "$tensor_links"; }
case_layer_decode() { runs layer decode "$layer_links"; }
case_layer_prefill() { runs layer prefill "$layer_links"; }

# Two servers on this machine with its CPU devices, without simulation: the overhead of the software.
case_allreduce() {
	local rep each first line reps=5
	[ $quick = 0 ] || reps=2
	echo 'kind,repetition,metric,value' >"$out/allreduce.csv"
	for ((rep = 1; rep <= reps; rep++)); do
		for each in stock ours; do
			server_start "$(kind_program $each)" -t 1
			first=$endpoint
			server_start "$(kind_program $each)" -t 1
			while IFS= read -r line; do
				echo "$each,$rep,${line%%=*},${line#*=}" >>"$out/allreduce.csv"
			done < <(timeout 100 "$build/bin/bench-allreduce" --plugin "$(plugin_path $each)" "$first" "$endpoint" 2>"$client_log")
			servers_stop
		done
	done
	grep -q hop_ "$out/allreduce.csv" || note "allreduce: nothing measured: $(tail -n 1 "$client_log")"
}
