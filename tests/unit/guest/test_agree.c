/* SPDX-License-Identifier: MIT */
/*
 * Two parsers, one language: does the guest take all that the host lets
 * through, and read it as it was meant?
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "drive/workload.h"
#include "lib/options.h"
#include "lib/words.h"

#define RAM (64ull << 20)

static const char *const texts[] = {
	"",
	"pattern=sequential,write=line,content=constant",
	"pattern=strided,stride=2M,write=page,delta=256,content=text",
	"pattern=strided,stride=1T",
	"pattern=hotcold,hot=1%/99%,check=off,wss=56M",
	"pattern=hotcold,hot=99%/1%,seed=9223372036854775807",
	"pattern=burst,burst=1ms/1h,rate=16T",
	"pattern=burst,burst=3s/50ms,content=r:64",
	"rate=1M+2000p+0+16T+1K+1KB+3+4",
	"phases=pattern:random/10ms",
	"dma=50M",
	"dma=2000p,rate=0",
	"dma=0",
	"rate=5M,phases=pattern:strided&stride:8K/1h;rate:1M+2M/1500ms",
	"pattern=hotcold,hot=7%/70%,phases=rate:1M/1s;rate:2M/1s;"
	"pattern:burst&burst:20ms/30ms/2s;pattern:sequential/3s;rate:5/1s;"
	"rate:6/1s;rate:7/1s;rate:8/1s",
};

static void parse(const char *text, struct workload *w, struct work_options *o)
{
	char line[WORKLOAD_LINE_BYTES], *rest = line, *key, *value;
	struct error err = { "" };

	if (workload_parse(text, RAM, w, &err))
		fail_msg("%s: %s", text, err.text);
	workload_words(w, line);
	options_init(o);
	while ((key = words_next(&rest))) {
		value = words_value(key);
		assert_non_null(value);
		if (options_set(o, key, value) != OPTIONS_OK)
			fail_msg("the guest refuses %s=%s", key, value);
	}
}

static void same_phase(const struct workload_phase *host,
		       const struct work_phase *guest)
{
	struct oracle_order order = phase_order(guest);
	bool burst = guest->pattern == ORACLE_BURST;

	assert_int_equal(host->stride_bytes,
			 order.stride_pages * (uint64_t)ABI_PAGE_BYTES);
	assert_int_equal(host->hot_pages_pct, order.hot_pages_pct);
	assert_int_equal(host->hot_steps_pct, order.hot_steps_pct);
	assert_int_equal(host->burst_on_ms, burst ? guest->burst_on_ms : 0);
	assert_int_equal(host->burst_off_ms, burst ? guest->burst_off_ms : 0);
	assert_int_equal(host->duration_ms, guest->duration_ms);
	assert_int_equal(host->nr_rates, guest->nr_rates);
	assert_memory_equal(host->rate_bytes_per_s, guest->rate_bytes_per_s,
			    host->nr_rates * sizeof(uint64_t));
	assert_true(oracle_order_valid(&order));
}

static void test_agree(void **state)
{
	struct work_options o;
	struct workload w;
	uint32_t i, p;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		parse(texts[i], &w, &o);
		assert_int_equal(w.nr_phases, o.nr_phases);
		if (!w.nr_phases)
			same_phase(&w.base, &o.phase[0]);
		for (p = 0; p < w.nr_phases; p++)
			same_phase(&w.phase[p], &o.phase[p]);
		assert_int_equal(w.delta_bytes, o.delta_bytes);
		assert_int_equal(w.wss_bytes, o.wss_bytes);
		assert_int_equal(w.seed, o.seed);
		assert_int_equal(w.check, o.check);
		assert_int_equal(w.dma, o.dma);
		assert_int_equal(w.dma_bytes_per_s, o.dma_bytes_per_s);
	}
}

/* What all vCPUs are told, rests and phases included. */
static void test_target(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes_per_s;
	} rows[] = {
		{ "rate=0", 0 },
		{ "rate=300", 300 },
		{ "rate=100+200", 400 }, /* 100, 200, 100 */
		{ "rate=100+0", 0 },
		{ "pattern=burst,rate=1000", 200 },
		{ "pattern=burst,burst=1s/1s,rate=1000+1+1", 501 },
		{ "phases=rate:100/1s;rate:400/3s", 325 },
		{ "phases=rate:100/1s;rate:0/3s", 0 },
	};
	struct work_options o;
	struct workload w;
	uint32_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		parse(rows[i].text, &w, &o);
		assert_int_equal(workload_target_bytes_per_s(&w, 3),
				 rows[i].bytes_per_s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agree),
		cmocka_unit_test(test_target),
	};

	return cmocka_run_group_tests_name("guest_agree", tests, NULL, NULL);
}
