#include "cli/dump/peers.h"

#include <inttypes.h>
#include <string.h>

#include "cli/dump/tensor.h"
#include "wire/peers.h"

bool gw_dump_link_req(FILE *to, const uint8_t *body, size_t size)
{
	static const char *const steps[] = {"", "expect", "open", "accept", "confirm"};
	struct gw_peers_link_req m;
	if (!gw_peers_link_req_decode(body, size, &m))
		return false;
	/* Secrets are not printed. */
	fprintf(to, "%s link %" PRIu32, steps[m.step], m.link);
	if (m.step != GW_PEERS_OPEN)
		return true;
	fprintf(to, " to ");
	gw_dump_text(to, m.host, strlen(m.host));
	fprintf(to, ":%" PRIu32, m.port);
	return true;
}

bool gw_dump_group_req(FILE *to, const uint8_t *body, size_t size)
{
	struct gw_peers_group_req m;
	if (!gw_peers_group_req_decode(body, size, &m))
		return false;
	fprintf(to, "group %" PRIu32 ": server %" PRIu32 " of %" PRIu32 ", links", m.group, m.self, m.size);
	for (uint32_t i = 0; i < m.size; i++)
		if (i != m.self)
			fprintf(to, " %" PRIu32, m.links[i]);
	return true;
}

bool gw_dump_reduce_req(FILE *to, const uint8_t *body, size_t size)
{
	struct gw_peers_reduce_req m;
	if (!gw_peers_reduce_req_decode(body, size, &m))
		return false;
	fprintf(to, "group %" PRIu32 ", %" PRIu64 " elements as %s, steps %" PRIu32, m.group, m.elements,
		m.format == GW_PEERS_BF16 ? "BF16" : "F32", m.steps);
	for (uint32_t i = 0; i < m.n; i++)
		fprintf(to, ", buffer %" PRIu64 " at 0x%" PRIx64 "%s", m.operands[i].buffer, m.operands[i].data,
			m.operands[i].computed ? "" : " (zeros)");
	return true;
}

bool gw_dump_peers_copy_req(FILE *to, const uint8_t *body, size_t size)
{
	struct gw_peers_copy_req m;
	if (!gw_peers_copy_req_decode(body, size, &m))
		return false;
	fprintf(to, "link %" PRIu32 ", buffer %" PRIu64 " at 0x%" PRIx64 ", %" PRIu64 " bytes", m.link, m.buffer,
		m.data, m.size);
	return true;
}
