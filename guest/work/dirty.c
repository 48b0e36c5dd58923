/* SPDX-License-Identifier: MIT */
/* Filling and dirtying the working set. Runs in ring 3. */
#include "work/work.h"

#include "lib/string.h"
#include "work/stall.h"

struct work work;

uint64_t work_fill(void *arg)
{
	struct cpu *cpu = arg;
	struct abi_vcpu *v = cpu->vcpu;
	const struct oracle *o = &work.oracle;

	while (v->filled < cpu->slice_pages && !cpu->attention) {
		uint64_t gfn = oracle_gfn(o, cpu->slice_first + v->filled);

		oracle_write_visit(o, gfn, 0, work_page(gfn));
		compiler_barrier();
		v->filled++;
	}
	return 0;
}

uint64_t work_begin(void *arg)
{
	struct cpu *cpu = arg;

	memset(cpu->stall, 0, sizeof(*cpu->stall));
	if (cpu->slice_pages)
		oracle_cursor_seek(&cpu->cursor, &work.oracle, cpu->index, 0);
	cpu->vcpu->step_tsc = rdtsc();
	return 0;
}

/*
 * The hot loop. Epoch and cursor are copied to locals whose address does not
 * leave this function: the stores to pages cannot alias them, and the compiler
 * keeps what it can in registers.
 */
static inline __attribute__((always_inline)) uint64_t
run_steps(struct cpu *cpu, const bool check)
{
	const struct oracle o = work.oracle;
	struct oracle_cursor cursor = cpu->cursor;
	struct abi_vcpu *v = cpu->vcpu;
	struct abi_stall *stall = cpu->stall;
	const uint64_t limit = cpu->step_limit;
	const uint32_t nr_bad = v->nr_bad;
	uint64_t steps = v->steps, start = v->step_tsc;

	if (v->wait_until_tsc > start)
		start = v->wait_until_tsc;
	while (steps < limit && !cpu->attention) {
		uint64_t visit, end;
		uint64_t gfn =
			oracle_gfn(&o, oracle_cursor_next(&cursor, &o, &visit));
		void *page = work_page(gfn);

		if (check &&
		    __builtin_expect(!oracle_page_ok(&o, gfn, visit - 1, page),
				     0))
			work_report_bad(cpu, gfn, visit - 1, ABI_FOUND_INLINE);
		oracle_write_visit(&o, gfn, visit, page);
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
	cpu->cursor = cursor;
	return v->nr_bad != nr_bad ? WORK_FOUND_BAD : WORK_PAUSED;
}

uint64_t work_run(void *arg)
{
	struct cpu *cpu = arg;

	return work.check ? run_steps(cpu, true) : run_steps(cpu, false);
}
