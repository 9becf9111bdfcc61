#!/bin/sh
# Keys and encryption as users run them: all pairings with stock programs, other implementations of TLS, and a capture
# of the network traffic.
set -u
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"

# A separate network namespace, so that the capture contains only this test's traffic.
if [ "${GGWIRE_NAMESPACES:-}" = "" ]; then
	if command -v ip >/dev/null && unshare -rn ip link set lo up 2>/dev/null; then
		GGWIRE_NAMESPACES=1 exec unshare -rn "$0" "$@"
	fi
	GGWIRE_NAMESPACES=none
elif [ "$GGWIRE_NAMESPACES" = 1 ]; then
	ip link set lo up || fail "no loopback in the namespace"
fi
interop_begin

# sysroot_run PROGRAM [ARGUMENT...]: a program of the sysroot's usr.
sysroot_run() {
	program=$sysroot/usr/$1
	shift
	timeout -k 5 60 "$loader" --library-path "$libs" "$program" "$@"
}

# says FILE TEXT
says() {
	for _wait in $(seq 50); do
		grep -qF -- "$2" "$1" && return
		sleep 0.1
	done
	cat "$1" >&2
	fail "'$2' is not in $(basename "$1")"
}

umask 077
export HOME="$work"
"$build/bin/ggwire" key -f "$work/server-keys" add alice >"$work/client-keys" 2>"$work/key.log" || fail "ggwire key: $?"
key=$(cut -d: -f2 "$work/client-keys")
with_key() { GGWIRE_PSK_FILE=$work/client-keys "$@"; }

server_start stock
stock=$endpoint
server_start ggwire
plain=$endpoint plain_log=$log
server_start ggwire --tls on --tls-psk "$work/server-keys"
on=$endpoint
server_start ggwire --tls require --tls-psk "$work/server-keys"
required=$endpoint required_log=$log

# All pairings give the same text. Stock programs are served where TLS is not required.
generate stock "$stock" "$work/expected" || fail "the stock pair generates nothing"
with_key generate ggwire "$required" "$work/text" || fail "llama-completion generates nothing over TLS"
cmp "$work/expected" "$work/text" || fail "the text over TLS differs"
says "$required_log" "client alice@127.0.0.1:"
generate stock "$on" "$work/text-on" || fail "--tls on refuses a stock client"
cmp "$work/expected" "$work/text-on" || fail "the text of a stock client differs"
generate stock "$required" "$work/refused" && [ -s "$work/refused" ] && cmp -s "$work/refused" "$work/expected" &&
	grep -q 'client 127.0.0.1:.* connected' "$required_log" && fail "--tls require serves a stock client"
says "$required_log" "refused: it does not use TLS, which this endpoint requires"

# A key that cannot be used is an error, never a silent fallback.
with_key "$build/bin/ggwire" ping -c 1 "$stock" >"$work/ping" 2>&1 && fail "the client uses a stock server although it has a key for it"
says "$work/ping" 'no TLS with key "alice"'
with_key "$build/bin/ggwire" ping -c 1 "$plain" >"$work/ping" 2>&1 && fail "the client uses a server without keys"
says "$work/ping" 'no TLS with key "alice"'
says "$plain_log" "refused: it uses TLS, and this endpoint has none"
GGWIRE_TLS=off with_key "$build/bin/ggwire" ping -c 1 "$stock" >"$work/ping" 2>&1 || fail "GGWIRE_TLS=off: $?"
GGWIRE_TLS=require "$build/bin/ggwire" ping -c 1 "$stock" >"$work/ping" 2>&1 && fail "GGWIRE_TLS=require has no effect"

# All client tools.
for tool in "ping -c 1" "devices" "bench -t 0.05" "doctor" "status --json"; do
	# shellcheck disable=SC2086 # a word and its options
	with_key "$build/bin/ggwire" $tool "$required" >"$work/tool" 2>&1
	[ $? -le 1 ] || fail "ggwire $tool: $(cat "$work/tool")"
	case $tool in
	status*) says "$work/tool" '"identity":"alice"' ;;
	*) says "$work/tool" TLS ;;
	esac
done

