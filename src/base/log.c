#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"

#define LINE_MAX_BYTES 1024
/* With what a format puts around a line; a character may become six. A field is cut at LINE_MAX_BYTES, too. */
#define WHOLE_MAX_BYTES (6 * 4 * LINE_MAX_BYTES + 256)

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER; /* a leaf */
static gw_log_sink log_sink;
static void *log_user;
static enum gw_log_format log_format;

/* -1: not decided yet, the environment is asked. */
static atomic_int log_level = -1;

static int level_from_environment(void)
{
	const char *debug = getenv("GGML_RPC_DEBUG");
	return debug && strcmp(debug, "0") != 0 ? GW_LOG_DEBUG : GW_LOG_INFO;
}

static void write_stderr(const char *line)
{
	char text[WHOLE_MAX_BYTES + 1];
	int n = snprintf(text, sizeof(text), "%s\n", line);
	/* One write keeps the lines of several processes apart. A failure cannot be reported anywhere. */
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

void gw_log_set_format(enum gw_log_format format)
{
	log_format = format;
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

#define TIME_BYTES 48

/* A local time would need a file that sandboxed processes cannot open. */
static const char *time_text(char out[TIME_BYTES])
{
	char text[40];
	struct timespec now;
	struct tm tm;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, TIME_BYTES, "%s.%03dZ", text, (int)(now.tv_nsec / 1000000));
	return out;
}

static void put_time_before(char line[WHOLE_MAX_BYTES])
{
	char time[TIME_BYTES];
	size_t len = strlen(time_text(time));
	memmove(line + len + 1, line, strlen(line) + 1);
	memcpy(line, time, len);
	line[len] = ' ';
}

static void put_field(struct gw_json *j, const char *name, const char *text)
{
	char safe[LINE_MAX_BYTES];
	if (text)
		gw_json_text(j, name, gw_text_safe(text, safe, sizeof(safe)));
}

/* Without memory the line stays as it is: better that than none. */
static void make_object(enum gw_log_level level, const struct gw_log_fields *fields, char line[WHOLE_MAX_BYTES])
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	struct gw_buf out = {0};
	struct gw_json j;
	char time[TIME_BYTES];
	gw_json_begin(&j, &out);
	gw_json_object(&j, NULL);
	gw_json_text(&j, "time", time_text(time));
	gw_json_text(&j, "level", names[level]);
	gw_json_u64(&j, "pid", (uint64_t)getpid());
	gw_json_text(&j, "message", line);
	put_field(&j, "client", fields->client);
	put_field(&j, "endpoint", fields->endpoint);
	put_field(&j, "reason", fields->reason);
	if (fields->worker)
		gw_json_u64(&j, "worker", (uint64_t)fields->worker);
	gw_json_object_end(&j);
	if (gw_json_end(&j) == GW_OK && out.len <= WHOLE_MAX_BYTES) {
		memcpy(line, out.data, out.len);
		line[out.len - 1] = '\0'; /* in place of the newline */
	}
	gw_buf_free(&out);
}

__attribute__((format(printf, 3, 0))) static void put_line(
	enum gw_log_level level, const struct gw_log_fields *fields, const char *fmt, va_list ap)
{
	int saved_errno = errno;
	char line[WHOLE_MAX_BYTES];
	vsnprintf(line, LINE_MAX_BYTES, fmt, ap);
	/* Names and texts of a peer get into lines: they must not start another line or steer a terminal. */
	gw_text_safe(line, line, LINE_MAX_BYTES);
	if (log_format == GW_LOG_JSON)
		make_object(level, fields, line);
	else if (log_format == GW_LOG_TIMED)
		put_time_before(line);

	pthread_mutex_lock(&sink_lock);
	if (log_sink)
		log_sink(level, line, log_user);
	else
		write_stderr(line);
	pthread_mutex_unlock(&sink_lock);
	errno = saved_errno;
}

void gw_log(enum gw_log_level level, const char *fmt, ...)
{
	va_list ap;
	if (!gw_log_enabled(level))
		return;
	va_start(ap, fmt);
	put_line(level, &(const struct gw_log_fields){0}, fmt, ap);
	va_end(ap);
}

void gw_log_event(enum gw_log_level level, const struct gw_log_fields *fields, const char *fmt, ...)
{
	va_list ap;
	if (!gw_log_enabled(level))
		return;
	va_start(ap, fmt);
	put_line(level, fields, fmt, ap);
	va_end(ap);
}
