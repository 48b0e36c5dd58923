/* SPDX-License-Identifier: MIT */
/* The guest's own library, compiled for the host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "lib/options.h"
#include "lib/print.h"
#include "lib/rammap.h"
#include "lib/spread.h"
#include "lib/string.h"
#include "lib/words.h"

#define KIB 1024ull
#define MIB (1024 * KIB)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		uint64_t bytes;
	} cases[] = {
		{ "", false, 0 },
		{ "K", false, 0 },
		{ "-1", false, 0 },
		{ "1X", false, 0 },
		{ "1Ki", false, 0 },
		{ "1KBs", false, 0 },
		{ "1.5K", false, 0 },
		{ "1 K", false, 0 },
		{ "18446744073709551616", false, 0 },
		{ "16777216T", false, 0 },
		{ "99999999999999999999", false, 0 },
		{ "0", true, 0 },
		{ "4096", true, 4096 },
		{ "3K", true, 3 * KIB },
		{ "3KiB", true, 3 * KIB },
		{ "3KB", true, 3000 },
		{ "2M", true, 2 * MIB },
		{ "2MB", true, 2000000 },
		{ "1G", true, 1024 * MIB },
		{ "1GB", true, 1000000000 },
		{ "1TiB", true, 1024 * 1024 * MIB },
		{ "18446744073709551615", true, UINT64_MAX },
	};
	size_t i;

	for (i = 0; i < COUNT(cases); i++) {
		uint64_t bytes = 77;

		assert_int_equal(words_size(cases[i].text, &bytes),
				 cases[i].ok);
		assert_int_equal(bytes, cases[i].ok ? cases[i].bytes : 77);
	}
}

static void test_rates(void **state)
{
	uint64_t rate = 77;

	assert_false(words_rate("p", &rate));
	assert_false(words_rate("10pp", &rate));
	assert_false(words_rate("4503599627370496p", &rate));
	assert_int_equal(rate, 77);
	assert_true(words_rate("10p", &rate));
	assert_int_equal(rate, 40960);
	assert_true(words_rate("300M", &rate));
	assert_int_equal(rate, 300 * MIB);
}

static void test_words(void **state)
{
	char line[] = "  start\tkey=value  x= \ty";
	char *rest = line, *word;

	assert_string_equal(words_next(&rest), "start");
	word = words_next(&rest);
	assert_string_equal(words_value(word), "value");
	assert_string_equal(word, "key");
	word = words_next(&rest);
	assert_string_equal(words_value(word), "");
	word = words_next(&rest);
	assert_string_equal(word, "y");
	assert_null(words_value(word));
	assert_null(words_next(&rest));
	assert_null(words_next(&rest));
}

static void test_find(void **state)
{
	const char *text = "quiet acpus=3 cpus=4 cpus=5 seed= long=abcdefgh";
	char value[6];

	assert_false(words_find(text, "cpu", value, sizeof(value)));
	assert_false(words_find(text, "quiet", value, sizeof(value)));
	assert_false(words_find("", "x", value, sizeof(value)));
	assert_true(words_find(text, "cpus", value, sizeof(value)));
	assert_string_equal(value, "4");
	assert_true(words_find(text, "seed", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_true(words_find(text, "long", value, sizeof(value)));
	assert_string_equal(value, "abcde");
}

static void test_print(void **state)
{
	char text[16];

	assert_int_equal(
		print_text(text, sizeof(text), "%u %lx%%", 0u, 0xdeadbeeful),
		11);
	assert_string_equal(text, "0 deadbeef%");
	assert_int_equal(print_text(text, sizeof(text), "%lu", UINT64_MAX), 15);
	assert_string_equal(text, "184467440737095");
	assert_int_equal(print_text(text, 1, "abc"), 0);
	assert_string_equal(text, "");
	assert_int_equal(print_text(text, sizeof(text), "a=%s", "b"), 3);
	assert_string_equal(text, "a=b");
}

static void test_strings(void **state)
{
	char text[4];

	assert_int_equal(string_copy(text, sizeof(text), "abcdef"), 3);
	assert_string_equal(text, "abc");
	assert_false(string_equal("a", "ab"));
	assert_false(string_equal("ab", "a"));
	assert_true(string_equal("", ""));
	assert_int_equal(string_length("abc"), 3);
}

static void test_options(void **state)
{
	static const struct {
		const char *key, *value;
		enum options_result result;
	} cases[] = {
		{ "speed", "1", OPTIONS_UNKNOWN_KEY },
		{ "", "", OPTIONS_UNKNOWN_KEY },
		{ "pattern", "zigzag", OPTIONS_BAD_VALUE },
		{ "stride", "0", OPTIONS_BAD_VALUE },
		{ "stride", "6K", OPTIONS_BAD_VALUE },
		{ "stride", "2T", OPTIONS_BAD_VALUE },
		{ "hot", "10%", OPTIONS_BAD_VALUE },
		{ "hot", "10/90", OPTIONS_BAD_VALUE },
		{ "hot", "0%/90%", OPTIONS_BAD_VALUE },
		{ "hot", "10%/100%", OPTIONS_BAD_VALUE },
		{ "hot", "10%/90%/1%", OPTIONS_BAD_VALUE },
		{ "hot", "/", OPTIONS_BAD_VALUE },
		{ "burst", "200ms", OPTIONS_BAD_VALUE },
		{ "burst", "200/800", OPTIONS_BAD_VALUE },
		{ "burst", "0ms/1s", OPTIONS_BAD_VALUE },
		{ "burst", "1s/3601s", OPTIONS_BAD_VALUE },
		{ "rate", "", OPTIONS_BAD_VALUE },
		{ "rate", "1M+", OPTIONS_BAD_VALUE },
		{ "rate", "+1M", OPTIONS_BAD_VALUE },
		{ "rate", "1+2+3+4+5+6+7+8+9", OPTIONS_BAD_VALUE },
		{ "delta", "0", OPTIONS_BAD_VALUE },
		{ "delta", "100", OPTIONS_BAD_VALUE },
		{ "delta", "4160", OPTIONS_BAD_VALUE },
		{ "phases", "", OPTIONS_BAD_VALUE },
		{ "phases", "pattern:random", OPTIONS_BAD_VALUE },
		{ "phases", "pattern:random/5", OPTIONS_BAD_VALUE },
		{ "phases", "pattern:random/9ms", OPTIONS_BAD_VALUE },
		{ "phases", "/1s", OPTIONS_BAD_VALUE },
		{ "phases", "rate:1M/1s;", OPTIONS_BAD_VALUE },
		{ "phases", ";rate:1M/1s", OPTIONS_BAD_VALUE },
		{ "phases", "rate:1M&/1s", OPTIONS_BAD_VALUE },
		{ "phases", "write:page/1s", OPTIONS_BAD_VALUE },
		{ "phases", "burst:1s/2s", OPTIONS_BAD_VALUE },
		{ "phases",
		  "rate:1/1s;rate:2/1s;rate:3/1s;rate:4/1s;rate:5/1s;"
		  "rate:6/1s;rate:7/1s;rate:8/1s;rate:9/1s",
		  OPTIONS_BAD_VALUE },
		{ "write", "", OPTIONS_BAD_VALUE },
		{ "content", "r:0", OPTIONS_BAD_VALUE },
		{ "content", "r:65", OPTIONS_BAD_VALUE },
		{ "content", "r:", OPTIONS_BAD_VALUE },
		{ "rate", "1T/s", OPTIONS_BAD_VALUE },
		{ "rate", "17T", OPTIONS_BAD_VALUE },
		{ "wss", "4095", OPTIONS_BAD_VALUE },
		{ "seed", "-1", OPTIONS_BAD_VALUE },
		{ "check", "yes", OPTIONS_BAD_VALUE },
	};
	struct work_options o, before;
	size_t i;

	options_init(&o);
	assert_int_equal(o.phase[0].pattern, ORACLE_RANDOM);
	assert_true(o.check);
	before = o;
	for (i = 0; i < COUNT(cases); i++) {
		assert_int_equal(options_set(&o, cases[i].key, cases[i].value),
				 cases[i].result);
		assert_memory_equal(&o, &before, sizeof(o));
	}
	assert_int_equal(options_set(&o, "content", "r:64"), OPTIONS_OK);
	assert_int_equal(o.content, ORACLE_CONTENT_RATIO);
	assert_int_equal(o.ratio, 64);
	assert_int_equal(options_set(&o, "stop", "on"), OPTIONS_OK);
	assert_true(o.stop);
	assert_int_equal(options_set(&o, "wss", "1M"), OPTIONS_OK);
	assert_int_equal(o.wss_bytes, MIB);
}

/* Each phase begins with what was said before. */
static void test_phases(void **state)
{
	static const struct oracle_order hot = { ORACLE_HOTCOLD, 0, 10, 90 };
	static const struct oracle_order strided = { ORACLE_STRIDED, 3, 0, 0 };
	struct oracle_order order;
	struct work_options o;

	options_init(&o);
	assert_int_equal(options_set(&o, "stride", "12K"), OPTIONS_OK);
	assert_int_equal(options_set(&o, "rate", "1M+10p"), OPTIONS_OK);
	assert_int_equal(options_set(&o, "phases",
				     "pattern:hotcold/10ms;"
				     "pattern:burst&burst:5ms/2s&rate:0/1s;"
				     "pattern:strided&rate:3M+2M+1M/3600s"),
			 OPTIONS_OK);
	assert_int_equal(o.nr_phases, 3);
	order = phase_order(&o.phase[0]);
	assert_memory_equal(&order, &hot, sizeof(order));
	assert_int_equal(o.phase[0].duration_ms, 10);
	assert_int_equal(o.phase[0].nr_rates, 2);
	assert_int_equal(o.phase[0].rate_bytes_per_s[1], 40960);
	assert_int_equal(o.phase[1].burst_on_ms, 5);
	assert_int_equal(o.phase[1].burst_off_ms, 2000);
	assert_int_equal(o.phase[1].nr_rates, 1);
	assert_int_equal(o.phase[1].rate_bytes_per_s[0], 0);
	order = phase_order(&o.phase[2]);
	assert_memory_equal(&order, &strided, sizeof(order));
	assert_int_equal(o.phase[2].nr_rates, 3);
	assert_int_equal(o.phase[2].duration_ms, 3600000);
	/* They have their own by now. */
	assert_int_equal(options_set(&o, "rate", "1M"), OPTIONS_BAD_VALUE);
	assert_int_equal(options_set(&o, "phases", "rate:1M/1s"),
			 OPTIONS_BAD_VALUE);
}

