# bench/cluster/run sources this file, after bench/report.sh. It writes the report: tables, targets, plots.
# shellcheck shell=bash disable=SC2154

# speed MODEL SPLIT PHASE LINK MACHINES KIND [COLUMN]: tokens per second, or another column of the run; nothing if there
# was no such run.
speed() {
	awk -F, -v run="$1,$2,$3,$4,$5,$6" -v column="${7:-9}" '$1 "," $2 "," $3 "," $4 "," $5 "," $6 == run { print $column }' "$results"
}

# speed_up MODEL SPLIT PHASE LINK MACHINES KIND [COLUMN]: relative to one machine.
speed_up() {
	compute a/b a="$(speed "$@")" b="$(speed "${@:1:4}" 1 "${@:6}")"
}

# steady_up ...: speed_up without the time that fills the pipeline, (n - 1)/n of a micro-batch.
steady_up() {
	local m one
	m=$(micro_batches "$2" "$5")
	one=$(speed "${@:1:4}" 1 "$6")
	compute 'm/(m*o/s-(n-1)/n)' m="$m" o="$one" s="$(speed "$@")" n="$5"
}

# reduce_median KIND METRIC
reduce_median() {
	[ -r "$out/allreduce.csv" ] || return 0
	awk -F, -v k="$1" -v m="$2" '$1 == k && $3 == m { print $4 }' "$out/allreduce.csv" | sort -g |
		awk '{ v[NR] = $1 } END { if (NR) printf "%.6g\n", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

runs_table() {
	local run
	printf '| model | link | machines | servers | data path | tokens/s | speed-up | predicted | measured / predicted | predicted for direct links | speed-up | scale | CPU %% | late us |\n'
	printf '|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n'
	while IFS=, read -r model split phase net n kind way scale value predicted direct cpu late; do
		run=("$model" "$split" "$phase" "$net" "$n" "$kind")
		case $way in
		client) way='through the client' ;;
		pair) way='between the pair' ;;
		direct) way=directly ;;
		*) way=- ;;
		esac
		printf '| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n' "$model" "$net" "$n" "$kind" "$way" \
			"$(shown "$value")" "$(shown "$(speed_up "${run[@]}")")" "$(shown "$predicted")" \
			"$(shown "$(compute a/b a="$value" b="$predicted")")" "$(shown "$direct")" "$(shown "$(speed_up "${run[@]}" 11)")" \
			"$scale" "$(shown "$cpu")" "$(shown "$late")"
	done < <(grep "^[^,]*,$1,$2," "$results")
}

network_table() {
	printf '| link | scale | round trip us | set | MB/s in both directions | set |\n|---|---|---|---|---|---|\n'
	tail -n +2 "$out/network.csv" | while IFS=, read -r net scale rtt_set rtt rate_set rate; do
		printf '| %s | %s | %s | %s | %s | %s |\n' "$net" "$scale" "$(shown "$rtt")" "$(shown "$rtt_set")" \
			"$(shown "$(compute r/1e6 r="$rate")")" "$(shown "$(compute r/1e6 r="$rate_set")")"
	done
}

reduce_table() {
	local metric stock ours
	printf '| what | unit | stock | ours | ours / stock |\n|---|---|---|---|---|\n'
	for metric in tcp_rtt tcp_rtt_apart tcp_both reduce_{16384,49152,1048576,10485760} reduce_queued_{16384,49152,1048576,10485760} hop_{16384,32768}; do
		stock=$(reduce_median stock $metric) ours=$(reduce_median ours $metric)
		printf '| %s | %s | %s | %s | %s |\n' $metric "$([ $metric = tcp_both ] && echo GB/s || echo us)" "$(shown "$stock")" \
			"$(shown "$ours")" "$(shown "$(compute a/b a="$ours" b="$stock")")"
	done
}

