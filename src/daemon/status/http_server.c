#ifdef GGWIRE_HTTP

#include "daemon/status/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/events.h"
#include "base/log.h"
#include "daemon/status/history.h"
#include "daemon/status/http_answer.h"
#include "daemon/status/http_crowd.h"
#include "daemon/status/microhttpd.h"

#define ACCEPT_BATCH 8
#define IDLE_S 5u                        /* without a byte */
#define REQUEST_MAX ((size_t)16 << 10)   /* bytes of memory for each connection's headers */
#define ANSWER_NS (10000 * GW_NS_PER_MS) /* for a request and its answer, however many bytes come one by one */
#define ACCEPT_PAUSE_NS (500 * GW_NS_PER_MS)

struct http_source {
	struct gw_source source;
	struct gw_http_server *server;
};

struct gw_http_server {
	struct http_source listener, work;
	struct gw_http_server_options o;
	const struct gw_microhttpd *mhd;
	struct MHD_Daemon *daemon;
	struct gw_history *history;
	struct gw_http_crowd crowd;
	uint64_t accept_at; /* the listener is paused until then; 0 = it is not */
};

/* A page elsewhere can have its own name lead here, and so read what only this machine may see. Such a request names
 * that host. */
static bool is_local_host(const char *host)
{
	size_t len = strcspn(host, ":");
	char name[INET_ADDRSTRLEN] = "";
	struct in_addr address;
	if (len < sizeof(name))
		memcpy(name, host, len);
	/* An address, and no name that begins like one. */
	return strcasecmp(name, "localhost") == 0 ||
	       (inet_pton(AF_INET, name, &address) == 1 && ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET) ||
	       strcmp(host, "[::1]") == 0 || strncmp(host, "[::1]:", 6) == 0;
}

static bool is_astray(const struct gw_http_server *s, struct MHD_Connection *connection)
{
	const char *host = s->mhd->lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
	return s->o.is_local && host && !is_local_host(host);
}

static bool is_loopback(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *in = (const void *)address;
	const struct in6_addr *in6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
	if (address->ss_family == AF_INET)
		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return address->ss_family == AF_INET6 &&
	       (IN6_IS_ADDR_LOOPBACK(in6) || (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == IN_LOOPBACKNET));
}

/* In a time that depends on the lengths alone. */
static bool is_same_text(const char *a, const char *b)
{
	size_t n = strlen(a);
	unsigned differs = n != strlen(b);
	for (size_t i = 0; n == strlen(b) && i < n; i++)
		differs |= (unsigned)(a[i] ^ b[i]);
	return !differs;
}

