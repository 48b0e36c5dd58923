/* SPDX-License-Identifier: MIT */
/* What a machine's RAM is really made of, by the kernel's own count. */
#include <math.h>
#include <stdio.h>

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

void run_look_at_prealloc(struct drive_vm *vm, struct run_prealloc *ret)
{
	json_t *stats = NULL, *own;
	const char *failure;
	json_int_t ns, bytes;
	int done;

	if (drive_vm_execute(vm, "query-migrate", NULL, &stats, NULL))
		return;
	own = json_object_get(stats, "x-vmferry-prealloc");
	if (own && !json_unpack(own, "{s:b, s:I, s:I}", "done", &done,
				"elapsed-ns", &ns, "mapped-bytes", &bytes)) {
		*ret = (struct run_prealloc){
			.known = true,
			.done = done,
			.ms = done ? (double)ns / 1e6 : NAN,
			.mapped_bytes = (uint64_t)bytes,
		};
		failure = json_string_value(json_object_get(own, "error"));
		snprintf(ret->failure, sizeof(ret->failure), "%s",
			 failure ? failure : "");
	}
	json_decref(stats);
}
