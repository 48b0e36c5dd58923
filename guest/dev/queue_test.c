/* SPDX-License-Identifier: MIT */
/*
 * Kicks every queue and proves that each did what it was told, once: its count
 * in memory one more, its vector taken once on its vCPU, and no other.
 *
 * No interrupt may stay unexplained: after each kick the sum over all vCPUs is
 * compared, and if it is not one more, every vector is looked at.
 */
#include "dev/queue_test.h"

#include <stddef.h>

#include "dev/queue_set.h"
#include "kern/console.h"
#include "kern/ticker.h"
#include "kern/worker.h"
#include "lib/spread.h"
#include "lib/string.h"
#include "lib/words.h"
#include "x86/apic.h"
#include "x86/irq.h"
#include "x86/smp.h"
#include "x86/tsc.h"

#define MAX_ROUNDS 10000u
#define MAX_EVENTS 8u
#define TIMEOUT_MS 1000u
/* Whoever lost so many is not waited for so long any more. */
#define PATIENCE 8u
#define SHORT_TIMEOUT_MS 20u
/* For what comes without having been asked for. */
#define GRACE_MS 3u
#define SAMPLES 4096u
/* Of the workload, between two kicks. */
#define WORK_STEPS 64u

/* Interrupts that are accounted for. */
static struct {
	uint32_t total;
	uint32_t seen[IRQ_MAX_CPUS][IRQ_NR_QUEUE_VECTORS];
} irqs;

enum fault { FAULT_LOST, FAULT_WRONG, FAULT_DOUBLED, NR_FAULTS };

/* Of one command. */
static struct {
	uint32_t kicks, faults[NR_FAULTS], events, samples;
	uint64_t min, max; /* ticks */
	uint32_t sample[SAMPLES];
	struct spread spread;
} run;

/* ---- what came ---------------------------------------------------------- */

static uint32_t irq_total(void)
{
	uint32_t i, sum = 0;

	for (i = 0; i < queue_set.waves.nr_cpus; i++)
		sum += irq_cpus[i].total;
	return sum;
}

static volatile uint32_t *taken_at(struct wave_place place)
{
	return &irq_cpus[place.cpu].taken[irq_queue_vector(place.vector)];
}

static void bad(uint32_t nr, enum fault what)
{
	static const char names[NR_FAULTS][8] = { "lost", "wrong", "doubled" };

	run.faults[what]++;
	if (run.events++ < MAX_EVENTS)
		console_print("event queues bad device=%u queue=%u what=%s",
			      queue_set.queue[nr].device,
			      queue_set.queue[nr].index, names[what]);
}

/* What was taken and is not accounted for: the fault of queue @nr, or, where
 * nobody is known to be at fault, doubled by the queue whose vector it is. */
static void explain(uint32_t wave, uint32_t nr, enum fault what)
{
	struct wave_place place = { .wave = wave };
	uint32_t now, queue;

	/* First the sum: what comes meanwhile is for the next look. */
	irqs.total = irq_total();
	for (place.cpu = 0; place.cpu < queue_set.waves.nr_cpus; place.cpu++) {
		for (place.vector = 0;
		     place.vector < queue_set.waves.nr_vectors;
		     place.vector++) {
			uint32_t *seen = &irqs.seen[place.cpu][place.vector];

			queue = nr;
			if (queue == queue_set.nr)
				queue = waves_queue(&queue_set.waves, place);
			now = *taken_at(place);
			for (; *seen != now; ++*seen)
				bad(queue < queue_set.nr ? queue : 0, what);
		}
	}
}

/* Interrupts that nobody asked for. */
static void settle_irqs(uint32_t wave)
{
	if (irq_total() != irqs.total)
		explain(wave, queue_set.nr, FAULT_DOUBLED);
}

/* Nothing is on its way: does all add up? */
static void settle(void)
{
	uint32_t i;

	settle_irqs(0);
	for (i = 0; i < queue_set.nr; i++) {
		volatile uint64_t *kicks = &queue_set.tally[i].kicks;
		uint32_t now = (uint32_t)*kicks;

		if (now == queue_set.queue[i].kicks)
			continue;
		bad(i, now > queue_set.queue[i].kicks ? FAULT_DOUBLED
						      : FAULT_LOST);
		queue_set.queue[i].kicks = now;
	}
}

/* ---- kicking ------------------------------------------------------------ */

static uint64_t ms_to_ticks(uint64_t ms)
{
	return mul_div(ms, tsc_hz(), 1000);
}

static void halt_until(uint64_t end)
{
	apic_timer_arm(end);
	halt_for_interrupt();
}

static void rest(uint64_t ms)
{
	uint64_t end = rdtsc() + ms_to_ticks(ms);

	while (rdtsc() < end)
		halt_until(end);
}

static void note_latency(uint64_t start, uint64_t end)
{
	uint64_t ticks = end > start ? end - start : 0;

	if (ticks < run.min)
		run.min = ticks;
	if (ticks > run.max)
		run.max = ticks;
	run.sample[run.samples++ % SAMPLES] =
		ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
}

