/* Making the index of a GGUF file. */
#ifndef GW_DEVICE_WEIGHTS_MODEL_HASH_H
#define GW_DEVICE_WEIGHTS_MODEL_HASH_H

#include <stdint.h>

#include "base/status.h"
#include "device/weights/model_index.h"

/* Called by the caller's thread some times a second, with the bytes hashed so far. */
typedef void (*gw_model_tick)(uint64_t done, void *user);

/* Where the tensors of a file are that an index has; their sums are still empty. Errors as gw_gguf_read. */
enum gw_status gw_model_index_plan(const struct gw_model_file *file, struct gw_model_index *out, struct gw_error *err);

/* Bytes of all entries: what gw_model_index_hash reads. */
uint64_t gw_model_index_bytes(const struct gw_model_index *index);

/* Fills in the sums, with n_threads threads that take one tensor after the other. Blocks for as long as it takes to
 * read and hash the file. GW_ERR_SYSTEM, GW_ERR_NOMEM, and GW_ERR_INVALID if the file changed meanwhile. */
enum gw_status gw_model_index_hash(const struct gw_model_file *file, unsigned n_threads, gw_model_tick tick, void *user,
	struct gw_model_index *index, struct gw_error *err);

#endif
