/* The tensors of the GGUF files that this server has itself, found by the hashes with which clients ask for weights.
 * The files' indices are made by another process, and used from the moment they are there. */
#ifndef GW_DEVICE_WEIGHTS_MODELS_H
#define GW_DEVICE_WEIGHTS_MODELS_H

#include <stdint.h>

#include "base/digest.h"
#include "base/status.h"
#include "device/weights/blob.h"

struct gw_models;

/* Where a client's bytes are. */
struct gw_model_hit {
	struct gw_blob blob; /* to be ended */
	uint64_t size;       /* bytes */
	size_t file;
};

/* Opens the files of a list (device/weights/model_files.h), whose indices are in index_dir. Thread-safe after this.
 * Errors as gw_model_files_open. */
enum gw_status gw_models_open(const char *list, const char *index_dir, struct gw_models **out, struct gw_error *err);
void gw_models_close(struct gw_models *models);

/* Looks for bytes of these sums. GW_ERR_NOT_FOUND. Blocks for the disk while there are files without an index. */
enum gw_status gw_models_find(struct gw_models *models, const struct gw_sums *sums, struct gw_model_hit *out);

/* A hit's bytes were not what the index said: its file is no longer used. */
void gw_models_distrust(struct gw_models *models, const struct gw_model_hit *hit);

#endif
