#include "device/peers/group.h"

#include <assert.h>
#include <string.h>

#include "device/peers/sum.h"

_Static_assert(GW_SUM_PARTS == GW_PEERS_RANKS_MAX, "parts of a sum");
_Static_assert(GW_FLOWS_MAX >= GW_PEERS_RANKS_MAX - 1, "links at once");

/* Elements that are rounded while those before them are sent. */
#define PIECE ((size_t)64 << 10)

/* Memory beyond this is given back after use. */
#define KEEP_MAX ((size_t)16 << 20)

/* What an all-reduce works with. */
struct job {
	const struct gw_group *g;
	const struct gw_group_reduction *r;
	struct gw_group_memory *m;
	size_t n;          /* elements */
	size_t width;      /* bytes of one of them between servers */
	const float *own;  /* this server's sum */
	uint16_t *rounded; /* the same in BF16; NULL: it travels as F32 */
	size_t n_rounded;  /* elements of it that are ready */
	float *sum;        /* of all servers; may be own */
	struct span {
		size_t at, n;
	} spans[GW_PEERS_RANKS_MAX]; /* of the elements that each server adds up */
};

/* The part of a job that is received now and added while it arrives. */
struct addition {
	struct job *job;
	struct span span;
	bool sends_it; /* what is added has to be sent first, because the sum may take its place */
	const void *parts[GW_PEERS_RANKS_MAX];
	size_t added; /* elements */
	struct arrival {
		struct addition *addition;
		size_t n; /* elements that may be added */
	} arrivals[GW_PEERS_RANKS_MAX];
};

void *gw_group_memory_room(struct gw_buf *buf, size_t size, struct gw_error *err)
{
	buf->len = 0;
	if (!gw_buf_reserve(buf, size ? size : 1))
		return buf->data;
	gw_error_set(err, GW_ERR_NOMEM, "no memory for %zu bytes", size);
	return NULL;
}

static void trim(struct gw_buf *buf)
{
	if (buf->capacity > KEEP_MAX)
		gw_buf_free(buf);
}

void gw_group_memory_trim(struct gw_group_memory *m)
{
	trim(&m->own);
	trim(&m->sum);
	trim(&m->rounded);
	trim(&m->received);
	trim(&m->values);
}

void gw_group_memory_free(struct gw_group_memory *m)
{
	gw_buf_free(&m->own);
	gw_buf_free(&m->sum);
	gw_buf_free(&m->rounded);
	gw_buf_free(&m->received);
	gw_buf_free(&m->values);
}

/* A tensor's elements, in its own memory if that can be read. */
static const float *read_tensor(struct job *j, size_t i, struct gw_error *err)
{
	const struct gw_tensor *t = &j->r->tensors[i];
	if (t->buffer->is_host)
		return t->ggml.data;
	float *values = gw_group_memory_room(&j->m->values, j->n * sizeof(float), err);
	if (values)
		ggml_backend_tensor_get(&t->ggml, values, 0, j->n * sizeof(float));
	return values;
}

/* Without a copy where one tensor in host memory is all that there is. */
static enum gw_status add_own(struct job *j, struct gw_error *err)
{
	size_t n_computed = 0, last = 0;
	for (size_t i = 0; i < j->r->n; i++)
		if (j->r->computed[i]) {
			n_computed++;
			last = i;
		}
	if (n_computed == 1) {
		j->own = read_tensor(j, last, err);
		return j->own ? GW_OK : GW_ERR_NOMEM;
	}
	float *own = gw_group_memory_room(&j->m->own, j->n * sizeof(float), err);
	if (!own)
		return GW_ERR_NOMEM;
	memset(own, 0, j->n * sizeof(float));
	for (size_t i = 0; i < j->r->n; i++) {
		const float *values = j->r->computed[i] ? read_tensor(j, i, err) : own;
		if (!values)
			return GW_ERR_NOMEM;
		if (j->r->computed[i])
			gw_sum_add_f32(own, values, j->n);
	}
	j->own = own;
	return GW_OK;
}

/* Where the span of server k begins: n * k / size, without an overflow. */
static size_t boundary(const struct job *j, size_t k)
{
	size_t size = j->g->size;
	return j->n / size * k + j->n % size * k / size;
}

static void round_until(struct job *j, size_t until)
{
	if (until <= j->n_rounded)
		return;
	gw_sum_to_bf16(j->own + j->n_rounded, j->rounded + j->n_rounded, until - j->n_rounded);
	j->n_rounded = until;
}

static enum gw_status prepare(struct job *j, struct gw_error *err)
{
	const struct gw_tensor *first = &j->r->tensors[0];
	enum gw_status status = add_own(j, err);
	if (status)
		return status;
	j->sum =
		first->buffer->is_host ? first->ggml.data : gw_group_memory_room(&j->m->sum, j->n * sizeof(float), err);
	if (!j->sum)
		return GW_ERR_NOMEM;
	j->width = j->r->format == GW_PEERS_BF16 ? sizeof(uint16_t) : sizeof(float);
	if (j->r->format == GW_PEERS_BF16) {
		j->rounded = gw_group_memory_room(&j->m->rounded, j->n * sizeof(uint16_t), err);
		if (!j->rounded)
			return GW_ERR_NOMEM;
	}
	for (size_t k = 0; k < j->g->size; k++) {
		size_t at = boundary(j, k);
		j->spans[k] = (struct span){at, boundary(j, k + 1) - at};
	}
	return GW_OK;
}

/* What this server sends, from an element on. */
static const void *sent_from(const struct job *j, size_t at)
{
	return j->rounded ? (const void *)(j->rounded + at) : (const void *)(j->own + at);
}

