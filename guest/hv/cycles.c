/* SPDX-License-Identifier: MIT */
/* Runs the probes. Sorting and, for ring 3, timing run in ring 3. */
#include "hv/cycles.h"

#include "hv/l2.h"
#include "hv/l2_work.h"
#include "hv/nested.h"
#include "hv/probe.h"
#include "kern/console.h"
#include "lib/print.h"
#include "lib/spread.h"
#include "lib/string.h"
#include "lib/words.h"
#include "x86/tsc.h"

#define ROUNDS 1000u
#define LIMIT_MS 500u

static const struct probe *const families[] = {
	probes_cpu,    probes_port, probes_irq,	   probes_ipi,
	probes_memory, probes_vmx,  probes_hyperv,
};

#define NR_FAMILIES (sizeof(families) / sizeof(families[0]))

static struct {
	const struct probe *probe;
	uint32_t rounds; /* wanted, and done */
	uint64_t end; /* TSC */
	uint32_t ticks[CYCLES_MAX_ROUNDS];
	uint32_t empty[CYCLES_MAX_ROUNDS];
} run;

bool probe_spin(const struct cpu *cpu, uint32_t before, bool window)
{
	uint64_t end = rdtsc() + tsc_hz();

	while (probe_taken(cpu) == before) {
		if (rdtsc() >= end)
			return false;
		if (window)
			let_interrupts_in();
		else
			pause();
	}
	return true;
}

static uint64_t sample_empty(void)
{
	uint64_t start = probe_tsc();

	return probe_tsc() - start;
}

/* As empty as the first of all, for probes that time themselves. */
static const struct probe empty_sample = { "", .sample = sample_empty };

static uint64_t time_once(const struct probe *p)
{
	uint64_t start;

	if (p->sample)
		return p->sample();
	start = probe_tsc();
	p->op();
	return probe_tsc() - start;
}

static uint32_t clip(uint64_t ticks)
{
	return ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
}

/* An empty round before each: what drifts falls on both. */
static uint64_t time_all(void *arg)
{
	const struct probe *empty =
		run.probe->sample ? &empty_sample : probes_cpu;
	uint32_t i;

	(void)arg;
	for (i = 0; i < run.rounds && rdtsc() < run.end; i++) {
		uint64_t ticks;

		run.empty[i] = clip(time_once(empty));
		ticks = time_once(run.probe);
		if (ticks == PROBE_END)
			break;
		run.ticks[i] = clip(ticks);
	}
	run.rounds = i;
	return 0;
}

static uint64_t sort(void *arg)
{
	struct spread *s = arg;

	spread_compute(run.ticks, run.rounds, &s[0]);
	spread_compute(run.empty, run.rounds, &s[1]);
	return 0;
}

/* In ring 3, in ring 0, or in ring 0 of @l2's guest. */
static const char *run_all(const struct probe *p, uint32_t ring,
			   const struct nested_backend *l2)
{
	if (l2)
		return l2->call(time_all, NULL, NULL);
	if (ring && !(p->rings & PROBE_ENTERS))
		user_enter(time_all, NULL);
	else
		time_all(NULL);
	return NULL;
}

/* @ret: of the probe, and of the empty rounds. NULL, or what went wrong. */
static const char *measure(const struct probe *p, uint32_t ring,
			   uint32_t rounds, const struct nested_backend *l2,
			   struct spread ret[2])
{
	const char *why;

	run.probe = p;
	run.rounds = rounds;
	run.end = rdtsc() + mul_div(tsc_hz(), LIMIT_MS, 1000);
	if (p->begin)
		p->begin();
	why = run_all(p, ring, l2);
	if (p->undo)
		p->undo();
	if (run.rounds)
		user_enter(sort, ret);
	else if (!why)
		why = "it did not end in time";
	return why;
}

static const struct probe *find(const char *name, uint32_t ring)
{
	uint32_t rings = ring ? PROBE_RING3 : PROBE_RING0, i;
	const struct probe *p;

	for (i = 0; i < NR_FAMILIES; i++)
		for (p = families[i]; p->name; p++)
			if ((p->rings & rings) && string_equal(p->name, name))
				return p;
	return NULL;
}

static void list(uint64_t family)
{
	const struct probe *p;
	size_t used = 0;
	char text[512];

	text[0] = 0;
	for (p = families[family]; p->name; p++)
		if (!(p->rings & PROBE_HIDDEN))
			used += print_text(text + used, sizeof(text) - used,
					   "%s%s:%u", used ? "," : "", p->name,
					   p->rings & PROBE_BOTH);
	console_print("ok tables=%u probes=%s", (uint32_t)NR_FAMILIES, text);
}

