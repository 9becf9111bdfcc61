#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ggml-backend.h>
#include <ggml.h>

#include "measure.h"
#include "stock_peer.h"
#include "wire/command.h"

enum {
	ALIGNMENT = 64,
	MEMORY = 1 << 30,
	THREADS = 1 /* the stock server's default on two processors */
};

/* The last graph: an addition of two numbers. */
struct session {
	struct stock_peer peer;
	ggml_backend_t cpu;
	struct ggml_context *context;
	struct ggml_cgraph *graph;
	uint8_t *buffer;
	size_t size;
	uint8_t *body;
};

static void reply(struct session *s, const void *body, size_t n)
{
	uint8_t size[8];
	put64(size, n);
	stock_send(s->peer.rdma, size, sizeof(size));
	stock_send(s->peer.rdma, body, n);
}

static void reply64(struct session *s, uint64_t value)
{
	uint8_t body[8];
	put64(body, value);
	reply(s, body, sizeof(body));
}

/* The buffer's memory of a tensor, of which the request means n bytes from offset on. */
static uint8_t *place(const struct session *s, const uint8_t *tensor, uint64_t offset, uint64_t n)
{
	uint64_t at = get64(tensor + TENSOR_DATA) - (uint64_t)(uintptr_t)s->buffer;
	if (!s->buffer || at > s->size || offset > s->size - at || n > s->size - at - offset)
		die("a tensor lies outside the buffer");
	return s->buffer + at + offset;
}

