#!/bin/sh
# The source archive is complete: without the rest of this tree it builds, runs, and can be installed.
# Usage: dist.sh BUILD_DIR (whose ggml it uses)
set -u
export LC_ALL=C
build=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
git -C "$root" rev-parse --git-dir >/dev/null 2>&1 || { echo "SKIP: this is not a git checkout"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/ggwire-setup.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

cache() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }

archive=$(make -s -C "$root" dist | tail -n 1)
tar -C "$work" -xzf "$root/$archive" || fail "the archive cannot be unpacked"
tree=$work/$(basename "$archive" .tar.gz)
[ -d "$tree" ] || fail "the archive does not unpack into a directory of its name"
cd "$tree" || exit 1
for file in README.md LICENSE CMakeLists.txt Makefile debian/control man/ggwire.1; do
	[ -s "$file" ] || fail "no $file in the archive"
done

set -- -DGGWIRE_TESTS=OFF "-Dggml_DIR=$(cache ggml_DIR)"
toolchain=$(cache CMAKE_TOOLCHAIN_FILE)
[ -z "$toolchain" ] || set -- "$@" "-DCMAKE_TOOLCHAIN_FILE=$tree/cmake/sysroot.cmake" "-DGGWIRE_SYSROOT=$(cache GGWIRE_SYSROOT)"
cmake -S . -B build "$@" >log 2>&1 || { tail -n 20 log; fail "cmake"; }
cmake --build build -j 2 >log 2>&1 || { tail -n 20 log; fail "the archive does not build"; }
build/bin/ggwire --version || fail "the built program does not run"
DESTDIR=$work/installed cmake --install build >log 2>&1 || { tail -n 20 log; fail "cmake --install"; }
find "$work/installed" -name libggml-rpc-ggwire.so | grep -q . || fail "no plug-in was installed"
echo "dist: ok"
