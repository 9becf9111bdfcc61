#include "transport/list/endpoint.h"

#include <string.h>

#include "transport/list/transports.h"

static enum gw_status parse(const char *text, bool allow_port_0, struct gw_endpoint *ep, struct gw_error *err)
{
	const struct gw_transport_kind *kind = gw_transport_kind_of(text);
	if (strlen(text) >= GW_ENDPOINT_MAX)
		return gw_error_set(err, GW_ERR_INVALID, "too long");
	*ep = (struct gw_endpoint){.kind = kind};
	return kind->parse(text + strlen(kind->prefix), allow_port_0, ep, err);
}

enum gw_status gw_endpoint_parse(const char *text, bool allow_port_0, struct gw_endpoint *ep, struct gw_error *err)
{
	struct gw_endpoint parsed;
	enum gw_status status = parse(text, allow_port_0, &parsed, err);
	if (status) {
		gw_error_prefix(err, "endpoint \"%.*s\"", (int)GW_ENDPOINT_MAX, text);
		return status;
	}
	*ep = parsed;
	return GW_OK;
}

void gw_endpoint_format(const struct gw_endpoint *ep, char *out, size_t size)
{
	ep->kind->format(ep, out, size);
}

bool gw_endpoint_is_local(const struct gw_endpoint *ep)
{
	return ep->kind->is_local(ep);
}

char *gw_endpoint_next(char **list)
{
	if (!*list)
		return NULL;
	char *text = *list + strspn(*list, " ");
	char *end = text + strcspn(text, ", ");
	char *rest = end + strspn(end, " ");
	*list = *rest == ',' ? rest + 1 : *rest ? rest : NULL;
	*end = '\0';
	return text;
}
