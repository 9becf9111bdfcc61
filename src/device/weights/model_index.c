#include "device/weights/model_index.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/hash.h"
#include "device/weights/cache_layout.h"
#include "wire/cursor.h"

/* The file: magic, stamp, flags, path, number of entries, entries, FNV-1a of all that. */
#define MAGIC UINT64_C(0x317865646e697767) /* "gwindex1" */
#define FLAG_XXH3 1
#define ENTRY_SIZE 40
#define MAX_FILE (64 << 20)

void gw_model_index_free(struct gw_model_index *index)
{
	free(index->entries);
	*index = (struct gw_model_index){0};
}

static size_t encoded_size(const struct gw_model_index *index, const char *path)
{
	return 8 + 16 + 4 + 4 + strlen(path) + 8 + ENTRY_SIZE * index->n + 8;
}

static void put_entry(struct gw_wr *w, const struct gw_model_entry *e)
{
	gw_wr_u64(w, e->offset);
	gw_wr_u64(w, e->size);
	gw_wr_u64(w, e->sums.fnv);
	gw_wr_u64(w, e->sums.xxh3.low);
	gw_wr_u64(w, e->sums.xxh3.high);
}

enum gw_status gw_model_index_encode(const struct gw_model_index *index, const char *path, struct gw_buf *out)
{
	size_t size = encoded_size(index, path);

	if (gw_buf_reserve(out, size) != GW_OK)
		return GW_ERR_NOMEM;
	uint8_t *start = out->data + out->len;
	struct gw_wr w = gw_wr_init(start, size);
	gw_wr_u64(&w, MAGIC);
	gw_wr_u64(&w, index->stamp.size);
	gw_wr_u64(&w, index->stamp.mtime_ns);
	gw_wr_u32(&w, index->has_xxh3 ? FLAG_XXH3 : 0);
	gw_wr_u32(&w, (uint32_t)strlen(path));
	gw_wr_bytes(&w, path, strlen(path));
	gw_wr_u64(&w, index->n);
	for (size_t i = 0; i < index->n; i++)
		put_entry(&w, &index->entries[i]);
	gw_wr_u64(&w, gw_fnv1a(GW_FNV_INIT, start, size - 8));
	out->len += size;
	return GW_OK;
}

static bool take_entry(struct gw_rd *r, const struct gw_model_index *index, struct gw_model_entry *e)
{
	e->offset = gw_rd_u64(r);
	e->size = gw_rd_u64(r);
	e->sums.has_fnv = true;
	e->sums.fnv = gw_rd_u64(r);
	e->sums.has_xxh3 = index->has_xxh3;
	e->sums.xxh3.low = gw_rd_u64(r);
	e->sums.xxh3.high = gw_rd_u64(r);
	return gw_range_ok(e->offset, e->size, index->stamp.size);
}

static bool take_head(struct gw_rd *r, const char *path, struct gw_model_index *index)
{
	bool ours = gw_rd_u64(r) == MAGIC;
	index->stamp.size = gw_rd_u64(r);
	index->stamp.mtime_ns = gw_rd_u64(r);
	index->has_xxh3 = gw_rd_u32(r) & FLAG_XXH3;
	uint32_t len = gw_rd_u32(r);
	const uint8_t *name = gw_rd_bytes(r, len);
	uint64_t n = gw_rd_u64(r);

	if (!ours || !name || len != strlen(path) || memcmp(name, path, len) != 0 || n > gw_rd_left(r) / ENTRY_SIZE)
		return false;
	index->n = n;
	return true;
}

enum gw_status gw_model_index_decode(const void *bytes, size_t size, const char *path, struct gw_model_index *out)
{
	struct gw_rd r = gw_rd_init(bytes, size);
	struct gw_model_index index = {0};

