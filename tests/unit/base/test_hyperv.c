/* SPDX-License-Identifier: MIT */
/* Which enlightenments a choice comes to. */
#include <errno.h>
#include <string.h>

#include "base/hyperv.h"
#include "unit/unit.h"

#define BIT(f) HYPERV_BIT(HYPERV_##f)
#define ALL (BIT(NR_FEATURES) - 1)
#define USER HYPERV_USER_FEATURES

static const struct {
	enum hyperv_mode mode;
	uint32_t on, off;
	const char *broken;
	int rc;
	uint32_t wanted;
	const char *says;
} rows[] = {
	{ HYPERV_OFF, 0, 0, NULL, 0, 0, NULL },
	{ HYPERV_KVM, 0, 0, NULL, 0, ALL, NULL },
	{ HYPERV_USER, 0, 0, NULL, 0, USER, NULL },
	{ HYPERV_OFF, BIT(TIME), 0, NULL, -EINVAL, 0, "--hv-time" },
	{ HYPERV_OFF, 0, BIT(TIME), NULL, -EINVAL, 0, "--hv-time" },
	{ HYPERV_USER, BIT(EVMCS), 0, NULL, -EINVAL, 0, "only KVM" },
	{ HYPERV_KVM, BIT(EVMCS), 0, NULL, 0, ALL, NULL },
	/* What is refused takes along what depends on it. */
	{ HYPERV_USER, 0, BIT(TIME), NULL, 0,
	  USER & ~(BIT(TIME) | BIT(STIMER) | BIT(STIMER_DIRECT)), NULL },
	{ HYPERV_USER, BIT(STIMER), BIT(TIME), NULL, -EINVAL, 0, "--hv-time" },
	{ HYPERV_KVM, 0, BIT(VAPIC), NULL, 0,
	  ALL & ~(BIT(VAPIC) | BIT(EVMCS) | BIT(EMSR_BITMAP) |
		  BIT(TLBFLUSH_DIRECT)),
	  NULL },
	{ HYPERV_USER, 0, BIT(VPINDEX), NULL, 0,
	  BIT(RELAXED) | BIT(VAPIC) | BIT(RUNTIME) | BIT(TIME) |
		  BIT(FREQUENCIES),
	  NULL },
	{ HYPERV_USER, 0, 0, "time_ref", 0, USER, NULL },
	{ HYPERV_USER, 0, 0, "", -EINVAL, 0, "list" },
	{ HYPERV_USER, 0, 0, "nothing", -EINVAL, 0, "list" },
	{ HYPERV_KVM, 0, 0, "time_ref", -EINVAL, 0, "--hyperv user" },
};

static void test_rows(void **state)
{
	size_t i;
	unsigned int k;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct hyperv_choice c = { .mode = rows[i].mode,
					   .broken = rows[i].broken };
		uint32_t wanted = 0xdead, must = 0xdead;
		struct error err = { "" };

		for (k = 0; k < HYPERV_NR_FEATURES; k++)
			c.wish[k] = rows[i].on >> k & 1	   ? HYPERV_ON
				    : rows[i].off >> k & 1 ? HYPERV_NOT
							   : HYPERV_AUTO;
		assert_int_equal(hyperv_resolve(&c, &wanted, &must, &err),
				 rows[i].rc);
		assert_int_equal(wanted, rows[i].rc ? 0xdead : rows[i].wanted);
		assert_int_equal(must, rows[i].rc ? 0xdead : rows[i].on);
		if (rows[i].says)
			assert_non_null(strstr(err.text, rows[i].says));
	}
}

static void test_names(void **state)
{
	unsigned int i;

	for (i = 0; i < HYPERV_NR_FEATURES; i++)
		assert_non_null(hyperv_feature_names[i]);
	assert_int_equal(hyperv_break_number(NULL), 0);
	assert_int_equal(hyperv_break_number("leaves"), 1);
	for (i = 0; hyperv_break_names[i]; i++)
		assert_int_equal(hyperv_break_number(hyperv_break_names[i]),
				 i + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
