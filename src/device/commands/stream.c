/* Bytes that are only moved, for a client that measures the connection. */
#include <inttypes.h>
#include <stdlib.h>

#include "device/commands/commands.h"
#include "wire/cursor.h"
#include "wire/extension.h"

#define PIECE ((size_t)256 << 10)

static size_t piece_of(uint64_t left)
{
	return left < PIECE ? (size_t)left : PIECE;
}

static enum gw_status discard_body(struct gw_session *s, uint8_t *piece, struct gw_error *err)
{
	enum gw_status st = GW_OK;
	for (uint64_t left; st == GW_OK && (left = gw_connection_left(s->peer)) > 0;)
		st = gw_connection_read(s->peer, piece, piece_of(left), err);
	return st;
}

static enum gw_status reply_with(struct gw_session *s, const uint8_t *piece, uint64_t n, struct gw_error *err)
{
	enum gw_status st = gw_connection_reply_begin(s->peer, n, err);
	for (uint64_t left = n; st == GW_OK && left > 0; left -= piece_of(left))
		st = gw_connection_reply_write(s->peer, piece, piece_of(left), err);
	return st;
}

static enum gw_status move(struct gw_session *s, uint64_t n, struct gw_error *err)
{
	/* Two pieces: what a client has sent is not sent back. */
	uint8_t *pieces = calloc(2, PIECE);
	if (!pieces)
		return gw_error_set(err, GW_ERR_NOMEM, "no memory to move bytes through");
	enum gw_status st = discard_body(s, pieces, err);
	if (st == GW_OK)
		st = reply_with(s, pieces + PIECE, n, err);
	free(pieces);
	return st;
}

enum gw_status gw_do_ext_stream(struct gw_session *s, struct gw_error *err)
{
	uint8_t fixed[GW_EXT_STREAM_FIXED];
	enum gw_status st = gw_connection_read(s->peer, fixed, sizeof(fixed), err);
	if (st != GW_OK)
		return st;
	uint64_t n = gw_le64(fixed);
	if (n > GW_EXT_STREAM_MAX)
		return gw_error_set(
			err, GW_ERR_PROTOCOL, "%" PRIu64 " bytes are wanted, more than %" PRIu64, n, GW_EXT_STREAM_MAX);
	return move(s, n, err);
}
