/* SPDX-License-Identifier: MIT */
/*
 * What loading the state of devices costs, by how the memory map is committed.
 *
 * A machine with devices whose driver has turned everything on; its state is
 * saved once and loaded again and again into the same devices after a reset.
 */
#ifndef VMFERRY_MACHINE_DEVLOAD_H
#define VMFERRY_MACHINE_DEVLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "vmm/kvm_calls.h"
#include "vmm/queue_devices.h"
#include "vmm/vm.h"

struct devload_config {
	unsigned int nr_vcpus;
	/* vCPU 0 spins meanwhile (the others wait for their INIT); otherwise
	 * all are paused, as they are on the target of a migration. */
	bool running;
	struct queues_list devices;
};

/* One load. */
struct devload_sample {
	uint64_t load_ns; /* all of it: devices and commit */
	uint64_t devices_ns; /* until the last device was loaded */
	uint64_t commit_ns; /* from then on */
	uint64_t prepare_ns; /* before it; VM_COMMIT_PREPARED only */
	uint64_t reset_ns; /* before that */
	uint64_t commits, views; /* during the load */
	struct kvm_calls kvm; /* the same */
};

struct devload;

/* Return: 0; -ENODEV, -EACCES, -EOPNOTSUPP: cannot run here; -EMFILE; ... */
int devload_create(const struct devload_config *config,
		   struct devload **ret_load, struct error *err);
void devload_destroy(struct devload *load);

/* Reset, prepare if so, load. Afterwards everything is checked to be there. */
int devload_run(struct devload *load, enum vm_commit commit,
		struct devload_sample *ret_sample, struct error *err);
/* The bare calls that the load needs: load_ns, kvm. */
int devload_bare(struct devload *load, struct devload_sample *ret_sample,
		 struct error *err);

#endif
