#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER; /* a leaf */
static gw_log_sink log_sink;
static void *log_user;

/* -1: not decided yet, the environment is asked. */
static atomic_int log_level = -1;

static int level_from_environment(void)
{
	const char *debug = getenv("GGML_RPC_DEBUG");
	return debug && strcmp(debug, "0") != 0 ? GW_LOG_DEBUG : GW_LOG_INFO;
}

static void write_stderr(const char *line)
{
	char text[LINE_MAX_BYTES + 1];
	int n = snprintf(text, sizeof(text), "%s\n", line);
	/* One write keeps the lines of several processes apart; there is nobody to tell that it failed. */
	ssize_t written = write(STDERR_FILENO, text, (size_t)n);
	(void)written;
}

void gw_log_set_sink(gw_log_sink sink, void *user)
{
	pthread_mutex_lock(&sink_lock);
	log_sink = sink;
	log_user = user;
	pthread_mutex_unlock(&sink_lock);
}

void gw_log_set_level(enum gw_log_level level)
{
	atomic_store(&log_level, (int)level);
}

bool gw_log_enabled(enum gw_log_level level)
{
	int limit = atomic_load_explicit(&log_level, memory_order_relaxed);
	if (limit < 0) {
		int decided = level_from_environment();
		if (atomic_compare_exchange_strong(&log_level, &limit, decided))
			limit = decided;
	}
	return (int)level <= limit;
}

/* Names and texts of a peer get into lines: they must not start another line or steer a terminal. */
static void blank_controls(char *line)
{
	for (unsigned char *p = (unsigned char *)line; *p; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
}

void gw_log(enum gw_log_level level, const char *fmt, ...)
{
	if (!gw_log_enabled(level))
		return;
	int saved_errno = errno;
	char line[LINE_MAX_BYTES];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	blank_controls(line);

	pthread_mutex_lock(&sink_lock);
	if (log_sink)
		log_sink(level, line, log_user);
	else
		write_stderr(line);
	pthread_mutex_unlock(&sink_lock);
	errno = saved_errno;
}