reduce_targets() {
	local rtt apart both stock ours bytes
	apart=$(reduce_median ours tcp_rtt_apart)
	rtt=$(reduce_median ours tcp_rtt) both=$(reduce_median ours tcp_both)
	stock=$(reduce_median stock reduce_16384) ours=$(reduce_median ours reduce_16384)
	target "all-reduce of 16 KB over TCP on one machine (us; round trip $(shown "$rtt"), $(shown "$apart") between two processors)" "$stock" "$ours" \
		"at most 2.5 round trips" 'o<=2.5*r' o="$ours" r="$rtt"
	target "the same" "$stock" "$ours" "at most half of stock" 'o<=s/2' o="$ours" s="$stock"
	for bytes in 1048576 10485760; do
		stock=$(reduce_median stock reduce_$bytes) ours=$(reduce_median ours reduce_$bytes)
		target "all-reduce of $((bytes >> 20)) MB (us)" "$stock" "$ours" "at least 1.7 x as fast as stock" 's>=1.7*o' o="$ours" s="$stock"
		stock=$(compute b/s/1e3 b=$bytes s="$stock") ours=$(compute b/o/1e3 b=$bytes o="$ours")
		target "the same, GB/s of F32 in each direction (TCP in both at once $(shown "$both"))" "$stock" "$ours" \
			"at least 0.7 of it" 'o>=0.7*b' o="$ours" b="$both"
	done
	stock=$(reduce_median stock hop_16384) ours=$(reduce_median ours hop_16384)
	target "hop of a hidden state of 16 KB (us)" "$stock" "$ours" "half a round trip and 15 us" 'o<=r/2+15' o="$ours" r="$rtt"
}

cluster_targets() {
	local n
	printf '| what | stock | ours | target | met |\n|---|---|---|---|---|\n'
	reduce_targets
	for n in 2 4; do
		set -- 70B tensor decode 25GbE $n
		target "decode, tensors split, 25GbE, 70B: $n machines against one" "$(speed_up "$@" stock)" "$(speed_up "$@" ours)" \
			"at least $([ $n = 2 ] && echo 1.7 || echo 2.8)" "o>=(n==2?1.7:2.8)" n=$n o="$(speed_up "$@" ours)"
	done
	for n in 2 4 8; do
		set -- 70B layer prefill 10GbE $n
		target "long prompt, layers split, 10GbE, 70B: $n machines against one" "$(steady_up "$@" stock)" \
			"$(steady_up "$@" ours)" "at least $(compute 0.9*n n=$n)" 'o>=0.9*n' n=$n o="$(steady_up "$@" ours)"
	done
}

cluster_table() {
	local name
	printf '# Simulated cluster\n\n'
	sed 's/^/* /' "$out/machine"
	[ ! -r "$out/notes" ] || sed 's/^/* not measured: /' "$out/notes"
	[ ! -r "$out/remarks" ] || sed 's/^/* /' "$out/remarks"
	printf '\n## Measured network\n\n'
	network_table
	for name in tensor,decode tensor,prefill layer,decode layer,prefill; do
		grep -q "^[^,]*,$name," "$results" || continue
		printf '\n## %ss split, %s\n\n' "${name%,*}" "${name#*,}"
		runs_table "${name%,*}" "${name#*,}"
	done
	if [ -r "$out/allreduce.csv" ]; then
		printf '\n## Two servers on this machine, without simulation\n\n'
		reduce_table
	fi
	printf '\n## Targets\n\n'
	cluster_targets
}

# plot_lines FILE SPLIT PHASE MODEL: for each link a block of machines, ours, stock, and the prediction for direct
# links.
plot_lines() {
	local net n
	for net in $all_links; do
		echo "\"$net\""
		for n in 1 2 4 8; do
			[ "$(speed "$4" "$2" "$3" "$net" $n ours)" ] || continue
			echo "$n $(speed_up "$4" "$2" "$3" "$net" $n ours) $(speed_up "$4" "$2" "$3" "$net" $n stock | grep . || echo NaN)" \
				"$(speed_up "$4" "$2" "$3" "$net" $n ours 11)"
		done
		printf '\n\n'
	done | awk '/^"/ { name = $0; next } NF { if (name) print name; name = ""; print; next } !name' >"$1"
	grep -q '^[0-9]' "$1"
}

cluster_plots() {
	local model name
	if ! command -v gnuplot >/dev/null 2>&1; then
		note "plots: gnuplot is missing: install the package gnuplot-nox"
		return
	fi
	mkdir -p "$out/plot"
	for model in $all_models; do
		for name in tensor-decode tensor-prefill layer-prefill; do
			plot_lines "$out/plot/$name-$model" "${name%-*}" "${name#*-}" "$model" || continue
			gnuplot -e "data='$out/plot/$name-$model'; out='$out/$name-$model.svg'; title='$model, ${name%-*}s split, ${name#*-}'" \
				"$here/plots.gp" 2>"$out/log/gnuplot.log" || note "plots: gnuplot failed: see $out/log/gnuplot.log"
		done
	done
}
