/* SPDX-License-Identifier: MIT */
/*
 * A model of the rings under stress: small ones, threads that are held up at
 * random, positions that wrap around. Nothing is lost, doubled, or overtakes
 * another in its ring.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "migrate/rings.h"

#define MAX_WORKERS 5u
#define NR_REQUESTS 20000u

struct model {
	unsigned int nr_workers;
	struct request_ring ring[MAX_WORKERS];
	struct result_ring results;
};

struct echo {
	struct model *m;
	unsigned int index, nr;
	uint64_t random;
	pthread_t thread;
};

static uint64_t draw(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Mostly nothing, sometimes a little, now and then another thread's turn. */
static void delay(uint64_t *random)
{
	uint64_t n = draw(random) % 64;

	if (n == 0)
		sched_yield();
	else if (n < 8)
		while (n--)
			__asm__ volatile("pause");
}

/* Answers each request; its ring gives them in order. */
static void *echo_run(void *arg)
{
	struct echo *e = arg;
	struct request_ring *ring = &e->m->ring[e->index];
	struct request request;
	uint64_t last = 0;

	for (;;) {
		while (!request_ring_take(ring, &request))
			sched_yield();
		if (!request.job.nr_pages)
			return NULL;
		/* Checked by the other side: cmocka wants one thread. */
		if (request.job.tag <= last)
			request.job.tag = 0;
		last = request.job.tag;
		delay(&e->random);
		result_ring_put(&e->m->results,
				&(struct compress_result){
					.tag = request.job.tag,
					.packed_bytes = request.job.tag * 3,
					.buffer = e->index,
				});
		delay(&e->random);
	}
}

static void put(struct request_ring *ring, uint64_t tag, unsigned int pages)
{
	while (!request_ring_has_room(ring))
		sched_yield();
	request_ring_put(
		ring,
		&(struct request){ .job = { .tag = tag, .nr_pages = pages } });
}

struct check {
	uint8_t *seen; /* by tag */
	uint64_t last[MAX_WORKERS];
	unsigned int nr;
};

static bool take(struct model *m, struct check *k)
{
	struct compress_result r;

	if (!result_ring_take(&m->results, &r))
		return false;
	assert_in_range(r.tag, 1, NR_REQUESTS);
	assert_int_equal(r.packed_bytes, r.tag * 3);
	assert_int_equal(k->seen[r.tag], 0);
	/* A worker's results are in its requests' order. */
	assert_true(r.tag > k->last[r.buffer]);
	k->last[r.buffer] = r.tag;
	k->seen[r.tag] = 1;
	k->nr++;
	return true;
}

/* Positions begin shortly before they wrap around. */
static void model_init(struct model *m, unsigned int nr_workers,
		       unsigned int capacity, uint32_t start)
{
	unsigned int i, room = 1;

	memset(m, 0, sizeof(*m));
	m->nr_workers = nr_workers;
	while (room < nr_workers * (capacity + 1) + 1)
		room *= 2;
	assert_int_equal(result_ring_init(&m->results, room), 0);
	m->results.head = start;
	atomic_store(&m->results.tickets, start);
	for (i = 0; i < nr_workers; i++) {
		struct request_ring *r = &m->ring[i];

		assert_int_equal(request_ring_init(r, capacity), 0);
		r->tail_seen = r->head_seen = start;
		atomic_store(&r->head, start);
		atomic_store(&r->tail, start);
	}
}

