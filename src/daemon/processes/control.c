#include "daemon/processes/control.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport/fd_pass.h"

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
	[GW_CONTROL_WORKS] = HEAD,
	[GW_CONTROL_LOADING] = HEAD,
	[GW_CONTROL_HTTP] = HEAD + sizeof(struct gw_control_http),
	[GW_CONTROL_BUSY] = HEAD,
	[GW_CONTROL_ASKED] = HEAD,
	[GW_CONTROL_PAIR] = HEAD + sizeof(struct gw_pairing),
	[GW_CONTROL_PAIRING] = HEAD,
	[GW_CONTROL_PAIR_SETUP] = HEAD + sizeof(struct gw_control_pair_setup),
	[GW_CONTROL_PAIRED] = HEAD,
	[GW_CONTROL_NAMED] = HEAD + GW_IDENTITY_MAX,
	[GW_CONTROL_KEY] = HEAD + sizeof(struct gw_control_key),
	[GW_CONTROL_PROVED] = HEAD,
	[GW_CONTROL_ANNOUNCE] = HEAD + sizeof(struct gw_control_announce),
	[GW_CONTROL_WELCOME] = HEAD + sizeof(struct gw_ext_refusal),
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
	enum gw_status status = gw_fd_send(control, wait, msg, sizes[msg->type], fd);
	if (status == GW_ERR_TIMEOUT)
		return gw_error_set(err, status, "the control socket is full");
	return status ? gw_error_errno(err, status, errno, "control socket") : GW_OK;
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
		return msg->u.error.status != GW_OK && ends(msg->u.error.text, sizeof(msg->u.error.text));
	case GW_CONTROL_LEFT:
		return ends(msg->u.left.why.text, sizeof(msg->u.left.why.text));
	case GW_CONTROL_PAIR:
		return ends(msg->u.pair.host, sizeof(msg->u.pair.host)) && msg->u.pair.listens <= 1 &&
		       msg->u.pair.links <= 1;
	case GW_CONTROL_PAIR_SETUP:
		return ends(msg->u.pair_setup.pairing.host, sizeof(msg->u.pair_setup.pairing.host)) &&
		       ends(msg->u.pair_setup.rules.host, sizeof(msg->u.pair_setup.rules.host));
	case GW_CONTROL_HTTP:
		return ends(msg->u.http.token, sizeof(msg->u.http.token));
	case GW_CONTROL_NAMED:
		return ends(msg->u.identity, sizeof(msg->u.identity)) && gw_tls_is_identity(msg->u.identity);
	case GW_CONTROL_KEY:
		return ends(msg->u.key.why.text, sizeof(msg->u.key.why.text)) &&
		       msg->u.key.key.secret_len <= sizeof(msg->u.key.key.secret);
	default:
		return true;
	}
}

static bool brings_fd(enum gw_control_type type)
{
	return type == GW_CONTROL_CLIENT || type == GW_CONTROL_CACHE || type == GW_CONTROL_PAIRING ||
	       type == GW_CONTROL_PAIRED;
}

static bool is_valid(const struct gw_control_msg *msg, size_t size, int fd)
{
	return size >= HEAD && (unsigned)msg->type < GW_CONTROL_TYPES && size == sizes[msg->type] &&
	       (fd >= 0) == brings_fd(msg->type) && strings_end(msg);
}

enum gw_status gw_control_recv(int control, bool wait, struct gw_control_msg *msg, int *fd, struct gw_error *err)
{
	int passed = -1;
	size_t size;
	enum gw_status status = gw_fd_recv_upto(control, wait, msg, sizeof(*msg), &size, fd ? &passed : NULL);
	if (status == GW_ERR_TIMEOUT)
		return gw_error_set(err, status, "no message");
	if (status == GW_ERR_CLOSED)
		return gw_error_set(err, status, "the control socket is closed");
	if (status == GW_ERR_SYSTEM)
		return gw_error_errno(err, status, errno, "control socket");
	if (status || !is_valid(msg, size, passed)) {
		if (passed >= 0)
			close(passed);
		return gw_error_set(err, GW_ERR_PROTOCOL, "malformed message on the control socket");
	}
	if (fd)
		*fd = passed;
	return GW_OK;
}
