/* The status page: src/daemon/status/page.html, put into the program when it is built. */
#ifndef GW_DAEMON_STATUS_PAGE_H
#define GW_DAEMON_STATUS_PAGE_H

#include <stddef.h>

extern const unsigned char gw_page[];
extern const size_t gw_page_size;

/* A placeholder in the page for a number that is used for one reply, and of the same length. */
#define GW_PAGE_NONCE "nonce-nonce-nonce-nonce-nonce-no"

#endif
