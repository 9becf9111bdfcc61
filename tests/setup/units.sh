#!/bin/sh
# systemd accepts the units, as far as it can tell without running them.
# Usage: units.sh BUILD_DIR
set -u
export LC_ALL=C
build=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
command -v systemd-analyze >/dev/null 2>&1 || { echo "SKIP: no systemd-analyze here"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/ggwire-setup.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT

# The program is not installed where the unit looks for it.
sed "s,^ExecStart=.*/ggwire ,ExecStart=$build/bin/ggwire ," "$build/generated/ggwire.service" >"$work/ggwire.service"
grep -q "^ExecStart=$build/bin/ggwire serve$" "$work/ggwire.service" || { echo "FAIL: the unit does not start ggwire serve"; exit 1; }
cp "$root/packaging/ggwire.socket" "$work"
systemd-analyze verify --man=no "$work/ggwire.service" "$work/ggwire.socket" >"$work/out" 2>&1
code=$?
# Other units of the machine may be wrong: not ours to judge.
if grep 'ggwire' "$work/out" || { [ $code -ne 0 ] && [ ! -s "$work/out" ]; }; then
	echo "FAIL: systemd-analyze verify ($code)"
	exit 1
fi
echo "units: ok"