static void allocate(struct session *s)
{
	uint8_t body[16];
	s->size = get64(s->body + 4);
	free(s->buffer);
	s->buffer =
		s->size <= MEMORY ? aligned_alloc(ALIGNMENT, (s->size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT) : NULL;
	put64(body, (uint64_t)(uintptr_t)s->buffer);
	put64(body + 8, s->buffer ? s->size : 0);
	reply(s, body, sizeof(body));
}

static const uint8_t *find(const uint8_t *tensors, uint32_t n, uint64_t id)
{
	for (uint32_t i = 0; i < n; i++)
		if (get64(tensors + (size_t)i * TENSOR) == id)
			return tensors + (size_t)i * TENSOR;
	die("a graph without one of its tensors");
}

static struct ggml_tensor *number(struct session *s, const uint8_t *tensor)
{
	struct ggml_tensor *t = ggml_new_tensor_1d(s->context, GGML_TYPE_F32, 1);
	t->data = place(s, tensor, 0, sizeof(float));
	return t;
}

static void build(struct session *s, size_t size)
{
	const uint8_t *nodes = s->body + GRAPH_NODES;
	uint32_t n_nodes = get32(s->body + 12), n = get32(nodes + 8);
	struct ggml_init_params params = {
		.mem_size = 4 * ggml_tensor_overhead() + ggml_graph_overhead(), .no_alloc = true};
	if (n_nodes != 1 || size != GRAPH_NODES + 8 + 4 + (size_t)n * TENSOR)
		die("not the graph that is measured");
	const uint8_t *node = find(nodes + 12, n, get64(nodes));
	if (get32(node + TENSOR_OP) != GGML_OP_ADD)
		die("not an addition");
	ggml_free(s->context);
	s->context = ggml_init(params);
	struct ggml_tensor *a = number(s, find(nodes + 12, n, get64(node + TENSOR_SRC)));
	struct ggml_tensor *sum = ggml_add(s->context, a, a);
	sum->data = place(s, node, 0, sizeof(float));
	s->graph = ggml_new_graph(s->context);
	ggml_build_forward_expand(s->graph, sum);
}

static void compute(struct session *s)
{
	if (ggml_backend_graph_compute(s->cpu, s->graph) != GGML_STATUS_SUCCESS)
		die("the graph was not computed");
}

static void execute(struct session *s, unsigned cmd, size_t size)
{
	static const uint8_t one_device[4] = {1};
	uint64_t memory[2] = {MEMORY, MEMORY};
	uint64_t n = size >= GET_BODY ? get64(s->body + TENSOR + 8) : 0;
	switch (cmd) {
	case GW_CMD_DEVICE_COUNT:
		return reply(s, one_device, sizeof(one_device));
	case GW_CMD_GET_ALIGNMENT:
		return reply64(s, ALIGNMENT);
	case GW_CMD_GET_MAX_SIZE:
		return reply64(s, UINT64_MAX);
	case GW_CMD_GET_DEVICE_MEMORY:
		return reply(s, memory, sizeof(memory));
	case GW_CMD_ALLOC_BUFFER:
		return allocate(s);
	case GW_CMD_BUFFER_GET_BASE:
		return reply64(s, get64(s->body));
	case GW_CMD_SET_TENSOR:
		memcpy(place(s, s->body, get64(s->body + SET_OFFSET), size - SET_HEADER), s->body + SET_HEADER,
			size - SET_HEADER);
		return;
	case GW_CMD_GET_TENSOR:
		return reply(s, place(s, s->body, get64(s->body + TENSOR), n), n);
	case GW_CMD_GRAPH_COMPUTE:
		build(s, size);
		return compute(s);
	case GW_CMD_GRAPH_RECOMPUTE:
		return compute(s);
	case GW_CMD_FREE_BUFFER:
	case GW_CMD_BUFFER_CLEAR:
		return;
	default:
		die(gw_cmd_name(cmd));
	}
}

static bool serve_one(struct session *s)
{
	uint8_t cmd, size[8];
	struct stock_peer *p = &s->peer;
	if (!stock_recv(p->rdma, p->fd, &cmd, 1) || !stock_recv(p->rdma, p->fd, size, sizeof(size)))
		return false;
	if (get64(size) > PIECE_MAX)
		die("a request that is too large");
	if (!stock_recv(p->rdma, p->fd, s->body, get64(size)))
		return false;
	execute(s, cmd, get64(size));
	return true;
}

static void serve(struct session *s, uint8_t gid_index)
{
	uint8_t hello[1 + 8 + STOCK_CAPS], answer[8 + HELLO_REPLY] = {0};
	struct stock_peer *p = &s->peer;
	int one = 1;
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (recv(p->fd, hello, sizeof(hello), MSG_WAITALL) != (ssize_t)sizeof(hello) || hello[0] != GW_CMD_HELLO)
		die("a client without HELLO");
	p->rdma = stock_new(gid_index, answer + 8 + HELLO_CAPS);
	put64(answer, HELLO_REPLY);
	answer[8] = 8;
	if (write(p->fd, answer, sizeof(answer)) != (ssize_t)sizeof(answer))
		die_errno("HELLO");
	stock_start(p->rdma, hello + 9);
	while (serve_one(s)) {
	}
	stock_free(p->rdma);
	close(p->fd);
}

static ggml_backend_t cpu_open(const char *plugin)
{
	ggml_backend_reg_t cpu = ggml_backend_load(plugin);
	ggml_backend_t backend = cpu ? ggml_backend_dev_init(ggml_backend_reg_dev_get(cpu, 0), NULL) : NULL;
	ggml_backend_set_n_threads_t set_threads =
		cpu ? (ggml_backend_set_n_threads_t)ggml_backend_reg_get_proc_address(cpu, "ggml_backend_set_n_threads")
		    : NULL;
	if (!backend || !set_threads)
		die("the CPU backend does not load");
	set_threads(backend, THREADS);
	return backend;
}

void stock_server(const char *host, uint8_t gid_index, const char *cpu_plugin)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t length = sizeof(at);
	struct session s = {.cpu = cpu_open(cpu_plugin), .body = malloc(PIECE_MAX)};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	if (!s.body || inet_pton(AF_INET, host, &at.sin_addr) != 1 ||
		bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 1) ||
		getsockname(listener, (struct sockaddr *)&at, &length))
		die_errno(host);
	printf("listening on %s:%d\n", host, ntohs(at.sin_port));
	fflush(stdout);
	for (;;) {
		s.peer.fd = accept(listener, NULL, NULL);
		if (s.peer.fd < 0)
			die_errno("accept");
		serve(&s, gid_index);
	}
}
