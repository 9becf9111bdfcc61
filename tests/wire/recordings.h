/* The recorded sessions (tests/golden/README.md) in which a client uses tensors. */
#ifndef GW_TESTS_WIRE_RECORDINGS_H
#define GW_TESTS_WIRE_RECORDINGS_H

#include <stddef.h>
#include <string.h>

static const char *const recordings[][2] = {
	{"4.0.0", "02-norm-of-view"},
	{"4.0.0", "03-add-id"},
	{"4.0.0", "04-get-rows-of-q1_0"},
	{"4.0.0", "05-set-rows"},
	{"4.0.0", "06-soft-max"},
	{"4.0.0", "07-top-k"},
	{"4.0.0", "08-mul-mat-of-q4_0"},
	{"4.0.0", "09-rope"},
	{"4.0.0", "10-unary"},
	{"4.0.0", "11-glu"},
	{"4.0.3", "add-1"},
	{"4.0.3", "get_rows-1"},
	{"4.0.3", "rope-1"},
	{"4.0.3", "set_rows-1"},
	{"5.0.0", "gated_delta_net-1"},
	{"5.0.0", "gated_delta_net-2"},
	{"5.0.0", "get_rows-1"},
	{"5.0.0", "mul_mat-1"},
	{"5.0.0", "set_rows-1"},
	{"5.0.0", "soft_max-1"},
	{"6.0.0", "add-1"},
	{"6.0.0", "gated_delta_net-1"},
	{"6.0.0", "get_rows-1"},
	{"6.0.0", "mul_mat-1"},
	{"6.0.0", "set_rows-1"},
	{"7.0.0", "gated_delta_net-1"},
	{"7.0.0", "get_rows-1"},
	{"7.0.0", "mul_mat-1"},
	{"7.0.0", "rope-offset"},
	{"7.0.0", "set_rows-1"},
	{"7.0.0", "soft_max-1"},
	{"8.0.0", "01-llama-load-prompt-decode"},
	{"8.0.0", "02-ops-0-48"},
};

/* Calls f for each recording of the version. Fails the test if there is none. */
static inline void each_recording(const char *version, void (*f)(const char *version, const char *name))
{
	size_t n = 0;
	for (size_t i = 0; i < sizeof(recordings) / sizeof(recordings[0]); i++) {
		if (strcmp(recordings[i][0], version) != 0)
			continue;
		f(version, recordings[i][1]);
		n++;
	}
	assert_true(n > 0);
}

/* Defines one test for each version, which calls f for its recordings. */
#define EACH_VERSION(f)                                        \
	static void recordings_of(void **state)                \
	{                                                      \
		each_recording(*state, f);                     \
	}                                                      \
	static const struct CMUnitTest version_tests[] = {     \
		{"4.0.0", recordings_of, NULL, NULL, "4.0.0"}, \
		{"4.0.3", recordings_of, NULL, NULL, "4.0.3"}, \
		{"5.0.0", recordings_of, NULL, NULL, "5.0.0"}, \
		{"6.0.0", recordings_of, NULL, NULL, "6.0.0"}, \
		{"7.0.0", recordings_of, NULL, NULL, "7.0.0"}, \
		{"8.0.0", recordings_of, NULL, NULL, "8.0.0"}, \
	}

#endif
