#!/bin/bash
# A model on two machines of the simulated cluster, whose devices really compute: the text equals that of this machine
# alone. Two stock servers with split tensors find each other through the network.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
# shellcheck source=bench/lib.sh
. "$GGWIRE_ROOT/bench/lib.sh"
# shellcheck source=bench/cluster/settings.sh
. "$GGWIRE_ROOT/bench/cluster/settings.sh"
# shellcheck source=bench/cluster/machines.sh
. "$GGWIRE_ROOT/bench/cluster/machines.sh"
die() { fail "$@"; }
relay_pid=''
interop_begin
# shellcheck disable=SC2154 # set by interop_begin
out=$work
mkdir "$out/log"
trap 'status=$?; network_stop; (exit $status); interop_end' EXIT
# shellcheck disable=SC2034 # read by machine_start
sim=compute=1,launch=1e-7

# cluster_text KIND SPLIT: writes the text to $work/KIND-SPLIT and prints the relay's counters.
cluster_text() {
	network_start 2
	machines_start "$1" 2 || fail "the servers do not start"
	network_pace 100GbE 20
	# shellcheck disable=SC2154 # set by machines_start
	generate "$(kind_program "$1")" "$endpoints" "$work/$1-$2" -sm "$2" -n 8 || fail "llama-completion fails: $1, $2"
	counts=$(relay_ask counts)
	servers_alive
	servers_stop
	network_stop
}

generate none local "$work/local" -n 8 || fail "llama-completion fails without servers"
[ -s "$work/local" ] || fail "llama-completion generates no text"
cluster_text ours layer
cmp "$work/local" "$work/ours-layer" || fail "the text differs on two machines"
read -r client between _ < <(echo "$counts" | sed 's/[a-z_]*=//g')
[ "$client" -gt 10000 ] || fail "the client's traffic bypassed the relay: $counts"
echo "PASS: ours, layers split: $counts"
cluster_text stock tensor
read -r client between _ < <(echo "$counts" | sed 's/[a-z_]*=//g')
[ "$between" -gt 10000 ] || fail "the stock servers did not reach each other: $counts"
echo "PASS: stock, tensors split: $counts"
