#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ggml.h>

#include "measure.h"
#include "stock_peer.h"
#include "wire/command.h"

enum {
	MAX_ROUNDS = 10000,
	WARM_UP = 10,
	SMALL_AT = 0, /* places of the two numbers in the buffer */
	TWICE_AT = 256,
	BUFFER_SIZE = 4096,
	UID = 7
};

struct remote {
	struct stock_peer peer;
	uint64_t buffer, base;
};

static struct stock_peer peer_connect(const char *host, int port, uint8_t gid_index)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	uint8_t hello[1 + 8 + STOCK_CAPS] = {GW_CMD_HELLO}, reply[8 + HELLO_REPLY];
	struct stock_peer p = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
	int one = 1;
	if (inet_pton(AF_INET, host, &at.sin_addr) != 1 || connect(p.fd, (struct sockaddr *)&at, sizeof(at)))
		die_errno(host);
	setsockopt(p.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	p.rdma = stock_new(gid_index, hello + 9);
	put64(hello + 1, STOCK_CAPS);
	if (write(p.fd, hello, sizeof(hello)) != (ssize_t)sizeof(hello) ||
		recv(p.fd, reply, sizeof(reply), MSG_WAITALL) != (ssize_t)sizeof(reply))
		die("the server does not answer HELLO");
	stock_start(p.rdma, reply + 8 + HELLO_CAPS);
	return p;
}

static void peer_close(struct stock_peer *p)
{
	close(p->fd);
	stock_free(p->rdma);
}

static void request(struct stock_peer *p, uint8_t cmd, const void *body, size_t n)
{
	uint8_t size[8];
	put64(size, n);
	stock_send(p->rdma, &cmd, 1);
	stock_send(p->rdma, size, sizeof(size));
	stock_send(p->rdma, body, n);
}

static void reply(struct stock_peer *p, void *body, size_t n)
{
	uint8_t size[8];
	if (!stock_recv(p->rdma, p->fd, size, sizeof(size)) || get64(size) != n || !stock_recv(p->rdma, p->fd, body, n))
		die("the server ends the connection, or gives another reply");
}

static void describe(uint8_t out[TENSOR], const struct remote *r, uint64_t at)
{
	memset(out, 0, TENSOR);
	put64(out, at + 1);
	put64(out + TENSOR_BUFFER, r->buffer);
	for (int i = 0; i < GGML_MAX_DIMS; i++) {
		put32(out + TENSOR_NE + 4 * i, 1);
		put32(out + TENSOR_NB + 4 * i, sizeof(float));
	}
	put64(out + TENSOR_DATA, r->base + at);
}

static void open_buffer(struct remote *r)
{
	uint8_t body[12] = {0}, answer[16];
	put64(body + 4, BUFFER_SIZE);
	request(&r->peer, GW_CMD_ALLOC_BUFFER, body, sizeof(body));
	reply(&r->peer, answer, sizeof(answer));
	r->buffer = get64(answer);
	put64(body, r->buffer);
	request(&r->peer, GW_CMD_BUFFER_GET_BASE, body, 8);
	reply(&r->peer, answer, 8);
	r->base = get64(answer);
}

static void set(struct remote *r, float value)
{
	uint8_t body[SET_HEADER + sizeof(value)] = {0};
	describe(body, r, SMALL_AT);
	memcpy(body + SET_HEADER, &value, sizeof(value));
	request(&r->peer, GW_CMD_SET_TENSOR, body, sizeof(body));
}

static float get(struct remote *r, uint64_t at)
{
	uint8_t body[GET_BODY] = {0};
	float value;
	describe(body, r, at);
	put64(body + TENSOR + 8, sizeof(value));
	request(&r->peer, GW_CMD_GET_TENSOR, body, sizeof(body));
	reply(&r->peer, &value, sizeof(value));
	return value;
}

static void compute_first(struct remote *r)
{
	uint8_t body[GRAPH_NODES + 8 + 4 + 2 * TENSOR] = {0};
	uint8_t *small = body + GRAPH_NODES + 8 + 4, *twice = small + TENSOR;
	put64(body + 4, UID);
	put32(body + 12, 1);
	put64(body + GRAPH_NODES, TWICE_AT + 1);
	put32(body + GRAPH_NODES + 8, 2);
	describe(small, r, SMALL_AT);
	describe(twice, r, TWICE_AT);
	put32(twice + TENSOR_OP, GGML_OP_ADD);
	put32(twice + TENSOR_FLAGS, GGML_TENSOR_FLAG_COMPUTE);
	put64(twice + TENSOR_SRC, SMALL_AT + 1);
	put64(twice + TENSOR_SRC + 8, SMALL_AT + 1);
	request(&r->peer, GW_CMD_GRAPH_COMPUTE, body, sizeof(body));
}

static void compute_again(struct remote *r)
{
	uint8_t body[12] = {0};
	put64(body + 4, UID);
	request(&r->peer, GW_CMD_GRAPH_RECOMPUTE, body, sizeof(body));
}

static void check(struct remote *r, float value)
{
	float twice = get(r, TWICE_AT);
	if (twice < 2 * value || twice > 2 * value)
		die("the server computed a wrong result");
}

/* The connections of a program that starts: the number of devices, the buffer type, and the buffer. */
static void start(struct remote *r, const char *host, int port, uint8_t gid_index)
{
	static const uint8_t device[4];
	uint8_t answer[8];
	struct stock_peer p = peer_connect(host, port, gid_index);
	request(&p, GW_CMD_DEVICE_COUNT, NULL, 0);
	reply(&p, answer, 4);
	peer_close(&p);
	p = peer_connect(host, port, gid_index);
	request(&p, GW_CMD_GET_ALIGNMENT, device, sizeof(device));
	reply(&p, answer, 8);
	request(&p, GW_CMD_GET_MAX_SIZE, device, sizeof(device));
	reply(&p, answer, 8);
	peer_close(&p);
	r->peer = peer_connect(host, port, gid_index);
	open_buffer(r);
	set(r, 1);
	compute_first(r);
	check(r, 1);
}

void stock_client(const char *host, int port, uint8_t gid_index, int rounds)
{
	static double reads[MAX_ROUNDS], computes[MAX_ROUNDS];
	struct remote r;
	size_t n = (size_t)(rounds < MAX_ROUNDS ? rounds : MAX_ROUNDS);
	double begin = now_us();
	start(&r, host, port, gid_index);
	printf("connect_ms=%.1f\n", (now_us() - begin) / 1e3);
	for (size_t i = 0; i < WARM_UP + n; i++) {
		begin = now_us();
		(void)get(&r, SMALL_AT);
		if (i >= WARM_UP)
			reads[i - WARM_UP] = now_us() - begin;
	}
	for (size_t i = 0; i < WARM_UP + n; i++) {
		begin = now_us();
		set(&r, (float)i);
		compute_again(&r);
		check(&r, (float)i);
		if (i >= WARM_UP)
			computes[i - WARM_UP] = now_us() - begin;
	}
	print_times("read", 1, reads, n);
	print_times("token", 1, computes, n);
	peer_close(&r.peer);
}
