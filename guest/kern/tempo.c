/* SPDX-License-Identifier: MIT */
/*
 * Phases and bursts. Where the TSC lies in the cycle of phases follows from the
 * time alone: a vCPU that was frozen for long finds the right phase again, and
 * all of them change at the same moment without a word between them.
 */
#include "kern/tempo.h"

#include "kern/control.h"
#include "kern/worker.h"
#include "lib/string.h"
#include "work/work.h"
#include "x86/tsc.h"

static struct {
	uint64_t phase_ticks[ORACLE_MAX_ORDERS];
	uint64_t cycle_ticks; /* 0 = one phase for ever */
} tempo;

static uint64_t ms_to_ticks(uint64_t ms)
{
	return mul_div(ms, tsc_hz(), 1000);
}

void tempo_prepare(void)
{
	const struct abi_control *c = control_area();
	uint32_t i;

	tempo.cycle_ticks = 0;
	if (c->epoch.nr_orders < 2)
		return;
	for (i = 0; i < c->epoch.nr_orders; i++) {
		tempo.phase_ticks[i] = ms_to_ticks(c->tempo[i].duration_ms);
		tempo.cycle_ticks += tempo.phase_ticks[i];
	}
}

void tempo_reset(struct cpu *cpu)
{
	cpu->log->nr = 0;
	cpu->log->first = 0;
	cpu->phase = 0;
	cpu->resting = 0;
	cpu->change_tsc = 0;
}

/* The phase that @now lies in, when it began and when it ends (0 = never). */
static uint32_t find_phase(uint64_t now, uint64_t *ret_begin, uint64_t *ret_end)
{
	uint64_t begin = control_area()->epoch_tsc;
	uint32_t i;

	*ret_begin = begin;
	*ret_end = 0;
	if (!tempo.cycle_ticks)
		return 0;
	/* A TSC that stepped back: the cycle begins when it is back. */
	if (now < begin) {
		*ret_end = begin;
		return 0;
	}
	begin = now - (now - begin) % tempo.cycle_ticks;
	for (i = 0; now - begin >= tempo.phase_ticks[i]; i++)
		begin += tempo.phase_ticks[i];
	*ret_begin = begin;
	*ret_end = begin + tempo.phase_ticks[i];
	return i;
}

/*
 * A new stretch (abi/oracle_order.h), unless the order stays the same. With the
 * log full of stretches that did not reach every page, the order stays until
 * one has.
 */
static void change_order(struct cpu *cpu, uint32_t phase)
{
	const struct oracle_order *order = work.oracle.order;
	struct oracle_log *log = cpu->log;
	uint32_t now = oracle_log_order(log, log->nr);
	uint64_t begin = oracle_log_steps(log, log->nr);
	uint64_t steps = cpu->vcpu->steps;

	if (!memcmp(&order[now], &order[phase], sizeof(*order)))
		return;
	if (oracle_covers(&order[now], cpu->slice_pages, steps - begin))
		log->first = log->nr;
	if (log->nr + 1 - log->first >= ORACLE_LOG_ENTRIES)
		return;
	compiler_barrier();
	log->change[(log->nr + 1) % ORACLE_LOG_ENTRIES] = steps << 8 | phase;
	/* Entry first, then counter: what a reader outside relies on. */
	compiler_barrier();
	log->nr++;
}

void tempo_look(struct cpu *cpu, uint64_t now)
{
	uint64_t begin, end, on, period, at;
	uint32_t phase = find_phase(now, &begin, &end);
	const struct abi_tempo *t = &control_area()->tempo[phase];
	bool rested = cpu->resting;

	cpu->resting = 0;
	cpu->change_tsc = end;
	if (t->burst_off_ms && now >= begin) {
		on = ms_to_ticks(t->burst_on_ms);
		period = on + ms_to_ticks(t->burst_off_ms);
		at = (now - begin) % period;
		cpu->resting = at >= on;
		at = now - at + (cpu->resting ? period : on);
		if (!end || at < end)
			cpu->change_tsc = at;
	}
	if (phase != cpu->phase) {
		change_order(cpu, phase);
		cpu->phase = phase;
		worker_set_rate(cpu);
	} else if (rested && !cpu->resting) {
		worker_set_rate(cpu);
	}
}
