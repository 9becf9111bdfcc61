/* The fault decorator applies its plan at the planned byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "transport/faulty.h"
#include "transport/loopback.h"

static struct gw_transport *a, *b;

static void make(struct gw_fault_plan plan)
{
	assert_int_equal(gw_loopback_pair(0, &a, &b), GW_OK);
	assert_int_equal(gw_fault_wrap(a, &plan, &a), GW_OK);
}

static void end(void)
{
	a->ops->close(a);
	b->ops->close(b);
}

static enum gw_status send_text(struct gw_transport *t, const char *text)
{
	struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};
	return t->ops->sendv(t, &iov, 1, NULL);
}

static enum gw_status recv_n(struct gw_transport *t, char *in, size_t n)
{
	struct iovec iov = {in, n};
	size_t got;
	return t->ops->recvv(t, &iov, 1, n, &got, NULL);
}

static void cuts_sending_after_the_byte(void **state)
{
	(void)state;
	char in[8] = {0};
	struct gw_fault_plan plan = gw_fault_none;
	plan.cut_send_after = 5;
	make(plan);
	assert_int_equal(send_text(a, "abc"), GW_OK);
	assert_int_equal(send_text(a, "defg"), GW_ERR_LOST);
	assert_int_equal(recv_n(b, in, 5), GW_OK);
	assert_string_equal(in, "abcde");
	assert_int_equal(recv_n(b, in, 1), GW_ERR_CLOSED);
	end();
}

static void cuts_receiving_after_the_byte(void **state)
{
	(void)state;
	char in[8] = {0};
	struct gw_fault_plan plan = gw_fault_none;
	plan.cut_recv_after = 4;
	make(plan);
	assert_int_equal(send_text(b, "abcdefg"), GW_OK);
	assert_int_equal(recv_n(a, in, 3), GW_OK);
	assert_string_equal(in, "abc");
	assert_int_equal(recv_n(a, in, 2), GW_ERR_LOST);
	assert_true(a->ops->readable(a, 0));
	assert_int_equal(send_text(b, "h"), GW_ERR_LOST);
	end();
}

static void flips_the_byte(void **state)
{
	(void)state;
	struct gw_fault_plan plan = gw_fault_none;
	plan.corrupt_recv_at = 4;
	make(plan);
	char first[3], second[4];
	struct iovec iov[] = {{first, 3}, {second, 4}};
	size_t got;
	assert_int_equal(send_text(b, "abcdefg"), GW_OK);
	assert_int_equal(a->ops->recvv(a, iov, 2, 7, &got, NULL), GW_OK);
	assert_memory_equal(first, "abc", 3);
	assert_memory_equal(second,
		"d\x9a"
		"fg",
		4);
	end();
}

static void waits_before_each_call(void **state)
{
	(void)state;
	struct gw_fault_plan plan = gw_fault_none;
	plan.delay_us = 20000;
	make(plan);
	uint64_t start = gw_clock_ns();
	assert_int_equal(send_text(a, "a"), GW_OK);
	assert_true(gw_clock_ns() - start >= 20000000);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_sending_after_the_byte),
		cmocka_unit_test(cuts_receiving_after_the_byte),
		cmocka_unit_test(flips_the_byte),
		cmocka_unit_test(waits_before_each_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
