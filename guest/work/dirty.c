/* SPDX-License-Identifier: MIT */
/* Filling and dirtying the working set. Runs in ring 3. */
#include "work/work.h"

#include "lib/string.h"
#include "work/page.h"
#include "work/stall.h"
#include "x86/smp.h"

struct work work;

uint64_t work_fill(void *arg)
{
	struct cpu *cpu = arg;
	const struct oracle *o = &work.oracle;
	uint32_t i;

	for (i = cpu->index; i < o->nr_vcpus; i += smp_nr_cpus()) {
		struct oracle_slice s = oracle_slice(o, i);
		struct abi_vcpu *v = work_line(cpu, i);

		while (v->filled < s.nr_pages) {
			if (cpu->attention)
				return 0;
			page_write(o, oracle_gfn(o, s.first + v->filled), 0);
			compiler_barrier();
			v->filled++;
		}
	}
	return 1;
}

uint64_t work_begin(void *arg)
{
	struct cpu *cpu = arg;

	memset(cpu->stall, 0, sizeof(*cpu->stall));
	cpu->vcpu->step_tsc = rdtsc();
	return 0;
}

/*
 * Steps that are known but not yet made: their pages are on their way into the
 * cache, as a bare loop of stores would have them by running ahead.
 */
#define AHEAD 8u
#define AHEAD_LINES 8u

struct ahead {
	struct oracle_cursor cursor;
	uint64_t gfn[AHEAD];
	uint64_t visit[AHEAD];
};

static inline __attribute__((always_inline)) void
ahead_load(struct ahead *a, const struct oracle *o, uint64_t slot,
	   const bool cold, const bool whole)
{
	uint64_t index;
	const char *page;
	uint32_t line;

	if (cold)
		index = oracle_cursor_next(&a->cursor, o, &a->visit[slot]);
	else
		index = oracle_cursor_next_hot(&a->cursor, o, &a->visit[slot]);

	a->gfn[slot] = oracle_gfn(o, index);
	page = work_page(a->gfn[slot]);
	__builtin_prefetch(page, 1);
	if (!whole || o->write == ORACLE_WRITE_LINE)
		return;
	for (line = 1; line < AHEAD_LINES; line++)
		__builtin_prefetch(page + line * 64, 1);
}

/* @visit is about to be made: does the page hold what the one before left? */
static inline __attribute__((always_inline)) void
check_page(struct cpu *cpu, uint64_t gfn, uint64_t visit, uint64_t base)
{
	uint64_t before = visit - 1;

	/* The first one since the order changed: the one before is older. */
	if (__builtin_expect(base && before == base, 0))
		before = page_visit_before(cpu, gfn, visit);
	if (__builtin_expect(!page_ok(&work.oracle, gfn, before), 0))
		page_report_bad(cpu, gfn, before, ABI_FOUND_INLINE);
}

/*
 * The hot loop. Epoch and cursor are copied to locals whose address does not
 * leave this function: the stores to pages cannot alias them, and the compiler
 * keeps what it can in registers. @stamp: write=stamp, done in line. @cold: the
 * order has cold pages.
 */
static inline __attribute__((always_inline)) uint64_t
run_steps(struct cpu *cpu, const bool check, const bool stamp, const bool cold)
{
	const struct oracle o = work.oracle;
	const bool whole = check || !stamp;
	const uint64_t ahead = whole ? 2 : AHEAD;
	struct abi_vcpu *v = cpu->vcpu;
	struct abi_stall *stall = cpu->stall;
	const uint64_t limit = cpu->step_limit;
	const uint32_t nr_bad = v->nr_bad;
	uint64_t steps = v->steps, start = v->step_tsc, slot;
	struct ahead a;

	if (stamp && o.write != ORACLE_WRITE_STAMP)
		__builtin_unreachable();
	if (v->wait_until_tsc > start)
		start = v->wait_until_tsc;
	oracle_cursor_seek(&a.cursor, &o, cpu->index, cpu->log, steps);
	for (slot = 0; slot < ahead; slot++)
		ahead_load(&a, &o, (steps + slot) % ahead, cold, whole);
	while (steps < limit && !cpu->attention) {
		uint64_t gfn, visit, end;

		slot = steps % ahead;
		gfn = a.gfn[slot];
		visit = a.visit[slot];
		ahead_load(&a, &o, slot, cold, whole);
		if (check)
			check_page(cpu, gfn, visit, a.cursor.base);
		if (stamp)
			oracle_write_stamp(&o, gfn, visit, work_page(gfn));
		else
			page_write(&work.oracle, gfn, visit);
		/* Page first, then counter: what the host relies on. */
		compiler_barrier();
		*(volatile uint64_t *)&v->steps = ++steps;
		end = rdtsc();
		v->step_tsc = end;
		stall_record(stall, start, end, steps);
		start = end;
		if (check && __builtin_expect(v->nr_bad != nr_bad, 0))
			break;
	}
	return v->nr_bad != nr_bad ? WORK_FOUND_BAD : WORK_PAUSED;
}

uint64_t work_run(void *arg)
{
	const struct cpu *cpu = arg;
	const struct oracle *o = &work.oracle;
	uint32_t order = oracle_log_order(cpu->log, cpu->log->nr);

	if (o->order[order].pattern == ORACLE_HOTCOLD)
		return run_steps(arg, work.check, false, true);
	/* Only the fastest kind is worth a loop of its own. */
	if (o->write == ORACLE_WRITE_STAMP && !work.check)
		return run_steps(arg, false, true, false);
	return run_steps(arg, work.check, false, false);
}
