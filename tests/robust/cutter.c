/* A relay between a client and a server that does harm once: cutter SERVER_PORT ACTION DIRECTION BYTES. It prints the
 * port it listens on, passes BYTES bytes of DIRECTION (up: to the server, down: from it) over one or several
 * connections, and then close    ends both connections reset    breaks both with a reset half     sends half of what is
 * at hand, and then nothing more, without ending garbage  sends 64 bytes of noise in its place, and goes on The next
 * connections are passed unharmed. It runs until it is killed. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum action {
	CLOSE,
	RESET,
	HALF,
	GARBAGE
};

struct relay {
	int fd[2]; /* the client's, the server's */
};

static int direction; /* the descriptor of a relay whose bytes are counted */
static enum action kind;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of what follows */
static long long left;
static bool harmed;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static struct sockaddr_in loopback(int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

static bool send_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		data += n;
		size -= (size_t)n;
	}
	return true;
}

static void finish(struct relay *r, bool reset)
{
	const struct linger hard = {1, 0};
	for (int i = 0; i < 2; i++) {
		if (reset)
			setsockopt(r->fd[i], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		close(r->fd[i]);
	}
}

/* Swallows whatever comes until one end has enough. */
static void await_end(const struct relay *r)
{
	char data[65536];
	struct pollfd p[2] = {{.fd = r->fd[0], .events = POLLIN}, {.fd = r->fd[1], .events = POLLIN}};
	while (poll(p, 2, -1) > 0)
		for (int i = 0; i < 2; i++)
			if (p[i].revents && recv(r->fd[i], data, sizeof(data), 0) <= 0)
				return;
}

/* Of n bytes at hand, how many pass before the harm; n if it is not due. */
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

/* Does the harm to the n bytes at hand. False if the relay is over. */
static bool harm(const struct relay *r, int to, char *data, size_t n)
{
	if (kind == HALF) {
		send_all(to, data, n / 2);
		await_end(r);
	}
	if (kind != GARBAGE)
		return false;
	for (size_t i = 0; i < n && i < 64; i++)
		data[i] = (char)(i * 37 + 11);
	return send_all(to, data, n);
}

/* Passes what one end sent. False if the relay is over. */
static bool pass(const struct relay *r, int from)
{
	char data[65536];
	ssize_t got = recv(r->fd[from], data, sizeof(data), 0);
	if (got <= 0)
		return false;
	size_t n = (size_t)got, whole = safe(from, n);
	if (!send_all(r->fd[!from], data, whole))
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

static int listen_anywhere(void)
{
	struct sockaddr_in a = loopback(0);
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 16) ||
		getsockname(fd, (struct sockaddr *)&a, &len))
		die("listen");
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	struct sockaddr_in server = loopback(atoi(argv[1]));
	int listener = listen_anywhere();
	kind = action_of(argv[2]);
	direction = strcmp(argv[3], "down") == 0;
	left = atoll(argv[4]);
	for (;;) {
		pthread_t thread;
		struct relay *r = calloc(1, sizeof(*r));
		if (!r)
			die("memory");
		r->fd[0] = accept(listener, NULL, NULL);
		r->fd[1] = socket(AF_INET, SOCK_STREAM, 0);
		if (r->fd[0] < 0 || r->fd[1] < 0)
			die("accept");
		if (connect(r->fd[1], (struct sockaddr *)&server, sizeof(server)))
			die("connect");
		if (pthread_create(&thread, NULL, relay_main, r))
			die("thread");
		pthread_detach(thread);
	}
}
