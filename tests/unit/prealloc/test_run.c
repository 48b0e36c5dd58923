/* SPDX-License-Identifier: MIT */
/* Does each method map each page, once, and leave what was there? */
#include "prealloc/prealloc.h"

#include <errno.h>
#include <string.h>
#include <sched.h>
#include <sys/mman.h>

#include "base/backing.h"
#include "base/smaps.h"
#include "prealloc/job.h"
#include "unit/unit.h"

#define KIB4 4096ull
#define MIB (1ull << 20)

static struct backing make(enum backing_kind kind, uint64_t bytes)
{
	const struct backing_params p = {
		.kind = kind,
		.bytes = bytes,
		.page_bytes = backing_default_page_bytes(kind),
		.name = "test",
		.path = "/tmp",
	};
	struct error err = { "" };
	struct backing b;

	if (backing_create(&p, &b, &err))
		fail_msg("%s", err.text);
	return b;
}

static struct prealloc_range range_of(const struct backing *b)
{
	return (struct prealloc_range){ .base = b->base,
					.bytes = b->bytes,
					.page_bytes = b->page_bytes,
					.touch_bytes = KIB4,
					.fd = b->fd };
}

static uint64_t present(const struct backing *b)
{
	struct smaps s;

	assert_int_equal(smaps_read(0, (uintptr_t)b->base, b->bytes, &s), 0);
	return s.bytes_4k + s.bytes_2m;
}

static void check_result(const struct prealloc_result *r,
			 const struct backing *b)
{
	uint64_t pages = 0, faults = 0;
	unsigned int i;

	for (i = 0; i < r->nr_threads; i++) {
		const struct prealloc_thread *t = &r->thread[i];

		pages += t->pages;
		faults += t->minor_faults;
		assert_true(t->start_ns <= t->end_ns);
		assert_true(t->end_ns <= r->elapsed_ns);
		assert_true(!t->pages == !t->first_ns);
		assert_true(!t->pages || (t->first_ns >= t->start_ns &&
					  t->first_ns <= t->end_ns));
	}
	assert_int_equal(pages * b->page_bytes, b->bytes);
	assert_int_equal(r->mapped_bytes, b->bytes);
	assert_int_equal(r->minor_faults, faults);
	assert_int_equal(r->failure, PREALLOC_FINE);
}

static void run_one(struct prealloc_config c, enum backing_kind kind,
		    uint64_t bytes)
{
	struct backing b = make(kind, bytes);
	const struct prealloc_range range = range_of(&b);
	struct prealloc_result r;
	struct error err = { "" };

	b.base[0] = 1;
	b.base[bytes / 2 + 7] = 2;
	b.base[bytes - 1] = 3;
	if (prealloc_run(&c, &range, &r, &err))
		fail_msg("%s x %u: %s", prealloc_method_names[c.method],
			 c.nr_threads, err.text);
	assert_int_equal(present(&b), bytes);
	check_result(&r, &b);
	assert_int_equal(b.base[0], 1);
	assert_int_equal(b.base[bytes / 2 + 7], 2);
	assert_int_equal(b.base[bytes - 1], 3);
	prealloc_result_exit(&r);
	backing_destroy(&b);
}

static void test_methods(void **state)
{
	static const unsigned int threads[] = { 1, 2, 3, 17 };
	static const enum backing_kind kinds[] = { BACKING_ANON, BACKING_THP,
						   BACKING_MEMFD };
	unsigned int m, t, k;

	for (m = 0; m < PREALLOC_NR_METHODS; m++)
		for (t = 0; t < ARRAY_LEN(threads); t++)
			for (k = 0; k < ARRAY_LEN(kinds); k++)
				run_one(
					(struct prealloc_config){
						.method = m,
						.nr_threads = threads[t] },
					kinds[k], 18 * MIB);
}

static void test_variants(void **state)
{
	static const struct prealloc_config rows[] = {
		{ .method = PREALLOC_SERIAL, .rewrite = true },
		{ .method = PREALLOC_SPLIT, .nr_threads = 3, .rewrite = true },
		{ .method = PREALLOC_EVEN, .nr_threads = 3, .pin = true },
		{ .method = PREALLOC_BEST, .nr_threads = 3, .pin = true },
		{ .method = PREALLOC_BEST,
		  .nr_threads = 2,
		  .no_populate = true },
		{ .method = PREALLOC_BEST, .nr_vcpus = 1 },
		{ .method = PREALLOC_EVEN },
		{ .method = PREALLOC_POPULATE, .nr_threads = 2, .bind = true },
		{ .method = PREALLOC_BEST, .nr_threads = 2, .bind = true },
	};
	cpu_set_t before, after;
	size_t i;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	for (i = 0; i < ARRAY_LEN(rows); i++)
		run_one(rows[i], BACKING_ANON, 32 * MIB);
	/* The caller helped, pinned, and is where it was. */
	assert_int_equal(sched_getaffinity(0, sizeof(after), &after), 0);
	assert_true(CPU_EQUAL(&before, &after));
}