static void stress(unsigned int nr_workers, unsigned int capacity)
{
	static struct model m;
	struct echo echo[MAX_WORKERS];
	struct check k = { .seen = calloc(NR_REQUESTS + 1, 1) };
	uint64_t random = 12345 + capacity;
	unsigned int i, tag;

	assert_non_null(k.seen);
	model_init(&m, nr_workers, capacity, UINT32_MAX - NR_REQUESTS / 8);
	for (i = 0; i < nr_workers; i++) {
		echo[i] = (struct echo){ .m = &m, .index = i, .random = i + 1 };
		assert_int_equal(pthread_create(&echo[i].thread, NULL, echo_run,
						&echo[i]),
				 0);
	}
	for (tag = 1; tag <= NR_REQUESTS; tag++) {
		put(&m.ring[draw(&random) % nr_workers], tag, 1);
		delay(&random);
		/* As the engine does: no more under way than there is room. */
		while (take(&m, &k))
			;
		while (tag - k.nr >= m.results.capacity)
			if (!take(&m, &k))
				sched_yield();
	}
	while (k.nr < NR_REQUESTS)
		if (!take(&m, &k))
			sched_yield();
	for (i = 0; i < nr_workers; i++)
		put(&m.ring[i], 0, 0);
	for (i = 0; i < nr_workers; i++) {
		pthread_join(echo[i].thread, NULL);
		assert_true(request_ring_empty(&m.ring[i]));
		request_ring_exit(&m.ring[i]);
	}
	assert_false(take(&m, &k));
	assert_int_equal(result_ring_tickets(&m.results), m.results.head);
	result_ring_exit(&m.results);
	free(k.seen);
}

static void test_stress(void **state)
{
	unsigned int workers, capacity;

	for (workers = 1; workers <= MAX_WORKERS; workers += 2)
		for (capacity = 1; capacity <= 4; capacity *= 2)
			stress(workers, capacity);
}

static void test_full_and_empty(void **state)
{
	struct model m;
	struct request r;
	unsigned int i;

	model_init(&m, 1, 2, UINT32_MAX);
	assert_true(request_ring_empty(&m.ring[0]));
	assert_false(request_ring_take(&m.ring[0], &r));
	for (i = 1; i <= 2; i++) {
		assert_true(request_ring_has_room(&m.ring[0]));
		request_ring_put(&m.ring[0], &(struct request){ .buffer = i });
	}
	assert_false(request_ring_has_room(&m.ring[0]));
	assert_false(request_ring_empty(&m.ring[0]));
	assert_true(request_ring_take(&m.ring[0], &r));
	assert_int_equal(r.buffer, 1);
	assert_true(request_ring_has_room(&m.ring[0]));
	assert_true(request_ring_take(&m.ring[0], &r));
	assert_int_equal(r.buffer, 2);
	assert_false(request_ring_take(&m.ring[0], &r));
	request_ring_exit(&m.ring[0]);
	result_ring_exit(&m.results);
}

static void test_capacity(void **state)
{
	static const unsigned int bad[] = { 0, 3, 5, 6, 1000, UINT32_MAX };
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(ring_capacity_valid(bad[i]));
	for (i = 1; i <= 1u << 30; i *= 2)
		assert_true(ring_capacity_valid((unsigned int)i));
}

/* Also what the engines do not begin with. */
static void test_refused(void **state)
{
	static const struct {
		unsigned int threads, pages, capacity, held;
		int level;
	} rows[] = {
		{ 0, 1, 4, 0, 1 },    { 65, 1, 4, 0, 1 }, { 1, 0, 4, 0, 1 },
		{ 1, 17, 4, 0, 1 },   { 1, 1, 3, 0, 1 },  { 1, 1, 2048, 0, 1 },
		{ 1, 1, 4, 4097, 1 }, { 1, 1, 4, 0, 10 }, { 1, 1, 4, 0, -1 },
	};
	struct error err;
	struct compress *c = NULL;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct compress_params p = {
			.codec = codec_by_name("zlib"),
		};

		p.nr_threads = rows[i].threads;
		p.max_pages = rows[i].pages;
		p.capacity = rows[i].capacity;
		p.max_held = rows[i].held;
		p.level = rows[i].level;
		err.text[0] = 0;
		assert_int_equal(compress_create(&p, &c, &err), -EINVAL);
		assert_true(err.text[0]);
		assert_null(c);
	}
	compress_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_capacity),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_full_and_empty),
		cmocka_unit_test(test_stress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
