/* Prefaulting makes pages resident and changes nothing else. */
#include "device/memory/prefault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE ((size_t)8 << 20)
#define LEAD ((size_t)1 << 20) /* the most that is left to the writer */
#define WAIT_MS 10000

static struct gw_prefault *p;
static uint8_t *memory;

static int setup(void **state)
{
	(void)state;
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return memory != MAP_FAILED && gw_prefault_new(&p) == GW_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	gw_prefault_free(p);
	return munmap(memory, SIZE);
}

static bool is_there(const uint8_t *at)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char there = 0;
	assert_int_equal(mincore((void *)((uintptr_t)at & ~(page - 1)), page, &there), 0);
	return there & 1;
}

static bool comes(const uint8_t *at)
{
	for (int i = 0; i < WAIT_MS && !is_there(at); i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	return is_there(at);
}

/* Whether the kernel supports it. */
static bool can(void)
{
	uint8_t *one = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(one != MAP_FAILED);
	bool good = madvise(one, 4096, 23) == 0;
	munmap(one, 4096);
	return good;
}

static void only_pages_in_the_range_become_resident(void **state)
{
	(void)state;
	if (!can())
		skip();
	assert_false(is_there(memory + LEAD));
	gw_prefault_range(p, memory, memory + SIZE / 2);
	assert_true(comes(memory + LEAD));
	assert_true(comes(memory + SIZE / 2 - 1));
	assert_false(is_there(memory + SIZE / 2));
	gw_prefault_range(p, memory + SIZE / 2, memory + SIZE);
	assert_true(comes(memory + SIZE - 1));
}

static void contents_stay(void **state)
{
	(void)state;
	memset(memory, 0x5A, SIZE);
	gw_prefault_range(p, memory, memory + SIZE);
	gw_prefault_free(p);
	for (size_t i = 0; i < SIZE; i++)
		assert_int_equal(memory[i], 0x5A);
	assert_int_equal(gw_prefault_new(&p), GW_OK);
}

static void memory_may_be_unmapped_and_mapped_again(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		uint8_t *gone = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_true(gone != MAP_FAILED);
		gw_prefault_range(p, gone, gone + SIZE);
		munmap(gone, SIZE);
	}
	gw_prefault_range(p, memory, memory + 1); /* contains no whole page */
	gw_prefault_range(p, memory, memory + SIZE);
	if (can())
		assert_true(comes(memory + SIZE - 1));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_pages_in_the_range_become_resident),
		TEST(contents_stay),
		TEST(memory_may_be_unmapped_and_mapped_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
