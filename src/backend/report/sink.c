#include "backend/report/sink.h"

#include <stdio.h>

#include <ggml.h>

#include "base/log.h"
#include "ggml/layout.h"

static enum ggml_log_level level_of(enum gw_log_level level)
{
	switch (level) {
	case GW_LOG_ERROR:
		return GGML_LOG_LEVEL_ERROR;
	case GW_LOG_WARN:
		return GGML_LOG_LEVEL_WARN;
	case GW_LOG_INFO:
		return GGML_LOG_LEVEL_INFO;
	default:
		return GGML_LOG_LEVEL_DEBUG;
	}
}

static void to_ggml(enum gw_log_level level, const char *line, void *user)
{
	ggml_log_callback callback = NULL;
	void *callback_user = NULL;
	char text[1100];

	(void)user;
	snprintf(text, sizeof(text), "%s\n", line);
	ggml_log_get(&callback, &callback_user);
	if (callback)
		callback(level_of(level), text, callback_user);
}

void gw_sink_install(void)
{
	if (ggml_log_get)
		gw_log_set_sink(to_ggml, NULL);
}
