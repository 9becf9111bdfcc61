#include "tcp.h"

#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "measure.h"

enum {
	MESSAGE_MAX = 4096,
	WARM = 10,
	CHUNK = 256 << 10
};

void tcp_pair(const struct sockaddr_in *at, const struct sockaddr_in *to, int fds[2])
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof addr;
	int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (at)
		addr = *at;
	if (listener < 0 || fds[0] < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
		bind(listener, (struct sockaddr *)&addr, length) || listen(listener, 1) ||
		getsockname(listener, (struct sockaddr *)&addr, &length))
		die_errno("listening on the loopback interface");
	if (connect(fds[0], (const struct sockaddr *)(to ? to : &addr), sizeof addr))
		die_errno("loopback connection");
	fds[1] = accept(listener, NULL, NULL);
	if (fds[1] < 0)
		die_errno("accept");
	close(listener);
	for (int i = 0; i < 2; i++)
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

bool tcp_send(int fd, const uint8_t *bytes, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
		if (sent <= 0)
			return false;
		bytes += sent;
		n -= (size_t)sent;
	}
	return true;
}

bool tcp_recv(int fd, uint8_t *bytes, size_t n)
{
	while (n > 0) {
		ssize_t got = recv(fd, bytes, n, 0);
		if (got <= 0)
			return false;
		bytes += got;
		n -= (size_t)got;
	}
	return true;
}

struct echo {
	int fd;
	size_t n;
	const cpu_set_t *cpus; /* NULL: all processors */
};

/* Picks two of the processors that this thread may use, one for each set. */
static bool processors_pick(cpu_set_t *one, cpu_set_t *other)
{
	cpu_set_t allowed;
	int found = 0;
	CPU_ZERO(one);
	CPU_ZERO(other);
	sched_getaffinity(0, sizeof allowed, &allowed);
	for (size_t i = 0; i < CPU_SETSIZE && found < 2; i++)
		if (CPU_ISSET(i, &allowed))
			CPU_SET(i, found++ ? other : one);
	return found == 2;
}

static void *echo_thread(void *arg)
{
	const struct echo *e = arg;
	uint8_t message[MESSAGE_MAX];
	if (e->cpus)
		sched_setaffinity(0, sizeof *e->cpus, e->cpus);
	while (tcp_recv(e->fd, message, e->n) && tcp_send(e->fd, message, e->n))
		continue;
	return NULL;
}

static double ping(int fds[2], size_t n, size_t rounds, const cpu_set_t *cpus)
{
	double *times = calloc(rounds, sizeof *times);
	uint8_t message[MESSAGE_MAX] = {0};
	struct echo echo = {fds[1], n, cpus};
	pthread_t thread;
	size_t warm = rounds / WARM;
	if (!times || pthread_create(&thread, NULL, echo_thread, &echo))
		die_errno("thread");
	for (size_t i = 0; i < warm + rounds; i++) {
		double start = now_us();
		if (!tcp_send(fds[0], message, n) || !tcp_recv(fds[0], message, n))
			die_errno("ping");
		if (i >= warm)
			times[i - warm] = now_us() - start;
	}
	close(fds[0]);
	pthread_join(thread, NULL);
	close(fds[1]);
	double middle = median(times, rounds);
	free(times);
	return middle;
}

double tcp_round_trip_us(int fds[2], size_t n, size_t rounds, bool apart)
{
	cpu_set_t before, own, other;
	if (!apart)
		return ping(fds, n, rounds, NULL);
	if (!processors_pick(&own, &other)) {
		close(fds[0]);
		close(fds[1]);
		return 0;
	}
	sched_getaffinity(0, sizeof before, &before);
	sched_setaffinity(0, sizeof own, &own);
	double middle = ping(fds, n, rounds, &other);
	sched_setaffinity(0, sizeof before, &before);
	return middle;
}

struct half {
	int fd;
	bool sends;
	size_t total;
};

static void *half_thread(void *arg)
{
	const struct half *h = arg;
	uint8_t *chunk = calloc(1, CHUNK);
	for (size_t done = 0; chunk && done < h->total; done += CHUNK)
		if (!(h->sends ? tcp_send(h->fd, chunk, CHUNK) : tcp_recv(h->fd, chunk, CHUNK)))
			die_errno("stream");
	free(chunk);
	return NULL;
}

double tcp_both_rate(int fds[2], size_t total)
{
	struct half halves[4] = {
		{fds[0], true, total}, {fds[1], false, total}, {fds[1], true, total}, {fds[0], false, total}};
	pthread_t threads[4];
	double start = now_us();
	for (int i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, half_thread, &halves[i]))
			die_errno("thread");
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	double elapsed = now_us() - start;
	close(fds[0]);
	close(fds[1]);
	return (double)total / elapsed / 1e3;
}
