/* Where the bytes of a reply go: n rows of size bytes, stride bytes apart. One piece: n = 1. */
#ifndef GW_RPC_DEST_H
#define GW_RPC_DEST_H

#include <stdbool.h>
#include <stddef.h>

struct gw_dest {
	void *base;
	size_t size;
	size_t n;
	size_t stride;
};

/* Fills it with zeros. */
void gw_dest_zero(const struct gw_dest *dest);

/* Whether its bytes can be counted. */
bool gw_dest_valid(const struct gw_dest *dest);

#endif