/* Whether the request comes from this machine, and names it (is_astray), or has the token. */
static bool has_token(const struct gw_http_server *s, struct MHD_Connection *connection)
{
	static const char scheme[] = "Bearer ";
	const union MHD_ConnectionInfo *info =
		s->mhd->get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const char *host = s->mhd->lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
	const char *given = s->mhd->lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
	struct sockaddr_storage address = {0};
	if (!s->o.token[0])
		return true;
	if (info && info->client_addr) {
		bool is_ipv6 = info->client_addr->sa_family == AF_INET6;
		memcpy(&address, info->client_addr, is_ipv6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
		if (is_loopback(&address) && (!host || is_local_host(host)))
			return true;
	}
	return given && strncasecmp(given, scheme, strlen(scheme)) == 0 &&
	       is_same_text(given + strlen(scheme), s->o.token);
}

static enum MHD_Result send_answer(
	const struct gw_microhttpd *mhd, struct MHD_Connection *connection, const struct gw_http_answer *a)
{
	struct MHD_Response *r = mhd->create_response_from_buffer(a->body.len, a->body.data, MHD_RESPMEM_MUST_COPY);
	if (!r)
		return MHD_NO;
	mhd->add_response_header(r, "Content-Type", a->type);
	mhd->add_response_header(r, "Content-Security-Policy", a->policy[0] ? a->policy : "default-src 'none'");
	mhd->add_response_header(r, "X-Content-Type-Options", "nosniff");
	mhd->add_response_header(r, "Referrer-Policy", "no-referrer");
	mhd->add_response_header(r, "Cache-Control", "no-store");
	if (a->status == MHD_HTTP_UNAUTHORIZED)
		mhd->add_response_header(r, "WWW-Authenticate", "Bearer realm=\"ggwire\"");
	if (a->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		mhd->add_response_header(r, "Allow", "GET, HEAD");
	enum MHD_Result queued = mhd->queue_response(connection, a->status, r);
	mhd->destroy_response(r);
	return queued;
}

/* Answered as soon as the headers are there; a body that follows ends the connection. */
static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *upload, size_t *upload_size, void **request)
{
	struct gw_http_server *s = user;
	struct gw_http_answer a = {0};
	(void)version;
	(void)upload;
	(void)upload_size;
	(void)request;
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
		gw_http_refuse(&a, MHD_HTTP_METHOD_NOT_ALLOWED, "Nothing can be changed here.\n");
	} else if (is_astray(s, connection)) {
		gw_http_refuse(&a, MHD_HTTP_FORBIDDEN, "This server answers to its address or to localhost.\n");
	} else if (!has_token(s, connection)) {
		gw_http_refuse(&a, MHD_HTTP_UNAUTHORIZED, "Send the server's token: Authorization: Bearer TOKEN\n");
	} else {
		s->o.asked(s->o.user);
		gw_http_answer_path(s->o.board, s->history, url, &a);
	}
	enum MHD_Result queued = send_answer(s->mhd, connection, &a);
	gw_buf_free(&a.body);
	return queued;
}

/* An answer has been sent, or will not be. */
static void on_completed(
	void *user, struct MHD_Connection *connection, void **request, enum MHD_RequestTerminationCode how)
{
	struct gw_http_server *s = user;
	const union MHD_ConnectionInfo *info =
		s->mhd->get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct gw_http_guest *g = info ? gw_http_crowd_find(&s->crowd, info->connect_fd) : NULL;
	(void)request;
	if (g && how == MHD_REQUEST_TERMINATED_COMPLETED_OK)
		g->arrival.at_ns = gw_clock_ns();
}

/* A connection begins or ends; where it ends, before its descriptor is closed. */
static void on_change(
	void *user, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode what)
{
	struct gw_http_server *s = user;
	const union MHD_ConnectionInfo *info =
		s->mhd->get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct gw_http_guest *g = info ? gw_http_crowd_find(&s->crowd, info->connect_fd) : NULL;
	(void)context;
	if (g && what == MHD_CONNECTION_NOTIFY_CLOSED)
		g->is_there = false;
}

static bool may_enter(const struct gw_http_server *s, const struct sockaddr_storage *address)
{
	/* Where --allow has only the names of keys, the token decides. */
	bool any = s->o.token[0] && s->o.allow->networks.n == 0;
	return any || is_loopback(address) || gw_allow_permits(s->o.allow, (const struct sockaddr *)address) ||
	       gw_allow_permits_status(s->o.allow, (const struct sockaddr *)address);
}

static void pause_accepting(struct gw_http_server *s, int errnum)
{
	gw_log_warn("HTTP: cannot accept connections: %s", strerror(errnum));
	s->accept_at = gw_clock_ns() + ACCEPT_PAUSE_NS;
	gw_events_pause(s->o.events, s->o.listener);
}

static void take(struct gw_http_server *s, int fd, const struct sockaddr *address, socklen_t len)
{
	struct gw_http_guest *g = gw_http_crowd_add(&s->crowd, fd, address);
	if (!g) {
		gw_http_crowd_yield(&s->crowd);
		s->mhd->run(s->daemon);
		g = gw_http_crowd_add(&s->crowd, fd, address);
	}
	if (!g)
		close(fd);
	/* It closes what it cannot take. */
	else if (s->mhd->add_connection(s->daemon, fd, address, len) != MHD_YES)
		g->is_there = false;
}

