/* A position in a caller's iovec array, for transports that move it piece by piece. */
#ifndef GW_TRANSPORT_IOV_H
#define GW_TRANSPORT_IOV_H

#include <stddef.h>
#include <sys/uio.h>

struct gw_iov_pos {
	const struct iovec *iov;
	int n;
	size_t offset; /* bytes of iov[0] that are done */
};

/* At the first byte of n elements. */
struct gw_iov_pos gw_iov_start(const struct iovec *iov, int n);

/* Describes what comes next with at most max elements, none of them empty, and max_bytes bytes. Returns the number of
 * elements: 0 at the end. */
int gw_iov_peek(const struct gw_iov_pos *pos, struct iovec *out, int max, size_t max_bytes);

/* Moves on by bytes, which must be there. */
void gw_iov_advance(struct gw_iov_pos *pos, size_t bytes);

#endif
