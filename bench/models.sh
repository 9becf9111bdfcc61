# bench/run sources this file. It makes the models of the cases once and keeps them in $models.
# shellcheck shell=bash disable=SC2154

# model_path NAME: makes the model if necessary and prints its path.
model_path() {
	local shape=() file
	case $1 in
	tiny)
		echo "$demo_model"
		return
		;;
	deep) shape=(--layers 24 --embd 64 --vocab 512) ;;
	clients) shape=(--layers 4 --embd 512 --vocab 4096) ;;
	prompt) shape=(--layers 8 --embd 256 --vocab 4096) ;;
	big)
		# The widths of an 8 B model, but only four layers.
		shape=(--layers 4 --embd 4096 --heads 32 --kv-heads 8 --ff 14336 --vocab 4096)
		[ $quick = 0 ] || shape[1]=1
		;;
	esac
	file=$models/$1-$(echo "${shape[*]}" | tr -dc '0-9a-z \n' | tr -s ' ' -).gguf
	[ -r "$file" ] || { "$build/bin/mkmodel" "${shape[@]}" --out "$file.part" >&2 && mv "$file.part" "$file"; } || return 1
	echo "$file"
}
