#!/bin/sh
# Runs every fuzz target for a limited time, and fails at the first finding. New inputs go to BUILD/corpus; the seeds in
# the tree are only read.
# Usage: fuzz/run.sh BUILD_DIR [SECONDS] [TARGET...]
# FUZZ_SEED, if set, makes runs reproducible, for checks that must give the same result for the same tree.
set -u
build=${1:?the build directory} seconds=${2:-20}
shift
[ $# -gt 0 ] && shift
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- wire session link graph launch client lies gguf cache tls

for target; do
	[ "$target" != tls ] || [ -x "$build/fuzz/fuzz_tls" ] || { echo "fuzz: tls: not in this build"; continue; }
	found=$build/corpus/$target
	log=$build/fuzz_$target.log
	mkdir -p "$found"
	if ! "$build/fuzz/fuzz_$target" -max_total_time="$seconds" -max_len=65536 -timeout=10 -rss_limit_mb=2048 \
		-seed="${FUZZ_SEED:-0}" -print_final_stats=1 -artifact_prefix="$build/$target-" "$found" "$here/corpus/$target" >"$log" 2>&1; then
		grep -E 'ERROR|SUMMARY|runtime error|Test unit written|^Base64:' "$log" >&2
		echo "fuzz: $target: a finding (log: $log)" >&2
		exit 1
	fi
	echo "fuzz: $target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") executions, no finding"
done