static void on_connection(struct gw_source *source)
{
	struct gw_http_server *s = ((struct http_source *)source)->server;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage address = {0};
		socklen_t len = sizeof(address);
		int fd = accept4(s->o.listener, (struct sockaddr *)&address, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM))
			pause_accepting(s, errno);
		if (fd < 0)
			break;
		if (may_enter(s, &address))
			take(s, fd, (const struct sockaddr *)&address, len);
		else
			close(fd);
	}
	s->mhd->run(s->daemon);
}

static void on_work(struct gw_source *source)
{
	struct gw_http_server *s = ((struct http_source *)source)->server;
	s->mhd->run(s->daemon);
}

/* Its complaints are those about clients. */
static void log_debug(void *user, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

static void log_debug(void *user, const char *fmt, va_list ap)
{
	char text[256];
	(void)user;
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	gw_log_debug("HTTP: %s", text);
}

static enum gw_status start_daemon(struct gw_http_server *s, struct gw_error *err)
{
	/* Its own bound is one that is never reached: it would turn away those that come, not those that stay. */
	s->daemon = s->mhd->start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG, 0, NULL, NULL,
		on_request, s, MHD_OPTION_EXTERNAL_LOGGER, log_debug, NULL, MHD_OPTION_CONNECTION_LIMIT,
		2u * GW_HTTP_CROWD_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		REQUEST_MAX, MHD_OPTION_NOTIFY_CONNECTION, on_change, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
		MHD_OPTION_END);
	if (!s->daemon)
		return gw_error_set(err, GW_ERR_SYSTEM, "HTTP: libmicrohttpd does not start");
	const union MHD_DaemonInfo *info = s->mhd->get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "HTTP: this libmicrohttpd has no epoll");
	enum gw_status status = gw_events_add(s->o.events, info->epoll_fd, &s->work.source, err);
	return status ? status : gw_events_add(s->o.events, s->o.listener, &s->listener.source, err);
}

enum gw_status gw_http_server_new(
	const struct gw_http_server_options *options, struct gw_http_server **out, struct gw_error *err)
{
	struct gw_http_server *s = calloc(1, sizeof(*s));
	if (!s || gw_history_new(options->board, &s->history)) {
		free(s);
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	}
	s->o = *options;
	s->listener = (struct http_source){{on_connection}, s};
	s->work = (struct http_source){{on_work}, s};
	enum gw_status status = gw_microhttpd_get(&s->mhd, err);
	if (!status)
		status = start_daemon(s, err);
	if (status) {
		if (s->daemon)
			s->mhd->stop_daemon(s->daemon);
		gw_history_free(s->history);
		free(s);
		return status;
	}
	*out = s;
	return GW_OK;
}

void gw_http_server_busy(struct gw_http_server *s)
{
	gw_history_begin(s->history);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t gw_http_server_deadline(const struct gw_http_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;
	uint64_t at = earlier(gw_history_deadline(s->history), gw_http_crowd_deadline(&s->crowd, ANSWER_NS));
	if (s->accept_at)
		at = earlier(at, s->accept_at);
	if (s->mhd->get_timeout(s->daemon, &ms) != MHD_YES)
		return at;
	return earlier(at, gw_clock_ns() + ms * GW_NS_PER_MS);
}

void gw_http_server_tick(struct gw_http_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms;
	uint64_t now = gw_clock_ns();
	gw_history_tick(s->history);
	if (s->accept_at && now >= s->accept_at) {
		s->accept_at = 0;
		gw_events_resume(s->o.events, s->o.listener, &s->listener.source);
	}
	gw_http_crowd_cut_slow(&s->crowd, now, ANSWER_NS);
	if (s->mhd->get_timeout(s->daemon, &ms) == MHD_YES && ms == 0)
		s->mhd->run(s->daemon);
}

#endif
