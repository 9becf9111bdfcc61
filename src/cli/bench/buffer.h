/* A buffer on the server, and commands on it as one-dimensional tensors of F32. All block; errors are what to tell the
 * user. */
#ifndef GW_CLI_BENCH_BUFFER_H
#define GW_CLI_BENCH_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "rpc/commands.h"

struct gw_bench_buffer {
	struct gw_client *client;
	uint32_t device;
	uint32_t f32; /* the type's number in the dialect */
	uint64_t handle;
	uint64_t base;
	uint64_t size;
};

/* GW_ERR_NOMEM: the server has no such buffer. */
enum gw_status gw_bench_buffer_new(
	struct gw_client *c, uint32_t device, uint64_t size, struct gw_bench_buffer *out, struct gw_error *err);
enum gw_status gw_bench_buffer_free(struct gw_bench_buffer *b, struct gw_error *err);

/* size bytes at offset, both multiples of 4, as a tensor. */
struct gw_wire_tensor gw_bench_tensor(const struct gw_bench_buffer *b, uint64_t id, uint64_t offset, uint64_t size);

/* Sends data, without waiting for the server. */
enum gw_status gw_bench_set(
	const struct gw_bench_buffer *b, uint64_t offset, const void *data, size_t size, struct gw_error *err);

/* Asks for data; gw_bench_drain waits for it. */
enum gw_status gw_bench_get(const struct gw_bench_buffer *b, uint64_t offset, void *data, size_t size, uint64_t *ticket,
	struct gw_error *err);
enum gw_status gw_bench_drain(struct gw_client *c, uint64_t ticket, struct gw_error *err);

/* Waits until everything before is done, and a read of size bytes has come. */
enum gw_status gw_bench_read(
	const struct gw_bench_buffer *b, uint64_t offset, void *data, size_t size, struct gw_error *err);

#endif
