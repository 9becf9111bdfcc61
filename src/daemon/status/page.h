/* The status page: src/daemon/status/page.html, put into the program when it is built. */
#ifndef GW_DAEMON_STATUS_PAGE_H
#define GW_DAEMON_STATUS_PAGE_H

#include <stddef.h>

extern const unsigned char gw_page[];
extern const size_t gw_page_size;

/* Stands in the page wherever a number that is good for one answer has to be, and is as long. */
#define GW_PAGE_NONCE "nonce-nonce-nonce-nonce-nonce-no"

#endif
