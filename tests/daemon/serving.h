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
	size_t mark; /* end of the text that serving_await has searched */
};

/* Runs the program to its end and collects its output. name is its argv[0], args are the rest. Returns its exit status,
 * or -1 if a signal killed it or it did not end in time. */
int serving_run(const char *name, const char *const *args, char *out, size_t size);

/* Starts the program and returns at once. *out receives its output. */
pid_t serving_launch(const char *const *args, int *out);

/* Starts `ggwire serve` with args (NULL at the end) and waits until it is ready. */
void serving_start(struct serving *s, const char *const *args);

/* The same for any verb that keeps running. args holds all of ggwire's arguments. A line with text means that it is
 * ready. */
void serving_start_verb(struct serving *s, const char *const *args, const char *text);

/* Waits until a line that contains text follows those already found; fails the test if none comes. Returns the line,
 * which is valid until the next call. */
const char *serving_await(struct serving *s, const char *text);

/* The first endpoint of the banner. */
void serving_endpoint(struct serving *s, char *out, size_t size);

/* Sends signo, unless it is 0, and waits for the end. Returns the exit status, or -1 if a signal killed it or it took
 * longer than ms. */
int serving_stop(struct serving *s, int signo, int ms);

/* Ends the server if the test has not. */
void serving_end(struct serving *s);

/* The child processes of pid. Returns their number and stores the first max of them. */
size_t serving_children(pid_t pid, pid_t *out, size_t max);

/* Those of one kind, which is the word after the program's name: "worker", "http". */
size_t serving_children_of_kind(pid_t pid, const char *kind, pid_t *out, size_t max);

/* Reads a file of /proc about a process and appends a NUL. Returns its size in bytes. */
size_t serving_proc(pid_t pid, const char *name, char *text, size_t size);

/* The number of open descriptors of a process. */
size_t serving_descriptors(pid_t pid);

/* The number of context switches of a process, voluntary or not. */
unsigned long serving_switches(pid_t pid);

/* Connects a client to the server. Fails the test on errors. */
struct gw_client *serving_connect(struct serving *s);

/* Whether the server answers this client's requests for the number of devices and for a buffer. */
bool serving_answers(struct gw_client *c);

/* A raw socket connected to the server. */
int serving_socket(struct serving *s);

/* A connection to a port of this machine from an address of the loopback network. Different addresses count as
 * different hosts. */
int serving_dial(uint16_t port, const char *from);

/* Whether the other end closes the socket in time. */
bool serving_sees_end(int fd);

void serving_sleep_ms(int ms);

static inline bool is_within(size_t n, size_t min, size_t max)
{
	return min <= n && n <= max;
}

#endif
