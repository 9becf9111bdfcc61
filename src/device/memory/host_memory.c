#include "device/memory/host_memory.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

static atomic_uint n_mapped;

/* Around the pages: an inaccessible one before them; a read-only one and an inaccessible one after them. */
static size_t whole(size_t n_bytes, size_t page)
{
	return n_bytes + 3 * page;
}

static enum gw_status map(size_t size, size_t page, struct gw_host_memory *out)
{
	if (size > PTRDIFF_MAX - 4 * page)
		return GW_ERR_NOMEM;
	size_t n_bytes = (size + page - 1) / page * page;
	uint8_t *base = mmap(NULL, whole(n_bytes, page), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		return GW_ERR_NOMEM;
	uint8_t *pages = base + page;
	if (mprotect(pages, n_bytes, PROT_READ | PROT_WRITE) || mprotect(pages + n_bytes, page, PROT_READ)) {
		munmap(base, whole(n_bytes, page));
		return GW_ERR_NOMEM;
	}
	size_t aligned = (size + GW_HOST_MEMORY_ALIGN - 1) / GW_HOST_MEMORY_ALIGN * GW_HOST_MEMORY_ALIGN;
	*out = (struct gw_host_memory){.data = pages + (n_bytes - aligned), .pages = pages, .n_bytes = n_bytes};
	return GW_OK;
}

enum gw_status gw_host_memory_map(size_t size, struct gw_host_memory *out)
{
	enum gw_status st = GW_ERR_LIMIT;

	if (atomic_fetch_add(&n_mapped, 1) < GW_HOST_MEMORY_MAX)
		st = map(size, (size_t)sysconf(_SC_PAGESIZE), out);
	if (st != GW_OK)
		atomic_fetch_sub(&n_mapped, 1);
	return st;
}

void gw_host_memory_unmap(struct gw_host_memory *m)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!m->data)
		return;
	munmap(m->pages - page, whole(m->n_bytes, page));
	atomic_fetch_sub(&n_mapped, 1);
	*m = (struct gw_host_memory){0};
}
