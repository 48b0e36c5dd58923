/* SPDX-License-Identifier: MIT */
/* Which pages of shared memory may hold anything: by holes, and as mapped. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bitmap.h"
#include "base/touched.h"

#define PAGE 4096u
#define NR_PAGES 1000u

struct file {
	int fd;
	uint8_t *map;
};

static struct file make(void)
{
	struct file f = { .fd = memfd_create("touched", MFD_CLOEXEC) };

	assert_true(f.fd >= 0);
	assert_int_equal(ftruncate(f.fd, NR_PAGES * PAGE), 0);
	f.map = mmap(NULL, NR_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		     f.fd, 0);
	assert_true(f.map != MAP_FAILED);
	return f;
}

static void destroy(struct file *f)
{
	munmap(f->map, NR_PAGES * PAGE);
	close(f->fd);
}

/* Both ways say exactly what was written, wherever one looks from. */
static void agree(struct file *f, const uint64_t *written)
{
	static const unsigned int sizes[] = { 1, 2, 63, 64, 65, 512 };
	uint64_t file[TOUCHED_MAX_PAGES / 64], mapped[TOUCHED_MAX_PAGES / 64];
	unsigned int s, first, i;

	for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (first = 0; first + sizes[s] <= NR_PAGES; first += 37) {
			assert_int_equal(touched_file(f->fd, first * PAGE,
						      sizes[s], file),
					 0);
			assert_int_equal(touched_shared(f->fd, first * PAGE,
							f->map + first * PAGE,
							sizes[s], mapped),
					 0);
			for (i = 0; i < sizes[s]; i++) {
				bool is = bitmap_test(written, first + i);

				assert_int_equal(bitmap_test(file, i), is);
				assert_int_equal(bitmap_test(mapped, i), is);
			}
		}
}

static void test_some_are_written(void **state)
{
	uint64_t written[BITMAP_WORDS(NR_PAGES)] = { 0 };
	struct file f = make();
	unsigned int i, page = 7;

	agree(&f, written);
	for (i = 0; i < 300; i++) {
		page = (page * 16807 + 11) % NR_PAGES;
		f.map[page * PAGE + i] = 1;
		bitmap_set(written, page);
	}
	agree(&f, written);
	memset(f.map, 1, NR_PAGES * PAGE);
	bitmap_set_range(written, 0, NR_PAGES);
	agree(&f, written);
	destroy(&f);
}

/* By somebody else, by another way: our mapping has not seen it. */
static void test_written_elsewhere(void **state)
{
	uint64_t written[BITMAP_WORDS(NR_PAGES)] = { 0 };
	struct file f = make();

	assert_int_equal(pwrite(f.fd, "x", 1, 700 * PAGE + 5), 1);
	bitmap_set(written, 700);
	agree(&f, written);
	/* And what is not mapped at all is asked of the file. */
	assert_int_equal(munmap(f.map + 600 * PAGE, 200 * PAGE), 0);
	agree(&f, written);
	destroy(&f);
}

/* A file's page may have been written and be nowhere in memory. */
static void test_not_in_memory(void **state)
{
	char name[] = "/var/tmp/vmferry-touched-XXXXXX";
	uint64_t bits[2];
	int fd = mkstemp(name);
	void *map;

	if (fd < 0)
		skip();
	unlink(name);
	assert_int_equal(ftruncate(fd, 100 * PAGE), 0);
	assert_int_equal(pwrite(fd, "x", 1, 77 * PAGE), 1);
	fsync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	map = mmap(NULL, 100 * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	assert_int_equal(touched_shared(fd, 0, map, 100, bits), 0);
	assert_true(bitmap_test(bits, 77));
	munmap(map, 100 * PAGE);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_some_are_written),
		cmocka_unit_test(test_written_elsewhere),
		cmocka_unit_test(test_not_in_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