/* Sorted, joined, without gaps, the same bytes as before. */
static void check_map(const struct rammap *map, uint64_t bytes)
{
	uint32_t i;

	assert_int_equal(rammap_bytes(map), bytes);
	for (i = 1; i < map->nr; i++) {
		const struct abi_ram_range *r = &map->range[i];
		uint64_t end = r[-1].gpa + r[-1].bytes;

		assert_true(end <= r->gpa);
		assert_true(end < r->gpa || r[-1].kind != r->kind);
	}
}

static void test_rammap(void **state)
{
	struct rammap map = { 0 };
	struct oracle_range largest[2];

	rammap_add(&map, 16 * MIB, 64 * MIB, ABI_RAM_FREE);
	rammap_add(&map, 0, 640 * KIB, ABI_RAM_FREE);
	rammap_add(&map, MIB, 16 * MIB, ABI_RAM_FREE);
	rammap_add(&map, MIB, MIB, ABI_RAM_FREE);
	assert_int_equal(map.nr, 3);
	rammap_mark(&map, 0, MIB, ABI_RAM_FIRMWARE);
	assert_int_equal(map.nr, 2);
	check_map(&map, 63 * MIB + 640 * KIB);
	rammap_mark(&map, 2 * MIB + 1, 3 * MIB - 1, ABI_RAM_IMAGE);
	check_map(&map, 63 * MIB + 640 * KIB);
	assert_int_equal(map.nr, 4);
	assert_int_equal(map.range[2].gpa, 2 * MIB);
	assert_int_equal(map.range[2].bytes, MIB);
	/* Over several ranges and a hole. */
	rammap_mark(&map, 512 * KIB, 2 * MIB + 4096, ABI_RAM_PRIVATE);
	check_map(&map, 63 * MIB + 640 * KIB);
	assert_int_equal(rammap_take(&map, 64 * MIB, 4096, 0, ABI_RAM_WORK), 0);
	assert_int_equal(rammap_take(&map, MIB, 4096, 4 * MIB, ABI_RAM_WORK),
			 4 * MIB);
	assert_int_equal(rammap_take(&map, MIB, 4096, 0, ABI_RAM_WORK),
			 3 * MIB);
	check_map(&map, 63 * MIB + 640 * KIB);
	rammap_mark(&map, 32 * MIB, 33 * MIB, ABI_RAM_IMAGE);
	assert_int_equal(rammap_largest(&map, largest, 2), 2);
	assert_int_equal(largest[0].gfn, 33 * MIB / 4096);
	assert_int_equal(largest[1].nr_pages, 27 * MIB / 4096);
	/* What was taken before has left an odd beginning. */
	assert_int_equal(rammap_take(&map, 4096, 4096, 6 * MIB, ABI_RAM_WORK),
			 6 * MIB);
	assert_int_equal(
		rammap_take(&map, 64 * KIB, 32 * KIB, 6 * MIB, ABI_RAM_WORK),
		6 * MIB + 32 * KIB);
	check_map(&map, 63 * MIB + 640 * KIB);
	assert_false(map.full);
}

