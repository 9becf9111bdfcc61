/* Runs the built ggwire and reads its log. */
#ifndef GW_TESTS_CLI_SERVING_H
#define GW_TESTS_CLI_SERVING_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "rpc/client.h"
#include "transport/list/endpoint.h"

#define SERVING_WAIT_MS 20000

/* A running `ggwire serve`. */
struct serving {
	pid_t pid;
	int pipe;
	char log[1 << 18]; /* everything it wrote to stdout and stderr so far */
	size_t len;
	size_t mark; /* what serving_await has gone past */
};

/* Runs the program to its end and collects what it wrote; name is its argv[0], args are the rest. Returns its exit
 * status, or -1 if it did not end in time or was killed. */
int serving_run(const char *name, const char *const *args, char *out, size_t size);

/* Starts the program without waiting for anything; *out is what it writes. */
pid_t serving_launch(const char *const *args, int *out);

/* Starts `ggwire serve` with args (NULL at the end) and waits until it is ready. */
void serving_start(struct serving *s, const char *const *args);

/* The same with any verb that stays: args are all of ggwire's, and a line with text says that it is ready. */
void serving_start_verb(struct serving *s, const char *const *args, const char *text);

/* Waits until a line that contains text comes after those already awaited; fails the test if it does not. Returns the
 * line, which is valid until the next call. */
const char *serving_await(struct serving *s, const char *text);

/* The endpoint that the banner names first. */
void serving_endpoint(struct serving *s, char *out, size_t size);

/* Sends signo, unless it is 0, and waits for the end. Returns the exit status, or -1 if it was killed or took longer
 * than ms. */
int serving_stop(struct serving *s, int signo, int ms);

/* Ends it if a test has not. */
void serving_end(struct serving *s);

/* Processes whose parent is pid: their number, and the first max of them. */
size_t serving_children(pid_t pid, pid_t *out, size_t max);

/* Those of them that are of a kind, the word behind the program's name: "worker", "http". */
size_t serving_children_of_kind(pid_t pid, const char *kind, pid_t *out, size_t max);

/* A file of /proc about a process, with a NUL behind it. Returns its bytes. */
size_t serving_proc(pid_t pid, const char *name, char *text, size_t size);

/* Open descriptors of a process. */
size_t serving_descriptors(pid_t pid);

/* How often a process was switched from, voluntarily or not. */
unsigned long serving_switches(pid_t pid);

/* A client of the server; fails the test if it cannot connect. */
struct gw_client *serving_connect(struct serving *s);

/* Whether the server answers this client, which asks for the number of devices and for a buffer. */
bool serving_answers(struct gw_client *c);

/* A plain socket connected to the server. */
int serving_socket(struct serving *s);

/* A connection to a port of this machine from an address of loopback's network: another address is another host. */
int serving_dial(uint16_t port, const char *from);

/* Whether the other end closes the socket in time. */
bool serving_sees_end(int fd);

void serving_sleep_ms(int ms);

static inline bool is_within(size_t n, size_t min, size_t max)
{
	return min <= n && n <= max;
}

#endif
