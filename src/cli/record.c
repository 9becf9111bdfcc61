#include "cli/record.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/record_tap.h"
#include "transport/tcp.h"

#define EXIT_USAGE 2
#define BACKLOG 16

struct options {
	bool help;
	struct gw_endpoint listen;
	struct gw_endpoint server;
	const char *directory;
};

struct connection {
	struct gw_transport *client;
	const struct options *options;
};

static int usage(FILE *to, const char *program)
{
	fprintf(to,
		"Usage: %s [options] HOST:PORT\n"
		"\n"
		"Stands between clients and the server at HOST:PORT, stock or ggwire, and records what they say to "
		"each\n"
		"other: a file N.rec for each connection, which ggwire dump prints. A recording holds everything, "
		"also\n"
		"weights and prompts. Connections stay on TCP. Ends with Ctrl-C.\n"
		"\n"
		"  -d, --directory DIR     where to write; default: the current directory\n"
		"  -h, --help              show this help and exit\n"
		"  -l, --listen ADDR:PORT  where clients connect to, port 0 for any; default: 127.0.0.1:50053\n",
		program);
	return to == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

static bool complain(const char *program, const struct gw_error *err)
{
	fprintf(stderr, "%s: %s\n", program, err->text);
	return false;
}

static bool parse(const char *program, int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{"directory", required_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},
		{"listen", required_argument, NULL, 'l'},
		{NULL, 0, NULL, 0},
	};
	struct gw_error err;
	*o = (struct options){.listen = {.host = "127.0.0.1", .port = 50053}, .directory = "."};
	opterr = 0;
	optind = 1;
	for (int c; (c = getopt_long(argc, argv, ":d:hl:", known, NULL)) != -1;) {
		if (c == 'h') {
			o->help = true;
			return true;
		}
		if (c == 'd') {
			o->directory = optarg;
		} else if (c == 'l') {
			if (gw_endpoint_parse(optarg, true, &o->listen, &err) != GW_OK)
				return complain(program, &err);
		} else {
			fprintf(stderr, "%s: %s: %s\n", program, c == ':' ? "option needs a value" : "unknown option",
				argv[optind - 1]);
			return false;
		}
	}
	if (argc - optind != 1) {
		fprintf(stderr, "%s: one server is expected, not %d\n", program, argc - optind);
		return false;
	}
	return gw_endpoint_parse(argv[optind], false, &o->server, &err) == GW_OK || complain(program, &err);
}

static void *serve(void *arg)
{
	struct connection c = *(struct connection *)arg;
	free(arg);
	gw_record_tap(c.client, &c.options->server, c.options->directory);
	return NULL;
}

static void start(int fd, const struct options *o)
{
	struct connection *c = malloc(sizeof(*c));
	struct gw_error err = {.text = "no memory"};
	pthread_t thread;
	if (!c || gw_tcp_from_fd(fd, &c->client, &err) != GW_OK) {
		gw_log_error("%s", err.text);
		close(fd);
		free(c);
		return;
	}
	c->options = o;
	int rc = pthread_create(&thread, NULL, serve, c);
	if (rc) {
		gw_log_error("no thread: %s", strerror(rc));
		c->client->ops->close(c->client);
		free(c);
		return;
	}
	pthread_detach(thread);
}

/* Until a signal ends the process: files are whole to the last message that was passed on. */
static int accept_all(int listener, const struct options *o)
{
	struct pollfd ready = {.fd = listener, .events = POLLIN};
	for (;;) {
		if (poll(&ready, 1, -1) < 0 && errno != EINTR)
			return EXIT_FAILURE;
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			start(fd, o);
	}
}

int gw_record_main(const char *program, int argc, char **argv)
{
	struct options o;
	struct gw_endpoint bound;
	struct gw_error err;
	char from[GW_ENDPOINT_MAX + 16], to[GW_ENDPOINT_MAX + 16];
	int listener;
	if (!parse(program, argc, argv, &o))
		return EXIT_USAGE;
	if (o.help)
		return usage(stdout, program);
	if (access(o.directory, W_OK | X_OK) < 0) {
		fprintf(stderr, "%s: %s: %s\n", program, o.directory, strerror(errno));
		return EXIT_FAILURE;
	}
	if (gw_tcp_listen(&o.listen, BACKLOG, &listener, &bound, &err) != GW_OK) {
		complain(program, &err);
		return EXIT_FAILURE;
	}
	signal(SIGPIPE, SIG_IGN);
	gw_endpoint_format(&bound, from, sizeof(from));
	gw_endpoint_format(&o.server, to, sizeof(to));
	gw_log_info("recording connections to %s, which go on to %s", from, to);
	return accept_all(listener, &o);
}
