/* A growable byte buffer. Single owner, no locking. */
#ifndef GW_BASE_BUF_H
#define GW_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct gw_buf {
	uint8_t *data; /* NULL while capacity is 0 */
	size_t len;
	size_t capacity;
};

/* Makes room for extra more bytes after len. On GW_ERR_NOMEM the buffer is unchanged. */
enum gw_status gw_buf_reserve(struct gw_buf *buf, size_t extra);

/* Appends n bytes. */
enum gw_status gw_buf_append(struct gw_buf *buf, const void *bytes, size_t n);

/* Returns the memory; the buffer is empty and usable again. */
void gw_buf_free(struct gw_buf *buf);

#endif
