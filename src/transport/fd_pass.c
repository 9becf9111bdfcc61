#include "transport/fd_pass.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* CMSG_SPACE rounds up, so where one descriptor fits two do. */
#define ROOM 2

union ancillary {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};
_Static_assert(CMSG_SPACE(sizeof(int)) <= CMSG_LEN(ROOM * sizeof(int)), "room for at most ROOM descriptors");

static enum gw_status status_of(int errnum)
{
	if (errnum == EAGAIN || errnum == EWOULDBLOCK)
		return GW_ERR_TIMEOUT;
	return errnum == EPIPE || errnum == ECONNRESET ? GW_ERR_LOST : GW_ERR_SYSTEM;
}

enum gw_status gw_fd_send(int sock, bool wait, const void *bytes, size_t size, int fd)
{
	union ancillary ancillary = {0};
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = size};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	if (fd >= 0) {
		mh.msg_control = &ancillary;
		mh.msg_controllen = sizeof(ancillary);
		struct cmsghdr *c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	ssize_t sent;
	do
		sent = sendmsg(sock, &mh, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? status_of(errno) : GW_OK;
}

/* All descriptors of a message, at most ROOM; their number. */
static size_t take_fds(struct msghdr *mh, int fds[ROOM])
{
	size_t n = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < here && n < ROOM; i++)
			memcpy(&fds[n++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	return n;
}

enum gw_status gw_fd_recv_upto(int sock, bool wait, void *bytes, size_t max, size_t *size, int *fd)
{
	union ancillary ancillary;
	struct iovec iov = {.iov_base = bytes, .iov_len = max};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	int fds[ROOM] = {-1, -1};
	ssize_t got;
	do {
		mh.msg_control = fd ? &ancillary : NULL;
		mh.msg_controllen = fd ? sizeof(ancillary) : 0;
		got = recvmsg(sock, &mh, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return errno == ECONNRESET ? GW_ERR_CLOSED : status_of(errno);
	size_t n = take_fds(&mh, fds);
	if (got > 0 && n <= 1 && !(mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		*size = (size_t)got;
		if (fd)
			*fd = fds[0];
		return GW_OK;
	}
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	return got == 0 ? GW_ERR_CLOSED : GW_ERR_PROTOCOL;
}

enum gw_status gw_fd_recv(int sock, bool wait, void *bytes, size_t size, int *fd)
{
	size_t got;
	int passed = -1;
	enum gw_status status = gw_fd_recv_upto(sock, wait, bytes, size, &got, fd ? &passed : NULL);
	if (status)
		return status;
	if (got == size) {
		if (fd)
			*fd = passed;
		return GW_OK;
	}
	if (passed >= 0)
		close(passed);
	return GW_ERR_PROTOCOL;
}
