#include "device/weights/blob.h"

#include <errno.h>
#include <unistd.h>

void gw_blob_begin(struct gw_blob *b, int fd, uint64_t offset, uint64_t size, const struct gw_sums *expected)
{
	*b = (struct gw_blob){.fd = fd, .at = offset, .left = size, .expected = *expected};
	gw_digest_begin(&b->digest, !expected->has_xxh3 || !gw_xxh3_available(), expected->has_xxh3);
}

enum gw_status gw_blob_read(struct gw_blob *b, void *data, size_t size)
{
	uint8_t *p = data;

	while (size > 0) {
		ssize_t n = pread(b->fd, p, size, (off_t)b->at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || (uint64_t)n > b->left)
			return GW_ERR_SYSTEM;
		gw_digest_update(&b->digest, p, (size_t)n);
		p += n;
		size -= (size_t)n;
		b->at += (uint64_t)n;
		b->left -= (uint64_t)n;
	}
	return GW_OK;
}

bool gw_blob_end(struct gw_blob *b)
{
	struct gw_sums sums = gw_digest_end(&b->digest);

	return b->left == 0 && gw_sums_agree(&sums, &b->expected);
}
