/* The server finds contents of a model file by hash, as long as the file is unchanged since indexing. */
#include "device/rig.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ggml.h>

#include "base/hash.h"
#include "device/weights/gguf_file.h"
#include "device/weights/model_hash.h"
#include "device/weights/models.h"
#include "wire/extension.h"

/* Two tensors that are indexed, and one that is too small. */
#define BIG ((size_t)GW_EXT_XXH3_MIN)
#define SHORT (BIG - 32)

struct state {
	char dir[64]; /* contains the models and the indices */
	char path[128];
	char list[160];
	uint8_t *data; /* 2 * BIG + SHORT */
	uint64_t at;   /* offset of the data in the file */
};

static void write_model(const struct state *st, const char *path)
{
	struct gguf_file f;
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	assert_true(fd >= 0);
	gguf_begin(&f, 3, 3, 0);
	gguf_tensor(&f, "one", GGML_TYPE_I8, BIG, 1, 0);
	gguf_tensor(&f, "two", GGML_TYPE_I8, BIG, 1, BIG);
	gguf_tensor(&f, "short", GGML_TYPE_I8, SHORT, 1, 2 * BIG);
	assert_int_equal(write(fd, f.bytes, f.len), f.len);
	assert_int_equal(pwrite(fd, st->data, 2 * BIG + SHORT, (off_t)st->at), 2 * BIG + SHORT);
	assert_int_equal(close(fd), 0);
}

static int setup(void **out)
{
	static struct state st;

	strcpy(st.dir, "/tmp/ggwire-models-XXXXXX");
	assert_non_null(mkdtemp(st.dir));
	snprintf(st.path, sizeof(st.path), "%s/model.gguf", st.dir);
	snprintf(st.list, sizeof(st.list), "%s\n", st.path);
	st.at = 160; /* after the header, aligned */
	st.data = malloc(2 * BIG + SHORT);
	assert_non_null(st.data);
	for (size_t i = 0; i < 2 * BIG + SHORT; i++)
		st.data[i] = (uint8_t)(i * 2654435761u >> 13);
	write_model(&st, st.path);
	*out = &st;
	return 0;
}

static int teardown(void **in)
{
	struct state *st = *in;
	DIR *dir = opendir(st->dir);

	if (!dir)
		return -1;
	for (struct dirent *e; (e = readdir(dir));)
		unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
	rmdir(st->dir);
	free(st->data);
	return 0;
}

static struct gw_model_files open_list(const char *list)
{
	struct gw_model_files files;
	struct gw_error err;

	if (gw_model_files_open(list, NULL, &files, &err) != GW_OK)
		fail_msg("%s", err.text);
	return files;
}

static void no_tick(uint64_t done, void *user)
{
	(void)done;
	(void)user;
}

/* Does what the index process does. */
static void make_index(const struct state *st)
{
	struct gw_model_files files = open_list(st->list);
	struct gw_model_index index;
	struct gw_error err;

	if (gw_model_index_plan(&files.files[0], &index, &err) != GW_OK ||
		gw_model_index_hash(&files.files[0], 2, no_tick, NULL, &index, &err) != GW_OK ||
		gw_model_index_save(&index, files.files[0].path, st->dir, &err) != GW_OK)
		fail_msg("%s", err.text);
	gw_model_index_free(&index);
	gw_model_files_close(&files);
}

static struct gw_models *open_models(const struct state *st)
{
	struct gw_models *models;
	struct gw_error err;

	if (gw_models_open(st->list, st->dir, &models, &err) != GW_OK)
		fail_msg("%s", err.text);
	return models;
}

static struct gw_sums fnv_of(const void *bytes, size_t n)
{
	return (struct gw_sums){.has_fnv = true, .fnv = gw_fnv1a(GW_FNV_INIT, bytes, n)};
}

static struct gw_sums xxh3_of(const void *bytes, size_t n)
{
	struct gw_digest d;

	gw_digest_begin(&d, false, true);
	gw_digest_update(&d, bytes, n);
	return gw_digest_end(&d);
}

static bool finds(struct gw_models *models, const struct gw_sums *sums, const void *bytes, size_t n)
{
	struct gw_model_hit hit;
	uint8_t *got = malloc(n);

	if (gw_models_find(models, sums, &hit) != GW_OK) {
		free(got);
		return false;
	}
	assert_int_equal(hit.size, n);
	assert_int_equal(gw_blob_read(&hit.blob, got, n), GW_OK);
	assert_true(gw_blob_end(&hit.blob));
	assert_memory_equal(got, bytes, n);
	free(got);
	return true;
}

