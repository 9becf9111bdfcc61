# Sourced by the tests of the release archive, after tests/interop/lib.sh.
# shellcheck shell=sh disable=SC2034,SC2154 # variables shared with tests/interop/lib.sh and who sources this

# The tests need npm; they skip, with the reason, without it.
npm_check() {
	for tool in npm "$@"; do
		command -v "$tool" >/dev/null || { echo "SKIP: $tool is missing"; exit 77; }
	done
}

# archive_make [ARCH]: the release archive, made and unpacked; sets $archive.
archive_make() {
	"$GGWIRE_ROOT/tools/release" "$@" >"$work/release.log" 2>&1 || fail "tools/release $*"
	packed=$(sed -n 's/\.tar\.gz .*/.tar.gz/p' "$work/release.log")
	archive=$build/hosts/archive${1:+-$1}
	rm -rf "$archive"
	mkdir -p "$archive" && tar -C "$archive" --strip-components=1 -xf "$packed" || fail "the archive"
	(cd "$archive" && sha256sum --quiet -c SHA256SUMS) || fail "checksums of the archive"
}

# npm_install NAME PACKAGE...: packages from the npm registry, once for each build directory; sets $home.
npm_install() {
	home=$build/hosts/$1
	shift
	[ ! -e "$home/.complete" ] || return 0
	mkdir -p "$home" && npm install --prefix "$home" --ignore-scripts --omit=optional --no-package-lock --no-audit \
		--no-fund "$@" >"$work/npm.log" 2>&1 || fail "npm install $*"
	: >"$home/.complete"
}

# node_install VERSION: node-llama-cpp with its ggml; sets $home and $libraries, which hold no plug-in of ours.
node_install() {
	npm_install "$1" "node-llama-cpp@$1" "@node-llama-cpp/linux-x64@$1"
	libraries=$home/node_modules/@node-llama-cpp/linux-x64/bins/linux-x64
	[ -e "$libraries/libggml-base.so" ] || fail "no ggml in $libraries"
	rm -f "$libraries/libggml-rpc-ggwire.so"
}

# says TEXT FILE
says() {
	grep -qF -- "$1" "$2" || { cat "$2" >&2; fail "'$1' is not in $(basename "$2")"; }
}
