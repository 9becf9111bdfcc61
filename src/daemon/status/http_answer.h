/* What the status page, its JSON and the metrics say: the bodies of answers. */
#ifndef GW_DAEMON_STATUS_HTTP_ANSWER_H
#define GW_DAEMON_STATUS_HTTP_ANSWER_H

#include "base/buf.h"
#include "daemon/status/history.h"
#include "daemon/status/microhttpd.h"
#include "daemon/status/scoreboard.h"

struct gw_http_answer {
	unsigned status;  /* of HTTP */
	const char *type; /* Content-Type */
	struct gw_buf body;
	char policy[256]; /* Content-Security-Policy; "" = nothing may be loaded */
};

/* The answer to GET of a path; a is empty before, and its body is the caller's to free. */
void gw_http_answer_path(
	struct gw_scoreboard *board, const struct gw_history *history, const char *path, struct gw_http_answer *a);

/* An answer that is one line of text. */
void gw_http_refuse(struct gw_http_answer *a, unsigned status, const char *text);

#endif
