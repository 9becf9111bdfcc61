/* The servers that a verb talks to. */
#ifndef GW_CLI_SERVERS_H
#define GW_CLI_SERVERS_H

#include <stdbool.h>
#include <stddef.h>

#define GW_SERVERS_MAX 64

struct gw_servers {
	const char *endpoints[GW_SERVERS_MAX]; /* valid, and each only once; parts of text */
	size_t n;                              /* at least 1 after gw_servers_take */
	bool announced;                        /* they were found on the network, where anybody can announce anything */
	char *text;
};

/* Takes the endpoints from argv[first] on, each argument being a list with commas or blanks; without arguments those of
 * GGML_RPC_SERVERS; without these those that are announced on the network (discovery/browse.h), or else localhost. A
 * list that is "auto" stands for those that are announced. Blocks while it looks for them. Returns GW_VERB_GOES_ON, or
 * an exit status after a complaint; free *out with gw_servers_free only in the first case. */
int gw_servers_take(const char *program, int argc, char **argv, int first, struct gw_servers *out);

/* The same, but n is 0 where neither arguments nor the variable name servers. */
int gw_servers_take_named(const char *program, int argc, char **argv, int first, struct gw_servers *out);

/* Takes the endpoints of one list, which source (an option or a variable) holds, as above. */
int gw_servers_take_list(const char *program, const char *source, const char *list, struct gw_servers *out);

void gw_servers_free(struct gw_servers *s);

/* Calls run for each server, in their order. The largest exit status. */
int gw_servers_each(const struct gw_servers *s, int (*run)(void *user, const char *endpoint), void *user);

#endif
