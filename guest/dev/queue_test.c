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

#include "dev/queue_device.h"
#include "kern/console.h"
#include "kern/ticker.h"
#include "kern/worker.h"
#include "lib/spread.h"
#include "lib/string.h"
#include "lib/waves.h"
#include "lib/words.h"
#include "x86/apic.h"
#include "x86/irq.h"
#include "x86/smp.h"
#include "x86/tsc.h"

#define MAX_QUEUES (ABI_QUEUES_MAX * ABI_QUEUES_MAX_DEVICES)
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

struct queue {
	uint64_t notify;
	uint32_t kicks; /* so many must be in its tally */
	uint16_t device, index;
};

static struct {
	bool open;
	uint32_t nr_devices, nr, nr_waves;
	struct waves waves;
	struct queue_device device[ABI_QUEUES_MAX_DEVICES];
	struct queue queue[MAX_QUEUES];
	struct abi_queue_tally tally[MAX_QUEUES] __attribute__((aligned(16)));
	/* Interrupts that are accounted for. */
	uint32_t total;
	uint32_t seen[IRQ_MAX_CPUS][IRQ_NR_QUEUE_VECTORS];
} q;

enum fault { FAULT_LOST, FAULT_WRONG, FAULT_DOUBLED, NR_FAULTS };

/* Of one command. */
static struct {
	uint32_t kicks, faults[NR_FAULTS], events, samples;
	uint64_t min, max; /* ticks */
	uint32_t sample[SAMPLES];
	struct spread spread;
} run;

/* ---- setting up --------------------------------------------------------- */

static void refuse(const struct pci_function *f, const char *problem)
{
	console_print("error device 00:%x.%u: %s", f->devfn >> 3, f->devfn & 7,
		      problem);
}

static const char *set_up(struct queue_device *d, struct pci_function *f)
{
	const char *problem = NULL;
	uint32_t i;

	for (i = 0; i < d->nr_queues && !problem; i++) {
		struct wave_place place = waves_place(&q.waves, q.nr);
		struct queue_setup setup = {
			.apic_id = smp_cpu(place.cpu)->apic_id,
			.vector = irq_queue_vector(place.vector),
			.tally_gpa = (uint64_t)&q.tally[q.nr],
		};

		q.queue[q.nr].device = (uint16_t)q.nr_devices;
		q.queue[q.nr].index = (uint16_t)i;
		problem = queue_device_set(d, f, i, &setup,
					   &q.queue[q.nr].notify);
		q.nr++;
	}
	return problem ? problem : queue_device_start(d, f);
}

/* Return: false after an error reply. */
static bool open_devices(void)
{
	struct pci_function f;
	struct queue_device d;
	const char *problem;
	uint32_t devfn = 0, cpus = smp_nr_cpus();

	q.waves.nr_cpus = cpus < IRQ_MAX_CPUS ? cpus : IRQ_MAX_CPUS;
	q.waves.nr_vectors = IRQ_NR_QUEUE_VECTORS;
	q.nr = q.nr_devices = 0;
	irq_open();
	while (queue_device_find(&devfn, &d, &f, &problem)) {
		if (!problem && q.nr_devices == ABI_QUEUES_MAX_DEVICES)
			problem = "there are too many of them";
		if (!problem)
			problem = set_up(&d, &f);
		if (problem) {
			refuse(&f, problem);
			return false;
		}
		q.device[q.nr_devices++] = d;
	}
	q.nr_waves = waves_nr(&q.waves, q.nr);
	q.open = true;
	return true;
}

/* ---- what came ---------------------------------------------------------- */

static uint32_t irq_total(void)
{
	uint32_t i, sum = 0;

	for (i = 0; i < q.waves.nr_cpus; i++)
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
			      q.queue[nr].device, q.queue[nr].index,
			      names[what]);
}

/* What was taken and is not accounted for: the fault of queue @nr, or, where
 * nobody is known to be at fault, doubled by the queue whose vector it is. */
