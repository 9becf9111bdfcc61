#!/bin/sh
# A server on one machine is found on another without its address: by ggwire discover, by tools and programs that are given
# no server, and only if the user's keys are for it where there are keys. What is announced cannot steer a terminal.
# Two machines: network and mount namespaces, each with a D-Bus and an avahi-daemon of its own, joined by a cable.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
if [ -z "${GGWIRE_NAMESPACES:-}" ]; then
	for program in dbus-daemon avahi-daemon ip unshare nsenter; do
		PATH=$PATH:/usr/sbin:/sbin command -v $program >/dev/null || { echo "SKIP: $program is not installed"; exit 77; }
	done
	# In a user namespace avahi-daemon cannot give its directory to its user.
	[ "$(id -u)" = 0 ] || { echo "SKIP: avahi-daemon needs root"; exit 77; }
	if ! unshare -nm sh -c 'ip link add va type veth peer name vb && mount -t tmpfs none /run' 2>/dev/null; then
		echo "SKIP: no network and mount namespaces here"
		exit 77
	fi
	GGWIRE_NAMESPACES=1 exec unshare -nm "$0" "$@"
fi
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
PATH=$PATH:/usr/sbin:/sbin
interop_begin
! "$build/bin/ggwire" --version | grep -q '^not in this build:.*discovery' || { echo "SKIP: this build has no discovery"; exit 77; }
ggwire=$build/bin/ggwire
export HOME="$work" XDG_CONFIG_HOME="$work/config"
there=

cat >"$work/dbus.conf" <<END
<busconfig>
	<type>system</type>
	<listen>unix:path=/run/dbus/system_bus_socket</listen>
	<auth>EXTERNAL</auth>
	<policy context="default">
		<allow own="*"/>
		<allow send_destination="*"/>
		<allow eavesdrop="true"/>
		<allow user="*"/>
	</policy>
</busconfig>
END

# on NAME COMMAND...: runs a command there.
on() {
	eval "there=\$${1}_pid"
	shift
	nsenter -t "$there" -n -m --wdns="$PWD" "$@"
}

# background NAME LOG COMMAND...
background() {
	eval "there=\$${1}_pid"
	log=$2
	shift 2
	nsenter -t "$there" -n -m --wdns="$PWD" "$@" >"$log" 2>&1 &
	server_pid=$!
	server_pids="$server_pids $server_pid"
}

# await FILE TEXT
await() {
	for _wait in $(seq 200); do
		! grep -q "$2" "$1" 2>/dev/null || return 0
		sleep 0.1
	done
	cat "$1" >&2
	fail "$1 has no '$2'"
}

