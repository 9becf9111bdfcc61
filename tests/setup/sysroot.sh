#!/bin/sh
# tools/sysroot: wrong usage, no network, and a complete directory, which needs no network.
set -u
export LC_ALL=C
tool=$(cd "$(dirname "$0")/../.." && pwd)/tools/sysroot
work=$(mktemp -d "${TMPDIR:-/tmp}/ggwire-setup.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
command -v apt-get >/dev/null 2>&1 || { echo "SKIP: apt is missing"; exit 77; }

fail() {
	echo "FAIL: $*" >&2
	cat "$work/out" >&2
	exit 1
}

# expect STATUS WORDS ARGUMENT...: it prints one line with the words on stderr.
expect() {
	status=$1 words=$2
	shift 2
	"$tool" "$@" >"$work/out" 2>&1
	code=$?
	[ $code = "$status" ] || fail "exit status $code instead of $status: sysroot $*"
	grep -q -- "$words" "$work/out" || fail "'$words' is not in the output: sysroot $*"
}

expect 2 "unknown option" --bogus
expect 2 "takes: vulkan" --with metal
expect 2 "needs a URI" --mirror
expect 2 "more than one directory" a b
expect 0 "Usage" --help
expect 1 "not complete" --versions "$work/none"

# Nothing listens on port 9 of loopback: this simulates a machine without network.
expect 1 "is there a network" --mirror http://127.0.0.1:9/debian "$work/sysroot"
[ ! -e "$work/sysroot/.complete" ] || fail "a failed run left a complete directory"
expect 1 "is there a network" --mirror http://127.0.0.1:9/debian "$work/sysroot"

# A complete directory is left alone, whatever the mirror.
root=$(dirname "$(dirname "$tool")")
if [ -e "$root/build/sysroot/.complete" ]; then
	mkdir -p "$work/sysroot" && cp "$root/build/sysroot/.complete" "$root/build/sysroot/VERSIONS" "$work/sysroot"
	"$tool" --mirror http://127.0.0.1:9/debian "$work/sysroot" >"$work/out" 2>&1 || fail "a complete directory was not accepted"
	expect 0 "^libggml0 " --versions "$work/sysroot"
fi
echo "sysroot: ok"
