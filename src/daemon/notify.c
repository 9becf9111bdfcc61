#include "daemon/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

/* The manager's socket; a length of 0 without one. */
static struct sockaddr_un manager = {.sun_family = AF_UNIX};
static socklen_t manager_len;

void gw_notify_take(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len = path ? strlen(path) : 0;
	if (len > 1 && len < sizeof(manager.sun_path) && (path[0] == '/' || path[0] == '@')) {
		memcpy(manager.sun_path, path, len);
		/* An abstract name begins with a NUL. */
		if (path[0] == '@')
			manager.sun_path[0] = 0;
		manager_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	} else if (len > 0) {
		gw_log_warn("NOTIFY_SOCKET is not the path of a Unix socket: the service manager is not notified");
	}
	unsetenv("NOTIFY_SOCKET");
}

void gw_notify_send(const char *lines)
{
	if (manager_len == 0)
		return;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 ||
		sendto(fd, lines, strlen(lines), MSG_NOSIGNAL, (const struct sockaddr *)&manager, manager_len) < 0)
		gw_log_warn("cannot tell the service manager %s: %s", lines, strerror(errno));
	if (fd >= 0)
		close(fd);
}
