/* SPDX-License-Identifier: MIT */
/* Does smaps prove page sizes, and of nothing but the range? */
#include "base/smaps.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "unit/unit.h"

#define ENTRY(range, page, rest)                                               \
	range " rw-p 00000000 00:00 0 \n"                                      \
	      "Size:               2048 kB\n"                                  \
	      "KernelPageSize: " page " kB\n"                                  \
	      "MMUPageSize: " page " kB\n" rest "VmFlags: rd wr mr mw me ac\n"

static const char text[] = ENTRY("00001000-00003000", "4", "Rss: 8 kB\n")
	ENTRY("00200000-00600000", "4",
	      "Rss: 4096 kB\nSwap: 12 kB\nAnonHugePages: 2048 kB\n")
		ENTRY("00600000-00a00000", "2048",
		      "Rss: 0 kB\nPrivate_Hugetlb: 2048 kB\n"
		      "Shared_Hugetlb: 2048 kB\n")
			ENTRY("40000000-80000000", "1048576",
			      "Private_Hugetlb: 1048576 kB\n")
				ENTRY("7f0000000000-7f0000400000", "4",
				      "Rss: 4096 kB\nShmemPmdMapped: 2048 kB\n"
				      "FilePmdMapped: 2048 kB\n");

static const struct {
	uint64_t start, bytes;
	int rc;
	uint64_t mapped, small, two_m, one_g, swap;
} rows[] = {
	{ 0x3000, 0x1fd000, -ENOENT, 0, 0, 0, 0, 0 },
	{ 0x1000, 0x2000, 0, 0x2000, 0x2000, 0, 0, 0 },
	{ 0x2fff, 1, 0, 0x2000, 0x2000, 0, 0, 0 },
	{ 0x200000, 0x400000, 0, 0x400000, 0x200000, 0x200000, 0, 12288 },
	{ 0x600000, 0x400000, 0, 0x400000, 0, 0x400000, 0, 0 },
	{ 0x40000000, 4096, 0, 1u << 30, 0, 0, 1u << 30, 0 },
	{ 0x200000, 0x800000, 0, 0x800000, 0x200000, 0x600000, 0, 12288 },
	{ 0x7f0000000000, 0x400000, 0, 0x400000, 0, 0x400000, 0, 0 },
};

static void test_parse(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct smaps s = { .mapped_bytes = 0 };
		FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
		int rc;

		assert_non_null(f);
		rc = smaps_parse(f, rows[i].start, rows[i].bytes, &s);
		fclose(f);
		if (rc != rows[i].rc || s.mapped_bytes != rows[i].mapped ||
		    s.bytes_4k != rows[i].small ||
		    s.bytes_2m != rows[i].two_m ||
		    s.bytes_1g != rows[i].one_g || s.swap_bytes != rows[i].swap)
			fail_msg("row %zu: %d", i, rc);
	}
}

static void test_nonsense(void **state)
{
	static const char *const texts[] = {
		"\n",
		"Rss: 4 kB\n",
		"zzzz-yyyy rw-p\n",
		"2000-1000 rw-p 0 0 0\nRss: 4 kB\n",
	};
	struct smaps s = { .bytes_4k = 77 };
	size_t i;

	for (i = 0; i < ARRAY_LEN(texts); i++) {
		FILE *f = fmemopen((void *)(uintptr_t)texts[i],
				   strlen(texts[i]), "r");

		assert_int_equal(smaps_parse(f, 0, UINT64_MAX, &s), -ENOENT);
		fclose(f);
	}
	assert_int_equal(s.bytes_4k, 77);
	assert_int_equal(smaps_read(1 << 30, 0, 4096, &s), -ENOENT);
}

static void test_own_memory(void **state)
{
	size_t bytes = 16 * 4096;
	char *at = mmap(NULL, bytes + 2 * 4096, PROT_NONE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct smaps s;

	assert_ptr_not_equal(at, MAP_FAILED);
	at += 4096;
	assert_int_equal(mprotect(at, bytes, PROT_READ | PROT_WRITE), 0);
	memset(at, 1, 3 * 4096);
	assert_int_equal(smaps_read(0, (uintptr_t)at, bytes, &s), 0);
	assert_int_equal(s.mapped_bytes, bytes);
	assert_int_equal(smaps_of_size(&s, 4096), 3 * 4096);
	assert_int_equal(smaps_of_size(&s, 2 << 20), 0);
	assert_int_equal(smaps_of_size(&s, 1 << 30), 0);
	assert_int_equal(smaps_of_size(&s, 8192), 0);
	munmap(at - 4096, bytes + 2 * 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_own_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
