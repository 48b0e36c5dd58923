/* SPDX-License-Identifier: MIT */
/* Verifying a slice, and logging damage. Runs in ring 3. */
#include "work/work.h"

#include "classify.h"

void work_report_bad(struct cpu *cpu, uint64_t gfn, uint64_t visit,
		     enum abi_found_by found_by)
{
	struct abi_bad_log *log = cpu->bad;
	struct oracle_finding f;

	oracle_classify(&work.oracle, gfn, visit, work_page(gfn), cpu->scratch,
			&f);
	if (log->nr < ABI_BAD_ENTRIES) {
		log->entry[log->nr] = (struct abi_bad){
			.gfn = gfn,
			.expected_visit = visit,
			.found = f.found,
			.kind = (uint16_t)f.kind,
			.found_by = (uint16_t)found_by,
			.first_offset = (uint16_t)f.first_offset,
			.nr_bytes = (uint16_t)f.nr_bytes,
		};
	}
	compiler_barrier();
	log->nr++;
	cpu->vcpu->nr_bad++;
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
	oracle_history_init(&h, o, cpu->index, cpu->vcpu->steps);
	for (i = 0; i < nr; i++) {
		uint64_t index = cpu->slice_first + i;
		uint64_t visit = oracle_history_visit(&h, index);
		uint64_t gfn = oracle_gfn(o, index);

		if (oracle_page_ok(o, gfn, visit, work_page(gfn)))
			continue;
		work_report_bad(cpu, gfn, visit, ABI_FOUND_VERIFY);
		bad++;
	}
	cpu->result[1] = bad;
	return 0;
}
