/* Servers and their devices, as a program that uses all of them sees them. */
#ifndef GW_CLI_INVENTORY_H
#define GW_CLI_INVENTORY_H

#include <stdint.h>
#include <stdio.h>

#include "cli/query.h"
#include "transport/mode.h"

struct gw_inventory_server {
	const char *endpoint;
	enum gw_status status; /* of asking it; what follows is empty if that failed */
	struct gw_error err;
	struct gw_query server;
	struct gw_query_about about;
	unsigned first; /* the number of its first device among those of all servers */
};

/* Asks n servers for their devices and the memory of these, one after another; timeout_s is for each answer. The
 * endpoints must outlive the result, which is freed with gw_inventory_free. Returns the number of all devices. */
unsigned gw_inventory_take(const char *const *endpoints, size_t n, enum gw_transport_mode mode, double timeout_s,
	struct gw_inventory_server *out);
void gw_inventory_free(struct gw_inventory_server *servers, size_t n);

/* Prints the servers that answered, and a line for each of their devices. */
void gw_inventory_print(FILE *to, const struct gw_inventory_server *servers, size_t n);

/* The value of llama.cpp's -ts that splits a model in proportion to the free memory of all devices and then of n_more
 * others, in bytes. For the caller to free; NULL if memory runs out. */
char *gw_inventory_shares(const struct gw_inventory_server *servers, size_t n, const uint64_t *more, size_t n_more);

#endif
