#include "cli/dump/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "transport/list/transports.h"
#include "wire/command.h"
#include "wire/cursor.h"
#include "wire/extension.h"
#include "wire/message.h"
#include "wire/recording.h"

#define CHUNK ((size_t)256 << 10)
#define MAX_FILES 1000000

struct tap {
	struct gw_transport *end[GW_RECORDING_DIRECTIONS]; /* by who is there */
	pthread_mutex_t lock;                              /* of the file */
	int fd;
	char path[4096];
};

/* Passes on what one end sends, with memory of its own. */
struct pump {
	struct tap *tap;
	enum gw_recording_direction from;
	uint8_t chunk[CHUNK];
};

static bool write_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, p, n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		p += put;
		n -= (size_t)put;
	}
	return true;
}

static bool record(struct pump *p, size_t n)
{
	uint8_t head[5] = {(uint8_t)p->from};
	gw_put_le32(head + 1, (uint32_t)n);
	pthread_mutex_lock(&p->tap->lock);
	bool good = write_all(p->tap->fd, head, sizeof(head)) && write_all(p->tap->fd, p->chunk, n);
	if (!good)
		gw_log_error("%s: cannot be written: %s", p->tap->path, strerror(errno));
	pthread_mutex_unlock(&p->tap->lock);
	return good;
}

static bool receive(struct pump *p, size_t at, size_t min, size_t max, size_t *got)
{
	struct gw_transport *t = p->tap->end[p->from];
	struct iovec iov = {p->chunk + at, max};
	struct gw_error err;
	enum gw_status st = t->ops->recvv(t, &iov, 1, min, got, &err);
	if (st != GW_OK && st != GW_ERR_CLOSED && st != GW_ERR_LOST)
		gw_log_warn("%s: %s", t->peer, err.text);
	return st == GW_OK;
}

static bool pass_on(struct pump *p, size_t n)
{
	struct gw_transport *t = p->tap->end[!p->from];
	struct iovec iov = {p->chunk, n};
	struct gw_error err;
	return record(p, n) && t->ops->sendv(t, &iov, 1, &err) == GW_OK;
}

/* Removes from HELLO, or from its reply, what would let the two upgrade this connection. */
static void prevent_upgrade(struct pump *p, uint8_t *body, size_t size)
{
	struct gw_wire_hello_req request;
	struct gw_wire_hello_rsp reply;
	if (p->from == GW_RECORDING_CLIENT && gw_wire_hello_req_decode(body, size, &request)) {
		memset(request.caps, 0, sizeof(request.caps));
		gw_wire_hello_req_encode(&request, body);
	} else if (p->from == GW_RECORDING_SERVER && gw_wire_hello_rsp_decode(body, size, &reply)) {
		memset(reply.caps, 0, sizeof(reply.caps));
		if (reply.extensions >= gw_transport_upgrade->level)
			reply.extensions = (uint8_t)(gw_transport_upgrade->level - 1);
		gw_wire_hello_rsp_encode(&reply, body);
	}
}

/* The first message of each direction, if it has the size of one about HELLO; else as much of it as there is. */
static bool pass_hello(struct pump *p)
{
	size_t head = p->from == GW_RECORDING_CLIENT ? GW_REQUEST_HEADER : GW_REPLY_HEADER;
	size_t want = p->from == GW_RECORDING_CLIENT ? GW_WIRE_HELLO_REQ : GW_WIRE_HELLO_RSP;
	size_t n, more = 0;
	if (!receive(p, 0, head, head, &n))
		return false;
	if (gw_le64(p->chunk + head - sizeof(uint64_t)) == want) {
		if (!receive(p, head, want, want, &more))
			return false;
		prevent_upgrade(p, p->chunk + head, want);
	}
	return pass_on(p, n + more);
}

static void *pump(void *arg)
{
	struct pump *p = arg;
	size_t n;
	if (pass_hello(p))
		while (receive(p, 0, 1, CHUNK, &n) && pass_on(p, n))
			;
	for (int i = 0; i < GW_RECORDING_DIRECTIONS; i++)
		p->tap->end[i]->ops->shutdown(p->tap->end[i]);
	return NULL;
}

static bool create(struct tap *tap, const char *directory)
{
	for (unsigned i = 1; i < MAX_FILES; i++) {
		int n = snprintf(tap->path, sizeof(tap->path), "%s/%u.rec", directory, i);
		if (n < 0 || (size_t)n >= sizeof(tap->path)) {
			errno = ENAMETOOLONG;
			return false;
		}
		tap->fd = open(tap->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (tap->fd >= 0 || errno != EEXIST)
			return tap->fd >= 0;
	}
	return false;
}

static void run(struct tap *tap)
{
	struct pump *pumps = calloc(GW_RECORDING_DIRECTIONS, sizeof(*pumps));
	pthread_t thread;
	if (!pumps) {
		gw_log_error("%s: no memory", tap->path);
		return;
	}
	for (int i = 0; i < GW_RECORDING_DIRECTIONS; i++) {
		pumps[i].tap = tap;
		pumps[i].from = (enum gw_recording_direction)i;
	}
	int rc = pthread_create(&thread, NULL, pump, &pumps[GW_RECORDING_SERVER]);
	if (rc) {
		gw_log_error("%s: no thread: %s", tap->path, strerror(rc));
	} else {
		pump(&pumps[GW_RECORDING_CLIENT]);
		pthread_join(thread, NULL);
	}
	free(pumps);
}

void gw_record_tap(struct gw_transport *client, const struct gw_endpoint *server, const char *directory)
{
	struct tap tap = {.end = {[GW_RECORDING_CLIENT] = client}, .lock = PTHREAD_MUTEX_INITIALIZER};
	struct gw_error err;
	if (gw_transport_dial(server, gw_transport_timeout_ms(), &tap.end[GW_RECORDING_SERVER], &err) != GW_OK) {
		gw_log_error("%s: %s", client->peer, err.text);
		goto no_server;
	}
	if (!create(&tap, directory)) {
		gw_log_error("%s: %s", tap.path, strerror(errno));
		goto no_file;
	}
	gw_log_info("%s: %s", tap.path, client->peer);
	run(&tap);
	gw_log_info("%s: ended", tap.path);
	close(tap.fd);
no_file:
	tap.end[GW_RECORDING_SERVER]->ops->close(tap.end[GW_RECORDING_SERVER]);
no_server:
	client->ops->close(client);
}
