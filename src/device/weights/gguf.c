#include "device/weights/gguf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ggml.h>

#include "base/checked.h"
#include "ggml/numbers.h"
#include "wire/cursor.h"

#define MAGIC 0x46554747 /* "GGUF", little endian */
#define VERSION_MIN 2
#define VERSION_MAX 3
#define DEFAULT_ALIGNMENT 32
#define MAX_ALIGNMENT (1U << 20)
#define ALIGNMENT_KEY "general.alignment"

/* Headers hold vocabularies: megabytes, not more. */
#define FIRST_READ ((size_t)1 << 20)
#define MAX_HEADER ((size_t)512 << 20)

/* Types of values: docs/gguf.md of ggml. */
enum {
	VALUE_U32 = 4,
	VALUE_STRING = 8,
	VALUE_ARRAY = 9,
	VALUE_TYPES = 13,
};

static const uint8_t value_size[VALUE_TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

struct parse {
	struct gw_rd r;
	uint64_t file_size;
	uint32_t alignment;
	struct gw_gguf got;
	size_t room;
	bool bad_value;
};

struct text {
	const uint8_t *bytes;
	uint64_t len;
};

static struct text take_text(struct gw_rd *r)
{
	struct text t = {.len = gw_rd_u64(r)};

	t.bytes = gw_rd_bytes(r, t.len);
	return t;
}

static void skip_array(struct parse *p)
{
	uint32_t type = gw_rd_u32(&p->r);
	uint64_t n = gw_rd_u64(&p->r), size;

	if (type == VALUE_STRING) {
		while (n-- > 0 && !p->r.bad)
			take_text(&p->r);
	} else if (type < VALUE_TYPES && value_size[type] && gw_mul_u64(n, value_size[type], &size)) {
		gw_rd_bytes(&p->r, size);
	} else if (!p->r.bad) {
		p->bad_value = true;
	}
}

static void take_value(struct parse *p, struct text key)
{
	uint32_t type = gw_rd_u32(&p->r);

	if (type == VALUE_U32 && key.bytes && key.len == strlen(ALIGNMENT_KEY) &&
		memcmp(key.bytes, ALIGNMENT_KEY, key.len) == 0)
		p->alignment = gw_rd_u32(&p->r);
	else if (type == VALUE_STRING)
		take_text(&p->r);
	else if (type == VALUE_ARRAY)
		skip_array(p);
	else if (type < VALUE_TYPES)
		gw_rd_bytes(&p->r, value_size[type]);
	else if (!p->r.bad)
		p->bad_value = true;
}

static enum gw_status broken(struct gw_error *err, const char *what)
{
	return gw_error_set(err, GW_ERR_PROTOCOL, "%s", what);
}

/* Why reading stopped. */
static enum gw_status stopped(const struct parse *p, size_t size, struct gw_error *err)
{
	if (p->bad_value)
		return broken(err, "a value of an unknown type");
	if (size >= p->file_size)
		return broken(err, "the file ends within its header");
	return gw_error_set(err, GW_ERR_LIMIT, "the header is longer than %zu bytes", size);
}

/* Bytes of a tensor; 0 of one whose type is unknown. False if there can be no such tensor. */
static bool tensor_size(uint32_t type, const uint64_t ne[GGML_MAX_DIMS], uint64_t *size)
{
	const struct gw_numbers *numbers = gw_numbers_get(NULL);
	bool known = numbers && type < numbers->n_types;
	uint64_t block = known ? (uint64_t)ggml_blck_size((enum ggml_type)type) : 0;

	*size = 0;
	if (block == 0)
		return true;
	if (ne[0] % block != 0)
		return false;
	uint64_t n = ne[0] / block;
	bool ok = gw_mul_u64(n, ggml_type_size((enum ggml_type)type), &n);
	for (size_t i = 1; i < GGML_MAX_DIMS; i++)
		ok = ok && gw_mul_u64(n, ne[i], &n);
	*size = n;
	return ok;
}

static enum gw_status keep(struct parse *p, uint64_t offset, uint64_t size, struct gw_error *err)
{
	if (p->got.n == p->room) {
		size_t room = p->room ? 2 * p->room : 256;
		struct gw_gguf_tensor *more = reallocarray(p->got.tensors, room, sizeof(*more));
		if (!more)
			return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
		p->got.tensors = more;
		p->room = room;
	}
	p->got.tensors[p->got.n++] = (struct gw_gguf_tensor){offset, size};
	return GW_OK;
}

static enum gw_status take_tensor(struct parse *p, struct gw_error *err)
{
	uint64_t ne[GGML_MAX_DIMS] = {1, 1, 1, 1}, size;

	take_text(&p->r);
	uint32_t n_dims = gw_rd_u32(&p->r);
	if (n_dims > GGML_MAX_DIMS)
		return broken(err, "a tensor of more than four dimensions");
	for (uint32_t i = 0; i < n_dims; i++)
		ne[i] = gw_rd_u64(&p->r);
	uint32_t type = gw_rd_u32(&p->r);
	uint64_t offset = gw_rd_u64(&p->r);
	if (p->r.bad)
		return GW_OK;
	if (!tensor_size(type, ne, &size))
		return broken(err, "a tensor of an impossible shape");
	return size > 0 ? keep(p, offset, size, err) : GW_OK;
}

/* Offsets become those in the file. What overlaps would cost more than the file's size suggests. */
static enum gw_status place(struct parse *p, uint64_t data, struct gw_error *err)
{
	uint64_t total = 0;

	for (size_t i = 0; i < p->got.n; i++) {
		struct gw_gguf_tensor *t = &p->got.tensors[i];
		if (!gw_add_u64(t->offset, data, &t->offset) || !gw_range_ok(t->offset, t->size, p->file_size))
			return broken(err, "a tensor is not inside the file");
		if (!gw_add_u64(total, t->size, &total) || total > p->file_size)
			return broken(err, "the tensors are more than the file");
	}
	return GW_OK;
}

static enum gw_status parse(struct parse *p, const uint8_t *start, size_t size, struct gw_error *err)
{
	enum gw_status st = GW_OK;
	uint32_t magic = gw_rd_u32(&p->r), version = gw_rd_u32(&p->r);
	uint64_t n_tensors = gw_rd_u64(&p->r), n_values = gw_rd_u64(&p->r), data;

	if (p->r.bad)
		return stopped(p, size, err);
	if (magic != MAGIC || version < VERSION_MIN || version > VERSION_MAX)
		return broken(err, "not a GGUF file of version 2 or 3");
	while (n_values-- > 0 && !p->r.bad && !p->bad_value)
		take_value(p, take_text(&p->r));
	if (p->bad_value)
		return stopped(p, size, err);
	while (n_tensors-- > 0 && !p->r.bad && st == GW_OK)
		st = take_tensor(p, err);
	if (st != GW_OK)
		return st;
	if (p->r.bad)
		return stopped(p, size, err);
	if (p->alignment == 0 || p->alignment > MAX_ALIGNMENT || (p->alignment & (p->alignment - 1)) != 0)
		return broken(err, "an impossible alignment");
	data = ((uint64_t)(p->r.p - start) + p->alignment - 1) & ~(uint64_t)(p->alignment - 1);
	return place(p, data, err);
}

enum gw_status gw_gguf_parse(
	const void *bytes, size_t size, uint64_t file_size, struct gw_gguf *out, struct gw_error *err)
{
	struct parse p = {.r = gw_rd_init(bytes, size), .file_size = file_size, .alignment = DEFAULT_ALIGNMENT};

	enum gw_status st = parse(&p, bytes, size, err);
	if (st != GW_OK) {
		gw_gguf_free(&p.got);
		return st;
	}
	*out = p.got;
	return GW_OK;
}

/* Up to size bytes from the start of the file. */
static enum gw_status read_start(int fd, uint8_t *bytes, size_t size, size_t *got, struct gw_error *err)
{
	for (*got = 0; *got < size;) {
		ssize_t n = pread(fd, bytes + *got, size - *got, (off_t)*got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return gw_error_errno(err, GW_ERR_SYSTEM, errno, "cannot be read");
		if (n == 0)
			break;
		*got += (size_t)n;
	}
	return GW_OK;
}

static enum gw_status read_and_parse(int fd, size_t size, uint64_t file_size, struct gw_gguf *out, struct gw_error *err)
{
	size_t got;
	uint8_t *bytes = malloc(size);
	if (!bytes)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	enum gw_status st = read_start(fd, bytes, size, &got, err);
	if (st == GW_OK)
		st = gw_gguf_parse(bytes, got, file_size, out, err);
	free(bytes);
	return st;
}

enum gw_status gw_gguf_read(int fd, uint64_t file_size, struct gw_gguf *out, struct gw_error *err)
{
	enum gw_status st = GW_ERR_LIMIT;

	for (size_t size = FIRST_READ; st == GW_ERR_LIMIT && size <= MAX_HEADER; size *= 4)
		st = read_and_parse(fd, size < file_size ? size : (size_t)file_size, file_size, out, err);
	return st == GW_ERR_LIMIT ? broken(err, "the header has no end") : st;
}

void gw_gguf_free(struct gw_gguf *gguf)
{
	free(gguf->tensors);
	*gguf = (struct gw_gguf){0};
}