static void add_parts(struct addition *a, size_t until)
{
	struct job *j = a->job;
	const float *f32[GW_PEERS_RANKS_MAX];
	const uint16_t *bf16[GW_PEERS_RANKS_MAX];
	float *sum = j->sum + a->span.at + a->added;
	size_t n = until - a->added;
	for (size_t k = 0; k < j->g->size; k++) {
		f32[k] = (const float *)a->parts[k] + (j->rounded ? 0 : a->added);
		bf16[k] = (const uint16_t *)a->parts[k] + (j->rounded ? a->added : 0);
	}
	if (j->rounded) {
		round_until(j, a->span.at + until); /* which the sum may replace */
		gw_sum_all_bf16(sum, bf16, j->g->size, n);
	} else {
		gw_sum_all_f32(sum, f32, j->g->size, n);
	}
	a->added = until;
}

/* Adds what has arrived from all servers, while more is on its way. */
static void on_moved(void *user, size_t sent, size_t received)
{
	struct arrival *mine = user;
	struct addition *a = mine->addition;
	size_t width = a->job->width, until = a->span.n;
	mine->n = received / width;
	if (a->sends_it && sent / width < mine->n)
		mine->n = sent / width;
	for (size_t k = 0; k < a->job->g->size; k++)
		if (k != a->job->g->self && a->arrivals[k].n < until)
			until = a->arrivals[k].n;
	if (until > a->added)
		add_parts(a, until);
}

/* Rounds the next elements of what is sent to all. */
static size_t on_make(void *user, size_t sent)
{
	struct job *j = ((const struct arrival *)user)->addition->job;
	size_t at = sent / j->width;
	round_until(j, j->n - at < PIECE ? j->n : at + PIECE);
	return j->n_rounded * j->width;
}

/* Receives this server's span from all others, who get theirs, or the whole, and adds them up. */
static enum gw_status reduce_span(struct job *j, enum gw_peers_kind kind, struct span span, struct gw_error *err)
{
	const struct gw_group *g = j->g;
	struct gw_link_message messages[GW_PEERS_RANKS_MAX];
	bool in_pieces = j->rounded && kind == GW_PEERS_ALL;
	struct addition a = {.job = j, .span = span, .sends_it = kind == GW_PEERS_ALL && !j->rounded};
	size_t size = span.n * j->width, n = 0;
	uint8_t *in = gw_group_memory_room(&j->m->received, (g->size - 1) * size, err);
	if (!in)
		return GW_ERR_NOMEM;
	if (j->rounded && !in_pieces)
		round_until(j, j->n);
	for (size_t k = 0; k < g->size; k++) {
		const struct span theirs = kind == GW_PEERS_ALL ? span : j->spans[k];
		a.parts[k] = sent_from(j, span.at);
		a.arrivals[k] = (struct arrival){.addition = &a};
		if (k == g->self)
			continue;
		a.parts[k] = in + n * size;
		messages[n] = (struct gw_link_message){g->links[k], kind, sent_from(j, theirs.at), theirs.n * j->width,
			in + n * size, size, on_moved, in_pieces ? on_make : NULL, &a.arrivals[k]};
		n++;
	}
	enum gw_status status = gw_links_exchange(messages, n, err);
	if (!status && a.added < span.n)
		add_parts(&a, span.n);
	return status;
}

/* Sends the sums of this server's span to all others, and receives theirs. As BF16 they replace what was sent before.
 */
static enum gw_status gather(struct job *j, struct gw_error *err)
{
	const struct gw_group *g = j->g;
	struct gw_link_message messages[GW_PEERS_RANKS_MAX];
	const struct span mine = j->spans[g->self];
	uint8_t *whole = j->rounded ? (uint8_t *)j->rounded : (uint8_t *)j->sum;
	size_t n = 0;
	if (j->rounded)
		gw_sum_to_bf16(j->sum + mine.at, j->rounded + mine.at, mine.n);
	for (size_t k = 0; k < g->size; k++)
		if (k != g->self)
			messages[n++] = (struct gw_link_message){g->links[k], GW_PEERS_GATHER,
				whole + mine.at * j->width, mine.n * j->width, whole + j->spans[k].at * j->width,
				j->spans[k].n * j->width, NULL, NULL, NULL};
	enum gw_status status = gw_links_exchange(messages, n, err);
	if (!status && j->rounded)
		gw_sum_from_bf16(j->rounded, j->sum, j->n);
	return status;
}

static enum gw_status reduce(struct job *j, struct gw_error *err)
{
	enum gw_status status = prepare(j, err);
	if (status)
		return status;
	if (j->r->steps == 1 || j->g->size == 1)
		return reduce_span(j, GW_PEERS_ALL, (struct span){0, j->n}, err);
	status = reduce_span(j, GW_PEERS_SCATTER, j->spans[j->g->self], err);
	return status ? status : gather(j, err);
}

static void distribute(const struct job *j)
{
	size_t size = j->n * sizeof(float);
	for (size_t i = 0; i < j->r->n; i++) {
		struct gw_tensor *t = &j->r->tensors[i];
		if (!t->buffer->is_host)
			ggml_backend_tensor_set(&t->ggml, j->sum, 0, size);
		else if (t->ggml.data != j->sum)
			memmove(t->ggml.data, j->sum, size);
	}
}

enum gw_status gw_group_reduce(
	const struct gw_group *g, const struct gw_group_reduction *r, struct gw_group_memory *m, struct gw_error *err)
{
	struct job j = {.g = g, .r = r, .m = m, .n = (size_t)r->elements};
	if (j.n == 0)
		return GW_OK;
	enum gw_status status = reduce(&j, err);
	if (!status)
		distribute(&j);
	gw_group_memory_trim(m);
	return status;
}
