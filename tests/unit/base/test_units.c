/* SPDX-License-Identifier: MIT */
/* Does base/units take exactly what people may write, and nothing else? */
#include "base/units.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "unit/unit.h"

/* What a parser must not have touched on failure. */
#define UNTOUCHED 0xdeadbeefull

struct row {
	const char *text;
	int err;
	uint64_t value;
};

static void check(int (*parse)(const char *, uint64_t *), const struct row *row,
		  size_t nr)
{
	for (; nr--; row++) {
		uint64_t want = row->err ? UNTOUCHED : row->value;
		uint64_t got = UNTOUCHED;
		int err = parse(row->text, &got);

		if (err != row->err || got != want)
			fail_msg("'%s': got %d and %llu, not %d and %llu",
				 row->text, err, (unsigned long long)got,
				 row->err, (unsigned long long)want);
	}
}

static void test_size_refuses(void **state)
{
	static const struct row rows[] = {
		{ "", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "1 G", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "G", -EINVAL, 0 },
		{ ".", -EINVAL, 0 },
		{ "1.", -EINVAL, 0 },
		{ "1.G", -EINVAL, 0 },
		{ "1.5.5G", -EINVAL, 0 },
		{ "1.5", -EINVAL, 0 },
		{ "1.0001K", -EINVAL, 0 },
		{ "0.3K", -EINVAL, 0 },
		{ "1Kb", -EINVAL, 0 },
		{ "1k", -EINVAL, 0 },
		{ "1KIB", -EINVAL, 0 },
		{ "1Gi", -EINVAL, 0 },
		{ "1P", -EINVAL, 0 },
		{ "1e6", -EINVAL, 0 },
		{ "0x10", -EINVAL, 0 },
		{ "1,5G", -EINVAL, 0 },
		{ "1G\n", -EINVAL, 0 },
		{ "512M/s", -EINVAL, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999999999", -ERANGE, 0 },
		{ "16777216T", -ERANGE, 0 },
		{ "17179869184GiB", -ERANGE, 0 },
	};

	check(units_parse_size, rows, ARRAY_LEN(rows));
}

static void test_size_takes(void **state)
{
	static const struct row rows[] = {
		{ "0", 0, 0 },
		{ "4096", 0, 4096 },
		{ "7B", 0, 7 },
		{ "1K", 0, 1024 },
		{ "1KiB", 0, 1024 },
		{ "1KB", 0, 1000 },
		{ "512M", 0, 512ull << 20 },
		{ "3MiB", 0, 3ull << 20 },
		{ "3MB", 0, 3000000 },
		{ "4GiB", 0, 4ull << 30 },
		{ "4GB", 0, 4000000000ull },
		{ "2T", 0, 2ull << 40 },
		{ "2TiB", 0, 2ull << 40 },
		{ "2TB", 0, 2000000000000ull },
		{ "1.5G", 0, 3ull << 29 },
		{ "0.5K", 0, 512 },
		{ "1.0", 0, 1 },
		{ "0.001KB", 0, 1 },
		{ "007", 0, 7 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "16777215T", 0, 16777215ull << 40 },
	};

	check(units_parse_size, rows, ARRAY_LEN(rows));
}

static void test_rate(void **state)
{
	static const struct row rows[] = {
		{ "", -EINVAL, 0 },
		{ "/s", -EINVAL, 0 },
		{ "p", -EINVAL, 0 },
		{ "p/s", -EINVAL, 0 },
		{ "-5p", -EINVAL, 0 },
		{ "1.5p", -EINVAL, 0 },
		{ "5P", -EINVAL, 0 },
		{ "5pp", -EINVAL, 0 },
		{ "5M/m", -EINVAL, 0 },
		{ "5M/s/s", -EINVAL, 0 },
		{ "0000000000000000000000000000000000001", -EINVAL, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "4503599627370496p", -ERANGE, 0 },
		{ "0", 0, 0 },
		{ "0p", 0, 0 },
		{ "300M", 0, 300ull << 20 },
		{ "300M/s", 0, 300ull << 20 },
		{ "100MB/s", 0, 100000000 },
		{ "2000p", 0, 2000 * 4096 },
		{ "2000p/s", 0, 2000 * 4096 },
		{ "4503599627370495p", 0, UINT64_MAX - 4095 },
	};

	check(units_parse_rate, rows, ARRAY_LEN(rows));
}

static void test_time(void **state)
{
	static const struct row rows[] = {
		{ "", -EINVAL, 0 },
		{ "5", -EINVAL, 0 },
		{ "00", -EINVAL, 0 },
		{ "-1s", -EINVAL, 0 },
		{ "5 s", -EINVAL, 0 },
		{ "5S", -EINVAL, 0 },
		{ "5sec", -EINVAL, 0 },
		{ "0.5ns", -EINVAL, 0 },
		{ "5124096h", -ERANGE, 0 },
		{ "0", 0, 0 },
		{ "0s", 0, 0 },
		{ "150ns", 0, 150 },
		{ "10us", 0, 10000 },
		{ "200ms", 0, 200000000 },
		{ "1.5ms", 0, 1500000 },
		{ "5s", 0, 5000000000ull },
		{ "3m", 0, 180000000000ull },
		{ "1h", 0, 3600000000000ull },
		{ "5124095h", 0, 5124095ull * 3600000000000ull },
	};

	check(units_parse_time, rows, ARRAY_LEN(rows));
}

static int parse_10_to_max(const char *text, uint64_t *ret)
{
	return units_parse_u64(text, 10, UINT64_MAX, ret);
}

static int parse_to_99(const char *text, uint64_t *ret)
{
	return units_parse_u64(text, 0, 99, ret);
}

static void test_u64(void **state)
{
	static const struct row from_10[] = {
		{ "", -EINVAL, 0 },
		{ "-10", -EINVAL, 0 },
		{ "+10", -EINVAL, 0 },
		{ " 10", -EINVAL, 0 },
		{ "10 ", -EINVAL, 0 },
		{ "ff", -EINVAL, 0 },
		{ "0x", -EINVAL, 0 },
		{ "0x 1", -EINVAL, 0 },
		{ "0x-1", -EINVAL, 0 },
		{ "0x0x1", -EINVAL, 0 },
		{ "0xfg", -EINVAL, 0 },
		{ "12.5", -EINVAL, 0 },
		{ "9", -ERANGE, 0 },
		{ "0x9", -ERANGE, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "0x10000000000000000", -ERANGE, 0 },
		{ "10", 0, 10 },
		{ "012", 0, 12 },
		{ "0Xff", 0, 255 },
		{ "0xFFFFFFFFFFFFFFFF", 0, UINT64_MAX },
		{ "18446744073709551615", 0, UINT64_MAX },
	};
	static const struct row to_99[] = {
		{ "100", -ERANGE, 0 },
		{ "0x64", -ERANGE, 0 },
		{ "99", 0, 99 },
		{ "0", 0, 0 },
	};

	check(parse_10_to_max, from_10, ARRAY_LEN(from_10));
	check(parse_to_99, to_99, ARRAY_LEN(to_99));
}

static void test_format_size(void **state)
{
	static const struct row rows[] = {
		{ "0 B", 0, 0 },
		{ "1023 B", 0, 1023 },
		{ "1 KiB", 0, 1024 },
		{ "1.5 KiB", 0, 1536 },
		{ "1.0 MiB", 0, (1 << 20) - 1 },
		{ "512 MiB", 0, 512ull << 20 },
		{ "1.5 GiB", 0, 3ull << 29 },
		{ "16777216 TiB", 0, UINT64_MAX },
	};
	char text[UNITS_TEXT_BYTES];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(units_format_size(text, rows[i].value),
				    rows[i].text);
}

static void test_format_rate_and_time(void **state)
{
	static const struct {
		const char *(*format)(char *text, double value);
		double value;
		const char *text;
	} rows[] = {
		{ units_format_rate, 0, "0 B/s" },
		{ units_format_rate, 100e6, "95.4 MiB/s" },
		{ units_format_rate, -1, "0 B/s" },
		{ units_format_rate, NAN, "0 B/s" },
		{ units_format_rate, INFINITY, "16777216 TiB/s" },
		{ units_format_time, 0, "0 ns" },
		{ units_format_time, 999.4, "999 ns" },
		{ units_format_time, 999.6, "1.0 us" },
		{ units_format_time, 999960, "1.0 ms" },
		{ units_format_time, 12.3e6, "12.3 ms" },
		{ units_format_time, 999.96e6, "1.00 s" },
		{ units_format_time, 61.5e9, "61.50 s" },
	};
	char text[UNITS_TEXT_BYTES];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(rows[i].format(text, rows[i].value),
				    rows[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_size_refuses),
		cmocka_unit_test(test_size_takes),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_format_size),
		cmocka_unit_test(test_format_rate_and_time),
	};

	return cmocka_run_group_tests_name("base-units", tests, NULL, NULL);
}
