#include "transport/iov.h"

#include <assert.h>
#include <stdint.h>

static void skip_done(struct gw_iov_pos *pos)
{
	while (pos->n > 0 && pos->offset == pos->iov->iov_len) {
		pos->iov++;
		pos->n--;
		pos->offset = 0;
	}
}

struct gw_iov_pos gw_iov_start(const struct iovec *iov, int n)
{
	struct gw_iov_pos pos = {iov, n, 0};
	skip_done(&pos);
	return pos;
}

int gw_iov_peek(const struct gw_iov_pos *pos, struct iovec *out, int max, size_t max_bytes)
{
	int count = 0;
	size_t offset = pos->offset;
	for (int i = 0; i < pos->n && count < max && max_bytes > 0; i++) {
		size_t left = pos->iov[i].iov_len - offset;
		if (left > max_bytes)
			left = max_bytes;
		if (left > 0)
			out[count++] = (struct iovec){(uint8_t *)pos->iov[i].iov_base + offset, left};
		max_bytes -= left;
		offset = 0;
	}
	return count;
}

void gw_iov_advance(struct gw_iov_pos *pos, size_t bytes)
{
	while (bytes > 0) {
		assert(pos->n > 0);
		size_t left = pos->iov->iov_len - pos->offset;
		size_t step = bytes < left ? bytes : left;
		pos->offset += step;
		bytes -= step;
		skip_done(pos);
	}
}
