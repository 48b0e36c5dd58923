/* SPDX-License-Identifier: MIT */
/* A workload without anybody at the console. */
#include "kern/ticker.h"

#include "kern/config.h"
#include "kern/console.h"
#include "kern/control.h"
#include "kern/epoch.h"
#include "kern/heartbeat.h"
#include "kern/shell.h"
#include "lib/words.h"
#include "x86/cpu.h"
#include "x86/tsc.h"

#define MIB (1ull << 20)

/* For who just boots it: small, and slow enough to leave the host alone. */
#define SMALL_WSS (16 * MIB)
#define SMALL_RATE (10 * MIB)
#define SMALL_STATS_MS 1000u
/* Nobody can stop a guest without a console. */
#define SILENT_MS 10000u

static struct {
	uint64_t stats_ms; /* 0 = no events */
	uint64_t duration_ms; /* 0 = no end */
	bool power_off;
	uint64_t stats_at; /* TSC; UINT64_MAX = never */
	uint64_t end_at;
	uint64_t seen_steps, seen_tsc;
} ticker = { .stats_at = UINT64_MAX, .end_at = UINT64_MAX };

static uint64_t ms_to_ticks(uint64_t ms)
{
	return mul_div(ms, tsc_hz(), 1000);
}

static void read_time(const char *key, uint64_t *ms)
{
	char value[24];

	if (!config_find(key, value, sizeof(value)))
		return;
	if (!words_time(value, ms))
		console_print("event warning boot key %s does not fit", key);
}

static void start(bool small)
{
	struct work_options options;

	options_init(&options);
	if (small) {
		options.wss_bytes = SMALL_WSS;
		options.phase[0].rate_bytes_per_s[0] = SMALL_RATE;
	}
	/* The shell has complained already. */
	config_options(&options);
	if (!epoch_fit_pages(&options)) {
		console_print("event warning wss does not fit, the largest "
			      "is %lu",
			      epoch_max_bytes());
		return;
	}
	shell_start(&options);
	ticker.seen_tsc = rdtsc();
	if (ticker.stats_ms)
		ticker.stats_at =
			ticker.seen_tsc + ms_to_ticks(ticker.stats_ms);
	if (ticker.duration_ms)
		ticker.end_at =
			ticker.seen_tsc + ms_to_ticks(ticker.duration_ms);
}

void ticker_init(const struct boot_info *boot)
{
	bool alone = !config_is_set() && boot->door != BOOT_PVH;
	bool silent = !console_present();
	uint64_t beat_ms = 0;

	if (alone)
		ticker.stats_ms = SMALL_STATS_MS;
	if (silent)
		ticker.duration_ms = SILENT_MS;
	read_time("stats", &ticker.stats_ms);
	read_time("duration", &ticker.duration_ms);
	read_time("heartbeat", &beat_ms);
	if (beat_ms)
		heartbeat_set(beat_ms);
	ticker.power_off = config_flag("poweroff", false);
	if (config_flag("autostart", alone || silent))
		start(alone || silent);
}

static void print_stats(uint64_t now)
{
	struct epoch_totals t = epoch_totals();
	uint64_t us = tsc_to_us(now - ticker.seen_tsc), rate = 0;

	if (us && t.steps >= ticker.seen_steps)
		rate = mul_div((t.steps - ticker.seen_steps) * ABI_PAGE_BYTES,
			       1000000, us);
	console_print("event stats epoch=%u steps=%lu filled=%lu bad=%lu "
		      "rate_bytes_per_s=%lu",
		      control_area()->epoch.epoch, t.steps, t.filled, t.bad,
		      rate);
	ticker.seen_steps = t.steps;
	ticker.seen_tsc = now;
}

static void tick(uint64_t now)
{
	ticker.stats_at = now + ms_to_ticks(ticker.stats_ms);
	/* Who has stopped it knows the figures. */
	if (control_area()->state == ABI_STATE_FILLING ||
	    control_area()->state == ABI_STATE_RUNNING)
		print_stats(now);
}

/* Stop, verify, leave the result where a host finds it. */
static void finish(void)
{
	struct abi_control *c = control_area();
	uint64_t steps, pages, bad;

	ticker.stats_at = ticker.end_at = UINT64_MAX;
	steps = epoch_stop();
	epoch_verify(&pages, &bad);
	bad = epoch_totals().bad;
	c->result_steps = steps;
	c->result_pages = pages;
	c->result_bad = bad;
	compiler_barrier();
	c->result = bad || !steps ? ABI_RESULT_FAIL : ABI_RESULT_PASS;
	console_print("event result %s steps=%lu pages=%lu bad=%lu",
		      c->result == ABI_RESULT_PASS ? "pass" : "fail", steps,
		      pages, bad);
	if (ticker.power_off)
		shell_power_off();
	if (!console_present())
		control_set_state(ABI_STATE_OFF);
}

/* The duration counts from the end of the fill. */
static uint64_t end_of_run(uint64_t now)
{
	const struct abi_control *c = control_area();

	if (c->state != ABI_STATE_RUNNING)
		return now + ms_to_ticks(100);
	return c->epoch_tsc + ms_to_ticks(ticker.duration_ms);
}

void ticker_poll(void)
{
	uint64_t now;

	if (!ticker_waits())
		return;
	heartbeat_poll();
	now = rdtsc();
	if (now >= ticker.stats_at)
		tick(now);
	if (now < ticker.end_at)
		return;
	ticker.end_at = end_of_run(now);
	if (now >= ticker.end_at)
		finish();
}

uint64_t ticker_next(void)
{
	uint64_t at = heartbeat_next();

	if (ticker.stats_at < at)
		at = ticker.stats_at;
	return ticker.end_at < at ? ticker.end_at : at;
}

bool ticker_waits(void)
{
	return ticker_next() != UINT64_MAX;
}