static void tell(const char *name, const struct probe *p, uint32_t ring,
		 const struct spread s[2], const struct nested_backend *l2)
{
	console_print("ok probe=%s ring=%u rounds=%u min=%u p50=%u p90=%u "
		      "p99=%u max=%u empty=%u gpa=%lu l1_exits=%lu",
		      name, ring, run.rounds, s[0].min, s[0].p50, s[0].p90,
		      s[0].p99, s[0].max, p->rings & PROBE_LATE ? 0 : s[1].p50,
		      (uint64_t)run.ticks, l2 ? l2_exits() : 0);
}

static void skip(const char *name, uint32_t ring, const char *why)
{
	console_print("ok probe=%s ring=%u skip=%s", name, ring, why);
}

static void one(const char *name, uint32_t ring, uint32_t rounds)
{
	const struct probe *p = find(name, ring);
	const char *why = NULL;
	struct spread s[2];

	if (!p) {
		console_print("error no probe %s in ring %u", name, ring);
		return;
	}
	if (cpu_boot.cpu.plant.seed)
		why = "the state check needs the probe interrupt";
	else if (p->missing)
		why = p->missing();
	if (!why)
		why = measure(p, ring, rounds, NULL, s);
	if (why)
		skip(name, ring, why);
	else
		tell(name, p, ring, s, NULL);
}

/* A probe in L2, with @variant of what nested virtualization there is. */
static void one_nested(const char *variant, const char *name, uint32_t rounds)
{
	const char *why = NULL;
	const struct nested_backend *b = nested_backend(&why);
	const struct nested_variant *v = b ? nested_variant(b, variant) : NULL;
	const struct probe *p = find(name, 0);
	struct spread s[2];

	if (!p || !(p->rings & PROBE_L2) || (b && !v)) {
		console_print("error no probe %s in L2 with %s", name, variant);
		return;
	}
	if (b && p->missing)
		why = p->missing();
	if (!why)
		why = b->start(v->flags);
	if (!why) {
		why = measure(p, 0, rounds, b, s);
		b->stop();
	}
	if (why)
		skip(name, 0, why);
	else
		tell(name, p, 0, s, b);
}

static void both(uint32_t rounds)
{
	struct spread s[2][2];

	measure(find("cpuid", 0), 0, rounds, NULL, s[0]);
	measure(find("cpuid", 3), 3, rounds, NULL, s[1]);
	console_print("ok rounds=%u ring0_min=%u ring0_p50=%u ring0_p99=%u "
		      "ring3_min=%u ring3_p50=%u ring3_p99=%u",
		      rounds, s[0][0].min, s[0][0].p50, s[0][0].p99,
		      s[1][0].min, s[1][0].p50, s[1][0].p99);
}

void cycles_command(char *words)
{
	uint64_t number, rounds = ROUNDS, ring = 0, table = NR_FAMILIES;
	const char *name = NULL, *nested = NULL;
	char *key, *value;

	if (l2_work_is_open()) {
		console_print("error the workload's L2 has the vCPU");
		return;
	}
	while ((key = words_next(&words))) {
		value = words_value(key);
		if (value && string_equal(key, "probe"))
			name = value;
		else if (value && string_equal(key, "nested"))
			nested = value;
		else if (!value || !words_number(value, &number))
			goto unknown;
		else if (string_equal(key, "rounds") && number &&
			 number <= CYCLES_MAX_ROUNDS)
			rounds = number;
		else if (string_equal(key, "ring") &&
			 (number == 0 || number == 3))
			ring = number;
		else if (string_equal(key, "list") && number < NR_FAMILIES)
			table = number;
		else
			goto unknown;
	}
	if (table < NR_FAMILIES)
		list(table);
	else if (nested && name)
		one_nested(nested, name, (uint32_t)rounds);
	else if (nested && string_equal(nested, "list"))
		nested_list();
	else if (nested)
		nested_prove(nested);
	else if (name)
		one(name, (uint32_t)ring, (uint32_t)rounds);
	else
		both((uint32_t)rounds);
	return;
unknown:
	console_print("error only rounds=N from 1 to %u, probe=NAME, ring=0|3, "
		      "nested=list|VARIANT and list=0..%u are known",
		      CYCLES_MAX_ROUNDS, (uint32_t)NR_FAMILIES - 1);
}
