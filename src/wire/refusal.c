#include "wire/refusal.h"

#include <inttypes.h>
#include <stdio.h>

#define SLOTS_REMEDY "raise --max-clients-per-host on the server"

/* With the limit where the server names it. */
static void say_shared(const char *whose, uint32_t limit, char out[GW_EXT_REFUSAL_TEXT])
{
	if (limit)
		snprintf(out, GW_EXT_REFUSAL_TEXT,
			"refused: %s already has %" PRIu32 " connections, its limit; close some, or " SLOTS_REMEDY,
			whose, limit);
	else
		snprintf(out, GW_EXT_REFUSAL_TEXT,
			"refused: %s already has too many connections; close some, or " SLOTS_REMEDY, whose);
}

static void say_full(uint32_t limit, char out[GW_EXT_REFUSAL_TEXT])
{
	if (limit)
		snprintf(out, GW_EXT_REFUSAL_TEXT,
			"refused: all %" PRIu32
			" client slots are in use; try again later, or raise --max-clients on the server",
			limit);
	else
		snprintf(out, GW_EXT_REFUSAL_TEXT,
			"refused: all client slots are in use; try again later, or raise --max-clients on the server");
}

static const char *text_of(uint32_t reason)
{
	switch (reason) {
	case GW_EXT_REASON_NONE:
		return "refused: no client slot is free, or none for this host; try again later, or raise "
		       "--max-clients or --max-clients-per-host on the server";
	case GW_EXT_REASON_ADDRESS:
		return "refused: this machine's address is not in the server's --allow list; add it there";
	case GW_EXT_REASON_STATUS:
		return "refused: this machine can only query the server's status; add its address to --allow on the "
		       "server";
	case GW_EXT_REASON_STOPPING:
		return "refused: the server is shutting down; try again when it is back";
	case GW_EXT_REASON_WORKER:
		return "refused: the server cannot start a worker process; its log says why";
	case GW_EXT_REASON_TLS:
		return "refused: the server requires TLS; get a key from its administrator (ggwire key add NAME)";
	default:
		return NULL;
	}
}

const char *gw_ext_refusal_text(const struct gw_ext_refusal *refusal, char out[GW_EXT_REFUSAL_TEXT])
{
	const char *text = text_of(refusal->reason);
	if (refusal->reason == GW_EXT_REASON_FULL)
		say_full(refusal->limit, out);
	else if (refusal->reason == GW_EXT_REASON_HOST)
		say_shared("this host", refusal->limit, out);
	else if (refusal->reason == GW_EXT_REASON_KEY)
		say_shared("this key", refusal->limit, out);
	else if (text)
		snprintf(out, GW_EXT_REFUSAL_TEXT, "%s", text);
	else
		snprintf(out, GW_EXT_REFUSAL_TEXT,
			"refused: the server gives reason %" PRIu32 ", which this version of ggwire does not know",
			refusal->reason);
	return out;
}
