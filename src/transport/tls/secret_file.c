#include "transport/tls/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* systemd keeps a service's credentials in a directory that only the service can enter. There the access list for the
 * service's user looks like a group permission. */
static bool is_credential(const char *path)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	size_t n = directory ? strlen(directory) : 0;
	return n > 0 && strncmp(path, directory, n) == 0 && path[n] == '/' && !strstr(path + n, "/../");
}

static enum gw_status check_access(const struct stat *st, const char *path, struct gw_error *err)
{
	if (!S_ISREG(st->st_mode))
		return gw_error_set(err, GW_ERR_INVALID, "not a regular file");
	if (st->st_uid != geteuid() && st->st_uid != 0)
		return gw_error_set(err, GW_ERR_INVALID,
			"it belongs to user %u: only files of your own and of root are used", (unsigned)st->st_uid);
	if (st->st_mode & 077 && !is_credential(path))
		return gw_error_set(err, GW_ERR_INVALID,
			"others have access to it (mode %04o); run chmod 600 %s, and replace what they may have read",
			(unsigned)st->st_mode & 07777, path);
	return GW_OK;
}

/* Reads to the end of the file. */
static enum gw_status read_all(int fd, char *text, size_t max, size_t *n, struct gw_error *err)
{
	char more;
	for (;;) {
		bool full = *n == max;
		ssize_t got = read(fd, full ? &more : text + *n, full ? 1 : max - *n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return gw_error_set(err, GW_ERR_SYSTEM, "cannot be read: %s", strerror(errno));
		if (got == 0)
			return GW_OK;
		if (full)
			return gw_error_set(err, GW_ERR_INVALID, "larger than %zu bytes", max);
		*n += (size_t)got;
	}
}

enum gw_status gw_secret_file_read(const char *path, char *text, size_t max, size_t *n, struct gw_error *err)
{
	struct stat st;
	*n = 0;
	/* Non-blocking, because the path may be a FIFO. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return gw_error_set(err, errno == ENOENT ? GW_ERR_NOT_FOUND : GW_ERR_SYSTEM, "%s", strerror(errno));
	enum gw_status status;
	if (fstat(fd, &st) < 0)
		status = gw_error_set(err, GW_ERR_SYSTEM, "%s", strerror(errno));
	else
		status = check_access(&st, path, err);
	if (!status)
		status = read_all(fd, text, max, n, err);
	close(fd);
	return status;
}
