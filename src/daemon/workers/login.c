#include "daemon/workers/login.h"

#include <string.h>
#include <unistd.h>

#include "daemon/processes/control.h"
#include "transport/tls/tls.h"

/* The supervisor's next message of a type. One about memory may have been on its way to a worker without a client.
 * What comes with a message about the cache is *fd. */
static enum gw_status await(enum gw_control_type type, struct gw_control_msg *msg, int *fd, struct gw_error *err)
{
	for (;;) {
		int passed = -1;
		enum gw_status status = gw_control_recv(GW_CONTROL_FD, true, msg, &passed, err);
		if (status || msg->type == type)
			return status;
		if (msg->type == GW_CONTROL_CACHE && *fd < 0)
			*fd = passed;
		else if (passed >= 0)
			close(passed);
		if (msg->type != GW_CONTROL_CACHE && msg->type != GW_CONTROL_MEMORY)
			return gw_error_set(err, GW_ERR_PROTOCOL, "the supervisor sent a message out of order");
	}
}

/* gw_tls_find */
static enum gw_status find(void *user, const char *identity, struct gw_tls_key *key, struct gw_error *err)
{
	struct gw_control_msg msg = {.type = GW_CONTROL_NAMED};
	struct gw_login_result *result = user;
	strncpy(msg.u.identity, identity, sizeof(msg.u.identity) - 1);
	enum gw_status status = gw_control_send(GW_CONTROL_FD, true, &msg, -1, err);
	if (!status)
		status = await(GW_CONTROL_KEY, &msg, &result->cache, err);
	if (status)
		return status;
	if (msg.u.key.found)
		*key = msg.u.key.key;
	else
		status = gw_error_set(err, GW_ERR_NOT_FOUND, "%s", msg.u.key.why.text);
	gw_tls_key_wipe(&msg.u.key.key);
	return status;
}

enum gw_status gw_login_run(struct gw_transport **t, struct gw_login_result *out, struct gw_error *err)
{
	struct gw_control_msg msg = {.type = GW_CONTROL_PROVED};
	*out = (struct gw_login_result){.cache = -1};
	enum gw_status status = gw_tls_accept(*t, find, out, GW_TLS_HANDSHAKE_MS, t, err);
	if (status)
		return status;
	status = gw_control_send(GW_CONTROL_FD, true, &msg, -1, err);
	if (!status)
		status = await(GW_CONTROL_WELCOME, &msg, &out->cache, err);
	if (!status)
		out->refused = msg.u.refused;
	return status;
}
