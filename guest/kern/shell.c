/* SPDX-License-Identifier: MIT */
/* Commands of the console, as a table: one line in, one line out. */
#include "kern/shell.h"

#include "dev/dma_engine.h"
#include "dev/queue_test.h"
#include "hv/cycles.h"
#include "hv/hyperv.h"
#include "hv/l2_work.h"
#include "kern/config.h"
#include "kern/console.h"
#include "kern/control.h"
#include "kern/epoch.h"
#include "kern/heartbeat.h"
#include "kern/plant.h"
#include "lib/print.h"
#include "lib/string.h"
#include "lib/words.h"
#include "x86/smp.h"
#include "x86/tsc.h"

#define BENCH_MS 500u
#define BENCH_MAX_MS 60000u

static struct {
	struct work_options defaults;
	/* Where `stats` last looked. */
	uint64_t seen_steps;
	uint64_t seen_tsc;
	uint64_t start_tsc;
} shell;

static enum abi_guest_state state(void)
{
	return control_area()->state;
}

static bool is_working(void)
{
	return state() == ABI_STATE_FILLING || state() == ABI_STATE_RUNNING;
}

static void restart_stats(void)
{
	shell.start_tsc = shell.seen_tsc = rdtsc();
	shell.seen_steps = 0;
}

/* Apply the words of `start`. Return: false after an error reply. */
static bool parse_options(char *words, struct work_options *options)
{
	const char *why;
	char *key, *value;

	while ((key = words_next(&words))) {
		value = words_value(key);
		if (!value) {
			console_print("error %s is not key=value", key);
			return false;
		}
		switch (options_set(options, key, value)) {
		case OPTIONS_OK:
			break;
		case OPTIONS_UNKNOWN_KEY:
			console_print("error unknown key %s", key);
			return false;
		case OPTIONS_BAD_VALUE:
			console_print("error %s=%s does not fit", key, value);
			return false;
		}
	}
	if (options->delta_bytes && options->write != ORACLE_WRITE_PAGE) {
		console_print("error delta is for write=page");
		return false;
	}
	if (options->dma && !dma_open()) {
		console_print("error dma needs a DMA engine, there is none");
		return false;
	}
	why = l2_work_missing(options);
	if (why) {
		console_print("error l2 cannot run: %s", why);
		return false;
	}
	if (epoch_fit_pages(options))
		return true;
	console_print("error wss=%lu does not fit, the largest is %lu",
		      options->wss_bytes, epoch_max_bytes());
	return false;
}

void shell_start(const struct work_options *options)
{
	epoch_start(options);
	restart_stats();
	console_print("ok epoch=%u pages=%lu vcpus=%u",
		      control_area()->epoch.epoch,
		      control_area()->epoch.nr_pages, smp_nr_cpus());
}

static void cmd_start(char *words)
{
	struct work_options options = shell.defaults;

	if (parse_options(words, &options))
		shell_start(&options);
}

static void cmd_stop(char *words)
{
	uint64_t steps;

	(void)words;
	if (!is_working() && state() != ABI_STATE_STOPPED) {
		console_print("error nothing was started");
		return;
	}
	steps = epoch_stop();
	console_print("ok epoch=%u steps=%lu", control_area()->epoch.epoch,
		      steps);
}

static void cmd_set(char *words)
{
	struct work_options options = shell.defaults;
	char *key = words_next(&words);
	char *value = key ? words_value(key) : NULL;

	if (value && heartbeat_command(key, value))
		return;
	if (!value || !string_equal(key, "rate") || words_next(&words)) {
		console_print(
			"error set takes rate=, heartbeat= or tsc_shift= alone");
		return;
	}
	if (phase_set(&options.phase[0], key, value) != OPTIONS_OK) {
		console_print("error rate=%s does not fit", value);
		return;
	}
	epoch_set_rate(&options.phase[0]);
	console_print("ok rate_bytes_per_s=%lu", epoch_target_bytes_per_s());
}

