#!/bin/sh
# systemd accepts the units, as far as it can tell without running them, and the service is sandboxed.
# Usage: units.sh BUILD_DIR
set -u
export LC_ALL=C
build=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
command -v systemd-analyze >/dev/null 2>&1 || { echo "SKIP: systemd-analyze is missing"; exit 77; }
work=$(mktemp -d "${TMPDIR:-/tmp}/ggwire-setup.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT

# The program is not installed at the unit's path.
sed "s,^ExecStart=.*/ggwire ,ExecStart=$build/bin/ggwire ," "$build/generated/ggwire.service" >"$work/ggwire.service"
grep -q "^ExecStart=$build/bin/ggwire serve$" "$work/ggwire.service" || { echo "FAIL: the unit does not start ggwire serve"; exit 1; }
# A worker that is killed for lack of memory must not end the others, and no core dump may contain a client's data.
for setting in OOMPolicy=continue LimitCORE=0 NoNewPrivileges=yes ProtectSystem=strict CapabilityBoundingSet= PrivateIPC=yes; do
	grep -qx "$setting" "$build/generated/ggwire.service" || { echo "FAIL: the service lacks $setting"; exit 1; }
done
cp "$root/packaging/ggwire.socket" "$work"
systemd-analyze verify --man=no "$work/ggwire.service" "$work/ggwire.socket" >"$work/out" 2>&1
code=$?
# Errors in other units of this machine do not matter.
if grep 'ggwire' "$work/out" || { [ $code -ne 0 ] && [ ! -s "$work/out" ]; }; then
	echo "FAIL: systemd-analyze verify ($code)"
	exit 1
fi
# systemd's exposure score, from 0 (confined) to 100 (not confined).
if systemd-analyze security --help 2>&1 | grep -q -- --offline; then
	systemd-analyze security --offline=yes --threshold=30 "$work/ggwire.service" >"$work/out" 2>&1 || {
		echo "FAIL: systemd-analyze security"
		tail -n 3 "$work/out"
		exit 1
	}
fi
echo "units: ok"
