#ifdef GGWIRE_HTTP

#include "daemon/status/http_answer.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/json.h"
#include "daemon/status/page.h"
#include "daemon/status/report.h"

#define NONCE_BYTES 16

static void put_nonce(char out[2 * NONCE_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[NONCE_BYTES];
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		memset(bytes, 0, sizeof(bytes));
	for (size_t i = 0; i < NONCE_BYTES; i++) {
		out[2 * i] = digits[bytes[i] >> 4];
		out[2 * i + 1] = digits[bytes[i] & 15];
	}
}

static enum gw_status put_page(struct gw_http_answer *a)
{
	static const char mark[] = GW_PAGE_NONCE;
	const size_t len = sizeof(mark) - 1;
	char nonce[2 * NONCE_BYTES];
	_Static_assert(sizeof(mark) - 1 == sizeof(nonce), "what takes the mark's place is as long");
	enum gw_status status = gw_buf_append(&a->body, gw_page, gw_page_size);
	if (status)
		return status;
	put_nonce(nonce);
	uint8_t *end = a->body.data + a->body.len;
	for (uint8_t *at = a->body.data; (at = memmem(at, (size_t)(end - at), mark, len)); at += len)
		memcpy(at, nonce, len);
	snprintf(a->policy, sizeof(a->policy),
		"default-src 'none'; script-src 'nonce-%.*s'; style-src 'nonce-%.*s'; connect-src 'self'; img-src "
		"data:; "
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		(int)len, nonce, (int)len, nonce);
	a->type = "text/html; charset=utf-8";
	return GW_OK;
}

static enum gw_status put_json(const struct gw_ext_status *s, struct gw_http_answer *a)
{
	struct gw_json j;
	gw_json_begin(&j, &a->body);
	gw_json_object(&j, NULL);
	gw_report_json(&j, s);
	gw_json_object_end(&j);
	a->type = "application/json";
	return gw_json_end(&j);
}

static enum gw_status put_history(const struct gw_history *h, struct gw_http_answer *a)
{
	struct gw_json j;
	gw_json_begin(&j, &a->body);
	gw_json_object(&j, NULL);
	gw_history_json(h, &j);
	gw_json_object_end(&j);
	a->type = "application/json";
	return gw_json_end(&j);
}

static enum gw_status put_metrics(const struct gw_ext_status *s, struct gw_http_answer *a)
{
	a->type = "text/plain; version=0.0.4; charset=utf-8";
	return gw_report_prometheus(s, &a->body);
}

static enum gw_status put_status(struct gw_scoreboard *board,
	enum gw_status (*put)(const struct gw_ext_status *, struct gw_http_answer *), struct gw_http_answer *a)
{
	struct gw_ext_status s;
	enum gw_status status = gw_scoreboard_read(board, &s);
	if (status)
		return status;
	status = put(&s, a);
	gw_ext_status_free(&s);
	return status;
}

void gw_http_refuse(struct gw_http_answer *a, unsigned status, const char *text)
{
	a->body.len = 0;
	a->status = status;
	a->type = "text/plain; charset=utf-8";
	(void)gw_buf_append(&a->body, text, strlen(text));
}

void gw_http_answer_path(
	struct gw_scoreboard *board, const struct gw_history *history, const char *path, struct gw_http_answer *a)
{
	enum gw_status status = GW_OK;
	a->status = MHD_HTTP_OK;
	if (strcmp(path, "/") == 0)
		status = put_page(a);
	else if (strcmp(path, "/status.json") == 0)
		status = put_status(board, put_json, a);
	else if (strcmp(path, "/history.json") == 0)
		status = put_history(history, a);
	else if (strcmp(path, "/metrics") == 0)
		status = put_status(board, put_metrics, a);
	else
		gw_http_refuse(a, MHD_HTTP_NOT_FOUND, "There are /, /status.json, /history.json and /metrics.\n");
	if (status)
		gw_http_refuse(a, MHD_HTTP_INTERNAL_SERVER_ERROR, "The server is out of memory.\n");
}

#endif