static const char *state_name(void)
{
	static const char *const names[] = {
		"booting", "ready", "filling", "running",
		"stopped", "panic", "off",
	};

	return names[state()];
}

static void cmd_stats(char *words)
{
	struct epoch_totals t = epoch_totals();
	uint64_t now = rdtsc(), us, rate = 0;

	(void)words;
	/* No steps were meant to happen before the fill was complete. */
	if (shell.seen_tsc < control_area()->epoch_tsc)
		shell.seen_tsc = control_area()->epoch_tsc;
	us = tsc_to_us(now - shell.seen_tsc);
	if (us && t.steps >= shell.seen_steps)
		rate = mul_div((t.steps - shell.seen_steps) * ABI_PAGE_BYTES,
			       1000000, us);
	console_print("ok state=%s epoch=%u steps=%lu filled=%lu bad=%lu "
		      "rate_target_bytes_per_s=%lu rate_bytes_per_s=%lu "
		      "elapsed_ms=%lu check=%u",
		      state_name(), control_area()->epoch.epoch, t.steps,
		      t.filled, t.bad, epoch_target_bytes_per_s(), rate,
		      tsc_to_us(now - shell.start_tsc) / 1000,
		      control_area()->check);
	shell.seen_steps = t.steps;
	shell.seen_tsc = now;
}

/* As `event control` at boot: for a host that comes later. */
static void cmd_control(char *words)
{
	(void)words;
	console_print("ok gpa=%lu bytes=%lu version=%u vcpus=%u",
		      (uint64_t)control_area(), control_area()->bytes,
		      control_area()->version, control_area()->nr_vcpus);
}

static void cmd_verify(char *words)
{
	uint64_t pages, bad, begin = rdtsc();

	(void)words;
	if (state() != ABI_STATE_STOPPED) {
		console_print("error verify needs a stopped workload");
		return;
	}
	epoch_verify(&pages, &bad);
	console_print("ok pages=%lu bad=%lu ms=%lu", pages, bad,
		      tsc_to_us(rdtsc() - begin) / 1000);
}

/* "key=N" as the only word; @fallback if there is none. */
static bool parse_number(char *words, const char *key, uint64_t fallback,
			 uint64_t max, uint64_t *ret)
{
	char *word = words_next(&words);
	char *value = word ? words_value(word) : NULL;

	*ret = fallback;
	if (!word)
		return true;
	if (value && string_equal(word, key) && !words_next(&words) &&
	    words_number(value, ret) && *ret && *ret <= max)
		return true;
	console_print("error only %s=N is known, N from 1 to %lu", key, max);
	return false;
}

static void cmd_bench(char *words)
{
	char *what = words_next(&words);
	uint64_t ms, stores_per_s, pages;

	if (!what || !string_equal(what, "stores")) {
		console_print("error bench knows: stores");
		return;
	}
	if (!parse_number(words, "ms", BENCH_MS, BENCH_MAX_MS, &ms))
		return;
	epoch_bench(ms, &stores_per_s, &pages);
	console_print("ok stores_per_s=%lu pages=%lu", stores_per_s, pages);
}

/* Names of the items of the state check, divided by commas, or "none". */
static void item_names(uint32_t set, char *text, size_t bytes)
{
	size_t used = 0;
	uint32_t bit;

	for (bit = 0; plant_name(bit); bit++)
		if (set & 1u << bit)
			used += print_text(text + used, bytes - used, "%s%s",
					   used ? "," : "", plant_name(bit));
	if (!used)
		print_text(text, bytes, "none");
}

static void state_check(void)
{
	uint32_t i, bit, compared = 0, nr = 0, differing = 0;
	char names[256];

	for (i = 0; i < smp_nr_cpus(); i++) {
		if (!smp_cpu(i)->plant.seed) {
			console_print("error nothing is planted");
			return;
		}
	}
	smp_call_all(plant_check);
	for (i = 0; i < smp_nr_cpus(); i++) {
		const struct cpu_plant *p = &smp_cpu(i)->plant;

		compared += p->compared;
		differing |= p->differing;
		for (bit = 0; plant_name(bit); bit++)
			nr += p->differing >> bit & 1;
	}
	item_names(differing, names, sizeof(names));
	console_print("ok compared=%u differing=%u names=%s", compared, nr,
		      names);
}

