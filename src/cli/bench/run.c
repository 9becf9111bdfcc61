#include "cli/bench/run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "cli/bench/buffer.h"
#include "cli/bench/graph.h"
#include "wire/cursor.h"

#define FIRST_PIECE ((size_t)64 << 10)
#define MAX_PIECE ((size_t)4 << 20) /* stock servers keep payloads from 10 MiB on */
#define MAX_BUFFER ((uint64_t)64 << 20)
#define QUICK_NS UINT64_C(20000000) /* a piece that takes less may be larger */

struct bench {
	const struct gw_bench_setup *setup;
	struct gw_client *client;
	struct gw_bench_buffer buffer;
	uint8_t *memory; /* two pieces */
};

/* One phase of moving bytes. */
struct mover {
	struct bench *b;
	size_t piece;
	uint64_t n; /* pieces so far */
	uint64_t pending;
	bool has_pending;
};

typedef enum gw_status (*move_piece)(struct mover *m, struct gw_error *err);

static uint64_t cpu_ns(void)
{
	struct rusage u;
	if (getrusage(RUSAGE_SELF, &u))
		return 0;
	return ((uint64_t)u.ru_utime.tv_sec + (uint64_t)u.ru_stime.tv_sec) * GW_NS_PER_S +
	       ((uint64_t)u.ru_utime.tv_usec + (uint64_t)u.ru_stime.tv_usec) * UINT64_C(1000);
}

static void report(const struct bench *b, enum gw_bench_phase phase, uint64_t start)
{
	double share = (double)(gw_clock_ns() - start) / (double)b->setup->phase_ns;
	b->setup->progress(b->setup->user, phase, share < 1 ? share : 1);
}

/* Over the whole buffer, so that it is memory that is measured. */
static uint64_t place(const struct mover *m)
{
	return m->n % (m->b->buffer.size / MAX_PIECE) * MAX_PIECE;
}

static enum gw_status upload_piece(struct mover *m, struct gw_error *err)
{
	return gw_bench_set(&m->b->buffer, place(m), m->b->memory, m->piece, err);
}

/* A reply is asked for before the one before it is awaited. */
static enum gw_status then_await_previous(struct mover *m, uint64_t ticket, struct gw_error *err)
{
	enum gw_status status = m->has_pending ? gw_bench_drain(m->b->client, m->pending, err) : GW_OK;
	m->pending = ticket;
	m->has_pending = true;
	return status;
}

static enum gw_status download_piece(struct mover *m, struct gw_error *err)
{
	uint64_t ticket;
	uint8_t *into = m->b->memory + (m->n % 2) * MAX_PIECE;
	enum gw_status status = gw_bench_get(&m->b->buffer, place(m), into, m->piece, &ticket, err);
	return status ? status : then_await_previous(m, ticket, err);
}

static enum gw_status stream(struct mover *m, size_t there, size_t back, struct gw_error *err)
{
	uint64_t ticket;
	const struct gw_dest dest = {
		.base = m->b->memory + (m->n % 2) * MAX_PIECE, .size = back, .n = 1, .stride = back};
	enum gw_status status = gw_client_stream(m->b->client, m->b->memory, there, &dest, &ticket, err);
	return status ? status : then_await_previous(m, ticket, err);
}

static enum gw_status raw_upload_piece(struct mover *m, struct gw_error *err)
{
	return stream(m, m->piece, 0, err);
}

static enum gw_status raw_download_piece(struct mover *m, struct gw_error *err)
{
	return stream(m, 0, m->piece, err);
}

/* Makes sure that the server has received everything: the reply to a read comes after it. */
static enum gw_status await_all(struct mover *m, struct gw_error *err)
{
	uint8_t word[4];
	enum gw_status status = m->has_pending ? gw_bench_drain(m->b->client, m->pending, err) : GW_OK;
	return status ? status : gw_bench_read(&m->b->buffer, 0, word, sizeof(word), err);
}

static enum gw_status move_all(
	struct bench *b, enum gw_bench_phase phase, move_piece move, struct gw_bench_rate *rate, struct gw_error *err)
{
	struct mover m = {.b = b, .piece = FIRST_PIECE};
	uint64_t start = gw_clock_ns(), cpu = cpu_ns(), bytes = 0;
	enum gw_status status = GW_OK;
	for (uint64_t now = start; !status && now - start < b->setup->phase_ns;) {
		uint64_t before = now;
		status = move(&m, err);
		bytes += m.piece;
		m.n++;
		now = gw_clock_ns();
		if (now - before < QUICK_NS && m.piece < MAX_PIECE)
			m.piece *= 2;
		report(b, phase, start);
	}
	if (!status)
		status = await_all(&m, err);
	if (!status)
		*rate = (struct gw_bench_rate){true, bytes, gw_clock_ns() - start, cpu_ns() - cpu};
	return status;
}

