/* SPDX-License-Identifier: MIT */
/* Does the device go the paths that linux/vfio.h spells out? */
#include "vfio/device_states.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "unit/unit.h"

#define BOTH (MIG_FLAG_P2P | MIG_FLAG_PRE_COPY)

/* Each path by the initials of its states; "" = refused. */
static const struct {
	uint64_t flags;
	const char *from, *to, *path;
} rows[] = {
	{ 0, "RUNNING", "STOP", "STOP" },
	{ 0, "RUNNING", "STOP_COPY", "STOP STOP_COPY" },
	{ 0, "RESUMING", "RUNNING", "STOP RUNNING" },
	{ 0, "STOP_COPY", "RESUMING", "STOP RESUMING" },
	{ 0, "RUNNING", "PRE_COPY", "" },
	{ 0, "RUNNING", "RUNNING_P2P", "" },
	{ 0, "RUNNING", "ERROR", "" },
	{ 0, "ERROR", "RUNNING", "" },
	{ MIG_FLAG_P2P, "RUNNING", "STOP", "RUNNING_P2P STOP" },
	{ MIG_FLAG_P2P, "RUNNING", "STOP_COPY", "RUNNING_P2P STOP STOP_COPY" },
	{ MIG_FLAG_P2P, "RESUMING", "RUNNING", "STOP RUNNING_P2P RUNNING" },
	{ MIG_FLAG_P2P, "RUNNING_P2P", "PRE_COPY_P2P", "" },
	{ MIG_FLAG_PRE_COPY, "RUNNING", "PRE_COPY", "PRE_COPY" },
	{ MIG_FLAG_PRE_COPY, "PRE_COPY", "STOP_COPY", "STOP_COPY" },
	{ MIG_FLAG_PRE_COPY, "PRE_COPY", "STOP", "RUNNING STOP" },
	{ MIG_FLAG_PRE_COPY, "STOP", "PRE_COPY", "RUNNING PRE_COPY" },
	{ MIG_FLAG_PRE_COPY, "STOP_COPY", "PRE_COPY", "" },
	{ MIG_FLAG_PRE_COPY, "RESUMING", "PRE_COPY", "STOP RUNNING PRE_COPY" },
	{ BOTH, "PRE_COPY", "STOP_COPY", "PRE_COPY_P2P STOP_COPY" },
	{ BOTH, "PRE_COPY", "RUNNING_P2P", "RUNNING RUNNING_P2P" },
	{ BOTH, "PRE_COPY_P2P", "RUNNING", "RUNNING_P2P RUNNING" },
	{ BOTH, "PRE_COPY_P2P", "STOP", "RUNNING_P2P STOP" },
	{ BOTH, "PRE_COPY", "STOP", "RUNNING RUNNING_P2P STOP" },
	{ BOTH, "RUNNING", "PRE_COPY_P2P", "RUNNING_P2P PRE_COPY_P2P" },
	{ BOTH, "STOP", "PRE_COPY", "RUNNING_P2P RUNNING PRE_COPY" },
	{ BOTH, "RUNNING", "STOP_COPY", "RUNNING_P2P STOP STOP_COPY" },
	{ BOTH, "STOP_COPY", "PRE_COPY_P2P", "" },
	{ BOTH, "STOP_COPY", "RUNNING", "STOP RUNNING_P2P RUNNING" },
};

static void test_paths(void **state)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t flags = rows[i].flags | MIG_FLAG_STOP_COPY;
		char path[256] = "";
		uint32_t now, to;

		assert_int_equal(device_state_parse(rows[i].from, &now), 0);
		assert_int_equal(device_state_parse(rows[i].to, &to), 0);
		while (now != to && !device_state_next(now, to, flags, &now)) {
			if (path[0])
				strcat(path, " ");
			strcat(path, device_state_name(now));
			assert_true(strlen(path) < 200);
		}
		assert_string_equal(path, rows[i].path);
	}
}

/* Every pair of states ends, there or refused, and never steps on a state
 * that there is not. */
static void test_all(void **state)
{
	uint32_t from, to, now, steps;
	uint64_t flags;

	for (flags = 1; flags < 8; flags += 2)
		for (from = 0; from < MIG_NR_STATES + 2; from++)
			for (to = 0; to < MIG_NR_STATES + 2; to++) {
				now = from;
				for (steps = 0; now != to; steps++) {
					if (device_state_next(now, to, flags,
							      &now))
						break;
					assert_true(steps < 5);
					assert_true(device_state_exists(now,
									flags));
				}
				/* Refused at once or not at all. */
				assert_true(now == to || !steps);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