static uint64_t nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* Until @taken is not @seen any more. Return: when it was kicked. */
static uint64_t kick(const struct queue *queue, const volatile uint32_t *taken,
		     uint32_t seen)
{
	bool hasty = run.faults[FAULT_LOST] >= PATIENCE;
	uint64_t start, end;

	irq_awaited = true;
	start = rdtsc();
	*(volatile uint16_t *)queue->notify = queue->index;
	end = start + ms_to_ticks(hasty ? SHORT_TIMEOUT_MS : TIMEOUT_MS);
	while (*taken == seen && rdtsc() < end)
		halt_until(end);
	irq_awaited = false;
	run.kicks++;
	return start;
}

static void test_queue(uint32_t nr)
{
	struct queue *queue = &queue_set.queue[nr];
	struct wave_place place = waves_place(&queue_set.waves, nr);
	uint32_t *seen = &irqs.seen[place.cpu][place.vector];
	volatile uint32_t *taken = taken_at(place);
	volatile uint64_t *tally = &queue_set.tally[nr].kicks;
	enum fault what = FAULT_DOUBLED;
	uint64_t start;
	uint32_t more;

	/* What is pending is taken in ring 3 everywhere; together with what
	 * is asked for next it could be one. */
	user_enter(nothing, NULL);
	/* Too late for whom it was, or for nobody. */
	settle_irqs(place.wave);
	start = kick(queue, taken, *seen);
	more = (uint32_t)*tally - queue->kicks;
	queue->kicks += more;
	if (*taken != *seen) {
		note_latency(start, irq_cpus[place.cpu].tsc);
		++*seen;
		irqs.total++;
		if (more != 1)
			bad(nr, more ? FAULT_DOUBLED : FAULT_WRONG);
	} else if (irq_total() != irqs.total) {
		what = FAULT_WRONG;
	} else {
		bad(nr, FAULT_LOST);
	}
	/* Another's, or this one's again. */
	if (irq_total() != irqs.total)
		explain(place.wave, nr, what);
}

static void test_wave(uint32_t wave, uint64_t rounds)
{
	uint32_t first = wave * queue_set_per_wave(), i;

	for (; rounds; rounds--) {
		for (i = first;
		     i < queue_set.nr && i < first + queue_set_per_wave();
		     i++) {
			test_queue(i);
			worker_turn(&cpu_boot.cpu, WORK_STEPS);
			ticker_poll();
		}
	}
	rest(GRACE_MS);
	settle_irqs(wave);
}

/* While one wave is tested, nobody else may use its vectors. In the end all
 * are open again: so they migrate. */
static void test_waves(uint64_t rounds)
{
	uint32_t wave;

	for (wave = 1; wave < queue_set.nr_waves; wave++)
		queue_set_mask(wave, true);
	for (wave = 0; wave < queue_set.nr_waves; wave++) {
		if (wave) {
			queue_set_mask(wave - 1, true);
			queue_set_mask(wave, false);
		}
		test_wave(wave, rounds);
	}
	for (wave = 0; wave + 1 < queue_set.nr_waves; wave++)
		queue_set_mask(wave, false);
}

/* ---- the command -------------------------------------------------------- */

static uint64_t sort(void *arg)
{
	uint32_t nr = run.samples < SAMPLES ? run.samples : SAMPLES;

	(void)arg;
	spread_compute(run.sample, nr, &run.spread);
	return 0;
}

/* In tenths of a microsecond. */
static uint64_t tenths(uint64_t ticks)
{
	return mul_div(ticks, 10000000, tsc_hz());
}

static void reply(void)
{
	uint64_t t[4] = { 0 };

	if (run.samples) {
		user_enter(sort, NULL);
		t[0] = tenths(run.min);
		t[1] = tenths(run.spread.p50);
		t[2] = tenths(run.spread.p99);
		t[3] = tenths(run.max);
	}
	console_print("ok queues devices=%u queues=%u kicks=%u lost=%u "
		      "wrong=%u doubled=%u min_us=%lu.%lu p50_us=%lu.%lu "
		      "p99_us=%lu.%lu max_us=%lu.%lu",
		      queue_set.nr_devices, queue_set.nr, run.kicks,
		      run.faults[FAULT_LOST], run.faults[FAULT_WRONG],
		      run.faults[FAULT_DOUBLED], t[0] / 10, t[0] % 10,
		      t[1] / 10, t[1] % 10, t[2] / 10, t[2] % 10, t[3] / 10,
		      t[3] % 10);
}

/* Return: false after an error reply. */
static bool parse(char *words, uint64_t *ret_rounds)
{
	char *word = words_next(&words);
	char *value = word ? words_value(word) : NULL;

	*ret_rounds = 1;
	if (!word || (value && string_equal(word, "rounds") &&
		      words_number(value, ret_rounds) && *ret_rounds &&
		      *ret_rounds <= MAX_ROUNDS && !words_next(&words)))
		return true;
	console_print("error only rounds=N is known, N from 1 to %u",
		      MAX_ROUNDS);
	return false;
}

void queues_command(char *words)
{
	uint64_t rounds;
	uint32_t i;

	if (!parse(words, &rounds) || !queue_set_open())
		return;
	run.kicks = run.events = run.samples = 0;
	for (i = 0; i < NR_FAULTS; i++)
		run.faults[i] = 0;
	run.min = UINT64_MAX;
	run.max = 0;
	settle();
	test_waves(rounds);
	settle();
	reply();
}
