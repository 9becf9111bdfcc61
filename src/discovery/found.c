#include "discovery/found.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/list/endpoint.h"

/* Of addresses; a link-local one works only as long as its interface keeps its name. */
enum {
	RANK_LOOPBACK,
	RANK_LINK_LOCAL,
	RANK_IPV6,
	RANK_IPV4
};

static void copy(char out[GW_FOUND_TEXT], const void *text, size_t size)
{
	size_t n = size < GW_FOUND_TEXT - 1 ? size : GW_FOUND_TEXT - 1;
	memcpy(out, text, n);
	out[n] = '\0';
}

void gw_found_set(struct gw_found *f, const char *key, const void *value, size_t size)
{
	const struct {
		const char *key;
		char *text;
	} texts[] = {
		{"version", f->version},
		{"protocol", f->protocol},
		{"devices", f->devices},
		{"memory", f->memory},
		{"tls", f->tls},
		{"rdma", f->rdma},
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(texts[i].key, key) == 0)
			copy(texts[i].text, value, size);
}

/* -1: nobody can connect to it. */
static int rank_of(const char *address)
{
	struct in_addr ipv4;
	struct in6_addr ipv6;
	if (inet_pton(AF_INET, address, &ipv4) == 1) {
		uint32_t number = ntohl(ipv4.s_addr);
		if (number == INADDR_ANY || number >> 28 >= 14)
			return -1;
		return number >> 24 == IN_LOOPBACKNET ? RANK_LOOPBACK : RANK_IPV4;
	}
	if (inet_pton(AF_INET6, address, &ipv6) != 1 || IN6_IS_ADDR_UNSPECIFIED(&ipv6) || IN6_IS_ADDR_MULTICAST(&ipv6))
		return -1;
	if (IN6_IS_ADDR_LOOPBACK(&ipv6))
		return RANK_LOOPBACK;
	return IN6_IS_ADDR_LINKLOCAL(&ipv6) ? RANK_LINK_LOCAL : RANK_IPV6;
}

bool gw_found_set_address(struct gw_found *f, const char *address, uint16_t port, unsigned interface)
{
	char name[IF_NAMESIZE] = "", text[GW_FOUND_ENDPOINT];
	struct gw_endpoint ep;
	int rank = rank_of(address);
	if (rank < 0 || port == 0 || (rank == RANK_LINK_LOCAL && !if_indextoname(interface, name)))
		return false;
	const char *scope = rank == RANK_LINK_LOCAL ? "%" : "";
	int n = strchr(address, ':') ? snprintf(text, sizeof(text), "[%s%s%s]:%u", address, scope, name, port)
				     : snprintf(text, sizeof(text), "%s:%u", address, port);
	if (n >= (int)sizeof(text) || gw_endpoint_parse(text, false, &ep, NULL))
		return false;
	memcpy(f->endpoint, text, sizeof(text));
	f->rank = rank;
	return true;
}

static bool is_same(const struct gw_found *a, const struct gw_found *b)
{
	return strcmp(a->endpoint, b->endpoint) == 0 ||
	       (strcmp(a->name, b->name) == 0 && strcmp(a->host, b->host) == 0);
}

void gw_found_add(struct gw_found_list *list, const struct gw_found *f)
{
	for (size_t i = 0; i < list->n; i++) {
		if (!is_same(&list->items[i], f))
			continue;
		if (f->rank > list->items[i].rank)
			list->items[i] = *f;
		return;
	}
	if (list->n == GW_FOUND_MAX)
		list->left_out++;
	else
		list->items[list->n++] = *f;
}

static int compare(const void *a, const void *b)
{
	const struct gw_found *x = a, *y = b;
	int order = strcmp(x->name, y->name);
	return order ? order : strcmp(x->endpoint, y->endpoint);
}

void gw_found_sort(struct gw_found_list *list)
{
	qsort(list->items, list->n, sizeof(list->items[0]), compare);
}
