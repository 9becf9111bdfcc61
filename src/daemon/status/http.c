#include "daemon/status/http.h"

#ifdef GGWIRE_HTTP

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/events.h"
#include "daemon/status/history.h"
#include "daemon/status/microhttpd.h"
#include "daemon/status/page.h"
#include "daemon/status/report.h"
#include "transport/endpoint.h"
#include "transport/transports.h"

#define BACKLOG 16
#define ACCEPT_BATCH 8
#define CONNECTIONS_MAX 32u
#define TIMEOUT_S 5u
#define REQUEST_MAX ((size_t)16 << 10) /* bytes of memory for each connection's headers */
#define NS_PER_MS UINT64_C(1000000)
#define ACCEPT_PAUSE_NS (500 * NS_PER_MS)
#define NONCE_BYTES 16

struct http_source {
	struct gw_source source;
	struct gw_http *http;
};

struct gw_http {
	struct http_source listener, work;
	struct gw_http_options o;
	const struct gw_microhttpd *mhd;
	struct MHD_Daemon *daemon;
	struct gw_history *history;
	bool is_local; /* nobody but this machine can connect */
	int fd;
	uint64_t accept_at; /* the listener is paused until then; 0 = it is not */
};

/* An answer's body. */
struct answer {
	unsigned status;
	const char *type;
	struct gw_buf body;
	char policy[256];
};

