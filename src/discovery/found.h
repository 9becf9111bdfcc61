/* Servers that were announced on the network. Anybody there can announce anything: texts are shown escaped, and nothing
 * but the endpoint is used. */
#ifndef GW_DISCOVERY_FOUND_H
#define GW_DISCOVERY_FOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GW_FOUND_MAX 64
#define GW_FOUND_TEXT 128
#define GW_FOUND_ENDPOINT 96

struct gw_found {
	char endpoint[GW_FOUND_ENDPOINT]; /* a valid one, with a numeric address */
	char name[GW_FOUND_TEXT];         /* of the service */
	char host[GW_FOUND_TEXT];
	char version[GW_FOUND_TEXT];  /* of ggwire; "" = not announced, here and below */
	char protocol[GW_FOUND_TEXT]; /* "8.0.0" */
	char devices[GW_FOUND_TEXT];  /* how many */
	char memory[GW_FOUND_TEXT];   /* free memory of all devices when the server started, in bytes */
	char tls[GW_FOUND_TEXT];      /* "off", "on", "require" */
	char rdma[GW_FOUND_TEXT];     /* "yes", "no" */
	int rank;                     /* of the address: the highest of a service is taken */
};

struct gw_found_list {
	struct gw_found items[GW_FOUND_MAX];
	size_t n;
	size_t left_out; /* beyond that */
};

/* Sets the text that a key of the announcement belongs to; other keys are passed over. The value need not end. */
void gw_found_set(struct gw_found *f, const char *key, const void *value, size_t size);

/* Sets endpoint and rank for an address in text ("192.0.2.7", "fe80::1") on that interface. False if nobody could
 * connect to it. */
bool gw_found_set_address(struct gw_found *f, const char *address, uint16_t port, unsigned interface);

/* Adds a server. A service that has several addresses is one server, with the best of them. */
void gw_found_add(struct gw_found_list *list, const struct gw_found *f);

/* In a fixed order: of names, then of endpoints. */
void gw_found_sort(struct gw_found_list *list);

#endif
