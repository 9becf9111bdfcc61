#include "device/weights/model_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

static enum gw_status add_directory(struct gw_model_files *files, const char *path, DIR *dir, struct gw_error *err)
{
	char file[PATH_MAX];
	size_t before = files->n;
	enum gw_status st = GW_OK;

	for (struct dirent *e; st == GW_OK && (e = readdir(dir));) {
		if (e->d_name[0] == '.' || !ends_with(e->d_name, SUFFIX))
			continue;
		if (snprintf(file, sizeof(file), "%s/%s", path, e->d_name) < (int)sizeof(file))
			st = add_file(files, file, err);
	}
	if (st == GW_OK && files->n == before)
		return gw_error_set(err, GW_ERR_NOT_FOUND, "no *" SUFFIX " in %s", path);
	return st;
}

static enum gw_status add(struct gw_model_files *files, const char *path, struct gw_error *err)
{
	DIR *dir = opendir(path);
	if (dir) {
		enum gw_status st = add_directory(files, path, dir, err);
		closedir(dir);
		return st;
	}
	unsigned n = parts_of(path);
	return n > 1 ? add_parts(files, path, n, err) : add_file(files, path, err);
}

enum gw_status gw_model_files_open(const char *list, struct gw_model_files *out, struct gw_error *err)
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
		st = add(&files, path, err);
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
