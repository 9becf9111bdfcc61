#include "transport/mode.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_TIMEOUT_S 30
#define MAX_TIMEOUT_S 86400

bool gw_transport_mode_parse(const char *text, enum gw_transport_mode *out)
{
	static const char *const names[] = {
		[GW_TRANSPORT_AUTO] = "auto",
		[GW_TRANSPORT_TCP] = "tcp",
		[GW_TRANSPORT_RDMA] = "rdma",
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum gw_transport_mode)i;
			return true;
		}
	}
	return false;
}

enum gw_status gw_transport_mode_from_env(enum gw_transport_mode *out, struct gw_error *err)
{
	const char *text = getenv("GGML_RPC_TRANSPORT");
	enum gw_transport_mode mode = GW_TRANSPORT_AUTO;
	if (text && *text && !gw_transport_mode_parse(text, &mode))
		return gw_error_set(err, GW_ERR_INVALID, "GGML_RPC_TRANSPORT: '%.40s' is not auto, tcp or rdma", text);
	if (getenv("GGML_RPC_NO_RDMA")) {
		if (mode == GW_TRANSPORT_RDMA)
			return gw_error_set(err, GW_ERR_INVALID,
				"GGML_RPC_TRANSPORT asks for RDMA and GGML_RPC_NO_RDMA forbids it");
		mode = GW_TRANSPORT_TCP;
	}
	*out = mode;
	return GW_OK;
}

bool gw_transport_stock_only(void)
{
	const char *text = getenv("GGML_RPC_STOCK");
	return text && *text && strcmp(text, "0") != 0;
}

int gw_transport_timeout_ms(void)
{
	const char *text = getenv("GGML_RPC_TIMEOUT");
	char *end;
	long s = text ? strtol(text, &end, 10) : 0;
	bool usable = text && end != text && !*end && s >= 1 && s <= MAX_TIMEOUT_S;
	return (int)(usable ? s : DEFAULT_TIMEOUT_S) * 1000;
}
