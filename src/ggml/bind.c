#include "ggml/bind.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ggml-backend.h>

#include "ggml/bind_private.h"

/* A function that only ggml exports. */
#define MARK "ggml_backend_buffer_init"

enum kind {
	BASE,
	NEWER,
	PROGRAM
};

struct entry {
	enum kind kind;
	const char *name;
};

#define ENTRY(kind, name) {kind, name},
static const struct entry entries[] = {GW_GGML_FUNCTIONS(ENTRY)};
#define N_ENTRIES (sizeof(entries) / sizeof(entries[0]))

struct gw_ggml gw_ggml;
_Static_assert(sizeof(gw_ggml) == N_ENTRIES * sizeof(void *), "an address for each entry, in the same order");

static char bound_path[PATH_MAX];
static bool is_claimed; /* by a caller, not by the search at load time */

bool gw_ggml_is_bound(void)
{
	return bound_path[0] != '\0';
}

const char *gw_ggml_path(void)
{
	return bound_path;
}

static char text[128];

static void make_text(void)
{
	const char *commit = ggml_commit();
	if (commit[0] && strcmp(commit, "unknown") != 0)
		snprintf(text, sizeof(text), "ggml %.60s (%.50s)", ggml_version(), commit);
	else
		snprintf(text, sizeof(text), "ggml %.60s", ggml_version());
}

const char *gw_ggml_text(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make_text);
	return text;
}

/* The library that has this address, or NULL. */
static const char *library_of(const void *address)
{
	Dl_info info;
	return dladdr(address, &info) && info.dli_fname ? info.dli_fname : NULL;
}

/* Adds a name to a list that may be full. */
static void note_missing(char *list, size_t size, const char *name)
{
	size_t used = strlen(list);
	if (used + strlen(name) + 8 < size)
		snprintf(list + used, size - used, "%s%s", used ? ", " : "", name);
	else if (used + 6 < size && (used < 3 || strcmp(list + used - 3, "...") != 0))
		snprintf(list + used, size - used, ", ...");
}

static enum gw_status check_complete(void *handle, bool program, const char *path, struct gw_error *err)
{
	char missing[160] = "";
	for (size_t i = 0; i < N_ENTRIES; i++)
		if ((entries[i].kind == BASE || (entries[i].kind == PROGRAM && program)) &&
			!dlsym(handle, entries[i].name))
			note_missing(missing, sizeof(missing), entries[i].name);
	if (!missing[0])
		return GW_OK;
	const char *(*version)(void);
	void *symbol = dlsym(handle, "ggml_version");
	memcpy(&version, &symbol, sizeof(version));
	return gw_error_set(err, GW_ERR_UNSUPPORTED, "%s (ggml %s) lacks %s; ggwire needs ggml 0.15 to 0.27", path,
		version ? version() : "of unknown version", missing);
}

static void fill(void *handle)
{
	void *addresses[N_ENTRIES];
	for (size_t i = 0; i < N_ENTRIES; i++)
		addresses[i] = dlsym(handle, entries[i].name);
	memcpy(&gw_ggml, addresses, sizeof(gw_ggml));
}

static enum gw_status take(void *handle, bool claim, bool program, struct gw_error *err)
{
	void *mark = dlsym(handle, MARK);
	const char *path = mark ? library_of(mark) : NULL;
	if (!path)
		return gw_error_set(err, GW_ERR_NOT_FOUND, "it does not lead to %s", MARK);
	if (is_claimed && strcmp(path, bound_path) != 0)
		return gw_error_set(err, GW_ERR_UNSUPPORTED,
			"this process has loaded ggwire for the ggml of %s already, and this is that of %s", bound_path,
			path);
	enum gw_status status = check_complete(handle, program, path, err);
	if (status != GW_OK)
		return status;
	snprintf(bound_path, sizeof(bound_path), "%s", path);
	is_claimed |= claim;
	fill(handle);
	return GW_OK;
}

enum gw_status gw_ggml_take_for_program(void *handle, struct gw_error *err)
{
	return take(handle, true, true, err);
}

/* A library that is loaded already; the program for "". */
static void *open_loaded(const char *name)
{
	return name[0] ? dlopen(name, RTLD_LAZY | RTLD_NOLOAD) : dlopen(NULL, RTLD_LAZY);
}

/* Tries one library. GW_ERR_NOT_FOUND without a text: ggml is not in its scope. */
static enum gw_status try_library(const char *name, bool claim, struct gw_error *err)
{
	void *handle = open_loaded(name);
	if (!handle)
		return GW_ERR_NOT_FOUND;
	enum gw_status status = dlsym(handle, MARK) ? take(handle, claim, false, err) : GW_ERR_NOT_FOUND;
	/* A handle that was found is kept: its functions are in use from now on. */
	if (status != GW_OK)
		dlclose(handle);
	return status;
}

/* Copies of the names of loaded libraries, because dlopen must not be called while the list is locked. */
struct names {
	char **names;
	size_t n;
};

static int add_name(struct dl_phdr_info *info, size_t size, void *user)
{
	struct names *list = user;
	(void)size;
	char **more = realloc(list->names, (list->n + 1) * sizeof(*more));
	if (!more)
		return 1;
	list->names = more;
	list->names[list->n] = strdup(info->dlpi_name ? info->dlpi_name : "");
	list->n += list->names[list->n] != NULL;
	return 0;
}

static enum gw_status try_all(bool claim, struct gw_error *err)
{
	struct names list = {0};
	enum gw_status status = GW_ERR_NOT_FOUND;
	dl_iterate_phdr(add_name, &list);
	for (size_t i = 0; i < list.n && status != GW_OK; i++)
		status = try_library(list.names[i], claim, err);
	for (size_t i = 0; i < list.n; i++)
		free(list.names[i]);
	free(list.names);
	return status;
}

static enum gw_status bind(const void *caller, bool claim, struct gw_error *err)
{
	const char *name = caller ? library_of(caller) : NULL;
	struct gw_error why = {0};
	enum gw_status status = name ? try_library(name, claim, &why) : GW_ERR_NOT_FOUND;
	if (status == GW_ERR_NOT_FOUND && !why.text[0])
		status = try_all(claim, &why);
	if (status == GW_OK)
		return GW_OK;
	if (!why.text[0])
		gw_error_set(&why, GW_ERR_NOT_FOUND,
			"no library of this process exports %s: a program that has ggml built in must export its "
			"functions (-rdynamic)",
			MARK);
	if (err)
		*err = why;
	return why.status;
}

enum gw_status gw_ggml_bind(const void *caller, struct gw_error *err)
{
	return bind(caller, true, err);
}

/* In a program that is linked with ggml, ggml is loaded by now. */
__attribute__((constructor)) static void look_around(void)
{
	(void)bind(NULL, false, NULL);
}
