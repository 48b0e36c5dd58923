/* SPDX-License-Identifier: MIT */
/* Does the list of checks keep every row, and cut what is too long? */
#include "base/checks.h"

#include <stdio.h>
#include <string.h>

#include "unit/unit.h"

static void test_many(void **state)
{
	struct checks c;
	char name[16];
	unsigned int i;

	checks_init(&c);
	assert_null(checks_find(&c, "row.0"));
	for (i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "row.%u", i);
		check_advice(check_value(checks_add(&c, i % 4, name), "%u", i),
			     "%s", name);
	}
	assert_int_equal(c.nr, 300);
	assert_int_equal(c.failed, 0);
	assert_string_equal(checks_find(&c, "row.299")->value, "299");
	assert_string_equal(checks_find(&c, "row.17")->advice, "row.17");
	assert_null(checks_find(&c, "row.300"));
	assert_string_equal(check_state_name(c.list[2].state), "problem");
	checks_exit(&c);
	assert_int_equal(c.nr, 0);
}

static void test_long(void **state)
{
	char text[1000];
	struct checks c;
	struct check *row;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	checks_init(&c);
	row = checks_add(&c, CHECK_OK, text);
	assert_string_equal(row->value, "");
	check_value(row, "%s", text);
	check_advice(row, "%s", text);
	assert_int_equal(strlen(row->name), sizeof(row->name) - 1);
	assert_int_equal(strlen(row->value), sizeof(row->value) - 1);
	assert_int_equal(strlen(row->advice), sizeof(row->advice) - 1);
	checks_exit(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