static void put_nonce(char out[2 * NONCE_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[NONCE_BYTES];
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		memset(bytes, 0, sizeof(bytes));
	for (size_t i = 0; i < NONCE_BYTES; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
}

static enum gw_status put_page(struct answer *a)
{
	static const char mark[] = GW_PAGE_NONCE;
	const size_t len = sizeof(mark) - 1;
	char nonce[2 * NONCE_BYTES];
	_Static_assert(sizeof(mark) - 1 == sizeof(nonce), "what takes the mark's place is as long");
	enum gw_status status = gw_buf_append(&a->body, gw_page, gw_page_size);
	if (status)
		return status;
	put_nonce(nonce);
	uint8_t *end = a->body.data + a->body.len;
	for (uint8_t *at = a->body.data; (at = memmem(at, (size_t)(end - at), mark, len)); at += len)
		memcpy(at, nonce, len);
	snprintf(a->policy, sizeof(a->policy),
		"default-src 'none'; script-src 'nonce-%.*s'; style-src 'nonce-%.*s'; connect-src 'self'; img-src "
		"data:; "
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		(int)len, nonce, (int)len, nonce);
	a->type = "text/html; charset=utf-8";
	return GW_OK;
}

static enum gw_status put_json(const struct gw_ext_status *s, struct answer *a)
{
	struct gw_json j;
	gw_json_begin(&j, &a->body);
	gw_json_object(&j, NULL);
	gw_report_json(&j, s);
	gw_json_object_end(&j);
	a->type = "application/json";
	return gw_json_end(&j);
}

static enum gw_status put_history(const struct gw_history *h, struct answer *a)
{
	struct gw_json j;
	gw_json_begin(&j, &a->body);
	gw_json_object(&j, NULL);
	gw_history_json(h, &j);
	gw_json_object_end(&j);
	a->type = "application/json";
	return gw_json_end(&j);
}

static enum gw_status put_metrics(const struct gw_ext_status *s, struct answer *a)
{
	a->type = "text/plain; version=0.0.4; charset=utf-8";
	return gw_report_metrics(s, &a->body);
}

static enum gw_status put_status(
	struct gw_http *http, enum gw_status (*put)(const struct gw_ext_status *, struct answer *), struct answer *a)
{
	struct gw_ext_status s;
	http->o.asked(http->o.user);
	enum gw_status status = gw_scoreboard_read(http->o.board, &s);
	if (status)
		return status;
	status = put(&s, a);
	gw_ext_status_free(&s);
	return status;
}

static void refuse(struct answer *a, unsigned status, const char *text)
{
	a->body.len = 0;
	a->status = status;
	a->type = "text/plain; charset=utf-8";
	(void)gw_buf_append(&a->body, text, strlen(text));
}

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

static bool is_astray(const struct gw_http *http, struct MHD_Connection *connection)
{
	const char *host = http->mhd->lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
	return http->is_local && host && !is_local_host(host);
}

static void choose(struct gw_http *http, const char *path, struct answer *a)
{
	enum gw_status status = GW_OK;
	if (strcmp(path, "/") == 0)
		status = put_page(a);
	else if (strcmp(path, "/status.json") == 0)
		status = put_status(http, put_json, a);
	else if (strcmp(path, "/history.json") == 0)
		status = put_history(http->history, a);
	else if (strcmp(path, "/metrics") == 0)
		status = put_status(http, put_metrics, a);
	else
		refuse(a, MHD_HTTP_NOT_FOUND, "There are /, /status.json, /history.json and /metrics.\n");
	if (status)
		refuse(a, MHD_HTTP_INTERNAL_SERVER_ERROR, "The server is out of memory.\n");
}

static enum MHD_Result send_answer(
	const struct gw_microhttpd *mhd, struct MHD_Connection *connection, const struct answer *a)
{
	struct MHD_Response *r = mhd->create_response_from_buffer(a->body.len, a->body.data, MHD_RESPMEM_MUST_COPY);
	if (!r)
		return MHD_NO;
	mhd->add_response_header(r, "Content-Type", a->type);
	mhd->add_response_header(r, "Content-Security-Policy", a->policy[0] ? a->policy : "default-src 'none'");
	mhd->add_response_header(r, "X-Content-Type-Options", "nosniff");
	mhd->add_response_header(r, "Referrer-Policy", "no-referrer");
	mhd->add_response_header(r, "Cache-Control", "no-store");
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
	struct gw_http *http = user;
	struct answer a = {.status = MHD_HTTP_OK};
	(void)version;
	(void)upload;
	(void)upload_size;
	(void)request;
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		refuse(&a, MHD_HTTP_METHOD_NOT_ALLOWED, "Nothing can be changed here.\n");
	else if (is_astray(http, connection))
		refuse(&a, MHD_HTTP_FORBIDDEN, "This server answers to its address or to localhost.\n");
	else
		choose(http, url, &a);
	enum MHD_Result queued = send_answer(http->mhd, connection, &a);
	gw_buf_free(&a.body);
	return queued;
}

static bool is_local(int fd)
{
	char peer[128];
	struct gw_endpoint ep;
	gw_transport_peer_name(fd, peer, sizeof(peer));
	return gw_endpoint_parse(peer, true, &ep, NULL) == GW_OK && gw_endpoint_is_local(&ep);
}

static bool may_enter(const struct gw_http *http, int fd, const struct sockaddr *address)
{
	return is_local(fd) || gw_allow_permits(http->o.allow, address);
}

static void pause_accepting(struct gw_http *http, int errnum)
{
	gw_log_warn("HTTP: cannot accept connections: %s", strerror(errnum));
	http->accept_at = gw_clock_ns() + ACCEPT_PAUSE_NS;
	gw_events_pause(http->o.events, http->fd);
}

static void on_connection(struct gw_source *source)
{
	struct gw_http *http = ((struct http_source *)source)->http;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage address = {0};
		socklen_t len = sizeof(address);
		int fd;
		enum gw_status status = gw_transport_accept(http->fd, &fd);
		if (status == GW_ERR_LIMIT)
			pause_accepting(http, errno);
		if (status)
			break;
		/* The library closes what it cannot take. */
		if (getpeername(fd, (struct sockaddr *)&address, &len) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
			may_enter(http, fd, (const struct sockaddr *)&address))
			http->mhd->add_connection(http->daemon, fd, (const struct sockaddr *)&address, len);
		else
			close(fd);
	}
	http->mhd->run(http->daemon);
}

static void on_work(struct gw_source *source)
{
	struct gw_http *http = ((struct http_source *)source)->http;
	http->mhd->run(http->daemon);
}

enum gw_status gw_http_new(
	const struct gw_endpoint *ep, struct gw_endpoint *bound, struct gw_http **out, struct gw_error *err)
{
	struct gw_http *http = calloc(1, sizeof(*http));
	if (!http)
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	enum gw_status status = gw_microhttpd_get(&http->mhd, err);
	if (!status)
		status = gw_transport_listen(ep, BACKLOG, &http->fd, bound, err);
	if (status) {
		free(http);
		return gw_error_prefix(err, "HTTP");
	}
	http->is_local = gw_endpoint_is_local(ep);
	*out = http;
	return GW_OK;
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

enum gw_status gw_http_start(struct gw_http *http, const struct gw_http_options *options, struct gw_error *err)
{
	http->o = *options;
	http->listener = (struct http_source){{on_connection}, http};
	http->work = (struct http_source){{on_work}, http};
	if (gw_history_new(options->board, &http->history))
		return gw_error_set(err, GW_ERR_NOMEM, "out of memory");
	http->daemon = http->mhd->start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG, 0, NULL,
		NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, log_debug, NULL, MHD_OPTION_CONNECTION_LIMIT,
		CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		REQUEST_MAX, MHD_OPTION_END);
	if (!http->daemon)
		return gw_error_set(err, GW_ERR_SYSTEM, "HTTP: libmicrohttpd does not start");
	const union MHD_DaemonInfo *info = http->mhd->get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return gw_error_set(err, GW_ERR_UNSUPPORTED, "HTTP: this libmicrohttpd has no epoll");
	enum gw_status status = gw_events_add(http->o.events, info->epoll_fd, &http->work.source, err);
	return status ? status : gw_events_add(http->o.events, http->fd, &http->listener.source, err);
}

void gw_http_free(struct gw_http *http)
{
	if (!http)
		return;
	if (http->daemon)
		http->mhd->stop_daemon(http->daemon);
	close(http->fd);
	gw_history_free(http->history);
	free(http);
}

uint64_t gw_http_deadline(const struct gw_http *http)
{
	MHD_UNSIGNED_LONG_LONG ms;
	if (!http)
		return GW_EVENTS_NEVER;
	uint64_t at = gw_history_deadline(http->history);
	if (http->accept_at && http->accept_at < at)
		at = http->accept_at;
	if (http->mhd->get_timeout(http->daemon, &ms) != MHD_YES)
		return at;
	uint64_t timeout = gw_clock_ns() + ms * NS_PER_MS;
	return timeout < at ? timeout : at;
}

void gw_http_tick(struct gw_http *http)
{
	MHD_UNSIGNED_LONG_LONG ms;
	if (!http)
		return;
	gw_history_tick(http->history);
	if (http->accept_at && gw_clock_ns() >= http->accept_at) {
		http->accept_at = 0;
		gw_events_resume(http->o.events, http->fd, &http->listener.source);
	}
	if (http->mhd->get_timeout(http->daemon, &ms) == MHD_YES && ms == 0)
		http->mhd->run(http->daemon);
}

#else

enum gw_status gw_http_new(
	const struct gw_endpoint *ep, struct gw_endpoint *bound, struct gw_http **out, struct gw_error *err)
{
	(void)ep;
	(void)bound;
	(void)out;
	return gw_error_set(err, GW_ERR_UNSUPPORTED, "--http: this ggwire was built without libmicrohttpd");
}

enum gw_status gw_http_start(struct gw_http *http, const struct gw_http_options *options, struct gw_error *err)
{
	(void)http;
	(void)options;
	return gw_error_set(err, GW_ERR_UNSUPPORTED, "this ggwire was built without libmicrohttpd");
}

void gw_http_free(struct gw_http *http)
{
	(void)http;
}

uint64_t gw_http_deadline(const struct gw_http *http)
{
	(void)http;
	return UINT64_MAX;
}

void gw_http_tick(struct gw_http *http)
{
	(void)http;
}

#endif
