/* What a server makes of others that lie about who they are, where they are, and how much they send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "device/peers/group.h"
#include "transport/upgrade.h"
#include "wire/cursor.h"

static const uint8_t proof[GW_PEERS_SECRET] = {7};
static const struct gw_link_terms terms = {.opened = true, .mode = GW_TRANSPORT_TCP, .proof = {7}};
static const uint8_t no_rdma[GW_UPGRADE_CAPS];

/* The other end says all that it has to say before it is heard. */
static int other_end(int *fd)
{
	int fds[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	*fd = fds[0];
	return fds[1];
}

static void say(int fd, const void *bytes, size_t n)
{
	assert_int_equal(send(fd, bytes, n, MSG_NOSIGNAL), n);
}

static struct gw_link *link_to(int *other)
{
	uint8_t caps[GW_UPGRADE_CAPS];
	struct gw_link *link;
	int fd;
	*other = other_end(&fd);
	say(*other, proof, sizeof(proof));
	say(*other, no_rdma, sizeof(no_rdma));
	assert_int_equal(gw_link_new(fd, &terms, &link, NULL), GW_OK);
	assert_int_equal(recv(*other, caps, sizeof(caps), MSG_WAITALL), sizeof(caps));
	return link;
}

static void say_header(int fd, enum gw_peers_kind kind, uint32_t number, uint64_t size)
{
	uint8_t header[GW_PEERS_HEADER];
	gw_peers_header_encode(&(struct gw_peers_header){kind, number, size}, header);
	say(fd, header, sizeof(header));
}

static void who_lacks_the_proof_is_no_server(void **state)
{
	uint8_t wrong[GW_PEERS_SECRET] = {8};
	struct gw_link *link;
	struct gw_error err;
	int fd, other = other_end(&fd);
	(void)state;
	say(other, wrong, sizeof(wrong));
	say(other, no_rdma, sizeof(no_rdma));
	assert_int_equal(gw_link_new(fd, &terms, &link, &err), GW_ERR_PROTOCOL);
	assert_non_null(strstr(err.text, "proof"));
	close(other);
	other = other_end(&fd);
	shutdown(other, SHUT_WR);
	assert_int_not_equal(gw_link_new(fd, &terms, &link, &err), GW_OK);
	close(other);
}

/* One all-reduce of two elements with another server. */
static enum gw_status reduce(struct gw_link *link, unsigned steps, float values[2], struct gw_error *err)
{
	const struct gw_buffer buffer = {.is_host = true};
	struct gw_tensor tensor = {.ggml = {.data = values}, .buffer = &buffer};
	const bool computed = true;
	const struct gw_group group = {.size = 2, .links = {NULL, link}};
	const struct gw_group_reduction r = {
		.steps = steps, .elements = 2, .n = 1, .tensors = &tensor, .computed = &computed};
	struct gw_group_memory memory = {0};
	enum gw_status status = gw_group_reduce(&group, &r, &memory, err);
	gw_group_memory_free(&memory);
	return status;
}

static void honest_servers_add_up(void **state)
{
	const float theirs[2] = {10, 20};
	float values[2] = {1, 2};
	uint8_t sent[GW_PEERS_HEADER + sizeof(theirs)];
	int other;
	struct gw_link *link = link_to(&other);
	(void)state;
	say_header(other, GW_PEERS_ALL, 0, sizeof(theirs));
	say(other, theirs, sizeof(theirs));
	assert_int_equal(reduce(link, 1, values, NULL), GW_OK);
	assert_memory_equal(values, ((float[]){11, 22}), sizeof(values));
	assert_int_equal(recv(other, sent, sizeof(sent), MSG_WAITALL), sizeof(sent));
	assert_int_equal(gw_le32(sent), GW_PEERS_ALL);
	assert_int_equal(gw_le32(sent + 4), 0);
	assert_int_equal(gw_le64(sent + 8), sizeof(theirs));
	assert_memory_equal(sent + GW_PEERS_HEADER, ((float[]){1, 2}), sizeof(theirs));
	/* Two steps: element 0 is this server's to add up. */
	say_header(other, GW_PEERS_SCATTER, 1, sizeof(float));
	say(other, theirs, sizeof(float));
	say_header(other, GW_PEERS_GATHER, 2, sizeof(float));
	say(other, theirs, sizeof(float));
	assert_int_equal(reduce(link, 2, values, NULL), GW_OK);
	assert_memory_equal(values, ((float[]){21, 10}), sizeof(values));
	gw_link_free(link);
	close(other);
}

static void expect_refusal(enum gw_peers_kind kind, uint32_t number, uint64_t size)
{
	struct gw_error err;
	float values[2] = {1, 2};
	int other;
	struct gw_link *link = link_to(&other);
	say_header(other, kind, number, size);
	/* Nothing follows, and it is noticed all the same. */
	assert_int_equal(reduce(link, 1, values, &err), GW_ERR_PROTOCOL);
	assert_non_null(strstr(err.text, "server at "));
	gw_link_free(link);
	close(other);
}

static void a_server_at_another_point_is_noticed(void **state)
{
	(void)state;
	expect_refusal(GW_PEERS_SCATTER, 0, 8);
	expect_refusal(GW_PEERS_ALL, 1, 8);
	expect_refusal(GW_PEERS_ALL, 0, 4);
	expect_refusal(GW_PEERS_ALL, 0, UINT64_MAX);
	expect_refusal(0, 0, 8);
}

static void a_server_that_leaves_in_the_middle_is_lost(void **state)
{
	struct gw_error err;
	float values[2] = {1, 2};
	(void)state;
	for (size_t n = 0; n < 8; n++) {
		int other;
		struct gw_link *link = link_to(&other);
		say_header(other, GW_PEERS_ALL, 0, 8);
		say(other, values, n);
		shutdown(other, SHUT_WR);
		assert_int_equal(reduce(link, 1, values, &err), GW_ERR_LOST);
		assert_non_null(strstr(err.text, "server at "));
		gw_link_free(link);
		close(other);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_lacks_the_proof_is_no_server),
		cmocka_unit_test(honest_servers_add_up),
		cmocka_unit_test(a_server_at_another_point_is_noticed),
		cmocka_unit_test(a_server_that_leaves_in_the_middle_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
