#!/bin/sh
# Checks that model architectures compute the same on two servers, FIRST and SECOND, as on the local CPU: on each server
# alone, and on both together with split tensors (rows "Meta"), which the servers add up between them.
# Usage: archs.sh CLIENT FIRST SECOND [full]; each is stock or ggwire
# Without "full": a few architectures of each kind, and the rows must equal those of the stock client with two stock
# servers.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
client=$1 servers="$2 $3" extent=${4:-quick}
peers=1
interop_begin
tests=libexec/$triplet/llama.cpp-tests/test-llama-archs
choice='^(llama|gemma3|deepseek2|mamba2|qwen3next|t5)$'
# Servers of two kinds differ from pairs only in how they add up.
[ "$2" = "$3" ] || choice='^(llama|deepseek2)$'

# archs_run PLUGIN FIRST SECOND OUTPUT [OPTION...]: writes one line per row: architecture, device, kind, and the result
# of each column.
archs_run() {
	plugin=$1 kinds="$2 $3" output=$4
	server_start "$2"
	first=$endpoint first_log=$log
	server_start "$3"
	shift 4
	register_run "$plugin" "$first,$endpoint" "$tests" -s 1 "$@" >"$output.raw" 2>"$output.log"
	code=$?
	plain "$output.raw" >"$output.table"
	[ $code -eq 0 ] || { grep -E 'FAIL|^Summary' "$output.table"; fail "test-llama-archs exits with $code ($plugin client, servers $kinds)"; }
	grep -q '^Summary' "$output.table" || fail "test-llama-archs prints no summary"
	servers_alive
	for each in "$first_log" "$log"; do
		grep -qE 'joined pairwise comm|(connected|linked) to the server at' "$each" || fail "the servers are not connected"
	done
	awk -F'|' -v first="$first" -v second="$endpoint" 'NF > 6 && !/Model arch|----/ {
		for (i = 2; i <= 7; i++) {
			sub(/\(.*/, "", $i)
			gsub(/^ +| +$/, "", $i)
		}
		# Our plug-in prints the device and its address, the stock plug-in only the address.
		device = index($3, first) ? "RPC0" : index($3, second) ? "RPC1" : $3
		gsub(/ /, "-", device)
		print $2, device, $4, $5, $6, $7
	}' "$output.table" | sort >"$output"
}

# The rows of a device, without its name.
rows_of() {
	awk -v device="$1" '$2 == device { $2 = ""; print }' "$2"
}

if [ "$extent" = full ]; then
	limit=3600
	# shellcheck disable=SC2086
	archs_run "$client" $servers "$work/rows"
	# The first rows are those of the local CPU, named by its model.
	grep -vE ' (RPC[01]|Meta|Host-experts|MoE-cache[^ ]*) ' "$work/rows" | awk '{ $2 = ""; print }' >"$work/cpu"
	for device in RPC0 RPC1; do
		rows_of $device "$work/rows" | diff "$work/cpu" - || fail "the rows of $device differ from those of the CPU"
	done
else
	limit=290
	archs_run stock stock stock "$work/expected" -a "$choice"
	servers_stop
	# shellcheck disable=SC2086
	archs_run "$client" $servers "$work/rows" -a "$choice"
	diff "$work/expected" "$work/rows" || fail "the rows differ from those of the stock pair"
fi
together=$(awk '$2 == "Meta" && $4 == "OK"' "$work/rows" | wc -l)
[ "$together" -gt 0 ] || fail "no architecture ran with its tensors split over both servers"
echo "PASS: $(grep '^Summary' "$work/rows.table"), $together with tensors split; $client client, servers $servers"
