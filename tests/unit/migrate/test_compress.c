/* SPDX-License-Identifier: MIT */
/* Compressing workers: both engines, both directions, waiting or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "migrate/compress.h"

#define NR_PAGES 256u
#define PAGE 4096u

struct box {
	uint8_t *ram, *back;
	/* By tag: what came. */
	unsigned int seen[NR_PAGES];
	uint8_t *packed[NR_PAGES];
	size_t packed_bytes[NR_PAGES];
	uint32_t check[NR_PAGES];
	unsigned int nr_pages[NR_PAGES];
	int rc[NR_PAGES];
	unsigned int nr_busy;
};

/* Every fourth page is random, the others are mostly zeros. */
static void box_init(struct box *b)
{
	uint64_t x = 88172645463325252ull;
	size_t i;

	memset(b, 0, sizeof(*b));
	b->ram = calloc(NR_PAGES, PAGE);
	b->back = calloc(NR_PAGES, PAGE);
	assert_non_null(b->ram);
	assert_non_null(b->back);
	for (i = 0; i < NR_PAGES * PAGE; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		if (i / PAGE % 4 == 3 || i % PAGE < 500)
			b->ram[i] = (uint8_t)x;
	}
}

static void box_exit(struct box *b)
{
	size_t i;

	for (i = 0; i < NR_PAGES; i++)
		free(b->packed[i]);
	free(b->back);
	free(b->ram);
}

static void keep(struct box *b, const struct compress_result *r)
{
	assert_in_range(r->tag, 0, NR_PAGES - 1);
	b->seen[r->tag]++;
	assert_int_equal(r->rc, 0);
	if (!r->packed)
		return;
	assert_in_range(r->packed_bytes, 1, r->nr_pages * PAGE - 1);
	b->packed[r->tag] = malloc(r->packed_bytes);
	assert_non_null(b->packed[r->tag]);
	memcpy(b->packed[r->tag], r->packed, r->packed_bytes);
	b->packed_bytes[r->tag] = r->packed_bytes;
	b->check[r->tag] = r->check;
	assert_int_equal(r->check, codec_check(r->packed, r->packed_bytes));
}

static void collect(struct compress *c, struct box *b, bool wait)
{
	struct compress_result r;

	while (compress_collect(c, &r, wait)) {
		keep(b, &r);
		compress_release(c, &r);
	}
}

static void pack_all(const struct compress_params *p, struct box *b)
{
	struct compress *c;
	unsigned int at;
	int rc;

	assert_int_equal(compress_create(p, &c, NULL), 0);
	for (at = 0; at < NR_PAGES; at += p->max_pages) {
		struct compress_job job = {
			.tag = at,
			.pages = b->ram + at * PAGE,
			.nr_pages = p->max_pages,
		};

		b->nr_pages[at] = p->max_pages;
		rc = compress_submit(c, &job);
		collect(c, b, false);
		if (rc) {
			assert_int_equal(rc, -EBUSY);
			assert_false(p->wait);
			b->seen[at]++;
			b->nr_busy++;
		}
	}
	collect(c, b, true);
	assert_int_equal(compress_outstanding(c), 0);
	compress_destroy(c);
	for (at = 0; at < NR_PAGES; at++)
		assert_int_equal(b->seen[at], b->nr_pages[at] ? 1 : 0);
}

static void unpack_one(struct compress *c, const struct compress_job *job,
		       int *rc)
{
	struct compress_result r;

	int taken;

	while ((taken = compress_submit(c, job)) == -EBUSY)
		sched_yield();
	assert_int_equal(taken, 0);
	while (compress_collect(c, &r, false))
		rc[r.tag] = r.rc;
}

static void unpack_all(struct compress_params *p, struct box *b)
{
	struct compress_result r;
	struct compress *c;
	unsigned int at;

	p->direction = CODEC_DECOMPRESS;
	/* What never comes back shows. */
	for (at = 0; at < NR_PAGES; at++)
		b->rc[at] = b->packed[at] ? -ENODATA : 0;
	assert_int_equal(compress_create(p, &c, NULL), 0);
	for (at = 0; at < NR_PAGES; at += p->max_pages) {
		struct compress_job job = {
			.tag = at,
			.pages = b->back + at * PAGE,
			.nr_pages = p->max_pages,
			.packed = b->packed[at],
			.packed_bytes = b->packed_bytes[at],
			.check = b->check[at],
		};

		if (b->packed[at])
			unpack_one(c, &job, b->rc);
		else
			memcpy(b->back + at * PAGE, b->ram + at * PAGE,
			       p->max_pages * (size_t)PAGE);
	}
	while (compress_collect(c, &r, true))
		b->rc[r.tag] = r.rc;
	compress_destroy(c);
}

static void through(struct compress_params p)
{
	struct box b;
	unsigned int i;

	box_init(&b);
	pack_all(&p, &b);
	unpack_all(&p, &b);
	for (i = 0; i < NR_PAGES; i++)
		assert_int_equal(b.rc[i], 0);
	assert_memory_equal(b.ram, b.back, NR_PAGES * PAGE);
	box_exit(&b);
}