static void tensors_are_found_by_either_hash(void **in)
{
	struct state *st = *in;

	make_index(st);
	struct gw_models *models = open_models(st);
	for (size_t i = 0; i < 2; i++) {
		struct gw_sums fnv = fnv_of(st->data + i * BIG, BIG), xxh3 = xxh3_of(st->data + i * BIG, BIG);
		assert_true(finds(models, &fnv, st->data + i * BIG, BIG));
		if (gw_xxh3_available())
			assert_true(finds(models, &xxh3, st->data + i * BIG, BIG));
	}
	struct gw_sums other = fnv_of(st->data + 1, BIG), small = fnv_of(st->data + 2 * BIG, SHORT);
	assert_false(finds(models, &other, NULL, BIG));
	assert_false(finds(models, &small, NULL, SHORT));
	gw_models_close(models);
}

/* Workers start before the index exists. */
static void an_index_is_used_as_soon_as_it_exists(void **in)
{
	struct state *st = *in;
	struct gw_models *models = open_models(st);
	struct gw_sums fnv = fnv_of(st->data, BIG);

	assert_false(finds(models, &fnv, st->data, BIG));
	make_index(st);
	assert_true(finds(models, &fnv, st->data, BIG));
	gw_models_close(models);
}

static bool has_index(const struct state *st)
{
	struct gw_model_files files = open_list(st->list);
	struct gw_model_index index = {0};
	bool has = gw_model_index_load(&files.files[0], st->dir, &index) == GW_OK;

	gw_model_index_free(&index);
	gw_model_files_close(&files);
	return has;
}

static void an_index_is_valid_for_the_unchanged_file_only(void **in)
{
	struct state *st = *in;
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000000000}};

	assert_false(has_index(st));
	make_index(st);
	assert_true(has_index(st));
	assert_int_equal(utimensat(AT_FDCWD, st->path, times, 0), 0);
	assert_false(has_index(st));
	make_index(st);
	assert_true(has_index(st));
	assert_int_equal(truncate(st->path, (off_t)(st->at + 2 * BIG)), 0);
	assert_false(has_index(st));
}

/* Size and modification time are unchanged, but the bytes differ: only reading the file shows it. */
static void contents_are_verified_when_read(void **in)
{
	struct state *st = *in;
	struct gw_sums one = fnv_of(st->data, BIG), two = fnv_of(st->data + BIG, BIG);
	struct gw_model_hit hit;
	struct stat sb;
	uint8_t *got = malloc(BIG);

	make_index(st);
	struct gw_models *models = open_models(st);
	int fd = open(st->path, O_WRONLY);
	assert_int_equal(fstat(fd, &sb), 0);
	assert_int_equal(pwrite(fd, "changed", 7, (off_t)(st->at + BIG / 2)), 7);
	struct timespec times[2] = {sb.st_atim, sb.st_mtim};
	assert_int_equal(futimens(fd, times), 0);
	close(fd);

	assert_int_equal(gw_models_find(models, &one, &hit), GW_OK);
	assert_int_equal(gw_blob_read(&hit.blob, got, BIG), GW_OK);
	assert_false(gw_blob_end(&hit.blob));
	gw_models_distrust(models, &hit);
	assert_false(finds(models, &two, st->data + BIG, BIG));
	gw_models_close(models);
	free(got);
}

static void damaged_indices_are_not_used(void **in)
{
	struct state *st = *in;
	struct gw_model_entry entries[2] = {
		{.offset = 10, .size = 20, .sums = {.has_fnv = true, .fnv = 1}},
		{.offset = 30, .size = 70, .sums = {.has_fnv = true, .fnv = 2}},
	};
	struct gw_model_index index = {.stamp = {100, 5}, .entries = entries, .n = 2}, got;
	struct gw_buf buf = {0};

	(void)st;
	assert_int_equal(gw_model_index_encode(&index, "/a/model.gguf", &buf), GW_OK);
	assert_int_equal(gw_model_index_decode(buf.data, buf.len, "/a/model.gguf", &got), GW_OK);
	assert_int_equal(got.n, 2);
	assert_int_equal(got.entries[1].offset, 30);
	assert_int_equal(got.entries[1].sums.fnv, 2);
	gw_model_index_free(&got);
	assert_int_equal(gw_model_index_decode(buf.data, buf.len, "/b/model.gguf", &got), GW_ERR_INVALID);
	for (size_t i = 0; i < buf.len; i++) {
		assert_int_equal(gw_model_index_decode(buf.data, i, "/a/model.gguf", &got), GW_ERR_INVALID);
		buf.data[i] ^= 0x10;
		assert_int_equal(gw_model_index_decode(buf.data, buf.len, "/a/model.gguf", &got), GW_ERR_INVALID);
		buf.data[i] ^= 0x10;
	}
	gw_buf_free(&buf);
	entries[1].size = 71; /* beyond the file */
	assert_int_equal(gw_model_index_encode(&index, "/a/model.gguf", &buf), GW_OK);
	assert_int_equal(gw_model_index_decode(buf.data, buf.len, "/a/model.gguf", &got), GW_ERR_INVALID);
	gw_buf_free(&buf);
}

