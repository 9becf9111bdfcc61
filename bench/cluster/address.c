/* Preloaded into the servers of the simulated cluster, whose machines are addresses of one machine: what a server binds
 * to all addresses, or does not bind before it connects, it binds to its own. That is the name of the directory which
 * this library was loaded from, because not all of a server's processes get its environment. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>

typedef int (*address_fn)(int fd, const struct sockaddr *addr, socklen_t length);

static bool own_address(const struct sockaddr *other, struct sockaddr_in *own)
{
	char text[PATH_MAX];
	Dl_info info;

	*own = (struct sockaddr_in){.sin_family = AF_INET};
	if (other->sa_family != AF_INET || !dladdr((const void *)&own_address, &info) || !info.dli_fname)
		return false;
	snprintf(text, sizeof(text), "%s", info.dli_fname);
	return inet_pton(AF_INET, basename(dirname(text)), &own->sin_addr) == 1;
}

__attribute__((visibility("default"))) int bind(int fd, const struct sockaddr *addr, socklen_t length)
{
	address_fn next = (address_fn)dlsym(RTLD_NEXT, "bind");
	const struct sockaddr_in *wanted = (const struct sockaddr_in *)(const void *)addr;
	struct sockaddr_in own;

	if (!own_address(addr, &own) || wanted->sin_addr.s_addr != htonl(INADDR_ANY))
		return next(fd, addr, length);
	own.sin_port = wanted->sin_port;
	return next(fd, (struct sockaddr *)&own, sizeof(own));
}

__attribute__((visibility("default"))) int connect(int fd, const struct sockaddr *addr, socklen_t length)
{
	address_fn next = (address_fn)dlsym(RTLD_NEXT, "connect"), bind_next = (address_fn)dlsym(RTLD_NEXT, "bind");
	struct sockaddr_in own, bound = {0};
	socklen_t bound_length = sizeof(bound);

	/* A socket that is bound already keeps its address. */
	if (own_address(addr, &own) && getsockname(fd, (struct sockaddr *)&bound, &bound_length) == 0 &&
		bound.sin_port == 0)
		bind_next(fd, (struct sockaddr *)&own, sizeof(own));
	return next(fd, addr, length);
}
