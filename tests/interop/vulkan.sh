#!/bin/sh
# A server with a GPU, whose memory is not host memory: Vulkan on lavapipe, a software GPU. Runs some cases of every
# operation that it supports, and the demo model.
# Usage: vulkan.sh stock|ggwire stock|ggwire
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
client=$1 server=$2
gpu=${GGWIRE_SYSROOT_VULKAN:-$GGWIRE_ROOT/build/sysroot-vulkan}
if [ ! -f "$gpu/.complete" ]; then
	echo "SKIP: no Vulkan in $gpu (run tools/sysroot --with vulkan)"
	exit 77
fi
interop_begin
gpu=$(absolute "$gpu")

# The driver's manifest names its library without a directory, so the loader finds it among the server's libraries. ggml
# uses software devices only on request. The shader cache belongs to the test, not to the user.
export VK_DRIVER_FILES="$gpu/usr/share/vulkan/icd.d/lvp_icd.json"
export GGML_VK_VISIBLE_DEVICES=0
export MESA_SHADER_CACHE_DIR="$work"
server_libs=$gpu/usr/lib/$triplet
server_dir=vulkan
limit=3600

server_start "$server"
generate "$client" "$endpoint" "$work/text" || fail "llama-completion failed"
[ "$(wc -w <"$work/text")" -gt 20 ] || fail "the model generated only: $(cat "$work/text")"

# The stock client sends every case, supported or not. Both the server's device and the CPU that checks it must support
# the case.
stock_run none "$test_backend_ops" support -b CPU --output csv >"$work/cpu.csv" 2>"$work/cpu.log" || fail "no list of the CPU's cases"
gpu_loader=$gpu/usr/lib64/$(basename "$loader")
(cd "$(run_dir vulkan)" && exec timeout 120 "$gpu_loader" --library-path "$server_libs:$server_libs/llama" \
	"$gpu/usr/$test_backend_ops" support -b Vulkan0 --output csv) >"$work/gpu.csv" 2>"$work/gpu.log" ||
	fail "no list of the GPU's cases"
supported "$work/cpu.csv" | sort -u >"$work/cpu"
supported "$work/gpu.csv" | sort -u | comm -12 - "$work/cpu" >"$work/both"
some_of_each 2 "$work/both" | sort -u >"$work/wanted"
ops_run "$client" "$endpoint" -o "$(paste -sd, "$work/wanted")"
grep -q Vulkan0 "$log" || fail "the server does not offer the Vulkan device"
servers_alive
echo "PASS: $(wc -l <"$work/wanted") cases and the model on $client client, $server server with Vulkan: $(tr '\n' ' ' <"$work/text")"