static void expect_files(const char *list, size_t n)
{
	struct gw_model_files files = open_list(list);

	assert_int_equal(files.n, n);
	gw_model_files_close(&files);
}

static void parts_and_directories_are_all_their_files(void **in)
{
	struct state *st = *in;
	char path[160], list[400];
	struct gw_model_files files;
	struct gw_error err;

	for (int i = 1; i <= 3; i++) {
		snprintf(path, sizeof(path), "%s/split-%05d-of-00003.gguf", st->dir, i);
		write_model(st, path);
	}
	expect_files(st->list, 1);
	snprintf(list, sizeof(list), "%s/split-00002-of-00003.gguf\n", st->dir);
	expect_files(list, 3);
	snprintf(list, sizeof(list), "%s\n", st->dir);
	expect_files(list, 4);
	snprintf(list, sizeof(list), "%s\n%s\n%s/split-00001-of-00003.gguf\n", st->dir, st->path, st->dir);
	expect_files(list, 4);

	unlink(path);
	snprintf(list, sizeof(list), "%s/split-00001-of-00003.gguf\n", st->dir);
	assert_int_equal(gw_model_files_open(list, NULL, &files, &err), GW_ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "split-00003-of-00003.gguf"));
	assert_int_equal(gw_model_files_open("/nowhere/at/all.gguf\n", NULL, &files, &err), GW_ERR_NOT_FOUND);
	assert_int_equal(gw_model_files_open("/proc/self\n", NULL, &files, &err), GW_ERR_NOT_FOUND);
	assert_int_equal(gw_model_files_open("/dev/null\n", NULL, &files, &err), GW_ERR_INVALID);
}

static bool set_hash(struct gw_client *c, const struct gw_wire_tensor *t, uint64_t hash)
{
	uint8_t out[GW_WIRE_MAX_FIXED], result;
	struct gw_wire_set_hash_req req = {.tensor = *t, .hash = hash};
	struct iovec part = {out, gw_wire_set_hash_req_encode(&gw_dialect_8_0, &req, out)};

	assert_int_equal(gw_client_call(c, GW_CMD_SET_TENSOR_HASH, &part, 1, &result, 1), GW_OK);
	return result;
}

static bool set_xxh3(struct gw_client *c, const struct gw_wire_tensor *t, struct gw_sums sums)
{
	uint8_t out[GW_WIRE_MAX_FIXED], result;
	struct gw_wire_xxh3_req req = {*t, 0, BIG, sums.xxh3.low, sums.xxh3.high};
	struct iovec part = {out, gw_wire_xxh3_req_encode(&gw_dialect_8_0, &req, out)};

	assert_int_equal(gw_client_call(c, GW_CMD_EXT_SET_TENSOR_XXH3, &part, 1, &result, 1), GW_OK);
	return result;
}

static char skipped[1024];

static void note_skipped(const char *path, const char *why)
{
	size_t len = strlen(skipped);
	snprintf(skipped + len, sizeof(skipped) - len, "%s: %s\n", strrchr(path, '/') + 1, why);
}

