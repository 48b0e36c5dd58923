/* SPDX-License-Identifier: MIT */
/*
 * Whom the ring engine gives a request to: nobody who has no room for it. A
 * worker says that it sleeps before it looks once more, and what came until
 * then lies in its ring; the moment is too short to be met from outside, so
 * this looks inside.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "migrate/compress_ring.c"

#define CAPACITY 2u

static struct compress *two_workers(void)
{
	struct compress *c = aligned_alloc(RING_APART, sizeof(*c));

	assert_non_null(c);
	memset(c, 0, sizeof(*c));
	c->p.nr_threads = 2;
	c->p.capacity = CAPACITY;
	c->p.max_awake = 2;
	c->max_under_way = 2 * (CAPACITY + 1) + 1;
	assert_int_equal(compress_ring_ops.init(c), 0);
	return c;
}

static void fill(struct ring_worker *own)
{
	struct request request = { .buffer = 0 };

	while (request_ring_has_room(&own->requests))
		request_ring_put(&own->requests, &request);
}

static void test_about_to_sleep(void **state)
{
	struct compress *c = two_workers();
	struct ring *r = c->own;
	unsigned int scan;

	/* Both say that they sleep, and have nothing: the first one. */
	assert_ptr_equal(find_awake(c, r), &r->worker[0]);
	fill(&r->worker[0]);
	for (scan = 0; scan < COMPRESS_NR_SCANS; scan++) {
		c->p.scan = scan;
		r->last = 1;
		assert_ptr_equal(find_room(c, r), &r->worker[1]);
	}
	fill(&r->worker[1]);
	for (scan = 0; scan < COMPRESS_NR_SCANS; scan++) {
		c->p.scan = scan;
		assert_null(find_room(c, r));
	}
	compress_ring_ops.exit(c);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_about_to_sleep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
