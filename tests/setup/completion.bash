#!/bin/bash
# bash completes every command, every option of every command, and some values.
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
echo "completion: ok"
