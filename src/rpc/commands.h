/* The commands of the protocol, one function each, with typed arguments and results.
 *
 * A function that returns a result sends its request, with everything that was queued before, and waits for the reply.
 * The others queue their request (gw_client_post) or leave the reply for later (gw_client_get). Results are set on
 * GW_OK only. err may be NULL; it says what went wrong and names the server (gw_client_explain). A command that the
 * server's dialect does not have is GW_ERR_UNSUPPORTED. Threads, blocking and the life of memory: rpc/request.h. */
#ifndef GW_RPC_COMMANDS_H
#define GW_RPC_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "rpc/client.h"
#include "wire/ext_status.h"
#include "wire/extension.h"
#include "wire/message.h"
#include "wire/peers.h"

/* The server. */

/* What the server says about itself and its devices; freed with gw_ext_info_free. A stock server only says how many
 * devices it has: level, texts and flags are then 0 or empty. asker is 0 or GW_EXT_ASKER_TOOL. */
enum gw_status gw_client_describe(struct gw_client *c, uint32_t asker, struct gw_ext_info *out, struct gw_error *err);

/* The shortest round trip there is. */
enum gw_status gw_client_ping(struct gw_client *c, struct gw_error *err);

/* What the server is doing; freed with gw_ext_status_free. GW_ERR_UNSUPPORTED, without asking, unless the server said
 * GW_EXT_SERVER_STATUS to gw_client_describe. */
enum gw_status gw_client_status(struct gw_client *c, struct gw_ext_status *out, struct gw_error *err);

/* Sends n bytes that mean nothing, and asks for dest's bytes. If the server said GW_EXT_SERVER_STREAM. */
enum gw_status gw_client_stream(struct gw_client *c, const void *bytes, size_t n, const struct gw_dest *dest,
	uint64_t *ticket, struct gw_error *err);

/* A device. */

/* Bytes. Asking may cost the server a context on the device. */
enum gw_status gw_client_device_memory(
	struct gw_client *c, uint32_t device, struct gw_wire_memory_rsp *out, struct gw_error *err);
enum gw_status gw_client_alignment(struct gw_client *c, uint32_t device, uint64_t *out, struct gw_error *err);
enum gw_status gw_client_max_size(struct gw_client *c, uint32_t device, uint64_t *out, struct gw_error *err);

/* How many bytes the device wants for a tensor; whether it can execute a node (only ggwire servers are asked). */
enum gw_status gw_client_alloc_size(
	struct gw_client *c, const struct gw_wire_node_req *node, uint64_t *out, struct gw_error *err);
enum gw_status gw_client_supports_op(
	struct gw_client *c, const struct gw_wire_node_req *node, bool *out, struct gw_error *err);

/* Buffers. */

/* Allocates a buffer of at least size bytes and asks for its base address; one request where the server said
 * GW_EXT_SERVER_ALLOC. GW_ERR_NOMEM: the device has no room. GW_ERR_PROTOCOL: the buffer is smaller; it is freed. */
enum gw_status gw_client_alloc_buffer(
	struct gw_client *c, uint32_t device, uint64_t size, struct gw_ext_alloc_rsp *out, struct gw_error *err);
enum gw_status gw_client_free_buffer(struct gw_client *c, uint64_t buffer, struct gw_error *err);
enum gw_status gw_client_clear_buffer(struct gw_client *c, uint64_t buffer, uint8_t value, struct gw_error *err);

/* Tensors. */

enum gw_status gw_client_init_tensor(struct gw_client *c, const struct gw_wire_tensor *tensor, struct gw_error *err);
enum gw_status gw_client_set_tensor(
	struct gw_client *c, const struct gw_wire_set_req *where, const void *data, size_t size, struct gw_error *err);
/* where->n_copies packed rows of where->size bytes. */
enum gw_status gw_client_set_tensor_2d(
	struct gw_client *c, const struct gw_wire_2d_req *where, const void *data, struct gw_error *err);
enum gw_status gw_client_memset_tensor(
	struct gw_client *c, const struct gw_wire_memset_req *what, struct gw_error *err);

/* Whether the server had the bytes, and has written them. */
enum gw_status gw_client_set_tensor_hash(
	struct gw_client *c, const struct gw_wire_set_hash_req *what, bool *had, struct gw_error *err);
enum gw_status gw_client_set_tensor_xxh3(
	struct gw_client *c, const struct gw_wire_xxh3_req *what, bool *had, struct gw_error *err);

enum gw_status gw_client_get_tensor(struct gw_client *c, const struct gw_wire_get_req *what, const struct gw_dest *dest,
	uint64_t *ticket, struct gw_error *err);
enum gw_status gw_client_get_tensor_2d(struct gw_client *c, const struct gw_wire_2d_req *what,
	const struct gw_dest *dest, uint64_t *ticket, struct gw_error *err);

/* Copies one tensor to another of the same server. *done is false if the device declined. */
enum gw_status gw_client_copy_tensor(
	struct gw_client *c, const struct gw_wire_copy_req *what, bool *done, struct gw_error *err);

/* Graphs: body as gw_wire_graph_begin lays it out; and the same graph once more. */
enum gw_status gw_client_compute(struct gw_client *c, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_client_recompute(struct gw_client *c, const struct gw_wire_recompute_req *what, struct gw_error *err);

/* Pairs of servers, of one device each. */

/* Has the server connect to the other one of the pair; *answer, one byte, is 0 if it has not (gw_client_await). */
enum gw_status gw_client_comm_init(struct gw_client *c, const struct gw_wire_comm_init_req *req,
	const struct gw_dest *answer, uint64_t *ticket, struct gw_error *err);

/* Has the server add the other one's tensor to its own. */
enum gw_status gw_client_allreduce(struct gw_client *c, const struct gw_wire_allreduce_req *req, struct gw_error *err);
enum gw_status gw_client_comm_free(struct gw_client *c, uint32_t device, struct gw_error *err);

/* Links between ggwire servers (wire/peers.h), if the server said GW_EXT_SERVER_LINKS or GW_EXT_SERVER_TLS_LINKS. */

/* A step towards a link; *answer, one byte, is 0 if the server could not take it. */
enum gw_status gw_client_link(struct gw_client *c, const struct gw_peers_link_req *req, const struct gw_dest *answer,
	uint64_t *ticket, struct gw_error *err);
enum gw_status gw_client_group(struct gw_client *c, const struct gw_peers_group_req *req, struct gw_error *err);
enum gw_status gw_client_reduce(struct gw_client *c, const struct gw_peers_reduce_req *req, struct gw_error *err);

/* Has the server send bytes over a link, or receive them. */
enum gw_status gw_client_send_to_peer(struct gw_client *c, const struct gw_peers_copy_req *req, struct gw_error *err);
enum gw_status gw_client_receive_from_peer(
	struct gw_client *c, const struct gw_peers_copy_req *req, struct gw_error *err);

#endif