# Other implementations receive the reply to HELLO: 28 bytes with version 8.0.0.
hello='\016\030\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
# shellcheck disable=SC2059 # the format is the message
{ printf "$hello"; sleep 1; } | sysroot_run bin/openssl s_client -connect "$required" -tls1_3 -psk_identity alice -psk "$key" \
	-quiet -no_ign_eof >"$work/openssl" 2>"$work/openssl.log"
[ "$(head -c 12 "$work/openssl" | od -An -tx1 | tr -d ' \n')" = 1c0000000000000008000003 ] ||
	fail "openssl s_client gets no reply to HELLO"
# shellcheck disable=SC2059
{ sleep 1; printf "$hello"; sleep 1; } | sysroot_run bin/gnutls-cli --insecure --pskusername alice --pskkey "$key" \
	--priority 'NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+ECDHE-PSK' -p "${required#*:}" 127.0.0.1 >"$work/gnutls" 2>&1
od -An -v -tx1 "$work/gnutls" | tr -d ' \n' | grep -q 1c0000000000000008000003 || fail "gnutls-cli gets no reply to HELLO"

# A server with a certificate but without the key is refused.
sysroot_run bin/openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=box -keyout "$work/rsa" -out "$work/certificate" \
	2>"$work/req.log" || fail "openssl req: $?"
port=$((21000 + $(od -An -N2 -tu2 /dev/urandom) % 10000))
timeout 30 "$loader" --library-path "$libs" "$sysroot/usr/bin/openssl" s_server -accept "127.0.0.1:$port" -tls1_3 \
	-key "$work/rsa" -cert "$work/certificate" -quiet >"$work/s_server.log" 2>&1 &
impostor=$!
server_pids="$server_pids $impostor"
for _wait in $(seq 50); do
	[ "$(listening_port $impostor)" ] && break
	sleep 0.1
done
with_key "$build/bin/ggwire" ping -c 1 "127.0.0.1:$port" >"$work/ping" 2>&1 && fail "the client accepts a certificate instead of the key"
says "$work/ping" 'does not accept key "alice"'

if [ "$GGWIRE_NAMESPACES" = none ]; then
	echo "PASS without the capture: this machine has no network namespaces"
	exit 0
fi

# capture NAME COMMAND...: captures the network traffic during the command. The last packets arrive after a moment.
capture() {
	pcap=$work/$1.pcap tcpdump_log=$work/tcpdump-$1.log
	shift
	"$loader" --library-path "$libs" "$sysroot/usr/bin/tcpdump" -i lo -U -s 0 -B 65536 -w "$pcap" -Z root tcp >"$tcpdump_log" 2>&1 &
	tcpdump=$!
	server_pids="$server_pids $tcpdump"
	says "$tcpdump_log" "listening on lo"
	"$@" || fail "$*"
	sleep 1
	kill $tcpdump
	wait $tcpdump
	server_pids=${server_pids% "$tcpdump"}
}
# The name of a tensor, HELLO, and 32 bytes of the weights.
dd if="$demo_model" of="$work/weight" bs=32 count=1 skip=$(($(stat -c %s "$demo_model") / 64)) 2>/dev/null
found_in() {
	grep -c -aF "blk.0.attn" "$1"
	od -An -v -tx1 "$1" | tr -d ' \n' >"$work/hex"
	grep -c "0e1800000000000000" "$work/hex"
	grep -c "$(od -An -v -tx1 "$work/weight" | tr -d ' \n')" "$work/hex"
}
capture plain generate ggwire "$on" "$work/text-plain"
[ "$(found_in "$work/plain.pcap" | grep -c '^0$')" = 0 ] ||
	fail "the capture of a plain connection lacks its contents: $(found_in "$work/plain.pcap" | tr '\n' ' ')"
capture tls with_key generate ggwire "$required" "$work/text-tls"
[ "$(wc -c <"$work/tls.pcap")" -gt 100000 ] || fail "the capture of TLS is empty"
[ "$(found_in "$work/tls.pcap" | grep -vc '^0$')" = 0 ] ||
	fail "HELLO, a name or weights are in the capture of TLS: $(found_in "$work/tls.pcap" | tr '\n' ' ')"
grep -aq alice "$work/tls.pcap" || fail "the capture of TLS is not of this connection"
servers_alive
echo "PASS: keys, stock programs, other implementations, and no plain text on the network"
