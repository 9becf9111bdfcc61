#include "backend/report/failure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"

#define LINE 1024

static bool is_set(const char *variable)
{
	const char *text = getenv(variable);
	return text && *text && strcmp(text, "0") != 0;
}

static _Noreturn void end_program(int status, const char *line)
{
	char safe[LINE];
	size_t len = strlen(gw_text_safe(line, safe, sizeof(safe) - 1));
	safe[len++] = '\n';
	(void)!write(STDERR_FILENO, safe, len);
	_exit(status);
}

/* The reason without "server at ENDPOINT: ", which the line says already. */
static const char *cause_of(const char *endpoint, const struct gw_error *why)
{
	static const char server[] = "server at ";
	const char *text = why->text;
	size_t len = strlen(endpoint);
	if (strncmp(text, server, sizeof(server) - 1) != 0)
		return text;
	text += sizeof(server) - 1;
	return strncmp(text, endpoint, len) == 0 && strncmp(text + len, ": ", 2) == 0 ? text + len + 2 : why->text;
}

enum gw_status gw_failure_exits_on_loss(bool *exits, struct gw_error *err)
{
	const char *text = getenv("GGML_RPC_ON_LOSS");
	*exits = text && strcmp(text, "exit") == 0;
	if (*exits || !text || !*text || strcmp(text, "fail") == 0)
		return GW_OK;
	return gw_error_set(err, GW_ERR_INVALID, "GGML_RPC_ON_LOSS: '%.40s' is neither fail nor exit", text);
}

static void report_unusable(const char *what, const char *cause, const char *rest)
{
	bool required = is_set("GGML_RPC_REQUIRED");
	char line[LINE];
	snprintf(line, sizeof(line), "ggwire: %s is not used: %s; the program %s", what, cause,
		required ? "ends, because GGML_RPC_REQUIRED is set" : rest);
	if (required)
		end_program(GW_EXIT_UNREACHABLE, line);
	gw_log_error("%s", line);
}

void gw_failure_not_used(const char *endpoint, const struct gw_error *why)
{
	report_unusable(endpoint, cause_of(endpoint, why), "continues without it");
}

void gw_failure_no_server(const struct gw_error *why)
{
	report_unusable("the RPC plug-in", why->text, "goes on without remote devices");
}

void gw_failure_lost(const char *endpoint, const struct gw_error *why)
{
	char line[LINE];
	snprintf(line, sizeof(line), "ggwire: %s is lost: %s; the program ends, because GGML_RPC_ON_LOSS is exit",
		endpoint, cause_of(endpoint, why));
	end_program(GW_EXIT_LOST, line);
}
