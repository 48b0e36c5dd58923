/* SPDX-License-Identifier: MIT */
/* Features of `cycles --ab`, on top of what is given. */
#include <errno.h>
#include <string.h>

#include "tools/hyperv_options.h"
#include "unit/unit.h"

static void test_add(void **state)
{
	struct hyperv_choice c = { .mode = HYPERV_OFF };
	struct error err = { "" };

	assert_int_equal(
		hyperv_options_add("hyperv=user+hv-time+-hv-stimer-direct", &c,
				   &err),
		0);
	assert_int_equal(c.mode, HYPERV_USER);
	assert_int_equal(c.wish[HYPERV_TIME], HYPERV_ON);
	assert_int_equal(c.wish[HYPERV_STIMER_DIRECT], HYPERV_NOT);
	assert_int_equal(c.wish[HYPERV_STIMER], HYPERV_AUTO);
	assert_int_equal(hyperv_options_check(&c, false, &err), 0);
	assert_int_equal(hyperv_options_check(&c, true, &err), -EINVAL);
}

static void test_refused(void **state)
{
	static const char *const words[] = {
		"x",	   "hv-",	 "hv-tim",	"hv-timely",
		"hyperv=", "hyperv=vbs", "-hyperv=vbs", "hv-time+y",
		"time",	   "-",
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(words); i++) {
		struct hyperv_choice c = { .mode = HYPERV_USER };
		struct error err = { "" };

		assert_int_equal(hyperv_options_add(words[i], &c, &err),
				 -EINVAL);
		assert_non_null(strstr(err.text, "--ab"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
