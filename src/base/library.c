#include "base/library.h"

#include <dlfcn.h>
#include <string.h>

enum gw_status gw_library_load(const struct gw_library *library, void *table, struct gw_error *err)
{
	void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		const char *why = dlerror();
		return gw_error_set(err, GW_ERR_NOT_FOUND, "%s; %s", why ? why : library->file, library->remedy);
	}
	for (size_t i = 0; i < library->n; i++) {
		void *function = dlsym(handle, library->symbols[i].name);
		if (!function) {
			dlclose(handle);
			return gw_error_set(err, GW_ERR_UNSUPPORTED, "%s is too old: it has no %s; %s", library->file,
				library->symbols[i].name, library->remedy);
		}
		memcpy((char *)table + library->symbols[i].offset, &function, sizeof(function));
	}
	return GW_OK;
}