	if (size < 8 || gw_le64((const uint8_t *)bytes + size - 8) != gw_fnv1a(GW_FNV_INIT, bytes, size - 8) ||
		!take_head(&r, path, &index))
		return GW_ERR_INVALID;
	index.entries = calloc(index.n ? index.n : 1, sizeof(*index.entries));
	if (!index.entries)
		return GW_ERR_NOMEM;
	bool ok = true;
	for (size_t i = 0; i < index.n; i++)
		ok = take_entry(&r, &index, &index.entries[i]) && ok;
	gw_rd_u64(&r);
	if (!ok || !gw_rd_done(&r)) {
		gw_model_index_free(&index);
		return GW_ERR_INVALID;
	}
	*out = index;
	return GW_OK;
}

/* Where the index of path is; NULL without memory. */
static char *index_path(const char *path, const char *dir)
{
	char *out;

	if (asprintf(&out, "%s/%016" PRIx64 ".index", dir, gw_fnv1a(GW_FNV_INIT, path, strlen(path))) < 0)
		return NULL;
	return out;
}

static bool write_all(int fd, const struct gw_buf *buf)
{
	for (size_t done = 0; done < buf->len;) {
		ssize_t n = write(fd, buf->data + done, buf->len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

/* Writes the file under a temporary name, and then gives it its own. 0 or an errno. */
static int write_file(const char *temp_template, const char *path, const struct gw_buf *buf)
{
	char *temp = strdup(temp_template);
	int fd = temp ? mkostemp(temp, O_CLOEXEC) : -1;
	int errnum = 0;

	if (fd < 0) {
		errnum = errno;
		free(temp);
		return errnum;
	}
	flock(fd, LOCK_EX);
	if (!write_all(fd, buf) || rename(temp, path) != 0) {
		errnum = errno;
		unlink(temp);
	}
	close(fd);
	free(temp);
	return errnum;
}

enum gw_status gw_model_index_save(
	const struct gw_model_index *index, const char *path, const char *dir, struct gw_error *err)
{
	struct gw_buf buf = {0};
	char *file = index_path(path, dir), *temp = NULL;
	int errnum = ENOMEM;

	if (asprintf(&temp, "%s/" GW_CACHE_TEMP, dir) < 0)
		temp = NULL;
	if (file && temp && gw_model_index_encode(index, path, &buf) == GW_OK)
		errnum = write_file(temp, file, &buf);
	gw_buf_free(&buf);
	free(temp);
	free(file);
	return errnum ? gw_error_errno(err, GW_ERR_SYSTEM, errnum, "cannot write an index in %s", dir) : GW_OK;
}

static enum gw_status read_whole(int fd, struct gw_buf *buf)
{
	struct stat sb;

	if (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode) || sb.st_size > MAX_FILE)
		return GW_ERR_NOT_FOUND;
	if (gw_buf_reserve(buf, (size_t)sb.st_size) != GW_OK)
		return GW_ERR_NOMEM;
	while (buf->len < (size_t)sb.st_size) {
		ssize_t n = read(fd, buf->data + buf->len, (size_t)sb.st_size - buf->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return GW_ERR_NOT_FOUND;
		buf->len += (size_t)n;
	}
	return GW_OK;
}

static enum gw_status read_index(const char *path, const char *dir, struct gw_model_index *out)
{
	char *name = index_path(path, dir);
	if (!name)
		return GW_ERR_NOMEM;
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	free(name);
	if (fd < 0)
		return GW_ERR_NOT_FOUND;
	struct gw_buf buf = {0};
	enum gw_status st = read_whole(fd, &buf);
	close(fd);
	if (st == GW_OK)
		st = gw_model_index_decode(buf.data, buf.len, path, out);
	gw_buf_free(&buf);
	return st == GW_ERR_INVALID ? GW_ERR_NOT_FOUND : st;
}

enum gw_status gw_model_index_load(const struct gw_model_file *file, const char *dir, struct gw_model_index *out)
{
	struct gw_model_index index;
	struct gw_model_stamp now;

	enum gw_status st = read_index(file->path, dir, &index);
	if (st != GW_OK)
		return st;
	if (!gw_model_file_stamp(file, &now) || now.size != index.stamp.size || now.mtime_ns != index.stamp.mtime_ns) {
		gw_model_index_free(&index);
		return GW_ERR_NOT_FOUND;
	}
	*out = index;
	return GW_OK;
}