/* @no_avx: a VMM whose CPU model has no AVX does not carry its registers, even
 * where the host's CPUID shows through to the guest. */
static void state_plant(bool no_avx)
{
	uint32_t i, nr = 0, absent = 0;
	char names[256];

	for (i = 0; no_avx && i < smp_nr_cpus(); i++)
		smp_cpu(i)->plant.vector_level = 0;
	smp_call_all(plant_set);
	for (i = 0; i < smp_nr_cpus(); i++) {
		nr += (uint32_t)__builtin_popcount(smp_cpu(i)->plant.present);
		absent |= ~smp_cpu(i)->plant.present;
	}
	item_names(absent, names, sizeof(names));
	console_print("ok planted=%u absent=%s", nr, names);
}

static void cmd_state(char *words)
{
	char *what = words_next(&words);
	char *how = words_next(&words);
	bool no_avx = how && string_equal(how, "avx=off");

	if (how && !no_avx)
		console_print("error state plant takes avx=off, not %s", how);
	else if (what && string_equal(what, "plant"))
		state_plant(no_avx);
	else if (what && string_equal(what, "check"))
		state_check();
	else
		console_print("error state knows: plant, check");
}

void shell_power_off(void)
{
	static const struct descriptor_pointer none;
	static const char bochs[] = "Shutdown";
	uint32_t i;

	console_flush();
	control_set_state(ABI_STATE_OFF);
	outb(ABI_EXIT_PORT, 0);
	/* Bochs has a port of its own (iodev/unmapped.cc). */
	for (i = 0; bochs[i]; i++)
		outb(0x8900, (uint8_t)bochs[i]);
	/* Still here: a fault that nobody can take resets the machine. */
	lidt(&none);
	ud2();
}

static void cmd_poweroff(char *words)
{
	(void)words;
	if (is_working())
		epoch_stop();
	console_print("ok");
	shell_power_off();
}

static void cmd_help(char *words);

static const struct {
	const char *name;
	void (*run)(char *words);
} commands[] = {
	{ "bench", cmd_bench },	      { "control", cmd_control },
	{ "cycles", cycles_command }, { "dma", dma_command },
	{ "help", cmd_help },	      { "hv", hyperv_command },
	{ "poweroff", cmd_poweroff }, { "queues", queues_command },
	{ "set", cmd_set },	      { "start", cmd_start },
	{ "state", cmd_state },	      { "stats", cmd_stats },
	{ "stop", cmd_stop },	      { "verify", cmd_verify },
};

static void cmd_help(char *words)
{
	(void)words;
	console_print(
		"ok commands=help,start,stop,set,stats,verify,state,"
		"control,cycles,hv,queues,dma,bench,poweroff start_keys="
		"pattern=sequential|random|strided|hotcold|burst,"
		"stride=BYTES,hot=PAGES%%/STEPS%%,burst=ON/OFF,"
		"rate=R|R0+R1+...,write=stamp|line|page,delta=BYTES,"
		"content=zero|constant|text|random|r:N,wss,seed,check,dma=R,"
		"l2=cpuid|dirty|loaded|bare[:VARIANT],stop,phases=KEY:VALUE[&...]/TIME[;...]");
}

static void run_line(char *line)
{
	char *name = words_next(&line);
	uint32_t i;

	for (i = 0; name && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (string_equal(commands[i].name, name)) {
			commands[i].run(line);
			return;
		}
	}
	if (name)
		console_print("error unknown command %s", name);
}

void shell_poll(void)
{
	char *line;

	while ((line = console_line())) {
		run_line(line);
		console_line_done();
	}
}

void shell_init(void)
{
	const char *bad;

	options_init(&shell.defaults);
	restart_stats();
	bad = config_options(&shell.defaults);
	if (bad)
		console_print("event warning boot key %s does not fit", bad);
}
