#include "device/weights/model_files.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".gguf"
/* NAME-00001-of-00003.gguf */
#define PART_TAIL "-00001-of-00003.gguf"
#define PART_TAIL_LEN (sizeof(PART_TAIL) - 1)
#define PART_DIGITS 5
/* Files and directories that a search looks at. */
#define ENTRIES_MAX 100000

static bool ends_with(const char *text, const char *suffix)
{
	size_t len = strlen(text), tail = strlen(suffix);

	return len >= tail && strcmp(text + len - tail, suffix) == 0;
}

static bool is_known(const struct gw_model_files *files, const char *path)
{
	for (size_t i = 0; i < files->n; i++)
		if (strcmp(files->files[i].path, path) == 0)
			return true;
	return false;
}

/* Takes over path and fd. */
static enum gw_status append(struct gw_model_files *files, char *path, int fd, struct gw_error *err)
{
	enum gw_status st;
	struct gw_model_file *more;

	if (files->n == GW_MODEL_FILES_MAX) {
		st = gw_error_set(err, GW_ERR_LIMIT, "more than %d model files", GW_MODEL_FILES_MAX);
		goto drop;
	}
	more = reallocarray(files->files, files->n + 1, sizeof(*more));
	if (!more) {
		st = gw_error_set(err, GW_ERR_NOMEM, "out of memory");
		goto drop;
	}
	files->files = more;
	more[files->n++] = (struct gw_model_file){path, fd};
	return GW_OK;

drop:
	close(fd);
	free(path);
	return st;
}

static enum gw_status open_failed(const char *path, int errnum, struct gw_error *err)
{
	return gw_error_errno(
		err, errnum == ENOENT ? GW_ERR_NOT_FOUND : GW_ERR_SYSTEM, errnum, "cannot open model %s", path);
}

static enum gw_status add_file(struct gw_model_files *files, const char *path, struct gw_error *err)
{
	struct stat sb;
	char *whole = realpath(path, NULL);
	if (!whole)
		return open_failed(path, errno, err);
	if (is_known(files, whole)) {
		free(whole);
		return GW_OK;
	}
	int fd = open(whole, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &sb) != 0) {
		enum gw_status st = open_failed(path, errno, err);
		if (fd >= 0)
			close(fd);
		free(whole);
		return st;
	}
	if (!S_ISREG(sb.st_mode)) {
		close(fd);
		free(whole);
		return gw_error_set(err, GW_ERR_INVALID, "model %s is not a file", path);
	}
	return append(files, whole, fd, err);
}

static bool all_digits(const char *text, size_t n)
{
	return strspn(text, "0123456789") >= n;
}

/* The number of parts of a file whose name says that it is one of several; 0 if it does not. */
static unsigned parts_of(const char *path)
{
	size_t len = strlen(path);
	if (len < PART_TAIL_LEN)
		return 0;
	const char *tail = path + len - PART_TAIL_LEN;
	if (tail[0] != '-' || !all_digits(tail + 1, PART_DIGITS) || strncmp(tail + 6, "-of-", 4) != 0 ||
		!all_digits(tail + 10, PART_DIGITS) || strcmp(tail + 15, SUFFIX) != 0)
		return 0;
	return (unsigned)strtoul(tail + 10, NULL, 10);
}

static enum gw_status add_parts(struct gw_model_files *files, const char *path, unsigned n, struct gw_error *err)
{
	char part[PATH_MAX];
	int stem = (int)(strlen(path) - PART_TAIL_LEN);
	enum gw_status st = GW_OK;

	for (unsigned i = 1; i <= n && st == GW_OK; i++) {
		if (snprintf(part, sizeof(part), "%.*s-%05u-of-%05u" SUFFIX, stem, path, i, n) >= (int)sizeof(part))
			return gw_error_set(err, GW_ERR_LIMIT, "the path of model %s is too long", path);
		st = add_file(files, part, err);
	}
	return st;
}

/* A search below a directory. */
struct search {
	struct gw_model_files *files;
	gw_model_skipped *skipped;
	size_t n_skipped;
	size_t n_entries; /* that were looked at */
};

static enum gw_status skip(struct search *s, const char *path, const char *why)
{
	s->n_skipped++;
	if (s->skipped)
		s->skipped(path, why);
	return GW_OK;
}

/* An entry that is a file, or a link to one. Only a lack of memory or of room for more files is an error. */
static enum gw_status add_found(struct search *s, const char *path, struct gw_error *err)
{
	struct gw_error why;
	struct stat sb;

	if (stat(path, &sb) != 0 || (S_ISREG(sb.st_mode) && access(path, R_OK) != 0))
		return skip(s, path, strerror(errno));
	if (!S_ISREG(sb.st_mode))
		return skip(s, path, "it is not a regular file");
	enum gw_status st = add_file(s->files, path, &why);
	if (st != GW_ERR_LIMIT && st != GW_ERR_NOMEM)
		return st == GW_OK ? GW_OK : skip(s, path, why.text);
	if (err)
		*err = why;
	return st;
}