/* systems.md, section 2: a remainder, and who has it. */
static void test_per_thread_pages(void **state)
{
	struct backing b = make(BACKING_ANON, 160 * KIB4);
	const struct prealloc_range range = range_of(&b);
	struct prealloc_config c = { .method = PREALLOC_SPLIT,
				     .nr_threads = 64 };
	struct prealloc_result r;
	unsigned int i;

	assert_int_equal(prealloc_run(&c, &range, &r, NULL), 0);
	assert_int_equal(r.nr_threads, 64);
	for (i = 0; i < 63; i++)
		assert_int_equal(r.thread[i].pages, 2);
	assert_int_equal(r.thread[63].pages, 34);
	prealloc_result_exit(&r);
	c.method = PREALLOC_EVEN;
	assert_int_equal(prealloc_run(&c, &range, &r, NULL), 0);
	for (i = 0; i < 64; i++)
		assert_int_equal(r.thread[i].pages, i < 32 ? 3 : 2);
	prealloc_result_exit(&r);
	backing_destroy(&b);
}

/* Nobody begins before the last thread has been created. */
static void test_gate(void **state)
{
	static const enum prealloc_method methods[] = { PREALLOC_EVEN,
							PREALLOC_POPULATE };
	struct backing b = make(BACKING_ANON, 200 * KIB4);
	const struct prealloc_range range = range_of(&b);
	struct prealloc_result r;
	unsigned int i, m;

	for (m = 0; m < ARRAY_LEN(methods); m++) {
		const struct prealloc_config c = { .method = methods[m],
						   .nr_threads = 200 };

		assert_int_equal(prealloc_run(&c, &range, &r, NULL), 0);
		for (i = 0; i < r.nr_threads; i++)
			assert_true(r.thread[i].start_ns >= r.created_ns);
		prealloc_result_exit(&r);
	}
	backing_destroy(&b);
}

static void test_refuses(void **state)
{
	struct backing b = make(BACKING_ANON, 4 * MIB);
	const struct prealloc_range good = range_of(&b);
	const struct {
		struct prealloc_config config;
		struct prealloc_range range;
		int rc;
		const char *word;
	} rows[] = {
		{ { .method = PREALLOC_NR_METHODS }, good, -EINVAL, "method" },
		{ { .nr_threads = 1025 }, good, -EINVAL, "threads" },
		{ { .method = PREALLOC_BEST, .rewrite = true },
		  good,
		  -EINVAL,
		  "write back" },
		{ { .method = PREALLOC_POPULATE, .no_populate = true },
		  good,
		  -EOPNOTSUPP,
		  "MADV_POPULATE_WRITE" },
		{ { .bind = true, .node = 999 }, good, -EINVAL, "node 999" },
		{ { 0 }, { .base = b.base }, -EINVAL, "whole pages" },
		{ { 0 },
		  { .base = b.base + 1,
		    .bytes = KIB4,
		    .page_bytes = KIB4,
		    .touch_bytes = KIB4 },
		  -EINVAL,
		  "whole pages" },
		{ { 0 },
		  { .base = b.base,
		    .bytes = 3 * KIB4,
		    .page_bytes = 2 * KIB4,
		    .touch_bytes = KIB4 },
		  -EINVAL,
		  "whole pages" },
		{ { 0 },
		  { .base = b.base,
		    .bytes = KIB4,
		    .page_bytes = KIB4,
		    .touch_bytes = 3 },
		  -EINVAL,
		  "whole pages" },
	};
	struct prealloc_result r;
	struct error err;
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		int rc;

		err.text[0] = '\0';
		rc = prealloc_run(&rows[i].config, &rows[i].range, &r, &err);
		if (rc != rows[i].rc || !strstr(err.text, rows[i].word) ||
		    r.thread)
			fail_msg("row %zu: %d, %s", i, rc, err.text);
		prealloc_result_exit(&r);
	}
	assert_int_equal(present(&b), 0);
	backing_destroy(&b);
}

static void test_background(void **state)
{
	struct backing b = make(BACKING_MEMFD, 64 * MIB);
	const struct prealloc_range range = range_of(&b);
	const struct prealloc_config c = { .method = PREALLOC_BEST,
					   .nr_threads = 2 };
	struct prealloc_progress p = { .done = false };
	struct prealloc_result r;
	struct prealloc_job *job;

	assert_int_equal(prealloc_start(&c, &range, &job, NULL), 0);
	while (!p.done)
		prealloc_poll(job, &p);
	assert_int_equal(p.mapped_bytes, b.bytes);
	assert_int_equal(prealloc_finish(job, &r, NULL), 0);
	check_result(&r, &b);
	prealloc_result_exit(&r);
	backing_destroy(&b);
}

