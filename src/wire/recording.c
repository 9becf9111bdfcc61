#include "wire/recording.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "wire/cursor.h"

static enum gw_status read_file(const char *path, struct gw_buf *out, struct gw_error *err)
{
	enum gw_status status = GW_OK;
	FILE *file = fopen(path, "rb");
	if (!file)
		return gw_error_set(err, GW_ERR_SYSTEM, "%s", strerror(errno));
	uint8_t chunk[4096];
	for (size_t n = 1; !status && n > 0;) {
		n = fread(chunk, 1, sizeof(chunk), file);
		if (ferror(file))
			status = gw_error_set(err, GW_ERR_SYSTEM, "%s", strerror(errno));
		else if (gw_buf_append(out, chunk, n))
			status = gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	}
	fclose(file);
	return status;
}

/* What is there of a record that the file ends in is taken, too. */
static enum gw_status take_record(
	struct gw_rd *file, struct gw_buf streams[GW_RECORDING_DIRECTIONS], bool *cut, struct gw_error *err)
{
	bool first = streams[GW_RECORDING_CLIENT].len == 0 && streams[GW_RECORDING_SERVER].len == 0;
	uint8_t direction = gw_rd_u8(file);
	if (direction >= GW_RECORDING_DIRECTIONS)
		return gw_error_set(err, GW_ERR_INVALID, first ? "it is no recording" : "the recording is damaged");
	if (gw_rd_left(file) < sizeof(uint32_t)) {
		*cut = true;
		return GW_OK;
	}
	size_t size = gw_rd_u32(file);
	*cut = size > gw_rd_left(file);
	size = *cut ? gw_rd_left(file) : size;
	if (gw_buf_append(&streams[direction], gw_rd_bytes(file, size), size))
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	return GW_OK;
}

enum gw_status gw_recording_open(struct gw_recording *recording, const char *path, bool *cut, struct gw_error *err)
{
	struct gw_buf whole = {0};
	struct gw_buf streams[GW_RECORDING_DIRECTIONS] = {0};
	*cut = false;
	enum gw_status status = read_file(path, &whole, err);
	if (!status && whole.len == 0)
		status = gw_error_set(err, GW_ERR_INVALID, "it is empty");
	struct gw_rd file = gw_rd_init(whole.data, whole.len);
	while (!status && !*cut && gw_rd_left(&file) > 0)
		status = take_record(&file, streams, cut, err);
	gw_buf_free(&whole);

	*recording = (struct gw_recording){0};
	for (int i = 0; i < GW_RECORDING_DIRECTIONS; i++) {
		recording->bytes[i] = streams[i].data;
		recording->size[i] = streams[i].len;
	}
	if (status)
		gw_recording_free(recording);
	return status;
}

bool gw_recording_load(struct gw_recording *recording, const char *path)
{
	bool cut;
	if (gw_recording_open(recording, path, &cut, NULL))
		return false;
	if (cut)
		gw_recording_free(recording);
	return !cut;
}

void gw_recording_free(struct gw_recording *recording)
{
	for (int i = 0; i < GW_RECORDING_DIRECTIONS; i++)
		free(recording->bytes[i]);
	*recording = (struct gw_recording){0};
}

/* The rest of one direction. */
static struct gw_rd rest(const struct gw_recording *recording, enum gw_recording_direction direction)
{
	size_t at = recording->at[direction];
	return gw_rd_init(recording->bytes[direction] + at, recording->size[direction] - at);
}

/* What a server says while it computes is no part of any reply. */
static void skip_alive(struct gw_rd *r)
{
	struct gw_rd next = *r;
	while (gw_rd_u64(&next) == GW_REPLY_ALIVE && !next.bad)
		*r = next;
}

static const uint8_t *take_body(struct gw_rd *r, size_t *size)
{
	*size = (size_t)gw_rd_u64(r);
	return gw_rd_bytes(r, *size);
}

enum gw_recording_step gw_recording_next(
	struct gw_recording *recording, const struct gw_dialect *dialect, struct gw_exchange *exchange)
{
	struct gw_rd client = rest(recording, GW_RECORDING_CLIENT);
	struct gw_rd server = rest(recording, GW_RECORDING_SERVER);
	skip_alive(&server);
	if (gw_rd_left(&client) == 0)
		return gw_rd_left(&server) == 0 ? GW_RECORDING_END : GW_RECORDING_BAD;

	struct gw_exchange next = {.cmd = gw_rd_u8(&client)};
	next.request = take_body(&client, &next.request_size);
	next.answered = gw_dialect_reply(dialect, next.cmd);
	if (next.answered != GW_REPLY_NONE)
		next.reply = take_body(&server, &next.reply_size);
	if (client.bad || server.bad)
		return GW_RECORDING_BAD;

	recording->at[GW_RECORDING_CLIENT] = recording->size[GW_RECORDING_CLIENT] - gw_rd_left(&client);
	recording->at[GW_RECORDING_SERVER] = recording->size[GW_RECORDING_SERVER] - gw_rd_left(&server);
	*exchange = next;
	return GW_RECORDING_EXCHANGE;
}
