/* SPDX-License-Identifier: MIT */
/* Does the innermost sentence stay, whole and within its room? */
#include "base/error.h"

#include <errno.h>
#include <string.h>

#include "unit/unit.h"

static void test_no_room_for_it(void **state)
{
	assert_int_equal(error_set(NULL, -EIO, "nobody reads this"), -EIO);
}

static void test_first_sentence_stays(void **state)
{
	struct error e = { "" };

	assert_int_equal(error_set(&e, -ENOENT, "cannot open %s", "x"),
			 -ENOENT);
	assert_int_equal(error_set(&e, -EIO, "cannot boot"), -EIO);
	assert_string_equal(e.text, "cannot open x");
}

static void test_too_long_is_cut(void **state)
{
	struct error e = { "" };
	char text[2 * sizeof(e.text)];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(error_set(&e, -EINVAL, "%s", text), -EINVAL);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_room_for_it),
		cmocka_unit_test(test_first_sentence_stays),
		cmocka_unit_test(test_too_long_is_cut),
	};

	return cmocka_run_group_tests_name("base-error", tests, NULL, NULL);
}
