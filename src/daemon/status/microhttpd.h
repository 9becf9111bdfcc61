/* libmicrohttpd, loaded when it is needed. */
#ifndef GW_DAEMON_STATUS_MICROHTTPD_H
#define GW_DAEMON_STATUS_MICROHTTPD_H

#include <microhttpd.h>

#include "base/status.h"

/* The calls in use, under their names without MHD_. */
struct gw_microhttpd {
	struct MHD_Daemon *(*start_daemon)(unsigned flags, uint16_t port, MHD_AcceptPolicyCallback accept,
		void *accept_user, MHD_AccessHandlerCallback handler, void *handler_user, ...);
	void (*stop_daemon)(struct MHD_Daemon *daemon);
	enum MHD_Result (*run)(struct MHD_Daemon *daemon);
	enum MHD_Result (*add_connection)(
		struct MHD_Daemon *daemon, MHD_socket fd, const struct sockaddr *address, socklen_t len);
	enum MHD_Result (*get_timeout)(struct MHD_Daemon *daemon, MHD_UNSIGNED_LONG_LONG *ms);
	const union MHD_DaemonInfo *(*get_daemon_info)(struct MHD_Daemon *daemon, enum MHD_DaemonInfoType type, ...);
	const union MHD_ConnectionInfo *(*get_connection_info)(
		struct MHD_Connection *connection, enum MHD_ConnectionInfoType type, ...);
	const char *(*lookup_connection_value)(
		struct MHD_Connection *connection, enum MHD_ValueKind kind, const char *key);
	struct MHD_Response *(*create_response_from_buffer)(size_t size, void *data, enum MHD_ResponseMemoryMode mode);
	enum MHD_Result (*add_response_header)(struct MHD_Response *response, const char *name, const char *value);
	enum MHD_Result (*queue_response)(
		struct MHD_Connection *connection, unsigned status, struct MHD_Response *response);
	void (*destroy_response)(struct MHD_Response *response);
};

/* Loads it at the first call; it stays. GW_ERR_NOT_FOUND: the error says what to install. One thread. */
enum gw_status gw_microhttpd_get(const struct gw_microhttpd **out, struct gw_error *err);

#endif
