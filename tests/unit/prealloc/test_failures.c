/* SPDX-License-Identifier: MIT */
/* A page that cannot be had: is it named, do all stop, is nothing left? */
#include "prealloc/prealloc.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/backing.h"
#include "unit/unit.h"

#define KIB4 4096ull
#define MIB (1ull << 20)

static struct backing make_cut(uint64_t bytes, uint64_t file_bytes)
{
	const struct backing_params p = { .kind = BACKING_MEMFD,
					  .bytes = bytes,
					  .page_bytes = KIB4,
					  .name = "test" };
	struct backing b;

	assert_int_equal(backing_create(&p, &b, NULL), 0);
	assert_int_equal(ftruncate(b.fd, (off_t)file_bytes), 0);
	return b;
}

static struct prealloc_range range_of(const struct backing *b)
{
	return (struct prealloc_range){ .base = b->base,
					.bytes = b->bytes,
					.page_bytes = KIB4,
					.touch_bytes = KIB4,
					.fd = b->fd };
}

static const struct {
	struct prealloc_config config;
	enum prealloc_failure failure;
	const char *word;
} ways[] = {
	{ { .method = PREALLOC_SERIAL }, PREALLOC_BUS, "SIGBUS" },
	{ { .method = PREALLOC_SERIAL, .rewrite = true },
	  PREALLOC_BUS,
	  "SIGBUS" },
	{ { .method = PREALLOC_SPLIT, .nr_threads = 3 },
	  PREALLOC_BUS,
	  "SIGBUS" },
	{ { .method = PREALLOC_EVEN, .nr_threads = 40 },
	  PREALLOC_BUS,
	  "SIGBUS" },
	{ { .method = PREALLOC_POPULATE, .nr_threads = 1 },
	  PREALLOC_FAULT,
	  "EFAULT" },
	{ { .method = PREALLOC_POPULATE, .nr_threads = 5 },
	  PREALLOC_FAULT,
	  "EFAULT" },
	{ { .method = PREALLOC_BEST, .nr_threads = 1 },
	  PREALLOC_FAULT,
	  "EFAULT" },
	{ { .method = PREALLOC_BEST, .nr_threads = 3 },
	  PREALLOC_FAULT,
	  "EFAULT" },
	{ { .method = PREALLOC_BEST, .nr_threads = 3, .no_populate = true },
	  PREALLOC_BUS,
	  "SIGBUS" },
};

static uint64_t sum_of_pages(const struct prealloc_result *r)
{
	uint64_t pages = 0;
	unsigned int i;

	for (i = 0; i < r->nr_threads; i++)
		pages += r->thread[i].pages;
	return pages;
}

static void test_cut_file(void **state)
{
	struct prealloc_result r;
	struct error err;
	size_t i;
	int rc;

	for (i = 0; i < ARRAY_LEN(ways); i++) {
		struct backing b = make_cut(20 * MIB, 7 * MIB);
		const struct prealloc_range range = range_of(&b);

		err.text[0] = '\0';
		rc = prealloc_run(&ways[i].config, &range, &r, &err);
		if (rc != -ENOMEM || r.failure != ways[i].failure ||
		    !strstr(err.text, ways[i].word) ||
		    !strstr(err.text, "cut to 7340032 bytes"))
			fail_msg("way %zu: %d, %s", i, rc, err.text);
		/* Behind the end of the file, and exact where one thread comes
		 * to it from below. */
		assert_true(r.failed_offset >= 7 * MIB &&
			    r.failed_offset < b.bytes);
		assert_int_equal(r.failed_offset % KIB4, 0);
		if (r.nr_threads == 1)
			assert_int_equal(r.failed_offset, 7 * MIB);
		if (r.nr_threads == 1)
			assert_int_equal(r.mapped_bytes, 7 * MIB);
		assert_true(r.mapped_bytes <= 7 * MIB);
		assert_int_equal(sum_of_pages(&r) * KIB4, r.mapped_bytes);
		assert_true(r.failed_thread < r.nr_threads);
		prealloc_result_exit(&r);
		backing_destroy(&b);
	}
}

/* Nothing at all can be had; and all but the last page. */
static void test_first_and_last(void **state)
{
	static const uint64_t room[] = { 0, 20 * MIB - KIB4 };
	struct prealloc_result r;
	size_t i, k;

	for (k = 0; k < ARRAY_LEN(room); k++)
		for (i = 0; i < ARRAY_LEN(ways); i++) {
			struct backing b = make_cut(20 * MIB, room[k]);
			const struct prealloc_range range = range_of(&b);

			assert_int_equal(
				prealloc_run(&ways[i].config, &range, &r, NULL),
				-ENOMEM);
			if (room[k] || r.nr_threads == 1)
				assert_int_equal(r.failed_offset, room[k]);
			if (!room[k])
				assert_int_equal(r.mapped_bytes, 0);
			prealloc_result_exit(&r);
			backing_destroy(&b);
		}
}

