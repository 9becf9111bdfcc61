#include "impostor.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire/command.h"
#include "wire/cursor.h"
#include "wire/extension.h"
#include "wire/message.h"

static bool receive(int fd, void *out, size_t n)
{
	/* recv with size 0 would block. */
	return n == 0 || recv(fd, out, n, MSG_WAITALL) == (ssize_t)n;
}

static void reply(int fd, const void *body, size_t n)
{
	uint8_t header[GW_REPLY_HEADER];
	gw_put_le64(header, n);
	(void)send(fd, header, sizeof(header), MSG_NOSIGNAL | MSG_MORE);
	(void)send(fd, body, n, MSG_NOSIGNAL);
}

static void reply_hello(int fd, enum impostor_kind kind)
{
	uint8_t body[GW_WIRE_HELLO_RSP];
	struct gw_wire_hello_rsp hello = {.version = {8, 0, 0}, .extensions = kind != IMPOSTOR_LYING};
	if (kind == IMPOSTOR_FUTURE)
		hello.version.major = 9;
	reply(fd, body, gw_wire_hello_rsp_encode(&hello, body));
}

static void reply_info(int fd)
{
	struct gw_ext_device device = {
		.alignment = 32,
		.name = "\x1b[2J\"}\\\n",
		.description = "a\x1b]0;owned\x07\xff\xc2\x9b"
			       "31m\xe2\x80\xae",
	};
	struct gw_ext_info info = {.level = 1, .version = "9\r\n\x1b[31m", .n_devices = 1, .devices = &device};
	struct gw_buf out = {0};
	if (gw_ext_info_encode(&info, &out) == GW_OK)
		reply(fd, out.data, out.len);
	gw_buf_free(&out);
}

static bool discard(int fd, uint64_t n)
{
	uint8_t piece[4096];
	bool more = true;
	for (; more && n > 0; n -= n < sizeof(piece) ? n : sizeof(piece))
		more = receive(fd, piece, n < sizeof(piece) ? (size_t)n : sizeof(piece));
	return more;
}

static void reply_zeros(int fd, const struct gw_wire_get_req *get)
{
	static const uint8_t zeros[65536];
	reply(fd, zeros, get->size < sizeof(zeros) ? (size_t)get->size : sizeof(zeros));
}

/* Further replies of the lying server: a buffer of any requested size, which always contains zeros. */
static bool lie(int fd, uint8_t cmd, uint8_t *body, uint64_t size)
{
	struct gw_wire_alloc_req alloc;
	struct gw_wire_get_req get;
	if (cmd == GW_CMD_ALLOC_BUFFER && gw_wire_alloc_req_decode(body, (size_t)size, &alloc))
		reply(fd, body, gw_wire_alloc_rsp_encode(&(struct gw_wire_alloc_rsp){1, alloc.size}, body));
	else if (cmd == GW_CMD_BUFFER_GET_BASE)
		reply(fd, body, gw_wire_u64_rsp_encode(4096, body));
	else if (cmd == GW_CMD_GET_TENSOR && gw_wire_get_req_decode(&gw_dialect_newest, body, (size_t)size, &get))
		reply_zeros(fd, &get);
	else
		return cmd == GW_CMD_FREE_BUFFER;
	return true;
}

/* Returns false when the conversation is over. */
static bool answer(int fd, enum impostor_kind kind)
{
	uint8_t header[GW_REQUEST_HEADER], body[GW_WIRE_MAX_FIXED];
	if (!receive(fd, header, sizeof(header)))
		return false;
	uint64_t size = gw_le64(header + 1);
	if (header[0] == GW_CMD_SET_TENSOR)
		return discard(fd, size);
	if (size > sizeof(body) || !receive(fd, body, (size_t)size))
		return false;
	if (header[0] == GW_CMD_HELLO)
		reply_hello(fd, kind);
	else if (header[0] == GW_CMD_EXT_INFO)
		reply_info(fd);
	else if (header[0] == GW_CMD_GET_DEVICE_MEMORY)
		reply(fd, body, gw_wire_memory_rsp_encode(&(struct gw_wire_memory_rsp){UINT64_MAX, 1}, body));
	else if (kind == IMPOSTOR_MUTE)
		pause();
	else if (header[0] == GW_CMD_DEVICE_COUNT && kind != IMPOSTOR_LEAVING)
		reply(fd, body, gw_wire_count_rsp_encode(kind == IMPOSTOR_LYING ? 1 : UINT32_MAX, body));
	else
		return kind == IMPOSTOR_LYING && lie(fd, header[0], body, size);
	return true;
}

static void meet(int fd, enum impostor_kind kind)
{
	static const char http[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	char byte;
	switch (kind) {
	case IMPOSTOR_HTTP:
		(void)recv(fd, &byte, 1, 0);
		(void)send(fd, http, sizeof(http) - 1, MSG_NOSIGNAL);
		break;
	case IMPOSTOR_SILENT:
		pause();
		break;
	case IMPOSTOR_HANG_UP:
		shutdown(fd, SHUT_WR);
		break;
	case IMPOSTOR_RESET:
		(void)recv(fd, &byte, 1, 0);
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		break;
	default:
		while (answer(fd, kind))
			;
	}
}

static void serve(int listener, enum impostor_kind kind)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;) {
		meet(fd, kind);
		close(fd);
	}
	_exit(0);
}

void impostor_start(struct impostor *i, enum impostor_kind kind)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(listener >= 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	snprintf(i->endpoint, sizeof(i->endpoint), "127.0.0.1:%u", ntohs(address.sin_port));
	i->pid = fork();
	assert_true(i->pid >= 0);
	if (i->pid == 0)
		serve(listener, kind);
	close(listener);
}

void impostor_stop(struct impostor *i)
{
	kill(i->pid, SIGKILL);
	waitpid(i->pid, NULL, 0);
}