static void explain(uint32_t wave, uint32_t nr, enum fault what)
{
	struct wave_place place = { .wave = wave };
	uint32_t now, queue;

	/* First the sum: what comes meanwhile is for the next look. */
	q.total = irq_total();
	for (place.cpu = 0; place.cpu < q.waves.nr_cpus; place.cpu++) {
		for (place.vector = 0; place.vector < q.waves.nr_vectors;
		     place.vector++) {
			uint32_t *seen = &q.seen[place.cpu][place.vector];

			queue = nr;
			if (queue == q.nr)
				queue = waves_queue(&q.waves, place);
			now = *taken_at(place);
			for (; *seen != now; ++*seen)
				bad(queue < q.nr ? queue : 0, what);
		}
	}
}

/* Nothing is on its way: does all add up? */
static void settle(uint32_t wave)
{
	uint32_t i;

	if (irq_total() != q.total)
		explain(wave, q.nr, FAULT_DOUBLED);
	for (i = 0; i < q.nr; i++) {
		volatile uint64_t *kicks = &q.tally[i].kicks;
		uint32_t now = (uint32_t)*kicks;

		if (now == q.queue[i].kicks)
			continue;
		bad(i, now > q.queue[i].kicks ? FAULT_DOUBLED : FAULT_LOST);
		q.queue[i].kicks = now;
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
	struct queue *queue = &q.queue[nr];
	struct wave_place place = waves_place(&q.waves, nr);
	uint32_t *seen = &q.seen[place.cpu][place.vector];
	volatile uint32_t *taken = taken_at(place);
	volatile uint64_t *tally = &q.tally[nr].kicks;
	enum fault what = FAULT_DOUBLED;
	uint64_t start;
	uint32_t more;

	/* Too late for whom it was, or for nobody. */
	if (irq_total() != q.total)
		explain(place.wave, q.nr, FAULT_DOUBLED);
	start = kick(queue, taken, *seen);
	more = (uint32_t)*tally - queue->kicks;
	queue->kicks += more;
	if (*taken != *seen) {
		note_latency(start, irq_cpus[place.cpu].tsc);
		++*seen;
		q.total++;
		if (more != 1)
			bad(nr, more ? FAULT_DOUBLED : FAULT_WRONG);
	} else if (irq_total() != q.total) {
		what = FAULT_WRONG;
	} else {
		bad(nr, FAULT_LOST);
	}
	/* Another's, or this one's again. */
	if (irq_total() != q.total)
		explain(place.wave, nr, what);
}

/* With more waves than one: nobody else may use this one's vectors. */
static void mask_others(uint32_t wave, bool masked)
{
	uint32_t i;

	for (i = 0; q.nr_waves > 1 && i < q.nr; i++)
		if (waves_place(&q.waves, i).wave != wave)
			queue_device_mask(&q.device[q.queue[i].device],
					  q.queue[i].index, masked);
}

static void test_wave(uint32_t wave, uint64_t rounds)
{
	uint32_t per_wave = q.waves.nr_cpus * q.waves.nr_vectors;
	uint32_t first = wave * per_wave, i;

	mask_others(wave, true);
	for (; rounds; rounds--) {
		for (i = first; i < q.nr && i < first + per_wave; i++) {
			test_queue(i);
			worker_turn(&cpu_boot.cpu, WORK_STEPS);
			ticker_poll();
		}
	}
	rest(GRACE_MS);
	settle(wave);
	mask_others(wave, false);
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
		      q.nr_devices, q.nr, run.kicks, run.faults[FAULT_LOST],
		      run.faults[FAULT_WRONG], run.faults[FAULT_DOUBLED],
		      t[0] / 10, t[0] % 10, t[1] / 10, t[1] % 10, t[2] / 10,
		      t[2] % 10, t[3] / 10, t[3] % 10);
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
	uint32_t wave, i;

	if (!parse(words, &rounds) || (!q.open && !open_devices()))
		return;
	run.kicks = run.events = run.samples = 0;
	for (i = 0; i < NR_FAULTS; i++)
		run.faults[i] = 0;
	run.min = UINT64_MAX;
	run.max = 0;
	settle(0);
	for (wave = 0; wave < q.nr_waves; wave++)
		test_wave(wave, rounds);
	reply();
}
