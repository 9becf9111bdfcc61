#include "daemon/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/list/transports.h"

#define FIRST_FD 3

/* A positive decimal number, or 0. */
static long number_in(const char *variable)
{
	const char *text = getenv(variable);
	char *end;
	if (!text || *text < '0' || *text > '9')
		return 0;
	errno = 0;
	long value = strtol(text, &end, 10);
	return *end || errno ? 0 : value;
}

static bool is_listening(int fd)
{
	int listening = 0, type = 0;
	socklen_t len = sizeof(int);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
		return false;
	len = sizeof(int);
	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM;
}

static enum gw_status take_one(int fd, struct gw_activation *out, struct gw_error *err)
{
	out->fd = fd;
	if (!is_listening(fd) || !gw_transport_adopt(fd, &out->ep))
		return gw_error_set(err, GW_ERR_INVALID,
			"LISTEN_FDS: descriptor %d is not a listening TCP or Unix stream socket", fd);
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "LISTEN_FDS: descriptor %d", fd);
	return GW_OK;
}

static void forget(void)
{
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
}

enum gw_status gw_activation_take(struct gw_activation *out, size_t max, size_t *n, struct gw_error *err)
{
	/* Variables that were meant for another process say nothing about this one's descriptors. */
	long count = number_in("LISTEN_PID") == (long)getpid() ? number_in("LISTEN_FDS") : 0;
	forget();
	if (count > (long)max)
		return gw_error_set(err, GW_ERR_LIMIT, "LISTEN_FDS: more than %zu sockets", max);
	for (long i = 0; i < count; i++) {
		enum gw_status status = take_one(FIRST_FD + (int)i, &out[i], err);
		if (status)
			return status;
	}
	*n = (size_t)count;
	return GW_OK;
}
