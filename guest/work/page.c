/* SPDX-License-Identifier: MIT */
/* Whole pages. Runs in ring 3. */
#include "work/page.h"

#include "classify.h"

void page_write(const struct oracle *o, uint64_t gfn, uint64_t visit)
{
	oracle_write_visit(o, gfn, visit, work_page(gfn));
}

bool page_ok(const struct oracle *o, uint64_t gfn, uint64_t visit)
{
	return oracle_page_ok(o, gfn, visit, work_page(gfn));
}

__attribute__((cold)) void page_report_bad(struct cpu *cpu, uint64_t gfn,
					   uint64_t visit,
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