static struct compress_params params(void)
{
	return (struct compress_params){
		.codec = codec_by_name("zlib"),
		.level = 1,
		.nr_threads = 2,
		.wait = true,
		.max_pages = 1,
		.spin_ns = COMPRESS_SPIN_AUTO,
	};
}

static void test_engines(void **state)
{
	static const unsigned int threads[] = { 1, 2, 7, 64 };
	static const unsigned int pages[] = { 1, 2, 16 };
	struct compress_params p = params();
	size_t engine, t, n, codec;

	for (engine = 0; engine < COMPRESS_NR_ENGINES; engine++)
		for (t = 0; t < 4; t++)
			for (n = 0; n < 3; n++)
				for (codec = 0; codec < codec_nr * 2; codec++) {
					p.engine = engine;
					p.nr_threads = threads[t];
					p.max_pages = pages[n];
					p.codec = &codecs[codec / 2];
					p.level = p.codec->level_default;
					p.wait = codec % 2;
					through(p);
				}
}

static void test_ring_parameters(void **state)
{
	static const unsigned int capacity[] = { 1, 2, 4, 1024 };
	static const uint64_t spin[] = { 0, 1000, 100000 };
	struct compress_params p = params();
	size_t c, s, scan, awake;

	for (c = 0; c < 4; c++)
		for (s = 0; s < 3; s++)
			for (scan = 0; scan < COMPRESS_NR_SCANS; scan++)
				for (awake = 0; awake < 3; awake++) {
					p.nr_threads = 3;
					p.capacity = capacity[c];
					p.spin_ns = spin[s];
					p.scan = scan;
					p.max_awake = (unsigned int)awake;
					p.no_probe = awake;
					through(p);
				}
}

static void test_capacity(void **state)
{
	assert_int_equal(compress_capacity(16), 4);
	assert_int_equal(compress_capacity(15), 8);
	assert_int_equal(compress_capacity(4), 16);
	assert_int_equal(compress_capacity(1), 32);
}

/* One bad request among good ones. */
static void test_damage(void **state)
{
	struct compress_params p = params();
	unsigned int engine, i;
	struct box b;

	for (engine = 0; engine < COMPRESS_NR_ENGINES; engine++) {
		box_init(&b);
		p = params();
		p.engine = engine;
		pack_all(&p, &b);
		assert_non_null(b.packed[9]);
		/* One that the check tells of, one that it does not. */
		b.packed[9][b.packed_bytes[9] / 2] ^= 1;
		b.packed[10][b.packed_bytes[10] / 2] ^= 0xff;
		b.check[10] = codec_check(b.packed[10], b.packed_bytes[10]);
		unpack_all(&p, &b);
		for (i = 0; i < NR_PAGES; i++)
			assert_int_equal(b.rc[i], i == 9    ? -EBADMSG
						  : i == 10 ? -EPROTO
							    : 0);
		box_exit(&b);
	}
}

static void test_stats(void **state)
{
	struct compress_params p = params();
	struct compress_worker_stats sum = { 0 };
	struct compress_stats s;
	struct compress *c;
	unsigned int i;
	struct box b;

	box_init(&b);
	assert_int_equal(compress_create(&p, &c, NULL), 0);
	for (i = 0; i < NR_PAGES; i++) {
		struct compress_job job = { .tag = i,
					    .pages = b.ram + i * PAGE,
					    .nr_pages = 1 };

		assert_int_equal(compress_submit(c, &job), 0);
		collect(c, &b, false);
	}
	collect(c, &b, true);
	compress_get_stats(c, &s);
	assert_int_equal(s.submitted, NR_PAGES);
	assert_int_equal(s.collected, NR_PAGES);
	assert_int_equal(s.busy_pages, 0);
	assert_int_equal(s.nr_workers, 2);
	for (i = 0; i < 2; i++) {
		sum.pages += s.worker[i].pages;
		sum.raw_pages += s.worker[i].raw_pages;
		sum.probed_pages += s.worker[i].probed_pages;
		sum.in_bytes += s.worker[i].in_bytes;
		sum.out_bytes += s.worker[i].out_bytes;
		sum.cpu_ns += s.worker[i].cpu_ns;
	}
	assert_int_equal(sum.pages, NR_PAGES);
	assert_int_equal(sum.raw_pages, NR_PAGES / 4);
	assert_int_equal(sum.probed_pages, NR_PAGES / 4);
	assert_int_equal(sum.in_bytes, NR_PAGES / 4 * 3 * PAGE);
	assert_in_range(sum.out_bytes, NR_PAGES / 4 * 3 * 500,
			NR_PAGES / 4 * 3 * 600);
	assert_in_range(sum.cpu_ns, 1, UINT64_MAX - 1);
	compress_destroy(c);
	box_exit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_engines),
		cmocka_unit_test(test_ring_parameters),
		cmocka_unit_test(test_capacity),
		cmocka_unit_test(test_damage),
		cmocka_unit_test(test_stats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
