/* mkmodel: writes a llama model of any size with random weights, for tests and measurements. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <ggml.h>
#include <gguf.h>

enum {
	EXIT_USAGE = 2,
	BYTE_TOKENS = 256,
	FIRST_BYTE = 3,
	FIRST_WORD = FIRST_BYTE + BYTE_TOKENS,
	CHUNK = 1 << 16
};

/* Shape of the model; 0 means "not given" until options_complete() has run. */
struct options {
	int64_t layers, embd, heads, kv_heads, head_dim, ff, vocab, ctx, size;
	uint64_t seed;
	enum ggml_type type;
	const char *out;
};

static const char usage_text[] =
	"Usage: mkmodel [options] --out FILE\n"
	"\n"
	"Writes a GGUF file with a llama model of random weights that llama.cpp loads and runs. The same\n"
	"options give the same bytes.\n"
	"\n"
	"  --layers N      blocks (default: 4, or what --size asks for)\n"
	"  --embd N        width, a multiple of 32 (default: 256, or what --size asks for)\n"
	"  --heads N       attention heads (default: embd / 64)\n"
	"  --kv-heads N    key and value heads; divides --heads (default: heads / 4)\n"
	"  --head-dim N    width of a head, even (default: embd / heads, which must then be whole)\n"
	"  --ff N          width of the feed-forward part, a multiple of 32 (default: 11/4 of --embd)\n"
	"  --vocab N       tokens, 260 or more (default: 4096)\n"
	"  --ctx N         context length written into the file (default: 4096)\n"
	"  --type TYPE     f32, f16, q8_0 or q4_0 (default: q8_0)\n"
	"  --size SIZE     about this many bytes of weights (suffixes K, M, G), by number and width of layers\n"
	"  --seed N        seed of the weights (default: 1)\n"
	"  --out FILE      the file to write\n"
	"  -h, --help      this text\n"
	"\n"
	"Exit status: 0 written, 1 could not be written, 2 wrong usage.\n";

static _Noreturn void bad_usage(const char *what, const char *value)
{
	fprintf(stderr, "mkmodel: %s: '%s' (see --help)\n", what, value);
	exit(EXIT_USAGE);
}

static int64_t number_parse(const char *name, const char *text, int64_t min, int64_t max)
{
	char *end;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (errno || end == text || *end || value < min || value > max) {
		fprintf(stderr, "mkmodel: --%s takes a number from %" PRId64 " to %" PRId64 ", not '%s' (see --help)\n",
			name, min, max, text);
		exit(EXIT_USAGE);
	}
	return value;
}

static int64_t size_parse(const char *text)
{
	char *end;
	errno = 0;
	double value = strtod(text, &end);
	int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
	if (errno || end == text || end[shift ? 1 : 0])
		bad_usage("--size takes bytes with an optional K, M or G", text);
	value = ldexp(value, shift);
	if (!(value >= 1 << 16 && value <= 0x1p40))
		bad_usage("--size takes 64K to 1024G", text);
	return (int64_t)value;
}

static enum ggml_type type_parse(const char *text)
{
	static const enum ggml_type types[] = {GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_Q8_0, GGML_TYPE_Q4_0};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcmp(text, ggml_type_name(types[i])) == 0)
			return types[i];
	bad_usage("--type takes f32, f16, q8_0 or q4_0", text);
}

static int64_t round_to(int64_t value, int64_t step)
{
	int64_t rounded = (value + step / 2) / step * step;
	return rounded < step ? step : rounded;
}

static size_t layer_bytes(const struct options *o)
{
	int64_t attention = o->head_dim * o->heads;
	int64_t rows = attention + 2 * o->head_dim * o->kv_heads + 2 * o->ff;
	return (size_t)rows * ggml_row_size(o->type, o->embd) +
	       (size_t)o->embd * (ggml_row_size(o->type, attention) + ggml_row_size(o->type, o->ff));
}

/* The width for --size, with about sixteen layers of about twelve weights per squared width. */
static int64_t size_to_width(int64_t size, enum ggml_type type)
{
	double weights = (double)size / ((double)ggml_row_size(type, 32) / 32);
	return round_to((int64_t)sqrt(weights / (16 * 12)), 256);
}

