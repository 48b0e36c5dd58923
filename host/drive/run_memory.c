/* SPDX-License-Identifier: MIT */
/* What a machine's RAM is really made of, by the kernel's own count. */
#include "base/smaps.h"
#include "drive/run_internal.h"

void run_look_at_memory(const struct drive_vm *vm, struct run_memory *ret)
{
	struct run_memory sum = { .seen = vm->ram.nr_regions > 0 };
	unsigned int i;

	/* A machine that is not ours may be out of sight. */
	if (!vm->ram.pid)
		return;
	for (i = 0; i < vm->ram.nr_regions; i++) {
		const struct ram_region *r = &vm->ram.region[i];
		struct smaps s;

		/* It is in a mapping of its own, and no RAM of the guest's. */
		if (r->gpa == vm->control_gpa)
			continue;
		if (smaps_read(vm->ram.pid, r->hva, r->bytes, &s))
			return;
		sum.bytes_4k += s.bytes_4k;
		sum.bytes_2m += s.bytes_2m;
		sum.bytes_1g += s.bytes_1g;
	}
	*ret = sum;
}
