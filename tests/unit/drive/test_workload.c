/* SPDX-License-Identifier: MIT */
/* Are the workload's words checked, and passed on as they were meant? */
#include "drive/workload.h"

#include <errno.h>
#include <string.h>

#include "unit/unit.h"

#define RAM (64ull << 20)

static void test_refuses(void **state)
{
	static const struct {
		const char *text, *sentence; /* part of it */
	} rows[] = {
		{ ",", "'' is not KEY=VALUE" },
		{ "seed=1,,check=on", "'' is not KEY=VALUE" },
		{ ",seed=1", "'' is not KEY=VALUE" },
		{ "seed", "'seed' is not KEY=VALUE" },
		{ "=1", "unknown key ''" },
		{ "sead=1", "unknown key 'sead'; there are pattern, write" },
		{ "SEED=1", "unknown key 'SEED'" },
		{ "pattern=zigzag",
		  "pattern takes one of sequential, random, not 'zigzag'" },
		{ "pattern=", "not ''" },
		{ "write=line", "write takes one of stamp, page, not 'line'" },
		{ "content=text", "zero, random, r:N, not 'text'" },
		{ "content=r", "zero, random, r:N, not 'r'" },
		{ "content=r:", "ratio in content=r: must be 1 to" },
		{ "content=r:0", "ratio in content=r:0" },
		{ "content=r:N", "ratio in content=r:N" },
		{ "content=r:99999", "ratio in content=r:99999" },
		{ "content=r:-2", "ratio in content=r:-2" },
		{ "rate=", "rate takes" },
		{ "rate=fast", "not 'fast'" },
		{ "rate=-1", "not '-1'" },
		{ "rate=9223372036854775808", "rate takes" },
		{ "wss=", "wss takes" },
		{ "wss=0", "wss takes a size" },
		{ "wss=4097", "not '4097'" },
		{ "wss=1k", "wss takes" },
		{ "wss=56M,wss=57M", "wss=57 MiB does not fit: of 64 MiB" },
		{ "wss=16T", "does not fit" },
		{ "seed=", "seed takes" },
		{ "seed=1.5", "seed takes a number" },
		{ "seed=9223372036854775808", "seed takes a number" },
		{ "check=yes", "check takes on or off, not 'yes'" },
		{ "check=", "check takes" },
		{ "seed=1 check=on", "not '1 check=on'" },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct workload w = { .seed = 77 };
		struct error err = { "" };

		if (workload_parse(rows[i].text, RAM, &w, &err) != -EINVAL ||
		    !strstr(err.text, rows[i].sentence) || w.seed != 77)
			fail_msg("'%s' got '%s', not '%s'", rows[i].text,
				 err.text, rows[i].sentence);
	}
}

static void test_words(void **state)
{
#define REST "rate=0 seed=1 check=on"
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ NULL, "pattern=random write=stamp content=random " REST },
		{ "", "pattern=random write=stamp content=random " REST },
		{ "write=page,",
		  "pattern=random write=page content=random " REST },
		{ "pattern=sequential,content=zero",
		  "pattern=sequential write=stamp content=zero " REST },
		{ "content=r:1",
		  "pattern=random write=stamp content=r:1 " REST },
		{ "content=r:3,content=random,write=page,write=stamp",
		  "pattern=random write=stamp content=random " REST },
		{ "rate=100M,seed=0x10,check=off,wss=56M",
		  "pattern=random write=stamp content=random rate=104857600 "
		  "seed=16 check=off wss=58720256" },
		{ "rate=100p,seed=9223372036854775807,wss=4096",
		  "pattern=random write=stamp content=random rate=409600 "
		  "seed=9223372036854775807 check=on wss=4096" },
	};
	char line[WORKLOAD_LINE_BYTES];
	size_t i;

	for (i = 0; i < ARRAY_LEN(rows); i++) {
		struct error err = { "" };
		struct workload w;

		if (workload_parse(rows[i].text, RAM, &w, &err))
			fail_msg("%s", err.text);
		assert_string_equal(workload_words(&w, line), rows[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
