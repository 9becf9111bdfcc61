#!/bin/sh
# The part of deb.sh that runs under systemd: the service reports that it is ready, runs as its own user without
# privileges, serves, and stops. The socket starts it for the first client. A wrong configuration does not cause endless
# restarts.
set -u
cd /test || exit 1

fail() {
	echo "FAIL: $*" >&2
	systemctl status --no-pager -l ggwire.service >&2
	exit 1
}

# shellcheck source=tests/setup/deb-text.sh
. ./deb-text.sh

# is PROPERTY VALUE: the service has this property.
is() {
	value=$(systemctl show -P "$1" ggwire.service)
	[ "$value" = "$2" ] || fail "the service's $1 is '$value', not '$2'"
}

# Checks the log, because a client that falls back to this machine's device writes the same text.
client() {
	since=$(date +%s)
	text text --rpc 127.0.0.1:50052 -ngl 99
	cmp local text || fail "the text differs"
	journalctl --sync
	journalctl --no-pager -u ggwire.service --since "@$since" | grep -q 'client 127.0.0.1:.*left' ||
		{ journalctl --no-pager -u ggwire.service; fail "no client was served"; }
}

text local -dev none
systemd-analyze verify ggwire.service ggwire.socket || fail "systemd-analyze verify"
is UnitFileState disabled

systemctl start ggwire.service || fail "the service does not start"
is ActiveState active
pid=$(systemctl show -P MainPID ggwire.service)
grep -q '^CapBnd:.0*$' "/proc/$pid/status" || fail "the server has capabilities"
grep -q '^NoNewPrivs:.1$' "/proc/$pid/status" || fail "the server can gain new privileges"
[ "$(stat -c %u "/proc/$pid")" -ge 61184 ] || fail "the server's user is not dynamic"
is LimitMEMLOCK infinity
client
systemctl stop ggwire.service || fail "the service does not stop"
is Result success
is ExecMainStatus 0

systemctl start ggwire.socket || fail "the socket does not start"
is ActiveState inactive
client
is ActiveState active
systemctl stop ggwire.socket ggwire.service || fail "the socket does not stop"

echo 'threads = 0' >/etc/ggwire.conf
systemctl start ggwire.service 2>/dev/null && fail "a wrong configuration is accepted"
is ActiveState failed
is ExecMainStatus 2
is NRestarts 0
journalctl --sync
journalctl --no-pager -u ggwire.service | grep -q '/etc/ggwire.conf:1: threads: ' || fail "the journal does not contain the error"
systemctl reset-failed ggwire.service

printf 'cache = yes\nsandbox = require\n' >/etc/ggwire.conf
systemctl start ggwire.service || { journalctl --no-pager -u ggwire.service; fail "no cache, or no sandbox, in the service"; }
client
[ -d /var/cache/private/ggwire/llama.cpp/rpc ] || fail "the cache is not in /var/cache/ggwire"
systemctl stop ggwire.service
echo "PASS: ggwire.service and ggwire.socket under systemd $(systemctl --version | sed -n '1s/[^ ]* \([^ ]*\).*/\1/p')"
