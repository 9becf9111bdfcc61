#!/bin/sh
# Follows docs/getting-started.md to the letter: runs every command after "box$" and "desk$", in order, on one of two
# machines, which are connected network namespaces. Skips installation, commands with the reader's files, and commands
# of root, which make test-deb covers.
# Usage: two_machines.sh DOCUMENT
set -u
export LC_ALL=C
GGWIRE_ROOT=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/interop/lib.sh
. "$GGWIRE_ROOT/tests/interop/lib.sh"
document=$(absolute "$1")
[ "$(id -u)" = 0 ] || { echo "SKIP: network namespaces need root"; exit 77; }
command -v ip >/dev/null 2>&1 || { echo "SKIP: ip (iproute2) is missing"; exit 77; }
interop_begin
spaces=
trap 'status=$?; machines_end; (exit $status); interop_end' EXIT

machines_end() {
	servers_stop
	for space in $spaces; do ip netns delete "$space" 2>/dev/null; done
}

# machine NAME: creates a network namespace.
machine() {
	ip netns add "$1" 2>/dev/null || { echo "SKIP: this machine permits no network namespaces"; exit 77; }
	spaces="$spaces $1"
	ip -n "$1" link set lo up
}

box=gwbox$$ desk=gwdesk$$
machine $box
machine $desk
ip link add gwb$$ netns $box type veth peer name gwd$$ netns $desk || { echo "SKIP: no veth"; exit 77; }
ip -n $box address add 192.0.2.1/24 dev gwb$$ && ip -n $box link set gwb$$ up || fail "box has no address"
ip -n $desk address add 192.0.2.2/24 dev gwd$$ && ip -n $desk link set gwd$$ up || fail "desk has no address"

# The installation: ggwire, and llama.cpp with our plug-in, which it looks for in the current directory.
dir=$(run_dir ggwire)
ln -s "$demo_model" "$dir/model.gguf"
mkdir "$work/bin"
ln -s "$build/bin/ggwire" "$work/bin"
for program in llama-completion llama-bench; do
	cat >"$work/bin/$program" <<-RUN
		#!/bin/sh
		exec timeout -k 5 120 "$loader" --library-path "$libs:$libs/llama" --preload "$build/tests/liblinger.so" \\
			"$sysroot/usr/bin/$program" "\$@"
	RUN
	chmod +x "$work/bin/$program"
done
cat >"$work/bin/ssh" <<-RUN
	#!/bin/sh
	[ "\$1" = 192.0.2.2 ] && [ \$# = 2 ] && cd "$work/home/$desk" && exec sh -c "\$2"
RUN
chmod +x "$work/bin/ssh"
PATH=$work/bin:$PATH
mkdir -p "$work/home/$box" "$work/home/$desk"

# on SPACE COMMAND: as a user there, who is not root and has a home.
on() {
	cd "$dir" && HOME=$work/home/$1 exec ip netns exec "$1" unshare -U --map-user=1000 sh -c "$2"
}

# start SPACE COMMAND: starts a server in the background and waits until it is ready.
start() {
	server_count=$((${server_count:-0} + 1))
	log=$work/server-$server_count.log
	(on "$1" "exec $2") >"$log" 2>&1 &
	server_pid=$!
	server_pids="$server_pids $server_pid"
	for _wait in $(seq 100); do
		! grep -q '^ready' "$log" || return 0
		alive $server_pid || break
		sleep 0.1
	done
	fail "'$2' does not become ready"
}

count=0
# tests/setup/discovery.sh follows the short way, which needs avahi-daemon.
sed '/^## The short way/,/^## /d' "$document" | grep -E '^    (box|desk)\$ ' | sed 's/^ *//' >"$work/commands"
while read -r prompt command; do
	case $prompt in 'box$') space=$box ;; *) space=$desk ;; esac
	case $command in
	git\ * | *whisper*) continue ;;
	*--model\ /srv/models*)
		# Replaces the server before it, and uses the test's models.
		servers_stop
		command=$(echo "$command" | sed "s,/srv/models,$demo_model,")
		;;
	esac
	echo "$prompt $command"
	case $command in
	"ggwire serve"*) start $space "$command" ;;
	*)
		# Even with linger.c's help the program may exit before it has printed everything.
		(on $space "$command") </dev/null >"$work/out" 2>"$work/out.log" ||
			fail "'$command' ends with $?: $(tail -n 3 "$work/out.log")"
		case $command in
		llama-completion*)
			asked=$(echo "$command" | grep -o ':50052' | wc -l)
			[ "$(grep -l 'client .* connected' "$work"/server-*.log | wc -l)" = "$asked" ] || fail "not every server had a client"
			[ -s "$work/out" ] || fail "no text"
			cat "$work/out"
			;;
		*ping* | *devices*) grep -q '192.0.2.1:50052' "$work/out" "$work/out.log" || fail "192.0.2.1:50052 is not in the output" ;;
		esac
		;;
	esac
	count=$((count + 1))
done <"$work/commands"
grep -q 'client desk@192.0.2.2:.* connected' "$work"/server-*.log || fail "no client used its key"
[ $count -ge 9 ] || fail "only $count commands were found in $document"
servers_alive
echo "PASS: $count commands of $(basename "$document")"
