/* GGUF headers, written field by field. */
#ifndef GW_TESTS_SERVER_GGUF_FILE_H
#define GW_TESTS_SERVER_GGUF_FILE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "wire/cursor.h"

struct gguf_file {
	uint8_t bytes[4096];
	size_t len;
};

static inline void gguf_u32(struct gguf_file *f, uint32_t v)
{
	assert(f->len + 4 <= sizeof(f->bytes));
	gw_put_le32(f->bytes + f->len, v);
	f->len += 4;
}

static inline void gguf_u64(struct gguf_file *f, uint64_t v)
{
	gguf_u32(f, (uint32_t)v);
	gguf_u32(f, (uint32_t)(v >> 32));
}

static inline void gguf_text(struct gguf_file *f, const char *text)
{
	size_t n = strlen(text);

	gguf_u64(f, n);
	assert(f->len + n <= sizeof(f->bytes));
	memcpy(f->bytes + f->len, text, n);
	f->len += n;
}

static inline void gguf_begin(struct gguf_file *f, uint32_t version, uint64_t n_tensors, uint64_t n_values)
{
	f->len = 0;
	gguf_u32(f, 0x46554747);
	gguf_u32(f, version);
	gguf_u64(f, n_tensors);
	gguf_u64(f, n_values);
}

static inline void gguf_tensor(
	struct gguf_file *f, const char *name, uint32_t type, uint64_t ne0, uint64_t ne1, uint64_t offset)
{
	gguf_text(f, name);
	gguf_u32(f, 2);
	gguf_u64(f, ne0);
	gguf_u64(f, ne1);
	gguf_u32(f, type);
	gguf_u64(f, offset);
}

#endif
