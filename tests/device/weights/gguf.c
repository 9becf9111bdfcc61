/* The GGUF parser accepts exactly the headers that the file really contains. */
#include "device/weights/gguf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <ggml.h>

#include "device/weights/gguf_file.h"
#include "wire/cursor.h"

static void parse_fails(const struct gguf_file *f, size_t size, uint64_t file_size, enum gw_status expected)
{
	struct gw_gguf got = {0};
	struct gw_error err = {0};
	/* A heap copy of exact size, so that the address sanitizer catches every overrun. */
	uint8_t *bytes = malloc(size ? size : 1);

	memcpy(bytes, f->bytes, size);
	enum gw_status st = gw_gguf_parse(bytes, size, file_size, &got, &err);
	free(bytes);
	if (st != expected)
		fail_msg("%zu bytes of %zu: %s (%s)", size, f->len, gw_status_text(st), err.text);
	assert_null(got.tensors);
}

static struct gguf_file good(void)
{
	struct gguf_file f;

	gguf_begin(&f, 3, 2, 4);
	gguf_text(&f, "general.architecture");
	gguf_u32(&f, 8);
	gguf_text(&f, "llama");
	gguf_text(&f, "general.alignment");
	gguf_u32(&f, 4);
	gguf_u32(&f, 64);
	gguf_text(&f, "tokenizer.ggml.tokens");
	gguf_u32(&f, 9);
	gguf_u32(&f, 8);
	gguf_u64(&f, 2);
	gguf_text(&f, "a");
	gguf_text(&f, "");
	gguf_text(&f, "tokenizer.ggml.scores");
	gguf_u32(&f, 9);
	gguf_u32(&f, 6);
	gguf_u64(&f, 3);
	gguf_u32(&f, 0);
	gguf_u32(&f, 0);
	gguf_u32(&f, 0);
	gguf_tensor(&f, "one", GGML_TYPE_F32, 4, 8, 0);
	gguf_tensor(&f, "two", GGML_TYPE_Q8_0, 64, 2, 128);
	return f;
}

static void tensors_have_their_offsets(void **state)
{
	struct gguf_file f = good();
	struct gw_gguf got;
	struct gw_error err;
	size_t data = (f.len + 63) / 64 * 64;

	(void)state;
	assert_int_equal(gw_gguf_parse(f.bytes, f.len, data + 128 + 136, &got, &err), GW_OK);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.tensors[0].offset, data);
	assert_int_equal(got.tensors[0].size, 128);
	assert_int_equal(got.tensors[1].offset, data + 128);
	assert_int_equal(got.tensors[1].size, 136);
	gw_gguf_free(&got);
}

/* A header truncated at any byte: incomplete if the file goes on, invalid if the file ends there. */
static void truncated_headers_differ_from_invalid_ones(void **state)
{
	struct gguf_file f = good();

	(void)state;
	for (size_t size = 0; size < f.len; size++) {
		parse_fails(&f, size, 100000, GW_ERR_LIMIT);
		parse_fails(&f, size, size, GW_ERR_PROTOCOL);
	}
}

static void tensors_are_inside_the_file(void **state)
{
	struct gguf_file f = good();
	size_t data = (f.len + 63) / 64 * 64;

	(void)state;
	parse_fails(&f, f.len, data + 128 + 135, GW_ERR_PROTOCOL);
	parse_fails(&f, f.len, f.len, GW_ERR_PROTOCOL);
}

/* Files with one tensor whose numbers are wrong. */
static void impossible_tensors_are_refused(void **state)
{
	static const struct {
		uint64_t ne0, ne1, offset;
		uint32_t type;
	} cases[] = {
		{33, 1, 0, GGML_TYPE_Q8_0},
		{UINT64_MAX, 1, 0, GGML_TYPE_F32},
		{UINT64_MAX / 2, 4, 0, GGML_TYPE_I8},
		{UINT64_C(1) << 32, UINT64_C(1) << 32, 0, GGML_TYPE_I8},
		{4, 1, UINT64_MAX, GGML_TYPE_I8},
		{4, 1, UINT64_MAX - 64, GGML_TYPE_I8},
		{4, 1, 1 << 20, GGML_TYPE_I8},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct gguf_file f;
		gguf_begin(&f, 3, 1, 0);
		gguf_tensor(&f, "t", cases[i].type, cases[i].ne0, cases[i].ne1, cases[i].offset);
		parse_fails(&f, f.len, 1 << 20, GW_ERR_PROTOCOL);
	}
}

/* Overlapping tensors can exceed the file in total, so hashing them could take arbitrarily long. */
static void overlapping_tensors_are_refused(void **state)
{
	struct gguf_file f;

	(void)state;
	gguf_begin(&f, 3, 2, 0);
	gguf_tensor(&f, "one", GGML_TYPE_I8, 60000, 1, 0);
	gguf_tensor(&f, "two", GGML_TYPE_I8, 60000, 1, 0);
	parse_fails(&f, f.len, 100000, GW_ERR_PROTOCOL);
}

