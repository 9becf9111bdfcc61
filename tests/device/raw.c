#include "device/raw.h"

#include <string.h>

void raw_send_part(struct raw *raw, unsigned cmd, uint64_t size, const void *body, size_t sent)
{
	uint8_t header[GW_REQUEST_HEADER] = {(uint8_t)cmd};
	struct iovec iov[2] = {{header, sizeof(header)}, {(void *)(uintptr_t)body, sent}};

	gw_put_le64(header + 1, size);
	/* A server that has refused the client has already closed. The caller finds out at the end. */
	(void)raw->t->ops->sendv(raw->t, iov, sent ? 2 : 1, NULL);
}

void raw_send(struct raw *raw, unsigned cmd, const void *body, size_t size)
{
	raw_send_part(raw, cmd, size, body, size);
}

static void receive(struct raw *raw, void *dst, size_t n)
{
	struct iovec iov = {dst, n};
	struct gw_error err = {0};
	size_t got;

	if (n > 0 && raw->t->ops->recvv(raw->t, &iov, 1, n, &got, &err) != GW_OK)
		fail_msg("no reply: %s", err.text);
}

void raw_reply(struct raw *raw, void *reply, size_t size)
{
	uint8_t header[GW_REPLY_HEADER];

	receive(raw, header, sizeof(header));
	assert_int_equal(gw_le64(header), size);
	receive(raw, reply, size);
}

void raw_start(struct raw *raw, struct gw_server *server, const struct gw_dialect *dialect)
{
	raw->rig.visit = (struct gw_server_visit){0};
	raw_start_visit(raw, server, dialect);
}

void raw_start_visit(struct raw *raw, struct gw_server *server, const struct gw_dialect *dialect)
{
	uint8_t hello[GW_WIRE_HELLO_REQ] = {0}, reply[GW_WIRE_HELLO_RSP];

	raw->dialect = dialect;
	rig_serve_visit(&raw->rig, server, &raw->t);
	raw_send(raw, GW_CMD_HELLO, hello, sizeof(hello));
	raw_reply(raw, reply, sizeof(reply));
	assert_int_equal(reply[0], dialect->version.major);
}

struct rig_buffer raw_alloc(struct raw *raw, uint64_t size)
{
	uint8_t out[GW_WIRE_MAX_FIXED], in[16];
	struct rig_buffer b = {0};

	raw_send(raw, GW_CMD_ALLOC_BUFFER, out,
		gw_wire_alloc_req_encode(&(struct gw_wire_alloc_req){.size = size}, out));
	raw_reply(raw, in, 16);
	b.handle = gw_le64(in);
	b.size = gw_le64(in + 8);
	raw_send(raw, GW_CMD_BUFFER_GET_BASE, out, gw_wire_buffer_req_encode(b.handle, out));
	raw_reply(raw, in, 8);
	b.base = gw_le64(in);
	return b;
}

static void end(struct raw *raw)
{
	raw->t->ops->close(raw->t);
	rig_join(&raw->rig);
}

void raw_end_clean(struct raw *raw)
{
	end(raw);
	if (raw->rig.end != GW_ERR_CLOSED)
		fail_msg("refused: %s", raw->rig.why.text);
}

void raw_end_refused(struct raw *raw, enum gw_status status, const char *command, const char *words)
{
	const char *text = raw->rig.why.text;

	end(raw);
	if (raw->rig.end == GW_ERR_CLOSED)
		fail_msg("%s was not refused; expected: %s", command, words);
	if (raw->rig.end != status || strncmp(text, command, strlen(command)) != 0 || !strstr(text, words))
		fail_msg("%s: expected status %d with '%s', got %d with '%s'", command, (int)status, words,
			(int)raw->rig.end, text);
}