static uint64_t wait_for(struct prealloc_job *job, uint64_t bytes)
{
	struct prealloc_progress p = { 0 };

	while (p.mapped_bytes < bytes && !p.done)
		prealloc_poll(job, &p);
	return p.mapped_bytes;
}

/* Pages of [@offset, @offset + @bytes) that are there. */
static uint64_t present_in(const struct backing *b, uint64_t offset,
			   uint64_t bytes)
{
	unsigned char there[bytes / 4096];
	uint64_t nr = 0, i;

	assert_int_equal(mincore(b->base + offset, bytes, there), 0);
	for (i = 0; i < bytes / 4096; i++)
		nr += there[i] & 1;
	return nr;
}

/*
 * Somebody fills it from the beginning: where they are, no page is had before
 * they have moved on; and in the end all are there, also what they left out.
 */
static void test_background_order(void **state)
{
	struct backing b = make(BACKING_ANON, 64 * MIB);
	const struct prealloc_range range = range_of(&b);
	const struct prealloc_config c = { .method = PREALLOC_BEST,
					   .nr_threads = 2 };
	/* 4 MiB behind them and 8 MiB before them are theirs. */
	static const struct {
		uint64_t at, first, end;
	} rows[] = {
		{ 0, 0, 8 },	{ 3, 0, 12 },	{ 20, 16, 28 },
		{ 60, 56, 64 }, { 64, 60, 64 },
	};
	struct prealloc_result r;
	struct prealloc_job *job;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t theirs = (rows[i].end - rows[i].first) * MIB;

		assert_int_equal(job_create(&c, &range, true, &job, NULL), 0);
		prealloc_reached(job, rows[i].at * MIB);
		/* Back: no change. */
		prealloc_reached(job, 0);
		assert_int_equal(job_begin(job, NULL), 0);
		assert_int_equal(wait_for(job, b.bytes - theirs),
				 b.bytes - theirs);
		assert_int_equal(present_in(&b, rows[i].first * MIB, theirs),
				 0);
		prealloc_passed(job);
		assert_int_equal(prealloc_finish(job, &r, NULL), 0);
		assert_int_equal(r.mapped_bytes, b.bytes);
		assert_int_equal(present(&b), b.bytes);
		prealloc_result_exit(&r);
		assert_int_equal(madvise(b.base, b.bytes, MADV_DONTNEED), 0);
	}
	backing_destroy(&b);
}

/* They come and go meanwhile; then it is stopped while threads wait for them. */
static void test_background_meets(void **state)
{
	struct backing b = make(BACKING_ANON, 64 * MIB);
	const struct prealloc_range range = range_of(&b);
	const struct prealloc_config c = { .method = PREALLOC_BEST,
					   .nr_threads = 3 };
	struct prealloc_result r;
	struct prealloc_job *job;
	uint64_t at;

	assert_int_equal(prealloc_start(&c, &range, &job, NULL), 0);
	for (at = 0; at <= b.bytes; at += 64 << 10) {
		prealloc_reached(job, at);
		if (at < b.bytes)
			memset(b.base + at, 0x5a, 4096);
	}
	prealloc_passed(job);
	assert_int_equal(prealloc_finish(job, &r, NULL), 0);
	assert_int_equal(r.mapped_bytes, b.bytes);
	assert_int_equal(present(&b), b.bytes);
	for (at = 0; at < b.bytes; at += 64 << 10)
		assert_int_equal(b.base[at], 0x5a);
	prealloc_result_exit(&r);
	assert_int_equal(prealloc_start(&c, &range, &job, NULL), 0);
	prealloc_reached(job, 32 * MIB);
	prealloc_stop(job);
	assert_int_equal(prealloc_finish(job, &r, NULL), 0);
	assert_int_equal(r.failure, PREALLOC_FINE);
	prealloc_result_exit(&r);
	backing_destroy(&b);
}

static void test_background_refuses(void **state)
{
	struct backing b = make(BACKING_ANON, 4 * MIB);
	const struct prealloc_range range = range_of(&b);
	const struct prealloc_config c = { .method = PREALLOC_EVEN };
	struct prealloc_job *job = NULL;

	assert_int_equal(prealloc_start(&c, &range, &job, NULL), -EINVAL);
	assert_null(job);
	backing_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_variants),
		cmocka_unit_test(test_per_thread_pages),
		cmocka_unit_test(test_gate),
		cmocka_unit_test(test_background),
		cmocka_unit_test(test_background_order),
		cmocka_unit_test(test_background_meets),
		cmocka_unit_test(test_background_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