static void options_complete(struct options *o)
{
	if (!o->embd)
		o->embd = o->size ? size_to_width(o->size, o->type) : 256;
	if (!o->heads)
		o->heads = o->embd % 64 ? 1 : o->embd / 64;
	if (!o->kv_heads)
		o->kv_heads = o->heads % 4 ? o->heads : o->heads / 4;
	if (!o->ff)
		o->ff = round_to(o->embd * 11 / 4, 32);
	if (!o->head_dim && o->embd % o->heads == 0)
		o->head_dim = o->embd / o->heads;
	if (o->head_dim % 2 || !o->head_dim)
		bad_usage("the heads must divide the width into even parts, or be given a width; see", "--head-dim");
	if (o->head_dim * o->heads % 32)
		bad_usage("the heads together are not a multiple of 32 wide", "--head-dim");
	if (o->heads % o->kv_heads)
		bad_usage("the number of heads must be a multiple of", "--kv-heads");
	if (o->embd % 32 || o->ff % 32)
		bad_usage("not a multiple of 32", o->embd % 32 ? "--embd" : "--ff");
	if (o->size && !o->layers) {
		int64_t embedding = 2 * (int64_t)ggml_row_size(o->type, o->embd) * o->vocab;
		if (embedding >= o->size)
			bad_usage("--size is too small for the vocabulary alone; give a smaller", "--vocab");
		o->layers = round_to(o->size - embedding, (int64_t)layer_bytes(o)) / (int64_t)layer_bytes(o);
	}
	if (!o->layers)
		o->layers = 4;
}

static void option_take(struct options *o, const char *name, const char *value)
{
	const struct {
		const char *name;
		int64_t *field, min, max;
	} numbers[] = {
		{"layers", &o->layers, 1, 4096},
		{"embd", &o->embd, 32, 1 << 16},
		{"heads", &o->heads, 1, 1024},
		{"kv-heads", &o->kv_heads, 1, 1024},
		{"head-dim", &o->head_dim, 2, 1 << 12},
		{"ff", &o->ff, 32, 1 << 18},
		{"vocab", &o->vocab, FIRST_WORD + 1, 1 << 20},
		{"ctx", &o->ctx, 1, INT64_C(1) << 24},
	};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		if (strcmp(name, numbers[i].name) == 0)
			*numbers[i].field = number_parse(name, value, numbers[i].min, numbers[i].max);
	if (strcmp(name, "seed") == 0)
		o->seed = (uint64_t)number_parse(name, value, 0, INT64_MAX);
	if (strcmp(name, "type") == 0)
		o->type = type_parse(value);
	if (strcmp(name, "size") == 0)
		o->size = size_parse(value);
	if (strcmp(name, "out") == 0)
		o->out = value;
}

