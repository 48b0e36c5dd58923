/* SPDX-License-Identifier: MIT */
/* Are files of /proc and /sys read right, also when they look odd? */
#include "base/procfile.h"

#include <errno.h>

#include "unit/unit.h"

static void test_read_refuses(void **state)
{
	char text[8] = "before";
	uint64_t value = 7;

	assert_int_equal(procfile_read("/proc/no/such", text, 8), -ENOENT);
	assert_string_equal(text, "");
	assert_int_equal(procfile_read("/proc", text, 8), -EISDIR);
	assert_int_equal(procfile_read_u64("/proc/no/such", &value), -ENOENT);
	assert_int_equal(procfile_read_u64("/proc/version", &value), -EPROTO);
	assert_int_equal(value, 7);
}

static void test_read_cuts(void **state)
{
	char text[6];
	uint64_t value = 0;

	assert_int_equal(procfile_read("/proc/version", text, sizeof(text)), 0);
	assert_string_equal(text, "Linux");
	assert_int_equal(procfile_read("/proc/version", text, 1), 0);
	assert_string_equal(text, "");
	assert_int_equal(procfile_read_u64("/proc/sys/kernel/pid_max", &value),
			 0);
	assert_true(value > 1);
}

static void test_u64(void **state)
{
	static const struct {
		const char *text;
		bool good;
		uint64_t value;
	} rows[] = {
		{ "", false, 0 },
		{ "-1", false, 0 },
		{ "+1", false, 0 },
		{ "x", false, 0 },
		{ "\n5", false, 0 },
		{ "18446744073709551616", false, 0 },
		{ "0", true, 0 },
		{ "max 100000", false, 0 },
		{ " \t42 kB", true, 42 },
		{ "18446744073709551615", true, UINT64_MAX },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t value = 77;
		bool good = procfile_u64(rows[i].text, &value);

		if (good != rows[i].good ||
		    value != (good ? rows[i].value : 77))
			fail_msg("'%s': %d, %llu", rows[i].text, good,
				 (unsigned long long)value);
	}
}

static void test_field(void **state)
{
	static const char text[] = "model\t\t: 17\nmodel name\t: A CPU: fast\n"
				   "MemTotal:       24 kB\n0::/some/group\n"
				   "empty:\nlast: one";
	char value[16] = "untouched";

	assert_false(procfile_field(text, "name", value, 16));
	assert_false(procfile_field(text, "Mem", value, 16));
	assert_false(procfile_field("", "a", value, 16));
	assert_false(procfile_field("abc", "abc", value, 16));
	assert_false(procfile_field("abc\n", "abc", value, 16));
	assert_string_equal(value, "untouched");
	assert_true(procfile_field(text, "model", value, 16));
	assert_string_equal(value, "17");
	assert_true(procfile_field(text, "model name", value, 16));
	assert_string_equal(value, "A CPU: fast");
	assert_true(procfile_field(text, "MemTotal", value, 16));
	assert_string_equal(value, "24 kB");
	assert_true(procfile_field(text, "0:", value, 16));
	assert_string_equal(value, "/some/group");
	assert_true(procfile_field(text, "empty", value, 16));
	assert_string_equal(value, "");
	assert_true(procfile_field(text, "last", value, 3));
	assert_string_equal(value, "on");
}

static void test_words(void **state)
{
	char value[8] = "";

	assert_false(procfile_has_word("flags : svm_lock nosvm", "svm"));
	assert_false(procfile_has_word("", "svm"));
	assert_false(procfile_has_word("a b", ""));
	assert_true(procfile_has_word("flags : svm_lock svm", "svm"));
	assert_true(procfile_has_word("svm\nx", "svm"));
	assert_false(procfile_chosen("always never", value, 8));
	assert_false(procfile_chosen("always [never", value, 8));
	assert_true(procfile_chosen("always [madvise] never", value, 8));
	assert_string_equal(value, "madvise");
	assert_true(procfile_chosen("[within_size]", value, 4));
	assert_string_equal(value, "wit");
}

static void test_list_count(void **state)
{
	static const struct {
		const char *text;
		unsigned int nr;
	} rows[] = {
		{ "", 0 },
		{ "-", 0 },
		{ "3-1", 0 },
		{ "0,", 0 },
		{ "0-", 0 },
		{ "0 1", 0 },
		{ "a", 0 },
		{ "0-9999999", 0 },
		{ "0", 1 },
		{ "0-3", 4 },
		{ "0-3,8,10-11\n", 7 },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++)
		if (procfile_list_count(rows[i].text) != rows[i].nr)
			fail_msg("'%s': %u", rows[i].text,
				 procfile_list_count(rows[i].text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_refuses),
		cmocka_unit_test(test_read_cuts),
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_field),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_list_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
