/* SPDX-License-Identifier: MIT */
/* Looking back: verifying a slice, older visits. Runs in ring 3. */
#include "work/page.h"

uint64_t page_visit_before(const struct cpu *cpu, uint64_t gfn, uint64_t visit)
{
	uint64_t index = 0;

	oracle_index(&work.oracle, gfn, &index);
	return oracle_visit_before(&work.oracle, cpu->index, cpu->log, index,
				   visit);
}

uint64_t work_verify(void *arg)
{
	struct cpu *cpu = arg;
	const struct oracle *o = &work.oracle;
	uint64_t i, bad = 0, nr = cpu->vcpu->filled;
	struct oracle_history h;

	cpu->result[0] = nr;
	cpu->result[1] = 0;
	if (!nr)
		return 0;
	oracle_history_init(&h, o, cpu->index, cpu->log, cpu->vcpu->steps);
	for (i = 0; i < nr; i++) {
		uint64_t index = cpu->slice_first + i;
		uint64_t visit = oracle_history_visit(&h, index);
		uint64_t gfn = oracle_gfn(o, index);

		if (page_ok(o, gfn, visit))
			continue;
		page_report_bad(cpu, gfn, visit, ABI_FOUND_VERIFY);
		bad++;
	}
	cpu->result[1] = bad;
	return 0;
}