static enum gw_status measure_latency(struct bench *b, struct gw_bench_result *r, struct gw_error *err)
{
	uint64_t start = gw_clock_ns();
	enum gw_status status = GW_OK;
	for (uint64_t now = start; !status && now - start < b->setup->phase_ns;) {
		uint64_t before = now;
		status = gw_client_ping(b->client, err);
		now = gw_clock_ns();
		if (!status)
			status = gw_stats_add(&r->latency, now - before);
		report(b, GW_BENCH_LATENCY, start);
	}
	return status;
}

static enum gw_status measure_graph(struct bench *b, struct gw_bench_result *r, struct gw_error *err)
{
	uint64_t start = gw_clock_ns();
	enum gw_status status = gw_bench_graph_start(&b->buffer, err);
	for (uint64_t now = gw_clock_ns(); !status && (now - start < b->setup->phase_ns || r->graph.n == 0);) {
		uint64_t before = now;
		status = gw_bench_graph_again(&b->buffer, err);
		now = gw_clock_ns();
		if (!status)
			status = gw_stats_add(&r->graph, now - before);
		report(b, GW_BENCH_GRAPH, start);
	}
	return status;
}

/* What was sent is what comes back. */
static enum gw_status compare(struct bench *b, struct gw_error *err)
{
	uint8_t *back = b->memory + MAX_PIECE;
	enum gw_status status = gw_bench_set(&b->buffer, 0, b->memory, FIRST_PIECE, err);
	memset(back, 0, FIRST_PIECE);
	if (!status)
		status = gw_bench_read(&b->buffer, 0, back, FIRST_PIECE, err);
	if (!status && memcmp(back, b->memory, FIRST_PIECE) != 0)
		status = gw_error_set(err, GW_ERR_COMPUTE, "server at %s returns different bytes than it was given",
			gw_client_name(b->client));
	return status;
}

static enum gw_status measure(struct bench *b, struct gw_bench_result *r, struct gw_error *err)
{
	bool streams = b->setup->server_flags & GW_EXT_SERVER_STREAM;
	enum gw_status status = compare(b, err);
	if (!status)
		status = measure_latency(b, r, err);
	if (!status)
		status = move_all(b, GW_BENCH_UPLOAD, upload_piece, &r->upload, err);
	if (!status)
		status = move_all(b, GW_BENCH_DOWNLOAD, download_piece, &r->download, err);
	if (!status && streams)
		status = move_all(b, GW_BENCH_RAW_UPLOAD, raw_upload_piece, &r->raw_upload, err);
	if (!status && streams)
		status = move_all(b, GW_BENCH_RAW_DOWNLOAD, raw_download_piece, &r->raw_download, err);
	return status ? status : measure_graph(b, r, err);
}

/* At most a quarter of what is free, in whole pieces; one piece at least. */
static uint64_t buffer_size(const struct gw_bench_setup *setup)
{
	uint64_t size = setup->device_free / 4 / MAX_PIECE * MAX_PIECE;
	return size < MAX_PIECE ? MAX_PIECE : size > MAX_BUFFER ? MAX_BUFFER : size;
}

enum gw_status gw_bench_run(const struct gw_bench_setup *setup, struct gw_bench_result *out, struct gw_error *err)
{
	struct bench b = {.setup = setup, .client = setup->client};
	uint64_t start = gw_clock_ns(), cpu = cpu_ns();
	*out = (struct gw_bench_result){0};
	b.memory = malloc(2 * MAX_PIECE);
	if (!b.memory)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < 2 * MAX_PIECE; i++)
		b.memory[i] = (uint8_t)(i * 167 >> 3);
	enum gw_status status = gw_bench_buffer_new(b.client, setup->device, buffer_size(setup), &b.buffer, err);
	if (!status) {
		status = measure(&b, out, err);
		/* The first failure is the one to tell; after one there is often no connection to free it over. */
		enum gw_status freed = gw_bench_buffer_free(&b.buffer, status ? NULL : err);
		status = status ? status : freed;
	}
	free(b.memory);
	out->ns = gw_clock_ns() - start;
	out->cpu_ns = cpu_ns() - cpu;
	return status;
}

void gw_bench_result_free(struct gw_bench_result *r)
{
	gw_stats_free(&r->latency);
	gw_stats_free(&r->graph);
}
