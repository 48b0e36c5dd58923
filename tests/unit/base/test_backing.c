/* SPDX-License-Identifier: MIT */
/* Is memory of each kind what it says, alone in its mapping, and gone after? */
#include "base/backing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/smaps.h"
#include "unit/unit.h"

#define KIB4 4096ull
#define MIB2 (2ull << 20)
#define GIB1 (1ull << 30)

static const struct {
	enum backing_kind kind;
	uint64_t page_bytes;
	bool good, pooled;
} sizes[] = {
	{ BACKING_ANON, KIB4, true, false },
	{ BACKING_ANON, MIB2, false, false },
	{ BACKING_ANON, 0, false, false },
	{ BACKING_THP, MIB2, true, false },
	{ BACKING_THP, KIB4, false, false },
	{ BACKING_THP, GIB1, false, false },
	{ BACKING_HUGETLB, KIB4, false, true },
	{ BACKING_HUGETLB, MIB2, true, true },
	{ BACKING_HUGETLB, GIB1, true, true },
	{ BACKING_MEMFD, KIB4, true, false },
	{ BACKING_MEMFD, MIB2, true, true },
	{ BACKING_MEMFD, 8192, false, true },
	{ BACKING_FILE, KIB4, true, false },
	{ BACKING_FILE, MIB2, false, false },
};

static void test_sizes(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		struct error err = { "" };
		int rc =
			backing_check(sizes[i].kind, sizes[i].page_bytes, &err);

		if (rc != (sizes[i].good ? 0 : -EINVAL) ||
		    !err.text[0] != sizes[i].good)
			fail_msg("row %zu: %d, %s", i, rc, err.text);
		if (sizes[i].good)
			assert_int_equal(backing_is_pooled(sizes[i].kind,
							   sizes[i].page_bytes),
					 sizes[i].pooled);
	}
	for (i = 0; backing_names[i]; i++)
		assert_int_equal(backing_check((enum backing_kind)i,
					       backing_default_page_bytes(
						       (enum backing_kind)i),
					       NULL),
				 0);
}

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int rc;
		enum backing_kind kind;
		const char *path, *word;
	} rows[] = {
		{ "anon", 0, BACKING_ANON, NULL, "" },
		{ "thp", 0, BACKING_THP, NULL, "" },
		{ "hugetlb", 0, BACKING_HUGETLB, NULL, "" },
		{ "memfd", 0, BACKING_MEMFD, NULL, "" },
		{ "file:/a:b", 0, BACKING_FILE, "/a:b", "" },
		{ "file", -EINVAL, 0, NULL, "takes a path" },
		{ "file:", -EINVAL, 0, NULL, "takes a path" },
		{ "memfd:/tmp", -EINVAL, 0, NULL, "memfd takes no path" },
		{ "anon:", -EINVAL, 0, NULL, "anon takes no path" },
		{ "", -EINVAL, 0, NULL, "takes one of" },
		{ "ano", -EINVAL, 0, NULL, "takes one of" },
		{ "anonymous", -EINVAL, 0, NULL, "takes one of" },
	};
	static const char untouched[] = "";
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum backing_kind kind = BACKING_FILE;
		const char *path = untouched;
		struct error err = { "" };

		assert_int_equal(
			backing_parse(rows[i].text, &kind, &path, &err),
			rows[i].rc);
		assert_non_null(strstr(err.text, rows[i].word));
		if (rows[i].rc) {
			assert_ptr_equal(path, untouched);
			continue;
		}
		assert_int_equal(kind, rows[i].kind);
		if (rows[i].path)
			assert_string_equal(path, rows[i].path);
		else
			assert_null(path);
	}
}

static void test_refuses(void **state)
{
	static const struct {
		struct backing_params params;
		int rc;
		const char *word;
	} rows[] = {
		{ { .page_bytes = KIB4 }, -EINVAL, "whole pages" },
		{ { .bytes = 5000, .page_bytes = KIB4 },
		  -EINVAL,
		  "whole pages" },
		{ { .bytes = 1ull << 50, .page_bytes = KIB4 },
		  -EINVAL,
		  "whole pages" },
		{ { .bytes = MIB2, .page_bytes = MIB2 }, -EINVAL, "--backing" },
		{ { .kind = BACKING_FILE,
		    .bytes = MIB2,
		    .page_bytes = KIB4,
		    .path = "/proc/no/such" },
		  -ENOENT,
		  "/proc/no/such" },
		/* More than any host of ours has. */
		{ { .kind = BACKING_HUGETLB,
		    .bytes = 1ull << 45,
		    .page_bytes = MIB2,
		    .reserve = true },
		  -ENOMEM,
		  "more 2 MiB pages" },
	};
	struct backing b = { .bytes = 77 };
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = { "" };
		int rc = backing_create(&rows[i].params, &b, &err);

		if (rc != rows[i].rc || !strstr(err.text, rows[i].word))
			fail_msg("row %zu: %d, %s", i, rc, err.text);
	}
	assert_int_equal(b.bytes, 77);
}

static void test_alone(void **state)
{
	static const struct backing_params rows[] = {
		{ .kind = BACKING_ANON, .page_bytes = KIB4 },
		{ .kind = BACKING_THP, .page_bytes = MIB2 },
		{ .kind = BACKING_MEMFD, .page_bytes = KIB4, .name = "ram" },
		{ .kind = BACKING_FILE, .page_bytes = KIB4, .path = "/tmp" },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct backing_params p = rows[i];
		struct backing b, second;
		struct error err = { "" };
		struct smaps s;

		p.bytes = 2 * MIB2;
		if (backing_create(&p, &b, &err) ||
		    backing_create(&p, &second, &err))
			fail_msg("%s: %s", backing_names[p.kind], err.text);
		assert_int_equal((uintptr_t)b.base % MIB2, 0);
		memset(b.base, 1, 5 * KIB4);
		memset(second.base, 1, second.bytes);
		assert_int_equal(smaps_read(0, (uintptr_t)b.base, b.bytes, &s),
				 0);
		assert_int_equal(s.mapped_bytes, b.bytes);
		if (p.kind != BACKING_THP)
			assert_int_equal(s.bytes_4k, 5 * KIB4);
		assert_int_equal(b.fd >= 0, p.kind == BACKING_MEMFD ||
						    p.kind == BACKING_FILE);
		backing_destroy(&second);
		backing_destroy(&b);
		assert_null(b.base);
		backing_destroy(&b);
	}
}

/* A name that is taken is somebody's; one that is not is gone again. */
static void test_file_name(void **state)
{
	char path[] = "/tmp/test-backing-XXXXXX";
	int fd = mkstemp(path);
	struct backing_params p = { .kind = BACKING_FILE,
				    .page_bytes = KIB4,
				    .bytes = 4 * KIB4,
				    .path = path };
	struct backing b;
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(backing_create(&p, &b, NULL), -EEXIST);
	close(fd);
	unlink(path);
	assert_int_equal(backing_create(&p, &b, NULL), 0);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(fstat(b.fd, &st), 0);
	assert_int_equal(st.st_size, 4 * KIB4);
	backing_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),	  cmocka_unit_test(test_parse),
		cmocka_unit_test(test_refuses),	  cmocka_unit_test(test_alone),
		cmocka_unit_test(test_file_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
