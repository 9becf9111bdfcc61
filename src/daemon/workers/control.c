#include "daemon/workers/control.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD offsetof(struct gw_control_msg, u)

static const size_t sizes[GW_CONTROL_TYPES] = {
	[GW_CONTROL_SETUP] = HEAD + sizeof(struct gw_control_setup),
	[GW_CONTROL_CLIENT] = HEAD + sizeof(struct gw_control_client),
	[GW_CONTROL_CACHE] = HEAD + GW_TRANSPORT_DOMAIN,
	[GW_CONTROL_DEVICE] = HEAD + sizeof(struct gw_control_device),
	[GW_CONTROL_READY] = HEAD,
	[GW_CONTROL_FAILED] = HEAD + sizeof(struct gw_error),
	[GW_CONTROL_LEFT] = HEAD + sizeof(struct gw_control_left),
	[GW_CONTROL_MEMORY] = HEAD,
	[GW_CONTROL_LOADING] = HEAD,
	[GW_CONTROL_HTTP] = HEAD + sizeof(struct gw_control_http),
	[GW_CONTROL_BUSY] = HEAD,
	[GW_CONTROL_ASKED] = HEAD,
};

enum gw_status gw_control_pair(int *supervisor, int *worker, struct gw_error *err)
{
	int fds[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "socketpair");
	*supervisor = fds[0];
	*worker = fds[1];
	return GW_OK;
}

enum gw_status gw_control_send(int control, bool wait, const struct gw_control_msg *msg, int fd, struct gw_error *err)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} ancillary = {0};
	struct iovec iov = {.iov_base = (void *)msg, .iov_len = sizes[msg->type]};
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
		sent = sendmsg(control, &mh, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return gw_error_set(err, GW_ERR_TIMEOUT, "the control socket is full");
	if (sent < 0)
		return gw_error_errno(err, errno == EPIPE || errno == ECONNRESET ? GW_ERR_LOST : GW_ERR_SYSTEM, errno,
			"control socket");
	return GW_OK;
}

/* Room for one descriptor and no more: CMSG_SPACE rounds up, and would let the system hand over a second one. */
union ancillary {
	struct cmsghdr align;
	char bytes[CMSG_LEN(sizeof(int))];
};

/* The descriptor that came with a message, or -1. */
static int passed_fd(struct msghdr *mh)
{
	const struct cmsghdr *c = mh->msg_controllen ? CMSG_FIRSTHDR(mh) : NULL;
	int fd;
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len != CMSG_LEN(sizeof(fd)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static bool ends(const char *text, size_t size)
{
	return memchr(text, 0, size) != NULL;
}

static bool strings_end(const struct gw_control_msg *msg)
{
	switch (msg->type) {
	case GW_CONTROL_SETUP:
		return ends(msg->u.setup.devices, sizeof(msg->u.setup.devices)) &&
		       ends(msg->u.setup.ggml, sizeof(msg->u.setup.ggml)) &&
		       ends(msg->u.setup.cache_dir, sizeof(msg->u.setup.cache_dir)) &&
		       ends(msg->u.setup.models, sizeof(msg->u.setup.models)) &&
		       ends(msg->u.setup.index_dir, sizeof(msg->u.setup.index_dir)) &&
		       ends(msg->u.setup.libraries, sizeof(msg->u.setup.libraries)) &&
		       ends(msg->u.setup.environment, sizeof(msg->u.setup.environment));
	case GW_CONTROL_CACHE:
		return ends(msg->u.domain, sizeof(msg->u.domain));
	case GW_CONTROL_DEVICE:
		return ends(msg->u.device.name, sizeof(msg->u.device.name)) &&
		       ends(msg->u.device.description, sizeof(msg->u.device.description)) &&
		       ends(msg->u.device.library, sizeof(msg->u.device.library));
	case GW_CONTROL_FAILED:
		return ends(msg->u.error.text, sizeof(msg->u.error.text));
	case GW_CONTROL_LEFT:
		return ends(msg->u.left.why.text, sizeof(msg->u.left.why.text));
	default:
		return true;
	}
}

static bool brings_fd(enum gw_control_type type)
{
	return type == GW_CONTROL_CLIENT || type == GW_CONTROL_CACHE;
}

/* MSG_CTRUNC: more descriptors were sent than there was room for. */
static bool is_valid(const struct gw_control_msg *msg, size_t size, int flags, int fd)
{
	return size >= HEAD && !(flags & (MSG_TRUNC | MSG_CTRUNC)) && (unsigned)msg->type < GW_CONTROL_TYPES &&
	       size == sizes[msg->type] && (fd >= 0) == brings_fd(msg->type) && strings_end(msg);
}

/* recvmsg's result; *fd is the descriptor that came, or -1. */
static ssize_t receive(int control, bool wait, struct gw_control_msg *msg, bool with_fd, int *flags, int *fd)
{
	union ancillary ancillary;
	struct iovec iov = {.iov_base = msg, .iov_len = sizeof(*msg)};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t got;
	do {
		mh.msg_control = with_fd ? &ancillary : NULL;
		mh.msg_controllen = with_fd ? sizeof(ancillary.bytes) : 0;
		got = recvmsg(control, &mh, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
	} while (got < 0 && errno == EINTR);
	*flags = mh.msg_flags;
	*fd = got < 0 ? -1 : passed_fd(&mh);
	return got;
}

enum gw_status gw_control_recv(int control, bool wait, struct gw_control_msg *msg, int *fd, struct gw_error *err)
{
	int flags, passed;
	ssize_t got = receive(control, wait, msg, fd != NULL, &flags, &passed);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return gw_error_set(err, GW_ERR_TIMEOUT, "no message");
	if (got == 0 || (got < 0 && errno == ECONNRESET))
		goto closed;
	if (got < 0)
		return gw_error_errno(err, GW_ERR_SYSTEM, errno, "control socket");
	if (!is_valid(msg, (size_t)got, flags, passed)) {
		if (passed >= 0)
			close(passed);
		return gw_error_set(err, GW_ERR_PROTOCOL, "malformed message of %zd bytes on the control socket", got);
	}
	if (fd)
		*fd = passed;
	return GW_OK;
closed:
	if (passed >= 0)
		close(passed);
	return gw_error_set(err, GW_ERR_CLOSED, "the control socket is closed");
}
