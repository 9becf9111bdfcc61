#include "transport/endpoint.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>

#define UNIX_PREFIX "unix:"

static enum gw_status invalid(struct gw_error *err, const char *text, const char *why)
{
	return gw_error_set(err, GW_ERR_INVALID, "endpoint \"%.*s\": %s", GW_ENDPOINT_MAX, text, why);
}

static bool parse_port(const char *text, bool allow_0, uint16_t *port)
{
	unsigned value = 0;
	size_t n = strlen(text);
	if (n == 0 || n > 5 || strspn(text, "0123456789") != n)
		return false;
	for (; *text; text++)
		value = value * 10 + (unsigned)(*text - '0');
	if (value > UINT16_MAX || (value == 0 && !allow_0))
		return false;
	*port = (uint16_t)value;
	return true;
}

/* Letters of every language may come in a name; what cannot is refused here, the rest is the resolver's to judge. */
static bool is_host_name(const char *host)
{
	if (!*host)
		return false;
	for (; *host; host++) {
		unsigned char c = (unsigned char)*host;
		if (c <= ' ' || c == 0x7f || strchr("[]/@\"'", c))
			return false;
	}
	return true;
}

/* An IPv6 address, with %SCOPE behind it for link-local ones. */
static bool is_ipv6(const char *host)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr in6;
	size_t n = strcspn(host, "%");
	if (n >= sizeof(address) || (host[n] == '%' && !is_host_name(host + n + 1)))
		return false;
	memcpy(address, host, n);
	address[n] = '\0';
	return inet_pton(AF_INET6, address, &in6) == 1;
}

static enum gw_status parse_unix(const char *text, const char *path, struct gw_endpoint *ep, struct gw_error *err)
{
	struct sockaddr_un sun;
	if (!*path)
		return invalid(err, text, "a path must follow \"unix:\"");
	if (strlen(path) >= sizeof(sun.sun_path))
		return gw_error_set(err, GW_ERR_INVALID,
			"endpoint \"%.*s\": the path of a Unix socket has at most %zu bytes", GW_ENDPOINT_MAX, text,
			sizeof(sun.sun_path) - 1);
	*ep = (struct gw_endpoint){.kind = GW_ENDPOINT_UNIX};
	memcpy(ep->host, path, strlen(path));
	return GW_OK;
}

static enum gw_status parse_tcp(const char *text, bool allow_port_0, struct gw_endpoint *ep, struct gw_error *err)
{
	struct gw_endpoint r = {.kind = GW_ENDPOINT_TCP};
	bool brackets = text[0] == '[';
	const char *start = brackets ? text + 1 : text;
	const char *end = strchr(start, brackets ? ']' : ':');
	const char *colon = brackets && end ? end + 1 : end;
	if (!colon || *colon != ':')
		return invalid(err, text, "expected HOST:PORT, [IPV6]:PORT or unix:PATH");
	if (!brackets && strchr(colon + 1, ':'))
		return invalid(err, text, "more than one colon: an IPv6 address stands in brackets, [IPV6]:PORT");
	memcpy(r.host, start, (size_t)(end - start));
	if (brackets ? !is_ipv6(r.host) : !is_host_name(r.host))
		return invalid(
			err, text, brackets ? "no IPv6 address between the brackets" : "no host before the colon");
	if (!parse_port(colon + 1, allow_port_0, &r.port))
		return invalid(err, text,
			allow_port_0 ? "the port is a number up to 65535" : "the port is a number from 1 to 65535");
	*ep = r;
	return GW_OK;
}

enum gw_status gw_endpoint_parse(const char *text, bool allow_port_0, struct gw_endpoint *ep, struct gw_error *err)
{
	if (strlen(text) >= GW_ENDPOINT_MAX)
		return invalid(err, text, "too long");
	if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
		return parse_unix(text, text + strlen(UNIX_PREFIX), ep, err);
	return parse_tcp(text, allow_port_0, ep, err);
}

void gw_endpoint_format(const struct gw_endpoint *ep, char *out, size_t size)
{
	if (ep->kind == GW_ENDPOINT_UNIX)
		snprintf(out, size, UNIX_PREFIX "%s", ep->host);
	else if (strchr(ep->host, ':'))
		snprintf(out, size, "[%s]:%u", ep->host, ep->port);
	else
		snprintf(out, size, "%s:%u", ep->host, ep->port);
}

bool gw_endpoint_is_local(const struct gw_endpoint *ep)
{
	struct in_addr in;
	struct in6_addr in6;
	if (ep->kind == GW_ENDPOINT_UNIX || strcasecmp(ep->host, "localhost") == 0)
		return true;
	if (inet_pton(AF_INET, ep->host, &in) == 1)
		return ntohl(in.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, ep->host, &in6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&in6) || (IN6_IS_ADDR_V4MAPPED(&in6) && in6.s6_addr[12] == 127);
	return false;
}
