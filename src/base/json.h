/* Writes JSON (RFC 8259) into a buffer, on one line. What is given as text comes out as valid UTF-8 with everything
 * escaped that could end the string; bytes that are no UTF-8 become U+FFFD. Single owner, no locking.
 *
 * Every function but the closing ones takes the member's key, or NULL in an array and for the outermost value. Memory
 * that runs out is remembered and said by gw_json_end. */
#ifndef GW_BASE_JSON_H
#define GW_BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/status.h"

struct gw_json {
	struct gw_buf *out; /* the caller's; appended to */
	enum gw_status status;
	bool comma; /* one has to stand before the next value */
	unsigned depth;
};

void gw_json_begin(struct gw_json *j, struct gw_buf *out);

void gw_json_object(struct gw_json *j, const char *key);
void gw_json_object_end(struct gw_json *j);
void gw_json_array(struct gw_json *j, const char *key);
void gw_json_array_end(struct gw_json *j);

/* NULL is null. */
void gw_json_text(struct gw_json *j, const char *key, const char *value);
void gw_json_u64(struct gw_json *j, const char *key, uint64_t value);
void gw_json_bool(struct gw_json *j, const char *key, bool value);
void gw_json_null(struct gw_json *j, const char *key);

/* With this many decimals, at most 9. Infinity and NaN become null. */
void gw_json_number(struct gw_json *j, const char *key, double value, int decimals);

/* Ends the text with a newline. Everything opened must be closed. GW_ERR_NOMEM: what is in the buffer is cut. */
enum gw_status gw_json_end(struct gw_json *j);

#endif
