/* Requests about links between servers. */
#ifndef GW_CLI_DUMP_PEERS_H
#define GW_CLI_DUMP_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Print a request's body, without secrets. False, and nothing is printed, if it is malformed. */
bool gw_dump_link_req(FILE *to, const uint8_t *body, size_t size);
bool gw_dump_group_req(FILE *to, const uint8_t *body, size_t size);
bool gw_dump_reduce_req(FILE *to, const uint8_t *body, size_t size);
bool gw_dump_peers_copy_req(FILE *to, const uint8_t *body, size_t size);

#endif