static void test_rammap_keeps_holes(void **state)
{
	struct rammap map = { 0 };

	rammap_add(&map, 0, 640 * KIB, ABI_RAM_FREE);
	rammap_add(&map, MIB, 2 * MIB, ABI_RAM_FREE);
	rammap_mark(&map, 640 * KIB, MIB, ABI_RAM_WORK);
	assert_int_equal(map.nr, 2);
	assert_int_equal(map.range[0].bytes, 640 * KIB);
	assert_int_equal(map.range[1].gpa, MIB);
}

static void test_rammap_full(void **state)
{
	struct rammap map = { 0 };
	uint32_t i;

	rammap_add(&map, 0, 64 * MIB, ABI_RAM_FREE);
	for (i = 0; i < ABI_MAX_RAM_RANGES; i++)
		rammap_mark(&map, i * 8192, i * 8192 + 4096, ABI_RAM_WORK);
	assert_true(map.full);
	assert_true(map.nr <= ABI_MAX_RAM_RANGES);
	check_map(&map, 64 * MIB);
}

static void test_spread(void **state)
{
	uint32_t values[200], i;
	struct spread s;

	values[0] = 7;
	spread_compute(values, 1, &s);
	assert_true(s.min == 7 && s.p50 == 7 && s.p99 == 7 && s.max == 7);
	/* 1 .. 200, in another order: 77 and 200 have no common divisor. */
	for (i = 0; i < 200; i++)
		values[i] = i * 77 % 200 + 1;
	spread_compute(values, 200, &s);
	assert_int_equal(s.min, 1);
	assert_int_equal(s.p50, 100);
	assert_int_equal(s.p90, 180);
	assert_int_equal(s.p99, 198);
	assert_int_equal(s.max, 200);
	for (i = 0; i < 200; i++)
		assert_int_equal(values[i], i + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_phases),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_rammap),
		cmocka_unit_test(test_rammap_keeps_holes),
		cmocka_unit_test(test_rammap_full),
	};

	return cmocka_run_group_tests_name("guest_lib", tests, NULL, NULL);
}