static void unknown_types_are_left_out(void **state)
{
	static const uint32_t types[] = {4, 5, GGML_TYPE_COUNT, UINT32_MAX};
	struct gw_gguf got;
	struct gw_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct gguf_file f;
		gguf_begin(&f, 2, 2, 0);
		gguf_tensor(&f, "odd", types[i], 32, 1, 0);
		gguf_tensor(&f, "known", GGML_TYPE_I8, 32, 1, 0);
		assert_int_equal(gw_gguf_parse(f.bytes, f.len, 1000, &got, &err), GW_OK);
		assert_int_equal(got.n, 1);
		gw_gguf_free(&got);
	}
}

static void hostile_counts_terminate(void **state)
{
	static const uint64_t counts[] = {UINT64_MAX, UINT64_C(1) << 60, 1000};
	static const uint32_t elements[] = {8, 0, 12};

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct gguf_file f;
		gguf_begin(&f, 3, counts[i], 0);
		parse_fails(&f, f.len, f.len, GW_ERR_PROTOCOL);
		gguf_begin(&f, 3, 0, counts[i]);
		parse_fails(&f, f.len, f.len, GW_ERR_PROTOCOL);
		gguf_begin(&f, 3, 0, 1);
		gguf_u64(&f, counts[i]);
		parse_fails(&f, f.len, f.len, GW_ERR_PROTOCOL);
		for (size_t k = 0; k < sizeof(elements) / sizeof(elements[0]); k++) {
			gguf_begin(&f, 3, 0, 1);
			gguf_text(&f, "array");
			gguf_u32(&f, 9);
			gguf_u32(&f, elements[k]);
			gguf_u64(&f, counts[i]);
			parse_fails(&f, f.len, f.len, GW_ERR_PROTOCOL);
		}
	}
}

static void other_files_are_refused(void **state)
{
	struct gguf_file f;

	(void)state;
	gguf_begin(&f, 1, 0, 0);
	parse_fails(&f, f.len, f.len, GW_ERR_PROTOCOL);
	gguf_begin(&f, 3U << 24, 0, 0); /* big endian */
	parse_fails(&f, f.len, f.len, GW_ERR_PROTOCOL);
	gguf_begin(&f, 3, 0, 0);
	f.bytes[0] ^= 1;
	parse_fails(&f, f.len, f.len, GW_ERR_PROTOCOL);
	/* An array of arrays, and a value with an unknown type. */
	gguf_begin(&f, 3, 0, 1);
	gguf_text(&f, "a");
	gguf_u32(&f, 9);
	gguf_u32(&f, 9);
	gguf_u64(&f, 1);
	parse_fails(&f, f.len, 100000, GW_ERR_PROTOCOL);
	gguf_begin(&f, 3, 0, 1);
	gguf_text(&f, "a");
	gguf_u32(&f, 13);
	parse_fails(&f, f.len, 100000, GW_ERR_PROTOCOL);
	/* More than four dimensions. */
	gguf_begin(&f, 3, 1, 0);
	gguf_text(&f, "t");
	gguf_u32(&f, 5);
	parse_fails(&f, f.len, 100000, GW_ERR_PROTOCOL);
}

static void impossible_alignments_are_refused(void **state)
{
	static const uint32_t alignments[] = {0, 3, UINT32_MAX, 1U << 31};

	(void)state;
	for (size_t i = 0; i < sizeof(alignments) / sizeof(alignments[0]); i++) {
		struct gguf_file f;
		gguf_begin(&f, 3, 0, 1);
		gguf_text(&f, "general.alignment");
		gguf_u32(&f, 4);
		gguf_u32(&f, alignments[i]);
		parse_fails(&f, f.len, 100000, GW_ERR_PROTOCOL);
	}
}

/* A header of several megabytes, as large vocabularies produce. */
static void long_headers_are_read(void **state)
{
	char path[] = "/tmp/ggwire-gguf-XXXXXX";
	struct gguf_file f;
	struct gw_gguf got;
	struct gw_error err;
	int fd = mkstemp(path);
	const uint64_t padding = 5 << 20;

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	gguf_begin(&f, 3, 1, 1);
	gguf_text(&f, "long");
	gguf_u32(&f, 9);
	gguf_u32(&f, 0);
	gguf_u64(&f, padding);
	assert_int_equal(pwrite(fd, f.bytes, f.len, 0), f.len);
	off_t at = (off_t)(f.len + padding);
	f.len = 0;
	gguf_tensor(&f, "t", GGML_TYPE_I8, 1000, 1, 0);
	assert_int_equal(pwrite(fd, f.bytes, f.len, at), f.len);
	uint64_t data = ((uint64_t)at + f.len + 31) / 32 * 32;
	assert_int_equal(ftruncate(fd, (off_t)(data + 1000)), 0);
	assert_int_equal(gw_gguf_read(fd, data + 1000, &got, &err), GW_OK);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.tensors[0].offset, data);
	gw_gguf_free(&got);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tensors_have_their_offsets),
		cmocka_unit_test(truncated_headers_differ_from_invalid_ones),
		cmocka_unit_test(tensors_are_inside_the_file),
		cmocka_unit_test(impossible_tensors_are_refused),
		cmocka_unit_test(overlapping_tensors_are_refused),
		cmocka_unit_test(unknown_types_are_left_out),
		cmocka_unit_test(hostile_counts_terminate),
		cmocka_unit_test(other_files_are_refused),
		cmocka_unit_test(impossible_alignments_are_refused),
		cmocka_unit_test(long_headers_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
