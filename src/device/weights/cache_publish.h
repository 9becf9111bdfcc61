/* Giving a finished file its name, once. */
#ifndef GW_DEVICE_WEIGHTS_CACHE_PUBLISH_H
#define GW_DEVICE_WEIGHTS_CACHE_PUBLISH_H

enum gw_cache_published {
	GW_CACHE_PUBLISHED, /* the file has its name, and temp is gone */
	GW_CACHE_THERE,     /* a file with these contents has it; temp stays */
	GW_CACHE_COLLIDES,  /* a file with other contents has it; temp stays */
	GW_CACHE_FAILED,    /* errno says why; temp stays */
};

/* Renames temp, open as fd, to path in the same directory, unless that exists: in one step, so that no one
 * sees a part of it, and no file is replaced. Compares the contents with those of an existing file. */
enum gw_cache_published gw_cache_publish(const char *temp, int fd, const char *path);

#endif
