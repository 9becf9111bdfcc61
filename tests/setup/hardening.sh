#!/bin/sh
# The program, the plug-in and the library show the effect of each flag that GGWIRE_HARDENING adds.
# Usage: hardening.sh BUILD_DIR COMPILER
set -u
export LC_ALL=C
build=$1 cc=$2

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

for file in "$build/bin/ggwire" "$build/lib/libggml-rpc-ggwire.so" "$build/lib/libggwire.so"; do
	readelf -W -d -l "$file" >"$build/hardening.out" || fail "readelf $file"
	grep -q GNU_RELRO "$build/hardening.out" || fail "$file: no RELRO"
	grep -q 'FLAGS.*NOW' "$build/hardening.out" || fail "$file: symbols are bound lazily"
	# Position-independent programs have the type DYN, too.
	readelf -h "$file" | grep -q 'Type: *DYN' || fail "$file: not position-independent"
	symbols=$(nm -D --undefined-only "$file")
	echo "$symbols" | grep -q '__stack_chk_fail' || fail "$file: no stack protector"
	echo "$symbols" | grep -q '__v\?snprintf_chk' || fail "$file: no _FORTIFY_SOURCE"
done
case $("$cc" -dumpmachine) in
x86_64-*)
	objdump -d --disassemble=main "$build/bin/ggwire" | grep -q endbr64 || fail "main is not marked as a jump target (CET)"
	;;
esac
echo "hardening: ok"
