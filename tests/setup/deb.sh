#!/bin/sh
# Tests the Debian packages: lintian finds no errors, and Debian's llama.cpp works with them over loopback in a fresh
# Debian system. Removing the plug-in restores the stock one, and purging leaves nothing behind. Needs root, debootstrap
# and a Debian mirror; takes minutes.
# Usage: deb.sh, or `make test-deb`, which builds the packages first.
set -u
export LC_ALL=C
root=$(cd "$(dirname "$0")/../.." && pwd)
debs=$root/build/deb
cd "$root" || exit 1

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

reason=$(tools/deb-root --check) || { echo "SKIP: $reason"; exit 77; }
ls "$debs"/ggwire_*.deb >/dev/null 2>&1 || fail "no packages in $debs: run make deb"

# The system in which the packages were built has lintian, and a compiler for users of the library.
if [ -d build/deb-root ]; then
	rm -rf build/deb-root/packages && cp -r "$debs" build/deb-root/packages || exit 1
	cp tests/setup/deb-user.c build/deb-root/packages || exit 1
	tools/deb-root run build/deb-root sh -c 'lintian --allow-root --fail-on error /packages/ggwire_*.changes' || fail "lintian"
	tools/deb-root run build/deb-root sh -e -c '
		cd /packages
		apt-get -q install --yes --reinstall ./libggwire0_*.deb ./libggwire-dev_*.deb >install.log 2>&1 || { cat install.log; exit 1; }
		cc -Wall -Werror -o user deb-user.c $(pkg-config --cflags --libs ggwire)
		./user
		apt-get -q remove --yes libggwire0 libggwire-dev >install.log 2>&1' || fail "a program cannot be built with libggwire-dev"
	rm -rf build/deb-root/packages
fi

# A fresh system with the packages of a user: llama.cpp, ggml's RPC plug-in, and systemd.
work=$(mktemp -d "${TMPDIR:-/tmp}/ggwire-deb.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
tools/deb-root make "$work/system" llama.cpp-tools libggml0-backend-rpc man-db systemd systemd-sysv dbus || exit 1
mkdir "$work/system/test" && cp "$debs"/*.deb demo/ggwire-demo.gguf tests/setup/deb-*.sh "$work/system/test" || exit 1
rm -f "$work"/system/test/*-dbgsym_*
tools/deb-root run "$work/system" sh /test/deb-inside.sh || exit 1

# The units, under a separate systemd.
# shellcheck disable=SC2016
tools/deb-root run "$work/system" sh -c 'cd /test && exec >apt.log 2>&1 &&
	apt-get -q install --yes --no-install-recommends ./ggwire_*.deb ./libggml0-backend-rpc-ggwire_*.deb' ||
	{ tail -n 5 "$work/system/test/apt.log"; fail "the packages cannot be installed again"; }
tools/deb-root boot "$work/system" sh /test/deb-units.sh
code=$?
[ $code = 0 ] || [ $code = 77 ]
