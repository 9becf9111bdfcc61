/* A peer whose system answers is alive, however long it computes or does not read. TCP_USER_TIMEOUT would detect lost
 * bytes in flight, but it also ends a connection whose peer is merely too busy to read. So this file checks the same
 * condition itself. */
#include "transport/tcp/loss.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/clock.h"
#include "transport/mode.h"

/* Unanswered probes after which the peer counts as gone. */
#define PROBES 3

static void set_option(int fd, int level, int name, int value)
{
	/* Connections work without these options; a system that refuses one only notices later. */
	(void)setsockopt(fd, level, name, &value, sizeof(value));
}

static int at_least_1(int s)
{
	return s < 1 ? 1 : s;
}

void gw_tcp_watch(int fd)
{
	int ms = gw_transport_timeout_ms();
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, at_least_1(ms / 2000));
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, at_least_1(ms / 2000 / PROBES));
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, PROBES);
}

void gw_tcp_tick(int fd)
{
	int ms = gw_transport_timeout_ms();
	struct timeval tick = {.tv_sec = ms / 4000, .tv_usec = ms / 4 % 1000 * 1000L};
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof(tick));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tick, sizeof(tick));
}

/* Whether the system at the other end has not answered for longer than gw_transport_timeout_ms although it was asked.
 */
static bool is_silent(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return false;
	/* Bytes that were not acknowledged, or probes of a full window. Probes come at growing intervals, so a single
	 * one in flight means little. */
	bool asked = info.tcpi_unacked > 0 || info.tcpi_probes >= PROBES;
	return asked && info.tcpi_last_ack_recv > (unsigned)gw_transport_timeout_ms();
}

/* Whether a peer that promised to send something regularly has been silent for too long. This is checked every quarter
 * of that time, so a quarter has passed before the first check. */
static bool is_mute(int fd, int silence_ms, struct gw_transport_wait *w)
{
	uint64_t patience = (uint64_t)silence_ms * (GW_NS_PER_MS * 3 / 4);
	uint64_t now = gw_clock_ns();
	int unread = 0;
	if (!patience)
		return false;
	(void)ioctl(fd, FIONREAD, &unread);
	if (!w->since || unread != w->unread)
		*w = (struct gw_transport_wait){now, unread};
	return now - w->since >= patience;
}

bool gw_tcp_is_lost(int fd, int silence_ms, struct gw_transport_wait *w)
{
	return is_silent(fd) || is_mute(fd, silence_ms, w);
}
