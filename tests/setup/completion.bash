#!/bin/bash
# Shells complete every command, every option of every command, the values of some, and endpoints.
# Usage: completion.bash BUILD_DIR
set -u
export LC_ALL=C
build=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/ggwire-setup.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
ln -s "$build/bin/ggwire" "$work/ggwire" && ln -s "$build/bin/ggwire" "$work/ggml-rpc-server" || exit 1
PATH=$work:$PATH
# shellcheck source=completions/ggwire
. "$root/completions/ggwire"

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

# complete_words WORD...: prints the completions of the last word.
complete_words() {
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	_ggwire
	printf '%s\n' "${COMPREPLY[@]}"
}

# offers EXPECTED WORD...: the completions are exactly these.
offers() {
	local expected=$1 got
	shift
	got=$(complete_words "$@" | paste -sd' ')
	[ "$got" = "$expected" ] || fail "'$*' offers '$got', not '$expected'"
}

commands=$(ggwire --help | awk '/^  [a-z]/ { print $1 }')
[ -n "$commands" ] || fail "ggwire --help lists no commands"
offered=" $(complete_words ggwire "" | paste -sd' ') "
for command in $commands; do
	case $offered in *" $command "*) ;; *) fail "$command is not offered" ;; esac
	[ "$command" != help ] || continue
	# All long options in the left column of the help.
	expected=$(ggwire help "$command" | grep -oE '^ +(-[A-Za-z], )?--[a-z0-9-]+' | sed 's/.* //' | paste -sd' ')
	[ -n "$expected" ] || fail "ggwire help $command lists no options"
	offers "$expected" ggwire "$command" --
done
offers "serve" ggwire ser
offers "serve" ggwire help ser
offers "--transport" ggwire serve --tr
offers "--transport" ggml-rpc-server --tr
offers "auto require off" ggwire serve --sandbox ""
offers "tcp" ggml-rpc-server --transport t
offers "auto" ggwire serve --sandbox = a
offers "auto require off" ggwire serve --sandbox =
offers "" ggwire serve -p ""
cd "$root" || exit 1
offers "README.md" ggwire serve --config READ
offers "README.md" ggwire serve --cache READ

# Endpoints: bash splits words at colons, and has to be offered the rest of one only.
export GGML_RPC_SERVERS="192.0.2.1:50052, gpu-2:50053"
at_cursor() {
	COMP_LINE=$1 COMP_POINT=${#1}
	shift
	offers "$@"
}
at_cursor "ggwire status " "192.0.2.1:50052 gpu-2:50053" ggwire status ""
at_cursor "ggwire status gpu-2:50" "50053" ggwire status gpu-2 : 50
at_cursor "ggwire run --servers 192.0.2.1:50052,g" "50052,gpu-2:50053" ggwire run --servers 192.0.2.1 : 50052,g

# for_all FUNCTION: calls it with each command and the options that its help lists.
for_all() {
	local command expected
	for command in $commands; do
		[ "$command" != help ] || continue
		expected=$(ggwire help "$command" | grep -oE '^ +(-[A-Za-z], )?--[a-z0-9-]+' | sed 's/.* //' | sort | paste -sd' ')
		"$1" "$command" "$expected"
	done
}

in_fish() {
	HOME=$work fish --no-config -c "source '$root/completions/ggwire.fish'; complete -C '$1'" 2>/dev/null | cut -f1 | sort | paste -sd' '
}
fish_offers() {
	local got
	got=$(in_fish "$2")
	[ "$got" = "$1" ] || fail "fish: '$2' offers '$got', not '$1'"
}
check_fish_options() {
	fish_offers "$2" "ggwire $1 --"
}
if command -v fish >/dev/null 2>&1; then
	fish --no-execute "$root/completions/ggwire.fish" || fail "fish cannot read its file"
	fish_offers "$(printf '%s\n' $commands | sort | paste -sd' ')" "ggwire "
	for_all check_fish_options
	fish_offers "auto off require" "ggwire serve --sandbox "
	fish_offers "tcp" "ggml-rpc-server --transport t"
	fish_offers "192.0.2.1:50052 gpu-2:50053" "ggwire status "
	fish_offers "a:1,gpu-2:50053" "ggwire devices a:1,g"
	fish_offers "serve" "ggwire help ser"
else
	echo "fish: skipped: it is not installed"
fi

# What zsh's file hands to zsh: outside of a terminal there is nothing that completes.
in_zsh() {
	zsh -f -c '
		file=$1; shift
		autoload -U is-at-least
		compdef() { :; }
		_describe() { local array=$@[-1]; print -l -- ${(P)array%%:*}; }
		compadd() { while [[ $1 == -* ]]; do [[ $1 != -S ]] || shift; [[ $1 != -a ]] || { print -l -- ${(P)2}; return; }; shift; done; print -l -- "$@"; }
		compset() { :; }
		_files() { print FILES; }
		_message() { :; }
		source $file
		words=("$@"); CURRENT=$#
		_ggwire' zsh "$root/completions/_ggwire" "$@" 2>&1 | sort | paste -sd' '
}
zsh_offers() {
	local expected=$1 got
	shift
	got=$(in_zsh "$@")
	[ "$got" = "$expected" ] || fail "zsh: '$*' offers '$got', not '$expected'"
}
check_zsh_options() {
	zsh_offers "$2" ggwire "$1" --
}
if command -v zsh >/dev/null 2>&1; then
	zsh -n "$root/completions/_ggwire" || fail "zsh cannot read its file"
	zsh_offers "$(printf '%s\n' $commands | sort | paste -sd' ')" ggwire ""
	for_all check_zsh_options
	zsh_offers "auto off require" ggwire serve --sandbox ""
	zsh_offers "auto rdma tcp" ggml-rpc-server --transport ""
	zsh_offers "192.0.2.1:50052 gpu-2:50053" ggwire status ""
	zsh_offers "FILES" ggwire serve --config ""
	zsh_offers "add list remove" ggwire key ""
else
	echo "zsh: skipped: it is not installed"
fi
echo "completion: ok"