# machine NAME ADDRESS: a namespace whose end of the cable has that address.
machine() {
	unshare -n -m sleep 1000 &
	pid=$!
	eval "${1}_pid=$pid"
	server_pids="$server_pids $pid"
	for _wait in $(seq 100); do
		[ "$(readlink /proc/$pid/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break
		sleep 0.05
	done
	ip link set "cable-$1" netns "$pid" name eth0 || fail "no cable"
	on "$1" sh -c "mount -t tmpfs none /run && mkdir -p /run/dbus /run/avahi-daemon && ip link set lo up &&
		ip address add $2/24 dev eth0 && ip link set eth0 multicast on up" || fail "cannot set up $1"
	cat >"$work/avahi-$1.conf" <<-END
		[server]
		host-name=$1
		use-ipv4=yes
		use-ipv6=no
		[wide-area]
		enable-wide-area=no
	END
	background "$1" "$work/dbus-$1.log" dbus-daemon --config-file="$work/dbus.conf" --nofork --nopidfile
	for _wait in $(seq 100); do
		on "$1" test -S /run/dbus/system_bus_socket && break
		sleep 0.05
	done
	background "$1" "$work/avahi-$1.log" avahi-daemon --file "$work/avahi-$1.conf" --no-drop-root --no-chroot --no-rlimits --no-proc-title
	await "$work/avahi-$1.log" "Server startup complete"
}

# A server that cannot be announced says so, once, and serves.
background_here() {
	log=$1
	shift
	"$@" >"$log" 2>&1 &
	server_pid=$!
	server_pids="$server_pids $server_pid"
}
background_here "$work/loopback.log" "$ggwire" serve -d CPU -t 1 -p 0 --announce
await "$work/loopback.log" "^ready"
grep -q "no endpoint can be reached from other machines, and nothing is announced" "$work/loopback.log" || fail "no warning"
kill "$server_pid"
mount -t tmpfs none /run || fail "cannot hide /run"
background_here "$work/no-daemon.log" "$ggwire" serve -d CPU -t 1 -H 0.0.0.0 -p 0 --announce
await "$work/no-daemon.log" "the server is not announced: avahi-daemon cannot be reached"
await "$work/no-daemon.log" "^ready"
kill "$server_pid"

ip link add cable-box type veth peer name cable-desk || fail "no cable"
machine box 192.0.2.1
machine desk 192.0.2.2

# says FILE TEXT
says() {
	grep -qF -- "$2" "$1" || { cat "$1" >&2; fail "$1 does not say '$2'"; }
}

# Without an announcement there is nothing to find.
on desk "$ggwire" discover --wait 0.5 >"$work/out" 2>&1 && fail "a server was found, and there is none"
says "$work/out" "no server is announced on the network"

background box "$work/serve.log" "$ggwire" serve -d CPU -t 1 -H 192.0.2.1 --announce
serve_pid=$server_pid
await "$work/serve.log" "announced on the network as"
await "$work/serve.log" "^ready"

on desk "$ggwire" discover --wait 5s --json >"$work/out" 2>&1 || { cat "$work/out"; fail "nothing is found"; }
says "$work/out" '"endpoint":"192.0.2.1:50052"'
says "$work/out" '"protocol":"8.0.0"'
says "$work/out" '"devices":"1"'
says "$work/out" '"tls":"off"'
on desk "$ggwire" discover >"$work/out" 2>&1 || fail "nothing is found"
says "$work/out" "192.0.2.1:50052"

# Tools and programs that are given no server, or "auto".
for arguments in "status" "devices" "ping -c 1" "top" "status auto"; do
	# shellcheck disable=SC2086 # words
	on desk "$ggwire" $arguments >"$work/out" 2>&1 || { cat "$work/out"; fail "$arguments"; }
	says "$work/out" "found on the network: 192.0.2.1:50052"
done
GGML_RPC_SERVERS=auto on desk "$ggwire" ping -c 1 >"$work/out" 2>&1 || fail "GGML_RPC_SERVERS=auto"
on desk "$ggwire" run -- sh -c 'echo "servers: $GGML_RPC_SERVERS"' >"$work/out" 2>&1 || { cat "$work/out"; fail "run"; }
says "$work/out" "servers: 192.0.2.1:50052"
export GGML_RPC_SERVERS=auto
dir=$(run_dir ggwire)
(cd "$dir" && on desk timeout 60 "$loader" --library-path "$libs:$libs/llama" "$sysroot/usr/bin/llama-bench" --list-devices) \
	>"$work/out" 2>&1 || { cat "$work/out"; fail "llama-bench with GGML_RPC_SERVERS=auto"; }
says "$work/out" "@ 192.0.2.1:50052"
unset GGML_RPC_SERVERS

# Anybody can announce anything.
if command -v avahi-publish >/dev/null; then
	evil=$(printf 'evil\033[2J\033]0;owned\007')
	background desk "$work/evil.log" avahi-publish -s "$evil" _llama-rpc._tcp 50099 "version=$evil" "devices=$(printf '\233')"
	await "$work/evil.log" "Established"
	on box "$ggwire" discover --wait 3 >"$work/out" 2>&1 || fail "nothing is found"
	says "$work/out" "evil?[2J"
	on box "$ggwire" discover --wait 3 --json >>"$work/out" 2>&1 || fail "nothing is found"
	! LC_ALL=C grep -q "$(printf '[\001-\010\013-\037\233]')" "$work/out" || fail "control characters were printed"
else
	echo "hostile announcements: skipped: avahi-publish (avahi-utils) is not installed"
fi

# With keys, only servers that they are for.
"$ggwire" key -f "$work/server-keys" add alice >"$work/key" 2>&1 || fail "no key"
background box "$work/tls.log" "$ggwire" serve -d CPU -t 1 -H 192.0.2.1 -p 50053 --tls-psk "$work/server-keys" --tls require --announce
await "$work/tls.log" "announced on the network as"
line=$(grep '^alice:' "$work/server-keys")
(umask 077 && echo "$line 192.0.2.1:50053" >"$work/keys")
GGWIRE_PSK_FILE=$work/keys on desk "$ggwire" ping -c 1 >"$work/out" 2>&1 || { cat "$work/out"; fail "ping with a key"; }
says "$work/out" "found on the network: 192.0.2.1:50053"
says "$work/out" "not used: none of your keys is for"

# A server that has ended is not found any more.
kill $serve_pid
wait $serve_pid 2>/dev/null
for _wait in $(seq 20); do
	on desk "$ggwire" discover --wait 1 >"$work/out" 2>&1
	grep -q "192.0.2.1:50052" "$work/out" || break
done
! grep -q "192.0.2.1:50052" "$work/out" || fail "the server is still announced"

# The short way of docs/getting-started.md, to the letter: from no server to a text on the other machine.
kill "$server_pid"
# For root, ggwire keeps the server's keys below /etc.
cp -a /etc "$work/etc" && on box mount --bind "$work/etc" /etc || fail "no /etc of its own for box"
mkdir -p "$work/bin" "$work/home-box" "$work/home-desk"
ln -s "$ggwire" "$work/bin/ggwire"
cat >"$work/bin/llama-completion" <<-RUN
	#!/bin/sh
	exec timeout -k 5 120 "$loader" --library-path "$libs:$libs/llama" --preload "$build/tests/liblinger.so" \\
		"$sysroot/usr/bin/llama-completion" "\$@"
RUN
cat >"$work/bin/ssh" <<-RUN
	#!/bin/sh
	[ "\$1" = desk ] && [ \$# = 2 ] && cd "$work/home-desk" && exec sh -c "\$2"
RUN
chmod +x "$work/bin/llama-completion" "$work/bin/ssh"
ln -s "$demo_model" "$dir/model.gguf"
sed -n '/^## The short way/,/^## 2/s/^    \(box\|desk\)\$ /\1 /p' "$GGWIRE_ROOT/docs/getting-started.md" >"$work/short"
[ "$(wc -l <"$work/short")" = 3 ] || fail "docs/getting-started.md has no short way of three commands"
! grep -qE '[0-9]+\.[0-9]+\.[0-9]+\.[1-9]' "$work/short" || fail "an address is typed"
cd "$dir" || exit 1
begun=$(date +%s%N)
while read -r machine command; do
	case $command in
	*serve*)
		background box "$work/short.log" env HOME="$work/home-box" XDG_CONFIG_HOME= PATH="$work/bin:$PATH" sh -c "exec $command"
		await "$work/short.log" "announced on the network as"
		;;
	*)
		on "$machine" env HOME="$work/home-$machine" XDG_CONFIG_HOME= PATH="$work/bin:$PATH" sh -c "$command" </dev/null \
			>"$work/text" 2>"$work/text.log" || { cat "$work/text.log" >&2; fail "'$command' fails"; }
		;;
	esac
done <"$work/short"
[ -s "$work/text" ] || fail "no text"
# A stranger's announcement does not keep the program from starting.
! command -v avahi-publish >/dev/null || says "$work/text.log" "going on with the other 1 of 2 servers"
await "$work/short.log" "client desk@192.0.2.2:.* connected with TLS"
echo "discovery: ok; the short way took $((($(date +%s%N) - begun) / 1000000)) ms of the machines' time"