/* A link may lead anywhere, also back here. */
static bool is_linked_directory(const FTSENT *e)
{
	struct stat sb;

	return e->fts_info == FTS_SL && stat(e->fts_path, &sb) == 0 && S_ISDIR(sb.st_mode);
}

static enum gw_status add_entry(struct search *s, FTS *fts, FTSENT *e, struct gw_error *err)
{
	bool has_name = ends_with(e->fts_name, SUFFIX);

	switch (e->fts_info) {
	case FTS_D:
		/* Compared at its end. */
		e->fts_number = (long)(s->files->n + s->n_skipped);
		if (e->fts_level > 0 && e->fts_name[0] == '.')
			fts_set(fts, e, FTS_SKIP);
		return GW_OK;
	case FTS_DP:
		if (has_name && e->fts_number == (long)(s->files->n + s->n_skipped))
			return skip(s, e->fts_path, "it is a directory without *" SUFFIX);
		return GW_OK;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		return skip(s, e->fts_path, strerror(e->fts_errno));
	default:
		if (e->fts_name[0] == '.')
			return GW_OK;
		if (is_linked_directory(e))
			return skip(s, e->fts_path, "it is a link to a directory, which needs a --model of its own");
		return has_name ? add_found(s, e->fts_path, err) : GW_OK;
	}
}

static enum gw_status search(struct search *s, FTS *fts, struct gw_error *err)
{
	enum gw_status st = GW_OK;

	for (FTSENT *e; st == GW_OK && (e = fts_read(fts));) {
		if (s->n_entries++ == ENTRIES_MAX)
			return gw_error_set(err, GW_ERR_LIMIT,
				"more than %d files and directories; name the directories that have models",
				ENTRIES_MAX);
		st = add_entry(s, fts, e, err);
	}
	return st;
}

static enum gw_status add_directory(
	struct gw_model_files *files, char *path, gw_model_skipped *skipped, struct gw_error *err)
{
	struct search s = {.files = files, .skipped = skipped};
	size_t before = files->n;
	char *paths[] = {path, NULL};

	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
	if (!fts)
		return open_failed(path, errno, err);
	enum gw_status st = search(&s, fts, err);
	fts_close(fts);
	if (st != GW_OK)
		return gw_error_prefix(err, "%s", path);
	if (files->n > before)
		return GW_OK;
	if (s.n_skipped > 0)
		return gw_error_set(err, GW_ERR_NOT_FOUND, "no *" SUFFIX " in %s is a file that can be read (%zu %s)",
			path, s.n_skipped, s.n_skipped == 1 ? "is not" : "are not");
	return gw_error_set(err, GW_ERR_NOT_FOUND, "no *" SUFFIX " in %s", path);
}

static bool is_directory(const char *path)
{
	struct stat sb;

	return stat(path, &sb) == 0 && S_ISDIR(sb.st_mode);
}

static enum gw_status add(struct gw_model_files *files, char *path, gw_model_skipped *skipped, struct gw_error *err)
{
	if (is_directory(path))
		return add_directory(files, path, skipped, err);
	unsigned n = parts_of(path);
	return n > 1 ? add_parts(files, path, n, err) : add_file(files, path, err);
}

enum gw_status gw_model_files_open(
	const char *list, gw_model_skipped *skipped, struct gw_model_files *out, struct gw_error *err)
{
	struct gw_model_files files = {0};
	char path[PATH_MAX];
	enum gw_status st = GW_OK;

	for (const char *end; st == GW_OK && (end = strchr(list, '\n')); list = end + 1) {
		if ((size_t)(end - list) >= sizeof(path)) {
			st = gw_error_set(err, GW_ERR_LIMIT, "the path of a model is too long");
			break;
		}
		memcpy(path, list, (size_t)(end - list));
		path[end - list] = '\0';
		st = add(&files, path, skipped, err);
	}
	if (st != GW_OK) {
		gw_model_files_close(&files);
		return st;
	}
	*out = files;
	return GW_OK;
}

void gw_model_files_close(struct gw_model_files *files)
{
	for (size_t i = 0; i < files->n; i++) {
		close(files->files[i].fd);
		free(files->files[i].path);
	}
	free(files->files);
	*files = (struct gw_model_files){0};
}

bool gw_model_file_stamp(const struct gw_model_file *file, struct gw_model_stamp *out)
{
	struct stat sb;

	if (fstat(file->fd, &sb) != 0)
		return false;
	out->size = (uint64_t)sb.st_size;
	out->mtime_ns = (uint64_t)sb.st_mtim.tv_sec * UINT64_C(1000000000) + (uint64_t)sb.st_mtim.tv_nsec;
	return true;
}
