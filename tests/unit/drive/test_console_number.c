/* SPDX-License-Identifier: MIT */
/* Is a number in a guest's line taken only where it stands as KEY=NUMBER? */
#include "drive/console.h"

#include <stdio.h>

#include "unit/unit.h"

static void test_number(void **state)
{
	static const struct {
		const char *text, *key;
		bool ok;
		uint64_t value;
	} rows[] = {
		{ "ok", "a", false, 0 },
		{ "a=", "a", false, 0 },
		{ "a=-1", "a", false, 0 },
		{ "a=1x", "a", false, 0 },
		{ "a= 1", "a", false, 0 },
		{ "a=18446744073709551616", "a", false, 0 },
		{ "a=1111111111111111111111111111111111111", "a", false, 0 },
		{ "ba=1", "a", false, 0 },
		{ "a 1", "a", false, 0 },
		{ "a=5", "a", true, 5 },
		{ "ba=1 a=2", "a", true, 2 },
		{ "aa=1 a=2 a=3", "a", true, 2 },
		{ "x gpa=0xd0000000 bytes=8", "gpa", true, 0xd0000000 },
		{ "a=18446744073709551615", "a", true, UINT64_MAX },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct console_line line = { .arrived_ns = 1 };
		uint64_t got = 77;

		snprintf(line.text, sizeof(line.text), "%s", rows[i].text);
		if (console_number(&line, rows[i].key, &got) != rows[i].ok ||
		    got != (rows[i].ok ? rows[i].value : 77))
			fail_msg("'%s'", rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
