/* SPDX-License-Identifier: MIT */
/* Do tables line up, whatever stands in them? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "report/table.h"

static const struct table_column columns[] = {
	{ "round", TABLE_RIGHT },
	{ "what", TABLE_LEFT },
	{ "µs", TABLE_RIGHT },
};

static void expect(struct table *t, const char *want)
{
	char *text = NULL;
	size_t bytes;
	FILE *f = open_memstream(&text, &bytes);

	assert_int_equal(table_print(t, f), 0);
	fclose(f);
	assert_string_equal(text, want);
	free(text);
	table_destroy(t);
}

static struct table *create(const char *title)
{
	struct table *t = NULL;

	assert_int_equal(table_create(title, columns, 3, &t), 0);
	return t;
}

static void test_empty(void **state)
{
	expect(create(NULL), "round  what  µs\n"
			     "-----  ----  --\n");
}

static void test_aligned(void **state)
{
	struct table *t = create("Rounds");

	table_cell(t, "%d", 1);
	table_cell(t, "%s", "first ü");
	table_cell(t, "%.1f", 12.5);
	table_cell(t, "%d", 100000);
	table_cell(t, NULL);
	table_rule(t);
	table_cell(t, "sum");
	expect(t, "Rounds\n"
		  " round  what       µs\n"
		  "------  -------  ----\n"
		  "     1  first ü  12.5\n"
		  "100000               \n"
		  "------  -------  ----\n"
		  "   sum               \n");
}

static void test_section(void **state)
{
	struct table *t = NULL;

	assert_int_equal(table_create_section(NULL, &t), 0);
	table_pair(t, "verdict", "%s", "pass");
	table_pair(t, "at", "%d ms", 5);
	expect(t, "verdict  pass\n"
		  "at       5 ms\n");
}

/* A peer's text must not drive the terminal, nor shift the columns. */
static void test_hostile(void **state)
{
	struct table *t = NULL;

	assert_int_equal(table_create_section("\033]0;x\007", &t), 0);
	table_pair(t, "a\nb", "%s", "\033[2J\xff\xc2\x9b");
	table_pair(t, "\xc3", "%s", "\xe2\x82\xac");
	expect(t, "?]0;x?\n"
		  "a?b  ?[2J???\n"
		  "?    \xe2\x82\xac\n");
}

static void test_full_disk(void **state)
{
	FILE *f = fopen("/dev/full", "w");
	struct table *t = create(NULL);

	if (!f)
		skip();
	assert_int_equal(table_print(t, f), -EIO);
	fclose(f);
	table_destroy(t);
}

static const struct {
	const char *text;
	size_t bytes; /* of the first character; 0 = broken */
} characters[] = {
	{ "a", 1 },
	{ "\x7f", 1 },
	{ "\xc3\xa9", 2 },
	{ "\xe2\x82\xac", 3 },
	{ "\xf0\x9f\x98\x80", 4 },
	{ "\xf4\x8f\xbf\xbf", 4 },
	{ "\x80", 0 },
	{ "\xc0\x80", 0 },
	{ "\xc1\xbf", 0 },
	{ "\xc3", 0 },
	{ "\xc3(", 0 },
	{ "\xe0\x9f\xbf", 0 },
	{ "\xe0\xa0\x80", 3 },
	{ "\xed\x9f\xbf", 3 },
	{ "\xed\xa0\x80", 0 },
	{ "\xe2\x82", 0 },
	{ "\xf0\x8f\xbf\xbf", 0 },
	{ "\xf4\x90\x80\x80", 0 },
	{ "\xf5\x80\x80\x80", 0 },
	{ "\xff", 0 },
};

static void test_utf8(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(characters) / sizeof(*characters); i++)
		assert_int_equal(utf8_char_bytes(characters[i].text,
						 strlen(characters[i].text)),
				 characters[i].bytes);
	assert_int_equal(utf8_count("a\xc3\xa9\xff"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_aligned),
		cmocka_unit_test(test_section),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
