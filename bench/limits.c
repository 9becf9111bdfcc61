/* Measures this machine in the same run: loopback TCP, memcpy, and FNV-1a as a stock peer computes it. Prints key=value
 * lines: times in microseconds, rates in 10^9 bytes per second. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "measure.h"
#include "tcp.h"

enum {
	PING_BYTES = 64,
	PINGS = 10000,
	STREAM_CHUNK = 256 << 10,
	RUNS = 5
};
#define STREAM_BYTES ((size_t)1 << 30)
#define LOAD_BYTES ((size_t)512 << 20)
#define COPY_BYTES ((size_t)128 << 20)
#define HASH_BYTES ((size_t)32 << 20)

static uint8_t *fresh_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		die_errno("mmap");
	return memory;
}

static uint8_t *touched_memory(size_t bytes)
{
	uint8_t *memory = fresh_memory(bytes);
	for (size_t i = 0; i < bytes; i += 64)
		memory[i] = (uint8_t)(i * 2654435761u >> 13);
	return memory;
}

struct stream {
	int fd;
	const uint8_t *source;
	size_t source_bytes, total;
};

static void *stream_thread(void *arg)
{
	const struct stream *s = arg;
	for (size_t sent = 0; sent < s->total; sent += STREAM_CHUNK)
		if (!tcp_send(s->fd, s->source + sent % s->source_bytes, STREAM_CHUNK))
			die_errno("stream");
	return NULL;
}

/* The rate of one connection in gigabytes per second: sends total bytes from, and receives them into, areas of the
 * given sizes, again and again. */
static double tcp_stream(const uint8_t *source, size_t source_bytes, uint8_t *sink, size_t sink_bytes, size_t total)
{
	int fds[2];
	pthread_t thread;
	tcp_pair(NULL, NULL, fds);
	struct stream s = {fds[0], source, source_bytes, total};
	double start = now_us();
	if (pthread_create(&thread, NULL, stream_thread, &s))
		die_errno("thread");
	for (size_t got = 0; got < total; got += STREAM_CHUNK)
		if (!tcp_recv(fds[1], sink + got % sink_bytes, STREAM_CHUNK))
			die_errno("stream");
	double elapsed = now_us() - start;
	pthread_join(thread, NULL);
	close(fds[0]);
	close(fds[1]);
	return (double)total / elapsed / 1e3;
}

static double stream_rate(void)
{
	uint8_t *source = touched_memory(STREAM_CHUNK), *sink = touched_memory(STREAM_CHUNK);
	double rates[3];
	for (int i = 0; i < 3; i++)
		rates[i] = tcp_stream(source, STREAM_CHUNK, sink, STREAM_CHUNK, STREAM_BYTES);
	munmap(source, STREAM_CHUNK);
	munmap(sink, STREAM_CHUNK);
	return median(rates, 3);
}

/* Imitates a load: from memory that is in no cache into untouched pages, which may be huge. */
static double load_rate(bool huge)
{
	uint8_t *source = touched_memory(LOAD_BYTES);
	double rates[3];
	for (int i = 0; i < 3; i++) {
		uint8_t *sink = fresh_memory(LOAD_BYTES);
		if (huge)
			madvise(sink, LOAD_BYTES, MADV_HUGEPAGE);
		rates[i] = tcp_stream(source, LOAD_BYTES, sink, LOAD_BYTES, LOAD_BYTES);
		munmap(sink, LOAD_BYTES);
	}
	munmap(source, LOAD_BYTES);
	return median(rates, 3);
}

static double memcpy_rate(void)
{
	uint8_t *from = touched_memory(COPY_BYTES), *to = touched_memory(COPY_BYTES);
	double rates[RUNS];
	for (int i = 0; i < RUNS; i++) {
		double start = now_us();
		memcpy(to, from, COPY_BYTES);
		__asm__ volatile("" : : "r"(to) : "memory");
		rates[i] = (double)COPY_BYTES / (now_us() - start) / 1e3;
	}
	munmap(from, COPY_BYTES);
	munmap(to, COPY_BYTES);
	return median(rates, RUNS);
}

static double fnv1a_rate(void)
{
	uint8_t *bytes = touched_memory(HASH_BYTES);
	double rates[RUNS];
	for (int i = 0; i < RUNS; i++) {
		double start = now_us();
		uint64_t hash = UINT64_C(0xcbf29ce484222325);
		for (size_t k = 0; k < HASH_BYTES; k++)
			hash = (hash ^ bytes[k]) * UINT64_C(0x100000001b3);
		__asm__ volatile("" : : "r"(hash));
		rates[i] = (double)HASH_BYTES / (now_us() - start) / 1e3;
	}
	munmap(bytes, HASH_BYTES);
	return median(rates, RUNS);
}

int main(void)
{
	int fds[2];
	tcp_pair(NULL, NULL, fds);
	printf("tcp_rtt=%.2f\n", tcp_round_trip_us(fds, PING_BYTES, PINGS, false));
	printf("tcp_stream=%.3f\n", stream_rate());
	printf("tcp_load=%.3f\n", load_rate(false));
	printf("tcp_load_huge=%.3f\n", load_rate(true));
	printf("memcpy=%.3f\n", memcpy_rate());
	printf("fnv1a=%.3f\n", fnv1a_rate());
	return EXIT_SUCCESS;
}
