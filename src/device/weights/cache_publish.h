/* Writing a file of which nobody ever sees a part: under a temporary name first. */
#ifndef GW_DEVICE_WEIGHTS_CACHE_PUBLISH_H
#define GW_DEVICE_WEIGHTS_CACHE_PUBLISH_H

enum gw_cache_published {
	GW_CACHE_PUBLISHED, /* the file has its name, and temp is gone */
	GW_CACHE_THERE,     /* a file with these contents has it; temp stays */
	GW_CACHE_COLLIDES,  /* a file with other contents has it; temp stays */
	GW_CACHE_FAILED,    /* errno says why; temp stays */
};

/* Makes a file in dir under a temporary name, and locks it, so that it is not taken for one that a killed process left.
 * Returns its descriptor and sets *temp, to be freed; -1 with errno. */
int gw_cache_temp(const char *dir, char **temp);

/* Renames temp, open as fd, to path in the same directory, unless there is a file: in one step, so that nobody ever
 * sees a part of it, and nobody's file is replaced. Compares the contents with those of a file that is there. */
enum gw_cache_published gw_cache_publish(const char *temp, int fd, const char *path);

#endif
