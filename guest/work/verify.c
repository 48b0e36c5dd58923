/* SPDX-License-Identifier: MIT */
/* Looking back: verifying a slice, older visits. Runs in ring 3. */
#include "work/page.h"
#include "x86/smp.h"

uint64_t page_visit_before(const struct cpu *cpu, uint64_t gfn, uint64_t visit)
{
	uint64_t index = 0;

	oracle_index(&work.oracle, gfn, &index);
	return oracle_visit_before(&work.oracle, cpu->index, cpu->log, index,
				   visit);
}

/* One worker's slice. */
static void verify_slice(struct cpu *cpu, uint32_t worker)
{
	const struct oracle *o = &work.oracle;
	const struct abi_vcpu *v = work_line(cpu, worker);
	uint64_t first = oracle_slice(o, worker).first, i;
	struct oracle_history h;

	cpu->result[0] += v->filled;
	if (!v->filled)
		return;
	oracle_history_init(&h, o, worker, cpu->log - cpu->index + worker,
			    v->steps);
	for (i = 0; i < v->filled; i++) {
		uint64_t index = first + i;
		uint64_t visit = oracle_history_visit(&h, index);
		uint64_t gfn = oracle_gfn(o, index);

		if (page_ok(o, gfn, visit))
			continue;
		page_report_bad(cpu, gfn, visit, ABI_FOUND_VERIFY);
		cpu->result[1]++;
	}
}

uint64_t work_verify(void *arg)
{
	struct cpu *cpu = arg;
	uint32_t i;

	cpu->result[0] = 0;
	cpu->result[1] = 0;
	for (i = cpu->index; i < work.oracle.nr_vcpus; i += smp_nr_cpus())
		verify_slice(cpu, i);
	return 0;
}

uint64_t work_report(void *arg)
{
	const struct work_report *r = arg;

	page_report_bad(r->cpu, r->gfn, r->visit, ABI_FOUND_INLINE);
	return 0;
}
