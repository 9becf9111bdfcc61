#include "rpc/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "rpc/client_state.h"
#include "wire/cursor.h"

#define PIECE 50000 /* size of a piece of a long reply */

const struct gw_dialect dialect_with_empty_replies = {
	.version = {8, 0, 0},
	.n_commands = GW_CMD_GRAPH_RECOMPUTE + 1,
	.empty_reply = 1 << GW_CMD_FREE_BUFFER | 1 << GW_CMD_BUFFER_CLEAR | 1 << GW_CMD_INIT_TENSOR,
};

void use_dialect(struct gw_client *c, const struct gw_dialect *dialect)
{
	c->dialect = dialect;
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "test harness: %s failed\n", what);
	abort();
}

uint8_t pattern(uint64_t seed, size_t i)
{
	return (uint8_t)((seed * 37 + i * 11 + (i >> 8)) % 255 + 1);
}

bool is_pattern(const void *bytes, uint64_t seed, size_t start, size_t n)
{
	const uint8_t *p = bytes;
	for (size_t i = 0; i < n; i++)
		if (p[i] != pattern(seed, start + i))
			return false;
	return true;
}

bool is_zero(const void *bytes, size_t n)
{
	const uint8_t *p = bytes;
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

uint64_t hash_request(uint64_t hash, unsigned cmd, const void *body, size_t size)
{
	const uint8_t id = (uint8_t)cmd;
	return gw_fnv1a(gw_fnv1a(hash ? hash : GW_FNV_INIT, &id, 1), body, size);
}

const struct iovec *get_body(struct get_body *b, uint64_t seed, uint64_t size)
{
	gw_put_le64(b->bytes, seed);
	gw_put_le64(b->bytes + 8, size);
	b->iov = (struct iovec){b->bytes, sizeof(b->bytes)};
	return &b->iov;
}

static enum gw_status reply_pattern(struct gw_connection *p, const uint8_t *body, struct gw_error *err)
{
	uint64_t seed = gw_le64(body), size = gw_le64(body + 8);
	uint8_t *bytes = malloc(PIECE);
	must(bytes, "malloc");
	enum gw_status status = gw_connection_reply_begin(p, size, err);
	for (uint64_t done = 0; !status && done < size;) {
		size_t n = size - done < PIECE ? (size_t)(size - done) : PIECE;
		for (size_t i = 0; i < n; i++)
			bytes[i] = pattern(seed, (size_t)done + i);
		status = gw_connection_reply_write(p, bytes, n, err);
		done += n;
	}
	free(bytes);
	return status;
}

static enum gw_status answer(
	struct gw_connection *p, unsigned cmd, const uint8_t *body, size_t size, uint64_t *hash, struct gw_error *err)
{
	uint8_t number[9] = {0};
	enum gw_reply reply = cmd >= GW_CMD_EXT_FIRST ? GW_REPLY_BODY : gw_dialect_reply(gw_connection_dialect(p), cmd);
	if (reply != GW_REPLY_BODY)
		*hash = hash_request(*hash, cmd, body, size);
	if (reply == GW_REPLY_NONE)
		return GW_OK;
	if (reply == GW_REPLY_EMPTY)
		return gw_connection_reply(p, NULL, 0, err);
	if (cmd == GW_CMD_GET_TENSOR || cmd == GW_CMD_GET_TENSOR_2D || cmd == GW_CMD_EXT_INFO)
		return size == 16 ? reply_pattern(p, body, err) : GW_ERR_PROTOCOL;
	gw_put_le64(number, *hash);
	return gw_connection_reply(p, number, cmd == GW_CMD_SET_TENSOR_HASH ? 9 : 8, err);
}

static enum gw_status serve_one(struct gw_connection *p, uint64_t *hash, struct gw_error *err)
{
	unsigned cmd;
	uint64_t size;
	enum gw_status status = gw_connection_next(p, &cmd, &size, err);
	if (status)
		return status;
	must(size < (64 << 20), "request of a sane size");
	uint8_t *body = malloc((size_t)size + 1);
	must(body, "malloc");
	/* Reads twice, as servers do: a fixed part, then data. */
	size_t fixed = size < 11 ? (size_t)size : 11;
	status = gw_connection_read(p, body, fixed, err);
	if (!status)
		status = gw_connection_read(p, body + fixed, (size_t)size - fixed, err);
	if (!status)
		status = answer(p, cmd, body, (size_t)size, hash, err);
	free(body);
	return status;
}

static void *server_main(void *arg)
{
	struct server *s = arg;
	struct gw_connection *p;
	uint64_t hash = 0;
	must(gw_connection_new(s->transport, s->dialect, &p) == GW_OK, "gw_connection_new");
	gw_connection_set_mode(p, s->mode);
	s->end = gw_connection_handshake(p, &s->why);
	while (!s->end) {
		s->end = serve_one(p, &hash, &s->why);
		if (!s->end)
			s->requests++;
	}
	gw_connection_free(p);
	return NULL;
}

void server_start(struct server *s, struct gw_transport *t, const struct gw_dialect *dialect)
{
	server_start_in_mode(s, t, dialect, GW_TRANSPORT_AUTO);
}

void server_start_in_mode(
	struct server *s, struct gw_transport *t, const struct gw_dialect *dialect, enum gw_transport_mode mode)
{
	*s = (struct server){.transport = t, .dialect = dialect, .mode = mode};
	must(pthread_create(&s->thread, NULL, server_main, s) == 0, "pthread_create");
}

void server_join(struct server *s)
{
	pthread_join(s->thread, NULL);
}
