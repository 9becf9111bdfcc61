#include "device/weights/cache_wire.h"

#include <limits.h>
#include <stdbool.h>
#include <unistd.h>

#include "device/weights/cache_store.h"
#include "transport/fd_pass.h"

enum op {
	FIND,
	BEGIN,
	FINISH,
	ABANDON,
	FAIL,
	REMOVE
};

/* Sums without bool members: any bytes are a value. */
struct sums {
	uint64_t fnv, low, high;
	uint32_t has_fnv, has_xxh3;
};

struct request {
	uint64_t op;
	uint64_t size; /* BEGIN; FAIL: the errno */
	struct sums sums;
};

struct reply {
	uint64_t status; /* enum gw_status */
	uint64_t size;   /* FIND */
	struct sums sums;
};

static struct sums pack(const struct gw_sums *s)
{
	return (struct sums){s->fnv, s->xxh3.low, s->xxh3.high, s->has_fnv, s->has_xxh3};
}

static struct gw_sums unpack(const struct sums *s)
{
	return (struct gw_sums){
		.has_fnv = s->has_fnv != 0, .has_xxh3 = s->has_xxh3 != 0, .fnv = s->fnv, .xxh3 = {s->low, s->high}};
}

static enum gw_status post(int sock, const struct request *req)
{
	return gw_fd_send(sock, true, req, sizeof(*req), -1) == GW_OK ? GW_OK : GW_ERR_LOST;
}

/* Waits for a reply, and the file that comes with it if its status is GW_OK. */
static enum gw_status await(int sock, struct reply *rsp, int *fd)
{
	int file;
	enum gw_status st = gw_fd_recv(sock, true, rsp, sizeof(*rsp), &file);

	if (st != GW_OK)
		return st == GW_ERR_PROTOCOL ? st : GW_ERR_LOST;
	if (rsp->status == GW_OK && file >= 0) {
		*fd = file;
		return GW_OK;
	}
	if (file >= 0)
		close(file);
	return rsp->status == GW_OK ? GW_ERR_PROTOCOL : (enum gw_status)rsp->status;
}

enum gw_status gw_cache_ask_find(int sock, struct gw_sums *sums, int *fd, uint64_t *size)
{
	const struct request req = {.op = FIND, .sums = pack(sums)};
	struct reply rsp;
	enum gw_status st = post(sock, &req);

	if (st == GW_OK)
		st = await(sock, &rsp, fd);
	if (st == GW_OK) {
		*sums = unpack(&rsp.sums);
		*size = rsp.size;
	}
	return st;
}

enum gw_status gw_cache_post_begin(int sock, uint64_t size)
{
	return post(sock, &(struct request){.op = BEGIN, .size = size});
}

enum gw_status gw_cache_await_begin(int sock, int *fd)
{
	struct reply rsp;

	return await(sock, &rsp, fd);
}

enum gw_status gw_cache_post_finish(int sock, const struct gw_sums *sums)
{
	return post(sock, &(struct request){.op = FINISH, .sums = pack(sums)});
}

enum gw_status gw_cache_post_abandon(int sock)
{
	return post(sock, &(struct request){.op = ABANDON});
}

enum gw_status gw_cache_post_fail(int sock, int errnum)
{
	return post(sock, &(struct request){.op = FAIL, .size = (uint64_t)errnum});
}

enum gw_status gw_cache_post_remove(int sock, uint64_t fnv)
{
	return post(sock, &(struct request){.op = REMOVE, .sums = {.fnv = fnv, .has_fnv = 1}});
}

static enum gw_status find(struct gw_cache_domain *d, const struct request *req, struct reply *rsp, int *fd)
{
	struct gw_sums sums = unpack(&req->sums);
	if (!sums.has_fnv && !sums.has_xxh3)
		return GW_ERR_NOT_FOUND;
	enum gw_status st = gw_cache_domain_find(d, &sums, fd, &rsp->size);

	rsp->sums = pack(&sums);
	return st;
}

/* What has no answer. */
static enum gw_status execute(struct gw_cache_domain *d, const struct request *req)
{
	const struct gw_sums sums = unpack(&req->sums);

	if (req->op == FINISH)
		(void)gw_cache_domain_finish(d, &sums);
	else if (req->op == ABANDON)
		gw_cache_domain_abandon(d);
	else if (req->op == FAIL)
		gw_cache_domain_fail(d, (int)(req->size & INT_MAX));
	else if (req->op == REMOVE)
		gw_cache_domain_remove(d, sums.fnv);
	else
		return GW_ERR_PROTOCOL;
	return GW_OK;
}

enum gw_status gw_cache_answer(int sock, struct gw_cache_domain *d)
{
	struct request req;
	struct reply rsp = {0};
	int fd = -1;

	enum gw_status st = gw_fd_recv(sock, false, &req, sizeof(req), NULL);
	if (st != GW_OK)
		return st;
	if (req.op != FIND && req.op != BEGIN)
		return execute(d, &req);
	rsp.status = req.op == FIND ? find(d, &req, &rsp, &fd) : gw_cache_domain_begin(d, req.size, &fd);
	st = gw_fd_send(sock, false, &rsp, sizeof(rsp), fd);
	if (fd >= 0)
		close(fd);
	return st;
}
