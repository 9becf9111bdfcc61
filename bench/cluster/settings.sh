# The simulated machines, links and models, and the scale. bench/cluster/run sources this file. docs/scale-out.md gives
# the reasons for each number.
# shellcheck shell=bash disable=SC2034

# A machine: 273 GB/s of memory, 50 TFLOP/s in matrix products, 2 us for each node of a graph.
machine_bytes=273e9 machine_flops=50e12 machine_launch=2e-6

# link NAME: sets latency_us (one way, application to application) and rate (bytes per second: 94 % of the line rate).
all_links='1GbE 10GbE 25GbE 100GbE'
link() {
	case $1 in
	1GbE) latency_us=100 rate=117.5e6 ;;
	10GbE) latency_us=30 rate=1.175e9 ;;
	25GbE) latency_us=20 rate=2.94e9 ;;
	100GbE) latency_us=5 rate=11.75e9 ;;
	*) return 1 ;;
	esac
}

# model NAME: sets embd (the true width), layers (of the whole model), weights (in the matrices of a layer), and factor:
# how much larger the true matrices are than those of the file, whose heads are 256 wide together. llama.cpp splits the
# feed-forward part in units of 128, so its 1,024 are one unit for each of eight machines.
all_models='8B 70B'
file_layers=16 file_inner=256 file_ff=1024 file_vocab=512
model() {
	case $1 in
	8B) embd=4096 layers=32 weights=218103808 ;;
	70B) embd=8192 layers=80 weights=855638016 ;;
	*) return 1 ;;
	esac
	factor=$(compute "w/((4*$file_inner+3*$file_ff)*e)" w=$weights e=$embd)
}

# scale MODEL SPLIT PHASE LINK: the factor by which everything is slower than in reality. With split tensors it depends
# on the link and the time per layer: both must be long compared with the wake-up of a thread on this machine, and its
# processors must be able to move the bytes. With split layers it depends on the model only, each of whose layers in the
# file represents several. --scale overrides it.
scale() {
	[ ! "${scale_set:-}" ] || { echo "$scale_set"; return; }
	case $2,$1,$4,$3 in
	tensor,70B,1GbE,*) echo 10 ;;
	tensor,70B,100GbE,*) echo 200 ;;
	tensor,70B,25GbE,decode) echo 200 ;;
	tensor,70B,*) echo 50 ;;
	tensor,8B,1GbE,*) echo 20 ;;
	tensor,8B,100GbE,*) echo 400 ;;
	tensor,8B,*) echo 100 ;;
	layer,70B,*,decode) echo 10 ;;
	layer,70B,*,prefill) echo 5 ;;
	layer,8B,*,decode) echo 40 ;;
	layer,8B,*,prefill) echo 20 ;;
	esac
}

# The prompt consists of micro-batches: of several with split layers, of one with split tensors.
batch=64
micro_batches() {
	[ "$1" = layer ] && echo $((2 * $2)) || echo 1
}
