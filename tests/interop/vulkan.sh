#!/bin/sh
# A server whose device is a GPU, with memory that is not the host's: Vulkan on lavapipe, a GPU in software. Chosen operations
# and the demo model.
# Usage: vulkan.sh stock|ggwire stock|ggwire
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
client=$1 server=$2
gpu=${GGWIRE_SYSROOT_VULKAN:-$GGWIRE_ROOT/build/sysroot-vulkan}
if [ ! -f "$gpu/.complete" ]; then
	echo "SKIP: no Vulkan in $gpu (tools/sysroot --with vulkan brings it)"
	exit 77
fi
interop_begin
gpu=$(absolute "$gpu")

# The driver's file names its library without a directory: found among the server's libraries. ggml takes a device in software
# only where it is asked for. Compiled shaders are kept with the test, not in the user's cache.
export VK_DRIVER_FILES="$gpu/usr/share/vulkan/icd.d/lvp_icd.json"
export GGML_VK_VISIBLE_DEVICES=0
export MESA_SHADER_CACHE_DIR="$work"
server_libs=$gpu/usr/lib/$triplet
server_dir=vulkan
limit=400

server_start "$server"
generate "$client" "$endpoint" "$work/text" || fail "llama-completion failed"
[ "$(wc -w <"$work/text")" -gt 20 ] || fail "the model generated only: $(cat "$work/text")"

ops=ADD,MUL,SCALE,SILU,GELU,SWIGLU,RMS_NORM,SOFT_MAX,GET_ROWS,SUM_ROWS,ARGSORT,CONCAT,REPEAT,CLAMP
register_run "$client" "$endpoint" "libexec/$triplet/llama.cpp-tests/test-backend-ops" test -b RPC0 -o $ops -p 'type=f32' \
	>"$work/ops.raw" 2>"$work/ops.log"
code=$?
plain "$work/ops.raw" >"$work/ops"
[ $code -eq 0 ] || { grep -E ': FAIL|failed' "$work/ops" | head -n 20; fail "test-backend-ops exits with $code"; }
passed=$(grep -c ': OK$' "$work/ops")
[ "$passed" -gt 100 ] || fail "only $passed cases ran"
grep -q Vulkan0 "$log" || fail "the server does not lend the Vulkan device"
servers_alive
echo "PASS: $passed cases and the model on $client client, $server server with Vulkan: $(tr '\n' ' ' <"$work/text")"