static struct options options_parse(int argc, char **argv)
{
	static const struct option table[] = {
		{"layers", required_argument, NULL, 'o'},
		{"embd", required_argument, NULL, 'o'},
		{"heads", required_argument, NULL, 'o'},
		{"kv-heads", required_argument, NULL, 'o'},
		{"head-dim", required_argument, NULL, 'o'},
		{"ff", required_argument, NULL, 'o'},
		{"vocab", required_argument, NULL, 'o'},
		{"ctx", required_argument, NULL, 'o'},
		{"type", required_argument, NULL, 'o'},
		{"size", required_argument, NULL, 'o'},
		{"seed", required_argument, NULL, 'o'},
		{"out", required_argument, NULL, 'o'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct options o = {.vocab = 4096, .ctx = 4096, .seed = 1, .type = GGML_TYPE_Q8_0};
	int index = 0;
	for (int c; (c = getopt_long(argc, argv, "h", table, &index)) != -1;) {
		if (c == 'h') {
			fputs(usage_text, stdout);
			exit(EXIT_SUCCESS);
		}
		if (c != 'o')
			exit(EXIT_USAGE);
		option_take(&o, table[index].name, optarg);
	}
	if (optind < argc)
		bad_usage("unexpected argument", argv[optind]);
	if (!o.out)
		bad_usage("an option is missing", "--out");
	options_complete(&o);
	return o;
}

/* Words in bijective base 26 (a, b, ... z, aa, ...), each after the tokenizer's mark for a space. */
static void word_spell(char *out, size_t size, int64_t index)
{
	char letters[16];
	size_t at = sizeof letters - 1;
	letters[at] = 0;
	for (int64_t rest = index + 1; rest > 0; rest = (rest - 1) / 26)
		letters[--at] = (char)('a' + (rest - 1) % 26);
	snprintf(out, size, "\xe2\x96\x81%s", letters + at);
}

/* A SentencePiece vocabulary: three control tokens, the bytes, and words without merges. */
static bool vocabulary_add(struct gguf_context *gguf, int64_t count)
{
	enum {
		TEXT = 24,
		NORMAL = 1,
		UNKNOWN = 2,
		CONTROL = 3,
		BYTE = 6
	};
	size_t n = (size_t)count;
	char(*texts)[TEXT] = calloc(n, sizeof *texts);
	const char **tokens = calloc(n, sizeof *tokens);
	float *scores = calloc(n, sizeof *scores);
	int32_t *types = calloc(n, sizeof *types);
	bool complete = texts && tokens && scores && types;
	for (size_t i = 0; complete && i < n; i++) {
		tokens[i] = texts[i];
		if (i < FIRST_BYTE) {
			strcpy(texts[i], (const char *[]){"<unk>", "<s>", "</s>"}[i]);
			types[i] = i ? CONTROL : UNKNOWN;
		} else if (i < FIRST_WORD) {
			snprintf(texts[i], TEXT, "<0x%02X>", (unsigned)(i - FIRST_BYTE) & 0xff);
			types[i] = BYTE;
		} else {
			word_spell(texts[i], TEXT, (int64_t)i - FIRST_WORD);
			scores[i] = -(float)(i - FIRST_WORD);
			types[i] = NORMAL;
		}
	}
	if (complete) {
		gguf_set_val_str(gguf, "tokenizer.ggml.model", "llama");
		gguf_set_arr_str(gguf, "tokenizer.ggml.tokens", tokens, n);
		gguf_set_arr_data(gguf, "tokenizer.ggml.scores", GGUF_TYPE_FLOAT32, scores, n);
		gguf_set_arr_data(gguf, "tokenizer.ggml.token_type", GGUF_TYPE_INT32, types, n);
		gguf_set_val_u32(gguf, "tokenizer.ggml.unknown_token_id", 0);
		gguf_set_val_u32(gguf, "tokenizer.ggml.bos_token_id", 1);
		gguf_set_val_u32(gguf, "tokenizer.ggml.eos_token_id", 2);
		gguf_set_val_bool(gguf, "tokenizer.ggml.add_bos_token", false);
	}
	free(types);
	free(scores);
	free(tokens);
	free(texts);
	return complete;
}

static void shape_add(struct gguf_context *gguf, const struct options *o)
{
	const struct {
		const char *key;
		int64_t value;
	} numbers[] = {
		{"llama.context_length", o->ctx},
		{"llama.embedding_length", o->embd},
		{"llama.block_count", o->layers},
		{"llama.feed_forward_length", o->ff},
		{"llama.attention.head_count", o->heads},
		{"llama.attention.head_count_kv", o->kv_heads},
		{"llama.attention.key_length", o->head_dim},
		{"llama.attention.value_length", o->head_dim},
		{"llama.rope.dimension_count", o->head_dim},
		{"llama.vocab_size", o->vocab},
		/* llama.cpp's numbers for "mostly" one type. */
		{"general.file_type", o->type == GGML_TYPE_Q8_0   ? 7
				      : o->type == GGML_TYPE_Q4_0 ? 2
				      : o->type == GGML_TYPE_F16  ? 1
								  : 0},
	};
	gguf_set_val_str(gguf, "general.architecture", "llama");
	gguf_set_val_str(gguf, "general.name", "random weights");
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		gguf_set_val_u32(gguf, numbers[i].key, (uint32_t)numbers[i].value);
	gguf_set_val_f32(gguf, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
	gguf_set_val_f32(gguf, "llama.rope.freq_base", 10000.0f);
}

static void matrix_add(struct ggml_context *ctx, enum ggml_type type, int64_t in, int64_t out, const char *name)
{
	ggml_set_name(ggml_new_tensor_2d(ctx, type, in, out), name);
}

static void norm_add(struct ggml_context *ctx, int64_t width, const char *name)
{
	ggml_set_name(ggml_new_tensor_1d(ctx, GGML_TYPE_F32, width), name);
}

static void layer_add(struct ggml_context *ctx, const struct options *o, int64_t layer)
{
	int64_t attention = o->head_dim * o->heads, kv = o->head_dim * o->kv_heads;
	const struct {
		const char *part;
		int64_t in, out;
	} parts[] = {
		{"attn_norm", o->embd, 0},
		{"attn_q", o->embd, attention},
		{"attn_k", o->embd, kv},
		{"attn_v", o->embd, kv},
		{"attn_output", attention, o->embd},
		{"ffn_norm", o->embd, 0},
		{"ffn_gate", o->embd, o->ff},
		{"ffn_up", o->embd, o->ff},
		{"ffn_down", o->ff, o->embd},
	};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		char name[GGML_MAX_NAME];
		snprintf(name, sizeof name, "blk.%" PRId64 ".%s.weight", layer, parts[i].part);
		if (parts[i].out)
			matrix_add(ctx, o->type, parts[i].in, parts[i].out, name);
		else
			norm_add(ctx, parts[i].in, name);
	}
}

/* The tensors without their data. NULL: out of memory. */
static struct ggml_context *tensors_new(const struct options *o)
{
	size_t count = 3 + 9 * (size_t)o->layers;
	struct ggml_context *ctx =
		ggml_init((struct ggml_init_params){.mem_size = count * ggml_tensor_overhead(), .no_alloc = true});
	if (!ctx)
		return NULL;
	matrix_add(ctx, o->type, o->embd, o->vocab, "token_embd.weight");
	for (int64_t layer = 0; layer < o->layers; layer++)
		layer_add(ctx, o, layer);
	norm_add(ctx, o->embd, "output_norm.weight");
	matrix_add(ctx, o->type, o->embd, o->vocab, "output.weight");
	return ctx;
}

/* splitmix64 */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Derives four weights from each random number; n is a multiple of 4. */
static void weights_fill(float *out, int64_t n, float scale, uint64_t *state)
{
	for (int64_t i = 0; i < n; i += 4) {
		uint64_t bits = random_next(state);
		for (int k = 0; k < 4; k++)
			out[i + k] = scale * (float)(int16_t)(bits >> 16 * k);
	}
}

static bool zeros_write(FILE *file, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fputc(0, file) == EOF)
			return false;
	return true;
}

/* Writes a tensor's data a few rows at a time. Uniform weights of variance 1/width keep activations near 1 at any
 * depth. */
static bool tensor_write(FILE *file, const struct ggml_tensor *t, uint64_t state, float *weights, void *packed)
{
	int64_t width = t->ne[0], rows_left = t->ne[1];
	int64_t rows_max = CHUNK / width > 0 ? CHUNK / width : 1;
	float scale = sqrtf(3.0f / (float)width) / 32768.0f;
	while (rows_left > 0) {
		int64_t rows = rows_left < rows_max ? rows_left : rows_max;
		if (t->ne[1] == 1)
			for (int64_t i = 0; i < width; i++)
				weights[i] = 1.0f;
		else
			weights_fill(weights, rows * width, scale, &state);
		size_t bytes = ggml_quantize_chunk(t->type, weights, packed, 0, rows, width, NULL);
		if (fwrite(packed, 1, bytes, file) != bytes)
			return false;
		rows_left -= rows;
	}
	size_t past = ggml_nbytes(t) % GGUF_DEFAULT_ALIGNMENT;
	return zeros_write(file, past ? GGUF_DEFAULT_ALIGNMENT - past : 0);
}

static bool model_write(FILE *file, const struct gguf_context *gguf, struct ggml_context *ctx, uint64_t seed)
{
	/* The longest row (of ff weights, at most 2^18) may exceed a chunk. */
	size_t bytes = sizeof(float) << 18;
	float *weights = malloc(bytes);
	void *packed = malloc(bytes);
	bool written = weights && packed && gguf_write_to_file_ptr(gguf, file, true);
	for (struct ggml_tensor *t = ggml_get_first_tensor(ctx); t && written; t = ggml_get_next_tensor(ctx, t))
		written = tensor_write(file, t, random_next(&seed), weights, packed);
	free(packed);
	free(weights);
	return written;
}

static bool model_make(const struct options *o, FILE *file)
{
	struct ggml_context *ctx = tensors_new(o);
	if (!ctx)
		return false;
	struct gguf_context *gguf = gguf_init_empty();
	shape_add(gguf, o);
	bool made = vocabulary_add(gguf, o->vocab);
	for (struct ggml_tensor *t = ggml_get_first_tensor(ctx); t; t = ggml_get_next_tensor(ctx, t))
		gguf_add_tensor(gguf, t);
	made = made && model_write(file, gguf, ctx, o->seed);
	gguf_free(gguf);
	ggml_free(ctx);
	return made;
}

/* Removes an incomplete file, but never a device that --out named. */
static void file_withdraw(const char *path)
{
	struct stat st;
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
		remove(path);
}

int main(int argc, char **argv)
{
	struct options o = options_parse(argc, argv);
	FILE *file = fopen(o.out, "wb");
	if (!file) {
		fprintf(stderr, "mkmodel: cannot create %s: %s\n", o.out, strerror(errno));
		return EXIT_FAILURE;
	}
	errno = 0;
	bool made = model_make(&o, file);
	int64_t bytes = ftello(file);
	if (fclose(file) != 0 || !made) {
		fprintf(stderr, "mkmodel: cannot write %s: %s\n", o.out, errno ? strerror(errno) : "out of memory");
		file_withdraw(o.out);
		return EXIT_FAILURE;
	}
	printf("%s: %" PRId64 " layers, width %" PRId64 ", %s, %.1f MiB\n", o.out, o.layers, o.embd,
		ggml_type_name(o.type), (double)bytes / 0x1p20);
	return EXIT_SUCCESS;
}
