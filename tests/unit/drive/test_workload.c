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
		{ "sead=1", "unknown key 'sead'; there are pattern, stride" },
		{ "SEED=1", "unknown key 'SEED'" },
		{ "pattern=zigzag",
		  "pattern takes one of sequential, random, strided, hotcold, "
		  "burst, not 'zigzag'" },
		{ "pattern=", "not ''" },
		{ "write=half",
		  "write takes one of stamp, line, page, not 'half'" },
		{ "content=prose",
		  "zero, constant, text, random, r:N, not 'prose'" },
		{ "stride=64K", "stride is for pattern=strided" },
		{ "hot=10%/90%", "hot is for pattern=hotcold" },
		{ "burst=1s/1s,pattern=random", "burst is for pattern=burst" },
		{ "pattern=strided,stride=0", "stride takes" },
		{ "pattern=strided,stride=6K", "not '6K'" },
		{ "pattern=strided,stride=2T", "not '2T'" },
		{ "pattern=hotcold,hot=10%", "not '10%'" },
		{ "pattern=hotcold,hot=0%/90%", "not '0%/90%'" },
		{ "pattern=hotcold,hot=10%/100%", "not '10%/100%'" },
		{ "pattern=hotcold,hot=10/90", "such as 10%/90%, not '10/90'" },
		{ "pattern=hotcold,hot=%/%", "not '%/%'" },
		{ "pattern=burst,burst=1s", "burst takes ON/OFF" },
		{ "pattern=burst,burst=1s/0", "not '1s/0'" },
		{ "pattern=burst,burst=1us/1s", "not '1us/1s'" },
		{ "pattern=burst,burst=1s/2h", "not '1s/2h'" },
		{ "l2=", "l2 takes one of cpuid, dirty, loaded, bare" },
		{ "l2=off", "not 'off'" },
		{ "l2=cpuids", "not 'cpuids'" },
		{ "l2=dirty:a b", "not 'dirty:a b'" },
		{ "l2=cpuid:abcdefghijklmnopqrstuvwxyz0123456789",
		  "not 'cpuid:" },
		{ "delta=64", "delta is for write=page" },
		{ "write=page,delta=100", "delta takes whole lines" },
		{ "write=page,delta=8K", "not '8K'" },
		{ "write=page,delta=0", "delta takes" },
		{ "rate=1M+", "not ''" },
		{ "rate=1M+x", "not 'x'" },
		{ "rate=1+2+3+4+5+6+7+8+9", "up to 8 of them" },
		{ "rate=17T", "up to 16T" },
		{ "phases=", "a phase ends in /TIME" },
		{ "phases=pattern:random", "not 'pattern:random'" },
		{ "phases=pattern:random/5", "not 'pattern:random/5'" },
		{ "phases=pattern:random/9ms", "10ms to 1h" },
		{ "phases=pattern:random/1s;", "a phase ends in" },
		{ "phases=pattern/1s", "'pattern' in phases is not KEY:VALUE" },
		{ "phases=/1s", "'' in phases is not" },
		{ "phases=write:page/1s",
		  "a phase can change pattern, stride, hot, burst and rate, "
		  "not 'write'" },
		{ "phases=pattern:zigzag/1s", "not 'zigzag'" },
		{ "phases=rate:1/1s;rate:2/1s;rate:3/1s;rate:4/1s;rate:5/1s;"
		  "rate:6/1s;rate:7/1s;rate:8/1s;rate:9/1s",
		  "at most 8 phases" },
		{ "content=r", "random, r:N, not 'r'" },
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
		{ "dma=", "dma takes a rate" },
		{ "dma=on", "dma takes a rate" },
		{ "dma=1M+2M", "dma takes a rate" },
		{ "dma=17T", "dma takes a rate" },
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
#define BYTES "write=stamp content=random seed=1 check=on "
	static const struct {
		const char *text, *words;
	} rows[] = {
		{ NULL, BYTES "pattern=random rate=0" },
		{ "", BYTES "pattern=random rate=0" },
		{ "write=page,", "write=page content=random seed=1 check=on "
				 "pattern=random rate=0" },
		{ "pattern=sequential,content=zero",
		  "write=stamp content=zero seed=1 check=on "
		  "pattern=sequential rate=0" },
		{ "content=r:1", "write=stamp content=r:1 seed=1 check=on "
				 "pattern=random rate=0" },
		{ "content=r:3,content=random,write=page,write=stamp",
		  BYTES "pattern=random rate=0" },
		{ "rate=100M,seed=0x10,check=off,wss=56M",
		  "write=stamp content=random seed=16 check=off wss=58720256 "
		  "pattern=random rate=104857600" },
		{ "rate=100p,seed=9223372036854775807,wss=4096",
		  "write=stamp content=random seed=9223372036854775807 "
		  "check=on wss=4096 pattern=random rate=409600" },
		{ "pattern=strided", BYTES "pattern=strided stride=65536 "
					   "rate=0" },
		{ "pattern=hotcold,hot=5%/80%",
		  BYTES "pattern=hotcold hot=5%/80% rate=0" },
		{ "burst=1s/2s,pattern=burst,rate=1K+10",
		  BYTES "pattern=burst burst=1000ms/2000ms rate=1024+10" },
		{ "l2=cpuid:evmcs", BYTES "l2=cpuid:evmcs pattern=random "
					  "rate=0" },
		{ "write=page,delta=128",
		  "write=page delta=128 content=random seed=1 check=on "
		  "pattern=random rate=0" },
		/* Wherever they stand, phases begin as the rest says. */
		{ "phases=pattern:strided/5s;rate:1K/10ms,rate=7,hot=1%/2%",
		  BYTES "pattern=random rate=7 "
			"phases=pattern:strided&stride:65536&rate:7/5000ms;"
			"pattern:random&rate:1024/10ms" },
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
