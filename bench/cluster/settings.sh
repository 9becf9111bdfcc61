# The machines, links and models that are simulated, and at which scale. Sourced by bench/cluster/run, which defines
# what is a number of this file on purpose: docs/scale-out.md argues for each.
# shellcheck shell=bash disable=SC2034

# A machine: 273 GB/s of memory, 50 TFLOP/s in matrix products, 2 us for each node of a graph.
machine_bytes=273e9 machine_flops=50e12 machine_launch=2e-6

# link NAME: sets latency_us (one way, application to application) and rate (bytes a second: 94 % of the line's).
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

# model NAME: sets embd (true), layers (of the whole model), weights (in the matrices of a layer), and factor: how much
# larger the true matrices are than those of the file, whose heads and feed-forward part are 256 wide.
all_models='8B 70B'
file_layers=16 file_inner=256 file_vocab=512
model() {
	case $1 in
	8B) embd=4096 layers=32 weights=218103808 ;;
	70B) embd=8192 layers=80 weights=855638016 ;;
	*) return 1 ;;
	esac
	factor=$(compute "w/(7*$file_inner*e)" w=$weights e=$embd)
}

# scale MODEL SPLIT PHASE LINK: how many times slower than in truth everything is. With tensors split the link and the
# length of a layer decide: both have to be long against what this machine takes to wake a thread, and its processors
# have to keep up with the bytes. With layers split it is the model alone, whose layers in the file stand for several.
scale() {
	case $2,$1,$4,$3 in
	tensor,70B,1GbE,*) echo 10 ;;
	tensor,70B,100GbE,*) echo 200 ;;
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

# The prompt goes in micro-batches: so many with layers split, one with tensors.
batch=64
micro_batches() {
	[ "$1" = layer ] && echo $((2 * $2)) || echo 1
}
