#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/dump/tap.h"
#include "cli/servers.h"
#include "cli/verb.h"
#include "cli/verbs.h"
#include "transport/list/transports.h"

#define BACKLOG 16

struct options {
	struct gw_endpoint listen;
	struct gw_endpoint server;
	const char *directory;
};

struct connection {
	struct gw_transport *client;
	const struct options *options;
};

static const char usage[] =
	"[options] [ENDPOINT]\n"
	"\n"
	"Stands between clients and a server, stock or ggwire, and records what they say to each\n"
	"other: a file N.rec for each connection, which ggwire dump prints. A recording holds everything, also\n"
	"weights and prompts. Connections stay on TCP. Ends with Ctrl-C.\n"
	"\n" GW_VERB_ENDPOINT "  -d, --directory DIR     where to write; default: the current directory\n" GW_VERB_HELP
	"  -l, --listen ADDR:PORT  where clients connect to, port 0 for any; default: 127.0.0.1:50053\n";

static int parse(const char *program, int argc, char **argv, struct options *o)
{
	const char *listen = "127.0.0.1:50053";
	struct gw_servers servers;
	struct gw_error err;
	const struct gw_verb_option known[] = {
		{"directory", 'd', .text = &o->directory},
		{"listen", 'l', .text = &listen},
	};
	int first;
	*o = (struct options){.directory = "."};
	int rc = gw_verb_options(program, argc, argv, usage, known, sizeof(known) / sizeof(known[0]), &first);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	if (gw_endpoint_parse(listen, true, &o->listen, &err))
		return gw_verb_complain(program, GW_EXIT_USAGE, "--listen: %s", err.text);
	rc = gw_servers_take(program, argc, argv, first, &servers);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	if (servers.n > 1)
		rc = gw_verb_complain(program, GW_EXIT_USAGE, "one server is expected, not %zu", servers.n);
	else
		(void)gw_endpoint_parse(servers.endpoints[0], false, &o->server, NULL); /* it was parsed before */
	gw_servers_free(&servers);
	return rc;
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
	if (!c || gw_transport_from_fd(fd, &c->client, &err) != GW_OK) {
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
	const struct timespec pause = {.tv_nsec = 100000000};
	struct pollfd ready = {.fd = listener, .events = POLLIN};
	for (;;) {
		if (poll(&ready, 1, -1) < 0 && errno != EINTR)
			return GW_EXIT_FINDING;
		int fd;
		enum gw_status status = gw_transport_accept(listener, &fd);
		if (status == GW_OK)
			start(fd, o);
		else if (status == GW_ERR_LIMIT)
			nanosleep(&pause, NULL);
		else if (status != GW_ERR_NOT_FOUND)
			return GW_EXIT_FINDING;
	}
}

int gw_record_main(const char *program, int argc, char **argv)
{
	struct options o;
	struct gw_endpoint bound;
	struct gw_error err;
	char from[GW_ENDPOINT_MAX + 16], to[GW_ENDPOINT_MAX + 16];
	int listener;
	int rc = parse(program, argc, argv, &o);
	if (rc != GW_VERB_GOES_ON)
		return rc;
	if (access(o.directory, W_OK | X_OK) < 0)
		return gw_verb_complain(program, GW_EXIT_FINDING, "%s: %s", o.directory, strerror(errno));
	if (gw_transport_listen(&o.listen, BACKLOG, &listener, &bound, &err) != GW_OK)
		return gw_verb_complain(program, GW_EXIT_FINDING, "%s", err.text);
	signal(SIGPIPE, SIG_IGN);
	gw_endpoint_format(&bound, from, sizeof(from));
	gw_endpoint_format(&o.server, to, sizeof(to));
	gw_log_info("recording connections to %s, forwarded to %s", from, to);
	return accept_all(listener, &o);
}
