#!/bin/sh
# The release archive for arm64, emulated by qemu-user: the plug-in in Debian's arm64 llama.cpp, the server on Debian's arm64
# ggml and on that of node-llama-cpp, with clients of both architectures.
# The server starts its workers from its own file, so the kernel has to know how arm64 programs are run. A user name space
# of the test's own tells it (Linux 6.7 and later); the machine's settings stay as they are.
# Usage: arm64.sh BUILD_DIR     (skips, with status 77, where this cannot be)
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
GGWIRE_BUILD=$(cd "$1" && pwd) || exit 1
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
# shellcheck source=tests/hosts/lib.sh
. "$GGWIRE_ROOT/tests/hosts/lib.sh"
formats=/proc/sys/fs/binfmt_misc
npm_check qemu-aarch64 aarch64-linux-gnu-gcc unshare
interop_begin
if [ -z "${GGWIRE_NAMESPACES:-}" ]; then
	unshare -r -m --propagation slave mount -t binfmt_misc binfmt_misc $formats 2>/dev/null ||
		{ echo "SKIP: this kernel gives a user name space no program formats of its own (Linux 6.7 does)"; exit 77; }
	archive_make aarch64
	"$GGWIRE_ROOT/tools/sysroot" --arch arm64 >"$work/sysroot.log" 2>&1 || fail "tools/sysroot --arch arm64"
	npm_install arm64-3.21.1 --cpu=arm64 @node-llama-cpp/linux-arm64@3.21.1
	GGWIRE_NAMESPACES=1 unshare -r -m --propagation slave "$0" "$build"
	exit
fi
archive=$build/hosts/archive-aarch64
home=$build/hosts/arm64-3.21.1
debian=$sysroot-arm64
emulator=$work/emulator

# A worker does not inherit QEMU_LD_PREFIX, so the emulator's directory of libraries is in a script.
printf '#!/bin/sh\nexec %s -L %s "$@"\n' "$(command -v qemu-aarch64)" "$debian" >"$emulator" && chmod 755 "$emulator" || exit 1
mount -t binfmt_misc binfmt_misc $formats || fail "mount binfmt_misc"
# The start of an ELF file: 64 bits, little endian, a program or a shared object, machine 183.
printf '%s' ':arm64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:'"$emulator:" \
	>$formats/register || fail "the kernel does not take the format"

# arm_dir none|ours|stock: a directory to run an arm64 program in, with such a plug-in.
arm_dir() {
	dir=$work/arm-$1
	backends=$debian/usr/lib/aarch64-linux-gnu/ggml/backends0
	if mkdir "$dir" 2>/dev/null; then
		ln -s "$backends"/libggml-cpu*.so "$dir"
		case $1 in
		ours) ln -s "$archive/lib/libggml-rpc-ggwire.so" "$dir" ;;
		stock) ln -s "$backends/libggml-rpc.so" "$dir" ;;
		esac
	fi
	echo "$dir"
}

# arm_text PLUGIN OUTPUT [OPTION...]: greedy text of the demo model from Debian's arm64 llama-completion. A program may end
# before it has printed everything; its closing lines tell.
arm_text() {
	dir=$(arm_dir "$1") output=$2
	shift 2
	for _try in 1 2 3 4; do
		(cd "$dir" && exec timeout -k 5 200 "$debian/usr/bin/llama-completion" -m "$demo_model" -p "In the beginning" -n 16 \
			--temp 0 --seed 1 -t 1 -no-cnv --no-display-prompt --no-warmup "$@") </dev/null >"$output" 2>"$output.log" ||
			fail "llama-completion of arm64 $*"
		! grep -q 'graph reallocs' "$output.log" || return 0
	done
	fail "llama-completion of arm64 never prints everything"
}

# serve [OPTION...]: the archive's server; sets $endpoint and $log.
serve() {
	count=$((${count:-0} + 1))
	log=$work/server-$count.log
	: >"$log"
	"$archive/bin/ggwire" serve --config /dev/null --listen 127.0.0.1:0,proto=8.0 -t 1 "$@" >"$log" 2>&1 &
	server_pid=$!
	server_pids="$server_pids $server_pid"
	for _wait in $(seq 600); do
		! grep -q '^ready' "$log" || break
		alive $server_pid || fail "the server ends"
		sleep 0.1
	done
	endpoint=$(sed -n 's/^  endpoint *: \([^ ]*\).*/\1/p' "$log")
	[ -n "$endpoint" ] || fail "the server names no endpoint"
}

# same FILE: the local text, computed by the server, whose log names the client.
same() {
	cmp "$work/local" "$1" || fail "the text differs: $(cat "$1")"
	for _wait in $(seq 50); do
		[ "$(grep -c 'client 127.0.0.1:.*left' "$log")" -lt "$2" ] || return 0
		sleep 0.1
	done
	fail "the server did not serve that client"
}

"$archive/bin/ggwire" --version >"$work/version" 2>&1 || fail "ggwire --version"
cat "$work/version"
says "ggml 0." "$work/version"
says "TLS: OpenSSL 3." "$work/version"
arm_text none "$work/local"
[ "$(wc -w <"$work/local")" -gt 5 ] || fail "the local text is only: $(cat "$work/local")"

serve
arm_text ours "$work/text" --rpc "$endpoint" -ngl 99
same "$work/text" 1
arm_text stock "$work/text" --rpc "$endpoint" -ngl 99
same "$work/text" 2
tokens=16 generate ggwire "$endpoint" "$work/text" || fail "a client of this machine's architecture"
same "$work/text" 3
servers_stop
echo "PASS: arm64 server on Debian's ggml, with the archive's plug-in, the stock one, and a client of $(uname -m)"

libraries=$home/node_modules/@node-llama-cpp/linux-arm64/bins/linux-arm64
cp "$archive/lib/libggml-rpc-ggwire.so" "$libraries" || exit 1
"$archive/bin/ggwire" doctor --host "$libraries" >"$work/doctor" 2>&1
says "ggml 0.23.0 " "$work/doctor"
says "loads: registry RPC, API version 2, score 100" "$work/doctor"
serve --ggml "$libraries"
arm_text ours "$work/text" --rpc "$endpoint" -ngl 99
same "$work/text" 1
echo "PASS: arm64 server and plug-in on the ggml 0.23.0 of node-llama-cpp"
