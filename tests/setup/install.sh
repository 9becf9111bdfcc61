#!/bin/sh
# `cmake --install` with DESTDIR installs every file in the right place, and programs can link with the library.
# Usage: install.sh BUILD_DIR GGML_BACKEND_DIR
set -u
export LC_ALL=C
build=$1 backends=${2:-}
work=$(mktemp -d "${TMPDIR:-/tmp}/ggwire-setup.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

DESTDIR=$work cmake --install "$build" --prefix /opt/gw >"$work/log" 2>&1 || { cat "$work/log"; fail "cmake --install"; }
prefix=$work/opt/gw

[ -x "$prefix/bin/ggwire" ] || fail "no ggwire"
[ "$(readlink "$prefix/bin/ggml-rpc-server")" = ggwire ] || fail "ggml-rpc-server is not a link to ggwire"
[ -z "$backends" ] || [ -e "$work$backends/libggml-rpc-ggwire.so" ] || fail "no plug-in in $backends"
library=$(find "$prefix" -name libggwire.so)
[ -n "$library" ] || fail "no libggwire.so"
for file in ggml-rpc.h ggwire.pc ggwire-config.cmake ggwire.1 ggwire-serve.1 ggwire.conf.5 ggwire-plugin.7 ggml-rpc-server.1 ggwire.service ggwire.socket examples/ggwire.conf examples/ggwire.dnssd \
	completions/ggwire completions/ggml-rpc-server vendor_completions.d/ggwire.fish \
	vendor_completions.d/ggml-rpc-server.fish vendor-completions/_ggwire; do
	find "$prefix" -path "*/$file*" | grep -q . || fail "no $file"
done

# This name starts the server directly.
"$prefix/bin/ggml-rpc-server" --help | grep -q -- '--port' || fail "ggml-rpc-server does not know --port"

# Each library exports exactly the public functions.
names() {
	nm -D --defined-only "$1" | awk '$2 ~ /[TDBR]/ { print $3 }' | sort | paste -sd' '
}
expected="ggml_backend_is_rpc ggml_backend_rpc_add_server ggml_backend_rpc_buffer_type ggml_backend_rpc_get_device_memory"
expected="$expected ggml_backend_rpc_init ggml_backend_rpc_reg ggml_backend_rpc_start_server"
[ "$(names "$library")" = "$expected" ] || fail "libggwire.so exports: $(names "$library")"
plugin=$build/lib/libggml-rpc-ggwire.so
[ "$(names "$plugin")" = "ggml_backend_init ggml_backend_score" ] || fail "the plug-in exports: $(names "$plugin")"

# They work with several releases of ggml, so they must not name one.
for file in "$prefix/bin/ggwire" "$library" "$plugin"; do
	readelf -d "$file" | grep -q 'NEEDED.*libc\.' || fail "readelf cannot read $file"
	readelf -d "$file" | grep 'NEEDED.*ggml' && fail "$file names a library of ggml"
done
echo "install: ok"
