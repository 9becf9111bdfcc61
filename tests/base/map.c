/* The map agrees with a naive model after each of many random operations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/map.h"

#define KEYS 97

/* Key i: 0, all ones, neighbours, and multiples of high powers of two. */
static uint64_t key_of(unsigned i)
{
	switch (i % 4) {
	case 0:
		return i / 4;
	case 1:
		return UINT64_MAX - i / 4;
	case 2:
		return (uint64_t)(i / 4 + 1) << 48;
	default:
		return (uint64_t)(i / 4) * 336 + UINT64_C(0x7f0012340010);
	}
}

struct model {
	bool present[KEYS];
	void *value[KEYS];
	size_t count;
};

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void *some_value(uint64_t random)
{
	static char things[1000];
	return random % 5 == 0 ? NULL : &things[random % sizeof(things)];
}

static void model_put(struct model *model, unsigned i, void *value)
{
	model->count += !model->present[i];
	model->present[i] = true;
	model->value[i] = value;
}

static void *model_del(struct model *model, unsigned i)
{
	if (!model->present[i])
		return NULL;
	model->present[i] = false;
	model->count--;
	return model->value[i];
}

static void assert_same_key(const struct gw_map *map, const struct model *model, unsigned i)
{
	void *value = map->slots;
	bool found = gw_map_find(map, key_of(i), &value);
	assert_int_equal(found, model->present[i]);
	assert_int_equal(found, gw_map_find(map, key_of(i), NULL));
	assert_ptr_equal(value, found ? model->value[i] : map->slots);
	assert_ptr_equal(gw_map_get(map, key_of(i)), found ? model->value[i] : NULL);
}

static void assert_same(const struct gw_map *map, const struct model *model)
{
	assert_int_equal(map->count, model->count);
	for (unsigned i = 0; i < KEYS; i++)
		assert_same_key(map, model, i);

	size_t pos = 0;
	size_t n = 0;
	uint64_t key;
	void *value;
	while (gw_map_next(map, &pos, &key, &value)) {
		n++;
		assert_ptr_equal(gw_map_get(map, key), value);
	}
	assert_int_equal(n, model->count);
}

/* Removes about half of the entries while iterating. */
static void thin(struct gw_map *map, struct model *model, uint64_t *seed)
{
	size_t pos = 0;
	uint64_t key;
	void *value;
	while (gw_map_next(map, &pos, &key, &value)) {
		if (next_random(seed) & 1)
			continue;
		unsigned i = 0;
		while (key_of(i) != key)
			i++;
		assert_ptr_equal(gw_map_del(map, key), model_del(model, i));
	}
}

static void step(struct gw_map *map, struct model *model, uint64_t *seed)
{
	unsigned i = (unsigned)(next_random(seed) % KEYS);
	uint64_t action = next_random(seed) % 1000;
	if (action < 500) {
		void *value = some_value(next_random(seed));
		assert_int_equal(gw_map_put(map, key_of(i), value), GW_OK);
		model_put(model, i, value);
	} else if (action < 990) {
		assert_ptr_equal(gw_map_del(map, key_of(i)), model_del(model, i));
	} else if (action < 995) {
		thin(map, model, seed);
	} else if (action < 997) {
		gw_map_clear(map);
		memset(model, 0, sizeof(*model));
	} else {
		assert_int_equal(gw_map_reserve(map, i), GW_OK);
	}
}

static void test_agrees_with_model(void **state)
{
	(void)state;
	struct gw_map map = {0};
	struct model model = {0};
	uint64_t seed = 88172645463325252u;
	for (int i = 0; i < 20000; i++) {
		step(&map, &model, &seed);
		assert_same(&map, &model);
	}
	gw_map_free(&map);
	memset(&model, 0, sizeof(model));
	assert_same(&map, &model);
}

