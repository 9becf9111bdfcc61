#include "daemon/config/cache_dir.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
	const char *variable;
	const char *cache;
	const char *indices;
} places[] = {
	{"LLAMA_CACHE", "rpc", "ggwire"},
	{"XDG_CACHE_HOME", "llama.cpp/rpc", "ggwire"},
	{"HOME", ".cache/llama.cpp/rpc", ".cache/ggwire"},
};

static enum gw_status find(bool indices, char *path, size_t size, struct gw_error *err)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const char *base = getenv(places[i].variable);
		if (!base || !base[0])
			continue;
		size_t len = strlen(base);
		const char *slash = base[len - 1] == '/' ? "" : "/";
		int n = snprintf(path, size, "%s%s%s", base, slash, indices ? places[i].indices : places[i].cache);
		if (n < 0 || (size_t)n >= size)
			return gw_error_set(err, GW_ERR_LIMIT, "cache: the path in %s is too long", places[i].variable);
		return GW_OK;
	}
	return gw_error_set(
		err, GW_ERR_NOT_FOUND, "cache: no directory for it: LLAMA_CACHE, XDG_CACHE_HOME and HOME are not set");
}

static bool is_directory(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static enum gw_status make(const char *path, struct gw_error *err)
{
	if (mkdir(path, 0755) == 0 || (errno == EEXIST && is_directory(path)))
		return GW_OK;
	return gw_error_errno(err, GW_ERR_SYSTEM, errno, "cache: cannot make %s", path);
}

static enum gw_status find_and_make(bool indices, char *path, size_t size, struct gw_error *err)
{
	enum gw_status status = find(indices, path, size, err);
	if (status || is_directory(path))
		return status;
	for (char *slash = strchr(path + 1, '/'); slash && !status; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		status = make(path, err);
		*slash = '/';
	}
	return status ? status : make(path, err);
}

enum gw_status gw_cache_dir_make(char *path, size_t size, struct gw_error *err)
{
	return find_and_make(false, path, size, err);
}

enum gw_status gw_index_dir_make(char *path, size_t size, struct gw_error *err)
{
	return find_and_make(true, path, size, err);
}
