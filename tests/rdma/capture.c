/* Summarises a capture of one Ethernet link: frames of RoCE v2, and bytes over TCP. Prints key=value lines. Reads the
 * classic pcap format in this machine's byte order. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PCAP_MAGIC = (int)0xa1b2c3d4,
	ETHERNET = 14,
	IPV4_MIN = 20,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PORT_ROCE = 4791,
	FRAME_MAX = 1 << 18
};

struct totals {
	unsigned long long roce_frames, roce_bytes, tcp_frames, tcp_bytes;
};

static unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Uses the lengths in the headers, because captured frames may be truncated. */
static void count(struct totals *t, const uint8_t *frame, uint32_t size)
{
	if (size < ETHERNET + IPV4_MIN + 20 || be16(frame + 12) != 0x0800)
		return;
	const uint8_t *ip = frame + ETHERNET;
	unsigned header = (ip[0] & 15u) * 4, total = be16(ip + 2);
	const uint8_t *inner = ip + header;
	if (header < IPV4_MIN || ETHERNET + header + 14 > size)
		return;
	if (ip[9] == PROTOCOL_UDP && be16(inner + 2) == PORT_ROCE) {
		t->roce_frames++;
		t->roce_bytes += total;
	} else if (ip[9] == PROTOCOL_TCP) {
		unsigned offset = (unsigned)(inner[12] >> 4) * 4;
		t->tcp_frames++;
		if (total > header + offset)
			t->tcp_bytes += total - header - offset;
	}
}

int main(int argc, char **argv)
{
	static uint8_t frame[FRAME_MAX];
	uint32_t head[6], record[4];
	struct totals t = {0};
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
	if (!f || fread(head, sizeof head, 1, f) != 1 || head[0] != (uint32_t)PCAP_MAGIC) {
		fprintf(stderr, "Usage: rdma-capture FILE.pcap\n");
		return EXIT_FAILURE;
	}
	while (fread(record, sizeof record, 1, f) == 1 && record[2] <= FRAME_MAX &&
		fread(frame, 1, record[2], f) == record[2])
		count(&t, frame, record[2]);
	fclose(f);
	printf("roce_frames=%llu\nroce_bytes=%llu\ntcp_frames=%llu\ntcp_bytes=%llu\n", t.roce_frames, t.roce_bytes,
		t.tcp_frames, t.tcp_bytes);
	return EXIT_SUCCESS;
}
