/* Encryption of the connection between two servers. Its key is made of two secrets, which each server gets from the
 * client inside TLS. */
#ifndef GW_DEVICE_PEERS_ENCRYPTION_H
#define GW_DEVICE_PEERS_ENCRYPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "transport/transport.h"
#include "wire/peers.h"

/* What is presented in place of an encrypted link's secret: it crosses the network in the clear, and tells nothing
 * about the secret or the key. Errors as gw_tls_check. */
enum gw_status gw_peers_public_id(
	const uint8_t secret[GW_PEERS_SECRET], uint8_t out[GW_PEERS_SECRET], struct gw_error *err);

/* Both ends shake hands over *t, on which the id has been presented and nothing else. opened: by this end. On success
 * *t is the TLS connection, which owns the old one; on failure it is unchanged, and unusable. Errors as gw_tls_connect
 * and gw_tls_accept. Blocks for five seconds at most. */
enum gw_status gw_peers_encrypt(struct gw_transport **t, bool opened, const uint8_t secret[GW_PEERS_SECRET],
	const uint8_t proof[GW_PEERS_SECRET], struct gw_error *err);

#endif
