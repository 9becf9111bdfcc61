#include "daemon/workers/devices.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <ggml.h>

#include "base/log.h"
#include "ggml/abi.h"
#include "ggml/bind.h"

static void log_line(enum ggml_log_level level, const char *text, void *user)
{
	(void)user;
	static _Thread_local enum ggml_log_level last; /* level of the line that a CONT line continues */
	if (level != GGML_LOG_LEVEL_CONT)
		last = level;
	int len = (int)strcspn(text, "\n");
	if (len == 0)
		return;
	if (last == GGML_LOG_LEVEL_ERROR)
		gw_log_error("%.*s", len, text);
	else if (last == GGML_LOG_LEVEL_WARN)
		gw_log_warn("%.*s", len, text);
	else
		gw_log_debug("%.*s", len, text);
}

static void log_debug(enum ggml_log_level level, const char *text, void *user)
{
	(void)level;
	(void)user;
	gw_log_debug("%.*s", (int)strcspn(text, "\n"), text);
}

/* Loads backends from a directory, or with NULL from those that ggml searches by default. */
static void load_from(const char *dir, bool quiet)
{
	ggml_log_set(quiet ? log_debug : log_line, NULL);
	if (dir)
		ggml_backend_load_all_from_path(dir);
	else
		ggml_backend_load_all();
	ggml_log_set(log_line, NULL);
}

/* Takes the next path from libraries. False at the end, or if the path is too long. */
static bool next_library(const char **libraries, char path[PATH_MAX])
{
	size_t len = strcspn(*libraries, "\n");
	if (len == 0 || len >= PATH_MAX)
		return false;
	memcpy(path, *libraries, len);
	path[len] = '\0';
	*libraries += len + ((*libraries)[len] == '\n');
	return true;
}

static bool are_there(const char *libraries)
{
	char path[PATH_MAX];
	if (!libraries[0])
		return false;
	while (next_library(&libraries, path))
		if (access(path, R_OK) < 0)
			return false;
	return true;
}

static void load_all(bool quiet)
{
	const char *named = gw_ggml_dir(), *fallback = GGWIRE_BACKEND_DIR;
	if (named[0])
		load_from(named, quiet);
	/* ggml complains about each backend that is missing from its default directories. */
	if (ggml_backend_dev_count() == 0)
		load_from(NULL, quiet || fallback[0]);
	if (ggml_backend_dev_count() == 0 && fallback[0])
		load_from(fallback, quiet);
}

void gw_devices_load(bool quiet, const char *libraries)
{
	char path[PATH_MAX];
	/* This process lends devices. A plug-in that borrows devices could make a loop of servers. */
	unsetenv("GGML_RPC_SERVERS");
	if (!are_there(libraries)) {
		load_all(quiet);
		return;
	}
	ggml_log_set(quiet ? log_debug : log_line, NULL);
	while (next_library(&libraries, path))
		ggml_backend_load(path);
	ggml_log_set(log_line, NULL);
}

void gw_devices_library(ggml_backend_dev_t dev, char *out, size_t size)
{
	const void *code = gw_abi_device_code(dev);
	Dl_info info;
	out[0] = '\0';
	if (!code || !dladdr(code, &info) || !info.dli_fname || strchr(info.dli_fname, '\n'))
		return;
	/* Only a library that can be loaded as a backend counts. */
	void *library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
	bool is_backend = library && dlsym(library, "ggml_backend_init");
	if (library)
		dlclose(library);
	if (is_backend && (size_t)snprintf(out, size, "%s", info.dli_fname) >= size)
		out[0] = '\0';
}

static bool is_remote(ggml_backend_dev_t dev)
{
	return strncmp(ggml_backend_reg_name(ggml_backend_dev_backend_reg(dev)), "RPC", 3) == 0;
}

static bool is_cpu(ggml_backend_dev_t dev)
{
	return ggml_backend_dev_type(dev) == GGML_BACKEND_DEVICE_TYPE_CPU;
}

/* Finds a device by its name. NULL: there is no such device, or it is a remote one. */
static ggml_backend_dev_t find(const char *name, size_t len)
{
	for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
		ggml_backend_dev_t dev = ggml_backend_dev_get(i);
		const char *known = ggml_backend_dev_name(dev);
		if (strlen(known) == len && strncasecmp(known, name, len) == 0 && !is_remote(dev))
			return dev;
	}
	return NULL;
}

static enum gw_status unknown(const char *name, size_t len, struct gw_error *err)
{
	char known[256] = "";
	size_t used = 0;
	for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
		ggml_backend_dev_t dev = ggml_backend_dev_get(i);
		if (is_remote(dev) || used >= sizeof(known))
			continue;
		used += (size_t)snprintf(
			known + used, sizeof(known) - used, "%s%s", used ? ", " : "", ggml_backend_dev_name(dev));
	}
	return gw_error_set(err, GW_ERR_NOT_FOUND, "unknown device: %.*s (available devices: %s)", (int)len, name,
		used ? known : "none");
}

static enum gw_status add(
	ggml_backend_dev_t dev, ggml_backend_dev_t *out, size_t max, size_t *count, struct gw_error *err)
{
	if (*count == max)
		return gw_error_set(err, GW_ERR_LIMIT, "more than %zu devices", max);
	out[(*count)++] = dev;
	return GW_OK;
}

static enum gw_status choose_named(
	const char *list, ggml_backend_dev_t *out, size_t max, size_t *count, struct gw_error *err)
{
	for (const char *name = list;; name++) {
		size_t len = strcspn(name, ",/");
		ggml_backend_dev_t dev = find(name, len);
		enum gw_status status = dev ? add(dev, out, max, count, err) : unknown(name, len, err);
		if (status)
			return status;
		name += len;
		if (!*name)
			return GW_OK;
	}
}

static enum gw_status choose_default(bool cpu, ggml_backend_dev_t *out, size_t max, size_t *count, struct gw_error *err)
{
	for (size_t i = 0; i < ggml_backend_dev_count(); i++) {
		ggml_backend_dev_t dev = ggml_backend_dev_get(i);
		if (is_remote(dev) || is_cpu(dev) != cpu)
			continue;
		enum gw_status status = add(dev, out, max, count, err);
		if (status)
			return status;
		if (cpu)
			break;
	}
	return GW_OK;
}

enum gw_status gw_devices_choose(
	const char *list, ggml_backend_dev_t *out, size_t max, size_t *count, struct gw_error *err)
{
	size_t n = 0;
	enum gw_status status;
	if (list[0]) {
		status = choose_named(list, out, max, &n, err);
	} else {
		status = choose_default(false, out, max, &n, err);
		if (!status && n == 0)
			status = choose_default(true, out, max, &n, err);
	}
	if (status)
		return status;
	if (n == 0)
		return gw_error_set(err, GW_ERR_NOT_FOUND, "ggml has found no device to lend");
	*count = n;
	return GW_OK;
}
