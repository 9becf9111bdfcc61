# The parts of deb.sh inside the fresh system source this file.
# shellcheck shell=sh

# text FILE OPTION...: greedy text of the demo model. Repeats the run if the program exits before it has printed
# everything, which its last log line shows.
text() {
	file=$1
	shift
	for _ in 1 2 3 4 5 6 7 8; do
		timeout 120 llama-completion -m ggwire-demo.gguf -p "Hear, O Israel:" -n 32 --temp 0 --seed 1 -t 1 -no-cnv "$@" \
			</dev/null >"$file" 2>"$file.log" || { tail -n 5 "$file.log"; fail "llama-completion $*"; }
		! grep -q 'graph reallocs' "$file.log" || return 0
	done
	fail "llama-completion $* never prints its whole output"
}
