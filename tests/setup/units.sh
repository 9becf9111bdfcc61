#!/bin/sh
# systemd accepts the units, as far as it can tell without running them, and the service is confined.
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
# One worker that is killed for memory must not end the others; no dump may hold what a client sent.
for setting in OOMPolicy=continue LimitCORE=0 NoNewPrivileges=yes ProtectSystem=strict CapabilityBoundingSet= PrivateIPC=yes; do
	grep -qx "$setting" "$build/generated/ggwire.service" || { echo "FAIL: the service lacks $setting"; exit 1; }
done
cp "$root/packaging/ggwire.socket" "$work"
systemd-analyze verify --man=no "$work/ggwire.service" "$work/ggwire.socket" >"$work/out" 2>&1
code=$?
# Other units of the machine may be wrong: not ours to judge.
if grep 'ggwire' "$work/out" || { [ $code -ne 0 ] && [ ! -s "$work/out" ]; }; then
	echo "FAIL: systemd-analyze verify ($code)"
	exit 1
fi
# systemd's own judgement, from 0 (confined) to 100 (not at all).
if systemd-analyze security --help 2>&1 | grep -q -- --offline; then
	systemd-analyze security --offline=yes --threshold=30 "$work/ggwire.service" >"$work/out" 2>&1 || {
		echo "FAIL: systemd-analyze security"
		tail -n 3 "$work/out"
		exit 1
	}
fi
echo "units: ok"
