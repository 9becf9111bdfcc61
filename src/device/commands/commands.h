/* What executes each command. A handler decodes, validates, executes and replies; an error ends the session. */
#ifndef GW_DEVICE_COMMANDS_COMMANDS_H
#define GW_DEVICE_COMMANDS_COMMANDS_H

#include <stddef.h>
#include <stdint.h>

#include "device/session/session.h"

/* A request whose whole body was read. */
typedef enum gw_status (*gw_body_handler)(struct gw_session *s, const void *body, size_t size, struct gw_error *err);

/* A request that the handler reads itself, all of it. */
typedef enum gw_status (*gw_stream_handler)(struct gw_session *s, struct gw_error *err);

/* device.c */
enum gw_status gw_do_device_count(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_get_alignment(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_get_max_size(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_get_device_memory(struct gw_session *s, const void *body, size_t size, struct gw_error *err);

/* comm.c */
enum gw_status gw_do_comm_init(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_comm_allreduce(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_comm_free(struct gw_session *s, const void *body, size_t size, struct gw_error *err);

/* link.c */
enum gw_status gw_do_ext_link(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_ext_group(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_ext_allreduce(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_ext_send(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_ext_receive(struct gw_session *s, const void *body, size_t size, struct gw_error *err);

/* buffer.c */
enum gw_status gw_do_alloc_buffer(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_ext_alive(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_ext_alloc(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_buffer_get_base(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_free_buffer(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_buffer_clear(struct gw_session *s, const void *body, size_t size, struct gw_error *err);

/* tensor.c */
enum gw_status gw_do_set_tensor(struct gw_session *s, struct gw_error *err);
enum gw_status gw_do_set_tensor_2d(struct gw_session *s, struct gw_error *err);
enum gw_status gw_do_get_tensor(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_get_tensor_2d(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_memset_tensor(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_copy_tensor(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_init_tensor(struct gw_session *s, const void *body, size_t size, struct gw_error *err);

/* hash.c */
enum gw_status gw_do_set_tensor_hash(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_ext_set_tensor_xxh3(struct gw_session *s, const void *body, size_t size, struct gw_error *err);

/* graph.c */
enum gw_status gw_do_graph_compute(struct gw_session *s, struct gw_error *err);
enum gw_status gw_do_graph_recompute(struct gw_session *s, const void *body, size_t size, struct gw_error *err);

/* query.c */
enum gw_status gw_do_get_alloc_size(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_ext_info(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_ext_status(struct gw_session *s, const void *body, size_t size, struct gw_error *err);
enum gw_status gw_do_ext_supports_op(struct gw_session *s, const void *body, size_t size, struct gw_error *err);

/* Has graphs that were not used for longest make room in the budget for so many bytes, as far as they can: for a graph
 * of the device, or, with NULL, for something else. */
void gw_make_room(struct gw_session *s, struct gw_device *device, uint64_t bytes);

/* stream.c */
enum gw_status gw_do_ext_stream(struct gw_session *s, struct gw_error *err);

/* A body that its decoder did not take. */
static inline enum gw_status gw_refuse_body(size_t size, struct gw_error *err)
{
	return gw_error_set(err, GW_ERR_PROTOCOL, "invalid size: %zu bytes", size);
}

#endif
