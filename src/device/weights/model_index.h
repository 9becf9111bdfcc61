/* The index of one GGUF file: which bytes have which hashes. It is kept in a file of its own, because hashing takes as
 * long as loading. */
#ifndef GW_DEVICE_WEIGHTS_MODEL_INDEX_H
#define GW_DEVICE_WEIGHTS_MODEL_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/status.h"
#include "device/weights/model_files.h"

struct gw_model_entry {
	uint64_t offset; /* in the file */
	uint64_t size;   /* bytes */
	struct gw_sums sums;
};

struct gw_model_index {
	struct gw_model_stamp stamp; /* of the file when it was read */
	bool has_xxh3;               /* all entries have, or none */
	struct gw_model_entry *entries;
	size_t n;
};

void gw_model_index_free(struct gw_model_index *index);

/* Appends the index of the file at path. GW_ERR_NOMEM. */
enum gw_status gw_model_index_encode(const struct gw_model_index *index, const char *path, struct gw_buf *out);

/* Fills *out on GW_OK only. GW_ERR_INVALID if the bytes are no index of that path, or damaged. */
enum gw_status gw_model_index_decode(const void *bytes, size_t size, const char *path, struct gw_model_index *out);

/* Writes the index into the directory, under a temporary name first. GW_ERR_SYSTEM leaves no file. Blocks. */
enum gw_status gw_model_index_save(
	const struct gw_model_index *index, const char *path, const char *dir, struct gw_error *err);

/* The file's index, if the directory has one and the file is as it was then. GW_ERR_NOT_FOUND, GW_ERR_NOMEM. */
enum gw_status gw_model_index_load(const struct gw_model_file *file, const char *dir, struct gw_model_index *out);

#endif