static unsigned int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int nr = 0;

	assert_non_null(dir);
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

/* Mappings of memory that we made. */
static unsigned int count_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char *line = NULL;
	unsigned int nr = 0;
	size_t room = 0;

	assert_non_null(f);
	while (getline(&line, &room, f) > 0)
		nr += strstr(line, "memfd:test") != NULL;
	free(line);
	fclose(f);
	return nr;
}

/* Files, threads, mappings, the handler: as many after as before. */
static void test_leaks_nothing(void **state)
{
	unsigned int files = 0, threads = 0, i, k;
	struct sigaction before, after;
	struct prealloc_result r;

	assert_int_equal(sigaction(SIGBUS, NULL, &before), 0);
	for (i = 0; i < 100; i++) {
		for (k = 0; k < ARRAY_LEN(ways); k++) {
			struct prealloc_config c = ways[k].config;
			struct backing b = make_cut(MIB, MIB / 2);
			const struct prealloc_range range = range_of(&b);

			assert_int_equal(prealloc_run(&c, &range, &r, NULL),
					 -ENOMEM);
			prealloc_result_exit(&r);
			backing_destroy(&b);
		}
		if (i == 10) {
			files = count_entries("/proc/self/fd");
			threads = count_entries("/proc/self/task");
		}
	}
	assert_int_equal(count_entries("/proc/self/fd"), files);
	assert_int_equal(count_entries("/proc/self/task"), threads);
	assert_int_equal(count_maps(), 0);
	assert_int_equal(sigaction(SIGBUS, NULL, &after), 0);
	assert_true(after.sa_handler == before.sa_handler &&
		    after.sa_flags == before.sa_flags);
}

static void test_background(void **state)
{
	struct backing b = make_cut(20 * MIB, 7 * MIB);
	const struct prealloc_range range = range_of(&b);
	const struct prealloc_config c = { .method = PREALLOC_BEST,
					   .nr_threads = 2 };
	struct prealloc_result r;
	struct prealloc_job *job;
	struct error err = { "" };

	assert_int_equal(prealloc_start(&c, &range, &job, &err), 0);
	assert_int_equal(prealloc_finish(job, &r, &err), -ENOMEM);
	assert_non_null(strstr(err.text, "cut to"));
	prealloc_result_exit(&r);
	backing_destroy(&b);
}

/* Not memory at all: populate says ENOMEM. */
static void test_hole(void **state)
{
	char *at = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct prealloc_range range = { .base = at,
					      .bytes = 4 * MIB,
					      .page_bytes = KIB4,
					      .touch_bytes = KIB4,
					      .fd = -1 };
	const struct prealloc_config c = { .method = PREALLOC_POPULATE,
					   .nr_threads = 1 };
	struct prealloc_result r;
	struct error err = { "" };

	assert_ptr_not_equal(at, MAP_FAILED);
	assert_int_equal(mprotect(at + MIB, MIB, PROT_READ), 0);
	assert_int_equal(prealloc_run(&c, &range, &r, &err), -ENOMEM);
	assert_int_equal(r.failed_offset, MIB);
	assert_non_null(strstr(err.text, "less --ram"));
	prealloc_result_exit(&r);
	munmap(at, 4 * MIB);
}

static bool cancelled(void)
{
	return true;
}

static void test_cancelled(void **state)
{
	struct prealloc_result r;
	size_t i;

	for (i = 0; i < ARRAY_LEN(ways); i++) {
		struct backing b = make_cut(20 * MIB, 20 * MIB);
		const struct prealloc_range range = range_of(&b);
		struct prealloc_config c = ways[i].config;

		c.cancelled = cancelled;
		assert_int_equal(prealloc_run(&c, &range, &r, NULL), -EINTR);
		assert_true(r.mapped_bytes < 20 * MIB);
		prealloc_result_exit(&r);
		backing_destroy(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut_file),
		cmocka_unit_test(test_first_and_last),
		cmocka_unit_test(test_leaks_nothing),
		cmocka_unit_test(test_background),
		cmocka_unit_test(test_hole),
		cmocka_unit_test(test_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
