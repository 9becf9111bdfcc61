# Predicts the seconds of a real model by the formulas of docs/scale-out.md. Variables for -v:
#   by (tensor, layer), phase (decode, prefill), n (machines), way (direct, client, pair)
#   latency_us, rate       of the links
#   embd, layers, weights  of the model; file_layers, file_inner, file_ff, file_vocab of its file
#   flops, bytes, launch   of a machine
#   batch, m               tokens of a micro-batch, and their number
#   what                   "once": only the parts that do not depend on the number of layers

function max(a, b) { return a > b ? a : b }
function min(a, b) { return a < b ? a : b }

# One-way time of a message of k bytes.
function hop(k) { return a + k / rate }

# Every rank receives the sum. direct: in one step or in two. pair (two stock servers): one direction after the other,
# and as BF16 from 32,768 elements on. client: in rounds that read and write each rank and send a graph for the
# addition, which repeats all preceding nodes (about 100 KB with 16 layers).
function all_reduce(k) {
	if (n == 1)
		return 0
	if (way == "direct")
		return min(a + (n - 1) * k / rate, 2 * a + 2 * (n - 1) * k / (n * rate)) + 3 * k / bytes
	if (way == "pair")
		return k < 4 * 32768 ? 2 * hop(k) + 3 * k / bytes : 2 * hop(k / 2) + 6 * k / bytes
	return log(n) / log(2) * (n * (a + hop(k) + 100e3 / rate) + 3 * k / bytes) + hop(k)
}

BEGIN {
	a = latency_us / 1e6
	tokens = phase == "decode" ? 1 : batch
	state = embd * 4 * tokens

	# Matrices, and the work that each machine does in full: additions, norms, launches.
	per_layer = max(2 * weights * tokens / flops, weights * 0.5625 / bytes)
	represents = layers / file_layers
	head = phase == "decode" ? file_vocab / (4 * file_inner + 3 * file_ff) * represents * per_layer : 0
	matrices = layers * per_layer + head
	launches = layers * 19 * launch
	passes = 14 * state / bytes

	# The client has the embeddings, and sends them to the first machine, or to all, together with two tensors of
	# that size that llama.cpp has for other kinds of input. The reply comes back.
	inputs = (by == "tensor" ? n : 1) * 3 * state / rate
	once = 2 * a + inputs
	if (what == "once") {
		printf "%.9g\n", once
		exit
	}
	if (by == "tensor") {
		t = matrices / n + launches + layers * (passes + 2 * all_reduce(state)) + once
	} else {
		work = matrices + launches + file_layers * passes
		if (phase == "decode")
			t = work + (n - 1) * (way == "direct" ? 1 : 2) * hop(state) + once
		else if (way == "direct" && n > 1)
			t = (m + n - 1) * max(work / n, inputs) + (n - 1) * hop(state) + once
		else
			t = m * (max(1, n - 1) * (work / n + (n > 1 ? 2 * hop(state) : 0)) + inputs) + (n > 1 ? work / n : 0) + 2 * a
	}
	printf "%.9g\n", t
}
