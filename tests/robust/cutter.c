/* A relay between a client and a server that injects one fault.
 *
 * Usage: cutter SERVER_PORT ACTION DIRECTION BYTES
 *
 * It prints the port on which it listens, forwards BYTES bytes of DIRECTION (up: to the server, down: from it) over one
 * or several connections, and then performs ACTION:
 *
 * close:   closes both connections
 * reset:   resets both connections
 * half:    forwards half of the available data and then stalls without closing
 * garbage: replaces 64 bytes by noise and goes on
 *
 * It forwards later connections unchanged, and runs until it is killed. */
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "robust/relay.h"

enum action {
	CLOSE,
	RESET,
	HALF,
	GARBAGE
};

struct relay {
	int fd[2]; /* of the client and of the server */
};

static int direction; /* index in fd of the end whose bytes are counted */
static enum action kind;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* protects the following */
static long long left;
static bool harmed;

static void finish(struct relay *r, bool reset)
{
	const struct linger hard = {1, 0};
	for (int i = 0; i < 2; i++) {
		if (reset)
			setsockopt(r->fd[i], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		close(r->fd[i]);
	}
}

/* Discards all input until one end closes. */
static void await_end(const struct relay *r)
{
	char data[65536];
	struct pollfd p[2] = {{.fd = r->fd[0], .events = POLLIN}, {.fd = r->fd[1], .events = POLLIN}};
	while (poll(p, 2, -1) > 0)
		for (int i = 0; i < 2; i++)
			if (p[i].revents && recv(r->fd[i], data, sizeof(data), 0) <= 0)
				return;
}

/* How many of n available bytes to forward before the fault; n if it is not due. */
static size_t safe(int from, size_t n)
{
	size_t pass = n;
	pthread_mutex_lock(&lock);
	if (from == direction && !harmed) {
		if ((long long)n > left) {
			pass = (size_t)left;
			harmed = true;
		}
		left -= (long long)pass;
	}
	pthread_mutex_unlock(&lock);
	return pass;
}

/* Injects the fault into the n available bytes. Returns false if the relay is over. */
static bool harm(const struct relay *r, int to, char *data, size_t n)
{
	if (kind == HALF) {
		relay_send(to, data, n / 2);
		await_end(r);
	}
	if (kind != GARBAGE)
		return false;
	for (size_t i = 0; i < n && i < 64; i++)
		data[i] = (char)(i * 37 + 11);
	return relay_send(to, data, n);
}

/* Forwards the data of one end. Returns false if the relay is over. */
static bool pass(const struct relay *r, int from)
{
	char data[65536];
	ssize_t got = recv(r->fd[from], data, sizeof(data), 0);
	if (got <= 0)
		return false;
	size_t n = (size_t)got, whole = safe(from, n);
	if (!relay_send(r->fd[!from], data, whole))
		return false;
	return whole == n || harm(r, r->fd[!from], data + whole, n - whole);
}

static void *relay_main(void *arg)
{
	struct relay *r = arg;
	struct pollfd p[2] = {{.fd = r->fd[0], .events = POLLIN}, {.fd = r->fd[1], .events = POLLIN}};
	bool on = true;
	while (on && poll(p, 2, -1) > 0)
		for (int i = 0; i < 2 && on; i++)
			if (p[i].revents)
				on = pass(r, i);
	finish(r, kind == RESET);
	free(r);
	return NULL;
}

static enum action action_of(const char *name)
{
	static const char *const names[] = {"close", "reset", "half", "garbage"};
	for (int i = 0; i < 4; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum action)i;
	exit(2);
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	int listener = relay_listen_and_tell();
	kind = action_of(argv[2]);
	direction = strcmp(argv[3], "down") == 0;
	left = atoll(argv[4]);
	for (;;) {
		struct relay *r = calloc(1, sizeof(*r));
		if (!r)
			relay_die("memory");
		r->fd[0] = relay_accept(listener);
		r->fd[1] = relay_connect(atoi(argv[1]));
		relay_start(relay_main, r);
	}
}
