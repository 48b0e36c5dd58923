/* SPDX-License-Identifier: MIT */
/* RAM that is handed over by descriptor, as the engine asks for it. */
#include "machine/state.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

static int op_fd(void *vm, unsigned int index)
{
	const struct guestmem_region *r =
		&vm_memory(((struct machine *)vm)->vm)->region[index];

	/* The control area is no RAM: each machine keeps its own, for who
	 * watches it from outside, and its pages travel. */
	return guestmem_is_sealed(r) ? r->memfd : -1;
}

static int op_map(void *vm, unsigned int index, int fd, struct error *err)
{
	struct machine *m = vm;

	if (m->params->handover)
		return vm_adopt_memory(m->vm, index, fd, err);
	close(fd);
	return error_set(err, -EPROTO,
			 "memory came by descriptor, which this target was not "
			 "started for (--handover)");
}

static int op_take(void *vm)
{
	return vm_take_memory(((struct machine *)vm)->vm);
}

const struct migrate_handover_ops machine_handover_ops = {
	.fd = op_fd,
	.map = op_map,
	.take = op_take,
};

void machine_drop_memory(struct machine *m)
{
	int rc;

	if (!m->gave_away)
		return;
	/* Unmapping gigabytes takes as long as mapping them did, on CPUs that
	 * the guest may be running on by now. Its thread ends after this. */
	setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
	rc = vm_drop_memory(m->vm);
	if (rc)
		migration_blame(m, &(struct error){
					   "the RAM that was handed over could "
					   "not be unmapped" });
}