/* A directory of models is often a download folder: what cannot be used there costs a line, and not the server. */
static void a_directory_is_searched_for_what_can_be_used(void **in)
{
	struct state *st = *in;
	char path[256], list[160];
	struct gw_model_files files;
	struct gw_error err;

	snprintf(list, sizeof(list), "%s/tree\n", st->dir);
#define AT(name) (snprintf(path, sizeof(path), "%s/tree%s", st->dir, name), path)
	assert_int_equal(mkdir(AT(""), 0700), 0);
	assert_int_equal(gw_model_files_open(list, note_skipped, &files, &err), GW_ERR_NOT_FOUND);
	assert_int_equal(mkfifo(AT("/pipe.gguf"), 0600), 0);
	assert_int_equal(gw_model_files_open(list, note_skipped, &files, &err), GW_ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "is a file that can be read (1 is not)"));
	skipped[0] = '\0';
	assert_int_equal(mkdir(AT("/sub"), 0700), 0);
	assert_int_equal(mkdir(AT("/sub/deeper.gguf"), 0700), 0);
	assert_int_equal(mkdir(AT("/empty.gguf"), 0700), 0);
	assert_int_equal(symlink(".", AT("/sub/loop")), 0);
	assert_int_equal(symlink("nowhere", AT("/broken.gguf")), 0);
	assert_int_equal(symlink("../../model.gguf", AT("/sub/link.gguf")), 0);
	write_model(st, AT("/sub/deeper.gguf/model.gguf"));
	write_model(st, AT("/sub/not-a-model.bin"));
	assert_int_equal(gw_model_files_open(list, note_skipped, &files, &err), GW_OK);
	assert_int_equal(files.n, 2);
	gw_model_files_close(&files);
	assert_non_null(strstr(skipped, "pipe.gguf: it is not a regular file\n"));
	assert_non_null(strstr(skipped, "broken.gguf: No such file or directory\n"));
	assert_non_null(strstr(skipped, "empty.gguf: it is a directory without *.gguf\n"));
	size_t lines = 0;
	for (const char *p = skipped; (p = strchr(p, '\n')); p++)
		lines++;
	assert_non_null(strstr(skipped, "loop: it is a link to a directory"));
	assert_int_equal(lines, 4);
	static const char *const names[] = {"/pipe.gguf", "/broken.gguf", "/sub/loop", "/sub/link.gguf",
		"/sub/not-a-model.bin", "/sub/deeper.gguf/model.gguf", "/sub/deeper.gguf", "/sub", "/empty.gguf", ""};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(remove(AT(names[i])), 0);
#undef AT
}

/* What a stock client sends; and after a "no" it sends the data, whatever is in the tensor by then. */
static void a_client_gets_its_weights_from_the_file(void **in)
{
	struct state *st = *in;
	struct gw_server_options options = rig_options();
	struct rig rig;
	uint8_t *got = malloc(BIG);

	make_index(st);
	options.models = st->list;
	options.index_dir = st->dir;
	struct gw_server *server = rig_server(&options);
	struct gw_client *c = rig_client(&rig, server);
	struct rig_buffer buffer = rig_alloc(c, 2 * BIG);
	struct gw_wire_tensor t = rig_tensor(rig_type("i8"), &buffer, 0, (uint32_t)BIG, 1);
	struct gw_wire_tensor too_short = rig_tensor(rig_type("i8"), &buffer, 0, (uint32_t)BIG - 32, 1);

	assert_false(set_hash(c, &t, 42));
	assert_true(set_hash(c, &t, fnv_of(st->data + BIG, BIG).fnv));
	rig_get(c, &t, 0, got, BIG);
	assert_memory_equal(got, st->data + BIG, BIG);
	assert_false(set_hash(c, &too_short, fnv_of(st->data, BIG).fnv));
	assert_true(set_hash(c, &t, fnv_of(st->data, BIG).fnv));
	rig_get(c, &t, 0, got, BIG);
	assert_memory_equal(got, st->data, BIG);
	if (gw_xxh3_available()) {
		struct gw_sums sums = xxh3_of(st->data + BIG, BIG);
		assert_true(set_xxh3(c, &t, sums));
		rig_get(c, &t, 0, got, BIG);
		assert_memory_equal(got, st->data + BIG, BIG);
		sums.xxh3.high ^= 1;
		assert_false(set_xxh3(c, &t, sums));
	}
	rig_leave(&rig, c);
	gw_server_free(server);
	free(got);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tensors_are_found_by_either_hash),
		TEST(an_index_is_used_as_soon_as_it_exists),
		TEST(an_index_is_valid_for_the_unchanged_file_only),
		TEST(contents_are_verified_when_read),
		TEST(damaged_indices_are_not_used),
		TEST(parts_and_directories_are_all_their_files),
		TEST(a_directory_is_searched_for_what_can_be_used),
		TEST(a_client_gets_its_weights_from_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
