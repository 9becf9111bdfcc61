# bench/run sources this file. It evaluates results.csv: medians, ratios, targets, plots.
# shellcheck shell=bash disable=SC2154

machine_describe() {
	echo "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) cores," \
		"$(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo) memory, Linux $(uname -r)"
	echo "load average at the start: $(cut -d ' ' -f 1-3 /proc/loadavg)"
	[ ! -r "$sysroot/VERSIONS" ] || echo "stock: $(awk '$1 ~ /^(libggml0|libggml0-backend-rpc|llama.cpp-tools):?/ { print $1, $2 }' \
		"$sysroot/VERSIONS" | paste -sd, | sed 's/,/, /g')"
	echo "ours: $("$build/bin/ggwire" --version 2>/dev/null | head -n 1)"
	[ $quick = 0 ] || echo "**Measured with --quick: do not quote these results.**"
}

# median CASE PAIRING METRIC: of all repetitions; prints nothing if there are none.
median() {
	awk -F, -v c="$1" -v p="$2" -v m="$3" '$1 == c && $2 == p && $4 == m { print $5 }' "$results" | sort -g |
		awk '{ v[NR] = $1 } END { if (NR) printf "%.6g\n", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

# Formats a number for a table: three digits, or a dash.
shown() {
	[ -n "$1" ] || { printf -- '-'; return; }
	awk -v x="$1" 'BEGIN { a = x < 0 ? -x : x; f = (a == int(a) || a >= 100) ? "%.0f" : (a >= 10) ? "%.1f" : (a >= 1) ? "%.2f" : "%.3f"; printf f, x }'
}

# added CASE PAIRING: microseconds per token in addition to local compute.
added() {
	compute '(t-l)*1e3' t="$(median "$1" "$2" token)" l="$(median "$1" local token)"
}

metric_table() {
	awk -F, 'NR > 1 && $1 != "limits" && !(($1, $4) in seen) { seen[$1, $4] = 1; print $1, $4, $6 }' "$results" |
		while read -r name metric unit; do
			printf '| %s | %s | %s |' "$name" "$metric" "$unit"
			for pairing in $all_pairings; do printf ' %s |' "$(shown "$(median "$name" "$pairing" "$metric")")"; done
			printf ' %s |\n' "$(shown "$(compute a/b a="$(median "$name" ours-ours "$metric")" \
				b="$(median "$name" stock-stock "$metric" | grep -vx 0)")")"
		done
}

added_table() {
	local name pairing rtt
	rtt=$(median limits - tcp_rtt)
	for name in decode_tiny decode_deep; do
		for pairing in stock-stock ours-ours stock-ours ours-stock tls-tls; do
			[ -n "$(added $name $pairing)" ] || continue
			printf '| %s | %s | %s | %s |\n' $name $pairing "$(shown "$(added $name $pairing)")" \
				"$(shown "$(compute a/r a="$(added $name $pairing)" r="$rtt")")"
		done
	done
}

# target WHAT STOCK OURS TARGET-TEXT CONDITION VARIABLE=VALUE...: prints a row; the target is met if the condition (awk)
# holds.
target() {
	local what=$1 stock=$2 ours=$3 text=$4 condition=$5 met
	shift 5
	met=$(compute "$condition" "$@")
	printf '| %s | %s | %s | %s | %s |\n' "$what" "$(shown "$stock")" "$(shown "$ours")" "$text" \
		"$(case $met in 1) echo yes ;; 0) echo "**no**" ;; *) echo 'not measured' ;; esac)"
}

target_table() {
	local rtt stream fresh a b pairing
	rtt=$(median limits - tcp_rtt)
	stream=$(median limits - tcp_stream)
	fresh=$(median limits - tcp_load)
	a=$(compute a/r a="$(added decode_tiny stock-stock)" r="$rtt")
	b=$(compute a/r a="$(added decode_tiny ours-ours)" r="$rtt")
	target "time added to a token, tiny model, ours to ours (TCP round trips)" "$a" "$b" "at most 3" 'b<=3' b="$b"
	for pairing in stock-ours ours-stock; do
		a=$(added decode_tiny stock-stock) b=$(added decode_tiny $pairing)
		target "the same, $pairing (us)" "$a" "$b" "at most 0.8 of stock" 'b<=0.8*a' a="$a" b="$b"
	done
	for pairing in server client; do
		b=$(median syscalls ours-ours $pairing)
		target "$pairing system calls for each token" "$(median syscalls stock-stock $pairing)" "$b" "at most 4" 'b<=4' b="$b"
	done
	a=$(median load_cold stock-stock rate) b=$(median load_cold ours-ours rate)
	target "cold load, ours to ours (GB/s; TCP stream $(shown "$stream"))" "$a" "$b" "at least 0.6 of the stream" 'b>=0.6*s' \
		b="$b" s="$stream"
	target "the same; TCP stream into pages never touched $(shown "$fresh")" "$a" "$b" "at least 0.6 of it" 'b>=0.6*s' \
		b="$b" s="$fresh"
	b=$(median load_cold stock-ours rate)
	target "cold load, stock client to our server (GB/s)" "$a" "$b" "at least 1.1 of stock" 'b>=1.1*a' a="$a" b="$b"
	b=$(median load_cold ours-stock rate)
	target "cold load, our client to stock server (GB/s)" "$a" "$b" "at least 1.5 of stock" 'b>=1.5*a' a="$a" b="$b"
	for pairing in ours-ours stock-ours; do
		b=$(median load_gguf $pairing wire)
		target "load from the server's GGUF, $pairing: bytes on the wire (%)" "" "$b" "below 1" 'b<1' b="$b"
		a=$(median load_gguf local seconds) b=$(median load_gguf $pairing seconds)
		target "the same: seconds (local load $(shown "$a"))" "" "$b" "at most 1.3 of it" 'b<=1.3*a' a="$a" b="$b"
	done
	b=$(median memory ours-ours above_buffers)
	target "server memory above the buffers while loading (MiB)" "$(median memory stock-stock above_buffers)" "$b" "at most 32" \
		'b<=32' b="$b"
	b=$(median graph ours-ours new_2000)
	target "submission of a new graph of 2,000 nodes (ns a node)" "$(median graph stock-stock new_2000)" "$b" "at most 1000" \
		'b<=1000' b="$b"
	b=$(compute l/s l="$(median graph ours-ours new_8000)" s="$(median graph ours-ours new_500)")
	target "a node of 8,000 against one of 500 (a quadratic step would give 16)" \
		"$(compute l/s l="$(median graph stock-stock new_8000)" s="$(median graph stock-stock new_500)")" "$b" \
		"no quadratic step: at most 4" 'b<=4' b="$b"
	for pairing in server client; do
		b=$(median idle ours-ours ${pairing}_wakeups)
		target "idle $pairing: wake-ups in 2 s" "$(median idle stock-stock ${pairing}_wakeups)" "$b" none 'b==0' b="$b"
	done
	a=$(compute n/o n="$(median clients stock-stock rate_16)" o="$(median clients stock-stock rate_1)")
	b=$(compute n/o n="$(median clients ours-ours rate_16)" o="$(median clients ours-ours rate_1)")
	target "16 clients together against one alone" "$a" "$b" "at least 0.9" 'b>=0.9' b="$b"
	b=$(median clients ours-ours fairness_16)
	target "16 clients: slowest against the mean" "$(median clients stock-stock fairness_16)" "$b" "at least 0.5" 'b>=0.5' b="$b"
	a=$(compute n/o n="$(median pipeline stock-stock two_servers)" o="$(median pipeline stock-stock one_server)")
	b=$(compute n/o n="$(median pipeline ours-ours two_servers)" o="$(median pipeline ours-ours one_server)")
	target "two servers against one, prompt 2048" "$a" "$b" "a gain" 'b>1.05' b="$b"
	a=$(median load_cold ours-ours rate) b=$(median load_cold tls-tls rate)
	target "cold load with TLS, ours to ours (GB/s; without $(shown "$a"))" "" "$b" "at least 0.6 of it" 'b>=0.6*a' a="$a" b="$b"
	for pairing in decode_tiny decode_deep; do
		b=$(compute '(t-p)*1e3' t="$(median $pairing tls-tls token)" p="$(median $pairing ours-ours token)")
		target "time that TLS adds to a token, $pairing (us)" "" "$b" "at most 15" 'b<=15' b="$b"
	done
}

report_table() {
	echo "# Benchmark"
	echo
	sed 's/^/* /' "$out/machine"
	echo "* medians of $(awk -F, 'NR > 1 && $3 > n { n = $3 } END { print n + 0 }' "$results") repetitions"
	[ ! -r "$out/notes" ] || sed 's/^/* not measured: /' "$out/notes"
	printf '\n## Limits of the same run\n\n| what | value | unit |\n|---|---|---|\n'
	printf '| TCP round trip, 64 bytes | %s | us |\n' "$(shown "$(median limits - tcp_rtt)")"
	printf '| TCP stream, one connection | %s | GB/s |\n' "$(shown "$(median limits - tcp_stream)")"
	printf '| the same, from memory in no cache into pages never touched | %s | GB/s |\n' "$(shown "$(median limits - tcp_load)")"
	printf '| the same into huge pages | %s | GB/s |\n' "$(shown "$(median limits - tcp_load_huge)")"
	printf '| memcpy | %s | GB/s |\n' "$(shown "$(median limits - memcpy)")"
	printf '| FNV-1a | %s | GB/s |\n' "$(shown "$(median limits - fnv1a)")"
	printf '| AES-128-GCM, 16 KiB at a time | %s | GB/s |\n' "$(shown "$(median limits - cipher)")"
	printf '\n## Cases (pairings are client-server)\n\n'
	printf '| case | metric | unit | local | stock-stock | ours-ours | stock-ours | ours-stock | tls-tls | ours-ours / stock-stock |\n'
	printf '|---|---|---|---|---|---|---|---|---|---|\n'
	metric_table
	printf '\n## Time that a token costs above local compute\n\n| case | pairing | us | TCP round trips |\n|---|---|---|---|\n'
	added_table
	printf '\n## Targets\n\n| what | stock | ours | target | met |\n|---|---|---|---|---|\n'
	target_table
}

# plot_data FILE COLUMN...: reads standard input; fails if no row has a number.
plot_data() {
	cat >"$1"
	grep -q '[0-9]' "$1"
}

report_plots() {
	local data=$out/plot rtt pairing
	if ! command -v gnuplot >/dev/null 2>&1; then
		note "plots: gnuplot is missing: install the package gnuplot-nox"
		return
	fi
	mkdir -p "$data"
	rtt=$(median limits - tcp_rtt)
	value() { shown "$(median "$@")" | sed "s/^-\$/0/"; }
	for pairing in stock-stock ours-stock stock-ours ours-ours; do
		echo "$pairing $(added decode_tiny $pairing | grep . || echo 0) $(added decode_deep $pairing | grep . || echo 0)"
	done >"$data/decode"
	for pairing in stock-stock ours-stock stock-ours ours-ours; do
		echo "$pairing $(value load_cold $pairing rate) $(value load_warm $pairing rate) $(value load_gguf $pairing rate)"
	done >"$data/load"
	for pairing in 1 4 16; do
		echo "$pairing $(value clients stock-stock rate_$pairing) $(value clients ours-ours rate_$pairing)"
	done >"$data/clients"
	for pairing in stock-stock ours-stock stock-ours ours-ours; do
		echo "$pairing $(value syscalls $pairing server) $(value syscalls $pairing client)"
	done >"$data/syscalls"
	for pairing in stock-stock ours-stock stock-ours ours-ours; do
		echo "$pairing $(value pipeline $pairing one_server) $(value pipeline $pairing two_servers)"
	done >"$data/pipeline"
	gnuplot -e "data='$data'; out='$out'; rtt=${rtt:-NaN}; stream=$(value limits - tcp_stream); fresh=$(value limits - tcp_load); fnv=$(value limits - fnv1a)" \
		"$here/plots.gp" 2>"$out/log/gnuplot.log" || note "plots: gnuplot failed: see $out/log/gnuplot.log"
}
