/* Messages in words, for people. */
#ifndef GW_CLI_DUMP_MESSAGE_H
#define GW_CLI_DUMP_MESSAGE_H

#include <stdbool.h>
#include <stdio.h>

#include "wire/dialect.h"
#include "wire/recording.h"

/* Prints what a request says, on the current line. With nodes, a graph's nodes follow, a line each. False if the body
 * is not one of this command in this dialect, which is then said instead. */
bool gw_dump_request(FILE *to, const struct gw_dialect *dialect, const struct gw_exchange *exchange, bool nodes);

/* The same for the reply, of an exchange that has one. */
bool gw_dump_reply(FILE *to, const struct gw_dialect *dialect, const struct gw_exchange *exchange);

#endif
