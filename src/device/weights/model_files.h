/* The GGUF files that a server uses (--model): files, the other parts of split ones, and directories of them. */
#ifndef GW_DEVICE_WEIGHTS_MODEL_FILES_H
#define GW_DEVICE_WEIGHTS_MODEL_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Most files; each stays open. */
#define GW_MODEL_FILES_MAX 512

struct gw_model_file {
	char *path; /* absolute */
	int fd;
};

struct gw_model_files {
	struct gw_model_file *files;
	size_t n;
};

/* What a file was like when it was looked at. */
struct gw_model_stamp {
	uint64_t size;     /* bytes */
	uint64_t mtime_ns; /* since 1970 */
};

/* Called for each entry of a directory that is skipped, with the reason. */
typedef void gw_model_skipped(const char *path, const char *why);

/* Opens what list names: paths, each followed by '\n'. Of a file that is called NAME-00001-of-00003.gguf, or another
 * part of it, all parts; of a directory, all *.gguf in it and in its subdirectories, except for hidden ones. Entries
 * there that are no readable files are skipped; skipped is NULL if nobody wants to know. GW_ERR_NOT_FOUND or
 * GW_ERR_SYSTEM for a path that cannot be opened or has no such file, GW_ERR_LIMIT beyond GW_MODEL_FILES_MAX,
 * GW_ERR_NOMEM. */
enum gw_status gw_model_files_open(
	const char *list, gw_model_skipped *skipped, struct gw_model_files *out, struct gw_error *err);
void gw_model_files_close(struct gw_model_files *files);

/* False if the file cannot be looked at. */
bool gw_model_file_stamp(const struct gw_model_file *file, struct gw_model_stamp *out);

#endif
