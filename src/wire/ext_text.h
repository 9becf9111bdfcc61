/* Pieces of the extensions' variable messages: written to a growing buffer, read by a cursor. */
#ifndef GW_WIRE_EXT_TEXT_H
#define GW_WIRE_EXT_TEXT_H

#include <stdint.h>

#include "base/buf.h"
#include "wire/cursor.h"

#define GW_EXT_TEXT 128 /* bytes of a text with its NUL; longer ones are cut when decoded */

/* Append one number or text, the latter cut to GW_EXT_TEXT - 1 bytes. GW_ERR_NOMEM. */
enum gw_status gw_ext_put_u32(struct gw_buf *out, uint32_t v);
enum gw_status gw_ext_put_u64(struct gw_buf *out, uint64_t v);
enum gw_status gw_ext_put_text(struct gw_buf *out, const char *text);

/* Reads a text and cuts it; control characters become '?'. out is untouched if the reader is or becomes bad. */
void gw_ext_take_text(struct gw_rd *r, char out[GW_EXT_TEXT]);

#endif