/* Values that are no valid pointers on any machine. */
static void test_holds_numbers(void **state)
{
	(void)state;
	struct gw_map map = {0};
	uint64_t value = 1;
	assert_false(gw_map_find_u64(&map, 7, &value));
	assert_true(value == 1);
	assert_int_equal(gw_map_put_u64(&map, 7, UINT64_MAX), GW_OK);
	assert_int_equal(gw_map_put_u64(&map, 8, 0), GW_OK);
	assert_true(gw_map_find_u64(&map, 7, &value) && value == UINT64_MAX);
	assert_true(gw_map_find_u64(&map, 8, &value) && value == 0);
	gw_map_free(&map);
}

static void test_reserved_puts_do_not_move(void **state)
{
	(void)state;
	struct gw_map map = {0};
	assert_int_equal(gw_map_put(&map, 7, &map), GW_OK);
	assert_int_equal(gw_map_reserve(&map, 1000), GW_OK);
	const struct gw_map_slot *slots = map.slots;
	for (uint64_t key = 8; key < 8 + 999; key++)
		assert_int_equal(gw_map_put(&map, key, NULL), GW_OK);
	assert_ptr_equal(map.slots, slots);
	assert_int_equal(map.count, 1000);
	assert_ptr_equal(gw_map_get(&map, 7), &map);
	gw_map_free(&map);
}

static void test_impossible_reserve_is_refused(void **state)
{
	(void)state;
	struct gw_map map = {0};
	assert_int_equal(gw_map_put(&map, 1, &map), GW_OK);
	assert_int_equal(gw_map_reserve(&map, SIZE_MAX), GW_ERR_NOMEM);
	assert_ptr_equal(gw_map_get(&map, 1), &map);
	gw_map_free(&map);
}

/* A key that is added and removed again and again leaves tombstones, which must not make the table grow. */
static void test_churn_does_not_grow(void **state)
{
	(void)state;
	struct gw_map map = {0};
	for (uint64_t key = 0; key < 100000; key++) {
		assert_int_equal(gw_map_put(&map, key, &map), GW_OK);
		assert_ptr_equal(gw_map_del(&map, key), &map);
	}
	assert_int_equal(map.count, 0);
	assert_true(map.capacity <= 64);
	gw_map_free(&map);
}

/* A key that is added again reuses its tombstone, so a reserved table does not move. */
static void test_keys_added_again_need_no_room(void **state)
{
	(void)state;
	struct gw_map map = {0};
	assert_int_equal(gw_map_reserve(&map, 10), GW_OK);
	const struct gw_map_slot *slots = map.slots;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(gw_map_put(&map, 5, &map), GW_OK);
		assert_ptr_equal(gw_map_del(&map, 5), &map);
	}
	assert_ptr_equal(map.slots, slots);
	assert_int_equal(map.used, 1);
	gw_map_free(&map);
}

/* The time to put and get n multiples of 2^shift. */
static uint64_t time_multiples(uint64_t n, unsigned shift)
{
	struct gw_map map = {0};
	uint64_t start = gw_clock_ns();
	for (uint64_t i = 0; i < n; i++)
		assert_int_equal(gw_map_put(&map, i << shift, &map), GW_OK);
	for (uint64_t i = 0; i < n; i++)
		assert_ptr_equal(gw_map_get(&map, i << shift), &map);
	uint64_t end = gw_clock_ns();
	assert_int_equal(map.count, n);
	gw_map_free(&map);
	return end - start;
}

/* For multiples of any power of two, a put and a get must stay far below the ten microseconds of colliding keys. The
 * machine may be busy, so the best of several attempts counts. */
static void test_aligned_keys_do_not_collide(void **state)
{
	(void)state;
	const uint64_t n = 4096;
	for (unsigned shift = 0; shift <= 52; shift++) {
		int attempts = 20;
		while (attempts > 0 && time_multiples(n, shift) > n * 4000)
			attempts--;
		if (attempts == 0)
			fail_msg("multiples of 2^%u collide", shift);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees_with_model),
		cmocka_unit_test(test_holds_numbers),
		cmocka_unit_test(test_reserved_puts_do_not_move),
		cmocka_unit_test(test_impossible_reserve_is_refused),
		cmocka_unit_test(test_churn_does_not_grow),
		cmocka_unit_test(test_keys_added_again_need_no_room),
		cmocka_unit_test(test_aligned_keys_do_not_collide),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
