/* A client or a server of the protocol 8.0.0 over a stand-in for stock's RDMA transport, to measure ours against. */
#include "stock_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t get64(const uint8_t *from)
{
	uint64_t value;
	memcpy(&value, from, sizeof(value));
	return value;
}

uint32_t get32(const uint8_t *from)
{
	uint32_t value;
	memcpy(&value, from, sizeof(value));
	return value;
}

void put64(uint8_t *to, uint64_t value)
{
	memcpy(to, &value, sizeof(value));
}

void put32(uint8_t *to, uint32_t value)
{
	memcpy(to, &value, sizeof(value));
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "serve"))
		stock_server(argv[2], (uint8_t)atoi(argv[3]), argv[4]);
	if (argc != 6 || strcmp(argv[1], "measure") != 0) {
		fputs("Usage: bench-stock-rdma serve HOST GID_INDEX CPU_PLUGIN\n"
		      "       bench-stock-rdma measure HOST PORT GID_INDEX ROUNDS\n",
			stderr);
		return 2;
	}
	stock_client(argv[2], atoi(argv[3]), (uint8_t)atoi(argv[4]), atoi(argv[5]));
	return 0;
}
