#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ggml-backend.h>

#include "base/elf.h"
#include "ggml/bind.h"
#include "ggml/bind_private.h"

static char loaded_dir[PATH_MAX];

const char *gw_ggml_dir(void)
{
	return loaded_dir;
}

static bool starts(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

static bool ends(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);
	return n >= m && strcmp(text + n - m, end) == 0;
}

/* libggml-base.so, perhaps followed by a version. */
static bool is_base(const char *name)
{
	return strcmp(name, "libggml-base.so") == 0 || starts(name, "libggml-base.so.");
}

/* libggml.so, perhaps followed by a version. node-llama-cpp puts the version inside the name: libggml.v0.4.0.so,
 * libggml.b10361.so. */
static bool is_registry(const char *name)
{
	return strcmp(name, "libggml.so") == 0 || starts(name, "libggml.so.") ||
	       (starts(name, "libggml.") && ends(name, ".so"));
}

/* The shortest such name in the directory, which is the one without a version if it exists. */
static bool find(const char *dir, bool (*is_it)(const char *), char out[PATH_MAX])
{
	char best[NAME_MAX + 1] = "";
	DIR *d = opendir(dir);
	const struct dirent *e;
	if (!d)
		return false;
	while ((e = readdir(d)))
		if (is_it(e->d_name) && (!best[0] || strlen(e->d_name) < strlen(best)))
			snprintf(best, sizeof(best), "%s", e->d_name);
	closedir(d);
	return best[0] && (size_t)snprintf(out, PATH_MAX, "%s/%s", dir, best) < PATH_MAX;
}

static enum gw_status refuse_load(const char *path, struct gw_error *err)
{
	const char *why = dlerror();
	if (gw_elf_is_foreign(path))
		return gw_error_set(err, GW_ERR_NOT_FOUND, "%s is for another architecture", path);
	return gw_error_set(err, GW_ERR_NOT_FOUND, "%s", why ? why : "dlopen failed");
}

static enum gw_status take(const char *registry, struct gw_error *err)
{
	void *handle = dlopen(registry, RTLD_NOW | RTLD_LOCAL);
	if (!handle)
		return refuse_load(registry, err);
	enum gw_status status = gw_ggml_take_for_program(handle, err);
	if (status != GW_OK)
		dlclose(handle);
	return status;
}

/* libggml-base is loaded first, so that libggml finds it by its name in any directory. */
static enum gw_status load_from(const char *dir, struct gw_error *err)
{
	char base[PATH_MAX], registry[PATH_MAX];
	if (!find(dir, is_base, base) || !find(dir, is_registry, registry))
		return gw_error_set(err, GW_ERR_NOT_FOUND, "%s has no libggml.so with a libggml-base.so", dir);
	void *handle = dlopen(base, RTLD_NOW | RTLD_LOCAL);
	enum gw_status status = handle ? take(registry, err) : refuse_load(base, err);
	if (status != GW_OK && handle)
		dlclose(handle);
	if (status == GW_OK && !realpath(dir, loaded_dir))
		snprintf(loaded_dir, sizeof(loaded_dir), "%s", dir);
	return status;
}

/* A directory beside the program's own. */
static bool beside_program(const char *where, char out[PATH_MAX])
{
	char program[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	if (n < 0)
		return false;
	program[n] = '\0';
	char *slash = strrchr(program, '/');
	if (!slash)
		return false;
	*slash = '\0';
	return (size_t)snprintf(out, PATH_MAX, "%s%s", program, where) < PATH_MAX;
}

static enum gw_status load_anywhere(struct gw_error *err)
{
	static const char *const places[] = {"", "/../lib"};
	static const char *const names[] = {"libggml.so.0", "libggml.so"};
	char dir[PATH_MAX], path[PATH_MAX];
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (beside_program(places[i], dir) && find(dir, is_registry, path))
			return load_from(dir, err);
	struct gw_error first = {0}, again;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (take(names[i], first.text[0] ? &again : &first) == GW_OK)
			return GW_OK;
	if (!beside_program("", dir))
		dir[0] = '\0';
	return gw_error_set(
		err, GW_ERR_NOT_FOUND, "no ggml in %s, in %s/../lib, or in the system (%s)", dir, dir, first.text);
}

enum gw_status gw_ggml_load(const char *dir, struct gw_error *err)
{
	if (gw_ggml_is_bound() && ggml_backend_load_all_from_path)
		return GW_OK;
	return dir ? load_from(dir, err) : load_anywhere(err);
}
