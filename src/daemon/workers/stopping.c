#include "daemon/workers/stopping.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static atomic_bool serving;
static int stop_fd;

static void on_term(int signo)
{
	const uint64_t one = 1;
	int before = errno;
	(void)signo;
	if (!atomic_load(&serving))
		_exit(EXIT_SUCCESS);
	(void)!write(stop_fd, &one, sizeof(one));
	errno = before;
}

void gw_stopping_init(void)
{
	const struct sigaction action = {.sa_handler = on_term, .sa_flags = SA_RESTART};
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd <= 0)
		return;
	stop_fd = fd;
	sigaction(SIGTERM, &action, NULL);
}

void gw_stopping_set_serving(bool yes)
{
	atomic_store(&serving, yes);
}

int gw_stopping_fd(void)
{
	return stop_fd;
}

bool gw_stopping_begun(void)
{
	struct pollfd p = {.fd = stop_fd, .events = POLLIN};
	return stop_fd > 0 && poll(&p, 1, 0) > 0;
}
